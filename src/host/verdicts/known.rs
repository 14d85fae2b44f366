//! What is known of the columns of one database, each piece with where it came from, and what follows for sessions. It asks nobody: what was
//! found out is put in, and what people said by command is handed in beside it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::server::FIRST_MADE;
use crate::mask::Kind;
use crate::mask::lineage::{self, Written};
use crate::mask::verdict::{Basis, Column, ColumnId, Holding, Mark, Relation, Verdict, Verdicts};
use crate::sql;

/// Relations that are remembered of one database; what is not is asked about each time.
pub const MOST_RELATIONS: usize = 100_000;
/// Columns that something sensitive was written to, of relations that nobody looked at or that are not remembered. A few
/// megabytes.
const MOST_MARKS: usize = 50_000;
/// The same of relations that have no number yet: each is compared with each relation that is met.
const MOST_PROMISES: usize = 10_000;
/// A sample is old after this. Seconds.
const OLD: u64 = 6 * 3600;
/// Where there was no sample, or nothing in it, it is looked again sooner.
const SOON: u64 = 600;
/// Parents of parents, views upon views.
const DEEP: usize = 16;

/// What is known of one relation.
#[derive(Debug, Clone)]
pub struct Known {
    pub schema: Box<str>,
    pub name: Box<str>,
    /// Those that it inherits from, or is a partition of.
    pub parents: Vec<u32>,
    /// Row security shows each role rows of its own, here or below: what one saw says nothing about what another does.
    pub guarded: bool,
    pub columns: Vec<KnownColumn>,
    /// Of a view: how it is computed, and from which relations.
    pub definition: Option<Definition>,
    /// Who looked, and what they met.
    pub looks: Vec<Look>,
    /// Something may have changed since.
    pub doubted: bool,
}

/// How a view is computed.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Of its text, in which every name has its schema.
    pub facts: Arc<sql::facts::Facts>,
    pub reads: Vec<u32>,
}

/// A role looked at rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub role: Arc<str>,
    /// Seconds since 1970.
    pub at: u64,
    /// How many there were; `None` where it may not, or nothing was to be run for it.
    pub rows: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownColumn {
    pub attribute: i16,
    pub name: Box<str>,
    pub type_oid: u32,
    /// What its name and its type say, or its definition.
    pub named: Holding,
    /// What each role's sample says, and of how many values.
    pub sampled: Vec<(Arc<str>, Holding, u32)>,
    pub learned: Option<(Holding, u32)>,
    pub marked: Option<Holding>,
    /// What those columns hold that it is computed from.
    pub defined: Option<Holding>,
}

/// What somebody said by command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrule {
    /// Any, if empty.
    pub database: Box<str>,
    pub schema: Box<str>,
    pub table: Box<str>,
    pub column: Box<str>,
    pub holding: Holding,
}

/// Who goes by it.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    pub generation: u64,
    pub role: &'a str,
    pub database: &'a str,
    pub overrules: &'a [Overrule],
}

/// What is known of one database.
#[derive(Debug, Default)]
pub struct Facts {
    pub relations: BTreeMap<u32, Known>,
    /// What was written to relations that are not known, by the names of their columns: what they become known as, they hold that.
    marks: BTreeMap<u32, BTreeMap<Box<str>, Holding>>,
    /// How many those columns are.
    marked: usize,
    /// The same of relations that have no number yet.
    promises: Vec<Written>,
    /// More was written than could be kept in mind: relations that are met from now on hold what was written to some of them, nobody knows to
    /// which, and are masked whole.
    flooded: bool,
}

/// What may be two things is taken for the one that hides more.
pub fn unite(one: Holding, other: Holding) -> Holding {
    match (one, other) {
        (Holding::Whole(kind), _) | (_, Holding::Whole(kind)) => Holding::Whole(kind),
        (Holding::Mixed(kinds), Holding::Mixed(others)) => Holding::Mixed(kinds.or(others)),
        (Holding::Mixed(kinds), Holding::Harmless) | (Holding::Harmless, Holding::Mixed(kinds)) => Holding::Mixed(kinds),
        (Holding::Harmless, Holding::Harmless) => Holding::Harmless,
    }
}

