//! Numbers of persons, of digits alone: what states, health services and registers give out, each with its rule.

use super::checks::{day, ddmmyy, luhn, luhn_sum, number, verhoeff, weighted, yymmdd};

fn rest(sum: i32, of: i32) -> u8 {
    u8::try_from(sum.rem_euclid(of)).unwrap_or(u8::MAX)
}

/// Area 001–899 without 666, group and serial not all zeros.
pub fn us_ssn(digits: &[u8]) -> bool {
    let [a, b, c, d, e, serial @ ..] = digits else { return false };
    let area = number(&[*a, *b, *c]);
    digits.len() == 9 && area != 0 && area != 666 && area < 900 && (*d, *e) != (0, 0) && number(serial) != 0
}

/// Numbers that were printed on sample cards, and rows of one digit: nobody's.
pub fn is_sample(digits: &[u8]) -> bool {
    digits.iter().all(|digit| Some(digit) == digits.first()) || matches!(digits, [1, 2, 3, 4, 5, 6, 7, 8, 9])
}

/// 9xx, and a group that the tax authority gives out; adoption numbers (93) among them.
pub fn us_itin(digits: &[u8]) -> bool {
    matches!(digits, [9, _, _, d, e, _, _, _, _] if matches!(number(&[*d, *e]), 50..=65 | 70..=88 | 90..=99))
}

/// A routing number: the first two digits are of a reserve bank, a thrift, an electronic one, or a traveller's cheque.
pub fn us_aba(digits: &[u8]) -> bool {
    let [a, b, ..] = digits else { return false };
    digits.len() == 9
        && matches!(number(&[*a, *b]), 0..=12 | 21..=32 | 61..=72 | 80)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 == 0
        && number(digits) != 0
}

pub fn ca_sin(digits: &[u8]) -> bool {
    digits.len() == 9 && !matches!(digits.first(), Some(0 | 8) | None) && luhn(digits)
}

/// The 11-test.
pub fn nl_bsn(digits: &[u8]) -> bool {
    digits.len() == 9 && number(digits) > 9_999_999 && weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 == 0
}

pub fn au_tfn(digits: &[u8]) -> bool {
    let sum = match digits.len() {
        9 => weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]),
        8 => weighted(digits, &[10, 7, 8, 4, 6, 3, 5, 1]),
        _ => return false,
    };
    sum % 11 == 0 && number(digits) != 0
}

/// Ten digits, of which the ninth checks the first eight; an eleventh tells which person on the card.
pub fn au_medicare(digits: &[u8]) -> bool {
    let (Some(2..=6), Some(check)) = (digits.first(), digits.get(8)) else { return false };
    matches!(digits.len(), 10 | 11)
        && rest(weighted(digits.get(..8).unwrap_or_default(), &[1, 3, 7, 9, 1, 3, 7, 9]), 10) == *check
        && digits.get(9) != Some(&0)
}

pub fn uk_nhs(digits: &[u8]) -> bool {
    let Some(check) = digits.get(9) else { return false };
    let sum = weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    digits.len() == 10 && rest(11 - sum.rem_euclid(11), 11) == *check && digits.first() != Some(&0)
}

/// A provider: begins with 1 or 2, and checks with 80840 in front.
pub fn us_npi(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(digits.first(), Some(1 | 2)) && (luhn_sum(digits) + 24).is_multiple_of(10)
}

/// A date, in a coordination number with 60 more in its day, and a check digit over all ten; the century may stand in front.
pub fn se_pnr(digits: &[u8]) -> bool {
    let ten = match digits {
        [1, 8 | 9, ten @ ..] | [2, 0, ten @ ..] if ten.len() == 10 => ten,
        ten if ten.len() == 10 => ten,
        _ => return false,
    };
    let [_, _, m, o, d, a, ..] = ten else { return false };
    let days = number(&[*d, *a]);
    day(number(&[*m, *o]), if days > 60 { days - 60 } else { days }) && luhn(ten)
}

/// A date, then citizenship, then (8 or 9 for most) and a check digit.
pub fn za_id(digits: &[u8]) -> bool {
    digits.len() == 13 && yymmdd(digits) && matches!(digits.get(10), Some(0..=2)) && luhn(digits)
}

pub fn in_aadhaar(digits: &[u8]) -> bool {
    digits.len() == 12 && !matches!(digits.first(), Some(0 | 1) | None) && verhoeff(digits) && !digits.iter().rev().eq(digits.iter())
}

fn br_check(digits: &[u8], weights: &[i32]) -> bool {
    let rest = weighted(digits, weights).rem_euclid(11);
    digits.get(weights.len()).is_some_and(|check| i32::from(*check) == if rest < 2 { 0 } else { 11 - rest })
}

