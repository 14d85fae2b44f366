//! XML as a stream of tokens: names, attributes, character data, CDATA, comments and instructions are leaves. No tree is built; the only
//! state is the names of the open elements. Must not know a vocabulary, and resolves no entity but the five that XML itself has.

use std::ops::Range;

use super::walk::{Splice, utf8};
use super::{Class, Codec, Format, Leaf, Leaves, Outcome, Place, Role, ValueError, Visitor, Walk};

/// `xml`: a document or any content of one. Its binary form is its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Xml;

const BROKEN: ValueError = ValueError::Malformed("XML syntax");

/// A part that is shown: what kind, where what is shown stands, and what of the text a replacement takes the place of.
#[derive(Debug, Clone)]
struct Part {
    kind: Kind,
    shown: Range<usize>,
    whole: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of an element or an attribute.
    Name,
    /// Between tags, or between the quotes of an attribute: with references.
    Text,
    /// The same without: CDATA.
    Data,
    Comment,
    Instruction,
    /// `<!DOCTYPE …>`.
    Declaration,
}

/// What may stand in a name. Far more may by the letter; what is left out here are marks and spaces that end one.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b':' | b'-' | b'.')
}

fn name(text: &[u8], at: usize) -> Result<usize, ValueError> {
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| in_name(**byte)).count();
    let starts = rest.first().is_some_and(|first| !first.is_ascii_digit() && !matches!(first, b'-' | b'.'));
    if length > 0 && starts { Ok(at + length) } else { Err(BROKEN) }
}

fn skip_blank(text: &[u8], at: usize) -> usize {
    at + text.get(at..).unwrap_or_default().iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Where the first `end` from `at` on begins.
fn find(text: &[u8], at: usize, end: &[u8]) -> Result<usize, ValueError> {
    memchr::memmem::find(text.get(at..).unwrap_or_default(), end).map(|found| at + found).ok_or(ValueError::Short)
}

/// Where a declaration ends: behind its `>`, which is not one of those between quotes or brackets.
fn declaration(text: &[u8], start: usize) -> Result<usize, ValueError> {
    let (mut brackets, mut quote) = (0u32, None);
    for (at, &byte) in text.iter().enumerate().skip(start) {
        match (byte, quote) {
            (_, Some(open)) => quote = (byte != open).then_some(open),
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'[', None) => brackets += 1,
            (b']', None) => brackets = brackets.saturating_sub(1),
            (b'>', None) if brackets == 0 => return Ok(at + 1),
            _ => {}
        }
    }
    Err(ValueError::Short)
}

/// Reads the text and hands out each part with the nearest name around it. `open` holds the names of open elements, a NUL behind each.
fn parts(text: &[u8], open: &mut Vec<u8>, mut each: impl FnMut(Part, &[u8]) -> Result<(), ValueError>) -> Result<(), ValueError> {
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let inner = innermost(open);
        if rest.first() != Some(&b'<') {
            let end = at + memchr::memchr(b'<', rest).unwrap_or(rest.len());
            if skip_blank(text, at) < end {
                each(Part { kind: Kind::Text, shown: at..end, whole: at..end }, inner)?;
            }
            at = end;
        } else if rest.starts_with(b"<!--") {
            let end = find(text, at + 4, b"-->")?;
            each(Part { kind: Kind::Comment, shown: at + 4..end, whole: at + 4..end }, inner)?;
            at = end + 3;
        } else if rest.starts_with(b"<![CDATA[") {
            let end = find(text, at + 9, b"]]>")?;
            each(Part { kind: Kind::Data, shown: at + 9..end, whole: at..end + 3 }, inner)?;
            at = end + 3;
        } else if rest.starts_with(b"<?") {
            let target = name(text, at + 2)?;
            let (start, end) = (skip_blank(text, target), find(text, target, b"?>")?);
            if start < end {
                each(Part { kind: Kind::Instruction, shown: start..end, whole: start..end }, inner)?;
            }
            at = end + 2;
        } else if rest.starts_with(b"<!") {
            let end = declaration(text, at + 2)?;
            each(Part { kind: Kind::Declaration, shown: at + 2..end - 1, whole: at..end }, inner)?;
            at = end;
        } else if rest.starts_with(b"</") {
            let end = name(text, at + 2)?;
            if inner.is_empty() || text.get(at + 2..end) != Some(inner) {
                return Err(BROKEN);
            }
            open.truncate(open.len() - inner.len() - 1);
            each(Part { kind: Kind::Name, shown: at + 2..end, whole: at + 2..end }, innermost(open))?;
            at = skip_blank(text, end);
            if text.get(at) != Some(&b'>') {
                return Err(BROKEN);
            }
            at += 1;
        } else {
            at = tag(text, at + 1, open, &mut each)?;
        }
    }
    if open.is_empty() { Ok(()) } else { Err(ValueError::Short) }
}

fn innermost(open: &[u8]) -> &[u8] {
    let names = open.split_last().map_or(&[][..], |(_, names)| names);
    names.rsplit(|&byte| byte == 0).next().unwrap_or_default()
}

