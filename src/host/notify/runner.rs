//! One place at work: takes what it is to be told next, tells it, and tries again for as long as somebody still has to know. A place that fails holds
//! up no other.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::outlet::{Fate, Outlet, Together};
use super::store::{Digest, Due, Notice, Store};
use super::telling::Telling;
use super::{Flood, Standings};
use crate::host::desk::Desk;
use crate::host::metrics::{NOTICES, NOTICES_DEAD, NOTICES_WAITING};
use crate::host::outgoing::{Backoff, Failure};
use crate::host::state::StateError;
use crate::host::web::Shown;
use crate::host::when;

/// How often one message is tried that its place does not take. What the place itself does not take now is tried until nobody need know it any more.
const MOST_TRIES: u32 = 5;
/// Between two of them.
const AGAIN: Duration = Duration::from_secs(5);
/// However long a place wants to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The clock may be set, and what is due be due earlier than was thought.
const LOOK: Duration = Duration::from_secs(30);
/// How often it is tried to tell how a hold ended, where the place takes nothing: about an hour.
const MOST_AFTER_END: u32 = 60;

/// What a place does after one thing.
enum Next {
    /// The next thing.
    Now,
    /// Nothing until something is due, or something happens.
    Wait(Duration),
    /// Nothing, whatever happens: a place that is down is asked no more often because agents open more holds.
    Quiet(Duration),
}

#[derive(Debug)]
pub struct Runner {
    pub name: String,
    /// Among the standings.
    pub index: usize,
    pub outlet: Outlet,
    pub is_second: bool,
    pub store: Store,
    pub desk: Arc<Desk>,
    pub flood: Flood,
    pub standings: Standings,
    pub backoff: Backoff,
}

