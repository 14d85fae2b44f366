//! What is looked at of each leaf of a value: the digits of a number, the texts in a run of bytes, the documents in a text. Rows and spans go by
//! the same look.

use crate::wire::value::{Class, Leaf};

use super::detect::{Context, Detectors, Finding, Room, Sure};
use super::kind::Kind;

/// Shorter texts inside bytes hold nothing that tells by itself.
const TEXT_LEAST: usize = 6;
/// A number of fewer digits tells nothing by itself.
const DIGITS_LEAST: usize = 7;
/// The most digits that a float can stand for exactly, and then some.
const EXPANDED: usize = 24;
/// How deep documents inside texts are followed: JSON in a string of JSON in a text.
pub(super) const DOCUMENTS: usize = 3;

pub(super) const JSON: u32 = 114;
pub(super) const JSONB: u32 = 3802;
const XML: u32 = 142;

/// Whether a leaf is text that may be a document itself.
pub(super) fn is_text(leaf: &Leaf<'_>) -> bool {
    match leaf.class {
        Class::Text => true,
        Class::Bytes => is_readable(leaf.bytes),
        Class::Number
        | Class::Boolean
        | Class::Time
        | Class::Network
        | Class::Uuid
        | Class::Geometry
        | Class::Vector
        | Class::Bits
        | Class::Label
        | Class::System => false,
    }
}

/// Whether a look at a leaf costs less than to remember it.
pub(super) fn is_cheap(leaf: &Leaf<'_>, context: &Context<'_>) -> bool {
    match leaf.class {
        Class::Text | Class::Network | Class::Label => false,
        // In a column of them one is seldom like another.
        Class::Number => context.name.is_empty(),
        Class::Time | Class::Uuid => !is_told(context),
        // Long, or looked at by few.
        Class::Bytes | Class::Boolean | Class::Geometry | Class::Vector | Class::Bits | Class::System => true,
    }
}

/// Whether what stands around a value says something about it.
fn is_told(context: &Context<'_>) -> bool {
    !context.expected.is_empty() || !context.name.is_empty()
}

/// Adds what is found in a leaf that is no document, as ranges of its bytes.
pub(super) fn find(detectors: &Detectors, leaf: &Leaf<'_>, context: &Context<'_>, room: &mut Room, findings: &mut Vec<Finding>) {
    let told = is_told(context);
    match leaf.class {
        Class::Text | Class::Network | Class::Label => detectors.find(leaf.bytes, context, room, findings),
        Class::Number => number(detectors, leaf.bytes, told, context, room, findings),
        // Wide enough for a card number, some of them.
        Class::System if leaf.bytes.iter().all(u8::is_ascii_digit) => number(detectors, leaf.bytes, told, context, room, findings),
        Class::Time if context.expected.has(Kind::DOB) && context.wanted.has(Kind::DOB) => {
            findings.push(Finding { kind: Kind::DOB, start: 0, end: leaf.bytes.len(), sure: Sure::Likely });
        }
        // A moment tells nothing by itself, and no more does what was made to be unique.
        Class::Time | Class::Uuid if told => detectors.find(leaf.bytes, context, room, findings),
        Class::Bytes => bytes(detectors, leaf.bytes, context, room, findings),
        Class::System | Class::Time | Class::Uuid | Class::Boolean | Class::Vector | Class::Geometry | Class::Bits => {}
    }
}

fn number(detectors: &Detectors, text: &[u8], told: bool, context: &Context<'_>, room: &mut Room, findings: &mut Vec<Finding>) {
    let from = findings.len();
    let mut expanded = [0; EXPANDED];
    let Some((digits, start)) = integer(text, &mut expanded) else { return };
    if digits.len() < DIGITS_LEAST && !told {
        return;
    }
    detectors.find(digits, context, room, findings);
    for finding in findings.iter_mut().skip(from) {
        (finding.start, finding.end) = match start {
            Some(start) => (finding.start + start, finding.end + start),
            None => (0, text.len()),
        };
    }
}

