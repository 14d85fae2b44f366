//! The journal under test: files that fail, folders as crashes leave them, readers beside the writer.
#![allow(clippy::indexing_slicing, reason = "a test says so by failing")]

mod faults;
mod recovery;
mod writing;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::files::{self, Files};
use super::{Journal, JournalError, Options, Scribe};
use crate::audit::event::{Begun, Claims, Ended, Outcome, Sent, SignedIn, Statement, Verdict, Way};
use crate::audit::segment::Walk;
use crate::audit::{Digest, Event, Hash, Kind, Note, Shape};

/// Which operations on files fail, counted from when it was set.
#[derive(Debug, Default)]
pub struct Faults {
    begun: AtomicU64,
    done: AtomicU64,
    /// From this operation on, that many; none at zero.
    from: AtomicU64,
    count: AtomicU64,
    /// They fail although they were done.
    late: AtomicBool,
    errno: AtomicU64,
    /// Of this name only.
    only: Mutex<Option<&'static str>>,
    failed: Mutex<Vec<&'static str>>,
}

impl Faults {
    pub fn before(&self, name: &'static str) -> io::Result<()> {
        if self.concerns(name) && !self.late.load(Ordering::SeqCst) { self.fail(name, &self.begun) } else { Ok(()) }
    }

    pub fn after(&self, name: &'static str) -> io::Result<()> {
        if self.concerns(name) && self.late.load(Ordering::SeqCst) { self.fail(name, &self.done) } else { Ok(()) }
    }

    fn concerns(&self, name: &str) -> bool {
        self.only.lock().unwrap().is_none_or(|only| only == name)
    }

    fn fail(&self, name: &'static str, counter: &AtomicU64) -> io::Result<()> {
        let number = counter.fetch_add(1, Ordering::SeqCst) + 1;
        let (from, count) = (self.from.load(Ordering::SeqCst), self.count.load(Ordering::SeqCst));
        if from > 0 && number >= from && number - from < count {
            self.failed.lock().unwrap().push(name);
            return Err(io::Error::from_raw_os_error(i32::try_from(self.errno.load(Ordering::SeqCst)).unwrap()));
        }
        Ok(())
    }

    fn set(&self, from: u64, count: u64, errno: rustix::io::Errno, late: bool) {
        self.errno.store(u64::try_from(errno.raw_os_error()).unwrap(), Ordering::SeqCst);
        self.late.store(late, Ordering::SeqCst);
        self.begun.store(0, Ordering::SeqCst);
        self.done.store(0, Ordering::SeqCst);
        self.count.store(count, Ordering::SeqCst);
        self.from.store(from, Ordering::SeqCst);
    }

    /// Every operation of that name fails until `mend`.
    fn break_all(&self, name: &'static str, errno: rustix::io::Errno) {
        *self.only.lock().unwrap() = Some(name);
        self.set(1, u64::MAX, errno, false);
    }

    fn mend(&self) {
        self.from.store(0, Ordering::SeqCst);
    }

    fn failed(&self) -> Vec<&'static str> {
        self.failed.lock().unwrap().clone()
    }
}

/// In memory, where there is such a file system: the tests are about what is asked of files, not about the disk.
fn state() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn small() -> Options {
    Options { segment: 16 * 1024, sync_interval: Duration::from_millis(1), checkpoint_interval: Duration::from_millis(3), seal_to: None }
}

/// Keeps its keeper away unless somebody rings.
fn quiet() -> Options {
    Options { segment: 64 * 1024, sync_interval: Duration::from_secs(3600), checkpoint_interval: Duration::from_secs(3600), seal_to: None }
}

fn open(state: &Path) -> Arc<Journal> {
    Journal::open_with(state, &small(), &Files::default()).unwrap()
}

