//! Whether the record is what was written: what verifying found, and the last checkpoint in it.

use serde::Serialize;

use super::period::At;
use crate::audit::Hash;
use crate::audit::checkpoint::key_name;
use crate::audit::event::Checkpointed;
use crate::audit::verify::Findings;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignedAt {
    /// The last record that it covers.
    pub seq: u64,
    pub at: At,
    pub hash: Hash,
    pub key: Hash,
    pub key_name: String,
}

impl From<&Checkpointed> for SignedAt {
    fn from(event: &Checkpointed) -> Self {
        Self { seq: event.seq, at: At(event.time), hash: event.hash, key: event.key, key_name: key_name(event.key) }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chain {
    pub sound: bool,
    #[serde(flatten)]
    pub found: Findings,
    pub last_checkpoint: Option<SignedAt>,
    /// Records behind it, which the chain alone protects.
    pub behind_checkpoint: u64,
}

impl Chain {
    pub(super) fn new(found: Findings, last_checkpoint: Option<SignedAt>) -> Self {
        let signed = last_checkpoint.as_ref().map_or(0, |last| last.seq);
        // What has no record in it shows nothing.
        let sound = found.is_sound() && found.records > 0;
        Self { sound, behind_checkpoint: found.last_seq.saturating_sub(signed), found, last_checkpoint }
    }

    /// What is wrong first of all.
    pub fn problem(&self) -> Option<String> {
        let nothing = || (!self.sound).then(|| "there is no record".to_owned());
        self.found.findings.first().map(ToString::to_string).or_else(nothing)
    }
}