impl KnownColumn {
    /// A role's newer sample takes the place of its older one, unless there was less to see.
    pub fn sample(&mut self, role: &Arc<str>, holding: Holding, cells: u32) {
        match self.sampled.iter_mut().find(|(by, ..)| by == role) {
            Some((_, known, seen)) if cells >= *seen => (*known, *seen) = (holding, cells),
            Some((_, known, _)) => *known = unite(*known, holding),
            None => self.sampled.push((Arc::clone(role), holding, cells)),
        }
    }

    pub fn learn(&mut self, holding: Holding, cells: u32) {
        let (known, seen) = self.learned.unwrap_or((holding, 0));
        self.learned = Some((unite(known, holding), seen.saturating_add(cells)));
    }

    pub fn mark(&mut self, holding: Holding) {
        self.marked = Some(self.marked.map_or(holding, |known| unite(known, holding)));
    }

    /// All pieces together; the strongest says why.
    pub fn verdict(&self) -> Verdict {
        let seen: u32 = self.sampled.iter().map(|(.., cells)| *cells).fold(0, u32::saturating_add);
        let samples = self.sampled.iter().filter(|(.., cells)| *cells > 0).map(|(_, holding, _)| *holding).reduce(unite);
        // Where nobody saw a row its values are still to be looked at, whatever its name says.
        let mut basis = if self.sampled.is_empty() { Basis::Unknown } else { Basis::Name };
        // A sample was judged with the name at hand; without one the name alone speaks.
        let mut holding = samples.map_or(self.named, |holding| {
            basis = Basis::Sampled(seen);
            holding
        });
        for (piece, stronger) in [
            (self.learned.map(|(holding, _)| holding), Basis::Learned(self.learned.map_or(0, |(_, cells)| cells))),
            (self.marked, Basis::Marked),
            (self.defined, Basis::Marked),
        ] {
            if let Some(piece) = piece {
                holding = unite(holding, piece);
                basis = stronger;
            }
        }
        Verdict { holding, basis }
    }

    fn is(&self, other: &Self) -> bool {
        (self.attribute, &self.name, self.type_oid) == (other.attribute, &other.name, other.type_oid)
    }
}

impl Known {
    /// Takes in what was promised of a relation of this name. Whether it has it.
    fn keep(&mut self, promise: &Written) -> bool {
        let called = self.name == promise.name && promise.schema.as_ref().is_none_or(|schema| *schema == self.schema);
        if called {
            let written = |column: &&mut KnownColumn| promise.column.as_ref().is_none_or(|name| *name == column.name);
            self.columns.iter_mut().filter(written).for_each(|column| column.mark(promise.holding));
        }
        called
    }

    /// Takes over what was known of the same columns before; what is no longer the same is forgotten.
    fn inherit(&mut self, before: Known) {
        let same = self.name == before.name && self.schema == before.schema
            || self.columns.iter().any(|column| before.columns.iter().any(|known| column.is(known)));
        if !same {
            return;
        }
        for look in before.looks {
            if self.looks.iter().all(|known| known.role != look.role) {
                self.looks.push(look);
            }
        }
        for column in &mut self.columns {
            let Some(known) = before.columns.iter().find(|known| known.attribute == column.attribute) else { continue };
            // What was written to it is in it still when it has become one of another type.
            if let Some(holding) = known.marked {
                column.mark(holding);
            }
            if known.type_oid != column.type_oid {
                continue;
            }
            for (role, holding, cells) in &known.sampled {
                match column.sampled.iter().find(|(by, ..)| by == role) {
                    Some((.., newer)) if newer >= cells => {}
                    _ => column.sample(role, *holding, *cells),
                }
            }
            if let Some((holding, cells)) = known.learned {
                column.learn(holding, cells);
            }
            column.defined = known.defined;
        }
    }

    /// Whether nothing is to be asked before rows of it pass, as far as this role is concerned.
    pub fn is_settled(&self, role: &str) -> bool {
        let own = |look: &&Look| !self.guarded || &*look.role == role;
        !self.doubted && self.looks.iter().filter(own).any(|look| look.rows != Some(0))
    }

    /// When this role, or any whose sight is the same, looked last.
    pub fn looked(&self, role: &str) -> Option<&Look> {
        self.looks.iter().filter(|look| !self.guarded || &*look.role == role).max_by_key(|look| look.at)
    }
}

