//! What is still to be told, in the state database: it survives the end of the process at any moment, and a message whose arrival was not written
//! down is sent again. It keeps no word of what is told.

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::gate::hold::HoldId;
use crate::host::state::{State, StateError};

/// Messages that never arrived and are kept for people to see; the oldest go.
const MOST_DEAD: i64 = 1_000;

/// How a place stands with one hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub id: i64,
    pub hold: HoldId,
    pub agent: String,
    /// Its place knows of it already.
    pub is_told: bool,
    pub changes: i64,
    pub tries: u32,
    pub version: Option<Vec<u8>>,
    pub message: Option<String>,
}

/// Many holds of one agent that are told together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub id: i64,
    pub agent: String,
    pub began: u64,
    pub tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    Notice(Notice),
    Digest(Digest),
}

/// A message that never arrived.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Dead {
    pub place: String,
    pub hold: String,
    pub agent: String,
    pub trouble: String,
}

/// How much a place has not been told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    pub waiting: u64,
    pub dead: u64,
}

#[derive(Debug)]
pub struct Store {
    state: State,
    connection: Connection,
}

impl Store {
    pub fn open(state: &State) -> Result<Self, StateError> {
        let connection = state.connect()?;
        // What power takes from here is told once more.
        connection.pragma_update(None, "synchronous", "normal").map_err(|error| state.error(error))?;
        Ok(Self { state: state.clone(), connection })
    }

