//! Restores a backup into an empty folder, where the journal goes on in a new epoch: what was spent after the backup was made is not
//! known there, so no hold, ticket or grant from before counts. The old folder is not touched, and not looked for.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ring::rand::{SecureRandom as _, SystemRandom};
use tar::{Archive, EntryType};

use super::chain::{Chain, End};
use super::manifest::{Manifest, Part};
use super::{BackupError, DATABASE, Hashing, JOURNAL, MANIFEST, SEAL, at};
use crate::audit::Digest;
use crate::audit::event::EpochBegan;
use crate::host::journal::{epoch, files, keys};
use crate::host::people::{self, Capability};
use crate::host::state::State;
use crate::host::when;

/// Where the parts lie until all of them are found right.
const PARTIAL: &str = "restore.partial";
/// A line for each segment: more than a disk holds.
const MOST_MANIFEST: u64 = 64 * 1024 * 1024;

/// What was restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    pub epoch: u32,
    /// The last record of the backup.
    pub seq: u64,
    /// The record that says so.
    pub began: u64,
    /// Whether the journal's keys were in it; new ones are made otherwise.
    pub keys: bool,
}

/// Restores into a folder that is empty or not there; on an error it is again.
pub fn restore(path: &Path, folder: &Path, environment: &BTreeMap<String, String>, now: SystemTime) -> Result<Restored, BackupError> {
    let file = File::open(path).map_err(at(path))?;
    let made = !folder.exists();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    if folder.read_dir().map_err(at(folder))?.next().is_some() {
        return Err(BackupError::NotEmpty { path: folder.to_owned() });
    }
    let partial = folder.join(PARTIAL);
    let restored = fs::DirBuilder::new().mode(0o700).create(&partial).map_err(at(&partial)).and_then(|()| {
        let restored = prepare(path, file, &partial, environment, now)?;
        put_in_place(&partial, folder)?;
        Ok(restored)
    });
    if restored.is_err() {
        // Whatever of it cannot be removed is left, and seen: the folder is not empty then.
        fs::remove_dir_all(&partial).ok();
        if made {
            fs::remove_dir(folder).ok();
        }
    }
    restored
}

fn prepare(
    path: &Path,
    file: File,
    partial: &Path,
    environment: &BTreeMap<String, String>,
    now: SystemTime,
) -> Result<Restored, BackupError> {
    let damaged = |what: String| BackupError::Damaged { path: path.to_owned(), what };
    let manifest = unpack(path, file, partial)?;
    let signed = manifest.checkpoint().ok_or_else(|| damaged("its manifest is not signed".to_owned()))?;
    let journal = partial.join(JOURNAL);
    let end = check_journal(&journal).map_err(damaged)?;
    if (end.journal, end.epoch, end.seq, end.hash) != (signed.journal, signed.epoch, signed.seq, signed.hash) {
        return Err(damaged("its journal does not end where its manifest says".to_owned()));
    }
    if manifest.keys && keys::Keys::load(partial).map_err(BackupError::Keys)?.signing.public() != signed.key {
        return Err(damaged("it was not signed with the key in it".to_owned()));
    }
    let state = State::open(partial)?;
    let acting = people::acting(&state, environment)?;
    acting.require(Capability::Administer)?;
    let epoch = state.begin_epoch(end.epoch, manifest.outbox_after)?;
    let mut branch = Digest::default();
    SystemRandom::new().fill(&mut branch.0).map_err(|_| BackupError::Random)?;
    let began = EpochBegan { epoch, restored_seq: end.seq, restored_hash: end.hash, backup_time: signed.time, by: acting.by(), branch };
    let began = epoch::begin(partial, began, when::micros(now))?;
    Ok(Restored { epoch, seq: end.seq, began, keys: manifest.keys })
}