impl Facts {
    /// Takes over what views are computed from, now that these relations are known otherwise. Gives the views of which something else is known.
    pub fn define(&mut self, changed: &[u32]) -> Vec<u32> {
        let mut all: Vec<u32> = changed.to_vec();
        let mut redefined = Vec::new();
        // A view is known once what it reads is: in as many rounds as views stand upon views.
        for _ in 0..DEEP {
            let reads = |(oid, known): (&u32, &Known)| {
                let definition = known.definition.as_ref()?;
                let touched = all.contains(oid) || definition.reads.iter().any(|read| all.contains(read));
                touched.then(|| (*oid, definition.clone()))
            };
            let views: Vec<(u32, Definition)> = self.relations.iter().filter_map(reads).collect();
            let mut more = Vec::new();
            for (oid, definition) in views {
                if self.defined(oid, &definition) {
                    more.push(oid);
                }
            }
            if more.is_empty() {
                break;
            }
            redefined.extend(&more);
            all = more;
        }
        redefined.sort_unstable();
        redefined.dedup();
        redefined
    }

    /// Whether what a view is computed from says something else of its columns than it did.
    fn defined(&mut self, oid: u32, definition: &Definition) -> bool {
        let below = |read: &u32| {
            let known = self.relations.get(read)?;
            let column = |column: &KnownColumn| Column {
                attribute: column.attribute,
                name: column.name.clone(),
                type_oid: column.type_oid,
                verdict: column.verdict(),
            };
            let columns = known.columns.iter().map(column).collect();
            Some((*read, Arc::new(Relation { schema: known.schema.clone(), name: known.name.clone(), columns, unsettled: false })))
        };
        let below = Verdicts { relations: definition.reads.iter().filter_map(below).collect(), ..Verdicts::default() };
        let view = lineage::view(&definition.facts, &below);
        let Some(known) = self.relations.get_mut(&oid) else { return false };
        let width = known.columns.len();
        let mut changed = false;
        for (place, column) in known.columns.iter_mut().enumerate() {
            let found = view.column(place, width).map(|verdict| verdict.holding);
            changed |= found != column.defined;
            column.defined = found;
        }
        changed
    }

    /// Puts in what was found out of a relation just now.
    /// Gives those that are gone: another one has their name.
    pub fn put(&mut self, oid: u32, mut found: Known) -> Vec<u32> {
        let is_new = !self.relations.contains_key(&oid);
        if let Some(before) = self.relations.remove(&oid) {
            found.inherit(before);
        } else if self.relations.len() >= MOST_RELATIONS {
            self.make_room();
        }
        let promises = std::mem::take(&mut self.promises);
        self.promises = promises.into_iter().filter(|promise| !found.keep(promise)).collect();
        let columns = &mut found.columns;
        if self.flooded && is_new && oid >= FIRST_MADE {
            columns.iter_mut().for_each(|column| column.mark(Holding::Whole(Kind::DERIVED)));
        }
        let marks = self.marks.remove(&oid).unwrap_or_default();
        self.marked = self.marked.saturating_sub(marks.len());
        for (name, holding) in marks {
            match columns.iter_mut().find(|column| column.name == name) {
                Some(column) => column.mark(holding),
                // Under what other name it is now, nobody knows.
                None => columns.iter_mut().for_each(|column| column.mark(holding)),
            }
        }
        let namesake =
            |(other, known): (&u32, &Known)| (*other != oid && known.name == found.name && known.schema == found.schema).then_some(*other);
        let gone: Vec<u32> = self.relations.iter().filter_map(namesake).collect();
        // It may have another name by now.
        gone.iter().for_each(|oid| self.forget(*oid));
        self.relations.insert(oid, found);
        gone
    }

    /// Forgets the relation of which the least is lost: what samples tell, they tell again.
    fn make_room(&mut self) {
        let tells = |known: &Known| known.columns.iter().any(|column| column.marked.is_some() || column.learned.is_some());
        let plain = self.relations.iter().find(|(_, known)| !tells(known)).map(|(oid, _)| *oid);
        if let Some(oid) = plain.or_else(|| self.relations.keys().next().copied()) {
            self.forget(oid);
        }
    }

