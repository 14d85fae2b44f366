//! What parameters and literals of a statement are compared with: a column of a table by `=`, `IN` or `= ANY`, in WHERE or ON. It is told for
//! plain statements alone, one in a message; whatever stands elsewhere, or below something that is not looked into, is not told.

use std::collections::BTreeMap;

use super::check::check;
use super::parser::tree::{
    AExpr, AExprKind, ColumnRef, DeleteStmt, JoinExpr, Node, NodeRef, ParseResult, RangeVar, SelectStmt, UpdateStmt, a_const,
};
use super::read::with_tree;
use super::scan::{Scanner, Token};

/// Longer texts are not looked at: one that compares with a column is short.
const LONGEST: usize = 64 << 10;
/// More are not looked at.
const MOST: usize = 4096;

/// A column of one of these relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub column: Box<str>,
    /// With the schema that was written, if any; several where the text does not say which.
    pub relations: Vec<(Option<Box<str>>, Box<str>)>,
}

/// What values of a statement are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparisons {
    /// By the numbers of parameters: those that stand nowhere but in comparisons.
    pub parameters: BTreeMap<u16, Vec<Compared>>,
    /// By the place in the text of a plain literal: where it begins and where it ends, with its quotes.
    pub literals: Vec<(std::ops::Range<usize>, Compared)>,
}

/// What is compared in a message; nothing where it cannot be told.
pub fn comparisons(sql: &[u8]) -> Comparisons {
    let Some(checked) = Some(sql).filter(|sql| sql.len() <= LONGEST).and_then(|sql| check(sql).ok()) else { return Comparisons::default() };
    with_tree(checked, found).unwrap_or_default()
}

fn found(text: &str, tree: &ParseResult) -> Comparisons {
    let [raw] = tree.stmts.as_slice() else { return Comparisons::default() };
    let Some(statement) = raw.stmt.as_deref().and_then(|node| node.node.as_ref()) else { return Comparisons::default() };
    let mut walk = Walk::default();
    let statement = statement.to_ref();
    if let NodeRef::SelectStmt(select) = statement {
        walk.select(select);
    } else if let NodeRef::UpdateStmt(update) = statement {
        walk.update(update);
    } else if let NodeRef::DeleteStmt(delete) = statement {
        walk.delete(delete);
    }
    if walk.unsure { Comparisons::default() } else { walk.settle(text) }
}

/// A relation in FROM: the name it goes by, and its own.
struct Source<'t> {
    name: &'t str,
    relation: &'t RangeVar,
}

#[derive(Default)]
struct Walk<'t> {
    sources: Vec<Source<'t>>,
    /// Something in FROM is no relation: a name without a qualifier may be of that.
    others: bool,
    conditions: Vec<&'t Node>,
    parameters: Vec<(u16, Compared)>,
    literals: Vec<(usize, Compared)>,
    /// Names are looked up in ways that are not followed here.
    unsure: bool,
}

impl<'t> Walk<'t> {
    fn select(&mut self, select: &'t SelectStmt) {
        // Names of WITH stand for relations, and a set operation has its conditions below.
        self.unsure |= select.with_clause.is_some() || select.larg.is_some() || select.rarg.is_some();
        select.from_clause.iter().for_each(|node| self.source(node, 0));
        self.conditions.extend(select.where_clause.as_deref());
        self.run();
    }

    fn update(&mut self, update: &'t UpdateStmt) {
        self.unsure |= update.with_clause.is_some();
        self.relation(update.relation.as_ref());
        update.from_clause.iter().for_each(|node| self.source(node, 0));
        self.conditions.extend(update.where_clause.as_deref());
        self.run();
    }

    fn delete(&mut self, delete: &'t DeleteStmt) {
        self.unsure |= delete.with_clause.is_some();
        self.relation(delete.relation.as_ref());
        delete.using_clause.iter().for_each(|node| self.source(node, 0));
        self.conditions.extend(delete.where_clause.as_deref());
        self.run();
    }

    fn relation(&mut self, relation: Option<&'t RangeVar>) {
        let Some(relation) = relation else { return };
        // Columns that go by other names are not those that a catalog has.
        self.unsure |= relation.alias.as_ref().is_some_and(|alias| !alias.colnames.is_empty()) || !relation.catalogname.is_empty();
        let name = relation.alias.as_ref().map_or(relation.relname.as_str(), |alias| alias.aliasname.as_str());
        self.sources.push(Source { name, relation });
    }

    fn source(&mut self, node: &'t Node, depth: usize) {
        /// Joins in joins.
        const DEEPEST: usize = 64;
        let node = node.node.as_ref().map(|node| node.to_ref());
        if let Some(NodeRef::RangeVar(relation)) = node {
            self.relation(Some(relation));
        } else if let Some(NodeRef::JoinExpr(join)) = node {
            let JoinExpr { larg, rarg, quals, alias, .. } = join;
            // The name of a join hides those in it.
            self.unsure |= alias.is_some() || depth > DEEPEST;
            if depth <= DEEPEST {
                larg.as_deref().into_iter().chain(rarg.as_deref()).for_each(|side| self.source(side, depth + 1));
            }
            self.conditions.extend(quals.as_deref());
        } else {
            self.others = true;
        }
    }

