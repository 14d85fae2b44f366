//! Who may do what with the index's files. One process builds; and a file that others have open is never put in another's place,
//! because SQLite would mix the one's write-ahead log with the other's pages.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use super::IndexError;

/// Held by whoever builds the index.
const BUILD: &str = "index.lock";
/// Shared by all that have the index open to read; held alone to put another in its place.
const USE: &str = "index.use";
/// A search lasts milliseconds, an export perhaps this long.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);

/// Held until it is dropped; the system frees it when the process ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "holding it is its use")] File);

fn open(state: &Path, name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(state.join(name))?;
    // Root may look into the folder of the user that serves, who must be able to open it afterwards.
    let (own, folder) = (file.metadata()?, state.metadata()?);
    if own.uid() != folder.uid() {
        std::os::unix::fs::fchown(&file, Some(folder.uid()), Some(folder.gid())).ok();
    }
    Ok(file)
}

fn failed(state: &Path, reason: io::Error) -> IndexError {
    IndexError::Io { folder: state.to_owned(), reason }
}

/// `None` while another one builds.
pub fn build(state: &Path) -> Result<Option<Lock>, IndexError> {
    let file = open(state, BUILD).map_err(|reason| failed(state, reason))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(reason)) => Err(failed(state, reason)),
    }
}

/// To read.
pub fn share(state: &Path) -> Result<Lock, IndexError> {
    wait(state, File::try_lock_shared)
}

/// To put another file in the place of the index.
pub fn alone(state: &Path) -> Result<Lock, IndexError> {
    wait(state, File::try_lock)
}

fn wait(state: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Result<Lock, IndexError> {
    let file = open(state, USE).map_err(|reason| failed(state, reason))?;
    for _ in 0..TRIES {
        match lock(&file) {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(reason)) => return Err(failed(state, reason)),
        }
    }
    Err(IndexError::InUse { folder: state.to_owned() })
}
