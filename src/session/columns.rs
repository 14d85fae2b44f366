//! The columns of a result, known before its first row: whoever looks at rows needs their types, also where the client never
//! asked for them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::asking::Message;
use super::limits::Run;
use super::names::Remake;
use super::recording::{Given, Noted, Text};
use super::rows::Decided;
use super::settings::Paths;
use super::task::Claim;
use crate::gate::judge::Learned;
use crate::gate::{Grant, Grounds};
use crate::sql::facts::Facts;
use crate::wire::backend::RowDescription;
use crate::wire::read::Formats;

/// One column, as far as rows depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The relation and attribute it is a plain column of; 0 where it is not.
    pub relation: u32,
    pub attribute: i16,
    pub type_oid: u32,
    /// 0 text, 1 binary.
    pub format: i16,
    /// Where its name ends among the names.
    name_end: u32,
}

/// The columns of a result, and what was decided about its rows last. Kept with the statement, so that running it again decides nothing anew.
#[derive(Debug)]
pub struct Layout {
    columns: Box<[Column]>,
    /// One behind the other.
    names: Box<[u8]>,
    pub decided: RefCell<Option<Decided>>,
}

pub type Columns = Rc<Layout>;

impl PartialEq for Layout {
    fn eq(&self, other: &Self) -> bool {
        (&self.columns, &self.names) == (&other.columns, &other.names)
    }
}

impl Eq for Layout {}

impl std::ops::Deref for Layout {
    type Target = [Column];

    fn deref(&self) -> &[Column] {
        &self.columns
    }
}

impl Layout {
    /// Columns with their names in order.
    pub fn names(&self) -> impl Iterator<Item = (&Column, &[u8])> {
        let mut start = 0;
        self.columns.iter().map(move |column| {
            let end = usize::try_from(column.name_end).unwrap_or(usize::MAX);
            let name = self.names.get(start..end).unwrap_or_default();
            start = end;
            (column, name)
        })
    }

    /// Whether these are the columns, with formats of their own.
    fn describes(&self, row: &RowDescription<'_>) -> bool {
        self.len() == row.len()
            && self.names().zip(row.iter()).all(|((column, name), field)| {
                (column.relation, column.attribute, column.type_oid, column.format, name)
                    == (field.relation, field.attribute, field.type_oid, field.format, field.name)
            })
    }

    fn has_formats(&self, formats: &ResultFormats) -> bool {
        self.iter().enumerate().all(|(index, column)| column.format == formats.at(index))
    }

    fn with_formats(&self, formats: &ResultFormats) -> Columns {
        let columns = self.iter().enumerate().map(|(index, column)| Column { format: formats.at(index), ..*column }).collect();
        Rc::new(Self { columns, names: self.names.clone(), decided: RefCell::default() })
    }
}

pub fn columns(row: &RowDescription<'_>) -> Columns {
    let mut names = Vec::new();
    let columns = row
        .iter()
        .map(|field| {
            names.extend_from_slice(field.name);
            let name_end = u32::try_from(names.len()).unwrap_or(u32::MAX);
            let (relation, attribute, type_oid) = (field.relation, field.attribute, field.type_oid);
            Column { relation, attribute, type_oid, format: field.format, name_end }
        })
        .collect();
    Rc::new(Layout { columns, names: names.into(), decided: RefCell::default() })
}

/// What is known of the columns of a statement or a portal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Knowledge {
    #[default]
    Unknown,
    /// A Describe is on its way; its answer comes before any row.
    Asked,
    /// It returns no rows.
    NoRows,
    Known(Columns),
}

/// A prepared statement.
#[derive(Debug)]
pub struct Statement {
    pub facts: Arc<Facts>,
    /// As it was sent: an approval is for this.
    pub sql: Zeroizing<Vec<u8>>,
    pub types: Box<[u32]>,
    /// Those of them that users made: names are resolved by them.
    pub made: Box<[u32]>,
    /// The stored message that it stands for: an approval is for that one.
    pub stored: Option<Rc<Message>>,
    /// It sets what the agent says it is working on, and an empty statement went up in its place.
    pub claim: Option<Claim>,
    pub text: Text,
    pub noted: Noted,
    /// SQL may have given its name to another one.
    pub remade: Cell<bool>,
    pub knowledge: RefCell<Knowledge>,
    /// The columns of its last portal, in the formats that were asked for.
    pub bound: RefCell<Option<Columns>>,
}

