//! From expressions to the steps that work out what is computed from what. What a condition asks does not flow into what it decides about:
//! it makes an answer of it.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is of no kind of its own is made of what is below it")]

use super::super::parser::tree::{AExpr, AExprKind, AIndirection, CaseExpr, ColumnRef, FuncCall, Node, NodeRef, SubLink, SubLinkType};
use super::ask::{MOST_CHOICES, gathers, gives_away, is_stored, is_whole, sizes};
use super::build::Build;
use super::{Fold, Level, Place, Step};
use crate::sql::effect::Effect;
use crate::sql::functions;
use crate::sql::walk::{children, names};

/// Functions that tell nothing of their arguments but how many there are, or of what type.
const COUNTING: &[&str] = &["count", "num_nulls", "num_nonnulls", "pg_typeof"];

/// The same, of the rows that are ordered: with an argument these names may be those of attributes of it.
const RANKING: &[&str] = &["row_number", "rank", "dense_rank", "percent_rank", "cume_dist"];

/// Functions whose result is one of their arguments.
const CHOOSING: &[&str] =
    &["min", "max", "first_value", "last_value", "nth_value", "lag", "lead", "any_value", "mode", "percentile_disc", "nullif", "coalesce"];

/// Functions that make a number of numbers, which tells no more than they do.
const SUMMING: &[&str] = &["sum", "avg", "round", "trunc", "ceil", "ceiling", "floor", "abs", "bool_and", "bool_or", "every", "sign"];

/// Functions that give a truth value.
const ASKING: &[&str] = &["starts_with", "regexp_like", "jsonb_path_exists", "jsonb_exists"];

/// Operators that give a truth value.
const COMPARING: &[&str] = &[
    "=", "<>", "!=", "<", "<=", ">", ">=", "~", "!~", "~*", "!~*", "~~", "!~~", "~~*", "!~~*", "^@", "@>", "<@", "&&", "?", "?|", "?&",
    "@@", "@@@", "@?",
];

impl<'t> Build<'t> {
    /// Appends the steps of an expression, and tells how many values they leave: one, or none where it says nothing.
    pub(super) fn expression(&mut self, node: Option<&'t Node>, query: Place, steps: &mut Vec<Step>) -> u32 {
        node.and_then(|node| node.node.as_ref()).map_or(0, |node| self.node(node.to_ref(), query, steps))
    }

    fn node(&mut self, node: NodeRef<'t>, query: Place, steps: &mut Vec<Step>) -> u32 {
        if self.enter() {
            return 0;
        }
        let values = match node {
            NodeRef::ColumnRef(column) => self.step(steps, column_step(column)),
            NodeRef::FuncCall(call) => self.call(call, query, steps),
            NodeRef::AExpr(expression) => self.operator(expression, query, steps),
            NodeRef::BoolExpr(boolean) => self.fold(&boolean.args, Fold::Ask, query, steps),
            NodeRef::BooleanTest(test) => self.fold(test.arg.as_deref(), Fold::Ask, query, steps),
            NodeRef::JsonIsPredicate(test) => self.fold(test.expr.as_deref(), Fold::Ask, query, steps),
            NodeRef::SubLink(link) => self.sublink(link, query, steps),
            NodeRef::CaseExpr(case) => self.case(case, query, steps),
            NodeRef::CoalesceExpr(coalesce) => self.fold(&coalesce.args, Fold::One, query, steps),
            NodeRef::MinMaxExpr(minmax) => self.fold(&minmax.args, Fold::One, query, steps),
            NodeRef::TypeCast(cast) => self.fold(cast.arg.as_deref(), Fold::Same, query, steps),
            NodeRef::CollateClause(collate) => self.expression(collate.arg.as_deref(), query, steps),
            NodeRef::NamedArgExpr(named) => self.expression(named.arg.as_deref(), query, steps),
            NodeRef::MultiAssignRef(assigned) => self.expression(assigned.source.as_deref(), query, steps),
            NodeRef::ResTarget(target) => self.expression(target.val.as_deref(), query, steps),
            NodeRef::AIndirection(indirection) => self.part(indirection, query, steps),
            NodeRef::SelectStmt(_) => self.rows_of(node, query, steps),
            // Whether there is something is no secret; what is done on the way is.
            NodeRef::NullTest(test) => {
                self.aside(test.arg.as_deref(), query);
                0
            }
            NodeRef::AConst(_)
            | NodeRef::ParamRef(_)
            | NodeRef::SqlvalueFunction(_)
            | NodeRef::SetToDefault(_)
            | NodeRef::GroupingFunc(_)
            | NodeRef::String(_)
            | NodeRef::TypeName(_)
            | NodeRef::SortBy(_)
            | NodeRef::WindowDef(_)
            | NodeRef::RangeVar(_)
            | NodeRef::CurrentOfExpr(_) => 0,
            _ => self.below(node, query, steps),
        };
        self.leave();
        values
    }

