//! Keeps the snapshot of one database for one role: the one task that has the side connection. Whoever asks at once is answered by one
//! loading; when nobody asks for a while, or the connection is lost, the snapshot is void and the task ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::load::load;
use super::plan::Estimates;
use super::side::{Side, SideError};
use crate::gate::catalog::{Catalog, Estimate};
use crate::gate::judge::Question;
use crate::host::link::{Connector, Request};
use crate::host::upstream::Credential;
use crate::session::asking::Message;

/// A loading takes no longer, or there is none.
const PATIENCE: Duration = Duration::from_secs(30);
/// An estimate takes no longer.
const BRIEF: Duration = Duration::from_secs(5);
/// The side connection is let go of when nobody asked for so long: whoever wants to drop the database finds nobody in it.
const IDLE: Duration = Duration::from_secs(90);
/// For a name that is missing the catalog is not loaded more often than this, nor for more than a tenth of the time.
const OFTEN: Duration = Duration::from_secs(1);
const SHARE: u32 = 10;
/// Questions that may wait: each is a session that waits.
pub const WAITING: usize = 4096;

/// No two snapshots that differ have the same number.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// What is asked of a keeper.
#[derive(Debug)]
pub struct Ask {
    pub wish: Wish,
    pub at: Instant,
    pub question: Option<(Box<Question>, Message)>,
    pub answer: Option<oneshot::Sender<Answer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// What there is will do, if it is not old.
    Any,
    /// One that was loaded no earlier than now: a name is missing.
    Newer,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub catalog: Result<Arc<Catalog>, Arc<str>>,
    pub estimate: Option<Estimate>,
}

/// What is known now, for everyone to look at.
#[derive(Debug, Default)]
pub struct Known {
    pub snapshot: Mutex<Option<Snapshot>>,
    /// Counts what may have changed the catalog.
    pub changes: AtomicU64,
}

#[derive(Debug, Clone)]
pub struct Snapshot {
    pub catalog: Arc<Catalog>,
    digest: u64,
    /// When its loading began, how long it took, and how many changes there had been.
    pub since: Instant,
    took: Duration,
    pub changes: u64,
}

impl Known {
    pub fn get(&self) -> Option<Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, snapshot: Option<Snapshot>) {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// Void when the task ends, however it ends.
struct Guard(Arc<Known>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.set(None);
    }
}

#[derive(Debug)]
pub struct Keeper {
    pub known: Arc<Known>,
    pub connector: Connector,
    pub credential: Credential,
    pub database: String,
}

impl Keeper {
    pub async fn run(self, mut asks: mpsc::Receiver<Ask>) {
        let _void = Guard(Arc::clone(&self.known));
        let mut estimates = Estimates::default();
        let mut side: Option<Side> = None;
        loop {
            let lost = async {
                match &mut side {
                    Some(side) => side.lost().await,
                    None => std::future::pending().await,
                }
            };
            let ask = tokio::select! {
                biased;
                () = lost => {
                    tracing::debug!(database = self.database, "the side connection was lost: its catalog is void");
                    side = None;
                    self.known.set(None);
                    continue;
                }
                ask = timeout(IDLE, asks.recv()) => match ask {
                    Ok(Some(ask)) => ask,
                    Ok(None) | Err(_) => return,
                },
            };
            let (answer, broken) = self.answer(&ask, &mut side, &mut estimates).await;
            if broken {
                side = None;
                self.known.set(None);
            }
            if let Some(sender) = ask.answer {
                // Who asked may have left.
                sender.send(answer).ok();
            }
        }
    }

    /// The answer, and whether the connection is of no more use.
    async fn answer(&self, ask: &Ask, side: &mut Option<Side>, estimates: &mut Estimates) -> (Answer, bool) {
        let snapshot = match self.known.get().filter(|snapshot| side.is_some() && self.will_do(snapshot, ask)) {
            Some(snapshot) => Ok(snapshot),
            None => match timeout(PATIENCE, self.load(side, estimates)).await {
                Ok(Ok(snapshot)) => Ok(snapshot),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(SideError::TimedOut),
            },
        };
        let snapshot = match snapshot {
            Ok(snapshot) => snapshot,
            Err(error) => {
                tracing::warn!(database = self.database, role = self.credential.user, error = ?error.to_string(), "no catalog");
                let why = format!("the server's catalog could not be had: {}", for_people(&error));
                return (Answer { catalog: Err(why.into()), estimate: None }, true);
            }
        };
        let mut answer = Answer { catalog: Ok(Arc::clone(&snapshot.catalog)), estimate: None };
        let asked = ask.question.as_ref().and_then(|(question, message)| Some((question, question.asked(&snapshot.catalog)?, message)));
        if let (Some((question, asked, message)), Some(side)) = (asked, side) {
            match timeout(BRIEF, estimates.of(side, &snapshot.catalog, question, asked, message, ask.at)).await {
                Ok(Ok(estimate)) => answer.estimate = estimate,
                Ok(Err(error)) => {
                    tracing::debug!(database = self.database, error = ?error.to_string(), "no estimate");
                    return (answer, true);
                }
                Err(_) => return (answer, true),
            }
        }
        (answer, false)
    }

    fn will_do(&self, snapshot: &Snapshot, ask: &Ask) -> bool {
        let age = ask.at.saturating_duration_since(snapshot.since);
        snapshot.changes == self.known.changes.load(Ordering::Acquire)
            && match ask.wish {
                Wish::Any => age < super::BACKGROUND,
                Wish::Newer => age < OFTEN.max(snapshot.took.saturating_mul(SHARE)),
            }
    }

    async fn load(&self, side: &mut Option<Side>, estimates: &mut Estimates) -> Result<Snapshot, SideError> {
        let connected = match side {
            Some(side) => side,
            None => {
                // A database made anew under the same name shares nothing with the old one.
                estimates.forget();
                let parameters =
                    [("application_name".to_owned(), "pgsluice".to_owned()), ("client_encoding".to_owned(), "UTF8".to_owned())];
                let request = Request { credential: &self.credential, database: &self.database, parameters: &parameters };
                side.insert(Side::new(self.connector.connect(request).await?))
            }
        };
        let (since, changes) = (Instant::now(), self.known.changes.load(Ordering::Acquire));
        let builder = match load(connected).await {
            // What a poolers' other client left behind, or a serialisation that failed: the next time everything is begun anew.
            Err(error) => {
                *side = None;
                return Err(error);
            }
            Ok(builder) => builder,
        };
        let digest = builder.digest();
        let catalog = match self.known.get().filter(|known| known.digest == digest) {
            Some(known) => known.catalog,
            None => {
                estimates.forget();
                Arc::new(builder.finish(GENERATION.fetch_add(1, Ordering::Relaxed)))
            }
        };
        let snapshot = Snapshot { catalog, digest, since, took: since.elapsed(), changes };
        let (relations, bytes) = (snapshot.catalog.relation_count(), snapshot.catalog.bytes());
        tracing::debug!(database = self.database, relations, bytes, took = ?snapshot.took, "catalog loaded");
        self.known.set(Some(snapshot.clone()));
        Ok(snapshot)
    }
}

/// What people, and the agent, may read of it.
fn for_people(error: &SideError) -> String {
    match error {
        SideError::Link(error) => error.for_agent().message.into_owned(),
        SideError::Refused(error) => format!("{} ({})", error.message, error.code),
        SideError::Read(_) => "the connection was lost".to_owned(),
        SideError::Catalog(error) => error.to_string(),
        SideError::TimedOut => "it took too long".to_owned(),
        SideError::TooMuch => error.to_string(),
    }
}
