//! Points of time as people write and read them. Inside they are microseconds since 1970, UTC.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: write 2026-03-01T12:00:00Z, 2026-03-01 (its beginning, UTC), or how long ago: 15m, 2h, 7d")]
pub struct NoTime(String);

const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];

/// Reads a point of time; `now` is what "ago" counts from.
pub fn parse(text: &str, now: u64) -> Result<u64, NoTime> {
    let wrong = || NoTime(text.to_owned());
    if text == "now" {
        return Ok(now);
    }
    for (unit, seconds) in UNITS {
        if let Some(Ok(count)) = text.strip_suffix(unit).map(str::parse::<u64>) {
            let ago = count.checked_mul(seconds).and_then(|seconds| seconds.checked_mul(1_000_000)).ok_or_else(wrong)?;
            return now.checked_sub(ago).ok_or_else(wrong);
        }
    }
    // A date alone: one with a time and no zone would be read as a date, and its time forgotten.
    let date =
        || text.parse::<Date>().ok().filter(|date| date.to_string() == text)?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let timestamp = text.parse::<Timestamp>().ok().or_else(date).ok_or_else(wrong)?;
    u64::try_from(timestamp.as_microsecond()).map_err(|_| wrong())
}

/// Microseconds since 1970; what is before that is 1970.
pub fn micros(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(u64::MAX)
}

pub fn now() -> u64 {
    micros(SystemTime::now())
}

/// RFC 3339, UTC, with milliseconds.
pub fn show(time: u64) -> String {
    written(time, "%FT%T.%3fZ")
}

/// RFC 3339, UTC, as exact as the record is.
pub fn exact(time: u64) -> String {
    written(time, "%FT%T.%6fZ")
}

/// RFC 3339, UTC, to the second.
pub fn seconds(time: u64) -> String {
    written(time, "%FT%TZ")
}

/// To the second, for people.
pub fn short(time: u64) -> String {
    written(time, "%F %T UTC")
}

/// `YYYY-MM-DD`, UTC.
pub fn day(time: u64) -> String {
    written(time, "%F")
}

fn written(time: u64, format: &str) -> String {
    let timestamp = i64::try_from(time).ok().and_then(|time| Timestamp::from_microsecond(time).ok());
    // A record may say any number.
    timestamp.map_or_else(|| format!("{time} µs"), |timestamp| timestamp.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_shown() {
        let now = 1_700_000_000_000_000;
        for (text, shown) in [
            ("now", "2023-11-14T22:13:20.000Z"),
            ("15m", "2023-11-14T21:58:20.000Z"),
            ("2h", "2023-11-14T20:13:20.000Z"),
            ("7d", "2023-11-07T22:13:20.000Z"),
            ("2023-01-02", "2023-01-02T00:00:00.000Z"),
            ("2023-01-02T03:04:05.678901Z", "2023-01-02T03:04:05.678Z"),
            ("2023-01-02T03:04:05+02:00", "2023-01-02T01:04:05.000Z"),
        ] {
            assert_eq!(parse(text, now).map(show), Ok(shown.to_owned()), "{text}");
        }
        let leap = 1_709_251_199_000_001;
        assert_eq!([exact, short, day].map(|shown| shown(leap)), ["2024-02-29T23:59:59.000001Z", "2024-02-29 23:59:59 UTC", "2024-02-29"]);
        assert_eq!([show, exact, short, day].map(|shown| shown(u64::MAX)), ["18446744073709551615 µs"; 4]);
        assert_eq!(micros(UNIX_EPOCH + std::time::Duration::from_nanos(5_001_999)), 5_001);
        assert_eq!(micros(UNIX_EPOCH - std::time::Duration::from_secs(1)), 0);
        for text in ["", "soon", "5", "5y", "-5m", "2023-13-01", "2023-01-02T03:04:05", "1969-01-01", "99999999999999999999d", "99999999d"]
        {
            assert!(parse(text, now).is_err(), "{text}");
        }
    }
}
