//! Moments and the period of a report: read as people type them, written as RFC 3339 in UTC. No clock is read here.

use std::fmt;

use serde::{Serialize, Serializer};

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;
/// Years that a report may speak of.
const YEARS: std::ops::RangeInclusive<u64> = 1970..=9999;

/// A moment: microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u64);

/// Year, month and day of a day since 1970.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March, so that the leap day is the last of its year; eras are 400 years long.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The day since 1970 on which a month begins. Months beyond December are the next year's.
fn month_begins(year: u64, month: u64) -> u64 {
    let (year, month) = (year + (month - 1) / 12, (month - 1) % 12 + 1);
    let shifted = year - u64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468
}

impl At {
    /// `YYYY-MM-DD`.
    pub fn day(self) -> String {
        let (year, month, day) = civil(self.0 / DAY);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// To the second, for people.
    pub fn short(self) -> String {
        let second = self.0 % DAY / SECOND;
        format!("{} {:02}:{:02}:{:02} UTC", self.day(), second / 3600, second / 60 % 60, second % 60)
    }
}

impl fmt::Display for At {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0 % DAY / SECOND;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(out, "{}T{hour:02}:{minute:02}:{second:02}.{:06}Z", self.day(), self.0 % SECOND)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    #[error(
        "{0:?} is no time: give 2026-01-31, 2026-01, 2026-01-31T14:00Z, 2026-01-31T14:00:00+02:00, now, or how long ago: 90m, 12h, 30d, 4w"
    )]
    Unreadable(String),
    #[error("the period is empty: --from is not before --to")]
    Empty,
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
    /// A day or a month given as the end is meant with all its hours.
    pub fn parse(from: &str, to: &str, now: At) -> Result<Self, WhenError> {
        let read = |text: &str| stretch(text.trim(), now.0).ok_or_else(|| WhenError::Unreadable(text.to_owned()));
        let ((from, _), (_, to)) = (read(from)?, read(to)?);
        if from < to { Ok(Self { from: At(from), to: At(to) }) } else { Err(WhenError::Empty) }
    }

    pub fn has(&self, time: u64) -> bool {
        (self.from.0..self.to.0).contains(&time)
    }
}

/// The first moment of what is named, and the first one behind it.
fn stretch(text: &str, now: u64) -> Option<(u64, u64)> {
    let moment = |time: u64| Some((time, time));
    if text == "now" {
        return moment(now);
    }
    for (unit, length) in [("m", MINUTE), ("h", HOUR), ("d", DAY), ("w", 7 * DAY)] {
        if let Some(count) = text.strip_suffix(unit).and_then(number) {
            return moment(now.saturating_sub(count.saturating_mul(length)));
        }
    }
    let (date, time) = text.split_once(['T', 't', ' ']).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let (year, month, day) = (fixed(parts.next()?, 4)?, fixed(parts.next()?, 2)?, parts.next());
    if parts.next().is_some() || !YEARS.contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let (begins, ends) = (month_begins(year, month), month_begins(year, month + 1));
    let Some(day) = day else { return time.is_none().then_some((begins * DAY, ends * DAY)) };
    let day = begins + fixed(day, 2)?.checked_sub(1)?;
    if day >= ends {
        return None;
    }
    match time {
        None => Some((day * DAY, (day + 1) * DAY)),
        Some(time) => moment(clock(time, day * DAY)?),
    }
}

