//! Types that are found only in a database: labels of an enum, domains, and the types of well-known extensions. Which OID is which the
//! caller knows; a type that merely has an extension's name is not that extension's type.

use super::float::{parse_float4, print_float4};
use super::number::parse;
use super::quote::{enclose, offsets_unquoted, skip_space, space, unquote};
use super::scalar::{Scalar, TEXT, Text, Wrap};
use super::walk::{NULL, Reader, Splice, bounded, patch, print, sized, utf8};
use super::{Class, Codec, Format, Leaf, Leaves, Outcome, Place, Role, ValueError, Visitor, Walk};

/// A type of an extension that has a codec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extension {
    Citext,
    Hstore,
    Ltree,
    /// pgvector's three.
    Vector,
    Halfvec,
    Sparsevec,
}

impl Extension {
    /// By the type's name, for a type that is known to belong to the extension that made it so.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "citext" => Some(Self::Citext),
            "hstore" => Some(Self::Hstore),
            "ltree" => Some(Self::Ltree),
            "vector" => Some(Self::Vector),
            "halfvec" => Some(Self::Halfvec),
            "sparsevec" => Some(Self::Sparsevec),
            _ => None,
        }
    }

    pub(super) fn codec(self) -> &'static dyn Codec {
        match self {
            Self::Citext => &TEXT,
            Self::Hstore => &Hstore,
            Self::Ltree => &Text { blank: "x", version: Some(1), wrap: Wrap::Path, ..TEXT },
            Self::Vector => &Scalar { class: Class::Vector, blank: "[0]", text: vector_text, binary: vector_binary },
            Self::Halfvec => &Scalar { class: Class::Vector, blank: "[0]", text: halfvec_text, binary: halfvec_binary },
            Self::Sparsevec => &Scalar { class: Class::Vector, blank: "{}/1", text: sparsevec_text, binary: sparsevec_binary },
        }
    }
}

/// The dimensions that pgvector allows.
const VECTOR_DIMENSIONS: usize = 16_000;
const SPARSE_DIMENSIONS: i32 = 1_000_000_000;

const BROKEN: ValueError = ValueError::Malformed("a vector");

/// Reads the head of a vector: how many numbers follow.
fn dimensions(reader: &mut Reader<'_>) -> Result<usize, ValueError> {
    let count = usize::from(reader.u16()?);
    if count == 0 || count > VECTOR_DIMENSIONS || reader.u16()? != 0 {
        return Err(BROKEN);
    }
    Ok(count)
}

fn print_list(out: &mut Vec<u8>, count: usize, mut number: impl FnMut() -> Result<f32, ValueError>) -> Result<(), ValueError> {
    out.push(b'[');
    for index in 0..count {
        if index > 0 {
            out.push(b',');
        }
        print_float4(finite(number()?)?, out)?;
    }
    out.push(b']');
    Ok(())
}

fn finite(number: f32) -> Result<f32, ValueError> {
    if number.is_finite() { Ok(number) } else { Err(BROKEN) }
}

fn parse_list(
    text: &[u8],
    out: &mut Vec<u8>,
    mut write: impl FnMut(f32, &mut Vec<u8>) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let inside = text.strip_prefix(b"[").and_then(|text| text.strip_suffix(b"]")).ok_or(BROKEN)?;
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut count = 0u16;
    for number in inside.split(|&byte| byte == b',') {
        if usize::from(count) >= VECTOR_DIMENSIONS {
            return Err(ValueError::TooMany);
        }
        write(finite(parse_float4(number.trim_ascii())?)?, out)?;
        count += 1;
    }
    out.get_mut(start..start + 2).ok_or(ValueError::Short)?.copy_from_slice(&count.to_be_bytes());
    Ok(())
}

fn vector_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = dimensions(&mut reader)?;
    print_list(out, count, || reader.f32())?;
    reader.end()
}

fn vector_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_list(text, out, |number, out| {
        out.extend_from_slice(&number.to_be_bytes());
        Ok(())
    })
}

fn halfvec_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = dimensions(&mut reader)?;
    print_list(out, count, || reader.u16().map(from_half))?;
    reader.end()
}

fn halfvec_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    parse_list(text, out, |number, out| {
        out.extend_from_slice(&to_half(number)?.to_be_bytes());
        Ok(())
    })
}

