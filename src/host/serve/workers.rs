//! The threads that run sessions. Each has an event loop of its own; a session is born on one and never leaves it.

use std::io;
use std::num::NonZeroUsize;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};

use super::attend::{Shared, attend};
use super::house::House;
use crate::session::recording::Recorder;

pub struct Workers {
    workers: Vec<Worker>,
    next: AtomicUsize,
}

struct Worker {
    connections: mpsc::UnboundedSender<std::net::TcpStream>,
    done: oneshot::Receiver<()>,
}

impl Workers {
    pub fn start(count: NonZeroUsize, house: &Arc<House>) -> io::Result<Self> {
        let mut workers = Vec::with_capacity(count.get());
        for number in 0..count.get() {
            let (connections, arrived) = mpsc::unbounded_channel();
            let (finished, done) = oneshot::channel();
            let (started, starting) = std::sync::mpsc::sync_channel(1);
            let house = Arc::clone(house);
            thread::Builder::new().name(format!("sessions-{number}")).spawn(move || {
                // An event loop of this kind cannot move to another thread, not even before it runs.
                match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                    Ok(runtime) => {
                        started.send(Ok(())).ok();
                        runtime.block_on(receive(arrived, house));
                    }
                    Err(error) => {
                        started.send(Err(error)).ok();
                    }
                }
                finished.send(()).ok();
            })?;
            starting.recv().unwrap_or_else(|_| Err(io::Error::other("a thread ended before it began")))?;
            workers.push(Worker { connections, done });
        }
        Ok(Self { workers, next: AtomicUsize::new(0) })
    }

    /// Gives a connection to the worker whose turn it is.
    pub fn hand_over(&self, stream: TcpStream) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed).checked_rem(self.workers.len()).unwrap_or(0);
        // Another thread's event loop must take the socket anew.
        if let (Ok(stream), Some(worker)) = (stream.into_std(), self.workers.get(turn)) {
            worker.connections.send(stream).ok();
        }
    }

    /// Lets the threads end. Sessions that are left are dropped.
    pub async fn finish(self) {
        for worker in self.workers {
            drop(worker.connections);
            worker.done.await.ok();
        }
    }
}

async fn receive(mut arrived: mpsc::UnboundedReceiver<std::net::TcpStream>, house: Arc<House>) {
    let recorder = Rc::new(Recorder::new(house.digester.clone(), house.keeps()));
    let shared = Shared { recorder, memory: Rc::default() };
    while let Some(stream) = arrived.recv().await {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                tokio::task::spawn_local(attend(Arc::clone(&house), shared.clone(), stream));
            }
            Err(error) => tracing::warn!(%error, "a connection could not be taken"),
        }
    }
}
