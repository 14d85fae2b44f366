//! Searching: newest first, a page at a time. What lies behind the last run is looked through; in a run the lists of what was asked
//! for are laid over each other, and what they name is looked at. So a search costs by what it shows, not by what there is.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params, params_from_iter};
use serde::Serialize;

use super::block::{self, Block, Row, flags};
use super::filter::{Filter, Masked, is_error, is_table};
use super::posting::{self, Bits, Facet};
use super::run::{SHORTEST_LISTED, bits};
use super::{EFFECTS, FILE, IndexError, Trouble, VERSION, from_sql, locks, settle, size, to_sql, words};
use crate::audit::Digest;
use crate::audit::event::{self, Kind, Outcome, Verdict, Way};

/// More shapes than this in a search are looked for in the executions, not in the lists of each.
const MOST_LISTS: usize = 1000;
/// Lists that are read in the time of one look at a row.
const LOOKS: usize = 8;
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

/// Which relations were meant: by their numbers, the shapes and the sets that have one.
#[derive(Debug)]
struct Tables {
    relations: Vec<u64>,
    shapes: Bits,
    sets: Bits,
}

#[derive(Debug)]
struct Shapes {
    set: Bits,
    /// Where there are few: the number, and between which records it was used.
    few: Option<Vec<(u64, u64, u64)>>,
}

/// A filter with all names looked up.
#[derive(Debug)]
pub(super) struct Plan {
    before: u64,
    since: u64,
    until: u64,
    agents: Option<Vec<u64>>,
    session: Option<u64>,
    shapes: Option<Shapes>,
    tables: Option<Tables>,
    verdict: Option<u64>,
    effect: Option<u32>,
    hold: Option<u64>,
    errors: bool,
    slow: Option<u64>,
    masked: Option<u64>,
}

fn ids(db: &Connection, sql: &str, given: impl rusqlite::Params) -> Result<Vec<u64>, Trouble> {
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map(given, |row| row.get(0).map(from_sql))?.collect::<Result<_, _>>()?;
    Ok(found)
}

fn bitmap(ids: &[u64]) -> Bits {
    let mut bits = Bits::default();
    ids.iter().for_each(|id| bits.insert(*id));
    bits
}

impl Plan {
    /// `None` where nothing can be found.
    pub(super) fn of(db: &Connection, filter: &Filter) -> Result<Option<Self>, Trouble> {
        let agents = filter.agent.as_ref().map(|name| ids(db, "SELECT id FROM agents WHERE name = ?1", [name])).transpose()?;
        let masked = match &filter.masked {
            None => None,
            Some(Masked::Any) => Some(0),
            Some(Masked::Kind(kind)) => match ids(db, "SELECT id FROM names WHERE name = ?1", [kind])?.first() {
                Some(id) => Some(*id),
                None => return Ok(None),
            },
        };
        let (shapes, tables) = (Self::shapes(db, filter)?, Self::tables(db, filter)?);
        let nothing = agents.as_ref().is_some_and(Vec::is_empty)
            || shapes.as_ref().is_some_and(|shapes| shapes.few.as_ref().is_some_and(Vec::is_empty))
            || tables.as_ref().is_some_and(|tables| tables.relations.is_empty());
        let plan = Self {
            before: filter.before.unwrap_or(u64::MAX),
            since: filter.since.unwrap_or(0),
            until: filter.until.unwrap_or(u64::MAX),
            agents,
            session: filter.session,
            shapes,
            tables,
            verdict: filter.verdict.map(|verdict| verdict as u64),
            effect: filter.effect,
            hold: filter.hold.map(|hold| hold.saturating_add(1)),
            errors: filter.errors,
            slow: filter.slow,
            masked,
        };
        Ok((!nothing).then_some(plan))
    }

    fn shapes(db: &Connection, filter: &Filter) -> Result<Option<Shapes>, Trouble> {
        let mut found: Option<Vec<u64>> = None;
        if let Some(asked) = &filter.words {
            let terms = words::terms(asked);
            // What has no letter in it is nowhere.
            let sql = "SELECT rowid FROM shape_words WHERE shape_words MATCH ?1";
            found = Some(if terms.is_empty() { Vec::new() } else { ids(db, sql, [words::query(&terms)])? });
        }
        if let Some(shape) = filter.shape {
            let one = ids(db, "SELECT id FROM shapes WHERE digest = ?1", [shape.0])?;
            found = Some(found.map_or(one.clone(), |found| found.into_iter().filter(|id| one.contains(id)).collect()));
        }
        let Some(found) = found else { return Ok(None) };
        let mut few = None;
        if found.len() <= MOST_LISTS {
            let mut statement = db.prepare_cached("SELECT first, last FROM shape_totals WHERE id = ?1")?;
            let mut used = Vec::new();
            for id in &found {
                let between = statement.query_row([to_sql(*id)], |row| Ok((from_sql(row.get(0)?), from_sql(row.get(1)?)))).optional()?;
                used.extend(between.map(|(first, last)| (*id, first, last)));
            }
            few = Some(used);
        }
        Ok(Some(Shapes { set: bitmap(&found), few }))
    }

