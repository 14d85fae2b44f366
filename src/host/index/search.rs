//! Searching: newest first, a page at a time; and what was found, with all its names. How it is found is the plan's.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params, params_from_iter};
use serde::Serialize;

use super::block::{self, Row, flags};
use super::filter::Filter;
use super::plan::Plan;
use super::{FILE, IndexError, Trouble, VERSION, from_sql, locks, settle, size, to_sql, words};
use crate::audit::Digest;
use crate::audit::event::{self, Kind, Outcome, Verdict, Way};
use crate::sql::effect::Effect;

/// Of one page.
const MOST_FOUND: usize = 10_000;

/// A record that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    pub seq: u64,
    /// Microseconds since 1970.
    pub time: u64,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// What an event says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// What a person or an agent wrote in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::audit::event::some_hold_id")]
    pub hold: Option<u64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub statement: Option<Box<Statement>>,
}

/// What is known of a statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    pub owner: Option<String>,
    pub database: Option<String>,
    pub role: Option<String>,
    pub way: Way,
    pub verdict: Verdict,
    /// Missing until it ends.
    pub outcome: Option<Outcome>,
    pub in_transaction: bool,
    pub effects: Option<Vec<&'static str>>,
    pub rule: Option<String>,
    pub code: Option<String>,
    pub command: Option<String>,
    /// Microseconds.
    pub duration: Option<u64>,
    pub rows: u64,
    pub affected: Option<u64>,
    pub bytes: u64,
    pub received: u64,
    pub masked: Vec<event::Masked>,
    pub shape: Digest,
    /// The shape; missing where it was erased.
    pub text: Option<String>,
    pub relations: Vec<String>,
}

/// A page of them, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    pub found: Vec<Found>,
    /// What `before` has to be for the next page; `None` where there is none.
    pub next: Option<u64>,
}

/// The index, open for a question. It is to be dropped after it: nobody can put another index in its place meanwhile.
#[derive(Debug)]
pub struct Index {
    pub(super) db: Connection,
    pub(super) file: PathBuf,
    _shared: locks::Lock,
}

fn connect(file: &Path) -> Result<Connection, Trouble> {
    let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle(&db)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

impl Index {
    pub fn open(state: &Path) -> Result<Self, IndexError> {
        let file = state.join(FILE);
        if !file.exists() {
            return Err(IndexError::Missing { folder: state.to_owned() });
        }
        let shared = locks::share(state)?;
        let opened = connect(&file).and_then(|db| Ok((db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))?, db)));
        match opened.map_err(|trouble| trouble.of(&file))? {
            (VERSION, db) => Ok(Self { db, file, _shared: shared }),
            // Made this moment, or by another pgsluice.
            _ => Err(IndexError::Missing { folder: state.to_owned() }),
        }
    }

    /// How far an index is that is being built.
    pub(super) fn peek(file: &Path) -> Option<u64> {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        db.query_row("SELECT seq FROM cursor", (), |row| row.get(0)).ok().map(from_sql)
    }

    /// The last record that it has.
    pub fn last_seq(&self) -> Result<u64, IndexError> {
        let found = self.db.query_row("SELECT seq FROM cursor", (), |row| row.get(0)).optional();
        Ok(found.map_err(|error| Trouble::from(error).of(&self.file))?.map_or(0, from_sql))
    }

    pub fn search(&self, filter: &Filter) -> Result<Page, IndexError> {
        self.look(filter).map_err(|trouble| trouble.of(&self.file))
    }

    fn look(&self, filter: &Filter) -> Result<Page, Trouble> {
        let filter = Filter { limit: filter.limit.clamp(1, MOST_FOUND), ..filter.clone() };
        // All of it as it is at one moment.
        let snapshot = self.db.unchecked_transaction()?;
        let plan = Plan::of(&self.db, &filter)?;
        let mut rows = Vec::new();
        if let Some(plan) = plan {
            plan.run(&self.db, filter.limit, &mut rows)?;
        }
        let events = if filter.takes_events() { events(&self.db, &filter)? } else { Vec::new() };
        let mut found = rows.iter().map(|row| statement(&self.db, row)).collect::<Result<Vec<_>, _>>()?;
        found.extend(events);
        found.sort_unstable_by_key(|found| std::cmp::Reverse(found.seq));
        let more = found.len() >= filter.limit;
        found.truncate(filter.limit);
        let next = found.last().filter(|_| more).map(|last| last.seq);
        drop(snapshot);
        Ok(Page { found, next })
    }
}

