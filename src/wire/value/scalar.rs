//! Types whose values are one leaf: those with a text and a binary form of their own, and those that are texts in both. Must not know how
//! any one type is written; each is a pair of functions.

use super::walk::utf8;
use super::{Class, Codec, Format, Leaf, Leaves, Outcome, Place, Role, ValueError, Visitor, Walk};

/// Converts one form into the other, appended.
pub(super) type Convert = fn(&[u8], &mut Vec<u8>) -> Result<(), ValueError>;

/// A scalar with two forms. The text a server would print, and the binary form of any text of the type in that style.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scalar {
    pub(super) class: Class,
    pub(super) blank: &'static str,
    pub(super) text: Convert,
    pub(super) binary: Convert,
}

impl Codec for Scalar {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        (self.text)(value, out)
    }

    fn binary_from_text(&self, _walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        (self.binary)(text, out)
    }

    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        walk.lend(|walk, text| {
            let bytes = match format {
                // A text is shown as it stands, whatever the session's output settings made of it; it must be a text, though.
                Format::Text => utf8(value)?.as_bytes(),
                Format::Binary => {
                    (self.text)(value, text)?;
                    text
                }
            };
            let leaf = Leaf {
                bytes,
                oid: place.oid,
                class: self.class,
                role: Role::Value,
                name: place.name,
                blank: self.blank.as_bytes(),
                trail: &[],
            };
            walk.ask(&leaf, visitor, |walk, replacement| match format {
                Format::Binary => (self.binary)(replacement, out),
                Format::Text => {
                    walk.lend(|_, sink| (self.binary)(replacement, sink))?;
                    out.extend_from_slice(replacement);
                    Ok(())
                }
            })
        })
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(self.class)
    }
}

/// How a replacement becomes a value of a type that is text in both formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrap {
    /// As it is.
    Plain,
    /// As a string literal: `jsonpath`.
    Literal,
    /// As labels between dots: `ltree`.
    Path,
    /// None is possible.
    Nothing,
}

/// A type whose binary form is its text, perhaps behind a version byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text {
    pub(super) class: Class,
    pub(super) blank: &'static str,
    /// The longest text, in bytes.
    pub(super) limit: usize,
    pub(super) version: Option<u8>,
    pub(super) wrap: Wrap,
}

/// `text` and its like.
pub(super) const TEXT: Text = Text { class: Class::Text, blank: "***", limit: usize::MAX, version: None, wrap: Wrap::Plain };
/// Names are shorter than NAMEDATALEN.
pub(super) const NAME: Text = Text { limit: 63, ..TEXT };
pub(super) const JSONPATH: Text = Text { version: Some(1), wrap: Wrap::Literal, ..TEXT };
/// A parse tree, as the catalogs hold it.
pub(super) const NODE_TREE: Text = Text { class: Class::System, wrap: Wrap::Nothing, ..TEXT };

impl Text {
    fn read<'v>(&self, format: Format, value: &'v [u8]) -> Result<&'v [u8], ValueError> {
        let text = match (self.version, format) {
            (Some(version), Format::Binary) => match value.split_first() {
                Some((&first, text)) if first == version => text,
                Some(_) => return Err(ValueError::Malformed("version")),
                None => return Err(ValueError::Short),
            },
            (Some(_) | None, _) => value,
        };
        if text.len() > self.limit {
            return Err(ValueError::TooLong);
        }
        utf8(text).map(str::as_bytes)
    }
}

impl Codec for Text {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(self.read(Format::Binary, value)?);
        Ok(())
    }

    fn binary_from_text(&self, _walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend(self.version);
        out.extend_from_slice(self.read(Format::Text, text)?);
        Ok(())
    }

    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let bytes = self.read(format, value)?;
        let leaf = Leaf {
            bytes,
            oid: place.oid,
            class: self.class,
            role: Role::Value,
            name: place.name,
            blank: self.blank.as_bytes(),
            trail: &[],
        };
        walk.ask(&leaf, visitor, |_, replacement| {
            if format == Format::Binary {
                out.extend(self.version);
            }
            let start = out.len();
            match self.wrap {
                Wrap::Plain => out.extend_from_slice(utf8(replacement)?.as_bytes()),
                Wrap::Literal => super::json::encode(replacement, out)?,
                Wrap::Path => {
                    let label = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
                    if !replacement.iter().all(label) || replacement.split(|&byte| byte == b'.').any(<[u8]>::is_empty) {
                        return Err(ValueError::Replacement);
                    }
                    out.extend_from_slice(replacement);
                }
                Wrap::Nothing => return Err(ValueError::Replacement),
            }
            if out.len() - start > self.limit { Err(ValueError::TooLong) } else { Ok(()) }
        })
    }

    fn check(&self, _walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        self.read(format, value).map(|_| ())
    }

    fn plain_text(&self) -> Option<usize> {
        (self.wrap == Wrap::Plain && self.version.is_none()).then_some(self.limit)
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(self.class)
    }
}

/// `bytea`: the leaf is the bytes themselves, whichever way they are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytea;

impl Codec for Bytea {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(b"\\x");
        hex(value, out);
        super::walk::bounded(out)
    }

    fn binary_from_text(&self, _walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        match text.strip_prefix(b"\\x") {
            Some(digits) => unhex(digits, out),
            None => unescape(text, out),
        }
    }

    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        walk.lend(|walk, raw| {
            let bytes = match format {
                Format::Binary => value,
                Format::Text => {
                    self.binary_from_text(walk, value, raw)?;
                    raw
                }
            };
            let leaf = Leaf { bytes, oid: place.oid, class: Class::Bytes, role: Role::Value, name: place.name, blank: b"", trail: &[] };
            walk.inside(
                |offsets| byte_offsets(value, offsets),
                |walk| {
                    walk.ask(&leaf, visitor, |walk, replacement| match format {
                        Format::Text => self.text_from_binary(walk, replacement, out),
                        Format::Binary => {
                            out.extend_from_slice(replacement);
                            Ok(())
                        }
                    })
                },
            )
        })
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Bytes)
    }
}

/// Where each byte of a text `bytea` stands, and its end.
fn byte_offsets(text: &[u8], offsets: &mut Vec<usize>) {
    if let Some(digits) = text.strip_prefix(b"\\x") {
        let digit = |(at, byte): (usize, &u8)| (!byte.is_ascii_whitespace()).then_some(at + 2);
        offsets.extend(digits.iter().enumerate().filter_map(digit).step_by(2));
    } else {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            offsets.push(at);
            at += match rest {
                [b'\\', b'\\', ..] => 2,
                [b'\\', ..] => 4,
                _ => 1,
            };
        }
    }
    offsets.push(text.len());
}

/// Appends lower-case hex digits.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) };
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// The value of a hex digit.
pub(super) fn nibble(digit: u8) -> Result<u8, ValueError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(ValueError::Malformed("a hex digit")),
    }
}

/// Reads pairs of hex digits; the input may have spaces between them.
fn unhex(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut digits = text.iter().copied().filter(|&byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    while let Some(high) = digits.next() {
        let low = digits.next().ok_or(ValueError::Short)?;
        out.push(nibble(high)? << 4 | nibble(low)?);
    }
    Ok(())
}

/// The older `escape` output of bytea: `\\` and `\ooo`.
fn unescape(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match after {
            [b'\\', after @ ..] => {
                out.push(b'\\');
                rest = after;
            }
            [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', after @ ..] => {
                out.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                rest = after;
            }
            _ => return Err(ValueError::Malformed("a bytea escape")),
        }
    }
    Ok(())
}
