//! Undoes what hides a text from detectors without making it a secret: percent signs, references of HTML, backslashes, quoted-printable, base64,
//! hex. What is found in the decoded text is told as ranges of the text it came from; of base64 and hex the whole run is. It knows no kinds.
//!
//! Each is undone a few times over, one inside the other, and never more text is made than there was.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Sight;

/// How often a decoded text is decoded again.
pub const DEPTH: usize = 3;
/// The shortest run of base64 or hex that is looked into: nine digits in base64.
const RUN_LEAST: usize = 12;
/// A long run is decoded in parts of this length, each with the end of the one before.
const PART: usize = 64 << 10;
const PART_AGAIN: usize = 512;
/// Base64 over several lines (MIME, PEM) has lines at least this long.
const LINE_LEAST: usize = 60;
/// A buffer that grew beyond this is not kept for the next text.
const KEEP_CAPACITY: usize = 256 << 10;

/// A decoded text, and where each part of it comes from.
#[derive(Debug, Default)]
pub struct Decoded {
    text: Vec<u8>,
    /// Where the two texts stop running in step: offsets in the decoded one and in the one it came from, both never falling.
    breaks: Vec<(usize, usize)>,
}

/// Buffers, one for each depth.
#[derive(Debug, Default)]
pub struct Decoding {
    levels: [Decoded; DEPTH],
    pub depth: usize,
}

impl Decoding {
    /// Lends the buffer of the depth that is reached now; `None` where it is deep enough.
    pub fn lend(&mut self) -> Option<Decoded> {
        let lent = self.levels.get_mut(self.depth).map(std::mem::take)?;
        self.depth += 1;
        Some(lent)
    }

    pub fn give_back(&mut self, mut lent: Decoded) {
        self.depth = self.depth.saturating_sub(1);
        lent.text.clear();
        lent.breaks.clear();
        if lent.text.capacity().max(lent.breaks.capacity()) <= KEEP_CAPACITY
            && let Some(level) = self.levels.get_mut(self.depth)
        {
            *level = lent;
        }
    }
}

/// How single characters are written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// `%40`, `&#64;`, `\u0040`, `\x40`, `\100`, `\t`.
    Marked,
    /// `=40`: apart from the others, because `=` is an ordinary sign to them.
    Printable,
}

impl Escapes {
    pub const ALL: [Self; 2] = [Self::Marked, Self::Printable];

    /// Whether a text can have any.
    pub fn in_sight(self, sight: &Sight) -> bool {
        match self {
            Self::Marked => sight.percent || sight.ampersand || sight.backslash,
            Self::Printable => sight.equals,
        }
    }
}

impl Decoded {
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Decodes characters. False where there are none that are written otherwise.
    pub fn characters(&mut self, original: &[u8], escapes: Escapes) -> bool {
        self.text.clear();
        self.breaks.clear();
        let (mut copied, mut at) = (0, 0);
        let next = |at: usize| {
            let rest = original.get(at..)?;
            match escapes {
                Escapes::Marked => memchr::memchr3(b'%', b'&', b'\\', rest),
                Escapes::Printable => memchr::memchr(b'=', rest),
            }
        };
        while let Some(skipped) = next(at) {
            at += skipped;
            let rest = original.get(at..).unwrap_or_default();
            let read = match rest.first() {
                Some(b'%') => hex_pair(rest.get(1..3)).map(|byte| (Character::Byte(byte), 3)),
                Some(b'&') => reference(rest),
                Some(b'\\') => backslash(rest),
                Some(b'=') => printable_pair(rest),
                Some(_) | None => None,
            };
            let Some((character, length)) = read else {
                at += 1;
                continue;
            };
            self.text.extend_from_slice(original.get(copied..at).unwrap_or_default());
            self.breaks.push((self.text.len(), at));
            match character {
                // No detector expects one inside a text.
                Character::Byte(0) => self.text.push(b' '),
                Character::Byte(byte) => self.text.push(byte),
                Character::Point(point) => self.text.extend_from_slice(point.encode_utf8(&mut [0; 4]).as_bytes()),
                Character::Nothing => {}
            }
            at += length;
            copied = at;
            self.breaks.push((self.text.len(), at));
        }
        if self.breaks.is_empty() {
            return false;
        }
        self.text.extend_from_slice(original.get(copied..).unwrap_or_default());
        true
    }

