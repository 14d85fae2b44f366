//! Sums over what is in the index: the shapes that matter most, and how much there is of everything.

use std::collections::HashMap;

use rusqlite::OptionalExtension as _;
use serde::Serialize;

use super::block::{self, Block, flags};
use super::filter::{Filter, is_error};
use super::plan::Plan;
use super::{Index, IndexError, Trouble, from_sql, search, size, source, to_sql};
use crate::audit::Digest;

/// What shapes are put in order by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Count,
    Time,
    Rows,
    Masked,
}

/// Sums over the executions of one shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Top {
    pub shape: Digest,
    /// Missing where it was erased.
    pub text: Option<String>,
    /// What its statements name.
    pub relations: Vec<String>,
    pub count: u64,
    pub errors: u64,
    /// Microseconds.
    pub duration: u64,
    pub rows: u64,
    pub bytes: u64,
    pub masked: u64,
    /// The last record that speaks of it.
    pub last: u64,
}

/// One day of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// Days since 1970, UTC.
    pub day: u64,
    pub agent: Option<String>,
    pub count: u64,
    pub prepared: u64,
    pub refused: u64,
    pub errors: u64,
    /// Microseconds.
    pub duration: u64,
    pub rows: u64,
    pub bytes: u64,
    pub masked: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The last record in the index.
    pub last_seq: u64,
    pub executions: u64,
    pub prepared: u64,
    pub refused: u64,
    pub errors: u64,
    pub events: u64,
    pub sessions: u64,
    pub agents: u64,
    pub shapes: u64,
    pub relations: u64,
    /// Microseconds since 1970, of the first and the last statement.
    pub earliest: Option<u64>,
    pub latest: Option<u64>,
    pub index_bytes: u64,
    pub journal_bytes: u64,
    pub days: Vec<Day>,
}

impl Index {
    /// The shapes with most of it, of what began between the two times.
    pub fn top(&self, by: By, since: Option<u64>, until: Option<u64>, limit: usize) -> Result<Vec<Top>, IndexError> {
        let found = if since.is_none() && until.is_none() { self.top_of_all(by, limit) } else { self.top_between(by, since, until, limit) };
        found.map_err(|trouble| trouble.of(&self.file))
    }

    fn top_of_all(&self, by: By, limit: usize) -> Result<Vec<Top>, Trouble> {
        let column = match by {
            By::Count => "count",
            By::Time => "duration",
            By::Rows => "rows",
            By::Masked => "masked",
        };
        let sql = format!(
            "SELECT digest, text, count, errors, duration, rows, bytes, masked, last, relations FROM shape_totals JOIN shapes USING (id) WHERE {column} > 0 ORDER BY {column} DESC, id LIMIT ?1"
        );
        let mut statement = self.db.prepare(&sql)?;
        let found = statement.query_map([to_sql(size(limit))], |row| {
            let top = Top {
                shape: Digest(row.get(0)?),
                text: row.get(1)?,
                relations: Vec::new(),
                count: from_sql(row.get(2)?),
                errors: from_sql(row.get(3)?),
                duration: from_sql(row.get(4)?),
                rows: from_sql(row.get(5)?),
                bytes: from_sql(row.get(6)?),
                masked: from_sql(row.get(7)?),
                last: from_sql(row.get(8)?),
            };
            Ok((top, from_sql(row.get(9)?)))
        })?;
        let mut all = Vec::new();
        for found in found {
            let (top, set) = found?;
            all.push(Top { relations: search::relations(&self.db, set)?, ..top });
        }
        Ok(all)
    }

