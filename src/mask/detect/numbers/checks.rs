//! Arithmetic of check digits. A number comes in as its digits, each from 0 to 9.

/// ISO/IEC 7812: every second digit from the right counts twice.
pub fn luhn(digits: &[u8]) -> bool {
    luhn_sum(digits).is_multiple_of(10)
}

pub fn luhn_sum(digits: &[u8]) -> u32 {
    const TWICE: [u32; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let twice = |digit: u8| TWICE.get(usize::from(digit)).copied().unwrap_or(0);
    digits
        .iter()
        .rev()
        .zip([false, true].iter().cycle())
        .map(|(digit, second)| if *second { twice(*digit) } else { u32::from(*digit) })
        .sum()
}

/// The sum of the digits, each times its weight.
pub fn weighted(digits: &[u8], weights: &[i32]) -> i32 {
    digits.iter().zip(weights).map(|(digit, weight)| i32::from(*digit) * weight).sum()
}

/// The number that digits are, as far as it fits.
pub fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(u64::from(*digit)))
}

/// A check digit that is right whichever two neighbours are swapped (Verhoeff).
pub fn verhoeff(digits: &[u8]) -> bool {
    // The group of five-cornered mirrors: rotations are 0 to 4, mirrors 5 to 9.
    let times = |one: u8, other: u8| match (one < 5, other < 5) {
        (true, true) => (one + other) % 5,
        (true, false) => (one + other - 5) % 5 + 5,
        (false, true) => (one - 5 + 5 - other) % 5 + 5,
        (false, false) => (one + 5 - other) % 5,
    };
    const STEP: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, place: usize| (0..place % 8).fold(digit, |digit, _| STEP.get(usize::from(digit)).copied().unwrap_or(0));
    digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| times(sum, permuted(*digit, place))) == 0
}

/// ISO/IEC 7064, MOD 97-10, of letters and digits: letters count as 10 to 35.
pub fn mod97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        b'A'..=b'Z' => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
        b'a'..=b'z' => (rest * 100 + u32::from(byte - b'a') + 10) % 97,
        _ => rest,
    })
}

/// A day of a year that is not told whole: the 29th of February counts.
pub fn day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Six digits as year, month and day.
pub fn yymmdd(digits: &[u8]) -> bool {
    matches!(digits, [_, _, m, o, d, a, ..] if day(number(&[*m, *o]), number(&[*d, *a])))
}

/// Six digits as day, month and year.
pub fn ddmmyy(digits: &[u8]) -> bool {
    matches!(digits, [d, a, m, o, ..] if day(number(&[*m, *o]), number(&[*d, *a])))
}
