//! `pgsluice audit show`: one record whole, and what belongs to it: of an execution its beginning and its end, who it was, the
//! text, the decisions; of a body that is gone, who erased it and why.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;

use clap::Args;
use serde_json::{Map, Value};

use super::{Desk, Place, render};
use crate::audit::Event;
use crate::audit::event::{Answered, Begun, Decided, Ended, Held, Prepared, Refused, Revealed, Spent, Statement};
use crate::host::cli::{Failure, terminal};
use crate::host::journal::files;
use crate::host::journal::reader::{Entry, Reader};
use crate::host::when;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Show {
    /// The record's number
    #[arg(value_name = "SEQ")]
    seq: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// What belongs to a record, and what it is to it.
type Related = Vec<(&'static str, Entry)>;

pub(super) fn run(command: &Show, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("show")?;
    let entry = find(&desk, command.seq)?;
    let related = related(&desk, &entry)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", Value::Object(as_json(&entry, &related)?))?);
    }
    out.write_all(render::whole(&entry)?.as_bytes())?;
    for (what, other) in &related {
        if let ("erasure", Some(Event::Erased(erased))) = (*what, other.event()?) {
            let reason = erased.body.map_or_else(|| "(the reason was erased)".to_owned(), |body| body.text);
            let line = format!("body erased on {} by {} because {reason} (record {})", when::show(other.time), erased.by, other.seq);
            writeln!(out, "  {}", terminal::line(&line))?;
        }
    }
    for (what, other) in related.iter().filter(|(what, _)| *what != "erasure") {
        write!(out, "\n{what}: {}", render::whole(other)?)?;
    }
    Ok(())
}

fn as_json(entry: &Entry, related: &Related) -> Result<Map<String, Value>, Failure> {
    let mut all = render::json(entry)?;
    let mut others: Map<String, Value> = Map::new();
    for (what, other) in related {
        let list = others.entry((*what).to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::Object(render::json(other)?));
        }
    }
    all.insert("related".to_owned(), Value::Object(others));
    Ok(all)
}

/// The record of this number.
pub(super) fn find(desk: &Desk, seq: u64) -> Result<Entry, Failure> {
    match Reader::open(&desk.folder, seq).next()? {
        Some(entry) if entry.seq == seq => Ok(entry),
        Some(entry) => Err(Failure::NoSuchRecord(format!("record {seq} was pruned: the first one is {}", entry.seq))),
        None => Err(Failure::NoSuchRecord(format!("there is no record {seq} yet"))),
    }
}

/// The statement that a record speaks of.
pub(super) fn statement(event: &Event) -> Option<&Statement> {
    if let Event::Begun(Begun { statement, .. })
    | Event::Prepared(Prepared { statement, .. })
    | Event::Refused(Refused { statement, .. })
    | Event::Held(Held { statement, .. }) = event
    {
        return Some(statement);
    }
    None
}

/// The execution that a record is part of.
pub(super) fn execution(event: &Event) -> Option<(u64, u64)> {
    if let Event::Ended(Ended { session, number, .. }) | Event::Spent(Spent { session, number, .. }) = event {
        return Some((*session, *number));
    }
    statement(event).map(|statement| (statement.session, statement.number))
}

/// The hold that a record is about.
fn hold(event: &Event) -> Option<u64> {
    if let Event::Held(Held { hold, .. })
    | Event::Decided(Decided { hold, .. })
    | Event::Spent(Spent { hold, .. })
    | Event::Revealed(Revealed { hold, .. })
    | Event::Answered(Answered { hold, .. }) = event
    {
        return Some(*hold);
    }
    statement(event).and_then(|statement| statement.hold)
}

/// Calls `visit` with the records from `first` on.
pub(super) fn scan(desk: &Desk, first: u64, mut visit: impl FnMut(Entry, Event) -> ControlFlow<()>) -> Result<(), Failure> {
    let mut reader = Reader::open(&desk.folder, first);
    while let Some(entry) = reader.next()? {
        if let Some(event) = entry.event()?
            && visit(entry, event).is_break()
        {
            break;
        }
    }
    Ok(())
}

fn related(desk: &Desk, entry: &Entry) -> Result<Related, Failure> {
    let mut found = Related::new();
    let Some(event) = entry.event()? else { return Ok(found) };
    if entry.erased {
        scan(desk, entry.seq, |other, event| {
            let erases = matches!(&event, Event::Erased(erased) if erased.seq == entry.seq);
            if erases {
                found.push(("erasure", other));
            }
            if erases { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    let Some((session, number)) = execution(&event) else { return Ok(found) };
    let mut shape = statement(&event).map(|statement| statement.shape);
    let mut held = hold(&event);
    // Who it was stands at the session's beginning, or at the beginning of the first segment that is left.
    scan(desk, session, |other, event| {
        if other.seq == session || matches!(&event, Event::Continued(continued) if continued.session == session) {
            found.push(("session", other));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    // An end comes soon behind its beginning, and so it is looked for by segments, from the record's own one backwards.
    let segments = files::segments(&desk.journal())?;
    let mut home = segments.iter().rev().find(|first| **first <= entry.seq).copied().unwrap_or(1);
    if matches!(event, Event::Ended(_) | Event::Spent(_)) {
        for first in segments.iter().rev().filter(|first| **first <= entry.seq) {
            let mut beginning = None;
            scan(desk, *first, |other, event| {
                if execution(&event) == Some((session, number)) && other.seq < entry.seq && statement(&event).is_some() {
                    (shape, held) = (statement(&event).map(|statement| statement.shape), hold(&event));
                    beginning = Some(other);
                } else if other.seq >= entry.seq {
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            if let Some(beginning) = beginning {
                found.push(("beginning", beginning));
                home = *first;
                break;
            }
            if *first <= session {
                break;
            }
        }
    } else {
        scan(desk, entry.seq.saturating_add(1), |other, event| {
            let ends = matches!(&event, Event::Ended(ended) if (ended.session, ended.number) == (session, number));
            let over = matches!(&event, Event::SignedOut(out) if out.session == session);
            if ends {
                found.push(("end", other));
            }
            if ends || over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    if let Some(shape) = shape {
        scan(desk, home, |other, event| {
            let text = matches!(&event, Event::ShapeMet(met) if met.shape == shape);
            if text {
                found.push(("shape", other));
            }
            if text { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    if let Some(held) = held {
        scan(desk, 1, |other, event| {
            if other.seq != entry.seq && execution(&event) != Some((session, number)) && hold(&event) == Some(held) {
                found.push(("decision", other));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}
