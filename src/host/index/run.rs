//! Runs: when enough full blocks lie behind the last run, lists are made of what is in them. Until then they are looked through.
//! A run is written once; only what ends after that is added to its lists.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::block::{self, Block, ROWS, Row};
use super::dictionary::Dictionary;
use super::filter::is_error;
use super::posting::{self, Facet};
use super::{Trouble, from_sql, size, to_sql};

/// Blocks of a run: few enough that those behind the last run are looked through in milliseconds.
pub const BLOCKS: usize = 512;
/// Durations below this many bits of microseconds (65 ms) have no lists: nobody calls them slow.
pub const SHORTEST_LISTED: u32 = 17;
/// A list that names more of a run than one in so many is not kept.
const DENSE: usize = 2;

/// How many bits a duration has.
pub fn bits(duration: u64) -> u32 {
    u64::BITS.saturating_sub(duration.leading_zeros())
}

/// The lists that a row is named in.
fn facets(row: &Row, relations: &[u64], mut add: impl FnMut(Facet, u64)) {
    add(Facet::Agent, row.agent);
    add(Facet::Shape, row.shape);
    add(Facet::Session, row.session);
    relations.iter().for_each(|relation| add(Facet::Relation, *relation));
    add(Facet::Verdict, block::verdict(row.flags));
    for bit in 0..u32::BITS {
        if row.effects > 0 && row.effects.saturating_sub(1) >> bit & 1 == 1 {
            add(Facet::Effect, u64::from(bit));
        }
    }
    if row.hold > 0 {
        add(Facet::Hold, row.hold);
    }
    if row.rule > 0 {
        add(Facet::Rule, row.rule);
    }
    end_facets(row, add);
}

/// Those of its end.
fn end_facets(row: &Row, mut add: impl FnMut(Facet, u64)) {
    if is_error(row.flags, row.code) {
        add(Facet::Error, 0);
    }
    let bits = bits(row.duration.saturating_sub(1));
    if bits >= SHORTEST_LISTED {
        add(Facet::Duration, u64::from(bits));
    }
    if row.masked > 0 {
        add(Facet::Masked, 0);
        row.kinds.iter().for_each(|(kind, _)| add(Facet::Masked, *kind));
    }
}

/// The last record that a run has; zero without any.
pub fn last(db: &Connection) -> Result<u64, Trouble> {
    Ok(db.query_row("SELECT max(last) FROM runs", (), |row| row.get::<_, Option<i64>>(0))?.map_or(0, from_sql))
}

/// Makes the next run, if there are blocks enough.
pub fn make(db: &Connection, dictionary: &mut Dictionary, blocks: usize) -> Result<bool, Trouble> {
    let after = to_sql(last(db)?);
    let count: i64 = db.prepare_cached("SELECT count(*) FROM blocks WHERE first > ?1")?.query_row([after], |row| row.get(0))?;
    // The last block may grow yet.
    if from_sql(count) <= size(blocks) {
        return Ok(false);
    }
    let run: i64 = db.query_row("SELECT coalesce(max(run), 0) + 1 FROM runs", (), |row| row.get(0))?;
    let run = from_sql(run);
    let mut pairs: Vec<(i64, u64)> = Vec::new();
    let (mut first, mut last, mut earliest, mut latest, mut rows) = (None, 0, u64::MAX, 0, 0_usize);
    {
        let mut statement = db.prepare_cached("SELECT data FROM blocks WHERE first > ?1 ORDER BY first LIMIT ?2")?;
        let mut found = statement.query([after, to_sql(size(blocks))])?;
        while let Some(one) = found.next()? {
            let data = one.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?;
            for row in Block::read(data)?.all()? {
                let set = dictionary.set_of(db, row.shape, row.relations)?;
                let relations = dictionary.members(db, set)?;
                facets(&row, relations, |facet, id| pairs.push((posting::key(run, facet, id), row.seq)));
                first.get_or_insert(row.seq);
                last = row.seq;
                (earliest, latest) = (row.time.min(earliest), row.time.max(latest));
                rows = rows.saturating_add(1);
            }
        }
    }
    let first = first.unwrap_or(0);
    pairs.sort_unstable();
    let numbers = [run, first, last, earliest, latest].map(to_sql);
    db.prepare_cached("INSERT INTO runs (run, first, last, earliest, latest) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(numbers)?;
    let mut insert = db.prepare_cached("INSERT INTO lists (key, data) VALUES (?1, ?2)")?;
    for list in pairs.chunk_by(|left, right| left.0 == right.0) {
        let key = list.first().map_or(0, |(key, _)| *key);
        let dense = list.len() > rows / DENSE;
        let data = (!dense).then(|| posting::encode(first, list.iter().map(|(_, seq)| *seq)));
        insert.execute(params![key, data])?;
    }
    Ok(true)
}

/// A statement ended after its run was made.
pub fn ended_late(db: &Connection, row: &Row) -> Result<(), Trouble> {
    let sql = "SELECT run, first FROM runs WHERE first <= ?1 AND last >= ?1";
    let found =
        db.prepare_cached(sql)?.query_row([to_sql(row.seq)], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
    let Some((run, first)) = found.map(|(run, first)| (from_sql(run), from_sql(first))) else { return Ok(()) };
    let mut lists = Vec::new();
    end_facets(row, |facet, id| lists.push(posting::key(run, facet, id)));
    for key in lists {
        let data: Option<Option<Vec<u8>>> =
            db.prepare_cached("SELECT data FROM lists WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?;
        let mut seqs = Vec::new();
        match data {
            // Dense: it names everything.
            Some(None) => continue,
            Some(Some(data)) => posting::decode(first, &data, &mut seqs)?,
            None => {}
        }
        if let Err(place) = seqs.binary_search(&row.seq) {
            seqs.insert(place, row.seq);
            let data = posting::encode(first, seqs);
            db.prepare_cached("INSERT OR REPLACE INTO lists (key, data) VALUES (?1, ?2)")?.execute(params![key, data])?;
        }
    }
    Ok(())
}

/// Removes the runs that end at record `seq` or before.
pub fn forget_to(db: &Connection, seq: u64) -> Result<(), Trouble> {
    let runs: Vec<i64> =
        db.prepare("SELECT run FROM runs WHERE last <= ?1")?.query_map([to_sql(seq)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for run in runs {
        let (from, to) = (posting::first_key(from_sql(run)), posting::first_key(from_sql(run).saturating_add(1)));
        db.execute("DELETE FROM lists WHERE key >= ?1 AND key < ?2", [from, to])?;
        db.execute("DELETE FROM runs WHERE run = ?1", [run])?;
    }
    Ok(())
}

const _: () = assert!(ROWS * BLOCKS == 1 << 19, "what is looked through without lists stays within half a million");
