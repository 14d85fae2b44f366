//! A hold as a program is told of it, in the form that Standard Webhooks proposes: a type, a time and the data.

use serde_json::{Value, json};

use super::telling::Telling;
use crate::host::web::Shown;

/// Receivers take a megabyte and more; a statement that is longer than this is to be asked for.
const MOST_BYTES: usize = 256 << 10;

/// Holds of a digest that are named; the list has all.
const MOST_NAMED: usize = 100;

pub fn message(telling: &Telling, time: &str) -> Value {
    let kind = match (telling.shown.state.as_str(), telling.is_open()) {
        (_, true) if telling.is_second => "hold.escalated",
        (_, true) => "hold.opened",
        ("expired", _) => "hold.expired",
        ("withdrawn", _) => "hold.withdrawn",
        _ if telling.shown.decided.as_ref().is_some_and(|decided| decided.approved) => "hold.approved",
        _ => "hold.denied",
    };
    let whole = event(kind, time, &telling.shown, &telling.link, false);
    if whole.to_string().len() <= MOST_BYTES {
        return whole;
    }
    let mut shown = telling.shown.clone();
    shown.about.statement = None;
    event(kind, time, &shown, &telling.link, true)
}

fn event(kind: &str, time: &str, shown: &Shown, link: &str, left_out: bool) -> Value {
    let mut hold = json!(shown);
    if let Some(decided) = hold.get_mut("decided").and_then(Value::as_object_mut) {
        // Written for the agent; nobody masks it.
        decided.remove("reason");
    }
    json!({"type": kind, "timestamp": time, "data": {"hold": hold, "link": link, "statement_left_out": left_out}})
}

/// Many holds of one agent.
pub fn digest(agent: &str, holds: &[String], since: &str, link: &str, time: &str) -> Value {
    let some = holds.get(..MOST_NAMED).unwrap_or(holds);
    json!({
        "type": "holds.digest",
        "timestamp": time,
        "data": {"agent": agent, "count": holds.len(), "since": since, "holds": some, "link": link},
    })
}