/// Reads a tag that opens an element, from its name on. Returns where it ends.
fn tag(
    text: &[u8],
    start: usize,
    open: &mut Vec<u8>,
    each: &mut impl FnMut(Part, &[u8]) -> Result<(), ValueError>,
) -> Result<usize, ValueError> {
    let mut at = name(text, start)?;
    let element = text.get(start..at).unwrap_or_default();
    each(Part { kind: Kind::Name, shown: start..at, whole: start..at }, innermost(open))?;
    loop {
        let behind = skip_blank(text, at);
        match text.get(behind) {
            Some(b'>') => {
                open.extend_from_slice(element);
                open.push(0);
                return Ok(behind + 1);
            }
            Some(b'/') if text.get(behind + 1) == Some(&b'>') => return Ok(behind + 2),
            Some(_) if behind > at => {}
            Some(_) | None => return Err(BROKEN),
        }
        let end = name(text, behind)?;
        let equals = skip_blank(text, end);
        let quoted = skip_blank(text, equals + 1);
        let &quote = text.get(quoted).filter(|byte| matches!(byte, b'"' | b'\'')).ok_or(BROKEN)?;
        if text.get(equals) != Some(&b'=') {
            return Err(BROKEN);
        }
        let value = quoted + 1..find(text, quoted + 1, &[quote])?;
        at = value.end + 1;
        each(Part { kind: Kind::Text, shown: value.clone(), whole: value }, text.get(behind..end).unwrap_or_default())?;
    }
}

/// Hands out what a text with references says, piece by piece, each with where it stands. What is no reference stays as it is.
fn decoded(raw: &[u8], mut each: impl FnMut(usize, &[u8])) {
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'&', rest).unwrap_or(rest.len());
        for (place, byte) in rest.iter().enumerate().take(plain) {
            each(at + place, &[*byte]);
        }
        at += plain;
        let Some(rest) = rest.get(plain..).filter(|rest| !rest.is_empty()) else { return };
        let (character, length) = reference(rest).unwrap_or(('&', 1));
        each(at, character.encode_utf8(&mut [0; 4]).as_bytes());
        at += length;
    }
}

/// The longest reference that is one: `&#x0010FFFF;`.
const REFERENCE_LIMIT: usize = 12;

/// The character that a text which begins with `&` refers to, and how long the reference is.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    let end = text.iter().take(REFERENCE_LIMIT).position(|&byte| byte == b';')?;
    let character = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        [b'#', b'x', digits @ ..] => char::from_u32(u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    // No text of the protocol holds a NUL.
    (character != '\0').then_some((character, end + 1))
}

impl Kind {
    fn write(self, replacement: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        utf8(replacement)?;
        match self {
            Self::Name => {
                let starts =
                    replacement.first().is_some_and(|first| in_name(*first) && !first.is_ascii_digit() && !matches!(first, b'-' | b'.'));
                out.extend((!starts).then_some(b'_'));
                let rest = replacement.get(usize::from(!starts && !replacement.is_empty())..).unwrap_or_default();
                out.extend(rest.iter().map(|&byte| if in_name(byte) { byte } else { b'_' }));
            }
            Self::Text | Self::Data => escape(replacement, out),
            // What would end one of them early is taken apart.
            Self::Comment | Self::Instruction => {
                for &byte in replacement {
                    if matches!((out.last(), byte), (Some(b'-'), b'-') | (Some(b'?'), b'>')) {
                        out.push(b' ');
                    }
                    out.push(byte);
                }
                if out.last() == Some(&b'-') {
                    out.push(b' ');
                }
            }
            Self::Declaration => {}
        }
        Ok(())
    }
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            // XML has no other control characters.
            0..0x20 if !matches!(byte, b'\t' | b'\n' | b'\r') => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

impl Codec for Xml {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.check(walk, Format::Binary, value)?;
        out.extend_from_slice(value);
        Ok(())
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.text_from_binary(walk, text, out)
    }

    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        _format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        utf8(value)?;
        let mut splice = Splice::new(value);
        walk.lend(|walk, open| {
            parts(value, open, |Part { kind, shown, whole }, around| {
                let raw = value.get(shown.clone()).unwrap_or_default();
                let refers = kind == Kind::Text && memchr::memchr(b'&', raw).is_some();
                walk.lend(|walk, buffer| {
                    let bytes = if refers {
                        decoded(raw, |_, bytes| buffer.extend_from_slice(bytes));
                        buffer
                    } else {
                        raw
                    };
                    let role = if kind == Kind::Name { Role::Key } else { Role::Value };
                    let name = if around.is_empty() { place.name } else { around };
                    let leaf = Leaf { bytes, oid: place.oid, class: Class::Text, role, name, blank: b"xxx", trail: &[] };
                    let offsets = |offsets: &mut Vec<usize>| {
                        if refers {
                            decoded(raw, |at, bytes| offsets.extend(bytes.iter().map(|_| shown.start + at)));
                        } else {
                            offsets.extend(shown.start..shown.end);
                        }
                        offsets.push(shown.end);
                    };
                    let outcome = walk.inside(offsets, |walk| {
                        walk.ask(&leaf, visitor, |_, replacement| {
                            splice.open(whole, out)?;
                            kind.write(replacement, out)
                        })
                    })?;
                    if outcome == Outcome::Null { Err(ValueError::Replacement) } else { Ok(()) }
                })
            })
        })?;
        splice.finish(out)
    }

    fn check(&self, walk: &mut Walk<'_>, _format: Format, value: &[u8]) -> Result<(), ValueError> {
        utf8(value)?;
        walk.lend(|_, open| parts(value, open, |_, _| Ok(())))
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Text)
    }
}
