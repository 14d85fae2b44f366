#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test says so by failing")]

use std::collections::BTreeMap;

use super::{Level, Lineage, Named, Shape, Taint};

const CASES: &str = include_str!("../../../fixtures/sql/lineage.txt");

/// Columns of a relation by its schema and name.
type Columns = BTreeMap<(Option<String>, String), Vec<(String, Taint)>>;

#[derive(Default)]
struct Tables(Columns);

impl Tables {
    fn add(&mut self, line: &str, class: &mut u16) {
        let (name, columns) = line.split_once(':').unwrap();
        let (schema, name) = match name.trim().split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, name.trim()),
        };
        let columns = columns.split(',').map(|column| {
            let column = column.trim();
            match column.strip_suffix('!') {
                Some(name) => {
                    *class += 1;
                    (name.to_owned(), Taint { class: *class, ..Taint::SENSITIVE })
                }
                None => (column.to_owned(), Taint::CLEAN),
            }
        });
        self.0.insert((schema, name.to_owned()), columns.collect());
    }

    fn shape<'a>(&'a self, named: &Named) -> Shape<'a> {
        let key = (named.schema.as_deref().map(str::to_owned), named.name.to_string());
        let known =
            self.0.get(&key).or_else(|| self.0.iter().find(|((_, name), _)| key.0.is_none() && **name == *named.name).map(|(_, c)| c));
        match known {
            Some(columns) => Shape::known(columns.iter().map(|(name, taint)| (&**name, *taint))),
            None if named.name.starts_with("pg_") => Shape::unknown([("most_common_vals", Taint::SENSITIVE)], Taint::CLEAN),
            None => Shape::unknown([], Taint::UNKNOWN),
        }
    }

    fn trace(&self, lineage: &Lineage) -> (Option<Vec<&'static str>>, Vec<String>) {
        let shapes: Vec<_> = lineage.relations.iter().map(|named| self.shape(named)).collect();
        let traced = lineage.trace(&shapes);
        let word = |taint: &Taint| match taint.level {
            Level::Clean => "-",
            Level::Answer => "a",
            Level::Unknown => "?",
            Level::Sensitive if taint.class > 0 => "p",
            Level::Sensitive => "d",
        };
        let rows = traced.rows.as_ref().map(|rows| match rows.all() {
            Some(all) => all.iter().map(|(_, taint)| word(taint)).collect(),
            // As many as are listed.
            None => (0..rows.columns.len().max(1)).map(|place| word(&rows.at(place, rows.columns.len().max(1)).0)).collect(),
        });
        let sensitive = traced.stored.iter().filter(|stored| stored.taint.level == Level::Sensitive);
        let name = |relation: usize| &lineage.relations[relation].name;
        let mut stored: Vec<_> = sensitive.map(|stored| format!("{}.{}", name(stored.relation), stored.column.unwrap_or("*"))).collect();
        stored.sort();
        stored.dedup();
        (rows.filter(|rows: &Vec<_>| !rows.is_empty()), stored)
    }
}

#[test]
fn outputs_are_told_by_what_they_are_computed_from() {
    let (mut tables, mut class, mut cases, mut wrong) = (Tables::default(), 0, 0, Vec::new());
    for (line, number) in CASES.lines().zip(1..) {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(table) = line.strip_prefix("table ").filter(|rest| rest.contains(':')) {
            tables.add(table, &mut class);
            continue;
        }
        cases += 1;
        let (line, stored) = line.split_once(">>").map_or((line, ""), |(line, stored)| (line, stored));
        let (sql, rows) = line.rsplit_once(" => ").map_or((line, None), |(sql, rows)| (sql, Some(rows)));
        let facts = crate::sql::read(sql.trim().as_bytes());
        let Some(statement) = facts.statements.first() else {
            wrong.push(format!("line {number}: no statement: {sql}"));
            continue;
        };
        let found = statement.lineage.as_ref().map(|lineage| tables.trace(lineage)).unwrap_or_default();
        let mut expected: Vec<_> = stored.split_whitespace().map(str::to_owned).collect();
        expected.sort();
        let rows: Option<Vec<_>> = rows.map(|rows| rows.split_whitespace().collect());
        if (&rows, &expected) != (&found.0, &found.1) {
            wrong.push(format!("line {number}: {sql}\n  expected {rows:?} {expected:?}\n  found    {:?} {:?}", found.0, found.1));
        }
    }
    assert!(wrong.is_empty(), "{} of {cases}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases > 200, "{cases}");
}

#[test]
fn what_is_more_than_is_kept_may_be_anything() {
    let many = format!("select reverse(email) {} from c", ", a".repeat(70_000));
    let facts = crate::sql::read(many.as_bytes());
    let lineage = facts.statements[0].lineage.as_ref().unwrap();
    assert!(lineage.is_unbounded() && facts.opaque.is_some());
    assert_eq!(lineage.trace(&[]).rows.unwrap().at(0, 70_001).0, Taint::SENSITIVE);
}

#[test]
fn a_row_of_constants_is_nothing_to_keep() {
    let many = format!("insert into t values {}", vec!["(1, 'x', now(), null)"; 20_000].join(", "));
    let facts = crate::sql::read(many.as_bytes());
    assert!(facts.opaque.is_none() && facts.statements[0].lineage.as_ref().unwrap().weight() < 4096);
}

#[test]
fn stars_within_stars_do_not_multiply() {
    let mut query = "select * from c".to_owned();
    for _ in 0..40 {
        query = format!("select a.*, b.* from ({query}) a, ({}) b", "select * from c");
    }
    let doubled = (0..12).fold("select * from c".to_owned(), |inner, _| format!("select a.*, a.*, a.* from ({inner}) a"));
    for query in [query, doubled] {
        let facts = crate::sql::read(query.as_bytes());
        let lineage = facts.statements[0].lineage.clone().unwrap();
        let shape = Shape::known([("id", Taint::CLEAN), ("email", Taint::SENSITIVE)]);
        let rows = lineage.trace(&[shape]).rows.unwrap();
        assert_eq!(rows.at(1, 3_000_000).0.level, Level::Sensitive);
        assert!(rows.columns.len() <= 2 * 1664);
    }
}
