//! What the journal does to files, each thing once, so that a test can make any one of them fail. Whatever is made is for one
//! user alone: the one that owns the state folder, also when root works in it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use memmap2::{Advice, Mmap, MmapMut};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

const SEGMENT: &str = ".seg";
/// As many digits as the greatest number has, so that names sort as their numbers do.
const DIGITS: usize = 20;
/// Zeros written at once.
const CHUNK: usize = 1024 * 1024;

/// The name of the segment that begins with `seq`.
pub fn segment_name(seq: u64) -> String {
    format!("{seq:020}{SEGMENT}")
}

/// The first numbers of the segments in a folder, in order.
pub fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    numbered(folder, SEGMENT)
}

/// The numbers of the files in a folder that are called by a number and this ending, in order.
fn numbered(folder: &Path, ending: &str) -> io::Result<Vec<u64>> {
    let mut found = Vec::new();
    for entry in folder.read_dir()? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(ending)).filter(|number| number.len() == DIGITS);
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The files, as they are; in a test, as they might be.
#[derive(Debug, Clone, Default)]
pub struct Files {
    #[cfg(test)]
    pub faults: std::sync::Arc<super::tests::Faults>,
}

impl Files {
    /// Every operation goes through here.
    #[cfg(not(test))]
    fn run<T>(&self, _: &'static str, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        act()
    }

    #[cfg(test)]
    fn run<T>(&self, name: &'static str, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.faults.before(name)?;
        let done = act()?;
        self.faults.after(name)?;
        Ok(done)
    }

    /// Makes a folder for its user alone, or makes it so.
    pub fn folder(&self, path: &Path) -> io::Result<()> {
        self.run("make a folder", || {
            if path.exists() {
                return mend(path, 0o700);
            }
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            give(&File::open(path)?, path)
        })
    }

    pub fn numbered(&self, folder: &Path, ending: &str) -> io::Result<Vec<u64>> {
        self.run("list", || numbered(folder, ending))
    }

