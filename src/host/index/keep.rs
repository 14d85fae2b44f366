//! Keeps the index up with the journal: behind the server, in a thread of its own; before a command's search where no server
//! runs. Whatever happens to the index is mended here: it is built again, or tried again, and never anybody's end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::watch;

use super::indexer::Indexer;
use super::locks::{self, Lock};
use super::{FILE, Index, IndexError, source};
use crate::audit::Digest;
use crate::host::journal::reader::Reader;

/// Records of one transaction: enough that its price is shared by many, few enough that its memory does not matter.
const BATCH: usize = 100_000;
/// After the first record of a batch the others are waited for so long.
const DELAY: Duration = Duration::from_millis(200);
/// Without a record, this is how often a request is looked for.
const IDLE: Duration = Duration::from_secs(1);
/// Batches that are taken in when the end has come: seconds at most. What is left is for whoever opens it next.
const LAST_BATCHES: u32 = 3;
/// After trouble.
const RETRY: Duration = Duration::from_secs(5);
/// What is damaged again right after it was built has another cause.
const TRIES: u32 = 2;
/// A command waits this long for the server's index to have what the journal had when it asked.
const PATIENCE: u32 = 60;
const LOOK: Duration = Duration::from_millis(50);
/// Where another index is built, while this one is searched.
const NEW: &str = "index.new";
/// Its being there asks the server to build the index again.
const REQUEST: &str = "index.rebuild";

/// How far it is: the last record in the index, and about where the journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    pub seq: u64,
    pub end: u64,
}

/// Builds the index; there is one of it for a state folder.
#[derive(Debug)]
pub struct Keeper {
    state: PathBuf,
    indexer: Indexer,
    reader: Reader,
    lock: Lock,
}

impl Keeper {
    /// `None` while another process builds it.
    pub fn open(state: &Path) -> Result<Option<Self>, IndexError> {
        let Some(lock) = locks::build(state)? else { return Ok(None) };
        let file = state.join(FILE);
        if file.exists() {
            let problem = match Indexer::open(&file) {
                Ok(Some(mut indexer)) => match source::resume(state, indexer.cursor())? {
                    Ok(reader) => {
                        indexer.prune()?;
                        return Ok(Some(Self { state: state.to_owned(), indexer, reader, lock }));
                    }
                    Err(problem) => problem,
                },
                Ok(None) => "another version of pgsluice made it",
                Err(error) if error.is_damage() => "it is damaged",
                Err(error) => return Err(error),
            };
            discard(state, problem)?;
        }
        let (indexer, reader) = start(state, &file)?;
        Ok(Some(Self { state: state.to_owned(), indexer, reader, lock }))
    }

    /// Takes in what the journal has, at most one batch. Returns how many records that were.
    ///
    /// After an error it is to be opened again; what was damaged is then gone.
    pub fn advance(&mut self) -> Result<usize, IndexError> {
        let advanced = advance(&self.state, &mut self.indexer, &mut self.reader, BATCH);
        if advanced.as_ref().is_err_and(IndexError::is_damage) {
            discard(&self.state, "it is damaged")?;
        }
        advanced
    }

    pub fn progress(&self) -> Progress {
        Progress { seq: self.indexer.cursor().seq, end: source::about_the_end(&self.state) }
    }

    /// Builds the index again beside the old one, then puts it in its place. `None` when it was told to give up: all is as before.
    pub fn rebuild(self, mut goes_on: impl FnMut(Progress) -> bool) -> Result<Option<Self>, IndexError> {
        let Self { state, indexer: old, lock, .. } = self;
        let (new, file) = (state.join(NEW), state.join(FILE));
        let failed = |reason| IndexError::Io { folder: state.clone(), reason };
        remove(&new).map_err(failed)?;
        let (mut indexer, mut reader) = start(&state, &new)?;
        while advance(&state, &mut indexer, &mut reader, BATCH)? > 0 {
            if !goes_on(Progress { seq: indexer.cursor().seq, end: source::about_the_end(&state) }) {
                drop(indexer);
                remove(&new).map_err(failed)?;
                return Ok(None);
            }
        }
        indexer.close()?;
        drop(old);
        let alone = locks::alone(&state)?;
        remove(&file).map_err(failed)?;
        fs::rename(&new, &file).map_err(failed)?;
        drop(alone);
        let opened = Indexer::open(&file)?.ok_or(IndexError::Damaged { file })?;
        let reader =
            source::resume(&state, opened.cursor())?.unwrap_or_else(|_| Reader::open(&state, opened.cursor().seq.saturating_add(1)));
        Ok(Some(Self { state, indexer: opened, reader, lock }))
    }
}