/// A time of the day that begins at `midnight`, with its offset from UTC; without one it is UTC.
fn clock(text: &str, midnight: u64) -> Option<u64> {
    let (text, offset) = match text.strip_suffix(['Z', 'z']) {
        Some(text) => (text, None),
        None => text.rfind(['+', '-']).map_or(Some((text, None)), |at| Some((text.get(..at)?, Some(text.get(at..)?))))?,
    };
    let mut parts = text.split(':');
    let (hour, minute) = (fixed(parts.next()?, 2)?, fixed(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(second) => second.split_once('.').unwrap_or((second, "0")),
        None => ("00", "0"),
    };
    let second = fixed(second, 2)?;
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 {
        return None;
    }
    let micros = number(fraction)? * 10_u64.pow(6_u32.checked_sub(u32::try_from(fraction.len()).ok()?)?);
    let time = midnight + hour * HOUR + minute * MINUTE + second * SECOND + micros;
    let Some(offset) = offset else { return Some(time) };
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "00"));
    let (hours, minutes) = (fixed(hours, 2)?, fixed(minutes, 2)?);
    let offset = hours * HOUR + minutes * MINUTE;
    if hours > 15 || minutes > 59 {
        return None;
    }
    if sign == "+" { time.checked_sub(offset) } else { Some(time + offset) }
}

fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn fixed(text: &str, digits: usize) -> Option<u64> {
    if text.len() == digits { number(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_790_000_000_000_000; // 2026-09-21T14:13:20Z

    #[test]
    fn every_day_is_written_and_read_back() {
        for day in 0..60_000 {
            let text = At(day * DAY).day();
            assert_eq!(stretch(&text, NOW), Some((day * DAY, (day + 1) * DAY)), "{text}");
        }
        assert_eq!(At(NOW).to_string(), "2026-09-21T14:13:20.000000Z");
        assert_eq!(At(951_782_400_000_001).to_string(), "2000-02-29T00:00:00.000001Z");
    }

    #[test]
    fn moments_as_people_type_them() {
        for (text, first, behind) in [
            ("2026-09-21", "2026-09-21T00:00:00.000000Z", "2026-09-22T00:00:00.000000Z"),
            ("2026-12", "2026-12-01T00:00:00.000000Z", "2027-01-01T00:00:00.000000Z"),
            ("2024-02", "2024-02-01T00:00:00.000000Z", "2024-03-01T00:00:00.000000Z"),
            ("2026-09-21T14:13Z", "2026-09-21T14:13:00.000000Z", "2026-09-21T14:13:00.000000Z"),
            ("2026-09-21 14:13:20.5", "2026-09-21T14:13:20.500000Z", "2026-09-21T14:13:20.500000Z"),
            ("2026-09-21T01:00:00+02:00", "2026-09-20T23:00:00.000000Z", "2026-09-20T23:00:00.000000Z"),
            ("2026-09-21T23:00-0130", "", ""),
            ("2026-09-21T23:00-01:30", "2026-09-22T00:30:00.000000Z", "2026-09-22T00:30:00.000000Z"),
            ("now", "2026-09-21T14:13:20.000000Z", "2026-09-21T14:13:20.000000Z"),
            ("1d", "2026-09-20T14:13:20.000000Z", "2026-09-20T14:13:20.000000Z"),
            ("90m", "2026-09-21T12:43:20.000000Z", "2026-09-21T12:43:20.000000Z"),
        ] {
            let read = stretch(text, NOW).map(|(first, behind)| (At(first).to_string(), At(behind).to_string()));
            assert_eq!(read, (!first.is_empty()).then(|| (first.to_owned(), behind.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-02-29",
            "2026-2-1",
            "+026-01-01",
            "1969-12-31",
            "2026-01-01T24:00",
            "d",
            "-1d",
            "é",
            "2026-01T00:00",
            "2026-01-01T00:00+é",
        ] {
            assert_eq!(stretch(text, NOW), None, "{text}");
        }
        assert_eq!(Period::parse("2026-01-02", "2026-01-01", At(NOW)), Err(WhenError::Empty));
        assert_eq!(Period::parse("now", "now", At(NOW)), Err(WhenError::Empty));
    }

    #[test]
    fn the_first_moment_is_in_and_the_last_is_out() {
        let period = Period::parse("2026-01-01", "2026-01-31", At(NOW)).unwrap();
        assert_eq!(
            (period.from.to_string().as_str(), period.to.to_string().as_str()),
            ("2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z")
        );
        let (from, to) = (period.from.0, period.to.0);
        assert_eq!([from - 1, from, to - 1, to].map(|time| period.has(time)), [false, true, true, false]);
    }
}
