//! Adding, listing, rotating, revoking: what the commands do to the state database. Passwords are made here and handed
//! out once. Each change puts its event into the outbox in the same transaction; `by` is who acts.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ipnet::IpNet;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use super::{MAX_NETWORKS, is_name, is_words};
use crate::audit::event::{AgentChanged, Change};
use crate::host::scram::{self, Verifier};
use crate::host::secret::Secret;
use crate::host::state::{State, StateError, outbox};

/// 192 bits: guessing is hopeless, so the verifier's few iterations do not matter.
const PASSWORD: usize = 24;

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("an agent named {0:?} exists; rotate gives it a new password, revoke ends it")]
    Exists(String),
    #[error("there is no agent named {0:?}; `pgsluice agent list` shows those there are")]
    Unknown(String),
    #[error("{0} must be 1 to 63 bytes of visible text without space at its ends")]
    Name(&'static str),
    #[error("{0} must be 1 to 256 bytes of text without control characters")]
    Words(&'static str),
    #[error("an agent takes at most {MAX_NETWORKS} networks")]
    Networks,
    #[error("the time of this machine is before 1970 or beyond reason")]
    Time,
}

#[derive(Debug, Clone, Default)]
pub struct NewAgent {
    pub name: String,
    pub owner: String,
    pub database: Option<String>,
    pub role: Option<String>,
    pub environment: Option<String>,
    pub networks: Vec<IpNet>,
}

impl NewAgent {
    fn check(&self) -> Result<(), AgentError> {
        for (what, text) in [("the name", Some(&self.name)), ("--database", self.database.as_ref()), ("--role", self.role.as_ref())] {
            if text.is_some_and(|text| !is_name(text)) {
                return Err(AgentError::Name(what));
            }
        }
        for (what, text) in [("--owner", Some(&self.owner)), ("--environment", self.environment.as_ref())] {
            if text.is_some_and(|text| !is_words(text)) {
                return Err(AgentError::Words(what));
            }
        }
        if self.networks.len() > MAX_NETWORKS { Err(AgentError::Networks) } else { Ok(()) }
    }
}

/// One agent for people: no verifier. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub owner: String,
    pub database: Option<String>,
    pub role: Option<String>,
    pub environment: Option<String>,
    pub networks: Option<String>,
    pub created: String,
    pub rotated: Option<String>,
    pub revoked: Option<String>,
}

#[derive(Debug)]
pub struct AgentStore {
    state: State,
    connection: Connection,
}