    fn error(&self, error: rusqlite::Error) -> StateError {
        self.state.error(error)
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StateError> {
        let run = || self.connection.prepare_cached(sql)?.execute(values);
        run().map_err(|error| self.error(error))
    }

    /// Everything until `commit` is one step.
    pub fn begin(&self) -> Result<(), StateError> {
        self.execute("BEGIN IMMEDIATE", ()).map(drop)
    }

    pub fn commit(&self) -> Result<(), StateError> {
        self.execute("COMMIT", ()).map(drop)
    }

    pub fn roll_back(&self) {
        // Where nothing was begun there is nothing to take back.
        self.execute("ROLLBACK", ()).ok();
    }

    /// Places that are not configured any more are forgotten.
    pub fn keep_places(&self, places: &[&str]) -> Result<(), StateError> {
        for table in ["notice", "notice_digest"] {
            let names = serde_json::to_string(places).unwrap_or_default();
            self.execute(&format!("DELETE FROM {table} WHERE place NOT IN (SELECT value FROM json_each(?1))"), [names])?;
        }
        Ok(())
    }

    /// A place is to be told of a hold at `due`, unless it is in hand already.
    pub fn want(&self, place: &str, hold: HoldId, agent: &str, due: u64) -> Result<(), StateError> {
        let sql = "INSERT INTO notice (place, hold, agent, stage, due) VALUES (?1, ?2, ?3, 'new', ?4) ON CONFLICT (place, hold) DO NOTHING";
        self.execute(sql, params![place, signed(hold.number()), agent, signed(due)]).map(drop)
    }

    /// A hold is not as it was: places that were told of it are to look whether they tell something else now.
    pub fn changed(&self, hold: HoldId, now: u64) -> Result<(), StateError> {
        // One that is on its way for the first time is not told yet, and is looked at again when it has arrived.
        let sql =
            "UPDATE notice SET changes = changes + 1, due = iif(stage = 'told', ?2, due) WHERE hold = ?1 AND stage IN ('new', 'told')";
        self.execute(sql, params![signed(hold.number()), signed(now)]).map(drop)
    }

    /// It no longer waits, so nobody need be told any more that it does: its places look at it now, for one of them may be telling it just then.
    pub fn closed(&self, hold: HoldId, now: u64) -> Result<(), StateError> {
        let sql = "UPDATE notice SET stage = iif(trouble IS NULL, 'over', 'dead') WHERE hold = ?1 AND stage = 'together'";
        self.execute(sql, [signed(hold.number())])?;
        self.execute("UPDATE notice SET due = ?2 WHERE hold = ?1 AND stage = 'new'", params![signed(hold.number()), signed(now)]).map(drop)
    }

    /// It ended before its place was told of it; what was tried in vain stays to be seen.
    pub fn ended(&self, notice: &Notice) -> Result<(), StateError> {
        self.execute("UPDATE notice SET stage = iif(trouble IS NULL, 'over', 'dead'), due = NULL WHERE id = ?1", [notice.id])?;
        self.bury()
    }

    fn bury(&self) -> Result<(), StateError> {
        let sql = "DELETE FROM notice WHERE stage = 'dead' AND id <= (SELECT id FROM notice WHERE stage = 'dead' ORDER BY id DESC LIMIT 1 OFFSET ?1)";
        self.execute(sql, [MOST_DEAD]).map(drop)
    }

    /// What a place is to do now, or when there will be something.
    pub fn next(&self, place: &str, now: u64) -> Result<Result<Due, Option<u64>>, StateError> {
        let read = || {
            let sql = "SELECT id, agent, began, tries, due FROM notice_digest WHERE place = ?1 ORDER BY due LIMIT 1";
            let digest = |row: &Row<'_>| {
                let digest = Digest { id: row.get(0)?, agent: row.get(1)?, began: unsigned(row.get(2)?), tries: row.get(3)? };
                Ok((unsigned(row.get(4)?), Due::Digest(digest)))
            };
            let digest = self.connection.prepare_cached(sql)?.query_row([place], digest).optional()?;
            let sql = "SELECT id, hold, agent, stage = 'told', changes, tries, version, message, due FROM notice
                       WHERE place = ?1 AND due IS NOT NULL ORDER BY due, id LIMIT 1";
            let notice = |row: &Row<'_>| {
                let notice = Notice {
                    id: row.get(0)?,
                    hold: HoldId::of(unsigned(row.get(1)?)),
                    agent: row.get(2)?,
                    is_told: row.get(3)?,
                    changes: row.get(4)?,
                    tries: row.get(5)?,
                    version: row.get(6)?,
                    message: row.get(7)?,
                };
                Ok((unsigned(row.get(8)?), Due::Notice(notice)))
            };
            let notice = self.connection.prepare_cached(sql)?.query_row([place], notice).optional()?;
            Ok(digest.into_iter().chain(notice).min_by_key(|(due, _)| *due))
        };
        let first = read().map_err(|error| self.error(error))?;
        Ok(match first {
            Some((due, what)) if due <= now => Ok(what),
            Some((due, _)) => Err(Some(due)),
            None => Err(None),
        })
    }

    /// How many holds of an agent a place was told of one by one since then.
    pub fn told_since(&self, place: &str, agent: &str, since: u64) -> Result<usize, StateError> {
        let sql = "SELECT count(*) FROM notice WHERE place = ?1 AND agent = ?2 AND told > ?3";
        let read = || self.connection.prepare_cached(sql)?.query_row(params![place, agent, signed(since)], |row| row.get::<_, i64>(0));
        Ok(usize::try_from(read().map_err(|error| self.error(error))?).unwrap_or(usize::MAX))
    }

    /// It is told with others, at the latest at `due`.
    pub fn together(&mut self, place: &str, notice: &Notice, now: u64, due: u64) -> Result<(), StateError> {
        let mut put = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let sql = "INSERT INTO notice_digest (place, agent, began, due) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (place, agent) DO NOTHING";
            transaction.execute(sql, params![place, notice.agent, signed(now), signed(due)])?;
            let sql = "UPDATE notice SET stage = 'together', due = NULL,
                           digest = (SELECT id FROM notice_digest WHERE place = ?2 AND agent = ?3) WHERE id = ?1";
            transaction.execute(sql, params![notice.id, place, notice.agent])?;
            transaction.commit()
        };
        put().map_err(|error| self.state.error(error))
    }

    /// The holds of a digest that nobody has been told of.
    pub fn of_digest(&self, digest: i64) -> Result<Vec<HoldId>, StateError> {
        let read = || {
            let mut all = self.connection.prepare_cached("SELECT hold FROM notice WHERE digest = ?1 AND stage = 'together' ORDER BY id")?;
            let rows = all.query_map([digest], |row| row.get::<_, i64>(0))?;
            rows.map(|row| row.map(|hold| HoldId::of(unsigned(hold)))).collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.error(error))
    }

    pub fn digest_told(&mut self, digest: i64) -> Result<(), StateError> {
        let mut put = || {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("UPDATE notice SET stage = 'over' WHERE digest = ?1 AND stage = 'together'", [digest])?;
            transaction.execute("DELETE FROM notice_digest WHERE id = ?1", [digest])?;
            transaction.commit()
        };
        put().map_err(|error| self.state.error(error))
    }

    /// It arrived. What changed while it was on its way is told next.
    pub fn told(&self, notice: &Notice, now: u64, version: &[u8], message: Option<&str>, is_last: bool) -> Result<(), StateError> {
        let sql =
            "UPDATE notice SET stage = iif(?5, 'over', 'told'), told = coalesce(told, ?2), version = ?3, message = coalesce(?4, message),
                       tries = 0, trouble = NULL, due = iif(changes = ?6 OR ?5, NULL, due) WHERE id = ?1";
        let row = params![notice.id, signed(now), version, message, is_last, notice.changes];
        self.execute(sql, row).map(drop)
    }

    /// It tells nothing else than before.
    pub fn unchanged(&self, notice: &Notice) -> Result<(), StateError> {
        self.execute("UPDATE notice SET due = iif(changes = ?2, NULL, due) WHERE id = ?1", params![notice.id, notice.changes]).map(drop)
    }

    /// It did not arrive; it is tried again at `due`.
    pub fn failed(&self, what: &Due, due: u64, trouble: &str) -> Result<(), StateError> {
        match what {
            Due::Notice(notice) => {
                let sql = "UPDATE notice SET due = ?2, tries = tries + 1, trouble = ?3 WHERE id = ?1";
                self.execute(sql, params![notice.id, signed(due), trouble]).map(drop)
            }
            Due::Digest(digest) => {
                self.execute("UPDATE notice_digest SET due = ?2, tries = tries + 1 WHERE id = ?1", params![digest.id, signed(due)])?;
                self.execute("UPDATE notice SET trouble = ?2 WHERE digest = ?1", params![digest.id, trouble]).map(drop)
            }
        }
    }

    /// It is not tried again.
    pub fn give_up(&self, what: &Due, trouble: &str) -> Result<(), StateError> {
        match what {
            Due::Notice(notice) => {
                self.execute("UPDATE notice SET stage = 'dead', due = NULL, trouble = ?2 WHERE id = ?1", params![notice.id, trouble])?;
            }
            Due::Digest(digest) => {
                let sql = "UPDATE notice SET stage = 'dead', trouble = ?2 WHERE digest = ?1 AND stage = 'together'";
                self.execute(sql, params![digest.id, trouble])?;
                self.execute("DELETE FROM notice_digest WHERE id = ?1", [digest.id])?;
            }
        }
        self.bury()
    }

    /// Nothing is to be told of it.
    pub fn over(&self, notice: &Notice) -> Result<(), StateError> {
        self.execute("UPDATE notice SET stage = 'over', due = NULL WHERE id = ?1", [notice.id]).map(drop)
    }

    /// Forgets what is over and counts for no window any more, and what is about holds that nobody knows. Of holds that wait everything stays: they
    /// would be told anew.
    pub fn forget(&self, before: u64, known: &[HoldId], waiting: &[HoldId]) -> Result<(), StateError> {
        let list = |holds: &[HoldId]| {
            let numbers: Vec<i64> = holds.iter().map(|hold| signed(hold.number())).collect();
            serde_json::to_string(&numbers).unwrap_or_default()
        };
        let sql = "DELETE FROM notice WHERE stage = 'over' AND coalesce(told, 0) < ?1 AND hold NOT IN (SELECT value FROM json_each(?2))";
        self.execute(sql, params![signed(before), list(waiting)])?;
        let sql = "DELETE FROM notice WHERE stage <> 'dead' AND hold NOT IN (SELECT value FROM json_each(?1))";
        self.execute(sql, [list(known)]).map(drop)
    }

    pub fn backlog(&self, place: &str) -> Result<Backlog, StateError> {
        let sql = "SELECT (SELECT count(*) FROM notice WHERE place = ?1 AND due IS NOT NULL)
                        + (SELECT count(*) FROM notice_digest WHERE place = ?1),
                          (SELECT count(*) FROM notice WHERE place = ?1 AND stage = 'dead')";
        let count = |row: &Row<'_>| Ok(Backlog { waiting: unsigned(row.get(0)?), dead: unsigned(row.get(1)?) });
        let read = || self.connection.prepare_cached(sql)?.query_row([place], count);
        read().map_err(|error| self.error(error))
    }

    /// Newest first.
    pub fn dead(&self) -> Result<Vec<Dead>, StateError> {
        let read = || {
            let sql = "SELECT place, hold, agent, coalesce(trouble, '') FROM notice WHERE stage = 'dead' ORDER BY id DESC";
            let mut all = self.connection.prepare_cached(sql)?;
            let rows = all.query_map((), |row| {
                let hold = HoldId::of(unsigned(row.get(1)?)).to_string();
                Ok(Dead { place: row.get(0)?, hold, agent: row.get(2)?, trouble: row.get(3)? })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.error(error))
    }

    /// People have seen them.
    pub fn clear_dead(&self) -> Result<usize, StateError> {
        self.execute("DELETE FROM notice WHERE stage = 'dead'", ())
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
