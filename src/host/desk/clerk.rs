//! The one who keeps the book: takes one step after the other, each on the record before it counts. It waits for nobody: what must not be told
//! before it is on disk bears the number of its record.

mod grants;
mod people;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::book::{Entry, Full};
use super::matter::Matter;
use super::recover::{self, Recovered};
use super::store::Store;
use super::tally;
use super::view::About;
use super::{DeskError, Shared, binding};
use crate::audit::event::{Answered, Decided, Decision, Held, Returned, Spent, Words};
use crate::audit::{Digest, Event};
use crate::gate::Subject;
use crate::gate::hold::words::{self, Told};
use crate::gate::hold::{HoldId, Standing, State, Unsaid, Verdict};
use crate::host::journal::Unwritable;
use crate::host::when;
use crate::session::asking::{Message, Petition, Purpose, Reply, Waiting};
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
    store: Store,
    random: SystemRandom,
    /// Time does not go back here, whatever the clock does: what has expired stays so.
    now: u64,
    /// What the database does not have yet.
    unsaved: BTreeSet<HoldId>,
    unsaved_grants: BTreeSet<HoldId>,
}

impl Clerk {
    /// Takes the book up where the record says it was left. Whatever is in doubt is withdrawn.
    pub fn open(shared: Arc<Shared>, store: Store, folder: &Path) -> Result<Self, DeskError> {
        let journal = Arc::clone(&shared.journal);
        let last = journal.health().last_seq;
        let kept = store.load()?;
        let grants = store.grants()?;
        let cursor = store.cursor(journal.id())?.filter(|cursor| *cursor <= last);
        let followed = match cursor {
            Some(cursor) => recover::follow(folder, cursor, kept, grants),
            // Nothing was kept, so nothing is to be followed.
            None if kept.is_empty() && grants.is_empty() => Some(Recovered::default()),
            None => None,
        };
        let trusted = followed.is_some();
        let Recovered { kept, lost, grants, grants_lost } = match followed {
            Some(recovered) => recovered,
            None => Recovered {
                kept: store.load()?.into_iter().map(|kept| (kept.standing.id, kept)).collect(),
                grants_lost: store.grants()?.into_iter().map(|(id, _)| id).collect(),
                ..Recovered::default()
            },
        };
        let mut clerk = Self {
            shared,
            store,
            random: SystemRandom::new(),
            now: when::now(),
            unsaved: BTreeSet::new(),
            unsaved_grants: BTreeSet::new(),
        };
        let mut unrecorded = Vec::new();
        let mut gone = lost;
        for (id, mut kept) in kept {
            let standing = &mut kept.standing;
            if standing.state == State::Reserved {
                // The record has it as spent, and what it was used for may have been committed.
                standing.settle(true).ok();
            }
            let open = standing.state.is_open();
            let sound = trusted && kept.seq <= last && kept.about.is_some() && kept.matter.is_some();
            if kept.seq == 0 {
                unrecorded.push(id);
            } else if open && !sound {
                gone.push(id);
            }
            let Some(about) = kept.about.take().filter(|_| kept.seq > 0 && (sound || !open)) else {
                unrecorded.push(id);
                continue;
            };
            clerk.shared.book().insert(Entry::kept(kept, about));
            clerk.unsaved.insert(id);
        }
        for id in gone {
            clerk.record(ended(id, Decision::Withdrawn))?;
        }
        clerk.store.delete(&unrecorded)?;
        clerk.take_up_grants(grants, grants_lost, last)?;
        clerk.look_at_the_clock()?;
        clerk.save();
        clerk.move_cursor();
        Ok(clerk)
    }

    /// Brings the database up to date with what is on disk of the journal: it must never be ahead. Where that fails it is tried again; what
    /// is lost is made up from the journal.
    pub fn save(&mut self) {
        self.save_grants();
        if self.unsaved.is_empty() {
            return;
        }
        let synced = self.shared.journal.health().synced_seq;
        let book = self.shared.book();
        let ready: Vec<_> = self.unsaved.iter().filter_map(|id| book.get(*id)).filter(|entry| entry.seq <= synced).collect();
        let saved = self.store.update(&ready);
        self.unsaved.retain(|id| book.get(*id).is_some_and(|entry| entry.seq > synced || saved.is_err()));
        if let Err(error) = saved {
            tracing::error!(%error, "the state database does not have the last steps of holds yet; the journal has them");
        }
    }

