//! The keys of tokens, in the state folder, for its user alone, and a mint for each agent. `mask.keys` has a line for each key, its number and 32
//! random bytes: tokens are made by the last, and all of them open. Who reads the file can open every token that an agent was shown. No backup
//! has it: after a restore without it tokens from before stand for nothing.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::journal::files::Files;
use crate::mask::token::{Masters, Mint};

const FILE: &str = "mask.keys";
/// A key a day for years.
const MOST: usize = 4096;
const LARGEST: u64 = 1 << 20;
const KEY: usize = 32;

type Key = (u32, Zeroizing<[u8; KEY]>);

fn read(files: &Files, folder: &Path) -> io::Result<Vec<Key>> {
    let Some(bytes) = files.read(&folder.join(FILE), LARGEST)?.map(Zeroizing::new) else { return Ok(Vec::new()) };
    let wrong = || io::Error::other(format!("{FILE} is damaged: restore it, or move it away; then tokens from before stand for nothing"));
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong())?;
    let keys: Option<Vec<Key>> = text.lines().map(key).collect();
    let keys = keys.filter(|keys| !keys.is_empty() && keys.len() <= MOST && keys.is_sorted_by(|one, next| one.0 < next.0));
    keys.ok_or_else(wrong)
}

fn key(line: &str) -> Option<Key> {
    let (number, digits) = line.split_once(' ')?;
    let mut key = Zeroizing::new([0; KEY]);
    if digits.len() != 2 * KEY || !digits.is_ascii() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some((number.parse().ok()?, key))
}

/// Adds a key and returns its number.
fn add(files: &Files, folder: &Path, mut keys: Vec<Key>) -> io::Result<Vec<Key>> {
    if keys.len() >= MOST {
        return Err(io::Error::other(format!("{FILE} has {MOST} keys: take out the oldest, whose tokens then stand for nothing")));
    }
    let mut new = Zeroizing::new([0; KEY]);
    SystemRandom::new().fill(new.as_mut_slice()).map_err(|_| io::Error::other("the system gave no random bytes"))?;
    keys.push((keys.last().map_or(0, |(number, _)| *number).saturating_add(1), new));
    let mut text = Zeroizing::new(String::with_capacity(keys.len() * (2 * KEY + 12)));
    for (number, key) in &keys {
        // Writing to a string does not fail.
        write!(text, "{number} ").unwrap_or_default();
        key.iter().for_each(|byte| write!(text, "{byte:02x}").unwrap_or_default());
        text.push('\n');
    }
    files.put(folder, FILE, text.as_bytes())?;
    Ok(keys)
}

/// Reads the keys, or makes the first.
fn load(folder: &Path) -> io::Result<Arc<Masters>> {
    let files = Files::default();
    let mut keys = read(&files, folder)?;
    if keys.is_empty() {
        // Two programs may meet here: whoever is first makes the key, and both then read that one.
        let lock = files.open(&folder.join("keys.lock"))?;
        lock.lock()?;
        keys = read(&files, folder)?;
        if keys.is_empty() {
            keys = add(&files, folder, keys)?;
        }
    }
    Masters::new(keys).map(Arc::new).ok_or_else(|| io::Error::other(format!("{FILE} is empty")))
}

/// The numbers of the keys, the one in force last.
pub fn numbers(folder: &Path) -> io::Result<Vec<u32>> {
    Ok(read(&Files::default(), folder)?.iter().map(|(number, _)| *number).collect())
}

/// Makes a new key, by which tokens are made from the next reload of a running server on. Returns its number.
pub fn rotate(folder: &Path) -> io::Result<u32> {
    let files = Files::default();
    let lock = files.open(&folder.join("keys.lock"))?;
    lock.lock()?;
    let keys = read(&files, folder)?;
    let keys = add(&files, folder, keys)?;
    Ok(keys.last().map_or(0, |(number, _)| *number))
}

/// One mint for each agent, whatever sessions it has.
#[derive(Debug)]
pub struct Mints {
    folder: PathBuf,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    masters: Arc<Masters>,
    mints: HashMap<i64, Arc<Mint>>,
}

impl Mints {
    pub fn open(folder: &Path) -> io::Result<Self> {
        let held = Held { masters: load(folder)?, mints: HashMap::new() };
        Ok(Self { folder: folder.to_owned(), held: Mutex::new(held) })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the keys anew.
    pub fn reload(&self) -> io::Result<()> {
        let masters = load(&self.folder)?;
        self.held().masters = masters;
        Ok(())
    }

    pub fn of(&self, agent_id: i64) -> Arc<Mint> {
        let Held { masters, mints } = &mut *self.held();
        let mint = mints.entry(agent_id).or_insert_with(|| Arc::new(Mint::new(agent_id, Arc::clone(masters))));
        if !mint.is_by(masters) {
            *mint = Arc::new(mint.by(Arc::clone(masters)));
        }
        Arc::clone(mint)
    }

    /// The agent is no more.
    pub fn forget(&self, agent_id: i64) {
        self.held().mints.remove(&agent_id);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn keys_are_made_kept_and_followed_by_others() {
        let folder = tempfile::tempdir().unwrap();
        let mints = Mints::open(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut old = Vec::new();
        assert!(mints.of(1).mint("EMAIL", b"ada@example.com", &mut old));
        assert!(Arc::ptr_eq(&mints.of(1), &mints.of(1)) && mints.of(2).open(&old).is_none());
        assert_eq!((numbers(folder.path()).unwrap(), rotate(folder.path()).unwrap()), (vec![1], 2));
        mints.of(1).wrote("people", None);
        mints.reload().unwrap();
        let mut new = Vec::new();
        assert!(mints.of(1).mint("EMAIL", b"ada@example.com", &mut new));
        assert!(old != new && mints.of(1).open(&old).unwrap().value == mints.of(1).open(&new).unwrap().value);
        assert!(!mints.of(1).may_show("public", "people", "email"));
        // After a restart as before it.
        assert!(Mints::open(folder.path()).unwrap().of(1).open(&old).is_some());
    }

    #[test]
    fn damaged_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let line = |number: u32| format!("{number} {}\n", "0a".repeat(KEY));
        for damaged in ["".to_owned() + "x", line(1) + "2", line(2) + &line(1), "1 0a\n".to_owned(), line(1).replace("0a0a", "0g0a")] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert!(Mints::open(folder.path()).is_err());
            assert!(rotate(folder.path()).is_err());
        }
    }
}
