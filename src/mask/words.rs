//! Sets of words that are asked for by their folded form: lower case, accents off, nothing that joins them. Asking takes no memory; a word is
//! compared by 64 bits of its hash, which only a liar could make meet another's, and gains nothing by it.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// The hash of a word while it is read: of eight bytes at a time, wherever it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    hash: u64,
    /// Bytes that do not make eight yet, the first in the lowest place, and how many bits they are.
    pending: u64,
    bits: u32,
}

/// One byte eight times over.
const fn eight(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Small letters and digits as they are, capitals small; nothing where another byte is among them. Bytes beyond the text are zero.
fn plain_eight(bytes: u64, count: usize) -> Option<u64> {
    // What is beyond the text counts as a letter.
    let beyond = if count < 8 { u64::MAX << (8 * count) } else { 0 };
    let small = bytes | eight(0x20);
    let padded = small & !beyond | eight(b'a') & beyond;
    // The highest bit of each byte tells whether it is above a bound; bytes above ASCII are dismissed before.
    let from = |bound: u8| padded.wrapping_add(eight(0x80 - bound));
    let letter = from(b'a') & !from(b'z' + 1);
    // A digit has its bit of case set already; what gets it here is no digit.
    let digit = from(b'0') & !from(b'9' + 1) & (bytes << 2);
    let fits = bytes & eight(0x80) == 0 && (letter | digit) & eight(0x80) == eight(0x80);
    fits.then_some(small & !beyond)
}

/// Up to eight bytes that a text begins with, the first in the lowest place, zeros behind them.
fn first_eight(text: &[u8]) -> u64 {
    let low = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    match text {
        [a, b, c, d, e, f, g, h, ..] => u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]),
        [a, b, c, d, .., e, f, g] if text.len() == 7 => low(&[*a, *b, *c, *d]) | low(&[*d, *e, *f, *g]) << 24,
        [a, b, c, d, e, f] => low(&[*a, *b, *c, *d]) | low(&[*c, *d, *e, *f]) << 16,
        [a, b, c, d, e] => low(&[*a, *b, *c, *d]) | u64::from(*e) << 32,
        [a, b, c, d] => low(&[*a, *b, *c, *d]),
        [a, b, c] => low(&[*a, *b, *c, 0]),
        [a, b] => low(&[*a, *b, 0, 0]),
        [a] => u64::from(*a),
        _ => 0,
    }
}

impl Fold {
    pub const NEW: Self = Self { hash: 0x243f_6a88_85a3_08d3, pending: 0, bits: 0 };

    /// Up to eight bytes, those beyond them zero.
    fn put(&mut self, bytes: u64, count: u32) {
        self.pending |= bytes << self.bits;
        let bits = self.bits + count * 8;
        if bits >= 64 {
            self.hash = mixed(self.hash, self.pending);
            // What did not fit; a shift by all bits is none.
            self.pending = if self.bits == 0 { 0 } else { bytes >> (64 - self.bits) };
            self.bits = bits - 64;
        } else {
            self.bits = bits;
        }
    }

    fn byte(&mut self, byte: u8) {
        self.put(u64::from(byte), 1);
    }

    /// Bytes as they are.
    pub fn bytes(mut self, text: &[u8]) -> Self {
        let (eights, rest) = text.as_chunks::<8>();
        for eight in eights {
            self.put(u64::from_le_bytes(*eight), 8);
        }
        self.put(first_eight(rest), u32::try_from(rest.len()).unwrap_or_default());
        self
    }

