//! Addresses by what they are built of: a word for a street or the end of one, a number of a house, a flat, a postal code, in the orders that
//! countries write them in.

use super::super::{Context, Finding, Scan, Sure};
use super::lexicon::{self, DWELLS, PARTICLE, PLACE, PLAIN, STREET, TITLE, UNIT};
use super::papers::trimmed;
use super::word::{Case, Word, Words};
use crate::mask::kind::Kind;
use crate::mask::names::{Spoken, said_before};
use crate::mask::words::Fold;

/// How much a text looks like an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    None,
    /// A name and a number, or the name of a street without one.
    Fair,
    /// A street and a number, or a number with what stands in addresses alone.
    Strong,
}

/// The longest address that is taken for one.
const LONGEST: usize = 220;

/// A text as one address.
pub fn likeness(text: &[u8]) -> Likeness {
    let (start, end) = trimmed(text);
    let text = text.get(start..end).unwrap_or_default();
    if text.len() < 5 || text.len() > LONGEST || memchr::memchr3(b'@', b'{', b'=', text).is_some() {
        return Likeness::None;
    }
    let mut parts = Parts::default();
    let mut before: Option<Word> = None;
    for word in Words::of(text, 0) {
        let gap = before.map_or(b"".as_slice(), |before| text.get(before.end..word.start).unwrap_or_default());
        if gap.iter().any(|byte| matches!(byte, b'_' | b'|' | b'<' | b'>' | b'$' | b'*')) || gap.len() > 4 {
            return Likeness::None;
        }
        parts.take(text, &word);
        before = Some(word);
    }
    parts.likeness()
}

#[derive(Debug, Default)]
struct Parts {
    streets: usize,
    numbers: usize,
    units: usize,
    codes: usize,
    names: usize,
    others: usize,
    words: usize,
    han: usize,
}

impl Parts {
    fn take(&mut self, text: &[u8], word: &Word) {
        let bytes = word.bytes(text);
        self.words += 1;
        if word.is_number() {
            let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
            if is_postal(text, word) {
                self.codes += 1;
            }
            if digits <= 5 && bytes.len() <= 6 {
                self.numbers += 1;
            } else {
                self.others += usize::from(digits > 5 && bytes.len() > 8);
            }
            return;
        }
        let bits = word.bits(text);
        if word.case == Case::None {
            self.han += usize::from(is_dense_address(bytes));
            if bits & (STREET | UNIT) != 0 {
                self.streets += 1;
            } else {
                self.names += 1;
            }
            return;
        }
        if bits & STREET != 0 || ends_like_street(bytes) {
            self.streets += 1;
            self.names += usize::from(word.case == Case::Title && word.letters > 5);
        } else if bits & UNIT != 0 {
            self.units += 1;
        } else if word.is_capital() {
            self.names += 1;
            self.others += usize::from(bits & PLAIN != 0 && bits & PLACE == 0);
        } else if bits & PARTICLE == 0 {
            self.others += 1;
        }
    }

    fn likeness(&self) -> Likeness {
        let Self { streets, numbers, units, codes, names, others, words, han } = *self;
        if words < 2 && han == 0 || words > 24 || others > 1 + names / 3 {
            return Likeness::None;
        }
        if (streets > 0 && numbers > 0 && (names > 0 || words > 2))
            || han > 0
            || (units > 0 && numbers > 1 && names > 0)
            || (codes > 0 && numbers > 1 && names > 1)
        {
            Likeness::Strong
        } else if (streets > 0 && names > 0) || (numbers > 0 && names > 1 && others == 0) || (units > 0 && numbers > 0) {
            Likeness::Fair
        } else {
            Likeness::None
        }
    }
}

