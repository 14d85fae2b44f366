//! How a record is shown: as one line, whole, as JSON, and as a row. It knows the events' fields by their names only, so that a
//! new field is shown without a change here.

use serde_json::Value;

use crate::audit::event::Unreadable;
use crate::host::cli::terminal;
use crate::host::journal::reader::Entry;
use crate::host::reading::{PLACE, flat, json, plain};
use crate::host::when;

/// A text in a line is cut here; `show` has all of it.
const MOST_TEXT: usize = 200;
/// Digits of a digest that are shown in a line.
const DIGITS: usize = 12;
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
