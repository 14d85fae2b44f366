//! Names of persons. A whole value is judged as one name; in a text, words in capitals that stand together are, with the words before and after
//! them. What is no name in any of its words (`Paul Smith Scarf`) is none as a whole.

use super::super::{Context, Finding, Scan, Sure};
use super::lexicon::{self, BRAND, Bits, CUE, DOES, FIRST, LAST, PARTICLE, PLACE, PLAIN, STREET, SURNAME, TITLE};
use super::papers::trimmed;
use super::word::{Case, Word, Words};
use crate::mask::kind::Kind;
use crate::mask::names::Spoken;
use crate::mask::words::{Fold, letter};

/// How much a text looks like the name of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It is none.
    None,
    /// It has the form of one, and no word of it is known.
    Form,
    /// One word, which is a family name.
    Last,
    /// One word, which is a first name.
    First,
    /// Several words, some of which are names and none is anything else.
    Fair,
    /// A first name and a family name.
    Strong,
}

/// Words that a name has at most, particles included.
const LONGEST: usize = 8;

/// A text as one name.
pub fn likeness(text: &[u8]) -> Likeness {
    let (start, end) = trimmed(text);
    let text = text.get(start..end).unwrap_or_default();
    if text.len() < 2 || text.len() > 80 {
        return Likeness::None;
    }
    let mut run = Run::EMPTY;
    let mut at = 0;
    for word in Words::of(text, 0) {
        let gap = text.get(at..word.start).unwrap_or_default();
        let joined = match gap {
            b"" => at == 0,
            b" " | b". " | b"." | b"  " | b"\xc2\xa0" | b"\xe3\x80\x80" | b"\xe2\x80\x8c" => true,
            b", " | b"," => run.invert(),
            b" (" | b" \"" | b" '" => true,
            _ => false,
        };
        if !joined || word.is_number() || !run.push(word, word.bits(text)) {
            return Likeness::None;
        }
        at = word.end;
    }
    let rest = text.get(at..).unwrap_or_default();
    if !matches!(rest, b"" | b"." | b")" | b"\"" | b"'") {
        return Likeness::None;
    }
    run.likeness(text, true)
}

/// Words that stand together.
#[derive(Debug, Clone, Copy)]
struct Run {
    words: [(Word, Bits); LONGEST],
    count: usize,
    /// After how many words a comma stands: `Last, First`.
    comma: usize,
}

impl Run {
    const EMPTY: Self =
        Self { words: [(Word { start: 0, end: 0, case: Case::Lower, letters: 0, last_part: 0 }, 0); LONGEST], count: 0, comma: 0 };

    fn push(&mut self, word: Word, bits: Bits) -> bool {
        let Some(slot) = self.words.get_mut(self.count) else { return false };
        *slot = (word, bits);
        self.count += 1;
        true
    }

    fn invert(&mut self) -> bool {
        let first = self.comma == 0 && self.count > 0;
        self.comma = self.count;
        first
    }

    fn words(&self) -> &[(Word, Bits)] {
        self.words.get(..self.count).unwrap_or_default()
    }

