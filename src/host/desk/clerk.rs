//! The one who keeps the book: takes one step after the other, each on the record before it counts. It waits for nobody: what must not be told
//! before it is on disk bears the number of its record.

use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::book::{Entry, Full};
use super::matter::Matter;
use super::view::{About, NotDecided, Ruled, View};
use super::{LONGEST_REASON, Shared, binding};
use crate::audit::event::{Decided, Decision, Held, Returned, Spent, Words};
use crate::audit::{Digest, Event};
use crate::gate::Subject;
use crate::gate::hold::words::{self, Told};
use crate::gate::hold::{Decider, HoldId, Standing, State, Unfit, Verdict, may_decide};
use crate::host::journal::Unwritable;
use crate::host::when;
use crate::session::asking::{Message, Petition, Reply, Waiting};
use crate::wire::report::Report;

/// An answer, and the record that must be on disk before it is given.
#[derive(Debug)]
pub struct Answer<T> {
    pub said: T,
    pub behind: u64,
}

#[derive(Debug)]
pub struct Clerk {
    shared: Arc<Shared>,
    random: SystemRandom,
    /// Time does not go back here, whatever the clock does: what has expired stays so.
    now: u64,
}

impl Clerk {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared, random: SystemRandom::new(), now: 0 }
    }

    fn record(&self, event: impl Into<Event>) -> Result<u64, Unwritable> {
        self.shared.journal.record(event)
    }

    /// What time has ended since the last step is ended first. Returns when that is due again.
    pub fn look_at_the_clock(&mut self) -> Result<Option<u64>, Unwritable> {
        self.now = self.now.max(when::now());
        let (over, next) = self.shared.book().expiring(self.now);
        for id in over {
            self.close(id, Decision::Expired)?;
        }
        self.shared.book().forget(self.now);
        Ok(next)
    }

    /// A hold ends with nobody's decision.
    fn close(&mut self, hold: HoldId, decision: Decision) -> Result<(), Unwritable> {
        let (now, number) = (self.now, hold.number());
        let ended =
            Decided { hold: number, decision, by: None, groups: Vec::new(), through: None, single_person: None, until: None, body: None };
        let seq = self.record(ended)?;
        self.shared.book().change(hold, |entry| {
            // One that cannot end so has ended otherwise.
            if decision == Decision::Withdrawn {
                entry.standing.withdraw().ok()
            } else {
                entry.standing.expire(now).ok()
            };
            entry.seq = seq;
        });
        Ok(())
    }

    /// A statement is held: an approval of this very statement is spent on it, or it joins the hold that is open, or a new one is opened.
    /// `awaited` is the hold that this session waited for until now.
    pub fn petition(&mut self, subject: &Subject, petition: &Petition, awaited: Option<HoldId>) -> Result<Answer<Reply>, Unwritable> {
        self.look_at_the_clock()?;
        let bound = self.shared.digester.digest(&binding::bytes(subject, petition));
        let met = self.shared.book().bound(bound, self.now).map(|entry| (entry.standing, entry.seq));
        match met {
            Some((standing, _)) if standing.state == State::Approved => self.spend(standing.id, petition),
            Some((standing, behind)) if standing.state == State::Denied => {
                Ok(Answer { said: Reply::Refused(self.shared.closing_words(standing.id)), behind })
            }
            Some((standing, _)) => Ok(self.waiting(standing.id)),
            None => {
                if let Some(awaited) = awaited
                    && let Some(behind) =
                        self.shared.book().get(awaited).filter(|entry| entry.bound == bound && ended_unused(entry)).map(|entry| entry.seq)
                {
                    return Ok(Answer { said: Reply::Refused(self.shared.closing_words(awaited)), behind });
                }
                self.open(subject, petition, bound)
            }
        }
    }

    fn spend(&mut self, hold: HoldId, petition: &Petition) -> Result<Answer<Reply>, Unwritable> {
        let now = self.now;
        let Petition { open_work, over, .. } = *petition;
        let (session, number) = (petition.statement.session, petition.statement.number);
        // Whatever becomes of the grant from here on, the approval is used up.
        let granted = self.shared.book().change(hold, |entry| entry.standing.spend(now, open_work, over));
        let Some(Ok(grant)) = granted else { return Ok(Answer { said: Reply::Refused(words::unknown(hold)), behind: 0 }) };
        let behind = self.record(Spent { hold: hold.number(), session, number, grant: None, reserved: open_work.then_some(true) })?;
        self.shared.book().change(hold, |entry| entry.seq = behind);
        Ok(Answer { said: Reply::Granted(grant), behind })
    }

    fn open(&mut self, subject: &Subject, petition: &Petition, bound: Digest) -> Result<Answer<Reply>, Unwritable> {
        let options = self.shared.options();
        let matter = Matter::of(petition);
        let room = self.shared.book().room(subject.agent_id, options.max_open_per_agent, matter.size());
        match room {
            Ok(()) => {}
            Err(Full::OfAgent) => return Ok(Answer { said: Reply::Refused(words::too_many(options.max_open_per_agent)), behind: 0 }),
            Err(Full::OfAll) => return Ok(Answer { said: Reply::Refused(words::no_room()), behind: 0 }),
        }
        let id = self.new_id()?;
        let until = self.now.saturating_add(micros(options.expires));
        let about = about(subject, petition, self.now);
        let mut statement = petition.statement.clone();
        statement.hold = Some(id.number());
        let body = Some(Box::new(Words { text: about.reason.to_string() }));
        let seq = self.record(Held { hold: id.number(), statement, bound, until, body })?;
        self.shared.book().insert(Entry::new(Standing::open(id, until), bound, about, Some(matter), seq));
        Ok(self.waiting(id))
    }

    fn new_id(&self) -> Result<HoldId, Unwritable> {
        loop {
            let mut random = [0; 8];
            self.random.fill(&mut random).map_err(|_| Unwritable::Broken)?;
            let id = HoldId::of(u64::from_le_bytes(random));
            if self.shared.book().get(id).is_none() {
                return Ok(id);
            }
        }
    }

    fn waiting(&self, hold: HoldId) -> Answer<Reply> {
        let wait_for = self.shared.options().wait_for;
        let patience = Some(wait_for).filter(|wait| !wait.is_zero());
        let said = self.shared.told(hold, |told, _| Waiting { hold, notice: told.notice(), ticket: told.ticket(), patience });
        Answer { said: said.map_or_else(|| Reply::Refused(words::unknown(hold)), Reply::Waiting), behind: 0 }
    }

    /// A reviewer decides.
    pub fn decide(
        &mut self,
        hold: HoldId,
        decider: &Decider,
        verdict: Verdict,
        reason: Option<&str>,
        through: &'static str,
    ) -> Result<Answer<View>, NotDecided> {
        self.look_at_the_clock()?;
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        if reason.is_some_and(|reason| reason.len() > LONGEST_REASON) {
            return Err(NotDecided::TooLong);
        }
        let options = self.shared.options();
        let (now, usable) = (self.now, self.now.saturating_add(micros(options.approval_expires)));
        let (mut standing, about, view) = {
            let book = self.shared.book();
            let entry = book.get(hold).ok_or(NotDecided::Unknown)?;
            (entry.standing, Arc::clone(&entry.about), entry.view())
        };
        let own = may_decide(decider, &about.owner, &about.groups, options.single_person)?;
        standing.decide(verdict, now, usable).map_err(|unfit| match unfit {
            Unfit::Expired => NotDecided::Expired,
            Unfit::State => NotDecided::Already(Box::new(view)),
        })?;
        let approves = verdict == Verdict::Approve;
        let behind = self.record(Decided {
            hold: hold.number(),
            decision: if approves { Decision::Approved } else { Decision::Denied },
            by: Some(decider.name.to_string()),
            groups: decider.groups.iter().map(ToString::to_string).collect(),
            through: Some(through.into()),
            single_person: own.then_some(true),
            until: approves.then_some(standing.until),
            body: reason.map(|reason| Box::new(Words { text: reason.to_owned() })),
        })?;
        let ruled = Ruled { verdict, by: decider.name.clone(), at: now, reason: reason.map(Into::into), single_person: own };
        let view = self.shared.book().change(hold, |entry| {
            (entry.standing, entry.ruled, entry.seq) = (standing, Some(ruled), behind);
            // As it was when it was decided.
            entry.view()
        });
        view.map(|said| Answer { said, behind }).ok_or(NotDecided::Unknown)
    }

    /// The transaction that these approvals were used in has ended; `used` is false where all of it was rolled back for certain.
    pub fn settle(&mut self, holds: &[HoldId], used: bool) -> Result<(), Unwritable> {
        for hold in holds {
            let reserved = self.shared.book().get(*hold).is_some_and(|entry| entry.standing.state == State::Reserved);
            if !reserved {
                continue;
            }
            // On the record it is spent already.
            let seq = if used { None } else { Some(self.record(Returned { hold: hold.number() })?) };
            self.shared.book().change(*hold, |entry| {
                entry.standing.settle(used).ok();
                entry.seq = seq.unwrap_or(entry.seq);
            });
        }
        Ok(())
    }

    /// The agent is no more: what it asked for is withdrawn.
    pub fn withdraw(&mut self, agent_id: i64) -> Result<(), Unwritable> {
        let of_agent = self.shared.book().of_agent(agent_id);
        of_agent.into_iter().try_for_each(|hold| self.close(hold, Decision::Withdrawn))
    }

    /// The message that an agent asks for by the id of its hold.
    pub fn stored(&mut self, subject: &Subject, hold: HoldId) -> Result<Message, Report> {
        self.look_at_the_clock().map_err(Unwritable::report)?;
        let book = self.shared.book();
        let own = |entry: &&Entry| {
            let About { agent_id, database, role, .. } = &*entry.about;
            (*agent_id, database, role) == (subject.agent_id, &subject.database, &subject.role)
        };
        let Some(entry) = book.get(hold).filter(own) else { return Err(words::unknown(hold)) };
        if let Some(matter) = entry.matter.as_ref().filter(|_| matches!(entry.standing.state, State::Waiting | State::Approved)) {
            return Ok(matter.message.clone());
        }
        drop(book);
        Err(self.shared.closing_words(hold))
    }
}

