//! Surveys one database for one role: the one task that has the side connection for it. It ends when nobody asks for a while.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::known::Known;
use super::look::Eye;
use super::{Book, DOWN, Database, Means, Shown, locked, seconds};
use crate::gate::catalog::Catalog;
use crate::host::catalog::side::{Side, SideError};
use crate::host::link::{Connector, Request};
use crate::host::upstream::Credential;
use crate::mask::verdict::Unknown;

/// Questions that may wait: each is a session that waits.
const WAITING: usize = 4096;
/// Those that are answered together.
const TOGETHER: usize = 64;
/// The side connection is let go of when nobody asked for so long: whoever wants to drop the database finds nobody in it.
const IDLE: Duration = Duration::from_secs(30);
/// Looking takes no longer, whatever the server does.
const PATIENCE: Duration = Duration::from_secs(10);
/// Samples begin no later than this after somebody asked: rows wait.
const SAMPLING: Duration = Duration::from_millis(1200);
/// Relations that are looked at before what was found is shown.
const SHARE: usize = 16;
/// Parents of parents, and views upon views.
const DEEP: usize = 8;
/// Types are read again while others change them.
const ATTEMPTS: usize = 3;
/// Of what is old, how much is looked at again at once.
const SOME: usize = 32;

/// What is asked of a surveyor.
#[derive(Debug)]
pub struct Ask {
    pub work: Work,
    pub means: Means,
    pub catalog: Option<Arc<Catalog>>,
    /// Is told which relations are newer than the catalog.
    pub answer: Option<oneshot::Sender<Vec<u32>>>,
}

#[derive(Debug)]
pub enum Work {
    Unknown(Unknown),
    /// What was found out long ago.
    Old,
}

#[derive(Debug)]
pub struct Surveyor {
    pub book: Arc<Book>,
    pub database: Arc<Database>,
    pub shown: Arc<Shown>,
    pub connector: Connector,
    pub credential: Credential,
}

impl Surveyor {
    pub fn start(self) -> mpsc::Sender<Ask> {
        let (asks, asked) = mpsc::channel(WAITING);
        tokio::spawn(self.run(asked));
        asks
    }

    async fn run(self, mut asked: mpsc::Receiver<Ask>) {
        let mut side: Option<Side> = None;
        loop {
            let lost = async {
                match &mut side {
                    Some(side) => side.lost().await,
                    None => std::future::pending().await,
                }
            };
            let first = tokio::select! {
                biased;
                () = lost => {
                    side = None;
                    continue;
                }
                ask = timeout(IDLE, asked.recv()) => match ask {
                    Ok(Some(ask)) => ask,
                    Ok(None) | Err(_) => return,
                },
            };
            let mut together = vec![first];
            while together.len() < TOGETHER
                && let Ok(more) = asked.try_recv()
            {
                together.push(more);
            }
            let newer = match timeout(PATIENCE, self.work(&mut side, &together)).await {
                Ok(Ok(newer)) => newer,
                Ok(Err(error)) => {
                    tracing::debug!(database = ?self.database.name, error = ?error.to_string(), "no survey");
                    self.broke(&mut side, &error);
                    Vec::new()
                }
                Err(_) => {
                    self.broke(&mut side, &SideError::TimedOut);
                    Vec::new()
                }
            };
            for answer in together.into_iter().filter_map(|ask| ask.answer) {
                // Who asked may have left.
                answer.send(newer.clone()).ok();
            }
        }
    }

    /// The connection is of no more use. Nobody waits for the next one to fail as well.
    fn broke(&self, side: &mut Option<Side>, error: &SideError) {
        *side = None;
        if !matches!(error, SideError::TooMuch) {
            self.shown.down_until.store(seconds().saturating_add(DOWN), Ordering::Relaxed);
        }
    }

