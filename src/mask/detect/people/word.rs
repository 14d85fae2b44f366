//! A text as words: runs of letters, with what joins them inside (`Jean-Luc`, `O'Brien`). Takes no memory.

use super::lexicon::{self, Bits};
use crate::mask::words::{Fold, letter};

/// How a word is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// No capital in front.
    #[default]
    Lower,
    /// A capital in front.
    Title,
    /// Capitals only, two or more of them.
    Capitals,
    /// A script that has no capitals.
    None,
    /// Digits, or letters and digits.
    Number,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Word {
    pub start: usize,
    pub end: usize,
    pub case: Case,
    /// Letters and digits, not bytes.
    pub letters: usize,
    /// `O'Brien`, `Jean-Luc`: where the last part of it begins, else where it begins.
    pub last_part: usize,
}

impl Word {
    pub fn bytes<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        text.get(self.start..self.end).unwrap_or_default()
    }

    /// What the lexicon knows of it, as a whole and by its parts.
    pub fn bits(&self, text: &[u8]) -> Bits {
        let bytes = self.bytes(text);
        let mut bits = lexicon::get(bytes);
        if self.last_part > self.start {
            bits |= bytes
                .split(|byte| matches!(byte, b'-' | b'\''))
                .filter(|part| part.len() > 1)
                .fold(0, |bits, part| bits | lexicon::get(part));
        }
        bits
    }

    pub fn fold(&self, fold: Fold, text: &[u8]) -> Fold {
        fold.word(self.bytes(text))
    }

    pub fn is_number(&self) -> bool {
        self.case == Case::Number
    }

    pub fn is_capital(&self) -> bool {
        matches!(self.case, Case::Title | Case::Capitals)
    }
}

/// The words of a text, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Words<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Words<'t> {
    pub fn of(text: &'t [u8], from: usize) -> Self {
        Self { text, at: from }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Digit,
    Other,
    None,
}

/// Of ASCII; of what is above it the letter tells.
static PLAIN: [Class; 256] = {
    let mut classes = [Class::None; 256];
    let mut rest: &mut [Class] = &mut classes;
    let mut byte = 0_u8;
    while let [first, more @ ..] = rest {
        *first = match byte {
            b'a'..=b'z' => Class::Lower,
            b'A'..=b'Z' => Class::Upper,
            b'0'..=b'9' => Class::Digit,
            _ => Class::None,
        };
        byte = byte.wrapping_add(1);
        rest = more;
    }
    classes
};

fn class(text: &[u8], at: usize) -> (Class, usize) {
    match text.get(at) {
        Some(b'a'..=b'z') => (Class::Lower, 1),
        Some(b'A'..=b'Z') => (Class::Upper, 1),
        Some(b'0'..=b'9') => (Class::Digit, 1),
        Some(0x80..) => match letter(text.get(at..).unwrap_or_default()) {
            (Some(letter), length) if letter.is_uppercase() => (Class::Upper, length),
            (Some(letter), length) if letter.is_lowercase() => (Class::Lower, length),
            (Some(letter), length) if letter.is_alphabetic() || is_mark(letter) => (Class::Other, length),
            (_, length) => (Class::None, length),
        },
        _ => (Class::None, 1),
    }
}

/// What stands over or beside a letter and belongs to its word.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{d7f}' | '\u{e30}'..='\u{e4e}' | '\u{64b}'..='\u{65f}' | '\u{591}'..='\u{5c7}')
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        let (first, mut length) = loop {
            if self.at >= self.text.len() {
                return None;
            }
            match class(self.text, self.at) {
                (Class::None, length) => self.at += length,
                found => break found,
            }
        };
        let start = self.at;
        let (mut upper, mut digits, mut letters, mut last_part) = (0_usize, 0_usize, 0_usize, start);
        let mut kind = first;
        loop {
            match kind {
                Class::Upper => upper += 1,
                Class::Digit => digits += 1,
                Class::Lower | Class::Other | Class::None => {}
            }
            letters += 1;
            self.at += length;
            // Letters and digits of ASCII, without asking for each what it could be besides.
            for byte in self.text.get(self.at..).unwrap_or_default() {
                match PLAIN.get(usize::from(*byte)) {
                    Some(Class::Lower) => {}
                    Some(Class::Upper) => upper += 1,
                    Some(Class::Digit) => digits += 1,
                    Some(Class::Other | Class::None) | None => break,
                }
                letters += 1;
                self.at += 1;
            }
            (kind, length) = class(self.text, self.at);
            if kind != Class::None {
                continue;
            }
            // A dash or an apostrophe between letters joins them.
            let rest = self.text.get(self.at..).unwrap_or_default();
            let joiner = match rest {
                [b'-' | b'\'', ..] => 1,
                [0xe2, 0x80, 0x99, ..] => 3,
                _ => break,
            };
            let (next, next_length) = class(self.text, self.at + joiner);
            if digits > 0 || !matches!(next, Class::Upper | Class::Lower | Class::Other) {
                break;
            }
            // `Daniel's` is Daniel.
            if joiner != 0
                && rest.get(joiner).is_some_and(|byte| matches!(byte, b's' | b'S'))
                && class(self.text, self.at + joiner + 1).0 == Class::None
                && rest.first() != Some(&b'-')
            {
                break;
            }
            self.at += joiner;
            last_part = self.at;
            (kind, length) = (next, next_length);
        }
        let case = if digits > 0 {
            Case::Number
        } else if upper == letters && upper > 1 {
            Case::Capitals
        } else if first == Class::Upper {
            Case::Title
        } else if first == Class::Other {
            Case::None
        } else {
            Case::Lower
        };
        Some(Word { start, end: self.at, case, letters, last_part })
    }
}