    /// Looks through all that began between the two.
    fn top_between(&self, by: By, since: Option<u64>, until: Option<u64>, limit: usize) -> Result<Vec<Top>, Trouble> {
        let Some(plan) = Plan::of(&self.db, &Filter { since, until, ..Filter::default() })? else { return Ok(Vec::new()) };
        let mut shapes: HashMap<u64, Top> = HashMap::new();
        let mut statement = self.db.prepare("SELECT data FROM blocks WHERE latest >= ?1 AND earliest < ?2")?;
        let mut blocks = statement.query([since.unwrap_or(0), until.unwrap_or(u64::MAX)].map(to_sql))?;
        while let Some(row) = blocks.next()? {
            let block = Block::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            for place in 0..block.rows {
                if !plan.takes(&block, place)? {
                    continue;
                }
                let get = |column| block.get(column, place);
                let top = shapes.entry(get(block::SHAPE)).or_default();
                let add = |to: &mut u64, number: u64| *to = to.saturating_add(number);
                add(&mut top.count, u64::from(block::kind(get(block::FLAGS)) == flags::BEGUN));
                add(&mut top.errors, u64::from(is_error(get(block::FLAGS), get(block::CODE))));
                add(&mut top.duration, get(block::DURATION).saturating_sub(1));
                add(&mut top.rows, get(block::RETURNED));
                add(&mut top.bytes, get(block::BYTES));
                add(&mut top.masked, get(block::MASKED));
                top.last = top.last.max(get(block::SEQ));
            }
        }
        let measure = |top: &Top| match by {
            By::Count => top.count,
            By::Time => top.duration,
            By::Rows => top.rows,
            By::Masked => top.masked,
        };
        let mut found: Vec<_> = shapes.into_iter().filter(|(_, top)| measure(top) > 0).collect();
        found.sort_unstable_by_key(|(id, top)| (std::cmp::Reverse(measure(top)), *id));
        found.truncate(limit);
        let mut statement = self.db.prepare("SELECT digest, text, relations FROM shapes WHERE id = ?1")?;
        for (id, top) in &mut found {
            let known = statement.query_row([to_sql(*id)], |row| Ok((Digest(row.get(0)?), row.get(1)?, row.get(2)?))).optional()?;
            let set: i64;
            (top.shape, top.text, set) = known.unwrap_or_default();
            top.relations = search::relations(&self.db, from_sql(set))?;
        }
        Ok(found.into_iter().map(|(_, top)| top).collect())
    }

    pub fn stats(&self) -> Result<Stats, IndexError> {
        self.all_stats().map_err(|trouble| trouble.of(&self.file))
    }

    fn all_stats(&self) -> Result<Stats, Trouble> {
        let snapshot = self.db.unchecked_transaction()?;
        let count = |sql: &str| -> Result<u64, Trouble> { Ok(from_sql(self.db.query_row(sql, (), |row| row.get(0))?)) };
        let time = |sql: &str| -> Result<Option<u64>, Trouble> {
            Ok(self.db.query_row(sql, (), |row| row.get::<_, Option<i64>>(0))?.map(from_sql))
        };
        let mut statement = self.db.prepare(
            "SELECT day, name, sum(count), sum(prepared), sum(refused), sum(errors), sum(duration), sum(rows), sum(bytes), sum(masked)
             FROM days LEFT JOIN agents ON agents.id = days.agent GROUP BY day, name ORDER BY day, name",
        )?;
        let days: Vec<Day> = statement
            .query_map((), |row| {
                Ok(Day {
                    day: from_sql(row.get(0)?),
                    agent: row.get(1)?,
                    count: from_sql(row.get(2)?),
                    prepared: from_sql(row.get(3)?),
                    refused: from_sql(row.get(4)?),
                    errors: from_sql(row.get(5)?),
                    duration: from_sql(row.get(6)?),
                    rows: from_sql(row.get(7)?),
                    bytes: from_sql(row.get(8)?),
                    masked: from_sql(row.get(9)?),
                })
            })?
            .collect::<Result<_, _>>()?;
        let sum = |of: fn(&Day) -> u64| days.iter().map(of).fold(0, u64::saturating_add);
        let beside = |end: &str| {
            let mut name = self.file.as_os_str().to_owned();
            name.push(end);
            std::fs::metadata(name).map_or(0, |file| file.len())
        };
        let stats = Stats {
            last_seq: count("SELECT coalesce(max(seq), 0) FROM cursor")?,
            executions: sum(|day| day.count),
            prepared: sum(|day| day.prepared),
            refused: sum(|day| day.refused),
            errors: sum(|day| day.errors),
            events: count("SELECT count(*) FROM events")?,
            sessions: count("SELECT count(*) FROM sessions")?,
            agents: count("SELECT count(DISTINCT name) FROM agents")?,
            shapes: count("SELECT count(*) FROM shapes")?,
            relations: count("SELECT count(*) FROM relations")?,
            earliest: time("SELECT (SELECT earliest FROM blocks ORDER BY first LIMIT 1)")?,
            latest: time("SELECT (SELECT latest FROM blocks ORDER BY first DESC LIMIT 1)")?,
            index_bytes: beside("").saturating_add(beside("-wal")),
            journal_bytes: self.file.parent().map_or(0, source::bytes),
            days,
        };
        drop(statement);
        drop(snapshot);
        Ok(stats)
    }
}
