//! What records say about the journal itself, held against the journal: signatures, keys, what was erased and pruned, and whether
//! what began and what ended belong together.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Trust;
use super::anchors::Restore;
use super::findings::{Findings, Key, Problem};
use crate::audit::Event;
use crate::audit::checkpoint::{Checkpoint, is_endorsed, key_name};
use crate::audit::digest::{Digest, Hash};
use crate::audit::event::{Checkpointed, EpochBegan, KeyChanged, Kind};
use crate::audit::record::{Body, Record};

/// A checkpoint within the journal signs the record before it, or one not far before.
const RECENT: usize = 4096;
/// Executions of a session, and sessions, that are remembered at once; beyond that nothing is said about them.
const MOST_OPEN: usize = 16_384;
const MOST_SESSIONS: usize = 1 << 20;
/// Statements only prepared have an end only when they failed, soon after.
const MOST_PREPARED: usize = 4096;
/// Bodies that are gone or damaged are remembered until a record speaks of them; nobody erases so many by hand.
const MOST_BODIES: usize = 1 << 20;

#[derive(Debug, Clone, Default)]
pub(super) struct Meaning {
    pub keys: Vec<Key>,
    pub restores: Vec<Restore>,
    recent: VecDeque<Hash>,
    recent_first: u64,
    /// Records whose body is gone and that no later record has spoken of yet.
    erased: HashSet<u64>,
    /// Records whose body is not what was written: an erasure that was interrupted, if a later record speaks of it.
    damaged: HashSet<u64>,
    /// Damaged ones that were spoken of.
    spoken: HashSet<u64>,
    pruned: Vec<(u64, Hash)>,
    sessions: HashMap<u64, Session>,
}

#[derive(Debug, Clone, Default)]
struct Session {
    open: HashSet<u64>,
    prepared: VecDeque<u64>,
    /// Up to this number it is not known any more what had no end.
    forgotten: u64,
    highest: u64,
}

impl Meaning {
    /// A record that follows the one before. `first_seq` is the first record that is there.
    pub fn take(&mut self, record: &Record<'_>, journal: Digest, epoch: &mut u32, first_seq: u64, trust: &Trust, found: &mut Findings) {
        let seq = record.seq;
        if record.body == Body::Erased {
            if self.erased.len() < MOST_BODIES {
                self.erased.insert(seq);
            } else {
                found.find(Problem::Erased, seq, seq, "its body is gone, with so many others that the records of it were not looked for");
            }
        }
        match Event::decode(Kind(record.kind), record.facts, None) {
            Ok(Some(event)) => self.means(event, seq, journal, epoch, first_seq, trust, found),
            Ok(None) => {}
            Err(_) => found.warn(seq, "its facts cannot be read by this program"),
        }
        self.remember(seq, record.hash);
    }

    /// Its chain is sound and its body is not what it was written with.
    pub fn damaged(&mut self, seq: u64, found: &mut Findings) {
        if self.damaged.len() < MOST_BODIES {
            self.damaged.insert(seq);
        } else {
            found.find(Problem::Edited, seq, seq, "its body is not the one it was written with");
        }
    }

    pub fn is_damaged(&self) -> bool {
        !self.damaged.is_empty()
    }

    /// Keeps the hash of a record for checkpoints that speak of it.
    fn remember(&mut self, seq: u64, hash: Hash) {
        let next = self.recent_first.saturating_add(u64::try_from(self.recent.len()).unwrap_or(u64::MAX));
        if next != seq {
            self.recent.clear();
            self.recent_first = seq;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
            self.recent_first = self.recent_first.saturating_add(1);
        }
        self.recent.push_back(hash);
    }

    fn hash_of(&self, seq: u64) -> Option<Hash> {
        let index = seq.checked_sub(self.recent_first)?;
        self.recent.get(usize::try_from(index).ok()?).copied()
    }