impl Runner {
    pub async fn run(mut self, mut woken: watch::Receiver<u64>) {
        loop {
            woken.borrow_and_update();
            let next = self.step().await.unwrap_or_else(|error| {
                tracing::error!(%error, place = self.name, "what is to be told cannot be read or kept");
                Next::Quiet(self.backoff.pause())
            });
            self.stand();
            match next {
                Next::Now => tokio::task::yield_now().await,
                Next::Quiet(pause) => tokio::time::sleep(pause).await,
                Next::Wait(pause) => tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    woken = woken.changed() => if woken.is_err() { return },
                },
            }
        }
    }

    /// Tells one thing.
    async fn step(&mut self) -> Result<Next, StateError> {
        let now = when::now();
        let due = match self.store.next(&self.name, now)? {
            Ok(due) => due,
            Err(next) => {
                let pause = next.map_or(LOOK, |next| Duration::from_micros(next.saturating_sub(now)));
                return Ok(Next::Wait(pause.min(LOOK)));
            }
        };
        match &due {
            Due::Notice(notice) => self.notice(notice, &due, now).await,
            Due::Digest(digest) => self.digest(digest, &due, now).await,
        }
    }

    async fn notice(&mut self, notice: &Notice, due: &Due, now: u64) -> Result<Next, StateError> {
        let Some(view) = self.desk.view(notice.hold) else { return self.store.over(notice).map(|()| Next::Now) };
        let is_open = view.state.is_undecided();
        if !notice.is_told {
            if !is_open {
                return self.store.ended(notice).map(|()| Next::Now);
            }
            let since = now.saturating_sub(micros(self.flood.window));
            if self.store.told_since(&self.name, &notice.agent, since)? >= self.flood.most {
                self.store.together(&self.name, notice, now, now.saturating_add(micros(self.flood.window)))?;
                return Ok(Next::Now);
            }
        }
        let telling = Telling::of(Shown::of(&view, &self.desk.masking()), self.desk.link(notice.hold), self.is_second);
        let ready = self.outlet.render(&telling);
        if notice.version.as_deref() == Some(&ready.version) {
            return self.store.unchanged(notice).map(|()| Next::Now);
        }
        match self.outlet.deliver(&ready, notice.message.as_deref()).await {
            Fate::Arrived(message) => {
                self.arrived();
                self.store.told(notice, when::now(), &ready.version, message.as_deref(), !is_open)?;
                Ok(Next::Now)
            }
            Fate::Later(failure, _) if !is_open && notice.tries >= MOST_AFTER_END => self.give_up(due, &failure),
            fate @ (Fate::Later(..) | Fate::Refused(_)) => self.not_arrived(due, notice.tries, fate),
        }
    }

    async fn digest(&mut self, digest: &Digest, due: &Due, now: u64) -> Result<Next, StateError> {
        let holds: Vec<_> = self.store.of_digest(digest.id)?.iter().map(ToString::to_string).collect();
        if holds.is_empty() {
            return self.store.digest_told(digest.id).map(|()| Next::Now);
        }
        let (since, now) = (when::seconds(digest.began), when::seconds(now));
        let together =
            Together { id: digest.id, agent: &digest.agent, holds: &holds, since: &since, now: &now, link: &self.desk.list_link() };
        let ready = self.outlet.render_together(&together);
        match self.outlet.deliver(&ready, None).await {
            Fate::Arrived(_) => {
                self.arrived();
                self.store.digest_told(digest.id)?;
                Ok(Next::Now)
            }
            fate @ (Fate::Later(..) | Fate::Refused(_)) => self.not_arrived(due, digest.tries, fate),
        }
    }

    fn arrived(&mut self) {
        self.count("arrived");
        self.backoff.reset();
        self.trouble(None);
    }

    fn not_arrived(&mut self, due: &Due, tries: u32, fate: Fate) -> Result<Next, StateError> {
        match fate {
            Fate::Arrived(_) => Ok(Next::Now),
            Fate::Refused(failure) if tries.saturating_add(1) >= MOST_TRIES => self.give_up(due, &failure),
            Fate::Refused(failure) => {
                self.count("failed");
                tracing::warn!(place = self.name, %failure, "a message was not taken; it is tried again");
                self.store.failed(due, when::now().saturating_add(micros(AGAIN)), &failure.to_string())?;
                Ok(Next::Now)
            }
            Fate::Later(failure, after) => {
                self.count("failed");
                let pause = after.map_or_else(|| self.backoff.pause(), |after| after.min(LONGEST_PAUSE));
                self.store.failed(due, when::now().saturating_add(micros(pause)), &failure.to_string())?;
                self.trouble(Some(&failure));
                Ok(Next::Quiet(pause))
            }
        }
    }

    fn give_up(&mut self, due: &Due, failure: &Failure) -> Result<Next, StateError> {
        self.count("dead");
        tracing::error!(place = self.name, %failure, "a message did not arrive and is not tried again");
        self.store.give_up(due, &failure.to_string())?;
        self.trouble(Some(failure));
        Ok(Next::Now)
    }

    fn count(&self, outcome: &'static str) {
        metrics::counter!(NOTICES, "place" => self.name.clone(), "outcome" => outcome).increment(1);
    }

    fn trouble(&self, failure: Option<&Failure>) {
        let said = failure.map(ToString::to_string);
        self.standings.send_if_modified(|standings| {
            let Some(standing) = standings.get_mut(self.index) else { return false };
            match (&standing.trouble, &said) {
                (None, Some(failure)) => tracing::warn!(place = self.name, failure, "messages do not arrive; trying on"),
                (Some(_), None) => tracing::info!(place = self.name, "messages arrive again"),
                (None, None) | (Some(_), Some(_)) => {}
            }
            std::mem::replace(&mut standing.trouble, said.clone()) != said
        });
    }

    /// How much is not told, for those who look.
    fn stand(&self) {
        let Ok(backlog) = self.store.backlog(&self.name) else { return };
        metrics::gauge!(NOTICES_WAITING, "place" => self.name.clone()).set(float(backlog.waiting));
        metrics::gauge!(NOTICES_DEAD, "place" => self.name.clone()).set(float(backlog.dead));
        self.standings.send_if_modified(|standings| {
            let Some(standing) = standings.get_mut(self.index) else { return false };
            std::mem::replace(&mut standing.backlog, backlog) != backlog
        });
    }
}

fn float(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
