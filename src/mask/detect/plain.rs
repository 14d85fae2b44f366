//! Brings a text into its plain form: digits of every script become ASCII digits, full-width letters ASCII letters, every dash `-`, every space
//! a space, and what takes no room goes. Ranges of the plain form are told as ranges of the text they came from. It knows no kinds.

/// The plain form of one text at a time.
#[derive(Debug, Default)]
pub struct Plain {
    text: Vec<u8>,
    /// Where the two forms stop running in step: offsets in the plain form and in the original, both never falling.
    breaks: Vec<(usize, usize)>,
}

impl Plain {
    /// Makes the plain form of `original`. False where it is that already: nothing is kept then.
    pub fn bring(&mut self, original: &[u8]) -> bool {
        self.text.clear();
        self.breaks.clear();
        let (mut copied, mut at) = (0, 0);
        while let Some(skipped) = original.get(at..).and_then(|rest| rest.iter().position(|byte| *byte >= 0x80)) {
            at += skipped;
            let (point, length) = point(original.get(at..).unwrap_or_default());
            match plain_of(point) {
                Becomes::Itself => {}
                becomes @ (Becomes::Byte(_) | Becomes::Nothing) => {
                    self.text.extend_from_slice(original.get(copied..at).unwrap_or_default());
                    self.breaks.push((self.text.len(), at));
                    if let Becomes::Byte(byte) = becomes {
                        self.text.push(byte);
                    }
                    copied = at + length;
                    self.breaks.push((self.text.len(), copied));
                }
            }
            at += length;
        }
        if self.breaks.is_empty() {
            return false;
        }
        self.text.extend_from_slice(original.get(copied..).unwrap_or_default());
        true
    }

    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The range of the original that a range of the plain form came from. What takes no room at its ends stays outside.
    pub fn back(&self, start: usize, end: usize) -> (usize, usize) {
        let last = self.breaks.partition_point(|(plain, _)| *plain <= start);
        let (plain, original) = last.checked_sub(1).and_then(|last| self.breaks.get(last)).copied().unwrap_or_default();
        let began = original + (start - plain);
        let first = self.breaks.partition_point(|(plain, _)| *plain < end);
        let ended = match self.breaks.get(first) {
            Some((plain, original)) if *plain == end => *original,
            Some(_) | None => {
                let (plain, original) = first.checked_sub(1).and_then(|last| self.breaks.get(last)).copied().unwrap_or_default();
                original + (end - plain)
            }
        };
        (began, ended.max(began))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Becomes {
    Itself,
    Byte(u8),
    Nothing,
}

/// The code point that bytes above ASCII begin with, and how many bytes it takes. What is not UTF-8 is a point that means nothing.
pub fn point(bytes: &[u8]) -> (u32, usize) {
    let follows = |byte: u8| byte & 0xC0 == 0x80;
    let low = |byte: u8| u32::from(byte & 0x3F);
    match *bytes {
        [a @ 0xC2..=0xDF, b, ..] if follows(b) => (u32::from(a & 0x1F) << 6 | low(b), 2),
        [a @ 0xE0..=0xEF, b, c, ..] if follows(b) && follows(c) => (u32::from(a & 0x0F) << 12 | low(b) << 6 | low(c), 3),
        [a @ 0xF0..=0xF4, b, c, d, ..] if follows(b) && follows(c) && follows(d) => {
            (u32::from(a & 0x07) << 18 | low(b) << 12 | low(c) << 6 | low(d), 4)
        }
        _ => (0, 1),
    }
}

/// Zeros of the scripts whose ten digits stand in a row (general category Nd), in order.
const ZEROS: &[u32] = &[
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040,
    0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50,
    0xABF0, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950,
    0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0, 0x16B50, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E950, 0x1FBF0,
];

fn plain_of(point: u32) -> Becomes {
    match point {
        // Latin letters with accents, Cyrillic, Greek, and what is most of Chinese, Japanese and Korean: the ordinary case, quickly.
        0xC0..=0x34E | 0x350..=0x589 | 0x3001..=0x3163 | 0x3165..=0x9FFF | 0xAC00..=0xD7FF => Becomes::Itself,
        // Full-width forms of ASCII.
        0xFF01..=0xFF5E => ascii(point - 0xFF01 + u32::from(b'!')),
        // What takes no room: soft hyphen, joiners, marks of direction, byte order mark, variation selectors, tags.
        0xAD
        | 0x34F
        | 0x61C
        | 0x115F
        | 0x1160
        | 0x17B4
        | 0x17B5
        | 0x180B..=0x180F
        | 0x200B..=0x200F
        | 0x202A..=0x202E
        | 0x2060..=0x2064
        | 0x2066..=0x206F
        | 0x3164
        | 0xFE00..=0xFE0F
        | 0xFEFF
        | 0xFFA0
        | 0xE0000..=0xE007F
        | 0xE0100..=0xE01EF => Becomes::Nothing,
        0xA0 | 0x1680 | 0x2000..=0x200A | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000 => Becomes::Byte(b' '),
        0x58A | 0x5BE | 0x2010..=0x2015 | 0x2043 | 0x2053 | 0x207B | 0x208B | 0x2212 | 0xFE31 | 0xFE32 | 0xFE58 | 0xFE63 => {
            Becomes::Byte(b'-')
        }
        0xFE6B => Becomes::Byte(b'@'),
        0x2024 | 0xFE52 | 0xFF61 => Becomes::Byte(b'.'),
        0xFE55 => Becomes::Byte(b':'),
        0x2215 | 0x2044 => Becomes::Byte(b'/'),
        // Raised and lowered digits, digits in circles.
        0xB2 | 0xB3 => ascii(point - 0xB0 + u32::from(b'0')),
        0xB9 => Becomes::Byte(b'1'),
        0x2070 | 0x2074..=0x2079 => ascii(point - 0x2070 + u32::from(b'0')),
        0x2080..=0x2089 => ascii(point - 0x2080 + u32::from(b'0')),
        0x2460..=0x2468 => ascii(point - 0x2460 + u32::from(b'1')),
        0x24EA => Becomes::Byte(b'0'),
        // Digits of mathematics: five sets in a row.
        0x1D7CE..=0x1D7FF => ascii((point - 0x1D7CE) % 10 + u32::from(b'0')),
        0x1CCF0..=0x1CCF9 => ascii(point - 0x1CCF0 + u32::from(b'0')),
        _ => {
            let after = ZEROS.partition_point(|zero| *zero <= point);
            match after.checked_sub(1).and_then(|last| ZEROS.get(last)) {
                Some(zero) if point - zero < 10 => ascii(point - zero + u32::from(b'0')),
                Some(_) | None => Becomes::Itself,
            }
        }
    }
}

fn ascii(point: u32) -> Becomes {
    u8::try_from(point).map_or(Becomes::Itself, Becomes::Byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

    use super::*;

    fn plain(text: &str) -> String {
        let mut plain = Plain::default();
        if plain.bring(text.as_bytes()) { String::from_utf8(plain.text).unwrap() } else { text.to_owned() }
    }

    #[test]
    fn digits_dashes_and_spaces_of_every_script_are_plain() {
        for (text, expected) in [
            ("番号 ６２６３", "番号 6263"),
            ("٤١١١ ١١١١", "4111 1111"),
            ("४१११", "4111"),
            ("𝟒𝟏𝟏𝟏", "4111"),
            ("272‑13–9790", "272-13-9790"),
            ("4558\u{200b}5185", "45585185"),
            ("a\u{ad}b\u{feff}", "ab"),
            ("5583\u{a0}2811\u{202f}2952", "5583 2811 2952"),
            ("ｊｏ＠ｅｘ．ｏｒｇ", "jo@ex.org"),
            ("jörg@bücher.example", "jörg@bücher.example"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn ranges_are_told_as_of_the_original() {
        let original = "№\u{200b}４1\u{200b}1\u{a0}1\u{200b}!";
        let mut room = Plain::default();
        assert!(room.bring(original.as_bytes()));
        let text = std::str::from_utf8(room.text()).unwrap();
        assert_eq!(text, "№411 1!");
        let (start, end) = (text.find('4').unwrap(), text.find('!').unwrap());
        let (start, end) = room.back(start, end);
        assert_eq!(&original[start..end], "４1\u{200b}1\u{a0}1");
        assert_eq!(room.back(0, text.len()), (0, original.len()));
    }

    #[test]
    fn what_is_plain_already_and_what_is_no_text_stay() {
        let mut room = Plain::default();
        for text in [b"4111".as_slice(), "é ü 漢字 привет".as_bytes(), b"\xff\xfe\xe2\x80", b"\xf0\x9d\x9f", b""] {
            assert!(!room.bring(text));
        }
    }
}
