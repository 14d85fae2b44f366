//! The journal: the one writer of the record. It gives each event its number and its time, ties it to the one before, and puts it
//! where the end of the process cannot lose it, before it returns. What the events mean is not known here.
//!
//! A segment is written as memory that the system brings to disk, with all its blocks and pages made before. Where a file system
//! writes changed pages to new places (btrfs, ZFS, a snapshot below) that promises no room on a full disk: then the system ends the
//! process with SIGBUS at the write. Nothing that depends on the record has left by then; at the next start recovery ends what
//! was open.

mod active;
mod draft;
pub mod epoch;
mod fault;
pub mod files;
mod keeper;
pub mod keys;
pub mod reader;
mod recover;
mod running;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::event::{Encoded, KeyChanged, Recovered, SignedIn, Stopped};
use crate::audit::seal::PublicKey;
use crate::audit::{Digest, Event, Hash, Kind, Note};
use crate::wire::report::Report;
use files::Files;
use keeper::{Keeper, Shared};
use recover::Found;
use writer::{Known, Writer};

/// A segment holds the longest record there is, and what has to come before it, several times.
const SMALLEST_SEGMENT: u64 = 4 * 1024 * 1024;
/// More often, syncing would do nothing but sync.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// How the journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of one segment.
    pub segment: u64,
    /// At most this long is what was recorded not on disk.
    pub sync_interval: Duration,
    /// A checkpoint is signed this often while records are written.
    pub checkpoint_interval: Duration,
    /// Whose key originals are sealed to; without one they are not kept.
    pub seal_to: Option<PublicKey>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment: 16 * 1024 * 1024,
            sync_interval: Duration::from_millis(100),
            checkpoint_interval: Duration::from_secs(60),
            seal_to: None,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("the journal in {folder}: {reason}", folder = folder.display())]
    Io { folder: PathBuf, reason: io::Error },
    #[error("the journal in {folder} is written by another pgsluice", folder = folder.display())]
    Taken { folder: PathBuf },
    #[error("the journal in {folder} is damaged: {what}; `pgsluice audit verify` says more", folder = folder.display())]
    Damaged { folder: PathBuf, what: String },
    #[error("the keys in {folder}: {what}", folder = folder.display())]
    Keys { folder: PathBuf, what: String },
}

/// Nothing can be recorded now, so nothing may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error("the disk that holds the audit journal is full")]
    Full,
    #[error("the audit journal cannot be written")]
    Broken,
}

impl Unwritable {
    /// What an agent is told.
    pub fn report(self) -> Report {
        match self {
            Self::Full => Report::error("53100", "could not record the statement: the disk that holds the audit journal is full")
                .with_hint("Nothing ran. Try again when the operator of pgsluice has made room; no other step is needed."),
            Self::Broken => Report::error("58030", "could not record the statement: the audit journal cannot be written")
                .with_hint("Nothing ran. Try again when the operator of pgsluice has mended it; no other step is needed."),
        }
    }
}

/// How the journal is, for people and for monitoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    pub trouble: Option<Unwritable>,
    pub last_seq: u64,
    /// The last record that is on disk for certain.
    pub synced_seq: u64,
    /// The first number of the segment that is written to.
    pub segment: u64,
    /// The next segment is there already.
    pub spare: bool,
    /// Statements refused since the trouble began.
    pub refused: u64,
}

/// The journal, open for writing. There is one in a process. Dropped without `close` it is left as by a crash.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    keeper: Mutex<Option<Keeper>>,
    lock: Mutex<Option<std::fs::File>>,
    id: Digest,
    state: PathBuf,
}

impl Journal {
    /// Opens the journal in a state folder, or begins one; what a crash left is put right first.
    pub fn open(state: &Path, options: Options) -> Result<Arc<Self>, JournalError> {
        let options = Options {
            segment: options.segment.max(SMALLEST_SEGMENT),
            sync_interval: options.sync_interval.max(SHORTEST_INTERVAL),
            checkpoint_interval: options.checkpoint_interval.max(SHORTEST_INTERVAL),
            ..options
        };
        Self::open_with(state, &options, &Files::default())
    }

