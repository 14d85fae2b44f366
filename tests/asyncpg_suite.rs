//! asyncpg's own test suite gives the same outcomes direct and through the proxy; `tests/asyncpg_suite` runs and compares them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::process::Command;

use support::{Cluster, Proxy};

#[test]
fn same_outcomes_on_15() {
    let cluster = Cluster::get(15);
    let (direct, through) = (cluster.database("suite_direct"), cluster.database("suite_through"));
    let folder = tempfile::tempdir().unwrap();
    let proxy = (!support::is_direct_only()).then(|| Proxy::start(&through.url()));
    let address = proxy.as_ref().map_or_else(|| through.url(), |proxy| proxy.url(&through.name));
    let mut suite = Command::new(support::tests_folder().join("asyncpg_suite"));
    suite.args([&direct.url(), &address, cluster.variable("PG15_BIN")]).arg(folder.path());
    let output = support::run(&mut suite);
    assert!(output.lines().last().is_some_and(|line| line.starts_with("done ")), "{output}");
    println!("{output}");
}
