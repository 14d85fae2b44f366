//! The catalogue of attacks: whatever has to be held or refused must show an effect that the default policy does not let pass by itself.

use pgsluice::sql;
use pgsluice::sql::effect::{Effect, EffectSet};
use pgsluice::sql::facts::{CopyTarget, Facts};
use serde_json::Value;

use super::{beside, fixture};

/// What the default policy lets pass: reads, writes that are bounded, COPY from the client, the session's own business.
fn passes(facts: &Facts) -> bool {
    let allowed = EffectSet::of(&[Effect::Read, Effect::Write, Effect::Import, Effect::Session]);
    let from_client = facts.statements.iter().filter_map(|statement| statement.copy.as_ref()).all(|copy| copy.target == CopyTarget::Client);
    facts.effects.is_within(allowed) && from_client
}

/// Every text that a case sends to be read as SQL.
fn texts(case: &Value) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let plain = |text: &str| {
        text.replace("${db}", "bypass").replace("${outdir}", "/tmp").replace("${port}", "5432").replace("${pid_v}", "1").into_bytes()
    };
    for step in case["steps"].as_array().unwrap() {
        found.extend(step.as_str().map(plain));
        if let Some(step) = step.as_object() {
            for key in ["q", "ext"] {
                found.extend(step.get(key).and_then(Value::as_str).map(plain));
            }
            if let Some(hex) = step.get("q_hex").and_then(Value::as_str) {
                found.push((0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect());
            }
            let inner = step.get("loop").and_then(Value::as_object);
            found.extend(
                inner
                    .and_then(|inner| inner.get("q").or(inner.get("ext")))
                    .and_then(Value::as_str)
                    .map(|text| plain(&text.replace("{i}", "1"))),
            );
            for message in step.get("send").and_then(Value::as_array).into_iter().flatten() {
                let part = |at: usize| message[at].as_str();
                match part(0) {
                    Some("Q") => found.extend(part(1).map(plain)),
                    Some("P") => found.extend(part(2).map(plain)),
                    Some("Qnul") => found.push(format!("{}\0{}", part(1).unwrap(), part(2).unwrap()).into_bytes()),
                    _ => {}
                }
            }
        }
    }
    found
}

#[test]
fn what_must_be_held_shows_why() {
    let Some(catalogue) = beside("bypass/gate.jsonl") else { return };
    let elsewhere = fixture("not_by_reading.txt");
    let elsewhere: Vec<&str> =
        elsewhere.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(|line| line.split(' ').next().unwrap()).collect();
    let mut unseen = Vec::new();
    let mut needless = Vec::new();
    let mut stale = Vec::new();
    for case in &catalogue {
        let id = case["id"].as_str().unwrap();
        let texts = texts(case);
        let all_pass = texts.iter().all(|text| passes(&sql::read(text)));
        match case["expected"].as_str().unwrap() {
            "allow" if !all_pass && !elsewhere.contains(&id) => {
                let told: Vec<_> =
                    texts.iter().map(|text| sql::read(text)).map(|facts| format!("{:?} {:?}", facts.effects, facts.opaque)).collect();
                needless.push(format!("{id}: {told:?} {}", case["steps"]));
            }
            "hold" | "deny" if all_pass && !elsewhere.contains(&id) => unseen.push(format!("{id} {}", case["steps"])),
            "hold" | "deny" if !all_pass && elsewhere.contains(&id) => stale.push(id),
            _ => {}
        }
    }
    println!("{} cases; {} cannot be told by reading", catalogue.len(), elsewhere.len());
    assert!(unseen.is_empty(), "{} pass unseen:\n{}", unseen.len(), unseen.join("\n"));
    assert!(needless.is_empty(), "{} would be held without need:\n{}", needless.len(), needless.join("\n"));
    assert!(stale.is_empty(), "can be told by reading after all: {stale:?}");
}
