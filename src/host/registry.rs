//! Every session that is alive: found by its cancel key, by its agent, or all of them. A registration ends with its guard, so
//! that nothing can be told to a session that is gone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::relay::{Cancelled, Control};
use crate::wire::report::Report;

/// Secrets as protocol 3.0 has them.
pub const SHORT_SECRET: usize = 4;
/// Secrets as protocol 3.2 allows them.
pub const LONG_SECRET: usize = 32;

#[derive(Debug)]
pub struct Registry {
    sessions: Mutex<HashMap<i32, Entry>>,
    /// Set before the sessions are told, so that one that comes in meanwhile hears of it on either way.
    draining: AtomicBool,
    count: watch::Sender<usize>,
    random: SystemRandom,
}

struct Entry {
    secret: Box<[u8]>,
    agent: i64,
    name: Arc<str>,
    /// It was told to end.
    ending: bool,
    control: UnboundedSender<Control>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Entry").field("agent", &self.agent).finish_non_exhaustive()
    }
}

/// One session's place in the registry.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    pub process_id: i32,
    pub secret: Box<[u8]>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sessions = self.registry.lock();
        sessions.remove(&self.process_id);
        self.registry.count.send_replace(sessions.len());
    }
}

/// The system's random source did not answer, or as many sessions are alive as there are process ids.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no cancel key could be made")]
pub struct NoKey;

impl Default for Registry {
    fn default() -> Self {
        Self { sessions: Mutex::default(), draining: AtomicBool::new(false), count: watch::Sender::new(0), random: SystemRandom::new() }
    }
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, Entry>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Random bytes for keys and names that must not be guessed.
    pub fn random<const N: usize>(&self) -> Result<[u8; N], NoKey> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| NoKey)?;
        Ok(bytes)
    }

    /// Registers a session under a process id and a secret that nobody can guess.
    pub fn register(
        self: &Arc<Self>,
        agent: i64,
        name: &str,
        secret_length: usize,
    ) -> Result<(Registration, UnboundedReceiver<Control>), NoKey> {
        /// Among a few thousand taken ids one free one is found at once.
        const TRIES: usize = 64;
        let secret: Box<[u8]> = self.random::<LONG_SECRET>()?.iter().copied().take(secret_length).collect();
        let (control, heard) = unbounded_channel();
        for _ in 0..TRIES {
            let process_id = i32::from_be_bytes(self.random::<4>()?) & i32::MAX;
            let mut sessions = self.lock();
            if process_id == 0 || sessions.contains_key(&process_id) {
                continue;
            }
            if self.draining.load(Ordering::Relaxed) {
                control.send(Control::Drain).ok();
            }
            sessions.insert(process_id, Entry { secret: secret.clone(), agent, name: name.into(), ending: false, control });
            self.count.send_replace(sessions.len());
            drop(sessions);
            return Ok((Registration { registry: Arc::clone(self), process_id, secret }, heard));
        }
        Err(NoKey)
    }

    /// A CancelRequest; `done` is dropped when it is done with. Whether the key was right is not told to anybody.
    pub fn cancel(&self, process_id: i32, secret: &[u8], done: Cancelled) {
        if let Some(entry) = self.lock().get(&process_id)
            && bool::from(entry.secret.ct_eq(secret))
        {
            entry.control.send(Control::Cancel(done)).ok();
        }
    }

    /// The agents whose sessions go on, each once.
    pub fn agents(&self) -> Vec<(i64, Arc<str>)> {
        let sessions = self.lock();
        let staying = sessions.values().filter(|entry| !entry.ending);
        let agents: HashMap<i64, Arc<str>> = staying.map(|entry| (entry.agent, Arc::clone(&entry.name))).collect();
        agents.into_iter().collect()
    }

    /// Ends every session of one agent, by its id: a name can be given again.
    pub fn end_agent(&self, agent: i64, report: &Report) {
        for entry in self.lock().values_mut().filter(|entry| entry.agent == agent) {
            entry.ending = true;
            entry.control.send(Control::End(Box::new(report.clone()))).ok();
        }
    }

    /// Lets every session end when nothing is open in it, those too that are still to come.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.tell_all(&Control::Drain);
    }

    pub fn end_all(&self, report: Report) {
        self.tell_all(&Control::End(Box::new(report)));
    }

    fn tell_all(&self, control: &Control) {
        for entry in self.lock().values() {
            entry.control.send(control.clone()).ok();
        }
    }

    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns when no session is left.
    pub async fn emptied(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as the registry, so this cannot fail.
        count.wait_for(|count| *count == 0).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_right_key_cancels() {
        let done = || tokio::sync::mpsc::channel(1).0;
        let registry = Arc::new(Registry::default());
        let (registration, mut heard) = registry.register(1, "one", LONG_SECRET).unwrap();
        let mut wrong = registration.secret.clone();
        wrong[31] ^= 1;
        registry.cancel(registration.process_id, &wrong, done());
        registry.cancel(registration.process_id, &registration.secret[..4], done());
        registry.cancel(registration.process_id, b"", done());
        registry.cancel(registration.process_id.wrapping_add(1), &registration.secret, done());
        assert!(heard.try_recv().is_err());
        registry.cancel(registration.process_id, &registration.secret, done());
        assert!(matches!(heard.try_recv(), Ok(Control::Cancel(_))));
    }

    #[test]
    fn a_registration_ends_with_its_guard() {
        let registry = Arc::new(Registry::default());
        let (first, _heard) = registry.register(1, "one", SHORT_SECRET).unwrap();
        let (_second, mut heard) = registry.register(2, "two", SHORT_SECRET).unwrap();
        assert_eq!(registry.agents().len(), 2);
        registry.end_agent(1, &Report::fatal("57P01", "revoked"));
        assert_eq!(registry.agents(), [(2, Arc::from("two"))]);
        assert!(heard.try_recv().is_err());
        drop(first);
        assert_eq!(registry.len(), 1);
        registry.drain();
        assert!(matches!(heard.try_recv(), Ok(Control::Drain)));
        let (_late, mut heard) = registry.register(3, "three", SHORT_SECRET).unwrap();
        assert!(matches!(heard.try_recv(), Ok(Control::Drain)));
    }
}
