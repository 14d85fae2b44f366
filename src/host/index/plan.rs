//! How statements are found. What lies behind the last run is looked through; in a run the lists of what was asked for are laid over
//! each other, and what they name is looked at. So a search costs by what it shows, not by what there is.

use rusqlite::{Connection, OptionalExtension as _};

use super::block::{self, Block, Row};
use super::filter::{Filter, Masked, is_error, is_table};
use super::posting::{self, Bits, Facet};
use super::run::{SHORTEST_LISTED, bits};
use super::{Trouble, from_sql, to_sql, words};

/// More shapes than this in a search are looked for in the executions, not in the lists of each.
const MOST_LISTS: usize = 1000;
/// Lists that are read in the time of one look at a row.
const LOOKS: usize = 8;

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
pub struct Plan {
    before: u64,
    since: u64,
    until: u64,
    agents: Option<Vec<u64>>,
    session: Option<u64>,
    shapes: Option<Shapes>,
    tables: Option<Tables>,
    verdict: Option<u64>,
    effect: Option<u32>,
    rule: Option<u64>,
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

fn name(db: &Connection, name: &str) -> Result<Option<u64>, Trouble> {
    Ok(ids(db, "SELECT id FROM names WHERE name = ?1", [name])?.first().copied())
}

fn bitmap(ids: &[u64]) -> Bits {
    let mut bits = Bits::default();
    ids.iter().for_each(|id| bits.insert(*id));
    bits
}

impl Plan {
    /// `None` where nothing can be found.
    pub fn of(db: &Connection, filter: &Filter) -> Result<Option<Self>, Trouble> {
        let agents = filter.agent.as_ref().map(|name| ids(db, "SELECT id FROM agents WHERE name = ?1", [name])).transpose()?;
        let masked = match &filter.masked {
            None => None,
            Some(Masked::Any) => Some(0),
            Some(Masked::Kind(kind)) => match name(db, kind)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
        };
        let rule = match &filter.rule {
            None => None,
            Some(rule) => match name(db, rule)? {
                Some(id) => Some(id),
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
            rule,
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
    pub fn takes(&self, block: &Block<'_>, place: usize) -> Result<bool, Trouble> {
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
            && self.rule.is_none_or(|rule| get(block::RULE) == rule)
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
        one(Facet::Rule, self.rule);
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

    pub fn run(&self, db: &Connection, limit: usize, found: &mut Vec<Row>) -> Result<(), Trouble> {
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
