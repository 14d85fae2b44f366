//! Checkpoints on standard output and in a file, one a line. A file may be rotated away at any time: it is opened for each.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::source::Taken;
use crate::audit::{Checkpoint, Event};
use crate::host::outgoing::Failure;

/// The checkpoint that a record is, as a line; `None` for every other record.
pub fn line(taken: &Taken) -> Option<Vec<u8>> {
    let Ok(Some(Event::Checkpointed(event))) = taken.entry.event() else { return None };
    let checkpoint = Checkpoint {
        journal: taken.journal,
        epoch: taken.epoch,
        seq: event.seq,
        hash: event.hash,
        time: event.time,
        key: event.key,
        signature: event.signature,
    };
    let mut line = serde_json::to_vec(&checkpoint).ok()?;
    line.push(b'\n');
    Some(line)
}

/// Adds lines to a file. When this returns they are on its disk. A disk that hangs holds up this sink alone.
pub async fn append(path: PathBuf, lines: Vec<u8>) -> Result<(), Failure> {
    let shown = path.display().to_string();
    aside(move || append_now(&path, &lines)).await.map_err(|error| Failure::new(format!("{shown}: {error}")))
}

/// Writes lines to standard output. Who reads it may be slow, and holds up this sink alone.
pub async fn print(lines: Vec<u8>) -> Result<(), Failure> {
    let print = move || {
        let mut out = io::stdout().lock();
        out.write_all(&lines)?;
        out.flush()
    };
    aside(print).await.map_err(|error| Failure::new(format!("standard output: {error}")))
}

async fn aside(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

fn append_now(path: &Path, lines: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    if file.seek(SeekFrom::End(0))? > 0 {
        // Half a line is what a crash left; it stays one bad line.
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    file.write_all(lines)?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent() {
        // Its name is to survive as well.
        std::fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn lines_are_added_behind_whole_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("anchor.jsonl");
        append_now(&path, b"one\n").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        append_now(&path, b"two\nthr").unwrap();
        append_now(&path, b"three\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\nthr\nthree\n");
        std::fs::rename(&path, folder.path().join("anchor.jsonl.1")).unwrap();
        append_now(&path, b"four\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "four\n");
    }
}
