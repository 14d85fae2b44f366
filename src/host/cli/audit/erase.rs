//! `pgsluice audit erase`: takes what somebody wrote out of the record. The record says so first; then the body is overwritten
//! where it lies, and the chain, which covers only a commitment to it, still holds. Run again, it completes what was interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;

use clap::Args;

use super::{Desk, Place, record};
use crate::audit::Event;
use crate::audit::event::{Erased, Words};
use crate::audit::record::{HEAD, LONGEST, Record};
use crate::audit::segment::HEADER;
use crate::host::cli::Failure;
use crate::host::journal::files;
use crate::host::people::Capability;
use crate::host::reading;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Erase {
    /// The record's number
    #[arg(value_name = "SEQ")]
    seq: u64,
    /// Why; it stays on the record
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Erase, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    let by = desk.by(Capability::Administer)?;
    let mut targets = Targets::find(&desk, command.seq)?;
    if targets.bodies.is_empty() {
        return Err(Failure::NothingToErase(command.seq));
    }
    targets.bodies.retain(|seq| !targets.erased.contains(seq));
    let mut out = std::io::stdout();
    if targets.bodies.is_empty() {
        return Ok(writeln!(out, "record {}: everything of it is erased already", command.seq)?);
    }
    for seq in targets.bodies.difference(&targets.announced) {
        let body = Some(Box::new(Words { text: command.reason.clone() }));
        record(&desk.state, Erased { seq: *seq, by: by.clone(), body })?;
    }
    for seq in &targets.bodies {
        overwrite(&desk, *seq)?;
    }
    let list: Vec<_> = targets.bodies.iter().map(u64::to_string).collect();
    writeln!(out, "erased the body of {}", list.join(", "))?;
    if targets.statements > 1 {
        writeln!(out, "the text was that of {} statements on the record; it is gone for all of them", targets.statements)?;
    }
    Ok(())
}

/// What goes with a record.
#[derive(Default)]
struct Targets {
    /// Records with a body to be erased, or erased.
    bodies: BTreeSet<u64>,
    erased: BTreeSet<u64>,
    /// Those that an Erased record names.
    announced: BTreeSet<u64>,
    /// Statements of the same shape.
    statements: u64,
}

impl Targets {
    fn find(desk: &Desk, seq: u64) -> Result<Self, Failure> {
        let entry = reading::find(&desk.folder, seq)?;
        let event = entry.event()?;
        let shape = event.as_ref().and_then(reading::statement).map(|statement| statement.shape);
        let mut found = Self::default();
        // The texts of a shape stand in every segment that speaks of it; one of its own body stands here.
        let first = if shape.is_some() { 1 } else { seq };
        reading::scan(&desk.folder, first, |entry, event| {
            let of_shape = matches!(&event, Event::ShapeMet(met) if shape == Some(met.shape));
            // What was prepared, refused or held had the text too.
            if shape.is_some() && reading::statement(&event).map(|statement| statement.shape) == shape {
                found.statements = found.statements.saturating_add(1);
            }
            if (of_shape || entry.seq == seq) && (entry.erased || entry.has_body()) {
                found.bodies.insert(entry.seq);
                if entry.erased {
                    found.erased.insert(entry.seq);
                }
            }
            if let Event::Erased(erased) = event {
                found.announced.insert(erased.seq);
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }
}

/// Overwrites a body where it lies. The writer may have the segment in memory: a page that both write is the same page.
fn overwrite(desk: &Desk, seq: u64) -> Result<(), Failure> {
    let folder = desk.journal();
    let failed = |error| desk.failed(error);
    let segments = files::segments(&folder).map_err(failed)?;
    let first = segments.iter().rev().find(|first| **first <= seq).copied().unwrap_or(1);
    let file = OpenOptions::new().read(true).write(true).open(folder.join(files::segment_name(first))).map_err(failed)?;
    let mut at = u64::try_from(HEADER).unwrap_or(0);
    loop {
        let head = read(&file, at, HEAD).map_err(failed)?;
        let number = |range: std::ops::Range<usize>| -> u64 {
            let bytes = head.get(range).unwrap_or_default().iter().rev();
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        let (length, found) = (number(0..4), number(8..16));
        let whole = usize::try_from(length).ok().filter(|length| (HEAD..=LONGEST).contains(length) && found <= seq);
        let Some(whole) = whole else { return Err(Failure::NothingToErase(seq)) };
        if found < seq {
            at = at.saturating_add(length);
            continue;
        }
        let bytes = read(&file, at, whole).map_err(failed)?;
        let Ok(Some(record)) = Record::read(&bytes) else { return Err(Failure::NothingToErase(seq)) };
        if let Some((offset, wiped)) = record.erasure() {
            let at = at.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX));
            // The first byte says that the rest is gone: it is written when the rest is.
            let (state, rest) = wiped.split_at_checked(1).unwrap_or_default();
            file.write_all_at(rest, at.saturating_add(1)).and_then(|()| file.sync_data()).map_err(failed)?;
            file.write_all_at(state, at).and_then(|()| file.sync_data()).map_err(failed)?;
        }
        return Ok(());
    }
}

fn read(file: &File, at: u64, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}
