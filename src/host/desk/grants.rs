//! Standing grants as the desk has them: whose, for which statements, and how much of them is left.

use minicbor::{Decode, Encode};

use super::kept::{Bytes, Unreadable, put, take};
use crate::audit::Digest;
use crate::gate::hold::{HoldId, Lasting, Room};

/// Standing grants of one agent: whoever needs more needs a policy.
pub const MOST_OF_AGENT: usize = 20;
/// Of all agents.
pub const MOST: usize = 1000;
/// Bytes of a statement that one is made for, or met by.
pub const LONGEST_STATEMENT: usize = 64 << 10;
/// Letters of a statement's shape that are kept for people.
pub const LONGEST_SHAPE: usize = 500;

/// What does not change about one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    pub agent_id: i64,
    pub agent: Box<str>,
    pub database: Box<str>,
    pub by: Box<str>,
    /// Microseconds since 1970.
    pub at: u64,
    pub reason: Option<Box<str>>,
    /// The hold it was made from: it is for statements like that one.
    pub hold: HoldId,
    /// Without its literals, cut.
    pub shape: Box<str>,
    /// What a statement's binding is but for the numbers that have room.
    pub bound: Digest,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingGrant {
    /// Told apart like holds are.
    pub id: HoldId,
    pub given: Given,
    pub lasting: Lasting,
    /// The last record about it.
    pub seq: u64,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Kept {
    #[n(0)]
    agent_id: i64,
    #[n(1)]
    agent: String,
    #[n(2)]
    database: String,
    #[n(3)]
    by: String,
    #[n(4)]
    at: u64,
    #[n(5)]
    reason: Option<String>,
    #[n(6)]
    hold: u64,
    #[n(7)]
    shape: String,
    #[n(8)]
    bound: Digest,
    #[n(9)]
    until: u64,
    #[n(10)]
    times: u32,
    /// Number, from, to.
    #[n(11)]
    rooms: Vec<(u32, i64, i64)>,
}

impl StandingGrant {
    pub fn write(&self) -> Bytes {
        let Given { agent_id, agent, database, by, at, reason, hold, shape, bound } = &self.given;
        put(&Kept {
            agent_id: *agent_id,
            agent: agent.to_string(),
            database: database.to_string(),
            by: by.to_string(),
            at: *at,
            reason: reason.as_deref().map(str::to_owned),
            hold: hold.number(),
            shape: shape.to_string(),
            bound: *bound,
            until: self.lasting.until,
            times: self.lasting.times,
            rooms: self.lasting.rooms.iter().map(|room| (room.number, room.from, room.to)).collect(),
        })
    }

    pub fn read(id: HoldId, used: u32, seq: u64, bytes: &[u8]) -> Result<Self, Unreadable> {
        let Kept { agent_id, agent, database, by, at, reason, hold, shape, bound, until, times, rooms } = take(bytes)?;
        let rooms = rooms.into_iter().map(|(number, from, to)| Room { number, from, to }).collect();
        let given = Given {
            agent_id,
            agent: agent.into(),
            database: database.into(),
            by: by.into(),
            at,
            reason: reason.map(Into::into),
            hold: HoldId::of(hold),
            shape: shape.into(),
            bound,
        };
        Ok(Self { id, given, lasting: Lasting { until, times, used, rooms }, seq })
    }

    /// The numbers that have room.
    pub fn free(&self) -> Vec<u32> {
        self.lasting.rooms.iter().map(|room| room.number).collect()
    }
}

/// Bounds in words.
pub fn words(rooms: &[Room]) -> String {
    if rooms.is_empty() {
        return "with the values that it has".to_owned();
    }
    let each: Vec<_> = rooms.iter().map(|room| format!("number {} from {} to {}", room.number, room.from, room.to)).collect();
    format!("with {}, and every other value as it is", each.join(", "))
}
