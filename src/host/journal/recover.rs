//! What a crash left, put right before the first new record. Whatever is taken away is kept in a file beside the journal, and a
//! record says so.
//!
//! - The end of the process leaves whole groups of records, but for bytes of one whose length was not yet written. The loss of power
//!   leaves anything of what was not yet synced: pages that never came to disk, behind others that did. So bytes behind the last
//!   whole record of the last segment are a torn tail if no whole record follows them, or if a page among them has no end.
//! - A full segment is cut to its length once it is on disk, and never before. One that is not cut may be torn like the last one; then
//!   nothing behind it was on disk for certain either.
//! - Everything else is damage, and the journal is not opened.
//!
//! The joints of all segments are looked at, the last ones and those with open work are read; `pgsluice audit verify` reads all.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use ring::digest::{Context, SHA256};

use super::JournalError;
use super::files::{Files, segment_name};
use super::running::{self, Running};
use crate::audit::record::{HASH, HEAD, Record, SHORTEST};
use crate::audit::segment::{Broken, HEADER, Header, Walk};
use crate::audit::{Digest, Event, Hash, Kind};

/// A page as the system brings it to disk: the smallest there is.
const PAGE: usize = 4096;
/// A page whose last bytes are all zero was not written to its end: no more than these are zero in a record by chance.
const UNWRITTEN: usize = 16;
const CHUNK: usize = 1024 * 1024;

/// Where the journal goes on.
#[derive(Debug)]
pub struct Found {
    pub header: Header,
    pub at: usize,
    pub previous: Hash,
    pub next_seq: u64,
    pub time: u64,
    /// The shapes whose text the last segment has.
    pub shapes: HashSet<Digest>,
    pub running: Running,
    /// The last record is a checkpoint.
    pub signed: bool,
    /// The key that was last named.
    pub key: Option<Hash>,
    /// What was taken away: how much, and the hash of it.
    pub cut: Option<(u64, Hash)>,
    /// The journal was closed in order.
    pub orderly: bool,
}

/// A segment, as far as its two ends tell.
struct Segment {
    first_seq: u64,
    path: PathBuf,
    length: u64,
    /// `None` where none was written.
    header: Option<Header>,
    /// The hash of its last record, if it was cut to its length.
    last: Option<Hash>,
}

struct Recovery<'a> {
    files: &'a Files,
    folder: &'a Path,
    segments: Vec<Segment>,
}

/// What reading the segments has come to.
struct Reading {
    /// The segment that was read last.
    index: usize,
    header: Header,
    at: usize,
    previous: Hash,
    next_seq: u64,
    time: u64,
    shapes: HashSet<Digest>,
    running: Running,
    signed: bool,
    key: Option<Hash>,
}

/// Opens what is there; `None` where there is no journal yet.
pub fn recover(files: &Files, folder: &Path) -> Result<Option<Found>, JournalError> {
    let failed = |reason| JournalError::Io { folder: folder.to_owned(), reason };
    for name in files.names(folder).map_err(failed)?.iter().filter(|name| name.ends_with(".tmp")) {
        files.remove(&folder.join(name)).map_err(failed)?;
    }
    let mut segments = Vec::new();
    for first_seq in files.numbered(folder, ".seg").map_err(failed)? {
        segments.push(look(files, folder, first_seq)?);
    }
    Recovery { files, folder, segments }.run()
}

fn look(files: &Files, folder: &Path, first_seq: u64) -> Result<Segment, JournalError> {
    let failed = |reason| JournalError::Io { folder: folder.to_owned(), reason };
    let damaged = |what: String| JournalError::Damaged { folder: folder.to_owned(), what };
    let path = folder.join(segment_name(first_seq));
    let file = files.open(&path).map_err(failed)?;
    let length = files.length(&file).map_err(failed)?;
    let (mut bytes, mut last) = ([0; HEADER], [0; HASH]);
    if length >= HEADER as u64 {
        files.read_at(&file, &mut bytes, 0).map_err(failed)?;
        files.read_at(&file, &mut last, length.saturating_sub(HASH as u64)).map_err(failed)?;
    }
    let header = if bytes.iter().all(|byte| *byte == 0) {
        None
    } else {
        Some(Header::read(&bytes).map_err(|error| damaged(format!("segment {first_seq}: {error}")))?)
    };
    if let Some(says) = header.map(|header| header.first_seq).filter(|says| *says != first_seq) {
        return Err(damaged(format!("segment {first_seq} is one that begins with record {says}")));
    }
    let last = Some(Hash(last)).filter(|last| *last != Hash::default());
    Ok(Segment { first_seq, path, length, header, last })
}

