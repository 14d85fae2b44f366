//! Reads the journal behind the writer, in this process or in another: from a record on, across segments, up to what was written
//! so far, and on from there.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::files;
use crate::audit::event::{Kind, Unreadable};
use crate::audit::record::{Body, LONGEST, Record};
use crate::audit::segment::{HEADER, Header, HeaderError};
use crate::audit::{Event, Hash, Origin};

/// Read at once; grows to the longest record there is where it must.
const CHUNK: usize = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the journal in {folder}: {reason}", folder = folder.display())]
    Io { folder: PathBuf, reason: io::Error },
    #[error("segment {first_seq} of the journal: {reason}")]
    Header { first_seq: u64, reason: HeaderError },
    #[error("record {seq} of the journal is damaged; `pgsluice audit verify` says more")]
    Damaged { seq: u64 },
}

/// A record read back.
#[derive(Debug, Clone)]
pub struct Entry {
    pub seq: u64,
    /// Microseconds since 1970.
    pub time: u64,
    pub kind: Kind,
    pub hash: Hash,
    /// It had a body, and that was erased.
    pub erased: bool,
    facts: Vec<u8>,
    body: Option<Vec<u8>>,
}

impl Entry {
    /// Whether it has a body now.
    pub fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// `None` for a kind that a newer program wrote.
    pub fn event(&self) -> Result<Option<Event>, Unreadable> {
        Event::decode(self.kind, &self.facts, self.body.as_deref())
    }

    /// Where it comes from, if another process put it down.
    pub fn origin(&self) -> Result<Option<Origin>, Unreadable> {
        Origin::of(&self.facts)
    }
}

/// Reads on from where it is.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    segment: Option<Segment>,
    next_seq: u64,
}

#[derive(Debug)]
struct Segment {
    file: File,
    header: Header,
    /// Where in the file `held` begins.
    at: u64,
    held: Vec<u8>,
    taken: usize,
}

impl Reader {
    /// Reads from record `seq` on, or from the first one that is left behind it.
    pub fn open(state: &Path, seq: u64) -> Self {
        Self { folder: state.join("journal"), segment: None, next_seq: seq.max(1) }
    }

    /// The record that comes next; `None` where nothing more was written yet: later there may be more.
    pub fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            if self.segment.is_none() && !self.enter()? {
                return Ok(None);
            }
            match self.step()? {
                Some(entry) if entry.seq < self.next_seq => {}
                Some(entry) => {
                    self.next_seq = entry.seq.saturating_add(1);
                    return Ok(Some(entry));
                }
                // The segment has no more: is there a later one?
                None => {
                    let current = self.segment.as_ref().map_or(0, |segment| segment.header.first_seq);
                    let later = self.segments()?.into_iter().any(|first| first > current);
                    if !later {
                        return Ok(None);
                    }
                    // It may have been written to between the two looks.
                    if let Some(entry) = self.step()? {
                        if entry.seq >= self.next_seq {
                            self.next_seq = entry.seq.saturating_add(1);
                            return Ok(Some(entry));
                        }
                        continue;
                    }
                    let next = self.segments()?.into_iter().find(|first| *first > current);
                    self.segment = next.map(|first| self.open_segment(first)).transpose()?;
                }
            }
        }
    }

    fn segments(&self) -> Result<Vec<u64>, ReadError> {
        files::segments(&self.folder).map_err(|reason| self.failed(reason))
    }

    fn failed(&self, reason: io::Error) -> ReadError {
        ReadError::Io { folder: self.folder.clone(), reason }
    }

    /// Goes to the segment that holds the next record.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let segments = self.segments()?;
        let holding = segments.iter().rev().find(|first| **first <= self.next_seq).or(segments.first()).copied();
        self.segment = holding.map(|first| self.open_segment(first)).transpose()?;
        Ok(self.segment.is_some())
    }

    fn open_segment(&self, first_seq: u64) -> Result<Segment, ReadError> {
        let file = File::open(self.folder.join(files::segment_name(first_seq))).map_err(|reason| self.failed(reason))?;
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0).map_err(|reason| self.failed(reason))?;
        let header = Header::read(&bytes).map_err(|reason| ReadError::Header { first_seq, reason })?;
        Ok(Segment { file, header, at: u64::try_from(HEADER).unwrap_or(0), held: Vec::new(), taken: 0 })
    }

    fn step(&mut self) -> Result<Option<Entry>, ReadError> {
        let next_seq = self.next_seq;
        let Some(segment) = &mut self.segment else { return Ok(None) };
        match segment.step() {
            Ok(Some(entry)) => Ok(Some(entry)),
            Ok(None) => Ok(None),
            Err(None) => Err(ReadError::Damaged { seq: next_seq }),
            Err(Some(reason)) => Err(ReadError::Io { folder: self.folder.clone(), reason }),
        }
    }
}

impl Segment {
    /// Err(None) is a damaged record.
    fn step(&mut self) -> Result<Option<Entry>, Option<io::Error>> {
        for size in [0, CHUNK, LONGEST] {
            if size > 0 {
                self.fill(size)?;
            }
            let rest = self.held.get(self.taken..).unwrap_or_default();
            match Record::read(rest) {
                Ok(Some(record)) => {
                    let entry = Entry {
                        seq: record.seq,
                        time: record.time,
                        kind: Kind(record.kind),
                        hash: record.hash,
                        erased: record.body == Body::Erased,
                        facts: record.facts.to_vec(),
                        body: if let Body::Whole(body) = record.body { Some(body.to_vec()) } else { None },
                    };
                    self.taken = self.taken.saturating_add(record.length());
                    return Ok(Some(entry));
                }
                // What was held may be what the writer had not written yet.
                Ok(None) | Err(_) if size < LONGEST => {}
                Ok(None) => return Ok(None),
                Err(_) => return Err(None),
            }
        }
        Ok(None)
    }

    fn fill(&mut self, size: usize) -> Result<(), Option<io::Error>> {
        self.at = self.at.saturating_add(u64::try_from(self.taken).unwrap_or(0));
        self.taken = 0;
        self.held.resize(size, 0);
        let mut filled = 0;
        while let Some(space) = self.held.get_mut(filled..).filter(|space| !space.is_empty()) {
            let count = self.file.read_at(space, self.at.saturating_add(u64::try_from(filled).unwrap_or(0))).map_err(Some)?;
            if count == 0 {
                break;
            }
            filled = filled.saturating_add(count);
        }
        self.held.truncate(filled);
        Ok(())
    }
}
