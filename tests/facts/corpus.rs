//! PostgreSQL's own regression statements, each with the kind of its node, and texts that parsers were found to disagree on, with what a
//! server did.

use std::collections::BTreeMap;

use pgsluice::sql;
use pgsluice::sql::effect::EffectSet;
use pgsluice::sql::facts::Opaque;

use super::{beside, effects, fixture};

struct Expected {
    kinds: Vec<String>,
    always: EffectSet,
    all: EffectSet,
}

fn expected() -> BTreeMap<String, Expected> {
    let text = fixture("node_effects.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split('|').map(str::trim).collect();
            let [node, kinds, always, maybe] = parts[..] else { panic!("{line}") };
            let kinds = kinds.split(", ").map(str::to_owned).collect();
            (node.to_owned(), Expected { kinds, always: effects(always), all: effects(always) | effects(maybe) })
        })
        .collect()
}

/// One statement stays one, of the kind and with the effects that its node has; nothing is opaque but what runs a prepared statement, and the
/// second reader disputes less than one in a thousand.
#[test]
fn regression_statements_have_the_effects_of_their_nodes() {
    let Some(corpus) = beside("corpus/pg_regress_statements.jsonl") else { return };
    let expected = expected();
    let mut wrong = Vec::new();
    let mut opaque: BTreeMap<String, usize> = BTreeMap::new();
    let mut foreign: BTreeMap<String, usize> = BTreeMap::new();
    for case in &corpus {
        let (node, text) = (case["node"].as_str().unwrap(), case["sql"].as_str().unwrap());
        let facts = sql::read(text.as_bytes());
        if let Some(reason) = facts.opaque {
            *opaque.entry(format!("{reason:?}")).or_default() += 1;
        }
        let Some(expected) = expected.get(node) else { panic!("no effects are written down for {node}") };
        let [statement] = &facts.statements[..] else {
            wrong.push(format!("{} statements in: {text}", facts.statements.len()));
            continue;
        };
        let right = expected.kinds.iter().any(|kind| kind == statement.kind)
            && expected.always.is_within(facts.effects)
            && facts.effects.is_within(expected.all)
            && !facts.effects.is_empty();
        if !right {
            wrong.push(format!("{node} read as {} with {:?}: {text}", statement.kind, facts.effects));
        }
        for function in statement.functions.iter().filter(|function| !function.initdb) {
            *foreign.entry(function.name.name.to_string()).or_default() += 1;
        }
    }
    println!("{} statements, {} functions not of initdb, opaque: {opaque:?}", corpus.len(), foreign.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), corpus.len(), wrong[..wrong.len().min(20)].join("\n"));
    let prepared = opaque.remove(&format!("{:?}", Opaque::Prepared)).unwrap_or(0);
    assert!(prepared < 400);
    let disputes: usize = opaque.values().sum();
    assert!(disputes * 1000 < corpus.len(), "{opaque:?}");
}

/// The statements are counted as the server counted them, and what it could not read is opaque. With
/// `standard_conforming_strings = off` it would be otherwise; nobody can turn that off.
#[test]
fn differentials_are_counted_as_the_server_did() {
    let differentials: Vec<serde_json::Value> =
        fixture("differentials.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(differentials.len(), 234);
    let mut disputed = 0;
    for case in &differentials {
        let text = case["sql"].as_str().unwrap();
        let facts = sql::read(text.as_bytes());
        if case["scs_off"].as_bool() == Some(true) {
            continue;
        }
        let tags: Vec<&str> =
            case["tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap()).filter(|tag| *tag != "<empty>").collect();
        let error = case["error"].as_str();
        disputed += usize::from(matches!(facts.opaque, Some(Opaque::DisputedNumber | Opaque::DisputedKind)));
        match error {
            None => {
                assert_eq!(facts.statements.len(), tags.len(), "{text}");
                for (statement, tag) in facts.statements.iter().zip(&tags) {
                    assert!(tag_fits(statement.kind, tag), "{} is not {tag}: {text}", statement.kind);
                }
            }
            // It stopped at one of them, after the ones that have tags; or it read none.
            Some(error) => {
                assert!(facts.opaque.is_some() || facts.statements.len() > tags.len(), "{error}: {text}");
                if facts.opaque == Some(Opaque::Grammar) {
                    assert!(tags.is_empty(), "the server ran a part of it: {text}");
                }
            }
        }
    }
    println!("second reader disputes {disputed} of 234");
    assert!(disputed > 0, "the second reader was not asked");
}

/// A command tag tells what ran. What EXPLAIN or a cursor ran is told by its rows.
fn tag_fits(kind: &str, tag: &str) -> bool {
    let tag = tag.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == ' ');
    tag.starts_with(kind)
        || match kind {
            "SELECT" => tag.starts_with("SELECT"),
            "CREATE TABLE AS" => tag == "SELECT" || tag.starts_with("CREATE TABLE"),
            "CREATE MATERIALIZED VIEW" => tag == "SELECT",
            // Outside of a transaction.
            "PREPARE TRANSACTION" => tag == "ROLLBACK",
            _ => false,
        }
}
