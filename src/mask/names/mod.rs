//! What names speak for: of columns, of tables, of keys inside values, and the words that stand before a value. Names are taken apart the way
//! people put them together (`dateOfBirth`, `date_of_birth`, `DATE OF BIRTH`), and looked up by what the parts say together.

mod table;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use super::kind::{Kind, KindSet};
use super::words::{Fold, Tails, Words, letter};
pub use table::NATIONAL;
use table::Says;

/// What a name speaks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spoken {
    /// What bears the name is of one of these kinds.
    pub strong: KindSet,
    /// It may be, where values look like it.
    pub weak: KindSet,
    /// It is something about such a value, or the name of a thing: the name speaks against what it seems to say.
    pub about: bool,
}

impl Spoken {
    pub const NOTHING: Self = Self { strong: KindSet::NONE, weak: KindSet::NONE, about: false };

    pub fn both(self) -> KindSet {
        self.strong.or(self.weak)
    }
}

/// Words of a name that are looked at; what is longer is no name.
const PARTS: usize = 12;
/// Words that say something together.
const TOGETHER: usize = 5;

const ABOUT: u32 = 1 << 16;
const BEFORE: u32 = 1 << 17;
const THING: u32 = 1 << 18;
const PERSONS: u32 = 1 << 19;
const FILLER: u32 = 1 << 20;
/// Below: the place of what it says in the table, counted from one.
const PLACE: u32 = 0xffff;

static KNOWN: LazyLock<Words> = LazyLock::new(|| Words::of(known()));
/// How the words end that are known.
static KNOWN_TAILS: LazyLock<Tails> = LazyLock::new(|| Tails::of(known().map(|(word, _)| word)));

fn known() -> impl Iterator<Item = (&'static str, u32)> + Clone {
    let marks =
        [(table::ABOUT, ABOUT), (table::ABOUT_BEFORE, BEFORE), (table::THINGS, THING), (table::PERSONS, PERSONS), (table::FILLERS, FILLER)];
    let marks = marks.into_iter().flat_map(|(words, mark)| words.split_ascii_whitespace().map(move |word| (word, mark)));
    let kinds = (1u32..).zip(table::KINDS).flat_map(|(place, (_, _, names))| names.split_ascii_whitespace().map(move |name| (name, place)));
    kinds.chain(marks)
}

/// Whether the last word before a value may be one that is known, or the end of several. Most are neither.
fn may_say(word: &[u8]) -> bool {
    let several = || word.iter().any(|byte| matches!(byte, b'_' | b'-' | b'A'..=b'Z'));
    // `2024-05-17` is several words, and none that says anything.
    let letters = || word.iter().any(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    KNOWN_TAILS.may_be(word) || several() && letters()
}

fn says(bits: u32) -> Option<(Says, KindSet)> {
    let place = usize::try_from(bits & PLACE).ok()?.checked_sub(1)?;
    table::KINDS.get(place).map(|(says, kinds, _)| (*says, KindSet::of(kinds)))
}

/// The parts of a name, as ranges of its bytes.
#[derive(Debug, Default)]
struct Parts {
    ranges: [(usize, usize); PARTS],
    count: usize,
}

impl Parts {
    fn of(name: &[u8]) -> Self {
        #[derive(PartialEq, Clone, Copy)]
        enum Was {
            Nothing,
            Lower,
            Upper,
            Digit,
        }
        let mut parts = Self::default();
        let (mut start, mut was, mut at) = (0, Was::Nothing, 0);
        while let Some(&byte) = name.get(at) {
            let (is, length) = match byte {
                b'a'..=b'z' => (Was::Lower, 1),
                b'A'..=b'Z' => (Was::Upper, 1),
                b'0'..=b'9' => (Was::Digit, 1),
                0x80.. => match letter(name.get(at..).unwrap_or_default()) {
                    (Some(letter), length) if letter.is_uppercase() => (Was::Upper, length),
                    (Some(letter), length) if letter.is_alphanumeric() => (Was::Lower, length),
                    (_, length) => (Was::Nothing, length),
                },
                _ => (Was::Nothing, 1),
            };
            // `cardNumber` has a border before `N`; `SSNNumber` has one where a small letter follows the last capital.
            let follows = name.get(at + length).is_some_and(u8::is_ascii_lowercase);
            let border = match (was, is) {
                (Was::Lower | Was::Digit, Was::Upper) | (Was::Digit, Was::Lower) | (Was::Lower | Was::Upper, Was::Digit) => true,
                (Was::Upper, Was::Upper) => follows,
                _ => is == Was::Nothing,
            };
            if border && at > start {
                parts.push(start, at);
            }
            if is == Was::Nothing {
                start = at + length;
            } else if border {
                start = at;
            }
            was = is;
            at += length;
        }
        parts.push(start, at);
        parts
    }

    fn push(&mut self, start: usize, end: usize) {
        if end > start
            && let Some(place) = self.ranges.get_mut(self.count)
        {
            *place = (start, end);
            self.count += 1;
        }
    }

    fn word<'n>(&self, place: usize, name: &'n [u8]) -> &'n [u8] {
        self.ranges.get(place).and_then(|(start, end)| name.get(*start..*end)).unwrap_or_default()
    }
}

