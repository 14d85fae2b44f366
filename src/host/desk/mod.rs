//! The desk: where held statements wait for people. It keeps holds, tells sessions what became of them, and puts each step on the record
//! before it counts. What may become of a hold is decided in `gate::hold`.
//!
//! One thread takes every step (the clerk), so that no two steps meet; sessions and pages only look into the book. The journal is the truth:
//! an approval is used up when its `spent` record is on disk, and the state database follows the journal, at the latest at the next start.

mod binding;
mod book;
mod clerk;
mod grants;
mod kept;
mod matter;
mod options;
mod recover;
mod seal;
mod store;
mod talk;
mod tally;
#[cfg(test)]
mod tests;
mod thread;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::broadcast;

use crate::audit::{Digest, Digester};
use crate::gate::Subject;
pub use crate::gate::hold::{Decider, HoldId, Standing, State, Terms, Verdict};
use crate::host::journal::{Journal, Unwritable};
use crate::host::purses::Purses;
use crate::host::state::{self, StateError};
use crate::mask::Masking;
use crate::session::asking::{Message, Petition, Reply};
use crate::wire::report::Report;

use book::{Book, Entry};
use clerk::{Answer, Clerk};
use store::{Store, StoreError};
use thread::{Delivery, Thread};

pub use book::Step;
pub use grants::{StandingGrant, words as bounds_in_words};
pub use options::Options;
pub use view::{About, NotDecided, Parameter, Ruled, Sight, View, Which, Written};

/// Holds that are decided by one word: as many as people look through before they say it.
pub const MOST_TOGETHER: usize = 50;
/// Bytes of what a reviewer gives as the reason.
pub const LONGEST_REASON: usize = 4096;

/// What a person says, by which door (web, api): a word for the record.
#[derive(Debug, Clone)]
pub struct Ruling {
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub through: &'static str,
}

/// What a person was shown when they said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// How far the deliberation was: what came since, they have not seen.
    pub turns: usize,
    /// For the record.
    pub digest: Digest,
}

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("what is kept of holds: {0}")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
    #[error("the system gave no thread: {0}")]
    Thread(std::io::Error),
}

#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    thread: Thread,
}

