//! `pgsluice audit reindex`: the index built again from the journal; and, before a search, brought up to date.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Desk, Place};
use crate::host::cli::Failure;
use crate::host::index::Index;
use crate::host::index::keep::{self, Progress};
use crate::host::people::Capability;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Reindex {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Reindex, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    desk.by(Capability::ReadAudit)?;
    let bar = bar("building the index");
    keep::reindex(&desk.folder, |progress| show(&bar, progress))?;
    bar.finish_and_clear();
    let last = Index::open(&desk.folder)?.last_seq()?;
    Ok(writeln!(io::stdout(), "the index was built again, up to record {last}")?)
}

/// The index, with what the journal has.
pub(super) fn fresh(desk: &Desk) -> Result<Index, Failure> {
    let bar = bar("bringing the index up to date");
    let caught_up = keep::catch_up(&desk.folder, |progress| show(&bar, progress));
    bar.finish_and_clear();
    caught_up?;
    Ok(Index::open(&desk.folder)?)
}

/// A bar where somebody sees it. It appears with the first batch, so that nothing flickers.
fn bar(what: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} records, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style).with_message(what)
}

fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.end.max(progress.seq));
    bar.set_position(progress.seq);
}