    /// The letters of a text, as UTF-8 or what claims to be; what is no letter or digit is left out.
    pub fn word(mut self, text: &[u8]) -> Self {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            let count = rest.len().min(8);
            if let Some(plain) = plain_eight(first_eight(rest), count) {
                self.put(plain, u32::try_from(count).unwrap_or_default());
                rest = rest.get(count..).unwrap_or_default();
            } else if byte < 0x80 {
                if byte.is_ascii_alphanumeric() {
                    self.byte(byte.to_ascii_lowercase());
                }
                rest = after;
            } else {
                let (letter, length) = letter(rest);
                if let Some(letter) = letter {
                    self.letter(letter);
                }
                rest = rest.get(length..).unwrap_or_default();
            }
        }
        self
    }

    fn letter(&mut self, letter: char) {
        let plain = match letter {
            'ß' | 'ẞ' => "ss",
            'æ' | 'Æ' => "ae",
            'œ' | 'Œ' => "oe",
            'ø' | 'Ø' => "o",
            'đ' | 'Đ' | 'ð' | 'Ð' => "d",
            'ł' | 'Ł' => "l",
            'þ' | 'Þ' => "th",
            'ı' | 'İ' => "i",
            _ => {
                decompose_canonical(letter, |part| {
                    if part.is_alphanumeric() && !is_combining_mark(part) {
                        for lower in part.to_lowercase() {
                            let mut bytes = [0; 4];
                            for byte in lower.encode_utf8(&mut bytes).bytes() {
                                self.byte(byte);
                            }
                        }
                    }
                });
                return;
            }
        };
        for byte in plain.bytes() {
            self.byte(byte);
        }
    }

    fn key(self) -> u64 {
        let all = mixed(self.hash ^ u64::from(self.bits), self.pending);
        // Zero says that a place is empty.
        (all ^ all >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)
    }
}

const fn mixed(hash: u64, bytes: u64) -> u64 {
    let mixed = (hash ^ bytes).wrapping_mul(0x9fb2_1c65_1e98_df25);
    mixed ^ mixed >> 32
}

/// The first letter of a text that does not begin with ASCII, and how many bytes it takes: one where it is none.
pub fn letter(text: &[u8]) -> (Option<char>, usize) {
    let length = match text.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => return (None, 1),
    };
    match text.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next()) {
        Some(letter) => (Some(letter), length),
        None => (None, 1),
    }
}

/// Words and what each is: bits, or a number.
#[derive(Debug)]
pub struct Words {
    slots: Box<[(u64, u32)]>,
    /// A bit for each that a hash may have: most words are none of these, and that is told without waiting for memory.
    met: Box<[u64; MET / 64]>,
}

const MET: usize = 1 << 18;

/// Ends of words, by a bit for each that their last letters may have: where it is not set, no word ends so.
#[derive(Debug)]
pub struct Ends<const LETTERS: usize> {
    bits: Box<[u64; ENDS / 64]>,
}

/// Bits of a set of ends: few enough to stay close at hand, and so many that most of them are not set.
const ENDS: usize = 1 << 15;

impl<const LETTERS: usize> Ends<LETTERS> {
    /// Of plain words only the ends are known; a word with other letters in it could end in anything.
    pub fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut bits = Box::new([0_u64; ENDS / 64]);
        for word in words {
            let plain: Vec<u8> = word.bytes().filter(u8::is_ascii_alphanumeric).collect();
            if let Some(last) = plain.last_chunk::<LETTERS>() {
                let place = Self::place(*last);
                if let Some(slot) = bits.get_mut(place / 64) {
                    *slot |= 1 << (place % 64);
                }
            }
        }
        Self { bits }
    }

    fn place(last: [u8; LETTERS]) -> usize {
        let mut four = [0; 4];
        for (slot, byte) in four.iter_mut().zip(last) {
            *slot = byte | 0x20;
        }
        usize::try_from(u32::from_le_bytes(four).wrapping_mul(0x9e37_79b1) >> 17).unwrap_or_default()
    }

    /// Whether a word may end in these letters, in either case.
    pub fn may_be(&self, last: [u8; LETTERS]) -> bool {
        let place = Self::place(last);
        self.bits.get(place / 64).is_some_and(|slot| slot >> (place % 64) & 1 == 1)
    }
}

