//! Whether a predicate can exclude a row, as far as its text tells. What is not recognised excludes nothing: the statement is then held to be
//! one that writes every row. Wherever a literal's value is looked at, that is noted, whether or not anything came of it: the key of the facts
//! depends on the form of a statement alone. So nothing here stops early on account of a value.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not recognised excludes nothing")]

use super::super::facts::Limit;
use super::super::parser::tree::{
    AExpr, AExprKind, BoolExprType, BoolTestType, Node, NodeRef, NullTestType, RangeVar, SelectStmt, SubLink, SubLinkType, WithClause,
    a_const,
};
use super::{Walk, children, names};

/// What stands beside the relation whose rows are written.
#[derive(Clone, Copy)]
pub struct Among<'t> {
    pub target: Option<&'t RangeVar>,
    pub others: &'t [Node],
    pub with: Option<&'t WithClause>,
}

impl Among<'_> {
    const NONE: Self = Among { target: None, others: &[], with: None };
}

/// One side of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side<'t> {
    /// A column of the relation that is written, itself or through a function that keeps its rows apart. Within a query that writes
    /// nothing any column is one, by the name before it.
    Column(Option<&'t str>, &'t str),
    /// A column of something else.
    Other {
        qualifier: &'t str,
        column: &'t str,
    },
    /// The same for all rows.
    Fixed,
    Unclear,
}

/// A literal that was looked at.
enum Literal<'t> {
    Number(f64),
    Text(&'t str),
    Other,
}

/// Smaller than any key, or larger: between the two nothing is excluded.
const BELOW_ALL: f64 = 0.0;
const ABOVE_ALL: f64 = 1e9;

/// Whether a predicate can exclude rows of the target.
pub fn excludes<'t>(walk: &mut Walk<'t>, predicate: Option<&'t Node>, among: Among<'t>) -> bool {
    predicate.is_some_and(|predicate| Look { walk, among, equal_only: false, joins: true }.holds(predicate, false))
}

/// Whether a predicate names the rows: by equality, not by a range.
pub fn names_rows<'t>(walk: &mut Walk<'t>, predicate: Option<&'t Node>) -> bool {
    predicate.is_some_and(|predicate| Look { walk, among: Among::NONE, equal_only: true, joins: false }.holds(predicate, false))
}

/// Whether a query brings only some of the target's rows, or rows of something else.
pub fn is_restricted<'t>(walk: &mut Walk<'t>, select: &'t SelectStmt, target: Option<&'t RangeVar>) -> bool {
    restricted(walk, select, Among { target, ..Among::NONE }, 0)
}

/// Subqueries within subqueries are followed so far.
const FOLLOWED: usize = 8;

fn restricted<'t>(walk: &mut Walk<'t>, select: &'t SelectStmt, outside: Among<'t>, depth: usize) -> bool {
    if depth > FOLLOWED {
        return false;
    }
    if let (Some(left), Some(right)) = (select.larg.as_deref(), select.rarg.as_deref()) {
        let left = restricted(walk, left, outside, depth + 1);
        return restricted(walk, right, outside, depth + 1) && left;
    }
    if !select.values_lists.is_empty() || walk.limit(select.limit_count.as_deref()) != Limit::None {
        return true;
    }
    let among = Among { target: None, others: &[], with: select.with_clause.as_ref().or(outside.with) };
    let filtered = select
        .where_clause
        .as_deref()
        .is_some_and(|predicate| Look { walk, among, equal_only: false, joins: false }.holds(predicate, false));
    // Another table has rows of its own; the same one has them all.
    let same = outside.target.is_none() || select.from_clause.iter().any(|item| reads_from(item, outside.target));
    filtered || (!same && !select.from_clause.is_empty())
}

/// Whether an item of FROM is, or has in it, the target or something that cannot be told.
fn reads_from(item: &Node, target: Option<&RangeVar>) -> bool {
    let mut work: Vec<NodeRef<'_>> = item.node.iter().map(|node| node.to_ref()).collect();
    while let Some(node) = work.pop() {
        if let NodeRef::RangeVar(range) = node {
            if target.is_some_and(|target| target.relname == range.relname) {
                return true;
            }
        } else if children::below(node, &mut |below| work.push(below)).is_err() {
            return true;
        }
    }
    false
}

struct Look<'w, 't> {
    walk: &'w mut Walk<'t>,
    among: Among<'t>,
    /// Ranges do not count.
    equal_only: bool,
    /// Columns that equal other columns count.
    joins: bool,
}

