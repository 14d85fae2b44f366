//! Numbers of telephones: with a country's code in front, or as one writes them at home. A country's code and how long its numbers are tell
//! the first; for the others the groups must be those that some country writes, or something around must speak for it.

use super::numbers::{Edge, after_of, before_of};
use super::{Context, Finding, Scan, Sure, said_before};
use crate::mask::Kind;

/// Digits of the shortest number that is looked for, and of the longest there is (ITU-T E.164) with a way out of the country in front.
const FEWEST: usize = 7;
const MOST: usize = 17;
const GROUPS: usize = 9;
/// Digits after `ext.`
const EXTENSION: usize = 6;

/// Codes of one and two digits, and how long the numbers after them are.
const COUNTRIES: &[(u16, usize, usize)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 10),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 12),
    (40, 9, 9),
    (41, 9, 9),
    (43, 5, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 10),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 13),
    (51, 8, 9),
    (52, 10, 11),
    (53, 6, 8),
    (54, 10, 11),
    (55, 10, 11),
    (56, 8, 9),
    (57, 8, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 7, 12),
    (63, 8, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 11),
    (84, 9, 10),
    (86, 9, 12),
    (90, 10, 10),
    (91, 10, 10),
    (92, 9, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
];

/// Codes of three digits, from and to.
const FURTHER: &[(u16, u16)] = &[
    (211, 213),
    (216, 216),
    (218, 218),
    (220, 258),
    (260, 269),
    (290, 291),
    (297, 299),
    (350, 359),
    (370, 378),
    (380, 383),
    (385, 387),
    (389, 389),
    (420, 421),
    (423, 423),
    (500, 509),
    (590, 599),
    (670, 670),
    (672, 683),
    (685, 692),
    (800, 800),
    (808, 808),
    (850, 850),
    (852, 853),
    (855, 856),
    (870, 870),
    (878, 878),
    (880, 883),
    (886, 886),
    (888, 888),
    (960, 968),
    (970, 977),
    (979, 979),
    (992, 996),
    (998, 998),
];

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    if scan.sight.digits < FEWEST || !context.wanted.has(Kind::PHONE) {
        return;
    }
    let text = scan.text;
    let mut at = 0;
    while let Some(skipped) =
        text.get(at..).and_then(|rest| rest.iter().position(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'(')))
    {
        at += skipped;
        let Some(written) = Written::read(text, at) else {
            // Past the sign, or past the digits that are too many.
            at += 1 + text.get(at + 1..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
            continue;
        };
        match written.judge(text, context) {
            Some((sure, groups)) => {
                let (end, sure) = match extension(text, written.end(groups)) {
                    Some(end) => (end, Sure::Certain),
                    None => (written.end(groups), sure),
                };
                found.push(Finding { kind: Kind::PHONE, start: at, end, sure });
                at = end;
            }
            None => at = written.end(written.count).max(at + 1),
        }
    }
}

/// Digits in groups, as they are written.
struct Written {
    start: usize,
    digits: [u8; MOST],
    total: usize,
    lengths: [usize; GROUPS],
    ends: [usize; GROUPS],
    /// What stands after each group: the one sign that is not a space, or a space; a bracket where there is one.
    signs: [u8; GROUPS],
    count: usize,
    plus: bool,
    bracket: bool,
    /// More digits follow than there is room for.
    goes_on: bool,
}

