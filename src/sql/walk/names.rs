//! Names in a tree: relations, columns, functions, operators, types. Knows which names of `WITH` are in sight, and nothing of a catalog.

use std::collections::BTreeSet;

use super::super::effect::Effect;
use super::super::facts::{Clause, Column, Function, How, Name, Opaque, Relation, Writes};
use super::super::functions;
use super::super::parser::tree::{AExpr, AExprKind, AIndirection, ColumnRef, FuncCall, Node, NodeRef, RangeVar, TypeName, a_const};
use super::{MOST_NAMES, Place, Walk, children};

/// The text of a node that is a name.
pub fn text(node: &Node) -> Option<&str> {
    if let Some(NodeRef::String(string)) = node.node.as_ref().map(|node| node.to_ref()) { Some(&string.sval) } else { None }
}

/// The last of a list of names, and the one before it.
pub fn qualified(nodes: &[Node]) -> (Option<&str>, &str) {
    let mut last = nodes.iter().rev().map(|node| text(node).unwrap_or("*"));
    let name = last.next().unwrap_or_default();
    (last.next(), name)
}

fn given(name: &str) -> Option<Box<str>> {
    (!name.is_empty()).then(|| name.into())
}

fn owned((schema, name): (Option<&str>, &str)) -> Name {
    Name { schema: schema.map(Into::into), name: name.into() }
}

impl<'t> Walk<'t> {
    /// Whether `WITH` gave this name to a subquery that is in sight.
    pub(super) fn is_subquery(&self, name: &str, place: Place) -> bool {
        let mut scope = place.scope;
        while let Some(found) = scope.and_then(|scope| self.scopes.get(scope)) {
            if found.name == name {
                return true;
            }
            scope = found.around;
        }
        false
    }

    /// Brings a name into sight, for what stands behind it.
    pub(super) fn add_subquery(&mut self, name: &'t str, around: Option<usize>) -> Option<usize> {
        if self.scopes.len() >= MOST_NAMES {
            self.make_opaque(Opaque::TooManyNames);
            return around;
        }
        self.scopes.push(super::Scope { name, around });
        Some(self.scopes.len() - 1)
    }