/// Half precision is exact in single precision.
fn from_half(half: u16) -> f32 {
    let sign = if half & 0x8000 != 0 { -1.0f32 } else { 1.0 };
    let fraction = f32::from(half & 0x3ff);
    match half >> 10 & 0x1f {
        0 => sign * fraction * 2f32.powi(-24),
        0x1f => {
            if fraction == 0.0 {
                sign * f32::INFINITY
            } else {
                f32::NAN
            }
        }
        exponent => sign * (1024.0 + fraction) * 2f32.powi(i32::from(exponent) - 25),
    }
}

/// Rounds to the nearest half, ties to the even one; what is too large is refused.
fn to_half(number: f32) -> Result<u16, ValueError> {
    let bits = number.to_bits();
    let sign = if bits >> 31 == 1 { 0x8000u16 } else { 0 };
    let exponent = bits >> 23 & 0xff;
    // The significand with its hidden bit, and how many of its bits a half cannot hold.
    let (significand, drop, base) = match exponent {
        0..102 => return Ok(sign),
        102..113 => (bits & 0x7f_ffff | 0x80_0000, 126 - exponent, 0),
        // The hidden bit adds one to the exponent.
        113..143 => (bits & 0x7f_ffff | 0x80_0000, 13, (exponent - 113) << 10),
        _ => return Err(BROKEN),
    };
    let kept = significand >> drop;
    let rest = significand & ((1 << drop) - 1);
    let half = 1 << (drop - 1);
    let up = u32::from(rest > half || (rest == half && kept & 1 == 1));
    match u16::try_from(base + kept + up) {
        Ok(magnitude @ 0..0x7c00) => Ok(sign | magnitude),
        Ok(_) | Err(_) => Err(BROKEN),
    }
}

/// `{index:value,…}/dimensions`, indices from 1.
fn sparsevec_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let total = reader.i32()?;
    let count = usize::try_from(reader.i32()?).map_err(|_| BROKEN)?;
    if !(1..=SPARSE_DIMENSIONS).contains(&total) || count > VECTOR_DIMENSIONS || reader.i32()? != 0 {
        return Err(BROKEN);
    }
    let mut indices = Reader::new(reader.take(count * 4)?);
    out.push(b'{');
    let mut last = -1;
    for position in 0..count {
        let index = indices.i32()?;
        let number = finite(reader.f32()?)?;
        if index <= last || index >= total || number == 0.0 {
            return Err(BROKEN);
        }
        last = index;
        print(out, format_args!("{}{}:", if position > 0 { "," } else { "" }, index + 1))?;
        print_float4(number, out)?;
    }
    print(out, format_args!("}}/{total}"))?;
    reader.end()
}

fn sparsevec_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let slash = memchr::memrchr(b'/', text).ok_or(BROKEN)?;
    let total: i32 = parse(text.get(slash + 1..).unwrap_or_default())?;
    let inside = text.get(..slash).and_then(|text| text.strip_prefix(b"{")?.strip_suffix(b"}")).ok_or(BROKEN)?;
    if !(1..=SPARSE_DIMENSIONS).contains(&total) {
        return Err(BROKEN);
    }
    out.extend_from_slice(&total.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    let pairs = || {
        inside.split(|&byte| byte == b',').filter(|_| !inside.is_empty()).map(|pair| {
            let colon = memchr::memchr(b':', pair).ok_or(BROKEN)?;
            let index: i32 = parse(pair.get(..colon).unwrap_or_default())?;
            Ok((index, finite(parse_float4(pair.get(colon + 1..).unwrap_or_default())?)?))
        })
    };
    let mut count = 0i32;
    let mut last = 0;
    for pair in pairs() {
        let (index, number) = pair?;
        if index <= last || index > total || number == 0.0 {
            return Err(BROKEN);
        }
        last = index;
        out.extend_from_slice(&(index - 1).to_be_bytes());
        count = count.checked_add(1).ok_or(ValueError::TooMany)?;
    }
    if usize::try_from(count).map_or(true, |count| count > VECTOR_DIMENSIONS) {
        return Err(ValueError::TooMany);
    }
    for pair in pairs() {
        out.extend_from_slice(&pair?.1.to_be_bytes());
    }
    patch(out, start, count)
}

