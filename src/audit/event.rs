//! What a record says. Facts are numbers, digests, names that operators gave and words from lists; whatever an agent, a reviewer
//! or a server wrote is in the body, which can be erased. Both are CBOR (RFC 8949): maps with integer keys in ascending order and
//! definite lengths, nothing for what is absent. A key that was released never changes its meaning, and readers skip the keys
//! they do not know.

use std::borrow::Cow;
use std::fmt;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::digest::{Digest, Hash, Signature};

/// Text from a list that is known where it is written.
pub type Word = Cow<'static, str>;

/// What kind of record; the number is in its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(pub u8);

/// Facts or a body that are not what the record's kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its contents are not what its kind has")]
pub struct Unreadable;

/// The canonical bytes of facts and of a body.
#[derive(Debug, Default)]
pub struct Encoded {
    pub facts: Vec<u8>,
    /// Empty where there is none.
    pub body: Vec<u8>,
}

fn put<T: Encode<()>>(value: &T, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    minicbor::encode(value, out).ok();
}

fn take<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Unreadable> {
    minicbor::decode(bytes).map_err(|_| Unreadable)
}

/// Which part of a record can be erased.
trait Parts: Sized {
    fn put_body(&self, _: &mut Vec<u8>) {}
    fn take_body(&mut self, _: Option<&[u8]>) -> Result<(), Unreadable> {
        Ok(())
    }
}

macro_rules! events {
    ($($number:literal $name:ident $word:literal $(with $body:ident)?,)+) => {
        /// One event.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Event {
            $($name($name),)+
        }

        $(impl From<$name> for Event {
            fn from(event: $name) -> Self {
                Self::$name(event)
            }
        })+

        $(impl Parts for $name {
            $(fn put_body(&self, out: &mut Vec<u8>) {
                if let Some(body) = &self.body {
                    put::<$body>(body, out);
                }
            }

            fn take_body(&mut self, body: Option<&[u8]>) -> Result<(), Unreadable> {
                self.body = body.map(take::<$body>).transpose()?.map(Box::new);
                Ok(())
            })?
        })+

        impl Kind {
            $(#[allow(non_upper_case_globals, reason = "it is named like the event it is the number of")]
            pub const $name: Self = Self($number);)+

            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The word for it in output and filters; `None` for one that a newer program wrote.
            pub fn word(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($word),)+
                    _ => None,
                }
            }
        }

        impl Event {
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)+
                }
            }

            /// Adds the canonical bytes.
            pub fn encode(&self, out: &mut Encoded) {
                match self {
                    $(Self::$name(event) => {
                        put(event, &mut out.facts);
                        event.put_body(&mut out.body);
                    })+
                }
            }

            /// `None` for a kind that a newer program wrote. `body` is missing where there is none, or none any more.
            pub fn decode(kind: Kind, facts: &[u8], body: Option<&[u8]>) -> Result<Option<Self>, Unreadable> {
                Ok(Some(match kind.0 {
                    $($number => {
                        let mut event: $name = take(facts)?;
                        event.take_body(body)?;
                        Self::$name(event)
                    })+
                    _ => return Ok(None),
                }))
            }
        }
    };
}

events! {
    1 Started "started",
    2 Stopped "stopped",
    3 Recovered "recovered",
    4 Resumed "resumed",
    5 Checkpointed "checkpoint",
    6 KeyChanged "key-changed",
    7 EpochBegan "epoch-began",
    8 Pruned "pruned",
    9 Erased "erased" with Words,
    10 SignedIn "signed-in" with Claims,
    11 Continued "continued" with Claims,
    12 SignedOut "signed-out",
    13 Denied "sign-in-denied" with Words,
    14 ShapeMet "shape" with ShapeText,
    20 Begun "begun" with Sent,
    21 Ended "ended",
    22 Prepared "prepared" with Sent,
    23 Refused "refused" with Sent,
    30 ConfigChanged "config-changed",
    31 PolicyChanged "policy-changed",
    32 AgentChanged "agent-changed",
    33 PersonChanged "person-changed",
    40 AuditRead "audit-read" with Words,
    41 SignedOff "signed-off" with Words,
    50 Held "held" with Words,
    51 Decided "decided" with Words,
    52 Spent "spent",
    53 Revealed "revealed" with Words,
    54 Granted "granted" with Words,
    55 GrantEnded "grant-ended" with Words,
    60 SealingKey "sealing-key",
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => out.write_str(word),
            None => write!(out, "kind-{}", self.0),
        }
    }
}

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

/// What a person wrote, or what names something a person or an agent wrote.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Words {
    #[n(0)]
    pub text: String,
}

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

/// The text of a shape, once in each segment that speaks of it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct ShapeMet {
    #[n(0)]
    pub shape: Digest,
    #[cbor(skip)]
    pub body: Option<Box<ShapeText>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct ShapeText {
    #[n(0)]
    pub text: String,
}

