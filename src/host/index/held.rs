//! Blocks in memory: the last one, which grows, and those whose statements ended lately. Nothing is written before `flush`.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::block::{self, Block, ROWS, Row};
use super::{Trouble, from_sql, size, to_sql};

/// Blocks that stay in memory when they were written: the last ones, where statements are about to end.
const STAY: usize = 32;

#[derive(Debug, Default)]
struct Held {
    rows: Vec<Row>,
    changed: bool,
}

#[derive(Debug, Default)]
pub struct Blocks(BTreeMap<u64, Held>);

impl Blocks {
    pub fn load(db: &Connection) -> Result<Self, Trouble> {
        let mut blocks = Self::default();
        if let Some(first) = db.query_row("SELECT max(first) FROM blocks", (), |row| row.get::<_, Option<i64>>(0))? {
            blocks.fetch(db, from_sql(first))?;
        }
        Ok(blocks)
    }

    pub fn push(&mut self, row: Row) {
        if let Some(mut last) = self.0.last_entry().filter(|last| last.get().rows.len() < ROWS) {
            let held = last.get_mut();
            held.rows.push(row);
            held.changed = true;
        } else {
            let mut rows = Vec::with_capacity(ROWS);
            let first = row.seq;
            rows.push(row);
            self.0.insert(first, Held { rows, changed: true });
        }
    }

    /// Has a row changed; returns it before and after. `None` where there is no such row.
    pub fn change(&mut self, db: &Connection, seq: u64, change: impl FnOnce(&mut Row)) -> Result<Option<(Row, Row)>, Trouble> {
        let is_here = self.0.range(..=seq).next_back().is_some_and(|(_, held)| held.rows.last().is_some_and(|last| seq <= last.seq));
        if !is_here {
            self.fetch(db, seq)?;
        }
        let Some((_, held)) = self.0.range_mut(..=seq).next_back() else { return Ok(None) };
        let Ok(place) = held.rows.binary_search_by_key(&seq, |row| row.seq) else { return Ok(None) };
        let Some(row) = held.rows.get_mut(place) else { return Ok(None) };
        let before = row.clone();
        change(row);
        held.changed = true;
        Ok(Some((before, row.clone())))
    }

    fn fetch(&mut self, db: &Connection, seq: u64) -> Result<(), Trouble> {
        let sql = "SELECT first, data FROM blocks WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
        let found =
            db.prepare_cached(sql)?.query_row([to_sql(seq)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).optional()?;
        if let Some((first, data)) = found {
            let rows = Block::read(&data)?.all()?;
            self.0.entry(from_sql(first)).or_insert(Held { rows, changed: false });
        }
        Ok(())
    }

    /// Writes what changed.
    pub fn flush(&mut self, db: &Connection) -> Result<(), Trouble> {
        for (first, held) in self.0.iter_mut().filter(|(_, held)| held.changed) {
            store(db, *first, &held.rows)?;
            held.changed = false;
        }
        while self.0.len() > STAY {
            self.0.pop_first();
        }
        Ok(())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Writes one block in the place of what was there.
pub fn store(db: &Connection, first: u64, rows: &[Row]) -> Result<(), Trouble> {
    let times = || rows.iter().map(|row| row.time);
    let (earliest, latest) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let last = rows.last().map_or(first, |row| row.seq);
    let sql = "INSERT OR REPLACE INTO blocks (first, last, rows, earliest, latest, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let numbers = [first, last, size(rows.len()), earliest, latest].map(to_sql);
    let [first, last, count, earliest, latest] = numbers;
    db.prepare_cached(sql)?.execute(params![first, last, count, earliest, latest, block::encode(rows)])?;
    Ok(())
}
