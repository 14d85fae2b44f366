//! Statements whose end may still come: where to find the beginning that an end belongs to.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use super::{Trouble, from_sql, to_sql};

/// Of one session. A pipeline may be longer; its oldest statements then stay without an end in the index.
const MOST: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct One {
    number: u64,
    seq: u64,
    prepared: bool,
}

#[derive(Debug, Default)]
pub struct Open {
    sessions: HashMap<u64, Vec<One>>,
    /// What the database has.
    written: HashSet<(u64, One)>,
}

impl Open {
    pub fn load(db: &Connection) -> Result<Self, Trouble> {
        let mut open = Self::default();
        let mut statement = db.prepare("SELECT session, number, seq, prepared FROM open ORDER BY session, number")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let session = from_sql(row.get(0)?);
            let one = One { number: from_sql(row.get(1)?), seq: from_sql(row.get(2)?), prepared: row.get(3)? };
            open.sessions.entry(session).or_default().push(one);
            open.written.insert((session, one));
        }
        Ok(open)
    }

    /// `prepared`: an end comes only if it fails.
    pub fn began(&mut self, session: u64, number: u64, seq: u64, prepared: bool) {
        let open = self.sessions.entry(session).or_default();
        if open.len() >= MOST {
            open.remove(0);
        }
        open.push(One { number, seq, prepared });
    }

    /// The record of the beginning, if it was seen. The server answers in order: what was prepared before went well.
    pub fn ended(&mut self, session: u64, number: u64) -> Option<u64> {
        let open = self.sessions.get_mut(&session)?;
        let found = open.iter().find(|one| one.number == number).map(|one| one.seq);
        open.retain(|one| one.number != number && !(one.prepared && one.number < number));
        if open.is_empty() {
            self.sessions.remove(&session);
        }
        found
    }

    pub fn session_ended(&mut self, session: u64) {
        self.sessions.remove(&session);
    }

    /// Begun by record `seq` or before it.
    pub fn forget_to(&mut self, seq: u64) {
        self.sessions.retain(|_, open| {
            open.retain(|one| one.seq > seq);
            !open.is_empty()
        });
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), Trouble> {
        let now: HashSet<_> = self.sessions.iter().flat_map(|(session, open)| open.iter().map(|one| (*session, *one))).collect();
        for (session, one) in self.written.difference(&now) {
            db.prepare_cached("DELETE FROM open WHERE session = ?1 AND number = ?2")?.execute([*session, one.number].map(to_sql))?;
        }
        for (session, one) in now.difference(&self.written) {
            let sql = "INSERT OR REPLACE INTO open (session, number, seq, prepared) VALUES (?1, ?2, ?3, ?4)";
            db.prepare_cached(sql)?.execute([*session, one.number, one.seq, u64::from(one.prepared)].map(to_sql))?;
        }
        self.written = now;
        Ok(())
    }
}
