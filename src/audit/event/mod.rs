//! What a record says. Facts are numbers, digests, names that operators gave and words from lists; whatever an agent, a reviewer
//! or a server wrote is in the body, which can be erased. Both are CBOR (RFC 8949): maps with integer keys in ascending order and
//! definite lengths, nothing for what is absent. A key that was released never changes its meaning, and readers skip the keys
//! they do not know.

mod keeping;
mod people;
mod sign_in;
mod statement;

use std::borrow::Cow;
use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Serialize, Serializer};

use crate::gate::hold::HoldId;

pub use keeping::*;
pub use people::*;
pub use sign_in::*;
pub use statement::*;

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
    56 Returned "returned",
    57 Answered "answered" with Words,
    58 DecidedTogether "decided-together" with Words,
    60 SealingKey "sealing-key",
    70 PersonSignedIn "person-signed-in",
    71 PersonDenied "person-sign-in-denied" with Words,
    72 PersonSignedOut "person-signed-out",
    73 HoldRead "hold-read",
}

/// What a person wrote, or what names something a person or an agent wrote.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Words {
    #[n(0)]
    pub text: String,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => out.write_str(word),
            None => write!(out, "kind-{}", self.0),
        }
    }
}

/// A hold's number as people know it.
fn hold_id<S: Serializer>(number: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&HoldId::of(*number))
}

#[allow(clippy::ref_option, reason = "serde asks for it so")]
pub fn some_hold_id<S: Serializer>(number: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => hold_id(number, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
