//! Floating point as the server prints it with `extra_float_digits` above 0: the shortest decimal that lies strictly between the halfway
//! points to the neighbours, and of two as near the even one. Rust's shortest may lie *on* a halfway point, and rounds ties up; both are
//! found and printed anew. Must not know where numbers stand.

use std::io::Write as _;

use super::ValueError;
use super::walk::{Reader, print};

/// Holds an f64 in `{:e}` with more digits than are ever asked for.
const DIGITS: usize = 40;

/// A float as its significand and the power of two it is to be multiplied by.
#[derive(Debug, Clone, Copy)]
struct Parts {
    significand: u64,
    exponent: i32,
    /// The neighbour below is half as far away as the one above.
    narrow: bool,
}

impl Parts {
    fn new(bits: u64, significand_bits: u32, bias: i32) -> Self {
        let fraction = bits & ((1 << significand_bits) - 1);
        let exponent = i32::try_from(bits >> significand_bits & 0x7ff).unwrap_or(0);
        if exponent == 0 {
            Self { significand: fraction, exponent: 1 - bias, narrow: false }
        } else {
            Self { significand: fraction | 1 << significand_bits, exponent: exponent - bias, narrow: fraction == 0 && exponent > 1 }
        }
    }

    /// Whether `digits * 10^power` lies exactly between this float and a neighbour.
    fn halfway(self, digits: u64, power: i32) -> bool {
        let below = if self.narrow { (self.significand * 4 - 1, self.exponent - 2) } else { (self.significand * 2 - 1, self.exponent - 1) };
        equal((digits, power), (self.significand * 2 + 1, self.exponent - 1)) || equal((digits, power), below)
    }

    /// Whether this float lies exactly between `digits * 10^power` and the next decimal of that length.
    fn tied(self, digits: u64, power: i32) -> bool {
        let exact = (self.significand, self.exponent);
        let tenfold = digits.saturating_mul(10);
        equal((tenfold.saturating_sub(5), power - 1), exact) || equal((tenfold.saturating_add(5), power - 1), exact)
    }
}