impl<'t> Look<'_, 't> {
    fn holds(&mut self, predicate: &'t Node, negated: bool) -> bool {
        let Some(node) = predicate.node.as_ref() else { return false };
        match node.to_ref() {
            NodeRef::BoolExpr(expression) => {
                let not = expression.boolop == BoolExprType::NotExpr as i32;
                let every = (expression.boolop == BoolExprType::OrExpr as i32) != negated;
                let mut all = true;
                let mut any = false;
                for argument in &expression.args {
                    let holds = self.holds(argument, negated != not);
                    all &= holds;
                    any |= holds;
                }
                if every && !not { all && any } else { any }
            }
            NodeRef::AExpr(expression) => self.comparison(expression, negated),
            NodeRef::NullTest(test) => {
                let null = (test.nulltesttype == NullTestType::IsNull as i32) != negated;
                null && !self.equal_only && self.is_column(test.arg.as_deref())
            }
            NodeRef::BooleanTest(test) => {
                let positive = [BoolTestType::IsTrue, BoolTestType::IsFalse, BoolTestType::IsUnknown].map(|kind| kind as i32);
                (positive.contains(&test.booltesttype) != negated) && self.is_column(test.arg.as_deref())
            }
            NodeRef::ColumnRef(_) => self.is_column(Some(predicate)),
            NodeRef::CurrentOfExpr(_) => !negated,
            NodeRef::SubLink(link) => self.subquery(link, negated),
            _ => false,
        }
    }

    fn comparison(&mut self, expression: &'t AExpr, negated: bool) -> bool {
        let (schema, operator) = names::qualified(&expression.name);
        if schema.is_some_and(|schema| schema != "pg_catalog") {
            return false;
        }
        let left = self.side(expression.lexpr.as_deref());
        let Ok(kind) = AExprKind::try_from(expression.kind) else { return false };
        if self.meets_itself([expression.lexpr.as_deref(), expression.rexpr.as_deref()]) {
            return false;
        }
        match kind {
            AExprKind::AexprIn => {
                let items = expression.rexpr.as_deref();
                let positive = (operator == "=") != negated;
                let fixed = self.is_fixed(items);
                positive && fixed && matches!(left, Side::Column(..))
            }
            AExprKind::AexprBetween | AExprKind::AexprBetweenSym | AExprKind::AexprNotBetween | AExprKind::AexprNotBetweenSym => {
                let positive = matches!(kind, AExprKind::AexprBetween | AExprKind::AexprBetweenSym) != negated;
                let fixed = self.is_fixed(expression.rexpr.as_deref());
                let everything = self.is_everything(expression.rexpr.as_deref());
                positive && fixed && !everything && !self.equal_only && matches!(left, Side::Column(..))
            }
            AExprKind::AexprOpAny => {
                let listed = self.array_excludes(expression.rexpr.as_deref());
                operator == "=" && !negated && listed && matches!(left, Side::Column(..))
            }
            AExprKind::AexprDistinct | AExprKind::AexprNotDistinct => {
                let equal = (kind == AExprKind::AexprNotDistinct) != negated;
                let right = self.side(expression.rexpr.as_deref());
                equal && self.equal(left, right)
            }
            AExprKind::AexprOp | AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
                self.operator(expression, operator, left, negated)
            }
            AExprKind::AexprOpAll | AExprKind::AexprNullif | AExprKind::Undefined => false,
        }
    }

    fn operator(&mut self, expression: &'t AExpr, operator: &str, left: Side<'t>, negated: bool) -> bool {
        let right = self.side(expression.rexpr.as_deref());
        match operator {
            "=" => !negated && self.equal(left, right),
            "<>" | "!=" => negated && self.equal(left, right),
            "<" | "<=" | ">" | ">=" => {
                let (column, literal, upward) = match (left, right) {
                    (Side::Column(_, column), Side::Fixed) => {
                        (column, self.literal(expression.rexpr.as_deref()), operator.starts_with('>'))
                    }
                    (Side::Fixed, Side::Column(_, column)) => {
                        (column, self.literal(expression.lexpr.as_deref()), operator.starts_with('<'))
                    }
                    _ => return false,
                };
                let upward = upward != negated;
                let everything = match literal {
                    Some(Literal::Number(number)) => (upward && number <= BELOW_ALL) || (!upward && number >= ABOVE_ALL),
                    Some(Literal::Text(text)) => upward && text.trim().is_empty(),
                    Some(Literal::Other) | None => false,
                };
                // A row's place in its file says nothing of the row.
                let physical = matches!(column, "ctid" | "tableoid" | "xmin" | "xmax" | "cmin" | "cmax");
                !everything && !physical && !self.equal_only
            }
            "~~" | "~~*" | "~" | "~*" | "@@" | "@>" | "<@" | "&&" | "?" | "?|" | "?&" | "@?" | "^@" => {
                let literal = self.literal(expression.rexpr.as_deref());
                let everything = match literal {
                    // Patterns and containers that have room for anything.
                    Some(Literal::Text(text)) => text.chars().all(|letter| "%_.*^$()|?+{}[] ".contains(letter)),
                    Some(Literal::Number(_) | Literal::Other) | None => false,
                };
                !negated && !everything && !self.equal_only && matches!((left, right), (Side::Column(..), Side::Fixed))
            }
            _ => false,
        }
    }

    fn equal(&mut self, left: Side<'t>, right: Side<'t>) -> bool {
        match (left, right) {
            (Side::Column(..), Side::Fixed) | (Side::Fixed, Side::Column(..)) => true,
            // Two columns of one row, or of two that are joined.
            (Side::Column(..), Side::Column(..)) => left != right && self.joins,
            (Side::Column(_, one), Side::Other { qualifier, column }) | (Side::Other { qualifier, column }, Side::Column(_, one)) => {
                self.joins && self.join_excludes(one, qualifier, column)
            }
            _ => false,
        }
    }

    /// Whether joining the target to what has this name leaves rows out.
    fn join_excludes(&mut self, column: &str, qualifier: &str, other_column: &str) -> bool {
        for item in self.among.others {
            let Some(node) = item.node.as_ref() else { continue };
            match node.to_ref() {
                NodeRef::RangeVar(range) if range.alias.as_ref().map_or(&range.relname, |alias| &alias.aliasname) == qualifier => {
                    if range.schemaname.is_empty()
                        && let Some(select) = subquery_named(self.among.with, &range.relname)
                    {
                        return restricted(self.walk, select, self.among, 0);
                    }
                    let same = self.among.target.is_some_and(|target| target.relname == range.relname);
                    return !same || column != other_column;
                }
                NodeRef::RangeSubselect(subselect) if subselect.alias.as_ref().is_some_and(|alias| alias.aliasname == qualifier) => {
                    return match select_of(subselect.subquery.as_deref()) {
                        Some(select) => restricted(self.walk, select, self.among, 0),
                        None => false,
                    };
                }
                NodeRef::RangeFunction(function) if function.alias.as_ref().is_some_and(|alias| alias.aliasname == qualifier) => {
                    return true;
                }
                _ => {}
            }
        }
        // A join of several tables, or a table around the query: there is no telling which rows of it are joined, but it has its own.
        self.among.target.is_none() || self.among.others.iter().any(is_join) && !self.others_read_target()
    }

    fn others_read_target(&self) -> bool {
        self.among.others.iter().any(|item| reads_from(item, self.among.target))
    }

    /// What a subquery leaves out.
    fn subquery(&mut self, link: &'t SubLink, negated: bool) -> bool {
        let Some(select) = select_of(link.subselect.as_deref()) else { return false };
        match SubLinkType::try_from(link.sub_link_type) {
            Ok(SubLinkType::ExistsSublink) => {
                // Joined to itself, every row finds itself.
                let joins = !select.from_clause.iter().any(|item| reads_from(item, self.among.target));
                let among = Among { target: None, others: &[], with: self.among.with };
                let mut inner = Look { walk: &mut *self.walk, among, equal_only: false, joins };
                let filtered = select.where_clause.as_deref().is_some_and(|predicate| inner.holds(predicate, false));
                filtered && !self.equal_only
            }
            Ok(SubLinkType::AnySublink) => {
                let equal = link.oper_name.is_empty() || names::qualified(&link.oper_name).1 == "=";
                let column = self.is_column(link.testexpr.as_deref());
                let some = restricted(self.walk, select, self.among, 0);
                let itself = outside(link.testexpr.as_deref()).is_none_or(|(columns, _)| self.is_own(select, &columns));
                equal && !negated && column && some && !itself
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Whether a column is compared with what a subquery may have taken from the very row that it stands in: a name that none of its tables
    /// has is the row's around it, and which names they have only the server knows.
    fn meets_itself(&self, sides: [Option<&'t Node>; 2]) -> bool {
        let mut columns = Vec::new();
        let mut subqueries = Vec::new();
        for side in sides {
            let Some((found, below)) = outside(side) else { return true };
            columns.extend(found);
            subqueries.extend(below);
        }
        subqueries.into_iter().any(|select| self.is_own(select, &columns))
    }

    /// Whether one of these names, anywhere in a subquery, may be the target's own column.
    fn is_own(&self, select: &SelectStmt, columns: &[&str]) -> bool {
        let Some(target) = self.among.target else { return false };
        let own = target.alias.as_ref().map_or(target.relname.as_str(), |alias| alias.aliasname.as_str());
        let (mut has_own_rows, mut hides_own) = (false, false);
        let mut mentions = Vec::new();
        let mut work = vec![NodeRef::SelectStmt(select)];
        while let Some(node) = work.pop() {
            match node {
                NodeRef::ColumnRef(column) => {
                    mentions.push(names::qualified(&column.fields));
                    continue;
                }
                NodeRef::RangeVar(range) => {
                    has_own_rows |= range.relname == target.relname;
                    hides_own |= range.alias.as_ref().map_or(&range.relname, |alias| &alias.aliasname) == own;
                }
                // Of the row around it the server takes no aggregate here.
                NodeRef::FuncCall(call) if matches!(names::qualified(&call.funcname).1, "max" | "min" | "sum" | "avg" | "count") => {
                    work.extend(
                        call.args
                            .iter()
                            .filter_map(|argument| Some(argument.node.as_ref()?.to_ref()))
                            .filter(|argument| !matches!(argument, NodeRef::ColumnRef(_))),
                    );
                    continue;
                }
                _ => {}
            }
            if children::below(node, &mut |below| work.push(below)).is_err() {
                return true;
            }
        }
        mentions.into_iter().any(|(qualifier, name)| match qualifier {
            None => !has_own_rows && columns.contains(&name),
            Some(qualifier) => qualifier == own && !hides_own,
        })
    }

    /// `= ANY (…)`
    fn array_excludes(&mut self, array: Option<&'t Node>) -> bool {
        if let Some(NodeRef::SubLink(link)) = array.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()) {
            return match select_of(link.subselect.as_deref()) {
                Some(select) => restricted(self.walk, select, self.among, 0),
                None => false,
            };
        }
        self.is_fixed(array)
    }

    fn is_column(&mut self, node: Option<&'t Node>) -> bool {
        matches!(self.side(node), Side::Column(..))
    }

    fn is_fixed(&mut self, node: Option<&'t Node>) -> bool {
        self.side(node) == Side::Fixed
    }

    fn side(&mut self, node: Option<&'t Node>) -> Side<'t> {
        let Some(node) = node.and_then(|node| node.node.as_ref()) else { return Side::Unclear };
        let mut node = node.to_ref();
        // Down to the column, through what keeps values apart.
        loop {
            let argument = match node {
                NodeRef::ColumnRef(column) => {
                    let (qualifier, name) = names::qualified(&column.fields);
                    return self.owner(qualifier, name);
                }
                NodeRef::TypeCast(cast) => cast.arg.as_deref(),
                NodeRef::CollateClause(collate) => collate.arg.as_deref(),
                NodeRef::AIndirection(indirection) => indirection.arg.as_deref(),
                NodeRef::FuncCall(call) if keeps_apart(names::qualified(&call.funcname).1) => {
                    let mut arguments = call.args.iter().filter(|argument| !is_constant(argument));
                    match (arguments.next(), arguments.next()) {
                        (Some(argument), None) => Some(argument),
                        _ => None,
                    }
                }
                NodeRef::AExpr(expression) if matches!(names::qualified(&expression.name).1, "->" | "->>" | "#>" | "#>>") => {
                    expression.lexpr.as_deref()
                }
                _ => None,
            };
            match argument.and_then(|argument| argument.node.as_ref()) {
                Some(argument) => node = argument.to_ref(),
                None => break,
            }
        }
        if is_same_for_all(node) { Side::Fixed } else { row_of_columns(self, node) }
    }

    /// Whose column it is.
    fn owner(&self, qualifier: Option<&'t str>, column: &'t str) -> Side<'t> {
        // It is the same for all rows of a table.
        if column == "tableoid" {
            return Side::Unclear;
        }
        let Some(target) = self.among.target else {
            return Side::Column(qualifier, column);
        };
        let name = target.alias.as_ref().map_or(target.relname.as_str(), |alias| alias.aliasname.as_str());
        match qualifier {
            Some(qualifier) if qualifier == name => Side::Column(None, column),
            None if self.among.others.is_empty() => Side::Column(None, column),
            // It may be anybody's.
            None => Side::Unclear,
            Some(qualifier) => Side::Other { qualifier, column },
        }
    }

    /// Looks at a literal, which binds the facts to its value.
    fn literal(&mut self, node: Option<&'t Node>) -> Option<Literal<'t>> {
        let mut node = node.and_then(|node| node.node.as_ref())?.to_ref();
        while let NodeRef::TypeCast(cast) = node {
            node = cast.arg.as_deref().and_then(|argument| argument.node.as_ref())?.to_ref();
        }
        let NodeRef::AConst(constant) = node else { return None };
        self.walk.value_dependent = true;
        Some(match constant.val.as_ref()? {
            a_const::Val::Ival(number) => Literal::Number(f64::from(number.ival)),
            a_const::Val::Fval(number) => number.fval.parse().map_or(Literal::Other, Literal::Number),
            a_const::Val::Sval(text) => text.sval.trim().parse().map_or(Literal::Text(&text.sval), Literal::Number),
            a_const::Val::Boolval(_) | a_const::Val::Bsval(_) => Literal::Other,
        })
    }

    /// `BETWEEN` the least and the most there is.
    fn is_everything(&mut self, ends: Option<&'t Node>) -> bool {
        let Some(NodeRef::List(ends)) = ends.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()) else { return false };
        let mut ends = ends.items.iter();
        let (low, high) = (self.literal(ends.next()), self.literal(ends.next()));
        match (low, high) {
            (Some(Literal::Number(low)), Some(Literal::Number(high))) => low <= BELOW_ALL && high >= ABOVE_ALL,
            _ => false,
        }
    }
}

/// `(a, b)`: all of them columns of the target.
fn row_of_columns<'t>(look: &mut Look<'_, 't>, node: NodeRef<'t>) -> Side<'t> {
    if let NodeRef::RowExpr(row) = node {
        let mut columns = row.args.iter().map(|argument| look.side(Some(argument)));
        if let Some(first @ Side::Column(..)) = columns.next()
            && columns.all(|side| matches!(side, Side::Column(..)))
        {
            return first;
        }
    }
    Side::Unclear
}

