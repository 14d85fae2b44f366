//! COPY's rows as lines: text, with its backslashes, and CSV.

use super::{Fields, OtherShape};
use crate::mask::Holding;
use crate::mask::kind::KindSet;
use crate::mask::leaf::Masker;
use crate::wire::value::{Format, Outcome};

/// Reads lines field by field.
#[derive(Debug)]
pub(super) struct Lines {
    delimiter: u8,
    null: Box<[u8]>,
    /// The quote and what escapes it; text has backslashes.
    quotes: Option<(u8, u8)>,
    /// The first line names the columns.
    header: bool,
    /// Between the quotes of a field.
    inside: bool,
    /// The next byte says nothing about where the field ends.
    escaped: bool,
    /// Something of a line has come that has not ended.
    begun: bool,
    /// A field without its quotes, and what becomes of it.
    plain: Vec<u8>,
    made: Vec<u8>,
}

impl Lines {
    pub(super) fn text(delimiter: u8, null: Box<[u8]>, header: bool) -> Self {
        Self { delimiter, null, quotes: None, header, inside: false, escaped: false, begun: false, plain: Vec::new(), made: Vec::new() }
    }

    pub(super) fn csv(delimiter: u8, quotes: (u8, u8), null: Box<[u8]>, header: bool) -> Self {
        Self { quotes: Some(quotes), ..Self::text(delimiter, null, header) }
    }

    pub(super) fn feed(&mut self, data: &[u8], fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        let mut rest = data;
        while !rest.is_empty() {
            self.begun = true;
            let Some(length) = self.end(rest) else {
                // What is not looked at need not be held.
                if fields.passes() && !self.header {
                    out.extend_from_slice(rest);
                } else {
                    fields.hold(rest);
                }
                return Ok(());
            };
            let (part, behind) = rest.split_at_checked(length).unwrap_or_default();
            let (&end, behind) = behind.split_first().ok_or(OtherShape)?;
            self.field(part, end == b'\n', fields, out)?;
            out.push(end);
            rest = behind;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        if self.begun { self.field(b"", true, fields, out) } else { Ok(()) }
    }

    /// Where the field ends that these bytes belong to, if it does in them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(std::mem::take(&mut self.escaped) && !bytes.is_empty());
        loop {
            let rest = bytes.get(at..)?;
            let found = match self.quotes {
                None => memchr::memchr3(self.delimiter, b'\n', b'\\', rest),
                Some((quote, _)) if !self.inside => memchr::memchr3(self.delimiter, b'\n', quote, rest),
                Some((quote, escape)) => memchr::memchr2(quote, escape, rest),
            }?;
            at += found;
            let &byte = bytes.get(at)?;
            match self.quotes {
                Some((quote, escape)) if self.inside && byte == escape && escape != quote => at += 1,
                // A doubled quote ends and begins.
                Some((quote, _)) if byte == quote => self.inside = !self.inside,
                None if byte == b'\\' => at += 1,
                _ => return Some(at),
            }
            at += 1;
            if at > bytes.len() {
                self.escaped = true;
                return None;
            }
        }
    }

    /// Masks a field of which `part` is the end.
    fn field(&mut self, part: &[u8], ends_line: bool, fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        let width = fields.plan.width();
        let is_last = *fields.column + 1 == width;
        // A row without columns is an empty line.
        let is_none = width == 0 && ends_line && part.is_empty() && fields.held.is_empty();
        if is_last != ends_line && !is_none {
            return Err(OtherShape);
        }
        if is_none || (fields.passes() && !self.header) {
            out.extend_from_slice(part);
        } else if !*fields.dropping && fields.held.is_empty() && part.len() <= super::FIELD_LIMIT {
            self.mask(part, fields, out);
        } else {
            fields.hold(part);
            let held = std::mem::take(fields.held);
            if *fields.dropping {
                self.made.clear();
                let mut made = std::mem::take(&mut self.made);
                let outcome = if self.header { Outcome::Null } else { fields.dropped(&mut made) };
                self.made = made;
                self.write(outcome, false, b"", out);
            } else {
                self.mask(&held, fields, out);
            }
            *fields.held = held;
        }
        fields.next();
        if ends_line {
            *fields.column = 0;
            self.header = false;
            self.begun = false;
        }
        for buffer in [&mut self.plain, &mut self.made] {
            buffer.clear();
            buffer.shrink_to(super::KEEP_CAPACITY);
        }
        Ok(())
    }