/// What the clerk and those who look share.
#[derive(Debug)]
struct Shared {
    journal: Arc<Journal>,
    digester: Digester,
    options: Mutex<Arc<Options>>,
    book: Mutex<Book>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn options(&self) -> Arc<Options> {
        Arc::clone(&self.options.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn link(&self, hold: HoldId) -> String {
        format!("{}/holds/{hold}", self.options().public_url.trim_end_matches('/'))
    }
}

impl Desk {
    /// Takes up what was left, as the journal says.
    pub fn open(
        state: &state::State,
        journal: Arc<Journal>,
        digester: Digester,
        options: Options,
        purses: Arc<Purses>,
    ) -> Result<Self, DeskError> {
        let shared = Arc::new(Shared { journal, digester, options: Mutex::new(Arc::new(options)), book: Mutex::new(Book::new(purses)) });
        let clerk = Clerk::open(Arc::clone(&shared), Store::open(state)?, state.folder())?;
        Ok(Self { shared, thread: Thread::start(clerk).map_err(DeskError::Thread)? })
    }

    /// Takes no more steps; what was taken is kept.
    pub fn close(&self) {
        self.thread.stop();
    }

    /// Keeps the desk otherwise from here on; holds that are open keep their times. Whether one person may be all people is fixed at the
    /// start.
    pub fn keep(&self, options: Options) {
        let options = Options { single_person: self.shared.options().single_person, ..options };
        *self.shared.options.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
    }

    /// A statement is held: an approval of this very statement is spent on it, or it joins the hold that is open, or a new one is opened.
    /// `awaited` is the hold that this session waited for until now.
    pub async fn petition(&self, subject: &Arc<Subject>, petition: Petition, awaited: Option<HoldId>) -> Reply {
        let (subject, in_transaction) = (Arc::clone(subject), petition.open_work);
        let undelivered = self.thread.undelivered();
        let ask = move |clerk: &mut Clerk| clerk.petition(&subject, &petition, awaited).map(|answer| Delivery::new(answer, undelivered));
        let told = async {
            let delivery = self.thread.ask(ask).await.unwrap_or(Err(Unwritable::Broken))?;
            self.shared.journal.durable(delivery.behind()).await?;
            Ok::<_, Unwritable>(delivery.deliver(in_transaction))
        };
        told.await.unwrap_or_else(|why| Reply::Refused(why.report()))
    }

    /// The message of a hold of this agent, to be judged as if it had sent it now.
    pub async fn stored(&self, subject: &Arc<Subject>, hold: HoldId) -> Result<Message, Report> {
        let subject = Arc::clone(subject);
        let stored = self.thread.ask(move |clerk| clerk.stored(&subject, hold)).await;
        stored.unwrap_or_else(|| Err(Unwritable::Broken.report()))
    }

    /// Returns when the hold no longer waits.
    pub async fn decided(&self, hold: HoldId) {
        let Some(mut changed) = self.shared.book().get(hold).map(Entry::watch) else { return };
        // An entry that is gone no longer waits either.
        changed.wait_for(|state| *state != State::Waiting).await.ok();
    }

    /// What these approvals were used in has come to its end; `used` is false where all of it was rolled back for certain.
    pub fn settle(&self, holds: &[HoldId], used: bool) {
        let holds = holds.to_vec();
        self.thread.tell(move |clerk| clerk.settle(&holds, used));
    }

    /// The agent was revoked: nothing that it asked for is decided any more.
    pub fn withdraw(&self, agent_id: i64) {
        self.thread.tell(move |clerk| clerk.withdraw(agent_id));
    }

    /// Agents, by id and name, that have something to be decided or used.
    pub fn agents(&self) -> Vec<(i64, Arc<str>)> {
        self.shared.book().agents()
    }

    /// Newest first.
    pub fn list(&self, which: Which) -> Vec<View> {
        self.shared.book().list(which)
    }

    /// Every step that a hold takes from here on, for pages and messages that follow along. Who falls behind is told that steps were
    /// missed, and looks at [`Desk::standings`].
    pub fn follow(&self) -> broadcast::Receiver<Step> {
        self.shared.book().follow()
    }

    /// Where all stand that are known, without what was sent.
    pub fn standings(&self) -> Vec<(Standing, Arc<About>)> {
        self.shared.book().standings()
    }

    pub fn standing(&self, hold: HoldId) -> Option<(Standing, Arc<About>)> {
        self.shared.book().get(hold).map(|entry| (entry.standing, Arc::clone(&entry.about)))
    }

    pub fn view(&self, hold: HoldId) -> Option<View> {
        self.shared.book().get(hold).map(Entry::view)
    }

    /// Groups of reviewers that the policy names.
    pub fn groups(&self) -> Box<[Box<str>]> {
        self.shared.options().groups.clone()
    }

    /// By what it is masked what people see.
    pub fn masking(&self) -> Masking {
        self.shared.options().masking.clone()
    }

    /// The page of a hold.
    pub fn link(&self, hold: HoldId) -> String {
        self.shared.link(hold)
    }

    /// The page that lists them.
    pub fn list_link(&self) -> String {
        format!("{}/", self.shared.options().public_url.trim_end_matches('/'))
    }

    /// A person decides, or is one of several who have to. It counts when this returns, and is on disk.
    pub async fn decide(&self, hold: HoldId, decider: &Decider, ruling: Ruling, seen: Seen) -> Result<View, NotDecided> {
        let decider = decider.clone();
        self.step(move |clerk| clerk.decide(hold, &decider, &ruling, seen)).await
    }

    /// The same of several holds, each with how far its deliberation was when it was shown: all of them, or none.
    pub async fn decide_together(
        &self,
        holds: Vec<(HoldId, usize)>,
        decider: &Decider,
        ruling: Ruling,
        digest: Digest,
    ) -> Result<Vec<View>, NotDecided> {
        let (decider, seen) = (decider.clone(), Seen { turns: 0, digest });
        self.step(move |clerk| clerk.decide_together(&holds, &decider, &ruling, seen)).await
    }

    /// A person asks the agent something. Who waits for the decision gets the question at once.
    pub async fn ask(
        &self,
        hold: HoldId,
        decider: &Decider,
        question: &str,
        seen: Seen,
        through: &'static str,
    ) -> Result<View, NotDecided> {
        let (decider, question) = (decider.clone(), question.to_owned());
        self.step(move |clerk| clerk.ask(hold, &decider, &question, seen, through)).await
    }

    /// A person passes a hold on to another group, which there is.
    pub async fn pass(
        &self,
        hold: HoldId,
        decider: &Decider,
        (to, reason): (&str, &str),
        seen: Seen,
        through: &'static str,
    ) -> Result<View, NotDecided> {
        let (decider, to, reason) = (decider.clone(), to.to_owned(), reason.to_owned());
        self.step(move |clerk| clerk.pass(hold, &decider, (&to, &reason), seen, through)).await
    }

    /// A person approves a hold and, with that, statements like it for a while.
    pub async fn grant(
        &self,
        hold: HoldId,
        decider: &Decider,
        ruling: Ruling,
        terms: Terms,
        seen: Seen,
    ) -> Result<(View, StandingGrant), NotDecided> {
        let decider = decider.clone();
        self.step(move |clerk| clerk.grant(hold, &decider, &ruling, &terms, seen)).await
    }

    /// A person ends a standing grant.
    pub async fn revoke(&self, grant: HoldId, decider: &Decider, reason: Option<&str>) -> Result<StandingGrant, NotDecided> {
        let (decider, reason) = (decider.clone(), reason.map(str::to_owned));
        self.step(move |clerk| clerk.revoke(grant, &decider, reason.as_deref())).await
    }

    /// Standing grants that are not over, newest first.
    pub fn grants(&self) -> Vec<StandingGrant> {
        self.shared.book().grants()
    }

    /// Takes a step of a person, and returns when it is on disk.
    async fn step<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Clerk) -> Result<Answer<T>, NotDecided> + Send + 'static,
    ) -> Result<T, NotDecided> {
        let Answer { said, behind } = self.thread.ask(step).await.ok_or(Unwritable::Broken)??;
        self.shared.journal.durable(behind).await?;
        Ok(said)
    }
}
