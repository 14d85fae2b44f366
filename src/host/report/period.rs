//! Moments and the period of a report, written as RFC 3339 in UTC.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Microseconds of a day.
pub(super) const DAY: u64 = 86_400_000_000;

/// A moment: microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u64);

impl At {
    fn written(self, format: &str) -> String {
        let time = i64::try_from(self.0).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
        // A record may say any number.
        time.map_or_else(|| format!("{} µs", self.0), |time| time.strftime(format).to_string())
    }

    /// `YYYY-MM-DD`.
    pub fn day(self) -> String {
        self.written("%F")
    }

    /// To the second, for people.
    pub fn short(self) -> String {
        self.written("%F %T UTC")
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written("%FT%T.%6fZ"))
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

    #[test]
    fn moments_are_written_in_utc() {
        let moment = At(951_782_400_000_001);
        assert_eq!((moment.day(), moment.short()), ("2000-02-29".to_owned(), "2000-02-29 00:00:00 UTC".to_owned()));
        assert_eq!(serde_json::to_string(&moment).unwrap(), "\"2000-02-29T00:00:00.000001Z\"");
        assert_eq!(At(u64::MAX).day(), "18446744073709551615 µs");
    }
}
