//! Follows the desk and writes down what each place is to be told: for each hold once, whatever happens in between. Who fell behind, and who starts,
//! looks at all holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use super::Interest;
use super::runner::micros;
use super::store::Store;
use crate::gate::hold::HoldId;
use crate::host::desk::{Desk, Step};
use crate::host::journal::Journal;
use crate::host::state::StateError;
use crate::host::when;

/// Steps that are taken together: one wait for the disk is for all of them.
const MOST_AT_ONCE: usize = 1_024;
/// After an error, before all is looked at anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How often what is over is forgotten.
const CLEAN: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub struct Follower {
    pub desk: Arc<Desk>,
    pub journal: Arc<Journal>,
    pub store: Store,
    pub interests: Vec<Interest>,
    pub window: Duration,
    pub wake: watch::Sender<u64>,
}

impl Follower {
    pub async fn run(self) {
        loop {
            // From before all are looked at: no step is missed in between.
            let steps = self.desk.follow();
            match self.follow(steps).await {
                Ok(()) => return,
                Err(Stopped::Behind) => {}
                Err(Stopped::State(error)) => {
                    tracing::error!(%error, "what is to be told cannot be written down");
                    tokio::time::sleep(AGAIN).await;
                }
                Err(Stopped::Unrecorded) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn follow(&self, mut steps: tokio::sync::broadcast::Receiver<Step>) -> Result<(), Stopped> {
        self.all()?;
        let mut clean = tokio::time::interval(CLEAN);
        loop {
            let first = tokio::select! {
                step = steps.recv() => step,
                _ = clean.tick() => {
                    self.clean()?;
                    continue;
                }
            };
            let mut holds = BTreeSet::new();
            match first {
                Ok(step) => holds.insert(step.hold),
                Err(RecvError::Closed) => return Ok(()),
                Err(RecvError::Lagged(_)) => return Err(Stopped::Behind),
            };
            while holds.len() < MOST_AT_ONCE {
                match steps.try_recv() {
                    Ok(step) => holds.insert(step.hold),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    Err(TryRecvError::Lagged(_)) => return Err(Stopped::Behind),
                };
            }
            // What power could still take back is told to nobody.
            self.journal.durable(self.journal.health().last_seq).await.map_err(|_| Stopped::Unrecorded)?;
            self.each(holds)?;
            self.wake.send_modify(|number| *number = number.wrapping_add(1));
        }
    }

    fn all(&self) -> Result<(), StateError> {
        self.clean()?;
        self.each(self.desk.standings().into_iter().map(|(standing, _)| standing.id))?;
        self.wake.send_modify(|number| *number = number.wrapping_add(1));
        Ok(())
    }

    fn each(&self, holds: impl IntoIterator<Item = HoldId>) -> Result<(), StateError> {
        self.store.begin()?;
        let done = holds.into_iter().try_for_each(|hold| self.one(hold)).and_then(|()| self.store.commit());
        if done.is_err() {
            self.store.roll_back();
        }
        done
    }

    fn one(&self, hold: HoldId) -> Result<(), StateError> {
        let now = when::now();
        match self.desk.standing(hold) {
            Some((standing, about)) if standing.state.is_undecided() => {
                for interest in self.interests.iter().filter(|interest| interest.has(&about)) {
                    // The oldest first, and at once unless somebody is told later.
                    let due = about.opened.saturating_add(interest.after.map_or(0, micros));
                    self.store.want(&interest.place, hold, &about.agent, due)?;
                }
            }
            Some(_) | None => self.store.closed(hold, now)?,
        }
        self.store.changed(hold, now)
    }

    fn clean(&self) -> Result<(), StateError> {
        let standings = self.desk.standings();
        let known: Vec<_> = standings.iter().map(|(standing, _)| standing.id).collect();
        let waiting = standings.iter().filter(|(standing, _)| standing.state.is_undecided()).map(|(standing, _)| standing.id);
        self.store.forget(when::now().saturating_sub(micros(self.window)), &known, &waiting.collect::<Vec<_>>())
    }
}

enum Stopped {
    /// Steps were missed.
    Behind,
    /// They are not on disk, so they do not count yet.
    Unrecorded,
    State(StateError),
}

impl From<StateError> for Stopped {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}
