//! Lineage against real servers: queries and writes made at random, each run twice over the same tables with other values in their sensitive
//! columns. Whatever cell is not the same both times, and is neither an answer nor masked, was computed from a sensitive column unseen.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test says so by failing"
)]

#[path = "lineage/made.rs"]
mod made;
mod support;

use std::collections::HashMap;
use std::sync::Arc;

use made::{Maker, TABLES};
use pgsluice::gate::catalog::Relation as Called;
use pgsluice::mask::lineage::{self, Origin, Remembered, Surroundings};
use pgsluice::mask::verdict::{Basis, Column, ColumnId, Holding, Relation, Verdict, Verdicts};
use pgsluice::mask::{Kind, KindSet};
use support::Cluster;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Queries, and writes, on each server. `PGSLUICE_TEST_LINEAGE` asks for another number of them.
const QUERIES: u64 = 1500;
/// The two schemas: the same tables, but for what their sensitive columns hold.
const SIDES: [&str; 2] = ["one", "two"];
const BOOL: u32 = 16;

struct Ground {
    client: Client,
    /// By side.
    verdicts: [Verdicts; 2],
    called: [Vec<Called>; 2],
}

impl Ground {
    async fn new(url: &str) -> Self {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        for (side, salt) in SIDES.iter().zip(["q", "zu"]) {
            client.batch_execute(&made::setup(side, salt)).await.unwrap();
        }
        let mut ground = Self { client, verdicts: [Verdicts::default(), Verdicts::default()], called: [Vec::new(), Vec::new()] };
        for side in 0..2 {
            for (name, kind) in TABLES.iter().map(|table| (table.name, "table")).chain(made::VIEWS.iter().map(|(name, _)| (*name, "view")))
            {
                ground.learn(side, name, kind).await;
            }
        }
        ground
    }

    /// What a survey would find out about a relation.
    async fn learn(&mut self, side: usize, name: &str, kind: &'static str) {
        let schema = SIDES[side];
        let asked = "select a.attnum, a.attname, a.atttypid, c.oid from pg_attribute a join pg_class c on c.oid = a.attrelid \
                     where c.relnamespace = $1::text::regnamespace and c.relname = $2 and a.attnum > 0 and not a.attisdropped order by 1";
        let rows = self.client.query(asked, &[&schema, &name]).await.unwrap();
        let oid: u32 = rows[0].get(3);
        let definition = match kind {
            "view" => {
                let definition: String = self.client.query_one("select pg_get_viewdef($1::oid)", &[&oid]).await.unwrap().get(0);
                Some(pgsluice::sql::read(definition.as_bytes()))
            }
            _ => None,
        };
        let view = definition.as_ref().map(|definition| lineage::view(definition, &self.verdicts[side]));
        let columns = rows.iter().enumerate().map(|(place, row)| {
            let column: String = row.get(1);
            let verdict = match &view {
                Some(view) => view.column(place, rows.len()),
                None => made::is_sensitive(name, &column).then_some(Verdict { holding: Holding::Whole(Kind::EMAIL), basis: Basis::Policy }),
            };
            let verdict = verdict.unwrap_or(Verdict { holding: Holding::Harmless, basis: Basis::Policy });
            Column { attribute: row.get(0), name: column.into(), type_oid: row.get(2), verdict }
        });
        let relation = Relation { schema: schema.into(), name: name.into(), columns: columns.collect(), unsettled: false };
        self.verdicts[side].relations.insert(oid, Arc::new(relation));
        self.called[side].push(Called { oid, schema: schema.into(), name: name.into(), kind, rows: None, bytes: 0 });
    }

    fn surroundings<'a>(&'a self, side: usize, remembered: &'a Remembered) -> Surroundings<'a> {
        Surroundings { verdicts: &self.verdicts[side], relations: &self.called[side], remembered }
    }

