//! What is counted of holds, for whoever watches the machine.

use metrics::{counter, gauge, histogram};

use super::book::Entry;
use crate::gate::hold::{State, Verdict};
use crate::host::metrics::{DECISION_SECONDS, HOLDS_ENDED, HOLDS_OPEN, HOLDS_OPENED};

/// Where an open one stands, in a word; what is used just now is as good as used.
fn open(state: State) -> Option<&'static str> {
    match state {
        State::Waiting | State::Asked | State::Approved => Some(state.word()),
        State::Reserved | State::Spent | State::Denied | State::Expired | State::Withdrawn => None,
    }
}

/// A statement was held anew.
pub fn opened() {
    counter!(HOLDS_OPENED).increment(1);
}

/// A hold stands where it stood not, `before` somewhere else or nowhere.
pub fn stands(before: Option<State>, entry: &Entry) {
    let now = entry.standing.state;
    if before == Some(now) {
        return;
    }
    if let Some(word) = before.and_then(open) {
        gauge!(HOLDS_OPEN, "state" => word).decrement(1.0);
    }
    if let Some(word) = open(now) {
        gauge!(HOLDS_OPEN, "state" => word).increment(1.0);
    }
    let Some(outcome) = before.and_then(|before| outcome(before, entry)) else { return };
    counter!(HOLDS_ENDED, "outcome" => outcome).increment(1);
    if let Some(ruled) = entry.ruled.as_ref().filter(|_| before.is_some_and(State::is_undecided)) {
        let waited = std::time::Duration::from_micros(ruled.at.saturating_sub(entry.about.opened));
        histogram!(DECISION_SECONDS, "outcome" => outcome).record(waited.as_secs_f64());
    }
}

/// How the wait for a decision ended, or an approval that nobody used.
fn outcome(before: State, entry: &Entry) -> Option<&'static str> {
    match (before, entry.standing.state) {
        (State::Waiting | State::Asked, State::Approved) => {
            let unmasked = entry.ruled.as_ref().is_some_and(|ruled| ruled.verdict == Verdict::ApproveUnmasked);
            Some(if unmasked { "approved-unmasked" } else { "approved" })
        }
        (State::Waiting | State::Asked, state @ (State::Denied | State::Expired | State::Withdrawn)) => Some(state.word()),
        (State::Approved, State::Expired | State::Withdrawn) => Some("unused"),
        _ => None,
    }
}
