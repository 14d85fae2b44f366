//! What was found, in the words that people are shown.

use super::search::{Found, Statement};
use crate::audit::event::{Outcome, Verdict};

/// `200ms`, `3s`, `2m`.
pub fn duration(text: &str) -> Result<u64, &'static str> {
    let number = |text: &str, unit: u64| text.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    let found = [("ms", 1000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000)];
    let read = found.iter().find_map(|(unit, size)| text.strip_suffix(unit).and_then(|count| number(count, *size)));
    read.ok_or("expected a duration such as 200ms, 3s or 2m")
}

/// The word for how it went.
pub fn outcome(statement: &Statement) -> String {
    let word = match statement.outcome {
        None if statement.code.is_some() => "refused",
        None => "-",
        Some(Outcome::Completed) => "ok",
        Some(Outcome::Suspended) => "suspended",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::Cancelled) => "cancelled",
        Some(Outcome::Skipped) => "skipped",
        Some(Outcome::Unknown) => "unknown",
        Some(Outcome::Stopped) => "stopped",
    };
    statement.code.as_ref().map_or_else(|| word.to_owned(), |code| format!("{word} {code}"))
}

pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied => "denied",
        Verdict::Held => "held",
        Verdict::Approved => "approved",
        Verdict::Observed => "observed",
    }
}

/// The shape, or what an event says.
pub fn what(found: &Found) -> String {
    if let Some(said) = &found.statement {
        return said.text.clone().unwrap_or_else(|| format!("(text erased) {}", said.shape));
    }
    [found.about.as_deref(), found.words.as_deref()].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}

/// Microseconds, for people.
pub fn took(duration: u64) -> String {
    match duration {
        0..1000 => format!("{duration} µs"),
        1000..1_000_000 => format!("{}.{} ms", duration / 1000, duration % 1000 / 100),
        _ => format!("{}.{:02} s", duration / 1_000_000, duration % 1_000_000 / 10_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown() {
        for (text, read) in [("200ms", 200_000), ("3s", 3_000_000), ("2m", 120_000_000)] {
            assert_eq!(duration(text), Ok(read));
        }
        assert!(["", "5", "s", "-1s", "99999999999999999h"].into_iter().all(|text| duration(text).is_err()));
        assert_eq!([0, 999, 1500, 61_000_000].map(took), ["0 µs", "999 µs", "1.5 ms", "61.00 s"]);
    }
}
