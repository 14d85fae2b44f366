//! `pgsluice audit report`: the evidence of a period, as a page and as JSON.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;

use super::{Desk, Place};
use crate::audit::verify::{Findings, Trust, Verifier};
use crate::host::cli::{Failure, terminal};
use crate::host::journal::files;
use crate::host::report::{At, Period, Report as Evidence};

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Report {
    /// The first moment of the period, in UTC: 2026-01-31, 2026-01, 2026-01-31T14:00Z, 30d (ago)
    #[arg(long, value_name = "WHEN")]
    from: String,
    /// Its end: a moment is not part of the period, a day or a month is with all its hours
    #[arg(long, value_name = "WHEN")]
    to: String,
    /// Write the page here [default: to standard output, unless --json is given]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Write the same as JSON here; - is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Report, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let period = Period::parse(&command.from, &command.to, now())?;
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("report")?;
    let found = check(&desk.folder.join("journal"))?;
    let evidence = Evidence::compute(&desk.folder, found, period, now());
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

fn check(folder: &Path) -> Result<Findings, Failure> {
    let mut verifier = Verifier::new(Trust::default());
    let names = files::segments(folder)?;
    for name in &names {
        let bytes = std::fs::read(folder.join(files::segment_name(*name)))?;
        verifier.segment(*name, &mut bytes.as_slice(), Some(name) == names.last())?;
    }
    Ok(verifier.finish())
}

fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
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