/// The digits of a number that is whole, and where they stand in its text; nowhere if it is written with an exponent.
fn integer<'a>(text: &'a [u8], expanded: &'a mut [u8; EXPANDED]) -> Option<(&'a [u8], Option<usize>)> {
    let sign = usize::from(matches!(text.first(), Some(b'-' | b'+')));
    let rest = text.get(sign..)?;
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (whole, behind) = rest.split_at_checked(length)?;
    let (fraction, exponent) = match behind.split_first() {
        None => return (length > 0).then_some((whole, Some(sign))),
        Some((b'.', fraction)) => {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.split_at_checked(length)?
        }
        Some(_) => (&[][..], behind),
    };
    let Some((b'e' | b'E', exponent)) = exponent.split_first() else {
        let is_whole = exponent.is_empty() && fraction.iter().all(|digit| *digit == b'0');
        return (is_whole && length > 0).then_some((whole, Some(sign)));
    };
    let exponent: usize = std::str::from_utf8(exponent).ok()?.trim_start_matches('+').parse().ok()?;
    if fraction.iter().skip(exponent).any(|digit| *digit != b'0') {
        return None;
    }
    let total = whole.len().checked_add(exponent)?;
    let room = expanded.get_mut(..total)?;
    for (place, digit) in room.iter_mut().zip(whole.iter().chain(fraction).copied().chain(std::iter::repeat(b'0'))) {
        *place = digit;
    }
    expanded.get(..total).map(|digits| (digits, None))
}

/// Bytes that are a text: no control characters but those that texts have.
pub(super) fn is_readable(bytes: &[u8]) -> bool {
    !bytes.iter().any(|byte| is_control(*byte)) && std::str::from_utf8(bytes).is_ok()
}

fn is_control(byte: u8) -> bool {
    matches!(byte, 0..=8 | 11 | 14..=31 | 127)
}

/// Looks at the texts in a run of bytes.
fn bytes(detectors: &Detectors, bytes: &[u8], context: &Context<'_>, room: &mut Room, findings: &mut Vec<Finding>) {
    if is_readable(bytes) {
        return detectors.find(bytes, context, room, findings);
    }
    // Of ASCII: what is above it could be anything here.
    let printed = |byte: &u8| byte.is_ascii() && !is_control(*byte);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().take_while(|byte| printed(byte)).count();
        if length >= TEXT_LEAST {
            let from = findings.len();
            detectors.find(rest.get(..length).unwrap_or_default(), context, room, findings);
            for finding in findings.iter_mut().skip(from) {
                (finding.start, finding.end) = (finding.start + at, finding.end + at);
            }
        }
        at += length + 1;
    }
}

/// The type of the document that a text seems to be. Only reading it tells.
pub(super) fn document(text: &[u8]) -> Option<u32> {
    let first = *text.first()?;
    if !matches!(first, b'{' | b'[' | b'<' | b' ' | b'\t' | b'\r' | b'\n') {
        return None;
    }
    let text = text.trim_ascii();
    let inside = text.get(1..)?.trim_ascii_start();
    match (text.first()?, text.last()?) {
        (b'{', b'}') => matches!(inside.first(), Some(b'"')).then_some(JSON),
        (b'[', b']') => matches!(inside.first(), Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n')).then_some(JSON),
        (b'<', b'>') => Some(XML),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_whole_numbers_are_read_however_they_are_written() {
        for (text, expected) in [
            ("5105105105105100", Some(("5105105105105100", Some(0)))),
            ("-42", Some(("42", Some(1)))),
            ("5105105105105100.00", Some(("5105105105105100", Some(0)))),
            ("5.1051051051051e+15", Some(("5105105105105100", None))),
            ("5.1051051051051E15", Some(("5105105105105100", None))),
            ("5105105105105100e0", Some(("5105105105105100", None))),
            ("1e3", Some(("1000", None))),
            ("1.5", None),
            ("1.25e1", None),
            ("1e-3", None),
            ("1e99", None),
            ("NaN", None),
            ("", None),
            ("$5.00", None),
        ] {
            let mut expanded = [0; EXPANDED];
            let read = integer(text.as_bytes(), &mut expanded);
            assert_eq!(read.map(|(digits, start)| (std::str::from_utf8(digits).unwrap(), start)), expected, "{text}");
        }
    }
}
