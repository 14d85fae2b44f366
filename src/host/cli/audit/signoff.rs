//! `pgsluice audit signoff`: somebody says that they looked a period through, and how far the record went when they did.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;

use super::{Desk, Place, record};
use crate::audit::event::{SignedOff, Words};
use crate::host::cli::Failure;
use crate::host::journal::reader::Reader;
use crate::host::people::Capability;
use crate::host::when;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct SignOff {
    /// The period's beginning
    #[arg(long, value_name = "WHEN")]
    from: String,
    /// Its end, which is not part of it
    #[arg(long, value_name = "WHEN")]
    to: String,
    /// A remark
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: SignOff, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let now = when::now();
    let (from, to) = (when::parse(&command.from, now)?, when::parse(&command.to, now)?);
    // What has not happened yet nobody has looked through.
    if from >= to || to > now {
        return Err(Failure::NoPeriod);
    }
    let desk = Desk::open(&command.place, environment)?;
    let by = desk.by(Capability::SignOff)?;
    let last = desk.headers()?.last().map_or(1, |header| header.first_seq);
    let mut reader = Reader::open(&desk.folder, last);
    let mut seen = desk.headers()?.last().map(|header| (header.first_seq.saturating_sub(1), header.previous));
    while let Some(entry) = reader.next()? {
        seen = Some((entry.seq, entry.hash));
    }
    let Some((seq, hash)) = seen else { return Err(Failure::NoRecord(desk.folder)) };
    let body = command.note.map(|text| Box::new(Words { text }));
    record(&desk.state, SignedOff { by: by.clone(), from, to, seq, hash, body })?;
    let shown = format!("{} signed off {} to {}, up to record {seq}", by, when::show(from), when::show(to));
    Ok(writeln!(std::io::stdout(), "{}", crate::host::cli::terminal::line(&shown))?)
}
