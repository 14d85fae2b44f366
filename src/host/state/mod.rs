//! The state folder and the database in it: opening, migrating, and what the running server leaves for the commands
//! beside it. It knows tables and files; what an agent is belongs to `agents`.

pub mod outbox;
pub mod rotation;

use std::fs::{self, File, OpenOptions};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};

/// A command that writes holds the lock for milliseconds; who waits longer than this waits for something broken.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const LOCK_TRIES: u32 = 500;
const FILE: &str = "state.db";
/// Each entry lifts `user_version` by one; an entry that was released is never changed.
const MIGRATIONS: [&str; 11] = [
    include_str!("001.sql"),
    include_str!("002.sql"),
    include_str!("003.sql"),
    include_str!("004.sql"),
    include_str!("005.sql"),
    include_str!("006.sql"),
    include_str!("007.sql"),
    include_str!("008.sql"),
    include_str!("009.sql"),
    include_str!("010.sql"),
    include_str!("011.sql"),
];

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot use the state folder {folder}: {reason}; give another with --state DIR", folder = folder.display())]
    Folder { folder: PathBuf, reason: std::io::Error },
    #[error("cannot write to the state database {file}: make it and its folder writable for this user, or give another with --state DIR", file = file.display())]
    NotWritable { file: PathBuf },
    #[error("the state database {file} is locked by another program; try again when it has ended", file = file.display())]
    Locked { file: PathBuf },
    #[error("the state database {file} was written by a newer pgsluice (its version is {found}, this program knows {known}); use the newer program", file = file.display())]
    Newer { file: PathBuf, found: i64, known: i64 },
    #[error("{file} is not a state database or is damaged; restore it from a backup, or move it away", file = file.display())]
    Damaged { file: PathBuf },
    #[error("the state database {file}: {reason}", file = file.display())]
    Database { file: PathBuf, reason: rusqlite::Error },
    #[error(transparent)]
    Outbox(#[from] outbox::OutboxError),
    #[error("the system gave no random bytes")]
    Random,
}

/// The opened state folder. Each holder of a connection opens its own.
#[derive(Debug, Clone)]
pub struct State {
    folder: PathBuf,
}

/// Where the running server can be reached, for the URLs that `agent add` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerRecord {
    pub address: IpAddr,
    pub port: u16,
    pub tls_required: bool,
    /// The database of agents that have none of their own.
    pub database: Option<String>,
    /// What the links of people begin with.
    pub web: Option<String>,
}

