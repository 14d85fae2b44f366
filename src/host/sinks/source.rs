//! What a sink reads: the journal from its cursor on, up to what the journal says is written. It notices what was removed before
//! it was sent, and a journal that is not the one the cursor speaks of.

use std::path::PathBuf;

use tokio::sync::watch;

use super::cursor::Mark;
use crate::audit::Digest;
use crate::host::journal::reader::{Entry, ReadError, Reader};

/// A record and where it is from.
#[derive(Debug)]
pub struct Taken {
    pub entry: Entry,
    pub journal: Digest,
    pub epoch: u32,
}

impl Taken {
    pub fn mark(&self) -> Mark {
        Mark { seq: self.entry.seq, hash: self.entry.hash }
    }
}

pub struct Source {
    sink: String,
    state: PathBuf,
    end: watch::Receiver<u64>,
    reader: Reader,
    /// The last record that was taken.
    at: Mark,
    /// Whether the journal's record of that number is still to be compared with it.
    unmet: bool,
}

impl Source {
    pub fn open(sink: String, state: PathBuf, end: watch::Receiver<u64>, at: Mark) -> Self {
        let reader = Reader::open(&state, at.seq);
        Self { sink, state, end, reader, at, unmet: at.seq > 0 }
    }

    /// Goes back to behind a record.
    pub fn rewind(&mut self, to: Mark) {
        self.reader = Reader::open(&self.state, to.seq);
        self.at = to;
        self.unmet = to.seq > 0;
    }

    /// The next record; `None` where nothing more is written yet.
    pub fn take(&mut self) -> Result<Option<Taken>, ReadError> {
        let end = *self.end.borrow_and_update();
        loop {
            // Behind the end there may be half a record.
            if !self.unmet && self.at.seq >= end {
                return Ok(None);
            }
            let Some(entry) = self.reader.next()? else {
                if !self.unmet || self.at.seq <= end {
                    return Ok(None);
                }
                self.begin_anew();
                continue;
            };
            let header = self.reader.header();
            let (journal, epoch) = header.map_or_else(Default::default, |header| (header.journal, header.epoch));
            if self.unmet && entry.seq == self.at.seq {
                if entry.hash == self.at.hash {
                    self.unmet = false;
                } else {
                    self.begin_anew();
                }
                continue;
            }
            self.unmet = false;
            let due = self.at.seq.saturating_add(1);
            if entry.seq > due && self.at.seq > 0 {
                tracing::warn!(
                    sink = self.sink,
                    first = due,
                    last = entry.seq.saturating_sub(1),
                    "records were removed before they were sent"
                );
            }
            let taken = Taken { entry, journal, epoch };
            self.at = taken.mark();
            return Ok(Some(taken));
        }
    }

    /// The journal was replaced, by another or by one from a backup: what is in it was not sent, for all we know.
    fn begin_anew(&mut self) {
        tracing::warn!(sink = self.sink, sent = self.at.seq, "the journal is not the one that was sent so far: sending all of it");
        self.rewind(Mark::default());
    }

    /// Returns when more may be there than `take` has seen.
    pub async fn grown(&mut self) {
        if self.end.changed().await.is_err() {
            // The journal is closed. Who waits for more waits for the end of the program.
            std::future::pending::<()>().await;
        }
    }
}
