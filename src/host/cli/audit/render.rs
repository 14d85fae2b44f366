//! How a record is shown: as one line, whole, as JSON, and as a row. It knows the events' fields by their names only, so that a
//! new field is shown without a change here.

use serde_json::{Map, Value};

use crate::audit::event::Unreadable;
use crate::host::cli::terminal;
use crate::host::journal::reader::Entry;
use crate::host::when;

/// A text in a line is cut here; `show` has all of it.
const MOST_TEXT: usize = 200;
/// Digits of a digest that are shown in a line.
const DIGITS: usize = 12;
/// Fields that are parts of a record and not what it says.
const PLACE: [&str; 4] = ["seq", "time", "hash", "kind"];

/// The columns of a row, in order; what has no column is in the last one, as JSON.
pub(super) const COLUMNS: [&str; 42] = [
    "seq",
    "time",
    "kind",
    "session",
    "number",
    "agent",
    "owner",
    "environment",
    "database",
    "role",
    "address",
    "application",
    "by",
    "way",
    "shape",
    "text",
    "masked",
    "relations",
    "digest",
    "length",
    "parameters",
    "in_transaction",
    "verdict",
    "effects",
    "rule",
    "policy",
    "hold",
    "decision",
    "outcome",
    "code",
    "duration",
    "rows",
    "bytes",
    "received",
    "affected",
    "command",
    "commands",
    "what",
    "tags",
    "erased",
    "hash",
    "more",
];

/// The whole record: its place in the journal, then its fields, then its body.
pub(super) fn json(entry: &Entry) -> Result<Map<String, Value>, Unreadable> {
    let mut all = Map::new();
    all.insert("seq".to_owned(), entry.seq.into());
    all.insert("time".to_owned(), when::show(entry.time).into());
    all.insert("kind".to_owned(), entry.kind.to_string().into());
    all.insert("hash".to_owned(), entry.hash.to_string().into());
    if entry.erased {
        all.insert("erased".to_owned(), true.into());
    }
    if let Some(Value::Object(fields)) = entry.event()?.and_then(|event| serde_json::to_value(event).ok()) {
        for (name, value) in fields.into_iter().filter(|(name, value)| name != "kind" && !value.is_null()) {
            // What it says of another record, or of another time, is not to be taken for its own.
            let name = if PLACE.contains(&name.as_str()) { format!("about_{name}") } else { name };
            all.insert(name, value);
        }
    }
    Ok(all)
}

/// The fields of a record without the groups they stand in. What a group and the record itself both have is the record's.
fn flat(fields: Map<String, Value>) -> Map<String, Value> {
    let mut all = Map::new();
    let mut groups = Vec::new();
    for (name, value) in fields {
        match value {
            Value::Object(group) => groups.push(group),
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => drop(all.insert(name, value)),
        }
    }
    for group in groups {
        for (name, value) in flat(group) {
            all.entry(name).or_insert(value);
        }
    }
    all
}

/// A value as people write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// The record in one line that is safe on a terminal.
pub(super) fn line(entry: &Entry) -> Result<String, Unreadable> {
    let mut text = format!("{} {:>8} {:<14}", when::show(entry.time), entry.seq, entry.kind);
    for (name, value) in flat(json(entry)?).into_iter().filter(|(name, _)| !PLACE.contains(&name.as_str())) {
        let empty = matches!(&value, Value::Array(all) if all.is_empty()) || value == Value::Bool(false);
        if empty {
            continue;
        }
        let shown = plain(&value);
        let digest = shown.len() >= 32 && shown.bytes().all(|byte| byte.is_ascii_hexdigit());
        let most = if digest { DIGITS } else { MOST_TEXT };
        let cut: String = shown.chars().take(most).collect();
        let mark = if cut.len() < shown.len() && !digest { "…" } else { "" };
        let quoted = cut.contains(char::is_whitespace);
        text.push_str(&if quoted { format!(" {name}=\"{cut}{mark}\"") } else { format!(" {name}={cut}{mark}") });
    }
    Ok(terminal::line(text.trim_end()).into_owned())
}

/// The record in lines, a field a line.
pub(super) fn whole(entry: &Entry) -> Result<String, Unreadable> {
    let mut text = format!("record {}: {}, {}\n", entry.seq, entry.kind, when::show(entry.time));
    for (name, value) in flat(json(entry)?).into_iter().filter(|(name, _)| !["seq", "time", "kind"].contains(&name.as_str())) {
        let shown = plain(&value).replace('\n', &format!("\n{:18}", ""));
        text.push_str(&format!("  {name:<15} {}\n", terminal::lines(&shown)));
    }
    Ok(text)
}

/// The record as a row of a CSV file. `known` has fields that other records gave, for those that this one has not.
pub(super) fn row(entry: &Entry, known: impl Fn(&str) -> Option<String>) -> Result<String, Unreadable> {
    let mut fields = flat(json(entry)?);
    let mut cells = Vec::with_capacity(COLUMNS.len());
    for name in COLUMNS {
        let value = match fields.remove(name) {
            Some(value) => plain(&value),
            None if name == "more" && !fields.is_empty() => Value::Object(std::mem::take(&mut fields)).to_string(),
            None => known(name).unwrap_or_default(),
        };
        cells.push(terminal::cell(&value).into_owned());
    }
    Ok(cells.join(","))
}
