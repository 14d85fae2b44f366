//! From a statement's tree to its lineage: scopes, subqueries and what they are called.
#![allow(clippy::wildcard_enum_match_arm, reason = "of all that can be an output, two spread into many")]

use super::super::parser::tree::{CommonTableExpr, Node, NodeRef, SelectStmt, SetOperation, WithClause};
use super::{Lineage, Named, Of, Output, Place, Query, Source, Step, Write, label};
use crate::sql::walk::names;

/// Steps, sources and outputs of one statement; a statement with more has a lineage that says nothing but that it may be anything.
const MOST_PARTS: usize = 64 * 1024;
/// More relations, or more names of subqueries, are not looked at: looking for one of them among the others is what costs.
const MOST_NAMES: usize = 1024;
/// Levels of a tree: never reached by what `check` lets through, and far from the end of the stack that `read` makes for it.
const DEEPEST: usize = 2000;

/// The lineage of a statement; none where it neither gives nor stores rows.
pub fn lineage(statement: NodeRef<'_>) -> Option<Lineage> {
    let mut build = Build::default();
    build.statement(statement);
    let Build { lineage, explained, .. } = build;
    if lineage.unbounded {
        return Some(Lineage { unbounded: true, rows: Some(0), ..Lineage::default() });
    }
    (lineage.rows.is_some() || !lineage.writes.is_empty() || explained).then(|| Lineage {
        relations: lineage.relations.into(),
        queries: lineage.queries.into(),
        rows: lineage.rows,
        writes: lineage.writes.into(),
        unbounded: false,
    })
}

#[derive(Default)]
pub(super) struct Growing {
    pub relations: Vec<Named>,
    pub queries: Vec<Query>,
    pub rows: Option<Place>,
    pub writes: Vec<Write>,
    pub unbounded: bool,
}

#[derive(Default)]
pub(super) struct Build<'t> {
    pub lineage: Growing,
    /// Subqueries of WITH in sight, the innermost last.
    with: Vec<(&'t str, Place)>,
    /// How many rows its steps have may be told.
    explained: bool,
    parts: usize,
    depth: usize,
}

impl<'t> Build<'t> {
    fn statement(&mut self, node: NodeRef<'t>) {
        self.lineage.rows = self.query(node, None);
        if self.lineage.rows.is_some() {
            // SELECT INTO gives none.
            if self.lineage.writes.iter().any(|write| write.defines) {
                self.lineage.rows = None;
            }
            return;
        }
        if let NodeRef::DeclareCursorStmt(declare) = node {
            self.lineage.rows = self.inner(declare.query.as_deref());
        } else if let NodeRef::PrepareStmt(prepare) = node {
            self.lineage.rows = self.inner(prepare.query.as_deref());
        } else if let NodeRef::CopyStmt(copy) = node {
            if !copy.is_from {
                self.lineage.rows = self.copied(copy);
            }
        } else if let NodeRef::CreateTableAsStmt(create) = node {
            self.create_as(create);
        } else if let NodeRef::ViewStmt(view) = node {
            self.create_view(view);
        } else if let NodeRef::AlterTableStmt(alter) = node {
            self.alter(alter);
        } else if let NodeRef::ExplainStmt(explain) = node
            && let Some(below) = explain.query.as_deref().and_then(|node| node.node.as_ref())
        {
            // Its own rows are words of the planner's.
            self.statement(below.to_ref());
            self.lineage.rows = None;
            self.explained = true;
        }
    }

    pub(super) fn inner(&mut self, node: Option<&'t Node>) -> Option<Place> {
        self.query(node?.node.as_ref()?.to_ref(), None)
    }

    /// A query and what is below it; its place.
    pub(super) fn query(&mut self, node: NodeRef<'t>, around: Option<Place>) -> Option<Place> {
        if self.enter() {
            return None;
        }
        let scope = self.with.len();
        let place = if let NodeRef::SelectStmt(select) = node {
            Some(self.select(select, around))
        } else if let NodeRef::InsertStmt(insert) = node {
            Some(self.insert(insert, around))
        } else if let NodeRef::UpdateStmt(update) = node {
            Some(self.update(update, around))
        } else if let NodeRef::DeleteStmt(delete) = node {
            Some(self.delete(delete, around))
        } else if let NodeRef::MergeStmt(merge) = node {
            Some(self.merge(merge, around))
        } else {
            None
        };
        self.with.truncate(scope);
        self.depth -= 1;
        place
    }