    /// Notes a relation and gives its place.
    pub(super) fn relation(&mut self, range: &'t RangeVar, place: Place) -> Option<usize> {
        self.statement.sources += u32::from(place.how == How::Read);
        if place.how == How::Read && range.schemaname.is_empty() && self.is_subquery(&range.relname, place) {
            return None;
        }
        let found = self.named_relation(&range.catalogname, &range.schemaname, &range.relname, place)?;
        let alias = range.alias.as_ref().map_or(range.relname.as_str(), |alias| alias.aliasname.as_str());
        self.aliases.push((alias, found));
        if range.alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty()) {
            // Its columns go by other names from here on: which they are a catalog knows.
            self.every_column(found, alias, place.clause);
        }
        Some(found)
    }

    fn every_column(&mut self, relation: usize, alias: &str, clause: Clause) {
        let column = Column { relation: Some(relation), qualifier: Some(alias.into()), name: "*".into(), written: false, clause };
        self.statement.columns.push(column);
    }

    pub(super) fn named_relation(&mut self, database: &str, schema: &str, name: &str, place: Place) -> Option<usize> {
        let how = place.how;
        self.effect(place, functions::relation(given(schema).as_deref(), name, how != How::Read));
        let same = |known: &Relation| {
            known.how == how
                && *known.name == *name
                && known.schema.as_deref().unwrap_or_default() == schema
                && known.database.as_deref().unwrap_or_default() == database
        };
        if let Some(found) = self.statement.relations.iter().position(same) {
            return Some(found);
        }
        if self.statement.relations.len() >= MOST_NAMES {
            self.make_opaque(Opaque::TooManyNames);
            return None;
        }
        let (database, schema, name) = (given(database), given(schema), name.into());
        self.statement.relations.push(Relation { database, schema, name, how, writes: Writes::default() });
        Some(self.statement.relations.len() - 1)
    }

    /// Notes in which way a relation is written.
    pub(super) fn written(&mut self, relation: Option<usize>, writes: Writes) {
        if let Some(relation) = relation.and_then(|place| self.statement.relations.get_mut(place)) {
            relation.writes = relation.writes.and(writes);
        }
    }

    /// A relation whose name is a list of names, as `DROP` and `COMMENT` have them.
    pub(super) fn listed_relation(&mut self, names: &'t [Node], place: Place) {
        let parts: Vec<&str> = names.iter().filter_map(text).collect();
        match parts.as_slice() {
            [name] => drop(self.named_relation("", "", name, place)),
            [schema, name] => drop(self.named_relation("", schema, name, place)),
            [database, schema, name] => drop(self.named_relation(database, schema, name, place)),
            _ => self.make_opaque(Opaque::UnknownNode),
        }
    }

    pub(super) fn written_column(&mut self, relation: Option<usize>, name: &str, place: Place) {
        let column = Column { relation, qualifier: None, name: name.into(), written: true, clause: place.clause };
        self.statement.columns.push(column);
    }

    pub(super) fn column(&mut self, column: &'t ColumnRef, place: Place) {
        let mut parts: Vec<&str> = column.fields.iter().map(|field| text(field).unwrap_or("*")).collect();
        let name = parts.pop().unwrap_or_default().into();
        let qualifier = (!parts.is_empty()).then(|| parts.join(".").into());
        self.statement.columns.push(Column { relation: None, qualifier, name, written: false, clause: place.clause });
    }

    /// Finds the relations of columns, now that all relations are known: by the name before the column, or because there is but one.
    pub(super) fn settle_columns(&mut self) {
        let alone = match self.aliases.as_slice() {
            [(_, only)] if self.scopes.is_empty() => Some(*only),
            _ => None,
        };
        self.aliases.sort_unstable();
        self.aliases.dedup();
        // A relation's name where a column could be is the whole row. Each name is looked up once: there may be many columns.
        let unqualified = self.statement.columns.iter().filter(|column| column.qualifier.is_none());
        let distinct: BTreeSet<(&str, Clause)> = unqualified.map(|column| (&*column.name, column.clause)).collect();
        let rows: Vec<(usize, &str, Clause)> = distinct
            .into_iter()
            .flat_map(|(name, clause)| {
                let first = self.aliases.partition_point(|(alias, _)| *alias < name);
                let named = self.aliases.iter().skip(first).take_while(move |(alias, _)| *alias == name);
                named.map(move |(alias, relation)| (*relation, *alias, clause))
            })
            .collect();
        for (relation, alias, clause) in rows {
            self.every_column(relation, alias, clause);
        }
        for column in self.statement.columns.iter_mut().filter(|column| column.relation.is_none()) {
            column.relation = match column.qualifier.as_deref() {
                None => alone,
                Some(qualifier) => {
                    let name = qualifier.rsplit('.').next().unwrap_or(qualifier);
                    let first = self.aliases.partition_point(|(alias, _)| *alias < name);
                    let mut found = self.aliases.iter().skip(first).take_while(|(alias, _)| *alias == name);
                    match (found.next(), found.next()) {
                        (Some((_, relation)), None) if self.scopes.is_empty() => Some(*relation),
                        _ => None,
                    }
                }
            };
        }
    }

    pub(super) fn function(&mut self, call: &'t FuncCall, place: Place) {
        let name = qualified(&call.funcname);
        let (initdb, effects) = functions::function(name.0, name.1, call.args.len());
        self.statement.functions.push(Function { name: owned(name), clause: place.clause, initdb });
        match name.1 {
            _ if !initdb => self.unknown_code(),
            "set_config" => self.set_config(call, place),
            "repeat" | "lpad" | "rpad" => self.lengthen(call, place),
            _ => self.effect(place, effects),
        }
        self.statement.collects |= initdb && functions::collects(name.1);
        self.statement.makes_rows |= initdb && functions::makes_rows(name.1);
        self.statement.sources += u32::from(place.clause == Clause::From);
        self.below(NodeRef::FuncCall(call), place);
    }

    /// A value is made longer by so many times as a literal says; a length that only the server knows is not counted. Whatever numbers
    /// stand in the length are multiplied: what they come to is not more but by a power.
    fn lengthen(&mut self, call: &'t FuncCall, place: Place) {
        let mut work: Vec<NodeRef<'_>> =
            call.args.get(1).and_then(|length| length.node.as_ref()).map(|node| node.to_ref()).into_iter().collect();
        while let Some(node) = work.pop() {
            if let NodeRef::AConst(constant) = node {
                let number = match &constant.val {
                    Some(a_const::Val::Ival(number)) => Some(f64::from(number.ival)),
                    Some(a_const::Val::Fval(number)) => number.fval.replace('_', "").parse().ok(),
                    Some(a_const::Val::Sval(text)) => text.sval.trim().parse().ok(),
                    Some(a_const::Val::Boolval(_) | a_const::Val::Bsval(_)) | None => None,
                };
                self.value_dependent = true;
                self.lengthened *= number.map_or(1.0, |number: f64| number.abs().max(1.0));
            } else if children::below(node, &mut |below| work.push(below)).is_err() {
                self.make_opaque(Opaque::UnknownNode);
            }
        }
        if self.lengthened > functions::LONG_VALUE {
            self.effect(place, Effect::Admin);
        }
    }

    pub(super) fn operator(&mut self, names: &'t [Node]) {
        if names.is_empty() {
            return;
        }
        let name = qualified(names);
        if !functions::operator(name.0, name.1) {
            self.unknown_code();
        }
        self.statement.operators.push(owned(name));
    }

    pub(super) fn expression(&mut self, expression: &'t AExpr, place: Place) {
        match AExprKind::try_from(expression.kind) {
            // Words instead of an operator; they stand for several.
            Ok(AExprKind::AexprBetween | AExprKind::AexprNotBetween | AExprKind::AexprBetweenSym | AExprKind::AexprNotBetweenSym) => {}
            Ok(
                AExprKind::AexprOp
                | AExprKind::AexprOpAny
                | AExprKind::AexprOpAll
                | AExprKind::AexprDistinct
                | AExprKind::AexprNotDistinct
                | AExprKind::AexprNullif
                | AExprKind::AexprIn
                | AExprKind::AexprLike
                | AExprKind::AexprIlike
                | AExprKind::AexprSimilar,
            ) => self.operator(&expression.name),
            Ok(AExprKind::Undefined) | Err(_) => self.make_opaque(Opaque::UnknownNode),
        }
        self.one(expression.lexpr.as_deref(), place);
        self.one(expression.rexpr.as_deref(), place);
    }

    /// An attribute's name, where nothing has an attribute of that name, is a function's.
    pub(super) fn attributes(&mut self, indirection: &'t AIndirection, place: Place) {
        for name in indirection.indirection.iter().filter_map(text) {
            if let (true, effects) = functions::function(None, name, 1) {
                self.effect(place, effects);
            }
            self.statement.attributes.push(name.into());
        }
        self.below(NodeRef::AIndirection(indirection), place);
    }

    pub(super) fn type_name(&mut self, name: &'t TypeName, place: Place) {
        // `func%TYPE` and built-in spellings alike.
        self.statement.types.push(owned(qualified(&name.names)));
        self.below(NodeRef::TypeName(name), place);
    }
}
