//! What is searched for, before it is looked for anywhere.

use super::block::flags;
use crate::audit::Digest;
use crate::audit::event::{Outcome, Verdict};

/// All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// Every word in the shape's text, or in what an event says; `word*` for words that begin so.
    pub words: Option<String>,
    /// By name; everyone who has or had it.
    pub agent: Option<String>,
    /// As it is written in statements, with or without its schema.
    pub table: Option<String>,
    /// The number of its bit in the record.
    pub effect: Option<u32>,
    pub verdict: Option<Verdict>,
    /// By the name of the rule that decided.
    pub rule: Option<String>,
    pub hold: Option<u64>,
    /// Microseconds since 1970; what began then or later.
    pub since: Option<u64>,
    /// What began before.
    pub until: Option<u64>,
    /// Only what did not go well.
    pub errors: bool,
    /// Only what took as many microseconds.
    pub slow: Option<u64>,
    pub masked: Option<Masked>,
    pub session: Option<u64>,
    pub shape: Option<Digest>,
    /// Leaves out that somebody read the audit.
    pub without_reads: bool,
    /// Only records before this one: the next page.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Masked {
    Any,
    Kind(String),
}

impl Filter {
    /// Whether something that is no statement can be meant.
    pub(super) fn takes_events(&self) -> bool {
        self.table.is_none()
            && self.effect.is_none()
            && self.verdict.is_none()
            && self.rule.is_none()
            && !self.errors
            && self.slow.is_none()
            && self.masked.is_none()
            && self.shape.is_none()
    }
}

/// Whether a statement did not go well.
pub(super) fn is_error(row: u64, code: u64) -> bool {
    const BAD: [Outcome; 4] = [Outcome::Failed, Outcome::Cancelled, Outcome::Unknown, Outcome::Stopped];
    code > 0 || BAD.iter().any(|bad| row >> flags::OUTCOME & flags::NIBBLE == (*bad as u64).saturating_add(1))
}

/// Whether the name of a relation is the one asked for.
pub(super) fn is_table(asked: &str, name: &str) -> bool {
    let same = |name: &str| name.to_lowercase() == asked.to_lowercase();
    same(name) || name.rsplit_once('.').is_some_and(|(_, last)| same(last))
}