    async fn connected<'s>(&self, side: &'s mut Option<Side>) -> Result<&'s mut Side, SideError> {
        match side {
            Some(side) => Ok(side),
            None => {
                let parameters =
                    [("application_name".to_owned(), "pgsluice".to_owned()), ("client_encoding".to_owned(), "UTF8".to_owned())];
                let request = Request { credential: &self.credential, database: &self.database.name, parameters: &parameters };
                Ok(side.insert(Side::new(self.connector.connect(request).await?)))
            }
        }
    }

    /// Gives the relations that are newer than the catalog at hand.
    async fn work(&self, side: &mut Option<Side>, together: &[Ask]) -> Result<Vec<u32>, SideError> {
        let (mut relations, mut types, mut old) = (BTreeSet::new(), BTreeSet::new(), false);
        for ask in together {
            match &ask.work {
                Work::Unknown(unknown) => {
                    relations.extend(unknown.relations.iter().copied());
                    types.extend(unknown.types.iter().copied());
                }
                Work::Old => old = true,
            }
        }
        let Some(means) = together.last().map(|ask| &ask.means) else { return Ok(Vec::new()) };
        // The newest that anybody brought.
        let catalog = together.iter().filter_map(|ask| ask.catalog.as_deref()).max_by_key(|catalog| catalog.generation);
        if old && catalog.is_some() {
            relations.extend(locked(&self.database.inner).facts.old(&self.shown.role, seconds(), SOME));
        }
        let side = self.connected(side).await?;
        self.types(side, types.into_iter().collect(), old).await?;
        let until = Instant::now() + SAMPLING;
        let mut newer = Vec::new();
        for _ in 0..DEEP {
            let wanted: Vec<u32> = std::mem::take(&mut relations).into_iter().collect();
            for some in wanted.chunks(SHARE) {
                let eye = Eye {
                    role: &self.shown.role,
                    detectors: &means.detectors,
                    policy: &means.policy,
                    catalog,
                    now: seconds(),
                    brief: together.iter().all(|ask| ask.answer.is_none()),
                    until,
                };
                let doubts = locked(&self.database.inner).doubts;
                let mut found = Vec::new();
                let looked = eye.look(side, some, |oid, known| found.push((oid, known))).await;
                relations.extend(self.keep(some, found, doubts, looked.is_ok()));
                newer.extend(looked?);
            }
        }
        Ok(newer)
    }

    /// Puts in what was found out, and shows it. Gives the parents that nobody looked at yet, and what views are computed from.
    fn keep(&self, asked: &[u32], found: Vec<(u32, Known)>, doubts: u64, whole: bool) -> Vec<u32> {
        let mut inner = locked(&self.database.inner);
        let still = inner.doubts != doubts;
        let mut changed = asked.to_vec();
        if whole {
            // What was not found is not there any more.
            for oid in asked.iter().filter(|oid| found.iter().all(|(known, _)| known != *oid)) {
                inner.facts.relations.remove(oid);
            }
        }
        let mut below = Vec::new();
        for (oid, mut known) in found {
            below.extend(known.parents.iter().copied());
            below.extend(known.definition.iter().flat_map(|definition| definition.reads.iter().copied()));
            // Something was sent meanwhile.
            known.doubted |= still;
            changed.extend(inner.facts.put(oid, known));
        }
        below.retain(|oid| inner.facts.relations.get(oid).is_none_or(|known| known.doubted && !still));
        self.database.show(&mut inner, &self.book, changed);
        below
    }

    async fn types(&self, side: &mut Side, types: Vec<u32>, all: bool) -> Result<(), SideError> {
        for _ in 0..ATTEMPTS {
            let (definitions, doubts) = {
                let inner = locked(&self.database.inner);
                (inner.definitions.clone(), inner.doubts)
            };
            let mut anew = if all && !definitions.is_empty() { definitions.again(side).await? } else { definitions.clone() };
            let unknown = anew.unknown(types.iter().copied());
            anew.load(side, unknown).await?;
            let mut inner = locked(&self.database.inner);
            // Something was sent meanwhile: what was read may be old.
            if inner.doubts != doubts {
                continue;
            }
            if !anew.says_the_same(&definitions) {
                inner.definitions = anew;
                self.database.publish_types(&inner);
            }
            break;
        }
        Ok(())
    }
}
