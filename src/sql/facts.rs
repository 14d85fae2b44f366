//! What reading a message tells of its statements. Names are as the server reads them: folded, unescaped, cut at 63 bytes. Nothing here is
//! looked up anywhere: whether a name is a table or a view, and which of several functions is meant, only a catalog knows.

use std::sync::Arc;

use super::effect::{Effect, EffectSet};
use super::lineage::Lineage;

/// All that is told of one message. A string of several statements is one unit: it has the effects of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub statements: Vec<Statement>,
    pub effects: EffectSet,
    /// Why something in it is opaque.
    pub opaque: Option<Opaque>,
    /// A literal's value was looked at: another value may mean other facts, so they hold for this text alone.
    pub value_dependent: bool,
    /// The statement does something that is not a plain read, and what it does hangs on a literal or a parameter: an approval is for
    /// these values, and no standing grant is given for the shape.
    pub literals_matter: bool,
}

impl Facts {
    pub fn opaque(reason: Opaque) -> Self {
        Self { effects: Effect::Opaque.alone(), opaque: Some(reason), value_dependent: true, literals_matter: true, ..Self::default() }
    }
}

/// Why a statement is not known for what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opaque {
    Nul,
    NotUtf8,
    TooLong,
    TooManyComments,
    TooDeep,
    /// PostgreSQL's grammar has no such statement.
    Grammar,
    /// The grammar knows more than we do.
    UnknownNode,
    /// More names in one statement than are looked at.
    TooManyNames,
    /// The second reader counts other statements.
    DisputedNumber,
    /// The second reader takes a statement for one of another kind.
    DisputedKind,
    /// The schemas that its names are looked for in are not known.
    Unplaced,
    /// It runs what was prepared under a name; who knows the name knows the facts.
    Prepared,
}

impl Opaque {
    /// Of two reasons the one that stays when the other is cleared up: who knows what was prepared clears up that one.
    pub fn graver(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (None | Some(Self::Prepared), Some(other)) => Some(other),
            (one, _) => one,
        }
    }

    /// For people, after "it was not understood: ".
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nul => "a NUL byte inside the statement",
            Self::NotUtf8 => "text that is not UTF-8",
            Self::TooLong => "a message longer than statements that are read",
            Self::TooManyComments => "more than 64 openings of a block comment",
            Self::TooDeep => "nested deeper than statements that are read",
            Self::Grammar => "PostgreSQL's grammar has no such statement",
            Self::UnknownNode => "a part of PostgreSQL's grammar that is not known here",
            Self::TooManyNames => "more names than are looked at in one statement",
            Self::DisputedNumber => "two readers count different statements in it",
            Self::DisputedKind => "two readers see different kinds of statement in it",
            Self::Unplaced => "the search path in force is not known",
            Self::Prepared => "it runs a prepared statement by its name",
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statement {
    /// The command in PostgreSQL's words: `SELECT`, `ALTER TABLE`.
    pub kind: &'static str,
    pub effects: EffectSet,
    /// The same, but for the `code` that functions and operators not made by initdb are: who made those, a catalog tells.
    pub without_names: EffectSet,
    pub relations: Vec<Relation>,
    pub columns: Vec<Column>,
    pub functions: Vec<Function>,
    pub operators: Vec<Name>,
    /// Types that something is cast to or declared as.
    pub types: Vec<Name>,
    /// `(expression).name`: an attribute, or a function in disguise.
    pub attributes: Vec<Box<str>>,
    pub settings: Vec<Setting>,
    pub bounds: Bounds,
    pub copy: Option<Copy>,
    pub transaction: Option<Transaction>,
    /// Prepared statements, cursors, channels: what outlives the statement in its session, or is used from it.
    pub named: Vec<Named>,
    /// `EXPLAIN` around it, and whether it executes.
    pub explain: Option<Explain>,
    /// Tables, functions and lists of values that rows are taken from, each as often as it stands there.
    pub sources: u32,
    /// Values of many rows may leave in one.
    pub collects: bool,
    /// Rows are made by a function that was given how many.
    pub makes_rows: bool,
    /// `RETURNING`: rows that are written are given back.
    pub returning: bool,
    /// What the rows that it gives back, or stores, are computed from; none where there are none.
    pub lineage: Option<Arc<Lineage>>,
}

/// A name with the schema it was given, if any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub schema: Option<Box<str>>,
    pub name: Box<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum How {
    Read,
    Written,
    Defined,
    Altered,
    Dropped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relation {
    pub database: Option<Box<str>>,
    pub schema: Option<Box<str>>,
    pub name: Box<str>,
    pub how: How,
    /// Where it is written: in which ways.
    pub writes: Writes,
}

/// Ways to write the rows of a relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Writes {
    pub insert: bool,
    pub update: bool,
    pub delete: bool,
}

