//! `pgsluice audit tail`: the last records, and those that come.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use super::{Desk, Place, render};
use crate::host::cli::Failure;
use crate::host::journal::reader::{Entry, Reader};

/// How long after a look at the end the next one follows.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Tail {
    /// How many of the last records
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    lines: usize,
    /// Go on with those that come
    #[arg(short, long)]
    follow: bool,
    /// As JSON, a record a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Tail, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("tail")?;
    let mut reader = Reader::open(&desk.folder, 1);
    let mut last = VecDeque::new();
    while let Some(entry) = reader.next()? {
        if last.len() == command.lines {
            last.pop_front();
        }
        if command.lines > 0 {
            last.push_back(entry);
        }
    }
    last.iter().try_for_each(|entry| show(entry, command.json))?;
    while command.follow {
        match reader.next()? {
            Some(entry) => show(&entry, command.json)?,
            None => std::thread::sleep(PAUSE),
        }
    }
    Ok(())
}

fn show(entry: &Entry, json: bool) -> Result<(), Failure> {
    let text = if json { render::json(entry)?.to_string() } else { render::line(entry)? };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
