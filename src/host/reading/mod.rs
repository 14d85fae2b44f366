//! Reading single records: one by its number, and what else the record says of the same. It shows nothing and records nothing: who reads has to.

mod fields;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::journal::files;
use super::journal::reader::{Entry, ReadError, Reader};
use crate::audit::Event;
use crate::audit::event::{Answered, Begun, Decided, Ended, Held, Prepared, Refused, Revealed, Spent, Statement, Unreadable};

pub use fields::{PLACE, flat, json, plain};

#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    #[error("record {seq} was pruned: the first one is {first}")]
    Pruned { seq: u64, first: u64 },
    #[error("there is no record {0} yet")]
    NotYet(u64),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the journal: {0}")]
    Io(#[from] io::Error),
}

/// What belongs to a record, and what it is to it.
pub type Related = Vec<(&'static str, Entry)>;

/// The record of this number.
pub fn find(state: &Path, seq: u64) -> Result<Entry, NotRead> {
    match Reader::open(state, seq).next()? {
        Some(entry) if entry.seq == seq => Ok(entry),
        Some(entry) => Err(NotRead::Pruned { seq, first: entry.seq }),
        None => Err(NotRead::NotYet(seq)),
    }
}

/// The statement that a record speaks of.
pub fn statement(event: &Event) -> Option<&Statement> {
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
pub fn execution(event: &Event) -> Option<(u64, u64)> {
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
pub fn scan(state: &Path, first: u64, mut visit: impl FnMut(Entry, Event) -> ControlFlow<()>) -> Result<(), NotRead> {
    let mut reader = Reader::open(state, first);
    while let Some(entry) = reader.next()? {
        if let Some(event) = entry.event()?
            && visit(entry, event).is_break()
        {
            break;
        }
    }
    Ok(())
}

/// What else the record says of the same: of an execution its beginning and its end, who it was, the text, the decisions; of a body that is gone,
/// its erasure.
pub fn related(state: &Path, entry: &Entry) -> Result<Related, NotRead> {
    let mut found = Related::new();
    let Some(event) = entry.event()? else { return Ok(found) };
    if entry.erased {
        scan(state, entry.seq, |other, event| {
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
    scan(state, session, |other, event| {
        if other.seq == session || matches!(&event, Event::Continued(continued) if continued.session == session) {
            found.push(("session", other));
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    // An end comes soon behind its beginning, and so it is looked for by segments, from the record's own one backwards.
    let segments = files::segments(&state.join("journal"))?;
    let mut home = segments.iter().rev().find(|first| **first <= entry.seq).copied().unwrap_or(1);
    if matches!(event, Event::Ended(_) | Event::Spent(_)) {
        for first in segments.iter().rev().filter(|first| **first <= entry.seq) {
            let mut beginning = None;
            scan(state, *first, |other, event| {
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
        scan(state, entry.seq.saturating_add(1), |other, event| {
            let ends = matches!(&event, Event::Ended(ended) if (ended.session, ended.number) == (session, number));
            let over = matches!(&event, Event::SignedOut(out) if out.session == session);
            if ends {
                found.push(("end", other));
            }
            if ends || over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    if let Some(shape) = shape {
        scan(state, home, |other, event| {
            let text = matches!(&event, Event::ShapeMet(met) if met.shape == shape);
            if text {
                found.push(("shape", other));
            }
            if text { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
    }
    if let Some(held) = held {
        scan(state, 1, |other, event| {
            if other.seq != entry.seq && execution(&event) != Some((session, number)) && hold(&event) == Some(held) {
                found.push(("decision", other));
            }
            ControlFlow::Continue(())
        })?;
    }
    Ok(found)
}