    /// The range of the original that a range of the decoded text came from.
    pub fn back(&self, start: usize, end: usize) -> (usize, usize) {
        let last = self.breaks.partition_point(|(decoded, _)| *decoded <= start);
        let (decoded, original) = last.checked_sub(1).and_then(|last| self.breaks.get(last)).copied().unwrap_or_default();
        let began = original + (start - decoded);
        // The last byte of a range may be one that takes several in the original.
        let first = self.breaks.partition_point(|(decoded, _)| *decoded < end);
        let ended = match self.breaks.get(first) {
            Some((decoded, original)) if *decoded == end => *original,
            Some(_) | None => {
                let (decoded, original) = first.checked_sub(1).and_then(|last| self.breaks.get(last)).copied().unwrap_or_default();
                original + (end - decoded)
            }
        };
        (began, ended.max(began))
    }

    /// Decodes a run, and hands out what it says part by part until one of them is `enough`.
    pub fn run(&mut self, run: &[u8], mut enough: impl FnMut(&[u8]) -> bool) -> bool {
        if self.encoded(run, &mut enough) {
            return true;
        }
        // A name before it, a path around it: what stands between the signs that base64 has besides letters may be a run of its own.
        let parts = run.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'=');
        parts.filter(|part| part.len() >= RUN_LEAST && part.len() < run.len()).any(|part| self.encoded(part, &mut enough))
    }

    fn encoded(&mut self, run: &[u8], enough: &mut impl FnMut(&[u8]) -> bool) -> bool {
        let digits = run.strip_prefix(b"0x").or_else(|| run.strip_prefix(b"x")).unwrap_or(run);
        if digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit) {
            return self.parts(digits, enough, |part, out| {
                out.extend(part.chunks_exact(2).filter_map(|pair| hex_pair(Some(pair))));
                true
            });
        }
        // Text is ASCII for the most part, and so the first of four signs stands for less than half of what it could.
        let plausible = run.iter().step_by(4).take(4).filter(|first| matches!(first, b'A'..=b'Z' | b'a'..=b'f')).count();
        plausible * 2 > run.len().div_ceil(4).min(4) && self.parts(run, enough, decode_base64)
    }

    fn parts(&mut self, run: &[u8], enough: &mut impl FnMut(&[u8]) -> bool, decode: impl Fn(&[u8], &mut Vec<u8>) -> bool) -> bool {
        let mut from = 0;
        loop {
            let part = run.get(from..(from + PART).min(run.len())).unwrap_or_default();
            self.text.clear();
            if !decode(part, &mut self.text) || !self.becomes_text() {
                return false;
            }
            if enough(&self.text) {
                return true;
            }
            if from + PART >= run.len() {
                return false;
            }
            from += PART - PART_AGAIN;
        }
    }

    /// Whether what was decoded is a text. One of two bytes for each character (UTF-16) becomes one.
    fn becomes_text(&mut self) -> bool {
        for zero in [1, 0] {
            if self.text.len() >= 8 && self.text.iter().skip(zero).step_by(2).all(|byte| *byte == 0) {
                let mut at = 0;
                self.text.retain(|_| {
                    at += 1;
                    at % 2 == zero
                });
            }
        }
        let valid = match std::str::from_utf8(&self.text) {
            Ok(_) => true,
            // A part may end inside a character.
            Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
        };
        valid && !self.text.iter().any(|byte| matches!(byte, 0..=8 | 11 | 14..=31 | 127))
    }
}

