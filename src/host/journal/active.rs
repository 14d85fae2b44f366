//! Segments as the writer has them: mapped memory with all its blocks made before, and how a spare one gets its number.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use memmap2::MmapMut;

use super::Options;
use super::files::{self, Files};
use super::recover::Found;
use crate::audit::segment::{HEADER, Header};

/// Kept free at the end of a segment for the checkpoint that ends it; a few zeros are left behind it until the segment is cut.
pub const CHECKPOINT_ROOM: usize = 512;

/// The next segment while it has no number yet.
pub const SPARE: &str = "next.seg.tmp";

/// The next segment: all its blocks and pages, no header.
#[derive(Debug)]
pub struct Spare {
    file: Arc<File>,
    memory: MmapMut,
}

impl Spare {
    pub fn make(files: &Files, folder: &Path, size: u64) -> io::Result<Self> {
        let path = folder.join(SPARE);
        let make = || {
            let file = files.create(&path)?;
            files.allocate(&file, size)?;
            let memory = files.map(&file)?;
            // Now, so that the first sync of the segment does not have to.
            files.sync_data(&file)?;
            Ok(Self { file: Arc::new(file), memory })
        };
        make().inspect_err(|_| {
            // On a full disk its blocks are wanted; what cannot be removed is replaced by the next try.
            files.remove(&path).ok();
        })
    }
}

/// A segment that is written to.
#[derive(Debug)]
pub struct Segment {
    pub header: Header,
    pub file: Arc<File>,
    memory: MmapMut,
    /// Where the next record begins.
    pub at: usize,
}

impl Segment {
    /// Bytes that were written, from `from` on, no more than `out` holds; returns how many.
    pub fn copy(&self, from: usize, out: &mut [u8]) -> usize {
        let written = self.memory.get(from..self.at).unwrap_or_default();
        out.iter_mut().zip(written).map(|(to, from)| *to = *from).count()
    }

    /// Adds a group of records, for which there is room.
    pub fn append(&mut self, group: &[u8]) {
        let end = self.at.saturating_add(group.len());
        if let Some(to) = self.memory.get_mut(self.at..end)
            && let Some((to_length, to)) = to.split_first_chunk_mut::<4>()
            && let Some((length, from)) = group.split_first_chunk::<4>()
        {
            to.copy_from_slice(from);
            // The first length comes last: before it the group is not there, for readers and after a crash.
            fence(Ordering::Release);
            *to_length = *length;
            self.at = end;
        }
    }

    /// Bytes that it takes before its last checkpoint.
    pub fn room(&self) -> usize {
        self.size().saturating_sub(CHECKPOINT_ROOM).saturating_sub(self.at)
    }

    /// Bytes in all.
    pub fn size(&self) -> usize {
        self.memory.len()
    }

    pub fn fills_more_than(&self, quarters: usize) -> bool {
        self.at > self.memory.len() / 4 * quarters
    }
}

/// Makes a spare segment the one that begins with the header's number. The header is there before the name is.
pub fn name(files: &Files, folder: &Path, spare: &mut Spare, header: Header) -> io::Result<()> {
    let short = || io::Error::other("a segment is too short");
    spare.memory.get_mut(..HEADER).ok_or_else(short)?.copy_from_slice(&header.write());
    files.rename(&folder.join(SPARE), &folder.join(files::segment_name(header.first_seq)))
}

pub fn enter(spare: Spare, header: Header) -> Segment {
    Segment { header, file: spare.file, memory: spare.memory, at: HEADER }
}

/// Goes on in the segment that recovery found.
pub fn resume(files: &Files, folder: &Path, options: &Options, found: &Found) -> io::Result<Segment> {
    let file = files.open(&folder.join(files::segment_name(found.header.first_seq)))?;
    let size = files.length(&file)?.max(options.segment);
    files.allocate(&file, size)?;
    let memory = files.map(&file)?;
    Ok(Segment { header: found.header, file: Arc::new(file), memory, at: found.at })
}
