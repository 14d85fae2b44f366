//! A hold: a statement that awaits a decision, and what may become of it. Pure: the desk in `host` keeps holds, asks what follows, and
//! puts it on the record.

mod deliberation;
mod lasting;
mod people;
mod standing;
pub mod words;

use std::fmt;
use std::str::FromStr;

pub use deliberation::{
    Answer, Assent, Deliberation, Exchange, LONGEST_ANSWER, LONGEST_QUESTION, MOST_APPROVALS, MOST_PASSES, MOST_QUESTIONS, Pass, Unsaid,
    Word, kept,
};
pub use lasting::{LONGEST, Lasting, MOST_ROOMS, MOST_TIMES, Matters, Room, Terms, Unsound, may_stand};
pub use people::{Barred, Decider, may_decide};
pub use standing::{Standing, State, Unfit, Verdict};

/// A limit that a statement reached in its run, and how far its approval raises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    pub quantity: Quantity,
    pub limit: u64,
    pub raised: u64,
}

impl Over {
    /// The next power of ten is what people can judge at a glance.
    const TIMES: u64 = 10;
    /// Where nothing is allowed without asking.
    const LEAST: u64 = 1_000;

    /// A result begins with values for which the policy holds it: an approval lets it through once, and raises nothing else.
    pub const FOUND: Self = Self { quantity: Quantity::Found, limit: 0, raised: 1 };

    pub fn asking(quantity: Quantity, limit: u64) -> Self {
        Self { quantity, limit, raised: limit.saturating_mul(Self::TIMES).max(Self::LEAST) }
    }

    /// How many times what is allowed without asking: all that the one run may bring is raised alike, so that an approval for rows does
    /// not end at the bytes that they are.
    pub fn times(self) -> u64 {
        self.raised.checked_div(self.limit).unwrap_or(self.raised).max(1)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    Rows,
    Bytes,
    CopyInRows,
    CopyInBytes,
    SensitiveRows,
    Probes,
    ShapeBytes,
    /// Values for which a policy holds the results that begin with them.
    Found,
    SensitiveValues,
}

impl Quantity {
    pub const ALL: [Self; 9] = [
        Self::Rows,
        Self::Bytes,
        Self::CopyInRows,
        Self::CopyInBytes,
        Self::SensitiveRows,
        Self::Probes,
        Self::ShapeBytes,
        Self::Found,
        Self::SensitiveValues,
    ];

    /// Behind a number.
    pub fn word(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Bytes => "bytes",
            Self::CopyInRows => "rows brought in by COPY",
            Self::CopyInBytes => "bytes brought in by COPY",
            Self::SensitiveRows => "rows that may carry sensitive values",
            Self::Probes => "distinct questions about columns that may be sensitive",
            Self::ShapeBytes => "bytes of statements of shapes not met before",
            Self::Found => "values for which results are held",
            Self::SensitiveValues => "distinct sensitive values",
        }
    }
}

/// The number of a hold; people and agents see it as eight letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HoldId(u64);

/// Crockford's alphabet: nothing in it is taken for something else.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const LENGTH: u32 = 8;

impl HoldId {
    /// From any number; of it as many bits count as are shown.
    pub fn of(number: u64) -> Self {
        Self(number & ((1 << (5 * LENGTH)) - 1))
    }

    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for HoldId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in (0..LENGTH).rev() {
            let digit = (self.0 >> (5 * place)) & 31;
            let letter = usize::try_from(digit).ok().and_then(|digit| LETTERS.get(digit)).copied().unwrap_or(b'0');
            write!(out, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hold's id is eight letters and digits")]
pub struct NotAnId;

impl FromStr for HoldId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let mut number = 0;
        let mut length = 0;
        for letter in text.bytes().map(|letter| letter.to_ascii_lowercase()) {
            // What people read wrong is what it looks like.
            let letter = match letter {
                b'o' => b'0',
                b'i' | b'l' => b'1',
                letter => letter,
            };
            let digit = LETTERS.iter().position(|known| *known == letter).ok_or(NotAnId)?;
            number = (number << 5) | u64::try_from(digit).map_err(|_| NotAnId)?;
            length += 1;
            if length > LENGTH {
                return Err(NotAnId);
            }
        }
        if length == LENGTH { Ok(Self(number)) } else { Err(NotAnId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_shown_and_as_people_misread_it() {
        for number in [0, 1, 0xff_ffff_ffff, 0x12_3456_789a] {
            let id = HoldId::of(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert_eq!("O0I1L1AB".parse(), "00111 1ab".replace(' ', "").parse::<HoldId>());
        for wrong in ["", "0000000", "000000000", "0000000u", "0000000-"] {
            assert_eq!(wrong.parse::<HoldId>(), Err(NotAnId), "{wrong}");
        }
    }
}
