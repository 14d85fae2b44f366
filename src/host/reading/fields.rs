//! The fields of a record, by their names only, so that a new one is shown without a change here.

use serde_json::{Map, Value};

use crate::audit::event::Unreadable;
use crate::host::journal::reader::Entry;
use crate::host::when;

/// Fields that are parts of a record and not what it says.
pub const PLACE: [&str; 4] = ["seq", "time", "hash", "kind"];

/// The whole record: its place in the journal, then its fields, then its body.
pub fn json(entry: &Entry) -> Result<Map<String, Value>, Unreadable> {
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
pub fn flat(fields: Map<String, Value>) -> Map<String, Value> {
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
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}
