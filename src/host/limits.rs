//! How many links there may be to one database and for one agent, and the queue before them. Whoever waits too long, or finds
//! too many waiting, is told so in the server's words.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::report::Report;

/// The bounds, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub per_database: usize,
    pub per_agent: usize,
    /// Sessions that may wait at once, over all.
    pub waiting: usize,
    pub patience: Duration,
}

#[derive(Debug)]
pub struct Limits {
    bounds: Bounds,
    databases: Places,
    agents: Places,
    waiting: AtomicUsize,
}

type Places = Mutex<HashMap<String, Arc<Semaphore>>>;

/// The right to one link. It ends with its guard.
#[derive(Debug)]
pub struct Place {
    _agent: OwnedSemaphorePermit,
    _database: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Limits {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, databases: Places::default(), agents: Places::default(), waiting: AtomicUsize::new(0) }
    }

    /// Places to this database that nobody has.
    pub fn free(&self, database: &str) -> usize {
        places(&self.databases, database, self.bounds.per_database).available_permits()
    }

    /// Waits in order of arrival for a place.
    pub async fn place(&self, agent: &str, database: &str) -> Result<Place, Report> {
        let agents = places(&self.agents, agent, self.bounds.per_agent);
        let databases = places(&self.databases, database, self.bounds.per_database);
        if let (Ok(agent), Ok(database)) = (Arc::clone(&agents).try_acquire_owned(), Arc::clone(&databases).try_acquire_owned()) {
            return Ok(Place { _agent: agent, _database: database });
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.bounds.waiting {
            return Err(full("too many sessions are waiting for a server connection already".to_owned()));
        }
        let both = async { Some(Place { _agent: agents.acquire_owned().await.ok()?, _database: databases.acquire_owned().await.ok()? }) };
        match tokio::time::timeout(self.bounds.patience, both).await {
            Ok(Some(place)) => Ok(place),
            Ok(None) | Err(_) => {
                Err(full(format!("no server connection became free within {} s (query_wait_timeout)", self.bounds.patience.as_secs_f32())))
            }
        }
    }
}

/// The places under one name. Names nobody uses are forgotten: a client may name any database.
fn places(all: &Places, name: &str, count: usize) -> Arc<Semaphore> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = all.get(name) {
        return Arc::clone(found);
    }
    all.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
    let made = Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
    all.insert(name.to_owned(), Arc::clone(&made));
    made
}

fn full(why: String) -> Report {
    Report::fatal("53300", "too many connections to the database").with_detail(why).with_hint(
        "Close sessions that are idle in a transaction, try again later, or have the operator raise max_db_connections or max_user_connections.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(waiting: usize, patience: Duration) -> Limits {
        Limits::new(Bounds { per_database: 2, per_agent: 1, waiting, patience })
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_given_in_turn_and_given_back() {
        let limits = limits(10, Duration::from_secs(5));
        let first = limits.place("a", "db").await.unwrap();
        let _other = limits.place("b", "db").await.unwrap();
        let refused = limits.place("a", "other").await.unwrap_err();
        assert_eq!(refused.code, "53300");
        let waits = limits.place("a", "db");
        tokio::pin!(waits);
        assert!(futures_poll(waits.as_mut()).await.is_none());
        drop(first);
        waits.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let limits = limits(0, Duration::from_secs(5));
        let _first = limits.place("a", "db").await.unwrap();
        let before = tokio::time::Instant::now();
        assert_eq!(limits.place("a", "db").await.unwrap_err().code, "53300");
        assert_eq!(before.elapsed(), Duration::ZERO, "told at once");
    }

    async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
