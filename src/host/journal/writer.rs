//! The one writer: numbers, chains and places records. It waits for nothing and syncs nothing; what takes time is the keeper's.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::path::PathBuf;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::active::{CHECKPOINT_ROOM, Segment, Spare, enter, name, resume};
use super::draft::Draft;
use super::fault::{Fault, Trouble};
use super::files::Files;
use super::recover::Found;
use super::running::Running;
use super::{Options, Unwritable};
use crate::audit::event::{Checkpointed, Continued, Encoded, KeyChanged, ShapeMet, ShapeText, SignedIn, Word};
use crate::audit::record::SALT;
use crate::audit::seal::{Original, RANDOM, SealError, Sealer, SegmentKey};
use crate::audit::segment::{HEADER, Header};
use crate::audit::{Digest, Event, Hash, Kind, Note, Shape, SigningKey};
use crate::host::when;

/// Segments that are full and not yet on disk. At more the writer waits: what could be lost with the power has a bound.
const MOST_RETIRED: usize = 2;
/// Notes that wait for the journal to be writable again: some for each of thousands of sessions, in some megabytes.
const MOST_OWED: usize = 10_000;

/// Why a group of records was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Unwritable(Unwritable),
    /// The segment is full and the next one is not there yet.
    NoSpare,
    /// The group fits no segment as a whole.
    TooLong,
}

/// A full segment that is not yet on disk.
#[derive(Debug)]
pub struct Retired {
    pub segment: Segment,
    /// The hash of the header of the segment behind it, that segment's number, and what was open there.
    pub next: Hash,
    pub next_seq: u64,
    pub running: Running,
}

/// Who a session is, and which segment says so.
#[derive(Debug, Clone)]
pub struct Known {
    pub session: u64,
    pub who: Box<SignedIn>,
    pub segment: u64,
}

pub struct Writer {
    pub files: Files,
    pub folder: PathBuf,
    options: Options,
    pub key: SigningKey,
    pub current: Segment,
    pub spare: Option<Spare>,
    pub retired: VecDeque<Retired>,
    previous: Hash,
    next_seq: u64,
    /// The time of the last record: that of none is before the one before it.
    time: u64,
    /// The checkpoint that ends the segment is written.
    sealed: bool,
    /// Records were written since the last checkpoint.
    pub unsigned: bool,
    /// The shapes whose text this segment has.
    shapes: HashSet<Digest>,
    /// What originals in this segment are sealed with, as far as this process wrote it.
    segment_key: Option<SegmentKey>,
    running: Running,
    /// Executions since this process opened the journal.
    pub executions: u64,
    /// The server told that it began to serve, so its end is told too.
    pub started: bool,
    /// The keeper is to be woken.
    pub call: bool,
    /// It was, for the next segment.
    called: bool,
    /// A record waits for the next segment.
    pub hurry: bool,
    /// Writing failed; the keeper tries again.
    pub broken: Option<Fault>,
    /// The next segment could not be made.
    pub spare_failed: Option<Fault>,
    /// A record found no segment for too long.
    pub stuck: bool,
    pub trouble: Option<Trouble>,
    pub closed: bool,
    /// What could not be recorded when it happened.
    owed: VecDeque<(Known, Note)>,
    encoded: Encoded,
    draft: Draft,
    salts: Vec<[u8; SALT]>,
    random: SystemRandom,
}

/// What is to be written together.
#[derive(Debug, Clone, Copy)]
enum Group<'a> {
    Notes(&'a [Note]),
    Encoded(Kind, &'a Encoded),
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Writer").field("next_seq", &self.next_seq).finish_non_exhaustive()
    }
}

