//! What is put in the place of a value, or of a part of a text. Whatever it is stands in any quoting without being escaped, so that a part can be
//! replaced wherever it was found.

use super::kind::{Kind, KindSet};
use super::profile::Profile;
use super::token::Mint;

pub use crate::gate::policy::mask::Style;

/// Appends what stands in the place of a part of a text. `tokens` is only for what is a column's own: of an expression over what an agent sent
/// they would tell whether its guess was right. Whether it tells anything of the value but its kind.
pub fn replace(kind: Kind, profile: &Profile, tokens: Option<&Mint>, original: &[u8], out: &mut Vec<u8>) -> bool {
    let replaced = match profile.style_of(kind) {
        Style::Redact | Style::Null => false,
        Style::Partial => partial(kind, original, out),
        Style::Token => tokens.is_some_and(|mint| mint.mint(profile.name_of(kind), original, out)),
    };
    if !replaced {
        name(kind, profile, out);
    }
    replaced
}

/// Appends `[EMAIL]`.
pub fn name(kind: Kind, profile: &Profile, out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(profile.name_of(kind).as_bytes());
    out.push(b']');
}

/// Numbers that people know by their last signs.
const NUMBERED: KindSet = KindSet::of(&[
    Kind::CREDIT_CARD,
    Kind::IBAN,
    Kind::BANK_ACCOUNT,
    Kind::US_ABA,
    Kind::PHONE,
    Kind::PASSPORT,
    Kind::DRIVER_LICENSE,
    Kind::US_SSN,
    Kind::US_ITIN,
    Kind::CA_SIN,
    Kind::IN_AADHAAR,
    Kind::UK_NHS,
    Kind::AU_TFN,
    Kind::AU_MEDICARE,
    Kind::BR_CPF,
    Kind::BR_CNPJ,
    Kind::DE_TAXID,
    Kind::MRN,
    Kind::US_MBI,
    Kind::US_NPI,
    Kind::VIN,
    Kind::IMEI,
    Kind::CRYPTO,
]);

/// The longest of them with all that stands between its signs. What is longer is written in another way.
const NUMBERED_LIMIT: usize = 64;

/// Appends what of a value is of use and tells nobody apart. False, and nothing appended, where nothing is.
pub fn partial(kind: Kind, original: &[u8], out: &mut Vec<u8>) -> bool {
    match kind {
        Kind::EMAIL => domain(original, out),
        Kind::PERSON | Kind::USERNAME => initials(original, out),
        Kind::IP => beginning(original, if original.contains(&b':') { b':' } else { b'.' }, 2, out),
        Kind::MAC => beginning(original, if original.contains(&b'-') { b'-' } else { b':' }, 3, out),
        Kind::DOB => year(original, out),
        _ if NUMBERED.has(kind) => ending(original, out),
        _ => false,
    }
}

/// Whether a text is in plain signs: not in other digits, and not written otherwise.
fn is_plain(text: &[u8]) -> bool {
    text.len() <= NUMBERED_LIMIT
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b':'))
}

/// `***@example.com`
fn domain(address: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(at) = memchr::memrchr(b'@', address) else { return false };
    let domain = address.get(at..).unwrap_or_default();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte >= 0x80 || matches!(byte, b'.' | b'-');
    if domain.len() < 2 || !domain.iter().skip(1).all(fits) {
        return false;
    }
    out.extend_from_slice(b"***");
    out.extend_from_slice(domain);
    true
}

/// `C*** W***`
fn initials(name: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    let start = out.len();
    for word in name.split_whitespace() {
        let Some(first) = word.chars().find(|character| character.is_alphabetic()) else { continue };
        if out.len() > start {
            out.push(b' ');
        }
        out.extend_from_slice(first.encode_utf8(&mut [0; 4]).as_bytes());
        out.extend_from_slice(b"***");
    }
    out.len() > start
}

/// `10.1.*.*`
fn beginning(address: &[u8], between: u8, kept: usize, out: &mut Vec<u8>) -> bool {
    if !is_plain(address) || address.iter().filter(|byte| **byte == between).count() < kept {
        return false;
    }
    for (place, part) in address.split(|byte| *byte == between).enumerate() {
        if place > 0 {
            out.push(between);
        }
        out.extend_from_slice(if place < kept { part } else { b"*" });
    }
    true
}

/// `1983-**-**`
fn year(date: &[u8], out: &mut Vec<u8>) -> bool {
    let digits = |run: &&[u8]| run.len() == 4 && run.iter().all(u8::is_ascii_digit);
    let mut runs = date.split(|byte| !byte.is_ascii_alphanumeric());
    if !is_plain(date) || runs.find(digits).is_none() {
        return false;
    }
    let mut at = 0;
    while let Some(rest) = date.get(at..).filter(|rest| !rest.is_empty()) {
        let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let run = rest.get(..length).unwrap_or_default();
        if digits(&run) {
            out.extend_from_slice(run);
        } else {
            out.extend(run.iter().map(|_| b'*'));
        }
        out.extend(rest.get(length));
        at += length + 1;
    }
    true
}

