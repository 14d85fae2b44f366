//! What a server was asked, out of its log, and the files that keep it: statements, each with what was bound to it, between lines of `-- ;`.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::support::{self, Cluster};

const END: &str = "\n-- ;\n";
const BOUND: &str = "-- bound: ";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    pub sql: String,
    /// Of the extended protocol; `None` is a simple query.
    pub bound: Option<Vec<Option<String>>>,
}

pub fn begin(cluster: &Cluster, database: &str) {
    let settings =
        format!("ALTER SYSTEM SET log_line_prefix = '@%d@'; ALTER DATABASE {database} SET log_statement = 'all'; SELECT pg_reload_conf()");
    support::sql(&cluster.url("postgres"), &settings);
}

/// What this database was asked since, each thing once.
pub fn end(cluster: &Cluster, database: &str) -> Vec<Asked> {
    let log = std::fs::read_to_string(cluster.variable(&format!("PG{}_LOG", cluster.major))).unwrap();
    let prefix = format!("@{database}@");
    let mut asked: Vec<Asked> = Vec::new();
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        match line.strip_prefix('\t') {
            Some(more) if !entries.is_empty() => write!(entries.last_mut().unwrap(), "\n{more}").unwrap(),
            _ => entries.push(line.to_owned()),
        }
    }
    for entry in entries.iter().filter_map(|entry| entry.strip_prefix(&prefix)) {
        if let Some(sql) = entry.strip_prefix("LOG:  statement: ") {
            asked.push(Asked { sql: sql.to_owned(), bound: None });
        } else if let Some(rest) = entry.strip_prefix("LOG:  execute ") {
            asked.push(Asked { sql: rest.split_once(": ").unwrap().1.to_owned(), bound: Some(Vec::new()) });
        } else if let Some(values) = entry.strip_prefix("DETAIL:  parameters: ") {
            asked.last_mut().unwrap().bound = Some(parameters(values));
        }
    }
    let mut seen = HashSet::new();
    asked.retain(|one| !one.sql.trim().is_empty() && seen.insert(one.clone()));
    asked
}

/// `$1 = 'it''s', $2 = NULL`
fn parameters(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        if let Some(after) = value.strip_prefix("NULL") {
            values.push(None);
            rest = after;
            continue;
        }
        let inside = value.strip_prefix('\'').unwrap();
        let mut end = 0;
        // A quote that is not doubled ends it.
        loop {
            end += inside[end..].find('\'').unwrap();
            if !inside[end + 1..].starts_with('\'') {
                break;
            }
            end += 2;
        }
        values.push(Some(inside[..end].replace("''", "'")));
        rest = &inside[end + 1..];
    }
    values
}

pub fn written(asked: &[Asked]) -> String {
    let mut text = String::new();
    for Asked { sql, bound } in asked {
        if let Some(bound) = bound {
            writeln!(text, "{BOUND}{}", serde_json::json!(bound)).unwrap();
        }
        write!(text, "{sql}{END}").unwrap();
    }
    text
}

pub fn read(text: &str) -> Vec<Asked> {
    let statements = text.split(END).filter(|statement| !statement.is_empty());
    statements
        .map(|statement| match statement.strip_prefix(BOUND).and_then(|rest| rest.split_once('\n')) {
            Some((bound, sql)) => Asked { sql: sql.to_owned(), bound: Some(serde_json::from_str(bound).unwrap()) },
            None => Asked { sql: statement.to_owned(), bound: None },
        })
        .collect()
}