/// Words that streets end in where a language writes them together.
const ENDINGS: &[&str] = &[
    "strasse",
    "straße",
    "str",
    "weg",
    "platz",
    "gasse",
    "allee",
    "ring",
    "damm",
    "ufer",
    "steig",
    "stieg",
    "chaussee",
    "promenade",
    "straat",
    "laan",
    "plein",
    "gracht",
    "kade",
    "dijk",
    "singel",
    "steeg",
    "dreef",
    "baan",
    "gatan",
    "vägen",
    "vagen",
    "gränd",
    "torget",
    "gata",
    "veien",
    "vegen",
    "vej",
    "vejen",
    "gade",
    "gaden",
    "katu",
    "tie",
    "kuja",
    "polku",
    "tänav",
];

fn ends_like_street(word: &[u8]) -> bool {
    word.len() > 5
        && word.first().is_some_and(|byte| byte.is_ascii_uppercase() || *byte >= 0x80)
        && ENDINGS.iter().any(|ending| word.len() > ending.len() + 2 && (ending.len() > 3 || word.len() > 6) && tail_is(word, ending))
        && !tail_is(word, "string")
        && lexicon::get(word) & PLAIN == 0
}

fn tail_is(word: &[u8], ending: &str) -> bool {
    word.len().checked_sub(ending.len()).and_then(|from| word.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
}

/// `12345`, `12345-678`, `SW1A 1AA`, `K1A 0B1`, `1234 AB`: a number that is the code of a place.
fn is_postal(text: &[u8], word: &Word) -> bool {
    let bytes = word.bytes(text);
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = bytes.len() - digits;
    if letters == 0 {
        let dashed = text.get(word.end..).is_some_and(|rest| matches!(rest, [b'-', digit, ..] if digit.is_ascii_digit()));
        return matches!(digits, 5 | 6 | 8) || (digits == 4 && word.start > 6) || (matches!(digits, 2 | 4) && dashed);
    }
    bytes.len() <= 4 && bytes.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Streets, wards and numbers of houses as Chinese, Japanese and Korean write them.
fn is_dense_address(word: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(word) else { return false };
    let marks = text.chars().filter(|letter| "省市区區路街道号號巷弄丁番地県都府町村郡시도구동로길번읍면".contains(*letter)).count();
    text.chars().count() >= 4 && marks >= 2
}

pub fn find(scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    if !context.wanted.has(Kind::ADDRESS) || (scan.sight.upper == 0 && !scan.sight.high && scan.sight.digits == 0) {
        return;
    }
    let text = scan.text;
    let expected = context.expected.has(Kind::ADDRESS);
    let (start, end) = trimmed(text);
    if expected || spoken.weak.has(Kind::ADDRESS) {
        let named = spoken.strong.has(Kind::ADDRESS);
        let like = likeness(text);
        if like >= Likeness::Fair
            || (named
                && text.len() <= LONGEST
                && end > start + 2
                && !scan.sight.at_sign
                && Words::of(text, 0).any(|word| word.is_capital() || word.is_number() || word.case == Case::None))
        {
            found.push(Finding { kind: Kind::ADDRESS, start, end, sure: Sure::Likely });
            return;
        }
    }
    let sight = &scan.sight;
    if end - start < 9 || sight.digits == 0 || !(sight.lower || sight.upper > 0 || sight.high) {
        return;
    }
    if sight.upper > 0 && likeness(text) == Likeness::Strong && !starts_with_title(text) {
        // Alone it may be one; a column of such is one.
        found.push(Finding { kind: Kind::ADDRESS, start, end, sure: if alone(text) { Sure::Likely } else { Sure::Maybe } });
    }
    running(text, found);
}

/// `Dr. Martens 1460`: that is a doctor, not a drive.
fn starts_with_title(text: &[u8]) -> bool {
    Words::of(text, 0).next().is_some_and(|word| lexicon::get(word.bytes(text)) & TITLE != 0)
}

/// The whole is an address beyond doubt: a street with its number, and more behind a comma or on another line.
fn alone(text: &[u8]) -> bool {
    let (mut streets, mut numbers, mut codes, mut first_number, mut count) = (0, 0, 0, false, 0);
    for word in Words::of(text, 0) {
        if word.is_number() {
            numbers += 1;
            first_number |= count == 0;
            codes += usize::from(is_postal(text, &word));
        } else if lexicon::get(word.bytes(text)) & STREET != 0 || ends_like_street(word.bytes(text)) {
            streets += 1;
        }
        count += 1;
    }
    streets > 0 && (first_number || codes > 0) && numbers > 0 && count >= 3 && (codes > 0 || count <= 5)
}

/// Addresses in a running text: behind words that say that one follows.
fn running(text: &[u8], found: &mut Vec<Finding>) {
    let mut before: Option<Word> = None;
    let mut until = 0;
    for word in Words::of(text, 0) {
        let was = before.replace(word);
        let Some(was) = was.filter(|_| word.start >= until) else { continue };
        let gap = text.get(was.end..word.start).unwrap_or_default();
        if gap.len() > 3
            || !gap.iter().any(|byte| matches!(byte, b' ' | b':' | b'=' | b'\n'))
            || gap.iter().any(|byte| matches!(byte, b'.' | b';' | b'|'))
        {
            continue;
        }
        if !(word.is_capital() || word.is_number() || word.case == Case::None || lexicon::get(word.bytes(text)) & STREET != 0) {
            continue;
        }
        let dwells = || {
            let of_two = || {
                let earlier = Words::of(text, was.start.saturating_sub(24)).take_while(|earlier| earlier.start < was.start).last();
                earlier.is_some_and(|earlier| lexicon::get_folded(was.fold(earlier.fold(Fold::NEW, text), text)) & DWELLS != 0)
            };
            lexicon::get(was.bytes(text)) & DWELLS != 0 || of_two()
        };
        let says = lexicon::may_dwell(was.bytes(text)) && dwells() || said_before(text, word.start).strong.has(Kind::ADDRESS);
        if !says {
            continue;
        }
        let end = extent(text, word.start);
        let candidate = text.get(word.start..end).unwrap_or_default();
        if likeness(candidate) >= Likeness::Fair || (candidate.len() > 8 && candidate.iter().any(u8::is_ascii_digit)) {
            found.push(Finding { kind: Kind::ADDRESS, start: word.start, end, sure: Sure::Certain });
            until = end;
        }
    }
}

/// How far an address goes that begins at `start`.
fn extent(text: &[u8], start: usize) -> usize {
    let mut end = start;
    for word in Words::of(text, start) {
        if word.start > start + LONGEST {
            break;
        }
        if word.start > start {
            let gap = text.get(end..word.start).unwrap_or_default();
            let joined = match gap {
                b". " | b"." => text.get(start..end).is_some_and(is_abbreviated),
                _ => {
                    gap.len() <= 5
                        && gap.iter().all(|byte| matches!(byte, b' ' | b',' | b'\n' | b'\r' | b'-' | b'/' | b'.' | b'#' | b'\'' | 0x80..))
                }
            };
            if !joined {
                break;
            }
        }
        let bits = lexicon::get(word.bytes(text));
        if word.case == Case::Lower && bits & (PARTICLE | STREET | UNIT) == 0 && word.letters > 2 {
            break;
        }
        end = word.end;
    }
    // A particle at the end is of the sentence.
    let trailing = Words::of(text, start).take_while(|word| word.end <= end).last();
    match trailing {
        Some(last) if last.case == Case::Lower && last.start > start => {
            text.get(..last.start).map_or(end, |head| head.trim_ascii_end().len())
        }
        _ => end,
    }
}

/// The last word is short: what follows its point goes on.
fn is_abbreviated(head: &[u8]) -> bool {
    let last = head.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte >= 0x80).count();
    let word = head.get(head.len() - last..).unwrap_or_default();
    (last <= 4 || tail_is(word, "str")) && !word.iter().any(u8::is_ascii_digit)
}
