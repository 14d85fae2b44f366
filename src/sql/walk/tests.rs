#![allow(clippy::wildcard_enum_match_arm, reason = "only some kinds are counted")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::children;
use crate::sql::parser::{self, tree::NodeRef};

/// Kinds that carry what is told, and fields that only they have, in the tree as its own crate writes it out.
const KINDS: &[(&str, [&str; 2])] = &[
    ("RangeVar", ["relname", "relpersistence"]),
    ("FuncCall", ["funcname", "agg_star"]),
    ("SelectStmt", ["target_list", "limit_option"]),
    ("TypeName", ["typmods", "pct_type"]),
    ("VariableSetStmt", ["is_local", "args"]),
    ("AExpr", ["lexpr", "rexpr_list_start"]),
    ("SubLink", ["sub_link_type", "testexpr"]),
    ("InsertStmt", ["cols", "on_conflict_clause"]),
    ("DeleteStmt", ["using_clause", "where_clause"]),
    ("ColumnRef", ["fields", "location"]),
];

fn written_out(value: &Value, counts: &mut BTreeMap<&'static str, usize>) {
    match value {
        Value::Object(fields) => {
            for (kind, names) in KINDS {
                if names.iter().all(|name| fields.contains_key(*name)) {
                    *counts.entry(kind).or_default() += 1;
                }
            }
            fields.values().for_each(|value| written_out(value, counts));
        }
        Value::Array(items) => items.iter().for_each(|value| written_out(value, counts)),
        _ => {}
    }
}

fn visited(top: NodeRef<'_>, counts: &mut BTreeMap<&'static str, usize>) {
    let mut work = vec![top];
    while let Some(node) = work.pop() {
        let kind = match node {
            NodeRef::RangeVar(_) => "RangeVar",
            NodeRef::FuncCall(_) => "FuncCall",
            NodeRef::SelectStmt(_) => "SelectStmt",
            NodeRef::TypeName(_) => "TypeName",
            NodeRef::VariableSetStmt(_) => "VariableSetStmt",
            NodeRef::AExpr(_) => "AExpr",
            NodeRef::SubLink(_) => "SubLink",
            NodeRef::InsertStmt(_) => "InsertStmt",
            NodeRef::DeleteStmt(_) => "DeleteStmt",
            NodeRef::ColumnRef(_) => "ColumnRef",
            _ => "",
        };
        if !kind.is_empty() {
            *counts.entry(kind).or_default() += 1;
        }
        assert_eq!(children::below(node, &mut |below| work.push(below)), Ok(()));
    }
}

/// Nothing in a tree is out of reach, wherever in it something stands.
#[test]
fn every_node_is_reached() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = std::fs::read_to_string(package.join("fixtures/sql/cases.txt")).unwrap();
    let mut texts: Vec<String> = cases.lines().filter(|line| !line.starts_with(['#', '=', '"'])).map(str::to_owned).collect();
    if let Ok(corpus) = std::fs::read_to_string(package.join("../shared/corpus/pg_regress_statements.jsonl")) {
        texts
            .extend(corpus.lines().step_by(3).map(|line| serde_json::from_str::<Value>(line).unwrap()["sql"].as_str().unwrap().to_owned()));
    }
    let mut checked = 0;
    for text in texts {
        let Ok(tree) = parser::parse(&text) else { continue };
        let (mut expected, mut reached) = (BTreeMap::new(), BTreeMap::new());
        written_out(&serde_json::to_value(&tree).unwrap(), &mut expected);
        for statement in &tree.stmts {
            visited(statement.stmt.as_ref().unwrap().node.as_ref().unwrap().to_ref(), &mut reached);
        }
        assert_eq!(reached, expected, "{text}");
        checked += 1;
    }
    assert!(checked > 400);
}
