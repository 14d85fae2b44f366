//! Events that wait for the journal's writer: put down in the transaction of the change that they speak of, by whichever process
//! makes it, so that there is no change without its record. It does not know the journal.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::audit::event::{Encoded, Kind, Unreadable};
use crate::audit::record::{MOST_BODY, MOST_FACTS};
use crate::audit::{Event, Origin};
use crate::host::when;

/// Nobody acts as often by hand: where so many wait, nothing has been recorded for long, and no further change may be made.
pub const MOST_WAITING: i64 = 100_000;
/// What an event's origin takes beside its facts.
const ORIGIN: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboxError {
    #[error(
        "nothing was changed: {MOST_WAITING} earlier changes wait to be recorded, and no more are taken; find out why the audit journal \
         cannot be written"
    )]
    Full,
    #[error("nothing was changed: the record of it would be too long")]
    TooLong,
}

/// An event that waits.
#[derive(Debug)]
pub struct Waiting {
    pub id: i64,
    pub kind: Kind,
    /// With its origin.
    pub encoded: Encoded,
}

/// Puts an event down. The caller's transaction makes it and the change one step; on an inner error that must not be committed.
pub fn put(connection: &Connection, now: SystemTime, event: &Event) -> rusqlite::Result<Result<(), OutboxError>> {
    let mut encoded = Encoded::default();
    event.encode(&mut encoded);
    if encoded.facts.len() > MOST_FACTS.saturating_sub(ORIGIN) || encoded.body.len() > MOST_BODY {
        return Ok(Err(OutboxError::TooLong));
    }
    // Ids rise by one, and rows leave in their order: no need to count them.
    let sql = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM outbox";
    if connection.query_row(sql, (), |row| row.get::<_, i64>(0))? >= MOST_WAITING {
        return Ok(Err(OutboxError::Full));
    }
    let time = i64::try_from(when::micros(now)).unwrap_or(i64::MAX);
    let sql = "INSERT INTO outbox (time, kind, facts, body) VALUES (?1, ?2, ?3, ?4)";
    connection.execute(sql, params![time, event.kind().0, encoded.facts, encoded.body])?;
    Ok(Ok(()))
}

/// The id of the event that was put down last, of those that wait.
pub(crate) fn last(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT max(id) FROM outbox", (), |row| row.get(0))
}

/// Whether an event waits that is not younger than this one.
pub(crate) fn waits(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM outbox WHERE id <= ?1)", [id], |row| row.get(0))
}

/// The oldest ones that wait.
pub(crate) fn oldest(connection: &Connection, most: u32) -> rusqlite::Result<Result<Vec<Waiting>, Unreadable>> {
    let mut statement = connection.prepare("SELECT id, time, kind, facts, body FROM outbox ORDER BY id LIMIT ?1")?;
    let rows = statement.query_map([most], |row| {
        let id: i64 = row.get(0)?;
        let origin = Origin { outbox: id.unsigned_abs(), time: row.get::<_, i64>(1)?.unsigned_abs() };
        let facts: Vec<u8> = row.get(3)?;
        let (kind, body) = (Kind(row.get(2)?), row.get(4)?);
        Ok(origin.put(&facts).map(|facts| Waiting { id, kind, encoded: Encoded { facts, body } }))
    })?;
    rows.collect()
}

/// Begins to move events to the journal, whose last record has this number. A move that was begun before and not finished stays.
pub(crate) fn begin_move(connection: &Connection, after: u64) -> rusqlite::Result<()> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    connection.execute("INSERT OR IGNORE INTO outbox_move (one, after) VALUES (1, ?1)", [after]).map(drop)
}

/// Makes the next move look behind this record for what is there already.
pub(crate) fn look_behind(connection: &Connection, after: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO outbox_move (one, after) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET after = min(after, excluded.after)";
    connection.execute(sql, [i64::try_from(after).unwrap_or(i64::MAX)]).map(drop)
}

/// Behind which record the events stand that were recorded and not taken out of the outbox, if there may be any.
pub(crate) fn unfinished_move(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    let after = connection.query_row("SELECT after FROM outbox_move", (), |row| row.get::<_, i64>(0)).optional()?;
    Ok(after.map(i64::unsigned_abs))
}

/// Takes out the events up to this one: they are on the record, and on disk.
pub(crate) fn finish_move(connection: &mut Connection, through: i64) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute("DELETE FROM outbox WHERE id <= ?1", [through])?;
    transaction.execute("DELETE FROM outbox_move", ())?;
    transaction.commit()?;
    // Words of people must not outlast their erasure in the log of the database. Somebody who reads just now may stand in the way:
    // then the next one takes them along.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
}