fn way(number: u64) -> Way {
    const WAYS: [Way; 7] = [Way::Query, Way::Parse, Way::Bind, Way::Execute, Way::Fetch, Way::FunctionCall, Way::CopyData];
    WAYS.into_iter().find(|way| *way as u64 == number).unwrap_or(Way::Query)
}

fn verdict(number: u64) -> Verdict {
    const VERDICTS: [Verdict; 5] = [Verdict::Allowed, Verdict::Denied, Verdict::Held, Verdict::Approved, Verdict::Observed];
    VERDICTS.into_iter().find(|verdict| *verdict as u64 == number).unwrap_or(Verdict::Denied)
}

fn outcome(number: u64) -> Option<Outcome> {
    const OUTCOMES: [Outcome; 7] =
        [Outcome::Completed, Outcome::Suspended, Outcome::Failed, Outcome::Cancelled, Outcome::Skipped, Outcome::Unknown, Outcome::Stopped];
    number.checked_sub(1).map(|number| OUTCOMES.into_iter().find(|outcome| *outcome as u64 == number).unwrap_or(Outcome::Unknown))
}

fn name(db: &Connection, id: u64) -> Result<Option<String>, Trouble> {
    let sql = "SELECT name FROM names WHERE id = ?1";
    Ok(if id == 0 { None } else { db.prepare_cached(sql)?.query_row([to_sql(id)], |row| row.get(0)).optional()? })
}

/// The names of the relations of a set.
pub(super) fn relations(db: &Connection, set: u64) -> Result<Vec<String>, Trouble> {
    let sql = "SELECT members FROM relation_sets WHERE id = ?1";
    let members: Option<String> =
        if set == 0 { None } else { db.prepare_cached(sql)?.query_row([to_sql(set)], |row| row.get(0)).optional()? };
    let mut names = Vec::new();
    for id in members.iter().flat_map(|members| members.split(',')).filter_map(|id| id.parse::<i64>().ok()) {
        names.extend(
            db.prepare_cached("SELECT name FROM relations WHERE id = ?1")?.query_row([id], |row| row.get::<_, String>(0)).optional()?,
        );
    }
    names.sort_unstable();
    Ok(names)
}

