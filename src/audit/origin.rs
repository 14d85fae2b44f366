//! Where an event comes from that another process put down for the journal's writer: which row of the outbox it was, and when
//! it happened. It is one more key behind those of the event, the same in every kind: who reads events does not meet it, and who
//! asks can tell an event that was recorded twice from two events.

use minicbor::{Decode, Decoder, Encode, Encoder};
use serde::Serialize;

use super::event::Unreadable;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Origin {
    /// Rises from event to event; each has its own.
    #[n(0)]
    pub outbox: u64,
    /// When it happened, microseconds since 1970; the record's own time is when it was recorded.
    #[n(1)]
    pub time: u64,
}

/// No event has so many keys, so it is the last one.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Carried {
    #[n(99)]
    origin: Option<Origin>,
}

impl Origin {
    /// The facts with their origin behind them.
    pub fn put(self, facts: &[u8]) -> Result<Vec<u8>, Unreadable> {
        let mut carried = Vec::new();
        minicbor::encode(Carried { origin: Some(self) }, &mut carried).map_err(|_| Unreadable)?;
        let (keys, event) = entries(facts)?;
        let (added, origin) = entries(&carried)?;
        let mut out = Encoder::new(Vec::with_capacity(facts.len().saturating_add(carried.len())));
        out.map(keys.saturating_add(added)).map_err(|_| Unreadable)?;
        let mut out = out.into_writer();
        out.extend_from_slice(event);
        out.extend_from_slice(origin);
        Ok(out)
    }

    /// `None` for what was recorded where it happened.
    pub fn of(facts: &[u8]) -> Result<Option<Self>, Unreadable> {
        minicbor::decode::<Carried>(facts).map(|carried| carried.origin).map_err(|_| Unreadable)
    }
}

/// How many entries a map has, and their bytes.
fn entries(map: &[u8]) -> Result<(u64, &[u8]), Unreadable> {
    let mut decoder = Decoder::new(map);
    let count = decoder.map().ok().flatten().ok_or(Unreadable)?;
    Ok((count, map.get(decoder.position()..).ok_or(Unreadable)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::event::{AgentChanged, Change, Encoded};
    use crate::audit::{Event, Kind};

    #[test]
    fn an_event_with_its_origin_reads_as_the_event() {
        let (agent, owner, by) = ("bot".to_owned(), "ann".to_owned(), "eve".to_owned());
        let event = Event::from(AgentChanged { change: Change::Added, agent_id: 7, agent, owner, by });
        let mut encoded = Encoded::default();
        event.encode(&mut encoded);
        assert_eq!(Origin::of(&encoded.facts), Ok(None));
        let origin = Origin { outbox: 1 << 40, time: 1_700_000_000_000_000 };
        let facts = origin.put(&encoded.facts).unwrap();
        assert_eq!(Origin::of(&facts), Ok(Some(origin)));
        assert_eq!(Event::decode(Kind::AgentChanged, &facts, None), Ok(Some(event)));
        for cut in 0..facts.len() {
            assert_eq!(Origin::of(facts.get(..cut).unwrap()), Err(Unreadable), "{cut}");
        }
        for no_map in [&b""[..], b"\x01", b"\x9f\xff", b"\xbf\xff"] {
            assert_eq!(origin.put(no_map), Err(Unreadable));
        }
    }
}
