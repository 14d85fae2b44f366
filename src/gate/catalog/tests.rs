//! Resolution on snapshots made by hand.

use super::*;
use crate::sql;
use crate::sql::effect::Effect;

/// Trusts what begins with `safe`, and holds `public` to be nobody's secret.
struct Few;

impl Trust for Few {
    fn extension(&self, name: &str) -> bool {
        name.starts_with("safe")
    }

    fn function(&self, _: &str, name: &str) -> bool {
        name.starts_with("safe")
    }

    fn harmless(&self, schema: &str, _: &str) -> bool {
        schema == "public"
    }
}

/// Rows for the questions, in their order: each a word of the question's SQL to know it by, and fields with `|` between them.
fn catalog(rows: &[(&str, &str)]) -> Catalog {
    let mut builder = Builder::new("agent", "\"$user\", public");
    for question in QUESTIONS.iter() {
        for (_, row) in rows.iter().filter(|(word, _)| question.sql.contains(*word)) {
            let fields: Vec<Option<&str>> = row.split('|').map(|field| (field != "-").then_some(field)).collect();
            builder.add(question, &Fields(&fields)).unwrap();
        }
    }
    builder.finish(7)
}

const SCHEMA: &str = "SELECT n.oid, n.nspname";
const EXTENSION: &str = "extname";
const RELATION: &str = "c.relpages";
const FUNCTION: &str = "p.provolatile";
const OPERATOR: &str = "o.oprleft";
const HOOK: &str = "tgisinternal";
const REACH: &str = "r.ev_type = '1' AND d.refclassid";
const CASCADE: &str = "confdeltype";

fn shop() -> Catalog {
    catalog(&[
        (SCHEMA, "2200|public|t"),
        (SCHEMA, "20000|agent|t"),
        (SCHEMA, "20001|other|t"),
        (SCHEMA, "20002|closed|f"),
        (EXTENSION, "30000|safe_one"),
        (RELATION, "100000|2200|t|r|f|f|10|500"),
        (RELATION, "100001|20001|t|r|f|f|100|90000"),
        (RELATION, "100002|20001|v|v|f|f|0|-1"),
        (RELATION, "100003|20001|child|r|f|f|1|-1"),
        (RELATION, "100004|20001|own|r|t|f|1|1"),
        (FUNCTION, "200000|2200|f|f|t|f|-|-|f|f|f|0"),
        (FUNCTION, "200001|2200|safe_f|f|t|f|-|-|f|f|f|0"),
        (FUNCTION, "200002|2200|of_extension|f|t|f|30000|-|f|f|f|0"),
        (FUNCTION, "200003|2200|length|f|t|f|-|-|f|t|t|0"),
        (FUNCTION, "200004|20001|stable|f|f|f|-|-|f|f|f|0"),
        (FUNCTION, "200005|20001|f|f|t|f|-|-|f|f|f|0"),
        (OPERATOR, "300000|2200|@@@|-|f|200000|-"),
        (OPERATOR, "300001|2200|=|400000|f|200000|-"),
        (HOOK, "100001|t|28|200004|-"),
        (HOOK, "100004|t|4|200004|-"),
        (REACH, "100002|100001"),
        (CASCADE, "100001|100003|c|a|id"),
    ])
}

fn resolve(sql: &str, path: &str) -> Resolved {
    let paths = [Box::from(path)];
    let sight = Sight { paths: if path.is_empty() { &[] } else { &paths }, ..Sight::default() };
    shop().resolve(&sql::read(sql.as_bytes()), &sight, &Few)
}

#[test]
fn a_name_is_what_the_first_schema_of_the_path_has() {
    let oids = |path: &str| resolve("select * from t", path).objects;
    assert_eq!(oids(""), [100_000]);
    assert_eq!(oids("other, public"), [100_001]);
    assert_eq!(oids("closed, nowhere, public"), [100_000]);
    assert_eq!(resolve("select * from other.t", "").objects, [100_001]);
    let both = [Box::from("public"), Box::from("other")];
    let sight = Sight { paths: &both, ..Sight::default() };
    assert_eq!(shop().resolve(&sql::read(b"select * from t"), &sight, &Few).objects, [100_000, 100_001]);
}

