//! `pgsluice audit prune`: takes whole segments off the beginning of the record. The record says so before anything goes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;

use clap::Args;

use super::{Desk, Place, record};
use crate::audit::event::Pruned;
use crate::host::cli::Failure;
use crate::host::journal::files;
use crate::host::people::Capability;
use crate::host::sinks;
use crate::host::when;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Prune {
    /// What ended before this time goes
    #[arg(long, value_name = "WHEN")]
    before: String,
    /// Do it; without this it is only shown what would go
    #[arg(long)]
    yes: bool,
    /// Also what was not forwarded to every [[audit.forward]] yet
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Prune, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let before = when::parse(&command.before, when::now())?;
    let desk = Desk::open(&command.place, environment)?;
    let by = desk.by(Capability::Administer)?;
    let segments = desk.headers()?;
    // A segment ended when the next one began; so the last one, which is written to, never goes.
    let next = segments.iter().skip(1).take_while(|next| next.time <= before).last();
    let mut out = std::io::stdout();
    let Some(next) = next else {
        return Ok(writeln!(out, "no segment ended before {}: nothing to prune", when::show(before))?);
    };
    let last = next.first_seq.saturating_sub(1);
    if let Some(delivered) = sinks::delivered(&desk.state)?
        && delivered < last
        && !command.force
    {
        return Err(Failure::Undelivered { delivered, last });
    }
    let going: Vec<_> = segments.iter().map(|header| header.first_seq).filter(|first| *first < next.first_seq).collect();
    let first = going.first().copied().unwrap_or(1);
    let what = format!("records {first} to {last} in {} segments, up to {}", going.len(), when::show(next.time));
    if !command.yes {
        return Ok(writeln!(out, "{what} would go for good: give --yes to prune them")?);
    }
    record(&desk.state, Pruned { seq: last, hash: next.previous, before, by })?;
    let folder = desk.journal();
    // From the beginning: what is left when this is interrupted is what the record says or more.
    for first in going {
        match std::fs::remove_file(folder.join(files::segment_name(first))) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(desk.failed(error)),
            Ok(()) | Err(_) => {}
        }
    }
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| desk.failed(error))?;
    Ok(writeln!(out, "pruned {what}")?)
}
