//! `pgsluice audit export`: all records of a time, for other programs.

use std::collections::{BTreeMap, HashMap};
use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::{Desk, Place, Span, render};
use crate::audit::Event;
use crate::audit::event::{Continued, SignedIn};
use crate::host::cli::Failure;
use crate::host::journal::reader::{Entry, Reader};
use crate::host::reading;

/// Sessions that are remembered at once, to name the agent in the rows of its statements.
const MOST_SESSIONS: usize = 1 << 20;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Export {
    /// A JSON object a line, with every field; or rows and columns
    #[arg(long, value_enum)]
    format: Format,
    #[command(flatten)]
    span: Span,
    /// Write to this new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Export, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let (since, until) = command.span.read()?;
    let desk = Desk::open(&command.place, environment)?;
    let mut out: Box<dyn Write> = match &command.out {
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            Box::new(BufWriter::new(file.map_err(|reason| Failure::File { file: path.clone(), reason })?))
        }
    };
    desk.reads("export")?;
    if matches!(command.format, Format::Csv) {
        writeln!(out, "{}", render::COLUMNS.join(","))?;
    }
    let mut sessions = HashMap::new();
    let mut reader = Reader::open(&desk.folder, desk.first_at(since)?);
    while let Some(entry) = reader.next()? {
        if entry.time >= until {
            break;
        }
        let shown = entry.time >= since;
        match command.format {
            Format::Jsonl if shown => writeln!(out, "{}", Value::Object(reading::json(&entry)?))?,
            Format::Jsonl => {}
            Format::Csv => {
                let who = who(&entry, &mut sessions)?;
                if shown {
                    let known = |name: &str| who.as_ref().and_then(|who| field(who, name));
                    writeln!(out, "{}", render::row(&entry, known)?)?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// Whose session a record is of.
fn who(entry: &Entry, sessions: &mut HashMap<u64, SignedIn>) -> Result<Option<SignedIn>, Failure> {
    let Some(event) = entry.event()? else { return Ok(None) };
    if let Event::SignedOut(event) = &event {
        return Ok(sessions.remove(&event.session));
    }
    if let Event::SignedIn(who) = &event {
        keep(sessions, entry.seq, who);
        return Ok(Some(who.clone()));
    }
    if let Event::Continued(Continued { session, who, .. }) = &event {
        keep(sessions, *session, who);
        return Ok(Some(who.clone()));
    }
    Ok(reading::execution(&event).and_then(|(session, _)| sessions.get(&session).cloned()))
}

fn keep(sessions: &mut HashMap<u64, SignedIn>, session: u64, who: &SignedIn) {
    if sessions.len() < MOST_SESSIONS {
        sessions.insert(session, who.clone());
    }
}

fn field(who: &SignedIn, name: &str) -> Option<String> {
    match name {
        "agent" => Some(who.agent.clone()),
        "owner" => Some(who.owner.clone()),
        "environment" => who.environment.clone(),
        "database" => Some(who.database.clone()),
        "role" => Some(who.role.clone()),
        "address" => who.address.clone(),
        _ => None,
    }
}
