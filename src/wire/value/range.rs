//! Ranges and multiranges over any subtype. A bound is a leaf; where there is none, nothing is shown. Must not know how bounds compare, so a
//! range of which a bound is replaced is NULL as a whole.

use super::quote::{Piece, Quoting, end, field, skip_space};
use super::walk::{Reader, bounded, sized};
use super::{Codec, Format, Outcome, Place, ValueError, Visitor, Walk};

/// A range type over `subtype`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) subtype: u32,
}

/// A multirange type over the range type `range`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    pub(super) range: u32,
}

const EMPTY: u8 = 0x01;
const LOWER_INCLUSIVE: u8 = 0x02;
const UPPER_INCLUSIVE: u8 = 0x04;
const LOWER_INFINITE: u8 = 0x08;
const UPPER_INFINITE: u8 = 0x10;
const KNOWN: u8 = 0x1f;

const BROKEN: ValueError = ValueError::Malformed("range syntax");

/// The two bounds as they stand in a text range.
struct Bounds<'v> {
    flags: u8,
    lower: Piece<'v>,
    upper: Piece<'v>,
    /// Behind the closing bracket.
    end: usize,
}

/// Reads a text range from `at` on; `None` is the empty one.
fn parse(value: &[u8], at: usize) -> Result<(Option<Bounds<'_>>, usize), ValueError> {
    let start = skip_space(value, at);
    let rest = value.get(start..).unwrap_or_default();
    if rest.get(..5).is_some_and(|word| word.eq_ignore_ascii_case(b"empty")) {
        return Ok((None, start + 5));
    }
    let mut flags = match rest.first() {
        Some(b'[') => LOWER_INCLUSIVE,
        Some(b'(') => 0,
        _ => return Err(BROKEN),
    };
    let lower = field(value, start + 1, b",)]")?;
    if value.get(lower.range.end) != Some(&b',') {
        return Err(BROKEN);
    }
    let upper = field(value, lower.range.end + 1, b",)]")?;
    match value.get(upper.range.end) {
        Some(b']') => flags |= UPPER_INCLUSIVE,
        Some(b')') => {}
        _ => return Err(BROKEN),
    }
    // An infinite bound is never inclusive.
    if lower.absent() {
        flags = (flags | LOWER_INFINITE) & !LOWER_INCLUSIVE;
    }
    if upper.absent() {
        flags = (flags | UPPER_INFINITE) & !UPPER_INCLUSIVE;
    }
    let end = upper.range.end + 1;
    Ok((Some(Bounds { flags, lower, upper, end }), end))
}

impl Bounds<'_> {
    fn finite(&self) -> impl Iterator<Item = &Piece<'_>> {
        [&self.lower, &self.upper].into_iter().filter(|bound| !bound.absent())
    }
}

/// The flags, and how many bounds follow them.
fn flags(reader: &mut Reader<'_>) -> Result<(u8, usize), ValueError> {
    let mut flags = reader.u8()?;
    if flags & !KNOWN != 0 {
        return Err(ValueError::Malformed("range flags"));
    }
    // An infinite bound is never inclusive, whatever the flags say.
    for (infinite, inclusive) in [(LOWER_INFINITE, LOWER_INCLUSIVE), (UPPER_INFINITE, UPPER_INCLUSIVE)] {
        flags &= if flags & infinite != 0 { !inclusive } else { KNOWN };
    }
    let empty = flags & EMPTY != 0;
    let bounds = usize::from(!empty && flags & LOWER_INFINITE == 0) + usize::from(!empty && flags & UPPER_INFINITE == 0);
    Ok((flags, bounds))
}

/// A bound is there and not NULL.
fn bound<'v>(reader: &mut Reader<'v>) -> Result<&'v [u8], ValueError> {
    reader.cell()?.ok_or(ValueError::Malformed("a NULL bound"))
}