/// Ended, and neither by a person nor by its use.
fn ended_unused(entry: &Entry) -> bool {
    matches!(entry.standing.state, State::Expired | State::Withdrawn)
}

impl Shared {
    /// What an agent is told of a hold.
    fn told<T>(&self, hold: HoldId, tell: impl FnOnce(Told<'_>, &Entry) -> T) -> Option<T> {
        let link = self.link(hold);
        let book = self.book();
        let entry = book.get(hold)?;
        let (effects, until) = (entry.about.effects.to_string(), when::seconds(entry.standing.until));
        let About { reason, rule, in_transaction, over, .. } = &*entry.about;
        let (in_transaction, over) = (*in_transaction, *over);
        Some(tell(Told { hold, reason, rule, effects: &effects, link: &link, until: &until, in_transaction, over }, entry))
    }

    /// What an agent is told of a hold that nothing can run by.
    fn closing_words(&self, hold: HoldId) -> Report {
        let told = self.told(hold, |told, entry| match entry.standing.state {
            State::Denied => told.denied(entry.ruled.as_ref().and_then(|ruled| ruled.reason.as_deref())),
            State::Expired => told.expired(),
            State::Withdrawn => told.withdrawn(),
            State::Spent | State::Reserved => told.spent(),
            State::Waiting | State::Approved => told.ticket(),
        });
        told.unwrap_or_else(|| words::unknown(hold))
    }
}

fn about(subject: &Subject, petition: &Petition, now: u64) -> About {
    let grounds = &petition.grounds;
    About {
        agent_id: subject.agent_id,
        agent: subject.agent.clone(),
        owner: subject.owner.clone(),
        database: subject.database.clone(),
        role: subject.role.clone(),
        environment: subject.environment.clone(),
        session: petition.statement.session,
        opened: now,
        effects: grounds.effects,
        rule: grounds.rule.as_ref().into(),
        reason: grounds.reason.clone(),
        groups: Vec::new(),
        in_transaction: petition.open_work,
        over: petition.over,
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
