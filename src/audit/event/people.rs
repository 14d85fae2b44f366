//! What people do: they decide, look, sign off, and change who agents and people are.

use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Statement, Word, Words};
use crate::audit::digest::{Digest, Hash};

/// What was done to an agent or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    #[n(0)]
    Added,
    #[n(1)]
    Changed,
    #[n(2)]
    Removed,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AgentChanged {
    #[n(0)]
    pub change: Change,
    #[n(1)]
    pub agent_id: i64,
    #[n(2)]
    pub agent: String,
    #[n(3)]
    pub owner: String,
    #[n(4)]
    pub by: String,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct PersonChanged {
    #[n(0)]
    pub change: Change,
    #[n(1)]
    pub person: String,
    #[n(2)]
    pub role: String,
    #[n(3)]
    pub by: String,
    /// Who the operating system says acts when this person does, where that is another name.
    #[n(4)]
    pub os_user: Option<String>,
}

/// Somebody read the audit. The body is what was asked for.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct AuditRead {
    #[n(0)]
    pub by: String,
    /// The command or page.
    #[n(1)]
    pub what: Word,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// A reviewer looked a period through. The body is the remark.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct SignedOff {
    #[n(0)]
    pub by: String,
    /// Microseconds since 1970.
    #[n(1)]
    pub from: u64,
    #[n(2)]
    pub to: u64,
    /// The last record that was there.
    #[n(3)]
    pub seq: u64,
    #[n(4)]
    pub hash: Hash,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// A statement awaits a decision. The body is why.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Held {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub statement: Statement,
    /// What an approval is bound to.
    #[n(2)]
    pub bound: Digest,
    /// When it expires, microseconds since 1970.
    #[n(3)]
    pub until: u64,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    #[n(0)]
    Approved,
    #[n(1)]
    ApprovedUnmasked,
    #[n(2)]
    Denied,
    #[n(3)]
    Asked,
    #[n(4)]
    PassedOn,
    #[n(5)]
    Expired,
    #[n(6)]
    Withdrawn,
}

/// Somebody, or the time, decided a hold. The body is the reason.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Decided {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub decision: Decision,
    #[n(2)]
    pub by: Option<String>,
    #[n(3)]
    pub groups: Vec<String>,
    /// Web, Slack, terminal, API.
    #[n(4)]
    pub through: Option<Word>,
    /// In the single-person mode, in which it may have been for an agent of their own.
    #[n(5)]
    pub single_person: Option<bool>,
    /// Until when an approval can be used, microseconds since 1970.
    #[n(6)]
    pub until: Option<u64>,
    /// How many more people have to approve: until then nothing runs by it.
    #[n(7)]
    pub more: Option<u32>,
    /// The group that it was passed on to.
    #[n(8)]
    pub to: Option<String>,
    /// Digest of what was shown to whoever decided.
    #[n(9)]
    pub seen: Option<Digest>,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// The agent answered what a reviewer asked. The body is what it said, where the record keeps that.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Answered {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub session: u64,
    #[n(2)]
    pub number: u64,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// Somebody decided several holds by one word: all of them, or none. The body is the reason.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct DecidedTogether {
    #[n(0)]
    pub holds: Vec<DecidedOne>,
    #[n(1)]
    pub decision: Decision,
    #[n(2)]
    pub by: String,
    #[n(3)]
    pub groups: Vec<String>,
    #[n(4)]
    pub through: Word,
    #[n(5)]
    pub single_person: Option<bool>,
    /// Digest of all that was shown.
    #[n(6)]
    pub seen: Digest,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// What of such a decision is each hold's own.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct DecidedOne {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub until: Option<u64>,
    #[n(2)]
    pub more: Option<u32>,
}

impl DecidedTogether {
    /// As if each had been decided alone.
    pub fn each(&self) -> impl Iterator<Item = Decided> {
        self.holds.iter().map(|one| Decided {
            hold: one.hold,
            decision: self.decision,
            by: Some(self.by.clone()),
            groups: self.groups.clone(),
            through: Some(self.through.clone()),
            single_person: self.single_person,
            until: one.until,
            more: one.more,
            to: None,
            seen: Some(self.seen),
            body: self.body.clone(),
        })
    }
}

/// An approval is used up by an execution: on disk before the statement is sent.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Spent {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub session: u64,
    #[n(2)]
    pub number: u64,
    /// The standing grant it was spent from.
    #[n(3)]
    pub grant: Option<u64>,
}

/// What an approval was used for was rolled back for certain: it can be used again.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Returned {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
}

/// A reviewer had masked values shown. The body is why.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Revealed {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub by: String,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// A standing grant was made. The body is its bounds.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Granted {
    #[n(0)]
    pub grant: u64,
    #[n(1)]
    pub agent_id: i64,
    #[n(2)]
    pub shape: Digest,
    #[n(3)]
    pub by: String,
    #[n(4)]
    pub until: u64,
    #[n(5)]
    pub times: u32,
    /// The hold it was made from: it is for statements like that one.
    #[n(6)]
    #[serde(serialize_with = "super::some_hold_id")]
    pub hold: Option<u64>,
    #[n(7)]
    pub through: Option<Word>,
    #[n(8)]
    pub single_person: Option<bool>,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// A standing grant ended before its time. The body is why.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct GrantEnded {
    #[n(0)]
    pub grant: u64,
    #[n(1)]
    pub by: Option<String>,
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// Somebody looked at what is held: the statement was shown to them.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct HoldRead {
    #[n(0)]
    #[serde(serialize_with = "super::hold_id")]
    pub hold: u64,
    #[n(1)]
    pub by: String,
    /// Web, API.
    #[n(2)]
    pub through: Word,
}