impl Writes {
    pub const INSERT: Self = Self { insert: true, update: false, delete: false };
    pub const UPDATE: Self = Self { insert: false, update: true, delete: false };
    pub const DELETE: Self = Self { insert: false, update: false, delete: true };
    pub const ALL: Self = Self { insert: true, update: true, delete: true };

    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self { insert: self.insert || more.insert, update: self.update || more.update, delete: self.delete || more.delete }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Column {
    /// The place in `relations`, where the text leaves no doubt.
    pub relation: Option<usize>,
    /// What stands before the name: an alias, a table, a schema and a table.
    pub qualifier: Option<Box<str>>,
    /// `*` for all.
    pub name: Box<str>,
    pub written: bool,
    pub clause: Clause,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Function {
    pub name: Name,
    pub clause: Clause,
    /// Made by initdb, by name: which overload is meant, or whether another schema has one of the name, a catalog tells.
    pub initdb: bool,
}

/// Where in a statement something stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clause {
    #[default]
    Body,
    With,
    Target,
    From,
    On,
    Where,
    Group,
    Having,
    Window,
    Order,
    Limit,
    Values,
    Set,
    Conflict,
    Returning,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Setting {
    /// In lower case.
    pub name: Box<str>,
    pub value: SettingValue,
    pub how: SetHow,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SettingValue {
    /// As the server would show it: the items of a list with `, ` between them.
    Known(Box<str>),
    /// What the session began with.
    Reset,
    /// A parameter of the message.
    Parameter,
    /// Known to the server alone.
    Computed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetHow {
    Session,
    Local,
    /// `set_config(…)`
    Function,
    /// A transaction's modes.
    Transaction,
    /// For sessions to come: `ALTER ROLE`, `ALTER DATABASE`, `ALTER SYSTEM`.
    Later,
}

/// What keeps a statement to some of the rows, as far as the text tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Of the outermost query.
    pub limit: Limit,
    pub with_ties: bool,
    /// The most rows it brings, where it makes groups by words of its own: what CASE tells apart.
    pub groups: Option<u64>,
    /// `Some(false)`: rows are updated, deleted or merged, or locked, and nothing that excludes one was recognised.
    pub excludes_rows: Option<bool>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Limit {
    #[default]
    None,
    /// A number that stands right behind its keyword.
    Rows(u64),
    /// A number elsewhere, a parameter, an expression.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    In,
    Out,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CopyTarget {
    /// Through the connection.
    Client,
    File(Box<str>),
    Program(Box<str>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copy {
    pub direction: Direction,
    pub target: CopyTarget,
    pub format: CopyFormat,
    pub cut: CopyCut,
}

/// What stands between the fields of a `COPY`, and for what is not there; `None` where that is for its format to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CopyCut {
    pub delimiter: Option<u8>,
    pub null: Option<Box<str>>,
    /// The first line names the columns.
    pub header: bool,
    pub encoding: Encoding,
}

/// In which encoding the data of a `COPY` comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// The connection's.
    #[default]
    Own,
    /// Another, in which a byte of ASCII is nothing else: what cuts the data can be told, what is between cannot be read.
    Apart,
    /// One in which a byte of ASCII may be a part of something.
    Other,
}

/// How the data of a `COPY` is cut into rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum CopyFormat {
    Text,
    Csv {
        quote: u8,
        escape: u8,
    },
    Binary,
    /// An option that is not known, or an encoding in which a backslash need not be one.
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transaction {
    Begin,
    Commit,
    Rollback,
    Savepoint,
    Release,
    RollbackTo,
    Prepare,
    CommitPrepared,
    RollbackPrepared,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    Prepare(Box<str>),
    Execute(Box<str>),
    /// `None`: all.
    Deallocate(Option<Box<str>>),
    Declare {
        cursor: Box<str>,
        hold: bool,
    },
    Fetch {
        cursor: Box<str>,
        rows: Fetch,
    },
    /// `None`: all.
    Close(Option<Box<str>>),
    Listen(Box<str>),
    /// `None`: all.
    Unlisten(Option<Box<str>>),
    Notify(Box<str>),
    Discard(Discard),
}

/// How many rows a `FETCH` may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fetch {
    /// `MOVE` brings none.
    None,
    Rows(u64),
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Discard {
    All,
    Plans,
    Sequences,
    Temporary,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Explain {
    pub executes: bool,
}
