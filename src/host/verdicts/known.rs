//! What is known of the columns of one database, each piece with where it came from, and what follows for sessions. It asks nobody: what was
//! found out is put in, and what people said by command is handed in beside it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::server::FIRST_MADE;
use crate::mask::verdict::{Basis, Column, ColumnId, Holding, Mark, Relation, Verdict, Verdicts};

/// Relations that are remembered of one database; what is not is asked about each time.
pub const MOST_RELATIONS: usize = 100_000;
/// Columns that something sensitive was written to before anybody looked at their relation.
const MOST_MARKS: usize = 10_000;
/// Parents of parents.
const DEEP: usize = 16;

/// What is known of one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub schema: Box<str>,
    pub name: Box<str>,
    /// Those that it inherits from, or is a partition of.
    pub parents: Vec<u32>,
    /// Row security shows each role rows of its own, here or below: what one saw says nothing about what another does.
    pub guarded: bool,
    pub columns: Vec<KnownColumn>,
    /// Who looked, and what they met.
    pub looks: Vec<Look>,
    /// Something may have changed since.
    pub doubted: bool,
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
    /// Columns of relations that nobody looked at yet.
    marks: Vec<Mark>,
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
            let Some(known) = before.columns.iter().find(|known| known.attribute == column.attribute && known.type_oid == column.type_oid)
            else {
                continue;
            };
            for (role, holding, cells) in &known.sampled {
                match column.sampled.iter().find(|(by, ..)| by == role) {
                    Some((.., newer)) if newer >= cells => {}
                    _ => column.sample(role, *holding, *cells),
                }
            }
            if let Some((holding, cells)) = known.learned {
                column.learn(holding, cells);
            }
            if let Some(holding) = known.marked {
                column.mark(holding);
            }
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
    /// Puts in what was found out of a relation just now.
    pub fn put(&mut self, oid: u32, mut found: Known) {
        if let Some(before) = self.relations.remove(&oid) {
            found.inherit(before);
        } else if self.relations.len() >= MOST_RELATIONS {
            self.relations.pop_first();
        }
        let columns = &mut found.columns;
        self.marks.retain(|mark| {
            let column = columns.iter_mut().find(|column| mark.relation == oid && column.name == mark.column);
            column.map(|column| column.mark(mark.holding)).is_none()
        });
        self.relations.insert(oid, found);
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

    /// Something sensitive was written. Gives the relations of which more is known now; of what nobody looked at yet the mark waits.
    pub fn mark(&mut self, marks: Vec<Mark>) -> Vec<u32> {
        let mut changed = Vec::new();
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
                None if self.marks.contains(&mark) || self.marks.len() >= MOST_MARKS => {}
                None => self.marks.push(mark),
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Something was sent after which relations may hold something else.
    pub fn doubt(&mut self) {
        self.relations.values_mut().for_each(|known| known.doubted = true);
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
                    verdict.holding = unite(verdict.holding, *holding);
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
        let touched: Vec<u32> = changed.iter().filter_map(|oid| families.of(*oid, &self.relations)).collect();
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
