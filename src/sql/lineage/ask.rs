//! What is held against what: conditions, keys of orders and groups, numbers of rows. A row that was chosen by a sensitive value tells that value,
//! whatever else stands in it. What comes of that is worked out in `told`.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is of no kind of its own is one thing that is asked")]

use super::super::parser::tree::{AExpr, AExprKind, BoolExprType, FuncCall, Node, NodeRef, SelectStmt, TypeName, WindowDef};
use super::build::Build;
use super::{Asked, Place, Step};
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::functions;
use crate::sql::walk::names;

/// With more alternatives than this a condition, or a CASE, is a table that translates values.
pub(super) const MOST_CHOICES: usize = 8;

/// Types that a cast to leaves a value whole.
const WHOLE: &[&str] = &["text", "varchar", "citext", "int4", "int8", "numeric", "uuid"];

impl<'t> Build<'t> {
    /// What decides about rows: each part of it that stands for itself.
    pub(super) fn condition(&mut self, node: Option<&'t Node>, query: Place) {
        let Some(node) = node else { return };
        let inner = node.node.as_ref().map(|node| node.to_ref());
        if let Some(NodeRef::BoolExpr(boolean)) = inner
            && (boolean.boolop != BoolExprType::OrExpr as i32 || boolean.args.len() <= MOST_CHOICES)
        {
            if self.enter() {
                return;
            }
            for part in &boolean.args {
                self.condition(Some(part), query);
            }
            self.leave();
            return;
        }
        let mut steps = Vec::new();
        self.expression(Some(node), query, &mut steps);
        let stored = if let Some(NodeRef::AExpr(expression)) = inner { is_stored(expression) } else { false };
        self.ask(query, &steps, stored);
    }

    /// What rows are ordered and grouped by, and how many there are.
    pub(super) fn orders(&mut self, select: &'t SelectStmt, query: Place) {
        let sorted = select.sort_clause.iter().filter_map(|sort| match sort.node.as_ref()?.to_ref() {
            NodeRef::SortBy(sort) => sort.node.as_deref(),
            _ => None,
        });
        for key in sorted.chain(&select.group_clause).chain(&select.distinct_clause) {
            for asked in targets(select, key) {
                let mut steps = Vec::new();
                self.expression(Some(asked), query, &mut steps);
                self.ask(query, &steps, false);
            }
        }
        for window in &select.window_clause {
            if let Some(NodeRef::WindowDef(window)) = window.node.as_ref().map(|node| node.to_ref()) {
                self.window(window, query);
            }
        }
        for number in [&select.limit_count, &select.limit_offset].into_iter().flatten() {
            let mut steps = Vec::new();
            self.expression(Some(number), query, &mut steps);
            self.size(query, &steps);
        }
    }

    /// Values that are held against each other. One alone is no news, unless it was made of several further in.
    pub(super) fn ask(&mut self, query: Place, steps: &[Step], stored: bool) {
        let values = steps.iter().filter(|step| !matches!(step, Step::Fold(..) | Step::Is(_) | Step::Rows | Step::Exists(_))).count();
        let further_in =
            self.at(query).is_some_and(|query| query.sources.iter().any(|source| !matches!(source.of, super::Of::Relation(_))));
        if values == 0 || values == 1 && !further_in && !matches!(steps.first(), Some(Step::Query(_))) {
            return;
        }
        self.push_ask(query, steps, stored);
    }

    pub(super) fn push_ask(&mut self, query: Place, steps: &[Step], stored: bool) {
        self.count(1 + steps.len());
        if self.lineage.unbounded {
            return;
        }
        if let Some(query) = self.at(query) {
            match query.asks.last_mut().filter(|last| *last.steps == *steps) {
                Some(last) => last.stored |= stored,
                None => query.asks.push(Asked { steps: steps.into(), stored }),
            }
        }
    }

    /// What a function is given that acts.
    pub(super) fn give(&mut self, query: Place, steps: &[Step]) {
        self.count(1 + steps.len());
        if !steps.is_empty()
            && !self.lineage.unbounded
            && let Some(query) = self.at(query)
        {
            query.given.push(steps.into());
        }
    }

    /// Expressions of which nothing is shown: what they ask and what they do counts.
    pub(super) fn aside(&mut self, nodes: impl IntoIterator<Item = &'t Node>, query: Place) {
        for node in nodes {
            let node = match node.node.as_ref().map(|node| node.to_ref()) {
                Some(NodeRef::SortBy(sort)) => sort.node.as_deref(),
                _ => Some(node),
            };
            self.expression(node, query, &mut Vec::new());
        }
    }

    /// The order and the groups of a window.
    pub(super) fn window(&mut self, window: &'t WindowDef, query: Place) {
        self.aside(window.partition_clause.iter().chain(&window.order_clause), query);
        self.aside([&window.start_offset, &window.end_offset].into_iter().filter_map(|offset| offset.as_deref()), query);
    }

