//! Holds, opened, decided, cancelled, sent again and redeemed at random by agents whose connections die, while the program is killed at moments
//! of no choice: nothing that was held ran without an approval of its own, nothing ran more often than it was approved, and whoever kept asking
//! got what was approved.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

#[path = "holds/agents.rs"]
mod agents;
#[path = "support/recorded.rs"]
mod recorded;
#[path = "holds/reviewer.rs"]
mod reviewer;
#[path = "support/reviewing.rs"]
mod reviewing;
#[path = "support/mod.rs"]
mod support;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use agents::Agents;
use pgsluice::audit::Event;
use pgsluice::audit::event::Decision;
use reviewer::Reviewer;
use support::{Cluster, Proxy};

/// Short, so that many waits end in a ticket and many in an approval, and some that nobody comes back for in time are over.
const CONFIG: &str = "[hold]\nwait_for = \"150ms\"\nexpires = \"10s\"\napproval_expires = \"5s\"\nmax_open_per_agent = 1000\n";
/// Progress of all agents between two kills, at most.
const MOST_BETWEEN: u64 = 120;
/// The longest that a test of a machine that is busy with others may take for one hold.
const LIMIT_EACH: Duration = Duration::from_millis(400);
const LIMIT: Duration = Duration::from_secs(120);

/// Numbers that look like chance; a failure names the seed.
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// What the record says of one hold.
#[derive(Debug, Default)]
struct Told {
    approved: u32,
    denied: u32,
    spent: u32,
    returned: u32,
    /// Its time was over, or it was withdrawn.
    ended: u32,
}

fn check(count: u64, seed: u64) {
    let cluster = Cluster::get(15);
    let database = cluster.database("holds");
    database.sql("CREATE TABLE ran (operation int8 NOT NULL)");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pgsluice.toml");
    std::fs::write(&path, CONFIG).unwrap();
    let options = ["--config", path.to_str().unwrap(), "--policy", "strict"];
    let mut proxy = Proxy::start_with(&database.url(), &options, &["agent", "--owner", "tester"]);
    let reviewer = Reviewer::start(&proxy, seed);
    let agents = Agents::start(&proxy.url(&database.name), count, seed);
    let mut dice = Dice(seed);
    let mut kills = 0;
    let mut starting = Duration::ZERO;
    let until = Instant::now() + LIMIT + LIMIT_EACH * u32::try_from(count).unwrap();
    while !agents.are_done() {
        let awaited = agents.progress() + 1 + dice.below(MOST_BETWEEN);
        while agents.progress() < awaited && !agents.are_done() {
            assert!(Instant::now() < until, "seed {seed}: {kills} kills, {} of {count}: {}", agents.done(), agents.waits_for());
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_micros(dice.below(20_000)));
        proxy.kill();
        kills += 1;
        let began = Instant::now();
        proxy.start_again(&database.url(), &options);
        starting += began.elapsed();
        agents.go_to(&proxy.url(&database.name));
        reviewer.go_to(&proxy.people);
    }
    let asked = agents.finish();
    let seen = reviewer.finish();
    assert!(proxy.state().exists());
    let state = proxy.state();
    let mut holds: HashMap<u64, Told> = HashMap::new();
    for (_, event) in recorded::all(&state) {
        if let Event::Decided(event) = event {
            let told = holds.entry(event.hold).or_default();
            told.approved += u32::from(event.decision == Decision::Approved);
            told.denied += u32::from(event.decision == Decision::Denied);
            told.ended += u32::from(matches!(event.decision, Decision::Expired | Decision::Withdrawn));
        } else if let Event::Spent(event) = event {
            let told = holds.entry(event.hold).or_default();
            told.spent += 1;
            let usable = told.approved == 1 && told.ended == 0;
            assert!(usable && told.spent - told.returned == 1, "seed {seed}: {:x} {told:?}", event.hold);
        } else if let Event::Returned(event) = event {
            holds.entry(event.hold).or_default().returned += 1;
        }
    }
    let mut paid: BTreeMap<u64, u32> = BTreeMap::new();
    for (hold, told) in &holds {
        assert!(told.approved + told.denied <= 1 && told.denied + told.ended <= 1, "seed {seed}: {hold:x} {told:?}");
        let left = told.spent - told.returned;
        assert!(left <= told.approved, "seed {seed}: {hold:x} {told:?}");
        if left > 0 {
            // The reviewer saw what it was before anybody approved it.
            *paid.entry(seen.operations[hold]).or_default() += left;
        }
    }
    let mut ran: BTreeMap<u64, u32> = BTreeMap::new();
    for line in database.sql("SELECT operation, count(*) FROM ran GROUP BY 1").lines() {
        let (operation, times) = line.split_once('|').unwrap();
        ran.insert(operation.parse().unwrap(), times.parse().unwrap());
    }
    for (operation, times) in &ran {
        let paid = paid.get(operation).copied().unwrap_or(0);
        assert!(*times <= paid, "seed {seed}: operation {operation} ran {times} times and {paid} approvals were used");
    }
    for (operation, outcome) in &asked {
        let times = ran.get(operation).copied().unwrap_or(0);
        assert!(times >= outcome.succeeded, "seed {seed}: operation {operation} succeeded {} times and ran {times}", outcome.succeeded);
        assert!(times > 0 || outcome.denied, "seed {seed}: operation {operation} was lost");
    }
    assert_eq!(asked.len(), usize::try_from(count).unwrap());
    let verified = recorded::verify(&state);
    assert!(verified.findings.is_empty(), "seed {seed}: {:?}", verified.findings);
    let runs: u32 = ran.values().sum();
    let returned: u32 = holds.values().map(|told| told.returned).sum();
    let denied: u32 = holds.values().map(|told| told.denied).sum();
    println!(
        "{count} operations, seed {seed}: {kills} kills ({} ms to start again), {} holds, {runs} runs, {denied} denied, {returned} returned",
        starting.as_millis() / kills,
        holds.len()
    );
    assert!(kills >= 3 && returned > 0 && denied > 0, "the dice were too kind");
    assert!(agents::WAYS.iter().all(|way| way.taken.load(Ordering::Relaxed) > 0), "{:?}", agents::WAYS);
}

#[test]
fn five_hundred_holds() {
    check(500, 11);
}

#[test]
#[ignore = "runs in `make soak`"]
fn twenty_thousand_holds() {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    check(20_000, seed);
}