    /// Goes one level down. True when that is too deep, or there is too much already.
    pub(super) fn enter(&mut self) -> bool {
        if self.depth >= DEEPEST || self.parts > MOST_PARTS {
            self.lineage.unbounded = true;
            return true;
        }
        self.depth += 1;
        false
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    pub(super) fn count(&mut self, parts: usize) {
        self.parts += parts;
        self.lineage.unbounded |= self.parts > MOST_PARTS;
    }

    pub(super) fn new_query(&mut self, around: Option<Place>) -> Place {
        self.count(1);
        self.lineage.queries.push(Query { around, ..Query::default() });
        Place::try_from(self.lineage.queries.len().saturating_sub(1)).unwrap_or(Place::MAX)
    }

    /// For the names of something in FROM: see [`Query::beside`].
    pub(super) fn beside(&mut self, query: Place) -> Place {
        let place = self.new_query(Some(query));
        if let Some(query) = self.at(place) {
            query.beside = true;
        }
        place
    }

    pub(super) fn at(&mut self, place: Place) -> Option<&mut Query> {
        self.lineage.queries.get_mut(usize::try_from(place).ok()?)
    }

    pub(super) fn add_source(&mut self, query: Place, source: Source) {
        self.count(1 + source.columns.len());
        if let Some(query) = self.at(query) {
            query.sources.push(source);
        }
    }

    pub(super) fn add_output(&mut self, query: Place, output: Output) {
        self.count(1);
        if let Some(query) = self.at(query) {
            query.outputs.push(output);
        }
    }

    fn select(&mut self, select: &'t SelectStmt, around: Option<Place>) -> Place {
        let place = self.new_query(around);
        self.with(select.with_clause.as_ref(), around);
        if select.op != SetOperation::SetopNone as i32 && select.op != SetOperation::Undefined as i32 {
            self.arms(select, place, around);
        } else if !select.values_lists.is_empty() {
            self.values(&select.values_lists, place);
        } else {
            for item in &select.from_clause {
                self.from(item, place);
            }
            self.targets(&select.target_list, place);
            self.condition(select.where_clause.as_deref(), place);
            self.condition(select.having_clause.as_deref(), place);
        }
        self.orders(select, place);
        if let Some(into) = select.into_clause.as_deref() {
            self.define(into.rel.as_ref(), &into.col_names, place);
        }
        place
    }

    /// Thousands of arms lean to the left: they are no deeper for that.
    fn arms(&mut self, select: &'t SelectStmt, place: Place, around: Option<Place>) {
        let mut work: Vec<&'t SelectStmt> = select.rarg.as_deref().into_iter().chain(select.larg.as_deref()).collect();
        while let Some(arm) = work.pop() {
            if arm.with_clause.is_none() && arm.larg.is_some() && arm.into_clause.is_none() {
                work.extend(arm.rarg.as_deref().into_iter().chain(arm.larg.as_deref()));
                continue;
            }
            let Some(arm) = self.query(NodeRef::SelectStmt(arm), around) else { return };
            if let Some(query) = self.at(place) {
                query.arms.push(arm);
            }
            if let Some(write) = self.lineage.writes.last_mut() {
                // SELECT INTO of the first arm takes the rows of all of them.
                if let super::Assigned::Rows { query, .. } = &mut write.assigned
                    && write.defines
                    && *query == arm
                {
                    *query = place;
                }
            }
        }
    }

    /// The columns of VALUES are computed from all its rows.
    pub(super) fn values(&mut self, lists: &'t [Node], place: Place) {
        let mut columns: Vec<Vec<Step>> = Vec::new();
        for list in lists {
            let Some(NodeRef::List(list)) = list.node.as_ref().map(|node| node.to_ref()) else { continue };
            columns.resize_with(columns.len().max(list.items.len()), Vec::new);
            for (column, item) in columns.iter_mut().zip(&list.items) {
                self.expression(Some(item), place, column);
            }
        }
        for (at, steps) in (1..).zip(columns) {
            self.add_output(place, Output::Column { name: format!("column{at}").into(), steps: steps.into() });
        }
    }

    pub(super) fn targets(&mut self, list: &'t [Node], place: Place) {
        for node in list {
            let Some(NodeRef::ResTarget(target)) = node.node.as_ref().map(|node| node.to_ref()) else { continue };
            let Some(value) = target.val.as_deref() else { continue };
            let output = match self.star(value, place) {
                Some(star) => star,
                None => {
                    let mut steps = Vec::new();
                    self.expression(Some(value), place, &mut steps);
                    let name = if target.name.is_empty() { label::of(value) } else { target.name.as_str().into() };
                    Output::Column { name, steps: steps.into() }
                }
            };
            self.add_output(place, output);
        }
    }

    /// The columns that one target stands for.
    fn star(&mut self, value: &'t Node, place: Place) -> Option<Output> {
        let is_star = |node: &Node| matches!(node.node.as_ref().map(|node| node.to_ref()), Some(NodeRef::AStar(_)));
        match value.node.as_ref()?.to_ref() {
            NodeRef::ColumnRef(column) => {
                let (last, before) = column.fields.split_last()?;
                if !is_star(last) {
                    return None;
                }
                Some(before.last().and_then(names::text).map_or(Output::All, |name| Output::AllOf(name.into())))
            }
            NodeRef::AIndirection(indirection) => {
                let (last, before) = indirection.indirection.split_last()?;
                if !is_star(last) {
                    return None;
                }
                let arg = indirection.arg.as_deref()?;
                if let Some(NodeRef::ColumnRef(column)) = arg.node.as_ref().map(|node| node.to_ref())
                    && let ([only], []) = (column.fields.as_slice(), before)
                    && let Some(name) = names::text(only)
                {
                    return Some(Output::AllOf(name.into()));
                }
                let mut steps = Vec::new();
                self.expression(Some(arg), place, &mut steps);
                Some(Output::Spread(steps.into()))
            }
            _ => None,
        }
    }

    /// Brings the subqueries of a WITH into sight. They see what stands around the query that has them, and not what it reads.
    pub(super) fn with(&mut self, with: Option<&'t WithClause>, around: Option<Place>) {
        let Some(with) = with else { return };
        let each = |node: &'t Node| {
            if let Some(NodeRef::CommonTableExpr(table)) = node.node.as_ref().map(|node| node.to_ref()) { Some(table) } else { None }
        };
        let tables: Vec<&'t CommonTableExpr> = with.ctes.iter().filter_map(each).collect();
        // A name that is in sight before what it stands for is known stands for rows that are filled in later.
        let mut promised = Vec::new();
        if self.with.len() + tables.len() > MOST_NAMES {
            self.lineage.unbounded = true;
            return;
        }
        if with.recursive {
            for table in &tables {
                let place = self.new_query(None);
                promised.push(place);
                self.with.push((&table.ctename, place));
            }
        }
        for (at, table) in tables.iter().enumerate() {
            let place = match promised.get(at) {
                Some(place) => *place,
                None => self.new_query(None),
            };
            let body = table.ctequery.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
            let Some(body) = body.and_then(|body| self.query(body, around)) else { continue };
            let columns = table.aliascolnames.iter().filter_map(names::text).map(Into::into).collect();
            self.add_source(place, Source { name: "".into(), columns, of: Of::Query(body), named_only: false });
            self.add_output(place, Output::All);
            let search = table.search_clause.as_ref().map(|clause| clause.search_seq_column.as_str());
            let cycle = table.cycle_clause.as_deref().map(|clause| [clause.cycle_mark_column.as_str(), clause.cycle_path_column.as_str()]);
            for name in search.into_iter().chain(cycle.into_iter().flatten()) {
                self.add_output(place, Output::Column { name: name.into(), steps: [Step::Everything].into() });
            }
            if !with.recursive {
                self.with.push((&table.ctename, place));
            }
        }
    }

    /// The subquery in sight that a name without a schema stands for.
    pub(super) fn subquery(&self, name: &str) -> Option<Place> {
        self.with.iter().rev().find(|(known, _)| *known == name).map(|(_, place)| *place)
    }

    pub(super) fn relation(&mut self, schema: &str, name: &str) -> Place {
        let schema = (!schema.is_empty()).then(|| schema.into());
        let named = Named { schema, name: name.into() };
        let at = match self.lineage.relations.iter().position(|known| *known == named) {
            Some(at) => at,
            None if self.lineage.relations.len() >= MOST_NAMES => {
                self.lineage.unbounded = true;
                return 0;
            }
            None => {
                self.lineage.relations.push(named);
                self.lineage.relations.len().saturating_sub(1)
            }
        };
        Place::try_from(at).unwrap_or(Place::MAX)
    }
}
