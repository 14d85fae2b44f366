//! Forgetting: what was erased in the journal, and what was removed from its beginning.

use rusqlite::{Connection, OptionalExtension as _};

use super::block::{Block, Row};
use super::dictionary::{Dictionary, NO_RELATIONS, unword_shape};
use super::tally::Tally;
use super::{Trouble, event, from_sql, held, run, to_sql};
use crate::audit::Digest;

/// Blocks, and events, that are removed in one transaction.
const STEP: i64 = 256;

/// Removes some of what records up to `seq` brought. Returns whether there may be more. Nothing may be held in memory meanwhile.
pub fn prune(db: &Connection, dictionary: &mut Dictionary, seq: u64) -> Result<bool, Trouble> {
    let mut tally = Tally::default();
    let sql = "SELECT first, data FROM blocks WHERE first <= ?1 ORDER BY first LIMIT ?2";
    let blocks: Vec<(i64, Vec<u8>)> =
        db.prepare(sql)?.query_map([to_sql(seq), STEP], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    for (first, data) in &blocks {
        let (gone, left): (Vec<Row>, Vec<Row>) = Block::read(data)?.all()?.into_iter().partition(|row| row.seq <= seq);
        for row in &gone {
            tally.went(row);
        }
        db.execute("DELETE FROM blocks WHERE first = ?1", [first])?;
        if let Some(row) = left.first() {
            held::store(db, row.seq, &left)?;
        }
    }
    tally.flush(db)?;
    let sql = "SELECT seq FROM events WHERE seq <= ?1 ORDER BY seq LIMIT ?2";
    let events: Vec<i64> = db.prepare(sql)?.query_map([to_sql(seq), STEP], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for event in &events {
        event::remove(db, from_sql(*event))?;
    }
    if !blocks.is_empty() || !events.is_empty() {
        return Ok(true);
    }
    run::forget_to(db, seq)?;
    db.execute("DELETE FROM sessions WHERE ended <= ?1", [to_sql(seq)])?;
    db.execute("DELETE FROM days WHERE count + prepared + refused = 0", ())?;
    let sql = "DELETE FROM shape_totals WHERE uses <= 0 RETURNING id";
    let shapes: Vec<i64> = db.prepare(sql)?.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    for shape in shapes {
        let sql = "DELETE FROM shapes WHERE id = ?1 RETURNING text, relations";
        let gone = db.query_row(sql, [shape], |row| Ok((row.get::<_, Option<String>>(0)?, row.get(1).map(from_sql)?))).optional()?;
        if let Some((text, set)) = gone {
            tally.set(set, -1);
            text.map_or(Ok(()), |text| unword_shape(db, from_sql(shape), &text))?;
        }
    }
    tally.flush(db)?;
    sweep(db)?;
    dictionary.clear();
    Ok(false)
}

/// What the statements of a shape name is to be known no more. Returns the set that is used once less. Nothing may be held in memory
/// meanwhile.
pub fn relations(db: &Connection, dictionary: &mut Dictionary, shape: Digest) -> Result<u64, Trouble> {
    let shape = dictionary.forget_names(db, shape)?;
    if shape.relations == 0 {
        return Ok(0);
    }
    let mut next = 0_i64;
    // One block at a time is in memory, however many there are.
    while let Some((first, data)) = db
        .prepare_cached("SELECT first, data FROM blocks WHERE first >= ?1 ORDER BY first LIMIT 1")?
        .query_row([next], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?
    {
        let mut rows = Block::read(&data)?.all()?;
        let mut named: Vec<&mut Row> = rows.iter_mut().filter(|row| row.shape == shape.id && row.relations == 0).collect();
        let changes = !named.is_empty();
        named.iter_mut().for_each(|row| row.relations = NO_RELATIONS);
        if changes {
            held::store(db, from_sql(first), &rows)?;
        }
        next = first.saturating_add(1);
    }
    Ok(shape.relations)
}

/// Removes the names of relations that no statement names any more.
pub fn sweep(db: &Connection) -> Result<(), Trouble> {
    db.execute("DELETE FROM relation_members WHERE id IN (SELECT id FROM relation_sets WHERE uses <= 0)", ())?;
    db.execute("DELETE FROM relation_sets WHERE uses <= 0", ())?;
    db.execute("DELETE FROM relations WHERE id NOT IN (SELECT relation FROM relation_members)", ())?;
    Ok(())
}

/// Nothing that was removed stays in the write-ahead log.
pub fn scrub(db: &Connection) -> Result<(), Trouble> {
    // Others may be reading: then it is done at the next time, or when the last of them closes.
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    Ok(())
}
