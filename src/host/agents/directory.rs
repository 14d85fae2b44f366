//! The live agents as the server sees them: always what the state database says now, read into memory only when it
//! changed. Commands write to the database from other processes; nothing is sent between them and the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use rusqlite::Connection;

use super::Agent;
use crate::host::scram::{self, KEY, Verifier};
use crate::host::state::{State, StateError};

#[derive(Debug)]
pub struct AgentDirectory {
    state: State,
    mock_key: [u8; KEY],
    held: Mutex<Held>,
}

type Agents = HashMap<String, Arc<Agent>>;

#[derive(Debug)]
struct Held {
    /// Never writes: `data_version` tells of the changes that others made.
    connection: Connection,
    version: i64,
    live: Agents,
}

impl AgentDirectory {
    pub fn open(state: &State) -> Result<Self, StateError> {
        let failed = |error| state.error(error);
        let mock_key = mock_key(state)?;
        let connection = state.connect()?;
        let version = data_version(&connection).map_err(failed)?;
        let live = load(&connection).map_err(failed)?;
        Ok(Self { state: state.clone(), mock_key, held: Mutex::new(Held { connection, version, live }) })
    }

    /// An error is no answer: the login must be refused as the server's failure, not as a wrong password.
    pub fn lookup(&self, name: &str) -> Result<Option<Arc<Agent>>, StateError> {
        Ok(self.fresh()?.live.get(name).cloned())
    }

    /// What an unknown name is checked against, so that it fails as a wrong password does.
    pub fn mock_verifier(&self, name: &str) -> Verifier {
        Verifier::imaginary(name, &self.mock_key)
    }

    /// Those of these agents, by id and name, that are no more: revoked, even if another one has the name now. Whoever is connected
    /// is asked about, so that nobody stays because of the order in which things happened.
    pub fn gone(&self, mut agents: Vec<(i64, Arc<str>)>) -> Result<Vec<(i64, Arc<str>)>, StateError> {
        let held = self.fresh()?;
        agents.retain(|(id, name)| held.live.get(&**name).is_none_or(|live| live.id != *id));
        Ok(agents)
    }

    fn fresh(&self) -> Result<MutexGuard<'_, Held>, StateError> {
        // What is held is replaced whole, so a panic elsewhere leaves it usable.
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.freshen().map_err(|error| self.state.error(error))?;
        Ok(held)
    }
}

impl Held {
    fn freshen(&mut self) -> rusqlite::Result<()> {
        // The version is asked before the rows: a change in between is read twice, never missed.
        let version = data_version(&self.connection)?;
        if version != self.version {
            self.live = load(&self.connection)?;
            self.version = version;
        }
        Ok(())
    }
}

fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare("PRAGMA data_version")?.query_row((), |row| row.get(0))
}

fn load(connection: &Connection) -> rusqlite::Result<Agents> {
    let mut statement = connection.prepare(
        "SELECT id, name, owner, database, role, environment, verifier, epoch,
                (SELECT group_concat(network, ' ') FROM agent_networks WHERE agent = agents.id)
         FROM agents WHERE revoked IS NULL",
    )?;
    let rows = statement.query_map((), |row| {
        let name: String = row.get(1)?;
        let verifier = row.get::<_, String>(6)?.parse();
        let networks: Option<String> = row.get(8)?;
        let networks: Result<Vec<IpNet>, _> = networks.as_deref().unwrap_or_default().split_whitespace().map(str::parse).collect();
        let (Ok(verifier), Ok(networks)) = (verifier, networks) else {
            // An agent that cannot be read cannot log in; the others can.
            tracing::error!(
                agent = name,
                "the state database holds a verifier or network that cannot be read: rotate or revoke this agent"
            );
            return Ok(None);
        };
        Ok(Some(Agent {
            id: row.get(0)?,
            name,
            owner: row.get(2)?,
            database: row.get(3)?,
            role: row.get(4)?,
            environment: row.get(5)?,
            networks,
            verifier,
            epoch: row.get(7)?,
        }))
    })?;
    let mut agents = Agents::new();
    for agent in rows {
        if let Some(agent) = agent? {
            agents.insert(agent.name.clone(), Arc::new(agent));
        }
    }
    Ok(agents)
}

/// Made once for each installation, kept so that restarts do not change the answers.
fn mock_key(state: &State) -> Result<[u8; KEY], StateError> {
    let random = scram::random::<KEY>().map_err(|_| StateError::Random)?;
    let connection = state.connect()?;
    let read = || {
        connection.execute("INSERT OR IGNORE INTO keys (purpose, bytes) VALUES ('mock verifiers', ?1)", [&random[..]])?;
        connection.query_row("SELECT bytes FROM keys WHERE purpose = 'mock verifiers'", (), |row| row.get::<_, [u8; KEY]>(0))
    };
    read().map_err(|error| state.error(error))
}
