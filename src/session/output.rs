//! What a step of the machine wants done: bytes for each side and demands on the host. Bytes that need no change are named
//! as ranges of what was received, so the host sends them from its read buffer without a copy.

use std::ops::Range;
use std::sync::Arc;

use crate::audit::Note;
use crate::audit::event::Sent;
use crate::audit::seal::Original;
use crate::gate::Permit;
use crate::gate::hold::HoldId;
use crate::gate::judge::Need;
use crate::mask::Verdict;
use crate::mask::lineage::Written;
use crate::mask::token::Mint;
use crate::mask::verdict::{ColumnId, Mark, Unknown};

use super::asking::{Message, Petition};

/// Bytes made here that may wait in one lane before the client's next message waits too: a few hundred refusals, so that short
/// messages with long answers cannot be turned into memory.
const MADE: usize = 64 * 1024;
/// Runs of bytes likewise: whoever sends a lane walks through them.
const PIECES: usize = 4096;

/// Notes likewise, and the bytes of originals in them: each Bind of a long statement has it whole.
const NOTES: usize = 4096;
const ORIGINALS: usize = 8 * 1024 * 1024;

/// A run of bytes to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A range of the bytes handed in with this call.
    Received(Range<usize>),
    /// A range of the lane's own `made` bytes.
    Made(Range<usize>),
}

/// Bytes for one side, in order.
#[derive(Debug, Default)]
pub struct Lane {
    pieces: Vec<Piece>,
    made: Vec<u8>,
}

impl Lane {
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    pub fn made(&self) -> &[u8] {
        &self.made
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Enough waits to be sent.
    fn is_full(&self) -> bool {
        self.made.len() >= MADE || self.pieces.len() >= PIECES
    }

    pub fn clear(&mut self) {
        self.pieces.clear();
        self.made.clear();
    }

    /// Every byte, in order: `received` is what the call was given.
    pub fn bytes<'a>(&'a self, received: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.pieces.iter().map(move |piece| match piece {
            Piece::Received(range) => received.get(range.clone()).unwrap_or_default(),
            Piece::Made(range) => self.made.get(range.clone()).unwrap_or_default(),
        })
    }

    /// Bytes of the host's own, such as the greeting.
    pub fn say(&mut self, bytes: &[u8]) {
        self.make(|made| made.extend_from_slice(bytes));
    }

    /// Passes on received bytes as they are.
    pub(super) fn pass(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        if let Some(Piece::Received(last)) = self.pieces.last_mut()
            && last.end == range.start
        {
            last.end = range.end;
            return;
        }
        self.pieces.push(Piece::Received(range));
    }

    /// Passes on a message that makes the server run something: the one way for it, and a permit is used up.
    pub(super) fn pass_permitted(&mut self, permit: Permit, range: Range<usize>) {
        drop(permit);
        self.pass(range);
    }

    /// The same for one that is made here.
    pub(super) fn make_permitted(&mut self, permit: Permit, write: impl FnOnce(&mut Vec<u8>)) {
        drop(permit);
        self.make(write);
    }

    /// Adds bytes made here.
    pub(super) fn make(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.made.len();
        write(&mut self.made);
        let end = self.made.len();
        if let Some(Piece::Made(last)) = self.pieces.last_mut() {
            last.end = end;
        } else if start < end {
            self.pieces.push(Piece::Made(start..end));
        }
    }
}

/// What only the host can do.
#[derive(Debug)]
pub enum Demand {
    /// Take a link to the server; `Session::linked` or `Session::link_failed` answers.
    Link,
    /// Send a CancelRequest for what the link is running.
    Cancel,
    /// The same for a run that went over a limit; `Session::stopped` says that the server has taken the request.
    Stop,
    /// Find something out; `Session::learned` answers.
    Learn(Need, Message),
    /// Find out what columns hold and what values of types look like; `Session::surveyed` says that whatever can be known is.
    Survey(Unknown),
    /// Values of these columns passed, and this is what they say about them.
    Learned(Vec<(ColumnId, Verdict)>),
    /// What came from sensitive columns was written to these.
    Mark(Vec<Mark>),
    /// The same of relations that have no number yet.
    Promise(Vec<Written>),
    /// Keep what the agent writes to, on the disk, before any of the bytes leaves.
    Keep(Arc<Mint>),
    /// Ask the desk for the message of a hold; `Session::fetched` answers.
    Fetch(HoldId),
    /// Ask the desk about a statement; `Session::answered` answers.
    Petition(Box<Petition>),
    /// Wait for people; `Session::decided` says that there is something to look at.
    Await(HoldId),
    /// Approvals reserved in a transaction that ended: false where what they were used for was rolled back for certain.
    Settle(Vec<HoldId>, bool),
}

/// The outcome of one call. The host owns it, puts its notes on the record, carries it out and clears it.
#[derive(Debug, Default)]
pub struct Output {
    pub to_client: Lane,
    pub to_upstream: Lane,
    pub demands: Vec<Demand>,
    /// What is to be on the record before any of the bytes leaves.
    pub notes: Vec<Note>,
    /// Bytes of the originals in the notes, and of texts without what is sensitive in them.
    originals: usize,
    /// Statements refused because nothing can be recorded.
    pub unrecorded: u64,
}

impl Output {
    /// Whether the client's messages wait until what is here was sent.
    pub fn is_full(&self) -> bool {
        self.to_client.is_full() || self.to_upstream.is_full() || self.notes.len() >= NOTES || self.originals >= ORIGINALS
    }

    pub(super) fn note(&mut self, mut note: Note) {
        let masked = note.event.sent().and_then(|(_, _, body)| body.as_deref()).map_or(0, Sent::length);
        self.originals = self.originals.saturating_add(note.original.as_ref().map_or(0, Original::length)).saturating_add(masked);
        self.notes.push(note);
    }

    /// The notes, which are on the record now or will be.
    pub fn take_notes(&mut self) -> impl Iterator<Item = Note> + '_ {
        self.originals = 0;
        self.notes.drain(..)
    }

    pub fn clear(&mut self) {
        self.to_client.clear();
        self.to_upstream.clear();
        self.demands.clear();
        drop(self.take_notes());
        self.unrecorded = 0;
    }

    pub(super) fn demand(&mut self, demand: Demand) {
        let twice = matches!(demand, Demand::Cancel) && self.demands.iter().any(|known| matches!(known, Demand::Cancel));
        if !twice {
            self.demands.push(demand);
        }
    }
}
