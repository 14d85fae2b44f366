//! Counts and lists that cannot grow without end, whatever a journal holds; what did not fit is counted and said.

use std::collections::BTreeMap;

use serde::Serialize;

/// Names counted apart from each other: more agents, people or days than that nobody reads in one report.
const MOST_NAMES: usize = 10_000;
/// Entries of one list. With texts of `MOST_TEXT` a full list is some 20 MB.
const MOST_ENTRIES: usize = 10_000;
/// Characters of a reason or remark.
const MOST_TEXT: usize = 2_000;

/// Something counted by name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally<T> {
    pub named: BTreeMap<String, T>,
    /// All those together that came when there were too many names already.
    pub others: T,
    /// How often that was.
    pub unnamed: u64,
}

impl<T: Default> Default for Tally<T> {
    fn default() -> Self {
        Self { named: BTreeMap::new(), others: T::default(), unnamed: 0 }
    }
}

impl<T: Default> Tally<T> {
    pub(super) fn of(&mut self, name: &str) -> &mut T {
        if !self.named.contains_key(name) && self.named.len() >= MOST_NAMES {
            self.unnamed += 1;
            return &mut self.others;
        }
        self.named.entry(name.to_owned()).or_default()
    }
}

impl Tally<u64> {
    pub(super) fn add(&mut self, name: &str, count: u64) {
        let counted = self.of(name);
        *counted = counted.saturating_add(count);
    }
}

/// The first so many of what happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct List<T> {
    pub entries: Vec<T>,
    /// So many more are on the record.
    pub more: u64,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), more: 0 }
    }
}

impl<T> List<T> {
    pub(super) fn push(&mut self, entry: T) {
        if self.entries.len() < MOST_ENTRIES {
            self.entries.push(entry);
        } else {
            self.more += 1;
        }
    }

    pub fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX).saturating_add(self.more)
    }
}

/// What somebody wrote, as far as it is shown.
pub(super) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST_TEXT) {
        Some((at, _)) => format!("{} …", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut tally = Tally::<u64>::default();
        let mut list = List::default();
        for number in 0..MOST_NAMES + 5 {
            tally.add(&number.to_string(), 2);
            list.push(number);
        }
        tally.add("0", 1);
        assert_eq!((tally.named.len(), tally.others, tally.unnamed, tally.named.get("0")), (MOST_NAMES, 10, 5, Some(&3)));
        assert_eq!((list.entries.len(), list.more, list.count()), (MOST_ENTRIES, 5, 10_005));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"é".repeat(MOST_TEXT)), "é".repeat(MOST_TEXT));
        assert_eq!(cut(&"é".repeat(MOST_TEXT + 1)), format!("{} …", "é".repeat(MOST_TEXT)));
    }
}
