#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says so by failing")]

use std::collections::HashMap;
use std::sync::Arc;

use super::*;
use crate::mask::KindSet;
use crate::mask::verdict::{Column, Relation as Known};
use crate::sql;

const EMAIL: Holding = Holding::Whole(Kind::EMAIL);
const NOTES: Holding = Holding::Mixed(KindSet::of(&[Kind::PHONE]));

fn verdicts() -> Verdicts {
    let relation = |name: &str, columns: &[(&str, Holding)]| {
        let columns = (1..).zip(columns).map(|(attribute, (name, holding))| Column {
            attribute,
            name: (*name).into(),
            type_oid: 25,
            verdict: Verdict { holding: *holding, basis: Basis::Policy },
        });
        Arc::new(Known { schema: "app".into(), name: name.into(), columns: columns.collect(), unsettled: false })
    };
    let people = relation("people", &[("id", Holding::Harmless), ("email", EMAIL), ("notes", NOTES), ("city", Holding::Harmless)]);
    let log = relation("log", &[("id", Holding::Harmless), ("msg", Holding::Mixed(KindSet::NONE))]);
    Verdicts { relations: HashMap::from([(1, people), (2, log)]), ..Verdicts::default() }
}

fn called(name: &str, oid: u32) -> Relation {
    Relation { oid, schema: "app".into(), name: name.into(), kind: "table", rows: None, bytes: 0 }
}

struct World {
    verdicts: Verdicts,
    relations: Vec<Relation>,
    remembered: Remembered,
}

impl World {
    fn new() -> Self {
        Self { verdicts: verdicts(), relations: vec![called("people", 1), called("log", 2)], remembered: Remembered::default() }
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings { verdicts: &self.verdicts, relations: &self.relations, remembered: &self.remembered }
    }

    /// `base` are the columns that the server says they are.
    fn origins(&self, sql: &str, base: &[(u32, i16)]) -> Vec<Origin> {
        let facts = sql::read(sql.as_bytes());
        let reading = reading(facts.statements[0].lineage.as_ref().unwrap(), self.around());
        let column = |(place, (relation, attribute)): (usize, &(u32, i16))| {
            reading.column(place, base.len(), ColumnId { relation: *relation, attribute: *attribute })
        };
        base.iter().enumerate().map(column).collect()
    }

    fn stores(&self, sql: &str) -> Stores {
        let facts = sql::read(sql.as_bytes());
        stores(facts.statements[0].lineage.as_ref().unwrap(), self.around())
    }
}

#[test]
fn a_column_is_judged_by_its_own_verdict_and_an_expression_is_derived() {
    let world = World::new();
    let found = world.origins("select id, email, upper(email), upper(city) from people", &[(1, 1), (1, 2), (0, 0), (0, 0)]);
    assert_eq!(found, [Origin::Clear, Origin::Clear, Origin::Derived, Origin::Clear]);
}

#[test]
fn what_a_statement_wrote_is_derived_where_it_gives_it_back() {
    let world = World::new();
    let found = world.origins("insert into log (msg) select reverse(email) from people returning id, msg", &[(2, 1), (2, 2)]);
    assert_eq!(found, [Origin::Clear, Origin::Derived]);
}

#[test]
fn a_write_marks_what_says_less_than_what_is_written() {
    let world = World::new();
    let mark = |relation, column: &str, holding| Mark { relation, column: column.into(), holding };
    let derived = Holding::Whole(Kind::DERIVED);
    for (sql, marks) in [
        ("insert into log (msg) select email from people", vec![mark(2, "msg", EMAIL)]),
        ("insert into log (msg) select reverse(email) from people", vec![mark(2, "msg", derived)]),
        ("insert into log select id, notes from people", vec![mark(2, "msg", NOTES)]),
        ("update people set city = reverse(notes)", vec![mark(1, "city", derived)]),
        ("update people set notes = reverse(notes)", vec![mark(1, "notes", derived)]),
        ("update people set notes = notes", vec![]),
        ("update people set email = reverse(email)", vec![]),
        ("update people set city = upper(city)", vec![]),
        ("insert into log (msg) values ('x')", vec![]),
    ] {
        let found = world.stores(sql);
        assert_eq!((found.marks, found.promised), (marks, vec![]), "{sql}");
    }
}

