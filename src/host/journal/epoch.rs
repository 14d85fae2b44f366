//! Begins an epoch: the journal of a restored backup goes on in a segment of its own, whose header counts the restore, and whose
//! first record says where the state comes from. Nothing is written to the segments that the backup held.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{JournalError, files};
use crate::audit::event::{Encoded, EpochBegan};
use crate::audit::record::{self, Place};
use crate::audit::segment::{Header, Walk};
use crate::audit::{Event, Kind};

/// Adds the segment of a new epoch behind the last one, which must end with its last record; nobody else may write to this journal.
/// On disk when it returns; returns the number of the record.
pub fn begin(state: &Path, began: EpochBegan, now: u64) -> Result<u64, JournalError> {
    let folder = state.join("journal");
    let failed = |reason| JournalError::Io { folder: folder.clone(), reason };
    let damaged = |what: String| JournalError::Damaged { folder: folder.clone(), what };
    let last = files::segments(&folder).map_err(failed)?.last().copied().ok_or_else(|| damaged("it has no segments".to_owned()))?;
    let bytes = std::fs::read(folder.join(files::segment_name(last))).map_err(failed)?;
    let (before, mut walk) = Walk::new(&bytes).map_err(|error| damaged(error.to_string()))?;
    // Time does not go back in a journal, whatever the clock of this machine says.
    let mut time = now.max(before.time);
    while let Some(record) = walk.step().map_err(|error| damaged(error.to_string()))? {
        time = time.max(record.time);
    }
    if walk.at() != bytes.len() || began.epoch <= before.epoch {
        return Err(damaged("no epoch can begin behind its last segment".to_owned()));
    }
    let header = Header { journal: before.journal, epoch: began.epoch, first_seq: walk.next_seq(), time, previous: walk.previous() };
    let mut encoded = Encoded::default();
    Event::from(began).encode(&mut encoded);
    let mut segment = header.write().to_vec();
    let place = Place { seq: header.first_seq, time, previous: header.hash() };
    record::write(&mut segment, Kind::EpochBegan.0, place, &encoded.facts, None).map_err(|error| failed(io::Error::other(error)))?;
    let path = folder.join(files::segment_name(header.first_seq));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(&segment)?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()
    };
    write().map_err(failed)?;
    Ok(header.first_seq)
}
