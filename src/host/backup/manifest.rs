//! What a backup says of itself: which journal, up to which record, signed; and the hash of each part. Hashes find damage; that
//! the journal in it is the one that was written is shown by its chain, which ends at what was signed.

use serde::{Deserialize, Serialize};

use crate::audit::Checkpoint;

/// How backups are made now.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made it.
    pub pgsluice: String,
    pub journal: String,
    pub epoch: u32,
    /// The last record, and its hash.
    pub seq: u64,
    pub hash: String,
    /// When it was made, microseconds since 1970.
    pub time: u64,
    /// Of the checkpoint over the five above.
    pub key: String,
    pub signature: String,
    /// What is in the outbox and on the record stands behind this one.
    pub outbox_after: u64,
    /// Whether the keys of the journal are in it.
    pub keys: bool,
    pub parts: Vec<Part>,
}

impl Manifest {
    pub fn new(end: Checkpoint, outbox_after: u64, keys: bool, parts: Vec<Part>) -> Self {
        Self {
            format: FORMAT,
            pgsluice: env!("CARGO_PKG_VERSION").to_owned(),
            journal: end.journal.to_string(),
            epoch: end.epoch,
            seq: end.seq,
            hash: end.hash.to_string(),
            time: end.time,
            key: end.key.to_string(),
            signature: end.signature.to_string(),
            outbox_after,
            keys,
            parts,
        }
    }

    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| format!("its manifest: {error}"))?;
        if manifest.format == FORMAT { Ok(manifest) } else { Err("it was made by a newer pgsluice".to_owned()) }
    }

    /// What was signed; `None` when it was not.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let checkpoint = Checkpoint {
            journal: self.journal.parse().ok()?,
            epoch: self.epoch,
            seq: self.seq,
            hash: self.hash.parse().ok()?,
            time: self.time,
            key: self.key.parse().ok()?,
            signature: self.signature.parse().ok()?,
        };
        checkpoint.is_signed().then_some(checkpoint)
    }
}