fn discard(state: &Path, problem: &str) -> Result<(), IndexError> {
    let file = state.join(FILE);
    tracing::warn!(problem, file = %file.display(), "the index is built again");
    let _alone = locks::alone(state)?;
    remove(&file).map_err(|reason| IndexError::Io { folder: state.to_owned(), reason })
}

fn start(state: &Path, file: &Path) -> Result<(Indexer, Reader), IndexError> {
    let indexer = Indexer::open(file)?.ok_or_else(|| IndexError::Damaged { file: file.to_owned() })?;
    Ok((indexer, Reader::open(state, 1)))
}

/// The database and what SQLite keeps beside it.
fn remove(file: &Path) -> io::Result<()> {
    for end in ["-wal", "-shm", ""] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

pub(super) fn advance(state: &Path, indexer: &mut Indexer, reader: &mut Reader, most: usize) -> Result<usize, IndexError> {
    let mut count = 0_usize;
    if indexer.cursor().journal == Digest::default() {
        let Some(journal) = source::journal(state)? else { return Ok(0) };
        indexer.begin(journal);
    }
    while count < most {
        let Some(entry) = reader.next()? else { break };
        let before = indexer.cursor().seq;
        if before > 0 && entry.seq != before.saturating_add(1) {
            // Pruned under our eyes: what the index would miss is to be missed by a new one as well.
            return Err(IndexError::Damaged { file: state.join(FILE) });
        }
        indexer.apply(&source::item(state, &entry)?)?;
        count = count.saturating_add(1);
    }
    indexer.commit()?;
    indexer.prune()?;
    Ok(count)
}

/// Brings the index up to what the journal has. Where a server builds it, the server is waited for, for a moment.
pub fn catch_up(state: &Path, mut tell: impl FnMut(Progress)) -> Result<(), IndexError> {
    for tries_left in (0..TRIES).rev() {
        let Some(mut keeper) = Keeper::open(state)? else { break };
        loop {
            match keeper.advance() {
                Ok(0) => return Ok(()),
                Ok(_) => tell(keeper.progress()),
                Err(error) if error.is_damage() && tries_left > 0 => break,
                Err(error) => return Err(error),
            }
        }
    }
    let mut end = None;
    for _ in 0..PATIENCE {
        let indexed = Index::open(state)?.last_seq()?;
        let end = match end {
            Some(end) => end,
            None => *end.insert(last_seq(state, indexed)?),
        };
        if indexed >= end {
            break;
        }
        tell(Progress { seq: indexed, end });
        thread::sleep(LOOK);
    }
    Ok(())
}

fn last_seq(state: &Path, from: u64) -> Result<u64, IndexError> {
    let (mut reader, mut last) = (Reader::open(state, from.saturating_add(1)), from);
    while let Some(entry) = reader.next()? {
        last = entry.seq;
    }
    Ok(last)
}

/// Builds the index again: here, or, where a server builds it, by asking that.
pub fn reindex(state: &Path, mut tell: impl FnMut(Progress)) -> Result<(), IndexError> {
    let failed = |reason| IndexError::Io { folder: state.to_owned(), reason };
    let request = state.join(REQUEST);
    let mut asked = false;
    loop {
        if let Some(keeper) = Keeper::open(state)? {
            keeper.rebuild(|progress| {
                tell(progress);
                true
            })?;
            return fs::remove_file(&request)
                .or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
                .map_err(failed);
        }
        if !asked {
            fs::write(&request, "").map_err(failed)?;
            asked = true;
        } else if !request.exists() {
            return Ok(());
        }
        let seq = Index::peek(&state.join(NEW)).unwrap_or(0);
        tell(Progress { seq, end: source::about_the_end(state) });
        thread::sleep(LOOK);
    }
}

/// The thread that builds the index behind the journal.
#[derive(Debug)]
pub struct Follower {
    thread: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    trouble: watch::Receiver<Option<String>>,
    passed: watch::Receiver<u64>,
}

impl Follower {
    /// Why the index is behind, if it is.
    pub fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.clone()
    }

    /// The last record that is in the index.
    pub fn passed(&self) -> watch::Receiver<u64> {
        self.passed.clone()
    }
}

impl Drop for Follower {
    /// Returns when what the journal has is in the index, unless that is very much, or cannot be.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the index ended in a panic");
        }
    }
}

