//! What may become of a hold, step by step. Times are microseconds since 1970; whoever takes a step puts it on the record.

use super::{HoldId, Over};
use crate::gate::Grant;

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Waiting,
    /// A reviewer asked the agent something. People can decide all the same.
    Asked,
    Approved,
    /// Used by something that has not come to its end: it comes back where that is rolled back for certain, or was not sent.
    Reserved,
    Spent,
    Denied,
    Expired,
    Withdrawn,
}

impl State {
    pub const ALL: [Self; 8] =
        [Self::Waiting, Self::Asked, Self::Approved, Self::Reserved, Self::Spent, Self::Denied, Self::Expired, Self::Withdrawn];

    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Reserved => "reserved",
            Self::Spent => "spent",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether something can still run by it.
    pub fn is_open(self) -> bool {
        match self {
            Self::Waiting | Self::Asked | Self::Approved | Self::Reserved => true,
            Self::Spent | Self::Denied | Self::Expired | Self::Withdrawn => false,
        }
    }

    /// Whether people can decide it.
    pub fn is_undecided(self) -> bool {
        matches!(self, Self::Waiting | Self::Asked)
    }

    /// Whether it counts against the bounds on holds: what is used at this moment is about to be over.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::Waiting | Self::Asked | Self::Approved)
    }
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    /// The run may see values as they are, as it asked.
    ApproveUnmasked,
    Deny,
}

impl Verdict {
    pub fn approves(self) -> bool {
        match self {
            Self::Approve | Self::ApproveUnmasked => true,
            Self::Deny => false,
        }
    }
}

/// Where a hold stands, and how long it stands there: waiting to be decided, approved to be used, denied to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub id: HoldId,
    pub state: State,
    pub until: u64,
}

/// A step that does not follow from where the hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is there already, or past it.
    State,
    Expired,
}

impl Standing {
    pub fn open(id: HoldId, until: u64) -> Self {
        Self { id, state: State::Waiting, until }
    }

    /// Whether its time is over while somebody could still have done something.
    pub fn has_expired(&self, now: u64) -> bool {
        self.state.is_pending() && now >= self.until
    }

    /// A reviewer decides; an approval can be used until `usable`. A denial stands as long as the hold would have waited.
    pub fn decide(&mut self, verdict: Verdict, now: u64, usable: u64) -> Result<(), Unfit> {
        match self.state {
            State::Waiting | State::Asked if now >= self.until => Err(Unfit::Expired),
            State::Waiting | State::Asked => {
                match verdict {
                    Verdict::Approve | Verdict::ApproveUnmasked => (self.state, self.until) = (State::Approved, usable),
                    Verdict::Deny => self.state = State::Denied,
                }
                Ok(())
            }
            State::Expired => Err(Unfit::Expired),
            State::Approved | State::Reserved | State::Spent | State::Denied | State::Withdrawn => Err(Unfit::State),
        }
    }

    /// A reviewer asks the agent; one question at a time.
    pub fn ask(&mut self, now: u64) -> Result<(), Unfit> {
        self.turn(State::Waiting, State::Asked, now)
    }

    /// The agent answers: people are awaited again, and no longer than before.
    pub fn answer(&mut self, now: u64) -> Result<(), Unfit> {
        self.turn(State::Asked, State::Waiting, now)
    }

    fn turn(&mut self, from: State, to: State, now: u64) -> Result<(), Unfit> {
        if self.state == State::Expired || self.state.is_undecided() && now >= self.until {
            return Err(Unfit::Expired);
        }
        if self.state != from {
            return Err(Unfit::State);
        }
        self.state = to;
        Ok(())
    }

    /// Uses the approval; `unmasked` where it was given so. It is reserved until it is certain what became of what ran by it. The grant must not be used before this is on
    /// the record, on disk: as used up.
    pub fn spend(&mut self, now: u64, over: Option<Over>, unmasked: bool) -> Result<Grant, Unfit> {
        if self.state != State::Approved {
            return Err(Unfit::State);
        }
        if now >= self.until {
            return Err(Unfit::Expired);
        }
        self.state = State::Reserved;
        Ok(Grant::mint(self.id, over, unmasked))
    }