#[test]
fn what_is_not_there_is_missing_unless_it_may_be_temporary() {
    assert!(resolve("select * from nothing", "").missing);
    assert!(resolve("select nothing()", "").missing);
    assert!(!resolve("select nothing()", "").effects.has(Effect::Code));
    assert!(!resolve("select * from pg_class, pg_catalog.pg_proc, information_schema.tables", "").missing);
    assert!(!resolve("create table nothing(id int)", "").missing);
    let sight = Sight { temporary: true, ..Sight::default() };
    assert!(!shop().resolve(&sql::read(b"select * from nothing"), &sight, &Few).missing);
}

#[test]
fn code_is_what_nobody_trusts() {
    let code = |sql: &str| resolve(sql, "").effects.has(Effect::Code);
    assert!(code("select f()"));
    assert!(!code("select safe_f(), of_extension()"));
    assert!(code("select safe_f(), f()"));
    assert!(code("select 1 @@@ 2"));
    assert!(code("select query_to_xml('select 1', true, true, '')"), "what initdb made and acts stays what it is");
    assert!(!code("select length('x')"), "the same arguments mean initdb's own");
    assert!(resolve("select length('x')", "public, pg_catalog").effects.has(Effect::Code), "unless another is found first");
    assert!(!code("select 1 = 2"), "the operator is for another type");
}

#[test]
fn a_parameter_of_a_users_type_means_the_operator_of_that_type() {
    let facts = sql::read(b"select $1 = $2");
    let code = |declared: &[u32]| {
        let types = made(declared.iter().copied());
        shop().resolve(&facts, &Sight { types: &types, ..Sight::default() }, &Few).effects.has(Effect::Code)
    };
    assert!(!code(&[]) && !code(&[25, 25]));
    assert!(code(&[400_000, 25]));
}

#[test]
fn rows_of_users_are_sensitive_unless_they_are_said_not_to_be() {
    assert!(!resolve("select * from t", "public").sensitive);
    assert!(resolve("select * from t", "other").sensitive);
    assert!(resolve("select * from other.v", "").sensitive);
    assert!(resolve("select * from nothing", "").sensitive);
    assert!(!resolve("select * from pg_class", "").sensitive);
    assert!(!resolve("insert into other.t values (1) returning id", "").sensitive, "its own");
    assert!(resolve("delete from other.t where id = 1 returning *", "").sensitive);
}

#[test]
fn what_hangs_on_a_table_belongs_to_it_unless_the_role_could_have_made_it() {
    let writes = resolve("insert into other.t values (1)", "");
    assert!(!writes.effects.has(Effect::Code) && writes.reaches_code);
    let own = resolve("insert into other.own values (1)", "");
    assert!(own.effects.has(Effect::Code));
    assert!(own.findings[0].contains("other.stable()"), "{:?}", own.findings);
    assert!(!resolve("update other.own set id = 2 where id = 1", "").effects.has(Effect::Code), "it is for INSERT");
}

#[test]
fn a_key_that_cascades_writes_elsewhere() {
    let deleted = resolve("delete from other.t where id = 1", "");
    assert!(deleted.effects.has(Effect::UnboundedWrite));
    assert_eq!(&*deleted.findings[0], "deleting from other.t also deletes from other.child (ON DELETE CASCADE)");
    assert!(deleted.objects.contains(&100_003));
    assert!(!resolve("update other.t set id = 2 where id = 1", "").effects.has(Effect::UnboundedWrite));
    assert!(!resolve("insert into other.t values (1)", "").effects.has(Effect::UnboundedWrite));
}

#[test]
fn how_many_rows_there_are_at_most() {
    assert_eq!(resolve("select * from t where id > 1", "").most_rows, Some(500));
    assert_eq!(resolve("select * from other.v", "").most_rows, Some(90_000));
    assert_eq!(resolve("select * from t, other.t u", "").most_rows, Some(45_000_000));
    assert_eq!(resolve("select * from t a, t b", "").most_rows, None);
    assert_eq!(resolve("select * from other.child", "").most_rows, None);
    assert_eq!(resolve("select * from t, generate_series(1, 10)", "").most_rows, None);
}

#[test]
fn a_statement_that_was_not_understood_stays_so() {
    let opaque = resolve("selct 1", "");
    assert!(opaque.effects.has(Effect::Opaque) && opaque.sensitive);
}

#[test]
fn an_answer_that_makes_no_sense_makes_no_snapshot() {
    let mut builder = Builder::new("agent", "public");
    let schemas = QUESTIONS.first().unwrap();
    assert_eq!(builder.add(schemas, &Fields(&[Some("x"), None])), Err(TooLarge::NotUnderstood));
}
