//! The clerk's thread, and the way of answers back to those who asked: an approval that was spent on somebody who is gone is returned.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::clerk::{Answer, Clerk};
use crate::gate::hold::HoldId;
use crate::host::journal::Unwritable;
use crate::session::asking::Reply;

/// The clerk looks at the clock this often at the least.
const IDLE: Duration = Duration::from_secs(1);
/// How often it is kept how far the journal need not be looked through again.
const CURSOR: Duration = Duration::from_secs(10);

type Work = Box<dyn FnOnce(&mut Clerk) + Send>;

enum Order {
    Work(Work),
    Stop,
}

/// Steps are asked for by sessions, each of which waits for its answer: there are no more of them than sessions and pages.
#[derive(Clone)]
pub struct Orders(mpsc::Sender<Order>);

impl std::fmt::Debug for Orders {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Orders")
    }
}

impl Orders {
    fn tell(&self, step: impl FnOnce(&mut Clerk) -> Result<(), Unwritable> + Send + 'static) {
        let work = move |clerk: &mut Clerk| {
            if let Err(error) = step(clerk) {
                tracing::error!(%error, "a step of a hold could not be recorded: it was not taken");
            }
        };
        // A clerk who has stopped takes no more steps: the next start does what is left.
        self.0.send(Order::Work(Box::new(work))).ok();
    }

    fn settle(&self, hold: HoldId, used: bool) {
        self.tell(move |clerk| clerk.settle(&[hold], used));
    }
}

#[derive(Debug)]
pub struct Thread {
    orders: Orders,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Thread {
    pub fn start(clerk: Clerk) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let thread = thread::Builder::new().name("desk".to_owned()).spawn(move || run(clerk, &taken))?;
        Ok(Self { orders: Orders(orders), thread: Mutex::new(Some(thread)) })
    }

    /// Has the clerk take a step and say what came of it; `None` where there is no clerk any more.
    pub async fn ask<T: Send + 'static>(&self, step: impl FnOnce(&mut Clerk) -> T + Send + 'static) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let work = move |clerk: &mut Clerk| {
            // Nobody waits for it any more: then it sees to itself as it is dropped.
            drop(answer.send(step(clerk)));
        };
        self.orders.0.send(Order::Work(Box::new(work))).ok()?;
        answered.await.ok()
    }

    pub fn tell(&self, step: impl FnOnce(&mut Clerk) -> Result<(), Unwritable> + Send + 'static) {
        self.orders.tell(step);
    }

    /// Where approvals go that reach nobody.
    pub fn undelivered(&self) -> Orders {
        self.orders.clone()
    }

    pub fn stop(&self) {
        self.orders.0.send(Order::Stop).ok();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the desk panicked");
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(mut clerk: Clerk, orders: &mpsc::Receiver<Order>) {
    let mut kept = Instant::now();
    loop {
        let due = clerk.look_at_the_clock().unwrap_or_else(|error| {
            tracing::error!(%error, "what has expired could not be recorded yet");
            None
        });
        clerk.save();
        if kept.elapsed() >= CURSOR {
            clerk.move_cursor();
            kept = Instant::now();
        }
        let pause = due.map_or(IDLE, |due| Duration::from_micros(due.saturating_sub(clerk.now())).clamp(Duration::from_millis(1), IDLE));
        match orders.recv_timeout(pause) {
            Ok(Order::Work(work)) => work(&mut clerk),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    clerk.save();
    clerk.move_cursor();
}

/// A reply on its way. Until it is delivered nothing can have run by it.
#[derive(Debug)]
pub struct Delivery {
    reply: Option<Reply>,
    behind: u64,
    undelivered: Orders,
}

impl Delivery {
    pub fn new(answer: Answer<Reply>, undelivered: Orders) -> Self {
        Self { reply: Some(answer.said), behind: answer.behind, undelivered }
    }

    /// The record that must be on disk before.
    pub fn behind(&self) -> u64 {
        self.behind
    }

    /// In a transaction whoever is granted something says what became of it; without one it is used up as it is delivered.
    pub fn deliver(mut self, in_transaction: bool) -> Reply {
        let reply = self.reply.take();
        if let Some(Reply::Granted(grant)) = &reply
            && !in_transaction
        {
            self.undelivered.settle(grant.hold(), true);
        }
        reply.unwrap_or_else(|| Reply::Refused(Unwritable::Broken.report()))
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(Reply::Granted(grant)) = &self.reply {
            self.undelivered.settle(grant.hold(), false);
        }
    }
}
