//! Random changes to bytes, the same for the same seed: what a broken client, a bad cable or an attacker would do to a recording.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "every index is drawn below its bound")]

/// A small generator (SplitMix64); what matters is that a failure can be run again.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        /// Long enough to take a message out, short enough to leave something.
        const LONGEST: usize = 64;
        let start = self.below(length + 1);
        let end = (start + self.below(LONGEST)).min(length);
        start..end
    }
}

/// Values that lengths and counts go wrong at.
const EDGES: [u32; 12] = [0, 1, 3, 4, 5, 0x7f, 0xff, 0xffff, 0x0100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Changes `bytes` in one to four places. `other` is where spliced parts come from.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        let length = bytes.len();
        match random.below(9) {
            0 if length > 0 => bytes[random.below(length)] ^= 1 << random.below(8),
            1 if length > 0 => bytes[random.below(length)] = random.next() as u8,
            2 if length >= 4 => {
                let at = random.below(length - 3);
                let edge = EDGES[random.below(EDGES.len())].to_be_bytes();
                bytes[at..at + 4].copy_from_slice(&edge);
            }
            3 => drop(bytes.drain(random.range(length))),
            4 => {
                let part = bytes[random.range(length)].to_vec();
                let at = random.below(length + 1);
                drop(bytes.splice(at..at, part));
            }
            5 => {
                let at = random.below(length + 1);
                let noise: Vec<u8> = (0..random.below(16)).map(|_| random.next() as u8).collect();
                drop(bytes.splice(at..at, noise));
            }
            6 => bytes.truncate(random.below(length + 1)),
            7 => {
                let part = other[random.range(other.len())].to_vec();
                drop(bytes.splice(random.range(length), part));
            }
            _ if length > 0 => {
                let (from, to) = (random.below(length), random.below(length));
                bytes.swap(from, to);
            }
            _ => {}
        }
    }
}
