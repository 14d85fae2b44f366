//! Records that are sent at once, as the bytes that their receiver gets.

use super::cursor::Mark;
use super::source::Taken;
use crate::audit::Digest;

/// Enough that a batch's cost is its records; not so much that a receiver on its defaults (nginx: 1 MiB) refuses it.
const MOST_BYTES: usize = 512 << 10;
/// What many collectors take at once.
const MOST_RECORDS: usize = 500;
/// Records that are looked at for a batch: a sink that wants few of them must not hold up the others.
const MOST_TAKEN: usize = 5000;

#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    /// Of the first record that is in it.
    first: u64,
    /// The last record that it covers, in it or not.
    pub last: Mark,
    journal: Digest,
    epoch: u32,
    records: usize,
    taken: usize,
}

impl Batch {
    pub fn add(&mut self, taken: &Taken, bytes: Option<Vec<u8>>) {
        if let Some(bytes) = bytes {
            if self.records == 0 {
                self.first = taken.entry.seq;
            }
            self.bytes.extend_from_slice(&bytes);
            self.records = self.records.saturating_add(1);
        }
        (self.journal, self.epoch) = (taken.journal, taken.epoch);
        self.last = taken.mark();
        self.taken = self.taken.saturating_add(1);
    }

    pub fn is_full(&self, most_records: usize) -> bool {
        self.bytes.len() >= MOST_BYTES || self.records >= most_records.min(MOST_RECORDS) || self.taken >= MOST_TAKEN
    }

    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// The same for the same records, and for no others.
    pub fn id(&self) -> String {
        let hash: String = self.last.hash.to_string().chars().take(16).collect();
        format!("{}-{}-{}-{}-{hash}", self.journal, self.epoch, self.first, self.last.seq)
    }
}