    fn tables(db: &Connection, filter: &Filter) -> Result<Option<Tables>, Trouble> {
        let Some(asked) = &filter.table else { return Ok(None) };
        let mut relations = Vec::new();
        let mut statement = db.prepare_cached("SELECT id, name FROM relations")?;
        let mut all = statement.query(())?;
        while let Some(row) = all.next()? {
            if row.get_ref(1)?.as_str().is_ok_and(|name| is_table(asked, name)) {
                relations.push(from_sql(row.get(0)?));
            }
        }
        let (mut shapes, mut sets) = (Bits::default(), Bits::default());
        for relation in &relations {
            for set in ids(db, "SELECT id FROM relation_members WHERE relation = ?1", [to_sql(*relation)])? {
                sets.insert(set);
                ids(db, "SELECT id FROM shapes WHERE relations > 0 AND relations = ?1", [to_sql(set)])?
                    .into_iter()
                    .for_each(|shape| shapes.insert(shape));
            }
        }
        Ok(Some(Tables { relations, shapes, sets }))
    }

    /// Whether a row is what was asked for. The order is by what is cheap and what excludes most.
    pub(super) fn takes(&self, block: &Block<'_>, place: usize) -> Result<bool, Trouble> {
        let get = |column| block.get(column, place);
        let time = get(block::TIME);
        if time < self.since || time >= self.until || get(block::SEQ) >= self.before {
            return Ok(false);
        }
        if self.shapes.as_ref().is_some_and(|shapes| !shapes.set.contains(get(block::SHAPE))) {
            return Ok(false);
        }
        if let Some(tables) = &self.tables {
            let named = match get(block::RELATIONS).checked_sub(1) {
                None => tables.shapes.contains(get(block::SHAPE)),
                Some(set) => set > 0 && tables.sets.contains(set),
            };
            if !named {
                return Ok(false);
            }
        }
        let flags = get(block::FLAGS);
        let passes = self.agents.as_ref().is_none_or(|agents| agents.contains(&get(block::AGENT)))
            && self.session.is_none_or(|session| get(block::SESSION) == session)
            && self.verdict.is_none_or(|verdict| block::verdict(flags) == verdict)
            && self.hold.is_none_or(|hold| get(block::HOLD) == hold)
            && self.effect.is_none_or(|bit| get(block::EFFECTS).checked_sub(1).is_some_and(|effects| effects >> bit & 1 == 1))
            && (!self.errors || is_error(flags, get(block::CODE)))
            && self.slow.is_none_or(|slow| get(block::DURATION).checked_sub(1).is_some_and(|duration| duration >= slow))
            && self.masked.is_none_or(|_| get(block::MASKED) > 0);
        if let (true, Some(kind @ 1..)) = (passes, self.masked) {
            return Ok(block.kinds(place)?.iter().any(|(found, _)| *found == kind));
        }
        Ok(passes)
    }

    /// The lists of a run that hold all that was asked for: one of each group.
    fn groups(&self, first: u64, last: u64) -> Vec<Vec<(Facet, u64)>> {
        let mut groups = Vec::new();
        let mut one = |facet, id: Option<u64>| groups.extend(id.map(|id| vec![(facet, id)]));
        one(Facet::Session, self.session);
        one(Facet::Hold, self.hold);
        one(Facet::Verdict, self.verdict);
        one(Facet::Effect, self.effect.map(u64::from));
        one(Facet::Error, self.errors.then_some(0));
        one(Facet::Masked, self.masked);
        if let Some(agents) = &self.agents {
            groups.push(agents.iter().map(|id| (Facet::Agent, *id)).collect());
        }
        if let Some(tables) = &self.tables {
            groups.push(tables.relations.iter().map(|id| (Facet::Relation, *id)).collect());
        }
        if let Some(slow) = self.slow.filter(|slow| bits(*slow) >= SHORTEST_LISTED) {
            groups.push((bits(slow)..=u64::BITS).map(|bits| (Facet::Duration, u64::from(bits))).collect());
        }
        if let Some(few) = self.shapes.as_ref().and_then(|shapes| shapes.few.as_ref()) {
            let used_here = few.iter().filter(|(_, from, to)| *from <= last && *to >= first);
            groups.push(used_here.map(|(id, ..)| (Facet::Shape, *id)).collect());
        }
        groups.sort_by_key(Vec::len);
        groups
    }