impl Written {
    fn read(text: &[u8], start: usize) -> Option<Self> {
        let mut written = Self {
            start,
            digits: [0; MOST],
            total: 0,
            lengths: [0; GROUPS],
            ends: [0; GROUPS],
            signs: [0; GROUPS],
            count: 0,
            plus: text.get(start) == Some(&b'+'),
            bracket: false,
            goes_on: false,
        };
        let mut at = start + usize::from(written.plus);
        if text.get(at) == Some(&b'(') {
            written.bracket = true;
            at += 1;
            if text.get(at) == Some(&b'+') {
                written.plus = true;
                at += 1;
            }
        } else if written.plus && text.get(at) == Some(&b' ') {
            at += 1;
        }
        loop {
            let rest = text.get(at..)?;
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let slots = written.digits.get_mut(written.total..written.total + length);
            let (Some(slots), true) = (slots, written.count < GROUPS && length > 0) else {
                written.goes_on = length > 0;
                break;
            };
            for (slot, byte) in slots.iter_mut().zip(rest) {
                *slot = byte - b'0';
            }
            at += length;
            written.total += length;
            let (sign, skipped) = sign(text.get(at..).unwrap_or_default());
            if let (Some(known), Some(end), Some(after)) =
                (written.lengths.get_mut(written.count), written.ends.get_mut(written.count), written.signs.get_mut(written.count))
            {
                (*known, *end, *after) = (length, at, sign);
            }
            written.count += 1;
            if skipped == 0 {
                break;
            }
            at += skipped;
        }
        // A bracket that opens in front closes after the first group.
        let closed = !written.bracket || written.signs.first() == Some(&b')');
        (closed && written.count > 0 && written.total >= FEWEST).then_some(written)
    }

    fn end(&self, groups: usize) -> usize {
        groups.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(self.start)
    }

    /// How sure it is that a number begins here, and of how many of the groups. As many as can be.
    fn judge(&self, text: &[u8], context: &Context<'_>) -> Option<(Sure, usize)> {
        let before = before_of(text, self.start);
        if self.plus && self.start.checked_sub(1).and_then(|place| text.get(place)).is_some_and(u8::is_ascii_digit) {
            return None;
        }
        let mut said = None;
        let mut speaks =
            || *said.get_or_insert_with(|| context.expected.has(Kind::PHONE) || said_before(text, self.start).has(Kind::PHONE));
        let back = |steps: usize| self.start.checked_sub(steps).and_then(|place| text.get(place)).copied();
        // `Tel.030` is a word and its number; a number that hangs on something else is a part of it, and so is one of a time of day.
        let hangs = !self.plus && before != Edge::Open || back(1) == Some(b':') && back(2).is_some_and(|byte| byte.is_ascii_digit());
        if hangs && !(back(1) == Some(b'.') && said_before(text, self.start).has(Kind::PHONE)) {
            return None;
        }
        for groups in (1..=self.count).rev() {
            let last = groups == self.count;
            let sign = self.signs.get(groups - 1).copied().unwrap_or(0);
            let whole = if last { !self.goes_on && after_of(text, self.end(groups)) != Edge::Joined } else { sign == b' ' };
            if !whole || last && after_of(text, self.end(groups)) == Edge::Letter && extension(text, self.end(groups)).is_none() {
                continue;
            }
            let lengths = self.lengths.get(..groups)?;
            let total = lengths.iter().sum();
            let digits = self.digits.get(..total)?;
            if total < FEWEST || is_date(lengths, digits) {
                continue;
            }
            let signs = self.signs.get(..groups - 1)?;
            let sure = if self.plus { international(digits) } else { self.national(digits, lengths, signs) };
            match sure {
                Some(Sure::Maybe) if speaks() => return Some((Sure::Likely, groups)),
                Some(Sure::Maybe) if extension(text, self.end(groups)).is_some() => return Some((Sure::Certain, groups)),
                Some(Sure::Maybe) | None => {}
                Some(sure) => return Some((sure, groups)),
            }
        }
        None
    }