impl Recovery<'_> {
    fn damaged(&self, what: String) -> JournalError {
        JournalError::Damaged { folder: self.folder.to_owned(), what }
    }

    fn failed(&self, reason: io::Error) -> JournalError {
        JournalError::Io { folder: self.folder.to_owned(), reason }
    }

    fn run(self) -> Result<Option<Found>, JournalError> {
        let Some(first) = self.segments.first() else { return Ok(None) };
        let Some(header) = first.header else {
            if self.segments.len() > 1 {
                return Err(self.damaged(format!("segment {} has no header", first.first_seq)));
            }
            // The journal ended before it began.
            self.set_aside(1, &[(0, 0)])?;
            self.files.remove(&first.path).map_err(|reason| self.failed(reason))?;
            return Ok(None);
        };
        if let Some(foreign) = self.segments.iter().find(|segment| segment.header.is_some_and(|other| other.journal != header.journal)) {
            return Err(self.damaged(format!("segment {} is of another journal", foreign.first_seq)));
        }
        let (start, running) = self.start()?;
        let (reading, cut) = self.read(start, running)?;
        let kept = self.segments.get(reading.index);
        let whole = kept.is_some_and(|segment| segment.length == u64::try_from(reading.at).unwrap_or(0));
        let cut = if cut.is_empty() { self.set_aside_before(reading.next_seq)? } else { Some(self.set_aside(reading.next_seq, &cut)?) };
        self.mend(start, &reading)?;
        Ok(Some(Found {
            header: reading.header,
            at: reading.at,
            previous: reading.previous,
            next_seq: reading.next_seq,
            time: reading.time,
            shapes: reading.shapes,
            running: reading.running,
            signed: reading.signed,
            key: reading.key,
            orderly: whole && cut.is_none(),
            cut,
        }))
    }

    /// The segment to read from, and what was open there.
    fn start(&self) -> Result<(usize, Running), JournalError> {
        let pairs = || self.segments.iter().zip(self.segments.iter().skip(1));
        let joined = |(one, next): (&Segment, &Segment)| next.header.is_some_and(|header| one.last == Some(header.previous));
        // The last one cannot be checked from outside, and the one before it has the last checkpoint for certain.
        let loose = pairs().position(|pair| !joined(pair)).unwrap_or(usize::MAX);
        let latest = loose.min(self.segments.len().saturating_sub(2));
        for (index, segment) in self.segments.iter().enumerate().take(latest.saturating_add(1)).rev() {
            let name = format!("{:020}{}", segment.first_seq, running::ENDING);
            let bytes = self.files.read(&self.folder.join(name), running::LONGEST).map_err(|reason| self.failed(reason))?;
            let kept = bytes.zip(segment.header).and_then(|(bytes, header)| Running::read(&bytes, header.hash()));
            if let Some(running) = kept {
                return Ok((index, running));
            }
        }
        Ok((0, Running::default()))
    }

    /// Reads to the end; returns where that is, and where what is to be cut begins: in that segment, and all of those behind it.
    fn read(&self, start: usize, running: Running) -> Result<(Reading, Vec<(usize, usize)>), JournalError> {
        let mut reading: Option<Reading> = None;
        let mut running = Some(running);
        for (index, segment) in self.segments.iter().enumerate().skip(start) {
            if let Some(before) = &reading
                && segment.header.is_none_or(|next| next.previous != before.previous || next.first_seq != before.next_seq)
            {
                return self.loose(reading, index);
            }
            let view = self.files.view(&segment.path).map_err(|reason| self.failed(reason))?;
            let (header, mut walk) = Walk::new(&view).map_err(|error| self.damaged(format!("segment {}: {error}", segment.first_seq)))?;
            let mut now = Reading {
                index,
                header,
                at: HEADER,
                previous: walk.previous(),
                next_seq: header.first_seq,
                time: reading.as_ref().map_or(header.time, |before| before.time.max(header.time)),
                shapes: HashSet::new(),
                running: reading.as_mut().map(|before| std::mem::take(&mut before.running)).or_else(|| running.take()).unwrap_or_default(),
                signed: false,
                key: reading.as_ref().and_then(|before| before.key),
            };
            let broken = loop {
                match walk.step() {
                    Ok(Some(record)) => now.take(&record),
                    Ok(None) => break None,
                    Err(broken) => break Some(broken),
                }
            };
            (now.at, now.previous, now.next_seq) = (walk.at(), walk.previous(), walk.next_seq());
            if broken.is_some() || !walk.is_at_end() {
                self.check_tail(segment, &view, &now, broken)?;
                let cut = self.segments.iter().enumerate().skip(index).map(|(cut, _)| (cut, if cut == index { now.at } else { 0 }));
                let cut = cut.collect();
                return Ok((now, cut));
            }
            reading = Some(now);
        }
        let reading = reading.ok_or_else(|| self.damaged("it has no segment".to_owned()))?;
        Ok((reading, Vec::new()))
    }

    /// The segment at `index` does not go on where the one before it ends.
    fn loose(&self, reading: Option<Reading>, index: usize) -> Result<(Reading, Vec<(usize, usize)>), JournalError> {
        let (Some(before), Some(next)) = (reading, self.segments.get(index)) else {
            return Err(self.damaged("it has no segment".to_owned()));
        };
        let last = self.segments.get(before.index).and_then(|segment| segment.last);
        if last.is_none() {
            // That one was never on disk as a whole, so nothing behind it was, for certain.
            let cut = (index..self.segments.len()).map(|cut| (cut, 0)).collect();
            return Ok((before, cut));
        }
        let (ends, begins) = (before.next_seq.saturating_sub(1), next.first_seq);
        Err(self.damaged(match next.header {
            None => format!("segment {begins} has no header"),
            Some(_) if begins > before.next_seq => format!("records {} to {} are missing", before.next_seq, begins.saturating_sub(1)),
            Some(_) => format!("segment {begins} does not follow record {ends}"),
        }))
    }

    /// Whether what does not verify may be what a crash left.
    fn check_tail(&self, segment: &Segment, bytes: &[u8], now: &Reading, broken: Option<Broken>) -> Result<(), JournalError> {
        let reason = broken.map_or_else(|| "it is not all there".to_owned(), |broken| broken.to_string());
        let (seq, first) = (now.next_seq, segment.first_seq);
        let is_last = self.segments.last().is_some_and(|last| last.first_seq == first);
        if !is_last && segment.last.is_some() {
            return Err(self.damaged(format!("record {seq} in segment {first}: {reason}")));
        }
        let whole = whole_behind(bytes, now.at, seq);
        let torn = whole.is_none_or(|whole| has_unwritten_page(bytes, now.at, whole));
        if torn { Ok(()) } else { Err(self.damaged(format!("record {seq} in segment {first}: {reason}, and whole records follow it"))) }
    }

    /// Keeps what is to be cut in a file of its own.
    fn set_aside(&self, next_seq: u64, cut: &[(usize, usize)]) -> Result<(u64, Hash), JournalError> {
        let written = |(index, from): &(usize, usize)| -> io::Result<Option<(Mmap, usize, usize)>> {
            let Some(segment) = self.segments.get(*index).filter(|segment| segment.length > 0) else { return Ok(None) };
            let view = self.files.view(&segment.path)?;
            let end = view.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
            Ok((end > *from).then_some((view, *from, end)))
        };
        let keep = || -> io::Result<(u64, Hash)> {
            let name = format!("cut-{next_seq:020}-{}.bin", crate::host::when::now());
            let made = self.folder.join(format!("{name}.tmp"));
            let mut file: Option<File> = None;
            let (mut length, mut hash) = (0, Context::new(&SHA256));
            for part in cut {
                let Some((view, from, end)) = written(part)? else { continue };
                for chunk in view.get(from..end).unwrap_or_default().chunks(CHUNK) {
                    let file = if let Some(file) = &file { file } else { file.insert(self.files.create(&made)?) };
                    self.files.write(file, chunk)?;
                    hash.update(chunk);
                    length = u64::try_from(chunk.len()).unwrap_or(0).saturating_add(length);
                }
            }
            if let Some(file) = file {
                self.files.sync(&file)?;
                self.files.rename(&made, &self.folder.join(&name))?;
                self.files.sync_folder(self.folder)?;
                tracing::warn!(bytes = length, kept = %self.folder.join(&name).display(), "the journal had a torn end");
            }
            Ok((length, Hash(hash.finish().as_ref().try_into().unwrap_or_default())))
        };
        keep().map_err(|reason| self.failed(reason))
    }

    /// What was set aside here by a recovery that did not come to say so.
    fn set_aside_before(&self, next_seq: u64) -> Result<Option<(u64, Hash)>, JournalError> {
        let find = || -> io::Result<Option<(u64, Hash)>> {
            let beginning = format!("cut-{next_seq:020}-");
            let names = self.files.names(self.folder)?;
            let Some(name) = names.iter().filter(|name| name.starts_with(&beginning)).max() else { return Ok(None) };
            let view = self.files.view(&self.folder.join(name))?;
            let mut hash = Context::new(&SHA256);
            hash.update(&view);
            Ok(Some((u64::try_from(view.len()).unwrap_or(0), Hash(hash.finish().as_ref().try_into().unwrap_or_default()))))
        };
        find().map_err(|reason| self.failed(reason))
    }

    /// Makes the files what was read: the last first, so that what is done in part is done again.
    fn mend(&self, start: usize, reading: &Reading) -> Result<(), JournalError> {
        let mend = || -> io::Result<()> {
            for segment in self.segments.iter().skip(reading.index.saturating_add(1)).rev() {
                self.files.remove(&segment.path)?;
            }
            for (index, segment) in self.segments.iter().enumerate().take(reading.index.saturating_add(1)).skip(start) {
                if index < reading.index && segment.last.is_some() {
                    continue;
                }
                let file = self.files.open(&segment.path)?;
                let view = self.files.view(&segment.path)?;
                let length = if index < reading.index { end(&view) } else { reading.at };
                self.files.sync_data(&file)?;
                self.files.cut(&file, u64::try_from(length).unwrap_or(u64::MAX))?;
                self.files.sync(&file)?;
            }
            self.files.sync_folder(self.folder)
        };
        mend().map_err(|reason| self.failed(reason))
    }
}