    /// What is on disk of the journal by now need not be looked through again.
    pub fn move_cursor(&mut self) {
        let synced = self.shared.journal.health().synced_seq;
        if self.unsaved.is_empty()
            && self.unsaved_grants.is_empty()
            && let Err(error) = self.store.move_cursor(self.shared.journal.id(), synced)
        {
            tracing::error!(%error, "how far the holds have followed the journal could not be kept");
        }
    }

    /// When something is due.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Every change of a hold goes through here.
    fn change<T>(&mut self, hold: HoldId, change: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        self.unsaved.insert(hold);
        self.shared.book().change(hold, change)
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
        let over = self.shared.book().grants_over(self.now);
        self.forget_grants(&over);
        let forgotten = self.shared.book().forget(self.now);
        if !forgotten.is_empty()
            && let Err(error) = self.store.delete(&forgotten)
        {
            tracing::error!(%error, "holds that are long closed are still in the state database");
        }
        Ok(next)
    }

    /// A hold ends with nobody's decision.
    fn close(&mut self, hold: HoldId, decision: Decision) -> Result<(), Unwritable> {
        let now = self.now;
        let seq = self.record(ended(hold, decision))?;
        self.change(hold, |entry| {
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
        let bound = self.shared.digester.digest(&binding::Of::petition(subject, petition).bytes());
        let met = self.shared.book().bound(bound, self.now).map(|entry| (entry.standing, entry.seq));
        // An approval of this very statement, and a denial of it, come first.
        let waits = met.map(|(standing, _)| standing).filter(|standing| standing.state.is_undecided()).map(|standing| standing.id);
        if petition.purpose == Purpose::Run
            && (met.is_none() || waits.is_some())
            && let Some(granted) = self.spend_standing(subject, petition, waits)?
        {
            return Ok(granted);
        }
        match (met, petition.purpose) {
            (Some((standing, _)), Purpose::Run | Purpose::Redeem) if standing.state == State::Approved => self.spend(standing, petition),
            (_, Purpose::Redeem) => Ok(Answer { said: Reply::Nothing, behind: 0 }),
            (Some((standing, behind)), Purpose::Run | Purpose::Ticket) if standing.state == State::Denied => {
                Ok(Answer { said: Reply::Refused(self.shared.closing_words(standing.id)), behind })
            }
            (Some((standing, behind)), Purpose::Run | Purpose::Ticket) if standing.state == State::Asked => {
                self.hear(standing, petition, behind)
            }
            (Some((standing, _)), Purpose::Run | Purpose::Ticket) => Ok(self.waiting(standing.id)),
            (None, Purpose::Run | Purpose::Ticket) => {
                let ended = awaited.and_then(|awaited| {
                    let book = self.shared.book();
                    let entry = book.get(awaited).filter(|entry| entry.bound == bound && ended_unused(entry))?;
                    Some((awaited, entry.seq))
                });
                if let Some((awaited, behind)) = ended {
                    return Ok(Answer { said: Reply::Refused(self.shared.closing_words(awaited)), behind });
                }
                self.hold(subject, petition, bound)
            }
        }
    }

    /// The agent was asked: what it says to that is put before people, and where it says nothing it is told the question.
    fn hear(&mut self, mut standing: Standing, petition: &Petition, behind: u64) -> Result<Answer<Reply>, Unwritable> {
        let hold = standing.id;
        let question = |stale| Answer { said: Reply::Refused(self.shared.question(hold, stale)), behind };
        // What was sent before the question was asked is no answer to it.
        let Some(said) = petition.answer.as_ref().filter(|_| petition.awaited != Some(hold)) else { return Ok(question(false)) };
        let Some(mut talk) = self.shared.book().get(hold).map(|entry| entry.talk.clone()) else { return Ok(self.waiting(hold)) };
        match talk.answer(self.now, &said.text) {
            Ok(()) => {}
            Err(Unsaid::Again) => return Ok(question(true)),
            Err(Unsaid::Empty | Unsaid::TooLong | Unsaid::TooMany) => return Ok(question(false)),
        }
        if standing.answer(self.now).is_err() {
            return Ok(question(false));
        }
        let body = said.kept.as_deref().map(|text| Box::new(Words { text: text.to_owned() }));
        let (session, number) = (petition.statement.session, petition.statement.number);
        let seq = self.record(Answered { hold: hold.number(), session, number, body })?;
        self.change(hold, |entry| (entry.standing, entry.talk, entry.seq) = (standing, talk, seq));
        let mut answer = Answer { behind: seq, ..self.waiting(hold) };
        if let Reply::Waiting(waiting) = &mut answer.said {
            waiting.answered = true;
        }
        Ok(answer)
    }

    fn spend(&mut self, mut standing: Standing, petition: &Petition) -> Result<Answer<Reply>, Unwritable> {
        let (hold, now, over) = (standing.id, self.now, petition.over);
        let (session, number) = (petition.statement.session, petition.statement.number);
        let unmasked = petition.grounds.unmask
            && self
                .shared
                .book()
                .get(hold)
                .is_some_and(|entry| entry.ruled.as_ref().is_some_and(|ruled| ruled.verdict == Verdict::ApproveUnmasked));
        let Ok(grant) = standing.spend(now, over, unmasked) else { return Ok(self.waiting(hold)) };
        // Where this fails nothing is granted; whatever becomes of the grant behind it, the approval is used up.
        let behind = self.record(Spent { hold: hold.number(), session, number, grant: None })?;
        self.change(hold, |entry| (entry.standing, entry.seq) = (standing, behind));
        Ok(Answer { said: Reply::Granted(grant), behind })
    }

    fn hold(&mut self, subject: &Subject, petition: &Petition, bound: Digest) -> Result<Answer<Reply>, Unwritable> {
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
        let standing = Standing::open(id, until);
        if let Err(error) = self.store.insert(standing, bound, &about, &matter) {
            tracing::error!(%error, "a statement cannot be held");
            return Ok(Answer { said: Reply::Refused(words::not_kept()), behind: 0 });
        }
        let body = Some(Box::new(Words { text: about.reason.to_string() }));
        let seq = self.record(Held { hold: id.number(), statement, bound, until, body })?;
        self.shared.book().insert(Entry::opened(standing, bound, about, matter, seq));
        tally::opened();
        self.unsaved.insert(id);
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
        let said =
            self.shared.told(hold, |told, _| Waiting { hold, notice: told.notice(), ticket: told.ticket(), patience, answered: false });
        Answer { said: said.map_or_else(|| Reply::Refused(words::unknown(hold)), Reply::Waiting), behind: 0 }
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
            self.change(*hold, |entry| {
                entry.standing.settle(used).ok();
                entry.seq = seq.unwrap_or(entry.seq);
            });
        }
        Ok(())
    }

    /// The agent is no more: what it asked for is withdrawn.
    pub fn withdraw(&mut self, agent_id: i64) -> Result<(), Unwritable> {
        let of_agent = self.shared.book().of_agent(agent_id);
        of_agent.into_iter().try_for_each(|hold| self.close(hold, Decision::Withdrawn))?;
        self.end_grants_of(agent_id)
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
        if let Some(matter) = entry.matter.as_ref().filter(|_| entry.standing.state.is_pending()) {
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

    /// What a reviewer asks the agent; `stale` where it said again what it said before.
    fn question(&self, hold: HoldId, stale: bool) -> Report {
        let asked = |told: Told<'_>, entry: &Entry| {
            let question = entry.talk.open_question().map(|exchange| &*exchange.question);
            told.asked(question.unwrap_or_default(), stale)
        };
        self.told(hold, asked).unwrap_or_else(|| words::unknown(hold))
    }

    /// What an agent is told of a hold that nothing can run by.
    fn closing_words(&self, hold: HoldId) -> Report {
        let told = self.told(hold, |told, entry| match entry.standing.state {
            State::Denied => told.denied(entry.ruled.as_ref().and_then(|ruled| ruled.reason.as_deref())),
            State::Expired => told.expired(),
            State::Withdrawn => told.withdrawn(),
            State::Spent | State::Reserved => told.spent(),
            State::Asked => told.asked(entry.talk.open_question().map_or("", |exchange| &exchange.question), false),
            State::Waiting | State::Approved => told.ticket(),
        });
        told.unwrap_or_else(|| words::unknown(hold))
    }
}

fn ended(hold: HoldId, decision: Decision) -> Decided {
    Decided {
        hold: hold.number(),
        decision,
        by: None,
        groups: Vec::new(),
        through: None,
        single_person: None,
        until: None,
        more: None,
        to: None,
        seen: None,
        body: None,
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
        groups: grounds.groups.to_vec(),
        approvals: grounds.approvals,
        in_transaction: petition.open_work,
        over: petition.over,
        asks_unmasked: grounds.unmask,
        shape: petition.statement.shape,
    }
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