impl Writer {
    pub fn open(files: Files, folder: PathBuf, options: Options, key: SigningKey, found: Option<&Found>) -> io::Result<Self> {
        let random = SystemRandom::new();
        let (current, previous, next_seq) = match found {
            Some(found) => (resume(&files, &folder, &options, found)?, found.previous, found.next_seq),
            None => {
                let mut journal = Digest::default();
                random.fill(&mut journal.0).map_err(|_| io::Error::other("the system gave no random bytes"))?;
                let header = Header { journal, epoch: 0, first_seq: 1, time: when::now(), previous: Hash::default() };
                let mut spare = Spare::make(&files, &folder, options.segment)?;
                let current = name(&files, &folder, &mut spare, header).map(|()| enter(spare, header))?;
                files.sync_folder(&folder)?;
                (current, header.hash(), 1)
            }
        };
        // It was to be left when the process ended. Signed again at each start, its checkpoints would outgrow the room for one.
        let sealed = found.is_some_and(|found| found.signed) && current.room() == 0;
        Ok(Self {
            files,
            folder,
            options,
            key,
            current,
            spare: None,
            retired: VecDeque::new(),
            previous,
            next_seq,
            time: found.map_or(0, |found| found.time),
            sealed,
            unsigned: false,
            shapes: found.map(|found| found.shapes.clone()).unwrap_or_default(),
            segment_key: None,
            running: found.map(|found| found.running.clone()).unwrap_or_default(),
            executions: 0,
            started: false,
            call: false,
            called: false,
            hurry: false,
            broken: None,
            spare_failed: None,
            stuck: false,
            trouble: None,
            closed: false,
            owed: VecDeque::new(),
            encoded: Encoded::default(),
            draft: Draft::default(),
            salts: Vec::new(),
            random,
        })
    }

    pub fn header(&self) -> Header {
        self.current.header
    }

    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// The first number of the segment that is written to.
    pub fn segment(&self) -> u64 {
        self.current.header.first_seq
    }

    /// The size of the next segment, if it is time to make it.
    pub fn wants_spare(&self) -> Option<u64> {
        let due =
            self.spare.is_none() && !self.closed && self.retired.len() < MOST_RETIRED && (self.hurry || self.current.fills_more_than(2));
        due.then_some(self.options.segment)
    }

    /// Why nothing can be recorded, or soon can be no more. The last quarter of a segment is for the ends of what runs, while there
    /// is no next one.
    pub fn ailment(&self) -> Option<Fault> {
        if self.broken.is_some() || self.spare.is_some() {
            return self.broken.clone();
        }
        let slow = self.stuck.then_some(Fault { kind: Unwritable::Broken, said: Word::Borrowed("too slow") });
        self.spare_failed.clone().filter(|_| self.stuck || self.current.fills_more_than(3)).or(slow)
    }

    pub fn now(&mut self) -> u64 {
        self.time = self.time.max(when::now());
        self.time
    }

    /// Writes a group of records into one segment, behind what that segment must have said before them: who the session is, and
    /// the texts of shapes. All of them are there when this returns, or none.
    pub fn write(&mut self, known: Option<&mut Known>, notes: &[Note]) -> Result<u64, Stop> {
        self.place(known, Group::Notes(notes))
    }

    pub fn write_encoded(&mut self, kind: Kind, encoded: &Encoded) -> Result<u64, Stop> {
        self.place(None, Group::Encoded(kind, encoded))
    }

    fn place(&mut self, known: Option<&mut Known>, group: Group<'_>) -> Result<u64, Stop> {
        if self.closed {
            return Err(Stop::Unwritable(Unwritable::Broken));
        }
        if let Some(fault) = &self.broken {
            return Err(Stop::Unwritable(fault.kind));
        }
        // Once into this segment, or once into the next.
        for _ in 0..2 {
            if !self.sealed {
                self.compose(known.as_deref(), group).map_err(Stop::Unwritable)?;
                if self.draft.bytes.len() <= self.room() {
                    self.commit(group);
                    if let Some(known) = known {
                        known.segment = self.segment();
                    }
                    return Ok(self.last_seq());
                }
                if self.draft.bytes.len() > self.current.size().saturating_sub(HEADER + CHECKPOINT_ROOM) {
                    return Err(Stop::TooLong);
                }
            }
            self.rotate()?;
        }
        Err(Stop::TooLong)
    }

    fn room(&self) -> usize {
        self.current.room()
    }