enum Character {
    Byte(u8),
    Point(char),
    Nothing,
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn hex_pair(digits: Option<&[u8]>) -> Option<u8> {
    let [high, low] = digits? else { return None };
    Some(nibble(*high)? << 4 | nibble(*low)?)
}

/// `=40`, and the `=` before the end of a line that goes on. By the standard its letters are capitals.
fn printable_pair(text: &[u8]) -> Option<(Character, usize)> {
    match text {
        [_, b'\n', ..] => Some((Character::Nothing, 2)),
        [_, b'\r', b'\n', ..] => Some((Character::Nothing, 3)),
        [_, high, low, ..] if !high.is_ascii_lowercase() && !low.is_ascii_lowercase() => {
            hex_pair(Some(&[*high, *low])).map(|byte| (Character::Byte(byte), 3))
        }
        _ => None,
    }
}

/// The longest reference that is read.
const REFERENCE_LIMIT: usize = 12;

/// References of HTML: all by number, and by name those that stand inside values.
fn reference(text: &[u8]) -> Option<(Character, usize)> {
    let end = text.iter().take(REFERENCE_LIMIT).position(|byte| *byte == b';')?;
    let point = match text.get(1..end)? {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" | b"ensp" | b"emsp" | b"thinsp" => ' ',
        b"commat" => '@',
        b"period" => '.',
        b"hyphen" | b"dash" | b"ndash" | b"mdash" | b"minus" => '-',
        b"plus" => '+',
        b"colon" => ':',
        b"sol" => '/',
        b"num" => '#',
        b"lowbar" => '_',
        b"lpar" => '(',
        b"rpar" => ')',
        b"shy" | b"zwj" | b"zwnj" => return Some((Character::Nothing, end + 1)),
        [b'#', b'x' | b'X', digits @ ..] => char::from_u32(u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?)?,
        [b'#', digits @ ..] => char::from_u32(std::str::from_utf8(digits).ok()?.parse().ok()?)?,
        _ => return None,
    };
    Some((if point == '\0' { Character::Byte(0) } else { Character::Point(point) }, end + 1))
}

/// What programs write behind a backslash.
fn backslash(text: &[u8]) -> Option<(Character, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 4)?;
        digits.iter().all(u8::is_ascii_hexdigit).then(|| u32::from_str_radix(std::str::from_utf8(digits).unwrap_or_default(), 16).ok())?
    };
    match text.get(1..)? {
        [b't' | b'n' | b'r' | b'b' | b'f' | b'v', ..] => Some((Character::Byte(b'\n'), 2)),
        [sign @ (b'\\' | b'"' | b'\'' | b'/'), ..] => Some((Character::Byte(*sign), 2)),
        [b'N', ..] => Some((Character::Byte(b' '), 2)),
        [b'x', high, low, ..] => hex_pair(Some(&[*high, *low])).map(|byte| (Character::Byte(byte), 4)),
        [b'u', ..] => {
            let high = unit(2)?;
            match (high, text.get(6..8).filter(|next| *next == b"\\u").and_then(|_| unit(8))) {
                (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
                    Some((Character::Point(char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))?), 12))
                }
                _ => Some((char::from_u32(high).filter(|point| *point != '\0').map_or(Character::Byte(b' '), Character::Point), 6)),
            }
        }
        [high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', ..] => {
            Some((Character::Byte((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0')), 4))
        }
        _ => None,
    }
}

/// Both alphabets, with padding or without, and whatever the last bits are.
const TOLERANT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, TOLERANT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, TOLERANT);

fn decode_base64(run: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = run;
    // Over several lines: each is a whole number of fours.
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let line = rest.get(..end).unwrap_or_default();
        if !decode_line(line.strip_suffix(b"\r").unwrap_or(line), out) {
            return false;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    decode_line(rest, out)
}

fn decode_line(line: &[u8], out: &mut Vec<u8>) -> bool {
    let signs = line.iter().take_while(|byte| **byte != b'=').count();
    // One sign alone is no byte.
    let line = if signs % 4 == 1 { line.get(..signs - 1) } else { line.get(..signs) }.unwrap_or_default();
    let engine = if line.iter().any(|byte| matches!(byte, b'-' | b'_')) { &URL_SAFE } else { &STANDARD };
    let start = out.len();
    out.resize(start + line.len() / 4 * 3 + 3, 0);
    match out.get_mut(start..).map(|room| engine.decode_slice_unchecked(line, room)) {
        Some(Ok(written)) => {
            out.truncate(start + written);
            true
        }
        Some(Err(_)) | None => false,
    }
}

fn in_run(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Whether a text can have a run at all. In base64 no text is without capitals and digits, and hex has digits.
pub fn may_have_runs(text: &[u8], sight: &Sight) -> bool {
    text.len() >= RUN_LEAST && sight.digits + sight.upper > 1
}

/// The next run from `at` on that base64 or hex could be: looks at every twelfth byte and, only where it could be part of one, around it.
pub fn next_run(text: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let mut probe = at + RUN_LEAST - 1;
    while let Some(byte) = text.get(probe) {
        if !in_run(*byte) {
            probe += RUN_LEAST;
            continue;
        }
        let before = text.get(at..probe).unwrap_or_default().iter().rev().take_while(|byte| in_run(**byte)).count();
        let start = probe - before;
        let mut end = probe + length_of_run(text, probe);
        if end - start >= RUN_LEAST {
            while end - start >= LINE_LEAST
                && let Some(next) = next_line(text, end)
            {
                end = next + length_of_run(text, next);
            }
            let padding = text.get(end..).unwrap_or_default().iter().take(2).take_while(|byte| **byte == b'=').count();
            return Some(start..end + padding);
        }
        probe = end + RUN_LEAST;
    }
    None
}

fn length_of_run(text: &[u8], at: usize) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| in_run(**byte)).count()
}

/// Where a run goes on behind the end of a line.
fn next_line(text: &[u8], end: usize) -> Option<usize> {
    let next = match text.get(end..)? {
        [b'\r', b'\n', ..] => end + 2,
        [b'\n', ..] => end + 1,
        _ => return None,
    };
    (length_of_run(text, next) > 0).then_some(next)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use base64::prelude::*;
    use proptest::prelude::*;

    use crate::mask::detect::{Context, Detectors, Room};

    /// Making them takes a while.
    static DETECTORS: LazyLock<Detectors> = LazyLock::new(Detectors::built_in);

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        DETECTORS.find(text.as_bytes(), &Context::NONE, &mut Room::default(), &mut found);
        found.iter().map(|finding| &text[finding.start..finding.end]).collect()
    }

    #[test]
    fn an_address_is_found_however_it_is_written() {
        for (text, expected) in [
            ("https://x.example/reset?m=jo.ann%40example.com&ts=1", "jo.ann%40example.com"),
            ("m=jo.ann%2540example.com&ts=1", "jo.ann%2540example.com"),
            ("<a href='mailto:jo&#64;example.com'>", "jo&#64;example.com"),
            ("jo&#x40;example&period;com!", "jo&#x40;example&period;com"),
            ("To: jo=40example.com", "jo=40example.com"),
            ("To: jo=40exam=\r\nple.com", "jo=40exam=\r\nple.com"),
            (r"\u006ao\u0040example.com", r"\u006ao\u0040example.com"),
            (r"jo\x40example\056com", r"jo\x40example\056com"),
            ("key am9Aam9obi5leGFtcGxl end", "am9Aam9obi5leGFtcGxl"),
            ("dXNlcj1qb0BleGFtcGxlLmNvbQ==", "dXNlcj1qb0BleGFtcGxlLmNvbQ=="),
            ("path/to/dXNlcj1qb0BleGFtcGxlLmNvbQ", "path/to/dXNlcj1qb0BleGFtcGxlLmNvbQ"),
            (r"\x6a6f406578616d706c652e636f6d", "x6a6f406578616d706c652e636f6d"),
            ("6a6f406578616d706c652e636f6d", "6a6f406578616d706c652e636f6d"),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
        let once = BASE64_STANDARD.encode("this is jo@example.com");
        let twice = BASE64_URL_SAFE_NO_PAD.encode(&once);
        assert_eq!(found(&twice), [twice.as_str()]);
        let wide: Vec<u8> = "jo@example.com".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide = BASE64_STANDARD.encode(wide);
        assert_eq!(found(&wide), [wide.as_str()]);
        let long = BASE64_STANDARD.encode("words without end ".repeat(9000) + "jo@example.com" + &" and more".repeat(100));
        assert_eq!(found(&long), [long.as_str()]);
        let lines = long.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\r\n");
        assert_eq!(found(&lines), [lines.as_str()]);
    }

    #[test]
    fn what_says_nothing_stays() {
        for text in [
            "9f3c5548-1454-429e-8697-8debe82ce7ff",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
            "50%40 of it, AT&T; a=4 b=40",
            "UnquestionablyInternationalization",
            "dGhpcyBpcyBub2JvZHkncyBidXNpbmVzcw==",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }

    proptest! {
        /// Wherever it stands and however it is wrapped, the whole of it is covered, and no range is outside the text or inside another.
        #[test]
        fn encoded_values_are_covered(before in "[ -~]{0,40}", after in "[ -~]{0,40}", how in 0usize..5) {
            let value = "jo.smith@example.com";
            let encoded = match how {
                0 => BASE64_STANDARD.encode(value),
                1 => value.bytes().map(|byte| format!("{byte:02x}")).collect(),
                2 => value.bytes().map(|byte| format!("%{byte:02X}")).collect(),
                3 => value.bytes().map(|byte| format!("&#{byte};")).collect(),
                _ => value.bytes().map(|byte| format!("\\u{byte:04x}")).collect::<String>(),
            };
            let text = format!("{before} {encoded} {after}");
            let mut found = Vec::new();
            DETECTORS.find(text.as_bytes(), &Context::NONE, &mut Room::default(), &mut found);
            prop_assert!(found.iter().all(|finding| finding.start < finding.end && finding.end <= text.len()));
            prop_assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let (start, end) = (before.len() + 1, before.len() + 1 + encoded.len());
            // What stands before may be half an escape of its own.
            if !before.ends_with('\\') {
                prop_assert!(found.iter().any(|finding| finding.start <= start && end <= finding.end), "{} {:?}", text, found);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<Vec<u8>>(), signs in "[%&\\\\=xu0-9a-fA-F;#]{0,64}") {
            for text in [text.as_slice(), signs.as_bytes()] {
                let mut found = Vec::new();
                DETECTORS.find(text, &Context::NONE, &mut Room::default(), &mut found);
                prop_assert!(found.iter().all(|finding| finding.start < finding.end && finding.end <= text.len()));
            }
        }
    }
}
