//! Sends the record elsewhere: checkpoints to where a rewritten journal is found out, records to where they are collected. Each
//! place has a cursor that moves only after what it passes has arrived, so that every record arrives at least once and in order,
//! whatever fails in between. All of it runs on a thread of its own: nothing that agents do waits for it.

mod anchor;
mod batch;
mod cursor;
mod line;
mod runner;
mod source;
mod syslog;
mod webhook;

use std::fmt;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::{JoinSet, LocalSet};

use crate::host::config::{Anchor, Audit, Collector};
use crate::host::state::{State, StateError};
use crate::host::tls::TlsError;
use cursor::Cursor;
pub use cursor::delivered;
use runner::{Outlet, Runner};
use source::Source;

/// How long what is written at the end may take to arrive.
const FLUSH: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("TLS toward a receiver of the record: {0}")]
    Tls(#[from] TlsError),
    #[error("the system gave no thread or event loop: {0}")]
    System(#[from] std::io::Error),
}

/// How one sink is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    /// The last record that has arrived for sure.
    pub delivered: u64,
    /// The last record that was sent, or is none of its business: what is behind it waits.
    pub passed: u64,
    /// Why records do not arrive now.
    pub trouble: Option<String>,
}

type Standings = Arc<watch::Sender<Vec<Standing>>>;

/// The running sinks. Dropped, they stop at once, and what has not arrived is sent after the next start.
pub struct Sinks {
    stop: Option<watch::Sender<bool>>,
    thread: Option<JoinHandle<()>>,
    ended: oneshot::Receiver<()>,
    standings: Standings,
}

impl fmt::Debug for Sinks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Sinks").field("standings", &self.standings).finish_non_exhaustive()
    }
}

impl Sinks {
    /// Starts what the configuration names. `on_disk` is the number of the last record that may be sent: what the journal can
    /// still lose with the power is not sent, for another record would have its number.
    pub fn start(config: &Audit, state: &State, on_disk: watch::Receiver<u64>) -> Result<Self, SinkError> {
        let mut outlets = Vec::new();
        for sink in &config.checkpoints {
            let outlet = match &sink.to {
                Anchor::Stdout => Outlet::Stdout,
                Anchor::File(path) => Outlet::File(path.clone()),
                Anchor::Webhook(to) => Outlet::Notary(Box::new(webhook::Sender::new(to, "application/json")?)),
            };
            outlets.push((format!("checkpoint:{}", sink.name), outlet));
        }
        for sink in &config.forwards {
            let outlet = match &sink.to {
                Collector::Syslog(to) => Outlet::Syslog { sender: Box::new(syslog::Sender::new(to)?), bodies: sink.bodies },
                Collector::Webhook(to) => {
                    Outlet::Webhook { sender: Box::new(webhook::Sender::new(to, "application/x-ndjson")?), bodies: sink.bodies }
                }
            };
            outlets.push((format!("forward:{}", sink.name), outlet));
        }
        let names: Vec<String> = outlets.iter().map(|(name, _)| name.clone()).collect();
        cursor::forget_others(state, &names)?;
        let mut cursors = Vec::new();
        let mut standings = Vec::new();
        for name in names {
            let cursor = Cursor::open(state, name.clone())?;
            let seq = cursor.mark().seq;
            standings.push(Standing { name, delivered: seq, passed: seq, trouble: None });
            cursors.push(cursor);
        }
        let standings = Arc::new(watch::Sender::new(standings));
        let mut runners = Vec::new();
        for (index, ((name, outlet), cursor)) in outlets.into_iter().zip(cursors).enumerate() {
            let source = Source::open(name.clone(), state.folder().to_owned(), on_disk.clone(), cursor.mark());
            runners.push(Runner::new(name, index, outlet, cursor, source, Arc::clone(&standings)));
        }
        let (stop, stopping) = watch::channel(false);
        let (end, ended) = oneshot::channel();
        let thread = if runners.is_empty() {
            None
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Some(std::thread::Builder::new().name("sinks".to_owned()).spawn(move || {
                runtime.block_on(LocalSet::new().run_until(run(runners, stopping)));
                // A look-up or a disk that hangs is left behind.
                runtime.shutdown_background();
                end.send(()).ok();
            })?)
        };
        Ok(Self { stop: Some(stop), thread, ended, standings })
    }

    /// How each sink is doing, now and whenever that changes.
    pub fn standings(&self) -> watch::Receiver<Vec<Standing>> {
        self.standings.subscribe()
    }

    /// Sends what is written until now and ends, within a few seconds. A place that fails now gets the rest after the next start.
    pub async fn stop(mut self) {
        if self.thread.is_some()
            && let Some(stop) = &self.stop
        {
            stop.send_replace(true);
            // An error says that the thread is gone: so be it.
            (&mut self.ended).await.ok();
        }
    }
}

impl Drop for Sinks {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Two that send at once would mix up the order, so the next start waits for the end of this. It comes at once: nothing of
        // it waits for a receiver any more.
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn run(runners: Vec<Runner>, stopping: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    for runner in runners {
        running.spawn_local(runner.run(stopping.clone()));
    }
    let all = async { while running.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        () = late(stopping) => {}
    }
}

/// Returns when the sinks must not go on: long after they were told to stop, or when nobody holds them any more.
async fn late(mut stopping: watch::Receiver<bool>) {
    // An error says that nobody holds them.
    if stopping.wait_for(|stop| *stop).await.is_err() {
        return;
    }
    tokio::select! {
        () = tokio::time::sleep(FLUSH) => tracing::warn!("not everything that is recorded has arrived elsewhere; it is sent after the next start"),
        _ = stopping.changed() => {}
    }
}