    fn compose(&mut self, known: Option<&Known>, group: Group<'_>) -> Result<(), Unwritable> {
        self.now();
        self.begin();
        if let Some(known) = known
            && known.segment != self.segment()
        {
            let body = known.who.body.clone();
            let who = SignedIn { body: None, ..(*known.who).clone() };
            self.add(&Continued { session: known.session, who, body }.into())?;
        }
        let notes = match group {
            Group::Notes(notes) => notes,
            Group::Encoded(kind, encoded) => return self.draft.add(kind, encoded, self.time, &mut self.salts, &self.random),
        };
        for note in notes {
            if let Some(shape) = &note.shape {
                self.add_shape(shape)?;
            }
            let sealed = note.original.as_ref().map(|original| self.sealed(&note.event, original)).transpose()?;
            self.draft.seqs.push(self.draft.next_seq);
            self.add(sealed.as_ref().unwrap_or(&note.event))?;
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.draft.begin(self.previous, self.next_seq);
    }

    fn add_shape(&mut self, shape: &Shape) -> Result<(), Unwritable> {
        if self.shapes.contains(&shape.digest) || self.draft.shapes.contains(&shape.digest) {
            return Ok(());
        }
        self.draft.shapes.push(shape.digest);
        let body = Some(Box::new(ShapeText {
            text: shape.text.to_string(),
            relations: shape.relations.iter().map(ToString::to_string).collect(),
        }));
        self.add(&ShapeMet { shape: shape.digest, body }.into())
    }

    /// The event with what was sent sealed into it. The key for that is recorded before it, once in each segment.
    fn sealed(&mut self, event: &Event, original: &Original) -> Result<Event, Unwritable> {
        let failed = |error: SealError| {
            tracing::error!(%error, "an original was not sealed, so its statement is not recorded");
            Unwritable::Broken
        };
        let mut event = event.clone();
        let (Some(to), Some((session, number, body))) = (self.options.seal_to, event.sent()) else { return Ok(event) };
        if self.segment_key.is_none() && self.draft.segment_key.is_none() {
            let mut random = Zeroizing::new([0; RANDOM]);
            self.random.fill(random.as_mut_slice()).map_err(|_| Unwritable::Broken)?;
            let (record, key) = Sealer::new(to, self.current.header.journal).begin_segment(&random).map_err(failed)?;
            self.add(&record.into())?;
            self.draft.segment_key = Some(key);
        }
        if let Some(key) = self.draft.segment_key.as_ref().or(self.segment_key.as_ref()) {
            body.get_or_insert_default().sealed = Some(key.seal(session, number, original).map_err(failed)?.into());
        }
        Ok(event)
    }

    fn add(&mut self, event: &Event) -> Result<(), Unwritable> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.facts.clear();
        encoded.body.clear();
        event.encode(&mut encoded);
        let added = self.draft.add(event.kind(), &encoded, self.time, &mut self.salts, &self.random);
        self.encoded = encoded;
        added
    }

    /// Puts the draft, which fits, where the end of the process does not lose it.
    fn commit(&mut self, group: Group<'_>) {
        self.current.append(&self.draft.bytes);
        (self.previous, self.next_seq) = (self.draft.previous, self.draft.next_seq);
        self.shapes.extend(self.draft.shapes.drain(..));
        if let Some(key) = self.draft.segment_key.take() {
            self.segment_key = Some(key);
        }
        // What was encoded elsewhere is of no session.
        let notes = if let Group::Notes(notes) = group { notes } else { &[] };
        for (note, seq) in notes.iter().zip(&self.draft.seqs) {
            self.running.apply(*seq, &note.event);
            self.executions = self.executions.saturating_add(u64::from(matches!(note.event, Event::Begun(_))));
            self.started |= matches!(note.event, Event::Started(_));
        }
        self.unsigned = true;
        if !self.called && self.current.fills_more_than(2) {
            (self.call, self.called) = (true, true);
        }
    }

