//! Classes of bytes that tokens are written in, and what a run of them says about having been drawn at random.

/// Letters that a token is written in, as a set of the classes below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Alphabet(u16);

const DIGIT: u16 = 1;
const HEX_LOWER: u16 = 1 << 1;
const HEX_UPPER: u16 = 1 << 2;
const LOWER: u16 = 1 << 3;
const UPPER: u16 = 1 << 4;
const UNDERSCORE: u16 = 1 << 5;
const DASH: u16 = 1 << 6;
const DOT: u16 = 1 << 7;
const PLUS_SLASH: u16 = 1 << 8;
const EQUALS: u16 = 1 << 9;
const TILDE: u16 = 1 << 10;
const PERCENT: u16 = 1 << 11;
const COLON: u16 = 1 << 12;
const DOLLAR: u16 = 1 << 14;
const COMMA: u16 = 1 << 15;
/// `? & ; @ ! *`: what an address has besides.
const ADDRESS: u16 = 1 << 13;

impl Alphabet {
    pub const DIGITS: Self = Self(DIGIT);
    pub const HEX: Self = Self(DIGIT | HEX_LOWER | HEX_UPPER);
    pub const UUID: Self = Self(DIGIT | HEX_LOWER | HEX_UPPER | DASH);
    pub const UPPER: Self = Self(DIGIT | UPPER);
    pub const UPPER_DASHED: Self = Self(DIGIT | UPPER | DASH);
    pub const LOWER: Self = Self(DIGIT | LOWER);
    pub const ALNUM: Self = Self(DIGIT | LOWER | UPPER);
    /// Letters, digits, `_`.
    pub const WORD: Self = Self(DIGIT | LOWER | UPPER | UNDERSCORE);
    pub const URL64: Self = Self(DIGIT | LOWER | UPPER | UNDERSCORE | DASH);
    pub const DOTTED: Self = Self(DIGIT | LOWER | UPPER | UNDERSCORE | DASH | DOT);
    pub const BASE64: Self = Self(DIGIT | LOWER | UPPER | PLUS_SLASH | EQUALS);
    pub const TILDE: Self = Self(DIGIT | LOWER | UPPER | UNDERSCORE | DASH | DOT | TILDE);
    /// Both alphabets of base64, percent-encoded or not, with dots and dollars between its parts.
    pub const LOOSE: Self = Self(DIGIT | LOWER | UPPER | UNDERSCORE | DASH | DOT | PLUS_SLASH | EQUALS | TILDE | PERCENT | COLON);
    /// What a hash of a password is written in, with its parameters: `$m=65536,t=3$`.
    pub const HASH: Self = Self(Self::LOOSE.0 & !COLON | DOLLAR | COMMA);
    /// The same with colons between its parts: `scrypt:32768:8:1$`.
    pub const PARTED_HASH: Self = Self(Self::HASH.0 | COLON);
    /// The rest of an address.
    pub const ADDRESS: Self =
        Self(DIGIT | LOWER | UPPER | UNDERSCORE | DASH | DOT | PLUS_SLASH | EQUALS | TILDE | PERCENT | COLON | DOLLAR | COMMA | ADDRESS);

    pub fn has(self, byte: u8) -> bool {
        CLASSES.get(usize::from(byte)).is_some_and(|classes| classes & self.0 != 0)
    }

    /// How many bytes of `text` from its beginning are written in it, up to `most`.
    pub fn run(self, text: &[u8], most: usize) -> usize {
        text.iter().take(most).take_while(|byte| self.has(**byte)).count()
    }

    /// How many bytes at its end are.
    pub fn run_back(self, text: &[u8], most: usize) -> usize {
        text.iter().rev().take(most).take_while(|byte| self.has(**byte)).count()
    }
}

const CLASSES: [u16; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => LOWER | HEX_LOWER,
            b'g'..=b'z' => LOWER,
            b'A'..=b'F' => UPPER | HEX_UPPER,
            b'G'..=b'Z' => UPPER,
            b'_' => UNDERSCORE,
            b'-' => DASH,
            b'.' => DOT,
            b'+' | b'/' => PLUS_SLASH,
            b'=' => EQUALS,
            b'~' => TILDE,
            b'%' => PERCENT,
            b':' => COLON,
            b'$' => DOLLAR,
            b',' => COMMA,
            b'?' | b'&' | b';' | b'@' | b'!' | b'*' => ADDRESS,
            _ => 0,
        };
        #[allow(clippy::indexing_slicing, reason = "a byte is a place of a table of 256, and this runs when it is compiled")]
        {
            classes[byte as usize] = class;
        }
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

/// What a run is made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mix {
    pub length: usize,
    pub digits: usize,
    pub lower: usize,
    pub upper: usize,
    /// Neither letters nor digits.
    pub marks: usize,
    pub high: usize,
    /// Bytes that differ.
    pub distinct: u32,
    /// How often a digit follows a letter, a letter a digit, or a letter of one case one of the other; the first capital of a word does not count.
    pub turns: usize,
}

impl Mix {
    pub fn of(run: &[u8]) -> Self {
        let mut mix = Self { length: run.len(), ..Self::default() };
        let mut seen = 0_u128;
        let mut before = 0;
        for byte in run {
            seen |= 1 << (byte & 0x7F);
            let class = match byte {
                b'0'..=b'9' => {
                    mix.digits += 1;
                    1
                }
                b'a'..=b'z' => {
                    mix.lower += 1;
                    2
                }
                b'A'..=b'Z' => {
                    mix.upper += 1;
                    3
                }
                0x80.. => {
                    mix.high += 1;
                    2
                }
                _ => {
                    mix.marks += 1;
                    0
                }
            };
            let counts = matches!((before, class), (1, 2 | 3) | (2 | 3, 1) | (2, 3));
            mix.turns += usize::from(counts);
            before = class;
        }
        mix.distinct = seen.count_ones();
        mix
    }

    pub fn letters(&self) -> usize {
        self.lower + self.upper
    }

    /// Not one letter over and over, nor a word of a few.
    pub fn is_varied(&self) -> bool {
        let wanted = match self.length {
            0..12 => 5,
            12..24 => 7,
            24..40 => 8,
            _ => 10,
        };
        self.distinct >= wanted
    }

    /// What programs draw: letters and digits in turns, or nothing but digits and a few letters of hexadecimal.
    pub fn is_drawn(&self) -> bool {
        self.is_varied()
            && (self.digits > 0 && self.letters() > 0 && self.turns >= 2
                || self.digits == 0 && self.turns * 8 >= self.length && self.upper * 4 >= self.length)
    }

    /// What people choose so that nobody guesses it: not a word, not a number.
    pub fn is_chosen(&self) -> bool {
        let classes = usize::from(self.digits > 0)
            + usize::from(self.lower + self.high > 0)
            + usize::from(self.upper > 0)
            + usize::from(self.marks > 0);
        self.length >= 6 && classes >= 2 && (self.digits > 0 || self.marks > 0 && classes >= 3 || self.turns >= 2) && self.distinct >= 4
    }
}

/// Whether what stands before `at` lets a token begin there. What a backslash has made of a letter (`\n`) is no letter.
pub(super) fn begins(text: &[u8], at: usize) -> bool {
    let Some(before) = text.get(..at) else { return false };
    match before {
        [] => true,
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., last] => !(last.is_ascii_alphanumeric() || matches!(last, b'_' | b'-' | b'+')),
    }
}

/// Whether a token may end before `at`: nothing follows that it could be written in.
pub(super) fn ends(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|next| !next.is_ascii_alphanumeric())
}
