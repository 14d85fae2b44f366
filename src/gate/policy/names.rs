//! The names in a statement as rules see them: with their schemas where a catalog was asked, as they were written where it was not.
//! Collected once for all rules, and only where a rule asks.

use std::cell::OnceCell;

use crate::gate::catalog::Resolved;
use crate::sql::facts::Facts;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Named<'a> {
    pub schema: Option<&'a str>,
    pub name: &'a str,
    /// It stands in the text.
    pub written: bool,
}

/// A column, and the relations that it may be of.
#[derive(Debug, Clone)]
pub struct NamedColumn<'a> {
    pub name: &'a str,
    pub relations: Vec<Named<'a>>,
}

#[derive(Debug)]
pub struct Names<'a> {
    facts: &'a Facts,
    resolved: &'a Resolved,
    relations: OnceCell<Vec<Named<'a>>>,
    columns: OnceCell<Vec<NamedColumn<'a>>>,
}

impl<'a> Names<'a> {
    pub fn new(facts: &'a Facts, resolved: &'a Resolved) -> Self {
        Self { facts, resolved, relations: OnceCell::new(), columns: OnceCell::new() }
    }

    pub fn relations(&self) -> &[Named<'a>] {
        self.relations.get_or_init(|| {
            let texts = self.facts.statements.iter().flat_map(|statement| &statement.relations);
            let mut found: Vec<Named<'a>> = texts.flat_map(|relation| self.meant(relation.schema.as_deref(), &relation.name)).collect();
            for relation in &self.resolved.relations {
                let (schema, name) = (Some(&*relation.schema), &*relation.name);
                if !found.iter().any(|known| known.name == name && known.schema == schema) {
                    found.push(Named { schema, name, written: false });
                }
            }
            found
        })
    }

    /// Those that stand in the text.
    pub fn written(&self) -> impl Iterator<Item = &Named<'a>> {
        self.relations().iter().filter(|name| name.written)
    }

    /// What a written name stands for: all that the catalog has under it, or itself.
    fn meant(&self, schema: Option<&'a str>, name: &'a str) -> Vec<Named<'a>> {
        let known = |relation: &&'a crate::gate::catalog::Relation| {
            *relation.name == *name && schema.is_none_or(|schema| schema == &*relation.schema)
        };
        let found: Vec<_> = self
            .resolved
            .relations
            .iter()
            .filter(known)
            .map(|relation| Named { schema: Some(&relation.schema), name, written: true })
            .collect();
        if found.is_empty() { vec![Named { schema, name, written: true }] } else { found }
    }

    pub fn columns(&self) -> &[NamedColumn<'a>] {
        self.columns.get_or_init(|| {
            let mut found = Vec::new();
            for statement in &self.facts.statements {
                let every =
                    || statement.relations.iter().flat_map(|relation| self.meant(relation.schema.as_deref(), &relation.name)).collect();
                for column in &statement.columns {
                    let relations = match column.relation.and_then(|place| statement.relations.get(place)) {
                        Some(relation) => self.meant(relation.schema.as_deref(), &relation.name),
                        None => every(),
                    };
                    found.push(NamedColumn { name: &column.name, relations });
                }
                // Without a list of columns it is about all of them.
                let unlisted = match statement.kind {
                    "COPY" => statement.columns.is_empty(),
                    "INSERT" => !statement.columns.iter().any(|column| column.written),
                    _ => false,
                };
                if unlisted {
                    found.push(NamedColumn { name: "*", relations: every() });
                }
            }
            found
        })
    }
}
