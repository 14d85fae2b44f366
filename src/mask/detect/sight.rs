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

/// Bytes that are looked at together. Counts of a lane stay below 256: a block has as many rows as that.
const LANES: usize = 16;
const BLOCK: usize = LANES * 255;

impl Sight {
    pub fn of(text: &[u8]) -> Self {
        let mut sight = Self::default();
        for block in text.chunks(BLOCK) {
            sight.block(block);
        }
        sight
    }

    /// Written so that the compiler turns each line of the loop into one or two instructions over all lanes.
    fn block(&mut self, block: &[u8]) {
        let mut lanes = Lanes::default();
        let (rows, rest) = block.as_chunks::<LANES>();
        for row in rows {
            lanes.row(row);
        }
        if !rest.is_empty() {
            let mut row = [0; LANES];
            for (place, byte) in row.iter_mut().zip(rest) {
                *place = *byte;
            }
            lanes.row(&row);
        }
        let any = |lane: &[u8; LANES]| lane.iter().any(|byte| *byte != 0);
        let count = |lane: &[u8; LANES]| lane.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        self.digits += count(&lanes.digits);
        self.upper += count(&lanes.upper);
        self.at_sign |= any(&lanes.at_sign);
        self.colon |= any(&lanes.colon);
        self.equals |= any(&lanes.equals);
        self.dash |= any(&lanes.dash);
        self.dot |= any(&lanes.dot);
        self.percent |= any(&lanes.percent);
        self.underscore |= any(&lanes.underscore);
        self.ampersand |= any(&lanes.ampersand);
        self.backslash |= any(&lanes.backslash);
        self.lower |= any(&lanes.lower);
        self.high |= lanes.all.iter().any(|byte| *byte >= 0x80);
    }
}

#[derive(Default)]
struct Lanes {
    digits: [u8; LANES],
    upper: [u8; LANES],
    at_sign: [u8; LANES],
    colon: [u8; LANES],
    equals: [u8; LANES],
    dash: [u8; LANES],
    dot: [u8; LANES],
    percent: [u8; LANES],
    underscore: [u8; LANES],
    ampersand: [u8; LANES],
    backslash: [u8; LANES],
    lower: [u8; LANES],
    all: [u8; LANES],
}

impl Lanes {
    #[inline(always)]
    fn row(&mut self, row: &[u8; LANES]) {
        each(&mut self.digits, row, |sum, byte| sum.wrapping_add(u8::from(byte.wrapping_sub(b'0') < 10)));
        each(&mut self.upper, row, |sum, byte| sum.wrapping_add(u8::from(byte.wrapping_sub(b'A') < 26)));
        each(&mut self.lower, row, |seen, byte| seen | u8::from(byte.wrapping_sub(b'a') < 26));
        each(&mut self.at_sign, row, |seen, byte| seen | u8::from(byte == b'@'));
        each(&mut self.colon, row, |seen, byte| seen | u8::from(byte == b':'));
        each(&mut self.equals, row, |seen, byte| seen | u8::from(byte == b'='));
        each(&mut self.dash, row, |seen, byte| seen | u8::from(byte == b'-'));
        each(&mut self.dot, row, |seen, byte| seen | u8::from(byte == b'.'));
        each(&mut self.percent, row, |seen, byte| seen | u8::from(byte == b'%'));
        each(&mut self.underscore, row, |seen, byte| seen | u8::from(byte == b'_'));
        each(&mut self.ampersand, row, |seen, byte| seen | u8::from(byte == b'&'));
        each(&mut self.backslash, row, |seen, byte| seen | u8::from(byte == b'\\'));
        each(&mut self.all, row, |seen, byte| seen | byte);
    }
}

#[inline(always)]
fn each(lane: &mut [u8; LANES], row: &[u8; LANES], with: impl Fn(u8, u8) -> u8) {
    for (into, byte) in lane.iter_mut().zip(row) {
        *into = with(*into, *byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen_wherever_it_stands() {
        for before in [0, 1, 15, 16, 17, BLOCK - 1, BLOCK, BLOCK * 3] {
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
