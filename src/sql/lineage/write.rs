//! What statements store, and the rows that they give back of it.
#![allow(clippy::wildcard_enum_match_arm, reason = "only targets have names")]

use super::super::parser::tree::{
    AlterTableStmt, AlterTableType, CmdType, CopyStmt, CreateTableAsStmt, DeleteStmt, InsertStmt, MergeStmt, Node, NodeRef, RangeVar,
    ReturningClause, ReturningOptionKind, UpdateStmt, ViewStmt,
};
use super::build::Build;
use super::from::named;
use super::{Assigned, Level, Of, Output, Place, Source, Step, Steps, Write};
use crate::sql::walk::names;

impl<'t> Build<'t> {
    pub(super) fn insert(&mut self, insert: &'t InsertStmt, around: Option<Place>) -> Place {
        let place = self.new_query(around);
        self.with(insert.with_clause.as_ref(), around);
        let target = self.target(insert.relation.as_ref(), place);
        let source = insert.select_stmt.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
        let rows = source.and_then(|source| self.query(source, around));
        let names: Box<[Box<str>]> = insert.cols.iter().filter_map(target_name).map(Into::into).collect();
        if let (Some(relation), Some(query)) = (target, rows) {
            self.write(Write { relation, defines: false, temporary: false, assigned: Assigned::Rows { query, names } });
        }
        if let Some(conflict) = insert.on_conflict_clause.as_deref() {
            // What was to be inserted is told by what is written.
            if let Some(target) = target {
                let of = Of::Relation(target);
                self.add_source(place, Source { name: "excluded".into(), columns: Box::default(), of, named_only: true });
            }
            self.condition(conflict.where_clause.as_deref(), place);
            self.assign(target, &conflict.target_list, place);
        }
        self.returning(insert.returning_clause.as_ref(), target, place);
        place
    }

    pub(super) fn update(&mut self, update: &'t UpdateStmt, around: Option<Place>) -> Place {
        let place = self.new_query(around);
        self.with(update.with_clause.as_ref(), around);
        let target = self.target(update.relation.as_ref(), place);
        for item in &update.from_clause {
            self.from(item, place);
        }
        self.condition(update.where_clause.as_deref(), place);
        self.assign(target, &update.target_list, place);
        self.returning(update.returning_clause.as_ref(), target, place);
        place
    }

    pub(super) fn delete(&mut self, delete: &'t DeleteStmt, around: Option<Place>) -> Place {
        let place = self.new_query(around);
        self.with(delete.with_clause.as_ref(), around);
        let target = self.target(delete.relation.as_ref(), place);
        for item in &delete.using_clause {
            self.from(item, place);
        }
        self.condition(delete.where_clause.as_deref(), place);
        self.returning(delete.returning_clause.as_ref(), target, place);
        place
    }

    pub(super) fn merge(&mut self, merge: &'t MergeStmt, around: Option<Place>) -> Place {
        let place = self.new_query(around);
        self.with(merge.with_clause.as_ref(), around);
        // `*` of RETURNING has the source's columns first.
        if let Some(source) = merge.source_relation.as_deref() {
            self.from(source, place);
        }
        let target = self.target(merge.relation.as_ref(), place);
        self.condition(merge.join_condition.as_deref(), place);
        for clause in &merge.merge_when_clauses {
            let Some(NodeRef::MergeWhenClause(clause)) = clause.node.as_ref().map(|node| node.to_ref()) else { continue };
            self.condition(clause.condition.as_deref(), place);
            if clause.command_type == CmdType::CmdUpdate as i32 {
                self.assign(target, &clause.target_list, place);
            } else if clause.command_type == CmdType::CmdInsert as i32 {
                let values = self.new_query(Some(place));
                for value in &clause.values {
                    let mut steps = Vec::new();
                    self.expression(Some(value), values, &mut steps);
                    self.add_output(values, Output::Column { name: "".into(), steps: steps.into() });
                }
                let names = clause.target_list.iter().filter_map(target_name).map(Into::into).collect();
                if let Some(relation) = target {
                    self.write(Write { relation, defines: false, temporary: false, assigned: Assigned::Rows { query: values, names } });
                }
            }
        }
        self.returning(merge.returning_clause.as_ref(), target, place);
        place
    }

    /// The relation that is written, which its own name stands for in the statement. No name of WITH does.
    fn target(&mut self, range: Option<&'t RangeVar>, query: Place) -> Option<Place> {
        let range = range?;
        let relation = self.relation(&range.schemaname, &range.relname);
        self.add_source(query, named(range.alias.as_ref(), &range.relname, Of::Relation(relation)));
        Some(relation)
    }