fn statement(db: &Connection, row: &Row) -> Result<Found, Trouble> {
    let sql = "SELECT digest, text, relations FROM shapes WHERE id = ?1";
    let (shape, text, set) = db
        .prepare_cached(sql)?
        .query_row([to_sql(row.shape)], |row| Ok((Digest(row.get(0)?), row.get(1)?, row.get::<_, i64>(2)?)))
        .optional()?
        .unwrap_or_default();
    let set = row.relations.checked_sub(1).unwrap_or_else(|| from_sql(set));
    let relations = relations(db, set)?;
    let (agent, owner) = db
        .prepare_cached("SELECT name, owner FROM agents WHERE id = ?1")?
        .query_row([to_sql(row.agent)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or_default();
    let (database, role) = db
        .prepare_cached("SELECT database, role FROM sessions WHERE session = ?1")?
        .query_row([to_sql(row.session)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?
        .unwrap_or_default();
    let mut masked = Vec::new();
    for (kind, count) in &row.kinds {
        masked.push(event::Masked { kind: name(db, *kind)?.unwrap_or_default(), count: *count });
    }
    let effects = row.effects.checked_sub(1).map(|effects| {
        let known = Effect::ALL.into_iter().filter(|effect| effects & u64::from(effect.bit()) != 0);
        known.map(Effect::word).collect()
    });
    let kind = match block::kind(row.flags) {
        flags::PREPARED => Kind::Prepared,
        flags::REFUSED => Kind::Refused,
        _ => Kind::Begun,
    };
    Ok(Found {
        seq: row.seq,
        time: row.time,
        kind: kind.to_string(),
        session: Some(row.session),
        agent,
        about: None,
        words: None,
        hold: row.hold.checked_sub(1),
        statement: Some(Box::new(Statement {
            owner,
            database,
            role,
            way: way(row.flags >> flags::WAY & flags::NIBBLE),
            verdict: verdict(block::verdict(row.flags)),
            outcome: outcome(block::outcome(row.flags)),
            in_transaction: row.flags & flags::IN_TRANSACTION > 0,
            effects,
            rule: name(db, row.rule)?,
            code: name(db, row.code)?,
            command: name(db, row.command)?,
            duration: row.duration.checked_sub(1),
            rows: row.rows,
            affected: row.affected.checked_sub(1),
            bytes: row.bytes,
            received: row.received,
            masked,
            shape,
            text,
            relations,
        })),
    })
}

/// Events that are no statements.
fn events(db: &Connection, filter: &Filter) -> Result<Vec<Found>, Trouble> {
    let mut wanted = vec!["1".to_owned()];
    let mut given: Vec<Value> = Vec::new();
    let mut want = |condition: &str, value: Value| {
        given.push(value);
        wanted.push(condition.replace('?', &format!("?{}", given.len())));
    };
    if let Some(asked) = &filter.words {
        let terms = words::terms(asked);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        want("seq IN (SELECT rowid FROM event_words WHERE event_words MATCH ?)", words::query(&terms).into());
    }
    if let Some(agent) = &filter.agent {
        want("agent = ?", agent.clone().into());
    }
    if filter.without_reads {
        want("kind <> ?", i64::from(Kind::AuditRead.0).into());
    }
    let numbers = [("hold = ?", filter.hold), ("session = ?", filter.session), ("seq < ?", filter.before)];
    for (condition, number) in numbers.into_iter().filter_map(|(condition, number)| Some((condition, number?))) {
        want(condition, to_sql(number).into());
    }
    for (condition, time) in [("time >= ?", filter.since), ("time < ?", filter.until)] {
        if let Some(time) = time {
            want(condition, to_sql(time).into());
        }
    }
    let sql = format!(
        "SELECT seq, time, kind, session, agent, hold, about, words FROM events WHERE {} ORDER BY seq DESC LIMIT {}",
        wanted.join(" AND "),
        size(filter.limit)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(params_from_iter(given), |row| {
        Ok(Found {
            seq: from_sql(row.get(0)?),
            time: from_sql(row.get(1)?),
            kind: Kind(row.get(2)?).to_string(),
            session: row.get::<_, Option<i64>>(3)?.map(from_sql),
            agent: row.get(4)?,
            hold: row.get::<_, Option<i64>>(5)?.map(from_sql),
            about: row.get(6)?,
            words: row.get(7)?,
            statement: None,
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A shape's digest by the beginning of how it is written, where only one begins so.
pub fn shape(index: &Index, begins: &str) -> Result<Option<Digest>, IndexError> {
    let sql = "SELECT digest FROM shapes WHERE lower(hex(digest)) LIKE ?1 || '%' LIMIT 2";
    let look = || -> Result<Vec<Digest>, Trouble> {
        let mut statement = index.db.prepare(sql)?;
        let found = statement.query_map(params![begins.to_lowercase()], |row| row.get(0).map(Digest))?.collect::<Result<_, _>>()?;
        Ok(found)
    };
    let found = look().map_err(|trouble| trouble.of(&index.file))?;
    Ok(found.first().copied().filter(|_| found.len() == 1))
}
