//! Requests for a new signing key that wait for the journal's writer. A request names the key that is to go, so that it means the
//! same however often it is made or carried out. It does not know the journal.

use rusqlite::{Connection, OptionalExtension as _};

use crate::audit::Hash;

/// Asks for another key than this one; who asks for what is asked for already waits along.
pub(crate) fn ask(connection: &Connection, previous: Hash, by: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO rotation (previous, by) VALUES (?1, ?2)", (previous.0, by)).map(drop)
}

pub(crate) fn waits(connection: &Connection, previous: Hash) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM rotation WHERE previous = ?1)", [previous.0], |row| row.get(0))
}

/// A request that waits: the key that is to go, and who asked.
pub(crate) fn next(connection: &Connection) -> rusqlite::Result<Option<(Hash, String)>> {
    let read = |row: &rusqlite::Row<'_>| Ok((Hash(row.get(0)?), row.get(1)?));
    connection.query_row("SELECT previous, by FROM rotation LIMIT 1", (), read).optional()
}

pub(crate) fn done(connection: &Connection, previous: Hash) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM rotation WHERE previous = ?1", [previous.0]).map(drop)
}
