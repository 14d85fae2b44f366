//! Who is behind a session, an agent's number or a name, as far as the record has told so far.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::audit::event::SignedIn;

/// Sessions open at once. A journal in which more are open than a machine has ports was not written by us.
const MOST_SESSIONS: usize = 1_000_000;
/// Agents that are remembered with their owners.
const MOST_AGENTS: usize = 1_000_000;

#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub name: Arc<str>,
    pub owner: Arc<str>,
}

#[derive(Debug)]
struct Session {
    agent: Agent,
    /// Executions begun and not ended.
    open: u64,
}

#[derive(Debug)]
pub(super) struct Sessions {
    open: HashMap<u64, Session>,
    agents: HashMap<i64, Agent>,
    names: HashSet<Arc<str>>,
    unknown: Agent,
}

impl Default for Sessions {
    fn default() -> Self {
        let unknown = Agent { name: Arc::from("(not on this record)"), owner: Arc::from("") };
        Self { open: HashMap::new(), agents: HashMap::new(), names: HashSet::new(), unknown }
    }
}

impl Sessions {
    pub fn begin(&mut self, session: u64, who: &SignedIn) {
        let agent = self.know(who.agent_id, &who.agent, &who.owner);
        if self.open.len() < MOST_SESSIONS {
            // One that goes on in another segment keeps what it has open.
            self.open.entry(session).or_insert(Session { agent, open: 0 });
        }
    }

    pub fn know(&mut self, id: i64, name: &str, owner: &str) -> Agent {
        if let Some(known) = self.agents.get(&id).filter(|known| *known.name == *name && *known.owner == *owner) {
            return known.clone();
        }
        let agent = Agent { name: Arc::from(name), owner: Arc::from(owner) };
        if self.agents.len() < MOST_AGENTS && self.names.len() < MOST_AGENTS {
            self.agents.insert(id, agent.clone());
            self.names.insert(Arc::clone(&agent.name));
        }
        agent
    }

    /// Gives the executions that it left without an end.
    pub fn end(&mut self, session: u64) -> u64 {
        self.open.remove(&session).map_or(0, |session| session.open)
    }

    /// No session outlives the program. Gives the executions without an end.
    pub fn end_all(&mut self) -> u64 {
        self.open.drain().map(|(_, session)| session.open).sum()
    }

    pub fn begun(&mut self, session: u64) {
        if let Some(session) = self.open.get_mut(&session) {
            session.open = session.open.saturating_add(1);
        }
    }

    pub fn ended(&mut self, session: u64) {
        if let Some(session) = self.open.get_mut(&session) {
            session.open = session.open.saturating_sub(1);
        }
    }

    /// Executions begun and not ended.
    pub fn unended(&self) -> u64 {
        self.open.values().map(|session| session.open).sum()
    }

    pub fn agent(&self, session: u64) -> Agent {
        self.open.get(&session).map_or_else(|| self.unknown.clone(), |session| session.agent.clone())
    }

    pub fn by_id(&self, id: i64) -> Agent {
        self.agents.get(&id).cloned().unwrap_or_else(|| self.unknown.clone())
    }

    /// Whether that is or was an agent's name.
    pub fn is_agent(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}