#[test]
fn what_acts_is_given_nothing_sensitive() {
    let world = World::new();
    for (sql, given) in [
        ("select setval('s', length(email)) is null from people", true),
        ("select pg_notify('c', reverse(email)) from people", true),
        ("select count(*) over (order by set_config('application_name', email, false)) from people", true),
        ("select id from people where pg_try_advisory_lock(ascii(email))", true),
        ("select setval('s', (email like 'a%')::int) from people", true),
        ("select setval('s', max(id)) from people", false),
        ("select nextval('s'), set_config('application_name', 'x', false), upper(email) from people", false),
    ] {
        assert_eq!(world.stores(sql).given, given, "{sql}");
    }
}

#[test]
fn a_column_that_nobody_looked_at_yet_is_remembered_by_its_name() {
    let world = World::new();
    let stores = world.stores("update log set added = reverse(email) from people");
    assert_eq!(stores.written.iter().map(|written| written.column.as_deref()).collect::<Vec<_>>(), [Some("added")]);
}

#[test]
fn what_is_made_is_remembered_by_its_name() {
    let mut world = World::new();
    let stores = world.stores("create temp table made as select id, reverse(email) as x from people");
    assert!(stores.marks.is_empty() && stores.promised.is_empty());
    world.remembered.add(stores.written);
    assert_eq!(world.origins("select x || '', id + 1 from made", &[(0, 0), (0, 0)])[0], Origin::Derived);
    // The server has given it a number, which nobody knows more of.
    assert_eq!(world.origins("select x from made", &[(77, 2)]), [Origin::Derived]);
    // And somebody looked at it.
    let mut relation = Known::clone(&world.verdicts.relations[&2]);
    (relation.schema, relation.name) = ("pg_temp_3".into(), "made".into());
    relation.columns[1].name = "x".into();
    world.verdicts.relations.insert(77, Arc::new(relation));
    world.relations.push(Relation { schema: "pg_temp_3".into(), ..called("made", 77) });
    assert_eq!(world.origins("select id, x from made", &[(77, 1), (77, 2)]), [Origin::Clear, Origin::Derived]);
    assert_eq!(world.stores("create table made2 as select email from people").promised.len(), 1);
}

#[test]
fn more_than_is_remembered_makes_everything_of_ones_own_sensitive() {
    let mut world = World::new();
    let written = |number: usize| Written { schema: None, name: format!("t{number}").into(), column: None, holding: EMAIL };
    world.remembered.add((0..=MOST_REMEMBERED).map(written));
    assert_eq!(world.origins("select upper(x) from another", &[(0, 0)]), [Origin::Derived]);
}

#[test]
fn a_view_holds_what_its_definition_computes() {
    let verdicts = verdicts();
    let definition = sql::read(b"select id, email as mail, upper(email) as u, notes, city || 'x' as c from app.people");
    let view = view(&definition, &verdicts);
    let found: Vec<_> = (0..5).map(|place| view.column(place, 5).map(|verdict| verdict.holding)).collect();
    assert_eq!(found, [None, Some(EMAIL), Some(Holding::Whole(Kind::DERIVED)), Some(NOTES), None]);
}

#[test]
fn relations_that_nobody_looked_at_are_asked_about() {
    let mut world = World::new();
    world.relations.push(called("other", 9));
    let facts = sql::read(b"select upper(o.x) from other o join people using (id), pg_class");
    let lineage = facts.statements[0].lineage.as_ref().unwrap();
    assert_eq!(unknown(lineage, &world.relations, &world.verdicts), [9]);
    assert_eq!(world.origins("select upper(x) from other", &[(0, 0)]), [Origin::Unknown]);
}

#[test]
fn values_in_the_servers_own_relations_are_values() {
    let world = World::new();
    let found = world.origins("select array_to_string(most_common_vals, ','), upper(attname) from pg_stats", &[(0, 0), (0, 0)]);
    assert_eq!(found, [Origin::Derived, Origin::Clear]);
}
