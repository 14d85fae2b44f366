//! What tells a sensitive value without being computed from one: rows that were chosen by it. Where it is held against something else, that something
//! is as sensitive from there on; and where rows of such a query are counted, so is their number.

use super::shape::{Level, Shape, Taint};
use super::trace::{Exhausted, Tracer, index};
use super::{Lineage, Of, Output, Place, Query, Step};

/// Queries within the values that are held against each other, one in the other: deeper ones are asked about for themselves.
const MOST_NESTED: usize = 16;
/// Answers side by side in one result; more of them are a value taken apart.
const MOST_ANSWERS: usize = 8;

/// What is known of the rows of a lineage's queries.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// Sources whose rows were chosen by sensitive values.
    sources: Vec<(usize, usize)>,
    /// Columns of sources that are equal to sensitive ones.
    columns: Vec<(usize, usize, &'a str)>,
    /// By query: how many rows it has tells of sensitive values.
    queries: Vec<bool>,
    /// What values are made of, while that is asked.
    leaves: Option<Vec<Leaf<'a>>>,
    nested: usize,
}

/// A column that a value is made of, or a query.
#[derive(Clone, Copy)]
struct Leaf<'a> {
    /// The query and the place of the source among those of it.
    source: Option<(usize, usize)>,
    name: Option<&'a str>,
    taint: Taint,
}

impl<'a> Told<'a> {
    pub fn new(lineage: &Lineage) -> Self {
        Self { queries: vec![false; lineage.queries.len()], ..Self::default() }
    }

    pub fn is_told(&self, query: usize) -> bool {
        self.queries.get(query).copied().unwrap_or_default()
    }

    pub fn is_any_told(&self) -> bool {
        self.queries.contains(&true)
    }

    /// Whether the rows of a source were chosen by sensitive values.
    pub fn source(&self, query: usize, place: usize) -> bool {
        self.sources.contains(&(query, place))
    }

    pub fn column(&self, query: usize, place: usize, name: &str) -> bool {
        self.source(query, place) || self.columns.iter().any(|(of, at, known)| (*of, *at) == (query, place) && *known == name)
    }

    /// Whether any column of a source is told.
    pub fn part(&self, query: usize, place: usize) -> bool {
        self.source(query, place) || self.columns.iter().any(|(of, at, _)| (*of, *at) == (query, place))
    }

    pub fn leaf(&mut self, source: Option<(usize, usize)>, name: Option<&'a str>, taint: Taint) {
        if let Some(leaves) = &mut self.leaves {
            leaves.push(Leaf { source, name, taint });
        }
    }

    fn tell(&mut self, query: usize) -> bool {
        self.queries.get_mut(query).is_some_and(|told| !std::mem::replace(told, true))
    }
}

impl<'a> Tracer<'a> {
    /// What follows from all that is asked. True when that is more than before.
    pub(super) fn tell(&mut self) -> Result<bool, Exhausted> {
        let lineage = self.lineage;
        let mut changed = false;
        for (at, query) in lineage.queries.iter().enumerate() {
            for asked in &query.asks {
                let leaves = self.leaves(at, &asked.steps)?;
                changed |= self.held(at, &leaves, asked.stored);
            }
            if query.natural {
                for name in self.merged(query)? {
                    self.told.leaves = Some(Vec::new());
                    let found = self.column(at, None, name);
                    let leaves = self.told.leaves.take().unwrap_or_default();
                    found?;
                    changed |= self.held(at, &leaves, true);
                }
            }
            let mut told = query.arms.iter().any(|arm| self.told.is_told(index(*arm)));
            for size in &query.sizes {
                told |= matches!(self.value(at, size)?.level, Level::Sensitive | Level::Answer);
            }
            told |= query.sources.iter().enumerate().any(|(place, source)| {
                self.told.source(at, place) || matches!(source.of, Of::Query(inner) if self.told.is_told(index(inner)))
            });
            if told {
                changed |= self.told.tell(at);
            }
            if query.beside && self.told.is_told(at) {
                changed |= query.around.is_some_and(|around| self.told.tell(index(around)));
            }
        }
        Ok(changed)
    }