    /// What the lists of a run leave; `None` where they say nothing.
    fn named(&self, db: &Connection, run: u64, first: u64, last: u64) -> Result<Option<Vec<u64>>, Trouble> {
        let mut statement = db.prepare_cached("SELECT data FROM lists WHERE key = ?1")?;
        let mut left: Option<Vec<u64>> = None;
        'groups: for group in self.groups(first, last) {
            // Fewer looks at what is left than at the lists of a group with many.
            if left.as_ref().is_some_and(|left| left.len() < group.len() / LOOKS) {
                break;
            }
            let mut named = Vec::new();
            for (facet, id) in &group {
                let mut found = statement.query([posting::key(run, *facet, *id)])?;
                if let Some(row) = found.next()? {
                    match row.get_ref(0)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
                        // It is of a good part of the run.
                        None => continue 'groups,
                        Some(data) => posting::decode(first, data, &mut named)?,
                    }
                }
            }
            if group.len() > 1 {
                named.sort_unstable();
                named.dedup();
            }
            let both = left.map_or_else(|| named.clone(), |left| posting::intersect(&left, &named));
            if both.is_empty() {
                return Ok(Some(both));
            }
            left = Some(both);
        }
        Ok(left)
    }

    pub(super) fn run(&self, db: &Connection, limit: usize, found: &mut Vec<Row>) -> Result<(), Trouble> {
        let [before, since, until] = [self.before, self.since, self.until].map(to_sql);
        let listed = super::run::last(db)?;
        self.scan(db, listed, u64::MAX, limit, found)?;
        let sql = "SELECT run, first, last FROM runs WHERE first < ?1 AND latest >= ?2 AND earliest < ?3 ORDER BY run DESC";
        let mut statement = db.prepare_cached(sql)?;
        let mut runs = statement.query([before, since, until])?;
        while let Some(run) = runs.next()? {
            if found.len() >= limit {
                break;
            }
            let (run, first, last) = (from_sql(run.get(0)?), from_sql(run.get(1)?), from_sql(run.get(2)?));
            match self.named(db, run, first, last)? {
                None => self.scan(db, first.saturating_sub(1), last, limit, found)?,
                Some(named) => self.visit(db, &named, limit, found)?,
            }
        }
        Ok(())
    }

    /// Looks through the blocks that begin behind `after`, up to `last`.
    fn scan(&self, db: &Connection, after: u64, last: u64, limit: usize, found: &mut Vec<Row>) -> Result<(), Trouble> {
        let sql = "SELECT data FROM blocks WHERE first > ?1 AND first <= ?2 AND first < ?3 AND latest >= ?4 AND earliest < ?5 ORDER BY first DESC";
        let mut statement = db.prepare_cached(sql)?;
        let mut blocks = statement.query([after, last, self.before, self.since, self.until].map(to_sql))?;
        while let Some(row) = blocks.next()? {
            let block = Block::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            for place in (0..block.before(self.before)).rev() {
                if found.len() >= limit {
                    return Ok(());
                }
                if self.takes(&block, place)? {
                    found.push(block.row(place)?);
                }
            }
        }
        Ok(())
    }

    /// Looks at these rows, the last one first.
    fn visit(&self, db: &Connection, named: &[u64], limit: usize, found: &mut Vec<Row>) -> Result<(), Trouble> {
        let mut statement = db.prepare_cached("SELECT data FROM blocks WHERE first <= ?1 ORDER BY first DESC LIMIT 1")?;
        let mut left = named.get(..named.partition_point(|seq| *seq < self.before)).unwrap_or_default();
        while let Some(seq) = left.last() {
            if found.len() >= limit {
                break;
            }
            let mut blocks = statement.query([to_sql(*seq)])?;
            let Some(row) = blocks.next()? else { break };
            let block = Block::read(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
            let here = left.partition_point(|seq| *seq < block.get(block::SEQ, 0));
            let (rest, in_block) = left.split_at_checked(here).unwrap_or_default();
            for place in in_block.iter().rev().filter_map(|seq| block.find(*seq)) {
                if found.len() < limit && self.takes(&block, place)? {
                    found.push(block.row(place)?);
                }
            }
            left = rest;
        }
        Ok(())
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

fn relations(db: &Connection, set: u64) -> Result<Vec<String>, Trouble> {
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
        let names = EFFECTS.iter().enumerate();
        names.filter(|(bit, _)| effects >> bit & 1 == 1).map(|(_, name)| *name).collect()
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
