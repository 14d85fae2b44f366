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
    // What people write, nobody masks.
    for (place, name) in [("/decided", "reason"), ("/approved", "reason"), ("/about/passed", "reason"), ("/about/dialogue", "question")] {
        match hold.pointer_mut(place) {
            Some(Value::Array(all)) => all.iter_mut().filter_map(Value::as_object_mut).for_each(|one| drop(one.remove(name))),
            Some(Value::Object(one)) => drop(one.remove(name)),
            Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
        }
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
