//! The chain of a backup's journal, segment by segment. What the records say is not looked at.

use crate::audit::segment::{Broken, Header, HeaderError, Walk};
use crate::audit::{Digest, Hash};

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    #[error("segment {first_seq}: {reason}")]
    Header { first_seq: u64, reason: HeaderError },
    #[error("segment {first_seq} does not go on where the one before ends")]
    Link { first_seq: u64 },
    #[error("record {seq}: {reason}")]
    Record { seq: u64, reason: Broken },
    #[error("it has no records")]
    Empty,
}

/// Where the chain ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub journal: Digest,
    pub epoch: u32,
    pub seq: u64,
    pub hash: Hash,
}

#[derive(Debug, Clone, Default)]
pub struct Chain {
    end: Option<End>,
}

impl Chain {
    /// `None` before the first record.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Adds the segment that its name says begins with `first_seq`; returns how many of its bytes are whole records. Zeros behind
    /// them are not read.
    pub fn segment(&mut self, first_seq: u64, bytes: &[u8]) -> Result<usize, ChainError> {
        let (header, mut walk) = Walk::new(bytes).map_err(|reason| ChainError::Header { first_seq, reason })?;
        if header.first_seq != first_seq || !self.end.is_none_or(|end| goes_on(&end, &header)) {
            return Err(ChainError::Link { first_seq });
        }
        while walk.step().map_err(|reason| ChainError::Record { seq: walk.next_seq(), reason })?.is_some() {}
        // A segment without a record yet adds nothing that a hash could name.
        if walk.next_seq() > first_seq {
            let seq = walk.next_seq().saturating_sub(1);
            self.end = Some(End { journal: header.journal, epoch: header.epoch, seq, hash: walk.previous() });
        }
        Ok(walk.at())
    }
}

fn goes_on(end: &End, header: &Header) -> bool {
    header.journal == end.journal
        && header.epoch >= end.epoch
        && header.first_seq == end.seq.saturating_add(1)
        && header.previous == end.hash
}