/// Where the records of a segment that was checked end.
fn end(bytes: &[u8]) -> usize {
    let mut at = HEADER;
    while let Ok(Some(record)) = Record::read(bytes.get(at..).unwrap_or_default()) {
        at = at.saturating_add(record.length());
    }
    at
}

impl Reading {
    fn take(&mut self, record: &Record<'_>) {
        self.time = self.time.max(record.time);
        let kind = Kind(record.kind);
        self.signed = kind == Kind::Checkpointed;
        let matters = [
            Kind::Begun,
            Kind::Ended,
            Kind::SignedIn,
            Kind::Continued,
            Kind::SignedOut,
            Kind::ShapeMet,
            Kind::KeyChanged,
            Kind::Checkpointed,
        ];
        if !matters.contains(&kind) {
            return;
        }
        let Ok(Some(event)) = Event::decode(kind, record.facts, None) else { return };
        self.running.apply(record.seq, &event);
        if let Event::ShapeMet(met) = event {
            self.shapes.insert(met.shape);
        } else if let Event::KeyChanged(changed) = event {
            self.key = Some(changed.key);
        } else if let Event::Checkpointed(signed) = event {
            self.key = Some(signed.key);
        }
    }
}

/// Where, behind the record `seq` that should be at `at`, a later one is whole: its hash covers the one before.
fn whole_behind(bytes: &[u8], at: usize, seq: u64) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let used = rest.iter().rposition(|byte| *byte != 0)?;
    let most = seq.saturating_add(u64::try_from(rest.len() / SHORTEST).unwrap_or(u64::MAX));
    (SHORTEST..used).find_map(|from| {
        let found = u64::from_le_bytes(*rest.get(from.saturating_add(8)..)?.first_chunk::<8>()?);
        if found <= seq || found > most {
            return None;
        }
        let (before, candidate) = rest.split_at_checked(from)?;
        let record = Record::read(candidate).ok()??;
        if record.check(Hash(*before.last_chunk::<HASH>()?)).is_ok() {
            return at.checked_add(from);
        }
        // The hash before it may be what was damaged: then it is told by the record behind it.
        let next = Record::read(candidate.get(record.length()..)?).ok()??;
        next.check(record.hash).is_ok().then(|| at.checked_add(from))?
    })
}

/// Whether a page between the two places was not written to its end.
fn has_unwritten_page(bytes: &[u8], from: usize, to: usize) -> bool {
    let first = from.div_ceil(PAGE).saturating_mul(PAGE);
    (first..=to).step_by(PAGE).any(|boundary| {
        let tail = boundary.checked_sub(UNWRITTEN).and_then(|tail| bytes.get(tail..boundary));
        tail.is_some_and(|tail| boundary.saturating_sub(UNWRITTEN) >= from && tail.iter().all(|byte| *byte == 0))
    })
}

const _: () = assert!(HEAD < SHORTEST, "a record's number lies in its head");
