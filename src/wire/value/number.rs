//! Booleans, integers, money and the one-byte `"char"`. Must not know where they stand.

use super::ValueError;
use super::walk::{Reader, print, utf8};

const BROKEN: ValueError = ValueError::Malformed("a number");

/// Reads a whole binary value of fixed size.
macro_rules! whole {
    ($value:expr, $read:ident) => {{
        let mut reader = Reader::new($value);
        let number = reader.$read()?;
        reader.end()?;
        number
    }};
}

/// Reads a number as Rust does, which is stricter than the server only in refusing spaces.
pub(super) fn parse<T: std::str::FromStr>(text: &[u8]) -> Result<T, ValueError> {
    std::str::from_utf8(text).map_err(|_| BROKEN)?.parse().map_err(|_| BROKEN)
}

macro_rules! integer {
    ($text:ident, $binary:ident, $type:ty, $read:ident) => {
        pub(super) fn $text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            print(out, format_args!("{}", whole!(value, $read)))
        }

        pub(super) fn $binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            out.extend_from_slice(&parse::<$type>(text)?.to_be_bytes());
            Ok(())
        }
    };
}

integer!(int2_text, int2_binary, i16, i16);
integer!(int4_text, int4_binary, i32, i32);
integer!(int8_text, int8_binary, i64, i64);
integer!(uint4_text, uint4_binary, u32, u32);
integer!(uint8_text, uint8_binary, u64, u64);

pub(super) fn bool_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(match whole!(value, u8) {
        0 => b'f',
        1 => b't',
        _ => return Err(ValueError::Malformed("a boolean")),
    });
    Ok(())
}

pub(super) fn bool_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(match text {
        b"t" | b"true" | b"on" | b"yes" | b"1" => 1,
        b"f" | b"false" | b"off" | b"no" | b"0" => 0,
        _ => return Err(ValueError::Malformed("a boolean")),
    });
    Ok(())
}

/// `"char"` is one byte. Zero prints as nothing, and what is no ASCII as an octal escape.
pub(super) fn char_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    match whole!(value, u8) {
        0 => Ok(()),
        byte @ 1..0x80 => {
            out.push(byte);
            Ok(())
        }
        byte => print(out, format_args!("\\{byte:03o}")),
    }
}

pub(super) fn char_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    out.push(match text {
        [] => 0,
        [byte @ 1..0x80] => *byte,
        [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7'] => (high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'),
        _ => return Err(ValueError::Malformed("a \"char\"")),
    });
    Ok(())
}

/// In the C locale: `-$1,234.56`. The binary form is in hundredths there; what it counts elsewhere is the server's to know.
pub(super) fn money_text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let cents = whole!(value, i64);
    let units = cents.unsigned_abs() / 100;
    print(out, format_args!("{}$", if cents < 0 { "-" } else { "" }))?;
    let start = out.len();
    print(out, format_args!("{units}"))?;
    let digits = out.len() - start;
    for comma in (1..digits).rev().filter(|place| (digits - place).is_multiple_of(3)) {
        out.insert(start + comma, b',');
    }
    print(out, format_args!(".{:02}", cents.unsigned_abs() % 100))
}

pub(super) fn money_binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let text = utf8(text)?;
    let (negative, text) = match (text.strip_prefix('-'), text.strip_prefix('(').and_then(|text| text.strip_suffix(')'))) {
        (Some(text), _) | (None, Some(text)) => (true, text),
        (None, None) => (false, text),
    };
    let text = text.strip_prefix('$').unwrap_or(text);
    let (units, cents) = text.split_once('.').unwrap_or((text, ""));
    if units.is_empty() || cents.len() > 2 || !units.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(ValueError::Malformed("an amount of money"));
    }
    let digits = units.bytes().filter(|&byte| byte != b',').chain(cents.bytes()).chain(std::iter::repeat_n(b'0', 2 - cents.len()));
    let mut amount = 0i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(ValueError::Malformed("an amount of money"));
        }
        let digit = i64::from(digit - b'0');
        // Counted below zero, where there is one more.
        amount = amount.checked_mul(10).and_then(|amount| amount.checked_sub(digit)).ok_or(BROKEN)?;
    }
    let amount = if negative { amount } else { amount.checked_neg().ok_or(BROKEN)? };
    out.extend_from_slice(&amount.to_be_bytes());
    Ok(())
}
