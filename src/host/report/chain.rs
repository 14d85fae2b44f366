//! Whether the record is what was written: the one place where a report has it verified.

use std::path::Path;

use serde::Serialize;

use super::when::At;
use crate::audit::checkpoint::key_name;
use crate::audit::event::Kind;
use crate::audit::segment::Walk;
use crate::audit::{Checkpoint, Digest, Event, Hash};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignedAt {
    /// The last record that it covers.
    pub seq: u64,
    pub at: At,
    pub hash: Hash,
    pub key: Hash,
    pub key_name: String,
}

/// What verifying found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Chain {
    pub sound: bool,
    /// What is wrong, and where, for people.
    pub problem: Option<String>,
    pub journal: Option<Digest>,
    pub epoch: u32,
    pub segments: u64,
    pub records: u64,
    pub first_seq: u64,
    pub last_seq: u64,
    pub last_hash: Hash,
    pub checkpoints: u64,
    pub last_checkpoint: Option<SignedAt>,
    /// Names of the keys that signed.
    pub keys: Vec<String>,
    /// Records behind the last checkpoint: what the chain alone protects.
    pub behind_checkpoint: u64,
}

/// Keys that are named. More than these in one journal are no rotation.
const MOST_KEYS: usize = 1_000;

/// Walks the whole chain, one segment in memory at a time.
pub(super) fn verify(state: &Path) -> Chain {
    let mut chain = Chain::default();
    chain.problem = walk(&state.join("journal"), &mut chain).err();
    chain.sound = chain.problem.is_none();
    chain.behind_checkpoint = chain.last_seq.saturating_sub(chain.last_checkpoint.as_ref().map_or(0, |last| last.seq));
    chain
}

fn walk(folder: &Path, chain: &mut Chain) -> Result<(), String> {
    let failed = |reason: std::io::Error| format!("the journal in {}: {reason}", folder.display());
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            paths.push(path);
        }
    }
    paths.sort();
    for (number, path) in paths.iter().enumerate() {
        let bytes = std::fs::read(path).map_err(failed)?;
        let (header, mut walk) = Walk::new(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        if number == 0 {
            (chain.journal, chain.first_seq) = (Some(header.journal), header.first_seq);
        } else if (Some(header.journal), header.first_seq, header.previous)
            != (chain.journal, chain.last_seq.saturating_add(1), chain.last_hash)
        {
            return Err(format!("{}: it does not follow the segment before it", path.display()));
        }
        (chain.epoch, chain.segments) = (header.epoch, chain.segments.saturating_add(1));
        while let Some(record) = walk.step().map_err(|broken| format!("record {}: {broken}", walk.next_seq()))? {
            (chain.records, chain.last_seq) = (chain.records.saturating_add(1), record.seq);
            let previous = std::mem::replace(&mut chain.last_hash, record.hash);
            if Kind(record.kind) == Kind::Checkpointed
                && let Ok(Some(Event::Checkpointed(event))) = Event::decode(Kind::Checkpointed, record.facts, None)
            {
                let checkpoint = Checkpoint {
                    journal: header.journal,
                    epoch: header.epoch,
                    seq: event.seq,
                    hash: event.hash,
                    time: event.time,
                    key: event.key,
                    signature: event.signature,
                };
                if !checkpoint.is_signed() || event.hash != previous || event.seq.saturating_add(1) != record.seq {
                    return Err(format!("record {}: a checkpoint that does not speak of the record before it", record.seq));
                }
                let name = key_name(event.key);
                if chain.keys.len() < MOST_KEYS && !chain.keys.contains(&name) {
                    chain.keys.push(name.clone());
                }
                chain.checkpoints = chain.checkpoints.saturating_add(1);
                chain.last_checkpoint =
                    Some(SignedAt { seq: event.seq, at: At(event.time), hash: event.hash, key: event.key, key_name: name });
            }
        }
        if !walk.is_at_end() {
            return Err(format!("record {}: what follows is no record", walk.next_seq()));
        }
    }
    if paths.is_empty() { Err(format!("there is no journal in {}", folder.display())) } else { Ok(()) }
}
