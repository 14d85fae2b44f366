//! How a message that makes the server run something comes to its decision: judged, asked about, waited for. Nothing is sent before.

use std::sync::Arc;

use crate::gate::Ruling;
use crate::gate::hold::{HoldId, kept};
use crate::gate::judge::{Circumstances, Grounds, Learned, UNKNOWN_PATH};
use crate::sql::effect::Effect;
use crate::sql::facts::{Facts, Opaque};
use crate::sql::tags;
use crate::wire::backend::TransactionStatus;
use crate::wire::frontend::tag;
use crate::wire::report::Report;
use crate::wire::write;

use super::Terms;
use super::asking::{Asked, Course, Inquiry, Message, Passage, Petition, Purpose, Refusal, Reply, Said, Wait, Waiting};
use super::columns::Portal;
use super::expected::Expected;
use super::linked::{Awaited, Copy, Linked, send_sync};
use super::output::{Demand, Output};
use super::sending::Subject;

impl Linked {
    /// Judges a message; `message` is made only where something has to be asked.
    pub(super) fn decide(
        &mut self,
        terms: &Terms,
        subject: &Subject<'_>,
        types: &[u32],
        unmask: bool,
        message: impl FnOnce() -> Message,
        out: &mut Output,
    ) -> Course {
        let facts = &subject.whole.facts;
        let inquiry = std::mem::take(&mut self.inquiry);
        if let Some(report) = &terms.unrecordable {
            return Course::Refuse(Refusal::plain(report.clone()));
        }
        let (learned, before) = match inquiry {
            Inquiry::None => (None, None),
            Inquiry::Decided(wait) => (None, Some(wait)),
            Inquiry::Learned(learned) => (Some(learned), None),
            Inquiry::Granted(grant, grounds) => {
                let learned = Learned { estimate: grounds.estimate };
                return Course::Pass(Passage { permit: grant.permit(), grounds: Some(grounds), grant: Some(grant), learned, before: None });
            }
            Inquiry::Refused { report, hold, grounds } => return Course::Refuse(Refusal { report, grounds, hold }),
            open @ (Inquiry::Learning | Inquiry::Surveying(_) | Inquiry::Fetching | Inquiry::Petitioned(_) | Inquiry::Waiting { .. }) => {
                self.inquiry = open;
                return Course::Pause;
            }
        };
        let paths = self.settings.paths(!self.is_busy(), facts);
        let circumstances = Circumstances {
            paths: &paths,
            open_work: self.has_open_work(),
            temporary: self.settings.temporary(),
            types,
            unmask,
            learned: learned.as_ref(),
        };
        match terms.judge.judge(&placed(facts, &paths), &circumstances) {
            Ruling::Allow(permit, grounds) => {
                Course::Pass(Passage { permit, grounds: Some(grounds), grant: None, learned: learned.unwrap_or_default(), before })
            }
            Ruling::Deny(grounds) => Course::Refuse(Refusal { report: Box::new(denied(&grounds)), grounds: Some(grounds), hold: None }),
            Ruling::Learn(need) => {
                self.inquiry = Inquiry::Learning;
                out.demand(Demand::Learn(need, message()));
                Course::Pause
            }
            // Nobody could say what it is that would be approved.
            Ruling::Hold(grounds) if facts.opaque == Some(Opaque::Prepared) => {
                Course::Refuse(Refusal { report: Box::new(unknown("26000", "prepared statement")), grounds: Some(grounds), hold: None })
            }
            Ruling::Hold(grounds) => {
                if let Copy::In = self.copy {
                    // It will end the connection: the server is told as well, and not by what is held.
                    return Course::Refuse(Refusal::plain(Report::error("08P01", "a statement came before the end of the data of a COPY")));
                }
                if self.settle_first(out) {
                    return Course::Pause;
                }
                let moves = facts.statements.iter().any(|statement| statement.transaction.is_some());
                let belted = terms.manner.read_only && lifts(grounds.effects);
                if belted && moves {
                    return Course::Refuse(Refusal { report: Box::new(read_only(&grounds)), grounds: Some(grounds), hold: None });
                }
                let misplaced = belted && self.has_open_work();
                let purpose = if misplaced { Purpose::Ticket } else { Purpose::Run };
                let petition = self.petition(subject.clone(), message(), Arc::clone(&grounds));
                let answer = self.said(terms, petition.message.sql());
                let petition = Petition { awaited: before.map(|wait| wait.hold), purpose, answer, ..petition };
                let open_work = petition.open_work;
                let facts = Arc::clone(facts);
                self.inquiry = Inquiry::Petitioned(Asked { grounds, facts, open_work, before, cancelled: false, misplaced });
                out.demand(Demand::Petition(Box::new(petition)));
                Course::Pause
            }
        }
    }

