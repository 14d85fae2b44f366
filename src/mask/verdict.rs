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
            Holding::Mixed(kinds) => !kinds.without(KindSet::of(&[Kind::CHANCE])).is_empty(),
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
    pub relations: HashMap<u32, Arc<Relation>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Relation {
    pub schema: Box<str>,
    pub name: Box<str>,
    pub columns: Vec<Column>,
    /// Nobody saw rows of it, or it was changed since: whoever meets some asks again.
    pub unsettled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub attribute: i16,
    pub name: Box<str>,
    /// As a result announces it: of a domain what it is made of.
    pub type_oid: u32,
    pub verdict: Verdict,
}

/// What a survey is to find out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unknown {
    /// What the columns of these relations hold.
    pub relations: Vec<u32>,
    /// What values of these types look like.
    pub types: Vec<u32>,
}

impl Unknown {
    pub fn is_empty(&self) -> bool {
        self.relations.is_empty() && self.types.is_empty()
    }
}

/// A column that something was written to which came from a sensitive one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub relation: u32,
    pub column: Box<str>,
    pub holding: Holding,
}

impl Verdicts {
    /// Nothing is known of any column.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Verdicts>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    pub fn of(&self, column: ColumnId) -> Option<Verdict> {
        self.named(column).map(|(_, known)| known.verdict)
    }

    /// A column with the relation that it is of.
    pub fn named(&self, column: ColumnId) -> Option<(&Relation, &Column)> {
        let relation = self.relations.get(&column.relation)?;
        let known = relation.columns.iter().find(|known| known.attribute == column.attribute)?;
        Some((relation, known))
    }

    /// Whether nothing is to be asked about a column whose rows have come, and which they announce with this type.
    pub fn is_settled(&self, column: ColumnId, type_oid: u32) -> bool {
        let Some(relation) = self.relations.get(&column.relation) else { return false };
        // Those below are the server's own, and every relation has them.
        let known = || relation.columns.iter().any(|known| known.attribute == column.attribute && known.type_oid == type_oid);
        !relation.unsettled && (column.attribute <= 0 || known())
    }
}
