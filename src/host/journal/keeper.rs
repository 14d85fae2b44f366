//! The keeper: a thread that does for the writer what takes time. It brings records to disk, makes the next segment before it
//! is needed, cuts full ones to length, signs checkpoints, and tries again what failed until it works.

use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::active::{SPARE, Segment, Spare};
use super::fault::{Fault, Trouble};
use super::running;
use super::writer::{Known, Stop, Writer};
use super::{Options, Unwritable};
use crate::audit::Note;
use crate::audit::event::Resumed;
use crate::audit::segment::HEADER;

/// What failed is tried again this often; more often in tests, which have much to try.
const RETRY: Duration = Duration::from_millis(if cfg!(test) { 5 } else { 1000 });
/// A writer waits this long for the next segment before it calls the disk too slow. Longer, and agents see timeouts.
const PATIENCE: Duration = Duration::from_secs(1);
/// What is written again at once after a failed sync.
const CHUNK: usize = 1024 * 1024;
/// Files that say what was open: of this segment and of the one before.
const SIDE_FILES: usize = 2;

/// How much is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Synced {
    pub seq: u64,
    /// Why no more is.
    pub failed: Option<Unwritable>,
}

/// What the writers, the keeper and those who wait have in common.
#[derive(Debug)]
pub struct Shared {
    writer: Mutex<Writer>,
    /// The next segment came, or will not.
    ready: Condvar,
    pub end: watch::Sender<u64>,
    pub last: AtomicU64,
    pub synced: watch::Sender<Synced>,
    /// Its number alone, told only when it grows.
    pub on_disk: watch::Sender<u64>,
    pub refused: AtomicU64,
    trouble: AtomicU8,
    bell: Mutex<Bell>,
    rung: Condvar,
}

#[derive(Debug, Default)]
struct Bell {
    rung: bool,
    stop: bool,
}

/// What the keeper remembers from round to round.
#[derive(Debug)]
pub struct Rounds {
    /// Up to here the current segment, or one before it, is on disk for certain.
    segment: u64,
    at: usize,
    checkpoint: Instant,
    /// The next segment could not be made, and is not tried before.
    spare: Instant,
    /// A sync failed: nothing is tried before.
    pause: Option<Instant>,
}

impl Rounds {
    pub fn new() -> Self {
        Self { segment: 0, at: 0, checkpoint: Instant::now(), spare: Instant::now(), pause: None }
    }
}

const fn number(kind: Option<Unwritable>) -> u8 {
    match kind {
        None => 0,
        Some(Unwritable::Full) => 1,
        Some(Unwritable::Broken) => 2,
    }
}

fn refusal(stop: Stop) -> Unwritable {
    match stop {
        Stop::Unwritable(why) => why,
        Stop::NoSpare => Unwritable::Broken,
        Stop::TooLong => {
            tracing::error!("a record is too long for a segment of the journal");
            Unwritable::Broken
        }
    }
}

