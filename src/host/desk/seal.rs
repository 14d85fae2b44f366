//! Seals what is kept of a hold, so that who reads the database without the key file reads nothing of it, and nothing sealed can be put in the
//! place of something else.

use std::path::Path;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::gate::hold::HoldId;
use crate::host::journal::keys;

/// What is sealed: part of what nobody can exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    About = 1,
    Matter = 2,
    Ruled = 3,
    Talk = 4,
    /// Of a standing grant, by its number.
    Terms = 5,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is kept of a hold could not be sealed or opened")]
pub struct SealError;

pub struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
    epoch: u32,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sealer")
    }
}

impl Sealer {
    pub fn load(state: &Path, epoch: u32) -> std::io::Result<Self> {
        let seed = keys::holds(state)?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, seed.as_slice()).map_err(|_| std::io::Error::other("hold.key is no key"))?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new(), epoch })
    }

    /// The nonce, then the sealed bytes. Nonces are random: with one key for fewer than 2^32 seals that is enough.
    pub fn seal(&self, hold: HoldId, part: Part, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError)?;
        let mut sealed = plain.to_vec();
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(self.place(hold, part)), &mut sealed)
            .map_err(|_| SealError)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok([nonce.as_slice(), &sealed].concat())
    }

    pub fn open(&self, hold: HoldId, part: Part, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
        let mut bytes = Zeroizing::new(sealed.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(self.place(hold, part)), &mut bytes).map_err(|_| SealError)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }

    fn place(&self, hold: HoldId, part: Part) -> [u8; 13] {
        let mut place = [0; 13];
        let parts = hold.number().to_le_bytes().into_iter().chain(self.epoch.to_le_bytes()).chain([part as u8]);
        for (to, from) in place.iter_mut().zip(parts) {
            *to = from;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_place_alone() {
        let scratch = tempfile::tempdir().unwrap();
        let sealer = Sealer::load(scratch.path(), 1).unwrap();
        let (one, two) = (HoldId::of(1), HoldId::of(2));
        let sealed = sealer.seal(one, Part::Matter, b"DROP TABLE t").unwrap();
        assert_eq!(sealer.open(one, Part::Matter, &sealed).unwrap().as_slice(), b"DROP TABLE t");
        assert!(!sealed.windows(4).any(|part| part == b"DROP"));
        assert_ne!(sealer.seal(one, Part::Matter, b"DROP TABLE t").unwrap(), sealed);
        assert!(sealer.open(two, Part::Matter, &sealed).is_err());
        assert!(sealer.open(one, Part::About, &sealed).is_err());
        assert!(Sealer::load(scratch.path(), 2).unwrap().open(one, Part::Matter, &sealed).is_err());
        assert!(Sealer::load(scratch.path(), 1).unwrap().open(one, Part::Matter, &sealed).is_ok());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.open(one, Part::Matter, &changed).is_err());
            assert!(sealer.open(one, Part::Matter, &sealed[..at]).is_err());
        }
    }
}
