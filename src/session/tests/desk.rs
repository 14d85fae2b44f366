//! A desk for sessions under test: it keeps holds by what they are bound to, and decides as it is told.

use std::collections::BTreeMap;

use crate::gate::hold::{HoldId, Standing, State, Verdict};
use crate::wire::report::Severity;

use super::super::asking::{Message, Petition, Purpose, Reply, Waiting};
use super::*;

#[derive(Debug)]
pub struct Hold {
    pub petition: Petition,
    pub standing: Standing,
    /// Approvals given for it, counting those that were returned.
    pub approvals: usize,
    pub given_back: usize,
    pub unmasked: bool,
}

#[derive(Debug, Default)]
pub struct Desk {
    pub holds: BTreeMap<HoldId, Hold>,
    pub patience: Option<Duration>,
    /// What is still to be answered.
    pub asked: Vec<Demand>,
    pub petitions: usize,
    /// Those that spoke of a limit.
    pub over: Vec<Petition>,
}

const FOREVER: u64 = u64::MAX;

/// Whether an approval of one would be an approval of the other.
fn are_one(a: &Petition, b: &Petition) -> bool {
    a.message == b.message && a.settings == b.settings && a.over == b.over && a.grounds.unmask == b.grounds.unmask
}

impl Desk {
    pub fn petition(&mut self, petition: Petition) -> Reply {
        self.petitions += 1;
        if petition.over.is_some() {
            self.over.push(petition.clone());
        }
        let found = self.holds.iter_mut().find(|(_, hold)| {
            let open = matches!(hold.standing.state, State::Waiting | State::Approved);
            let denied = hold.standing.state == State::Denied && petition.awaited == Some(hold.standing.id);
            (open || denied) && are_one(&hold.petition, &petition)
        });
        if let Some((_, hold)) = found {
            match hold.standing.state {
                State::Approved if petition.purpose != Purpose::Ticket => {
                    let grant = hold.standing.spend(0, petition.over, hold.unmasked).unwrap();
                    if !petition.open_work {
                        hold.standing.settle(true).unwrap();
                    }
                    return Reply::Granted(grant);
                }
                _ if petition.purpose == Purpose::Redeem => return Reply::Nothing,
                State::Denied => return Reply::Refused(Report::error("PS002", "denied")),
                _ => {
                    let id = hold.standing.id;
                    return self.waiting(id);
                }
            }
        }
        if petition.purpose == Purpose::Redeem {
            return Reply::Nothing;
        }
        let id = HoldId::of(self.holds.len() as u64 + 1);
        self.holds.insert(id, Hold { petition, standing: Standing::open(id, FOREVER), approvals: 0, given_back: 0, unmasked: false });
        self.waiting(id)
    }

    fn waiting(&self, hold: HoldId) -> Reply {
        let code = if self.holds[&hold].petition.over.is_some() { "PS004" } else { "PS001" };
        Reply::Waiting(Waiting {
            hold,
            notice: Report::new(Severity::Notice, "PS001", format!("waiting as {hold}")),
            ticket: Report::error(code, format!("held as {hold}")),
            patience: self.patience,
            answered: false,
        })
    }

    /// Decides everything that waits.
    pub fn decide(&mut self, verdict: Verdict) {
        let waiting: Vec<_> = self.holds.values().map(|hold| hold.standing).filter(|standing| standing.state == State::Waiting).collect();
        waiting.into_iter().for_each(|standing| self.decide_one(standing.id, verdict));
    }

    pub fn decide_one(&mut self, hold: HoldId, verdict: Verdict) {
        let hold = self.holds.get_mut(&hold).unwrap();
        hold.standing.decide(verdict, 0, FOREVER).unwrap();
        hold.approvals += usize::from(verdict.approves());
        hold.unmasked = verdict == Verdict::ApproveUnmasked;
    }

    pub fn settle(&mut self, holds: &[HoldId], used: bool) {
        for hold in holds {
            let hold = self.holds.get_mut(hold).unwrap();
            hold.standing.settle(used).unwrap();
            hold.given_back += usize::from(!used);
        }
    }

    pub fn stored(&self, hold: HoldId) -> Result<Message, Report> {
        let found = self.holds.get(&hold).filter(|hold| matches!(hold.standing.state, State::Waiting | State::Approved));
        found.map(|hold| hold.petition.message.clone()).ok_or_else(|| Report::error("PS003", "no such hold"))
    }

    pub fn states(&self) -> Vec<State> {
        self.holds.values().map(|hold| hold.standing.state).collect()
    }
}
