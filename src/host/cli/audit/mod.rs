//! `pgsluice audit …`: reads the record and looks after it, with the server running or not. What a record says is shown by
//! `render`; what makes it sound is known to `crate::audit` alone.

mod render;
mod tail;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, File, StateFolder, sources};
use crate::audit::Event;
use crate::audit::event::{AuditRead, Words};
use crate::host::config::{Flags, Local};
use crate::host::ledger::Ledger;
use crate::host::people::{self, Acting, Capability};
use crate::host::state::State;

/// More of what was asked for is not kept.
const MOST_WORDS: usize = 4096;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show the last records, and with -f those that come
    #[command(after_help = "Example:\n  pgsluice audit tail -f")]
    Tail(tail::Tail),
}

pub(super) fn run(command: Audit, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        Audit::Tail(command) => tail::run(&command, environment),
    }
}

/// Where the record lies.
#[derive(Debug, Clone, Args)]
struct Place {
    #[command(flatten)]
    state: StateFolder,
    #[command(flatten)]
    file: File,
}

impl Place {
    /// The state folder, which nothing is made in.
    fn folder(&self, environment: BTreeMap<String, String>) -> Result<PathBuf, Failure> {
        let flags = Flags { state: self.state.state.clone().map(PathBuf::from), ..Flags::default() };
        let state = Local::load(&sources(self.file.clone(), flags, environment))?.state;
        if state.join("journal").is_dir() { Ok(state) } else { Err(Failure::NoRecord(state)) }
    }
}

/// Somebody at work on the record.
struct Desk {
    folder: PathBuf,
    state: State,
    acting: Acting,
}

impl Desk {
    fn open(place: &Place, environment: BTreeMap<String, String>) -> Result<Self, Failure> {
        let folder = place.folder(environment.clone())?;
        let state = State::open(&folder)?;
        let acting = people::acting(&state, &environment)?;
        Ok(Self { state, folder, acting })
    }

    /// To be called before anything is shown: reading the record is itself on the record.
    fn reads(&self, what: &'static str) -> Result<(), Failure> {
        let asked: String = std::env::args().skip(1).collect::<Vec<_>>().join(" ").chars().take(MOST_WORDS).collect();
        self.acting.require(Capability::ReadAudit)?;
        record(&self.state, AuditRead { by: self.acting.by(), what: what.into(), body: Some(Box::new(Words { text: asked })) })
    }
}

/// Puts an event into the record; when it returns the event is on disk.
fn record(state: &State, event: impl Into<Event>) -> Result<(), Failure> {
    Ok(Ledger::open(state)?.record(SystemTime::now(), event)?)
}