/// What a key inside a value, or the name of a column whose table is not known, speaks for.
pub fn of_name(name: &[u8]) -> Spoken {
    of_column(b"", name)
}

/// What a server calls its roles where they are asked for: names of logins, that are nobody's secret.
const OF_THE_SERVER: &[&str] = &["session_user", "current_user", "current_role", "system_user"];

/// What a column's name speaks for in its table.
pub fn of_column(table: &[u8], name: &[u8]) -> Spoken {
    if table.is_empty() && OF_THE_SERVER.iter().any(|known| known.as_bytes() == name) {
        return Spoken::NOTHING;
    }
    let parts = Parts::of(name);
    let mut spoken = Spoken::NOTHING;
    let (mut at, mut last_end, mut first_start, mut bare) = (0, 0, usize::MAX, false);
    while at < parts.count {
        let longest = (1..=TOGETHER.min(parts.count - at)).rev().find_map(|length| {
            let mut fold = Fold::NEW;
            for place in at..at + length {
                fold = fold.word(parts.word(place, name));
            }
            says(KNOWN.get(fold)).map(|said| (length, said))
        });
        match longest {
            Some((length, (how, kinds))) => {
                match how {
                    Says::Strong => spoken.strong = spoken.strong.or(kinds),
                    Says::Weak => spoken.weak = spoken.weak.or(kinds),
                }
                bare = how == Says::Weak;
                first_start = first_start.min(at);
                at += length;
                last_end = at;
            }
            None => at += 1,
        }
    }
    if spoken.both().is_empty() {
        return spoken;
    }
    let mark = |place: usize, mark: u32| KNOWN.find(parts.word(place, name)) & mark != 0;
    let after = (last_end..parts.count).any(|place| mark(place, ABOUT));
    let before = first_start > 0 && mark(0, BEFORE);
    if after || before {
        return Spoken { about: true, ..Spoken::NOTHING };
    }
    // `product_name` is no person's, `customer_name` is.
    if bare && spoken.strong.is_empty() && spoken.weak.has(Kind::PERSON) {
        let is_name = (0..parts.count).any(|place| NAME_WORDS.contains(&parts.word(place, name).to_ascii_lowercase().as_slice()));
        let whose = |of: &[u8], bits: u32| {
            let of_parts = Parts::of(of);
            (0..of_parts.count).any(|place| KNOWN.find(of_parts.word(place, of)) & bits != 0)
        };
        let qualified =
            (0..first_start).any(|place| mark(place, THING)) || (parts.count > 1 && (0..parts.count - 1).any(|place| mark(place, THING)));
        if qualified {
            return Spoken { about: true, ..Spoken::NOTHING };
        }
        let person = (0..parts.count).any(|place| mark(place, PERSONS)) || whose(table, PERSONS);
        if is_name && person {
            spoken.strong = spoken.strong.with(Kind::PERSON);
        } else if is_name && whose(table, THING) {
            return Spoken { about: true, ..Spoken::NOTHING };
        }
    }
    spoken
}

const NAME_WORDS: &[&[u8]] =
    &[b"name", b"names", b"nom", b"nombre", b"nome", b"naam", b"namn", b"navn", b"nimi", b"nama", b"isim", b"adi", b"nev", b"nume"];

/// How far before a value words are looked at.
const REACH: usize = 48;
/// Words before a value that are looked at.
const WORDS_BEFORE: usize = 7;