    /// What it was used for has come to its end; `used` is false where all of it was rolled back for certain, or nothing was sent.
    pub fn settle(&mut self, used: bool) -> Result<(), Unfit> {
        if self.state != State::Reserved {
            return Err(Unfit::State);
        }
        self.state = if used { State::Spent } else { State::Approved };
        Ok(())
    }

    /// Its time is over.
    pub fn expire(&mut self, now: u64) -> Result<(), Unfit> {
        if !self.has_expired(now) {
            return Err(Unfit::State);
        }
        self.state = State::Expired;
        Ok(())
    }

    /// Nobody wants it any more, or nobody may. What is used at this moment goes on.
    pub fn withdraw(&mut self) -> Result<(), Unfit> {
        if !self.state.is_pending() {
            return Err(Unfit::State);
        }
        self.state = State::Withdrawn;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: State) -> Standing {
        Standing { id: HoldId::of(7), state, until: 100 }
    }

    /// Each step from each state: where it leads, or that it does not follow.
    #[test]
    fn only_the_steps_that_follow_are_taken() {
        type Step = (&'static str, fn(&mut Standing) -> bool, &'static [(State, State)]);
        let steps: [Step; 12] = [
            (
                "approve",
                |it| it.decide(Verdict::Approve, 99, 200).is_ok(),
                &[(State::Waiting, State::Approved), (State::Asked, State::Approved)],
            ),
            ("deny", |it| it.decide(Verdict::Deny, 99, 200).is_ok(), &[(State::Waiting, State::Denied), (State::Asked, State::Denied)]),
            ("ask", |it| it.ask(99).is_ok(), &[(State::Waiting, State::Asked)]),
            ("ask late", |it| it.ask(100).is_ok(), &[]),
            ("answer", |it| it.answer(99).is_ok(), &[(State::Asked, State::Waiting)]),
            ("answer late", |it| it.answer(100).is_ok(), &[]),
            ("decide late", |it| it.decide(Verdict::Approve, 100, 200).is_ok(), &[]),
            ("spend", |it| it.spend(99, None, false).is_ok(), &[(State::Approved, State::Reserved)]),
            ("spend late", |it| it.spend(100, None, false).is_ok(), &[]),
            ("use up", |it| it.settle(true).is_ok(), &[(State::Reserved, State::Spent)]),
            ("return", |it| it.settle(false).is_ok(), &[(State::Reserved, State::Approved)]),
            (
                "withdraw",
                |it| it.withdraw().is_ok(),
                &[(State::Waiting, State::Withdrawn), (State::Asked, State::Withdrawn), (State::Approved, State::Withdrawn)],
            ),
        ];
        for (name, step, follows) in steps {
            for state in State::ALL {
                let mut it = standing(state);
                let expected = follows.iter().find(|(from, _)| *from == state).map(|(_, to)| *to);
                assert_eq!(step(&mut it).then_some(it.state), expected, "{name} from {state:?}");
                assert_eq!(it.state, expected.unwrap_or(state), "{name} from {state:?}");
            }
        }
    }

    #[test]
    fn time_ends_what_waits_and_what_was_approved_and_nothing_else() {
        for state in State::ALL {
            let mut it = standing(state);
            assert!(it.expire(99).is_err());
            let ends = matches!(state, State::Waiting | State::Asked | State::Approved);
            assert_eq!(it.expire(100).is_ok(), ends, "{state:?}");
            assert_eq!(it.state, if ends { State::Expired } else { state });
        }
        let mut it = standing(State::Waiting);
        assert_eq!(it.decide(Verdict::Approve, 100, 200), Err(Unfit::Expired));
        assert!(it.decide(Verdict::Approve, 50, 200).is_ok());
        assert_eq!(it.until, 200);
        let mut it = standing(State::Reserved);
        assert!(it.settle(true).is_ok() && it.state == State::Spent);
    }
}
