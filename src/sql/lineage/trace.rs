//! Works a lineage out: given which columns of the relations are sensitive, which output columns are computed from them, and which columns are
//! written with them. Queries are worked out from the innermost to the outermost, again and again until nothing changes.

use super::shape::{Level, Shape, Taint};
use super::told::Told;
use super::{Assigned, Fold, Lineage, Of, Output, Place, Query, Source, Step};

/// Rounds until a lineage stands still: a few for what is written in one subquery and read in another, one more for each level that a name is
/// looked up through. What does not stand still by then may be anything.
const MOST_ROUNDS: usize = 64;
/// Lookups and values, over all rounds: more than any statement of people's, and done in a fraction of a second.
const MOST_WORK: usize = 4 * 1024 * 1024;
/// Columns that a server gives a query at most; more are thrown together.
const MOST_COLUMNS: usize = 1664;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced<'a> {
    /// The columns of the rows that are given back, if any are.
    pub rows: Option<Shape<'a>>,
    /// Which rows there are, and how many, tells of sensitive values: what they are is no answer to one question.
    pub told: bool,
    /// A sensitive value, or an answer about one, is given to a function that does more than compute.
    pub given: bool,
    pub stored: Vec<Stored<'a>>,
}

/// A column that is written with what is not clean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// The place among the relations.
    pub relation: usize,
    /// The statement makes it.
    pub defined: bool,
    /// For this session alone.
    pub temporary: bool,
    /// `None`: it may be any.
    pub column: Option<&'a str>,
    pub taint: Taint,
}

/// The work is more than is done.
pub(super) struct Exhausted;

pub(super) struct Tracer<'a> {
    pub lineage: &'a Lineage,
    pub told: Told<'a>,
    relations: Vec<Shape<'a>>,
    queries: Vec<Shape<'a>>,
    /// What the functions in FROM give, by query and source.
    functions: Vec<Vec<Taint>>,
    work: usize,
}

impl Lineage {
    /// `relations` are the columns of those of the lineage, one for each.
    pub fn trace<'a>(&'a self, relations: &[Shape<'a>]) -> Traced<'a> {
        if self.unbounded {
            return self.anything();
        }
        let mut relations = relations.to_vec();
        relations.resize_with(self.relations.len(), || Shape::unknown([], Taint::UNKNOWN));
        let tracer = Tracer {
            lineage: self,
            told: Told::new(self),
            relations,
            queries: self.queries.iter().map(|_| Shape { pending: true, ..Shape::default() }).collect(),
            functions: self.queries.iter().map(|query| vec![Taint::CLEAN; query.sources.len()]).collect(),
            work: MOST_WORK,
        };
        tracer.run().unwrap_or_else(|Exhausted| self.anything())
    }

    fn anything(&self) -> Traced<'_> {
        let stored = self.writes.iter().map(|write| Stored {
            relation: index(write.relation),
            defined: write.defines,
            temporary: write.temporary,
            column: None,
            taint: Taint::SENSITIVE,
        });
        Traced {
            rows: self.rows.map(|_| Shape::unknown([], Taint::SENSITIVE)),
            told: true,
            given: self.queries.iter().any(|query| !query.given.is_empty()),
            stored: stored.collect(),
        }
    }
}

pub(super) fn index(place: Place) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Columns that every table has and that hold nothing of a user's.
fn is_system(name: &str) -> bool {
    matches!(name, "ctid" | "xmin" | "xmax" | "cmin" | "cmax" | "tableoid")
}