    /// `alone`: the words are all there is.
    fn likeness(&self, text: &[u8], alone: bool) -> Likeness {
        let mut names = self.words();
        // Titles in front.
        while let [(word, bits), rest @ ..] = names {
            if bits & TITLE == 0 || bits & (FIRST | LAST) != 0 || word.letters < 2 {
                break;
            }
            names = rest;
        }
        // `Jr`, `PhD` behind.
        while let [rest @ .., (word, _)] = names {
            if !is_suffix(word.bytes(text)) || rest.is_empty() {
                break;
            }
            names = rest;
        }
        let titled = names.len() < self.words().len() && self.words().first().is_some_and(|(_, bits)| bits & TITLE != 0);
        let (Some((first, first_bits)), Some((last, last_bits))) = (names.first(), names.last()) else { return Likeness::None };
        let is_particle =
            |word: &Word, bits: Bits| bits & PARTICLE != 0 && (word.case == Case::Lower || word.letters <= 3 && bits & (FIRST | LAST) == 0);
        let weighty = || names.iter().filter(|(word, bits)| !is_particle(word, *bits) && (word.letters > 1 || word.case == Case::None));
        let lower = weighty().any(|(word, _)| word.case == Case::Lower);
        let count = weighty().count();
        let initials = names.iter().filter(|(word, _)| word.letters == 1).count();
        if first.case == Case::None {
            return dense(text, names);
        }
        let is_plain = |word: &Word, bits: Bits| bits & PLAIN != 0 && (bits & (FIRST | LAST) == 0 || word.case == Case::Lower);
        if weighty().any(|(word, bits)| is_plain(word, *bits)) || count == 0 || count > 5 || is_brand(text, self.words()) {
            return Likeness::None;
        }
        let first_name = |word: &Word, bits: Bits| bits & FIRST != 0 || is_first(word.bytes(text));
        let last_name = |word: &Word, bits: Bits| bits & LAST != 0 || is_last(word.bytes(text), word.letters);
        let known = weighty().filter(|(word, bits)| first_name(word, *bits) || last_name(word, *bits)).count();
        if lower && (!alone || known < count) {
            return Likeness::None;
        }
        if count == 1 && initials == 0 {
            let (word, bits) = match weighty().next() {
                Some(only) => *only,
                None => return Likeness::None,
            };
            return if titled && known == 1 {
                Likeness::Fair
            } else if first_name(&word, bits) {
                Likeness::First
            } else if last_name(&word, bits) {
                Likeness::Last
            } else if word.case == Case::Title {
                Likeness::Form
            } else {
                Likeness::None
            };
        }
        let (given, family) = if self.comma > 0 {
            let after = self.words().get(self.comma).copied().unwrap_or((*first, *first_bits));
            let before = self.words().get(self.comma - 1).copied().unwrap_or((*last, *last_bits));
            (after, before)
        } else {
            ((*first, *first_bits), (*last, *last_bits))
        };
        let given_is = first_name(&given.0, given.1) || given.0.letters == 1;
        let family_is = last_name(&family.0, family.1);
        // Family names come first in some countries.
        let turned = self.comma == 0 && last_name(&given.0, given.1) && first_name(&family.0, family.1);
        let places = weighty().filter(|(_, bits)| bits & PLACE != 0).count();
        let caps = weighty().filter(|(word, _)| word.case == Case::Capitals).count();
        if places == count || (lower && !alone) {
            Likeness::None
        } else if (given_is && family_is && (initials == 0 || known == count)) || turned || (titled && known > 0) {
            Likeness::Strong
        } else if known > 0 && (caps == 0 || caps == count) {
            Likeness::Fair
        } else if caps == 0 {
            Likeness::Form
        } else {
            Likeness::None
        }
    }
}

/// Scripts without capitals, most of them without spaces: the family name in front is known, and the rest is short.
fn dense(text: &[u8], names: &[(Word, Bits)]) -> Likeness {
    let letters: usize = names.iter().map(|(word, _)| word.letters).sum();
    let known = names.iter().filter(|(_, bits)| bits & (FIRST | LAST | SURNAME) != 0).count();
    if names.iter().any(|(_, bits)| bits & PLAIN != 0 && bits & (FIRST | LAST) == 0) {
        return Likeness::None;
    }
    match names {
        [(word, bits)] => {
            let bytes = word.bytes(text);
            let (first, length) = letter(bytes);
            if !first.is_some_and(is_ideograph) {
                return if bits & FIRST != 0 {
                    Likeness::First
                } else if bits & LAST != 0 {
                    Likeness::Last
                } else {
                    Likeness::None
                };
            }
            let one = lexicon::get(bytes.get(..length).unwrap_or_default()) & SURNAME != 0;
            let two = lexicon::get(bytes.get(..length * 2).unwrap_or_default()) & (SURNAME | LAST) != 0;
            match (letters, one, two) {
                (2..=3, true, _) | (3..=5, _, true) => Likeness::Fair,
                _ if bits & (FIRST | LAST) != 0 => Likeness::First,
                _ => Likeness::None,
            }
        }
        [_, _] | [_, _, _] | [_, _, _, _] if known == names.len() => Likeness::Strong,
        [_, _] | [_, _, _] | [_, _, _, _] if known > 0 => Likeness::Fair,
        _ => Likeness::None,
    }
}

