//! Who read the record, and which stretches of the period somebody looked through and signed off.

use serde::Serialize;

use super::bounded::{List, Tally, cut};
use super::period::{At, Period};
use crate::audit::Hash;
use crate::audit::event::{AuditRead, SignedOff};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadRow {
    pub seq: u64,
    pub at: At,
    pub by: String,
    pub what: String,
    pub asked: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct Reads {
    pub by_person: Tally<u64>,
    pub by_command: Tally<u64>,
    pub rows: List<ReadRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SignOffRow {
    pub seq: u64,
    pub at: At,
    pub by: String,
    pub from: At,
    pub to: At,
    /// What of the period it covers: nothing that came after it was given.
    pub covers: Period,
    /// The last record that was there, and its hash.
    pub last_seq: u64,
    pub last_hash: Hash,
    pub remark: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
pub struct SignOffs {
    /// Those that cover something of the period, whenever they were given.
    pub rows: List<SignOffRow>,
    /// Stretches of the period that nobody signed off.
    pub uncovered: Vec<Period>,
}

impl Reads {
    pub(super) fn read(&mut self, (seq, time): (u64, u64), event: &AuditRead) {
        self.by_person.add(&event.by, 1);
        self.by_command.add(&event.what, 1);
        let asked = event.body.as_ref().map(|words| cut(&words.text));
        self.rows.push(ReadRow { seq, at: At(time), by: event.by.clone(), what: event.what.to_string(), asked });
    }
}

impl SignOffs {
    pub(super) fn signed_off(&mut self, (seq, time): (u64, u64), event: &SignedOff, period: Period) {
        let covers = Period { from: At(event.from.max(period.from.0)), to: At(event.to.min(period.to.0).min(time)) };
        if covers.from < covers.to {
            let remark = event.body.as_ref().map(|words| cut(&words.text));
            self.rows.push(SignOffRow {
                seq,
                at: At(time),
                by: event.by.clone(),
                from: At(event.from),
                to: At(event.to),
                covers,
                last_seq: event.seq,
                last_hash: event.hash,
                remark,
            });
        }
    }

    pub(super) fn finish(&mut self, period: Period) {
        let mut covered: Vec<Period> = self.rows.entries.iter().map(|row| row.covers).collect();
        covered.sort_unstable_by_key(|stretch| stretch.from);
        let mut reached = period.from;
        for stretch in covered {
            if stretch.from > reached {
                self.uncovered.push(Period { from: reached, to: stretch.from });
            }
            reached = reached.max(stretch.to);
        }
        if reached < period.to {
            self.uncovered.push(Period { from: reached, to: period.to });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stretches of 100..200 that these leave, each given at `time`.
    fn check(given: &[(u64, u64, u64)], left: &[(u64, u64)]) {
        let period = Period { from: At(100), to: At(200) };
        let mut offs = SignOffs::default();
        for (from, to, time) in given {
            let event = SignedOff { by: "rita".to_owned(), from: *from, to: *to, seq: 1, hash: Hash::default(), body: None };
            offs.signed_off((2, *time), &event, period);
        }
        offs.finish(period);
        let uncovered: Vec<_> = offs.uncovered.iter().map(|stretch| (stretch.from.0, stretch.to.0)).collect();
        assert_eq!(uncovered, left, "{given:?}");
    }

    #[test]
    fn what_nobody_signed_off_is_left() {
        check(&[], &[(100, 200)]);
        check(&[(0, 1000, 1000)], &[]);
        check(&[(100, 200, 300)], &[]);
        check(&[(120, 140, 300), (160, 170, 300)], &[(100, 120), (140, 160), (170, 200)]);
        check(&[(150, 170, 300), (90, 160, 300)], &[(170, 200)]);
        check(&[(110, 190, 300), (120, 130, 300)], &[(100, 110), (190, 200)]);
        check(&[(200, 300, 300), (0, 100, 300), (150, 120, 300)], &[(100, 200)]);
    }

    #[test]
    fn nobody_signs_off_what_is_still_to_come() {
        check(&[(100, 200, 150)], &[(150, 200)]);
        check(&[(100, 200, 90)], &[(100, 200)]);
    }
}
