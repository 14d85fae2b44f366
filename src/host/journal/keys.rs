//! The keys of the record, in the state folder, for its user alone: `signing.key` signs checkpoints, `digest.key` keys the
//! digests of what agents send. Both are 32 random bytes, made when they are missing.
//!
//! **Rotation.** `rotate_signing_key` makes a new signing key and has the old one endorse it: a `KeyChanged` record names both and
//! bears the endorsement, so that who trusts the old public key can trust the new one. The record is on disk before the old key
//! is overwritten; what a crash leaves between the two is put right when the journal is opened next.
//!
//! **Loss.** Where `signing.key` is gone or is another one than the journal's last, a `KeyChanged` record without an endorsement says so, and
//! the log does. Nothing that was written before is lost, and the chain still verifies; but from there on trust in checkpoints
//! begins anew, and has to be confirmed by people: compare the new public key with the one that `pgsluice audit verify` names.
//! Without `digest.key` nothing is lost either: digests from before and from after no longer compare, and statements that were met
//! before count as new. Who reads the digest key can test guesses against digests; who reads the signing key can sign a journal
//! that was rewritten, which only checkpoints kept off the machine then show. So keep both out of backups that others can read.

use std::io;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::files::Files;
use crate::audit::{Digester, Hash, SigningKey};

const SIGNING: &str = "signing.key";
/// A signing key that the journal may name already and that is not in its place yet.
const NEXT: &str = "signing.key.next";
const DIGEST: &str = "digest.key";
/// Seals what is kept of held statements, so that it is in no copy of the database that is not also a copy of this. No backup has it:
/// nothing that was held before a restore counts after it.
const HOLDS: &str = "hold.key";
/// What the keys lie in, in the state folder.
pub const FILES: [&str; 2] = [SIGNING, DIGEST];
const SEED: usize = 32;

type Seed = Zeroizing<[u8; SEED]>;

/// Both keys.
#[derive(Debug)]
pub struct Keys {
    pub signing: SigningKey,
    pub digester: Digester,
}

impl Keys {
    /// Reads the keys, or makes them.
    pub fn load(state: &Path) -> io::Result<Self> {
        let files = Files::default();
        let digest = seed(&files, state, DIGEST)?;
        Ok(Self { signing: signing(&files, state)?, digester: Digester::new(&digest) })
    }
}

/// The key that held statements are sealed with; it is made where it is missing.
pub fn holds(state: &Path) -> io::Result<Zeroizing<[u8; SEED]>> {
    seed(&Files::default(), state, HOLDS)
}

/// The key that checkpoints are signed with; it is made where it is missing.
pub fn signing(files: &Files, state: &Path) -> io::Result<SigningKey> {
    let seed = seed(files, state, SIGNING)?;
    SigningKey::from_seed(&seed).map_err(io::Error::other)
}

/// The public key that checkpoints are signed with, where there is one.
pub fn in_force(state: &Path) -> io::Result<Option<Hash>> {
    let Some(seed) = read(&Files::default(), state, SIGNING)? else { return Ok(None) };
    SigningKey::from_seed(&seed).map(|key| Some(key.public())).map_err(io::Error::other)
}

/// The same, unless a rotation is under way.
pub fn at_rest(state: &Path) -> io::Result<Option<Hash>> {
    if state.join(NEXT).try_exists()? { Ok(None) } else { in_force(state) }
}

/// Ends a rotation that was cut short: takes the next key if the journal names it, and forgets it if not.
pub fn settle(files: &Files, state: &Path, named: Option<Hash>) -> io::Result<()> {
    let Some(next) = read(files, state, NEXT)? else { return Ok(()) };
    if named.is_some() && SigningKey::from_seed(&next).ok().map(|key| key.public()) == named {
        return install(files, state);
    }
    files.remove(&state.join(NEXT))
}

/// Makes the key that is to follow, beside the one in force.
pub fn prepare(files: &Files, state: &Path) -> io::Result<SigningKey> {
    let seed = random()?;
    files.put(state, NEXT, seed.as_slice())?;
    SigningKey::from_seed(&seed).map_err(io::Error::other)
}

/// Puts the prepared key in force.
pub fn install(files: &Files, state: &Path) -> io::Result<()> {
    files.rename(&state.join(NEXT), &state.join(SIGNING))?;
    files.sync_folder(state)
}

fn random() -> io::Result<Seed> {
    let mut seed = Zeroizing::new([0; SEED]);
    SystemRandom::new().fill(seed.as_mut_slice()).map_err(|_| io::Error::other("the system gave no random bytes"))?;
    Ok(seed)
}

fn read(files: &Files, state: &Path, name: &str) -> io::Result<Option<Seed>> {
    let Some(bytes) = files.read(&state.join(name), 1 + SEED as u64)?.map(Zeroizing::new) else { return Ok(None) };
    let bytes: &[u8; SEED] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| io::Error::other(format!("{name} is not {SEED} bytes long: restore it, or move it away")))?;
    Ok(Some(Zeroizing::new(*bytes)))
}

fn seed(files: &Files, state: &Path, name: &str) -> io::Result<Seed> {
    if let Some(seed) = read(files, state, name)? {
        return Ok(seed);
    }
    // Two programs may meet here: whoever is first makes the key, and both then read that one.
    let lock = files.open(&state.join("keys.lock"))?;
    lock.lock()?;
    if let Some(seed) = read(files, state, name)? {
        return Ok(seed);
    }
    let seed = random()?;
    files.put(state, name, seed.as_slice())?;
    Ok(seed)
}
