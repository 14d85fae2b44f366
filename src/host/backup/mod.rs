//! Backups of the state folder: one tar file, made while the server runs. In it are the state database, the segments of the journal
//! up to one record, the keys, and a manifest with a signature over how far the journal went. The index is not in it: it is built
//! from the journal. What a restore does is in `restore`.

mod chain;
mod manifest;
mod restore;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use ring::digest::{Context, SHA256};
use tar::{Builder, EntryType, Header};

use super::journal::{files, keys};
use super::state::{State, StateError};
use super::when;
use crate::audit::Hash;
use crate::audit::segment::HEADER;
use chain::{Chain, ChainError};
use manifest::{Manifest, Part};

pub use restore::{Restored, restore};

const DATABASE: &str = "state.db";
const JOURNAL: &str = "journal";
const MANIFEST: &str = "manifest.json";
/// The hash of the manifest, the last part.
const SEAL: &str = "manifest.sha256";
/// A record that is being written, or erased, while it is read is whole a moment later; one that stays broken is damaged.
const LOOKS: u32 = 10;
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{path}: {reason}", path = path.display())]
    Io { path: PathBuf, reason: io::Error },
    #[error("{path} exists: a backup overwrites nothing", path = path.display())]
    Exists { path: PathBuf },
    #[error("another backup to {path} is being made", path = path.display())]
    Busy { path: PathBuf },
    #[error("the signing key was being rotated meanwhile: try again")]
    Rotating,
    #[error("the keys of the journal: {0}")]
    Keys(io::Error),
    #[error("the journal is damaged: {0}; `pgsluice audit verify` says more")]
    Journal(ChainError),
    #[error("{path} is no backup, or it is damaged: {what}", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{path} is not empty: a restore overwrites nothing; give another folder with --state DIR", path = path.display())]
    NotEmpty { path: PathBuf },
    #[error(transparent)]
    Epoch(#[from] super::journal::JournalError),
    #[error("{0}")]
    People(#[from] super::people::PeopleError),
    #[error("the system gave no random bytes")]
    Random,
}

/// What was backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackedUp {
    /// The last record in it.
    pub seq: u64,
    pub hash: Hash,
    pub segments: usize,
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError {
    let path = path.to_owned();
    move |reason| BackupError::Io { path: path.clone(), reason }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Makes a backup. The file has its name only when it is whole and on disk. There must be a journal.
pub fn backup(state: &State, path: &Path, with_keys: bool, now: SystemTime) -> Result<BackedUp, BackupError> {
    if path.exists() {
        return Err(BackupError::Exists { path: path.to_owned() });
    }
    let partial = beside(path, ".partial");
    // What an earlier one left that was interrupted is used again; one that is being made now is locked.
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&partial).map_err(at(&partial))?;
    let busy = || BackupError::Busy { path: path.to_owned() };
    file.try_lock().map_err(|_| busy())?;
    // Whoever held the lock until now may have given the file its name.
    let (locked, named) = (file.metadata().map_err(at(&partial))?, fs::metadata(&partial).map_err(|_| busy())?);
    if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
        return Err(busy());
    }
    let database = beside(path, ".partial.db");
    let made = file.set_len(0).map_err(at(&partial)).and_then(|()| {
        let taken = write(state, &file, &partial, &database, with_keys, now)?;
        file.sync_all().map_err(at(&partial))?;
        fs::rename(&partial, path).map_err(at(path))?;
        Ok(taken)
    });
    for left in [&database, &partial] {
        // What cannot be removed is used again by the next one.
        fs::remove_file(left).ok();
    }
    let taken = made?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))?;
    Ok(taken)
}