/// Whether `digits * 10^power` is `number * 2^exponent`: compared by their odd parts and their powers of two.
fn equal((digits, power): (u64, i32), (number, exponent): (u64, i32)) -> bool {
    // A larger power of five fits into neither side.
    if digits == 0 || number == 0 || power.unsigned_abs() > 27 {
        return false;
    }
    let odd = |number: u64| (u128::from(number >> number.trailing_zeros()), i32::try_from(number.trailing_zeros()).unwrap_or(0));
    let ((digits, digit_twos), (number, number_twos)) = (odd(digits), odd(number));
    let fives = 5u128.pow(power.unsigned_abs());
    let (left, right) = if power >= 0 { (digits * fives, number) } else { (digits, number * fives) };
    left == right && digit_twos + power == number_twos + exponent
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tie {
    Untried,
    Trying,
    Tried,
}

/// Prints a finite, positive float. `reads` tells whether a decimal is read as this float. `scientific` is the power from which on the exponent is written.
fn shortest(
    out: &mut Vec<u8>,
    parts: Parts,
    scientific: i32,
    format: impl Fn(&mut &mut [u8], Option<usize>) -> std::io::Result<()>,
    reads: impl Fn(&[u8]) -> bool,
) -> Result<(), ValueError> {
    let mut buffer = [0u8; DIGITS];
    let mut precision = None;
    // Whether the even one of two that are as near is yet to be tried.
    let mut tie = Tie::Untried;
    loop {
        let mut rest = buffer.as_mut_slice();
        format(&mut rest, precision).map_err(|_| ValueError::TooLong)?;
        let left = rest.len();
        let written = buffer.get(..DIGITS - left).unwrap_or_default();
        let mut halves = written.split(|&byte| byte == b'e');
        let (mantissa, exponent) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
        let exponent: i32 = super::number::parse(exponent)?;
        let mut digits = [0u8; DIGITS];
        let mut count = 0usize;
        for (slot, digit) in digits.iter_mut().zip(mantissa.iter().filter(|byte| byte.is_ascii_digit())) {
            *slot = *digit;
            count += 1;
        }
        let digits = digits.get(..count).unwrap_or_default();
        let number = digits.iter().fold(0u64, |number, digit| number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0')));
        let power = exponent - i32::try_from(count).unwrap_or(0) + 1;
        // Below a power of two the even one may lie too far away.
        if tie == Tie::Trying && (!reads(written) || parts.halfway(number, power)) {
            (precision, tie) = (None, Tie::Tried);
            continue;
        }
        // 17 digits tell any float.
        if count < 18 && parts.halfway(number, power) {
            precision = Some(count);
            continue;
        }
        // An asked-for precision rounds a tie to the even one.
        if tie == Tie::Untried && precision.is_none() && parts.tied(number, power) {
            (precision, tie) = (Some(count.saturating_sub(1)), Tie::Trying);
            continue;
        }
        return lay(out, digits, exponent, scientific);
    }
}

/// Lays digits out with a point or an exponent.
fn lay(out: &mut Vec<u8>, digits: &[u8], exponent: i32, scientific: i32) -> Result<(), ValueError> {
    if !(-4..scientific).contains(&exponent) {
        let (first, rest) = digits.split_at_checked(1).unwrap_or_default();
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        return print(out, format_args!("e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()));
    }
    let Ok(whole) = usize::try_from(exponent + 1) else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', usize::try_from(-1 - exponent).unwrap_or(0)));
        out.extend_from_slice(digits);
        return Ok(());
    };
    if whole == 0 {
        out.extend_from_slice(b"0.");
        out.extend_from_slice(digits);
    } else if let Some((front, back)) = digits.split_at_checked(whole) {
        out.extend_from_slice(front);
        if !back.is_empty() {
            out.push(b'.');
            out.extend_from_slice(back);
        }
    } else {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
    }
    Ok(())
}

macro_rules! float {
    ($print:ident, $text:ident, $binary:ident, $parse:ident, $type:ty, $read:ident, $significand:expr, $bias:expr, $scientific:expr) => {
        pub(super) fn $print(number: $type, out: &mut Vec<u8>) -> Result<(), ValueError> {
            if number.is_nan() {
                out.extend_from_slice(b"NaN");
                return Ok(());
            }
            if number.is_sign_negative() {
                out.push(b'-');
            }
            let number = number.abs();
            if number.is_infinite() {
                out.extend_from_slice(b"Infinity");
                return Ok(());
            }
            if number == 0.0 {
                out.push(b'0');
                return Ok(());
            }
            let parts = Parts::new(u64::from(number.to_bits()), $significand, $bias);
            let format = |buffer: &mut &mut [u8], precision| match precision {
                None => write!(buffer, "{number:e}"),
                Some(precision) => write!(buffer, "{number:.precision$e}"),
            };
            shortest(out, parts, $scientific, format, |text| super::number::parse(text) == Ok(number))
        }

        pub(super) fn $text(value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            let mut reader = Reader::new(value);
            let number = reader.$read()?;
            reader.end()?;
            $print(number, out)
        }

        /// Reads a number; one that is too large is refused, not taken for infinity.
        pub(super) fn $parse(text: &[u8]) -> Result<$type, ValueError> {
            let number: $type = super::number::parse(text)?;
            if number.is_infinite() && text.iter().any(u8::is_ascii_digit) { Err(ValueError::Malformed("a number")) } else { Ok(number) }
        }

        pub(super) fn $binary(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
            out.extend_from_slice(&$parse(text)?.to_be_bytes());
            Ok(())
        }
    };
}

float!(print_float4, float4_text, float4_binary, parse_float4, f32, f32, 23, 150, 6);
float!(print_float8, float8_text, float8_binary, parse_float8, f64, f64, 52, 1075, 15);
