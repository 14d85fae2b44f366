//! Sets of words that are asked for by their folded form: lower case, accents off, nothing that joins them. Asking takes no memory; a word is
//! compared by 64 bits of its hash, which only a liar could make meet another's, and gains nothing by it.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};

/// The hash of a word while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold(u64);

impl Fold {
    pub const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// The letters of a text, as UTF-8 or what claims to be; what is no letter or digit is left out.
    pub fn word(mut self, text: &[u8]) -> Self {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            if byte < 0x80 {
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
        // Zero says that a place is empty.
        (self.0 ^ self.0 >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)
    }
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
}

impl Words {
    /// What is said of a word twice is said together.
    pub fn of<'a>(words: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let words: Vec<_> = words.map(|(word, bits)| (Fold::NEW.word(word.as_bytes()).key(), bits)).collect();
        let mut slots = vec![(0, 0); (words.len() * 2 + 1).next_power_of_two()].into_boxed_slice();
        let mask = slots.len() - 1;
        for (key, bits) in words {
            let mut at = place(key, mask);
            while let Some(slot) = slots.get_mut(at) {
                if slot.0 == 0 || slot.0 == key {
                    *slot = (key, slot.1 | bits);
                    break;
                }
                at = (at + 1) & mask;
            }
        }
        Self { slots }
    }

    /// Zero where the word is none of them.
    pub fn get(&self, word: Fold) -> u32 {
        let key = word.key();
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
        assert_eq!(words.find(b"\xffjose\xc3"), 34);
    }
}
