//! The one writer: numbers, chains and places records.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use memmap2::MmapMut;
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{JournalError, Options, Unwritable, files};
use crate::audit::event::{Encoded, ShapeMet, ShapeText};
use crate::audit::record::{self, Place, SALT};
use crate::audit::segment::{HEADER, Header, Walk};
use crate::audit::{Digest, Event, Hash, Kind, Shape};

/// Random bytes are taken from the system this many salts at a time.
const SALTS: usize = 256;

pub struct Writer {
    folder: PathBuf,
    options: Options,
    header: Header,
    file: File,
    memory: MmapMut,
    at: usize,
    previous: Hash,
    next_seq: u64,
    /// The shapes whose text this segment has.
    shapes: HashSet<Digest>,
    encoded: Encoded,
    bytes: Vec<u8>,
    salts: Vec<[u8; SALT]>,
    random: SystemRandom,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Writer").field("next_seq", &self.next_seq).finish_non_exhaustive()
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

impl Writer {
    pub fn open(state: &Path, options: Options) -> Result<Self, JournalError> {
        let folder = state.join("journal");
        let failed = |reason| JournalError::Io { folder: folder.clone(), reason };
        let damaged = |what: String| JournalError::Damaged { folder: folder.clone(), what };
        fs::create_dir_all(&folder).map_err(failed)?;
        let last = files::segments(&folder).map_err(failed)?.last().copied();
        let random = SystemRandom::new();
        let mut id = Digest::default();
        random.fill(&mut id.0).map_err(|_| failed(std::io::Error::other("no random bytes")))?;
        let first = Header { journal: id, epoch: 0, first_seq: 1, time: now(), previous: Hash::default() };
        let path = folder.join(files::segment_name(last.unwrap_or(1)));
        let (file, mut memory) = files::map(&path, options.segment).map_err(failed)?;
        if last.is_none()
            && let Some(to) = memory.get_mut(..HEADER)
        {
            to.copy_from_slice(&first.write());
        }
        let (header, mut walk) = Walk::new(&memory).map_err(|error| damaged(error.to_string()))?;
        while walk.step().map_err(|error| damaged(error.to_string()))?.is_some() {}
        let (at, previous, next_seq) = (walk.at(), walk.previous(), walk.next_seq());
        Ok(Self {
            options,
            header,
            file,
            memory,
            at,
            previous,
            next_seq,
            shapes: HashSet::new(),
            encoded: Encoded::default(),
            bytes: Vec::new(),
            salts: Vec::new(),
            random,
            folder,
        })
    }

    pub fn id(&self) -> Digest {
        self.header.journal
    }

    pub fn last_seq(&self) -> u64 {
        self.next_seq.saturating_sub(1)
    }

    /// The first number of the segment that is written to.
    pub fn segment(&self) -> u64 {
        self.header.first_seq
    }

    /// Records the text of a shape, if this segment does not have it.
    pub fn shape(&mut self, shape: &Shape) -> Result<(), Unwritable> {
        if self.shapes.contains(&shape.digest) {
            return Ok(());
        }
        let body = Some(Box::new(ShapeText { text: shape.text.to_string() }));
        self.append(&ShapeMet { shape: shape.digest, body }.into())?;
        self.shapes.insert(shape.digest);
        Ok(())
    }

    pub fn append(&mut self, event: &Event) -> Result<u64, Unwritable> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.facts.clear();
        encoded.body.clear();
        event.encode(&mut encoded);
        let appended = self.append_encoded(event.kind(), &encoded);
        self.encoded = encoded;
        appended
    }

    pub fn append_encoded(&mut self, kind: Kind, encoded: &Encoded) -> Result<u64, Unwritable> {
        let salt = if encoded.body.is_empty() { None } else { Some(self.salt()?) };
        self.bytes.clear();
        let place = Place { seq: self.next_seq, time: now(), previous: self.previous };
        let body = salt.as_ref().map(|salt| (salt, encoded.body.as_slice()));
        let hash = record::write(&mut self.bytes, kind.0, place, &encoded.facts, body).map_err(|_| Unwritable::Broken)?;
        let end = self.at.saturating_add(self.bytes.len());
        let Some(to) = self.memory.get_mut(self.at..end) else {
            self.rotate()?;
            return self.append_encoded(kind, encoded);
        };
        to.copy_from_slice(&self.bytes);
        self.at = end;
        self.previous = hash;
        self.next_seq = self.next_seq.saturating_add(1);
        Ok(place.seq)
    }

    fn salt(&mut self) -> Result<[u8; SALT], Unwritable> {
        if self.salts.is_empty() {
            let mut bytes = [0; SALT * SALTS];
            self.random.fill(&mut bytes).map_err(|_| Unwritable::Broken)?;
            self.salts.extend(bytes.as_chunks::<SALT>().0);
        }
        self.salts.pop().ok_or(Unwritable::Broken)
    }

    fn rotate(&mut self) -> Result<(), Unwritable> {
        let header = Header { first_seq: self.next_seq, time: now(), previous: self.previous, ..self.header };
        let path = self.folder.join(files::segment_name(self.next_seq));
        let (file, mut memory) = files::map(&path, self.options.segment).map_err(|_| Unwritable::Full)?;
        memory.get_mut(..HEADER).ok_or(Unwritable::Broken)?.copy_from_slice(&header.write());
        self.file.set_len(u64::try_from(self.at).unwrap_or(u64::MAX)).map_err(|_| Unwritable::Broken)?;
        self.shapes.clear();
        (self.header, self.file, self.memory, self.at, self.previous) = (header, file, memory, HEADER, header.hash());
        Ok(())
    }

    pub fn sync(&mut self) -> Result<(), Unwritable> {
        self.file.sync_data().map_err(|_| Unwritable::Broken)
    }
}
