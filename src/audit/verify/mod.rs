//! The check of a whole journal: that every record is the one that was written, where it was written, that none is missing, and
//! that signatures say the same. It reads a segment a window at a time, so a journal of any size is checked in the same memory,
//! and it goes on behind what is bad to tell how far that reaches. It opens no file: whoever calls it brings the bytes.

mod anchors;
mod findings;
mod meaning;
#[cfg(test)]
mod tests;

use std::io;

use super::checkpoint::{Checkpoint, key_name};
use super::digest::{Digest, Hash};
use super::event::Kind;
use super::record::{LONGEST, Malformed, Record, SHORTEST};
use super::segment::{HEADER, Header, HeaderError};
use anchors::Anchors;
pub use findings::{Finding, Findings, Key, Problem, Warning};
use meaning::Meaning;

/// A record found behind bytes that are none has a number not further on than this.
const FURTHEST: u64 = 1 << 20;
/// The longest record and the one behind it.
const WINDOW: usize = 2 * LONGEST;
/// Gaps that are remembered, in case their records stand elsewhere.
const MOST_GAPS: usize = 1000;
/// The writer is followed this often; what it writes after that is for the next check.
const MOST_CHASED: u32 = 100;
/// Where the number stands in a record's bytes.
const NUMBER: std::ops::Range<usize> = 8..16;

/// The bytes of one segment.
pub trait Source {
    /// At least `length` bytes from `at` on, or what there is to the segment's end.
    fn window(&mut self, at: u64, length: usize) -> io::Result<&[u8]>;

    /// Looks again at what seems bad, for it may have been in the making: whether it is other now.
    fn look_again(&mut self, at: u64, length: usize) -> io::Result<bool>;
}

impl Source for &[u8] {
    fn window(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let rest = self.get(at..).unwrap_or_default();
        Ok(rest.get(..length).unwrap_or(rest))
    }

    fn look_again(&mut self, _: u64, _: usize) -> io::Result<bool> {
        Ok(false)
    }
}

/// What the operator vouches for.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Keys, or their names. With any, the journal's first key has to be among them.
    pub keys: Vec<String>,
    /// Epochs whose beginning, a restore, is known to have lost records.
    pub epochs: Vec<u32>,
    /// Checkpoints that were kept elsewhere.
    pub checkpoints: Vec<Checkpoint>,
}

impl Trust {
    fn accepts(&self, key: Hash) -> bool {
        self.keys.iter().any(|accepted| *accepted == key.to_string() || *accepted == key_name(key))
    }
}

/// Checks segment by segment.
#[derive(Debug, Clone)]
pub struct Verifier {
    trust: Trust,
    found: Findings,
    anchors: Anchors,
    meaning: Meaning,
    journal: Option<Digest>,
    epoch: u32,
    /// The number of the next record.
    next_seq: u64,
    /// The hash of the record before it; missing where that record is not known.
    previous: Option<Hash>,
    time: u64,
    /// What the first segment says of the record before it.
    removed: Option<(u64, Hash)>,
    gaps: Vec<Gap>,
    /// The rest of a segment could not be read: what is missing up to the next segment is told of already.
    lost: Option<usize>,
    /// The last record is a checkpoint.
    closed: bool,
    /// The record that has to say that this epoch began.
    restored: Option<(u64, u32)>,
    /// How often the end had moved on when it was looked at again.
    chased: u32,
}

/// Records that were not where they should be.
#[derive(Debug, Clone)]
struct Gap {
    first: u64,
    last: u64,
    what: String,
    /// They stood elsewhere.
    elsewhere: bool,
}

/// Where a walk through a segment stands after a step.
enum Step {
    On(usize),
    End,
}

impl Verifier {
    pub fn new(mut trust: Trust) -> Self {
        let mut found = Findings::default();
        let anchors = Anchors::new(std::mem::take(&mut trust.checkpoints), &mut found);
        Self {
            trust,
            found,
            anchors,
            meaning: Meaning::default(),
            journal: None,
            epoch: 0,
            next_seq: 1,
            previous: None,
            time: 0,
            removed: None,
            gaps: Vec::new(),
            lost: None,
            closed: false,
            restored: None,
            chased: 0,
        }
    }

