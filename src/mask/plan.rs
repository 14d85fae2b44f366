//! What is done with each column of a result: decided once for each description of rows, before the first of them.

use std::sync::Arc;

use super::kind::{Kind, KindSet};
use super::profile::Lists;
use super::style::{self, Style};
use super::verdict::{ColumnId, Holding, Verdict, Verdicts};
use super::{Masking, look};
use crate::gate::policy::mask::Unreadable;
use crate::wire::value::{Class, Format, Type};

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
    unreadable: Option<u32>,
    /// What the agent had written to when it was made: tokens go by that.
    written: usize,
}

#[derive(Debug, Clone)]
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

impl Planned {
    pub(super) fn is_derived(&self) -> bool {
        self.holding == Holding::Whole(Kind::DERIVED)
    }
}

/// How the values of a column are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Course {
    /// Not at all.
    Pass,
    /// Each becomes the same, which stands here behind its length.
    Same(Box<[u8]>),
    /// Each becomes NULL.
    Null,
    /// Its bytes are its text, of so many bytes at most, and filled up with spaces perhaps.
    Text { limit: usize, padded: bool },
    /// Through the codec of its type.
    Leaves,
}

impl Plan {
    pub fn new<'a>(columns: impl IntoIterator<Item = Described<'a>>, masking: &Masking) -> Arc<Self> {
        let columns: Box<[Planned]> = columns.into_iter().map(|column| planned(&column, masking)).collect();
        let passes = masking.profile.unmasked || columns.iter().all(|column| column.course == Course::Pass);
        let unread = |column: &&Planned| column.course != Course::Pass && masking.types.get(column.type_oid).is_none();
        let fails = masking.profile.unreadable == Unreadable::Error && !passes;
        let unreadable = columns.iter().find(unread).filter(|_| fails).map(|column| column.type_oid);
        Arc::new(Self { columns, passes, unreadable, ..Self::bare(masking) })
    }

    /// For the one run that people let see values as they are.
    pub fn unmasked(masking: &Masking) -> Arc<Self> {
        Arc::new(Self::bare(masking))
    }

    fn bare(masking: &Masking) -> Self {
        let generation = masking.verdicts.generation;
        let masking = Masking { verdicts: Verdicts::none(), ..masking.clone() };
        Self { columns: Box::default(), written: written(&masking), masking, generation, passes: true, unreadable: None }
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

    /// The type of which nobody here can read a value, where the policy wants the statement to fail for it.
    pub fn unreadable(&self) -> Option<u32> {
        self.unreadable
    }
}

fn written(masking: &Masking) -> usize {
    masking.tokens.as_ref().map_or(0, |mint| mint.written())
}

const BOOL: u32 = 16;
const BPCHAR: u32 = 1042;
const XML: u32 = 142;

fn planned(column: &Described<'_>, masking: &Masking) -> Planned {
    let (verdict, lists) = masking.known(column.column, column.name);
    let verdict = column.verdict.unwrap_or(verdict);
    let holding = if column.derived { Holding::Whole(Kind::DERIVED) } else { verdict.holding };
    let course = match holding {
        _ if masking.profile.wanted.is_empty() => Course::Pass,
        // A yes or a no says little, and what asks for many of them is counted elsewhere.
        _ if column.type_oid == BOOL && !column.derived => Course::Pass,
        Holding::Harmless => Course::Pass,
        Holding::Mixed(_) | Holding::Whole(_) => match (masking.types.get(column.type_oid), holding) {
            (None, _) => Course::Null,
            (Some(of), Holding::Whole(kind)) => whole(kind, &of, column, masking),
            (Some(of), Holding::Mixed(expected)) => searched(expected, &of, masking),
            (Some(_), Holding::Harmless) => Course::Pass,
        },
    };
    let tokens = !column.derived && masking.mint(column.column).is_some();
    Planned { type_oid: column.type_oid, format: column.format, course, holding, lists, tokens }
}

/// The course of a column of which each value is sensitive as a whole.
fn whole(kind: Kind, of: &Type<'_>, column: &Described<'_>, masking: &Masking) -> Course {
    let style = masking.profile.style_of(kind);
    if style == Style::Null {
        return Course::Null;
    }
    let same = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut same = vec![0; 4];
        write(&mut same);
        let length = i32::try_from(same.len().saturating_sub(4)).unwrap_or(i32::MAX).to_be_bytes();
        same.splice(..4, length);
        Course::Same(same.into())
    };
    let name = |out: &mut Vec<u8>| style::name(kind, &masking.profile, out);
    if let Some(limit) = of.plain_text() {
        let padded = of.oid() == BPCHAR;
        let always = matches!(style, Style::Redact) && !padded && limit == usize::MAX;
        return if always { same(&name) } else { Course::Text { limit, padded } };
    }
    match of.oid() {
        // Names and number of what is in it are the value's as well.
        look::JSON | look::JSONB => same(&|out| {
            let versioned = of.oid() == look::JSONB && column.format == Format::Binary;
            out.extend_from_slice(if versioned { b"\x01" } else { b"" });
            out.push(b'"');
            name(out);
            out.push(b'"');
        }),
        XML => same(&name),
        // What holds texts can say in each of them that it was masked; of the rest NULL does.
        _ if of.holds_many() && of.may_hold(|class| class == Class::Text) => Course::Leaves,
        _ if style == Style::Partial && of.may_hold(|class| matches!(class, Class::Number | Class::Time | Class::Network)) => {
            Course::Leaves
        }
        _ => Course::Null,
    }
}

/// The course of a column of which the values are searched.
fn searched(expected: KindSet, of: &Type<'_>, masking: &Masking) -> Course {
    if let Some(limit) = of.plain_text() {
        return Course::Text { limit, padded: of.oid() == BPCHAR };
    }
    let is_embedding = of.may_hold(|class| class == Class::Vector) || FRACTIONS.contains(&of.oid());
    if is_embedding && masking.profile.embeddings {
        return Course::Null;
    }
    let told = !expected.and(masking.profile.wanted).is_empty();
    let looked_at = |class: Class| match class {
        Class::Text | Class::Network | Class::Bytes | Class::Label | Class::System => true,
        Class::Number => told || !is_narrow(of.oid()),
        // By itself none of them tells anything; in a composite a name may.
        Class::Time | Class::Uuid => told || of.holds_many(),
        Class::Boolean | Class::Geometry | Class::Vector | Class::Bits => false,
    };
    if of.may_hold(looked_at) { Course::Leaves } else { Course::Pass }
}

/// Arrays of floats.
const FRACTIONS: &[u32] = &[1021, 1022];

/// Numbers with too few digits for what tells by itself, and fractions, of which arrays are embeddings more often than not.
fn is_narrow(oid: u32) -> bool {
    const NARROW: &[u32] = &[21, 23, 700, 790, 1005, 1007, 1021, 1022, 791];
    NARROW.contains(&oid)
}