/// A portal made by Bind.
#[derive(Debug)]
pub struct Portal {
    /// Missing where the statement was not prepared through the protocol.
    pub statement: Option<Rc<Statement>>,
    pub text: Text,
    pub formats: ResultFormats,
    pub given: Given,
    /// It was bound by an approval, which is for the whole of its run.
    pub grant: Option<Grant>,
    pub run: Rc<Run>,
    /// What it was judged by besides its text.
    pub paths: Paths,
    pub types: Vec<u32>,
    pub learned: Learned,
    /// All that running it does.
    pub whole: Arc<Facts>,
    /// The prepared statements that it runs by their names.
    pub prepared: Vec<Rc<Statement>>,
    /// It was declared in SQL, and running it only fetches.
    pub is_cursor: bool,
    /// By what it was judged, where it was declared in SQL.
    pub made_by: Option<Arc<Grounds>>,
    /// A cursor that outlives its transaction.
    pub holds: bool,
    pub noted: Noted,
    /// It was run before.
    pub begun: Cell<bool>,
    /// SQL may have given its name to another one.
    pub remade: Cell<bool>,
    pub knowledge: RefCell<Knowledge>,
}

impl Statement {
    pub fn plain(facts: &Arc<Facts>, sql: &[u8], text: &Text) -> Self {
        Self {
            facts: Arc::clone(facts),
            sql: Zeroizing::new(sql.to_vec()),
            types: Box::default(),
            made: Box::default(),
            stored: None,
            claim: None,
            text: text.clone(),
            noted: Cell::default(),
            remade: Cell::default(),
            knowledge: RefCell::default(),
            bound: RefCell::default(),
        }
    }
}

impl Portal {
    pub fn plain(statement: Option<Rc<Statement>>, text: &Text, given: Given) -> Self {
        let whole = statement.as_ref().map(|statement| Arc::clone(&statement.facts)).unwrap_or_default();
        Self {
            whole,
            statement,
            text: text.clone(),
            formats: ResultFormats::All(0),
            given,
            grant: None,
            run: Run::unknown(),
            paths: Paths::default(),
            types: Vec::new(),
            learned: Learned::default(),
            prepared: Vec::new(),
            is_cursor: false,
            made_by: None,
            holds: false,
            noted: Cell::default(),
            begun: Cell::default(),
            remade: Cell::default(),
            knowledge: RefCell::default(),
        }
    }
}

impl Remake for Statement {
    fn remade(&self) -> &Cell<bool> {
        &self.remade
    }
}

impl Remake for Portal {
    fn remade(&self) -> &Cell<bool> {
        &self.remade
    }
}

/// The formats that a Bind asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResultFormats {
    All(i16),
    Each(Box<[i16]>),
}

/// Columns that a result can have (`MaxTupleAttributeNumber`); the server refuses formats for more.
const MOST_COLUMNS: usize = 1664;

impl ResultFormats {
    pub fn of(formats: &Formats<'_>) -> Self {
        match formats.len() {
            0 => Self::All(0),
            1 => Self::All(formats.of(0)),
            _ => Self::Each(formats.iter().take(MOST_COLUMNS).collect()),
        }
    }

    fn at(&self, index: usize) -> i16 {
        match self {
            Self::All(format) => *format,
            Self::Each(formats) => formats.get(index).copied().unwrap_or(0),
        }
    }
}

impl Portal {
    /// The portal's own knowledge, or what the statement's columns and the formats of Bind give.
    pub fn knowledge(&self) -> Knowledge {
        let own = self.knowledge.borrow();
        if *own != Knowledge::Unknown {
            return own.clone();
        }
        drop(own);
        let Some(statement) = &self.statement else { return Knowledge::Unknown };
        let known = match &*statement.knowledge.borrow() {
            Knowledge::Known(columns) => Knowledge::Known(statement.bound(columns, &self.formats)),
            unbound @ (Knowledge::Unknown | Knowledge::Asked | Knowledge::NoRows) => return unbound.clone(),
        };
        self.knowledge.replace(known.clone());
        known
    }

    /// The columns that the server told of it: those that are known already where they are the same.
    pub fn columns(&self, row: &RowDescription<'_>) -> Columns {
        let Some(statement) = &self.statement else { return columns(row) };
        let mut bound = statement.bound.borrow_mut();
        match &*bound {
            Some(known) if known.describes(row) => Rc::clone(known),
            Some(_) | None => Rc::clone(bound.insert(columns(row))),
        }
    }
}

impl Statement {
    fn bound(&self, columns: &Columns, formats: &ResultFormats) -> Columns {
        if columns.has_formats(formats) {
            return Rc::clone(columns);
        }
        let mut bound = self.bound.borrow_mut();
        match &*bound {
            Some(known) if known.has_formats(formats) && known.len() == columns.len() => Rc::clone(known),
            Some(_) | None => Rc::clone(bound.insert(columns.with_formats(formats))),
        }
    }

    /// Likewise, of a statement.
    pub fn columns(&self, row: &RowDescription<'_>) -> Columns {
        match &*self.knowledge.borrow() {
            Knowledge::Known(known) if known.describes(row) => Rc::clone(known),
            Knowledge::Known(_) | Knowledge::Unknown | Knowledge::Asked | Knowledge::NoRows => columns(row),
        }
    }
}