impl AgentStore {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()? })
    }

    /// The password is in nobody's keeping after this.
    pub fn add(&mut self, agent: &NewAgent, by: &str, now: SystemTime) -> Result<Secret, AgentError> {
        agent.check()?;
        let created = milliseconds(now)?;
        let (password, verifier) = new_password()?;
        self.write(|transaction| {
            if find(transaction, &agent.name)?.is_some() {
                return Ok(Err(AgentError::Exists(agent.name.clone())));
            }
            let sql = "INSERT INTO agents (name, owner, database, role, environment, verifier, created, epoch)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, (SELECT coalesce(max(epoch), 0) + 1 FROM agents WHERE name = ?1))";
            let row = params![agent.name, agent.owner, agent.database, agent.role, agent.environment, verifier.to_string(), created];
            transaction.execute(sql, row)?;
            let id = transaction.last_insert_rowid();
            for network in &agent.networks {
                let row = (id, network.trunc().to_string());
                transaction.execute("INSERT OR IGNORE INTO agent_networks (agent, network) VALUES (?1, ?2)", row)?;
            }
            put(transaction, Change::Added, Found { id, database: None, owner: agent.owner.clone() }, &agent.name, by, now)
        })?;
        Ok(password)
    }

    /// The old password opens no new session; the sessions that are open go on.
    pub fn rotate(&mut self, name: &str, by: &str, now: SystemTime) -> Result<(Secret, Option<String>), AgentError> {
        let rotated = milliseconds(now)?;
        let (password, verifier) = new_password()?;
        let database = self.write(|transaction| {
            let Some(found) = find(transaction, name)? else { return Ok(Err(AgentError::Unknown(name.to_owned()))) };
            let sql = "UPDATE agents SET verifier = ?2, rotated = ?3, epoch = epoch + 1 WHERE id = ?1";
            transaction.execute(sql, (found.id, verifier.to_string(), rotated))?;
            let database = found.database.clone();
            Ok(put(transaction, Change::Changed, found, name, by, now)?.map(|()| database))
        })?;
        Ok((password, database))
    }

    /// The row stays for the record; the verifier goes.
    pub fn revoke(&mut self, name: &str, by: &str, now: SystemTime) -> Result<(), AgentError> {
        let revoked = milliseconds(now)?;
        self.write(|transaction| {
            let Some(found) = find(transaction, name)? else { return Ok(Err(AgentError::Unknown(name.to_owned()))) };
            let sql = "UPDATE agents SET verifier = '', revoked = ?2, epoch = epoch + 1 WHERE id = ?1";
            transaction.execute(sql, (found.id, revoked))?;
            put(transaction, Change::Removed, found, name, by, now)
        })
    }

    /// By name, then by age; the revoked ones among them if asked.
    pub fn list(&self, revoked: bool) -> Result<Vec<Listed>, StateError> {
        let read = || {
            let mut statement = self.connection.prepare(LIST)?;
            let rows = statement.query_map([revoked], |row| {
                Ok(Listed {
                    name: row.get(0)?,
                    owner: row.get(1)?,
                    database: row.get(2)?,
                    role: row.get(3)?,
                    environment: row.get(4)?,
                    networks: row.get(5)?,
                    created: row.get(6)?,
                    rotated: row.get(7)?,
                    revoked: row.get(8)?,
                })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.state.error(error))
    }

    /// The same as a JSON array; SQLite writes it.
    pub fn list_json(&self, revoked: bool) -> Result<String, StateError> {
        let sql = format!(
            "SELECT json_group_array(json_object('name', name, 'owner', owner, 'database', database, 'role', role,
                'environment', environment,
                'from', json(coalesce('[\"' || replace(networks, ' ', '\",\"') || '\"]', '[]')),
                'created', created, 'rotated', rotated, 'revoked', revoked)) FROM ({LIST})"
        );
        self.connection.query_row(&sql, [revoked], |row| row.get(0)).map_err(|error| self.state.error(error))
    }

    /// Who is asked and what is changed must be one step: two commands at once must not both find the name free.
    fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, AgentError>>) -> Result<T, AgentError> {
        let state = &self.state;
        let connection = &mut self.connection;
        let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
            let outcome = work(&transaction)?;
            if outcome.is_ok() {
                transaction.commit()?;
            }
            Ok(outcome)
        });
        done.map_err(|error| state.error(error))?
    }
}

const LIST: &str = "
    SELECT name, owner, database, role, environment,
        (SELECT group_concat(network, ' ') FROM agent_networks WHERE agent = agents.id) AS networks,
        strftime('%Y-%m-%dT%H:%M:%SZ', created / 1000, 'unixepoch') AS created,
        strftime('%Y-%m-%dT%H:%M:%SZ', rotated / 1000, 'unixepoch') AS rotated,
        strftime('%Y-%m-%dT%H:%M:%SZ', revoked / 1000, 'unixepoch') AS revoked
    FROM agents WHERE ?1 OR revoked IS NULL ORDER BY name, id";

struct Found {
    id: i64,
    database: Option<String>,
    owner: String,
}

fn find(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Found>> {
    let sql = "SELECT id, database, owner FROM agents WHERE name = ?1 AND revoked IS NULL";
    transaction.query_row(sql, [name], |row| Ok(Found { id: row.get(0)?, database: row.get(1)?, owner: row.get(2)? })).optional()
}

/// Puts the event of a change down; on an inner error the change must not be committed.
fn put(
    transaction: &Transaction<'_>,
    change: Change,
    Found { id, owner, .. }: Found,
    name: &str,
    by: &str,
    now: SystemTime,
) -> rusqlite::Result<Result<(), AgentError>> {
    let event = AgentChanged { change, agent_id: id, agent: name.to_owned(), owner, by: by.to_owned() };
    Ok(outbox::put(transaction, now, &event.into())?.map_err(|error| StateError::from(error).into()))
}

fn new_password() -> Result<(Secret, Verifier), StateError> {
    let bytes = zeroize::Zeroizing::new(scram::random::<PASSWORD>().map_err(|_| StateError::Random)?);
    let password = Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    let verifier = Verifier::new(&password).map_err(|_| StateError::Random)?;
    Ok((password, verifier))
}

fn milliseconds(now: SystemTime) -> Result<i64, AgentError> {
    let since = now.duration_since(UNIX_EPOCH).map_err(|_| AgentError::Time)?;
    i64::try_from(since.as_millis()).map_err(|_| AgentError::Time)
}
