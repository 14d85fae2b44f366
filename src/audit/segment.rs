//! A segment: a header that names the journal and says what came before, then records one behind the other. A segment that is
//! still written to has zeros behind its last record.

use ring::digest::{SHA256, digest};

use super::digest::{Digest, Hash};
use super::record::{Malformed, Record};

const MAGIC: [u8; 16] = *b"pgsluice journal";
const VERSION: u32 = 1;
const HASHED: usize = 16 + 4 + 4 + 16 + 8 + 8 + 32;
/// Before the first record.
pub const HEADER: usize = HASHED + 32;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The same in every segment of a journal, and in no other journal.
    pub journal: Digest,
    /// Counts restores from a backup.
    pub epoch: u32,
    pub first_seq: u64,
    /// Microseconds since 1970.
    pub time: u64,
    /// The hash of the last record of the segment before; zero in a journal's first segment.
    pub previous: Hash,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("it is no segment of a journal")]
    Foreign,
    #[error("it was written by a newer pgsluice")]
    Newer,
    #[error("its header is damaged")]
    Damaged,
}

impl Header {
    pub fn write(&self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.epoch.to_le_bytes());
        bytes.extend_from_slice(&self.journal.0);
        bytes.extend_from_slice(&self.first_seq.to_le_bytes());
        bytes.extend_from_slice(&self.time.to_le_bytes());
        bytes.extend_from_slice(&self.previous.0);
        let sum = hash(&bytes);
        bytes.extend_from_slice(&sum.0);
        let mut header = [0; HEADER];
        for (to, from) in header.iter_mut().zip(bytes) {
            *to = from;
        }
        header
    }

    pub fn read(bytes: &[u8]) -> Result<Self, HeaderError> {
        fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Result<&'a [u8; N], HeaderError> {
            let (taken, left) = rest.split_first_chunk::<N>().ok_or(HeaderError::Damaged)?;
            *rest = left;
            Ok(taken)
        }
        let mut rest = bytes;
        if *take::<16>(&mut rest)? != MAGIC {
            return Err(HeaderError::Foreign);
        }
        if u32::from_le_bytes(*take(&mut rest)?) != VERSION {
            return Err(HeaderError::Newer);
        }
        let header = Self {
            epoch: u32::from_le_bytes(*take(&mut rest)?),
            journal: Digest(*take(&mut rest)?),
            first_seq: u64::from_le_bytes(*take(&mut rest)?),
            time: u64::from_le_bytes(*take(&mut rest)?),
            previous: Hash(*take(&mut rest)?),
        };
        let sum = Hash(*take(&mut rest)?);
        if hash(bytes.get(..HASHED).unwrap_or_default()) == sum { Ok(header) } else { Err(HeaderError::Damaged) }
    }

    /// What the first record's hash covers in the place of a record before it. So the header cannot be changed either.
    pub fn hash(&self) -> Hash {
        hash(&self.write())
    }
}

fn hash(bytes: &[u8]) -> Hash {
    let mut sum = Hash::default();
    for (to, from) in sum.0.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    sum
}

/// Walks the records of a segment's bytes, each checked against the one before.
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    previous: Hash,
    next_seq: u64,
}

/// What stops a walk before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("its number is {found} where {expected} is due")]
    Number { expected: u64, found: u64 },
}

impl<'a> Walk<'a> {
    /// Walks a whole segment.
    pub fn new(bytes: &'a [u8]) -> Result<(Header, Self), HeaderError> {
        let header = Header::read(bytes)?;
        Ok((header, Self { bytes, at: HEADER, previous: header.hash(), next_seq: header.first_seq }))
    }

    /// Where the next record begins, or would.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The hash of the record before.
    pub fn previous(&self) -> Hash {
        self.previous
    }

    /// The number that the next record has to have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Whether only zeros follow.
    pub fn is_at_end(&self) -> bool {
        self.bytes.get(self.at..).unwrap_or_default().iter().all(|byte| *byte == 0)
    }

    /// The next record; `None` at the end of what was written. An error is final: the walk stays where it is.
    pub fn step(&mut self) -> Result<Option<Record<'a>>, Broken> {
        let Some(record) = Record::read(self.bytes.get(self.at..).unwrap_or_default())? else { return Ok(None) };
        record.check(self.previous)?;
        if record.seq != self.next_seq {
            return Err(Broken::Number { expected: self.next_seq, found: record.seq });
        }
        self.at = self.at.saturating_add(record.length());
        self.previous = record.hash;
        self.next_seq = self.next_seq.saturating_add(1);
        Ok(Some(record))
    }
}