    /// Without a plus. `Maybe` is all that has as many digits as a number could.
    fn national(&self, digits: &[u8], lengths: &[usize], signs: &[u8]) -> Option<Sure> {
        let (first, second) = (digits.first().copied()?, digits.get(1).copied()?);
        let total = digits.len();
        let signed = |sign: u8| signs.iter().all(|known| *known == sign);
        let uniform = signs.first().is_none_or(|sign| signed(*sign));
        let likely = match lengths {
            // The way out of the country.
            [2..=15, _, ..] if digits.starts_with(&[0, 0]) && digits.get(2..).is_some_and(|rest| international(rest).is_some()) => true,
            // North America, its code in front perhaps.
            [3, 3, 4] => is_nanp(digits) && signs.iter().all(|sign| matches!(sign, b' ' | b'-' | b'.' | b')')),
            [1, 3, 3, 4] => first == 1 && digits.get(1..).is_some_and(is_nanp),
            // Brackets around an area; a zero in front of one.
            [2..=5, 2..=8] | [2..=5, 2..=5, 2..=5] | [2..=5, 2..=4, 2..=4, 2..=4] if self.bracket => (8..=12).contains(&total),
            [2..=6, 2..=8, ..] if first == 0 && second != 0 => {
                let kinds = signs.iter().filter(|sign| Some(*sign) != signs.first()).count();
                (9..=12).contains(&total)
                    && kinds <= 3
                    && lengths.iter().skip(1).all(|length| (2..=8).contains(length))
                    && !signed(b'.') | (lengths.len() > 2)
            }
            // Brazil, an area without brackets.
            [2, 4 | 5, 4] => signs == [b' ', b'-'] && first != 0 && second != 0,
            // Spain.
            [3, 2, 2, 2] => matches!(first, 6..=9) && uniform,
            // China's mobiles, India's.
            [3, 4, 4] => first == 1 && second >= 3 && uniform,
            [5, 5] => first >= 6 && (signed(b' ') || signed(b'-')),
            // Russia, from within.
            [1, 3, 3, 2, 2] => matches!(first, 7 | 8) && matches!(second, 3 | 4 | 8 | 9),
            _ => false,
        };
        if likely {
            return Some(if self.bracket || lengths.len() > 2 { Sure::Certain } else { Sure::Likely });
        }
        // Two groups with a point between them are an amount.
        let amount = lengths.len() == 2 && signed(b'.');
        ((FEWEST..=15).contains(&total) && lengths.len() <= 6 && !amount).then_some(Sure::Maybe)
    }
}

/// What stands between two groups: the sign, and how many bytes; none where no group follows.
fn sign(rest: &[u8]) -> (u8, usize) {
    let length = rest.iter().take_while(|byte| matches!(byte, b' ' | b'-' | b'.' | b'/' | b'(' | b')')).count();
    let between = rest.get(..length).unwrap_or_default();
    let fits = matches!(
        between,
        [_] | [b')' | b' ', _] | [b'-' | b'.', b'(' | b' '] | [b' ', b'-' | b'/' | b'.', b' '] | [b')', b' ', b'-' | b'(']
    );
    if !fits || !rest.get(length).is_some_and(u8::is_ascii_digit) {
        return (0, 0);
    }
    let told = between.iter().find(|byte| matches!(byte, b'(' | b')')).or_else(|| between.iter().find(|byte| **byte != b' '));
    (told.copied().unwrap_or(b' '), length)
}

/// A country's code, and as many digits as its numbers have. A zero that one dials at home may stand between them: `+49 (0)30`.
fn international(digits: &[u8]) -> Option<Sure> {
    let value = |length: usize| digits.get(..length).map(|code| code.iter().fold(0_u16, |code, digit| code * 10 + u16::from(*digit)));
    for length in 1..=2 {
        let code = value(length)?;
        if let Some((_, least, most)) = COUNTRIES.iter().find(|(known, ..)| *known == code) {
            let rest = digits.get(length..)?;
            let rest = if rest.first() == Some(&0) && code != 39 { rest.get(1..)? } else { rest };
            let fits = (*least..=*most).contains(&rest.len()) && (code != 1 || is_nanp(rest));
            return fits.then_some(Sure::Certain);
        }
    }
    let code = value(3)?;
    let fits = FURTHER.iter().any(|(from, to)| (*from..=*to).contains(&code)) && (6..=11).contains(&(digits.len() - 3));
    fits.then_some(Sure::Certain)
}

