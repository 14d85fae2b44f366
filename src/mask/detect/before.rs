//! What the words before a value say it is: `card: `, `SSN `, `tel.`, `Steuer-ID `. One place for all families: each brings its table of words.

use std::sync::LazyLock;

use super::numbers;
use crate::mask::KindSet;
use crate::mask::words::{self, Fold};

/// The words of a family and what they speak for: in lower case, letters and digits only, sorted. What is written with a space or a dash in it
/// stands here without (`phone number` as `phonenumber`).
pub type Words = [(&'static str, KindSet)];

const TABLES: &[&Words] = &[numbers::WORDS];

/// Words that say it is something else, and that nothing before them counts.
const OTHERWISE: &[&str] = &[
    "article",
    "artikel",
    "auftrag",
    "barcode",
    "batch",
    "bestellung",
    "build",
    "commande",
    "commit",
    "ean",
    "facture",
    "factura",
    "fattura",
    "factuur",
    "faktura",
    "invoice",
    "isbn",
    "issue",
    "lot",
    "order",
    "orderid",
    "orderno",
    "ordernumber",
    "ordine",
    "part",
    "pedido",
    "po",
    "rechnung",
    "row",
    "rows",
    "serial",
    "sku",
    "ticket",
    "tracking",
    "upc",
    "version",
];

/// How far back words are looked for, and how many of them are.
const REACH: usize = 64;
const WORDS: usize = 5;
/// The longest word that a table has, in bytes; words joined are no longer either.
const LONGEST: usize = 40;

/// Kinds that the words just before `at` speak for.
pub fn said_before(text: &[u8], at: usize) -> KindSet {
    let before = text.get(at.saturating_sub(REACH)..at).unwrap_or_default();
    let mut kinds = KindSet::NONE;
    // Words from the last to the first, and each of them joined with those after it, as they were met.
    let mut joined = Joined { bytes: [0; LONGEST], length: 0, first: 0, second: 0 };
    let mut end = before.len();
    for _ in 0..WORDS {
        let Some(last) = before.get(..end).and_then(|rest| rest.iter().rposition(|byte| is_word(*byte))) else { break };
        // The end of a sentence or of a line ends what was said; so does a value of somebody else's.
        if before.get(last + 1..end).is_some_and(ends_what_was_said) {
            break;
        }
        let start = before.get(..last).and_then(|rest| rest.iter().rposition(|byte| !is_word(*byte))).map_or(0, |stop| stop + 1);
        let word = before.get(start..=last).unwrap_or_default();
        if is_a_value(word) {
            break;
        }
        joined.push_front(word);
        let first = known(joined.first(word.len()));
        if first == Some(Known::Otherwise) {
            break;
        }
        kinds = kinds.or(said(first));
        if joined.length > word.len() {
            kinds = kinds.or(said(known(joined.first_two())));
            if joined.length > joined.first + joined.second {
                kinds = kinds.or(said(known(joined.all())));
            }
        }
        end = start;
    }
    kinds
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Says(KindSet),
    Otherwise,
}

/// Where each word stands, counted from one: first those that say it is something else, then the tables.
static PLACES: LazyLock<words::Words> = LazyLock::new(|| {
    let all = OTHERWISE.iter().copied().chain(TABLES.iter().flat_map(|table| table.iter().map(|(word, _)| *word)));
    words::Words::of_folded((1..).zip(all).map(|(place, word)| (Fold::NEW.bytes(word.as_bytes()), place)))
});

fn known(word: &[u8]) -> Option<Known> {
    let mut place = usize::try_from(PLACES.get(Fold::NEW.bytes(word))).ok()?.checked_sub(1)?;
    if let Some(otherwise) = OTHERWISE.get(place) {
        return (otherwise.as_bytes() == word).then_some(Known::Otherwise);
    }
    place -= OTHERWISE.len();
    for table in TABLES {
        if let Some((known, kinds)) = table.get(place) {
            return (known.as_bytes() == word).then_some(Known::Says(*kinds));
        }
        place -= table.len();
    }
    None
}

fn said(known: Option<Known>) -> KindSet {
    match known {
        Some(Known::Says(kinds)) => kinds,
        Some(Known::Otherwise) | None => KindSet::NONE,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// A word of digits is a value of its own: what was said before it was said of that.
fn is_a_value(word: &[u8]) -> bool {
    word.iter().filter(|byte| byte.is_ascii_digit()).count() > 2
}

fn ends_what_was_said(between: &[u8]) -> bool {
    between.iter().any(|byte| matches!(byte, b'\n' | b';' | b'!' | b'?' | b'}')) || between.windows(2).any(|pair| pair == b", ")
}

/// Words in lower case, put together from the last to the first without what stood between them.
struct Joined {
    /// Filled from its end.
    bytes: [u8; LONGEST],
    length: usize,
    /// How long each of the first two words is now.
    first: usize,
    second: usize,
}

impl Joined {
    fn push_front(&mut self, word: &[u8]) {
        (self.second, self.first) = (self.first, word.len());
        let mut rest = word;
        while let [before @ .., byte] = rest {
            self.length += 1;
            if let Some(slot) = LONGEST.checked_sub(self.length).and_then(|place| self.bytes.get_mut(place)) {
                // É is written as the two bytes C3 89, é as C3 A9: the accented capitals of Latin 1 as well.
                let accented = before.last() == Some(&0xC3) && matches!(byte, 0x80..=0x9E);
                *slot = if accented { byte | 0x20 } else { byte.to_ascii_lowercase() };
            }
            rest = before;
        }
    }

    /// Nothing where it does not fit: no table has a word as long as that.
    fn all(&self) -> &[u8] {
        LONGEST.checked_sub(self.length).and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }

    fn first(&self, length: usize) -> &[u8] {
        self.all().get(..length).unwrap_or_default()
    }

    fn first_two(&self) -> &[u8] {
        self.first(self.first + self.second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::Kind;

    #[test]
    fn tables_are_sorted_and_written_as_they_are_looked_up() {
        for table in TABLES {
            for pair in table.windows(2) {
                assert!(pair[0].0 < pair[1].0, "{} before {}", pair[0].0, pair[1].0);
            }
            for (word, kinds) in *table {
                assert!(word.len() <= LONGEST && word.bytes().all(is_word), "{word}");
                assert!(word.bytes().all(|byte| !byte.is_ascii_uppercase()) && !kinds.is_empty(), "{word}");
            }
        }
    }

    #[test]
    fn the_words_before_a_value_are_heard() {
        for (text, kind) in [
            ("SSN 123", Kind::US_SSN),
            ("ssn: 123", Kind::US_SSN),
            ("\"ssn\":\"123", Kind::US_SSN),
            ("social security number is 123", Kind::US_SSN),
            ("SSN on file 123", Kind::US_SSN),
            ("routing no. 123", Kind::US_ABA),
        ] {
            assert!(said_before(text.as_bytes(), text.len() - 3).has(kind), "{text}");
        }
        for text in ["123", "SSN missing; order 123", "SSN\n123", "the quick brown fox jumps over 123"] {
            assert!(said_before(text.as_bytes(), text.len() - 3).is_empty(), "{text}");
        }
    }
}
