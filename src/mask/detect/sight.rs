//! One pass over a text before anything is looked for in it: which bytes are there at all. Most texts are dismissed by it. It knows no kinds.

/// What a text is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sight {
    /// ASCII digits, counted to the end.
    pub digits: usize,
    /// ASCII letters in upper case, counted to the end.
    pub upper: usize,
    /// Bytes of these classes are there.
    pub at_sign: bool,
    pub colon: bool,
    /// `(` or `[`.
    pub bracket: bool,
    pub equals: bool,
    pub dash: bool,
    pub dot: bool,
    pub percent: bool,
    pub underscore: bool,
    pub ampersand: bool,
    pub backslash: bool,
    pub lower: bool,
    /// `'`, `"` or `` ` ``.
    pub quote: bool,
    pub slash: bool,
    /// `>`: the end of a tag, or of an arrow.
    pub angle: bool,
    /// Bytes above ASCII: digits, dashes and spaces of other scripts among them, perhaps.
    pub high: bool,
}

/// Bytes that are looked at together, a few of them at a time, where a text is long enough: their counts stay within a byte.
const BLOCK: usize = 192;
/// What of a text is less than this is read by the table.
const STEP: usize = 32;

/// What a byte is: classes that were met at all below, a digit and a capital counted above.
static CLASSES: [u32; 256] = classes();

const DIGIT: u32 = 1 << 16;
const CAPITAL: u32 = 1 << 24;
const AT_SIGN: u8 = 1 << 0;
const COLON: u8 = 1 << 1;
const EQUALS: u8 = 1 << 2;
const DASH: u8 = 1 << 3;
const DOT: u8 = 1 << 4;
const PERCENT: u8 = 1 << 5;
const UNDERSCORE: u8 = 1 << 6;
const AMPERSAND: u8 = 1 << 7;
/// Of a second byte.
const BACKSLASH: u8 = 1 << 0;
const LOWER: u8 = 1 << 1;
const HIGH: u8 = 1 << 2;
const BRACKET: u8 = 1 << 3;
const QUOTE: u8 = 1 << 4;
const SLASH: u8 = 1 << 5;
const ANGLE: u8 = 1 << 6;

const fn first(byte: u8) -> u8 {
    match byte {
        b'@' => AT_SIGN,
        b':' => COLON,
        b'=' => EQUALS,
        b'-' => DASH,
        b'.' => DOT,
        b'%' => PERCENT,
        b'_' => UNDERSCORE,
        b'&' => AMPERSAND,
        _ => 0,
    }
}

const fn second(byte: u8) -> u8 {
    match byte {
        b'\\' => BACKSLASH,
        b'a'..=b'z' => LOWER,
        0x80.. => HIGH,
        b'(' | b'[' => BRACKET,
        b'\'' | b'"' | b'`' => QUOTE,
        b'/' => SLASH,
        b'>' => ANGLE,
        _ => 0,
    }
}

const fn classes() -> [u32; 256] {
    let mut classes = [0; 256];
    let mut rest: &mut [u32] = &mut classes;
    let mut byte = 0_u8;
    while let [class, more @ ..] = rest {
        let counted = match byte {
            b'0'..=b'9' => DIGIT,
            b'A'..=b'Z' => CAPITAL,
            _ => 0,
        };
        *class = counted | u32::from_le_bytes([first(byte), second(byte), 0, 0]);
        byte = byte.wrapping_add(1);
        rest = more;
    }
    classes
}

/// What was met so far.
#[derive(Default)]
struct Met {
    digits: usize,
    upper: usize,
    first: u8,
    second: u8,
}