    #[allow(clippy::too_many_arguments, reason = "each is one thing that an event is held against")]
    fn means(&mut self, event: Event, seq: u64, journal: Digest, epoch: &mut u32, first_seq: u64, trust: &Trust, found: &mut Findings) {
        match event {
            Event::Checkpointed(event) => self.checkpointed(&event, seq, journal, *epoch, trust, found),
            Event::KeyChanged(event) => self.key_changed(&event, seq, journal, trust, found),
            Event::EpochBegan(event) => self.epoch_began(&event, seq, epoch, found),
            Event::Pruned(event) => self.pruned.push((event.seq, event.hash)),
            Event::Erased(event) => {
                if event.seq >= seq {
                    found.find(Problem::Impossible, seq, seq, format!("it says that record {} was erased, which comes later", event.seq));
                } else if self.damaged.contains(&event.seq) {
                    self.spoken.insert(event.seq);
                } else if !self.erased.remove(&event.seq) && event.seq >= first_seq {
                    let what = format!(
                        "record {} was to be erased and has its body: `pgsluice audit erase {}` completes it",
                        event.seq, event.seq
                    );
                    found.warn(seq, what);
                }
            }
            Event::Begun(event) => self.begun(event.statement.session, event.statement.number, true, seq, found),
            Event::Prepared(event) => self.begun(event.statement.session, event.statement.number, false, seq, found),
            Event::Ended(event) => self.ended(event.session, event.number, seq, first_seq, found),
            Event::SignedOut(event) => {
                self.sessions.remove(&event.session);
            }
            Event::Started(_)
            | Event::Stopped(_)
            | Event::Recovered(_)
            | Event::Resumed(_)
            | Event::SignedIn(_)
            | Event::Continued(_)
            | Event::Denied(_)
            | Event::ShapeMet(_)
            | Event::Refused(_)
            | Event::ConfigChanged(_)
            | Event::PolicyChanged(_)
            | Event::AgentChanged(_)
            | Event::PersonChanged(_)
            | Event::AuditRead(_)
            | Event::SignedOff(_)
            | Event::Held(_)
            | Event::Decided(_)
            | Event::Spent(_)
            | Event::Returned(_)
            | Event::Answered(_)
            | Event::DecidedTogether(_)
            | Event::Revealed(_)
            | Event::Granted(_)
            | Event::GrantEnded(_)
            | Event::SealingKey(_)
            | Event::PersonSignedIn(_)
            | Event::PersonDenied(_)
            | Event::PersonSignedOut(_)
            | Event::HoldRead(_) => {}
        }
    }

    /// A key that nothing before it speaks for: the first, or one that the key before did not endorse.
    fn trusts(&mut self, key: Hash, seq: u64, endorsed: bool, trust: &Trust, found: &mut Findings) {
        let first = self.keys.is_empty();
        self.keys.push(Key { key, since: seq });
        if endorsed {
            return;
        }
        let name = key_name(key);
        if trust.accepts(key) {
            if !first {
                found.warn(seq, format!("the key changed to {name} without a signature of the key before it; it was accepted by name"));
            }
        } else if !first {
            let what =
                format!("the key changed to {name} without a signature of the key before it: if you made it, give --accept-key {name}");
            found.find(Problem::Untrusted, seq, seq, what);
        } else if !trust.keys.is_empty() {
            found.find(Problem::Untrusted, seq, seq, format!("the journal's first key, {name}, is none that was accepted"));
        }
    }

    fn checkpointed(&mut self, event: &Checkpointed, seq: u64, journal: Digest, epoch: u32, trust: &Trust, found: &mut Findings) {
        let Checkpointed { seq: signed, hash, time, key, signature } = *event;
        let checkpoint = Checkpoint { journal, epoch, seq: signed, hash, time, key, signature };
        match self.keys.last() {
            None => self.trusts(key, seq, false, trust, found),
            Some(known) if known.key == key => {}
            Some(_) => {
                let what = format!("its checkpoint is signed with the key {}, and no record says that the key changed", key_name(key));
                found.find(Problem::Untrusted, seq, seq, what);
            }
        }
        if !checkpoint.is_signed() {
            found.find(Problem::Untrusted, seq, seq, "its checkpoint is not signed by the key that it names");
            return;
        }
        // The journal signs the record before and no other: an earlier one could be signed over again, with all behind it made anew.
        let before = signed.checked_add(1) == Some(seq);
        match self.hash_of(signed) {
            Some(known) if before && known == hash => {
                found.checkpoints = found.checkpoints.saturating_add(1);
                found.signed_seq = found.signed_seq.max(signed);
            }
            // It stands behind what is bad.
            None if before => {}
            Some(_) | None if !before => {
                let what = format!("its checkpoint is over record {signed} and not over the one before it: it was written elsewhere");
                found.find(Problem::Rewritten, seq, seq, what);
            }
            Some(_) | None => {
                let what = format!(
                    "its checkpoint was signed over another record {signed} than the one that is there: the journal was written anew"
                );
                found.find(Problem::Rewritten, seq, seq, what);
            }
        }
    }

