//! `/* pgsluice:run=ID */`: the message of a hold is sent as if the client had sent it itself. Whose hold it is, and whether it may still be
//! used, is for the desk to say.

use crate::gate::hold::HoldId;
use crate::wire::frontend::tag;
use crate::wire::report::Report;
use crate::wire::write;

use super::asking::{Message, Parameters};

/// Longest text that is looked at: the comment and some space.
const LONGEST: usize = 200;

/// The hold whose message is to be run, where that is all that a text says.
pub fn named(sql: &[u8]) -> Option<HoldId> {
    let text = std::str::from_utf8(sql.get(..sql.len()).filter(|sql| sql.len() <= LONGEST)?).ok()?;
    let text = text.trim_matches(|letter: char| letter.is_ascii_whitespace() || letter == ';');
    let words = text.strip_prefix("/*")?.strip_suffix("*/")?.trim();
    words.strip_prefix("pgsluice:run=")?.parse().ok()
}

/// A message that has values beside its text.
pub fn values(message: &Message) -> Option<(&[u32], &Parameters)> {
    match message {
        Message::Extended { types, bind, .. } if !bind.values.is_empty() => Some((types, bind)),
        Message::Extended { .. } | Message::Query(_) => None,
    }
}

/// The Parse that a stored message began with, on the unnamed statement.
pub fn parse(out: &mut Vec<u8>, statement: &[u8], sql: &[u8], types: &[u32]) {
    write::message(out, tag::PARSE, |body| {
        body.string(statement).string(sql).int16(count(types.len()));
        for oid in types {
            body.bytes(&oid.to_be_bytes());
        }
    });
}

/// The body of its Bind, unnamed, with every result in text: who sends a simple query reads nothing else.
pub fn bind(parameters: &Parameters) -> Vec<u8> {
    let mut message = Vec::new();
    write::untagged(&mut message, |body| {
        body.string(b"").string(b"").int16(count(parameters.formats.len()));
        for format in &parameters.formats {
            body.int16(*format);
        }
        body.int16(count(parameters.values.len()));
        for value in &parameters.values {
            match value {
                Some(value) => body.int32(i32::try_from(value.len()).unwrap_or(i32::MAX)).bytes(value),
                None => body.int32(-1),
            };
        }
        body.int16(0);
    });
    message
}

/// The protocol's counts go up to 65535, and are read unsigned.
fn count(length: usize) -> i16 {
    i16::from_be_bytes(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes())
}

/// A text in the place of one with values.
pub fn needs_values() -> Report {
    Report::error("0A000", "the held statement has parameters")
        .with_detail("Nothing ran. A prepared statement cannot stand for it, because its parameters belong to the approval.")
        .with_hint("Send the comment as a simple query, or prepare the statement itself and bind the same parameters.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_that_is_the_comment_names_a_hold() {
        let id: HoldId = "1a2b3c4d".parse().unwrap();
        for text in ["/* pgsluice:run=1a2b3c4d */", "/*pgsluice:run=1A2B3C4D*/", "\n/* pgsluice:run=1a2b3c4d */ ;\n"] {
            assert_eq!(named(text.as_bytes()), Some(id), "{text}");
        }
        for text in [
            "/* pgsluice:run=1a2b3c4d */ select 1",
            "select 1 /* pgsluice:run=1a2b3c4d */",
            "/* pgsluice:run= */",
            "/* pgsluice:run=1a2b3c4d2 */",
            "/* run=1a2b3c4d */",
            "-- pgsluice:run=1a2b3c4d",
            "",
        ] {
            assert_eq!(named(text.as_bytes()), None, "{text}");
        }
    }
}
