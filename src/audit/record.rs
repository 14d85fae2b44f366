//! The bytes of one record. Facts are covered by the chain as they are; a body is covered by a salted commitment, so that it
//! can be erased in its place and the chain still verifies.
//!
//! ```text
//! length u32 | kind u8 | flags u8 | facts length u16 | seq u64 | time u64 | facts | commitment 32 | state u8 | salt 16 | body | hash 32
//! └───────────────────────────── hashed, behind the hash before ──────────────────────────────┘ └─ committed to ─┘
//! ```
//!
//! Numbers are little-endian; `length` counts the whole record. Commitment, state, salt and body are there when `flags` says so.
//! Time is microseconds since 1970, UTC.

use ring::digest::{Context, SHA256};

use super::digest::Hash;

/// Before the facts.
pub const HEAD: usize = 24;
const COMMITMENT: usize = 32;
const STATE: usize = 1;
pub const SALT: usize = 16;
pub const HASH: usize = 32;
/// The shortest record there is.
pub const SHORTEST: usize = HEAD + HASH;
/// Facts are short; what is long belongs in a body.
pub const MOST_FACTS: usize = 16 * 1024;
/// A body holds one statement's text at most; what is longer is cut before it comes here.
pub const MOST_BODY: usize = 1024 * 1024;
/// No record is longer, so no reader needs more at once.
pub const LONGEST: usize = SHORTEST + MOST_FACTS + COMMITMENT + STATE + SALT + MOST_BODY;

const HAS_BODY: u8 = 1;
const WHOLE: u8 = 0;
const ERASED: u8 = 1;

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub seq: u64,
    /// Microseconds since 1970.
    pub time: u64,
    pub previous: Hash,
}

/// Facts or a body that fit no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record may not be that long")]
pub struct TooLong;

/// Appends one record to `out`; returns its hash.
pub fn write(out: &mut Vec<u8>, kind: u8, place: Place, facts: &[u8], body: Option<(&[u8; SALT], &[u8])>) -> Result<Hash, TooLong> {
    let start = out.len();
    let more = body.map_or(0, |(_, body)| COMMITMENT.saturating_add(STATE).saturating_add(SALT).saturating_add(body.len()));
    let length = SHORTEST.saturating_add(facts.len()).saturating_add(more);
    if facts.len() > MOST_FACTS || length > LONGEST {
        return Err(TooLong);
    }
    out.extend_from_slice(&u32::try_from(length).map_err(|_| TooLong)?.to_le_bytes());
    out.push(kind);
    out.push(if body.is_some() { HAS_BODY } else { 0 });
    out.extend_from_slice(&u16::try_from(facts.len()).map_err(|_| TooLong)?.to_le_bytes());
    out.extend_from_slice(&place.seq.to_le_bytes());
    out.extend_from_slice(&place.time.to_le_bytes());
    out.extend_from_slice(facts);
    if let Some((salt, body)) = body {
        out.extend_from_slice(&commitment(salt, body));
    }
    let hash = chained(place.previous, out.get(start..).unwrap_or_default());
    if let Some((salt, body)) = body {
        out.push(WHOLE);
        out.extend_from_slice(salt);
        out.extend_from_slice(body);
    }
    out.extend_from_slice(&hash.0);
    Ok(hash)
}

fn commitment(salt: &[u8], body: &[u8]) -> [u8; COMMITMENT] {
    let mut context = Context::new(&SHA256);
    context.update(salt);
    context.update(body);
    sum(context)
}

fn chained(previous: Hash, covered: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&previous.0);
    context.update(covered);
    Hash(sum(context))
}

fn sum(context: Context) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

