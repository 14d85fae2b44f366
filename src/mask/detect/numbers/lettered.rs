//! Numbers of persons and things that have letters in them.

use super::checks::{ddmmyy, weighted, yymmdd};
use super::ids::{cn_ric, es_letter, fi_hetu, fr_nir_corsica};
use crate::mask::Kind;
use crate::mask::detect::Sure;

/// What a run of letters and digits is, taken by itself.
pub fn token(token: &[u8]) -> Option<(Kind, Sure)> {
    match token.len() {
        9 => nine(token),
        10 => in_pan(token).then(|| (Kind::IN_PAN, certain_if(is_upper(token)))),
        11 => {
            if us_mbi(token) {
                Some((Kind::US_MBI, Sure::Certain))
            } else {
                hetu(token).then_some((Kind::FI_HETU, Sure::Certain))
            }
        }
        15 => fr_nir_corsica(token).then_some((Kind::FR_NIR, Sure::Certain)),
        16 => it_cf(token).then_some((Kind::IT_CF, Sure::Certain)),
        17 => vin(token).map(|sure| (Kind::VIN, sure)),
        18 => {
            if mx_curp(token) {
                Some((Kind::MX_CURP, Sure::Certain))
            } else {
                ric(token).then_some((Kind::CN_RIC, Sure::Certain))
            }
        }
        _ => None,
    }
}

fn certain_if(sure: bool) -> Sure {
    if sure { Sure::Certain } else { Sure::Maybe }
}

fn is_upper(token: &[u8]) -> bool {
    !token.iter().any(u8::is_ascii_lowercase)
}

/// Whether it is made of letters (`a`), digits (`9`), either (`*`) as the pattern says.
fn fits(token: &[u8], pattern: &[u8]) -> bool {
    token.len() == pattern.len()
        && token.iter().zip(pattern).all(|(byte, class)| match class {
            b'a' => byte.is_ascii_alphabetic(),
            b'9' => byte.is_ascii_digit(),
            _ => byte.is_ascii_alphanumeric(),
        })
}

/// The number that ASCII digits are; other bytes do not count.
fn value(text: &[u8]) -> u64 {
    text.iter().filter(|byte| byte.is_ascii_digit()).fold(0, |number, byte| number * 10 + u64::from(byte - b'0'))
}

/// The digits of ASCII digits.
fn digits<const N: usize>(text: &[u8]) -> [u8; N] {
    let mut digits = [0; N];
    for (digit, byte) in digits.iter_mut().zip(text) {
        *digit = byte.wrapping_sub(b'0').min(9);
    }
    digits
}

fn nine(token: &[u8]) -> Option<(Kind, Sure)> {
    let [first, second, .., last] = token else { return None };
    if fits(token, b"99999999a") {
        return es_letter(value(token), *last).then(|| (Kind::ES_NIF, if is_upper(token) { Sure::Likely } else { Sure::Maybe }));
    }
    if fits(token, b"a9999999a") {
        if sg_nric(token) {
            return Some((Kind::SG_NRIC, certain_if(is_upper(token))));
        }
        let leading = match first.to_ascii_uppercase() {
            b'X' => 0,
            b'Y' => 10_000_000,
            b'Z' => 20_000_000,
            // Minors, residents abroad, foreigners of old: the number counts alone.
            b'K' | b'L' | b'M' => return es_letter(value(token), *last).then(|| (Kind::ES_NIF, certain_if(is_upper(token)))),
            _ => return None,
        };
        return es_letter(leading + value(token), *last).then(|| (Kind::ES_NIE, certain_if(is_upper(token))));
    }
    if fits(token, b"aa999999a") {
        return uk_nino(token).then(|| (Kind::UK_NINO, certain_if(is_upper(token))));
    }
    if fits(token, b"aa9999999") || (fits(token, b"a99999999") && *second == b'9') {
        return us_dea(token).then(|| (Kind::US_DEA, if is_upper(token) { Sure::Certain } else { Sure::Maybe }));
    }
    None
}

/// Two letters of which neither is D, F, I, Q, U, V, the second no O, and pairs that are never given; six digits; A to D.
pub fn uk_nino(token: &[u8]) -> bool {
    let [first, second, .., last] = token else { return false };
    let (first, second) = (first.to_ascii_uppercase(), second.to_ascii_uppercase());
    !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&[first, second])
        && matches!(last.to_ascii_uppercase(), b'A'..=b'D')
        && fits(token, b"aa999999a")
}