    /// Whether nothing bad was found so far.
    pub fn is_sound(&self) -> bool {
        self.found.is_sound() && self.gaps.is_empty() && !self.meaning.is_damaged()
    }

    /// Checks the segment whose file is named after record `named`. Segments come in the order of their names; `is_last` where
    /// none comes behind it.
    pub fn segment(&mut self, named: u64, source: &mut impl Source, is_last: bool) -> io::Result<()> {
        self.found.segments = self.found.segments.saturating_add(1);
        if !self.header(named, source, is_last)? {
            return Ok(());
        }
        let mut at = u64::try_from(HEADER).unwrap_or(0);
        while let Step::On(length) = self.step(source, at, is_last)? {
            at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    /// Whether records can be read behind it.
    fn header(&mut self, named: u64, source: &mut impl Source, is_last: bool) -> io::Result<bool> {
        let mut read = Header::read(source.window(0, HEADER)?);
        while read.is_err() && source.look_again(0, HEADER)? {
            read = Header::read(source.window(0, HEADER)?);
        }
        let header = match read {
            Ok(header) => header,
            Err(error) => {
                let bytes = source.window(0, HEADER)?;
                let blank = bytes.iter().all(|byte| *byte == 0);
                let next = self.next_seq;
                if blank && is_last && self.found.segments > 1 {
                    // Made, and not written to before the end came.
                    self.found.find(Problem::Torn, next, next, format!("the segment {named} was made and not begun"));
                    return Ok(false);
                }
                let same = bytes.len() >= HEADER && !matches!(error, HeaderError::Newer);
                self.lost_at(Problem::Edited, named.max(next), format!("the header of segment {named}: {error}"));
                if !same {
                    return Ok(false);
                }
                // The records behind it may be sound: the first is taken as it is.
                self.lost = None;
                self.begin(named);
                self.gap(named, "a segment is missing");
                return Ok(true);
            }
        };
        let journal = *self.journal.get_or_insert(header.journal);
        if header.journal != journal {
            self.lost_at(
                Problem::Foreign,
                named,
                format!("the segment {named} is of the journal {}, and this one is {journal}", header.journal),
            );
            return Ok(false);
        }
        if header.first_seq != named {
            let what = format!("the file of segment {named} holds the segment that begins with record {}", header.first_seq);
            self.found.find(Problem::Reordered, header.first_seq, header.first_seq, what);
        }
        if self.found.segments == 1 {
            self.begin(named);
            self.epoch = header.epoch;
            if named > 1 && header.first_seq == named {
                self.removed = Some((named.saturating_sub(1), header.previous));
                self.anchors.meet(named.saturating_sub(1), header.previous, journal, header.epoch, &mut self.found);
            } else if named == 1 && header.first_seq == 1 && header.previous != Hash::default() {
                self.found.find(Problem::Impossible, 1, 1, "the first segment follows another one");
            }
        } else if header.first_seq == self.next_seq && self.previous.is_some_and(|previous| previous != header.previous) {
            let what = "the segment that begins with it follows another record than the one that is there: one of them was written anew";
            self.found.find(Problem::Edited, header.first_seq, header.first_seq, what);
        } else if header.first_seq == self.next_seq && self.previous.is_some() && !self.closed && header.epoch <= self.epoch {
            // A backup ends anywhere; that a restore goes on behind it, the first record of the new epoch says.
            let last = self.found.last_seq;
            let what = "it ends its segment, and the journal ends each with a checkpoint: that was taken out, and what it was signed over may be written anew";
            self.found.find(Problem::Rewritten, last, last, what);
        }
        self.gap(header.first_seq, "a segment, or the end of one, is missing");
        if header.epoch < self.epoch {
            self.found.find(
                Problem::Impossible,
                header.first_seq,
                header.first_seq,
                "its segment is of an earlier epoch than the one before",
            );
        }
        self.restored = (self.found.segments > 1 && header.epoch > self.epoch).then_some((header.first_seq, header.epoch));
        self.epoch = header.epoch.max(self.epoch);
        self.lost = None;
        if header.first_seq == self.next_seq {
            self.previous = Some(header.hash());
        }
        Ok(true)
    }

    /// The journal's first record, as the name of its first segment says.
    fn begin(&mut self, named: u64) {
        if self.found.segments == 1 {
            self.next_seq = named;
            self.found.first_seq = named;
        }
    }

    /// Notes that nothing more of this segment can be read.
    fn lost_at(&mut self, problem: Problem, seq: u64, what: String) {
        self.found.find(problem, seq, seq, what);
        self.lost = self.found.findings.len().checked_sub(1);
        self.previous = None;
    }

    /// Records from the next one up to before `seq` are not here.
    fn gap(&mut self, seq: u64, what: &str) {
        let last = seq.saturating_sub(1);
        if seq <= self.next_seq {
            return;
        }
        if let Some(finding) = self.lost.take().and_then(|index| self.found.findings.get_mut(index)) {
            finding.last = last.max(finding.last);
        } else if self.gaps.len() < MOST_GAPS {
            self.gaps.push(Gap { first: self.next_seq, last, what: what.to_owned(), elsewhere: false });
        } else {
            self.found.find(Problem::Removed, self.next_seq, last, what);
        }
        self.next_seq = seq;
    }

    fn step(&mut self, source: &mut impl Source, at: u64, is_last: bool) -> io::Result<Step> {
        loop {
            let window = source.window(at, LONGEST)?;
            match Record::read(window) {
                Ok(Some(record)) if self.follows(&record) => {
                    let length = record.length();
                    self.take(&record);
                    return Ok(Step::On(length));
                }
                Ok(None) => {
                    let Some(written) = behind(source, at)? else { return Ok(Step::End) };
                    // Nothing was written behind the end of the last segment; one that is complete ends with its file.
                    if written == Behind::Zeros && is_last {
                        return Ok(Step::End);
                    }
                    if source.look_again(at, LONGEST)? {
                        self.chased = self.chased.saturating_add(1);
                        if self.chased > MOST_CHASED && is_last {
                            return Ok(Step::End);
                        }
                        continue;
                    }
                    if written == Behind::Zeros {
                        let last = self.next_seq.saturating_sub(1);
                        self.found.find(Problem::Torn, last, last, "zeros follow it in a segment that is complete: what a crash leaves");
                        return Ok(Step::End);
                    }
                    return self.bad(source, at, is_last);
                }
                Ok(Some(_)) | Err(_) => {
                    if !source.look_again(at, LONGEST)? {
                        return self.bad(source, at, is_last);
                    }
                }
            }
        }
    }

    fn follows(&self, record: &Record<'_>) -> bool {
        record.seq == self.next_seq && self.previous.is_none_or(|previous| record.check(previous).is_ok())
    }

    /// A record that is where it belongs.
    fn take(&mut self, record: &Record<'_>) {
        let (seq, first_seq) = (record.seq, self.found.first_seq);
        if record.time < self.time {
            self.found.find(Problem::Impossible, seq, seq, "its time is before that of the record before it");
        }
        self.time = record.time.max(self.time);
        if self.found.records == 0 {
            self.found.first_time = record.time;
        }
        self.found.last_time = record.time;
        if let Some(journal) = self.journal {
            self.meaning.take(record, journal, &mut self.epoch, first_seq, &self.trust, &mut self.found);
        }
        self.pass(seq, Some(record.hash));
        self.closed = Kind(record.kind) == Kind::Checkpointed;
        if let Some((_, epoch)) = self.restored.take_if(|(due, _)| *due == seq)
            && self.meaning.restores.last().is_none_or(|restore| (restore.said_by, restore.epoch) != (seq, epoch))
        {
            self.found.find(Problem::Impossible, seq, seq, format!("it begins a segment of epoch {epoch}, and says of no restore"));
        }
    }

    /// Goes on behind record `seq`.
    fn pass(&mut self, seq: u64, hash: Option<Hash>) {
        self.found.records = self.found.records.saturating_add(1);
        self.found.last_seq = seq;
        self.closed = false;
        self.next_seq = seq.saturating_add(1);
        self.previous = hash;
        if let (Some(hash), Some(journal)) = (hash, self.journal) {
            self.found.last_hash = hash;
            self.anchors.meet(seq, hash, journal, self.epoch, &mut self.found);
        }
    }

    /// Tells what is wrong at `at`, and goes on behind it.
    fn bad(&mut self, source: &mut impl Source, at: u64, is_last: bool) -> io::Result<Step> {
        let next = self.next_seq;
        if is_last && is_unfinished(source, at, next)? {
            let what =
                "it is the last one and is not whole: what a crash leaves; the next start of pgsluice puts it right, with a record of it";
            self.found.find(Problem::Torn, next, next, what);
            return Ok(Step::End);
        }
        let window = source.window(at, WINDOW)?;
        let Ok(Some(record)) = Record::read(window) else {
            return self.unreadable(source, at);
        };
        let (length, seq, hash) = (record.length(), record.seq, record.hash);
        if seq == next && self.previous.is_some_and(|previous| record.check(previous) == Err(Malformed::Body)) {
            self.meaning.damaged(seq, &mut self.found);
            self.take(&record);
            return Ok(Step::On(length));
        }
        let behind = window.get(length..).unwrap_or_default();
        let after = Record::read(behind);
        let sound = self.previous.is_some_and(|previous| record.check(previous).is_ok());
        // Whether its length is right, so that the next one is found.
        let plausible = self.found.first_seq..=next.saturating_add(FURTHEST);
        let leads_on = match &after {
            Ok(Some(after)) => plausible.contains(&after.seq),
            Ok(None) => true,
            Err(_) => false,
        };
        let follower_fits = matches!(&after, Ok(Some(after)) if after.check(hash).is_ok());
        let renumbered = !sound && self.fits_as_next(window.get(..length).unwrap_or_default());
        if seq == next || renumbered {
            if !leads_on && !renumbered {
                return self.unreadable(source, at);
            }
            let what = match self.previous.map(|previous| record.check(previous)) {
                _ if renumbered => format!("it bears the number {seq}"),
                Some(Err(Malformed::Hash)) if follower_fits => {
                    "its bytes are not the ones that the next record's hash was made of".to_owned()
                }
                Some(Err(Malformed::Hash)) => {
                    "it does not follow the record before it: it, or that one, is not what was written".to_owned()
                }
                Some(Err(malformed)) => malformed.to_string(),
                Some(Ok(())) | None => "it is not what was written".to_owned(),
            };
            self.found.find(Problem::Edited, next, next, what);
            // What follows is held against the hash that stands here, unless that is what was changed.
            self.pass(next, Some(hash).filter(|_| follower_fits));
            return Ok(Step::On(length));
        }
        if !leads_on && !follower_fits {
            return self.unreadable(source, at);
        }
        if seq > next {
            let what = if sound { "missing, and the chain was made anew over the gap" } else { "missing" };
            self.gap(seq, what);
            self.pass(seq, Some(hash).filter(|_| follower_fits));
        } else if let Some(gap) = self.gaps.iter_mut().find(|gap| (gap.first..=gap.last).contains(&seq)) {
            gap.elsewhere = true;
        } else {
            self.found.find(Problem::Duplicated, seq, seq, format!("it stands again where record {next} is due"));
        }
        Ok(Step::On(length))
    }

    /// Whether the record would be sound if it bore the number that is due.
    fn fits_as_next(&self, bytes: &[u8]) -> bool {
        let mut bytes = bytes.to_vec();
        if let Some(number) = bytes.get_mut(NUMBER) {
            number.copy_from_slice(&self.next_seq.to_le_bytes());
        }
        match (Record::read(&bytes), self.previous) {
            (Ok(Some(record)), Some(previous)) => record.check(previous).is_ok(),
            _ => false,
        }
    }

    /// Bytes that are no record: looks for the next one behind them.
    fn unreadable(&mut self, source: &mut impl Source, at: u64) -> io::Result<Step> {
        let next = self.next_seq;
        let window = source.window(at, WINDOW)?;
        if let Some((offset, seq)) = find_next(window, next) {
            let last = seq.saturating_sub(1).max(next);
            self.found.find(Problem::Edited, next, last, "its bytes are no record, and the next one that can be read stands behind them");
            self.next_seq = seq;
            self.previous = None;
            return Ok(Step::On(offset));
        }
        self.lost_at(Problem::Edited, next, "its bytes are no record, and nothing behind them in its segment can be read".to_owned());
        Ok(Step::End)
    }

    /// Everything that was found.
    pub fn finish(mut self) -> Findings {
        if self.found.segments == 0 {
            self.found.find(Problem::Removed, 1, 1, "there is no segment at all");
        }
        for Gap { first, last, what, elsewhere } in std::mem::take(&mut self.gaps) {
            if elsewhere {
                self.found.find(Problem::Reordered, first, last, "they stand elsewhere in the journal than they were written");
            } else {
                self.found.find(Problem::Removed, first, last, what);
            }
        }
        self.meaning.settle(self.removed, &mut self.found);
        let Self { anchors, meaning, trust, mut found, journal, epoch, .. } = self;
        anchors.settle(&meaning.keys, &meaning.restores, &trust, &mut found);
        (found.journal, found.epoch, found.keys) = (journal, epoch, meaning.keys);
        found.findings.sort_by_key(|finding| (finding.seq, finding.last));
        found.warnings.sort_by_key(|warning| warning.seq);
        found
    }
}

/// Whether record `next` was begun at `at` and its end is missing, and nothing stands behind it.
fn is_unfinished(source: &mut impl Source, at: u64, next: u64) -> io::Result<bool> {
    let window = source.window(at, LONGEST)?;
    let written = window.iter().rposition(|byte| *byte != 0).map_or(0, |last| last.saturating_add(1));
    let declared = window.first_chunk::<4>().map_or(0, |length| u32::from_le_bytes(*length));
    let declared = usize::try_from(declared).unwrap_or(usize::MAX);
    let numbered_otherwise = written > NUMBER.end && window.get(NUMBER).is_some_and(|number| number != next.to_le_bytes());
    if !(SHORTEST..=LONGEST).contains(&declared) || declared <= written || numbered_otherwise {
        return Ok(false);
    }
    Ok(behind(source, at.saturating_add(u64::try_from(written).unwrap_or(u64::MAX)))? != Some(Behind::Bytes))
}

/// What stands behind the last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    Zeros,
    Bytes,
}

fn behind(source: &mut impl Source, mut at: u64) -> io::Result<Option<Behind>> {
    let mut found = None;
    loop {
        let window = source.window(at, WINDOW)?;
        if window.is_empty() {
            return Ok(found);
        }
        if window.iter().any(|byte| *byte != 0) {
            return Ok(Some(Behind::Bytes));
        }
        found = Some(Behind::Zeros);
        at = at.saturating_add(u64::try_from(window.len()).unwrap_or(u64::MAX));
    }
}

/// The first place behind the start of `window` where a record with a number due or soon due stands, with one behind it that
/// follows it, or nothing.
fn find_next(window: &[u8], next: u64) -> Option<(usize, u64)> {
    let due = next..=next.saturating_add(FURTHEST);
    (1..window.len()).find_map(|offset| {
        let rest = window.get(offset..)?;
        let record = Record::read(rest).ok().flatten().filter(|record| due.contains(&record.seq))?;
        let follows = match Record::read(rest.get(record.length()..)?) {
            Ok(Some(after)) => after.seq == record.seq.saturating_add(1) && after.check(record.hash).is_ok(),
            Ok(None) => true,
            Err(_) => false,
        };
        follows.then_some((offset, record.seq))
    })
}
