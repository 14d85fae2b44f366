//! The proxy is killed at moments of no choice, again and again, under load: whatever the server saw or a client saw the outcome of is on the
//! record afterwards, once, with its end, and the chain holds.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

#[path = "client/mod.rs"]
mod client;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/load.rs"]
mod load;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "support/mod.rs"]
mod support;
#[path = "crash/witness.rs"]
mod witness;

use std::time::Duration;

use client::await_that;
use ledger::Ledger;
use load::Load;
use support::{Cluster, Proxy, sql};
use witness::Witness;

/// The smallest segments there are, so that many rotations are among the moments.
const CONFIG: &str = "[audit]\nsegment_size = \"4MB\"\n";
/// Outcomes that are awaited before the moment: some sessions are just signing in, others in the middle of much.
const MOST_OUTCOMES: u64 = 400;
/// And a while on, so that the moment has nothing to do with an outcome.
const LONGEST_WHILE: u64 = 5_000;

/// Numbers that look like chance; a failure names the seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn check(kills: u64, seed: u64) {
    let cluster = Cluster::get(15);
    let database = cluster.database("crash");
    support::run(std::process::Command::new("pgbench").args(["-i", "-q", "-s", "1", &database.url()]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pgsluice.toml");
    std::fs::write(&path, CONFIG).unwrap();
    let options = ["--config", path.to_str().unwrap()];
    let mut proxy = Proxy::start_with(&database.url(), &options, &["agent", "--owner", "tester"]);
    let mut witness = Witness::new(cluster.variable("PG15_LOG"), &database.name);
    sql(&cluster.url("postgres"), &format!("ALTER DATABASE {} SET log_statement = 'all'", database.name));
    let mut ledger = Ledger::new(&proxy.state());
    let mut dice = Dice(seed);
    let mut markers = 0;
    for kill in 1..=kills {
        let mut load = Load::start(&proxy.url(&database.name), &mut markers);
        let awaited = 1 + dice.below(MOST_OUTCOMES);
        await_that("the load goes on", || load.outcomes() >= awaited);
        std::thread::sleep(Duration::from_micros(dice.below(LONGEST_WHILE)));
        proxy.kill();
        ledger.saw_outcomes(load.finish());
        // What was on its way to the server still runs there.
        let of_agents = format!("select count(*) from pg_stat_activity where datname = '{}'", database.name);
        await_that("the server is rid of the sessions", || sql(&cluster.url("postgres"), &of_agents) == "0");
        ledger.server_saw(witness.news());
        proxy.start_again(&database.url(), &options);
        ledger.read_on();
        ledger.check(&format!("kill {kill} of {kills}, seed {seed}"));
        if kill % (kills / 20).max(1) == 0 {
            let found = recorded::verify(&proxy.state());
            assert!(found.findings.is_empty(), "kill {kill}, seed {seed}: {:?}", found.findings);
        }
    }
    println!("{kills} kills, seed {seed}: {ledger}");
    assert!(ledger.is_worth_it(kills), "{ledger}");
}

#[test]
fn killed_twenty_times() {
    check(20, 7);
}

#[test]
#[ignore = "runs in `make soak`"]
fn killed_five_hundred_times() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    check(500, seed);
}