/// Han, kana and hangul.
fn is_ideograph(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

fn is_suffix(word: &[u8]) -> bool {
    SUFFIXES.iter().any(|suffix| word.eq_ignore_ascii_case(suffix.as_bytes()))
}

const SUFFIXES: &[&str] =
    &["jr", "sr", "ii", "iii", "iv", "md", "phd", "dds", "dvm", "esq", "cpa", "rn", "dpm", "do", "msc", "bsc", "mba", "jd"];

fn is_brand(text: &[u8], words: &[(Word, Bits)]) -> bool {
    let mut fold = Fold::NEW;
    words.iter().take(4).any(|(word, _)| {
        fold = word.fold(fold, text);
        lexicon::get_folded(fold) & BRAND != 0
    }) || (words.len() > 2 && words.windows(2).any(|pair| pair.iter().fold(Fold::NEW, |fold, (word, _)| word.fold(fold, text)).is_brand()))
}

impl Fold {
    fn is_brand(self) -> bool {
        lexicon::get_folded(self) & BRAND != 0
    }
}

/// Endings of family names that words of no other sort have.
const FAMILY_ENDINGS: &[&str] = &[
    "wicz", "wski", "wska", "cki", "cka", "dzki", "ński", "ńska", "nski", "nska", "czyk", "owski", "owska", "ewski", "ewska", "ović",
    "ovic", "evic", "ević", "ovich", "evich", "enko", "oglu", "oğlu", "sson", "dottir", "dóttir", "escu", "eanu", "opoulos", "opoulou",
    "ellis", "akis", "idis", "idou", "iadis", "shvili", "adze", "yan", "ssen", "nsen", "rsen", "lsen", "tsen", "dsen", "inen", "ainen",
    "mann", "meier", "meyer", "bauer", "huber", "hofer", "ová", "ova", "eva", "enkov", "ishvili", "zadeh", "pour", "iewicz", "czak",
    "czuk", "chuk", "uk", "sohn", "quist", "kvist", "ström", "strom", "berg", "dahl", "lund", "gren", "stad", "vic", "vić", "elli", "etti",
    "ucci", "acci", "ini", "iello", "aldi", "otti", "ández", "éndez", "ández", "andez", "endez", "inguez", "iguez", "ález", "alez", "arez",
    "érez",
];

fn is_last(word: &[u8], letters: usize) -> bool {
    if letters < 6 {
        return false;
    }
    if word.first().is_some_and(|byte| matches!(byte, 0xd0 | 0xd1)) {
        return CYRILLIC_ENDINGS.iter().any(|ending| word.ends_with(ending.as_bytes()));
    }
    if word.first().is_some_and(|byte| matches!(byte, 0xce | 0xcf)) {
        return GREEK_ENDINGS.iter().any(|ending| word.ends_with(ending.as_bytes()));
    }
    FAMILY_ENDINGS.iter().any(|ending| {
        let tail = word.len().checked_sub(ending.len()).and_then(|from| word.get(from..));
        (letters > 7 || ending.len() > 3) && tail.is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
    })
}

const CYRILLIC_ENDINGS: &[&str] = &[
    "ов",
    "ова",
    "ев",
    "ева",
    "ёв",
    "ёва",
    "ин",
    "ина",
    "ский",
    "ская",
    "цкий",
    "цкая",
    "енко",
    "чук",
    "юк",
    "ишин",
    "ых",
    "их",
    "ський",
    "ська",
    "ак",
    "дзе",
    "швили",
    "ян",
    "ко",
];
const GREEK_ENDINGS: &[&str] =
    &["πουλος", "ποπουλου", "πούλου", "όπουλος", "ακης", "άκης", "ίδης", "ίδου", "άδης", "άδου", "ιάδης", "ου", "ης", "ος"];
/// Names after the father.
const FATHERS: &[&str] = &["ович", "евич", "ович", "ична", "овна", "евна", "ович", "івна", "ївна", "йович"];

fn is_first(word: &[u8]) -> bool {
    word.len() > 10
        && word.first().is_some_and(|byte| matches!(byte, 0xd0 | 0xd1))
        && FATHERS.iter().any(|ending| word.ends_with(ending.as_bytes()))
}

pub fn find(scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
    if !context.wanted.has(Kind::PERSON) {
        return;
    }
    let text = scan.text;
    let named = spoken.strong.has(Kind::PERSON);
    let expected = named || context.expected.has(Kind::PERSON) || spoken.weak.has(Kind::PERSON);
    if expected {
        let like = likeness(text);
        let least = if named {
            Likeness::Form
        } else if context.expected.has(Kind::PERSON) {
            Likeness::Last
        } else {
            Likeness::First
        };
        let (start, end) = trimmed(text);
        if like >= least {
            found.push(Finding { kind: Kind::PERSON, start, end, sure: Sure::Likely });
            return;
        }
        // In a script that has no capitals, or written small under a key that says it all.
        if named && text.len() <= 60 && scan.sight.digits == 0 && !scan.sight.at_sign && !scan.sight.underscore && is_words(text) {
            found.push(Finding { kind: Kind::PERSON, start, end, sure: Sure::Likely });
            return;
        }
    }
    if scan.sight.upper < 2 && !scan.sight.high {
        return;
    }
    running(text, expected, found);
}

/// Nothing but words, some of them with more than one letter.
fn is_words(text: &[u8]) -> bool {
    let mut words = 0;
    for word in Words::of(text, 0) {
        let bits = lexicon::get(word.bytes(text));
        if bits & PLAIN != 0 && bits & (FIRST | LAST) == 0 {
            return false;
        }
        words += usize::from(word.letters > 1);
    }
    (1..=5).contains(&words) && text.iter().all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80 || b" .,'-".contains(byte))
}

