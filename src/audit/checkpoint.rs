//! A checkpoint: a signature over how far the chain has come. Kept off the machine it is what shows that the journal was
//! rewritten as a whole.

use std::fmt;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::digest::{Digest, Hash, Signature};

/// What a signature is made over begins with this, so that it can be mistaken for nothing else.
const DOMAIN: &[u8] = b"pgsluice checkpoint 1\0";

/// One line of a checkpoint file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub journal: Digest,
    pub epoch: u32,
    /// The last record that is covered.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// Microseconds since 1970.
    pub time: u64,
    /// The public key.
    pub key: Hash,
    pub signature: Signature,
}

impl Checkpoint {
    fn signed(journal: Digest, epoch: u32, seq: u64, hash: Hash, time: u64) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        bytes.extend_from_slice(&journal.0);
        bytes.extend_from_slice(&epoch.to_le_bytes());
        bytes.extend_from_slice(&seq.to_le_bytes());
        bytes.extend_from_slice(&hash.0);
        bytes.extend_from_slice(&time.to_le_bytes());
        bytes
    }

    /// Whether it was signed with the key that it names. Whether that key is to be trusted is another question.
    pub fn is_signed(&self) -> bool {
        let signed = Self::signed(self.journal, self.epoch, self.seq, self.hash, self.time);
        UnparsedPublicKey::new(&ED25519, &self.key.0).verify(&signed, &self.signature.0).is_ok()
    }
}

/// The key that checkpoints are signed with.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a signing key")]
pub struct NotAKey;

impl SigningKey {
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, NotAKey> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| NotAKey)
    }

    pub fn public(&self) -> Hash {
        let mut key = Hash::default();
        for (to, from) in key.0.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        key
    }

    pub fn checkpoint(&self, journal: Digest, epoch: u32, seq: u64, hash: Hash, time: u64) -> Checkpoint {
        let signature = self.sign(&Checkpoint::signed(journal, epoch, seq, hash, time));
        Checkpoint { journal, epoch, seq, hash, time, key: self.public(), signature }
    }

    /// Says that another key follows this one.
    pub fn endorse(&self, journal: Digest, next: Hash) -> Signature {
        self.sign(&endorsed(journal, next))
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = Signature([0; 64]);
        for (to, from) in signature.0.iter_mut().zip(self.0.sign(bytes).as_ref()) {
            *to = *from;
        }
        signature
    }
}

fn endorsed(journal: Digest, next: Hash) -> Vec<u8> {
    let mut bytes = b"pgsluice next key 1\0".to_vec();
    bytes.extend_from_slice(&journal.0);
    bytes.extend_from_slice(&next.0);
    bytes
}

/// Whether the holder of `key` said that `next` follows it.
pub fn is_endorsed(journal: Digest, key: Hash, next: Hash, signature: &Signature) -> bool {
    UnparsedPublicKey::new(&ED25519, &key.0).verify(&endorsed(journal, next), &signature.0).is_ok()
}

/// A short name for a public key, for people to compare.
pub fn key_name(key: Hash) -> String {
    let name: String = Hash(digest(&SHA256, &key.0).as_ref().try_into().unwrap_or_default()).to_string();
    name.chars().take(16).collect()
}