/// How a statement was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A simple query: one text, however many statements it holds.
    #[n(0)]
    Query,
    /// Prepared only.
    #[n(1)]
    Parse,
    /// Given parameters, and not run yet.
    #[n(2)]
    Bind,
    /// A portal is run.
    #[n(3)]
    Execute,
    /// A portal that was run before is run further.
    #[n(4)]
    Fetch,
    /// A function-call message.
    #[n(5)]
    FunctionCall,
    /// Data of a COPY.
    #[n(6)]
    CopyData,
}

/// What the gate decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    #[n(0)]
    Allowed,
    #[n(1)]
    Denied,
    #[n(2)]
    Held,
    /// Runs by an approval or a standing grant.
    #[n(3)]
    Approved,
    /// Would not have been allowed; the policy only watches.
    #[n(4)]
    Observed,
}

/// What is known of a statement and of the decision about it.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Statement {
    #[n(0)]
    pub session: u64,
    /// Counts within the session; an end bears the number of its beginning.
    #[n(1)]
    pub number: u64,
    #[n(2)]
    pub way: Way,
    #[n(3)]
    pub shape: Digest,
    /// Of the text and the parameters as they were sent.
    #[n(4)]
    pub digest: Digest,
    /// Bytes of the text.
    #[n(5)]
    pub length: u32,
    /// Parameters bound.
    #[n(6)]
    pub parameters: u16,
    /// Whether a transaction was open already, or may have been.
    #[n(7)]
    pub in_transaction: bool,
    #[n(8)]
    pub verdict: Verdict,
    /// One bit for each effect; missing until it was read.
    #[n(9)]
    pub effects: Option<u32>,
    #[n(10)]
    pub rule: Option<String>,
    #[n(11)]
    pub policy: Option<Digest>,
    #[n(12)]
    pub hold: Option<u64>,
}

/// What an agent sent, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Sent {
    /// The agent's own comment tags.
    #[n(0)]
    pub tags: Vec<Tag>,
    /// The text with its sensitive literals masked.
    #[n(1)]
    pub masked: Option<String>,
    /// Text and parameters, encrypted to the operator's key.
    #[n(2)]
    #[serde(skip)]
    pub sealed: Option<ByteVec>,
    /// Relations as they were written, schema first.
    #[n(3)]
    pub relations: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Tag {
    #[n(0)]
    pub name: String,
    #[n(1)]
    pub value: String,
}

/// A statement is about to be sent to the server for execution.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Begun {
    #[n(0)]
    pub statement: Statement,
    #[cbor(skip)]
    pub body: Option<Box<Sent>>,
}

/// A statement is about to be sent to the server, to be prepared or bound and not executed yet.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Prepared {
    #[n(0)]
    pub statement: Statement,
    #[cbor(skip)]
    pub body: Option<Box<Sent>>,
}

/// A statement was not sent.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Refused {
    #[n(0)]
    pub statement: Statement,
    #[n(1)]
    pub code: Word,
    #[cbor(skip)]
    pub body: Option<Box<Sent>>,
}

/// How an execution ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    #[n(0)]
    Completed,
    /// It stopped at its row limit and can be run further.
    #[n(1)]
    Suspended,
    #[n(2)]
    Failed,
    #[n(3)]
    Cancelled,
    /// An error before it made the server skip it: it did not run.
    #[n(4)]
    Skipped,
    /// The connection, or the proxy, ended before the server answered.
    #[n(5)]
    Unknown,
    /// Stopped by pgsluice in its course.
    #[n(6)]
    Stopped,
}

/// An execution ended.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Ended {
    #[n(0)]
    pub session: u64,
    #[n(1)]
    pub number: u64,
    #[n(2)]
    pub outcome: Outcome,
    /// Microseconds from its being sent. Missing where only recovery knows that it ended.
    #[n(3)]
    pub duration: Option<u64>,
    /// Rows sent to the client.
    #[n(4)]
    pub rows: u64,
    /// Bytes of rows and of COPY data sent to the client.
    #[n(5)]
    pub bytes: u64,
    /// Bytes of COPY data sent to the server.
    #[n(6)]
    pub received: u64,
    /// Rows that the server counted: inserted, changed, copied …
    #[n(7)]
    pub affected: Option<u64>,
    /// The last command that completed, without its numbers.
    #[n(8)]
    pub command: Option<Word>,
    /// Commands that completed, where it was not one.
    #[n(9)]
    pub commands: Option<u32>,
    #[n(10)]
    pub code: Option<Word>,
    /// Values masked, by kind.
    #[n(11)]
    pub masked: Option<Vec<Masked>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(array)]
pub struct Masked {
    #[n(0)]
    pub kind: String,
    #[n(1)]
    pub count: u64,
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
    #[cbor(skip)]
    pub body: Option<Box<Words>>,
}

/// An approval is used up by an execution: on disk before the statement is sent.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Spent {
    #[n(0)]
    pub hold: u64,
    #[n(1)]
    pub session: u64,
    #[n(2)]
    pub number: u64,
    /// The standing grant it was spent from.
    #[n(3)]
    pub grant: Option<u64>,
}

/// A reviewer had masked values shown. The body is why.
#[derive(Debug, Clone, PartialEq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Revealed {
    #[n(0)]
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
