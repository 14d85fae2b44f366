//! `pgsluice mask keys`: the keys that tokens are made by.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;

use std::time::SystemTime;

use super::super::{Failure, Place};
use crate::audit::event::AuditRead;
use crate::host::ledger::Ledger;
use crate::host::mints;
use crate::host::people::{self, Capability};
use crate::host::state::{State, StateError};

#[derive(Debug, Args)]
pub(super) struct Keys {
    /// Make a new key, by which tokens are made from now on; those made by the others go on standing for their values
    #[arg(long)]
    rotate: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Keys, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let state = State::open(&command.place.local(environment)?.state)?;
    let acting = people::acting(&state, environment)?;
    acting.require(Capability::Administer)?;
    let failed = |reason: std::io::Error| StateError::Folder { folder: state.folder().to_owned(), reason };
    let mut out = std::io::stdout();
    if !command.rotate {
        let numbers = mints::numbers(state.folder()).map_err(failed)?;
        for (place, number) in numbers.iter().enumerate() {
            let newest = if place + 1 == numbers.len() { "makes tokens" } else { "opens what it made" };
            writeln!(out, "{number:<6} {newest}")?;
        }
        return Ok(());
    }
    // Before it is done: whoever did it is on the record, also where the rest fails.
    let read = AuditRead { by: acting.by(), what: "mask keys --rotate".into(), body: None };
    Ledger::open(&state)?.record(SystemTime::now(), read)?;
    let number = mints::rotate(state.folder()).map_err(failed)?;
    Ok(writeln!(out, "key {number} makes tokens from now on; a running server takes it with SIGHUP")?)
}
