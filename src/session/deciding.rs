//! How a message that makes the server run something comes to its decision: judged, asked about, waited for. Nothing is sent before.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::gate::Ruling;
use crate::gate::judge::{Circumstances, Grounds, Learned};
use crate::sql::facts::Facts;
use crate::wire::backend::TransactionStatus;
use crate::wire::report::Report;

use super::Terms;
use super::asking::{Course, Inquiry, Message, Passage, Petition, Refusal, Reply};
use super::expected::Expected;
use super::linked::Linked;
use super::output::{Demand, Output};

impl Linked {
    /// Judges a message; `message` and `petition` are made only where something has to be asked.
    pub(super) fn decide(
        &mut self,
        terms: &Terms,
        facts: &Arc<Facts>,
        message: impl FnOnce() -> Message,
        petition: impl FnOnce(&Self, Message, Arc<Grounds>) -> Petition,
        out: &mut Output,
    ) -> Course {
        if let Some(report) = &terms.unrecordable {
            return Course::Refuse(Refusal::plain(report.clone()));
        }
        let learned = match std::mem::take(&mut self.inquiry) {
            Inquiry::None => None,
            Inquiry::Learned(learned) => Some(learned),
            Inquiry::Granted(grant, grounds) => {
                return Course::Pass(Passage { permit: grant.permit(), grounds: Some(grounds), grant: Some(grant) });
            }
            Inquiry::Refused { report, hold, grounds } => return Course::Refuse(Refusal { report, grounds: Some(grounds), hold }),
            open @ (Inquiry::Learning | Inquiry::Petitioned(_) | Inquiry::Waiting { .. }) => {
                self.inquiry = open;
                return Course::Pause;
            }
        };
        let circumstances = Circumstances { paths: &[], open_work: self.has_open_work(), temporary: false, learned: learned.as_ref() };
        match terms.judge.judge(facts, &circumstances) {
            Ruling::Allow(permit, grounds) => Course::Pass(Passage { permit, grounds: Some(grounds), grant: None }),
            Ruling::Deny(grounds) => Course::Refuse(Refusal { report: Box::new(denied(&grounds)), grounds: Some(grounds), hold: None }),
            Ruling::Learn(need) => {
                self.inquiry = Inquiry::Learning;
                out.demand(Demand::Learn(need, message()));
                Course::Pause
            }
            Ruling::Hold(grounds) => {
                if self.settle_first(out) {
                    return Course::Pause;
                }
                let petition = petition(self, message(), Arc::clone(&grounds));
                self.inquiry = Inquiry::Petitioned(grounds);
                out.demand(Demand::Petition(Box::new(petition)));
                Course::Pause
            }
        }
    }

    /// Judges the run of a portal, which was judged when it was bound: where it is judged otherwise since, it does not run, and what binds
    /// it anew is asked about.
    pub(super) fn decide_bound(&mut self, terms: &Terms, facts: &Arc<Facts>, sql: Option<&[u8]>, out: &mut Output) -> Course {
        if let Some(report) = &terms.unrecordable {
            return Course::Refuse(Refusal::plain(report.clone()));
        }
        let learned = match std::mem::take(&mut self.inquiry) {
            Inquiry::Learned(learned) => Some(learned),
            Inquiry::None | Inquiry::Granted(..) | Inquiry::Refused { .. } => None,
            open @ (Inquiry::Learning | Inquiry::Petitioned(_) | Inquiry::Waiting { .. }) => {
                self.inquiry = open;
                return Course::Pause;
            }
        };
        let circumstances = Circumstances { paths: &[], open_work: self.has_open_work(), temporary: false, learned: learned.as_ref() };
        match terms.judge.judge(facts, &circumstances) {
            Ruling::Allow(permit, grounds) => Course::Pass(Passage { permit, grounds: Some(grounds), grant: None }),
            Ruling::Learn(need) => {
                self.inquiry = Inquiry::Learning;
                out.demand(Demand::Learn(need, Message::Query(Zeroizing::new(sql.unwrap_or_default().to_vec()))));
                Course::Pause
            }
            Ruling::Hold(grounds) | Ruling::Deny(grounds) => {
                Course::Refuse(Refusal { report: Box::new(denied(&grounds)), grounds: Some(grounds), hold: None })
            }
        }
    }

    /// Before people are asked it must be certain whether a transaction is open, and nothing may be locked only because something was
    /// prepared: then the implicit transaction is ended by a Sync of our own. True while an answer is awaited.
    pub(super) fn settle_first(&mut self, out: &mut Output) -> bool {
        if !self.expected.ready_is_due() {
            if !self.is_busy() && !self.prepared || self.has_open_work() || self.bound {
                return false;
            }
            super::linked::send_sync(out);
            self.expected.push(Expected::Sync { shown: false });
        }
        self.waiting = true;
        true
    }

    pub(super) fn learned(&mut self, learned: Learned) {
        if matches!(self.inquiry, Inquiry::Learning) {
            self.inquiry = Inquiry::Learned(learned);
        }
    }

    pub(super) fn answered(&mut self, reply: Reply, out: &mut Output) {
        let Inquiry::Petitioned(grounds) = std::mem::take(&mut self.inquiry) else { return };
        self.inquiry = match reply {
            Reply::Granted(grant) => {
                if self.status != TransactionStatus::Idle {
                    self.reserved.push(grant.hold());
                }
                Inquiry::Granted(grant, grounds)
            }
            Reply::Nothing => {
                self.unraised = true;
                Inquiry::None
            }
            Reply::Refused(report) => Inquiry::Refused { report: Box::new(report), hold: None, grounds },
            Reply::Waiting(waiting) => {
                let until =
                    waiting.patience.filter(|_| !self.has_open_work() && !self.bound).and_then(|patience| self.now.checked_add(patience));
                match until {
                    Some(until) => {
                        out.to_client.make(|bytes| waiting.notice.write(bytes));
                        out.demand(Demand::Await(waiting.hold));
                        Inquiry::Waiting { hold: waiting.hold, until, ticket: Box::new(waiting.ticket), grounds }
                    }
                    None => Inquiry::Refused { report: Box::new(waiting.ticket), hold: Some(waiting.hold), grounds },
                }
            }
        };
    }

    /// What waits is judged from the beginning: the decision may be for something else than what would run now.
    pub(super) fn decided(&mut self) {
        if let Inquiry::Waiting { .. } = self.inquiry {
            self.inquiry = Inquiry::None;
        }
    }

    /// The client gave its wait up.
    pub(super) fn stop_waiting(&mut self) {
        if let Inquiry::Waiting { hold, .. } = &self.inquiry {
            let report = Report::error("57014", "canceling statement due to user request")
                .with_detail(format!("Nothing ran. The statement still awaits a decision as hold {hold}."));
            self.inquiry.stop_waiting(Some(report));
        }
    }
}

fn denied(grounds: &Grounds) -> Report {
    Report::error("42501", format!("denied by policy: {}", grounds.reason))
        .with_detail(format!("Rule \"{}\". Effects: {}. Nothing of it ran.", grounds.rule, grounds.effects))
}