impl Words {
    /// What is said of a word twice is said together.
    pub fn of<'a>(words: impl Iterator<Item = (&'a str, u32)>) -> Self {
        Self::of_folded(words.map(|(word, bits)| (Fold::NEW.word(word.as_bytes()), bits)))
    }

    /// The same of words that are hashed already.
    pub fn of_folded(words: impl Iterator<Item = (Fold, u32)>) -> Self {
        let words: Vec<_> = words.map(|(word, bits)| (word.key(), bits)).collect();
        let mut slots = vec![(0, 0); (words.len() * 2 + 1).next_power_of_two()].into_boxed_slice();
        let mask = slots.len() - 1;
        let mut met = Box::new([0; MET / 64]);
        for (key, bits) in words {
            let bit = bit(key);
            met.get_mut(bit / 64).into_iter().for_each(|slot: &mut u64| *slot |= 1 << (bit % 64));
            let mut at = place(key, mask);
            while let Some(slot) = slots.get_mut(at) {
                if slot.0 == 0 || slot.0 == key {
                    *slot = (key, slot.1 | bits);
                    break;
                }
                at = (at + 1) & mask;
            }
        }
        Self { slots, met }
    }

    /// Zero where the word is none of them.
    pub fn get(&self, word: Fold) -> u32 {
        let key = word.key();
        let bit = bit(key);
        if self.met.get(bit / 64).is_none_or(|slot| slot >> (bit % 64) & 1 == 0) {
            return 0;
        }
        let mask = self.slots.len() - 1;
        let mut at = place(key, mask);
        // At least half of the places are empty, so this ends.
        while let Some(slot) = self.slots.get(at) {
            if slot.0 == key {
                return slot.1;
            }
            if slot.0 == 0 {
                return 0;
            }
            at = (at + 1) & mask;
        }
        0
    }

    pub fn find(&self, word: &[u8]) -> u32 {
        self.get(Fold::NEW.word(word))
    }
}

/// The last letters of words, as many as three: where a word that is asked for ends otherwise, it is none of them, and neither is it together with
/// words before it.
#[derive(Debug)]
pub struct Tails {
    one: Ends<1>,
    two: Ends<2>,
    three: Ends<3>,
}

impl Tails {
    pub fn of<'a>(words: impl Iterator<Item = &'a str> + Clone) -> Self {
        Self { one: Ends::of(words.clone()), two: Ends::of(words.clone()), three: Ends::of(words) }
    }

    /// Of what is no letter or digit of ASCII nothing is told.
    pub fn may_be(&self, word: &[u8]) -> bool {
        let plain = |last: &[u8]| last.iter().all(u8::is_ascii_alphanumeric);
        match word {
            [.., a, b, c] => !plain(&[*a, *b, *c]) || self.three.may_be([*a, *b, *c]),
            [a, b] => !plain(&[*a, *b]) || self.two.may_be([*a, *b]),
            [a] => !plain(&[*a]) || self.one.may_be([*a]),
            [] => true,
        }
    }
}

fn bit(key: u64) -> usize {
    usize::try_from(key).unwrap_or_default() & (MET - 1)
}

fn place(key: u64, mask: usize) -> usize {
    usize::try_from(key >> 32).unwrap_or_default() & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_found_however_it_is_written() {
        let words = Words::of([("muller", 1), ("jose", 2), ("o'brien", 4), ("иван", 8), ("strasse", 16), ("jose", 32)].into_iter());
        let check = |word: &str, bits| assert_eq!(words.find(word.as_bytes()), bits, "{word}");
        check("Müller", 1);
        check("MU\u{308}LLER", 1);
        check("José", 34);
        check("OBrien", 4);
        check("O’Brien", 4);
        check("ИВАН", 8);
        check("Straße", 16);
        check("Muller-", 1);
        check("mull", 0);
        check("", 0);
        let whole = Fold::NEW.word("Ein-wörtliches Wort mit 17 Teilen".as_bytes());
        for at in [0, 1, 3, 4, 8, 9, 15, 17, 20] {
            let (one, other) = "Ein-wörtliches Wort mit 17 Teilen".as_bytes().split_at(at);
            assert_eq!(Fold::NEW.word(one).word(other), whole, "{at}");
        }
        for byte in 0..=u8::MAX {
            for text in [vec![byte], vec![byte; 3], vec![b'a', b'1', byte, b'Z', b'z', b'9', b'0', b'A', b'q', byte]] {
                let plain: Vec<u8> = text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
                assert!(byte >= 0x80 || Fold::NEW.word(&text) == Fold::NEW.bytes(&plain), "{byte}");
            }
        }
        assert_eq!(words.find(b"\xffjose\xc3"), 34);
    }
}