/// Area and exchange begin with 2 to 9; no area has a 9 in its middle, none ends in 11.
fn is_nanp(digits: &[u8]) -> bool {
    matches!(digits, [2..=9, b, c, 2..=9, ..] if *b != 9 && (*b, *c) != (1, 1)) && digits.len() == 10
}

fn is_date(lengths: &[usize], digits: &[u8]) -> bool {
    let two =
        |place: usize| digits.get(place..place + 2).map_or(0, |pair| pair.iter().fold(0, |value, digit| value * 10 + u32::from(*digit)));
    let century = |place: usize| matches!(two(place), 18..=21);
    match lengths {
        [4, 2, 2, ..] => century(0) && (1..=12).contains(&two(4)) && (1..=31).contains(&two(6)),
        [2, 2, 4, ..] => century(4) && (1..=31).contains(&two(0)) && (1..=31).contains(&two(2)),
        [8, ..] => century(0) && (1..=12).contains(&two(4)) && (1..=31).contains(&two(6)),
        _ => false,
    }
}

/// Where an extension after a number ends: ` ext. 123`, `x123`, ` #12`.
fn extension(text: &[u8], end: usize) -> Option<usize> {
    const WORDS: &[&[u8]] =
        &[b"extension", b"extn", b"ext", b"durchwahl", b"dw", b"poste", b"ramal", b"interno", b"int", b"anexo", b"toestel", b"x", b"#"];
    let rest = text.get(end..)?;
    let skip = |rest: &[u8], signs: &[u8]| rest.iter().take(3).take_while(|byte| signs.contains(byte)).count();
    let spaces = skip(rest, b" ,;");
    let word = rest.get(spaces..)?;
    let known = WORDS.iter().find(|known| word.get(..known.len()).is_some_and(|start| start.eq_ignore_ascii_case(known)))?;
    let after = word.get(known.len()..)?;
    let signs = skip(after, b" .:#");
    let digits = after.get(signs..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let end = end + spaces + known.len() + signs + digits;
    ((1..=EXTENSION).contains(&digits) && !text.get(end).is_some_and(u8::is_ascii_alphanumeric)).then_some(end)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

    use super::*;
    use crate::mask::KindSet;
    use crate::mask::detect::Sight;

    fn found(text: &str, expected: KindSet) -> Vec<(&str, Sure)> {
        let mut found = Vec::new();
        let scan = Scan { text: text.as_bytes(), sight: Sight::of(text.as_bytes()) };
        find(&scan, &Context { expected, ..Context::NONE }, &mut found);
        found.iter().map(|finding| (&text[finding.start..finding.end], finding.sure)).collect()
    }

    #[test]
    fn what_is_a_number_by_itself_is_found_and_what_is_not_is_left() {
        let cases = include_str!("../../../fixtures/mask/phone.txt");
        for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (verdict, text) = line.split_once(' ').unwrap();
            let whole = found(text, KindSet::NONE).iter().any(|(part, _)| *part == text);
            let any = !found(text, KindSet::NONE).is_empty();
            let column = found(text, KindSet::of(&[Kind::PHONE])).iter().any(|(part, _)| *part == text);
            match verdict {
                "yes" => assert!(whole, "{text}: {:?}", found(text, KindSet::NONE)),
                "no" => assert!(!any, "{text}: {:?}", found(text, KindSet::NONE)),
                "column" => assert!(!any && column, "{text}"),
                _ => panic!("{line}"),
            }
        }
    }

    #[test]
    fn words_before_speak_for_it() {
        for (text, number) in [
            ("Tel. 555-1234", "555-1234"),
            ("call me at 5551234", "5551234"),
            ("Handy: 15112345678", "15112345678"),
            ("mobile 612 345 678, home", "612 345 678"),
            ("Tel.030 123456", "030 123456"),
        ] {
            assert!(found(text, KindSet::NONE).iter().any(|(part, _)| *part == number), "{text}: {:?}", found(text, KindSet::NONE));
        }
    }
}
