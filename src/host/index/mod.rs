//! The index: the journal arranged to be searched. `keep` builds it behind the journal, in one process at a time; `search` and
//! `totals` answer from it, in any process. Nothing in it is the truth: it can be built again at any moment, and what is wrong
//! with it never stops the record or the traffic.

mod block;
mod dictionary;
mod event;
pub mod filter;
mod forget;
mod held;
pub mod indexer;
pub mod keep;
mod locks;
mod open;
mod plan;
mod posting;
mod run;
pub mod search;
mod source;
mod tally;
#[cfg(test)]
mod tests;
pub mod told;
pub mod totals;
mod words;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::journal::reader::ReadError;
pub use filter::Filter;
pub use search::{Found, Index};
pub use words::of as words_of;

const FILE: &str = "index.db";
/// An index of another version is built again.
const VERSION: i64 = 2;
const SCHEMA: &str = include_str!("schema.sql");
/// Only one process writes, and readers of a write-ahead log wait for nobody.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Memory for pages of the index, in KiB.
const CACHE: i64 = 64 * 1024;
/// Pages in the write-ahead log before they are copied to their places.
const CHECKPOINT_PAGES: i64 = 16 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error("the index {file}: {reason}", file = file.display())]
    Database { file: PathBuf, reason: rusqlite::Error },
    #[error("the index {file} is damaged; it is built again when the server runs, or by `pgsluice audit reindex`", file = file.display())]
    Damaged { file: PathBuf },
    #[error("there is no index in {folder} yet; `pgsluice audit reindex` builds it", folder = folder.display())]
    Missing { folder: PathBuf },
    #[error("the index in {folder}: {reason}", folder = folder.display())]
    Io { folder: PathBuf, reason: std::io::Error },
    #[error("the index in {folder} is in use by other programs for too long; try again", folder = folder.display())]
    InUse { folder: PathBuf },
    #[error(transparent)]
    Journal(#[from] ReadError),
}

impl IndexError {
    /// Whether building it again mends it.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. })
    }
}

/// What goes wrong inside, before it is known in which file.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Block(#[from] block::Damaged),
    #[error(transparent)]
    Journal(#[from] ReadError),
}

impl Trouble {
    fn of(self, file: &Path) -> IndexError {
        let file = file.to_owned();
        match self {
            Self::Journal(error) => error.into(),
            Self::Block(_) => IndexError::Damaged { file },
            Self::Sql(reason) => {
                let mended = matches!(
                    reason,
                    // A table that is not there, or a value of another type: not what we wrote.
                    rusqlite::Error::InvalidColumnType(..)
                        | rusqlite::Error::FromSqlConversionFailure(..)
                        | rusqlite::Error::IntegralValueOutOfRange(..)
                );
                match reason.sqlite_error_code() {
                    Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown) => IndexError::Damaged { file },
                    _ if mended => IndexError::Damaged { file },
                    _ => IndexError::Database { file, reason },
                }
            }
        }
    }
}

/// Numbers of ours fit in what SQLite has; what does not is no number of ours.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn size(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Opens the database for writing, and makes it where it is missing. `None` is one of another version.
fn connect(file: &Path) -> Result<Option<Connection>, Trouble> {
    let fresh = !file.exists();
    if fresh {
        // SQLite would make it readable by all; its other files follow this one's mode.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        // Root may index the folder of the user that serves.
        if let (Ok(made), Some(Ok(folder))) = (made, file.parent().map(fs::metadata)) {
            std::os::unix::fs::fchown(&made, Some(folder.uid()), Some(folder.gid())).ok();
        }
    }
    let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle(&connection)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // What the end of the power takes is read again from the journal.
    connection.pragma_update(None, "synchronous", "normal")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // What was erased must not be readable from a free page.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 && connection.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get::<_, i64>(0))? == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
        return Ok(Some(connection));
    }
    Ok((version == VERSION).then_some(connection))
}

fn settle(connection: &Connection) -> Result<(), Trouble> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", CACHE.saturating_neg())?;
    // Never as mapped memory: there a disk that fails would end the process instead of giving an error.
    connection.pragma_update(None, "mmap_size", 0)?;
    Ok(())
}