    /// What was written to a relation is not forgotten with it.
    fn forget(&mut self, oid: u32) {
        for column in self.relations.remove(&oid).into_iter().flat_map(|known| known.columns) {
            if let Some(holding) = column.marked {
                self.remember(Mark { relation: oid, column: column.name, holding });
            }
        }
    }

    /// Keeps in mind what was written to a relation that is not known. Whether it was not before.
    fn remember(&mut self, mark: Mark) -> bool {
        let columns = self.marks.get_mut(&mark.relation);
        if let Some(holding) = columns.and_then(|columns| columns.get_mut(&mark.column)) {
            *holding = unite(*holding, mark.holding);
            return false;
        }
        if self.marked >= MOST_MARKS {
            self.flood();
            return false;
        }
        self.marks.entry(mark.relation).or_default().insert(mark.column, mark.holding);
        self.marked += 1;
        true
    }

    fn flood(&mut self) {
        if !self.flooded {
            tracing::warn!(
                "more was written from sensitive columns than can be kept in mind: relations not met before are masked whole until a restart"
            );
        }
        self.flooded = true;
    }

    /// Values passed that say more than was known. Gives the relations of which more is known now.
    pub fn learn(&mut self, columns: &[(ColumnId, Verdict)]) -> Vec<u32> {
        let mut changed = Vec::new();
        for (id, verdict) in columns {
            let Some(column) = self.column(*id) else { continue };
            let before = column.verdict();
            let cells = if let Basis::Sampled(cells) | Basis::Learned(cells) = verdict.basis { cells } else { 0 };
            if unite(before.holding, verdict.holding) != before.holding {
                column.learn(verdict.holding, cells);
                changed.push(id.relation);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    fn column(&mut self, id: ColumnId) -> Option<&mut KnownColumn> {
        self.relations.get_mut(&id.relation)?.columns.iter_mut().find(|column| column.attribute == id.attribute)
    }

    /// Something sensitive was written. Gives the relations of which more is known now, and those that nobody looked at yet: their marks wait.
    pub fn mark(&mut self, marks: Vec<Mark>) -> (Vec<u32>, Vec<u32>) {
        let (mut changed, mut unknown) = (Vec::new(), Vec::new());
        for mark in marks {
            let relation = self.relations.get_mut(&mark.relation);
            match relation.and_then(|known| known.columns.iter_mut().find(|column| column.name == mark.column)) {
                Some(column) => {
                    let before = column.marked;
                    column.mark(mark.holding);
                    if column.marked != before {
                        changed.push(mark.relation);
                    }
                }
                None => {
                    let relation = mark.relation;
                    unknown.extend(self.remember(mark).then_some(relation));
                }
            }
        }
        for list in [&mut changed, &mut unknown] {
            list.sort_unstable();
            list.dedup();
        }
        (changed, unknown)
    }

    /// Something sensitive is written to relations that are made now, or were made anew. What is found by such a name next is one of them.
    pub fn promise(&mut self, written: Vec<Written>) -> Vec<u32> {
        let mut changed = Vec::new();
        for promise in written {
            changed.extend(self.relations.iter_mut().filter_map(|(oid, known)| known.keep(&promise).then_some(*oid)));
            if self.promises.contains(&promise) {
                continue;
            }
            if self.promises.len() >= MOST_PROMISES {
                self.flood();
            } else {
                self.promises.push(promise);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Something was sent after which relations may hold something else. Gives those that nobody doubted before.
    pub fn doubt(&mut self) -> Vec<u32> {
        let undoubted = self.relations.iter_mut().filter(|(_, known)| !known.doubted);
        let doubt = |(oid, known): (&u32, &mut Known)| {
            known.doubted = true;
            *oid
        };
        undoubted.map(doubt).collect()
    }

    /// Some of the relations that this role looked at long ago, the longest first.
    pub fn old(&self, role: &str, now: u64, most: usize) -> Vec<u32> {
        let old = |(oid, known): (&u32, &Known)| {
            let look = known.looked(role)?;
            let good_for = if look.rows.is_none_or(|rows| rows == 0) { SOON } else { OLD };
            (*oid >= FIRST_MADE && now.saturating_sub(look.at) >= good_for).then_some((look.at, *oid))
        };
        let mut all: Vec<(u64, u32)> = self.relations.iter().filter_map(old).collect();
        all.sort_unstable();
        all.into_iter().take(most).map(|(_, oid)| oid).collect()
    }

    /// What a session of this role goes by. Given what it went by before and which relations more is known of since, only those are made anew.
    pub fn verdicts(&self, sight: Sight<'_>, before: Option<(&Verdicts, &[u32])>) -> Verdicts {
        let Sight { generation, role, database, overrules } = sight;
        let mut said: HashMap<(&str, &str, &str), Holding> = HashMap::new();
        for overrule in overrules.iter().filter(|overrule| overrule.database.is_empty() || &*overrule.database == database) {
            said.insert((&overrule.schema, &overrule.table, &overrule.column), overrule.holding);
        }
        let families = self.families();
        let relation = |(oid, known): (&u32, &Known)| {
            let family = families.of(*oid, &self.relations);
            let column = |column: &KnownColumn| {
                let mut verdict = column.verdict();
                if *oid < FIRST_MADE {
                    verdict.basis = verdict.basis.max(Basis::Name);
                }
                if let Some(holding) = family.and_then(|family| families.columns.get(&(family, &*column.name))) {
                    let united = unite(verdict.holding, *holding);
                    // What others of it told is more than nothing.
                    verdict.basis = if united == verdict.holding { verdict.basis } else { verdict.basis.max(Basis::Name) };
                    verdict.holding = united;
                }
                if let Some(holding) = said.get(&(&*known.schema, &*known.name, &*column.name)) {
                    verdict = Verdict { holding: *holding, basis: Basis::Overruled };
                }
                Column { attribute: column.attribute, name: column.name.clone(), type_oid: column.type_oid, verdict }
            };
            let columns = known.columns.iter().map(column).collect();
            let unsettled = !known.is_settled(role);
            (*oid, Arc::new(Relation { schema: known.schema.clone(), name: known.name.clone(), columns, unsettled }))
        };
        let Some((before, changed)) = before else {
            return Verdicts { generation, asks: true, relations: self.relations.iter().map(relation).collect() };
        };
        let mut relations = before.relations.clone();
        relations.retain(|oid, _| self.relations.contains_key(oid));
        let changed: HashSet<u32> = changed.iter().copied().collect();
        let touched: HashSet<u32> = changed.iter().filter_map(|oid| families.of(*oid, &self.relations)).collect();
        let kin = |oid: &u32| families.of(*oid, &self.relations).is_some_and(|family| touched.contains(&family));
        let anew = self.relations.iter().filter(|(oid, _)| changed.contains(oid) || !touched.is_empty() && kin(oid));
        relations.extend(anew.map(relation));
        Verdicts { generation, asks: true, relations }
    }

    /// What relations that inherit from each other hold under one name.
    fn families(&self) -> Families<'_> {
        let mut families = Families::default();
        for (oid, known) in self.relations.iter().filter(|(_, known)| !known.parents.is_empty()) {
            let root = root(*oid, &self.relations);
            for (_, known) in [(oid, known)].into_iter().chain(self.relations.get_key_value(&root)) {
                for column in &known.columns {
                    let holding = column.verdict().holding;
                    let united = families.columns.entry((root, &column.name)).or_insert(holding);
                    *united = unite(*united, holding);
                }
            }
            families.roots.insert(root, ());
        }
        families
    }
}

#[derive(Debug, Default)]
struct Families<'f> {
    roots: HashMap<u32, ()>,
    columns: HashMap<(u32, &'f str), Holding>,
}

impl Families<'_> {
    fn of(&self, oid: u32, relations: &BTreeMap<u32, Known>) -> Option<u32> {
        let root = root(oid, relations);
        self.roots.contains_key(&root).then_some(root)
    }
}

/// The first ancestor that has no parent.
fn root(oid: u32, relations: &BTreeMap<u32, Known>) -> u32 {
    let mut root = oid;
    for _ in 0..DEEP {
        match relations.get(&root).and_then(|known| known.parents.first()) {
            Some(parent) => root = *parent,
            None => break,
        }
    }
    root
}

#[cfg(test)]
mod tests;
