//! The catalogue of attacks, by its own runner: each attack does its harm on the bare server and none through the real program under the
//! default policy, with a superuser behind it; what is harmless passes unheld. Skipped, with a word, where the catalogue
//! (`../shared/bypass`) is not beside the checkout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{Cluster, Proxy};

/// The roles of the catalogue's template, each with an agent of its name.
const ROLES: [&str; 3] = ["agent_su", "agent_rw", "agent_ro"];
/// A statement that is not done by then counts as held; no harmless one takes a tenth of it.
const STEP: &str = "5";
/// The longest share takes half a minute on an idle machine.
const LIMIT: Duration = Duration::from_secs(600);
/// What the proxy answers to what it does not let pass. 42501 and what `refused` adds are a server's too: the direct run, where the same
/// role met none of them, tells them apart.
const HELD: &str = "PS00[1-4]|42501";
/// Names the cases to try, as a regular expression, where not all are wanted.
const ONLY: &str = "PGSLUICE_BYPASS_ONLY";

/// What the proxy answers besides, where a category is about the protocol itself: what it does not speak, what breaks it, and who is no agent.
fn refused(category: &str) -> String {
    let besides = match category {
        "protocol" => "|0A000|08P01",
        "replication" => "|0A000",
        "privilege_identity" => "|08P01|28P01",
        _ => "",
    };
    format!("^({HELD}{besides})$")
}

fn catalogue() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/bypass");
    if folder.join("run.py").exists() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

