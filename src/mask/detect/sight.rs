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
    /// Bytes above ASCII: digits, dashes and spaces of other scripts among them, perhaps.
    pub high: bool,
}

/// What a byte adds to the sum of a block: a digit in the lower half of what is above [`COUNTS`], a capital in the upper half. Below stand the classes
/// that were met at all.
const COUNTS: u32 = 32;
/// Counts of a block stay within 16 bits.
const BLOCK: usize = 0xFFFF;

static CLASSES: [u64; 256] = classes();

const AT_SIGN: u64 = 1 << 0;
const BRACKET: u64 = 1 << 11;
const COLON: u64 = 1 << 1;
const EQUALS: u64 = 1 << 2;
const DASH: u64 = 1 << 3;
const DOT: u64 = 1 << 4;
const PERCENT: u64 = 1 << 5;
const UNDERSCORE: u64 = 1 << 6;
const AMPERSAND: u64 = 1 << 7;
const BACKSLASH: u64 = 1 << 8;
const LOWER: u64 = 1 << 9;
const HIGH: u64 = 1 << 10;

const fn classes() -> [u64; 256] {
    let mut classes = [0; 256];
    let mut rest: &mut [u64] = &mut classes;
    let mut byte = 0_u8;
    while let [first, more @ ..] = rest {
        *first = match byte {
            b'0'..=b'9' => 1 << COUNTS,
            b'A'..=b'Z' => 1 << (COUNTS + 16),
            b'@' => AT_SIGN,
            b':' => COLON,
            b'(' | b'[' => BRACKET,
            b'=' => EQUALS,
            b'-' => DASH,
            b'.' => DOT,
            b'%' => PERCENT,
            b'_' => UNDERSCORE,
            b'&' => AMPERSAND,
            b'\\' => BACKSLASH,
            b'a'..=b'z' => LOWER,
            0x80.. => HIGH,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        rest = more;
    }
    classes
}

impl Sight {
    /// A table and two sums: as fast as memory for a page, and there is nothing to begin or to end with for a word.
    pub fn of(text: &[u8]) -> Self {
        let (mut met, mut digits, mut upper) = (0, 0, 0);
        for block in text.chunks(BLOCK) {
            let mut counts = 0;
            for byte in block {
                let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
                met |= class;
                counts += class >> COUNTS;
            }
            digits += counts & 0xFFFF;
            upper += counts >> 16;
        }
        let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            digits: count(digits),
            upper: count(upper),
            at_sign: met & AT_SIGN != 0,
            colon: met & COLON != 0,
            bracket: met & BRACKET != 0,
            equals: met & EQUALS != 0,
            dash: met & DASH != 0,
            dot: met & DOT != 0,
            percent: met & PERCENT != 0,
            underscore: met & UNDERSCORE != 0,
            ampersand: met & AMPERSAND != 0,
            backslash: met & BACKSLASH != 0,
            lower: met & LOWER != 0,
            high: met & HIGH != 0,
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
        assert_eq!(Sight::of(b""), Sight::default());
    }
}
