//! Floating point as the server prints it with `extra_float_digits` above 0: the shortest decimal that lies strictly between the halfway
//! points to the neighbours. Rust's shortest may lie *on* such a point; then one digit more is taken. Must not know where numbers stand.

use std::io::Write as _;

use super::ValueError;
use super::walk::{Reader, print};

/// The longest `{:e}` of an f64 asked for with up to 20 digits.
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
        let above = (self.significand * 2 + 1, self.exponent - 1);
        let below = if self.narrow {
            (self.significand * 4 - 1, self.exponent - 2)
        } else {
            ((self.significand * 2).saturating_sub(1), self.exponent - 1)
        };
        [above, below].into_iter().any(|(half, exponent)| {
            // Compared by their odd parts and powers of two; a larger power of five cannot fit into either side.
            let fives = power.unsigned_abs();
            if digits == 0 || half == 0 || fives > 27 {
                return false;
            }
            let odd = |number: u64| (u128::from(number >> number.trailing_zeros()), i32::try_from(number.trailing_zeros()).unwrap_or(0));
            let ((digits, twos), (half, half_twos)) = (odd(digits), odd(half));
            let scale = 5u128.pow(fives);
            let (left, right) = if power >= 0 { (digits * scale, half) } else { (digits, half * scale) };
            left == right && twos + power == half_twos + exponent
        })
    }
}

/// Prints a finite, positive float. `scientific` is the power from which on the exponent is written.
fn shortest(
    out: &mut Vec<u8>,
    parts: Parts,
    scientific: i32,
    format: impl Fn(&mut &mut [u8], Option<usize>) -> std::io::Result<()>,
) -> Result<(), ValueError> {
    let mut buffer = [0u8; DIGITS];
    let mut precision = None;
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
        // 17 digits tell any float; a digit more than the shortest is always enough.
        if count < 18 && parts.halfway(number, power) {
            precision = Some(count);
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
            shortest(out, parts, $scientific, |buffer, precision| match precision {
                None => write!(buffer, "{number:e}"),
                Some(precision) => write!(buffer, "{number:.precision$e}"),
            })
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
