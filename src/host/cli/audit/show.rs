//! `pgsluice audit show`: one record whole, and what belongs to it: of an execution its beginning and its end, who it was, the
//! text, the decisions; of a body that is gone, who erased it and why.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use serde_json::{Map, Value};

use super::{Desk, Place, render};
use crate::audit::Event;
use crate::host::cli::{Failure, terminal};
use crate::host::journal::reader::Entry;
use crate::host::reading::{self, Related};
use crate::host::when;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Show {
    /// The record's number
    #[arg(value_name = "SEQ")]
    seq: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Show, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("show")?;
    let entry = reading::find(&desk.folder, command.seq)?;
    let related = reading::related(&desk.folder, &entry)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", Value::Object(as_json(&entry, &related)?))?);
    }
    out.write_all(render::whole(&entry)?.as_bytes())?;
    for (what, other) in &related {
        if let ("erasure", Some(Event::Erased(erased))) = (*what, other.event()?) {
            let reason = erased.body.map_or_else(|| "(the reason was erased)".to_owned(), |body| body.text);
            let line = format!("body erased on {} by {} because {reason} (record {})", when::show(other.time), erased.by, other.seq);
            writeln!(out, "  {}", terminal::line(&line))?;
        }
    }
    for (what, other) in related.iter().filter(|(what, _)| *what != "erasure") {
        write!(out, "\n{what}: {}", render::whole(other)?)?;
    }
    Ok(())
}

fn as_json(entry: &Entry, related: &Related) -> Result<Map<String, Value>, Failure> {
    let mut all = reading::json(entry)?;
    let mut others: Map<String, Value> = Map::new();
    for (what, other) in related {
        let list = others.entry((*what).to_owned()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(Value::Object(reading::json(other)?));
        }
    }
    all.insert("related".to_owned(), Value::Object(others));
    Ok(all)
}