    pub(super) fn size(&mut self, query: Place, steps: &[Step]) {
        self.count(1 + steps.len());
        if !steps.is_empty()
            && !self.lineage.unbounded
            && let Some(query) = self.at(query)
        {
            query.sizes.push(steps.into());
        }
    }
}

/// What a key of an order or a group stands for: the target of that alias, or itself. Of a number it could be any target: no fact may hang on a
/// number, for texts that differ in nothing else are remembered as one.
fn targets<'t>(select: &'t SelectStmt, key: &'t Node) -> Vec<&'t Node> {
    let mut all = select.target_list.iter().filter_map(|node| match node.node.as_ref()?.to_ref() {
        NodeRef::ResTarget(target) => Some(target),
        _ => None,
    });
    match key.node.as_ref().map(|node| node.to_ref()) {
        Some(NodeRef::ColumnRef(column)) => {
            let alias = if let [only] = column.fields.as_slice() { names::text(only) } else { None };
            let named = alias.and_then(|name| all.find(|target| target.name == name)?.val.as_deref());
            vec![named.unwrap_or(key)]
        }
        Some(NodeRef::AConst(_)) => all.filter_map(|target| target.val.as_deref()).collect(),
        _ => vec![key],
    }
}

/// Whether an equation is one of whole values, as they are stored.
pub(super) fn is_stored(expression: &AExpr) -> bool {
    let equals = matches!(AExprKind::try_from(expression.kind), Ok(AExprKind::AexprOp | AExprKind::AexprIn))
        && names::qualified(&expression.name).1 == "=";
    equals && [&expression.lexpr, &expression.rexpr].into_iter().flatten().all(|side| is_whole(side))
}

pub(super) fn is_whole(node: &Node) -> bool {
    match node.node.as_ref().map(|node| node.to_ref()) {
        Some(NodeRef::ColumnRef(_) | NodeRef::AConst(_) | NodeRef::ParamRef(_)) => true,
        Some(NodeRef::TypeCast(cast)) => {
            cast.arg.as_deref().is_some_and(is_whole)
                && cast.type_name.as_ref().is_some_and(|of| of.typmods.is_empty() && WHOLE.contains(&type_of(of)))
        }
        Some(NodeRef::CollateClause(collate)) => collate.arg.as_deref().is_some_and(is_whole),
        Some(NodeRef::FuncCall(call)) => {
            matches!(names::qualified(&call.funcname).1, "lower" | "upper" | "btrim")
                && matches!(call.args.as_slice(), [only] if is_whole(only))
        }
        // A part of a document by its name.
        Some(NodeRef::AExpr(part)) => {
            matches!(names::qualified(&part.name).1, "->" | "->>" | "#>" | "#>>")
                && part.lexpr.as_deref().is_some_and(is_whole)
                && part
                    .rexpr
                    .as_deref()
                    .is_some_and(|name| matches!(name.node.as_ref().map(|node| node.to_ref()), Some(NodeRef::AConst(_))))
        }
        _ => false,
    }
}

fn type_of(name: &TypeName) -> &str {
    name.names.last().and_then(names::text).unwrap_or_default()
}

/// Whether what a function of initdb is given may come out somewhere else: in a setting, a counter, a lock, a message, a file.
pub(super) fn gives_away(name: &str, effects: EffectSet) -> bool {
    const AWAY: EffectSet =
        EffectSet::of(&[Effect::Write, Effect::UnboundedWrite, Effect::Ddl, Effect::Session, Effect::Guard, Effect::Admin]);
    name == "pg_notify" || !effects.and(AWAY).is_empty()
}

/// Functions that give a number of rows.
const SPREADING: &[&str] = &[
    "regexp_matches",
    "json_array_elements",
    "json_array_elements_text",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "json_each",
    "json_each_text",
    "jsonb_each",
    "jsonb_each_text",
    "json_object_keys",
    "jsonb_object_keys",
    "jsonb_path_query",
];

/// Whether the number of rows that a call gives is a value in another form: the elements of what is stored are counted as rows are.
pub(super) fn sizes(name: &str, call: &FuncCall) -> bool {
    match name {
        "generate_series" | "generate_subscripts" => true,
        _ => (functions::makes_rows(name) || SPREADING.contains(&name)) && !call.args.first().is_some_and(is_whole),
    }
}

/// Functions over many rows, or over those around one.
pub(super) fn gathers(name: &str, call: &FuncCall) -> bool {
    const GATHERING: &[&str] =
        &["count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "any_value", "bit_and", "bit_or", "bit_xor", "corr"];
    const FAMILIES: &[&str] = &["stddev", "var_", "variance", "covar_", "regr_"];
    call.over.is_some()
        || call.agg_star
        || call.agg_within_group
        || GATHERING.contains(&name)
        || functions::collects(name)
        || FAMILIES.iter().any(|family| name.starts_with(family))
}