    /// What the agent answers, in this text or by a statement before it, should it have been asked.
    pub(super) fn said(&self, terms: &Terms, sql: &[u8]) -> Option<Said> {
        // What stands in a message that is run by its hold's id was said before anything was asked.
        let own = tags::answer(sql).filter(|_| self.stored.is_none());
        let text = own.and_then(|text| kept(&text)).or_else(|| self.answer.clone())?;
        let kept = terms.recorder.said(&text, &terms.masking);
        Some(Said { text, kept })
    }

    /// Judges the run of a portal again, by what it was bound under: where it is judged otherwise since, it does not run. What binds it anew
    /// is asked about.
    pub(super) fn decide_bound(&mut self, terms: &Terms, portal: Option<&Portal>, facts: &Arc<Facts>) -> Course {
        if let Some(report) = &terms.unrecordable {
            return Course::Refuse(Refusal::plain(report.clone()));
        }
        if let Some(grant) = portal.and_then(|portal| portal.grant.as_ref()) {
            let learned = Learned::default();
            return Course::Pass(Passage { permit: grant.permit(), grounds: None, grant: None, learned, before: None });
        }
        let learned = portal.map(|portal| portal.learned.clone()).unwrap_or_default();
        let paths = portal.map(|portal| std::rc::Rc::clone(&portal.paths)).unwrap_or_default();
        let circumstances = Circumstances {
            paths: &paths,
            open_work: self.has_open_work(),
            temporary: self.settings.temporary(),
            types: portal.map_or(&[], |portal| &portal.types),
            // What asks for that runs by an approval, from its Bind on.
            unmask: false,
            learned: Some(&learned),
        };
        match terms.judge.judge(&placed(facts, &paths), &circumstances) {
            Ruling::Allow(permit, grounds) => Course::Pass(Passage { permit, grounds: Some(grounds), grant: None, learned, before: None }),
            Ruling::Learn(_) => Course::Refuse(Refusal::plain(changed())),
            Ruling::Hold(grounds) if facts.opaque == Some(Opaque::Prepared) => {
                Course::Refuse(Refusal { report: Box::new(unknown("34000", "portal")), grounds: Some(grounds), hold: None })
            }
            Ruling::Hold(grounds) => {
                let report = changed().with_detail(format!("Rule \"{}\": {}. Nothing of it ran.", grounds.rule, grounds.reason));
                Course::Refuse(Refusal { report: Box::new(report), grounds: Some(grounds), hold: None })
            }
            Ruling::Deny(grounds) => Course::Refuse(Refusal { report: Box::new(denied(&grounds)), grounds: Some(grounds), hold: None }),
        }
    }

    /// Before people are asked it must be certain what is open and that this message is not skipped, and nothing may be locked only because
    /// something was prepared: such an implicit transaction is ended by a Sync of our own. True while answers are awaited.
    pub(super) fn settle_first(&mut self, out: &mut Output) -> bool {
        let only_prepared = self.prepared && !self.executed && !self.bound;
        if self.is_busy() {
            self.settle_in_flight(out);
            return true;
        }
        if only_prepared && self.status == TransactionStatus::Idle {
            self.own_sync(out);
            self.awaits = Awaited::All;
            return true;
        }
        false
    }

