//! Dates of birth: dates as people and servers write them, where something says that it is the day on which somebody was born.

use std::sync::LazyLock;

use super::super::{Context, Finding, Scan, Sure};
use crate::mask::kind::Kind;
use crate::mask::names::said_before;
use crate::mask::words::Words;

/// Nobody who lives was born before, and few of those that are on record.
const OLDEST: u32 = 1880;
const NEWEST: u32 = 2035;

/// The date that begins at `at`: its year, and where it ends. A time of day behind it does not belong to it.
pub fn date(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let bytes = text.get(at..)?;
    let number = |from: usize, most: usize| -> Option<(u32, usize)> {
        let digits = bytes.get(from..)?.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
        (digits > 0).then_some(())?;
        let value = bytes.get(from..from + digits)?.iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
        Some((value, from + digits))
    };
    let separator = |place: usize| bytes.get(place).copied().filter(|byte| matches!(byte, b'-' | b'/' | b'.' | b' '));
    let (first, end) = number(0, 4)?;
    let whole = |end: usize| !bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if end == 4 {
        if !(OLDEST..=NEWEST).contains(&first) {
            return None;
        }
        if bytes.get(4..8).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)) {
            // 19800131
            let (month, _) = number(4, 2)?;
            let (day, end) = number(6, 2)?;
            return (is_day(month, day) && whole(end)).then_some((first, at + end));
        }
        let joint = separator(4)?;
        let (month, end) = month(bytes, 5).or_else(|| number(5, 2))?;
        if separator(end) != Some(joint) {
            return None;
        }
        let (day, end) = number(end + 1, 2)?;
        let time = bytes.get(end) == Some(&b'T') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        return (is_day(month, day) && (time || whole(end))).then_some((first, at + end));
    }
    if end > 2 {
        return None;
    }
    // 31.01.1980, 01/31/1980, 31-Jan-1980, 31 January 1980
    let mut place = end;
    while bytes.get(place).is_some_and(|byte| matches!(byte, b'.' | b'-' | b'/' | b' ')) && place < end + 2 {
        place += 1;
    }
    if place == end {
        return None;
    }
    let (second, end, named) = match month(bytes, place) {
        Some((month, end)) => (month, end, true),
        None => number(place, 2).map(|(number, end)| (number, end, false))?,
    };
    let mut place = end;
    while bytes.get(place).is_some_and(|byte| matches!(byte, b'.' | b'-' | b'/' | b' ' | b',')) && place < end + 2 {
        place += 1;
    }
    if place == end {
        return None;
    }
    let (year, end) = number(place, 4)?;
    let year = match end - place {
        4 => year,
        2 if year > 35 => 1900 + year,
        2 => 2000 + year,
        _ => return None,
    };
    let possible = if named { is_day(second, first) } else { is_day(second, first) || is_day(first, second) };
    (possible && (OLDEST..=NEWEST).contains(&year) && whole(end)).then_some((year, at + end))
}

fn is_day(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

/// A month by its name, at a place.
fn month(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = bytes.get(at..)?;
    if !rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80) {
        return None;
    }
    let length = rest.iter().take(14).take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
    let word = rest.get(..length)?;
    Some(KNOWN.find(word)).filter(|month| *month > 0).map(|month| (month, at + length))
}

/// Months by their names, counted from one.
static KNOWN: LazyLock<Words> =
    LazyLock::new(|| Words::of((1..).zip(MONTHS).flat_map(|(month, names)| names.iter().map(move |name| (*name, month)))));

const MONTHS: [&[&str]; 12] = [
    &["jan", "january", "januar", "janvier", "enero", "janeiro", "gennaio", "januari", "stycznia", "ocak", "ene"],
    &["feb", "february", "februar", "fevrier", "febrero", "fevereiro", "febbraio", "februari", "lutego", "subat", "fev"],
    &["mar", "march", "marz", "mars", "marzo", "marco", "maart", "marca", "mart", "maret"],
    &["apr", "april", "avril", "abril", "aprile", "kwietnia", "nisan", "abr", "avr"],
    &["may", "mai", "mayo", "maio", "maggio", "mei", "maja", "mayis", "maj"],
    &["jun", "june", "juni", "juin", "junio", "junho", "giugno", "czerwca", "haziran"],
    &["jul", "july", "juli", "juillet", "julio", "julho", "luglio", "lipca", "temmuz"],
    &["aug", "august", "aout", "agosto", "augustus", "sierpnia", "agustos", "augusti", "ago", "agustus"],
    &["sep", "sept", "september", "septembre", "septiembre", "setembro", "settembre", "wrzesnia", "eylul", "set"],
    &["oct", "october", "oktober", "octobre", "octubre", "outubro", "ottobre", "pazdziernika", "ekim", "okt", "out"],
    &["nov", "november", "novembre", "noviembre", "novembro", "listopada", "kasim", "nopember"],
    &["dec", "december", "dezember", "decembre", "diciembre", "dezembro", "dicembre", "grudnia", "aralik", "dez", "dic", "desember"],
];

/// A date on which somebody who is on record may have been born.
pub fn is_birth_date(year: u32) -> bool {
    (1900..=2022).contains(&year)
}

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    if scan.sight.digits < 4 || !context.wanted.has(Kind::DOB) {
        return;
    }
    let expected = context.expected.has(Kind::DOB);
    let text = scan.text;
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|place| at + place) {
        let inside = start > 0
            && text.get(start - 1).is_some_and(|byte| {
                byte.is_ascii_alphanumeric()
                    || matches!(byte, b'.' | b'-' | b'/') && start > 1 && text.get(start - 2).is_some_and(u8::is_ascii_digit)
            });
        match date(text, start).filter(|_| !inside) {
            Some((year, end)) => {
                if is_birth_date(year) {
                    if expected {
                        found.push(Finding { kind: Kind::DOB, start, end, sure: Sure::Likely });
                    } else if said_before(text, start).strong.has(Kind::DOB) {
                        found.push(Finding { kind: Kind::DOB, start, end, sure: Sure::Certain });
                    }
                }
                at = end;
            }
            None => at = start + text.get(start..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count(),
        }
    }
    // May 4, 1980
    if expected && scan.sight.upper > 0 {
        let (start, end) = super::papers::trimmed(text);
        if let Some((_, place)) = month(text, start)
            && end - start <= 20
            && text.get(place..end).is_some_and(|rest| rest.iter().filter(|byte| byte.is_ascii_digit()).count() >= 5)
        {
            found.push(Finding { kind: Kind::DOB, start, end, sure: Sure::Likely });
        }
    }
}
