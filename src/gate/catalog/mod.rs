//! What the server knows about the names in a statement: a snapshot of one database's catalog as one role sees it, and what follows from it
//! for a statement's effects. It is made from rows that somebody else fetched; it asks nobody and knows no policy but what [`Trust`] says.

mod build;
mod estimate;
mod names;
mod path;
mod resolve;
#[cfg(test)]
mod tests;

pub use build::{Builder, Fields, QUESTIONS, Question, TooLarge};
pub use estimate::Estimate;
pub use resolve::Sight;

use names::{Name, Names};

use crate::sql::effect::EffectSet;
use crate::sql::facts::Facts;

/// What a policy says about names.
pub trait Trust {
    /// Whether functions of this extension are harmless.
    fn extension(&self, name: &str) -> bool;
    fn function(&self, schema: &str, name: &str) -> bool;
    /// Whether the rows of this relation are nobody's secret.
    fn harmless(&self, schema: &str, name: &str) -> bool;
}

/// A snapshot of one database's catalog, as one role sees it. What initdb made is not in it.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// No two snapshots that differ have the same.
    pub generation: u64,
    names: Names,
    role: Box<str>,
    /// The search path that sessions of this role begin with.
    path: Box<str>,
    /// By name.
    schemas: Vec<Schema>,
    /// By schema and name.
    relations: Vec<Table>,
    /// By the relation they hang on.
    hooks: Vec<Hook>,
    /// By the relation that is referred to.
    cascades: Vec<Cascade>,
    /// What a view reads, what a parent's children are: by the first.
    reaches: Vec<(Place, Place)>,
    children: Vec<(Place, Place)>,
    /// By the relation.
    rules: Vec<Rule>,
    /// Relations and the types made by users that their columns have, as far as code hangs on these types.
    columns: Vec<(Place, u32)>,
    /// By name.
    functions: Vec<Function>,
    operators: Vec<Operator>,
    types: Vec<Type>,
    casts: Vec<Cast>,
    /// What runs when something is defined.
    event_triggers: Vec<Code>,
    extensions: Vec<Box<str>>,
}

/// A place in one of the lists.
type Place = u32;

#[derive(Debug, Clone)]
struct Schema {
    name: Box<str>,
    /// The role may look into it.
    usable: bool,
}

#[derive(Debug, Clone)]
struct Table {
    oid: u32,
    name: Name,
    schema: u16,
    kind: Kind,
    /// The role could have made it, or can change it.
    own: bool,
    /// Row security is in force for the role itself.
    guarded: bool,
    pages: u32,
    /// As last counted; negative where nobody ever did.
    rows: f32,
}

/// Kinds of relation, as `pg_class` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Table,
    Partitioned,
    View,
    Materialized,
    Foreign,
    Sequence,
    Index,
    Composite,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Partitioned => "partitioned table",
            Self::View => "view",
            Self::Materialized => "materialized view",
            Self::Foreign => "foreign table",
            Self::Sequence => "sequence",
            Self::Index => "index",
            Self::Composite => "type",
        }
    }

    /// Whether rows of users are in it.
    const fn has_rows(self) -> bool {
        matches!(self, Self::Table | Self::Partitioned | Self::Materialized | Self::Foreign)
    }
}

/// A function that something reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    /// A place among the functions.
    Made(Place),
    /// One of initdb's, that acts beyond reading.
    Initdb(Name),
}

/// What makes code run when rows of a relation are read or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hanging {
    Trigger,
    Default,
    Check,
    Index,
    Policy,
    View,
    Rule,
    Domain,
}

