//! Groups of digits with one sign between each two of them: `4111 1111 1111 1111`, `123-45-6789`. A value is a window of such a chain. It
//! knows no kinds.

/// Digits and groups that are looked at together: enough for the longest value, a digit at a time, with something before and after it.
const DIGITS: usize = 96;
const GROUPS: usize = 48;

#[derive(Debug)]
pub struct Chain {
    /// Each from 0 to 9.
    digits: [u8; DIGITS],
    groups: [Group; GROUPS],
    lengths: [u8; GROUPS],
    count: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Group {
    /// Where it begins in the text, and among the digits.
    at: usize,
    first: usize,
    length: usize,
    /// The sign after it, where another group follows.
    sign: u8,
}

/// What stands beside a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Nothing that it could belong to.
    Open,
    /// More digits after a space.
    Space,
    /// A point and digits: a fraction.
    Fraction,
    /// Something after a sign that joins.
    Joined,
    /// A letter.
    Letter,
}

/// Groups of a chain that stand one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Window<'c> {
    pub digits: &'c [u8],
    /// How long each group is.
    pub groups: &'c [u8],
    /// The sign between its groups; zero where there are several, or it is one group.
    pub sign: u8,
    pub start: usize,
    pub end: usize,
    pub before: Edge,
    pub after: Edge,
}

impl Window<'_> {
    pub fn is_single(&self) -> bool {
        self.groups.len() == 1
    }

    /// Nothing beside it makes it a part of something else.
    pub fn stands_alone(&self) -> bool {
        let alone = |edge| match edge {
            Edge::Open => true,
            // A group of what is written with spaces would have one more of them.
            Edge::Space => self.sign != b' ',
            Edge::Fraction | Edge::Joined | Edge::Letter => false,
        };
        alone(self.before) && alone(self.after)
    }
}

impl Chain {
    pub fn new() -> Self {
        Self { digits: [0; DIGITS], groups: [Group::default(); GROUPS], lengths: [0; GROUPS], count: 0 }
    }

    /// Reads groups from `at` on, where a digit is; answers where to go on. A chain that does not fit goes on in the next one, which begins
    /// with what no window of this one could have held whole; a last group with letters behind it is looked at again as what it is then.
    pub fn read(&mut self, text: &[u8], at: usize) -> usize {
        self.count = 0;
        let (mut at, mut filled) = (at, 0);
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (Some(room), Some(group), Some(known)) =
                (self.digits.get_mut(filled..filled + length), self.groups.get_mut(self.count), self.lengths.get_mut(self.count))
            else {
                return self.resume(at, length);
            };
            for (digit, byte) in room.iter_mut().zip(rest) {
                *digit = byte - b'0';
            }
            let sign = rest.get(length).copied().unwrap_or(0);
            let follows = rest.get(length + 1).is_some_and(u8::is_ascii_digit) && matches!(sign, b' ' | b'-' | b'.' | b'/' | b'_' | b',');
            *group = Group { at, first: filled, length, sign: if follows { sign } else { 0 } };
            *known = u8::try_from(length).unwrap_or(u8::MAX);
            self.count += 1;
            if !follows {
                return if sign.is_ascii_alphabetic() && self.count > 1 { at } else { at + length };
            }
            filled += length;
            at += length + 1;
        }
    }

    /// A long chain: the next one begins in the middle of it, so that every window that did not fit begins there.
    fn resume(&self, at: usize, length: usize) -> usize {
        match self.groups.get(self.count / 2) {
            Some(middle) if self.count > 1 => middle.at,
            Some(_) | None if self.count > 0 => at,
            Some(_) | None => at + length,
        }
    }

    pub fn groups(&self) -> usize {
        self.count
    }

    /// How many digits the groups from `first` to `last` have.
    pub fn digits(&self, first: usize, last: usize) -> usize {
        match (self.groups.get(first), self.groups.get(last)) {
            (Some(first), Some(last)) => last.first + last.length - first.first,
            _ => 0,
        }
    }

    /// The groups from `first` to `last`.
    pub fn window(&self, text: &[u8], first: usize, last: usize) -> Option<Window<'_>> {
        let groups = self.groups.get(first..=last)?;
        let (opening, closing) = (groups.first()?, groups.last()?);
        let end = closing.at + closing.length;
        let signs = groups.get(..groups.len() - 1)?;
        let sign = signs.first().map_or(0, |first| if signs.iter().all(|group| group.sign == first.sign) { first.sign } else { 0 });
        let before = first.checked_sub(1).and_then(|previous| self.groups.get(previous));
        let after = if last + 1 < self.count { self.groups.get(last + 1) } else { None };
        Some(Window {
            digits: self.digits.get(opening.first..closing.first + closing.length)?,
            groups: self.lengths.get(first..=last)?,
            sign,
            start: opening.at,
            end,
            before: match before {
                Some(group) if group.sign == b' ' || group.sign == b',' => Edge::Space,
                Some(_) => Edge::Joined,
                None => before_of(text, opening.at),
            },
            after: match after {
                Some(_) if closing.sign == b' ' || closing.sign == b',' => Edge::Space,
                Some(next) if closing.sign == b'.' && next.length <= 4 && last + 2 >= self.count => Edge::Fraction,
                Some(_) => Edge::Joined,
                None => after_of(text, end),
            },
        })
    }
}

/// What stands before a value that begins at `start`.
pub fn before_of(text: &[u8], start: usize) -> Edge {
    let back = |steps: usize| start.checked_sub(steps).and_then(|place| text.get(place)).copied();
    match back(1) {
        None => Edge::Open,
        Some(byte) if is_word(byte) => Edge::Letter,
        Some(b'-' | b'.' | b'_' | b'/' | b'\\') if back(2).is_some_and(is_word) => Edge::Joined,
        Some(_) => Edge::Open,
    }
}

/// What stands after a value that ends at `end`.
pub fn after_of(text: &[u8], end: usize) -> Edge {
    match text.get(end) {
        None => Edge::Open,
        Some(byte) if is_word(*byte) => Edge::Letter,
        Some(b'-' | b'.' | b'_' | b'/' | b'\\') if text.get(end + 1).is_some_and(|byte| is_word(*byte)) => Edge::Joined,
        Some(_) => Edge::Open,
    }
}

/// What a value that begins or ends beside it would be a part of. Letters of scripts without spaces are not: `番号4111`.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}
