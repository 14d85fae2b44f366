//! `numeric`: digits to the base of 10,000 in binary, any number of decimal digits in text. Must not know any other type.

use super::ValueError;
use super::walk::{Reader, print};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

/// Digits after the point that the binary form can tell (NUMERIC_DSCALE_MASK).
const SCALE_LIMIT: i64 = 0x3fff;
/// Digits before the point that the server stores (NUMERIC_WEIGHT_MAX).
const WHOLE_LIMIT: i64 = 131_072;

const BROKEN: ValueError = ValueError::Malformed("a numeric");

pub(super) fn text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let mut reader = Reader::new(value);
    let count = reader.u16()?;
    let (weight, sign, scale) = (i32::from(reader.i16()?), reader.u16()?, reader.u16()?);
    let special = match sign {
        POSITIVE | NEGATIVE => None,
        NAN => Some("NaN"),
        INFINITY => Some("Infinity"),
        NEGATIVE_INFINITY => Some("-Infinity"),
        _ => return Err(BROKEN),
    };
    let digits = reader.take(usize::from(count) * 2)?;
    reader.end()?;
    if let Some(special) = special {
        out.extend_from_slice(special.as_bytes());
        return if count == 0 { Ok(()) } else { Err(BROKEN) };
    }
    if i64::from(scale) > SCALE_LIMIT {
        return Err(BROKEN);
    }
    let digit = |index: i32| -> Result<u16, ValueError> {
        let Some(pair) = usize::try_from(index).ok().and_then(|index| digits.get(index * 2..)).and_then(|rest| rest.first_chunk::<2>())
        else {
            return Ok(0);
        };
        match u16::from_be_bytes(*pair) {
            digit @ 0..10_000 => Ok(digit),
            _ => Err(BROKEN),
        }
    };
    // Every digit is judged, also those that the scale cuts off.
    for index in 0..i32::from(count) {
        digit(index)?;
    }
    // A client may send zeros in front, which the server does not keep.
    let leading = (0..i32::from(count)).take_while(|&index| digit(index) == Ok(0)).count();
    let leading = i32::try_from(leading).map_err(|_| BROKEN)?;
    let empty = leading == i32::from(count);
    let weight = if empty { 0 } else { weight - leading };
    let digit = |index: i32| {
        if empty { Ok(0) } else { index.checked_add(leading).map_or(Ok(0), |index| if index < leading { Ok(0) } else { digit(index) }) }
    };
    let start = out.len();
    if sign == NEGATIVE {
        out.push(b'-');
    }
    if weight < 0 {
        out.push(b'0');
    } else {
        // The first group stands without leading zeros.
        print(out, format_args!("{}", digit(0)?))?;
        for index in 1..=weight {
            print(out, format_args!("{:04}", digit(index)?))?;
        }
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + usize::from(scale);
        let mut index = weight + 1;
        while out.len() < end {
            // Groups between the point and a first digit far behind it have negative indices, and are zero.
            print(out, format_args!("{:04}", digit(index)?))?;
            index += 1;
        }
        out.truncate(end);
    }
    // Zero has no sign, also where only the scale made it zero.
    if sign == NEGATIVE && !out.get(start..).unwrap_or_default().iter().any(|byte| matches!(byte, b'1'..=b'9')) {
        out.remove(start);
    }
    Ok(())
}

pub(super) fn binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    // The scale that servers send with an infinity is what their packed header happens to say.
    let special = if text.eq_ignore_ascii_case(b"nan") {
        Some((NAN, 0))
    } else if unsigned.eq_ignore_ascii_case(b"infinity") || unsigned.eq_ignore_ascii_case(b"inf") {
        Some((if negative { NEGATIVE_INFINITY } else { INFINITY }, 32))
    } else {
        None
    };
    if let Some((sign, scale)) = special {
        head(out, 0, 0, sign, scale);
        return Ok(());
    }
    let (mantissa, exponent) = match unsigned.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (unsigned.get(..at).unwrap_or_default(), super::number::parse::<i32>(unsigned.get(at + 1..).unwrap_or_default())?),
        None => (unsigned, 0),
    };
    let point = memchr::memchr(b'.', mantissa);
    let whole = mantissa.get(..point.unwrap_or(mantissa.len())).unwrap_or_default();
    let fraction = point.and_then(|at| mantissa.get(at + 1..)).unwrap_or_default();
    if whole.is_empty() && fraction.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return Err(BROKEN);
    }
    let length = |digits: &[u8]| i64::try_from(digits.len()).map_err(|_| ValueError::TooLong);
    // The power of ten of the digit before the first one.
    let top = length(whole)? + i64::from(exponent);
    let scale = (length(fraction)? - i64::from(exponent)).max(0);
    if scale > SCALE_LIMIT {
        return Err(ValueError::TooLong);
    }
    let scale = u16::try_from(scale).map_err(|_| ValueError::TooLong)?;
    let mut digits =
        whole.iter().chain(fraction).map(|byte| u16::from(byte - b'0')).zip((i64::MIN..top).rev()).skip_while(|(digit, _)| *digit == 0);
    let Some((first, power)) = digits.next() else {
        head(out, 0, 0, POSITIVE, scale);
        return Ok(());
    };
    if power >= WHOLE_LIMIT {
        return Err(ValueError::TooLong);
    }
    let weight = i16::try_from(power.div_euclid(4)).map_err(|_| ValueError::TooLong)?;
    let start = out.len();
    head(out, 0, weight, if negative { NEGATIVE } else { POSITIVE }, scale);
    let body = out.len();
    let place =
        |digit: u16, power: i64| digit * [1, 10, 100, 1000].get(usize::try_from(power.rem_euclid(4)).unwrap_or(0)).copied().unwrap_or(1);
    let mut group = place(first, power);
    let mut current = power.div_euclid(4);
    let mut used = body;
    for (digit, power) in digits {
        if power.div_euclid(4) != current {
            out.extend_from_slice(&group.to_be_bytes());
            used = if group == 0 { used } else { out.len() };
            (group, current) = (0, power.div_euclid(4));
        }
        group += place(digit, power);
    }
    out.extend_from_slice(&group.to_be_bytes());
    used = if group == 0 { used } else { out.len() };
    // Zeros at the end are not stored.
    out.truncate(used);
    let count = u16::try_from((used - body) / 2).map_err(|_| ValueError::TooLong)?;
    out.get_mut(start..start + 2).ok_or(ValueError::Short)?.copy_from_slice(&count.to_be_bytes());
    Ok(())
}

fn head(out: &mut Vec<u8>, count: u16, weight: i16, sign: u16, scale: u16) {
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&scale.to_be_bytes());
}
