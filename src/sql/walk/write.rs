//! INSERT, UPDATE, DELETE and MERGE: what they write, and what keeps them to some of the rows.

use super::super::effect::Effect;
use super::super::facts::{Clause, How, Writes};
use super::super::parser::tree::{
    CmdType, DeleteStmt, InsertStmt, MergeMatchKind, MergeStmt, Node, NodeRef, OnConflictAction, OnConflictClause, RangeVar,
    ReturningClause, SelectStmt, UpdateStmt,
};
use super::predicate::{self, Among};
use super::{Place, Walk};

impl<'t> Walk<'t> {
    pub(super) fn one_relation(&mut self, range: Option<&'t RangeVar>, place: Place) -> Option<usize> {
        range.and_then(|range| self.relation(range, place))
    }

    pub(super) fn insert(&mut self, insert: &'t InsertStmt, place: Place) {
        self.kind("INSERT");
        self.effect(place, Effect::Write);
        let place = self.with(insert.with_clause.as_ref(), place);
        let target = self.one_relation(insert.relation.as_ref(), place.with_how(How::Written));
        self.written(target, Writes::INSERT);
        if insert.cols.is_empty() {
            self.written_column(target, "*", place.in_clause(Clause::Target));
        }
        self.assigned(&insert.cols, target, place.in_clause(Clause::Target));
        let source = insert.select_stmt.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
        match source {
            // Plain rows are no query.
            Some(NodeRef::SelectStmt(values)) if is_rows(values) => self.many(&values.values_lists, place.in_clause(Clause::Values)),
            Some(source) => self.push(source, place.in_clause(Clause::From)),
            None => {}
        }
        if let Some(conflict) = insert.on_conflict_clause.as_deref() {
            self.conflict(conflict, insert, target, place);
        }
        self.returning(insert.returning_clause.as_ref(), place);
    }

    /// `ON CONFLICT DO UPDATE` writes as many rows as there are in the source.
    fn conflict(&mut self, conflict: &'t OnConflictClause, insert: &'t InsertStmt, target: Option<usize>, place: Place) {
        if conflict.action == OnConflictAction::OnconflictUpdate as i32 {
            let source = insert.select_stmt.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
            let bounded = match source {
                Some(NodeRef::SelectStmt(select)) => is_rows(select) || predicate::is_restricted(self, select, insert.relation.as_ref()),
                _ => true,
            };
            self.note_bound(bounded, place);
        }
        if let Some(infer) = conflict.infer.as_deref() {
            self.push(NodeRef::InferClause(infer), place.in_clause(Clause::Conflict));
        }
        if !conflict.target_list.is_empty() {
            self.written(target, Writes::UPDATE);
        }
        self.assigned(&conflict.target_list, target, place.in_clause(Clause::Set));
        self.one(conflict.where_clause.as_deref(), place.in_clause(Clause::Where));
    }

    pub(super) fn update(&mut self, update: &'t UpdateStmt, place: Place) {
        self.kind("UPDATE");
        self.bounded = true;
        self.effect(place, Effect::Write);
        let among = Among { target: update.relation.as_ref(), others: &update.from_clause, with: update.with_clause.as_ref() };
        let bounded = predicate::excludes(self, update.where_clause.as_deref(), among);
        self.note_bound(bounded, place);
        let place = self.with(update.with_clause.as_ref(), place);
        let target = self.one_relation(update.relation.as_ref(), place.with_how(How::Written));
        self.written(target, Writes::UPDATE);
        self.assigned(&update.target_list, target, place.in_clause(Clause::Set));
        self.many(&update.from_clause, place.in_clause(Clause::From));
        self.one(update.where_clause.as_deref(), place.in_clause(Clause::Where));
        self.returning(update.returning_clause.as_ref(), place);
    }

    pub(super) fn delete(&mut self, delete: &'t DeleteStmt, place: Place) {
        self.kind("DELETE");
        self.bounded = true;
        self.effect(place, Effect::Write);
        let among = Among { target: delete.relation.as_ref(), others: &delete.using_clause, with: delete.with_clause.as_ref() };
        let bounded = predicate::excludes(self, delete.where_clause.as_deref(), among);
        self.note_bound(bounded, place);
        let place = self.with(delete.with_clause.as_ref(), place);
        let target = self.one_relation(delete.relation.as_ref(), place.with_how(How::Written));
        self.written(target, Writes::DELETE);
        self.many(&delete.using_clause, place.in_clause(Clause::From));
        self.one(delete.where_clause.as_deref(), place.in_clause(Clause::Where));
        self.returning(delete.returning_clause.as_ref(), place);
    }

    pub(super) fn merge(&mut self, merge: &'t MergeStmt, place: Place) {
        self.kind("MERGE");
        self.bounded = true;
        self.effect(place, Effect::Write);
        let others = merge.source_relation.as_deref().map_or(&[][..], std::slice::from_ref);
        let among = Among { target: merge.relation.as_ref(), others, with: merge.with_clause.as_ref() };
        let joined = predicate::excludes(self, merge.join_condition.as_deref(), among);
        let place_of_source = place;
        let place = self.with(merge.with_clause.as_ref(), place);
        let target = self.one_relation(merge.relation.as_ref(), place.with_how(How::Written));
        self.written(target, Writes::ALL);
        self.one(merge.source_relation.as_deref(), place.in_clause(Clause::From));
        self.one(merge.join_condition.as_deref(), place.in_clause(Clause::On));
        for when in &merge.merge_when_clauses {
            let Some(NodeRef::MergeWhenClause(when)) = when.node.as_ref().map(|node| node.to_ref()) else { continue };
            let changes = when.command_type == CmdType::CmdUpdate as i32 || when.command_type == CmdType::CmdDelete as i32;
            if changes {
                let matched = when.match_kind == MergeMatchKind::MergeWhenMatched as i32 && joined;
                let bounded = predicate::excludes(self, when.condition.as_deref(), among) || matched;
                self.note_bound(bounded, place_of_source);
            }
            self.assigned(&when.target_list, target, place.in_clause(Clause::Set));
            self.one(when.condition.as_deref(), place.in_clause(Clause::Where));
            self.many(&when.values, place.in_clause(Clause::Values));
        }
        self.returning(merge.returning_clause.as_ref(), place);
    }

    fn returning(&mut self, returning: Option<&'t ReturningClause>, place: Place) {
        if let Some(returning) = returning {
            self.effect(place, Effect::Read);
            self.many(&returning.exprs, place.in_clause(Clause::Returning));
        }
    }

    /// Columns that are written, with what they are given.
    fn assigned(&mut self, targets: &'t [Node], relation: Option<usize>, place: Place) {
        for target in targets {
            match target.node.as_ref().map(|node| node.to_ref()) {
                Some(NodeRef::ResTarget(column)) => {
                    self.written_column(relation, &column.name, place);
                    self.below(NodeRef::ResTarget(column), place);
                }
                Some(other) => self.push(other, place),
                None => {}
            }
        }
    }
}

/// `VALUES` and nothing else.
fn is_rows(select: &SelectStmt) -> bool {
    !select.values_lists.is_empty() && select.with_clause.is_none() && select.sort_clause.is_empty() && select.limit_count.is_none()
}
