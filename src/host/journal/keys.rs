//! The keys of the record: what checkpoints are signed with, and what digests are keyed with. They lie in the state folder, for
//! its user alone.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::audit::{Digester, SigningKey};

const SIGNING: &str = "signing.key";
const DIGEST: &str = "digest.key";
/// What the keys lie in, in the state folder.
pub const FILES: [&str; 2] = [SIGNING, DIGEST];

/// Both keys.
#[derive(Debug)]
pub struct Keys {
    pub signing: SigningKey,
    pub digester: Digester,
}

impl Keys {
    /// Reads the keys, or makes them.
    pub fn load(state: &Path) -> io::Result<Self> {
        let (signing, digest) = (seed(&state.join(SIGNING))?, seed(&state.join(DIGEST))?);
        Ok(Self { signing: SigningKey::from_seed(&signing).map_err(io::Error::other)?, digester: Digester::new(&digest) })
    }
}

fn seed(path: &Path) -> io::Result<Zeroizing<[u8; 32]>> {
    let mut seed = Zeroizing::new([0; 32]);
    match fs::read(path).map(Zeroizing::new) {
        Ok(bytes) => {
            let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| io::Error::other("a key file is not 32 bytes long"))?;
            seed.copy_from_slice(bytes);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            SystemRandom::new().fill(seed.as_mut_slice()).map_err(|_| io::Error::other("the system gave no random bytes"))?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(seed.as_slice())?;
        }
        Err(error) => return Err(error),
    }
    Ok(seed)
}
