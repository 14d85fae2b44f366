//! The record of a state folder, read back as a reader of it would.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a harness fails by panicking, and each test uses a part of it")]

use std::path::Path;

use pgsluice::audit::event::{Begun, Ended, Event, Outcome, Prepared, Refused, Statement, Way};
use pgsluice::audit::verify::{Findings, Trust, Verifier};
use pgsluice::host::journal::files;
use pgsluice::host::journal::reader::{Entry, Reader};

/// Everything that was written so far.
pub fn all(state: &Path) -> Vec<(Entry, Event)> {
    from(state, 1)
}

/// Everything from this record on.
pub fn from(state: &Path, seq: u64) -> Vec<(Entry, Event)> {
    let mut reader = Reader::open(state, seq);
    let mut found = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        let event = entry.event().unwrap().unwrap();
        found.push((entry, event));
    }
    found
}

/// The check of the whole journal.
pub fn verify(state: &Path) -> Findings {
    let folder = state.join("journal");
    let names = files::segments(&folder).unwrap();
    let mut verifier = Verifier::new(Trust::default());
    for name in &names {
        let bytes = std::fs::read(folder.join(files::segment_name(*name))).unwrap();
        verifier.segment(*name, &mut bytes.as_slice(), Some(name) == names.last()).unwrap();
    }
    verifier.finish()
}

/// What a record says of a statement, if it is of one that was sent or refused.
pub fn statement(event: &Event) -> Option<&Statement> {
    match event {
        Event::Begun(Begun { statement, .. }) | Event::Prepared(Prepared { statement, .. }) | Event::Refused(Refused { statement, .. }) => {
            Some(statement)
        }
        _ => None,
    }
}

/// The session that a record is of.
pub fn session(entry: &Entry, event: &Event) -> Option<u64> {
    match event {
        Event::SignedIn(_) => Some(entry.seq),
        Event::Ended(ended) => Some(ended.session),
        Event::SignedOut(out) => Some(out.session),
        event => statement(event).map(|statement| statement.session),
    }
}

fn way(way: Way) -> String {
    format!("{way:?}").to_lowercase()
}

fn about(statement: &Statement) -> String {
    let mut text = format!("{} {}", statement.number, way(statement.way));
    if statement.parameters > 0 {
        text += &format!(" given {}", statement.parameters);
    }
    if statement.in_transaction {
        text += " in transaction";
    }
    text
}

fn end(ended: &Ended) -> String {
    let mut text = format!("{} {}", ended.number, format!("{:?}", ended.outcome).to_lowercase());
    if let Some(command) = &ended.command {
        text += &format!(" {command}");
    }
    for (name, value) in [("rows", Some(ended.rows)), ("received", Some(ended.received)), ("affected", ended.affected)] {
        if let Some(value) = value.filter(|value| *value > 0) {
            text += &format!(" {name} {value}");
        }
    }
    if let Some(commands) = ended.commands {
        text += &format!(" commands {commands}");
    }
    if let Some(code) = &ended.code {
        text += &format!(" {code}");
    }
    // What no row left has no bytes, and what took part has a duration.
    assert!(ended.rows == 0 || ended.bytes > 0, "{ended:?}");
    assert!(ended.duration.is_some() || matches!(ended.outcome, Outcome::Skipped | Outcome::Failed | Outcome::Unknown), "{ended:?}");
    text
}

/// What the record says of statements, a line each.
pub fn story(events: &[(Entry, Event)]) -> Vec<String> {
    let line = |event: &Event| match event {
        Event::Begun(event) => Some(format!("begun {}", about(&event.statement))),
        Event::Prepared(event) => Some(format!("prepared {}", about(&event.statement))),
        Event::Refused(event) => Some(format!("refused {} {}", about(&event.statement), event.code)),
        Event::Ended(event) => Some(format!("ended {}", end(event))),
        Event::SignedOut(event) => {
            let code = event.code.as_ref().map_or_else(String::new, |code| format!(" {code}"));
            Some(format!("signed out after {}{code}", event.executions))
        }
        _ => None,
    };
    events.iter().filter_map(|(_, event)| line(event)).collect()
}
