//! Payment cards: numbers that issuers have been given, and what a magnetic stripe says.

use super::checks::{luhn, number};

/// How much a number looks like a card's, beside its check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Card {
    /// A range that is in use, with a length it is used with.
    Known,
    /// A range or a length that much else has too.
    Weak,
}

/// First six digits from and to, and lengths: those that cards are issued with today.
const RANGES: &[(u64, u64, &[usize])] = &[
    (220_000, 220_499, &[16, 19]),
    (222_100, 272_099, &[16]),
    (300_000, 305_999, &[14]),
    (309_500, 309_599, &[14]),
    (340_000, 349_999, &[15]),
    (352_800, 358_999, &[16, 19]),
    (360_000, 369_999, &[14]),
    (370_000, 379_999, &[15]),
    (380_000, 399_999, &[14]),
    (400_000, 499_999, &[16, 19]),
    (500_000, 509_999, &[16, 19]),
    (510_000, 559_999, &[16]),
    (560_000, 589_999, &[16, 19]),
    (600_000, 605_999, &[16, 19]),
    (606_000, 609_999, &[16]),
    (620_000, 629_999, &[16, 19]),
    (630_000, 639_999, &[16, 19]),
    (644_000, 659_999, &[16, 19]),
    (670_000, 679_999, &[16, 19]),
    (810_000, 829_999, &[16, 19]),
    (860_000, 860_099, &[16]),
    (979_200, 979_299, &[16]),
    (986_000, 986_099, &[16]),
];

/// The same for numbers that say less: old lengths, ranges of which few are in use.
const WEAK: &[(u64, u64, &[usize])] = &[
    (100_000, 199_999, &[15]),
    (360_000, 369_999, &[15, 16, 17, 18, 19]),
    (220_000, 220_499, &[17, 18]),
    (352_800, 358_999, &[17, 18]),
    (400_000, 499_999, &[13, 18]),
    (500_000, 509_999, &[12, 13, 14, 15, 17, 18]),
    (560_000, 589_999, &[12, 13, 14, 15, 17, 18]),
    (600_000, 699_999, &[12, 13, 14, 15, 16, 17, 18, 19]),
    (810_000, 829_999, &[17, 18]),
];

pub fn card(digits: &[u8]) -> Option<Card> {
    if !(12..=19).contains(&digits.len()) || !luhn(digits) {
        return None;
    }
    let first = number(digits.get(..6)?);
    let among = |ranges: &[(u64, u64, &[usize])]| {
        ranges.iter().any(|(from, to, lengths)| (*from..=*to).contains(&first) && lengths.contains(&digits.len()))
    };
    if among(RANGES) {
        Some(Card::Known)
    } else if among(WEAK) {
        Some(Card::Weak)
    } else {
        None
    }
}

/// Groups that cards are written in.
pub fn is_usual(groups: &[u8]) -> bool {
    match groups {
        [_] | [4, 4, 4, 4] | [4, 4, 4, 4, 1..=3] | [4, 6, 4 | 5] | [4, 4, 4, 1..=3] | [6, 10 | 13] | [4, 4, 5] | [8, 8] => true,
        [first, rest @ ..] => {
            // A digit or two at a time; or thousands.
            let all = |length: u8| rest.iter().all(|group| *group == length);
            rest.len() > 3 && *first <= 3 && (all(*first) || all(3))
        }
        [] => false,
    }
}

/// The longest that a track of a stripe is.
const TRACK: usize = 107;

/// The range of the track that a card's number stands in, if it stands in one: `%B4…^NAME/FIRST^…?` or `;4…=…?`.
pub fn track(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let after = text.get(end..text.len().min(end + TRACK))?;
    let before = text.get(..start)?;
    let close = |length: usize| after.get(length).is_some_and(|byte| *byte == b'?');
    match after.first()? {
        b'^' => {
            let second = 1 + after.get(1..)?.iter().position(|byte| *byte == b'^')?;
            let digits =
                after.get(second + 1..)?.iter().take_while(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'"' | b',')).count();
            let length = second + 1 + digits;
            let opening = if before.ends_with(b"%B") || before.ends_with(b"%b") { 2 } else { usize::from(before.ends_with(b"B")) };
            (digits >= 4).then(|| (start - opening, end + length + usize::from(close(length))))
        }
        b'=' | b'D' | b'd' => {
            let digits = after.get(1..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (digits >= 7).then(|| (start - usize::from(before.ends_with(b";")), end + 1 + digits + usize::from(close(1 + digits))))
        }
        _ => None,
    }
}
