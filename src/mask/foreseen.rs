//! What would be masked of what a statement brings, as far as its text and its names tell: for people who write policies. Rows go by what
//! their columns hold.

use super::evidence::Evidence;
use super::kind::{Kind, KindSet};
use super::profile::Profile;
use super::verdict::Holding;
use crate::sql::facts::{Clause, Facts};

/// A column that is read into the result, and what its name speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen<'f> {
    pub name: &'f str,
    pub kinds: KindSet,
}

/// PostgreSQL's `text`.
const TEXT: u32 = 25;

/// Columns that are selected or returned and speak for something, in the order of the text.
pub fn foreseen<'f>(facts: &'f Facts, profile: &Profile) -> Vec<Foreseen<'f>> {
    let mut found: Vec<Foreseen<'f>> = Vec::new();
    for statement in &facts.statements {
        for column in statement.columns.iter().filter(|column| matches!(column.clause, Clause::Target | Clause::Returning)) {
            let relation = match column.relation {
                Some(place) => statement.relations.get(place),
                // Of one table alone it can only be.
                None => {
                    if let [only] = statement.relations.as_slice() {
                        Some(only)
                    } else {
                        None
                    }
                }
            };
            let by_policy = relation.and_then(|relation| {
                let schema = relation.schema.as_deref().unwrap_or("public");
                profile.says(schema, &relation.name, &column.name)
            });
            let table = relation.map_or("", |relation| &*relation.name);
            let verdict = by_policy.unwrap_or_else(|| Evidence::new(table.as_bytes(), column.name.as_bytes(), TEXT).verdict());
            let kinds = match verdict.holding {
                Holding::Harmless => KindSet::NONE,
                Holding::Whole(kind) => KindSet::NONE.with(kind),
                Holding::Mixed(kinds) => kinds,
            };
            let kinds = kinds.and(profile.wanted).without(KindSet::of(&[Kind::DERIVED]));
            if !kinds.is_empty() && !found.iter().any(|known| *known.name == *column.name && known.kinds == kinds) {
                found.push(Foreseen { name: &column.name, kinds });
            }
        }
    }
    found
}