    fn key_changed(&mut self, event: &KeyChanged, seq: u64, journal: Digest, trust: &Trust, found: &mut Findings) {
        let before = self.keys.last().map(|known| known.key);
        match (before, event.previous) {
            (None, None) => self.trusts(event.key, seq, false, trust, found),
            // The records that named the key before it were pruned.
            (None, Some(previous)) => {
                self.trusts(previous, seq, false, trust, found);
                let endorsed = event.endorsement.is_some_and(|signature| is_endorsed(journal, previous, event.key, &signature));
                self.trusts(event.key, seq, endorsed, trust, found);
            }
            (Some(before), previous) => {
                if previous.is_some_and(|previous| previous != before) {
                    let what = format!("it says that the key changes, and names another than {} as the one before", key_name(before));
                    found.find(Problem::Untrusted, seq, seq, what);
                }
                let endorsed = event.endorsement.is_some_and(|signature| is_endorsed(journal, before, event.key, &signature));
                self.trusts(event.key, seq, endorsed, trust, found);
            }
        }
    }

    fn epoch_began(&mut self, event: &EpochBegan, seq: u64, epoch: &mut u32, found: &mut Findings) {
        if event.epoch < *epoch || event.restored_seq >= seq {
            found.find(Problem::Impossible, seq, seq, "it begins an epoch that cannot begin there");
        } else if self.hash_of(event.restored_seq).is_some_and(|known| known != event.restored_hash) {
            found.find(Problem::Rewritten, seq, seq, format!("record {} is not the one that the backup ended with", event.restored_seq));
        }
        *epoch = event.epoch.max(*epoch);
        self.restores.push(Restore { epoch: event.epoch, restored_seq: event.restored_seq, said_by: seq });
    }

    fn begun(&mut self, session: u64, number: u64, ends: bool, seq: u64, found: &mut Findings) {
        if !self.sessions.contains_key(&session) && self.sessions.len() >= MOST_SESSIONS {
            return;
        }
        let state = self.sessions.entry(session).or_default();
        state.highest = number.max(state.highest);
        if !ends {
            if state.prepared.len() == MOST_PREPARED {
                state.forgotten = state.prepared.pop_front().unwrap_or(0).max(state.forgotten);
            }
            state.prepared.push_back(number);
        } else if state.open.len() < MOST_OPEN {
            if !state.open.insert(number) {
                found.warn(seq, format!("it begins execution {number} of session {session}, which began before and has no end"));
            }
        } else {
            state.forgotten = number;
        }
    }

    fn ended(&mut self, session: u64, number: u64, seq: u64, first_seq: u64, found: &mut Findings) {
        // Its beginning may have been pruned.
        let unknown = session < first_seq;
        let Some(state) = self.sessions.get_mut(&session) else {
            if !unknown && self.sessions.len() < MOST_SESSIONS {
                found.warn(seq, format!("it ends execution {number} of session {session}, which had not begun"));
            }
            return;
        };
        if state.open.remove(&number) || number <= state.forgotten {
            return;
        }
        if let Some(index) = state.prepared.iter().rposition(|prepared| *prepared == number) {
            state.prepared.remove(index);
        } else if number > state.highest {
            found.warn(seq, format!("it ends execution {number} of session {session}, which had not begun"));
        } else if !unknown {
            found.warn(seq, format!("it ends execution {number} of session {session}, which had ended"));
        }
    }

    /// At the end: `removed` is what the journal's first segment says of the record before it.
    pub fn settle(&mut self, removed: Option<(u64, Hash)>, found: &mut Findings) {
        for seq in sorted(std::mem::take(&mut self.erased)) {
            found.find(Problem::Erased, seq, seq, "its body is gone, and no record says who erased it and why");
        }
        for seq in sorted(std::mem::take(&mut self.damaged)) {
            if self.spoken.contains(&seq) {
                let what =
                    format!("its body was to be erased and is neither gone nor what it was: `pgsluice audit erase {seq}` completes it");
                found.find(Problem::Torn, seq, seq, what);
            } else {
                found.find(Problem::Edited, seq, seq, "its body is not the one it was written with");
            }
        }
        if let Some((seq, hash)) = removed.filter(|removed| !self.pruned.contains(removed)) {
            let what = if self.pruned.iter().any(|pruned| pruned.0 == seq && pruned.1 != hash) {
                "they were pruned, and the record that says so names another last record than the one that the first segment follows"
            } else {
                "the first segments are missing, and no record says that they were pruned"
            };
            found.find(Problem::Removed, 1, seq, what);
        }
        let unfinished = self.pruned.iter().map(|(seq, _)| *seq).max().filter(|seq| *seq >= found.first_seq && found.records > 0);
        if let Some(seq) = unfinished {
            found.warn(seq, "it was to be pruned with all before it and is there: `pgsluice audit prune` completes it");
        }
    }
}

fn sorted(numbers: HashSet<u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers
}
