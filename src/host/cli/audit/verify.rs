//! `pgsluice audit verify`: the check of the whole record, here or of a copy. It writes nothing and takes no lock, so that it can
//! be run on read-only media and while the server writes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::Place;
use crate::audit::Checkpoint;
use crate::audit::checkpoint::key_name;
use crate::audit::verify::{Findings, Source, Trust, Verifier};
use crate::host::cli::{Failure, terminal};
use crate::host::journal::{JournalError, files};
use crate::host::when;

/// Read at once.
const CHUNK: usize = 8 * 1024 * 1024;
/// What seems bad is looked at again after this long, for it may have been in the making …
const PAUSE: Duration = Duration::from_millis(50);
/// … so often for one record …
const LOOKS: u32 = 4;
/// … and this often in all, so that a record with much that is bad does not take for ever.
const PATIENCE: u32 = 20;
/// Segments that were pruned in the middle of the check make it begin anew, this often.
const ATTEMPTS: u32 = 5;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Verify {
    /// Hold it against checkpoints that were kept elsewhere, a JSON object a line; can be given several times
    #[arg(long, value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// Trust this signing key, by its name or whole: the first key has to be one of these, and a key that was lost may be followed by one
    #[arg(long, value_name = "KEY")]
    accept_key: Vec<String>,
    /// Accept that the restore which began this epoch lost records
    #[arg(long, value_name = "N")]
    accept_epoch: Vec<u32>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: Verify, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let folder = command.place.folder(environment)?.join("journal");
    let mut trust = Trust { keys: command.accept_key, epochs: command.accept_epoch, checkpoints: Vec::new() };
    // Before the journal: a checkpoint that is written meanwhile may cover what is not looked at any more.
    for path in &command.checkpoint {
        trust.checkpoints.extend(checkpoints(path)?);
    }
    let found = check(&folder, &trust)?;
    if command.json {
        writeln!(io::stdout(), "{}", serde_json::to_string(&found).map_err(io::Error::other)?)?;
    } else {
        io::stdout().write_all(summary(&found, trust.checkpoints.len()).as_bytes())?;
    }
    match found.findings.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Unsound(terminal::line(&first.to_string()).into_owned())),
    }
}

/// The checkpoints in a file, a line each. A last line that was not written to its end is passed over.
pub(super) fn checkpoints(path: &Path) -> Result<Vec<Checkpoint>, Failure> {
    let failed = |reason: String| Failure::Checkpoints { file: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut found = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str(line) {
            Ok(checkpoint) => found.push(checkpoint),
            Err(_) if !line.ends_with('\n') => eprintln!("pgsluice: the last line of {} is not whole: passed over", path.display()),
            Err(error) => return Err(failed(format!("line {} is no checkpoint: {error}", index.saturating_add(1)))),
        }
    }
    if found.is_empty() { Err(failed("there is no checkpoint in it".to_owned())) } else { Ok(found) }
}

/// Checks the segments in a folder, with a bar where somebody sees it.
pub(super) fn check(folder: &Path, trust: &Trust) -> Result<Findings, Failure> {
    let failed = |reason| Failure::Journal(JournalError::Io { folder: folder.to_owned(), reason });
    for _ in 0..ATTEMPTS {
        match attempt(folder, trust) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            outcome => return outcome.map_err(failed),
        }
    }
    Err(failed(io::ErrorKind::NotFound.into()))
}

fn attempt(folder: &Path, trust: &Trust) -> io::Result<Findings> {
    let mut verifier = Verifier::new(trust.clone());
    let names = files::segments(folder)?;
    let path = |name: u64| folder.join(files::segment_name(name));
    let lengths: Vec<u64> = names.iter().map(|name| Ok(path(*name).metadata()?.len())).collect::<io::Result<_>>()?;
    let bar = bar(lengths.iter().sum());
    let mut patience = PATIENCE;
    let mut before = 0;
    for (name, length) in names.iter().zip(&lengths) {
        let file = File::open(path(*name))?;
        let mut source = Segment { file, held: Vec::new(), from: 0, before, bar: &bar, patience: &mut patience };
        verifier.segment(*name, &mut source, Some(name) == names.last())?;
        before = before.saturating_add(*length);
    }
    bar.finish_and_clear();
    Ok(verifier.finish())
}

fn bar(total: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{wide_bar} {bytes} of {total_bytes}, {eta} left").unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}

/// A segment's file, a chunk of it at a time.
struct Segment<'a> {
    file: File,
    held: Vec<u8>,
    from: u64,
    /// Bytes of the segments before.
    before: u64,
    bar: &'a ProgressBar,
    patience: &'a mut u32,
}

impl Segment<'_> {
    fn range(&self, at: u64, length: usize) -> &[u8] {
        let skipped = at.checked_sub(self.from).and_then(|skipped| usize::try_from(skipped).ok());
        let rest = skipped.and_then(|skipped| self.held.get(skipped..)).unwrap_or_default();
        rest.get(..length).unwrap_or(rest)
    }

    fn read(&self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while let Some(space) = bytes.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.file.read_at(space, at.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX))) {
                Ok(0) => break,
                Ok(count) => filled = filled.saturating_add(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

impl Source for Segment<'_> {
    fn window(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let whole = self.held.len() < CHUNK && !self.held.is_empty();
        if at < self.from || (self.range(at, length).len() < length && !(whole && self.from <= at)) {
            self.held = self.read(at, CHUNK.max(length))?;
            self.from = at;
            self.bar.set_position(self.before.saturating_add(at));
        }
        Ok(self.range(at, length))
    }

    fn look_again(&mut self, at: u64, length: usize) -> io::Result<bool> {
        for _ in 0..LOOKS {
            if self.read(at, length)? != self.range(at, length) {
                self.held.clear();
                return Ok(true);
            }
            let Some(left) = self.patience.checked_sub(1) else { break };
            *self.patience = left;
            std::thread::sleep(PAUSE);
        }
        Ok(false)
    }
}

fn summary(found: &Findings, anchors: usize) -> String {
    let mut text = String::new();
    let mut say = |line: String| {
        text.push_str(&terminal::line(&line));
        text.push('\n');
    };
    for finding in &found.findings {
        say(finding.to_string());
    }
    if found.more_findings > 0 {
        say(format!("… and {} findings more", found.more_findings));
    }
    for warning in &found.warnings {
        say(format!("warning: {warning}"));
    }
    if found.more_warnings > 0 {
        say(format!("… and {} warnings more", found.more_warnings));
    }
    if let Some(journal) = found.journal {
        say(format!("journal      {journal}, epoch {}", found.epoch));
    }
    say(format!("records      {} ({} to {}), segments: {}", found.records, found.first_seq, found.last_seq, found.segments));
    if found.records > 0 {
        say(format!("time         {} to {}", when::show(found.first_time), when::show(found.last_time)));
    }
    say(format!("signed       {} checkpoints in the journal, up to record {}", found.checkpoints, found.signed_seq));
    for key in &found.keys {
        say(format!("key          {} since record {}", key_name(key.key), key.since));
    }
    say(match anchors {
        0 => "kept apart   no checkpoint was given (--checkpoint FILE): that nobody rewrote or cut off the whole is not shown".to_owned(),
        _ => format!("kept apart   {} of {anchors} checkpoints fit, up to record {}", found.anchors, found.anchored_seq),
    });
    let count = u64::try_from(found.findings.len()).unwrap_or(u64::MAX).saturating_add(found.more_findings);
    say(if count == 0 { "The record is sound.".to_owned() } else { format!("The record is NOT sound: {count} findings.") });
    text
}