fn write(state: &State, file: &File, partial: &Path, database: &Path, with_keys: bool, now: SystemTime) -> Result<BackedUp, BackupError> {
    let mut parts = Parts { out: Builder::new(BufWriter::new(file)), path: partial, time: now, written: Vec::new() };
    let folder = state.folder().join(JOURNAL);
    // Before the database is copied: what is in its outbox then and on the record as well stands behind this record, so that a
    // restore does not record it again.
    let outbox_after = last_segment(&folder)?.1;
    copy_database(state, database)?;
    parts.add(DATABASE, File::open(database).map_err(at(database))?)?;

    let keys = keys::Keys::load(state.folder()).map_err(BackupError::Keys)?;
    let mut chain = Chain::default();
    let segments = files::segments(&folder).map_err(at(&folder))?;
    for seq in segments {
        let bytes = whole_records(&folder, seq, &mut chain)?;
        // The one that was begun last may have no record yet.
        if bytes.len() > HEADER {
            parts.add_bytes(&format!("{JOURNAL}/{}", files::segment_name(seq)), &bytes)?;
        }
    }
    let segments = parts.written.len().saturating_sub(1);
    let end = chain.end().ok_or(BackupError::Journal(ChainError::Empty))?;
    if with_keys {
        for name in keys::FILES {
            let path = state.folder().join(name);
            parts.add(name, File::open(&path).map_err(at(&path))?)?;
        }
    }
    // A journal that names one key beside another key would look as if its key was lost.
    if keys::at_rest(state.folder()).map_err(BackupError::Keys)? != Some(keys.signing.public()) {
        return Err(BackupError::Rotating);
    }
    let checkpoint = keys.signing.checkpoint(end.journal, end.epoch, end.seq, end.hash, when::micros(now));
    let manifest = Manifest::new(checkpoint, outbox_after, with_keys, parts.written.clone());
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| at(partial)(error.into()))?;
    parts.add_bytes(MANIFEST, &text)?;
    let seal = parts.written.last().map(|part| part.sha256.clone()).unwrap_or_default();
    parts.add_bytes(SEAL, seal.as_bytes())?;
    parts.out.into_inner().and_then(|mut out| out.flush()).map_err(at(partial))?;
    Ok(BackedUp { seq: end.seq, hash: end.hash, segments })
}

/// A copy of the database as it is now, without what was deleted from it.
fn copy_database(state: &State, to: &Path) -> Result<(), BackupError> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to).map_err(at(to))?;
    let name = to.to_str().ok_or_else(|| at(to)(io::Error::other("the name of a backup must be UTF-8")))?;
    state.connect()?.execute("VACUUM INTO ?1", [name]).map_err(|error| state.error(error))?;
    Ok(())
}

/// The segment that is written to: its first record, and the last one it has now.
fn last_segment(folder: &Path) -> Result<(u64, u64), BackupError> {
    let first = files::segments(folder).map_err(at(folder))?.last().copied().ok_or(BackupError::Journal(ChainError::Empty))?;
    let mut chain = Chain::default();
    whole_records(folder, first, &mut chain)?;
    Ok((first, chain.end().map_or(0, |end| end.seq)))
}

/// The bytes of a segment up to its last whole record, which are checked against the segments before. A segment is in memory
/// whole.
fn whole_records(folder: &Path, seq: u64, chain: &mut Chain) -> Result<Vec<u8>, BackupError> {
    let path = folder.join(files::segment_name(seq));
    let mut looks = 0;
    loop {
        let mut bytes = fs::read(&path).map_err(at(&path))?;
        let mut longer = chain.clone();
        match longer.segment(seq, &bytes) {
            Ok(length) => {
                bytes.truncate(length);
                *chain = longer;
                return Ok(bytes);
            }
            Err(ChainError::Header { .. } | ChainError::Record { .. }) if looks < LOOKS => {
                looks += 1;
                thread::sleep(LOOK);
            }
            Err(error) => return Err(BackupError::Journal(error)),
        }
    }
}

struct Parts<'a> {
    out: Builder<BufWriter<&'a File>>,
    path: &'a Path,
    time: SystemTime,
    written: Vec<Part>,
}

impl Parts<'_> {
    fn add(&mut self, name: &str, file: File) -> Result<(), BackupError> {
        let bytes = file.metadata().map_err(at(self.path))?.len();
        self.append(name, bytes, file.take(bytes))
    }

    fn add_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), BackupError> {
        self.append(name, u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes)
    }

    fn append(&mut self, name: &str, bytes: u64, content: impl Read) -> Result<(), BackupError> {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(when::micros(self.time) / 1_000_000);
        let mut content = Hashing::new(content);
        self.out.append_data(&mut header, name, &mut content).map_err(at(self.path))?;
        let sha256 = content.finish().to_string();
        self.written.push(Part { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }
}

/// Hashes what is read through it.
struct Hashing<R> {
    from: R,
    context: Context,
}

impl<R: Read> Hashing<R> {
    fn new(from: R) -> Self {
        Self { from, context: Context::new(&SHA256) }
    }

    fn finish(self) -> Hash {
        let mut hash = Hash::default();
        for (to, from) in hash.0.iter_mut().zip(self.context.finish().as_ref()) {
            *to = *from;
        }
        hash
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.context.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
