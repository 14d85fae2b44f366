//! SELECT and what stands in it: subqueries by name, locking, bounds.

use super::super::effect::Effect;
use super::super::facts::{Clause, How, Limit, Opaque};
use super::super::parser::tree::{ColumnRef, LimitOption, Node, NodeRef, SelectStmt, WithClause, a_const};
use super::{Place, Walk, names, predicate};

/// CASE within CASE, subquery within subquery: real ones are two or three deep.
const DEEPEST: usize = 16;

impl<'t> Walk<'t> {
    pub(super) fn select(&mut self, select: &'t SelectStmt, place: Place) {
        self.kind("SELECT");
        self.effect(place, Effect::Read);
        if !self.bounded && place.clause != Clause::With {
            self.bounded = true;
            self.statement.bounds.limit = self.limit(select.limit_count.as_deref());
            self.statement.bounds.with_ties = select.limit_option == LimitOption::WithTies as i32;
            self.statement.bounds.groups = groups(select);
        }
        let place = self.with(select.with_clause.as_ref(), place);
        if let Some(into) = select.into_clause.as_deref() {
            self.effect(place, Effect::Ddl);
            self.one_relation(into.rel.as_ref(), place.with_how(How::Defined));
            self.below(NodeRef::IntoClause(into), place.with_how(How::Defined));
        }
        if !select.locking_clause.is_empty() {
            self.locking(select, place);
        }
        self.many(&select.target_list, place.in_clause(Clause::Target));
        self.many(&select.distinct_clause, place.in_clause(Clause::Target));
        self.many(&select.values_lists, place.in_clause(Clause::Values));
        self.many(&select.from_clause, place.in_clause(Clause::From));
        self.one(select.where_clause.as_deref(), place.in_clause(Clause::Where));
        self.many(&select.group_clause, place.in_clause(Clause::Group));
        self.one(select.having_clause.as_deref(), place.in_clause(Clause::Having));
        self.many(&select.window_clause, place.in_clause(Clause::Window));
        for arm in [&select.larg, &select.rarg].into_iter().flatten() {
            self.push(NodeRef::SelectStmt(arm), place.in_clause(place.clause));
        }
        self.many(&select.sort_clause, place.in_clause(Clause::Order));
        self.one(select.limit_offset.as_deref(), place.in_clause(Clause::Limit));
        self.one(select.limit_count.as_deref(), place.in_clause(Clause::Limit));
    }

    /// Rows that are locked are as good as written, to whoever else wants them.
    fn locking(&mut self, select: &'t SelectStmt, place: Place) {
        self.effect(place, Effect::Write);
        let limited = self.limit(select.limit_count.as_deref()) != Limit::None;
        let bounded = predicate::names_rows(self, select.where_clause.as_deref()) || limited;
        self.note_bound(bounded, place);
    }

    /// Notes whether something keeps a write to some of the rows.
    pub(super) fn note_bound(&mut self, bounded: bool, place: Place) {
        if !bounded {
            self.effect(place, Effect::UnboundedWrite);
        }
        let before = self.statement.bounds.excludes_rows.unwrap_or(true);
        self.statement.bounds.excludes_rows = Some(before && bounded);
    }

    /// A number tells how many only where its keyword stands right before it: there the key of the facts keeps it.
    pub(super) fn limit(&self, count: Option<&'t Node>) -> Limit {
        let Some(node) = count.and_then(|node| node.node.as_ref()) else { return Limit::None };
        let NodeRef::AConst(constant) = node.to_ref() else { return Limit::Other };
        if constant.isnull {
            return Limit::None;
        }
        let Some(a_const::Val::Ival(number)) = &constant.val else { return Limit::Other };
        let before = usize::try_from(constant.location).ok().and_then(|at| self.text.as_bytes().get(..at)).unwrap_or_default();
        let before = before.trim_ascii_end();
        let behind_keyword = ["limit", "first", "next"].into_iter().any(|keyword| {
            before
                .split_at_checked(before.len().saturating_sub(keyword.len()))
                .is_some_and(|(_, end)| end.eq_ignore_ascii_case(keyword.as_bytes()))
        });
        match u64::try_from(number.ival) {
            Ok(rows) if behind_keyword => Limit::Rows(rows),
            Ok(_) | Err(_) => Limit::Other,
        }
    }