    /// Whether anything sensitive is given to what acts.
    pub(super) fn is_given(&mut self) -> Result<bool, Exhausted> {
        let lineage = self.lineage;
        for (at, query) in lineage.queries.iter().enumerate() {
            for given in &query.given {
                if matches!(self.value(at, given)?.level, Level::Sensitive | Level::Answer) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn leaves(&mut self, at: usize, steps: &'a [Step]) -> Result<Vec<Leaf<'a>>, Exhausted> {
        let around = self.told.leaves.replace(Vec::new());
        let value = self.value(at, steps);
        let leaves = std::mem::replace(&mut self.told.leaves, around).unwrap_or_default();
        value?;
        self.spend(leaves.len())?;
        Ok(leaves)
    }

    /// Values that are held against each other: what is beside a sensitive one tells it.
    fn held(&mut self, at: usize, leaves: &[Leaf<'a>], stored: bool) -> bool {
        let sensitive = || leaves.iter().filter(|leaf| leaf.taint.level == Level::Sensitive);
        let computed = !stored || sensitive().any(|leaf| leaf.taint.class == 0);
        if sensitive().next().is_none() {
            return false;
        }
        let mut changed = false;
        for leaf in leaves {
            let Some(source @ (query, place)) = leaf.source else { continue };
            let relation = self.source(query, place).is_some_and(|of| matches!(of, Of::Relation(_)));
            let told = if leaf.taint.level == Level::Sensitive {
                leaf.taint.mixed && !relation
            } else {
                // A row that is chosen by what is in itself says no more than yes.
                !(relation && sensitive().any(|other| other.source == Some(source)))
            };
            if !told || self.told.source(query, place) {
                continue;
            }
            if let Some(name) = leaf.name.filter(|_| relation && !computed) {
                if !self.told.column(query, place, name) {
                    self.told.columns.push((query, place, name));
                    changed = true;
                }
                continue;
            }
            self.told.sources.push(source);
            changed = true;
            for query in [query, at] {
                self.told.tell(query);
            }
        }
        changed
    }

    fn source(&self, query: usize, place: usize) -> Option<&'a Of> {
        Some(&self.lineage.queries.get(query)?.sources.get(place)?.of)
    }

    /// Names that several sources of a query have.
    fn merged(&mut self, query: &'a Query) -> Result<Vec<&'a str>, Exhausted> {
        let mut names: Vec<&'a str> = Vec::new();
        for source in &query.sources {
            names.extend(source.columns.iter().map(|name| &**name));
            match &source.of {
                Of::Function { columns, .. } => names.extend(columns.iter().map(|name| &**name)),
                of @ (Of::Relation(_) | Of::Query(_)) => {
                    names.extend(self.shape(of).into_iter().flat_map(|shape| shape.columns.iter().map(|(name, _)| *name)));
                }
            }
        }
        self.spend(names.len())?;
        names.sort_unstable();
        let mut several: Vec<&'a str> =
            names.windows(2).filter_map(|pair| if let [one, other] = pair { (one == other).then_some(*one) } else { None }).collect();
        several.dedup();
        Ok(several)
    }

    /// What an output is made of besides the level of it: whether sensitive values and others went into it.
    pub(super) fn is_mixed(&mut self, at: usize, steps: &'a [Step]) -> Result<bool, Exhausted> {
        if steps.len() < 2 || self.told.leaves.is_some() {
            return Ok(false);
        }
        let leaves = self.leaves(at, steps)?;
        let homes = || leaves.iter().filter(|leaf| leaf.taint.level == Level::Sensitive).filter_map(|leaf| leaf.source);
        let sensitive = leaves.iter().any(|leaf| leaf.taint.level == Level::Sensitive);
        let beside = |leaf: &Leaf<'_>| {
            leaf.taint.mixed || leaf.taint.level != Level::Sensitive && leaf.source.is_some_and(|source| homes().all(|home| home != source))
        };
        Ok(sensitive && leaves.iter().any(beside))
    }

    /// The values that a query within another value is made of.
    pub(super) fn leaves_of_query(&mut self, place: Place, taint: Taint) -> Result<(), Exhausted> {
        if self.told.leaves.is_none() {
            return Ok(());
        }
        self.told.leaf(None, None, taint);
        if self.told.nested >= MOST_NESTED {
            return Ok(());
        }
        self.told.nested = self.told.nested.saturating_add(1);
        let lineage = self.lineage;
        let query = lineage.queries.get(index(place));
        for output in query.map(|query| &*query.outputs).unwrap_or_default() {
            if let Output::Column { steps, .. } = output {
                self.value(index(place), steps)?;
            }
        }
        for arm in query.map(|query| &*query.arms).unwrap_or_default() {
            self.leaves_of_query(*arm, Taint::CLEAN)?;
        }
        self.told.nested = self.told.nested.saturating_sub(1);
        Ok(())
    }

    /// Answers by the dozen are a value taken apart.
    pub(super) fn gathered(&self, rows: Option<Shape<'a>>) -> (Option<Shape<'a>>, bool) {
        let Some(mut rows) = rows else { return (None, false) };
        let answers = rows.columns.iter().filter(|(_, taint)| taint.level == Level::Answer).count();
        let many = answers > MOST_ANSWERS;
        if many {
            for (_, taint) in rows.columns.iter_mut().filter(|(_, taint)| taint.level == Level::Answer) {
                *taint = Taint::SENSITIVE;
            }
        }
        (Some(rows), many)
    }
}