impl Hanging {
    const fn word(self) -> &'static str {
        match self {
            Self::Trigger => "a trigger",
            Self::Default => "a default",
            Self::Check => "a check",
            Self::Index => "an index",
            Self::Policy => "a row security policy",
            Self::View => "the view's body",
            Self::Rule => "a rule",
            Self::Domain => "a domain",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Hook {
    relation: Place,
    hanging: Hanging,
    when: Access,
    code: Code,
}

/// How a relation is touched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Access(u8);

impl Access {
    const READ: Self = Self(1);
    const INSERT: Self = Self(2);
    const UPDATE: Self = Self(4);
    const DELETE: Self = Self(8);
    const TRUNCATE: Self = Self(16);
    const WRITE: Self = Self(2 | 4 | 8);
    const ALL: Self = Self(31);

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A foreign key that writes to the table it stands in.
#[derive(Debug, Clone)]
struct Cascade {
    referred: Place,
    referring: Place,
    /// On deletion, and on an update of the key.
    deletes: Option<Cascading>,
    updates: Option<Cascading>,
    /// The referred columns.
    key: Box<[Box<str>]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cascading {
    Cascade,
    Set,
}

#[derive(Debug, Clone)]
struct Rule {
    relation: Place,
    when: Access,
    /// What its commands do: commands that read, insert, update, delete.
    does: Access,
    /// What they touch beside the relation itself.
    touches: Box<[Place]>,
}

#[derive(Debug, Clone)]
struct Function {
    oid: u32,
    name: Name,
    schema: u16,
    own: bool,
    volatile: bool,
    aggregate: bool,
    extension: Option<u16>,
    /// Types of its arguments that users made.
    arguments: Box<[u32]>,
    /// It takes one argument that may be a row.
    of_row: bool,
    /// One of initdb's takes the very same arguments.
    shadowed: bool,
    /// One of initdb's has the name and as many arguments, and would be preferred for literals.
    rivalled: bool,
    result: u32,
}

#[derive(Debug, Clone)]
struct Operator {
    oid: u32,
    name: Name,
    schema: u16,
    arguments: Box<[u32]>,
    shadowed: bool,
    code: Option<Code>,
}

#[derive(Debug, Clone)]
struct Type {
    oid: u32,
    name: Name,
    schema: u16,
    own: bool,
    /// Element, base or subtype, where users made that too.
    below: u32,
    /// What a domain's checks call.
    checks: Vec<Code>,
}

#[derive(Debug, Clone, Copy)]
struct Cast {
    source: u32,
    target: u32,
    context: Context,
    code: Code,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Implicit,
    Assignment,
    Explicit,
}

/// What a statement's names mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Those of the text and those that only the catalog tells.
    pub effects: EffectSet,
    /// Why there are more than the text tells, in words for people.
    pub findings: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    /// There are more relations than are listed.
    pub unlisted: bool,
    /// Every object that a name stands for: what an approval is bound to. In order, each once.
    pub objects: Vec<u32>,
    /// Reads rows of tables that are not declared harmless.
    pub sensitive: bool,
    /// A name is in no snapshot: a newer one may have it.
    pub missing: bool,
    /// Values of many rows may leave in one.
    pub collects: bool,
    /// It reaches code that neither initdb made nor the policy trusts, if only by what hangs on a table: nothing of it is planned.
    pub reaches_code: bool,
    /// No more rows than this come from the relations that are read: their rows multiplied. `None` where nobody counted.
    pub most_rows: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub oid: u32,
    pub schema: Box<str>,
    pub name: Box<str>,
    /// As people call it: table, view.
    pub kind: &'static str,
    /// Rows, as the server last counted; `None` where it never did.
    pub rows: Option<u64>,
    pub bytes: u64,
}

impl Resolved {
    /// What is known without a catalog.
    pub fn of_text(facts: &Facts) -> Self {
        let collects = facts.statements.iter().any(|statement| statement.collects);
        let of_users =
            |relation: &crate::sql::facts::Relation| !matches!(relation.schema.as_deref(), Some("pg_catalog" | "information_schema"));
        let sensitive = facts.statements.iter().flat_map(|statement| &statement.relations).any(of_users);
        Self { effects: facts.effects, collects, sensitive, ..Self::default() }
    }
}

/// Those of these types that users made, in order, each once: what the others mean is always the same.
pub fn made(types: impl IntoIterator<Item = u32>) -> Box<[u32]> {
    let mut made: Vec<u32> = types.into_iter().filter(|oid| *oid >= build::FIRST_MADE).collect();
    made.sort_unstable();
    made.dedup();
    made.into()
}

impl Catalog {
    /// The search path that sessions of this role begin with.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        let types = self.types.iter().map(|made| size_of_val(made) + size_of_val(&*made.checks));
        let functions = self.functions.iter().map(|function| size_of_val(function) + size_of_val(&*function.arguments));
        let cascades =
            self.cascades.iter().map(|cascade| size_of_val(cascade) + cascade.key.iter().map(|key| 16 + key.len()).sum::<usize>());
        self.names.bytes()
            + size_of_val(&*self.relations)
            + size_of_val(&*self.hooks)
            + size_of_val(&*self.reaches)
            + size_of_val(&*self.children)
            + size_of_val(&*self.columns)
            + size_of_val(&*self.operators)
            + types.chain(functions).chain(cascades).sum::<usize>()
    }

    pub fn relation_count(&self) -> usize {
        self.relations.len()
    }
}