impl<'a> Tracer<'a> {
    fn run(mut self) -> Result<Traced<'a>, Exhausted> {
        for _ in 0..MOST_ROUNDS {
            if !self.round()? {
                let rows = self.lineage.rows.and_then(|rows| self.queries.get(index(rows)).cloned());
                let (rows, many) = self.gathered(rows);
                let given = self.is_given()?;
                return Ok(Traced { rows, told: many || self.told.is_any_told(), given, stored: self.stored()? });
            }
        }
        Err(Exhausted)
    }

    fn round(&mut self) -> Result<bool, Exhausted> {
        let mut changed = false;
        for (at, query) in self.lineage.queries.iter().enumerate().rev() {
            for (place, source) in query.sources.iter().enumerate() {
                if let Of::Function { beside, steps, .. } = &source.of {
                    let taint = self.value(index(*beside), steps)?.changed();
                    if let Some(known) = self.functions.get_mut(at).and_then(|functions| functions.get_mut(place)) {
                        changed |= *known != taint;
                        *known = taint;
                    }
                }
            }
            let shape = self.query(at, query)?;
            if let Some(known) = self.queries.get_mut(at).filter(|known| **known != shape) {
                *known = shape;
                changed = true;
            }
        }
        changed |= self.tell()?;
        for stored in self.stored()? {
            if stored.defined {
                continue;
            }
            let Some(relation) = self.relations.get_mut(stored.relation) else { continue };
            let before = relation.clone();
            match stored.column {
                Some(name) => relation.store(name, stored.taint),
                None => relation.store_all(stored.taint.changed()),
            }
            changed |= before != *relation;
        }
        Ok(changed)
    }

    /// What is written now.
    fn stored(&mut self) -> Result<Vec<Stored<'a>>, Exhausted> {
        let lineage = self.lineage;
        let mut stored = Vec::new();
        for write in &lineage.writes {
            let (relation, defined, temporary) = (index(write.relation), write.defines, write.temporary);
            let mut add = |column, taint: Taint| {
                if taint.level != Level::Clean {
                    stored.push(Stored { relation, defined, temporary, column, taint });
                }
            };
            match &write.assigned {
                Assigned::Each { query, columns } => {
                    for (name, steps) in columns {
                        add(Some(&**name), self.value(index(*query), steps)?);
                    }
                }
                Assigned::Rows { query, names } => {
                    let Some(shape) = self.queries.get(index(*query)).filter(|shape| !shape.pending) else { continue };
                    let target = self.relations.get(relation).and_then(Shape::all).filter(|_| names.is_empty() && !defined);
                    let columns = shape.all();
                    let Some(columns) = columns.filter(|_| defined || !names.is_empty() || target.is_some()) else {
                        // Which column a value comes to is not known.
                        add(None, shape.whole());
                        continue;
                    };
                    for (at, (name, taint)) in columns.iter().enumerate() {
                        let given = names.get(at).map(|name| &**name);
                        let given = given.or_else(|| target.and_then(|target| target.get(at)).map(|(name, _)| *name));
                        add(given.or(defined.then_some(name)), *taint);
                    }
                }
            }
        }
        Ok(stored)
    }

    pub(super) fn spend(&mut self, work: usize) -> Result<(), Exhausted> {
        self.work = self.work.checked_sub(work).ok_or(Exhausted)?;
        Ok(())
    }

    fn query(&mut self, at: usize, query: &'a Query) -> Result<Shape<'a>, Exhausted> {
        self.spend(1)?;
        if !query.arms.is_empty() {
            return Ok(self.arms(query));
        }
        let mut shape = Shape::default();
        for output in &query.outputs {
            match output {
                Output::Column { name, steps } => {
                    let mut taint = self.value(at, steps)?;
                    taint.mixed = taint.level == Level::Sensitive && (taint.mixed || self.is_mixed(at, steps)?);
                    shape.columns.push((name, taint));
                    if let Some((_, tail)) = &mut shape.loose {
                        *tail = tail.saturating_add(1);
                    }
                }
                Output::All => {
                    for (place, source) in query.sources.iter().enumerate().filter(|(_, source)| !source.named_only) {
                        self.expand(at, place, source, query.merges, &mut shape)?;
                    }
                }
                Output::AllOf(name) => {
                    let (mut found, mut sure) = (false, true);
                    let mut scope = Some(at);
                    while let Some(here) = scope.filter(|_| !(found && sure)) {
                        let Some(query) = self.lineage.queries.get(here) else { break };
                        for (place, source) in query.sources.iter().enumerate().filter(|(_, source)| source.name == *name) {
                            if found && !sure {
                                let whole = self.whole(here, place, source);
                                open(&mut shape, whole.changed());
                            } else {
                                self.expand(here, place, source, false, &mut shape)?;
                            }
                            found = true;
                        }
                        sure = !query.beside;
                        scope = query.around.map(index);
                    }
                    if !found {
                        // A column that is a row.
                        let taint = self.column(at, None, name)?;
                        open(&mut shape, taint.changed());
                    }
                }
                Output::Spread(steps) => {
                    let taint = self.value(at, steps)?;
                    open(&mut shape, taint.changed());
                }
            }
            if shape.columns.len() > MOST_COLUMNS {
                shape = Shape::unknown([], shape.whole());
            }
        }
        Ok(shape)
    }

    /// The columns of a set operation are those of its arms, one upon the other, by the names of the first.
    fn arms(&self, query: &Query) -> Shape<'a> {
        let mut arms = query.arms.iter().filter_map(|arm| self.queries.get(index(*arm)));
        let Some(mut all) = arms.next().cloned().filter(|first| !first.pending) else {
            return Shape { pending: true, ..Shape::default() };
        };
        for arm in arms.filter(|arm| !arm.pending) {
            if all.is_exact() && arm.is_exact() && all.columns.len() == arm.columns.len() {
                for ((_, taint), (_, other)) in all.columns.iter_mut().zip(&arm.columns) {
                    *taint = taint.or(*other);
                }
            } else {
                let whole = all.whole().or(arm.whole()).changed();
                all.store_all(whole);
            }
        }
        all
    }

    /// Appends the columns of a source.
    fn expand(&mut self, at: usize, place: usize, source: &'a Source, merges: bool, shape: &mut Shape<'a>) -> Result<(), Exhausted> {
        let mut given = source.columns.iter();
        let from = shape.columns.len();
        let mut add = |name: &'a str, taint: Taint| shape.columns.push((given.next().map_or(name, |given| given), taint));
        let (exact, rest) = match &source.of {
            Of::Function { columns, complete, numbered, .. } => {
                let taint = self.functions.get(at).and_then(|functions| functions.get(place)).copied().unwrap_or_default();
                columns.iter().for_each(|name| add(name, taint));
                given.for_each(|name| shape.columns.push((name, taint)));
                if *numbered {
                    shape.columns.push(("ordinality", Taint::CLEAN));
                }
                (*complete, (!complete).then_some(taint))
            }
            of @ (Of::Relation(_) | Of::Query(_)) => {
                let Some(inner) = self.shape(of) else { return Ok(()) };
                if inner.pending {
                    shape.pending = true;
                }
                let exact = inner.is_exact();
                // Where the columns are not in order, the names that are given to them could be any one's.
                let whole = if exact || source.columns.is_empty() { None } else { Some(inner.whole()) };
                inner.columns.iter().for_each(|(name, taint)| add(name, whole.unwrap_or(*taint)));
                let rest = inner.rest.or(whole);
                if let Some(whole) = whole {
                    given.for_each(|name| shape.columns.push((name, whole)));
                }
                (exact, rest)
            }
        };
        self.spend(1 + shape.columns.len().saturating_sub(from))?;
        if self.told.part(at, place) {
            for (_, taint) in shape.columns.iter_mut().skip(from).filter(|(name, _)| self.told.column(at, place, name)) {
                *taint = Taint::SENSITIVE.or(taint.changed());
            }
            shape.rest = shape.rest.map(|rest| rest.or(Taint::SENSITIVE));
        }
        if merges || !exact {
            let head = shape.loose.map_or(from, |(head, _)| head);
            shape.loose = Some((head, 0));
        } else if let Some((_, tail)) = &mut shape.loose {
            *tail = tail.saturating_add(shape.columns.len().saturating_sub(from));
        }
        shape.rest = match (shape.rest, rest) {
            (Some(one), Some(other)) => Some(one.or(other)),
            (one, other) => one.or(other),
        };
        Ok(())
    }

    pub(super) fn shape(&self, of: &Of) -> Option<&Shape<'a>> {
        match of {
            Of::Relation(place) => self.relations.get(index(*place)),
            Of::Query(place) => self.queries.get(index(*place)),
            Of::Function { .. } => None,
        }
    }

    /// The value of an expression of a query's.
    pub(super) fn value(&mut self, at: usize, steps: &'a [Step]) -> Result<Taint, Exhausted> {
        let mut stack: Vec<Taint> = Vec::new();
        for step in steps {
            self.spend(1)?;
            let taint = match step {
                Step::Is(level) => {
                    let taint = Taint { level: *level, ..Taint::CLEAN };
                    self.told.leaf(None, None, taint);
                    taint
                }
                Step::Rows if self.told.is_told(at) => Taint::SENSITIVE,
                Step::Rows => Taint::CLEAN,
                Step::Exists(place) if self.told.is_told(index(*place)) => Taint { level: Level::Answer, ..Taint::CLEAN },
                Step::Exists(_) => Taint::CLEAN,
                Step::Column { qualifier, name } => self.column(at, qualifier.as_deref(), name)?,
                Step::Row(name) => self.row(at, name)?,
                Step::Everything => self.everything(at).changed(),
                Step::Field { base, name } => match self.is_source(at, base) {
                    Some(true) => self.column(at, Some(base), name)?,
                    Some(false) => self.column(at, Some(base), name)?.or(self.column(at, None, base)?).changed(),
                    None => self.column(at, None, base)?.changed(),
                },
                Step::Query(place) => {
                    let shape = self.queries.get(index(*place));
                    let taint = shape
                        .map(|shape| if let [(_, only)] = shape.columns.as_slice() { *only } else { shape.whole() })
                        .unwrap_or_default();
                    self.leaves_of_query(*place, taint)?;
                    taint
                }
                Step::Fold(fold, values) => {
                    let from = stack.len().saturating_sub(index(*values));
                    folded(*fold, stack.drain(from..))
                }
            };
            stack.push(taint);
        }
        let taint = stack.into_iter().reduce(Taint::or).unwrap_or_default();
        Ok(if taint.level == Level::Answer && self.told.is_told(at) { Taint::SENSITIVE } else { taint })
    }

    /// Whether a name is that of a source in sight, and whether that is certain.
    fn is_source(&self, at: usize, name: &str) -> Option<bool> {
        let (mut scope, mut sure) = (self.lineage.queries.get(at), true);
        while let Some(query) = scope {
            if query.sources.iter().any(|source| *source.name == *name) {
                return Some(sure);
            }
            sure &= !query.beside;
            scope = query.around.and_then(|around| self.lineage.queries.get(index(around)));
        }
        None
    }

    /// A whole row of a source, or a column of that name.
    fn row(&mut self, at: usize, name: &'a str) -> Result<Taint, Exhausted> {
        let lineage = self.lineage;
        let (mut scope, mut maybe, mut sure) = (Some(at), None, true);
        while let Some(here) = scope {
            let Some(query) = lineage.queries.get(here) else { break };
            for (place, source) in query.sources.iter().enumerate().filter(|(_, source)| *source.name == *name) {
                let whole = self.whole(here, place, source);
                self.told.leaf(Some((here, place)), None, whole);
                maybe = either(maybe, whole);
            }
            if let Some(taint) = maybe.filter(|_| sure) {
                return Ok(taint);
            }
            sure = !query.beside;
            scope = query.around.map(index);
        }
        match maybe {
            Some(taint) => Ok(taint.or(self.column(at, None, name)?)),
            None => self.column(at, None, name),
        }
    }

    fn whole(&self, at: usize, place: usize, source: &Source) -> Taint {
        let told = if self.told.part(at, place) { Taint::SENSITIVE } else { Taint::CLEAN };
        let whole = match self.shape(&source.of) {
            Some(shape) => shape.whole(),
            None => self.functions.get(at).and_then(|functions| functions.get(place)).copied().unwrap_or_default(),
        };
        told.or(whole)
    }

    /// All columns in sight.
    fn everything(&mut self, at: usize) -> Taint {
        let mut all = Taint::CLEAN;
        let mut scope = Some(at);
        while let Some(here) = scope {
            let Some(query) = self.lineage.queries.get(here) else { break };
            for (place, source) in query.sources.iter().enumerate() {
                let whole = self.whole(here, place, source);
                self.told.leaf(Some((here, place)), None, whole);
                all = all.or(whole);
            }
            scope = query.around.map(index);
        }
        all
    }

    pub(super) fn column(&mut self, at: usize, qualifier: Option<&str>, name: &'a str) -> Result<Taint, Exhausted> {
        let lineage = self.lineage;
        let mut scope = Some(at);
        // What it may be, where not all columns of a source are known, or which of them are in sight.
        let (mut maybe, mut sure): (Option<Taint>, bool) = (None, true);
        while let Some(here) = scope {
            let Some(query) = lineage.queries.get(here) else { break };
            let in_sight = |source: &Source| match qualifier {
                Some(qualifier) => *source.name == *qualifier,
                None => !source.named_only,
            };
            let (mut found, mut row, mut beside) = (None, None, None);
            for (place, source) in query.sources.iter().enumerate() {
                self.spend(1)?;
                if in_sight(source) {
                    let look = self.look(here, place, source, name)?;
                    if let Look::Is(taint) | Look::MayBe(taint) = look {
                        self.told.leaf(Some((here, place)), Some(name), taint);
                    }
                    match look {
                        Look::Is(taint) => found = either(found, taint),
                        Look::MayBe(taint) => beside = either(beside, taint),
                        // A function by the name of an attribute.
                        Look::Not if qualifier.is_some() && !is_system(name) => {
                            let whole = self.whole(here, place, source);
                            self.told.leaf(Some((here, place)), None, whole);
                            found = either(found, whole);
                        }
                        Look::Not if qualifier.is_some() => found = either(found, Taint::CLEAN),
                        Look::Not => {}
                    }
                }
                if qualifier.is_none() && *source.name == *name {
                    let whole = self.whole(here, place, source);
                    self.told.leaf(Some((here, place)), None, whole);
                    row = either(row, whole);
                }
            }
            match found.or(row) {
                Some(found) if sure => return Ok(maybe.map_or(found, |maybe| maybe.or(found))),
                Some(found) => maybe = either(maybe, found),
                None => {}
            }
            if let Some(beside) = beside {
                maybe = either(maybe, beside);
            }
            sure = !query.beside;
            scope = query.around.map(index);
        }
        match maybe {
            Some(taint) => Ok(taint),
            None if is_system(name) => Ok(Taint::CLEAN),
            // The server knows what it is, so it is among what is here.
            None => Ok(self.everything(at).changed()),
        }
    }

    /// A column of a source by its name.
    fn look(&mut self, at: usize, place: usize, source: &Source, name: &str) -> Result<Look, Exhausted> {
        let look = self.look_up(at, place, source, name)?;
        Ok(match look {
            Look::Is(taint) if self.told.column(at, place, name) => Look::Is(Taint::SENSITIVE.or(taint.changed())),
            Look::MayBe(taint) if self.told.column(at, place, name) => Look::MayBe(Taint::SENSITIVE.or(taint.changed())),
            look @ (Look::Is(_) | Look::MayBe(_) | Look::Not) => look,
        })
    }

    fn look_up(&mut self, at: usize, place: usize, source: &Source, name: &str) -> Result<Look, Exhausted> {
        let renamed = source.columns.iter().position(|given| **given == *name);
        if let Of::Function { columns, complete, numbered, .. } = &source.of {
            let taint = self.functions.get(at).and_then(|functions| functions.get(place)).copied().unwrap_or_default();
            let listed = renamed.is_some() || columns.iter().any(|known| **known == *name);
            return Ok(match (listed, complete) {
                (true, _) => Look::Is(taint),
                (false, _) if *numbered && name == "ordinality" && source.columns.is_empty() => Look::Is(Taint::CLEAN),
                // The number of a row, by whatever name.
                (false, true) => Look::Not,
                (false, false) => Look::MayBe(taint),
            });
        }
        let Some(shape) = self.shape(&source.of) else { return Ok(Look::Not) };
        if shape.pending {
            return Ok(Look::Is(Taint::CLEAN));
        }
        let work = shape.columns.len();
        let look = match renamed {
            Some(at) if shape.is_exact() => shape.columns.get(at).map_or(Look::Not, |(_, taint)| Look::Is(*taint)),
            Some(_) => Look::Is(shape.whole()),
            None if source.columns.is_empty() => shape.column(name).map_or(Look::Not, Look::Is),
            None if shape.is_exact() => {
                let others = shape.columns.iter().skip(source.columns.len()).filter(|(known, _)| *known == name);
                others.map(|(_, taint)| *taint).reduce(Taint::or).map_or(Look::Not, Look::Is)
            }
            None => Look::MayBe(shape.whole()),
        };
        let look = match (look, shape.rest) {
            (Look::Not, Some(rest)) => Look::MayBe(rest),
            (look, _) => look,
        };
        self.spend(work)?;
        Ok(look)
    }
}