    fn open_with(state: &Path, options: &Options, files: &Files) -> Result<Arc<Self>, JournalError> {
        let folder = state.join("journal");
        let failed = |reason| JournalError::Io { folder: folder.clone(), reason };
        let no_keys = |reason: io::Error| JournalError::Keys { folder: state.to_owned(), what: reason.to_string() };
        files.folder(&folder).map_err(failed)?;
        let Some(lock) = files.lock(&folder).map_err(failed)? else { return Err(JournalError::Taken { folder }) };
        let found = recover::recover(files, &folder)?;
        keys::settle(files, state, found.as_ref().and_then(|found| found.key)).map_err(no_keys)?;
        let key = keys::signing(files, state).map_err(no_keys)?;
        let public = key.public();
        let writer = Writer::open(files.clone(), folder.clone(), options.clone(), key, found.as_ref()).map_err(failed)?;
        let id = writer.header().journal;
        let shared = Arc::new(Shared::new(writer));
        let keeper = Keeper::start(&shared, options).map_err(failed)?;
        let (keeper, lock) = (Mutex::new(Some(keeper)), Mutex::new(Some(lock)));
        let journal = Self { shared, keeper, lock, id, state: state.to_owned() };
        journal.begin(found.as_ref(), public).map_err(|why| failed(io::Error::other(why)))?;
        Ok(Arc::new(journal))
    }

    /// Records what was found.
    fn begin(&self, found: Option<&Found>, key: Hash) -> Result<(), Unwritable> {
        if let Some(found) = found {
            let (sessions, orphans) = found.running.count();
            if !found.orderly || sessions > 0 || orphans > 0 {
                let (cut, cut_hash) = found.cut.map_or((0, None), |(cut, hash)| (cut, Some(hash)));
                tracing::warn!(cut, orphans, sessions, "the journal was not closed in order; it was put right");
                self.record(Recovered { cut, cut_hash, orphans, sessions })?;
            }
            for end in found.running.ends() {
                self.record(end)?;
            }
        }
        let previous = found.and_then(|found| found.key);
        if previous != Some(key) {
            if let Some(previous) = previous {
                let (previous, key) = (crate::audit::checkpoint::key_name(previous), crate::audit::checkpoint::key_name(key));
                tracing::error!(previous, key, "the key that signs checkpoints is not the one this journal had: it was lost or replaced");
            }
            self.record(KeyChanged { key, previous, endorsement: None, by: None })?;
        }
        Ok(())
    }

    /// Ends the journal in order: everything is on disk when this returns, and nothing more can be recorded.
    pub fn close(&self) -> Result<(), JournalError> {
        let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let closed = self.write_end();
        drop(keeper);
        let finished = keeper::finish(&self.shared);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        let failed = |reason| JournalError::Io { folder: self.state.join("journal"), reason };
        closed.map_err(|why| failed(io::Error::other(why)))?;
        finished.map_err(failed)
    }

    fn write_end(&self) -> Result<(), Unwritable> {
        let writer = self.shared.lock();
        let (started, executions) = (writer.started, writer.executions);
        drop(writer);
        if started {
            self.record(Stopped { executions })?;
        }
        self.shared.with_segment(|writer| if writer.unsigned { writer.checkpoint() } else { Ok(()) })
    }

    /// Records one event; returns its number.
    pub fn record(&self, event: impl Into<Event>) -> Result<u64, Unwritable> {
        self.shared.put(None, &[event.into().into()], &mut 0)
    }

    /// Records an event that was encoded elsewhere; returns its number.
    pub fn record_encoded(&self, kind: Kind, encoded: &Encoded) -> Result<u64, Unwritable> {
        self.shared.with_segment(|writer| writer.write_encoded(kind, encoded))
    }

    /// Records that a session begins; it is known by the record's number from then on.
    pub fn session(self: &Arc<Self>, who: SignedIn) -> Result<Scribe, Unwritable> {
        let note = [Note::from(who.clone())];
        let (session, segment) = self.shared.with_segment(|writer| Ok((writer.write(None, &note)?, writer.segment())))?;
        Ok(Scribe { journal: Arc::clone(self), known: Known { session, who: Box::new(who), segment }, written: 0 })
    }

    /// Why nothing can be recorded now, if so. Costs next to nothing: asked before every statement.
    pub fn trouble(&self) -> Option<Unwritable> {
        self.shared.trouble()
    }

