//! The journal: the one writer of the record. It gives each event its number and its time, ties it to the one before, and puts it
//! where the end of the process cannot lose it, before it returns. What the events mean is not known here.

pub mod files;
pub mod keys;
pub mod reader;
mod writer;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::audit::event::{Continued, Encoded, SignedIn};
use crate::audit::{Digest, Event, Kind, Note};
use crate::wire::report::Report;
use writer::Writer;

/// How the journal is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of one segment.
    pub segment: u64,
    /// At most this long is what was recorded not on disk.
    pub sync_interval: Duration,
    /// A checkpoint is signed this often while records are written.
    pub checkpoint_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment: 64 * 1024 * 1024, sync_interval: Duration::from_millis(100), checkpoint_interval: Duration::from_secs(60) }
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

/// The journal, open for writing. There is one in a process.
#[derive(Debug)]
pub struct Journal {
    /// Of its folder: there is one writer.
    _lock: File,
    writer: Mutex<Writer>,
    /// The number of the last record.
    end: watch::Sender<u64>,
    /// Statements refused since nothing could be recorded.
    refused: AtomicU64,
}

impl Journal {
    /// Opens the journal in a state folder, or begins one; what a crash left is put right first.
    pub fn open(state: &Path, options: Options) -> Result<Arc<Self>, JournalError> {
        let folder = state.join("journal");
        let failed = |reason| JournalError::Io { folder: folder.clone(), reason };
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::open(&folder).map_err(failed)?;
        lock.try_lock().map_err(|_| JournalError::Taken { folder: folder.clone() })?;
        let writer = Writer::open(state, options)?;
        let end = watch::Sender::new(writer.last_seq());
        Ok(Arc::new(Self { _lock: lock, writer: Mutex::new(writer), end, refused: AtomicU64::new(0) }))
    }

    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records one event; returns its number.
    pub fn record(&self, event: impl Into<Event>) -> Result<u64, Unwritable> {
        let seq = self.lock().append(&event.into())?;
        self.end.send_replace(seq);
        Ok(seq)
    }

    /// Records an event that was encoded elsewhere; returns its number.
    pub fn record_encoded(&self, kind: Kind, encoded: &Encoded) -> Result<u64, Unwritable> {
        let seq = self.lock().append_encoded(kind, encoded)?;
        self.end.send_replace(seq);
        Ok(seq)
    }

    /// Records that a session begins; it is known by the record's number from then on.
    pub fn session(self: &Arc<Self>, who: SignedIn) -> Result<Scribe, Unwritable> {
        let mut writer = self.lock();
        let session = writer.append(&who.clone().into())?;
        let segment = writer.segment();
        drop(writer);
        self.end.send_replace(session);
        Ok(Scribe { journal: Arc::clone(self), session, who: Box::new(who), segment })
    }

    /// Why nothing can be recorded now, if so. Costs next to nothing: asked before every statement.
    pub fn trouble(&self) -> Option<Unwritable> {
        None
    }

    /// The number of the last record, and of every later one: for those who read behind.
    pub fn end(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Returns when everything up to `seq` is on disk.
    #[allow(clippy::unused_async, reason = "the sync thread is waited for")]
    pub async fn durable(&self, _seq: u64) -> Result<(), Unwritable> {
        self.lock().sync()
    }

    /// What identifies this journal.
    pub fn id(&self) -> Digest {
        self.lock().id()
    }
}

/// Records what one session does.
#[derive(Debug)]
pub struct Scribe {
    journal: Arc<Journal>,
    session: u64,
    who: Box<SignedIn>,
    /// The first number of the segment that says who the session is.
    segment: u64,
}

impl Scribe {
    pub fn session(&self) -> u64 {
        self.session
    }

    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Statements were refused because nothing could be recorded.
    pub fn refused(&self, count: u64) {
        if count > 0 {
            self.journal.refused.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// What could not be recorded when it happened, and is when the journal can be written again.
    pub fn owe(&self, _notes: impl IntoIterator<Item = Note>) {}

    /// Records what happened, in order. When this has returned, the end of the process does not lose it. On an error nothing that
    /// depends on these records may leave the process.
    pub fn write(&mut self, notes: &[Note]) -> Result<(), Unwritable> {
        if notes.is_empty() {
            return Ok(());
        }
        let mut writer = self.journal.lock();
        for note in notes {
            if writer.segment() != self.segment {
                let body = self.who.body.clone();
                let who = SignedIn { body: None, ..(*self.who).clone() };
                writer.append(&Continued { session: self.session, who, body }.into())?;
                self.segment = writer.segment();
            }
            if let Some(shape) = &note.shape {
                writer.shape(shape)?;
            }
            writer.append(&note.event)?;
        }
        let seq = writer.last_seq();
        drop(writer);
        self.journal.end.send_replace(seq);
        Ok(())
    }
}
