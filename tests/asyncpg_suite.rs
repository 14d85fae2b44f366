//! asyncpg's own test suite gives the same outcomes direct and through the proxy; `tests/asyncpg_suite` runs and compares them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Cluster, Proxy};

/// It takes a minute and a quarter on each side, most of it spent waiting.
const LIMIT: Duration = Duration::from_secs(420);

#[test]
fn same_outcomes_on_15() {
    // Servers of its own, one for each side: it makes roles and databases by fixed names, and relies on the database `postgres`.
    let (direct, through) = (Cluster::start(15), Cluster::start(15));
    let folder = tempfile::tempdir().unwrap();
    // The agent is called what the superuser is: some tests go past the proxy, with the user's name, to servers of their own.
    let proxy = Proxy::transparent(&through.url("postgres"), &["postgres", "--owner", "tester"]);
    let mut suite = Command::new(support::tests_folder().join("asyncpg_suite"));
    suite.args([&direct.url("postgres"), &proxy.url("postgres"), direct.variable("PG15_BIN")]).arg(folder.path());
    let output = support::run_within(&mut suite, LIMIT);
    assert!(output.lines().last().is_some_and(|line| line.starts_with("done ")), "{output}");
    println!("{output}");
}
