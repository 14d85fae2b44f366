//! What stands in FROM: relations, subqueries, functions, joins.
#![allow(clippy::wildcard_enum_match_arm, reason = "what defines no column has no name")]

use super::super::parser::tree::{Alias, JoinExpr, Node, NodeRef, RangeFunction, RangeVar};
use super::build::Build;
use super::expression::folded;
use super::{Fold, Of, Output, Place, Source, Step, Steps, label};
use crate::sql::walk::names;

impl<'t> Build<'t> {
    pub(super) fn from(&mut self, node: &'t Node, query: Place) {
        if self.enter() {
            return;
        }
        match node.node.as_ref().map(|node| node.to_ref()) {
            Some(NodeRef::RangeVar(range)) => self.range(range, query),
            Some(NodeRef::RangeSubselect(subselect)) => {
                let inner = subselect.subquery.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
                let beside = self.beside(query);
                if let Some(inner) = inner.and_then(|inner| self.query(inner, Some(beside))) {
                    self.add_source(query, named(subselect.alias.as_ref(), "", Of::Query(inner)));
                }
            }
            Some(NodeRef::RangeFunction(function)) => self.range_function(function, query),
            Some(NodeRef::RangeTableSample(sample)) => {
                if let Some(relation) = sample.relation.as_deref() {
                    self.from(relation, query);
                }
            }
            Some(NodeRef::RangeTableFunc(table)) => {
                let names = table.columns.iter().filter_map(|column| match column.node.as_ref().map(|node| node.to_ref()) {
                    Some(NodeRef::RangeTableFuncCol(column)) => Some(column.colname.as_str().into()),
                    _ => None,
                });
                let (beside, steps) = self.all_below(NodeRef::RangeTableFunc(table), query);
                let of = Of::Function { beside, steps, columns: names.collect(), complete: true, numbered: false };
                self.add_source(query, named(table.alias.as_ref(), "xmltable", of));
            }
            Some(NodeRef::JsonTable(table)) => {
                let (beside, steps) = self.all_below(NodeRef::JsonTable(table), query);
                // Columns stand within columns: their names are not needed.
                let of = Of::Function { beside, steps, columns: Box::default(), complete: false, numbered: false };
                self.add_source(query, named(table.alias.as_ref(), "json_table", of));
            }
            Some(NodeRef::JoinExpr(join)) => self.join(join, query),
            Some(_) => self.lineage.unbounded = true,
            None => {}
        }
        self.leave();
    }

    pub(super) fn range(&mut self, range: &'t RangeVar, query: Place) {
        let subquery = if range.schemaname.is_empty() { self.subquery(&range.relname) } else { None };
        let of = match subquery {
            Some(place) => Of::Query(place),
            None => Of::Relation(self.relation(&range.schemaname, &range.relname)),
        };
        self.add_source(query, named(range.alias.as_ref(), &range.relname, of));
    }

    fn range_function(&mut self, function: &'t RangeFunction, query: Place) {
        let (mut steps, mut values) = (Vec::new(), 0);
        let beside = self.beside(query);
        let mut columns: Vec<Box<str>> = Vec::new();
        let mut called: Box<str> = "".into();
        let mut complete = !function.functions.is_empty();
        for item in &function.functions {
            let Some(NodeRef::List(list)) = item.node.as_ref().map(|node| node.to_ref()) else {
                complete = false;
                continue;
            };
            let Some(call) = list.items.first() else { continue };
            values += self.expression(Some(call), beside, &mut steps);
            let name = label::of(call);
            let inner = list.items.get(1).and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
            let given = if let Some(NodeRef::List(given)) = inner { defined(&given.items) } else { Vec::new() };
            complete &= !given.is_empty();
            if given.is_empty() {
                columns.push(name.clone());
            }
            columns.extend(given);
            if called.is_empty() {
                called = name;
            }
        }
        if !function.coldeflist.is_empty() {
            columns = defined(&function.coldeflist);
            complete = true;
        }
        folded(Fold::Same, values, &mut steps);
        let alias = function.alias.as_ref();
        if let Some(alias) = alias
            && !complete
            && function.functions.len() == 1
        {
            // A function that gives one column gives it the name of the whole.
            columns = vec![alias.aliasname.as_str().into()];
        }
        let of = Of::Function { beside, steps: steps.into(), columns: columns.into(), complete, numbered: function.ordinality };
        self.add_source(query, named(alias, &called, of));
    }

    fn all_below(&mut self, node: NodeRef<'t>, query: Place) -> (Place, Steps) {
        let (beside, mut steps) = (self.beside(query), Vec::new());
        self.below(node, beside, &mut steps);
        (beside, steps.into())
    }

    fn join(&mut self, join: &'t JoinExpr, query: Place) {
        // The name of a join hides those within it.
        let within = if join.alias.is_some() { self.beside(query) } else { query };
        for side in [&join.larg, &join.rarg].into_iter().flatten() {
            self.from(side, within);
        }
        if (join.is_natural || !join.using_clause.is_empty())
            && let Some(within) = self.at(within)
        {
            within.merges = true;
            within.natural |= join.is_natural;
        }
        self.condition(join.quals.as_deref(), within);
        for name in join.using_clause.iter().filter_map(names::text) {
            self.push_ask(within, &[Step::Column { qualifier: None, name: name.into() }], true);
        }
        if let Some(alias) = &join.join_using_alias {
            let merged = self.new_query(Some(within));
            for name in join.using_clause.iter().filter_map(names::text) {
                let steps = [Step::Column { qualifier: None, name: name.into() }].into();
                self.add_output(merged, Output::Column { name: name.into(), steps });
            }
            let source = Source { named_only: true, ..named(Some(alias), "", Of::Query(merged)) };
            self.add_source(within, source);
        }
        if within != query {
            self.add_output(within, Output::All);
            self.add_source(query, named(join.alias.as_ref(), "", Of::Query(within)));
        }
    }
}

pub(super) fn named(alias: Option<&Alias>, otherwise: &str, of: Of) -> Source {
    let name = alias.map_or(otherwise, |alias| alias.aliasname.as_str()).into();
    let columns = alias.map(|alias| alias.colnames.iter().filter_map(names::text).map(Into::into).collect()).unwrap_or_default();
    Source { name, columns, of, named_only: false }
}

fn defined(list: &[Node]) -> Vec<Box<str>> {
    let name = |node: &Node| match node.node.as_ref()?.to_ref() {
        NodeRef::ColumnDef(column) => Some(column.colname.as_str().into()),
        _ => None,
    };
    list.iter().filter_map(name).collect()
}