impl State {
    /// Creates what is missing, for this user alone, and brings the schema up to date.
    pub fn open(folder: &Path) -> Result<Self, StateError> {
        let state = Self { folder: folder.to_owned() };
        let failed = |reason| StateError::Folder { folder: folder.to_owned(), reason };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let found = fs::metadata(folder).map_err(failed)?;
        if found.permissions().mode() & 0o022 != 0 {
            tracing::warn!(folder = %folder.display(), "other users can write to the state folder: chmod 700 it");
        }
        let alone = state.lock()?;
        state.own_file(found.uid(), found.gid())?;
        let mut connection = state.connect()?;
        connection.pragma_update(None, "journal_mode", "wal").map_err(|error| state.error(error))?;
        migrate(&mut connection, &state.file())?;
        drop(alone);
        Ok(state)
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// A connection of one's own, with the settings that every one must have.
    pub(crate) fn connect(&self) -> Result<Connection, StateError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connect = || {
            let connection = Connection::open_with_flags(self.file(), flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            // A verifier that was rotated away must not be readable from a free page.
            connection.pragma_update(None, "secure_delete", true)?;
            connection.pragma_update(None, "foreign_keys", true)?;
            // A revocation that was reported must not be lost with the power.
            connection.pragma_update(None, "synchronous", "full")?;
            Ok(connection)
        };
        connect().map_err(|error| self.error(error))
    }

    pub(crate) fn error(&self, error: rusqlite::Error) -> StateError {
        explain(error, self.file())
    }

    /// SQLite's own locks do not cover the making of its file nor the switch to WAL: two programs that start together in a
    /// new folder would tell one of them that the file is locked. The system frees this lock when its holder dies.
    fn lock(&self) -> Result<File, StateError> {
        let lock = File::open(&self.folder).map_err(|reason| self.failed(reason))?;
        for _ in 0..LOCK_TRIES {
            if lock.try_lock().is_ok() {
                return Ok(lock);
            }
            std::thread::sleep(BUSY_TIMEOUT / LOCK_TRIES);
        }
        Err(StateError::Locked { file: self.file() })
    }

    /// SQLite would create the file readable by all; its -wal and -shm follow this file's mode and owner. When root adds an
    /// agent in the folder of the user that runs the server, the file must be that user's.
    fn own_file(&self, user: u32, group: u32) -> Result<(), StateError> {
        let file = self.file();
        if file.exists() {
            // By its path: opening it and closing it again would free the locks that a connection of this process has on it.
            let found = fs::metadata(&file).map_err(|reason| self.failed(reason))?;
            if found.permissions().mode() & 0o077 != 0 {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).map_err(|reason| self.failed(reason))?;
            }
            return Ok(());
        }
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).map_err(|reason| self.failed(reason))?;
        let found = made.metadata().map_err(|reason| self.failed(reason))?;
        if (found.uid(), found.gid()) != (user, group) {
            // Only root may give a file away; whoever else cannot shares the folder by group.
            std::os::unix::fs::fchown(&made, Some(user), Some(group)).ok();
        }
        Ok(())
    }

    fn failed(&self, reason: std::io::Error) -> StateError {
        if matches!(reason.kind(), std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem) {
            StateError::NotWritable { file: self.file() }
        } else {
            StateError::Folder { folder: self.folder.clone(), reason }
        }
    }

    /// How often this state was restored from a backup. Holds, tickets and grants carry the epoch that they were made in; in any
    /// other they are void, for what was spent after the backup was made is not known any more.
    pub fn epoch(&self) -> Result<u32, StateError> {
        self.connect()?.query_row("SELECT number FROM epoch", (), |row| row.get(0)).map_err(|error| self.error(error))
    }

    /// Begins the epoch of a restored backup, whose journal was in epoch `journal`. Nobody listens for it yet, and what is in its
    /// outbox and on the record as well stands behind record `recorded`.
    pub(crate) fn begin_epoch(&self, journal: u32, recorded: u64) -> Result<u32, StateError> {
        let mut connection = self.connect()?;
        let begin = |connection: &mut Connection| {
            connection.query_row("PRAGMA quick_check(1)", (), |row| {
                let found: String = row.get(0)?;
                if found == "ok" { Ok(()) } else { Err(damaged()) }
            })?;
            let transaction = connection.transaction()?;
            transaction.execute("DELETE FROM listener", ())?;
            transaction.execute("DELETE FROM visits", ())?;
            // One that was used since would be good again.
            transaction.execute("DELETE FROM invitations", ())?;
            let sql = "UPDATE epoch SET number = max(number, ?1) + 1 RETURNING number";
            let epoch = transaction.query_row(sql, [journal], |row| row.get(0))?;
            outbox::look_behind(&transaction, recorded)?;
            transaction.commit()?;
            Ok(epoch)
        };
        begin(&mut connection).map_err(|error| self.error(error))
    }

    pub fn record_listener(&self, listener: &ListenerRecord) -> Result<(), StateError> {
        let sql = "INSERT INTO listener (one, address, port, tls_required, database, web) VALUES (1, ?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (one) DO UPDATE SET address = excluded.address, port = excluded.port,
                   tls_required = excluded.tls_required, database = excluded.database,
                   web = excluded.web";
        let row = (listener.address.to_string(), listener.port, listener.tls_required, &listener.database, &listener.web);
        self.connect()?.execute(sql, row).map_err(|error| self.error(error))?;
        Ok(())
    }

    /// What the server that ran last here recorded.
    pub fn listener(&self) -> Result<Option<ListenerRecord>, StateError> {
        let row = self
            .connect()?
            .query_row("SELECT address, port, tls_required, database, web FROM listener", (), |row| {
                Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()
            .map_err(|error| self.error(error))?;
        Ok(row.and_then(|(address, port, tls_required, database, web)| {
            Some(ListenerRecord { address: address.parse().ok()?, port, tls_required, database, web })
        }))
    }
}

fn migrate(connection: &mut Connection, file: &Path) -> Result<(), StateError> {
    let failed = |error| explain(error, file.to_owned());
    let version = |connection: &Connection| connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0));
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version(connection).map_err(failed)? == known {
        return Ok(());
    }
    // Two programs that start together: the second waits here and then finds nothing to do.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    let Some(done) = usize::try_from(found).ok().filter(|done| *done <= MIGRATIONS.len()) else {
        return Err(StateError::Newer { file: file.to_owned(), found, known });
    };
    for migration in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn damaged() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), None)
}

