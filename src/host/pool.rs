//! Links that lie idle between two sessions of one manner: same login, same database, same startup settings. They are kept for a while
//! and in a bounded number; who may use them and whether they live is not known here.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::greetings::Manner;

/// How many, and how long. No number means that none is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    pub most: usize,
    /// Between two sessions.
    pub idle: Option<Duration>,
    /// From the login to the last session that begins on it: what was changed for new logins is not for ever unheard of.
    pub life: Option<Duration>,
}

#[derive(Debug)]
pub struct Pool<L> {
    bounds: Bounds,
    kept: Mutex<Kept<L>>,
}

#[derive(Debug)]
struct Kept<L> {
    closed: bool,
    /// The one that lies longest first.
    links: VecDeque<Lying<L>>,
}

#[derive(Debug)]
struct Lying<L> {
    manner: Manner,
    link: L,
    born: Instant,
    since: Instant,
}

impl<L> Pool<L> {
    pub fn new(bounds: Bounds) -> Self {
        Self { bounds, kept: Mutex::new(Kept { closed: false, links: VecDeque::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, Kept<L>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a link of this age would be kept.
    pub fn wants(&self, born: Instant, now: Instant) -> bool {
        self.bounds.most > 0 && !self.lock().closed && !over(self.bounds.life, born, now)
    }

    /// Keeps a link. Gives back what is to be closed: another one in its place, or itself.
    #[must_use]
    pub fn put(&self, manner: Manner, link: L, born: Instant, now: Instant) -> Option<L> {
        let mut kept = self.lock();
        if kept.closed || self.bounds.most == 0 || over(self.bounds.life, born, now) {
            return Some(link);
        }
        kept.links.push_back(Lying { manner, link, born, since: now });
        if kept.links.len() > self.bounds.most { kept.links.pop_front().map(|lying| lying.link) } else { None }
    }

    /// The link of this manner that was used last, and when it was made.
    pub fn take(&self, manner: &Manner, now: Instant) -> Option<(L, Instant)> {
        let mut kept = self.lock();
        let place = kept.links.iter().rposition(|lying| lying.manner == *manner && !self.bounds.is_stale(lying.born, lying.since, now))?;
        kept.links.remove(place).map(|lying| (lying.link, lying.born))
    }

    /// Gives back the oldest ones to this database beyond so many.
    #[must_use]
    pub fn trim(&self, database: &str, most: usize) -> Vec<L> {
        let mut left = self.lock().links.iter().filter(|lying| lying.manner.database == database).count();
        self.remove(|lying| {
            let goes = left > most && lying.manner.database == database;
            left = left.saturating_sub(usize::from(goes));
            goes
        })
    }

    /// Gives back those whose time is over.
    #[must_use]
    pub fn expired(&self, now: Instant) -> Vec<L> {
        self.remove(|lying| self.bounds.is_stale(lying.born, lying.since, now))
    }

    /// Gives back all.
    #[must_use]
    pub fn empty(&self) -> Vec<L> {
        self.remove(|_| true)
    }

    /// Keeps nothing from now on.
    #[must_use]
    pub fn close(&self) -> Vec<L> {
        self.lock().closed = true;
        self.empty()
    }

    fn remove(&self, mut goes: impl FnMut(&Lying<L>) -> bool) -> Vec<L> {
        let mut kept = self.lock();
        if kept.links.is_empty() {
            return Vec::new();
        }
        let (gone, left): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut kept.links).into_iter().partition(|lying| goes(lying));
        kept.links = left;
        gone.into_iter().map(|lying| lying.link).collect()
    }
}

impl Bounds {
    fn is_stale(&self, born: Instant, since: Instant, now: Instant) -> bool {
        over(self.idle, since, now) || over(self.life, born, now)
    }
}

fn over(limit: Option<Duration>, since: Instant, now: Instant) -> bool {
    limit.is_some_and(|limit| now.saturating_duration_since(since) >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn manner(database: &str) -> Manner {
        Manner { login: "app".to_owned(), database: database.to_owned(), settings: Vec::new() }
    }

    fn pool() -> (Pool<u8>, Instant) {
        (Pool::new(Bounds { most: 3, idle: Some(10 * SECOND), life: Some(60 * SECOND) }), Instant::now())
    }

    #[test]
    fn the_last_one_in_is_the_first_one_out_and_only_for_its_own_manner() {
        let (pool, now) = pool();
        for link in [1, 2] {
            assert_eq!(pool.put(manner("a"), link, now, now), None);
        }
        let other = Manner { settings: vec![("timezone".to_owned(), "UTC".to_owned())], ..manner("a") };
        assert_eq!(pool.take(&other, now), None);
        assert_eq!(pool.take(&manner("b"), now), None);
        assert_eq!(pool.take(&manner("a"), now), Some((2, now)));
        assert_eq!(pool.take(&manner("a"), now), Some((1, now)));
        assert_eq!(pool.take(&manner("a"), now), None);
    }

    #[test]
    fn number_and_time_are_bounded() {
        let (pool, now) = pool();
        for link in 1..=3 {
            assert_eq!(pool.put(manner("a"), link, now, now), None);
        }
        assert_eq!(pool.put(manner("b"), 4, now, now + SECOND), Some(1), "the oldest goes");
        assert_eq!(pool.take(&manner("a"), now + 10 * SECOND), None, "it lay too long");
        assert_eq!(pool.expired(now + 10 * SECOND), [2, 3]);
        assert_eq!(pool.put(manner("a"), 5, now, now + 60 * SECOND), Some(5), "it lived too long");
        assert_eq!(pool.put(manner("a"), 6, now, now + 59 * SECOND), None);
        assert_eq!(pool.take(&manner("a"), now + 61 * SECOND), None, "it grew too old meanwhile");
        assert!(pool.wants(now, now) && !pool.wants(now, now + 60 * SECOND));
    }

    #[test]
    fn room_is_made_in_one_database() {
        let (pool, now) = pool();
        for (database, link) in [("a", 1), ("b", 2), ("a", 3)] {
            assert_eq!(pool.put(manner(database), link, now, now), None);
        }
        assert!(pool.trim("a", 2).is_empty());
        assert_eq!(pool.trim("a", 1), [1]);
        assert_eq!(pool.trim("a", 0), [3]);
        assert_eq!(pool.take(&manner("b"), now), Some((2, now)));
    }

    #[test]
    fn a_closed_pool_keeps_nothing() {
        let (pool, now) = pool();
        assert_eq!(pool.put(manner("a"), 1, now, now), None);
        assert_eq!(pool.close(), [1]);
        assert_eq!(pool.put(manner("a"), 2, now, now), Some(2));
        assert!(!pool.wants(now, now));
        let none = Pool::new(Bounds::default());
        assert_eq!(none.put(manner("a"), 1, now, now), Some(1));
    }
}
