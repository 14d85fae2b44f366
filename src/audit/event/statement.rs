//! What an agent sent, what was decided about it, and how it went.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use serde::Serialize;

use super::{Event, Word};
use crate::audit::digest::Digest;

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
    /// What its statements name, as it is written there, schema first.
    #[n(1)]
    #[cbor(default)]
    pub relations: Vec<String>,
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
    #[serde(serialize_with = "super::some_hold_id")]
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
    /// Relations as they were written, schema first, where they are not those of the shape.
    #[n(3)]
    pub relations: Vec<String>,
    /// The parameters in quotes, or NULL, with what is sensitive in them masked; a value that nobody can read is told by its length.
    #[n(4)]
    #[cbor(default)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<String>,
}

impl Sent {
    /// Bytes of what it keeps of the text and of the parameters.
    pub fn length(&self) -> usize {
        let parameters = self.parameters.iter().map(String::len).sum::<usize>();
        self.masked.as_ref().map_or(0, String::len).saturating_add(parameters)
    }
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

impl Event {
    /// Which statement of which session it speaks of, and the body that keeps what was sent.
    pub fn sent(&mut self) -> Option<(u64, u64, &mut Option<Box<Sent>>)> {
        let (statement, body) = if let Self::Begun(begun) = self {
            (&begun.statement, &mut begun.body)
        } else if let Self::Prepared(prepared) = self {
            (&prepared.statement, &mut prepared.body)
        } else if let Self::Refused(refused) = self {
            (&refused.statement, &mut refused.body)
        } else {
            return None;
        };
        Some((statement.session, statement.number, body))
    }
}