    fn assign(&mut self, target: Option<Place>, list: &'t [Node], query: Place) {
        let mut columns = Vec::new();
        // `(a, b) = (SELECT …)` has its source once for each: once is enough.
        let mut several: Option<Steps> = None;
        for node in list {
            let Some(NodeRef::ResTarget(assigned)) = node.node.as_ref().map(|node| node.to_ref()) else { continue };
            let value = assigned.val.as_deref();
            let steps = match value.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()) {
                Some(NodeRef::MultiAssignRef(of)) if of.colno > 1 && several.is_some() => several.clone().unwrap_or_default(),
                found => {
                    let mut steps = Vec::new();
                    self.expression(value, query, &mut steps);
                    let steps: Steps = steps.into();
                    if matches!(found, Some(NodeRef::MultiAssignRef(_))) {
                        several = Some(steps.clone());
                    }
                    steps
                }
            };
            self.count(1);
            columns.push((assigned.name.as_str().into(), steps));
        }
        if let Some(relation) = target
            && !columns.is_empty()
        {
            self.write(Write { relation, defines: false, temporary: false, assigned: Assigned::Each { query, columns: columns.into() } });
        }
    }

    fn write(&mut self, write: Write) {
        self.count(1);
        self.lineage.writes.push(write);
    }

    fn returning(&mut self, clause: Option<&'t ReturningClause>, target: Option<Place>, query: Place) {
        let Some(clause) = clause else { return };
        if let Some(target) = target {
            let mut names = ["old", "new"];
            for option in &clause.options {
                let Some(NodeRef::ReturningOption(option)) = option.node.as_ref().map(|node| node.to_ref()) else { continue };
                let at = usize::from(option.option != ReturningOptionKind::ReturningOptionOld as i32);
                if let Some(name) = names.get_mut(at) {
                    *name = &option.value;
                }
            }
            for name in names {
                self.add_source(query, Source { name: name.into(), columns: Box::default(), of: Of::Relation(target), named_only: true });
            }
        }
        self.targets(&clause.exprs, query);
    }

    /// A relation that is made of the rows of a query.
    pub(super) fn define(&mut self, range: Option<&'t RangeVar>, names: &'t [Node], query: Place) {
        let Some(range) = range else { return };
        let relation = self.relation(&range.schemaname, &range.relname);
        let names = names.iter().filter_map(names::text).map(Into::into).collect();
        let temporary = range.relpersistence == "t" || range.schemaname.starts_with("pg_temp");
        self.write(Write { relation, defines: true, temporary, assigned: Assigned::Rows { query, names } });
    }

    pub(super) fn create_as(&mut self, create: &'t CreateTableAsStmt) {
        let Some(into) = create.into.as_deref() else { return };
        let query = match self.inner(create.query.as_deref()) {
            Some(query) => query,
            // A prepared statement makes its rows: of what, its own lineage tells, which is not at hand here.
            None => {
                let query = self.new_query(None);
                self.add_output(query, Output::Spread([Step::Is(Level::Sensitive)].into()));
                query
            }
        };
        self.define(into.rel.as_ref(), &into.col_names, query);
    }

    pub(super) fn create_view(&mut self, view: &'t ViewStmt) {
        if let Some(query) = self.inner(view.query.as_deref()) {
            self.define(view.view.as_ref(), &view.aliases, query);
        }
    }

    /// Columns that are computed from others, from then on or once.
    pub(super) fn alter(&mut self, alter: &'t AlterTableStmt) {
        let query = self.new_query(None);
        let Some(relation) = self.target(alter.relation.as_ref(), query) else { return };
        for command in &alter.cmds {
            let Some(NodeRef::AlterTableCmd(command)) = command.node.as_ref().map(|node| node.to_ref()) else { continue };
            let changes = matches!(
                AlterTableType::try_from(command.subtype),
                Ok(AlterTableType::AtAddColumn | AlterTableType::AtAlterColumnType | AlterTableType::AtSetExpression)
            );
            let Some(definition) = command.def.as_deref().and_then(|node| node.node.as_ref()).filter(|_| changes) else { continue };
            let definition = definition.to_ref();
            let name = if let NodeRef::ColumnDef(column) = definition {
                Some(column.colname.as_str()).filter(|name| !name.is_empty())
            } else {
                None
            };
            let mut steps = Vec::new();
            self.below(definition, query, &mut steps);
            if !steps.is_empty() {
                let columns = [(name.unwrap_or(&command.name).into(), steps.into())].into();
                self.write(Write { relation, defines: false, temporary: false, assigned: Assigned::Each { query, columns } });
            }
        }
    }

    /// `COPY … TO`: the rows of a query or of a table.
    pub(super) fn copied(&mut self, copy: &'t CopyStmt) -> Option<Place> {
        if copy.query.is_some() {
            return self.inner(copy.query.as_deref());
        }
        let query = self.new_query(None);
        let range = copy.relation.as_ref()?;
        let relation = self.relation(&range.schemaname, &range.relname);
        self.add_source(query, named(None, &range.relname, Of::Relation(relation)));
        let listed: Vec<Box<str>> = copy.attlist.iter().filter_map(names::text).map(Into::into).collect();
        if listed.is_empty() {
            self.add_output(query, Output::All);
        }
        for name in listed {
            let steps = [Step::Column { qualifier: None, name: name.clone() }].into();
            self.add_output(query, Output::Column { name, steps });
        }
        Some(query)
    }
}

fn target_name(node: &Node) -> Option<&str> {
    match node.node.as_ref()?.to_ref() {
        NodeRef::ResTarget(target) => Some(&target.name),
        _ => None,
    }
}
