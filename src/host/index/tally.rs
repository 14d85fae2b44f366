//! Sums kept beside the executions: by shape, by day and agent, by set of relations. What a row adds when it comes it takes away
//! when it goes, so that the sums are always those of what is there.

use std::collections::HashMap;

use rusqlite::Connection;

use super::block::{self, Row, flags};
use super::filter::is_error;
use super::{Trouble, to_sql};

/// Microseconds.
const DAY: u64 = 24 * 60 * 60 * 1_000_000;

#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    uses: i64,
    count: i64,
    prepared: i64,
    refused: i64,
    errors: i64,
    duration: i64,
    rows: i64,
    bytes: i64,
    masked: i64,
}

impl Sums {
    fn add(&mut self, row: &Row, sign: i64) {
        let times = |number: u64| to_sql(number).saturating_mul(sign);
        let add = |to: &mut i64, number: u64| *to = to.saturating_add(times(number));
        let kind = block::kind(row.flags);
        add(&mut self.uses, 1);
        add(&mut self.count, u64::from(kind == flags::BEGUN));
        add(&mut self.prepared, u64::from(kind == flags::PREPARED));
        add(&mut self.refused, u64::from(kind == flags::REFUSED));
        add(&mut self.errors, u64::from(is_error(row.flags, row.code)));
        add(&mut self.duration, row.duration.saturating_sub(1));
        add(&mut self.rows, row.rows);
        add(&mut self.bytes, row.bytes);
        add(&mut self.masked, row.masked);
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct ByShape {
    sums: Sums,
    first: u64,
    last: u64,
}

#[derive(Debug, Default)]
pub struct Tally {
    shapes: HashMap<u64, ByShape>,
    days: HashMap<(u64, u64), Sums>,
    sets: HashMap<u64, i64>,
}

impl Tally {
    /// A row comes, with its own set of relations if it has one.
    pub fn came(&mut self, row: &Row) {
        self.add(row, 1);
        self.set(row.relations.saturating_sub(1), 1);
    }

    pub fn went(&mut self, row: &Row) {
        self.add(row, -1);
        self.set(row.relations.saturating_sub(1), -1);
    }

    /// A row is another one now, of the same shape.
    pub fn changed(&mut self, before: &Row, after: &Row) {
        self.add(before, -1);
        self.add(after, 1);
    }

    /// A set of relations is used by one more row or shape, or one less.
    pub fn set(&mut self, set: u64, by: i64) {
        if set > 0 {
            let uses = self.sets.entry(set).or_default();
            *uses = uses.saturating_add(by);
        }
    }

    fn add(&mut self, row: &Row, sign: i64) {
        let shape = self.shapes.entry(row.shape).or_insert(ByShape { first: row.seq, last: row.seq, ..ByShape::default() });
        shape.first = shape.first.min(row.seq);
        shape.last = shape.last.max(row.seq);
        shape.sums.add(row, sign);
        self.days.entry((row.time / DAY, row.agent)).or_default().add(row, sign);
    }

    pub fn flush(&mut self, db: &Connection) -> Result<(), Trouble> {
        let mut upsert = db.prepare_cached(
            "INSERT INTO shape_totals (id, uses, count, first, last, errors, duration, rows, bytes, masked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET
             uses = uses + excluded.uses, count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last),
             errors = errors + excluded.errors, duration = duration + excluded.duration, rows = rows + excluded.rows,
             bytes = bytes + excluded.bytes, masked = masked + excluded.masked",
        )?;
        // In order, so that neighbours are written together.
        let mut shapes: Vec<_> = self.shapes.drain().collect();
        shapes.sort_unstable_by_key(|(id, _)| *id);
        for (id, ByShape { sums, first, last }) in shapes {
            let [id, first, last] = [id, first, last].map(to_sql);
            upsert.execute([id, sums.uses, sums.count, first, last, sums.errors, sums.duration, sums.rows, sums.bytes, sums.masked])?;
        }
        let mut upsert = db.prepare_cached(
            "INSERT INTO days (day, agent, count, prepared, refused, errors, duration, rows, bytes, masked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (day, agent) DO UPDATE SET
             count = count + excluded.count, prepared = prepared + excluded.prepared, refused = refused + excluded.refused,
             errors = errors + excluded.errors, duration = duration + excluded.duration, rows = rows + excluded.rows,
             bytes = bytes + excluded.bytes, masked = masked + excluded.masked",
        )?;
        for ((day, agent), sums) in self.days.drain() {
            let [day, agent] = [day, agent].map(to_sql);
            let Sums { count, prepared, refused, errors, duration, rows, bytes, masked, .. } = sums;
            upsert.execute([day, agent, count, prepared, refused, errors, duration, rows, bytes, masked])?;
        }
        let mut update = db.prepare_cached("UPDATE relation_sets SET uses = uses + ?2 WHERE id = ?1")?;
        for (set, uses) in self.sets.drain().filter(|(_, uses)| *uses != 0) {
            update.execute([to_sql(set), uses])?;
        }
        Ok(())
    }
}