impl Met {
    /// Without a branch, so that many bytes are compared at once.
    fn block(&mut self, block: &[u8]) {
        // Most blocks of most texts are small letters and spaces.
        let other = |byte: u8| u8::from(byte.wrapping_sub(b'a') >= 26) & u8::from(byte != b' ');
        if block.iter().fold(0, |met, byte| met | other(*byte)) == 0 {
            // Of spaces alone nothing is said.
            self.second |= if block.iter().fold(0, |met, byte| met | *byte) >= b'a' { LOWER } else { 0 };
            return;
        }
        let (mut digits, mut upper, mut one, mut two) = (0_u8, 0_u8, 0_u8, 0_u8);
        let class = |is: bool, class: u8| if is { class } else { 0 };
        for byte in block.iter().copied() {
            digits += u8::from(byte.wrapping_sub(b'0') < 10);
            upper += u8::from(byte.wrapping_sub(b'A') < 26);
            one |= class(byte == b'@', AT_SIGN)
                | class(byte == b':', COLON)
                | class(byte == b'=', EQUALS)
                | class(byte == b'-', DASH)
                | class(byte == b'.', DOT)
                | class(byte == b'%', PERCENT)
                | class(byte == b'_', UNDERSCORE)
                | class(byte == b'&', AMPERSAND);
            two |= class(byte == b'\\', BACKSLASH)
                | class(byte.wrapping_sub(b'a') < 26, LOWER)
                | class(byte >= 0x80, HIGH)
                | class(byte == b'(', BRACKET)
                | class(byte == b'[', BRACKET)
                | class(byte == b'\'', QUOTE)
                | class(byte == b'"', QUOTE)
                | class(byte == b'`', QUOTE)
                | class(byte == b'/', SLASH)
                | class(byte == b'>', ANGLE);
        }
        self.digits += usize::from(digits);
        self.upper += usize::from(upper);
        self.first |= one;
        self.second |= two;
    }

    /// Less than [`STEP`] bytes, one after the other.
    fn rest(&mut self, rest: &[u8]) {
        let (mut met, mut counts) = (0, 0);
        for byte in rest {
            let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
            met |= class;
            counts += class >> 16;
        }
        let [first, second, ..] = met.to_le_bytes();
        let [digits, upper, ..] = counts.to_le_bytes();
        self.digits += usize::from(digits);
        self.upper += usize::from(upper);
        self.first |= first;
        self.second |= second;
    }
}

impl Sight {
    /// As fast as memory for a page, and there is nothing to begin or to end with for a word.
    pub fn of(text: &[u8]) -> Self {
        let mut met = Met::default();
        let (blocks, rest) = text.split_at_checked(text.len() - text.len() % STEP).unwrap_or((b"", text));
        for block in blocks.chunks(BLOCK) {
            met.block(block);
        }
        met.rest(rest);
        let (one, two) = (|class| met.first & class != 0, |class| met.second & class != 0);
        Self {
            digits: met.digits,
            upper: met.upper,
            at_sign: one(AT_SIGN),
            colon: one(COLON),
            bracket: two(BRACKET),
            equals: one(EQUALS),
            dash: one(DASH),
            dot: one(DOT),
            percent: one(PERCENT),
            underscore: one(UNDERSCORE),
            ampersand: one(AMPERSAND),
            backslash: two(BACKSLASH),
            lower: two(LOWER),
            quote: two(QUOTE),
            slash: two(SLASH),
            angle: two(ANGLE),
            high: two(HIGH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen_wherever_it_stands() {
        for before in [0, 1, 15, 16, 17, BLOCK - 1, BLOCK, BLOCK * 3, 4096] {
            for after in [0, 1, 31] {
                let mut text = vec![b' '; before];
                text.extend_from_slice(b"aB7@");
                text.extend(std::iter::repeat_n(b' ', after));
                let seen = Sight::of(&text);
                assert_eq!(seen, Sight { digits: 1, upper: 1, at_sign: true, lower: true, ..Sight::default() });
            }
        }
        assert_eq!(Sight::of(&[b'4'; BLOCK * 2 + 5]).digits, BLOCK * 2 + 5);
        assert!(Sight::of("naïve".as_bytes()).high);
        // The same of a byte by itself and among many.
        for byte in 0..=u8::MAX {
            for length in [1, STEP, BLOCK, BLOCK * 2 + STEP] {
                let seen = Sight::of(&vec![byte; length]);
                let count = |is: bool| if is { length } else { 0 };
                let single = Sight::of(&[byte]);
                let expected = Sight { digits: count(byte.is_ascii_digit()), upper: count(byte.is_ascii_uppercase()), ..single };
                assert_eq!(seen, expected, "{byte}");
                assert_eq!(single.lower, byte.is_ascii_lowercase());
            }
        }
        assert_eq!(Sight::of(b""), Sight::default());
    }
}