fn us_dea(token: &[u8]) -> bool {
    let [first, _, a, b, c, d, e, f, check] = token else { return false };
    let digit = |byte: &u8| u32::from(byte.wrapping_sub(b'0'));
    let sum = digit(a) + digit(c) + digit(e) + 2 * (digit(b) + digit(d) + digit(f));
    b"ABCDEFGHJKLMPRSTUX".contains(&first.to_ascii_uppercase()) && sum % 10 == digit(check) && value(token) != 0
}

fn sg_nric(token: &[u8]) -> bool {
    let [first, body @ .., last] = token else { return false };
    let first = first.to_ascii_uppercase();
    let more = match first {
        b'S' | b'F' => 0,
        b'T' | b'G' => 4,
        b'M' => 3,
        _ => return false,
    };
    let letters: &[u8; 11] = match first {
        b'S' | b'T' => b"JZIHGFEDCBA",
        b'F' | b'G' => b"XWUTRQPNMLK",
        _ => b"KLJNPQRTUWX",
    };
    let sum = weighted(&digits::<7>(body), &[2, 7, 6, 5, 4, 3, 2]) + more;
    let rest = usize::try_from(sum % 11).unwrap_or(0);
    let place = if first == b'M' { 10 - rest } else { rest };
    letters.get(place) == Some(&last.to_ascii_uppercase())
}

/// Five letters, the fourth of which tells what the holder is; four digits; a letter.
fn in_pan(token: &[u8]) -> bool {
    fits(token, b"aaaaa9999a")
        && token.get(3).is_some_and(|byte| b"PCHABGJLFTK".contains(&byte.to_ascii_uppercase()))
        && token.get(5..9) != Some(b"0000")
}

/// Letters and digits where a Medicare card has them; S, L, O, I, B and Z are never among them.
pub fn us_mbi(token: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphabetic() && !b"SLOIBZ".contains(&byte.to_ascii_uppercase());
    let digit = |byte: &u8| byte.is_ascii_digit();
    let either = |byte: &u8| letter(byte) || digit(byte);
    let [a, b, c, d, e, f, g, h, i, j, k] = token else { return false };
    matches!(a, b'1'..=b'9')
        && letter(b)
        && either(c)
        && digit(d)
        && letter(e)
        && either(f)
        && digit(g)
        && letter(h)
        && letter(i)
        && digit(j)
        && digit(k)
}

/// `010100A123D`: the century's letter in the middle.
fn hetu(token: &[u8]) -> bool {
    let [day @ .., century, a, b, c, check] = token else { return false };
    let mut nine = [0; 9];
    for (digit, byte) in nine.iter_mut().zip(day.iter().chain([a, b, c])) {
        *digit = byte.wrapping_sub(b'0');
    }
    token.len() == 11
        && matches!(century.to_ascii_uppercase(), b'A'..=b'F' | b'U'..=b'Y')
        && nine.iter().all(|digit| *digit <= 9)
        && fi_hetu(&nine, *check)
}

/// Three letters each of two names, year, month and day of birth, a municipality, and a letter that checks.
fn it_cf(token: &[u8]) -> bool {
    const ODD: [u32; 36] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    // Letters stand for digits where two persons would have the same.
    let number = |byte: &u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte.to_ascii_uppercase());
    let letter = |byte: &u8| byte.is_ascii_alphabetic();
    let shape: [bool; 16] = [true, true, true, true, true, true, false, false, true, false, false, true, false, false, false, true];
    if token.len() != 16 || !token.iter().zip(shape).all(|(byte, is_letter)| if is_letter { letter(byte) } else { number(byte) }) {
        return false;
    }
    let months_letter = token.get(8).is_some_and(|byte| b"ABCDEHLMPRST".contains(&byte.to_ascii_uppercase()));
    let sum: u32 = token
        .iter()
        .take(15)
        .enumerate()
        .map(|(place, byte)| {
            let worth = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => byte.to_ascii_uppercase() - b'A',
            };
            // Places count from one.
            if place % 2 == 0 {
                let digit = if byte.is_ascii_digit() { 0 } else { 10 };
                ODD.get(usize::from(worth) + digit).copied().unwrap_or(0)
            } else {
                u32::from(worth)
            }
        })
        .sum();
    let check = token.last().map(|byte| u32::from(byte.to_ascii_uppercase().wrapping_sub(b'A')));
    months_letter && check == Some(sum % 26)
}

