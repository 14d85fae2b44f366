//! Whether the journal on disk is the one that an index was built from, and from where to read on.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::IndexError;
use super::indexer::{Cursor, Item};
use crate::audit::event::Erased;
use crate::audit::segment::{HEADER, Header};
use crate::audit::{Digest, Event};
use crate::host::journal::files;
use crate::host::journal::reader::{Entry, Reader};

fn segments(state: &Path) -> io::Result<Vec<u64>> {
    match files::segments(&state.join("journal")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found,
    }
}

fn path(state: &Path, first: u64) -> PathBuf {
    state.join("journal").join(files::segment_name(first))
}

/// The header of the first segment that is left; `None` where there is no journal yet.
fn first(state: &Path) -> io::Result<Option<Header>> {
    let Some(first) = segments(state)?.first().copied() else { return Ok(None) };
    let mut bytes = [0; HEADER];
    match File::open(path(state, first)).and_then(|mut file| file.read_exact(&mut bytes)) {
        Ok(()) => Header::read(&bytes).map(Some).map_err(io::Error::other),
        // It was made, or pruned, this moment.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What identifies the journal; `None` where there is none yet.
pub fn journal(state: &Path) -> Result<Option<Digest>, IndexError> {
    let header = first(state).map_err(|reason| IndexError::Io { folder: state.to_owned(), reason })?;
    Ok(header.map(|header| header.journal))
}

/// About where the journal ends: the beginning of its last segment.
pub fn about_the_end(state: &Path) -> u64 {
    segments(state).ok().and_then(|segments| segments.last().copied()).unwrap_or(0)
}

/// A reader of what follows; `Err` says why the journal does not follow.
pub fn resume(state: &Path, cursor: Cursor) -> Result<Result<Reader, &'static str>, IndexError> {
    let failed = |reason| IndexError::Io { folder: state.to_owned(), reason };
    let Some(header) = first(state).map_err(failed)? else {
        return Ok(if cursor.seq == 0 { Ok(Reader::open(state, 1)) } else { Err("the journal is gone") });
    };
    if cursor.seq == 0 {
        return Ok(Ok(Reader::open(state, 1)));
    }
    if cursor.journal != header.journal {
        return Ok(Err("it is another journal"));
    }
    if header.first_seq > cursor.seq {
        // What comes next follows only if nothing between the two was removed.
        let follows = header.first_seq == cursor.seq.saturating_add(1) && header.previous == cursor.hash;
        return Ok(if follows { Ok(Reader::open(state, header.first_seq)) } else { Err("records that it does not have were removed") });
    }
    let mut reader = Reader::open(state, cursor.seq);
    Ok(match reader.next()? {
        Some(entry) if entry.seq == cursor.seq && entry.hash == cursor.hash => Ok(reader),
        Some(_) => Err("the journal says something else there"),
        None => Err("the journal ends earlier"),
    })
}

/// A record with what is needed to index it.
pub fn item(state: &Path, entry: &Entry) -> Result<Item, IndexError> {
    let event = entry.event().unwrap_or_default();
    let erases = match &event {
        Some(Event::Erased(Erased { seq, .. })) => {
            Reader::open(state, *seq).next()?.filter(|target| target.seq == *seq).and_then(|target| target.event().ok().flatten())
        }
        _ => None,
    };
    Ok(Item { seq: entry.seq, time: entry.time, hash: entry.hash, kind: entry.kind, event, erases })
}

/// Bytes of segments, for people.
pub fn bytes(state: &Path) -> u64 {
    let sizes = segments(state).unwrap_or_default().into_iter();
    let file = |first: u64| path(state, first).metadata().map_or(0, |file| file.len());
    sizes.map(file).sum()
}
