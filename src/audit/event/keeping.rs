//! What happens to the record and to the proxy as a whole: beginnings and ends, keys, checkpoints, what was removed.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Word, Words};
use crate::audit::digest::{Digest, Hash, Signature};

/// The proxy began to serve.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Started {
    #[n(0)]
    pub version: String,
    /// Of the configuration in force, secrets apart.
    #[n(1)]
    pub config: Option<Digest>,
    #[n(2)]
    pub policy: Option<Digest>,
}

/// The proxy ended in order.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Stopped {
    /// Executions since the start.
    #[n(0)]
    pub executions: u64,
}

/// The journal was not closed in order and was put right.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Recovered {
    /// Bytes behind the last whole record. They were kept beside the journal.
    #[n(0)]
    pub cut: u64,
    #[n(1)]
    pub cut_hash: Option<Hash>,
    /// Executions without an end, closed with outcome unknown.
    #[n(2)]
    pub orphans: u64,
    /// Sessions without an end, closed.
    #[n(3)]
    pub sessions: u64,
}

/// The journal can be written again. While it could not, statements were refused without a record of each.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Resumed {
    /// Microseconds since 1970.
    #[n(0)]
    pub since: u64,
    #[n(1)]
    pub refused: u64,
    /// What the system said: `ENOSPC` and the like.
    #[n(2)]
    pub trouble: Word,
}

/// The chain up to the record before, signed.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Checkpointed {
    #[n(0)]
    pub seq: u64,
    #[n(1)]
    pub hash: Hash,
    #[n(2)]
    pub time: u64,
    #[n(3)]
    pub key: Hash,
    #[n(4)]
    pub signature: Signature,
}

/// Checkpoints are signed with another key from here on.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct KeyChanged {
    #[n(0)]
    pub key: Hash,
    /// Missing at a journal's beginning.
    #[n(1)]
    pub previous: Option<Hash>,
    /// By the previous key; missing where that was lost.
    #[n(2)]
    pub endorsement: Option<Signature>,
    #[n(3)]
    pub by: Option<String>,
}

/// The state was restored from a backup: every hold, ticket and grant from before is void.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct EpochBegan {
    #[n(0)]
    pub epoch: u32,
    /// The last record that the backup held.
    #[n(1)]
    pub restored_seq: u64,
    #[n(2)]
    pub restored_hash: Hash,
    /// When the backup was made, microseconds since 1970.
    #[n(3)]
    pub backup_time: u64,
    #[n(4)]
    pub by: String,
    /// Drawn by lot: one backup restored twice goes on in two ways, and they must not pass for each other.
    #[n(5)]
    pub branch: Digest,
}

/// Whole segments were removed from the beginning.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Pruned {
    /// The last record removed.
    #[n(0)]
    pub seq: u64,
    #[n(1)]
    pub hash: Hash,
    #[n(2)]
    pub before: u64,
    #[n(3)]
    pub by: String,
}

/// The body of a record was erased.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Erased {
    #[n(0)]
    pub seq: u64,
    #[n(1)]
    pub by: String,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// Another configuration is in force.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct ConfigChanged {
    #[n(0)]
    pub config: Digest,
    /// The names of the settings that changed.
    #[n(1)]
    pub changed: Vec<String>,
    /// Why a new one was not taken; the old one stays.
    #[n(2)]
    pub refused: bool,
    /// Who changed it, where that was by a command.
    #[n(3)]
    pub by: Option<String>,
}

/// Another policy is in force.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PolicyChanged {
    #[n(0)]
    pub policy: Digest,
    #[n(1)]
    pub previous: Option<Digest>,
    #[n(2)]
    pub by: Option<String>,
}

/// The key that this segment's sealed bodies are encrypted with, encrypted to the operator's.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SealingKey {
    /// The operator's public key.
    #[n(0)]
    pub to: Hash,
    #[n(1)]
    #[serde(skip)]
    pub sealed: ByteVec,
}
