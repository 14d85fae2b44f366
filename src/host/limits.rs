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
    /// Of one agent: it must not keep others from waiting.
    pub waiting_per_agent: usize,
    pub patience: Duration,
}

#[derive(Debug)]
pub struct Limits {
    bounds: Bounds,
    databases: Places,
    agents: Places,
    waiting: AtomicUsize,
}

type Places = Mutex<HashMap<String, Arc<Line>>>;

/// Places under one name, and who waits for them.
#[derive(Debug)]
struct Line {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

const FULL_FOR_AGENT: &str = "too many sessions of this agent are waiting for a server connection already";

/// The right to one link. It ends with its guard.
#[derive(Debug)]
pub struct Place {
    _agent: OwnedSemaphorePermit,
    _database: OwnedSemaphorePermit,
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// One more waits, if there are not so many already.
    fn join(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(waiting)
    }
}

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
        places(&self.databases, database, self.bounds.per_database).free.available_permits()
    }

    /// Waits in order of arrival for a place.
    pub async fn place(&self, agent: &str, database: &str) -> Result<Place, Report> {
        let agents = places(&self.agents, agent, self.bounds.per_agent);
        let databases = places(&self.databases, database, self.bounds.per_database);
        let free = |line: &Line| Arc::clone(&line.free);
        if let (Ok(agent), Ok(database)) = (free(&agents).try_acquire_owned(), free(&databases).try_acquire_owned()) {
            return Ok(Place { _agent: agent, _database: database });
        }
        let Some(_waiting) = Waiting::join(&self.waiting, self.bounds.waiting) else {
            return Err(full("too many sessions are waiting for a server connection already".to_owned()));
        };
        let Some(_in_line) = Waiting::join(&agents.waiting, self.bounds.waiting_per_agent) else {
            return Err(full(FULL_FOR_AGENT.to_owned()));
        };
        let both = async {
            Some(Place { _agent: free(&agents).acquire_owned().await.ok()?, _database: free(&databases).acquire_owned().await.ok()? })
        };
        match tokio::time::timeout(self.bounds.patience, both).await {
            Ok(Some(place)) => Ok(place),
            Ok(None) | Err(_) => {
                Err(full(format!("no server connection became free within {} s (query_wait_timeout)", self.bounds.patience.as_secs_f32())))
            }
        }
    }
}

/// The places under one name. Names nobody uses are forgotten: a client may name any database.
fn places(all: &Places, name: &str, count: usize) -> Arc<Line> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = all.get(name) {
        return Arc::clone(found);
    }
    // A place that is taken holds on to the semaphore, whoever waits to the line.
    all.retain(|_, line| Arc::strong_count(line) > 1 || Arc::strong_count(&line.free) > 1);
    let free = Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)));
    let made = Arc::new(Line { free, waiting: AtomicUsize::new(0) });
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
        Limits::new(Bounds { per_database: 2, per_agent: 1, waiting, waiting_per_agent: 2, patience })
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

    #[tokio::test(start_paused = true)]
    async fn one_agent_cannot_fill_the_queue() {
        let limits = limits(4, Duration::from_secs(5));
        let (_first, _other) = (limits.place("a", "db").await.unwrap(), limits.place("b", "db").await.unwrap());
        let waiting = [(); 2].map(|()| Box::pin(limits.place("a", "db")));
        for mut waits in waiting {
            assert!(futures_poll(waits.as_mut()).await.is_none());
            let mut second = Box::pin(limits.place("a", "db"));
            assert!(futures_poll(second.as_mut()).await.is_none());
            assert_eq!(limits.place("a", "db").await.unwrap_err().detail.unwrap(), FULL_FOR_AGENT);
            let mut others = Box::pin(limits.place("c", "db"));
            assert!(futures_poll(others.as_mut()).await.is_none(), "others still may");
        }
        assert!(limits.databases.lock().unwrap().len() == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn places_that_are_taken_are_not_forgotten() {
        let limits = limits(0, Duration::from_secs(5));
        let _held = limits.place("a", "db").await.unwrap();
        drop(limits.place("b", "other").await.unwrap());
        assert!(limits.place("a", "third").await.is_err());
        drop(limits.place("c", "fourth").await.unwrap());
        let agents = limits.agents.lock().unwrap();
        assert!(agents.contains_key("a") && !agents.contains_key("b"), "who has no place is forgotten, who has one is not");
    }

    async fn futures_poll<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
