//! How far a sink has come, kept in the state database. It is moved only after what it passes has arrived.

use rusqlite::{Connection, OptionalExtension as _};

use crate::audit::Hash;
use crate::host::state::{State, StateError};
use crate::host::when;

/// A record, by its number and its hash. The number 0 is before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark {
    pub seq: u64,
    pub hash: Hash,
}

/// The row of one sink.
pub struct Cursor {
    name: String,
    mark: Mark,
    saved: Mark,
    state: State,
    connection: Connection,
}

impl Cursor {
    /// Finds the row of a sink, or begins one before the first record.
    pub fn open(state: &State, name: String) -> Result<Self, StateError> {
        let connection = state.connect()?;
        let begin = "INSERT INTO sink (name, seq, hash, delivered_time) VALUES (?1, 0, zeroblob(32), 0) ON CONFLICT (name) DO NOTHING";
        connection.execute(begin, [&name]).map_err(|error| state.error(error))?;
        let found = connection
            .query_row("SELECT seq, hash FROM sink WHERE name = ?1", [&name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?)))
            .map_err(|error| state.error(error))?;
        let mark = Mark { seq: u64::try_from(found.0).unwrap_or(0), hash: Hash(found.1) };
        Ok(Self { name, mark, saved: mark, state: state.clone(), connection })
    }

    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// Everything up to `mark` has arrived. If that cannot be written down now, it is with the next move; until then a restart
    /// would send again what has arrived.
    pub fn move_to(&mut self, mark: Mark) -> Result<(), StateError> {
        self.mark = mark;
        self.save()
    }

    fn save(&mut self) -> Result<(), StateError> {
        if self.saved == self.mark {
            return Ok(());
        }
        let row = (number(self.mark.seq), self.mark.hash.0, number(when::now()), &self.name);
        let sql = "UPDATE sink SET seq = ?1, hash = ?2, delivered_time = ?3 WHERE name = ?4";
        self.connection.execute(sql, row).map_err(|error| self.state.error(error))?;
        self.saved = self.mark;
        Ok(())
    }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

/// Forgets the sinks that are not configured any more: what they did not get must not be kept for them for ever.
pub fn forget_others(state: &State, names: &[String]) -> Result<(), StateError> {
    let connection = state.connect()?;
    let failed = |error| state.error(error);
    let mut known = connection.prepare("SELECT name FROM sink").map_err(failed)?;
    let known: Vec<String> = known.query_map((), |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
    for name in known.iter().filter(|name| !names.contains(name)) {
        connection.execute("DELETE FROM sink WHERE name = ?1", [name]).map_err(failed)?;
        tracing::info!(sink = name, "not configured any more: how far it had come is forgotten");
    }
    Ok(())
}

/// The last record that has arrived everywhere; `None` where the record is sent nowhere. What is behind it may be pruned.
pub fn delivered(state: &State) -> Result<Option<u64>, StateError> {
    let smallest = state.connect()?.query_row("SELECT min(seq) FROM sink", (), |row| row.get::<_, Option<i64>>(0)).optional();
    Ok(smallest.map_err(|error| state.error(error))?.flatten().and_then(|seq| u64::try_from(seq).ok()))
}