    /// A query is to be refused. What stands before it may fail, and then the server skips the query: that has to be known first. True while
    /// answers are awaited.
    pub(super) fn settle_refusal(&mut self, out: &mut Output) -> bool {
        let begun = self.is_busy() && !matches!(self.copy, Copy::In);
        if begun {
            self.settle_in_flight(out);
        }
        begun
    }

    /// Has everything in flight answered, without the client: its next message waits for that.
    pub(super) fn settle_in_flight(&mut self, out: &mut Output) {
        if self.executed || self.bound {
            out.to_upstream.make(|bytes| write::message(bytes, tag::FLUSH, |_| ()));
        } else if self.prepared {
            self.own_sync(out);
        }
        self.awaits = Awaited::All;
    }

    /// Ends the stretch of messages since the last Sync, in which nothing was executed or bound.
    fn own_sync(&mut self, out: &mut Output) {
        send_sync(out);
        self.expected.push(Expected::Sync { shown: false });
        self.segment_ended();
    }

    pub(super) fn learned(&mut self, learned: Learned) {
        if matches!(self.inquiry, Inquiry::Learning) {
            self.inquiry = Inquiry::Learned(learned);
        }
    }

    pub(super) fn fetched(&mut self, found: Result<Message, Report>) {
        if matches!(self.inquiry, Inquiry::Fetching) {
            self.inquiry = match found {
                Ok(message) => {
                    self.stored = Some(std::rc::Rc::new(message));
                    Inquiry::None
                }
                Err(report) => Inquiry::Refused { report: Box::new(report), hold: None, grounds: None },
            };
        }
    }

    /// The desk answered. A session that is to end soon waits for nobody.
    pub(super) fn answered(&mut self, reply: Reply, terms: &Terms, draining: bool, out: &mut Output) {
        let asked = match std::mem::take(&mut self.inquiry) {
            Inquiry::Petitioned(asked) => asked,
            other @ (Inquiry::None
            | Inquiry::Learning
            | Inquiry::Learned(_)
            | Inquiry::Surveying(_)
            | Inquiry::Fetching
            | Inquiry::Waiting { .. }
            | Inquiry::Decided(_)
            | Inquiry::Granted(..)
            | Inquiry::Refused { .. }) => {
                self.inquiry = other;
                return;
            }
        };
        let Asked { grounds, facts, open_work, before, cancelled, misplaced } = asked;
        self.inquiry = match reply {
            Reply::Granted(grant) => {
                if open_work {
                    self.reserved.add(&grant, grounds.effects, &facts);
                }
                Inquiry::Granted(grant, grounds)
            }
            Reply::Nothing => {
                self.unraised = true;
                Inquiry::None
            }
            Reply::Refused(report) => Inquiry::Refused { report: Box::new(report), hold: None, grounds: Some(grounds) },
            Reply::Waiting(Waiting { hold, ticket, .. }) if misplaced => {
                let report = Box::new(ticket.with_hint(alone(hold)));
                Inquiry::Refused { report, hold: Some(hold), grounds: Some(grounds) }
            }
            Reply::Waiting(waiting) => {
                if waiting.answered {
                    self.answer = None;
                }
                let hold = waiting.hold;
                let refused =
                    |report: Report| Inquiry::Refused { report: Box::new(report), hold: Some(hold), grounds: Some(Arc::clone(&grounds)) };
                // Locks are held while a transaction waits.
                let longest = if open_work { terms.judge.policy.wait_in_transaction() } else { waiting.patience };
                let patience = waiting.patience.min(longest).filter(|_| !draining);
                let until = before.map(|before| before.until).or_else(|| self.now.checked_add(patience?));
                match until.filter(|until| patience.is_some() && *until > self.now) {
                    _ if cancelled => refused(given_up(hold)),
                    Some(until) => {
                        if before.is_none_or(|before| before.hold != hold) {
                            out.to_client.make(|bytes| waiting.notice.write(bytes));
                        }
                        out.demand(Demand::Await(hold));
                        Inquiry::Waiting { wait: Wait { hold, until }, ticket: Box::new(waiting.ticket), grounds }
                    }
                    None => refused(waiting.ticket),
                }
            }
        };
    }

