//! What is done with each column of a result: decided once for each description of rows, before the first of them.

use std::sync::Arc;

use super::Masking;
use super::kind::{Kind, KindSet};
use super::profile::Lists;
use super::verdict::{ColumnId, Holding, Verdict, Verdicts};
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
    /// What is known of it, where that is not what the verdicts of the database say.
    pub verdict: Option<Verdict>,
}

/// What is done with the rows of a result.
#[derive(Debug)]
pub struct Plan {
    pub(super) columns: Box<[Planned]>,
    /// Without the verdicts: many plans must not keep old ones alive.
    pub(super) masking: Masking,
    generation: u64,
    passes: bool,
    /// What the agent had written to when it was made: tokens go by that.
    written: usize,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Planned {
    pub type_oid: u32,
    pub format: Format,
    pub course: Course,
    pub holding: Holding,
    /// Lists of values that are said to be nobody's.
    pub lists: Lists,
    /// It may be shown in tokens.
    pub tokens: bool,
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
        Arc::new(Self { columns, passes, ..Self::bare(masking) })
    }

    /// For the one run that people let see values as they are.
    pub fn unmasked(masking: &Masking) -> Arc<Self> {
        Arc::new(Self::bare(masking))
    }

    fn bare(masking: &Masking) -> Self {
        let generation = masking.verdicts.generation;
        let masking = Masking { verdicts: Verdicts::none(), ..masking.clone() };
        Self { columns: Box::default(), written: written(&masking), masking, generation, passes: true }
    }

    /// Whether it is what would be planned now.
    pub fn is_by(&self, masking: &Masking) -> bool {
        self.generation == masking.verdicts.generation && self.masking.is_but_for_verdicts(masking) && self.written == written(masking)
    }

    /// No value is looked at: rows pass as they are.
    pub fn passes(&self) -> bool {
        self.passes
    }

    pub fn width(&self) -> usize {
        self.columns.len()
    }
}

fn written(masking: &Masking) -> usize {
    masking.tokens.as_ref().map_or(0, |mint| mint.written())
}

/// Types whose binary form and whose text are the same bytes.
const TEXTS: &[u32] = &[25, 1043, 1042, 19, 18, 705];

fn planned(column: &Described<'_>, masking: &Masking) -> Planned {
    let (verdict, lists) = masking.known(column.column, column.name);
    let verdict = column.verdict.unwrap_or(verdict);
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
    Planned {
        type_oid: column.type_oid,
        format: column.format,
        course,
        holding,
        lists,
        tokens: !column.derived && masking.mint(column.column).is_some(),
    }
}

const BOOL: u32 = 16;