impl Shared {
    pub fn new(writer: Writer) -> Self {
        let last = writer.last_seq();
        Self {
            writer: Mutex::new(writer),
            ready: Condvar::new(),
            end: watch::Sender::new(last),
            last: AtomicU64::new(last),
            synced: watch::Sender::new(Synced { seq: 0, failed: None }),
            on_disk: watch::Sender::new(0),
            refused: AtomicU64::new(0),
            trouble: AtomicU8::new(0),
            bell: Mutex::default(),
            rung: Condvar::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn trouble(&self) -> Option<Unwritable> {
        match self.trouble.load(Ordering::Relaxed) {
            0 => None,
            1 => Some(Unwritable::Full),
            _ => Some(Unwritable::Broken),
        }
    }

    /// Wakes the keeper.
    pub fn ring(&self) {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).rung = true;
        self.rung.notify_one();
    }

    fn stop(&self) {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.rung.notify_one();
    }

    /// Writes a group of records: all at once if they fit in one segment, and one by one if not. `written` counts those, so
    /// that it says how many are there when one fails.
    pub fn put(&self, mut known: Option<&mut Known>, notes: &[Note], written: &mut usize) -> Result<u64, Unwritable> {
        let mut whole = |notes: &[Note]| self.try_with_segment(|writer| writer.write(known.as_deref_mut(), notes));
        match whole(notes) {
            Err(Stop::TooLong) => {}
            done => return done.map_err(refusal),
        }
        let mut last = Err(Unwritable::Broken);
        for note in notes {
            last = Ok(whole(std::slice::from_ref(note)).map_err(refusal)?);
            *written = written.saturating_add(1);
        }
        last
    }

    pub fn with_segment<T>(&self, act: impl FnMut(&mut Writer) -> Result<T, Stop>) -> Result<T, Unwritable> {
        self.try_with_segment(act).map_err(refusal)
    }

    /// Does what may need the next segment, and waits for that a little.
    fn try_with_segment<T>(&self, mut act: impl FnMut(&mut Writer) -> Result<T, Stop>) -> Result<T, Stop> {
        let mut writer = self.lock();
        let mut until = None;
        let done = loop {
            match act(&mut writer) {
                Ok(done) => break Ok(done),
                Err(stop @ (Stop::Unwritable(_) | Stop::TooLong)) => break Err(stop),
                Err(Stop::NoSpare) => {
                    let left = until.get_or_insert_with(|| Instant::now() + PATIENCE).saturating_duration_since(Instant::now());
                    // One waits, and the others are told what came of it.
                    if writer.closed || writer.trouble.is_some() || writer.spare_failed.is_some() || left.is_zero() {
                        writer.stuck = true;
                        break Err(Stop::Unwritable(writer.ailment().map_or(Unwritable::Broken, |fault| fault.kind)));
                    }
                    writer.hurry = true;
                    self.ring();
                    (writer, _) = self.ready.wait_timeout(writer, left).unwrap_or_else(PoisonError::into_inner);
                }
            }
        };
        self.weigh(&mut writer);
        let call = std::mem::take(&mut writer.call);
        self.last.store(writer.last_seq(), Ordering::SeqCst);
        drop(writer);
        if call {
            self.ring();
        }
        self.tell();
        done
    }

    /// Returns when everything up to `seq` is on disk, or cannot be brought there. For a thread that may wait.
    pub fn wait_synced(&self, seq: u64) -> Result<(), Unwritable> {
        let mut writer = self.lock();
        loop {
            let synced = *self.synced.borrow();
            if synced.seq >= seq {
                return Ok(());
            }
            if let Some(why) = synced.failed.or_else(|| writer.closed.then_some(Unwritable::Broken)) {
                return Err(why);
            }
            self.ring();
            writer = self.ready.wait(writer).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tells those who read behind, if there are any.
    pub fn tell(&self) {
        if self.end.receiver_count() > 0 {
            let last = self.last.load(Ordering::SeqCst);
            self.end.send_if_modified(|seq| {
                let newer = last > *seq;
                *seq = last.max(*seq);
                newer
            });
        }
    }

    /// Says whether something can be recorded, and once it can again, records since when it could not.
    fn weigh(&self, writer: &mut Writer) {
        match writer.ailment() {
            Some(fault) => {
                self.trouble.store(number(Some(fault.kind)), Ordering::Relaxed);
                if writer.trouble.is_none() {
                    tracing::error!(said = %fault.said, "nothing can be recorded: {}; statements are refused", fault.kind);
                    let since = writer.now();
                    writer.trouble = Some(Trouble { fault, since });
                }
            }
            None => {
                let Some(Trouble { fault, since }) = &writer.trouble else { return writer.settle() };
                let refused = self.refused.load(Ordering::Relaxed);
                let resumed = Resumed { since: *since, refused, trouble: fault.said.clone() };
                if writer.write(None, &[resumed.into()]).is_ok() {
                    self.refused.fetch_sub(refused, Ordering::Relaxed);
                    tracing::warn!(refused, "the journal can be written again");
                    writer.trouble = None;
                    self.trouble.store(number(None), Ordering::Relaxed);
                    writer.settle();
                }
            }
        }
    }

    /// One round of the keeper's. Says what failed.
    pub fn round(&self, rounds: &mut Rounds, every: Duration) -> io::Result<()> {
        if Instant::now() >= rounds.spare && self.provide().is_err() {
            rounds.spare = Instant::now() + RETRY;
        }
        if rounds.checkpoint.elapsed() >= every {
            let mut writer = self.lock();
            // What fails here is found again below, or is tried again in the next round.
            if !writer.unsigned || writer.checkpoint().is_ok() {
                rounds.checkpoint = Instant::now();
            }
            self.last.store(writer.last_seq(), Ordering::SeqCst);
            drop(writer);
            self.tell();
        }
        let synced = self.sync(rounds);
        let mut writer = self.lock();
        match &synced {
            Ok(seq) => {
                writer.broken = None;
                // First, for who was told that a record is on disk may look for it there.
                self.on_disk.send_if_modified(|known| std::mem::replace(known, *seq) != *seq);
                self.synced.send_replace(Synced { seq: *seq, failed: None });
            }
            Err(reason) => {
                let kind = writer.fail(reason);
                self.synced.send_modify(|synced| synced.failed = Some(kind));
            }
        }
        self.weigh(&mut writer);
        self.last.store(writer.last_seq(), Ordering::SeqCst);
        drop(writer);
        self.ready.notify_all();
        self.tell();
        rounds.pause = synced.is_err().then(|| Instant::now() + RETRY);
        synced.map(drop)
    }

    /// Makes the next segment when it is time.
    fn provide(&self) -> io::Result<()> {
        let writer = self.lock();
        let Some(size) = writer.wants_spare() else { return Ok(()) };
        let (files, folder) = (writer.files.clone(), writer.folder.clone());
        drop(writer);
        let made = Spare::make(&files, &folder, size);
        let mut writer = self.lock();
        let done = match made {
            Ok(spare) => {
                (writer.spare, writer.spare_failed, writer.stuck) = (Some(spare), None, false);
                Ok(())
            }
            Err(reason) => {
                writer.spare_failed = Some(Fault::new(&reason));
                Err(reason)
            }
        };
        self.weigh(&mut writer);
        drop(writer);
        self.ready.notify_all();
        done
    }

    /// Brings everything that was written to disk, oldest first; returns the last number that is there.
    fn sync(&self, rounds: &mut Rounds) -> io::Result<u64> {
        loop {
            let writer = self.lock();
            let (files, folder, again) = (writer.files.clone(), writer.folder.clone(), writer.broken.is_some());
            let Some(retired) = writer.retired.front() else {
                let (file, segment, at, seq) = (Arc::clone(&writer.current.file), writer.segment(), writer.current.at, writer.last_seq());
                drop(writer);
                if again {
                    self.write_again(rounds, segment)?;
                }
                if again || seq > self.synced.borrow().seq {
                    files.sync_data(&file)?;
                }
                (rounds.segment, rounds.at) = (segment, at);
                return Ok(seq);
            };
            let (file, segment, at) = (Arc::clone(&retired.segment.file), retired.segment.header.first_seq, retired.segment.at);
            let (next, next_seq) = (retired.next, retired.next_seq);
            let open = retired.running.write(next);
            drop(writer);
            if again {
                self.write_again(rounds, segment)?;
            }
            files.sync_data(&file)?;
            files.sync_folder(&folder)?;
            files.put(&folder, &format!("{next_seq:020}{}", running::ENDING), &open)?;
            // Last: a segment that is cut is on disk whole.
            files.cut(&file, u64::try_from(at).unwrap_or(u64::MAX))?;
            files.sync(&file)?;
            let sides = files.numbered(&folder, running::ENDING)?;
            for old in sides.iter().rev().skip(SIDE_FILES) {
                files.remove(&folder.join(format!("{old:020}{}", running::ENDING)))?;
            }
            (rounds.segment, rounds.at) = (next_seq, HEADER);
            let retired = self.lock().retired.pop_front();
            // Unmapped with the lock free.
            drop(retired);
        }
    }

    /// After a failed sync the system counts pages as clean that never came to disk, so that the next sync would say that all is
    /// well. What is not on disk for certain is therefore written once more.
    fn write_again(&self, rounds: &Rounds, segment: u64) -> io::Result<()> {
        let mut at = if rounds.segment == segment { rounds.at } else { 0 };
        let mut bytes = vec![0; CHUNK];
        loop {
            let writer = self.lock();
            let retired = writer.retired.iter().map(|retired| &retired.segment);
            let held: Option<&Segment> = retired.chain([&writer.current]).find(|held| held.header.first_seq == segment);
            let Some(held) = held else { return Ok(()) };
            let count = held.copy(at, &mut bytes);
            let (files, file) = (writer.files.clone(), Arc::clone(&held.file));
            drop(writer);
            if count == 0 {
                return Ok(());
            }
            files.write_at(&file, bytes.get(..count).unwrap_or_default(), u64::try_from(at).unwrap_or(u64::MAX))?;
            at = at.saturating_add(count);
        }
    }

    /// Waits until there is something to do; false at the end.
    fn wait(&self, rounds: &Rounds, every: Duration) -> bool {
        let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
        let until = rounds.pause.unwrap_or_else(|| Instant::now() + every);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Who rings while something is broken waits for the next try.
            if bell.stop || left.is_zero() || (bell.rung && rounds.pause.is_none()) {
                bell.rung = false;
                return !bell.stop;
            }
            (bell, _) = self.rung.wait_timeout(bell, left).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The keeper's thread; ended when this is dropped.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub fn start(shared: &Arc<Shared>, options: &Options) -> io::Result<Self> {
        let (keeping, options) = (Arc::clone(shared), options.clone());
        let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
            let guard = Guard(&keeping);
            let mut rounds = Rounds::new();
            while keeping.wait(&rounds, options.sync_interval.min(options.checkpoint_interval)) {
                if let Err(reason) = keeping.round(&mut rounds, options.checkpoint_interval) {
                    tracing::error!(%reason, "the journal could not be brought to disk");
                }
            }
            drop(guard);
        })?;
        Ok(Self { shared: Arc::clone(shared), thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.stop();
        // A panic in it was logged where it happened, and stopped all writing.
        self.thread.take().map(JoinHandle::join);
    }
}

/// Without its keeper the journal takes nothing more.
struct Guard<'a>(&'a Shared);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let mut writer = self.0.lock();
            let kind = writer.fail(&io::Error::other("the journal's thread ended"));
            self.0.weigh(&mut writer);
            self.0.synced.send_modify(|synced| synced.failed = Some(kind));
        }
    }
}

/// Removes the spare segment, cuts the current one to its length, and brings all of it to disk.
pub fn finish(shared: &Shared) -> io::Result<()> {
    shared.lock().closed = true;
    shared.trouble.store(number(Some(Unwritable::Broken)), Ordering::Relaxed);
    shared.round(&mut Rounds::new(), Duration::MAX)?;
    let mut writer = shared.lock();
    writer.spare = None;
    let (files, folder) = (writer.files.clone(), writer.folder.clone());
    let (file, at) = (Arc::clone(&writer.current.file), writer.current.at);
    drop(writer);
    files.remove(&folder.join(SPARE))?;
    files.cut(&file, u64::try_from(at).unwrap_or(u64::MAX))?;
    files.sync(&file)?;
    files.sync_folder(&folder)
}