/// Four letters of the names, a date, a sex, a state, three consonants, and a digit that checks.
fn mx_curp(token: &[u8]) -> bool {
    if !fits(token, b"aaaa999999aaaaa**9") {
        return false;
    }
    // Ñ stands between N and O.
    let worth = |byte: u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'N' => u32::from(letter - b'A') + 10,
        letter => u32::from(letter.wrapping_sub(b'A')) + 11,
    };
    let sum: u32 = token.iter().take(17).zip((2..=18).rev()).map(|(byte, weight)| worth(*byte) * weight).sum();
    let check = token.last().map(|byte| u32::from(byte.wrapping_sub(b'0')));
    let date = token.get(4..10).is_some_and(|date| yymmdd(&digits::<6>(date)));
    date && token.get(10).is_some_and(|sex| b"HMX".contains(&sex.to_ascii_uppercase())) && check == Some((10 - sum % 10) % 10)
}

/// Seventeen digits and an X.
fn ric(token: &[u8]) -> bool {
    if !fits(token, b"99999999999999999a") || !matches!(token.last(), Some(b'X' | b'x')) {
        return false;
    }
    let mut all = digits::<18>(token);
    if let Some(last) = all.last_mut() {
        *last = 10;
    }
    cn_ric(&all)
}

/// Seventeen letters and digits without I, O and Q. North America has a check in the ninth place; elsewhere the maker's region and the digits
/// at the end speak for it, and not enough.
fn vin(token: &[u8]) -> Option<Sure> {
    let letters = token.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let forbidden = token.iter().any(|byte| matches!(byte.to_ascii_uppercase(), b'I' | b'O' | b'Q'));
    let serial = token.get(13..).is_some_and(|serial| serial.iter().all(u8::is_ascii_digit));
    let mixed = token.iter().any(u8::is_ascii_lowercase) && token.iter().any(u8::is_ascii_uppercase);
    if forbidden || letters < 2 || !serial || mixed {
        return None;
    }
    let worth = |byte: u8| match byte.to_ascii_uppercase() {
        digit @ b'0'..=b'9' => u32::from(digit - b'0'),
        letter @ b'A'..=b'H' => u32::from(letter - b'A') + 1,
        letter @ b'J'..=b'R' => u32::from(letter - b'J') + 1,
        letter => u32::from(letter.wrapping_sub(b'S')) + 2,
    };
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    let sum: u32 = token.iter().zip(WEIGHTS).map(|(byte, weight)| worth(*byte) * weight).sum();
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    let right = token.get(8).map(u8::to_ascii_uppercase) == Some(check);
    Some(if right && is_upper(token) { Sure::Certain } else { Sure::Maybe })
}

/// A bank's code (ISO 9362): four letters, a country, two of place, three of branch.
pub fn is_swift(token: &[u8]) -> bool {
    matches!(token.len(), 8 | 11)
        && is_upper(token)
        && token.get(..6).is_some_and(|letters| letters.iter().all(u8::is_ascii_uppercase))
        && token.get(4..6).is_some_and(super::iban::is_country)
        // A place never ends with O, and does not begin with 0 or 1 but on test systems.
        && token.get(7) != Some(&b'O')
}

/// `171168-650B`, `20868790-Q`: digits before a sign, and what follows it. How many bytes before the sign belong to it.
pub fn after_a_sign(before: &[u8], sign: u8, token: &[u8]) -> Option<(Kind, Sure, usize)> {
    match (token, sign) {
        ([a, b, c, check], b'-' | b'+') => {
            let date = before.get(before.len().checked_sub(6)?..)?;
            let mut nine = [0; 9];
            for (digit, byte) in nine.iter_mut().zip(date.iter().chain([a, b, c])) {
                *digit = byte.wrapping_sub(b'0');
            }
            (nine.iter().all(|digit| *digit <= 9) && ddmmyy(&nine) && fi_hetu(&nine, *check)).then_some((Kind::FI_HETU, Sure::Certain, 6))
        }
        ([letter], b'-' | b' ' | b'.') => {
            let eight = before.get(before.len().checked_sub(8)?..)?;
            let sure = if sign == b'-' && letter.is_ascii_uppercase() { Sure::Certain } else { Sure::Maybe };
            (fits(eight, b"99999999") && es_letter(value(eight), *letter)).then_some((Kind::ES_NIF, sure, 8))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::numbers::checks::number;

    #[test]
    fn shapes_are_read_in_order() {
        assert!(fits(b"AB12", b"aa99") && !fits(b"A112", b"aa99") && !fits(b"AB1", b"aa99"));
        assert_eq!(value(b"X012"), 12);
        assert_eq!(number(&digits::<3>(b"129")), 129);
    }
}