    /// What waits is judged from the beginning: the decision may be for something else than what would run now.
    pub(super) fn decided(&mut self) {
        if let Inquiry::Waiting { wait, .. } = self.inquiry {
            self.inquiry = Inquiry::Decided(wait);
        }
    }

    /// The client gave its wait up. What the desk is about to answer is not thrown away: it may be an approval that is used up by now.
    pub(super) fn stop_waiting(&mut self) {
        match &mut self.inquiry {
            Inquiry::Petitioned(asked) => asked.cancelled = true,
            Inquiry::Waiting { wait, .. } => {
                let report = given_up(wait.hold);
                self.inquiry.stop_waiting(Some(report));
            }
            Inquiry::Learning | Inquiry::Fetching => {
                let report = Report::error("57014", "canceling statement due to user request").with_detail("Nothing ran.");
                self.inquiry = Inquiry::Refused { report: Box::new(report), hold: None, grounds: None };
            }
            // That has an end of its own, and an approval may be spent on it already.
            Inquiry::Surveying(_) => {}
            Inquiry::None | Inquiry::Learned(_) | Inquiry::Decided(_) | Inquiry::Granted(..) | Inquiry::Refused { .. } => {}
        }
    }
}

/// Where it is not known which schemas are looked in, no name is known for what it is.
fn placed(facts: &Arc<Facts>, paths: &[Box<str>]) -> Arc<Facts> {
    if !paths.iter().any(|path| &**path == UNKNOWN_PATH) {
        return Arc::clone(facts);
    }
    let opaque = Opaque::graver(facts.opaque, Some(Opaque::Unplaced));
    Arc::new(Facts { effects: facts.effects | Effect::Opaque.alone(), opaque, ..Facts::clone(facts) })
}

/// Whether what has these effects needs more than a read-only transaction.
pub(super) fn lifts(effects: crate::sql::effect::EffectSet) -> bool {
    !effects.is_within(crate::sql::effect::EffectSet::of(&[Effect::Read, Effect::Session, Effect::Export]))
}

fn given_up(hold: HoldId) -> Report {
    Report::error("57014", "canceling statement due to user request")
        .with_detail(format!("Nothing ran. The statement still awaits a decision as hold {hold}."))
        .with_hint(format!("After the approval send the same statement again, or: /* pgsluice:run={hold} */"))
}

fn denied(grounds: &Grounds) -> Report {
    Report::error("42501", format!("denied by policy: {}", grounds.reason))
        .with_detail(format!("Rule \"{}\". Effects: {}. Nothing of it ran.", grounds.rule, grounds.effects))
}

/// As the server says of a name that does not exist; one that came about unseen is not known either.
fn unknown(code: &'static str, what: &str) -> Report {
    Report::error(code, format!("a {what} of this name is not known"))
        .with_detail("Nothing ran. Either it does not exist, or it may be another one since code ran that could replace it.")
        .with_hint("Make it again under this name, then run it.")
}

fn changed() -> Report {
    Report::error("42501", "this portal is judged otherwise since it was bound, and does not run")
        .with_hint("Bind the statement again: it is then judged as it is now, and held where the policy holds it.")
}

/// In one string with the beginning or the end of a transaction nothing can be lifted.
fn read_only(grounds: &Grounds) -> Report {
    Report::error("PS001", format!("held: {}", grounds.reason))
        .with_detail(format!(
            "Nothing of it ran. Rule \"{}\". This session is read-only, and no approval lifts that inside a transaction.",
            grounds.rule
        ))
        .with_hint("Send the write alone: it is then held for approval, and runs once it was approved.")
}

/// What to do with a ticket for a write inside a read-only transaction.
fn alone(hold: HoldId) -> String {
    format!(
        "This session is read-only, and no approval lifts that inside a transaction: ROLLBACK and send it alone. Tell your user that hold {hold} \
         awaits approval; after that send exactly the same statement with the same parameters, or /* pgsluice:run={hold} */, outside a transaction."
    )
}
