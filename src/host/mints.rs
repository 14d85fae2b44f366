//! The keys of tokens, in the state folder, for its user alone, and a mint for each agent. `mask.keys` has a line for each key, its number and 32
//! random bytes: tokens are made by the last, and all of them open. Who reads the file can open every token that an agent was shown. No backup
//! has it: after a restore without it tokens from before stand for nothing.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, TransactionBehavior, params};
use zeroize::Zeroizing;

use super::journal::files::Files;
use super::state::{State, StateError};
use crate::mask::token::{Column, Masters, Mint};

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
    connection: Mutex<Connection>,
}

#[derive(Debug)]
struct Held {
    masters: Arc<Masters>,
    mints: HashMap<i64, Arc<Mint>>,
    /// What agents had written to that were not met since the start.
    written: HashMap<i64, BTreeSet<Column>>,
}

fn written(connection: &Connection) -> rusqlite::Result<HashMap<i64, BTreeSet<Column>>> {
    let mut all: HashMap<i64, BTreeSet<Column>> = HashMap::new();
    let mut rows = connection.prepare("SELECT agent, relation, name FROM written")?;
    let rows = rows.query_map((), |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
    for row in rows {
        let (agent, column) = row?;
        all.entry(agent).or_default().insert(column);
    }
    Ok(all)
}

impl Mints {
    pub fn open(state: &State) -> Result<Self, StateError> {
        let folder = state.folder();
        let masters = load(folder).map_err(|reason| StateError::Folder { folder: folder.to_owned(), reason })?;
        let connection = state.connect()?;
        let written = written(&connection).map_err(|error| state.error(error))?;
        let held = Held { masters, mints: HashMap::new(), written };
        Ok(Self { folder: folder.to_owned(), held: Mutex::new(held), connection: Mutex::new(connection) })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts on the disk what an agent is about to write to. It is little: each column once.
    pub fn keep(&self, mint: &Mint) -> rusqlite::Result<()> {
        mint.keep(|agent, columns| {
            let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (relation, name) in columns {
                let sql = "INSERT OR IGNORE INTO written (agent, relation, name) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![agent, relation, name])?;
            }
            transaction.commit()
        })
    }

    /// Takes the keys anew.
    pub fn reload(&self) -> io::Result<()> {
        let masters = load(&self.folder)?;
        self.held().masters = masters;
        Ok(())
    }

    pub fn of(&self, agent_id: i64) -> Arc<Mint> {
        let Held { masters, mints, written } = &mut *self.held();
        let mut before = || written.remove(&agent_id).unwrap_or_default();
        let mint = mints.entry(agent_id).or_insert_with(|| Arc::new(Mint::of(agent_id, Arc::clone(masters), before())));
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
        let state = State::open(folder.path()).unwrap();
        let mints = Mints::open(&state).unwrap();
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
        assert!(Mints::open(&state).unwrap().of(1).open(&old).is_some());
    }

    #[test]
    fn damaged_keys_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let line = |number: u32| format!("{number} {}\n", "0a".repeat(KEY));
        for damaged in ["".to_owned() + "x", line(1) + "2", line(2) + &line(1), "1 0a\n".to_owned(), line(1).replace("0a0a", "0g0a")] {
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert!(Mints::open(&state).is_err());
            assert!(rotate(folder.path()).is_err());
        }
    }

    #[test]
    fn what_an_agent_wrote_is_kept_and_what_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let sql = "INSERT INTO agents (id, name, owner, verifier, epoch, created) VALUES (1, 'a', 'o', '', 1, 0)";
        state.connect().unwrap().execute(sql, ()).unwrap();
        let mints = Mints::open(&state).unwrap();
        assert!(mints.of(1).wrote("people", Some("email")) && mints.of(1).wrote("guesses", None));
        mints.keep(&mints.of(1)).unwrap();
        assert!(!mints.of(1).wrote("people", Some("email")), "it is kept");
        drop(mints);
        let mints = Mints::open(&state).unwrap();
        let shown = |agent, relation, column| mints.of(agent).may_show("public", relation, column);
        assert!(!shown(1, "people", "email") && !shown(1, "guesses", "x") && shown(1, "people", "phone") && shown(2, "people", "email"));
        // Nobody has this number.
        assert!(mints.of(7).wrote("people", None) && mints.keep(&mints.of(7)).is_err() && !shown(7, "people", "email"));
    }
}
