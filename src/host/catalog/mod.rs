//! What the servers know about names: a snapshot per database and role, shared by all sessions of all threads, loaded over a side connection.
//! What follows from it is told in `gate::catalog`.

mod keeper;
mod load;
mod plan;
pub mod side;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::gate::judge::{Knowledge, Learned, Need};
use crate::host::link::Connector;
use crate::host::upstream::Credential;
use crate::session::asking::Message;

pub use load::load;

use keeper::{Answer, Ask, Keeper, Known, WAITING, Wish};

/// A snapshot of this age is loaded anew while it is still used.
const BACKGROUND: Duration = Duration::from_secs(30);
/// One of this age is not used any more.
const TOO_OLD: Duration = Duration::from_secs(75);

/// All snapshots under one configuration.
#[derive(Debug, Default)]
pub struct Catalogs {
    views: Mutex<HashMap<(String, String), Handle>>,
}

/// Where one session keeps the way to its keeper.
#[derive(Debug, Clone, Default)]
pub struct Seat(RefCell<Option<Handle>>);

#[derive(Debug, Clone)]
struct Handle {
    known: Arc<Known>,
    asks: mpsc::Sender<Ask>,
}

/// The catalog of one database, for one role.
#[derive(Debug)]
pub struct View<'a> {
    pub catalogs: &'a Catalogs,
    pub seat: &'a Seat,
    pub connector: &'a Connector,
    pub credential: &'a Credential,
    pub database: &'a str,
}

impl Catalogs {
    /// Something was sent that may have changed what names mean, in this database or for the whole server.
    pub fn changed(&self) {
        for handle in self.views.lock().unwrap_or_else(PoisonError::into_inner).values() {
            handle.known.changes.fetch_add(1, Ordering::AcqRel);
        }
    }
}

impl View<'_> {
    /// What may be judged by now, if there is something. It costs next to nothing; what is not young any more is asked for besides.
    pub fn knowledge(&self) -> Option<Knowledge> {
        let seat = self.seat.0.borrow();
        let handle = seat.as_ref().filter(|handle| !handle.asks.is_closed())?;
        let snapshot = handle.known.get()?;
        let age = snapshot.since.elapsed();
        if snapshot.changes != handle.known.changes.load(Ordering::Acquire) || age > TOO_OLD {
            return None;
        }
        if age > BACKGROUND {
            let ask = Ask { wish: Wish::Any, at: Instant::now(), question: None, answer: None };
            // A queue that is full will have it loaded as well.
            handle.asks.try_send(ask).ok();
        }
        Some(Knowledge::Known(snapshot.catalog))
    }

    fn key(&self) -> (String, String) {
        (self.database.to_owned(), self.credential.user.clone())
    }

    /// The keeper of this database for this role; begun if there is none.
    fn handle(&self) -> Handle {
        let mut views = self.catalogs.views.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that ended are forgotten: a client may name any database.
        views.retain(|_, handle| !handle.asks.is_closed());
        let begin = || {
            let (asks, asked) = mpsc::channel(WAITING);
            let known = Arc::new(Known::default());
            let keeper = Keeper {
                known: Arc::clone(&known),
                connector: self.connector.clone(),
                credential: self.credential.clone(),
                database: self.database.to_owned(),
            };
            tokio::spawn(keeper.run(asked));
            Handle { known, asks }
        };
        let handle = views.entry(self.key()).or_insert_with(begin).clone();
        self.seat.0.replace(Some(handle.clone()));
        handle
    }

    /// Finds out what a judgement could not be made without.
    pub fn learn(&self, need: Need, message: Message) -> impl Future<Output = (Option<Knowledge>, Learned)> + use<> {
        let handle = self.handle();
        let wish = if need.newer_than.is_some_and(|generation| generation > 0) { Wish::Newer } else { Wish::Any };
        let question = need.estimate.map(|question| (question, message));
        async move {
            let (sender, answer) = oneshot::channel();
            let ask = Ask { wish, at: Instant::now(), question, answer: Some(sender) };
            let answered = match handle.asks.send(ask).await {
                Ok(()) => answer.await.ok(),
                Err(_) => None,
            };
            match answered {
                Some(Answer { catalog: Ok(catalog), estimate }) => (Some(Knowledge::Known(catalog)), Learned { estimate }),
                Some(Answer { catalog: Err(why), .. }) => (Some(Knowledge::Unavailable(why)), Learned::default()),
                None => (Some(Knowledge::Unavailable("the server's catalog could not be had".into())), Learned::default()),
            }
        }
    }
}