/// A record as it lies in its segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    pub kind: u8,
    pub seq: u64,
    pub time: u64,
    pub facts: &'a [u8],
    pub body: Body<'a>,
    pub hash: Hash,
    /// All of it, as it lies there.
    bytes: &'a [u8],
    covered: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// The record never had one.
    None,
    Whole(&'a [u8]),
    Erased,
}

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("its length is impossible")]
    Length,
    #[error("its parts do not fit its length")]
    Parts,
    #[error("its flags are unknown")]
    Flags,
    #[error("its body is neither whole nor erased")]
    State,
    #[error("its bytes are not the ones its hash was made of")]
    Hash,
    #[error("its body is not the one it was written with")]
    Body,
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`; `None` where they end before one begins: at a length of zero, or with no bytes left.
    pub fn read(bytes: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let Some((length, _)) = bytes.split_first_chunk::<4>() else {
            return if bytes.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(Malformed::Length) };
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Malformed::Length)?;
        if length == 0 {
            return Ok(None);
        }
        if !(SHORTEST..=LONGEST).contains(&length) {
            return Err(Malformed::Length);
        }
        let bytes = bytes.get(..length).ok_or(Malformed::Length)?;
        let (head, rest) = bytes.split_first_chunk::<HEAD>().ok_or(Malformed::Parts)?;
        let [_, _, _, _, kind, flags, facts_low, facts_high, numbers @ ..] = head;
        let (seq, time) = numbers.split_first_chunk::<8>().ok_or(Malformed::Parts)?;
        let time: &[u8; 8] = time.try_into().map_err(|_| Malformed::Parts)?;
        let facts_length = usize::from(u16::from_le_bytes([*facts_low, *facts_high]));
        let (facts, rest) = rest.split_at_checked(facts_length).ok_or(Malformed::Parts)?;
        let (rest, hash) = rest.split_last_chunk::<HASH>().ok_or(Malformed::Parts)?;
        let mut covered = HEAD.saturating_add(facts_length);
        let body = match *flags {
            0 if rest.is_empty() => Body::None,
            0 => return Err(Malformed::Parts),
            HAS_BODY => {
                covered = covered.saturating_add(COMMITMENT);
                let rest = rest.get(COMMITMENT..).ok_or(Malformed::Parts)?;
                match rest.split_first() {
                    Some((&WHOLE, salted)) => Body::Whole(salted.get(SALT..).ok_or(Malformed::Parts)?),
                    Some((&ERASED, salted)) if salted.len() >= SALT => Body::Erased,
                    Some(_) => return Err(Malformed::State),
                    None => return Err(Malformed::Parts),
                }
            }
            _ => return Err(Malformed::Flags),
        };
        let (seq, time) = (u64::from_le_bytes(*seq), u64::from_le_bytes(*time));
        Ok(Some(Self { kind: *kind, seq, time, facts, body, hash: Hash(*hash), bytes, covered }))
    }

    pub fn length(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is what was written behind the record with hash `previous`.
    pub fn check(&self, previous: Hash) -> Result<(), Malformed> {
        let (covered, rest) = self.bytes.split_at_checked(self.covered).ok_or(Malformed::Parts)?;
        if chained(previous, covered) != self.hash {
            return Err(Malformed::Hash);
        }
        let salted = rest.get(STATE..rest.len().saturating_sub(HASH)).unwrap_or_default();
        match self.body {
            Body::None => Ok(()),
            Body::Erased if salted.iter().all(|byte| *byte == 0) => Ok(()),
            Body::Erased => Err(Malformed::Body),
            Body::Whole(body) => {
                let (_, committed) = covered.split_last_chunk::<COMMITMENT>().ok_or(Malformed::Parts)?;
                let salt = salted.get(..SALT).ok_or(Malformed::Parts)?;
                if commitment(salt, body) == *committed { Ok(()) } else { Err(Malformed::Body) }
            }
        }
    }

    /// Where in the record the part lies that erasing overwrites, and what with; `None` without a body, or with one that is
    /// erased already.
    pub fn erasure(&self) -> Option<(usize, Vec<u8>)> {
        let Body::Whole(body) = self.body else { return None };
        let mut bytes = vec![0; STATE.saturating_add(SALT).saturating_add(body.len())];
        if let Some(state) = bytes.first_mut() {
            *state = ERASED;
        }
        Some((self.covered, bytes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test says so by failing")]

    use super::*;

    fn place(seq: u64) -> Place {
        Place { seq, time: 1_700_000_000_000_000, previous: Hash([7; 32]) }
    }

    #[test]
    fn what_was_written_is_read_and_checks() {
        for body in [None, Some((&[9; SALT], &b"text"[..])), Some((&[9; SALT], &b""[..]))] {
            let mut bytes = Vec::new();
            let hash = write(&mut bytes, 20, place(5), b"facts", body).unwrap();
            let record = Record::read(&bytes).unwrap().unwrap();
            assert_eq!((record.kind, record.seq, record.facts, record.hash), (20, 5, &b"facts"[..], hash));
            assert_eq!(record.body, body.map_or(Body::None, |(_, body)| Body::Whole(body)));
            assert_eq!(record.check(Hash([7; 32])), Ok(()));
            assert_eq!(record.check(Hash([8; 32])), Err(Malformed::Hash));
        }
    }

    #[test]
    fn the_shortest_facts_check() {
        for length in 0..COMMITMENT {
            let mut bytes = Vec::new();
            write(&mut bytes, 2, place(1), &vec![0; length], None).unwrap();
            assert_eq!(Record::read(&bytes).unwrap().unwrap().check(Hash([7; 32])), Ok(()), "{length}");
        }
    }

    #[test]
    fn an_erased_body_leaves_a_record_that_checks() {
        let mut bytes = Vec::new();
        write(&mut bytes, 20, place(5), b"facts", Some((&[9; SALT], b"a secret"))).unwrap();
        let (at, wiped) = Record::read(&bytes).unwrap().unwrap().erasure().unwrap();
        bytes[at..at + wiped.len()].copy_from_slice(&wiped);
        assert!(!bytes.windows(8).any(|window| window == b"a secret"));
        let record = Record::read(&bytes).unwrap().unwrap();
        assert_eq!((record.body, record.check(Hash([7; 32])), record.erasure()), (Body::Erased, Ok(()), None));
    }

    #[test]
    fn no_changed_bit_goes_unseen() {
        for body in [None, Some((&[9; SALT], &b"a secret"[..]))] {
            let mut bytes = Vec::new();
            write(&mut bytes, 20, place(5), b"facts", body).unwrap();
            for position in 0..bytes.len() {
                for bit in 0..8 {
                    bytes[position] ^= 1 << bit;
                    let sound = matches!(Record::read(&bytes), Ok(Some(record)) if record.check(Hash([7; 32])).is_ok());
                    assert!(!sound, "byte {position}, bit {bit}");
                    bytes[position] ^= 1 << bit;
                }
            }
        }
    }
}