    /// Appends a step that leaves a value.
    fn step(&mut self, steps: &mut Vec<Step>, step: Step) -> u32 {
        self.count(1);
        if !self.lineage.unbounded {
            steps.push(step);
        }
        1
    }

    fn rows_of(&mut self, node: NodeRef<'t>, query: Place, steps: &mut Vec<Step>) -> u32 {
        self.query(node, Some(query)).map_or(0, |place| self.step(steps, Step::Query(place)))
    }

    /// A node of which nothing is known but what is below it.
    pub(super) fn below(&mut self, node: NodeRef<'t>, query: Place, steps: &mut Vec<Step>) -> u32 {
        let mut below = Vec::new();
        if children::below(node, &mut |child| below.push(child)).is_err() {
            self.lineage.unbounded = true;
        }
        let mut values = 0;
        for child in below {
            values += self.node(child, query, steps);
        }
        folded(Fold::Compute, values, steps)
    }

    fn fold(&mut self, nodes: impl IntoIterator<Item = &'t Node>, fold: Fold, query: Place, steps: &mut Vec<Step>) -> u32 {
        let mut values = 0;
        for node in nodes {
            values += self.expression(Some(node), query, steps);
        }
        folded(fold, values, steps)
    }

    /// A field or an element of a value. Which element it is may tell as much as what it is.
    fn part(&mut self, indirection: &'t AIndirection, query: Place, steps: &mut Vec<Step>) -> u32 {
        let arg = indirection.arg.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
        let base = if let Some(NodeRef::ColumnRef(column)) = arg
            && let [only] = column.fields.as_slice()
        {
            names::text(only)
        } else {
            None
        };
        let mut values = match (base, indirection.indirection.first().and_then(names::text)) {
            (Some(base), Some(name)) => self.step(steps, Step::Field { base: base.into(), name: name.into() }),
            _ => self.expression(indirection.arg.as_deref(), query, steps),
        };
        for index in &indirection.indirection {
            values += self.expression(Some(index), query, steps);
        }
        let whole = base.is_some() && indirection.indirection.len() == 1;
        folded(if whole { Fold::One } else { Fold::Compute }, values, steps)
    }

    fn call(&mut self, call: &'t FuncCall, query: Place, steps: &mut Vec<Step>) -> u32 {
        let (schema, name) = names::qualified(&call.funcname);
        let (initdb, effects) = functions::function(schema, name, call.args.len());
        let counts = COUNTING.contains(&name) || RANKING.contains(&name) && call.args.is_empty();
        let gathers = initdb && gathers(name, call);
        if let Some(filter) = call.agg_filter.as_deref() {
            self.condition(Some(filter), query);
        }
        if let Some(window) = call.over.as_deref() {
            self.window(window, query);
        }
        if !call.agg_within_group {
            self.aside(&call.agg_order, query);
        }
        if initdb && counts {
            // Counting shows nothing of them; what they do counts.
            self.aside(&call.args, query);
            return if gathers { self.step(steps, Step::Rows) } else { 0 };
        }
        let from = steps.len();
        let beside = if !initdb {
            // It may read what it likes.
            Some(Level::Unknown)
        } else if effects.has(Effect::Code) || effects.has(Effect::Export) {
            // What a string or a name in it stands for is not looked at.
            Some(Level::Sensitive)
        } else {
            effects.has(Effect::Admin).then_some(Level::Unknown)
        };
        let mut values = beside.map_or(0, |level| self.step(steps, Step::Is(level)));
        for argument in &call.args {
            values += self.expression(Some(argument), query, steps);
        }
        if initdb && gives_away(name, effects) {
            self.give(query, steps.get(from..).unwrap_or_default());
        }
        if initdb && sizes(name, call) {
            self.size(query, steps.get(from..).unwrap_or_default());
        }
        if gathers {
            values += self.step(steps, Step::Rows);
        }
        if call.agg_within_group {
            for sort in &call.agg_order {
                if let Some(NodeRef::SortBy(sort)) = sort.node.as_ref().map(|node| node.to_ref()) {
                    values += self.expression(sort.node.as_deref(), query, steps);
                }
            }
        }
        let fold = match name {
            _ if !initdb => Fold::Compute,
            _ if CHOOSING.contains(&name) => Fold::One,
            _ if SUMMING.contains(&name) => Fold::Same,
            // With a single argument it may be an attribute of it.
            _ if ASKING.contains(&name) && call.args.len() > 1 => Fold::Ask,
            _ => Fold::Compute,
        };
        folded(fold, values, steps)
    }

