//! Looking at a database needs nobody: what psql, JDBC, SQLAlchemy, Django and drivers ask to learn about schemas and types passes under the
//! default policy, with a superuser behind it. Each tool runs through the real program; what each asks is kept in `fixtures/gate/introspection`
//! and judged where the tools are not, on other majors too. `PGSLUICE_TEST_RECORD=1` writes these files anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test fails by panicking, and uses a part of what it stands on"
)]

#[path = "../support/recorded.rs"]
mod recorded;
mod server_log;
#[path = "../catalog/stage.rs"]
mod stage;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use pgsluice::audit::event::Verdict;
use server_log::Asked;
use stage::Stage;
use support::{Cluster, Proxy};

/// Fewer would mean that a tool was not asked much, or that its record is a stump.
const FEWEST_RECORDED: usize = 300;

fn schema() -> String {
    std::fs::read_to_string(support::tests_folder().join("introspection/schema.sql")).unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gate/introspection")
}

/// A tool's program, in its folder of `tests/`.
fn look(script: &str, url: &str) -> String {
    let path = support::tests_folder().join(script);
    let mut command = match path.extension().unwrap().to_str().unwrap() {
        "py" => Command::new(support::python()),
        "mjs" => Command::new("node"),
        "java" => {
            let mut java = Command::new("java");
            java.args(["-XX:TieredStopAtLevel=1", "-cp", "/usr/share/java/postgresql.jar"]);
            java
        }
        _ => Command::new("bash"),
    };
    support::run(command.arg(path).env("PGSLUICE_TEST_DSN", url).env("TZ", "UTC").env("PYTHONWARNINGS", "ignore"))
}

fn check(tool: &str, script: &str) {
    if std::env::var_os("PGSLUICE_TEST_RECORD").is_some() {
        record(tool, script);
    }
    let cluster = Cluster::get(15);
    let database = cluster.database(&format!("look_{tool}"));
    database.sql(&schema());
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/default.toml");
    let proxy = Proxy::start_with(&database.url(), &["--policy", default, "--hold-wait", "0s"], &["agent", "--owner", "tester"]);
    // Whatever is held or denied is an error, and ends the tool's program.
    let told = look(script, &proxy.url(&database.name));
    assert!(!told.is_empty() && !told.contains("PS00"), "{told}");
    let record = recorded::all(&proxy.state());
    let statements: Vec<_> = record.iter().filter_map(|(_, event)| recorded::statement(event)).collect();
    assert!(!statements.is_empty());
    let stopped: Vec<_> = statements.iter().filter(|statement| statement.verdict != Verdict::Allowed).collect();
    assert!(stopped.is_empty(), "{stopped:?}");
}

/// Writes down what a tool asks of a server that nothing stands in front of.
fn record(tool: &str, script: &str) {
    let cluster = Cluster::start(15);
    let database = cluster.database("recorded");
    database.sql(&schema());
    server_log::begin(&cluster, &database.name);
    look(script, &database.url());
    let asked = server_log::end(&cluster, &database.name);
    std::fs::create_dir_all(fixtures()).unwrap();
    std::fs::write(fixtures().join(format!("{tool}.sql")), server_log::written(&asked)).unwrap();
}

#[test]
fn psql() {
    check("psql", "introspection/psql.sh");
}

#[test]
fn jdbc() {
    check("jdbc", "introspection/JdbcLook.java");
}

#[test]
fn sqlalchemy() {
    check("sqlalchemy", "introspection/sqlalchemy_look.py");
}

#[test]
fn django() {
    check("django", "introspection/django_look.py");
}

#[test]
fn python_drivers() {
    check("python_drivers", "introspection/drivers_look.py");
}

#[test]
fn node_drivers() {
    check("node_drivers", "drivers/look.mjs");
}

/// Each recorded text by itself, with what was bound to it.
fn recorded_pass_on(major: u16) {
    let cluster = Cluster::get(major);
    let database = cluster.database("look_recorded");
    database.sql(&schema());
    let url = database.url();
    let (user, password) = url.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap();
    let mut files: Vec<_> = std::fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut stopped, mut count) = (Vec::new(), 0);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut stage = Stage::new(&cluster, &database.name, user, password);
        for file in &files {
            for Asked { sql, bound } in server_log::read(&std::fs::read_to_string(file).unwrap()) {
                count += 1;
                let values: Vec<_> = bound.iter().flatten().map(Option::as_deref).collect();
                let judged = if bound.is_some() { stage.judge_bound(&sql, &values, "").await } else { stage.judge(&sql, "").await };
                if judged.word != "allow" {
                    let (name, grounds) = (file.file_stem().unwrap().to_str().unwrap(), &judged.grounds);
                    stopped.push(format!("{name} {} {:?} {:?}\n{sql}\n", judged.word, grounds.effects, grounds.resolved.findings));
                }
            }
        }
    });
    assert!(count >= FEWEST_RECORDED, "{count}");
    assert!(stopped.is_empty(), "{} of {count}:\n{}", stopped.len(), stopped.join("\n"));
}

/// What psql asks for `\des`, `\deu` and `\dRs` is of tables in which passwords of other servers lie, and a person decides.
#[test]
fn servers_behind_this_one_are_not_looked_at() {
    let cluster = Cluster::get(15);
    let url = cluster.url("postgres");
    let (user, password) = url.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap();
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let mut stage = Stage::new(&cluster, "postgres", user, password);
        for table in ["pg_foreign_server", "pg_user_mappings", "pg_subscription"] {
            assert_eq!(stage.judge(&format!("SELECT oid FROM pg_catalog.{table}"), "").await.word, "hold", "{table}");
        }
    });
}

#[test]
fn what_was_recorded_passes() {
    recorded_pass_on(15);
}

#[test]
#[ignore = "runs in `make soak`"]
fn what_was_recorded_passes_on_14() {
    recorded_pass_on(14);
}

#[test]
#[ignore = "runs in `make soak`"]
fn what_was_recorded_passes_on_18() {
    recorded_pass_on(18);
}
