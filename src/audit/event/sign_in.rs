//! Who came, who was not let in, and who left.

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Word, Words};
use crate::audit::digest::Digest;

/// An agent's session began. Its number is this record's.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SignedIn {
    #[n(0)]
    pub agent_id: i64,
    #[n(1)]
    pub agent: String,
    #[n(2)]
    pub owner: String,
    #[n(3)]
    pub environment: Option<String>,
    #[n(4)]
    pub database: String,
    /// The upstream role.
    #[n(5)]
    pub role: String,
    #[n(6)]
    pub address: Option<String>,
    #[n(7)]
    pub tls: bool,
    /// As the client was told it.
    #[n(8)]
    pub process_id: i32,
    #[n(9)]
    pub policy: Option<Digest>,
    #[cbor(skip)]
    pub body: Option<Box<Claims>>,
}

/// What a client says of itself, unproven.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Claims {
    #[n(0)]
    pub application: Option<String>,
}

/// A session that began in an earlier segment goes on in this one: each segment can be read alone.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Continued {
    #[n(0)]
    pub session: u64,
    #[n(1)]
    pub who: SignedIn,
    #[cbor(skip)]
    pub body: Option<Box<Claims>>,
}

/// A session ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SignedOut {
    #[n(0)]
    pub session: u64,
    #[n(1)]
    pub executions: u64,
    /// What the client was told, where pgsluice or the server ended it.
    #[n(2)]
    pub code: Option<Word>,
}

/// Nobody was let in. The body is the name that was given.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Denied {
    #[n(0)]
    pub address: Option<String>,
    #[n(1)]
    pub code: Word,
    /// The agent of that name, where there is one.
    #[n(2)]
    pub agent: Option<String>,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// A person showed who they are, to decide.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PersonSignedIn {
    #[n(0)]
    pub person: String,
    #[n(1)]
    pub role: String,
    #[n(2)]
    pub address: Option<String>,
    /// Web, API.
    #[n(3)]
    pub through: Word,
    #[n(4)]
    pub tls: bool,
}

/// Somebody was not taken for the person they said. The body is the name that was given.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PersonDenied {
    #[n(0)]
    pub address: Option<String>,
    #[n(1)]
    pub through: Word,
    /// The person of that name, where there is one.
    #[n(2)]
    pub person: Option<String>,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PersonSignedOut {
    #[n(0)]
    pub person: String,
    /// Web, API; the provider, which does not vouch for them any more; a command.
    #[n(1)]
    pub through: Word,
    /// Who signed them out, where it was somebody else.
    #[n(2)]
    pub by: Option<String>,
}
