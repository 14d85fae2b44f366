//! Geometric types: some floats between brackets. One leaf each, because one coordinate alone says nothing. Must not know distances.

use super::ValueError;
use super::float::{parse_float8, print_float8};
use super::walk::{Reader, patch};

const BROKEN: ValueError = ValueError::Malformed("a geometric value");

/// Prints `count` floats of a binary value, separated by commas.
fn floats(reader: &mut Reader<'_>, count: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    for index in 0..count {
        if index > 0 {
            out.push(b',');
        }
        print_float8(reader.f64()?, out)?;
    }
    Ok(())
}

/// Prints `count` points, separated by commas.
fn points(reader: &mut Reader<'_>, count: usize, out: &mut Vec<u8>) -> Result<(), ValueError> {
    for index in 0..count {
        out.extend_from_slice(if index > 0 { b",(" } else { b"(" });
        floats(reader, 2, out)?;
        out.push(b')');
    }
    super::walk::bounded(out)
}

/// Reads text from front to back.
struct Text<'t>(&'t [u8]);

impl Text<'_> {
    fn want(&mut self, byte: u8) -> Result<(), ValueError> {
        self.0 = self.0.strip_prefix(&[byte]).ok_or(BROKEN)?;
        Ok(())
    }

    fn float(&mut self, out: &mut Vec<u8>) -> Result<f64, ValueError> {
        let length = self.0.iter().take_while(|byte| !matches!(byte, b',' | b')' | b']' | b'>' | b'}')).count();
        let (number, rest) = self.0.split_at_checked(length).ok_or(BROKEN)?;
        self.0 = rest;
        let number = parse_float8(number)?;
        out.extend_from_slice(&number.to_be_bytes());
        Ok(number)
    }

    fn point(&mut self, out: &mut Vec<u8>) -> Result<(), ValueError> {
        self.want(b'(')?;
        self.float(out)?;
        self.want(b',')?;
        self.float(out)?;
        self.want(b')')
    }

    /// Points up to the closing bracket; their count stands before them.
    fn points(&mut self, close: u8, out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0i32;
        loop {
            self.point(out)?;
            count = count.checked_add(1).ok_or(ValueError::TooMany)?;
            if self.0.first() != Some(&b',') {
                break;
            }
            self.want(b',')?;
        }
        self.want(close)?;
        patch(out, start, count)
    }

    fn end(&self) -> Result<(), ValueError> {
        if self.0.is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
    }
}

pub(super) fn point_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    points(&mut reader, 1, out)?;
    reader.end()
}

pub(super) fn point_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.point(out)?;
    text.end()
}

pub(super) fn segment_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    out.push(b'[');
    points(&mut reader, 2, out)?;
    out.push(b']');
    reader.end()
}

pub(super) fn segment_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.want(b'[')?;
    text.point(out)?;
    text.want(b',')?;
    text.point(out)?;
    text.want(b']')?;
    text.end()
}

pub(super) fn box_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    points(&mut reader, 2, out)?;
    reader.end()
}

pub(super) fn box_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.point(out)?;
    text.want(b',')?;
    text.point(out)?;
    text.end()
}

pub(super) fn path_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let closed = match reader.u8()? {
        0 => false,
        1 => true,
        _ => return Err(BROKEN),
    };
    let count = reader.count(16)?;
    if count == 0 {
        return Err(BROKEN);
    }
    out.push(if closed { b'(' } else { b'[' });
    points(&mut reader, count, out)?;
    out.push(if closed { b')' } else { b']' });
    reader.end()
}

pub(super) fn path_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    let closed = text.0.first() == Some(&b'(');
    text.want(if closed { b'(' } else { b'[' })?;
    out.push(u8::from(closed));
    text.points(if closed { b')' } else { b']' }, out)?;
    text.end()
}

pub(super) fn polygon_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = reader.count(16)?;
    if count == 0 {
        return Err(BROKEN);
    }
    out.push(b'(');
    points(&mut reader, count, out)?;
    out.push(b')');
    reader.end()
}

pub(super) fn polygon_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.want(b'(')?;
    text.points(b')', out)?;
    text.end()
}

pub(super) fn line_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    out.push(b'{');
    floats(&mut reader, 3, out)?;
    out.push(b'}');
    let mut slope = Reader::new(value);
    if slope.f64()? == 0.0 && slope.f64()? == 0.0 {
        return Err(BROKEN);
    }
    reader.end()
}

pub(super) fn line_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.want(b'{')?;
    let a = text.float(out)?;
    text.want(b',')?;
    let b = text.float(out)?;
    text.want(b',')?;
    text.float(out)?;
    text.want(b'}')?;
    if a == 0.0 && b == 0.0 {
        return Err(BROKEN);
    }
    text.end()
}

pub(super) fn circle_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    out.push(b'<');
    points(&mut reader, 1, out)?;
    out.push(b',');
    let radius = reader.f64()?;
    if radius < 0.0 {
        return Err(BROKEN);
    }
    print_float8(radius, out)?;
    out.push(b'>');
    reader.end()
}

pub(super) fn circle_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut text = Text(text);
    text.want(b'<')?;
    text.point(out)?;
    text.want(b',')?;
    if text.float(out)? < 0.0 {
        return Err(BROKEN);
    }
    text.want(b'>')?;
    text.end()
}