/// `****-****-****-1111`: every sign but the last four; of short numbers the last two.
fn ending(number: &[u8], out: &mut Vec<u8>) -> bool {
    let signs = number.iter().filter(|byte| byte.is_ascii_alphanumeric()).count();
    let shown = match signs {
        0..6 => return false,
        6..9 => 2,
        _ => 4,
    };
    if !is_plain(number) {
        return false;
    }
    let mut left = signs;
    for byte in number {
        if byte.is_ascii_alphanumeric() {
            out.push(if left <= shown { *byte } else { b'*' });
            left -= 1;
        } else {
            out.push(*byte);
        }
    }
    true
}

/// Appends the partial form of a date, a number or an address of a network that has a type of its own, in the form of that type.
pub fn partial_typed(kind: Kind, text: &[u8], out: &mut Vec<u8>) -> bool {
    match kind {
        // The first of January.
        Kind::DOB => {
            let year = text.get(..4).filter(|year| year.iter().all(u8::is_ascii_digit) && text.get(4) == Some(&b'-'));
            let Some(year) = year else { return false };
            out.extend_from_slice(year);
            out.extend_from_slice(b"-01-01");
            out.extend_from_slice(if text.len() > 10 { b" 00:00:00" } else { b"" });
            let zone = text.get(11..).and_then(|time| time.iter().position(|byte| matches!(byte, b'+' | b'-')));
            out.extend_from_slice(if zone.is_some() { b"+00" } else { b"" });
            true
        }
        Kind::IP => {
            let mut parts = text.split(|byte| matches!(byte, b'.' | b'/'));
            let (Some(first), Some(second)) = (parts.next(), parts.next()) else { return false };
            out.extend_from_slice(first);
            out.push(b'.');
            out.extend_from_slice(second);
            out.extend_from_slice(b".0.0");
            true
        }
        Kind::MAC => {
            let Some(maker) = text.get(..9) else { return false };
            out.extend_from_slice(maker);
            out.extend_from_slice(b"00:00:00");
            out.extend_from_slice(if text.len() > 17 { b":00:00" } else { b"" });
            true
        }
        // The last four digits are a number too.
        _ if NUMBERED.has(kind) && text.len() >= 9 && text.iter().all(u8::is_ascii_digit) => {
            let last = text.get(text.len() - 4..).unwrap_or_default();
            let zeros = last.iter().take(3).take_while(|byte| **byte == b'0').count();
            out.extend_from_slice(last.get(zeros..).unwrap_or_default());
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_forms_keep_what_is_of_use() {
        for (kind, original, expected) in [
            (Kind::EMAIL, "jo.ann@mail.example.com", Some("***@mail.example.com")),
            (Kind::EMAIL, "jo%40example.com", None),
            (Kind::CREDIT_CARD, "5105-1051-0510-5100", Some("****-****-****-5100")),
            (Kind::CREDIT_CARD, "５１０５１０５１０５１０５１００", None),
            (Kind::US_SSN, "219-09-9999", Some("***-**-9999")),
            (Kind::PHONE, "+44 20 7946 0958", Some("+** ** **** 0958")),
            (Kind::BANK_ACCOUNT, "123456", Some("****56")),
            (Kind::BANK_ACCOUNT, "12345", None),
            (Kind::PERSON, "Cathy Éva  Wise", Some("C*** É*** W***")),
            (Kind::IP, "192.0.2.17", Some("192.0.*.*")),
            (Kind::IP, "2001:db8::17", Some("2001:db8:*:*")),
            (Kind::MAC, "aa:bb:cc:01:02:03", Some("aa:bb:cc:*:*:*")),
            (Kind::DOB, "12.09.1981", Some("**.**.1981")),
            (Kind::DOB, "1981-09-12", Some("1981-**-**")),
            (Kind::DOB, "12/09/81", None),
            (Kind::PASSWORD, "hunter22", None),
            (Kind::DERIVED, "anything", None),
        ] {
            let mut out = Vec::new();
            let made = partial(kind, original.as_bytes(), &mut out);
            assert_eq!(made.then(|| String::from_utf8(out.clone()).unwrap()).as_deref(), expected, "{original}");
            assert!(made || out.is_empty());
        }
    }

    #[test]
    fn partial_forms_of_typed_values_are_of_their_types() {
        for (kind, original, expected) in [
            (Kind::DOB, "1981-09-12", Some("1981-01-01")),
            (Kind::DOB, "1981-09-12 01:02:03.5", Some("1981-01-01 00:00:00")),
            (Kind::DOB, "1981-09-12 01:02:03+05:30", Some("1981-01-01 00:00:00+00")),
            (Kind::DOB, "infinity", None),
            (Kind::IP, "192.0.2.17/24", Some("192.0.0.0")),
            (Kind::IP, "2001:db8::17", None),
            (Kind::MAC, "aa:bb:cc:01:02:03", Some("aa:bb:cc:00:00:00")),
            (Kind::MAC, "aa:bb:cc:01:02:03:04:05", Some("aa:bb:cc:00:00:00:00:00")),
            (Kind::CREDIT_CARD, "5105105105105100", Some("5100")),
            (Kind::CREDIT_CARD, "5105105105100000", Some("0")),
            (Kind::PERSON, "1", None),
        ] {
            let mut out = Vec::new();
            let made = partial_typed(kind, original.as_bytes(), &mut out);
            assert_eq!(made.then(|| String::from_utf8(out.clone()).unwrap()).as_deref(), expected, "{original}");
        }
    }
}
