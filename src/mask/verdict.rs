//! What is known of columns.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::kind::{Kind, KindSet};

/// What is known of a column, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub holding: Holding,
    pub basis: Basis,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holding {
    /// Nothing that is looked for: its values pass as they are.
    Harmless,
    /// Its values are searched. Kinds that only context tells count as told where they are among these.
    Mixed(KindSet),
    /// Each value is of this kind, as a whole.
    Whole(Kind),
}

/// Why that is thought. The later ones overrule those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Nobody looked yet.
    Unknown,
    /// Its name and its type.
    Name,
    /// Values that were looked at, and how many.
    Sampled(u32),
    /// Values that passed.
    Learned(u32),
    /// Something was written to it that came from a sensitive column.
    Marked,
    /// A policy says so.
    Policy,
    /// Somebody said so by a command.
    Overruled,
}

impl Verdict {
    pub const UNKNOWN: Self = Self { holding: Holding::Mixed(KindSet::NONE), basis: Basis::Unknown };

    /// Whether what is computed from the column is masked whole.
    pub fn is_sensitive(&self) -> bool {
        match self.holding {
            Holding::Whole(_) => true,
            Holding::Mixed(kinds) => !kinds.is_empty(),
            Holding::Harmless => false,
        }
    }
}

/// A column of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId {
    pub relation: u32,
    pub attribute: i16,
}

/// What is known of the columns of one database. A relation that is in it is known with all its columns.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// No two that differ have the same.
    pub generation: u64,
    /// Somebody can be asked about relations that are not in it.
    pub asks: bool,
    pub relations: HashMap<u32, Relation>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub attribute: i16,
    pub name: Box<str>,
    pub verdict: Verdict,
}

impl Verdicts {
    /// Nothing is known of any column.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Verdicts>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    pub fn of(&self, column: ColumnId) -> Option<Verdict> {
        let relation = self.relations.get(&column.relation)?;
        relation.columns.iter().find(|known| known.attribute == column.attribute).map(|known| known.verdict)
    }
}