/// Builds the index behind the journal, whose last record `end` tells of, until the follower is dropped or the journal is.
pub fn follow(state: &Path, end: watch::Receiver<u64>) -> io::Result<Follower> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (stop, stopped) = watch::channel(false);
    let ((tell, trouble), (pass, passed)) = (watch::channel(None), watch::channel(0));
    let mut work = Work { state: state.to_owned(), trouble: tell, passed: pass, end, stopped, runtime };
    let thread = thread::Builder::new().name("index".to_owned()).spawn(move || work.run())?;
    Ok(Follower { thread: Some(thread), stop, trouble, passed })
}

struct Work {
    state: PathBuf,
    trouble: watch::Sender<Option<String>>,
    passed: watch::Sender<u64>,
    end: watch::Receiver<u64>,
    stopped: watch::Receiver<bool>,
    runtime: tokio::runtime::Runtime,
}

impl Work {
    fn run(&mut self) {
        while !self.is_over() {
            match self.keep() {
                Ok(()) => {}
                Err(error) => {
                    self.say(Some(error.to_string()));
                    self.pause(RETRY);
                }
            }
        }
    }

    /// Says it in the log when it begins and when it ends.
    fn say(&self, trouble: Option<String>) {
        self.trouble.send_if_modified(|now| {
            match (&*now, &trouble) {
                (before, Some(error)) if before.as_ref() != Some(error) => {
                    tracing::error!(%error, "the index is behind; it is tried again")
                }
                (Some(_), None) => tracing::info!("the index is built on"),
                _ => {}
            }
            let differs = *now != trouble;
            *now = trouble;
            differs
        });
    }

    fn is_over(&self) -> bool {
        *self.stopped.borrow() || self.end.has_changed().is_err()
    }

    /// Until the end, or trouble.
    fn keep(&mut self) -> Result<(), IndexError> {
        let Some(mut keeper) = Keeper::open(&self.state)? else {
            // A command brings it up to date.
            self.pause(LOOK);
            return Ok(());
        };
        let request = self.state.join(REQUEST);
        let mut last_batches = LAST_BATCHES;
        loop {
            // Before the journal is read to its end, so that nothing that was there at the end is missed.
            let over = self.is_over();
            self.end.borrow_and_update();
            let count = keeper.advance()?;
            self.say(None);
            self.passed.send_replace(keeper.indexer.cursor().seq);
            if request.exists() {
                let stopped = &self.stopped;
                // Whoever asked finds that nobody serves any more, and does it.
                let Some(new) = keeper.rebuild(|_| !*stopped.borrow())? else { return Ok(()) };
                keeper = new;
                fs::remove_file(&request).map_err(|reason| IndexError::Io { folder: self.state.clone(), reason })?;
                tracing::info!("the index was built again, as somebody asked");
            }
            match count {
                0 if over => return Ok(()),
                _ if over => {
                    last_batches = last_batches.saturating_sub(1);
                    if last_batches == 0 {
                        return Ok(());
                    }
                }
                0 => self.wait(),
                BATCH => {}
                _ => self.pause(DELAY),
            }
        }
    }

    /// Until there is more, or for a while.
    fn wait(&mut self) {
        let (end, stopped) = (&mut self.end, &mut self.stopped);
        self.runtime.block_on(async {
            tokio::select! {
                _ = end.changed() => {}
                _ = stopped.changed() => {}
                () = tokio::time::sleep(IDLE) => {}
            }
        });
    }

    fn pause(&mut self, time: Duration) {
        let stopped = &mut self.stopped;
        self.runtime.block_on(async {
            tokio::select! {
                _ = stopped.changed() => {}
                () = tokio::time::sleep(time) => {}
            }
        });
    }
}

#[cfg(test)]
impl Keeper {
    /// The disk is full when the index has grown by so many pages.
    pub(super) fn allow_pages(&mut self, more: u64) {
        let db = &self.indexer.db;
        let count: u64 = db.pragma_query_value(None, "page_count", |row| row.get::<_, i64>(0)).map(super::from_sql).unwrap();
        db.pragma_update_and_check(None, "max_page_count", super::to_sql(count + more), |_| Ok(())).unwrap();
    }

    pub(super) fn advance_by(&mut self, most: usize) -> Result<usize, IndexError> {
        advance(&self.state, &mut self.indexer, &mut self.reader, most)
    }

    /// Takes in some records and is gone before they are committed.
    pub(super) fn stop_within(&mut self, count: usize) {
        self.advance_by(count / 2).unwrap();
        for _ in 0..count / 2 {
            let Some(entry) = self.reader.next().unwrap() else { break };
            self.indexer.apply(&source::item(&self.state, &entry).unwrap()).unwrap();
        }
    }
}
