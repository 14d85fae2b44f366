//! `pgsluice audit tail`: the last records, and those that come.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::time::Duration;

use clap::Args;

use super::{Desk, Place, render};
use crate::host::cli::Failure;
use crate::host::journal::files;
use crate::host::journal::reader::{Entry, Reader};
use crate::host::reading;

/// How long after a look at the end the next one follows.
const PAUSE: Duration = Duration::from_millis(100);
/// So many records are held at once.
const MOST: usize = 100_000;

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
    let (last, mut reader) = last(&desk, command.lines.min(MOST))?;
    last.iter().try_for_each(|entry| show(entry, command.json))?;
    if !command.follow {
        return Ok(());
    }
    loop {
        match reader.next()? {
            Some(entry) => show(&entry, command.json)?,
            None => std::thread::sleep(PAUSE),
        }
    }
}

/// The last records, and the reader that goes on behind them. As few segments are read as have so many records.
fn last(desk: &Desk, count: usize) -> Result<(VecDeque<Entry>, Reader), Failure> {
    let segments = files::segments(&desk.journal())?;
    let mut wanted = 1;
    loop {
        let first = segments.iter().rev().take(wanted).next_back().copied().unwrap_or(1);
        let mut reader = Reader::open(&desk.folder, first);
        let mut last = VecDeque::new();
        while let Some(entry) = reader.next()? {
            if last.len() == count {
                last.pop_front();
            }
            if count > 0 {
                last.push_back(entry);
            }
        }
        if last.len() == count || wanted >= segments.len() {
            return Ok((last, reader));
        }
        wanted = wanted.saturating_mul(2);
    }
}

fn show(entry: &Entry, json: bool) -> Result<(), Failure> {
    let text = if json { serde_json::Value::Object(reading::json(entry)?).to_string() } else { render::line(entry)? };
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