    /// The columns of a query that are shown as they are, or none where the server does not take it.
    async fn shown(&self, side: usize, sql: &str, remembered: &Remembered) -> Option<Vec<bool>> {
        let prepared = self.client.prepare(sql).await.ok()?;
        let facts = pgsluice::sql::read(sql.as_bytes());
        assert!(facts.opaque.is_none(), "{sql}");
        let lineage = facts.statements[0].lineage.as_ref().unwrap();
        let reading = lineage::reading(lineage, self.surroundings(side, remembered));
        let columns = prepared.columns();
        let shown = columns.iter().enumerate().map(|(place, column)| {
            let base = ColumnId { relation: column.table_oid().unwrap_or(0), attribute: column.column_id().unwrap_or(0) };
            let whole = self.verdicts[side].of(base).is_some_and(|verdict| matches!(verdict.holding, Holding::Whole(_)));
            column.type_().oid() != BOOL && !whole && reading.column(place, columns.len(), base) != Origin::Derived
        });
        Some(shown.collect())
    }

    /// Cells by column, each column in an order that no value but its own has a part in.
    async fn cells(&self, sql: &str) -> Option<Vec<Vec<String>>> {
        let messages = self.client.simple_query(sql).await.ok()?;
        let mut columns: Vec<Vec<String>> = Vec::new();
        for message in &messages {
            if let SimpleQueryMessage::Row(row) = message {
                columns.resize_with(columns.len().max(row.len()), Vec::new);
                for (at, column) in columns.iter_mut().enumerate() {
                    column.push(row.get(at).unwrap_or("\0").to_owned());
                }
            }
        }
        columns.iter_mut().for_each(|column| column.sort());
        Some(columns)
    }

    async fn run(&self, sql: &str) -> bool {
        self.client.batch_execute(sql).await.is_ok()
    }

    async fn go_to(&self, side: usize) {
        assert!(self.run(&format!("set search_path = {}; set jit = off", SIDES[side])).await);
    }
}

/// How many were tried.
fn wanted() -> u64 {
    std::env::var("PGSLUICE_TEST_LINEAGE").ok().map_or(QUERIES, |number| number.parse().unwrap())
}

#[derive(Default)]
struct Count {
    refused: u64,
    columns: u64,
    masked: u64,
    /// Masked, and the same both times.
    needless: u64,
}

fn on(major: u16, test: impl AsyncFn(&str)) {
    let cluster = Cluster::get(major);
    let database = cluster.database("lineage");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test(&database.url()));
}

async fn queries(url: &str) {
    let ground = Ground::new(url).await;
    let (nothing, mut count) = (Remembered::default(), Count::default());
    for seed in 0..wanted() {
        let sql = Maker::new(seed).query();
        let mut sides = Vec::new();
        for side in 0..2 {
            ground.go_to(side).await;
            let (Some(shown), Some(cells)) = (ground.shown(side, &sql, &nothing).await, ground.cells(&sql).await) else { break };
            sides.push((shown, cells));
        }
        let [(shown, one), (_, two)] = sides.as_slice() else {
            count.refused += 1;
            continue;
        };
        compare(seed, &sql, shown, one, two, &mut count);
    }
    finish(&count);
}

fn compare(seed: u64, sql: &str, shown: &[bool], one: &[Vec<String>], two: &[Vec<String>], count: &mut Count) {
    for (place, ((one, two), shown)) in one.iter().zip(two).zip(shown).enumerate() {
        count.columns += 1;
        count.masked += u64::from(!shown);
        count.needless += u64::from(!shown && one == two);
        assert!(!shown || one == two, "seed {seed}, column {}: {sql}\n{one:?}\n{two:?}", place + 1);
    }
}

fn finish(count: &Count) {
    let Count { refused, columns, masked, needless } = count;
    println!("{columns} columns, {masked} masked, {needless} of them needlessly; {refused} refused by the server");
    assert!(*masked > columns / 10 && *columns > wanted(), "what is made at random tests nothing");
    assert!(*refused < wanted() / 4, "what is made at random is refused");
    assert!(*needless < masked / 3, "more is masked than has to be");
}

