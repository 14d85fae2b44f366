//! The quoting that text values put around their parts: arrays, composites and ranges quote what would be misread, hstore and text search
//! always quote. Must not know what the parts are.

use std::ops::Range;

use super::ValueError;

/// How parts are quoted, by what they stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// With the delimiter of the element's type.
    Array(u8),
    Composite,
    Range,
}

/// What the server's own `isspace` takes for a space in any UTF-8 locale.
pub(super) fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

impl Quoting {
    fn needs_quotes(self, text: &[u8]) -> bool {
        let special = |&byte: &u8| {
            space(byte)
                || matches!(byte, b'"' | b'\\')
                || match self {
                    Self::Array(delimiter) => byte == delimiter || matches!(byte, b'{' | b'}'),
                    Self::Composite => matches!(byte, b'(' | b')' | b','),
                    Self::Range => matches!(byte, b'(' | b')' | b'[' | b']' | b','),
                }
        };
        text.is_empty() || text.iter().any(special) || (matches!(self, Self::Array(_)) && text.eq_ignore_ascii_case(b"null"))
    }

    /// Appends a part, quoted where the server would quote it.
    pub(super) fn write(self, text: &[u8], out: &mut Vec<u8>) {
        if !self.needs_quotes(text) {
            return out.extend_from_slice(text);
        }
        out.push(b'"');
        for &byte in text {
            match (byte, self) {
                (b'"' | b'\\', Self::Array(_)) => out.extend_from_slice(&[b'\\', byte]),
                (b'"' | b'\\', Self::Composite | Self::Range) => out.extend_from_slice(&[byte, byte]),
                (_, Self::Array(_) | Self::Composite | Self::Range) => out.push(byte),
            }
        }
        out.push(b'"');
    }
}

/// Appends a string between `quote`s, as hstore does (`"`, escaped by backslashes) and text search (`'`, doubled).
pub(super) fn enclose(text: &[u8], quote: u8, out: &mut Vec<u8>) {
    out.push(quote);
    for &byte in text {
        match byte {
            b'\\' => out.push(b'\\'),
            _ if byte == quote => out.push(if quote == b'"' { b'\\' } else { quote }),
            _ => {}
        }
        out.push(byte);
    }
    out.push(quote);
}

/// One part of a text value: where it stands with its quotes, and whether they must be taken off.
#[derive(Debug, Clone)]
pub(super) struct Piece<'v> {
    pub(super) range: Range<usize>,
    raw: &'v [u8],
    quoted: bool,
}

impl<'v> Piece<'v> {
    pub(super) fn new(value: &'v [u8], range: Range<usize>, quoted: bool) -> Result<Self, ValueError> {
        let raw = value.get(range.clone()).ok_or(ValueError::Short)?;
        Ok(Self { range, raw, quoted })
    }

    /// Nothing at all stands there, not even quotes: NULL in a composite, no bound in a range.
    pub(super) fn absent(&self) -> bool {
        self.raw.is_empty()
    }

    /// The part without its quotes; `buffer` holds it where it differs from what stands in the value.
    pub(super) fn content<'b>(&'b self, buffer: &'b mut Vec<u8>) -> &'b [u8] {
        if !self.quoted {
            return self.raw;
        }
        unquote(self.raw, b'"', buffer);
        buffer
    }

    /// Where each byte of the content stands, and its end.
    pub(super) fn offsets(&self, offsets: &mut Vec<usize>) {
        if self.quoted {
            offsets_unquoted(self.range.start, self.raw, b'"', offsets)
        } else {
            offsets.extend(self.range.start..=self.range.end)
        }
    }
}

/// Takes quotes and escapes off. A doubled quote inside quotes is one, and a backslash makes the next byte plain.
pub(super) fn unquote(raw: &[u8], quote: u8, out: &mut Vec<u8>) {
    unquoted(raw, quote, |_, byte| out.push(byte));
}

/// Where each byte of what [`unquote`] makes stands, and its end, counted from `start`.
pub(super) fn offsets_unquoted(start: usize, raw: &[u8], quote: u8, offsets: &mut Vec<usize>) {
    unquoted(raw, quote, |at, _| offsets.push(start + at));
    let closing = usize::from(raw.len() > 1 && raw.last() == Some(&quote));
    offsets.push(start + raw.len() - closing);
}

fn unquoted(raw: &[u8], quote: u8, mut each: impl FnMut(usize, u8)) {
    let mut inside = false;
    let mut bytes = raw.iter().copied().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\\' {
            if let Some((_, plain)) = bytes.next() {
                each(at, plain);
            }
        } else if byte == quote && inside && bytes.peek().is_some_and(|(_, next)| *next == quote) {
            bytes.next();
            each(at, quote);
        } else if byte == quote {
            inside = !inside;
        } else {
            each(at, byte);
        }
    }
}

/// Reads one part of a composite or range: up to the first of `stops` that is not quoted. Returns where the stop stands.
pub(super) fn field<'v>(value: &'v [u8], start: usize, stops: &[u8]) -> Result<Piece<'v>, ValueError> {
    let mut quoted = false;
    let mut inside = false;
    let mut at = start;
    loop {
        let &byte = value.get(at).ok_or(ValueError::Short)?;
        match byte {
            b'\\' => {
                quoted = true;
                at += 1;
            }
            b'"' => {
                quoted = true;
                inside = !inside;
            }
            _ if !inside && stops.contains(&byte) => return Piece::new(value, start..at, quoted),
            _ => {}
        }
        at += 1;
    }
}

/// The first position from `at` on that is no space.
pub(super) fn skip_space(value: &[u8], at: usize) -> usize {
    value.get(at..).unwrap_or_default().iter().position(|&byte| !space(byte)).map_or(value.len().max(at), |skipped| at + skipped)
}

/// Only spaces follow.
pub(super) fn end(value: &[u8], at: usize) -> Result<(), ValueError> {
    if skip_space(value, at) >= value.len() { Ok(()) } else { Err(ValueError::Trailing) }
}