    /// Counts statements that were refused because of the trouble; the record that ends it says how many.
    pub fn refused(&self, count: u64) {
        if count > 0 {
            self.shared.refused.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub fn health(&self) -> Health {
        let writer = self.shared.lock();
        let (last_seq, segment, spare) = (writer.last_seq(), writer.segment(), writer.spare.is_some());
        drop(writer);
        let synced_seq = self.shared.synced.borrow().seq;
        let refused = self.shared.refused.load(Ordering::Relaxed);
        Health { trouble: self.trouble(), last_seq, synced_seq, segment, spare, refused }
    }

    /// The number of the last record, and of every later one: for those who read behind.
    pub fn end(&self) -> watch::Receiver<u64> {
        // From here on writers tell; what they wrote before is told now.
        let receiver = self.shared.end.subscribe();
        self.shared.tell();
        receiver
    }

    /// The number of the last record that is on disk, and of every later one: for those who pass on what must never be taken back.
    pub fn on_disk(&self) -> watch::Receiver<u64> {
        self.shared.on_disk.subscribe()
    }

    /// Returns when everything up to `seq` is on disk. Who waits at the same time waits for the same sync.
    pub async fn durable(&self, seq: u64) -> Result<(), Unwritable> {
        let seq = seq.min(self.shared.last.load(Ordering::SeqCst));
        let mut synced = self.shared.synced.subscribe();
        if synced.borrow().seq < seq {
            self.shared.ring();
        }
        loop {
            let now = *synced.borrow_and_update();
            if now.seq >= seq {
                return Ok(());
            }
            if let Some(why) = now.failed {
                return Err(why);
            }
            synced.changed().await.map_err(|_| Unwritable::Broken)?;
        }
    }

    /// Makes a new key for checkpoints in the place of this one, which endorses it; where another key is in force already there is
    /// nothing to do. To be called again after an error: it goes on from where it came. One at a time.
    pub fn rotate_signing_key(&self, previous: Hash, by: &str) -> Result<(), JournalError> {
        let failed = |reason: io::Error| JournalError::Keys { folder: self.state.clone(), what: reason.to_string() };
        let unwritable = |why: Unwritable| failed(io::Error::other(why));
        let writer = self.shared.lock();
        let (files, in_force, last) = (writer.files.clone(), writer.key.public(), writer.last_seq());
        drop(writer);
        if in_force != previous {
            // It may have come no farther than its record.
            self.shared.wait_synced(last).map_err(unwritable)?;
            return keys::settle(&files, &self.state, Some(in_force)).map_err(failed);
        }
        let mut next = Some(keys::prepare(&files, &self.state).map_err(failed)?);
        let seq = self.shared.with_segment(|writer| writer.change_key(&mut next, by)).map_err(unwritable)?;
        // The old key is overwritten only when the record that it signed is on disk.
        self.shared.wait_synced(seq).map_err(unwritable)?;
        keys::install(&files, &self.state).map_err(failed)
    }

    /// What identifies this journal.
    pub fn id(&self) -> Digest {
        self.id
    }
}

/// Records what one session does.
#[derive(Debug)]
pub struct Scribe {
    journal: Arc<Journal>,
    known: Known,
    /// Notes of a write that failed in its middle, and are on the record all the same.
    written: usize,
}

impl Scribe {
    pub fn session(&self) -> u64 {
        self.known.session
    }

    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Statements were refused because nothing could be recorded.
    pub fn refused(&self, count: u64) {
        self.journal.refused(count);
    }

    /// What could not be recorded when it happened, and is when the journal can be written again: the notes of the write that failed,
    /// and those that followed from it. What was not recorded before it was to be sent was not sent, so neither that nor an end of
    /// it is owed. What is too much to be kept until then is ended by recovery, at the next start.
    pub fn owe(&self, notes: impl IntoIterator<Item = Note>) {
        let mut unsent = HashSet::new();
        let mut executions = 0_u64;
        let owed = notes.into_iter().skip(self.written).filter_map(|mut note| {
            if let Event::Begun(begun) = &note.event {
                executions = executions.saturating_add(1);
                unsent.insert(begun.statement.number);
                return None;
            } else if let Event::Prepared(prepared) = &note.event {
                unsent.insert(prepared.statement.number);
                return None;
            } else if let Event::SignedOut(out) = &mut note.event {
                out.executions = out.executions.saturating_sub(executions);
            }
            let is_of_unsent = matches!(&note.event, Event::Ended(ended) if unsent.contains(&ended.number));
            (!is_of_unsent).then_some(note)
        });
        self.journal.shared.lock().owe(&self.known, owed);
    }

    /// Records what happened, in order. When this has returned, the end of the process does not lose it. On an error nothing that
    /// depends on these records may leave the process.
    pub fn write(&mut self, notes: &[Note]) -> Result<(), Unwritable> {
        self.written = 0;
        if notes.is_empty() {
            return Ok(());
        }
        self.journal.shared.put(Some(&mut self.known), notes, &mut self.written)?;
        // Nothing failed in the middle.
        self.written = 0;
        Ok(())
    }
}
