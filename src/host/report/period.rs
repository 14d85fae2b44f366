//! Moments and the period of a report.

use serde::{Serialize, Serializer};

use crate::host::when;

/// Microseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000;

/// A moment: microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u64);

impl At {
    /// To the second, for people.
    pub fn short(self) -> String {
        when::short(self.0)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&when::exact(self.0))
    }
}

/// What a report is of: from its first moment on, up to and without its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Included.
    pub from: At,
    /// Not included.
    pub to: At,
}

impl Period {
    pub fn has(&self, time: u64) -> bool {
        (self.from.0..self.to.0).contains(&time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_moment_is_in_and_the_last_is_out() {
        let period = Period { from: At(10), to: At(20) };
        assert_eq!([9, 10, 19, 20].map(|time| period.has(time)), [false, true, true, false]);
    }
}