fn who() -> SignedIn {
    SignedIn {
        agent_id: 7,
        agent: "reporter".into(),
        owner: "alice".into(),
        environment: None,
        database: "shop".into(),
        role: "reporting".into(),
        address: Some("127.0.0.1".into()),
        tls: true,
        process_id: 4711,
        policy: None,
        body: Some(Box::new(Claims { application: Some("psql".into()) })),
    }
}

fn shape(number: u8) -> Arc<Shape> {
    Arc::new(Shape {
        digest: Digest([number; 16]),
        text: format!("SELECT a FROM t{number} WHERE id = $1").into(),
        relations: Box::default(),
    })
}

fn begun(session: u64, number: u64, shape: &Arc<Shape>) -> Note {
    let statement = Statement {
        session,
        number,
        way: Way::Execute,
        shape: shape.digest,
        digest: Digest([9; 16]),
        length: 33,
        parameters: 1,
        in_transaction: false,
        verdict: Verdict::Allowed,
        effects: None,
        rule: None,
        policy: None,
        hold: None,
    };
    let body = Some(Box::new(Sent { relations: vec!["public.t".into()], ..Sent::default() }));
    Note { event: Begun { statement, body }.into(), shape: Some(Arc::clone(shape)), original: None }
}

fn ended(session: u64, number: u64) -> Note {
    Ended {
        session,
        number,
        outcome: Outcome::Completed,
        duration: Some(10),
        rows: 1,
        bytes: 20,
        received: 0,
        affected: None,
        command: Some("SELECT".into()),
        commands: None,
        code: None,
        masked: None,
    }
    .into()
}

/// Runs `count` executions from `first` on.
fn execute(scribe: &mut Scribe, first: u64, count: u64) {
    let session = scribe.session();
    for number in first..first + count {
        scribe.write(&[begun(session, number, &shape(1))]).unwrap();
        scribe.write(&[ended(session, number)]).unwrap();
    }
}

struct Read {
    seq: u64,
    segment: u64,
    event: Event,
}

/// Reads all segments, each record checked against the one before, across segments, and by its time.
fn verify(state: &Path) -> Vec<Read> {
    let folder = state.join("journal");
    let (mut all, mut time, mut end) = (Vec::new(), 0, (Hash::default(), 1));
    for first in files::segments(&folder).unwrap() {
        let bytes = fs::read(folder.join(files::segment_name(first))).unwrap();
        let (header, mut walk) = Walk::new(&bytes).unwrap();
        assert_eq!((header.previous, header.first_seq, first), (end.0, end.1, first));
        let last = loop {
            match walk.step() {
                Ok(Some(record)) => {
                    assert!(record.time >= time, "time goes back at record {}", record.seq);
                    time = record.time;
                    let body = if let crate::audit::record::Body::Whole(body) = record.body { Some(body) } else { None };
                    let event = Event::decode(Kind(record.kind), record.facts, body).unwrap().unwrap();
                    all.push(Read { seq: record.seq, segment: first, event });
                }
                Ok(None) => break walk.is_at_end(),
                Err(broken) => panic!("segment {first}, record {}: {broken}", walk.next_seq()),
            }
        };
        assert!(last, "segment {first} has rests behind its last record");
        end = (walk.previous(), walk.next_seq());
    }
    all
}

fn copy(from: &Path) -> TempDir {
    let to = state();
    for folder in ["", "journal"] {
        fs::create_dir_all(to.path().join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                match fs::copy(entry.path(), to.path().join(folder).join(entry.file_name())) {
                    // The folder lives: what was there a moment ago may have got its name, or be gone.
                    Err(reason) if reason.kind() == std::io::ErrorKind::NotFound => {}
                    copied => drop(copied.unwrap()),
                }
            }
        }
    }
    to
}

fn damaged(state: &Path) -> String {
    match Journal::open_with(state, &small(), &Files::default()) {
        Err(JournalError::Damaged { what, .. }) => what,
        other => panic!("{other:?}"),
    }
}

fn wait_for(mut done: impl FnMut() -> bool) {
    for _ in 0..20_000 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it never came");
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), future).await.unwrap() })
}
