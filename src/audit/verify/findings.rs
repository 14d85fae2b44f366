//! What the check of a journal found, in words for people and in fields for programs.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::audit::checkpoint::key_name;
use crate::audit::digest::{Digest, Hash};

/// More findings than this are counted and not kept: whoever reads them has seen enough.
const MOST: usize = 1000;

/// What is wrong with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Bytes are others than the ones that were written.
    Edited,
    /// Records are not there any more.
    Removed,
    /// Records stand elsewhere than they were written.
    Reordered,
    /// Records stand there twice.
    Duplicated,
    /// The end is missing.
    CutOff,
    /// Something was begun and not brought to its end: what a crash leaves.
    Torn,
    /// A body is gone, and no record says so.
    Erased,
    /// A part belongs to another journal.
    Foreign,
    /// The chain is not the one that a checkpoint was signed over.
    Rewritten,
    /// A signature or a key is not one to be trusted.
    Untrusted,
    /// The journal went back to a backup, and what came after that is gone.
    RolledBack,
    /// Another record, or another order of records, than a journal can have.
    Impossible,
}

impl Problem {
    pub fn word(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Removed => "removed",
            Self::Reordered => "reordered",
            Self::Duplicated => "duplicated",
            Self::CutOff => "cut off",
            Self::Torn => "torn",
            Self::Erased => "erased without a record of it",
            Self::Foreign => "of another journal",
            Self::Rewritten => "rewritten",
            Self::Untrusted => "not to be trusted",
            Self::RolledBack => "rolled back",
            Self::Impossible => "not possible",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub problem: Problem,
    /// The first record that it is about.
    pub seq: u64,
    /// The last one.
    pub last: u64,
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.last > self.seq {
            write!(out, "records {} to {}: {}: {}", self.seq, self.last, self.problem.word(), self.what)
        } else {
            write!(out, "record {}: {}: {}", self.seq, self.problem.word(), self.what)
        }
    }
}

/// Something that a sound journal can have and that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub seq: u64,
    pub what: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "record {}: {}", self.seq, self.what)
    }
}

/// A public key, and where the journal began to use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub key: Hash,
    pub since: u64,
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut fields = serializer.serialize_struct("Key", 3)?;
        fields.serialize_field("name", &key_name(self.key))?;
        fields.serialize_field("key", &self.key)?;
        fields.serialize_field("since", &self.since)?;
        fields.end()
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    pub journal: Option<Digest>,
    pub epoch: u32,
    pub segments: u64,
    pub records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    /// Microseconds since 1970.
    pub first_time: u64,
    pub last_time: u64,
    pub last_hash: Hash,
    /// Checkpoints within the journal whose signature was checked.
    pub checkpoints: u64,
    /// The last record that such a checkpoint covers.
    pub signed_seq: u64,
    /// Checkpoints from elsewhere that were found in the journal as they were signed.
    pub anchors: u64,
    /// The last record that such a checkpoint covers.
    pub anchored_seq: u64,
    pub keys: Vec<Key>,
    /// The first bad record first.
    pub findings: Vec<Finding>,
    /// Findings beyond those.
    pub more_findings: u64,
    pub warnings: Vec<Warning>,
    pub more_warnings: u64,
}

impl Findings {
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn find(&mut self, problem: Problem, seq: u64, last: u64, what: impl Into<String>) {
        let what = what.into();
        // What befell one record after the other befell them together.
        if let Some(before) = self.findings.last_mut()
            && before.problem == problem
            && before.last.checked_add(1) == Some(seq)
            && before.what == what
        {
            before.last = last;
        } else if self.findings.len() < MOST {
            self.findings.push(Finding { problem, seq, last, what });
        } else {
            self.more_findings = self.more_findings.saturating_add(1);
        }
    }

    pub(super) fn warn(&mut self, seq: u64, what: impl Into<String>) {
        if self.warnings.len() < MOST {
            self.warnings.push(Warning { seq, what: what.into() });
        } else {
            self.more_warnings = self.more_warnings.saturating_add(1);
        }
    }
}