    fn run(&mut self) {
        let mut looked = 0_usize;
        while let Some(node) = self.conditions.pop() {
            looked += 1;
            if looked > MOST || self.parameters.len() + self.literals.len() > MOST {
                self.unsure = true;
                return;
            }
            let node = node.node.as_ref().map(|node| node.to_ref());
            if let Some(NodeRef::BoolExpr(all)) = node {
                self.conditions.extend(&all.args);
            } else if let Some(NodeRef::AExpr(expression)) = node {
                self.comparison(expression);
            }
        }
    }

    fn comparison(&mut self, expression: &'t AExpr) {
        let is_equal = match expression.name.as_slice() {
            [name] => super::walk::names::text(name) == Some("="),
            _ => false,
        };
        let (Some(left), Some(right)) = (expression.lexpr.as_deref(), expression.rexpr.as_deref()) else { return };
        if !is_equal {
            return;
        }
        match AExprKind::try_from(expression.kind) {
            Ok(AExprKind::AexprOp) => {
                if let Some(column) = self.column(left) {
                    self.value(right, &column);
                } else if let Some(column) = self.column(right) {
                    self.value(left, &column);
                }
            }
            Ok(AExprKind::AexprOpAny) => {
                if let Some(column) = self.column(left) {
                    let inside = right.node.as_ref().map(|node| node.to_ref());
                    if let Some(NodeRef::AArrayExpr(array)) = inside {
                        array.elements.iter().for_each(|item| self.value(item, &column));
                    } else if parameter(right).is_some() {
                        self.value(right, &column);
                    }
                }
            }
            Ok(AExprKind::AexprIn) => {
                if let Some(column) = self.column(left)
                    && let Some(NodeRef::List(list)) = right.node.as_ref().map(|node| node.to_ref())
                {
                    list.items.iter().for_each(|item| self.value(item, &column));
                }
            }
            Ok(_) | Err(_) => {}
        }
    }

    fn column(&self, node: &'t Node) -> Option<Compared> {
        let Some(NodeRef::ColumnRef(ColumnRef { fields, .. })) = node.node.as_ref().map(|node| node.to_ref()) else { return None };
        let names: Option<Vec<&str>> = fields.iter().map(super::walk::names::text).collect();
        let named = |source: &&Source<'_>, schema: Option<&str>, name: &str| match schema {
            Some(schema) => source.relation.alias.is_none() && source.relation.relname == name && source.relation.schemaname == schema,
            None => source.name == name,
        };
        let (sources, column): (Vec<&Source<'_>>, &str) = match names?.as_slice() {
            [column] if !self.others => (self.sources.iter().collect(), column),
            [name, column] => (self.sources.iter().filter(|source| named(source, None, name)).collect(), column),
            [schema, name, column] => (self.sources.iter().filter(|source| named(source, Some(schema), name)).collect(), column),
            _ => return None,
        };
        let relation = |source: &&Source<'_>| {
            let RangeVar { schemaname, relname, .. } = source.relation;
            ((!schemaname.is_empty()).then(|| Box::from(schemaname.as_str())), Box::from(relname.as_str()))
        };
        let relations: Vec<_> = sources.iter().map(relation).collect();
        (!relations.is_empty()).then(|| Compared { column: column.into(), relations })
    }

    fn value(&mut self, node: &'t Node, column: &Compared) {
        if let Some(number) = parameter(node) {
            self.parameters.push((number, column.clone()));
        } else if let Some(place) = literal(node) {
            self.literals.push((place, column.clone()));
        }
    }

    /// A parameter that also stands elsewhere is not told; a literal is where the scanner sees a plain one.
    fn settle(self, text: &str) -> Comparisons {
        let mut told = Comparisons::default();
        let mut scanner = Scanner::new(text);
        let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
        let mut plain = BTreeMap::new();
        while let Ok(Some((token, place))) = scanner.step() {
            match token {
                Token::Parameter => {
                    if let Some(number) = scanner.text(place).strip_prefix('$').and_then(|number| number.parse().ok()) {
                        *seen.entry(number).or_default() += 1;
                    }
                }
                // One with a prefix begins otherwise, and one that goes on in another line ends otherwise.
                Token::Text => {
                    let literal = scanner.text(place.clone());
                    let inner = literal.strip_prefix('\'').and_then(|literal| literal.strip_suffix('\''));
                    if inner.is_some_and(|inner| !inner.contains(['\'', '\\', '\n'])) {
                        plain.insert(place.start, place.end);
                    }
                }
                Token::Word
                | Token::Quoted
                | Token::Number
                | Token::Operator
                | Token::Cast
                | Token::Dots
                | Token::Mark(_)
                | Token::Block
                | Token::Line => {}
            }
        }
        for (number, column) in self.parameters {
            told.parameters.entry(number).or_default().push(column);
        }
        told.parameters.retain(|number, uses| seen.get(number) == Some(&uses.len()));
        told.literals = self.literals.into_iter().filter_map(|(start, column)| Some((start..*plain.get(&start)?, column))).collect();
        told.literals.sort_by_key(|(place, _)| place.start);
        told
    }
}