/// Names in a running text.
fn running(text: &[u8], expected: bool, found: &mut Vec<Finding>) {
    let mut run = Run::EMPTY;
    // The word before the run, if it stands close.
    let mut before: Option<Word> = None;
    let mut previous: Option<Word> = None;
    for word in Words::of(text, 0) {
        let gap = previous.map_or(b"".as_slice(), |previous| text.get(previous.end..word.start).unwrap_or_default());
        let close = matches!(gap, b" " | b". ") && (gap == b" " || previous.is_some_and(|previous| previous.letters <= 4));
        let comma = gap == b", " && run.comma == 0 && run.count > 0 && run.count <= 3;
        if run.count > 0 && !close && !(comma && word.is_capital()) {
            finish(text, &mut run, before, None, expected, found);
        }
        if word.is_capital() {
            if run.count == 0 {
                before = previous.filter(|_| close || matches!(gap, b": " | b":" | b"=" | b", " | b" \"" | b"=\"" | b" '"));
            }
            let bits = word.bits(text);
            // An acronym, or a word that only announces: the name, if one was, ended before it.
            let acronym = word.case == Case::Capitals && word.letters <= 4 && bits & (FIRST | LAST) == 0;
            let announces = bits & (CUE | TITLE) != 0 && bits & (FIRST | LAST) == 0;
            if acronym || (announces && run.count > 0) {
                finish(text, &mut run, before, None, expected, found);
            }
            if acronym || announces {
                before = Some(word);
                previous = Some(word);
                continue;
            }
            if comma {
                run.comma = run.count;
            }
            if !run.push(word, bits) {
                run = Run::EMPTY;
            }
        } else if run.count > 0 {
            let bits = lexicon::get(word.bytes(text));
            let particle = word.case == Case::Lower && bits & PARTICLE != 0 && gap == b" " && word.letters <= 5;
            if particle {
                if !run.push(word, bits) {
                    run = Run::EMPTY;
                }
            } else {
                let after = Some(word).filter(|_| close);
                finish(text, &mut run, before, after, expected, found);
            }
        }
        previous = Some(word);
    }
    finish(text, &mut run, before, None, expected, found);
}

