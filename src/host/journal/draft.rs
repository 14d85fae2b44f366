//! A group of records in memory, before any of it is in the journal: chained and salted, ready to be put in its place whole.

use ring::rand::{SecureRandom as _, SystemRandom};

use super::Unwritable;
use crate::audit::event::Encoded;
use crate::audit::record::{self, Place, SALT};
use crate::audit::seal::SegmentKey;
use crate::audit::{Digest, Hash, Kind};

/// Random bytes are taken from the system this many salts at a time.
const SALTS: usize = 256;

/// A group of records that is not written yet.
#[derive(Debug, Default)]
pub struct Draft {
    pub bytes: Vec<u8>,
    /// The shapes whose texts are in it.
    pub shapes: Vec<Digest>,
    /// The numbers of the notes' records.
    pub seqs: Vec<u64>,
    /// The key that originals in it are sealed with, where it is the one that brings it.
    pub segment_key: Option<SegmentKey>,
    /// Behind it.
    pub previous: Hash,
    pub next_seq: u64,
}

impl Draft {
    /// Empties it, to be written behind this record.
    pub fn begin(&mut self, previous: Hash, next_seq: u64) {
        self.bytes.clear();
        self.shapes.clear();
        self.seqs.clear();
        self.segment_key = None;
        (self.previous, self.next_seq) = (previous, next_seq);
    }

    pub fn add(
        &mut self,
        kind: Kind,
        encoded: &Encoded,
        time: u64,
        salts: &mut Vec<[u8; SALT]>,
        random: &SystemRandom,
    ) -> Result<(), Unwritable> {
        let salt = if encoded.body.is_empty() { None } else { Some(salt(salts, random)?) };
        let body = salt.as_ref().map(|salt| (salt, encoded.body.as_slice()));
        let place = Place { seq: self.next_seq, time, previous: self.previous };
        self.previous = record::write(&mut self.bytes, kind.0, place, &encoded.facts, body).map_err(|error| {
            tracing::error!(%kind, %error, "not recorded");
            Unwritable::Broken
        })?;
        self.next_seq = self.next_seq.saturating_add(1);
        Ok(())
    }
}

fn salt(salts: &mut Vec<[u8; SALT]>, random: &SystemRandom) -> Result<[u8; SALT], Unwritable> {
    if salts.is_empty() {
        let mut bytes = [0; SALT * SALTS];
        random.fill(&mut bytes).map_err(|_| Unwritable::Broken)?;
        salts.extend(bytes.as_chunks::<SALT>().0);
    }
    salts.pop().ok_or(Unwritable::Broken)
}
