//! How a record is shown: as one line, and as JSON. It knows the events' fields by their names only, so that a new field is
//! shown without a change here.

use serde_json::{Map, Value};

use crate::audit::event::Unreadable;
use crate::host::cli::terminal;
use crate::host::journal::reader::Entry;

/// The whole record: its place in the journal, then its fields, then its body.
pub(super) fn json(entry: &Entry) -> Result<Value, Unreadable> {
    let mut all = Map::new();
    all.insert("seq".to_owned(), entry.seq.into());
    all.insert("time".to_owned(), entry.time.into());
    all.insert("hash".to_owned(), entry.hash.to_string().into());
    all.insert("kind".to_owned(), entry.kind.to_string().into());
    if entry.erased {
        all.insert("erased".to_owned(), true.into());
    }
    if let Some(Value::Object(fields)) = entry.event()?.and_then(|event| serde_json::to_value(event).ok()) {
        all.extend(fields.into_iter().filter(|(name, value)| name != "kind" && !value.is_null()));
    }
    Ok(Value::Object(all))
}

/// The record in one line that is safe on a terminal.
pub(super) fn line(entry: &Entry) -> Result<String, Unreadable> {
    Ok(terminal::line(&json(entry)?.to_string()).into_owned())
}
