//! PostgreSQL's own regression statements, as they stand beside the checkout, and a session of psql that runs one file of them. What psql
//! itself was told in those files, and the data of their COPYs, is not among them: many statements fail, and must fail alike.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each test uses a part of it, and a harness fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pgsluice::sql;
use pgsluice::sql::facts::{CopyTarget, Direction};

/// What stands between two statements in the output; no statement prints it.
const MARK: &str = "==pgsluice-statement==";
const LIMIT: Duration = Duration::from_secs(200);

pub fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[derive(Debug)]
pub struct File {
    pub name: String,
    pub statements: Vec<String>,
    /// The node that PostgreSQL's grammar made of each.
    pub nodes: Vec<String>,
}

/// The files in the order they are run in: what others build on first. `None`, and a word about it, where they are not there.
pub fn files() -> Option<Vec<File>> {
    let path = package().join("../shared/corpus/pg_regress_statements.jsonl");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    let mut files: Vec<File> = Vec::new();
    for line in text.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let word = |key: &str| case[key].as_str().unwrap().to_owned();
        if files.last().is_none_or(|file| file.name != word("file")) {
            files.push(File { name: word("file"), statements: Vec::new(), nodes: Vec::new() });
        }
        let file = files.last_mut().unwrap();
        file.statements.push(word("sql"));
        file.nodes.push(word("node"));
    }
    // A stable sort: the rest stays as it was.
    files.sort_by_key(|file| match file.name.as_str() {
        "test_setup.sql" => 0,
        name if name.starts_with("create_") => 1,
        _ => 2,
    });
    Some(files)
}

/// Whether psql reads data after the statement.
pub fn awaits_data(statement: &str) -> bool {
    let facts = sql::read(statement.as_bytes());
    let mut copies = facts.statements.iter().filter_map(|statement| statement.copy.as_ref());
    copies.any(|copy| copy.direction == Direction::In && copy.target == CopyTarget::Client)
}

/// Runs the statements of a file in one session, and gives what psql says to each.
pub fn session(file: &File, url: &str) -> Vec<String> {
    let mut script = String::new();
    for statement in &file.statements {
        let data = if awaits_data(statement) { "\\.\n" } else { "" };
        writeln!(script, "{statement}\n;\n{data}\\echo {MARK}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.sql");
    std::fs::write(&path, script).unwrap();
    let mut shell = Command::new("sh");
    // Standard input, so that no message begins with the place in a file; one output for rows and errors, in the order they come.
    shell.args(["-c", "exec psql -X -q -d \"$1\" <\"$2\" 2>&1 | cat", "psql", url]).arg(&path);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PG") && !name.starts_with("PGSLUICE")) {
        shell.env_remove(name);
    }
    shell.env("PGTZ", "America/Los_Angeles").env("PGDATESTYLE", "Postgres, MDY").env("LC_ALL", "C.UTF-8");
    let output = super::support::run_within(&mut shell, LIMIT);
    let mut parts: Vec<String> = output.split(&format!("{MARK}\n")).map(str::to_owned).collect();
    // What follows the last mark.
    let rest = parts.pop().unwrap();
    if !rest.trim().is_empty() {
        parts.push(rest);
    }
    parts
}

/// The lines of a list of what is known, up to the two spaces before the reason.
pub fn listed(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(package().join("fixtures/gate").join(name)).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once("  ").unwrap_or_else(|| panic!("no reason is given: {line}")).0.to_owned()).collect()
}
