//! Lists of executions: which of a run's executions have a certain agent, table, shape … A list is a superset: what it names is
//! looked at before it is shown.

use super::block::{Damaged, put_number, take_number};

/// What a list is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    Agent = 1,
    Shape = 2,
    Relation = 3,
    Session = 4,
    Verdict = 5,
    /// By the number of its bit.
    Effect = 6,
    /// All that did not go well.
    Error = 7,
    /// By the number of bits that its duration has.
    Duration = 8,
    Masked = 9,
    Hold = 10,
    Rule = 11,
}

const ID_BITS: u32 = 38;
const FACET_BITS: u32 = 5;

/// The key of a list in the database: by run, then by what it is of.
pub fn key(run: u64, facet: Facet, id: u64) -> i64 {
    // An id beyond 38 bits shares its list with another one; what a list names is looked at anyway.
    let id = id & (1_u64 << ID_BITS).saturating_sub(1);
    let key = run << (ID_BITS.saturating_add(FACET_BITS)) | (facet as u64) << ID_BITS | id;
    i64::try_from(key).unwrap_or(i64::MAX)
}

/// The least key of a run.
pub fn first_key(run: u64) -> i64 {
    i64::try_from(run << (ID_BITS.saturating_add(FACET_BITS))).unwrap_or(i64::MAX)
}

/// Rising numbers, from `base` on.
pub fn encode(base: u64, seqs: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let (mut out, mut before) = (Vec::new(), base);
    for seq in seqs {
        put_number(&mut out, seq.saturating_sub(before));
        before = seq;
    }
    out
}

/// Adds the numbers to `into`.
pub fn decode(base: u64, mut bytes: &[u8], into: &mut Vec<u64>) -> Result<(), Damaged> {
    let mut seq = base;
    into.reserve(bytes.len());
    while !bytes.is_empty() {
        seq = seq.checked_add(take_number(&mut bytes)?).ok_or(Damaged)?;
        into.push(seq);
    }
    Ok(())
}

/// What is in both; both rise.
pub fn intersect(left: &[u64], right: &[u64]) -> Vec<u64> {
    let (few, many) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    let (mut rest, mut both) = (many, Vec::new());
    for seq in few {
        // The next one is usually near: doubling steps find it in a few looks.
        let mut step = 1_usize;
        while rest.get(step).is_some_and(|there| there < seq) {
            step = step.saturating_mul(2);
        }
        let near = rest.get(..step.saturating_add(1)).unwrap_or(rest);
        let skipped = near.partition_point(|there| there < seq);
        rest = rest.get(skipped..).unwrap_or_default();
        if rest.first() == Some(seq) {
            both.push(*seq);
        }
    }
    both
}

/// A set of small numbers.
#[derive(Debug, Clone, Default)]
pub struct Bits(Vec<u64>);

/// Ids are given one after the other; beyond this many the database was not made by us.
const MOST_BITS: u64 = 1 << 34;

impl Bits {
    pub fn insert(&mut self, number: u64) {
        let Ok(word) = usize::try_from(number.min(MOST_BITS) / 64) else { return };
        if self.0.len() <= word {
            self.0.resize(word.saturating_add(1), 0);
        }
        if let Some(bits) = self.0.get_mut(word) {
            *bits |= 1 << (number % 64);
        }
    }

    pub fn contains(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        self.0.get(word).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written(seqs in prop::collection::btree_set(100..u64::MAX / 2, 0..200)) {
            let bytes = encode(100, seqs.iter().copied());
            let mut read = Vec::new();
            decode(100, &bytes, &mut read).unwrap();
            prop_assert_eq!(read, seqs.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn an_intersection_is_what_both_have(left in prop::collection::btree_set(0..300_u64, 0..200), right in prop::collection::btree_set(0..300_u64, 0..60)) {
            let list = |set: &BTreeSet<u64>| set.iter().copied().collect::<Vec<_>>();
            let both = list(&left.intersection(&right).copied().collect());
            prop_assert_eq!(intersect(&list(&left), &list(&right)), both.clone());
            prop_assert_eq!(intersect(&list(&right), &list(&left)), both);
        }

        #[test]
        fn bits_are_a_set(numbers in prop::collection::btree_set(0..5000_u64, 0..100)) {
            let mut bits = Bits::default();
            numbers.iter().for_each(|number| bits.insert(*number));
            prop_assert!((0..5100).all(|number| bits.contains(number) == numbers.contains(&number)));
        }
    }

    #[test]
    fn keys_of_a_run_lie_together() {
        assert!(key(3, Facet::Agent, 0) > first_key(3));
        assert!(key(3, Facet::Hold, u64::MAX) < first_key(4));
        assert!(first_key(1 << 20) > 0 && first_key((1 << 20) - 1) < i64::MAX);
    }
}
