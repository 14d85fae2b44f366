//! Migrations of ten steps under the default policy: the command is given again after each approval until it is done, whether all its steps
//! share a transaction or not. Every retry gets further, no approval is lost with a transaction that was rolled back, and in the end each
//! statement ran once: the database came to what it comes to without anybody in front of it, and each approval was spent once. What a user's code
//! does (an event trigger, say) may outlast a rollback, so there an approval is not given back: that is not what is tried here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../support/recorded.rs"]
mod recorded;
#[path = "../support/reviewing.rs"]
mod reviewing;
#[path = "../support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::process::{Command, Output, Stdio};

use pgsluice::audit::Event;
use pgsluice::audit::event::Decision;
use reviewing::ask;
use serde_json::{Value, json};
use support::{Cluster, Database, Proxy};

/// More retries than any of these migrations has statements.
const RETRIES: usize = 60;
/// Approves whatever waits; gives how many that were.
fn approve(proxy: &Proxy, token: &str) -> usize {
    let call = |method: &str, path: &str, body: &Value| {
        let (status, said) = ask(&proxy.people, token, method, path, body).unwrap();
        assert_eq!(status, 200, "{said}");
        said
    };
    let listed = call("GET", "/api/holds", &Value::Null);
    let waiting = listed["holds"].as_array().unwrap().iter().filter(|hold| hold["state"] == "waiting");
    waiting
        .map(|hold| {
            let path = format!("/api/holds/{}", hold["id"].as_str().unwrap());
            let shown = call("GET", &path, &Value::Null);
            call("POST", &format!("{path}/approve"), &json!({ "digest": shown["digest"], "reason": "a step of the migration" }));
        })
        .count()
}

fn migrate(program: &str, url: &str) -> Output {
    let path = support::tests_folder().join("migrations").join(program);
    let mut command = Command::new(support::python());
    command.arg(path).env("PGSLUICE_TEST_DSN", url).env("PYTHONWARNINGS", "ignore").stdin(Stdio::null()).output().unwrap()
}

/// The structure and the rows, as they are in the end.
fn came_to(database: &Database, rows: &str) -> String {
    let dumped = support::run(Command::new("pg_dump").args(["--schema-only", "-d", &database.url()]));
    // A mark of each dump's own.
    let structure: Vec<&str> = dumped.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect();
    format!("{}\n{}", structure.join("\n"), database.sql(rows))
}

fn check(program: &str, rows: &str, is_one_transaction: bool) {
    let cluster = Cluster::get(15);
    let direct = cluster.database("migrations_direct");
    let done = migrate(program, &direct.url());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let expected = came_to(&direct, rows);
    assert!(expected.contains("CREATE TABLE") && expected.contains("|Ann|"), "{expected}");

    let through = cluster.database("migrations_through");
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/default.toml");
    let proxy = Proxy::start_with(&through.url(), &["--policy", default, "--hold-wait", "0s"], &["agent", "--owner", "tester"]);
    reviewing::add(&proxy);
    let token = reviewing::sign_in(&proxy.people).unwrap();
    let mut retries = 0;
    loop {
        let done = migrate(program, &proxy.url(&through.name));
        if done.status.success() {
            break;
        }
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        if is_one_transaction {
            assert_eq!(
                through.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"),
                "0",
                "a part of it stays:\n{said}"
            );
        }
        assert_eq!(approve(&proxy, &token), 1, "retry {retries} asks for the one statement where it stopped:\n{said}");
        retries += 1;
        assert!(retries < RETRIES, "{said}");
    }
    assert_eq!(came_to(&through, rows), expected);
    assert_eq!(approve(&proxy, &token), 0, "nothing is left that waits");

    let mut spent: HashMap<u64, (i32, i32)> = HashMap::new();
    for (_, event) in recorded::all(&proxy.state()) {
        if let Event::Decided(event) = event {
            assert_eq!(event.decision, Decision::Approved);
            spent.entry(event.hold).or_default().0 += 1;
        } else if let Event::Spent(event) = event {
            spent.entry(event.hold).or_default().1 += 1;
        } else if let Event::Returned(event) = event {
            spent.entry(event.hold).or_default().1 -= 1;
        }
    }
    assert!(spent.len() == retries && spent.values().all(|times| *times == (1, 1)), "approved and spent once each: {spent:?}");
    println!("{program}: {retries} holds");
}

#[test]
fn alembic_in_one_transaction() {
    check("alembic_steps.py", "SELECT id, name, mail FROM customer ORDER BY id; SELECT * FROM alembic_version", true);
}

#[test]
fn django_in_many_transactions() {
    check(
        "django_steps.py",
        "SELECT id, name, mail FROM shop_customer ORDER BY id; SELECT app, name FROM django_migrations ORDER BY id",
        false,
    );
}
