//! Brings the events that commands put down in the outbox to the journal, each once: by the process that writes the journal, or,
//! where there is none, by the command itself. It does not know what the events mean.
//!
//! Each event is in the journal and on disk before it leaves the outbox. A crash in between leaves both; so the move says first
//! where in the journal it begins, and the next one looks behind that record for what is there already. An event on the record
//! names its row of the outbox ([`Origin`](crate::audit::Origin)), so that one could be recognised that came twice after all,
//! say with an older copy of the database.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use super::journal::reader::{ReadError, Reader};
use super::journal::{Journal, JournalError, Options, Unwritable, keys};
use super::state::outbox::{self, OutboxError};
use super::state::{State, StateError, rotation};
use crate::audit::{Event, Hash};

/// Events moved in one step.
const BATCH: u32 = 256;
/// Looks of a command whether its events have been moved, and how long it goes on looking. The serving process moves them
/// within [`EVERY`].
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the serving process looks for events.
const EVERY: Duration = Duration::from_millis(50);
/// After an error the next try waits, so that the log is not filled with it.
const PAUSE: Duration = Duration::from_secs(1);

/// Within a process one moves at a time; between processes the journal's lock sees to it.
static MOVING: Mutex<()> = Mutex::new(());

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("an event in the outbox of the state database cannot be read: the database is damaged, or was changed by hand")]
    Unreadable,
    #[error("another pgsluice holds the audit journal and records nothing")]
    Unanswered,
    #[error("the system gave no thread: {0}")]
    Thread(std::io::Error),
    #[error(
        "what was done is done, and its record could not be written yet: {0}\nIt waits in the state database; it will be recorded when \
         `pgsluice serve` runs on this state folder, or by the next command that can"
    )]
    Unsettled(Box<Self>),
    #[error(
        "there is no signing.key in {0} to be rotated: put it back from a backup, or start `pgsluice serve` again, which then makes a new \
         one and records that the old one was lost"
    )]
    NoKey(String),
    #[error(
        "the key that signs checkpoints is not the one in signing.key, which was replaced: start `pgsluice serve` again, which records that"
    )]
    Replaced,
    #[error(
        "the signing key is not rotated yet: {0}\nThe request waits in the state database; it is carried out when `pgsluice serve` runs \
         on this state folder, or by the next command that can"
    )]
    Unrotated(Box<Self>),
}

/// Public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    pub old: Hash,
    pub new: Hash,
}

/// The way from the outbox to the journal.
#[derive(Debug)]
pub struct Ledger {
    state: State,
    connection: Connection,
    options: Options,
}