    pub fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        self.run("list", || folder.read_dir()?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect())
    }

    /// Opens a file for its user alone, or makes it.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        self.run("open", || {
            let made = !path.exists();
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
            if made {
                give(&file, path)?;
            }
            Ok(file)
        })
    }

    /// Makes a file for its user alone, in the place of one that may be there.
    pub fn create(&self, path: &Path) -> io::Result<File> {
        self.remove(path)?;
        self.run("create", || {
            let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
            give(&file, path)?;
            Ok(file)
        })
    }

    /// A whole small file; `None` where there is none. A mode that lets others read it is mended.
    pub fn read(&self, path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
        self.run("read", || {
            let file = match File::open(path) {
                Ok(file) => file,
                Err(reason) if reason.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(reason) => return Err(reason),
            };
            mend(path, 0o600)?;
            let mut bytes = Vec::new();
            file.take(most).read_to_end(&mut bytes)?;
            Ok(Some(bytes))
        })
    }

    /// Takes the lock of a folder, which the system frees when this process ends; `None` where another has it.
    pub fn lock(&self, folder: &Path) -> io::Result<Option<File>> {
        self.run("lock", || {
            let lock = File::open(folder)?;
            match lock.try_lock() {
                Ok(()) => Ok(Some(lock)),
                Err(fs::TryLockError::WouldBlock) => Ok(None),
                Err(fs::TryLockError::Error(reason)) => Err(reason),
            }
        })
    }

    pub fn length(&self, file: &File) -> io::Result<u64> {
        self.run("look at", || Ok(file.metadata()?.len()))
    }

    pub fn read_at(&self, file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.run("read", || file.read_exact_at(bytes, at))
    }

    pub fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        self.run("write", || file.write_all(bytes))
    }

    pub fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.run("write", || file.write_all_at(bytes, at))
    }

    /// Gives a file all its blocks.
    pub fn allocate(&self, file: &File, size: u64) -> io::Result<()> {
        self.run("allocate", || match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
            // A file system that cannot promise blocks has them when they were written.
            Err(Errno::OPNOTSUPP) => fill(file, size),
            done => Ok(done?),
        })
    }

    /// A file as memory to write to, with all its pages.
    pub fn map(&self, file: &File) -> io::Result<MmapMut> {
        self.run("map", || {
            #[allow(unsafe_code, reason = "the file is the journal's own, locked, and nobody else shortens it")]
            // SAFETY: nothing but the journal, which holds the lock of its folder, shortens the file while it is mapped.
            let memory = unsafe { MmapMut::map_mut(file) }?;
            match memory.advise(Advice::PopulateWrite) {
                // A system before Linux 5.14 does not know it: pages come as they are touched.
                Err(reason) if reason.kind() == io::ErrorKind::InvalidInput => Ok(memory),
                advised => advised.map(|()| memory),
            }
        })
    }

    /// A file as memory to read from.
    pub fn view(&self, path: &Path) -> io::Result<Mmap> {
        self.run("map", || {
            let file = File::open(path)?;
            #[allow(unsafe_code, reason = "the file is the journal's own, locked, and nobody else shortens it")]
            // SAFETY: as above.
            let memory = unsafe { Mmap::map(&file) }?;
            Ok(memory)
        })
    }

    pub fn cut(&self, file: &File, length: u64) -> io::Result<()> {
        self.run("cut", || file.set_len(length))
    }

    pub fn sync_data(&self, file: &File) -> io::Result<()> {
        self.run("sync", || file.sync_data())
    }

    pub fn sync(&self, file: &File) -> io::Result<()> {
        self.run("sync", || file.sync_all())
    }

    pub fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.run("sync", || File::open(folder)?.sync_all())
    }

    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let done = self.run("rename", || fs::rename(from, to));
        // A file system over a network may have done it and say that it did not.
        if done.is_err() && to.exists() && !from.exists() { Ok(()) } else { done }
    }

    /// Removes a file, if it is there.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        self.run("remove", || match fs::remove_file(path) {
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        })
    }

    /// Writes a small file so that it is there whole or not at all.
    pub fn put(&self, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let made = folder.join(format!("{name}.tmp"));
        let file = self.create(&made)?;
        self.write(&file, bytes)?;
        self.sync(&file)?;
        self.rename(&made, &folder.join(name))?;
        self.sync_folder(folder)
    }
}

fn fill(file: &File, size: u64) -> io::Result<()> {
    let zeros = vec![0; CHUNK];
    let mut at = file.metadata()?.len();
    while at < size {
        let count = usize::try_from(size.saturating_sub(at)).unwrap_or(CHUNK).min(CHUNK);
        file.write_all_at(zeros.get(..count).unwrap_or_default(), at)?;
        at = at.saturating_add(u64::try_from(count).unwrap_or(size));
    }
    Ok(())
}

/// What root makes in another user's folder must be that user's, or the server could not use it.
fn give(file: &File, path: &Path) -> io::Result<()> {
    let (made, folder) = (file.metadata()?, fs::metadata(path.parent().unwrap_or(path))?);
    if (made.uid(), made.gid()) != (folder.uid(), folder.gid()) {
        // Only root may give a file away; whoever else cannot shares the folder by group.
        std::os::unix::fs::fchown(file, Some(folder.uid()), Some(folder.gid())).ok();
    }
    Ok(())
}

/// Takes away what others may do.
fn mend(path: &Path, mode: u32) -> io::Result<()> {
    if fs::metadata(path)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    tracing::warn!(path = %path.display(), "other users could read what the record is kept with; now they cannot");
    fs::set_permissions(path, Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_filled_behind_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"held").unwrap();
        fill(&OpenOptions::new().write(true).open(&path).unwrap(), 3 * 1024 * 1024 + 5).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!((bytes.len(), bytes.starts_with(b"held\0")), (3 * 1024 * 1024 + 5, true));
    }
}