    /// Signs how far the chain has come. At the end of a segment the rotation does that.
    pub fn checkpoint(&mut self) -> Result<(), Stop> {
        if self.closed {
            return Ok(());
        }
        if let Some(fault) = &self.broken {
            return Err(Stop::Unwritable(fault.kind));
        }
        if self.sealed || self.room() < CHECKPOINT_ROOM {
            return self.rotate();
        }
        self.sign().map_err(Stop::Unwritable)
    }

    fn sign(&mut self) -> Result<(), Unwritable> {
        let time = self.now();
        let Header { journal, epoch, .. } = self.current.header;
        let signed = self.key.checkpoint(journal, epoch, self.last_seq(), self.previous, time);
        let (seq, hash, key, signature) = (signed.seq, signed.hash, signed.key, signed.signature);
        self.begin();
        self.add(&Checkpointed { seq, hash, time, key, signature }.into())?;
        if self.draft.bytes.len() > self.current.size().saturating_sub(self.current.at) {
            return Err(Unwritable::Broken);
        }
        self.commit(Group::Notes(&[]));
        self.unsigned = false;
        Ok(())
    }

    /// Goes on in the next segment.
    fn rotate(&mut self) -> Result<(), Stop> {
        let Some(spare) = &mut self.spare else { return Err(Stop::NoSpare) };
        if !self.sealed {
            self.sign().map_err(Stop::Unwritable)?;
            self.sealed = true;
            return self.rotate();
        }
        let header = Header { first_seq: self.next_seq, time: self.time, previous: self.previous, ..self.current.header };
        if let Err(reason) = name(&self.files, &self.folder, spare, header) {
            return Err(Stop::Unwritable(self.fail(&reason)));
        }
        let Some(spare) = self.spare.take() else { return Err(Stop::NoSpare) };
        let segment = std::mem::replace(&mut self.current, enter(spare, header));
        self.retired.push_back(Retired { segment, next: header.hash(), next_seq: header.first_seq, running: self.running.clone() });
        self.previous = header.hash();
        self.shapes.clear();
        self.segment_key = None;
        (self.sealed, self.stuck, self.called, self.hurry, self.call) = (false, false, false, false, true);
        Ok(())
    }

    /// Keeps for later what cannot be written now.
    pub fn owe(&mut self, known: &Known, notes: impl IntoIterator<Item = Note>) {
        let room = MOST_OWED.saturating_sub(self.owed.len());
        self.owed.extend(notes.into_iter().take(room).map(|note| (known.clone(), note)));
        self.call = true;
    }

    /// Writes what was kept, as far as that can be done now.
    pub fn settle(&mut self) {
        while let Some((mut known, note)) = self.owed.pop_front() {
            match self.write(Some(&mut known), std::slice::from_ref(&note)) {
                Ok(_) => {
                    // Those of the same session that follow need not say again who it is.
                    let same = self.owed.front_mut().filter(|(next, _)| next.session == known.session);
                    if let Some((next, _)) = same {
                        next.segment = known.segment;
                    }
                }
                Err(Stop::TooLong) => tracing::error!(session = known.session, "a record is too long for a segment of the journal"),
                Err(Stop::NoSpare | Stop::Unwritable(_)) => return self.owed.push_front((known, note)),
            }
        }
    }

    /// Writes no more until the keeper says so.
    pub fn fail(&mut self, reason: &io::Error) -> Unwritable {
        let fault = Fault::new(reason);
        let kind = fault.kind;
        self.broken = Some(fault);
        self.call = true;
        kind
    }

    /// Checkpoints are signed with the next key from here on; the old one says that it follows.
    pub fn change_key(&mut self, next: &mut Option<SigningKey>, by: &str) -> Result<u64, Stop> {
        let Some(key) = next.as_ref().map(SigningKey::public) else { return Err(Stop::Unwritable(Unwritable::Broken)) };
        let endorsement = Some(self.key.endorse(self.current.header.journal, key));
        let changed = KeyChanged { key, previous: Some(self.key.public()), endorsement, by: Some(by.to_owned()) };
        let seq = self.write(None, &[changed.into()])?;
        if let Some(next) = next.take() {
            self.key = next;
        }
        Ok(seq)
    }
}
