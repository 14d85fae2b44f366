//! Who is about to sign in. There is room for many at once; when it is full the one that has stood there longest makes room, so
//! that connections which say nothing never keep out those that do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Connections that may be about to sign in at once. A real one is served in a few milliseconds, so that none of a storm of them is
/// the oldest for long.
const ROOM: usize = 1024;

#[derive(Debug, Default)]
pub struct Arrivals(Mutex<Standing>);

#[derive(Debug, Default)]
struct Standing {
    next: u64,
    /// By their order of arrival. A sender that is dropped sends the arrival away.
    there: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A place before the door, while its connection signs in.
#[derive(Debug)]
pub struct Place {
    arrivals: Arc<Arrivals>,
    number: u64,
    sent_away: oneshot::Receiver<()>,
}

impl Arrivals {
    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn enter(self: &Arc<Self>) -> Place {
        let (stay, sent_away) = oneshot::channel();
        let mut standing = self.lock();
        let number = standing.next;
        standing.next = number.wrapping_add(1);
        standing.there.insert(number, stay);
        if standing.there.len() > ROOM {
            standing.there.pop_first();
        }
        Place { arrivals: Arc::clone(self), number, sent_away }
    }
}

impl Place {
    /// Returns when others need the place.
    pub async fn sent_away(&mut self) {
        // Nothing is ever sent.
        (&mut self.sent_away).await.ok();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.arrivals.lock().there.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test says so by failing")]

    use super::*;

    #[test]
    fn the_oldest_makes_room_and_nobody_else() {
        let arrivals = Arc::new(Arrivals::default());
        let mut places: Vec<Place> = (0..ROOM).map(|_| arrivals.enter()).collect();
        drop(places.remove(5));
        places.push(arrivals.enter());
        assert!(places.iter_mut().all(|place| place.sent_away.try_recv() == Err(oneshot::error::TryRecvError::Empty)));
        places.push(arrivals.enter());
        let gone: Vec<u64> = places
            .iter_mut()
            .filter_map(|place| (place.sent_away.try_recv() == Err(oneshot::error::TryRecvError::Closed)).then_some(place.number))
            .collect();
        assert_eq!(gone, [0]);
        drop(places);
        assert!(arrivals.lock().there.is_empty());
    }
}
