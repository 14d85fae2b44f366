//! Numbers of papers and accounts that no checksum tells: passports, licences, accounts, records of patients, the digits on the back of a card, the
//! names that people log in with. Their shape is poor; the key or the words before must speak for them.

use super::super::{Context, Finding, Scan, Sure};
use crate::mask::kind::{Kind, KindSet};
use crate::mask::names::{Spoken, said_before};

/// What this room looks for.
const PAPERS: KindSet = KindSet::of(&[Kind::PASSPORT, Kind::DRIVER_LICENSE, Kind::CVV, Kind::BANK_ACCOUNT, Kind::MRN, Kind::USERNAME]);

pub fn find(scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    let wanted = context.wanted.and(PAPERS);
    if wanted.is_empty() {
        return;
    }
    let expected = context.expected.or(spoken.weak.and(KindSet::of(&[Kind::USERNAME]))).and(wanted);
    let text = scan.text;
    let (start, end) = trimmed(text);
    if !expected.is_empty() && end > start {
        let value = text.get(start..end).unwrap_or_default();
        for kind in expected.iter() {
            if fits(kind, value) {
                found.push(Finding { kind, start, end, sure: Sure::Likely });
                return;
            }
        }
    }
    // Said by the words before, or by the letters in front.
    if scan.sight.digits < 3 && !scan.sight.equals && !scan.sight.colon {
        return;
    }
    let mut at = 0;
    while let Some((start, end)) = next_token(text, at) {
        at = end;
        let token = text.get(start..end).unwrap_or_default();
        if matches!(token, [b'M' | b'm', ..]) && wanted.has(Kind::MRN) && is_marked_record(token) {
            found.push(Finding { kind: Kind::MRN, start, end, sure: Sure::Likely });
            continue;
        }
        // Inside a longer word, or first: no words say anything of it.
        if !text
            .get(..start)
            .and_then(<[u8]>::last)
            .is_some_and(|before| matches!(before, b' ' | b':' | b'=' | b'"' | b'\'' | b'(' | b'#' | b'[' | b'\n'))
        {
            continue;
        }
        let made = Made::of(token);
        // A date is none of them.
        let could = made.digits > 0 && NUMBERS.into_iter().any(|kind| wanted.has(kind) && made.fits(kind, token)) && !is_date(token);
        let name = wanted.has(Kind::USERNAME)
            && start > 0
            && text.get(..start).is_some_and(|before| {
                before.ends_with(b"=") || before.ends_with(b"\"") || before.ends_with(b": ") || before.ends_with(b"'")
            })
            && made.fits(Kind::USERNAME, token);
        if !could && !name {
            continue;
        }
        let said = said_before(text, start);
        let kinds = said.strong.or(if name { said.weak.and(KindSet::of(&[Kind::USERNAME])) } else { KindSet::NONE }).and(wanted);
        if let Some(kind) = kinds.iter().find(|kind| fits(*kind, token) && (*kind != Kind::USERNAME || name)) {
            let end = if kind == Kind::BANK_ACCOUNT { grouped(text, end) } else { end };
            found.push(Finding { kind, start, end, sure: Sure::Likely });
            at = end;
        }
    }
}

/// Whether a value can be of the kind at all.
pub fn fits(kind: Kind, value: &[u8]) -> bool {
    Made::of(value).fits(kind, value) && (kind == Kind::CVV || kind == Kind::USERNAME || !is_date(value))
}

/// Kinds of numbers.
const NUMBERS: [Kind; 5] = [Kind::PASSPORT, Kind::DRIVER_LICENSE, Kind::CVV, Kind::BANK_ACCOUNT, Kind::MRN];

/// What a value is made of.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    digits: usize,
    letters: usize,
    joints: usize,
    others: usize,
}

impl Made {
    fn of(value: &[u8]) -> Self {
        let mut made = Self::default();
        for byte in value {
            match byte {
                b'0'..=b'9' => made.digits += 1,
                b'a'..=b'z' | b'A'..=b'Z' => made.letters += 1,
                b'-' | b' ' | b'.' | b'/' => made.joints += 1,
                _ => made.others += 1,
            }
        }
        made
    }

    /// A date may still fit.
    fn fits(self, kind: Kind, value: &[u8]) -> bool {
        let Self { digits, letters, joints, others } = self;
        match kind {
            Kind::CVV => matches!(value.len(), 3 | 4) && digits == value.len(),
            Kind::PASSPORT => {
                (6..=14).contains(&value.len())
                    && (digits >= 3 || (digits >= 1 && value.len() >= 8 && !value.iter().any(u8::is_ascii_lowercase)))
                    && others == 0
                    && letters <= 8
                    && joints <= 2
            }
            Kind::DRIVER_LICENSE => (5..=25).contains(&value.len()) && digits >= 3 && others == 0 && joints <= 5,
            Kind::BANK_ACCOUNT => (5..=24).contains(&digits) && letters <= 4 && others == 0,
            Kind::MRN => (4..=20).contains(&value.len()) && digits >= 4 && others == 0 && letters <= 6,
            Kind::USERNAME => {
                (2..=40).contains(&value.len())
                    && letters > 0
                    && value.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"._-+~".contains(byte))
                    && !NO_NAMES.iter().any(|none| value.eq_ignore_ascii_case(none))
            }
            _ => false,
        }
    }
}

/// What stands in the place of a name where there is none.
const NO_NAMES: &[&[u8]] =
    &[b"null", b"none", b"true", b"false", b"undefined", b"unknown", b"anonymous", b"agent", b"id", b"name", b"password", b"email"];

/// `MRN123456`: it says itself what it is.
fn is_marked_record(token: &[u8]) -> bool {
    let Some(rest) = token.get(..3).filter(|mark| mark.eq_ignore_ascii_case(b"mrn")).and(token.get(3..)) else { return false };
    let rest = rest.strip_prefix(b"-").or_else(|| rest.strip_prefix(b":")).or_else(|| rest.strip_prefix(b"#")).unwrap_or(rest);
    (4..=12).contains(&rest.len()) && rest.iter().all(u8::is_ascii_digit)
}

fn is_date(value: &[u8]) -> bool {
    super::date(value, 0).is_some_and(|(_, end)| end == value.len())
}

/// A run of letters, digits and what joins them.
fn next_token(text: &[u8], from: usize) -> Option<(usize, usize)> {
    let start = from + text.get(from..)?.iter().position(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80)?;
    let length = text.get(start..)?.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"-._".contains(byte)));
    let mut end = length.map_or(text.len(), |length| start + length);
    while text.get(..end).and_then(<[u8]>::last).is_some_and(|byte| b"-._".contains(byte)) {
        end -= 1;
    }
    Some((start, end))
}

/// `12 3456 7890`: groups of digits go on.
fn grouped(text: &[u8], mut end: usize) -> usize {
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let [b' ' | b'-', more @ ..] = rest else { return end };
        let digits = more.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(2..=10).contains(&digits)
            || more.get(digits).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b':')
        {
            return end;
        }
        end += 1 + digits;
    }
}

pub fn trimmed(text: &[u8]) -> (usize, usize) {
    let start = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(text.len());
    let end = text.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(start, |last| last + 1);
    (start, end)
}
