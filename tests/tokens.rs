//! Tokens, through a real server: equal values have equal ones, they compare with their column, and guesses learn nothing by them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it stands above the floor that reads a clock"
)]

mod support;

use std::process::Command;
use std::time::{Duration, Instant};

use support::{Cluster, Proxy, sql};

const POLICY: &str = "[[rule]]\nname = \"all\"\naction = \"allow\"\n[mask]\nstyles = { EMAIL = \"token\" }\n";

const PEOPLE: &str = "CREATE TABLE people (id int, email text, state text);
    INSERT INTO people SELECT i, 'jane' || i || '@example.org', 'new' FROM generate_series(1, 50) i;
    CREATE TABLE orders (id int, email text);
    INSERT INTO orders SELECT i, 'jane' || i || '@example.org' FROM generate_series(1, 50) i;";

/// What is refused, in the server's words.
fn refused(url: &str, statement: &str) -> String {
    let done = Command::new("psql").args(["-X", "-q", "-A", "-t", "-d", url, "-c", statement]).output().unwrap();
    assert!(!done.status.success(), "{statement}: {}", String::from_utf8_lossy(&done.stdout));
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[test]
fn an_agent_works_with_customers_that_it_cannot_see() {
    let cluster = Cluster::get(15);
    let database = cluster.database("tokens");
    database.sql(PEOPLE);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), POLICY).unwrap();
    let proxy = Proxy::start_with(&database.url(), &["--policy", file.path().to_str().unwrap()], &["agent", "--owner", "tester"]);
    let url = proxy.url(&database.name);
    let token = sql(&url, "SELECT email FROM people WHERE id = 1");
    assert!(token.starts_with("tok_email_1_") && !token.contains("jane"), "{token}");
    assert_eq!(sql(&url, "SELECT email FROM orders WHERE id = 1"), token);
    assert_ne!(sql(&url, "SELECT email FROM people WHERE id = 2"), token);

    // It stands for its value beside a column of its kind, and its value is in no text.
    assert_eq!(sql(&url, &format!("SELECT id FROM people WHERE email = '{token}'")), "1");
    assert_eq!(sql(&url, &format!("SELECT o.id FROM people p JOIN orders o ON o.email = p.email AND p.email IN ('{token}', 'x')")), "1");
    sql(&url, &format!("UPDATE people SET state = 'seen' WHERE email = '{token}'"));
    assert_eq!(sql(&url, "SELECT id, state, email FROM people WHERE state = 'seen'"), format!("1|seen|{token}"));
    let query = sql(&url, &format!("SELECT current_query() FROM people WHERE email = '{token}'"));
    assert!(query.contains("$1") && !query.contains("jane"), "{query}");
    assert_eq!(sql(&url, &format!("SELECT count(*) FROM people WHERE state = 'new' AND '{token}' = 'x'")), "0");

    // New keys make other tokens; the old one goes on.
    proxy.command(&["mask", "keys"], &["--rotate"]);
    proxy.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(20);
    let newer = loop {
        let newer = sql(&url, "SELECT email FROM people WHERE id = 1");
        if newer != token {
            break newer;
        }
        assert!(Instant::now() < deadline, "the key was not taken");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(newer.starts_with("tok_email_2_"), "{newer}");
    assert_eq!(sql(&url, &format!("SELECT id FROM people WHERE email IN ('{token}', '{newer}')")), "1");

    // Another agent's tokens are others, and it can do nothing with these.
    let other = proxy.add_agent(&["second", "--owner", "tester"]);
    assert_ne!(sql(&other, "SELECT email FROM people WHERE id = 1"), newer);
    let said = refused(&other, &format!("SELECT id FROM people WHERE email = '{newer}'"));
    assert!(said.contains("not made for this agent"), "{said}");

    // What was masked is not written back.
    for statement in [
        format!("INSERT INTO people (id, email) VALUES (99, '{newer}')"),
        format!("UPDATE people SET email = '{newer}' WHERE id = 2"),
        "UPDATE people SET email = '[EMAIL]' WHERE id = 2".to_owned(),
    ] {
        let said = refused(&url, &statement);
        assert!(said.contains("a masked value would be written"), "{statement}: {said}");
    }
    assert_eq!(database.sql("SELECT count(*) FROM people WHERE email LIKE 'jane%'"), "50");

    // Guesses: neither a table nor a column of the agent's own gives tokens, or is compared with one.
    sql(&url, "CREATE TABLE guesses AS SELECT 'jane7@example.org'::text AS email");
    assert_eq!(sql(&url, "SELECT email FROM guesses"), "[EMAIL]");
    let said = refused(&url, &format!("SELECT 1 FROM guesses WHERE email = '{newer}'"));
    assert!(said.contains("not known to hold"), "{said}");
    assert_eq!(sql(&url, "SELECT 'jane7@example.org' FROM people WHERE id = 1"), "[EMAIL]");
    assert_eq!(sql(&url, "INSERT INTO orders (id, email) VALUES (99, 'jane7@example.org') RETURNING email"), "[EMAIL]");
    assert_eq!(sql(&url, "SELECT email FROM orders WHERE id = 7"), "[EMAIL]");
    assert!(sql(&url, "SELECT email FROM people WHERE id = 7").starts_with("tok_email_2_"));
    assert!(refused(&url, &format!("SELECT 1 FROM orders WHERE email = '{newer}'")).contains("not known to hold"));
}