pub fn br_cpf(digits: &[u8]) -> bool {
    digits.len() == 11
        && !is_sample(digits)
        && br_check(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && br_check(digits, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

pub fn br_cnpj(digits: &[u8]) -> bool {
    digits.len() == 14
        && !is_sample(digits)
        && br_check(digits, &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
        && br_check(digits, &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// The branch of a company is the first, as it mostly is.
pub fn is_first_branch(digits: &[u8]) -> bool {
    matches!(digits, [_, _, _, _, _, _, _, _, 0, 0, 0, 1, _, _])
}

/// Seventeen digits with a date in them, and a check that may be X (10).
pub fn cn_ric(digits: &[u8]) -> bool {
    let [a, b, _, _, _, _, y, e, _, _, date @ ..] = digits else { return false };
    let [m, o, d, w, _, _, _, check] = date else { return false };
    let sum = weighted(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(number(&[*a, *b]), 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83 | 91)
        && matches!((y, e), (1, 8 | 9) | (2, 0))
        && day(number(&[*m, *o]), number(&[*d, *w]))
        && rest(12 - sum, 11) == *check
}

/// A date, sex and century, and until October 2020 a check digit; since then none.
pub fn kr_rrn(digits: &[u8]) -> bool {
    let [y, e, _, _, _, _, century @ 1..=8, .., check] = digits else { return false };
    let sum = weighted(digits.get(..12).unwrap_or_default(), &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    let new = matches!(century, 3 | 4 | 7 | 8) && number(&[*y, *e]) >= 20;
    digits.len() == 13 && yymmdd(digits) && (new || rest((11 - sum.rem_euclid(11)) % 10, 10) == *check)
}

/// Sex, year, month, place of birth, an order, and a key of two digits.
pub fn fr_nir(digits: &[u8]) -> bool {
    let [1..=4 | 7 | 8, _, _, m, o, .., k, y] = digits else { return false };
    digits.len() == 15
        && matches!(number(&[*m, *o]), 1..=12 | 20..=42 | 50..=99)
        && 97 - number(digits.get(..13).unwrap_or_default()) % 97 == number(&[*k, *y])
}

/// A date (or one that is not known), an order, and two digits that check: with a 2 in front for those born since 2000.
pub fn be_nrn(digits: &[u8]) -> bool {
    let [body @ .., k, y] = digits else { return false };
    let [_, _, m, o, d, a, ..] = body else { return false };
    let month = number(&[*m, *o]);
    let month = if month >= 40 {
        month - 40
    } else if month >= 20 {
        month - 20
    } else {
        month
    };
    let (number_of, key) = (number(body), number(&[*k, *y]));
    digits.len() == 11 && day(month, number(&[*d, *a])) && (97 - number_of % 97 == key || 97 - (2_000_000_000 + number_of) % 97 == key)
}

/// Of the first ten digits one stands twice or thrice, and the eleventh checks them (ISO 7064, MOD 11,10).
pub fn de_taxid(digits: &[u8]) -> bool {
    let [body @ .., check] = digits else { return false };
    if digits.len() != 11 || digits.first() == Some(&0) {
        return false;
    }
    let mut times = [0_u8; 10];
    for digit in body {
        if let Some(times) = times.get_mut(usize::from(*digit)) {
            *times += 1;
        }
    }
    let repeated = times.iter().filter(|times| **times > 1).count();
    let product = body.iter().fold(10_u32, |product, digit| {
        let sum = (product + u32::from(*digit)) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    let expected = (11 - product) % 10;
    repeated == 1 && times.iter().all(|times| *times <= 3) && expected == u32::from(*check)
}

/// A date with the century in its month, and a check digit.
pub fn pl_pesel(digits: &[u8]) -> bool {
    let [_, _, m, o, d, a, ..] = digits else { return false };
    digits.len() == 11 && day(number(&[*m, *o]) % 20, number(&[*d, *a])) && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 == 0
}

pub fn tr_tckn(digits: &[u8]) -> bool {
    let [a, b, c, d, e, f, g, h, i, tenth, last] = digits else { return false };
    let sum = |digits: &[&u8]| digits.iter().map(|digit| i32::from(**digit)).sum::<i32>();
    *a != 0
        && *last % 2 == 0
        && rest(sum(&[a, c, e, g, i]) * 7 - sum(&[b, d, f, h]), 10) == *tenth
        && rest(sum(&[a, b, c, d, e, f, g, h, i, tenth]), 10) == *last
}

/// A device: what its maker was given, and a check digit.
pub fn imei(digits: &[u8]) -> bool {
    digits.len() == 15 && luhn(digits) && !is_sample(digits)
}

/// The key of a number of which a letter stands for a department of Corsica: `2A` counts as 19, `2B` as 18.
pub fn fr_nir_corsica(text: &[u8]) -> bool {
    let mut digits = [0_u8; 15];
    if text.len() != 15 {
        return false;
    }
    for (digit, byte) in digits.iter_mut().zip(text) {
        *digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A' | b'a' => 9,
            b'B' | b'b' => 8,
            _ => return false,
        };
    }
    let [_, _, _, _, _, department, letter, ..] = &mut digits;
    if *department != 2 || !matches!(letter, 8 | 9) {
        return false;
    }
    *department = 1;
    fr_nir(&digits)
}

/// Day, month and year, and the character that the remainder by 31 stands for.
pub fn fi_hetu(digits: &[u8], check: u8) -> bool {
    const CHECKS: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let place = usize::try_from(number(digits) % 31).unwrap_or(usize::MAX);
    digits.len() == 9 && ddmmyy(digits) && CHECKS.get(place) == Some(&check.to_ascii_uppercase())
}

/// The same where the character that checks is a digit.
pub fn fi_hetu_of_digits(digits: &[u8]) -> bool {
    matches!(digits.split_last(), Some((check, nine)) if fi_hetu(nine, check + b'0'))
}

/// The letter that a number's remainder by 23 stands for.
pub fn es_letter(number: u64, letter: u8) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    LETTERS.get(usize::try_from(number % 23).unwrap_or(usize::MAX)) == Some(&letter.to_ascii_uppercase())
}