/// What a write leaves behind is read back: in what the statement marks, and in nothing else, may the two differ.
async fn writes(url: &str) {
    let mut ground = Ground::new(url).await;
    let mut count = Count::default();
    for seed in 0..wanted() {
        let (write, target) = Maker::new(seed).write();
        let mut sides = Vec::new();
        for side in 0..2 {
            ground.go_to(side).await;
            let facts = pgsluice::sql::read(write.as_bytes());
            let lineage = facts.statements[0].lineage.clone();
            let mut remembered = Remembered::default();
            if let Some(lineage) = &lineage {
                let stores = lineage::stores(lineage, ground.surroundings(side, &remembered));
                remembered.add(stores.written);
            }
            let returned = if write.contains(" returning ") { ground.shown(side, &write, &remembered).await } else { None };
            assert!(ground.run("begin").await);
            let cells = ground.cells(&write).await;
            let Some(cells) = cells else {
                assert!(ground.run("rollback").await);
                break;
            };
            let made = !TABLES.iter().any(|table| table.name == target);
            let before = (ground.verdicts[side].clone(), ground.called[side].clone());
            if made {
                ground.learn(side, &target, "table").await;
            }
            // Read back plainly, and by an expression.
            let back = format!("select * from {target}");
            let shown = ground.shown(side, &back, &remembered).await.unwrap();
            let around = format!("select x::text from (select * from {target}) x");
            let whole = ground.shown(side, &around, &remembered).await.unwrap();
            let read = (ground.cells(&back).await.unwrap(), ground.cells(&around).await.unwrap());
            (ground.verdicts[side], ground.called[side]) = before;
            assert!(ground.run("rollback").await);
            sides.push((returned, cells, shown, read, whole));
        }
        let [(returned, cells, shown, read, whole), (_, other_cells, _, other_read, _)] = sides.as_slice() else {
            count.refused += 1;
            continue;
        };
        if let Some(returned) = returned {
            compare(seed, &write, returned, cells, other_cells, &mut count);
        }
        compare(seed, &format!("{write} -- and back"), shown, &read.0, &other_read.0, &mut count);
        compare(seed, &format!("{write} -- and around"), whole, &read.1, &other_read.1, &mut count);
    }
    finish(&count);
}

#[test]
fn no_query_computes_unseen_15() {
    on(15, queries);
}

#[test]
fn no_query_computes_unseen_18() {
    on(18, queries);
}

#[test]
fn no_write_launders_15() {
    on(15, writes);
}

#[test]
fn no_write_launders_18() {
    on(18, writes);
}

/// A column that holds something beside other things is searched, and what is computed from it masked, as well.
#[test]
fn a_mixed_column_is_as_sensitive() {
    let column = |attribute, name: &str, holding| Column {
        attribute,
        name: name.into(),
        type_oid: 25,
        verdict: Verdict { holding, basis: Basis::Policy },
    };
    let columns = vec![
        column(1, "id", Holding::Harmless),
        column(2, "note", Holding::Mixed(KindSet::of(&[Kind::EMAIL]))),
        column(3, "text", Holding::Mixed(KindSet::NONE)),
    ];
    let relation = Relation { schema: "public".into(), name: "t".into(), columns, unsettled: false };
    let verdicts = Verdicts { relations: HashMap::from([(7, Arc::new(relation))]), ..Verdicts::default() };
    let called = [Called { oid: 7, schema: "public".into(), name: "t".into(), kind: "table", rows: None, bytes: 0 }];
    let remembered = Remembered::default();
    let facts = pgsluice::sql::read(b"select upper(note), upper(text), id + 1 from t");
    let lineage = facts.statements[0].lineage.as_ref().unwrap();
    let reading = lineage::reading(lineage, Surroundings { verdicts: &verdicts, relations: &called, remembered: &remembered });
    let none = ColumnId { relation: 0, attribute: 0 };
    let origins: Vec<_> = (0..3).map(|place| reading.column(place, 3, none)).collect();
    assert_eq!(origins, [Origin::Derived, Origin::Clear, Origin::Clear]);
}
