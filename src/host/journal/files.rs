//! What the journal does to files, each thing once.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use memmap2::MmapMut;

/// The name of the segment that begins with `seq`.
pub fn segment_name(seq: u64) -> String {
    format!("{seq:020}.seg")
}

/// The first numbers of the segments in a folder, in order.
pub fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        if let Some(seq) = name.to_str().and_then(|name| name.strip_suffix(".seg")).and_then(|name| name.parse().ok()) {
            found.push(seq);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Opens a segment for writing, with all its blocks, as memory.
pub fn map(path: &Path, size: u64) -> io::Result<(File, MmapMut)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, size)?;
    #[allow(unsafe_code, reason = "the file is the journal's own, locked, and nobody else shortens it")]
    // SAFETY: nothing but the journal, which holds the lock of its folder, changes the file while it is mapped.
    let memory = unsafe { MmapMut::map_mut(&file) }?;
    Ok((file, memory))
}