/// Keys and values; a value may be NULL.
#[derive(Debug, Clone, Copy)]
struct Hstore;

/// One word of a text hstore.
#[derive(Debug, Clone)]
struct Word {
    range: std::ops::Range<usize>,
    quoted: bool,
}

impl Hstore {
    /// Hands out the pairs of a text value; a value that is an unquoted `NULL` is none.
    fn text(value: &[u8], mut each: impl FnMut(Word, Option<Word>) -> Result<(), ValueError>) -> Result<(), ValueError> {
        const BROKEN: ValueError = ValueError::Malformed("hstore syntax");
        utf8(value)?;
        let mut at = skip_space(value, 0);
        while at < value.len() {
            let key = Self::word(value, at, b"=,")?;
            at = skip_space(value, key.range.end);
            if value.get(at..at + 2) != Some(b"=>") {
                return Err(BROKEN);
            }
            let word = Self::word(value, skip_space(value, at + 2), b",")?;
            at = skip_space(value, word.range.end);
            let null = !word.quoted && value.get(word.range.clone()).is_some_and(|raw| raw.eq_ignore_ascii_case(b"null"));
            each(key, if null { None } else { Some(word) })?;
            match value.get(at) {
                None => break,
                Some(b',') => at = skip_space(value, at + 1),
                Some(_) => return Err(BROKEN),
            }
        }
        Ok(())
    }

    fn word(value: &[u8], at: usize, stops: &[u8]) -> Result<Word, ValueError> {
        let mut end = at;
        if value.get(at) == Some(&b'"') {
            end += 1;
            loop {
                match value.get(end).ok_or(ValueError::Short)? {
                    b'\\' => end += 2,
                    b'"' => return Ok(Word { range: at..end + 1, quoted: true }),
                    _ => end += 1,
                }
            }
        }
        let mut quoted = false;
        while let Some(&byte) = value.get(end) {
            if byte == b'\\' {
                quoted = true;
                value.get(end + 1).ok_or(ValueError::Short)?;
                end += 2;
            } else if space(byte) || stops.contains(&byte) {
                break;
            } else {
                end += 1;
            }
        }
        if end == at { Err(ValueError::Malformed("hstore syntax")) } else { Ok(Word { range: at..end, quoted }) }
    }

    /// Hands out the pairs of a binary value: where each cell with its length stands, and what is in it.
    fn binary<'v>(
        value: &'v [u8],
        mut each: impl FnMut((std::ops::Range<usize>, &'v [u8]), (std::ops::Range<usize>, Option<&'v [u8]>)) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        for _ in 0..reader.count(8)? {
            let start = reader.at();
            let key = reader.cell()?.ok_or(ValueError::Malformed("a NULL key"))?;
            let middle = reader.at();
            let cell = reader.cell()?;
            utf8(key)?;
            utf8(cell.unwrap_or_default())?;
            each((start..middle, key), (middle..reader.at(), cell))?;
        }
        reader.end()
    }
}

fn word_content<'b>(value: &'b [u8], word: &Word, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let raw = value.get(word.range.clone()).unwrap_or_default();
    if !word.quoted {
        return raw;
    }
    unquote(raw, b'"', buffer);
    buffer
}

/// Shows a key or value and splices what becomes of it in.
fn show(
    walk: &mut Walk<'_>,
    format: Format,
    leaf: &Leaf<'_>,
    range: std::ops::Range<usize>,
    visitor: &mut dyn Visitor,
    splice: &mut Splice<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let raw = splice.part(range.clone());
    let offsets = |offsets: &mut Vec<usize>| offsets_unquoted(range.start, raw, b'"', offsets);
    let outcome = walk.inside(offsets, |walk| {
        walk.ask(leaf, visitor, |_, replacement| {
            utf8(replacement)?;
            splice.open(range.clone(), out)?;
            match format {
                Format::Text => enclose(replacement, b'"', out),
                Format::Binary => sized(out, |out| {
                    out.extend_from_slice(replacement);
                    Ok(())
                })?,
            }
            Ok(())
        })
    })?;
    match (outcome, leaf.role) {
        (Outcome::Null, Role::Key) => Err(ValueError::Replacement),
        (Outcome::Null, Role::Value) => {
            splice.open(range, out)?;
            match format {
                Format::Text => out.extend_from_slice(b"NULL"),
                Format::Binary => out.extend_from_slice(&NULL),
            }
            Ok(())
        }
        (Outcome::Kept | Outcome::Changed, _) => Ok(()),
    }
}

