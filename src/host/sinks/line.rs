//! One record as JSON, for programs elsewhere: what it is on the outside, and the event within. It knows no receiver.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

use super::source::Taken;

/// A record as JSON: `{"journal", "epoch", "seq", "time", "hash", "kind", "event"}`, and `"erased": true` where its body was.
pub fn object(taken: &Taken, bodies: bool) -> Map<String, Value> {
    let entry = &taken.entry;
    let mut event = match entry.event().map(|event| event.map(serde_json::to_value)) {
        Ok(Some(Ok(Value::Object(event)))) => event,
        // A newer program's, or damaged: that there is a record, with its hash, is sent in any case.
        Ok(_) | Err(_) => Map::new(),
    };
    event.remove("kind");
    if !bodies {
        event.remove("body");
    }
    let mut object = Map::new();
    object.insert("journal".to_owned(), taken.journal.to_string().into());
    object.insert("epoch".to_owned(), taken.epoch.into());
    object.insert("seq".to_owned(), entry.seq.into());
    object.insert("time".to_owned(), rfc3339(entry.time).into());
    object.insert("hash".to_owned(), entry.hash.to_string().into());
    object.insert("kind".to_owned(), entry.kind.to_string().into());
    if entry.erased {
        object.insert("erased".to_owned(), true.into());
    }
    object.insert("event".to_owned(), Value::Object(event));
    object
}

/// Microseconds since 1970 as RFC 3339 says, in UTC.
pub fn rfc3339(time: u64) -> String {
    let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last of one, and in the 400 years after which all repeats.
    let days = days.saturating_add(719_468);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// JSON in ASCII alone: what is beyond is escaped, so that no receiver needs to be told of an encoding.
pub fn ascii(object: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, Ascii);
    // Writing JSON values to memory does not fail.
    object.serialize(&mut serializer).ok();
    out
}

struct Ascii;

impl serde_json::ser::Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for letter in fragment.chars() {
            if letter.is_ascii() && !letter.is_ascii_control() {
                write!(out, "{letter}")?;
            } else {
                letter.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_calendars_say() {
        for (time, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_399_999_999, "2000-02-28T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_000_001, "2024-02-29T23:59:59.000001Z"),
            (1_735_689_599_000_000, "2024-12-31T23:59:59.000000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(rfc3339(time), expected);
        }
    }

    #[test]
    fn what_is_beyond_ascii_is_escaped_and_reads_back() {
        let text = "naïve 𝄞 \u{7f}\u{85}\u{1b}[31m \"quoted\" \\ \n";
        let object = Map::from_iter([("ä".to_owned(), Value::from(text))]);
        let bytes = ascii(&object);
        assert!(bytes.iter().all(|byte| (0x20..0x7f).contains(byte)), "{bytes:?}");
        assert_eq!(serde_json::from_slice::<Map<String, Value>>(&bytes).unwrap(), object);
    }
}
