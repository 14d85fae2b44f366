//! Holds: what was stopped for people to decide, who decided, why, how fast, and what was done with the approval.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::bounded::{List, Tally, cut};
use super::period::At;
use super::sessions::Agent;
use super::volumes::effect_words;
use crate::audit::event::{Decided, Decision, Granted, Held, Spent, Words};

/// Holds followed at once. An approval that is never used is followed to the end.
const MOST_OPEN: usize = 100_000;
/// Approvals that were spent and may still be returned by a rollback: more than there are transactions at once.
const MOST_LATELY: usize = 10_000;
/// Decisions of one hold that are shown.
const MOST_DECISIONS: usize = 32;
/// Times to a decision that median and percentile are taken of: 8 MB of them.
const MOST_TIMES: usize = 1_000_000;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DecisionRow {
    pub seq: u64,
    pub at: At,
    pub decision: Decision,
    /// Missing where the time or the agent decided.
    pub by: Option<String>,
    pub groups: Vec<String>,
    pub through: Option<String>,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    Waiting,
    Approved,
    Denied,
    Expired,
    Withdrawn,
    Spent,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HoldRow {
    pub hold: u64,
    pub seq: u64,
    pub held_at: At,
    pub agent: String,
    pub owner: String,
    pub session: u64,
    pub rule: Option<String>,
    pub effects: Vec<String>,
    pub why: Option<String>,
    pub decisions: Vec<DecisionRow>,
    /// From its beginning to the first approval or denial by a person.
    pub milliseconds_to_decision: Option<u64>,
    /// At the period's end.
    pub state: HoldState,
    pub spent_at: Option<At>,
    #[serde(skip)]
    touched: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GrantRow {
    pub grant: u64,
    pub seq: u64,
    pub at: At,
    pub agent: String,
    pub by: String,
    pub until: At,
    pub times: u32,
    pub bounds: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub struct Holds {
    /// Begun in the period.
    pub held: u64,
    /// Decisions in the period, whatever they were.
    pub decisions: Tally<u64>,
    pub decisions_by_person: Tally<u64>,
    pub spent: u64,
    pub reveals: u64,
    pub grants: List<GrantRow>,
    pub grants_ended: u64,
    /// Without a decision at the period's end, among those that are followed.
    pub undecided: u64,
    pub median_milliseconds_to_decision: Option<u64>,
    pub p90_milliseconds_to_decision: Option<u64>,
    pub longest_milliseconds_to_decision: Option<u64>,
    /// Decisions by people whose time was taken.
    pub timed: u64,
    /// Holds that could not be followed, because too many were open.
    pub not_followed: u64,
    /// Begun, decided or spent in the period.
    pub rows: List<HoldRow>,
    #[serde(skip)]
    open: HashMap<u64, HoldRow>,
    /// Those that were spent last.
    #[serde(skip)]
    lately: VecDeque<u64>,
    #[serde(skip)]
    times: Vec<u64>,
}

/// The words of a record, as far as they are shown; an erased text is none.
fn words(body: Option<&Words>) -> Option<String> {
    body.map(|words| cut(&words.text))
}

pub(super) fn decision_word(decision: Decision) -> &'static str {
    match decision {
        Decision::Approved => "approved",
        Decision::ApprovedUnmasked => "approved_unmasked",
        Decision::Denied => "denied",
        Decision::Asked => "asked",
        Decision::PassedOn => "passed_on",
        Decision::Expired => "expired",
        Decision::Withdrawn => "withdrawn",
    }
}

impl Holds {
    pub(super) fn held(&mut self, (seq, time): (u64, u64), within: bool, event: &Held, agent: &Agent) {
        self.held += u64::from(within);
        if self.open.len() >= MOST_OPEN {
            self.not_followed += 1;
            return;
        }
        let row = HoldRow {
            hold: event.hold,
            seq,
            held_at: At(time),
            agent: agent.name.to_string(),
            owner: agent.owner.to_string(),
            session: event.statement.session,
            rule: event.statement.rule.clone(),
            effects: effect_words(event.statement.effects),
            why: words(event.body.as_deref()),
            decisions: Vec::new(),
            milliseconds_to_decision: None,
            state: HoldState::Waiting,
            spent_at: None,
            touched: within,
        };
        self.open.insert(event.hold, row);
    }

    pub(super) fn decided(&mut self, (seq, time): (u64, u64), within: bool, event: &Decided) {
        if within {
            self.decisions.add(decision_word(event.decision), 1);
            if let Some(by) = &event.by {
                self.decisions_by_person.add(by, 1);
            }
        }
        let Some(row) = self.open.get_mut(&event.hold) else { return };
        row.touched |= within;
        if row.decisions.len() < MOST_DECISIONS {
            row.decisions.push(DecisionRow {
                seq,
                at: At(time),
                decision: event.decision,
                by: event.by.clone(),
                groups: event.groups.clone(),
                through: event.through.as_ref().map(ToString::to_string),
                reason: words(event.body.as_deref()),
            });
        }
        let (state, by_person) = match event.decision {
            // More people have to.
            Decision::Approved | Decision::ApprovedUnmasked if event.more.is_some() => return,
            Decision::Approved | Decision::ApprovedUnmasked => (HoldState::Approved, true),
            Decision::Denied => (HoldState::Denied, true),
            Decision::Expired => (HoldState::Expired, false),
            Decision::Withdrawn => (HoldState::Withdrawn, false),
            Decision::Asked | Decision::PassedOn => return,
        };
        row.state = state;
        if by_person && row.milliseconds_to_decision.is_none() {
            let taken = time.saturating_sub(row.held_at.0) / 1000;
            row.milliseconds_to_decision = Some(taken);
            if within && self.times.len() < MOST_TIMES {
                self.times.push(taken);
            }
        }
        match state {
            HoldState::Denied | HoldState::Expired | HoldState::Withdrawn => self.close(event.hold),
            HoldState::Waiting | HoldState::Approved | HoldState::Spent => {}
        }
    }

    /// Whether the record has an approval for it that was not spent before.
    pub(super) fn spent(&mut self, time: u64, within: bool, event: &Spent) -> bool {
        self.spent += u64::from(within);
        let Some(row) = self.open.get_mut(&event.hold) else { return false };
        let approved = row.state == HoldState::Approved;
        row.touched |= within;
        row.state = HoldState::Spent;
        row.spent_at = Some(At(time));
        // It may be returned.
        self.lately.push_back(event.hold);
        if self.lately.len() > MOST_LATELY
            && let Some(hold) = self.lately.pop_front()
            && self.open.get(&hold).is_some_and(|row| row.state == HoldState::Spent)
        {
            self.close(hold);
        }
        approved
    }

    /// What it was used for was rolled back: it can be used again.
    pub(super) fn returned(&mut self, within: bool, hold: u64) {
        if let Some(row) = self.open.get_mut(&hold).filter(|row| row.state == HoldState::Spent) {
            row.touched |= within;
            (row.state, row.spent_at) = (HoldState::Approved, None);
            self.spent = self.spent.saturating_sub(u64::from(within));
        }
    }

    pub(super) fn revealed(&mut self) {
        self.reveals += 1;
    }

    pub(super) fn granted(&mut self, (seq, time): (u64, u64), event: &Granted, agent: &Agent) {
        self.grants.push(GrantRow {
            grant: event.grant,
            seq,
            at: At(time),
            agent: agent.name.to_string(),
            by: event.by.clone(),
            until: At(event.until),
            times: event.times,
            bounds: words(event.body.as_deref()),
        });
    }

    pub(super) fn grant_ended(&mut self) {
        self.grants_ended += 1;
    }

    /// The agent and the owner of a hold that is followed.
    pub(super) fn whose(&self, hold: u64) -> Option<(&str, &str)> {
        self.open.get(&hold).map(|row| (row.agent.as_str(), row.owner.as_str()))
    }

    /// The person who approved or denied a hold before.
    pub(super) fn deciders(&self, hold: u64) -> impl Iterator<Item = &str> {
        let decisions = self.open.get(&hold).map_or(&[][..], |row| &row.decisions);
        let final_ones = decisions.iter().filter(|row| row.decision == Decision::Approved || row.decision == Decision::ApprovedUnmasked);
        final_ones.filter_map(|row| row.by.as_deref())
    }

    fn close(&mut self, hold: u64) {
        if let Some(row) = self.open.remove(&hold).filter(|row| row.touched) {
            self.rows.push(row);
        }
    }

    pub(super) fn finish(&mut self) {
        let mut left: Vec<_> = self.open.drain().map(|(_, row)| row).collect();
        left.sort_unstable_by_key(|row| row.seq);
        for row in left {
            let waits = row.state == HoldState::Waiting;
            self.undecided += u64::from(waits);
            if row.touched || waits {
                self.rows.push(row);
            }
        }
        self.rows.entries.sort_by_key(|row| row.seq);
        self.times.sort_unstable();
        self.timed = u64::try_from(self.times.len()).unwrap_or(u64::MAX);
        self.median_milliseconds_to_decision = nearest_rank(&self.times, 50);
        self.p90_milliseconds_to_decision = nearest_rank(&self.times, 90);
        self.longest_milliseconds_to_decision = self.times.last().copied();
    }
}

/// The smallest value that at least so many per cent of all are not above.
fn nearest_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_there_were() {
        let hundred: Vec<u64> = (1..=100).collect();
        for (sorted, percent, expected) in [
            (&[][..], 50, None),
            (&[7], 50, Some(7)),
            (&[7], 90, Some(7)),
            (&[1, 9], 50, Some(1)),
            (&[1, 9], 90, Some(9)),
            (&hundred, 90, Some(90)),
        ] {
            assert_eq!(nearest_rank(sorted, percent), expected, "{percent} of {sorted:?}");
        }
    }
}