    fn operator(&mut self, expression: &'t AExpr, query: Place, steps: &mut Vec<Step>) -> u32 {
        let sides = [expression.lexpr.as_deref(), expression.rexpr.as_deref()].into_iter().flatten();
        let fold = match AExprKind::try_from(expression.kind) {
            Ok(AExprKind::AexprOp) => {
                let (schema, name) = names::qualified(&expression.name);
                let own = functions::operator(schema, name);
                match name {
                    _ if !own => Fold::Compute,
                    _ if COMPARING.contains(&name) => Fold::Ask,
                    "/" => Fold::Same,
                    "+" | "-" | "*" | "%" => Fold::Arithmetic,
                    _ => Fold::Compute,
                }
            }
            Ok(AExprKind::AexprNullif) => {
                let values = self.expression(expression.lexpr.as_deref(), query, steps)
                    + self.fold(expression.rexpr.as_deref(), Fold::Ask, query, steps);
                return folded(Fold::One, values, steps);
            }
            Ok(AExprKind::Undefined) | Err(_) => Fold::Compute,
            Ok(_) => Fold::Ask,
        };
        let from = steps.len();
        let values = self.fold(sides, fold, query, steps);
        if fold == Fold::Ask {
            self.ask(query, steps.get(from..).unwrap_or_default(), is_stored(expression));
        }
        values
    }

    fn sublink(&mut self, link: &'t SubLink, query: Place, steps: &mut Vec<Step>) -> u32 {
        let kind = SubLinkType::try_from(link.sub_link_type);
        if kind == Ok(SubLinkType::ExistsSublink) {
            let inner = link.subselect.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
            let place = inner.and_then(|inner| self.query(inner, Some(query)));
            return place.map_or(0, |place| self.step(steps, Step::Exists(place)));
        }
        let from = steps.len();
        let mut values = self.expression(link.testexpr.as_deref(), query, steps);
        let inner = link.subselect.as_deref().and_then(|node| node.node.as_ref()).map(|node| node.to_ref());
        if let Some(inner) = inner {
            values += self.rows_of(inner, query, steps);
        }
        let fold = match kind {
            Ok(SubLinkType::AnySublink | SubLinkType::AllSublink | SubLinkType::RowcompareSublink) => Fold::Ask,
            Ok(SubLinkType::ExprSublink | SubLinkType::MultiexprSublink) => Fold::One,
            Ok(_) | Err(_) => Fold::Compute,
        };
        let values = folded(fold, values, steps);
        if fold == Fold::Ask {
            let stored = kind == Ok(SubLinkType::AnySublink) && link.testexpr.as_deref().is_some_and(is_whole);
            self.ask(query, steps.get(from..).unwrap_or_default(), stored);
        }
        values
    }

    fn case(&mut self, case: &'t CaseExpr, query: Place, steps: &mut Vec<Step>) -> u32 {
        let arms = case.args.iter().filter_map(|arm| match arm.node.as_ref()?.to_ref() {
            NodeRef::CaseWhen(when) => Some(when),
            _ => None,
        });
        let asked = case.arg.as_deref().into_iter().chain(arms.clone().filter_map(|when| when.expr.as_deref()));
        let from = steps.len();
        let mut values = self.fold(asked, Fold::Ask, query, steps);
        if case.arg.is_some() {
            self.ask(query, steps.get(from..).unwrap_or_default(), false);
        }
        let fold = if case.args.len() > MOST_CHOICES { Fold::Compute } else { Fold::One };
        for when in arms {
            values += self.expression(when.result.as_deref(), query, steps);
        }
        values += self.expression(case.defresult.as_deref(), query, steps);
        folded(fold, values, steps)
    }
}

/// Makes one value of the last ones.
pub(super) fn folded(fold: Fold, values: u32, steps: &mut Vec<Step>) -> u32 {
    if values > 1 || values == 1 && fold != Fold::One {
        steps.push(Step::Fold(fold, values));
    }
    values.min(1)
}

fn column_step(column: &ColumnRef) -> Step {
    let mut last = column.fields.iter().rev();
    let (name, before) = (last.next().and_then(names::text), last.next().and_then(names::text));
    match (before, name) {
        (Some(row), None) => Step::Row(row.into()),
        (None, None) => Step::Everything,
        (qualifier, Some(name)) => Step::Column { qualifier: qualifier.map(Into::into), name: name.into() },
    }
}