impl Codec for Span {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        let (flags, _) = flags(&mut reader)?;
        if flags & EMPTY != 0 {
            out.extend_from_slice(b"empty");
            return reader.end();
        }
        let codec = walk.codec(self.subtype)?;
        out.push(if flags & LOWER_INCLUSIVE != 0 { b'[' } else { b'(' });
        for infinite in [LOWER_INFINITE, UPPER_INFINITE] {
            if infinite == UPPER_INFINITE {
                out.push(b',');
            }
            if flags & infinite == 0 {
                let cell = bound(&mut reader)?;
                walk.lend(|walk, text| {
                    walk.deeper(|walk| codec.text_from_binary(walk, cell, text))?;
                    Quoting::Range.write(text, out);
                    bounded(out)
                })?;
            }
        }
        out.push(if flags & UPPER_INCLUSIVE != 0 { b']' } else { b')' });
        reader.end()
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let (bounds, after) = parse(text, 0)?;
        end(text, after)?;
        let Some(bounds) = bounds else {
            out.push(EMPTY);
            return Ok(());
        };
        out.push(bounds.flags);
        let codec = walk.codec(self.subtype)?;
        for piece in bounds.finite() {
            walk.lend(|walk, buffer| {
                let content = piece.content(buffer);
                sized(out, |out| walk.deeper(|walk| codec.binary_from_text(walk, content, out)))
            })?;
        }
        Ok(())
    }

    /// A bound cannot be replaced alone: the two might be out of order, or say more together. With one of them goes the whole range.
    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        _out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let codec = walk.codec(self.subtype)?;
        let place = Place { oid: self.subtype, ..place };
        let mut kept = true;
        let mut show = |walk: &mut Walk<'_>, bound: &[u8]| {
            walk.lend(|walk, new| {
                kept &= walk.deeper(|walk| codec.rewrite(walk, format, place, bound, visitor, new))? == Outcome::Kept;
                Ok(())
            })
        };
        match format {
            Format::Binary => {
                let mut reader = Reader::new(value);
                let (_, count) = flags(&mut reader)?;
                for _ in 0..count {
                    show(walk, bound(&mut reader)?)?;
                }
                reader.end()?;
            }
            Format::Text => {
                let (bounds, after) = parse(value, 0)?;
                end(value, after)?;
                for piece in bounds.iter().flat_map(Bounds::finite) {
                    walk.lend(|walk, buffer| {
                        let content = piece.content(buffer);
                        walk.inside(|offsets| piece.offsets(offsets), |walk| show(walk, content))
                    })?;
                }
            }
        }
        Ok(if kept { Outcome::Kept } else { Outcome::Null })
    }

    fn parts(&self, part: &mut dyn FnMut(u32)) {
        part(self.subtype);
    }
}

/// Hands out where each range of a text multirange stands.
fn each(value: &[u8], mut step: impl FnMut(std::ops::Range<usize>, &[u8]) -> Result<(), ValueError>) -> Result<(), ValueError> {
    let mut at = skip_space(value, 0);
    if value.get(at) != Some(&b'{') {
        return Err(BROKEN);
    }
    at = skip_space(value, at + 1);
    if value.get(at) == Some(&b'}') {
        return end(value, at + 1);
    }
    loop {
        let start = skip_space(value, at);
        let (bounds, after) = parse(value, start)?;
        let stop = bounds.map_or(after, |bounds| bounds.end);
        step(start..stop, value.get(start..stop).ok_or(ValueError::Short)?)?;
        at = skip_space(value, stop);
        match value.get(at) {
            Some(b',') => at += 1,
            Some(b'}') => return end(value, at + 1),
            _ => return Err(BROKEN),
        }
    }
}

impl Codec for Spans {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let codec = walk.codec(self.range)?;
        let mut reader = Reader::new(value);
        out.push(b'{');
        for index in 0..reader.count(5)? {
            if index > 0 {
                out.push(b',');
            }
            let cell = bound(&mut reader)?;
            walk.deeper(|walk| codec.text_from_binary(walk, cell, out))?;
            bounded(out)?;
        }
        out.push(b'}');
        reader.end()
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let codec = walk.codec(self.range)?;
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0i32;
        each(text, |_, range| {
            count = count.checked_add(1).ok_or(ValueError::TooMany)?;
            sized(out, |out| walk.deeper(|walk| codec.binary_from_text(walk, range, out)))
        })?;
        super::walk::patch(out, start, count)
    }

    /// With one of its ranges goes the whole.
    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let codec = walk.codec(self.range)?;
        let place = Place { oid: self.range, ..place };
        let mut kept = true;
        match format {
            Format::Binary => {
                let mut reader = Reader::new(value);
                for _ in 0..reader.count(5)? {
                    let cell = bound(&mut reader)?;
                    kept &= walk.deeper(|walk| codec.rewrite(walk, format, place, cell, visitor, out))? == Outcome::Kept;
                }
                reader.end()?;
            }
            Format::Text => each(value, |range, text| {
                let within = |offsets: &mut Vec<usize>| offsets.extend(range.start..=range.end);
                let outcome = walk.inside(within, |walk| walk.deeper(|walk| codec.rewrite(walk, format, place, text, visitor, out)));
                kept &= outcome? == Outcome::Kept;
                Ok(())
            })?,
        }
        Ok(if kept { Outcome::Kept } else { Outcome::Null })
    }

    fn parts(&self, part: &mut dyn FnMut(u32)) {
        part(self.range);
    }
}
