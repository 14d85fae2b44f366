//! Statements, and what the catalog says about them.

use std::path::Path;

use pgsluice::sql::effect::Effect;

use crate::stage::Stage;
use crate::support::{Cluster, Database, sql};

fn fixture(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/catalog").join(name)).unwrap()
}

/// Roles belong to the whole server, and several tests may make them at once.
pub fn database<'c>(cluster: &'c Cluster, hint: &str) -> Database<'c> {
    let database = cluster.database(hint);
    for role in ["dba NOLOGIN", "shop_agent LOGIN PASSWORD 'secret'"] {
        let make = format!("DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$");
        sql(&cluster.url("postgres"), &make);
    }
    database.sql(&fixture("schema.sql"));
    database
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

pub fn cases_hold_on(major: u16) {
    let cluster = Cluster::get(major);
    let database = database(&cluster, "catalog_cases");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    let mut wrong = Vec::new();
    let cases = fixture("cases.txt");
    runtime().block_on(async {
        for case in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (expected, sql) = case.split_once(' ').unwrap();
            let sql = sql.trim();
            let judged = stage.judge(sql, "app, public").await;
            let right = match expected {
                "pass" => judged.word == "allow",
                effect => {
                    judged.word == "hold"
                        && judged.grounds.effects.has(Effect::of_word(effect).unwrap())
                        && !judged.grounds.resolved.findings.is_empty()
                }
            };
            if !right {
                let grounds = &judged.grounds;
                wrong.push(format!(
                    "{case}\n    {} {:?} {:?} {:?}",
                    judged.word, grounds.effects, grounds.resolved.findings, grounds.estimate
                ));
            }
        }
    });
    assert!(wrong.is_empty(), "{} cases on {major}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn cases_hold() {
    cases_hold_on(15);
}

#[test]
#[ignore = "needs a server of this version"]
fn cases_hold_on_14() {
    cases_hold_on(14);
}

#[test]
#[ignore = "needs a server of this version"]
fn cases_hold_on_18() {
    cases_hold_on(18);
}

/// What psql and drivers ask to learn about a database, by which no user's row leaves and no user's code runs.
#[test]
fn introspection_is_not_held() {
    let cluster = Cluster::get(15);
    let database = database(&cluster, "catalog_introspection");
    let mut stage = Stage::new(&cluster, &database.name, "shop_agent", "secret");
    let asked = [
        "\\d",
        "\\d app.*",
        "\\dt+ app.*",
        "\\df app.*",
        "\\dn+",
        "\\dT+ app.*",
        "\\do app.*",
        "\\dv+ app.*",
        "\\l+",
        "\\du",
        "\\dp app.*",
        "\\dx+",
        "\\sf app.label",
        "\\dC",
        "\\di+ app.*",
    ];
    let mut command = std::process::Command::new("psql");
    command.args(["-X", "-E", "-d", &database.url()]);
    for command_of_psql in asked {
        command.args(["-c", command_of_psql]);
    }
    let told = crate::support::run(&mut command);
    let mut queries: Vec<String> = Vec::new();
    let mut inside: Option<String> = None;
    for line in told.lines() {
        match (line, &mut inside) {
            ("********* QUERY **********" | "/******** QUERY *********/", _) => inside = Some(String::new()),
            ("**************************" | "/************************/", Some(_)) => queries.extend(inside.take()),
            (line, Some(query)) => {
                query.push_str(line);
                query.push('\n');
            }
            (_, None) => {}
        }
    }
    assert!(queries.len() > 50, "psql -E shows {} queries", queries.len());
    let mut held = Vec::new();
    runtime().block_on(async {
        for query in &queries {
            let judged = stage.judge(query, "app, public").await;
            if judged.word != "allow" {
                held.push(format!("{:?} {:?}\n{query}", judged.grounds.effects, judged.grounds.resolved.findings));
            }
        }
    });
    assert!(held.is_empty(), "{} of {}:\n{}", held.len(), queries.len(), held.join("\n"));
}
