//! `pgsluice audit report`: the evidence of a period, as a page and as JSON.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Desk, Place, verify};
use crate::audit::verify::Trust;
use crate::host::cli::{Failure, terminal};
use crate::host::report::{At, Period, Report as Evidence};
use crate::host::when;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Report {
    /// The period's beginning
    #[arg(long, value_name = "WHEN")]
    from: String,
    /// Its end, which is not part of it
    #[arg(long, value_name = "WHEN")]
    to: String,
    /// Write the page here [default: to standard output, unless --json is given]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Write the same as JSON here; - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Hold the record against checkpoints that were kept elsewhere, a JSON object a line; can be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Report, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let now = when::now();
    let period = Period { from: At(when::parse(&command.from, now)?), to: At(when::parse(&command.to, now)?) };
    // There is no evidence of what has not happened yet.
    if period.from >= period.to || period.to.0 > now {
        return Err(Failure::NoPeriod);
    }
    let mut trust = Trust::default();
    for path in &command.checkpoint {
        trust.checkpoints.extend(verify::checkpoints(path)?);
    }
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("report")?;
    let found = verify::check(&desk.journal(), &trust)?;
    let evidence = Evidence::compute(&desk.folder, found, period, At(when::now()));
    if let Some(path) = &command.json {
        put(path, &evidence.json().map_err(std::io::Error::from)?)?;
    }
    match &command.out {
        Some(path) => put(path, &evidence.html())?,
        None if command.json.is_none() => std::io::stdout().write_all(evidence.html().as_bytes())?,
        None => {}
    }
    if evidence.is_sound() { Ok(()) } else { Err(Failure::Unsound(terminal::line(&evidence.trouble()).into_owned())) }
}

/// What is in a report is for its readers alone. A report that could not be written whole is not there.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    if path == Path::new("-") {
        return Ok(std::io::stdout().write_all(text.as_bytes())?);
    }
    let failed = |reason| Failure::File { file: path.to_owned(), reason };
    write(path, text).map_err(failed)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).and_then(|()| std::fs::rename(&fresh, path));
    if written.is_err() {
        std::fs::remove_file(&fresh).ok();
    }
    written
}