/// Functions that tell different values apart well enough.
fn keeps_apart(name: &str) -> bool {
    matches!(
        name,
        "lower" | "upper" | "btrim" | "ltrim" | "rtrim" | "date" | "date_trunc" | "extract" | "date_part" | "md5" | "to_char" | "timezone"
    )
}

fn is_constant(node: &Node) -> bool {
    node.node.as_ref().is_some_and(|node| is_same_for_all(node.to_ref()))
}

/// Nothing of a row in it. A scalar subquery that reads nothing of the row has one value as well; whether it does cannot be told.
fn is_same_for_all(node: NodeRef<'_>) -> bool {
    let mut work = vec![node];
    while let Some(node) = work.pop() {
        match node {
            NodeRef::ColumnRef(_) => return false,
            NodeRef::SubLink(link) if link.sub_link_type == SubLinkType::ExprSublink as i32 => {
                // One without a FROM has no rows but those around it.
                work.extend(select_of(link.subselect.as_deref()).filter(|select| select.from_clause.is_empty()).map(NodeRef::SelectStmt));
            }
            NodeRef::SubLink(_) => return false,
            _ => {
                if children::below(node, &mut |below| work.push(below)).is_err() {
                    return false;
                }
            }
        }
    }
    true
}

/// The names of the columns in an expression, and the subqueries, whose own names are not among them. `None` where it cannot be told.
fn outside(node: Option<&Node>) -> Option<(Vec<&str>, Vec<&SelectStmt>)> {
    let mut columns = Vec::new();
    let mut subqueries = Vec::new();
    let mut work: Vec<NodeRef<'_>> = node.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()).into_iter().collect();
    while let Some(node) = work.pop() {
        match node {
            NodeRef::ColumnRef(column) => columns.push(names::qualified(&column.fields).1),
            NodeRef::SelectStmt(select) => subqueries.push(select),
            _ => children::below(node, &mut |below| work.push(below)).ok()?,
        }
    }
    Some((columns, subqueries))
}

fn is_join(item: &Node) -> bool {
    matches!(item.node.as_ref().map(|node| node.to_ref()), Some(NodeRef::JoinExpr(_)))
}

fn select_of(node: Option<&Node>) -> Option<&SelectStmt> {
    if let Some(NodeRef::SelectStmt(select)) = node.and_then(|node| node.node.as_ref()).map(|node| node.to_ref()) {
        Some(select)
    } else {
        None
    }
}

fn subquery_named<'t>(with: Option<&'t WithClause>, name: &str) -> Option<&'t SelectStmt> {
    with?.ctes.iter().find_map(|node| {
        if let Some(NodeRef::CommonTableExpr(subquery)) = node.node.as_ref().map(|node| node.to_ref())
            && subquery.ctename == name
        {
            select_of(subquery.ctequery.as_deref())
        } else {
            None
        }
    })
}