#[test]
fn what_an_agent_wrote_is_not_shown_in_tokens_after_the_program_was_killed() {
    let cluster = Cluster::get(15);
    let database = cluster.database("rewritten");
    database.sql(PEOPLE);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), POLICY).unwrap();
    let mut proxy = Proxy::start_with(&database.url(), &["--policy", file.path().to_str().unwrap()], &["agent", "--owner", "tester"]);
    let url = proxy.url(&database.name);
    assert!(sql(&url, "SELECT email FROM orders WHERE id = 7").starts_with("tok_email_1_"));
    assert!(sql(&url, "SELECT email FROM people WHERE id = 7").starts_with("tok_email_1_"));
    sql(&url, "INSERT INTO orders (id, email) VALUES (99, 'jane7@example.org')");
    proxy.kill();
    proxy.start_again(&database.url(), &["--policy", file.path().to_str().unwrap()]);
    let url = proxy.url(&database.name);
    let other = proxy.add_agent(&["second", "--owner", "tester"]);
    assert_eq!(sql(&url, "SELECT email FROM orders WHERE id = 99"), "[EMAIL]");
    assert_eq!(sql(&url, "SELECT email FROM orders WHERE id = 7"), "[EMAIL]");
    // What it did not write goes on, and so does who wrote nothing.
    assert!(sql(&url, "SELECT email FROM people WHERE id = 7").starts_with("tok_email_1_"));
    assert!(sql(&other, "SELECT email FROM orders WHERE id = 7").starts_with("tok_email_1_"));
}

#[test]
fn different_values_that_are_shown_as_tokens_or_in_part_have_a_budget_of_their_own() {
    let cluster = Cluster::get(15);
    let database = cluster.database("valued");
    database.sql(PEOPLE);
    let file = tempfile::NamedTempFile::new().unwrap();
    let policy = "[[rule]]\nname = \"all\"\naction = \"allow\"\n[mask]\nstyles = { EMAIL = \"token\" }\n[budget]\nsensitive_values = 30\n";
    std::fs::write(file.path(), policy).unwrap();
    let proxy = Proxy::start_with(&database.url(), &["--policy", file.path().to_str().unwrap()], &["agent", "--owner", "tester"]);
    let url = proxy.url(&database.name);
    // The same ones again, of another table and by COPY, are none that were not seen.
    let tokens = sql(&url, "SELECT email FROM people WHERE id <= 25");
    assert_eq!(tokens.lines().filter(|line| line.starts_with("tok_email_1_")).count(), 25, "{tokens}");
    assert_eq!(sql(&url, "SELECT email FROM people WHERE id <= 25"), tokens);
    assert_eq!(sql(&url, "SELECT email FROM orders WHERE id <= 25"), tokens);
    assert_eq!(sql(&url, "COPY (SELECT email FROM people WHERE id <= 25) TO STDOUT"), tokens);
    // Six others are one too many, whatever they come by, in whatever pieces.
    let said = refused(&url, "SELECT email FROM people WHERE id BETWEEN 26 AND 31");
    assert!(said.contains("30 distinct sensitive values"), "{said}");
    let said = refused(&url, "COPY (SELECT email FROM people WHERE id = 40) TO STDOUT");
    assert!(said.contains("30 distinct sensitive values"), "{said}");
    let other = proxy.add_agent(&["second", "--owner", "tester"]);
    assert_eq!(sql(&other, "SELECT email FROM people WHERE id <= 25").lines().count(), 25);
    let copied = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-d", &other, "-c", "COPY (SELECT email FROM people ORDER BY id DESC LIMIT 20) TO STDOUT"])
        .output()
        .unwrap();
    let (shown, said) = (String::from_utf8_lossy(&copied.stdout), String::from_utf8_lossy(&copied.stderr));
    assert!(!copied.status.success() && shown.lines().count() == 5 && said.contains("30 distinct sensitive values"), "{shown} {said}");
    assert_eq!(sql(&other, "SELECT 1"), "1");
}