enum Look {
    Is(Taint),
    MayBe(Taint),
    Not,
}

fn either(one: Option<Taint>, other: Taint) -> Option<Taint> {
    Some(one.map_or(other, |one| one.or(other)))
}

fn open(shape: &mut Shape<'_>, taint: Taint) {
    let head = shape.loose.map_or(shape.columns.len(), |(head, _)| head);
    shape.loose = Some((head, 0));
    shape.rest = either(shape.rest, taint);
}

fn folded(fold: Fold, values: impl Iterator<Item = Taint>) -> Taint {
    let (mut all, mut telling, mut answers) = (Taint::CLEAN, 0_u32, false);
    for value in values {
        telling = telling.saturating_add(u32::from(value.level != Level::Clean));
        answers |= value.level == Level::Answer;
        all = all.or(value);
    }
    match fold {
        Fold::One => all,
        Fold::Same => all.changed(),
        Fold::Arithmetic if answers && telling > 1 => Taint::SENSITIVE,
        Fold::Compute if answers => Taint::SENSITIVE,
        Fold::Arithmetic | Fold::Compute => all.changed(),
        Fold::Ask if answers || all.level == Level::Sensitive => Taint { level: Level::Answer, ..Taint::CLEAN },
        // Asking code says nothing that the code would not.
        Fold::Ask => Taint::CLEAN,
    }
}
