//! Where in a text one of many fixed words stands, in either case. Three bytes that none of them ends with are passed over with one look into a
//! table that is small enough to stay close at hand; an automaton of all of them would take megabytes, and most of the time. It knows no kinds.

/// A place for each three bytes that a text can have, as far as their hash tells them apart.
const PLACES: usize = 1 << 13;

/// Fixed words, to be looked for together.
#[derive(Debug)]
pub(super) struct Scanner {
    words: Vec<&'static [u8]>,
    /// Where in `order` the words begin that end with bytes of this place; up to where those of the next begin.
    starts: Box<[u16]>,
    /// Places at which there are words.
    taken: Box<[u64]>,
    order: Vec<u16>,
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub word: usize,
    pub start: usize,
    pub end: usize,
}

fn place(last: [u8; 3]) -> usize {
    let [a, b, c] = last.map(|byte| u32::from(byte | 0x20));
    usize::try_from((a << 16 | b << 8 | c).wrapping_mul(0x9e37_79b1) >> 19).unwrap_or_default()
}

impl Scanner {
    /// Words of two bytes at least.
    pub fn new(words: impl Iterator<Item = &'static str>) -> Self {
        let words: Vec<_> = words.map(str::as_bytes).collect();
        let mut places = vec![Vec::new(); PLACES];
        for (number, word) in (0_u16..).zip(&words) {
            let mut of = match word {
                [.., a, b, c] => vec![place([*a, *b, *c])],
                // Of two bytes: whatever stands before.
                [a, b] => (0..=u8::MAX).map(|before| place([before, *a, *b])).collect(),
                [_] | [] => Vec::new(),
            };
            of.sort_unstable();
            of.dedup();
            for place in of {
                places.get_mut(place).into_iter().for_each(|words: &mut Vec<u16>| words.push(number));
            }
        }
        let mut taken = vec![0_u64; PLACES / 64].into_boxed_slice();
        let (mut starts, mut order) = (Vec::with_capacity(PLACES + 1), Vec::new());
        for (place, mut here) in places.into_iter().enumerate() {
            starts.push(u16::try_from(order.len()).unwrap_or(u16::MAX));
            // What ends at the same place: the longer one first.
            here.sort_by_key(|number| std::cmp::Reverse(words.get(usize::from(*number)).map_or(0, |word| word.len())));
            if let Some(slot) = taken.get_mut(place / 64).filter(|_| !here.is_empty()) {
                *slot |= 1 << (place % 64);
            }
            order.extend(here);
        }
        starts.push(u16::try_from(order.len()).unwrap_or(u16::MAX));
        Self { words, starts: starts.into_boxed_slice(), taken, order }
    }

    /// Every word that stands in the text, by where it ends.
    pub fn each(&self, text: &[u8], mut met: impl FnMut(Hit)) {
        if let [a, b, ..] = text {
            self.ending(text, [0, *a, *b], 2, &mut met);
        }
        for (start, last) in text.windows(3).enumerate() {
            if let [a, b, c] = last {
                let place = place([*a, *b, *c]);
                if self.taken.get(place / 64).is_some_and(|taken| taken >> (place % 64) & 1 == 1) {
                    self.ending(text, [*a, *b, *c], start + 3, &mut met);
                }
            }
        }
    }

    fn ending(&self, text: &[u8], last: [u8; 3], end: usize, met: &mut impl FnMut(Hit)) {
        let place = place(last);
        let (Some(from), Some(to)) = (self.starts.get(place), self.starts.get(place + 1)) else { return };
        for number in self.order.get(usize::from(*from)..usize::from(*to)).unwrap_or_default() {
            let word = usize::from(*number);
            let Some(fixed) = self.words.get(word) else { continue };
            let Some(start) = end.checked_sub(fixed.len()) else { continue };
            if text.get(start..end).is_some_and(|part| part.eq_ignore_ascii_case(fixed)) {
                met(Hit { word, start, end });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_met_by_where_they_end_and_the_longer_first() {
        let words = ["sk-", "xsk-", "SK", "пароль", "sk-", "key"];
        let scanner = Scanner::new(words.into_iter());
        let met = |text: &str| {
            let mut met = Vec::new();
            scanner.each(text.as_bytes(), |hit| met.push((hit.word, hit.start, hit.end)));
            met
        };
        assert_eq!(met("sK"), [(2, 0, 2)]);
        assert_eq!(met("XSK-"), [(2, 1, 3), (1, 0, 4), (0, 1, 4), (4, 1, 4)]);
        assert_eq!(met("der пароль: KEY"), [(3, 4, 16), (5, 18, 21)]);
        assert_eq!(met("s"), []);
        assert_eq!(met(""), []);
    }
}
