//! Bit strings: a count of bits and the bytes that hold them, the last one filled up with zeros. Must not know their declared lengths.

use super::ValueError;
use super::walk::{Reader, patch};

pub(super) fn text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = usize::try_from(reader.i32()?).map_err(|_| ValueError::Malformed("a negative count"))?;
    let bytes = reader.take(count.div_ceil(8))?;
    reader.end()?;
    let start = out.len();
    for byte in bytes {
        out.extend((0..8).rev().map(|bit| b'0' + (byte >> bit & 1)));
    }
    if out.get(start + count..).is_some_and(|filled| filled.contains(&b'1')) {
        return Err(ValueError::Malformed("bits behind the last"));
    }
    out.truncate(start + count);
    Ok(())
}

pub(super) fn binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for chunk in text.chunks(8) {
        let mut byte = 0;
        for (place, digit) in chunk.iter().enumerate() {
            match digit {
                b'0' => {}
                b'1' => byte |= 0x80 >> place,
                _ => return Err(ValueError::Malformed("a bit")),
            }
        }
        out.push(byte);
    }
    patch(out, start, i32::try_from(text.len()).map_err(|_| ValueError::TooLong)?)
}
