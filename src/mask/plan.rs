//! What is done with each column of a result: decided once for each description of rows, before the first of them.

use std::sync::Arc;

use super::Masking;
use super::kind::{Kind, KindSet};
use super::profile::Lists;
use super::verdict::{ColumnId, Holding};
use crate::wire::value::{Class, Format};

/// A column of a result, as its description tells it.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    pub name: &'a [u8],
    /// The column of a relation that it is; zeros where it is none.
    pub column: ColumnId,
    pub type_oid: u32,
    pub format: Format,
    /// What reading the statement told: it is computed from a sensitive column.
    pub derived: bool,
}

/// What is done with the rows of a result.
#[derive(Debug)]
pub struct Plan {
    pub(super) columns: Box<[Planned]>,
    pub(super) masking: Masking,
    passes: bool,
    /// For a run that people let see values as they are.
    unmasked: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub type_oid: u32,
    pub format: Format,
    pub course: Course,
    pub holding: Holding,
    /// Lists of values that are said to be nobody's.
    pub lists: Lists,
}

/// How the values of a column are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Not at all.
    Pass,
    /// Its bytes are its text.
    Text,
    /// Through the codec of its type.
    Leaves,
    /// Nobody can read it: each value becomes NULL.
    Blank,
}

impl Plan {
    pub fn new<'a>(columns: impl IntoIterator<Item = Described<'a>>, masking: &Masking) -> Arc<Self> {
        let columns: Box<[Planned]> = columns.into_iter().map(|column| planned(&column, masking)).collect();
        let passes = masking.profile.unmasked || columns.iter().all(|column| column.course == Course::Pass);
        Arc::new(Self { columns, masking: masking.clone(), passes, unmasked: false })
    }

    /// For the one run that people let see values as they are.
    pub fn unmasked(masking: &Masking) -> Arc<Self> {
        Arc::new(Self { columns: Box::default(), masking: masking.clone(), passes: true, unmasked: true })
    }

    /// Whether it is what would be planned now.
    pub fn is_by(&self, masking: &Masking, unmasked: bool) -> bool {
        self.unmasked == unmasked && self.masking.is(masking)
    }

    /// No value is looked at: rows pass as they are.
    pub fn passes(&self) -> bool {
        self.passes
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }
}

/// Types whose binary form and whose text are the same bytes.
const TEXTS: &[u32] = &[25, 1043, 1042, 19, 18, 705];

fn planned(column: &Described<'_>, masking: &Masking) -> Planned {
    let (verdict, lists) = masking.known(column.column, column.name);
    let holding = if column.derived { Holding::Whole(Kind::DERIVED) } else { verdict.holding };
    let course = match holding {
        Holding::Harmless => Course::Pass,
        Holding::Mixed(_) | Holding::Whole(_) if TEXTS.contains(&column.type_oid) => Course::Text,
        Holding::Mixed(_) | Holding::Whole(_) => match masking.types.get(column.type_oid) {
            None => Course::Blank,
            Some(of) if of.may_hold(|class| !matches!(class, Class::Boolean | Class::Vector | Class::Geometry)) => Course::Leaves,
            Some(_) if matches!(holding, Holding::Whole(_)) && column.type_oid != BOOL => Course::Leaves,
            Some(_) => Course::Pass,
        },
    };
    let course = if masking.profile.wanted.and(KindSet::ALL).is_empty() { Course::Pass } else { course };
    Planned { type_oid: column.type_oid, format: column.format, course, holding, lists }
}

const BOOL: u32 = 16;