/// Decides whether the words of a run are a name, and begins another.
fn finish(text: &[u8], run: &mut Run, before: Option<Word>, after: Option<Word>, expected: bool, found: &mut Vec<Finding>) {
    let mut done = std::mem::replace(run, Run::EMPTY);
    while done.words().last().is_some_and(|(word, _)| word.case == Case::Lower) {
        done.count -= 1;
    }
    if done.comma >= done.count {
        done.comma = 0;
    }
    let (Some((first, _)), Some((last, _))) = (done.words().first().copied(), done.words().last().copied()) else { return };
    let like = done.likeness(text, false);
    if like == Likeness::None {
        // `Smith, Order`: what stands before the comma may still be one.
        if done.comma > 0 {
            let mut head = done;
            head.count = done.comma;
            head.comma = 0;
            *run = head;
            finish(text, run, before, None, expected, found);
        }
        return;
    }
    let said = before.map_or(0, |word| lexicon::get(word.bytes(text)));
    let does = after.map_or(0, |word| lexicon::get(word.bytes(text))) & DOES != 0;
    let cue = said & (CUE | TITLE) != 0;
    let titled = said & TITLE != 0;
    let weighty = done.words().iter().filter(|(word, _)| word.case != Case::Lower).count();
    if titled
        && let Some(title) = before
        && done.words().first().is_some_and(|(word, _)| word.fold(title.fold(Fold::NEW, text), text).is_brand())
    {
        return;
    }
    let street = done.words().iter().any(|(_, bits)| bits & STREET != 0 && bits & LAST == 0);
    let bounded = is_bounded(text, first.start, last.end);
    let counts = match like {
        Likeness::Strong => weighty >= 2 && !street && weighty <= 5,
        Likeness::Fair => (cue || does || bounded || expected) && !street,
        Likeness::First | Likeness::Last => titled || (cue && !bounded && expected),
        Likeness::Form => titled && weighty <= 3 || (cue && weighty >= 2 && weighty <= 4 && is_strong_cue(before, text)),
        Likeness::None => false,
    };
    // `Paul Smith Street 5` is where, not who.
    let next = Words::of(text, last.end).next();
    let place = next.is_some_and(|next| {
        text.get(last.end..next.start) == Some(b" ") && lexicon::get(next.bytes(text)) & STREET != 0 && next.is_capital()
    });
    if counts && !place {
        found.push(Finding { kind: Kind::PERSON, start: first.start, end: last.end, sure: Sure::Likely });
    }
}

/// Words after which even unknown words are a name.
fn is_strong_cue(before: Option<Word>, text: &[u8]) -> bool {
    before.is_some_and(|word| !WEAK_CUES.iter().any(|weak| word.bytes(text).eq_ignore_ascii_case(weak.as_bytes())))
}

const WEAK_CUES: &[&str] = &[
    "by",
    "for",
    "with",
    "from",
    "to",
    "via",
    "user",
    "agent",
    "issued",
    "best",
    "thanks",
    "created",
    "approved",
    "requested",
    "ordered",
    "reviewed",
    "assigned",
    "for",
    "hi",
    "item",
    "transferred",
    "cc",
    "or",
    "best",
    "name",
];

/// A field of its own among others that name somebody: `Jane Roe|jane@…`, `"Roe, Jane",+44…`.
fn is_bounded(text: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|place| text.get(place)).copied();
    let after = text.get(end).copied();
    let delimiter =
        |byte: Option<u8>| matches!(byte, None | Some(b'|' | b'\t' | b'"' | b',' | b';' | b'\n' | b'(' | b')' | b'{' | b'}' | b'<' | b'>'));
    delimiter(before)
        && delimiter(after)
        && (before.is_some() || after.is_some())
        && (memchr::memchr2(b'@', b'+', text).is_some() || digits(text) >= 7)
}

fn digits(text: &[u8]) -> usize {
    text.iter().filter(|byte| byte.is_ascii_digit()).count()
}