/// A parameter, or one that is cast to text.
fn parameter(node: &Node) -> Option<u16> {
    let node = bare(node)?;
    if let NodeRef::ParamRef(parameter) = node { u16::try_from(parameter.number).ok() } else { None }
}

fn literal(node: &Node) -> Option<usize> {
    let node = bare(node)?;
    let NodeRef::AConst(constant) = node else { return None };
    if let Some(a_const::Val::Sval(_)) = &constant.val { usize::try_from(constant.location).ok() } else { None }
}

/// Types of texts, and of lists of them.
const TEXTS: [&str; 4] = ["text", "varchar", "bpchar", "citext"];

fn bare(node: &Node) -> Option<NodeRef<'_>> {
    let node = node.node.as_ref()?.to_ref();
    let NodeRef::TypeCast(cast) = node else { return Some(node) };
    let name = cast.type_name.as_ref()?.names.last().and_then(super::walk::names::text)?;
    if !TEXTS.contains(&name) {
        return None;
    }
    let inner = cast.arg.as_deref()?.node.as_ref()?.to_ref();
    if let NodeRef::TypeCast(_) = inner { None } else { Some(inner) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

    use super::*;

    fn told(sql: &str) -> String {
        let Comparisons { parameters, literals } = comparisons(sql.as_bytes());
        let name = |compared: &Compared| {
            let relations: Vec<_> = compared
                .relations
                .iter()
                .map(|(schema, name)| format!("{}{name}", schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."))))
                .collect();
            format!("{}.{}", relations.join("|"), compared.column)
        };
        let parameters =
            parameters.iter().map(|(number, uses)| format!("${number}={}", uses.iter().map(name).collect::<Vec<_>>().join("&")));
        let literals = literals.iter().map(|(place, compared)| format!("{}={}", &sql[place.clone()], name(compared)));
        parameters.chain(literals).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_is_compared_with_a_column_is_told() {
        for (sql, expected) in [
            ("SELECT * FROM people WHERE email = $1", "$1=people.email"),
            (
                "SELECT * FROM app.people p WHERE p.email = $1 AND (p.state = 'x' OR NOT $2 = p.phone)",
                "$1=app.people.email $2=app.people.phone 'x'=app.people.state",
            ),
            ("SELECT 1 FROM a JOIN b ON a.id = b.id AND b.email = $1::text", "$1=b.email"),
            ("SELECT 1 FROM a, b WHERE email = $1", "$1=a|b.email"),
            ("SELECT 1 FROM people WHERE email IN ('x', $1, $2)", "$1=people.email $2=people.email 'x'=people.email"),
            ("SELECT 1 FROM people WHERE email = ANY($1::text[])", "$1=people.email"),
            ("SELECT 1 FROM people WHERE email = ANY(ARRAY['x'])", "'x'=people.email"),
            ("UPDATE people SET state = $2 WHERE email = $1", "$1=people.email"),
            ("DELETE FROM app.people WHERE app.people.email = $1", "$1=app.people.email"),
            ("UPDATE a SET x = 1 FROM b WHERE b.id = a.id AND b.email = $1", "$1=b.email"),
        ] {
            assert_eq!(told(sql), expected, "{sql}");
        }
    }

    #[test]
    fn what_stands_elsewhere_is_not() {
        for sql in [
            "SELECT $1",
            "SELECT $1 FROM people WHERE email = $1",
            "SELECT email = $1 FROM people",
            "SELECT 1 FROM people WHERE email > $1",
            "SELECT 1 FROM people WHERE email LIKE $1",
            "SELECT 1 FROM people WHERE lower(email) = $1",
            "SELECT 1 FROM people WHERE email = lower($1)",
            "SELECT 1 FROM people WHERE email = $1 || ''",
            "SELECT 1 FROM people WHERE email = $1::name::text",
            "SELECT 1 FROM people WHERE email OPERATOR(app.=) $1",
            "SELECT 1 FROM (VALUES ('a')) v(g) WHERE g = $1",
            "SELECT 1 FROM (VALUES ('a')) v(g), people WHERE v.g = $1",
            "SELECT 1 FROM people p(email) WHERE email = $1",
            "WITH people AS (SELECT 'a' AS email) SELECT 1 FROM people WHERE email = $1",
            "SELECT 1 FROM a WHERE x = 1 UNION SELECT 1 FROM a WHERE x = $1",
            "SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM people WHERE email = $1)",
            "SELECT 1 FROM people WHERE email = $1; SELECT 1",
            "SELECT 1 FROM people WHERE email = E'x'",
            "INSERT INTO people (email) VALUES ($1)",
            "UPDATE people SET email = $1",
            "SELECT 1 FROM (a JOIN b USING (id)) AS j WHERE j.email = $1",
            "SELECT count(*) FROM people GROUP BY email HAVING email = $1",
        ] {
            assert_eq!(told(sql), "", "{sql}");
        }
    }
}