/// What the words before the place `at` of a text speak for: `passport no. `, `CVV: `, `née le `.
pub fn said_before(text: &[u8], at: usize) -> Spoken {
    let from = at.saturating_sub(REACH);
    let before = text.get(from..at).unwrap_or_default();
    // Where a word is cut in two by the reach, it is not whole.
    let mut words = [(0, 0); WORDS_BEFORE];
    let mut count = 0;
    let mut end = before.len();
    while count < WORDS_BEFORE {
        let gap = before.get(..end).unwrap_or_default().iter().rev().take_while(|byte| !is_word(**byte)).count();
        let between = before.get(end - gap..end).unwrap_or_default();
        // A sentence, a field or another value ended there.
        let ends = if count == 0 { between.iter().any(|byte| b"\n\t|;".contains(byte)) || gap > 8 } else { ends_label(between) };
        if ends {
            break;
        }
        end -= gap;
        let length = before.get(..end).unwrap_or_default().iter().rev().take_while(|byte| is_word(**byte)).count();
        if length == 0 || (length == end && from > 0) {
            break;
        }
        if count == 0 && !may_say(before.get(end - length..end).unwrap_or_default()) {
            return Spoken::NOTHING;
        }
        if let Some(slot) = words.get_mut(count) {
            *slot = (end - length, end);
        }
        count += 1;
        end -= length;
    }
    let word = |place: usize| words.get(place).and_then(|(start, end)| before.get(*start..*end)).unwrap_or_default();
    // `date_of_birth=…`: one word that is several.
    let mut last = 0;
    while last < count {
        let mut spoken = Spoken::NOTHING;
        for length in (1..=TOGETHER.min(count - last)).rev() {
            let mut fold = Fold::NEW;
            for place in (last..last + length).rev() {
                fold = fold.word(word(place));
            }
            if let Some((how, kinds)) = says(KNOWN.get(fold)) {
                match how {
                    Says::Strong => spoken.strong = kinds,
                    Says::Weak => spoken.weak = kinds,
                }
                return spoken;
            }
        }
        if word(last).iter().any(|byte| matches!(byte, b'_' | b'-' | b'A'..=b'Z')) {
            spoken = of_name(word(last));
            if !spoken.both().is_empty() || spoken.about {
                return spoken;
            }
        }
        if KNOWN.find(word(last)) & FILLER == 0 {
            break;
        }
        last += 1;
    }
    Spoken::NOTHING
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'-' | b'\'')
}

fn ends_label(between: &[u8]) -> bool {
    between.iter().any(|byte| b"\n\t|;,:=(){}[]\"!?<>".contains(byte)) || between.starts_with(b". ") && between.len() > 2
}

/// What keys said that were met before: documents have few different ones.
#[derive(Debug)]
pub struct Cache {
    slots: Box<[Slot]>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    length: u8,
    bytes: [u8; LONGEST],
    spoken: Spoken,
}

/// Longer keys are not remembered.
const LONGEST: usize = 31;
/// Keys that are remembered; a power of two.
const REMEMBERED: usize = 256;

impl Default for Cache {
    fn default() -> Self {
        Self { slots: vec![Slot { length: 0, bytes: [0; LONGEST], spoken: Spoken::NOTHING }; REMEMBERED].into_boxed_slice() }
    }
}

impl Cache {
    /// As [`of_name`].
    pub fn of(&mut self, name: &[u8]) -> Spoken {
        if name.is_empty() {
            return Spoken::NOTHING;
        }
        if name.len() > LONGEST {
            return of_name(name);
        }
        let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        let place = usize::try_from(hash ^ hash >> 15).unwrap_or_default() & (REMEMBERED - 1);
        let Some(slot) = self.slots.get_mut(place) else { return of_name(name) };
        if usize::from(slot.length) == name.len() && slot.bytes.get(..name.len()) == Some(name) {
            return slot.spoken;
        }
        let spoken = of_name(name);
        if let Some(bytes) = slot.bytes.get_mut(..name.len()) {
            bytes.copy_from_slice(name);
            slot.length = u8::try_from(name.len()).unwrap_or_default();
            slot.spoken = spoken;
        }
        spoken
    }
}

/// Whether a kind is a number that a state gives to a person.
pub fn is_national(kind: Kind) -> bool {
    KindSet::of(NATIONAL).has(kind)
}
