//! Reads the journal behind the writer, in this process or in another: from a record on, across segments, up to what was written
//! so far, and on from there. Every record that is read is checked against the one before.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use crate::audit::event::{Kind, Unreadable};
use crate::audit::record::{Body, LONGEST, Malformed, Record};
use crate::audit::segment::{HEADER, Header, HeaderError};
use crate::audit::{Event, Hash, Origin};

/// Read at once; grows to the longest record there is where it must.
const CHUNK: usize = 256 * 1024;
/// A record that does not verify may be one that is just being written or erased: it is read again this often, after a pause.
const LOOKS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(1);
/// Segments that are removed while they are looked for.
const REMOVED: u32 = 100;

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
    /// The hash that the next record covers, and its number.
    previous: Hash,
    next_seq: u64,
}

impl Reader {
    /// Reads from record `seq` on, or from the first one that is left behind it.
    pub fn open(state: &Path, seq: u64) -> Self {
        Self { folder: state.join("journal"), segment: None, next_seq: seq.max(1) }
    }

    /// What the segment of the record that came last says of itself.
    pub fn header(&self) -> Option<Header> {
        self.segment.as_ref().map(|segment| segment.header)
    }

    /// The record that comes next; `None` where nothing more was written yet: later there may be more.
    #[allow(clippy::should_implement_trait, reason = "it is no iterator: behind a `None` there may be more")]
    pub fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        loop {
            let Some(segment) = &mut self.segment else {
                if self.enter()? {
                    continue;
                }
                return Ok(None);
            };
            if let Some(entry) = step(&self.folder, segment)? {
                if entry.seq < self.next_seq {
                    continue;
                }
                self.next_seq = entry.seq.saturating_add(1);
                return Ok(Some(entry));
            }
            if !self.advance()? {
                return Ok(None);
            }
        }
    }

    /// Goes to the segment that holds the next record.
    fn enter(&mut self) -> Result<bool, ReadError> {
        for _ in 0..REMOVED {
            let segments = self.segments()?;
            let holding = segments.iter().rev().find(|first| **first <= self.next_seq).or(segments.first());
            let Some(first) = holding else { return Ok(false) };
            if let Some(segment) = self.open_segment(*first)? {
                self.segment = Some(segment);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The segment has no more: goes to the one behind it, if there is one and if nothing was written to this one meanwhile.
    fn advance(&mut self) -> Result<bool, ReadError> {
        for _ in 0..REMOVED {
            let Some(segment) = &self.segment else { return Ok(true) };
            let current = segment.header.first_seq;
            let segments = self.segments()?;
            let Some(first) = segments.iter().copied().find(|first| *first > current) else { return Ok(false) };
            let Some(next) = self.open_segment(first)? else { continue };
            let Some(segment) = &mut self.segment else { return Ok(true) };
            // A segment gets no more once there is one behind it, but it may have got some between the two looks.
            segment.fill(CHUNK).map_err(|reason| ReadError::Io { folder: self.folder.clone(), reason })?;
            if segment.has_more() {
                return Ok(true);
            }
            let joins = next.header.first_seq == segment.next_seq && next.header.previous == segment.previous;
            // Where this one was removed, so may others behind it have been.
            if !joins && segments.contains(&current) {
                return Err(ReadError::Damaged { seq: segment.next_seq });
            }
            self.segment = Some(next);
            return Ok(true);
        }
        Ok(false)
    }

    fn segments(&self) -> Result<Vec<u64>, ReadError> {
        match files::segments(&self.folder) {
            // No journal yet.
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            found => found.map_err(|reason| self.failed(reason)),
        }
    }

    fn failed(&self, reason: io::Error) -> ReadError {
        ReadError::Io { folder: self.folder.clone(), reason }
    }

    /// `None` where it was removed meanwhile.
    fn open_segment(&self, first_seq: u64) -> Result<Option<Segment>, ReadError> {
        let file = match File::open(self.folder.join(files::segment_name(first_seq))) {
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|reason| self.failed(reason))?,
        };
        let mut bytes = [0; HEADER];
        file.read_exact_at(&mut bytes, 0).map_err(|reason| self.failed(reason))?;
        let header = Header::read(&bytes).map_err(|reason| ReadError::Header { first_seq, reason })?;
        let at = u64::try_from(HEADER).unwrap_or(0);
        Ok(Some(Segment { file, header, at, held: Vec::new(), taken: 0, previous: header.hash(), next_seq: header.first_seq }))
    }
}

fn step(folder: &Path, segment: &mut Segment) -> Result<Option<Entry>, ReadError> {
    let failed = |reason| ReadError::Io { folder: folder.to_owned(), reason };
    // What is held may be from before the writer wrote on.
    for size in [0, CHUNK, LONGEST] {
        if size > 0 {
            segment.fill(size).map_err(failed)?;
        }
        match segment.take() {
            Ok(None) if size == 0 => {}
            Ok(entry) => return Ok(entry),
            Err(_) => {}
        }
    }
    for _ in 0..LOOKS {
        std::thread::sleep(PAUSE);
        segment.fill(LONGEST).map_err(failed)?;
        if let Ok(entry) = segment.take() {
            return Ok(entry);
        }
    }
    Err(ReadError::Damaged { seq: segment.next_seq })
}

impl Segment {
    fn take(&mut self) -> Result<Option<Entry>, Malformed> {
        let Some(record) = Record::read(self.held.get(self.taken..).unwrap_or_default())? else { return Ok(None) };
        record.check(self.previous)?;
        if record.seq != self.next_seq {
            return Err(Malformed::Parts);
        }
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
        (self.previous, self.next_seq) = (record.hash, record.seq.saturating_add(1));
        Ok(Some(entry))
    }

    /// Whether something stands where the next record would.
    fn has_more(&self) -> bool {
        self.held.iter().skip(self.taken).take(size_of::<u32>()).any(|byte| *byte != 0)
    }

    /// Reads on from behind what was taken.
    fn fill(&mut self, size: usize) -> io::Result<()> {
        self.at = self.at.saturating_add(u64::try_from(self.taken).unwrap_or(0));
        self.taken = 0;
        self.held.resize(size, 0);
        let mut filled = 0;
        while let Some(space) = self.held.get_mut(filled..).filter(|space| !space.is_empty()) {
            let count = self.file.read_at(space, self.at.saturating_add(u64::try_from(filled).unwrap_or(0)))?;
            if count == 0 {
                break;
            }
            filled = filled.saturating_add(count);
        }
        self.held.truncate(filled);
        Ok(())
    }
}
