//! Finds what is sensitive in what comes back, and puts something harmless in its place. It asks nobody: what is known of columns, types and
//! policy is handed in, and what is learned is handed out.
//!
//! - [`detect`] finds: a text and what is known around it in, findings out.
//! - [`names`] knows what the names of columns and keys speak for, and the words before a value.
//! - [`evidence`] judges a column by its name, its type and some of its values; [`verdict`] is what comes of it.
//! - [`lineage`] tells what is computed from sensitive columns, and what was written from them.
//! - [`plan`] decides once for each result what is done with each column; [`row`] carries it out on rows.
//! - [`style`] is what is put in the place of a value.
//! - [`message`] rewrites what is not rows: errors, notices, notifications, names.

pub mod copy;
pub mod detect;
pub mod evidence;
pub mod foreseen;
pub mod leaf;
pub mod lineage;
mod look;
pub mod memo;
pub mod message;
pub mod names;
pub mod plan;
pub mod profile;
pub mod returned;
pub mod row;
pub mod spans;
pub mod style;
pub mod token;
pub mod verdict;
mod words;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, LazyLock};

pub use crate::gate::kind;
pub use kind::{Kind, KindSet};
pub use plan::Plan;
pub use verdict::{Holding, Verdict, Verdicts};

use crate::wire::value::{Scratch, Types};
use detect::{Detectors, Finding};
use profile::{Lists, Profile};
use token::Mint;
use verdict::ColumnId;

/// What masking goes by, as it is known now. Cheap to copy; whoever knows better puts new parts in.
#[derive(Debug, Clone)]
pub struct Masking {
    pub detectors: Arc<Detectors>,
    pub profile: Arc<Profile>,
    /// What is known of the columns of this database.
    pub verdicts: Arc<Verdicts>,
    /// The types of this database.
    pub types: Arc<Types>,
    /// Which policy detectors and profile are of; no two that differ have the same.
    pub policy: u64,
    /// Makes and opens the tokens of the agent, where somebody keeps the keys.
    pub tokens: Option<Arc<Mint>>,
}

impl Masking {
    /// The detectors that come with the program, and nothing known of any column.
    pub fn built_in() -> Self {
        Self {
            detectors: Self::built_in_detectors(),
            profile: Arc::new(Profile::default()),
            verdicts: Arc::new(Verdicts::default()),
            types: Arc::new(Types::new()),
            policy: 0,
            tokens: None,
        }
    }

    /// Made once: they are some megabytes of automata.
    pub fn built_in_detectors() -> Arc<Detectors> {
        static BUILT_IN: LazyLock<Arc<Detectors>> = LazyLock::new(|| Arc::new(Detectors::built_in()));
        Arc::clone(&BUILT_IN)
    }

    /// What is known of a column of a result, and which lists of allowed values are for it: by policy before what was seen, unless somebody
    /// said otherwise by a command.
    pub fn known(&self, id: ColumnId, name: &[u8]) -> (Verdict, Lists) {
        let of = self.verdicts.named(id);
        let verdict = match of {
            Some((relation, column)) => self.profile.verdict(relation, column).unwrap_or(column.verdict),
            None => {
                let name = std::str::from_utf8(name).unwrap_or_default();
                self.profile.verdict_of_any(name).unwrap_or(Verdict::UNKNOWN)
            }
        };
        // What nobody wants masked is searched for what is.
        let holding = match verdict.holding {
            Holding::Whole(kind) if !self.profile.wanted.has(kind) => Holding::Mixed(KindSet::NONE),
            holding @ (Holding::Harmless | Holding::Mixed(_) | Holding::Whole(_)) => holding,
        };
        (Verdict { holding, ..verdict }, self.profile.lists(of))
    }

    /// Who makes the tokens of a column of a result, where it may be shown in some.
    pub fn mint(&self, id: ColumnId) -> Option<&Arc<Mint>> {
        let (relation, column) = self.verdicts.named(id)?;
        self.tokens.as_ref().filter(|mint| mint.may_show(&relation.schema, &relation.name, &column.name))
    }

    /// The same, for a run that people let see values as they are.
    #[must_use]
    pub fn unmasked(&self) -> Self {
        Self { profile: Arc::new(self.profile.unmasked()), ..self.clone() }
    }

    /// Whether what was planned by the one holds by the other, where the same is known of columns.
    pub fn is_but_for_verdicts(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.profile, &other.profile)
            && Arc::ptr_eq(&self.detectors, &other.detectors)
            && Arc::ptr_eq(&self.types, &other.types)
            && self.tokens.as_ref().map(Arc::as_ptr) == other.tokens.as_ref().map(Arc::as_ptr)
    }
}

/// Buffers that masking borrows and gives back, so that no row and no cell allocates, and what was counted. One for each session.
#[derive(Debug, Default)]
pub struct Workspace {
    pub scratch: Scratch,
    /// The same for documents inside texts, for each depth.
    pub inner: [Scratch; look::DOCUMENTS],
    pub findings: Vec<Finding>,
    /// For detectors: text brought into its plain form, decoded text.
    pub detect: detect::Room,
    /// Texts in which nothing was found.
    pub memo: memo::Memo,
    /// A replacement, or a cell being rewritten.
    pub cell: Vec<u8>,
    /// A field of a message, before and behind its rewriting.
    pub line: Vec<u8>,
    pub words: Vec<u8>,
    pub counts: Counts,
    pub shown: Shown,
}

/// A buffer that grew beyond this is not kept for the next row.
const KEEP_CAPACITY: usize = 1 << 20;

impl Workspace {
    /// Takes the buffer of cells back.
    fn lay_by(&mut self, cell: Vec<u8>) {
        if cell.capacity() <= KEEP_CAPACITY {
            self.cell = cell;
        }
    }
}

/// How many values of each kind were masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    kinds: KindSet,
    each: [u32; 128],
}

impl Default for Counts {
    fn default() -> Self {
        Self { kinds: KindSet::NONE, each: [0; 128] }
    }
}

impl Counts {
    pub fn add(&mut self, kind: Kind) {
        self.kinds = self.kinds.with(kind);
        if let Some(count) = self.each.get_mut(kind.index()) {
            *count = count.saturating_add(1);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Kind, u32)> {
        self.kinds.iter().map(|kind| (kind, self.each.get(kind.index()).copied().unwrap_or(0)))
    }

    pub fn clear(&mut self) {
        if !self.is_empty() {
            *self = Self::default();
        }
    }
}

/// Values of which their replacements tell something, each by a keyed hash: how many different ones an agent met is counted without keeping any.
#[derive(Debug, Default)]
pub struct Shown {
    wanted: bool,
    values: Vec<u64>,
}

/// The most that are told of one row or message: whoever counts them counts no more in all.
const MOST_SHOWN: usize = crate::gate::budget::MOST_SHOWN;

impl Shown {
    /// What comes now is the next row, of which it is counted or not.
    pub fn begin(&mut self, wanted: bool) {
        self.wanted = wanted;
        self.values.clear();
        if self.values.capacity() > KEEP_CAPACITY / size_of::<u64>() {
            self.values = Vec::new();
        }
    }

    pub fn values(&self) -> &[u64] {
        &self.values
    }

    fn note(&mut self, value: &[u8]) {
        static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        if !self.wanted {
            return;
        }
        // One more than can be counted says as much as all of them.
        if self.values.len() > MOST_SHOWN {
            self.values.sort_unstable();
            self.values.dedup();
        }
        if self.values.len() <= MOST_SHOWN {
            self.values.push(KEY.hash_one(value));
        }
    }
}

#[cfg(test)]
mod tests;
