//! The desk: where held statements wait for people. It keeps holds, tells sessions what became of them, and puts each step on the record
//! before it counts. What may become of a hold is decided in `gate::hold`.

mod binding;
mod book;
mod clerk;
mod matter;
mod options;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::audit::Digester;
use crate::gate::Subject;
pub use crate::gate::hold::{Decider, HoldId, State, Verdict};
use crate::host::journal::{Journal, Unwritable};
use crate::session::asking::{Message, Petition, Reply};
use crate::wire::report::Report;

use book::Book;
use clerk::{Answer, Clerk};

pub use options::Options;
pub use view::{About, NotDecided, Parameter, Ruled, Sight, View, Which, Written};

/// Bytes of what a reviewer gives as the reason.
pub const LONGEST_REASON: usize = 4096;

#[derive(Debug)]
pub struct Desk {
    shared: Arc<Shared>,
    clerk: Mutex<Clerk>,
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
    pub fn new(journal: Arc<Journal>, digester: Digester, options: Options) -> Self {
        let shared = Arc::new(Shared { journal, digester, options: Mutex::new(Arc::new(options)), book: Mutex::default() });
        Self { clerk: Mutex::new(Clerk::new(Arc::clone(&shared))), shared }
    }

    fn clerk(&self) -> MutexGuard<'_, Clerk> {
        self.clerk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the desk otherwise from here on; holds that are open keep their times.
    pub fn keep(&self, options: Options) {
        *self.shared.options.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(options);
    }

    async fn told<T>(&self, answer: Answer<T>) -> Result<T, Unwritable> {
        self.shared.journal.durable(answer.behind).await?;
        Ok(answer.said)
    }

    /// A statement is held: an approval of this very statement is spent on it, or it joins the hold that is open, or a new one is opened.
    /// `awaited` is the hold that this session waited for until now.
    pub async fn petition(&self, subject: &Subject, petition: Petition, awaited: Option<HoldId>) -> Reply {
        let answer = self.clerk().petition(subject, &petition, awaited);
        let told = match answer {
            Ok(answer) => self.told(answer).await,
            Err(why) => Err(why),
        };
        told.unwrap_or_else(|why| Reply::Refused(why.report()))
    }

    /// The message of a hold of this agent, to be judged as if it had sent it now.
    pub async fn stored(&self, subject: &Subject, hold: HoldId) -> Result<Message, Report> {
        self.clerk().stored(subject, hold)
    }

    /// Returns when the hold no longer waits.
    pub async fn decided(&self, hold: HoldId) {
        let Some(mut changed) = self.shared.book().get(hold).map(book::Entry::watch) else { return };
        // An entry that is gone no longer waits either.
        changed.wait_for(|state| *state != State::Waiting).await.ok();
    }

    /// The transaction that these approvals were used in has ended; `used` is false where all of it was rolled back for certain.
    pub fn settle(&self, holds: &[HoldId], used: bool) {
        if let Err(error) = self.clerk().settle(holds, used) {
            tracing::error!(%error, "approvals that were rolled back count as used: their return could not be recorded");
        }
    }

    /// The agent was revoked: nothing that it asked for is decided any more.
    pub fn withdraw(&self, agent_id: i64) {
        if let Err(error) = self.clerk().withdraw(agent_id) {
            tracing::error!(%error, "holds of an agent that was revoked could not be withdrawn yet");
        }
    }

    /// Newest first.
    pub fn list(&self, which: Which) -> Vec<View> {
        self.shared.book().list(which)
    }

    pub fn view(&self, hold: HoldId) -> Option<View> {
        self.shared.book().get(hold).map(book::Entry::view)
    }

    /// The page of a hold.
    pub fn link(&self, hold: HoldId) -> String {
        self.shared.link(hold)
    }

    /// A person decides; `through` is a word for the record: web, terminal, API.
    pub async fn decide(
        &self,
        hold: HoldId,
        decider: &Decider,
        verdict: Verdict,
        reason: Option<&str>,
        through: &'static str,
    ) -> Result<View, NotDecided> {
        let answer = self.clerk().decide(hold, decider, verdict, reason, through)?;
        Ok(self.told(answer).await?)
    }
}