impl Ledger {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()?, options: Options::default() })
    }

    /// How the journal is kept when this one has to open it.
    #[must_use]
    pub fn with(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// Records an event that goes with no change of the state; returns when it is on the record.
    pub fn record(&mut self, now: SystemTime, event: impl Into<Event>) -> Result<(), LedgerError> {
        outbox::put(&self.connection, now, &event.into()).map_err(|error| self.state.error(error))??;
        self.settle()
    }

    /// Moves everything that waits, and rotates the signing key where that was asked for; returns how many events. Blocks until they are on disk.
    pub fn drain(&mut self, journal: &Journal) -> Result<usize, LedgerError> {
        let _alone = MOVING.lock().unwrap_or_else(PoisonError::into_inner);
        let mut moved = 0;
        // Who puts down events faster than they are moved does not keep us here.
        for _ in 0..=outbox::MOST_WAITING / i64::from(BATCH) {
            let Some(copied) = self.copy(journal)? else { break };
            self.remove(copied.through)?;
            moved += copied.count;
        }
        self.rotate(journal)?;
        Ok(moved)
    }

    /// Carries out what was asked for with `rotate_signing_key`. A request goes only when the new key is in force.
    fn rotate(&self, journal: &Journal) -> Result<(), LedgerError> {
        let failed = |error| self.state.error(error);
        while let Some((previous, by)) = rotation::next(&self.connection).map_err(failed)? {
            journal.rotate_signing_key(previous, &by)?;
            rotation::done(&self.connection, previous).map_err(failed)?;
        }
        Ok(())
    }

    /// The first half of a move: the oldest events are in the journal, and on disk.
    fn copy(&self, journal: &Journal) -> Result<Option<Copied>, LedgerError> {
        let failed = |error| self.state.error(error);
        let waiting = outbox::oldest(&self.connection, BATCH).map_err(failed)?.map_err(|_| LedgerError::Unreadable)?;
        let Some(through) = waiting.last().map(|last| last.id) else { return Ok(None) };
        let recorded = match outbox::unfinished_move(&self.connection).map_err(failed)? {
            Some(after) => self.recorded(after)?,
            None => {
                outbox::begin_move(&self.connection, *journal.end().borrow()).map_err(failed)?;
                0
            }
        };
        let mut seq = *journal.end().borrow();
        let mut count = 0;
        for event in waiting.iter().filter(|event| event.id > recorded) {
            seq = journal.record_encoded(event.kind, &event.encoded)?;
            count += 1;
        }
        wait_for(journal.durable(seq))?;
        Ok(Some(Copied { through, count }))
    }

    fn remove(&mut self, through: i64) -> Result<(), LedgerError> {
        outbox::finish_move(&mut self.connection, through).map_err(|error| self.state.error(error).into())
    }

    /// The last event of the outbox that is on the record behind this one.
    fn recorded(&self, after: u64) -> Result<i64, LedgerError> {
        let mut reader = Reader::open(self.state.folder(), after.saturating_add(1));
        let mut last = 0;
        while let Some(entry) = reader.next()? {
            // What cannot be read was not written by the move.
            if let Ok(Some(origin)) = entry.origin() {
                last = i64::try_from(origin.outbox).unwrap_or(i64::MAX).max(last);
            }
        }
        Ok(last)
    }

    /// Returns when everything that waits now is on the record: brought there by the process that holds the journal, or by us.
    pub fn settle(&mut self) -> Result<(), LedgerError> {
        self.settle_within(PATIENCE).map_err(|error| LedgerError::Unsettled(Box::new(error)))
    }

    fn settle_within(&mut self, patience: Duration) -> Result<(), LedgerError> {
        let Some(last) = outbox::last(&self.connection).map_err(|error| self.state.error(error))? else { return Ok(()) };
        self.drained(patience, |connection| outbox::waits(connection, last))
    }

    /// Has the signing key followed by a new one, which it endorses; returns when that one is in force.
    pub fn rotate_signing_key(&mut self, by: &str) -> Result<Rotated, LedgerError> {
        let folder = self.state.folder().to_owned();
        let key = || {
            let found =
                keys::in_force(&folder).map_err(|reason| JournalError::Keys { folder: folder.clone(), what: reason.to_string() })?;
            found.ok_or_else(|| LedgerError::NoKey(folder.display().to_string()))
        };
        let old = key()?;
        rotation::ask(&self.connection, old, by).map_err(|error| self.state.error(error))?;
        let waited = self.drained(PATIENCE, |connection| rotation::waits(connection, old));
        waited.map_err(|error| LedgerError::Unrotated(Box::new(error)))?;
        let new = key()?;
        if new == old { Err(LedgerError::Replaced) } else { Ok(Rotated { old, new }) }
    }

    /// Returns when nothing waits any more: carried out by the process that holds the journal, or by us.
    fn drained(&mut self, patience: Duration, waits: impl Fn(&Connection) -> rusqlite::Result<bool>) -> Result<(), LedgerError> {
        let until = Instant::now() + patience;
        while waits(&self.connection).map_err(|error| self.state.error(error))? {
            match Journal::open(self.state.folder(), self.options.clone()) {
                Ok(journal) => {
                    self.drain(&journal)?;
                    journal.close()?;
                }
                Err(JournalError::Taken { .. }) if Instant::now() < until => thread::sleep(LOOK),
                Err(JournalError::Taken { .. }) => return Err(LedgerError::Unanswered),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

struct Copied {
    through: i64,
    count: usize,
}

/// Moves events for as long as a server runs, on a thread of its own: it waits for the disk.
#[derive(Debug)]
pub struct Keeper {
    stop: mpsc::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn start(mut ledger: Ledger, journal: Arc<Journal>) -> Result<Self, LedgerError> {
        let (stop, stopped) = mpsc::channel::<()>();
        let work = move || {
            loop {
                let pause = match ledger.drain(&journal) {
                    Ok(_) => EVERY,
                    Err(error) => {
                        tracing::error!(%error, "what commands did is not recorded yet");
                        PAUSE
                    }
                };
                if stopped.recv_timeout(pause) != Err(mpsc::RecvTimeoutError::Timeout) {
                    break;
                }
            }
            // What came while we were told to stop.
            if let Err(error) = ledger.drain(&journal) {
                tracing::error!(%error, "what commands did is not recorded; it will be when the server starts again");
            }
        };
        let thread = thread::Builder::new().name("ledger".to_owned()).spawn(work).map_err(LedgerError::Thread)?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.send(()).ok();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that moves events to the journal panicked");
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread, inside an event loop or not.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

#[cfg(test)]
mod tests;