fn cases(catalogue: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(catalogue.join("gate.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn excused() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gate/excused.txt")
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

/// One run of the runner over some categories; one result for each case.
fn run(cluster: &Cluster, catalogue: &Path, port: &str, passwords: &Value, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results");
    let outdir = format!("/tmp/pgsluice-bypass-{}", cluster.port());
    let done = Command::new(support::python())
        .arg(support::tests_folder().join("bypass/run.py"))
        .arg(catalogue.join("run.py"))
        .args(["--dsn", &format!("host=127.0.0.1 port={port} user=agent_su dbname=bypass")])
        .args(["--admin", &format!("host=127.0.0.1 port={} user=postgres dbname=postgres", cluster.port())])
        .arg("--cases")
        .arg(catalogue.join("gate.jsonl"))
        .args(["--timeout", STEP, "--list-bad", "--outdir", &outdir, "--json"])
        .arg(&results)
        .args(arguments)
        .args(std::env::var(ONLY).map_or_else(|_| Vec::new(), |only| vec!["--only".to_owned(), only]))
        .env("PGSLUICE_TEST_PASSWORDS", passwords.to_string())
        .output()
        .unwrap();
    // Written at the end of a run, whatever it found.
    let text = std::fs::read_to_string(&results)
        .unwrap_or_else(|_| panic!("{}\n{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)));
    if !done.status.success() {
        println!("{}", String::from_utf8_lossy(&done.stdout));
    }
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A proxy that has seen nothing yet, so that one category does not live on another's budgets and holds.
fn fresh(cluster: &Cluster) -> (Proxy, Value) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("pgsluice.toml");
    let roles: String = ROLES.iter().map(|role| format!("[upstream.roles.{role}]\n")).collect();
    // More than a category has cases: each is to get a hold of its own.
    std::fs::write(&config, format!("[hold]\nmax_open_per_agent = 500\n{roles}")).unwrap();
    let config = config.to_str().unwrap();
    let add = |role: &'static str| [role, "--owner", "tester", "--database", "bypass", "--role", role, "--config", config];
    let upstream = format!("postgres://agent_su@127.0.0.1:{}/bypass", cluster.port());
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/policies/default.toml");
    let proxy = Proxy::start_with(&upstream, &["--config", config, "--policy", default, "--hold-wait", "0s"], &add(ROLES[0]));
    let password = |url: &str| url.split_once('@').unwrap().0.rsplit_once(':').unwrap().1.to_owned();
    let mut passwords = BTreeMap::from([(ROLES[0], password(&proxy.url("bypass")))]);
    for role in &ROLES[1..] {
        passwords.insert(role, password(&proxy.add_agent(&add(role))));
    }
    (proxy, serde_json::json!(passwords))
}

/// What is wrong with how a case went through the proxy, given how it went without.
fn complaint(case: &Value, direct: &str, through: &Value, excused: &[String]) -> Option<String> {
    let is_control = case["control"] == true;
    let is_simple = case["protocol"] == "simple";
    let (result, expected) = (through["result"].as_str().unwrap(), through["expected"].as_str().unwrap());
    let told = through["errs"].to_string();
    let is_excused = excused.iter().any(|id| through["id"] == id.as_str());
    match expected {
        _ if direct != "EFFECT" => Some(format!("does nothing on the bare server: {direct}")),
        // The server by itself lets no harm happen in a control. A statement of one is held all the same; what is malformed needs not be.
        "hold" | "deny" if is_control && is_simple => (through["held"] != true).then(|| format!("reaches the server: {result} {told}")),
        "hold" | "deny" if is_control => {
            (result != "EFFECT" && result != "HELD").then(|| format!("what must hold always does not: {result} {told}"))
        }
        "allow" if result != "EFFECT" => Some(format!("does not work: {result} {told}")),
        "allow" if through["held"] == true && !is_excused => Some(format!("is held on the way: {told}")),
        // The check looks for a word that the refusal itself has, and nothing else came.
        "hold" | "deny" if result == "EFFECT" && is_excused && through["held"] == true && through["rows"] == 0 => None,
        "hold" | "deny" if result == "EFFECT" => Some("happens".to_owned()),
        "hold" | "deny" if result != "HELD" && !is_excused => Some(format!("does not happen, and nobody says why: {result} {told}")),
        _ => None,
    }
}

/// Every case whose category is in this share, on both sides.
fn check(major: u16, categories: &[&str]) {
    let Some(catalogue) = catalogue() else { return };
    let cluster = ground(major, &catalogue);
    let nobody = serde_json::json!({});
    let port = cluster.port().to_string();
    let all = format!("^({})$", categories.join("|"));
    let direct = run(&cluster, &catalogue, &port, &nobody, &["--direct", "--category", &all]);
    let direct: BTreeMap<&str, &str> = direct.iter().map(|case| (case["id"].as_str().unwrap(), case["result"].as_str().unwrap())).collect();
    let excused_file = excused();
    let excused = excused_ids();
    let cases = cases(&catalogue);
    let cases: BTreeMap<&str, &Value> = cases.iter().map(|case| (case["id"].as_str().unwrap(), case)).collect();
    let mut bad = Vec::new();
    let mut seen = 0;
    for category in categories {
        let (proxy, passwords) = fresh(&cluster);
        let port = proxy.address.rsplit_once(':').unwrap().1.to_owned();
        let (only, held) = (format!("^{category}$"), refused(category));
        let strict = ["--strict", "--excuse", excused_file.to_str().unwrap(), "--held-sqlstate", &held, "--category", &only];
        let through = run(&cluster, &catalogue, &port, &passwords, &strict);
        assert!(!through.is_empty() || std::env::var(ONLY).is_ok(), "no cases of category {category}");
        seen += through.len();
        for case in &through {
            if std::env::var(ONLY).is_ok() {
                println!("{case}");
            }
            let id = case["id"].as_str().unwrap();
            if let Some(complaint) = complaint(cases[id], direct[id], case, &excused) {
                bad.push(format!("{id} ({category}, {}): {complaint}", case["expected"].as_str().unwrap()));
            }
        }
        assert!(proxy.stop().success(), "the proxy drains");
    }
    assert_eq!(seen, direct.len(), "the same cases on both sides");
    println!("PostgreSQL {major}: {seen} cases, {} of them wrong", bad.len());
    assert!(bad.is_empty(), "PostgreSQL {major}: {} of {seen}\n{}", bad.len(), bad.join("\n"));
}

fn excused_ids() -> Vec<String> {
    let text = std::fs::read_to_string(excused()).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (id, reason) = line.split_once(' ').unwrap_or_else(|| panic!("no reason is given for {line}"));
            assert!(reason.trim().len() > 10, "no reason is given for {id}");
            id.to_owned()
        })
        .collect()
}

/// The shares take about as long as each other.
const FIRST: &[&str] =
    &["ddl_every_command", "protocol", "availability", "replication", "quoting_state", "files_and_lo", "multi_statement"];
const SECOND: &[&str] =
    &["benign", "bulk_export", "server_side_code", "odd_spelling", "write_in_read", "privilege_identity", "destructive_write"];

#[test]
fn first_share_on_15() {
    check(15, FIRST);
}

#[test]
fn second_share_on_15() {
    check(15, SECOND);
}

#[test]
fn first_share_on_18() {
    check(18, FIRST);
}

#[test]
fn second_share_on_18() {
    check(18, SECOND);
}

#[test]
fn every_category_has_its_share_and_every_excuse_its_case() {
    let Some(catalogue) = catalogue() else { return };
    let cases = cases(&catalogue);
    for case in &cases {
        let category = case["category"].as_str().unwrap();
        assert!(FIRST.contains(&category) || SECOND.contains(&category), "{category}");
    }
    for id in excused_ids() {
        assert!(cases.iter().any(|case| case["id"] == id.as_str()), "{id} is excused and is no case");
    }
}