impl Codec for Hstore {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        Self::binary(value, |(_, key), (_, cell)| {
            if out.len() > start {
                out.extend_from_slice(b", ");
            }
            enclose(key, b'"', out);
            out.extend_from_slice(b"=>");
            match cell {
                Some(cell) => enclose(cell, b'"', out),
                None => out.extend_from_slice(b"NULL"),
            }
            bounded(out)
        })
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0i32;
        Self::text(text, |key, word| {
            count = count.checked_add(1).ok_or(ValueError::TooMany)?;
            for word in [Some(key), word] {
                let Some(word) = word else {
                    out.extend_from_slice(&NULL);
                    continue;
                };
                walk.lend(|_, buffer| {
                    let content = word_content(text, &word, buffer);
                    sized(out, |out| {
                        out.extend_from_slice(content);
                        Ok(())
                    })
                })?;
            }
            Ok(())
        })?;
        patch(out, start, count)
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
        let mut splice = Splice::new(value);
        fn leaf<'l>(oid: u32, bytes: &'l [u8], role: Role, name: &'l [u8]) -> Leaf<'l> {
            Leaf { bytes, oid, class: Class::Text, role, name, blank: b"***", trail: &[] }
        }
        match format {
            Format::Binary => Self::binary(value, |(key_range, key), (range, cell)| {
                show(walk, format, &leaf(place.oid, key, Role::Key, place.name), key_range, visitor, &mut splice, out)?;
                let Some(cell) = cell else { return Ok(()) };
                show(walk, format, &leaf(place.oid, cell, Role::Value, key), range, visitor, &mut splice, out)
            })?,
            Format::Text => Self::text(value, |key, word| {
                walk.lend(|walk, key_buffer| {
                    let name = word_content(value, &key, key_buffer);
                    show(walk, format, &leaf(place.oid, name, Role::Key, place.name), key.range.clone(), visitor, &mut splice, out)?;
                    let Some(word) = word else { return Ok(()) };
                    walk.lend(|walk, buffer| {
                        let content = word_content(value, &word, buffer);
                        show(walk, format, &leaf(place.oid, content, Role::Value, name), word.range.clone(), visitor, &mut splice, out)
                    })
                })
            })?,
        }
        splice.finish(out)
    }

    fn has_pairs(&self) -> bool {
        true
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Text)
    }
}

/// An enum: a text of which the labels are known. A label that is not among them may have been added since, so it is read; only what is
/// put in must be one of them.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) labels: Vec<String>,
}

impl Codec for Enum {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        super::scalar::NAME.text_from_binary(walk, value, out)
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        super::scalar::NAME.binary_from_text(walk, text, out)
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
        super::scalar::NAME.check(walk, format, value)?;
        let blank = self.labels.first().map_or("", String::as_str).as_bytes();
        let leaf = Leaf { bytes: value, oid: place.oid, class: Class::Label, role: Role::Value, name: place.name, blank, trail: &[] };
        walk.ask(&leaf, visitor, |_, replacement| {
            if !self.labels.iter().any(|label| label.as_bytes() == replacement) {
                return Err(ValueError::Replacement);
            }
            out.extend_from_slice(replacement);
            Ok(())
        })
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Label)
    }
}

/// A domain: what its base is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Domain {
    pub(super) base: u32,
}

impl Codec for Domain {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let codec = walk.codec(self.base)?;
        walk.deeper(|walk| codec.text_from_binary(walk, value, out))
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let codec = walk.codec(self.base)?;
        walk.deeper(|walk| codec.binary_from_text(walk, text, out))
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
        let codec = walk.codec(self.base)?;
        let place = Place { oid: self.base, ..place };
        walk.deeper(|walk| codec.rewrite(walk, format, place, value, visitor, out))
    }

    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        let codec = walk.codec(self.base)?;
        walk.deeper(|walk| codec.check(walk, format, value))
    }

    fn parts(&self, part: &mut dyn FnMut(u32)) {
        part(self.base);
    }
}