fn explain(error: rusqlite::Error, file: PathBuf) -> StateError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::Locked { file },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => StateError::NotWritable { file },
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => StateError::Damaged { file },
        _ => StateError::Database { file, reason: error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_made_is_for_this_user_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("a/b");
        let state = State::open(&folder).unwrap();
        let connection = state.connect().unwrap();
        connection.execute("INSERT INTO listener VALUES (1, '::1', 1, 0, NULL, NULL)", ()).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for name in ["state.db", "state.db-wal", "state.db-shm"] {
            assert_eq!(mode(&folder.join(name)), 0o600, "{name}");
        }
    }

    #[test]
    fn a_listener_is_recorded_over_the_one_before() {
        let scratch = tempfile::tempdir().unwrap();
        let state = State::open(scratch.path()).unwrap();
        assert_eq!(state.listener().unwrap(), None);
        for (address, port, database) in [("127.0.0.1", 6432, None), ("::1", 7000, Some("d".to_owned()))] {
            let record = ListenerRecord { address: address.parse().unwrap(), port, tls_required: port == 7000, database, web: None };
            state.record_listener(&record).unwrap();
            assert_eq!(State::open(scratch.path()).unwrap().listener().unwrap(), Some(record));
        }
    }

    #[test]
    fn what_root_makes_in_the_servers_folder_is_the_servers() {
        let scratch = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(scratch.path(), Some(12_345), Some(12_345)).is_err() {
            return;
        }
        let connection = State::open(scratch.path()).unwrap().connect().unwrap();
        connection.execute("INSERT INTO listener VALUES (1, '::1', 1, 0, NULL, NULL)", ()).unwrap();
        for entry in fs::read_dir(scratch.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().uid(), 12_345, "{entry:?}");
        }
    }

    #[test]
    fn many_can_make_the_same_folder_at_once() {
        for _ in 0..20 {
            let scratch = tempfile::tempdir().unwrap();
            let start = std::sync::Barrier::new(8);
            std::thread::scope(|scope| {
                let open = || {
                    start.wait();
                    State::open(scratch.path()).map(drop)
                };
                let all: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                for one in all {
                    one.join().unwrap().unwrap();
                }
            });
        }
    }

    #[test]
    fn a_newer_schema_a_locked_and_a_damaged_file_are_named_as_such() {
        let scratch = tempfile::tempdir().unwrap();
        let state = State::open(scratch.path()).unwrap();
        let connection = state.connect().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(State::open(scratch.path()), Err(StateError::Newer { found: 99, .. })));
        connection.pragma_update(None, "user_version", 0).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        assert!(matches!(State::open(scratch.path()), Err(StateError::Locked { .. })));
        drop(connection);

        let other = scratch.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(FILE), "this is no database, whatever its name says".repeat(100)).unwrap();
        assert!(matches!(State::open(&other), Err(StateError::Damaged { .. })));
        fs::write(scratch.path().join("plain"), "").unwrap();
        assert!(matches!(State::open(&scratch.path().join("plain")), Err(StateError::Folder { .. })));
    }
}
