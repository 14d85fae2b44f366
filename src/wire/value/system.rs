//! Types of the server's own bookkeeping: row positions, log positions, snapshots, vectors of OIDs, names of catalog objects. Must not
//! know a catalog.

use super::number::parse;
use super::scalar::{Scalar, Text};
use super::walk::{Reader, patch, print, utf8};
use super::{Class, Codec, Format, Leaves, Outcome, Place, ValueError, Visitor, Walk};

const BROKEN: ValueError = ValueError::Malformed("a system value");

pub(super) fn tid_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    print(out, format_args!("({},{})", reader.u32()?, reader.u16()?))?;
    reader.end()
}

pub(super) fn tid_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let inside = text.strip_prefix(b"(").and_then(|text| text.strip_suffix(b")")).ok_or(BROKEN)?;
    let comma = memchr::memchr(b',', inside).ok_or(BROKEN)?;
    out.extend_from_slice(&parse::<u32>(inside.get(..comma).unwrap_or_default())?.to_be_bytes());
    out.extend_from_slice(&parse::<u16>(inside.get(comma + 1..).unwrap_or_default())?.to_be_bytes());
    Ok(())
}

pub(super) fn lsn_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    print(out, format_args!("{:X}/{:X}", reader.u32()?, reader.u32()?))?;
    reader.end()
}

pub(super) fn lsn_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (high, low) = utf8(text)?.split_once('/').ok_or(BROKEN)?;
    for half in [high, low] {
        if half.starts_with('+') {
            return Err(BROKEN);
        }
        out.extend_from_slice(&u32::from_str_radix(half, 16).map_err(|_| BROKEN)?.to_be_bytes());
    }
    Ok(())
}

/// `xmin:xmax:xip,xip`.
pub(super) fn snapshot_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = reader.i32()?;
    print(out, format_args!("{}:{}:", reader.u64()?, reader.u64()?))?;
    for index in 0..count {
        print(out, format_args!("{}{}", if index > 0 { "," } else { "" }, reader.u64()?))?;
    }
    reader.end()
}

pub(super) fn snapshot_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut parts = text.splitn(3, |&byte| byte == b':');
    for _ in 0..2 {
        out.extend_from_slice(&parse::<u64>(parts.next().ok_or(BROKEN)?)?.to_be_bytes());
    }
    let running = parts.next().ok_or(BROKEN)?;
    let mut count = 0i32;
    if !running.is_empty() {
        for transaction in running.split(|&byte| byte == b',') {
            out.extend_from_slice(&parse::<u64>(transaction)?.to_be_bytes());
            count = count.checked_add(1).ok_or(ValueError::TooMany)?;
        }
    }
    patch(out, start, count)
}

/// `int2vector` and `oidvector` are arrays in binary (one dimension from 0, no NULLs) and lists in text.
macro_rules! vector {
    ($text:ident, $binary:ident, $type:ty, $read:ident, $element:expr) => {
        pub(super) fn $text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            let mut reader = Reader::new(value);
            let head = (reader.i32()?, reader.i32()?, reader.u32()?);
            let (extent, lower) = (reader.i32()?, reader.i32()?);
            if head != (1, 0, $element) || extent < 0 || lower != 0 {
                return Err(BROKEN);
            }
            for index in 0..extent {
                let mut cell = Reader::new(reader.cell()?.ok_or(BROKEN)?);
                print(out, format_args!("{}{}", if index > 0 { " " } else { "" }, cell.$read()?))?;
                cell.end()?;
            }
            reader.end()
        }

        pub(super) fn $binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            let element: u32 = $element;
            for head in [1, 0, element] {
                out.extend_from_slice(&head.to_be_bytes());
            }
            let start = out.len();
            out.extend_from_slice(&[0; 8]);
            let mut count = 0i32;
            for number in text.split(|&byte| byte == b' ').filter(|number| !number.is_empty()) {
                let number = parse::<$type>(number)?.to_be_bytes();
                out.extend_from_slice(&i32::try_from(number.len()).map_err(|_| ValueError::TooLong)?.to_be_bytes());
                out.extend_from_slice(&number);
                count = count.checked_add(1).ok_or(ValueError::TooMany)?;
            }
            patch(out, start, count)
        }
    };
}

vector!(int2vector_text, int2vector_binary, i16, i16, 21);
vector!(oidvector_text, oidvector_binary, u32, u32, 26);

/// `void`: nothing, in both formats.
pub(super) fn void(value: &[u8], _out: &mut Vec<u8>) -> Result<(), ValueError> {
    if value.is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
}

/// An OID, as the `reg*` types send it.
const OID: Scalar = Scalar { class: Class::System, blank: "0", text: super::number::uint4_text, binary: super::number::uint4_binary };
/// A name, as they print it.
const OBJECT: Text = Text { class: Class::System, ..super::scalar::TEXT };

/// A catalog object: its name in text, its OID in binary. Which name belongs to which OID only the database knows, so an OID is printed as a
/// number (which every such type reads), and a replacement is a number or `-`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object;

impl Codec for Object {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        OID.text_from_binary(walk, value, out)
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        match text {
            b"-" => out.extend_from_slice(&[0; 4]),
            _ => OID.binary_from_text(walk, text, out).map_err(|_| ValueError::NoConversion)?,
        }
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
        OID.rewrite(walk, format, place, value, visitor, out)
    }

    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        match format {
            Format::Text => OBJECT.check(walk, format, value),
            Format::Binary => OID.check(walk, format, value),
        }
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::System)
    }
}

/// A type that has no binary form; a server never sends one. Its text is a leaf that can be kept or be NULL.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextOnly;

impl Codec for TextOnly {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, _value: &[u8], _out: &mut Vec<u8>) -> Result<(), ValueError> {
        Err(ValueError::NoConversion)
    }

    fn binary_from_text(&self, _walk: &mut Walk<'_>, _text: &[u8], _out: &mut Vec<u8>) -> Result<(), ValueError> {
        Err(ValueError::NoConversion)
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
        match format {
            Format::Text => super::scalar::NODE_TREE.rewrite(walk, format, place, value, visitor, out),
            Format::Binary => Err(ValueError::NoConversion),
        }
    }

    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        match format {
            Format::Text => OBJECT.check(walk, format, value),
            Format::Binary => Err(ValueError::NoConversion),
        }
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::System)
    }
}
