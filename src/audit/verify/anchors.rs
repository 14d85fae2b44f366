//! Checkpoints that were kept elsewhere, held against the journal.

use std::collections::HashMap;

use super::Trust;
use super::findings::{Findings, Key, Problem};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::digest::{Digest, Hash};

#[derive(Debug, Clone, Default)]
pub(super) struct Anchors {
    /// Those that no record has answered for yet.
    waiting: HashMap<u64, Vec<Checkpoint>>,
    /// Those that are of an earlier epoch, and not of the record that has their number now.
    overtaken: Vec<Checkpoint>,
    keys: Vec<(u64, Hash)>,
}

/// The journal went back to a backup.
#[derive(Debug, Clone, Copy)]
pub(super) struct Restore {
    pub epoch: u32,
    /// The last record that the backup had.
    pub restored_seq: u64,
    /// The record that says so.
    pub said_by: u64,
}

impl Anchors {
    pub fn new(checkpoints: Vec<Checkpoint>, found: &mut Findings) -> Self {
        let mut anchors = Self::default();
        for checkpoint in checkpoints {
            let seq = checkpoint.seq;
            if !checkpoint.is_signed() {
                found.find(Problem::Untrusted, seq, seq, "the checkpoint for it is not signed by the key that it names");
                continue;
            }
            let same = anchors.waiting.entry(seq).or_default();
            if !same.contains(&checkpoint) {
                same.push(checkpoint);
            }
        }
        anchors
    }

    /// Record `seq` of the journal has this hash.
    pub fn meet(&mut self, seq: u64, hash: Hash, journal: Digest, epoch: u32, found: &mut Findings) {
        if self.waiting.is_empty() {
            return;
        }
        for checkpoint in self.waiting.remove(&seq).unwrap_or_default() {
            if checkpoint.journal != journal {
                let what = format!("the checkpoint for it is of the journal {}, and this one is {journal}", checkpoint.journal);
                found.find(Problem::Foreign, seq, seq, what);
            } else if checkpoint.hash == hash {
                self.keys.push((seq, checkpoint.key));
                found.anchors = found.anchors.saturating_add(1);
                found.anchored_seq = found.anchored_seq.max(seq);
            } else if checkpoint.epoch < epoch {
                self.overtaken.push(checkpoint);
            } else {
                let what =
                    "a checkpoint was signed over another record of this number: the journal was written anew, up to here or as a whole";
                found.find(Problem::Rewritten, seq, seq, what);
            }
        }
    }

    /// What is left at the end.
    pub fn settle(self, keys: &[Key], restores: &[Restore], trust: &Trust, found: &mut Findings) {
        let explains = |checkpoint: &Checkpoint| {
            restores.iter().find(|restore| restore.epoch > checkpoint.epoch && restore.restored_seq < checkpoint.seq)
        };
        let mut cut = None;
        for checkpoint in self.waiting.into_values().flatten().chain(self.overtaken) {
            let seq = checkpoint.seq;
            if seq < found.first_seq {
                found.warn(seq, "there is a checkpoint for it, and it was pruned: the checkpoint shows nothing any more");
            } else if let Some(Restore { epoch, restored_seq, said_by }) = explains(&checkpoint) {
                let what = format!(
                    "a restore began epoch {epoch} behind record {restored_seq}, as record {said_by} says; a checkpoint shows that there were more"
                );
                if trust.epochs.contains(epoch) {
                    found.warn(seq, what);
                } else {
                    found.find(Problem::RolledBack, restored_seq.saturating_add(1), seq, what);
                }
            } else if seq > found.last_seq {
                cut = cut.max(Some(seq));
            } else {
                let what = "a checkpoint was signed over another record of this number, and no restore explains it";
                found.find(Problem::Rewritten, seq, seq, what);
            }
        }
        if let Some(last) = cut {
            let what =
                "a checkpoint was signed over the last of them, and the journal ends before: it was cut off, or put back to an older copy";
            found.find(Problem::CutOff, found.last_seq.saturating_add(1), last, what);
        }
        // A journal without a checkpoint of its own names no key.
        for (seq, key) in self.keys {
            if !keys.is_empty() && !keys.iter().any(|known| known.key == key) {
                let what = "the checkpoint for it is signed with a key that the journal does not name: the journal was signed anew";
                found.find(Problem::Untrusted, seq, seq, what);
            }
        }
    }
}
