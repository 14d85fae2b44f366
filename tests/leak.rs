//! The catalogue of leaks, by its own runner: ways for a known secret to reach a client. Through the real program nothing comes back that is to
//! be masked or held; and where a policy lets every statement pass, what is to be masked still is. Skipped, with a word, where the
//! catalogue (`../shared/bypass`) is not beside the checkout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{Cluster, Proxy};

/// A statement that is not done by then counts as held; no harmless one takes a tenth of it.
const STEP: &str = "5";
const LIMIT: Duration = Duration::from_secs(900);
const HELD: &str = "^(PS00[1-4]|42501|0A000|08P01)$";
/// Names the cases to try, as a regular expression, where not all are wanted.
const ONLY: &str = "PGSLUICE_LEAK_ONLY";
/// What the runner's role is in the catalogue's template.
const ROLE: &str = "agent_su";
/// Masking alone is to stop what is to be masked.
const ALLOW_ALL: &str = "[[rule]]\nname = \"allow-all\"\naction = \"allow\"\nreason = \"masking alone is tried\"\n";

fn catalogue() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bypass");
    if folder.join("run.py").exists() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

/// Cases that come back by another way than masking can stop, each with its reason.
fn excused() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mask/leak_excused.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, reason) = line.split_once(' ').unwrap_or_else(|| panic!("no reason is given for {line}"));
            assert!(reason.trim().len() > 10, "no reason is given for {id}");
            (id.to_owned(), reason.trim().to_owned())
        })
        .collect()
}

/// A server of its own, that lets everybody in as the catalogue's was, with its template database: the runner drops whatever else it finds.
fn ground(major: u16, catalogue: &Path) -> Cluster {
    let cluster = Cluster::start(major);
    let rules = "('local all all trust'), ('host all all 127.0.0.1/32 trust'), ('host replication all 127.0.0.1/32 trust')";
    let file = support::sql(&cluster.url("postgres"), "SHOW hba_file");
    support::sql(&cluster.url("postgres"), &format!("COPY (VALUES {rules}) TO '{file}'; SELECT pg_reload_conf()"));
    let port = cluster.port().to_string();
    let made = support::run_within(Command::new("bash").arg(catalogue.join("mktemplate.sh")).arg(port), LIMIT);
    assert!(made.trim_end().ends_with("5000"), "the template was not made:\n{made}");
    cluster
}

/// One run of the runner; one result for each case.
fn run(cluster: &Cluster, catalogue: &Path, port: &str, password: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let outdir = format!("/tmp/pgsluice-leak-{}", cluster.port());
    let done = Command::new(support::python())
        .arg(support::tests_folder().join("bypass/run.py"))
        .arg(catalogue.join("run.py"))
        .args(["--dsn", &format!("host=127.0.0.1 port={port} user={ROLE} dbname=bypass")])
        .args(["--admin", &format!("host=127.0.0.1 port={} user=postgres dbname=postgres", cluster.port())])
        .arg("--cases")
        .arg(catalogue.join("leak.jsonl"))
        .args(["--timeout", STEP, "--list-bad", "--outdir", &outdir, "--json"])
        .arg(&results)
        .args(arguments)
        .args(std::env::var(ONLY).map_or_else(|_| Vec::new(), |only| vec!["--only".to_owned(), only]))
        .env("PGSLUICE_TEST_PASSWORDS", serde_json::json!({ ROLE: password }).to_string())
        .output()
        .unwrap();
    let text = std::fs::read_to_string(&results)
        .unwrap_or_else(|_| panic!("{}\n{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)));
    if std::env::var(ONLY).is_ok() {
        println!("{}", String::from_utf8_lossy(&done.stdout));
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn proxy(cluster: &Cluster, policy: &Path) -> (Proxy, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pgsluice.toml");
    std::fs::write(&config, format!("[hold]\nmax_open_per_agent = 500\n[upstream.roles.{ROLE}]\n")).unwrap();
    let config = config.to_str().unwrap();
    let upstream = format!("postgres://{ROLE}@127.0.0.1:{}/bypass", cluster.port());
    let agent = [ROLE, "--owner", "tester", "--database", "bypass", "--role", ROLE, "--config", config];
    let proxy = Proxy::start_with(&upstream, &["--config", config, "--policy", policy.to_str().unwrap(), "--hold-wait", "0s"], &agent);
    let url = proxy.url("bypass");
    let password = url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    (proxy, password)
}

/// What is wrong with how a case went.
fn complaint(through: &Value, by_masking: bool) -> Option<String> {
    let (result, expected) = (through["result"].as_str().unwrap(), through["expected"].as_str().unwrap());
    let told = through["errs"].to_string();
    match expected {
        "document" | "allow" => None,
        _ if result == "HARNESS" => Some(format!("was not tried: {told}")),
        // A policy that lets everything pass lets pass what only a hold would stop.
        "hold" | "deny" if by_masking => None,
        _ if result == "LEAK" => Some(format!("comes back: {}", through["detail"])),
        "mask" if by_masking && result == "HELD" => Some(format!("is held: {told}")),
        _ => None,
    }
}

fn check(major: u16, by_masking: bool) {
    let Some(catalogue) = catalogue() else { return };
    let cluster = ground(major, &catalogue);
    let folder = tempfile::tempdir().unwrap();
    let allow_all = folder.path().join("allow-all.toml");
    std::fs::write(&allow_all, ALLOW_ALL).unwrap();
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/default.toml");
    let (proxy, password) = proxy(&cluster, if by_masking { &allow_all } else { &default });
    let port = proxy.address.rsplit_once(':').unwrap().1.to_owned();
    let through = run(&cluster, &catalogue, &port, &password, &["--held-sqlstate", HELD]);
    let excused = excused();
    let bad: Vec<String> = through
        .iter()
        .filter_map(|case| {
            let id = case["id"].as_str().unwrap();
            let complaint = complaint(case, by_masking)?;
            (!excused.contains_key(id)).then(|| format!("{id} ({}): {complaint}", case["expected"].as_str().unwrap()))
        })
        .collect();
    println!("PostgreSQL {major}: {} cases, {} of them wrong", through.len(), bad.len());
    assert!(proxy.stop().success(), "the proxy drains");
    assert!(bad.is_empty(), "PostgreSQL {major}: {} of {}\n{}", bad.len(), through.len(), bad.join("\n"));
    assert!(!through.is_empty());
}

#[test]
fn by_the_default_policy_on_15() {
    check(15, false);
}

#[test]
fn by_masking_alone_on_15() {
    check(15, true);
}

#[test]
fn by_the_default_policy_on_18() {
    check(18, false);
}

#[test]
fn by_masking_alone_on_18() {
    check(18, true);
}

#[test]
fn every_excuse_has_its_case() {
    let Some(catalogue) = catalogue() else { return };
    let text = std::fs::read_to_string(catalogue.join("leak.jsonl")).unwrap();
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for id in excused().into_keys() {
        assert!(cases.iter().any(|case| case["id"] == id.as_str()), "{id} is excused and is no case");
    }
}
