//! One record as JSON, for programs elsewhere: what it is on the outside, and the event within. It knows no receiver.

use std::io;

use serde::Serialize;
use serde_json::{Map, Value};

use super::source::Taken;
use crate::host::when;

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
    object.insert("time".to_owned(), when::exact(entry.time).into());
    object.insert("hash".to_owned(), entry.hash.to_string().into());
    object.insert("kind".to_owned(), entry.kind.to_string().into());
    if entry.erased {
        object.insert("erased".to_owned(), true.into());
    }
    object.insert("event".to_owned(), Value::Object(event));
    object
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
    fn what_is_beyond_ascii_is_escaped_and_reads_back() {
        let text = "naïve 𝄞 \u{7f}\u{85}\u{1b}[31m \"quoted\" \\ \n";
        let object = Map::from_iter([("ä".to_owned(), Value::from(text))]);
        let bytes = ascii(&object);
        assert!(bytes.iter().all(|byte| (0x20..0x7f).contains(byte)), "{bytes:?}");
        assert_eq!(serde_json::from_slice::<Map<String, Value>>(&bytes).unwrap(), object);
    }
}