    /// Puts the subqueries of a WITH on the stack; what is returned is where the rest stands. Each sees those before it, or all of them
    /// under RECURSIVE.
    pub(super) fn with(&mut self, with: Option<&'t WithClause>, place: Place) -> Place {
        let Some(with) = with else { return place };
        let mut scope = place.scope;
        if with.recursive {
            for (name, _) in subqueries(with) {
                scope = self.add_subquery(name, scope);
            }
        }
        for (name, query) in subqueries(with) {
            match query {
                Some(query) => self.push(query, Place { scope, ..place.in_clause(Clause::With) }),
                None => self.make_opaque(Opaque::UnknownNode),
            }
            if !with.recursive {
                scope = self.add_subquery(name, scope);
            }
        }
        Place { scope, ..place }
    }
}

/// The most groups there can be, where constants alone tell them apart. A constant as a key is another column's place, and counts as none.
fn groups(select: &SelectStmt) -> Option<u64> {
    let each = |most: u64, key: &Node| match key.node.as_ref()?.to_ref() {
        NodeRef::AConst(_) => None,
        _ => Some(most.saturating_mul(values(key, &select.from_clause, DEEPEST)?)),
    };
    (!select.group_clause.is_empty()).then(|| select.group_clause.iter().try_fold(1, each))?
}

/// The most values that an expression over these sources has.
fn values(node: &Node, from: &[Node], depth: usize) -> Option<u64> {
    let depth = depth.checked_sub(1)?;
    match node.node.as_ref()?.to_ref() {
        NodeRef::AConst(_) => Some(1),
        NodeRef::CaseExpr(case) => {
            let arms = case.args.iter().map(|arm| match arm.node.as_ref()?.to_ref() {
                NodeRef::CaseWhen(when) => values(when.result.as_deref()?, from, depth),
                _ => None,
            });
            let rest = case.defresult.as_deref().map_or(Some(1), |rest| values(rest, from, depth));
            arms.chain([rest]).try_fold(0_u64, |sum, arm| Some(sum.saturating_add(arm?)))
        }
        NodeRef::ColumnRef(column) => column_values(column, from, depth),
        _ => None,
    }
}

/// Those of a column of the one subquery that is read, if it names it itself.
fn column_values(column: &ColumnRef, from: &[Node], depth: usize) -> Option<u64> {
    let ([source], [name]) = (from, column.fields.as_slice()) else { return None };
    let name = names::text(name)?;
    let NodeRef::RangeSubselect(source) = source.node.as_ref()?.to_ref() else { return None };
    let NodeRef::SelectStmt(query) = source.subquery.as_ref()?.node.as_ref()?.to_ref() else { return None };
    let is_renamed = source.alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty());
    let mut targets = query.target_list.iter().filter_map(|target| match target.node.as_ref()?.to_ref() {
        NodeRef::ResTarget(target) if target.name == name => target.val.as_deref(),
        _ => None,
    });
    let target = targets.next().filter(|_| !is_renamed)?;
    values(target, &query.from_clause, depth)
}

fn subqueries(with: &WithClause) -> impl Iterator<Item = (&str, Option<NodeRef<'_>>)> {
    with.ctes.iter().filter_map(|node| {
        if let Some(NodeRef::CommonTableExpr(subquery)) = node.node.as_ref().map(|node| node.to_ref()) {
            let query = subquery.ctequery.as_ref().map(|_| NodeRef::CommonTableExpr(subquery));
            Some((subquery.ctename.as_str(), query))
        } else {
            None
        }
    })
}
