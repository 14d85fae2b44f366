//! What is open: sessions without an end, and in them executions without one. The writer knows it at any time; a small file
//! beside each segment keeps what was open where the segment begins, so that recovery reads no further back. That file is a
//! help and no truth: without it recovery reads the segments from the first on.

use std::collections::{BTreeMap, VecDeque};

use minicbor::{Decode, Encode};
use ring::digest::{SHA256, digest};

use crate::audit::event::{Ended, Outcome, SignedOut};
use crate::audit::{Event, Hash};

/// The ending of such a file's name.
pub const ENDING: &str = ".open";
/// A longer one is no such file.
pub const LONGEST: u64 = 64 * 1024 * 1024;
const SUM: usize = 32;

/// What is open after a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Running {
    #[n(0)]
    sessions: BTreeMap<u64, Session>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
struct Session {
    /// The numbers of executions without an end, oldest first.
    #[n(0)]
    open: VecDeque<u64>,
    /// Executions begun.
    #[n(1)]
    begun: u64,
    #[n(2)]
    ended: bool,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Kept {
    /// The hash of the segment's header.
    #[n(0)]
    segment: Hash,
    #[n(1)]
    running: Running,
}

impl Running {
    /// Takes notice of the record `seq`.
    pub fn apply(&mut self, seq: u64, event: &Event) {
        if let Event::Begun(begun) = event {
            let session = self.sessions.entry(begun.statement.session).or_default();
            session.open.push_back(begun.statement.number);
            session.begun = session.begun.saturating_add(1);
        } else if let Event::Ended(ended) = event {
            self.end(ended.session, |session| {
                // Executions end in the order in which they began, or nearly so.
                if let Some(at) = session.open.iter().position(|number| *number == ended.number) {
                    session.open.remove(at);
                }
            });
        } else if let Event::SignedIn(_) = event {
            self.sessions.entry(seq).or_default();
        } else if let Event::Continued(continued) = event {
            self.sessions.entry(continued.session).or_default();
        } else if let Event::SignedOut(out) = event {
            self.end(out.session, |session| session.ended = true);
        }
    }

    fn end(&mut self, number: u64, change: impl FnOnce(&mut Session)) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        change(session);
        if session.ended && session.open.is_empty() {
            self.sessions.remove(&number);
        }
    }

    /// How many sessions and executions have no end.
    pub fn count(&self) -> (u64, u64) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let sessions = count(self.sessions.values().filter(|session| !session.ended).count());
        (sessions, self.sessions.values().map(|session| count(session.open.len())).sum())
    }

    /// The records that end everything.
    pub fn ends(&self) -> impl Iterator<Item = Event> + '_ {
        self.sessions.iter().flat_map(|(number, session)| {
            let ended = session.open.iter().map(|execution| unknown(*number, *execution));
            let out = SignedOut { session: *number, executions: session.begun, code: None };
            ended.chain((!session.ended).then(|| out.into()))
        })
    }

    pub fn write(&self, segment: Hash) -> Vec<u8> {
        // Writing to memory does not fail.
        let mut bytes = minicbor::to_vec(Kept { segment, running: self.clone() }).unwrap_or_default();
        let sum = digest(&SHA256, &bytes);
        bytes.extend_from_slice(sum.as_ref());
        bytes
    }

    /// `None` for what was not written beside that segment, or not whole.
    pub fn read(bytes: &[u8], segment: Hash) -> Option<Self> {
        let (bytes, sum) = bytes.split_last_chunk::<SUM>()?;
        let kept: Kept = (digest(&SHA256, bytes).as_ref() == sum).then(|| minicbor::decode(bytes).ok())??;
        (kept.segment == segment).then_some(kept.running)
    }
}

fn unknown(session: u64, number: u64) -> Event {
    let (outcome, duration, affected, command, commands, code, masked) = (Outcome::Unknown, None, None, None, None, None, None);
    Ended { session, number, outcome, duration, rows: 0, bytes: 0, received: 0, affected, command, commands, code, masked }.into()
}