    /// Masks a field that is whole.
    fn mask(&mut self, raw: &[u8], fields: &mut Fields<'_>, out: &mut Vec<u8>) {
        if self.header && fields.row.is_some() {
            return;
        }
        if *raw == *self.null && !self.header {
            fields.null();
            return out.extend_from_slice(raw);
        }
        self.plain.clear();
        self.made.clear();
        let is_quoted = match self.quotes {
            Some((quote, escape)) if memchr::memchr(quote, raw).is_some() => {
                unquote(raw, quote, escape, &mut self.plain);
                true
            }
            None if memchr::memchr(b'\\', raw).is_some() => {
                unescape(raw, &mut self.plain);
                true
            }
            Some(_) | None => false,
        };
        let value = if is_quoted { self.plain.as_slice() } else { raw };
        let outcome = if self.header {
            let masking = &fields.plan.masking;
            let holding = Holding::Mixed(KindSet::NONE);
            let (mut masker, _) = Masker::new(masking, holding, masking.profile.lists(None), fields.workspace);
            if masker.text(value, &mut self.made) { Outcome::Changed } else { Outcome::Kept }
        } else {
            fields.value(value, Format::Text, &mut self.made)
        };
        self.write(outcome, is_quoted, raw, out);
    }

    fn write(&self, outcome: Outcome, is_quoted: bool, raw: &[u8], out: &mut Vec<u8>) {
        match (outcome, self.quotes) {
            (Outcome::Kept, _) => out.extend_from_slice(raw),
            (Outcome::Null, _) => out.extend_from_slice(&self.null),
            (Outcome::Changed, None) => escape(&self.made, self.delimiter, out),
            (Outcome::Changed, Some((quote, escape))) => {
                let special = |byte: &u8| matches!(byte, b'\n' | b'\r') || *byte == self.delimiter || *byte == quote;
                if is_quoted || *self.made == *self.null || self.made.iter().any(special) || self.made == br"\." {
                    out.push(quote);
                    for &byte in &self.made {
                        out.extend((byte == quote || byte == escape).then_some(escape));
                        out.push(byte);
                    }
                    out.push(quote);
                } else {
                    out.extend_from_slice(&self.made);
                }
            }
        }
    }
}

/// Takes the quotes of CSV off.
fn unquote(raw: &[u8], quote: u8, escape: u8, out: &mut Vec<u8>) {
    let mut inside = false;
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if inside && byte == escape && bytes.peek().is_some_and(|next| *next == quote || *next == escape) {
            out.extend(bytes.next());
        } else if byte == quote {
            inside = !inside;
        } else {
            out.push(byte);
        }
    }
}

/// Undoes the backslashes of text: those that servers write, and `\101` and `\x41`, which they read.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        at += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let rest = raw.get(at..).unwrap_or_default();
        let digits = |from: usize, limit: usize, is_digit: fn(&u8) -> bool| {
            rest.iter().skip(from).take(limit).take_while(|digit| is_digit(digit)).count()
        };
        let number = |from: usize, length: usize, radix: u32| {
            let value =
                rest.iter().skip(from).take(length).fold(0, |sum, digit| sum * radix + char::from(*digit).to_digit(radix).unwrap_or(0));
            // As servers do: of the three octal digits only eight bits count.
            u8::try_from(value & 0xff).unwrap_or(0)
        };
        let octal = digits(0, 3, |digit| matches!(digit, b'0'..=b'7'));
        let hex = if rest.first() == Some(&b'x') { digits(1, 2, u8::is_ascii_hexdigit) } else { 0 };
        let (plain, length) = match rest.first() {
            None => (b'\\', 0),
            Some(_) if octal > 0 => (number(0, octal, 8), octal),
            Some(_) if hex > 0 => (number(1, hex, 16), 1 + hex),
            Some(b'b') => (8, 1),
            Some(b'f') => (12, 1),
            Some(b'n') => (b'\n', 1),
            Some(b'r') => (b'\r', 1),
            Some(b't') => (b'\t', 1),
            Some(b'v') => (11, 1),
            Some(other) => (*other, 1),
        };
        out.push(plain);
        at += length;
    }
}

/// Writes a field of text as servers do.
fn escape(value: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    for &byte in value {
        let letter = match byte {
            8 => b'b',
            12 => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            11 => b'v',
            _ if byte == b'\\' || byte == delimiter => byte,
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}
