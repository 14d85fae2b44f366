//! `pgsluice notices`: messages about holds that never arrived where they were to go. The running server keeps them; this shows them, and forgets
//! those that people have seen.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;

use super::{Failure, Place, agent};
use crate::host::notify::{Dead, Store};
use crate::host::people::{self, Capability};
use crate::host::state::State;

#[derive(Debug, Args)]
pub(super) struct Notices {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Forget them; whoever administers does that
    #[arg(long)]
    clear: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Notices, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let Notices { json, clear, place } = command;
    let state = State::open(&place.local(environment)?.state)?;
    let store = Store::open(&state)?;
    if clear {
        people::acting(&state, environment)?.require(Capability::Administer)?;
        let count = store.clear_dead()?;
        return Ok(writeln!(std::io::stdout(), "{count} forgotten")?);
    }
    let dead = store.dead()?;
    let mut out = std::io::stdout();
    if json {
        let json = serde_json::to_string(&dead).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{json}")?);
    }
    if dead.is_empty() {
        eprintln!("pgsluice: every message arrived, or is still tried");
        return Ok(());
    }
    let mut rows = vec![["HOLD", "PLACE", "AGENT", "WHY"].map(str::to_owned)];
    rows.extend(dead.into_iter().map(|Dead { place, hold, agent, trouble }| [hold, place, agent, trouble]));
    Ok(out.write_all(agent::aligned(&rows).as_bytes())?)
}