/// Writes each part down, and compares them with what the manifest behind them says.
fn unpack(path: &Path, file: File, partial: &Path) -> Result<Manifest, BackupError> {
    let damaged = |what: String| BackupError::Damaged { path: path.to_owned(), what };
    let failed = |reason: io::Error| damaged(reason.to_string());
    let journal = partial.join(JOURNAL);
    fs::DirBuilder::new().mode(0o700).create(&journal).map_err(at(&journal))?;
    let mut archive = Archive::new(BufReader::new(file));
    let mut parts = Vec::new();
    let (mut manifest, mut seal) = (None, None);
    for entry in archive.entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap_or_default();
        let bytes = entry.size();
        if entry.header().entry_type() != EntryType::Regular || seal.is_some() {
            return Err(damaged(format!("{name:?} does not belong in it")));
        }
        let mut content = Hashing::new(entry.take(bytes));
        if name == MANIFEST && manifest.is_none() && bytes <= MOST_MANIFEST {
            let mut text = Vec::new();
            content.read_to_end(&mut text).map_err(failed)?;
            manifest = Some((text, content.finish().to_string()));
        } else if name == SEAL && bytes <= MOST_MANIFEST {
            let mut text = String::new();
            content.read_to_string(&mut text).map_err(failed)?;
            seal = Some(text);
        } else {
            let to = place(partial, &name).filter(|to| !to.exists()).ok_or_else(|| damaged(format!("{name:?} does not belong in it")))?;
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to).map_err(at(&to))?;
            let copied = io::copy(&mut content, &mut file).map_err(at(&to))?;
            file.sync_all().map_err(at(&to))?;
            parts.push(Part { name, bytes: copied, sha256: content.finish().to_string() });
        }
    }
    let (text, hash) = manifest.ok_or_else(|| damaged("it has no manifest".to_owned()))?;
    if seal != Some(hash) {
        return Err(damaged("its manifest is not the one it was made with".to_owned()));
    }
    let manifest = Manifest::read(&text).map_err(damaged)?;
    if parts != manifest.parts {
        let wrong = parts.iter().chain(&manifest.parts).find(|part| !parts.contains(part) || !manifest.parts.contains(part));
        return Err(damaged(format!("{} is not what it was", wrong.map_or("the order of its parts", |part| &part.name))));
    }
    let has = |name: &str| parts.iter().any(|part| part.name == name);
    if !has(DATABASE) || keys::FILES.iter().any(|name| has(name) != manifest.keys) {
        return Err(damaged("the database or keys are missing".to_owned()));
    }
    Ok(manifest)
}

/// Where a part belongs. Nothing else is taken from a backup, wherever its name points.
fn place(folder: &Path, name: &str) -> Option<PathBuf> {
    if name == DATABASE || keys::FILES.contains(&name) {
        return Some(folder.join(name));
    }
    let segment = name.strip_prefix(JOURNAL)?.strip_prefix('/')?;
    let seq = segment.strip_suffix(".seg")?.parse().ok()?;
    (files::segment_name(seq) == segment).then(|| folder.join(JOURNAL).join(segment))
}

/// Checks every record of the journal against the one before; says where it ends.
fn check_journal(journal: &Path) -> Result<End, String> {
    let mut chain = Chain::default();
    for seq in files::segments(journal).map_err(|error| error.to_string())? {
        let path = journal.join(files::segment_name(seq));
        let bytes = fs::read(&path).map_err(|error| error.to_string())?;
        let length = chain.segment(seq, &bytes).map_err(|error| format!("its journal: {error}"))?;
        if length != bytes.len() {
            return Err(format!("segment {seq} of its journal does not end with a record"));
        }
    }
    chain.end().ok_or_else(|| "its journal has no records".to_owned())
}

/// Moves everything up into the folder, the database last: without it nothing is there for a server to go on with. Nobody but the
/// folder's owner gets it.
fn put_in_place(partial: &Path, folder: &Path) -> Result<(), BackupError> {
    let owner = fs::metadata(folder).map_err(at(folder))?;
    own(partial, owner.uid(), owner.gid()).map_err(at(partial))?;
    let mut names = Vec::new();
    for entry in partial.read_dir().map_err(at(partial))? {
        names.push(entry.map_err(at(partial))?.file_name());
    }
    names.sort_by_key(|name| name == DATABASE);
    for name in names {
        fs::rename(partial.join(&name), folder.join(&name)).map_err(at(folder))?;
    }
    fs::remove_dir(partial).map_err(at(partial))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

fn own(path: &Path, user: u32, group: u32) -> io::Result<()> {
    let found = fs::symlink_metadata(path)?;
    if (found.uid(), found.gid()) != (user, group) {
        // Only root may give a file away; who else restores owns the folder, or shares it by group.
        std::os::unix::fs::lchown(path, Some(user), Some(group)).ok();
    }
    if found.is_dir() {
        for entry in path.read_dir()? {
            own(&entry?.path(), user, group)?;
        }
    }
    Ok(())
}
