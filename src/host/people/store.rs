//! The list of people in the state database: adding, removing, and finding who acts. Each change puts its event into the outbox in
//! the same transaction.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};
use serde::Serialize;

use super::{Acting, PeopleError, Role, accounts, check};
use crate::audit::event::{Change, PersonChanged};
use crate::host::state::{State, StateError, outbox};

#[derive(Debug, Clone)]
pub struct NewPerson {
    pub name: String,
    pub role: Role,
    /// Who the operating system says acts, when this person acts.
    pub os_user: String,
}

/// One person. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub name: String,
    pub role: String,
    pub os_user: String,
    pub created: String,
    pub removed: Option<String>,
}

#[derive(Debug)]
pub struct PeopleStore {
    state: State,
    connection: Connection,
}

impl PeopleStore {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()? })
    }

    pub fn add(&mut self, person: &NewPerson, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        check(&person.name)?;
        check(&person.os_user)?;
        let created = milliseconds(now)?;
        self.write(|transaction| {
            if let Err(error) = insert(transaction, person, created)? {
                return Ok(Err(error));
            }
            put(transaction, Change::Added, person, by, now)
        })
    }

    /// The row stays for the record.
    pub fn remove(&mut self, name: &str, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        let removed = milliseconds(now)?;
        self.write(|transaction| {
            let Some(person) = find(transaction, name)? else { return Ok(Err(PeopleError::Unknown(name.to_owned()))) };
            accounts::forget(transaction, name)?;
            transaction.execute("UPDATE people SET removed = ?2 WHERE name = ?1 AND removed IS NULL", (name, removed))?;
            put(transaction, Change::Removed, &person, by, now)
        })
    }

    /// By name, then by age; the removed ones among them if asked.
    pub fn list(&self, removed: bool) -> Result<Vec<Listed>, StateError> {
        let read = || {
            let mut statement = self.connection.prepare(
                "SELECT name, role, os_user, strftime('%Y-%m-%dT%H:%M:%SZ', created / 1000, 'unixepoch'),
                     strftime('%Y-%m-%dT%H:%M:%SZ', removed / 1000, 'unixepoch')
                 FROM people WHERE ?1 OR removed IS NULL ORDER BY name, id",
            )?;
            let rows = statement.query_map([removed], |row| {
                let (name, role, os_user) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Listed { name, role, os_user, created: row.get(3)?, removed: row.get(4)? })
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.state.error(error))
    }

    /// Who it is that the operating system calls `user`; `owns` says whether the state folder is theirs.
    pub fn acting(&self, user: String, owns: bool) -> Result<Acting, PeopleError> {
        check(&user)?;
        let read = || {
            let listed = self.connection.query_row("SELECT EXISTS (SELECT 1 FROM people WHERE removed IS NULL)", (), |row| row.get(0))?;
            Ok((listed, standing_for(&self.connection, &user)?))
        };
        match read().map_err(|error| self.state.error(error))? {
            (_, Some((name, role))) => Ok(Acting { name, role, operator: false }),
            (false, None) => Ok(Acting { name: user, role: Role::Administrator, operator: false }),
            (true, None) if owns => Ok(Acting { name: user, role: Role::Administrator, operator: true }),
            (true, None) => Err(PeopleError::Stranger { user }),
        }
    }

    fn write(&mut self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<(), PeopleError>>) -> Result<(), PeopleError> {
        in_one_step(&self.state, &mut self.connection, work)
    }
}

/// What is asked and what is changed must be one step.
pub(super) fn in_one_step(
    state: &State,
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<(), PeopleError>>,
) -> Result<(), PeopleError> {
    let done = connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|transaction| {
        let outcome = work(&transaction)?;
        if outcome.is_ok() {
            transaction.commit()?;
        }
        Ok(outcome)
    });
    done.map_err(|error| state.error(error))?
}

pub(super) fn insert(transaction: &Transaction<'_>, person: &NewPerson, created: i64) -> rusqlite::Result<Result<(), PeopleError>> {
    if find(transaction, &person.name)?.is_some() {
        return Ok(Err(PeopleError::Exists(person.name.clone())));
    }
    if let Some((taken, _)) = standing_for(transaction, &person.os_user)? {
        return Ok(Err(PeopleError::UserTaken { user: person.os_user.clone(), person: taken }));
    }
    let sql = "INSERT INTO people (name, role, os_user, created) VALUES (?1, ?2, ?3, ?4)";
    transaction.execute(sql, (&person.name, person.role.word(), &person.os_user, created))?;
    Ok(Ok(()))
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    change: Change,
    person: &NewPerson,
    by: &str,
    now: SystemTime,
) -> rusqlite::Result<Result<(), PeopleError>> {
    let os_user = (person.os_user != person.name).then(|| person.os_user.clone());
    let event = PersonChanged { change, person: person.name.clone(), role: person.role.to_string(), by: by.to_owned(), os_user };
    Ok(outbox::put(transaction, now, &event.into())?.map_err(|error| StateError::from(error).into()))
}

/// A role that cannot be read may do nothing but read.
pub(super) fn role(word: &str) -> Role {
    word.parse().unwrap_or(Role::Auditor)
}

pub(super) fn find(connection: &Connection, name: &str) -> rusqlite::Result<Option<NewPerson>> {
    let sql = "SELECT role, os_user FROM people WHERE name = ?1 AND removed IS NULL";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
    let found = connection.query_row(sql, [name], read).optional()?;
    Ok(found.map(|(word, os_user)| NewPerson { name: name.to_owned(), role: role(&word), os_user }))
}

fn standing_for(connection: &Connection, user: &str) -> rusqlite::Result<Option<(String, Role)>> {
    let sql = "SELECT name, role FROM people WHERE os_user = ?1 AND removed IS NULL";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?));
    let found = connection.query_row(sql, [user], read).optional()?;
    Ok(found.map(|(name, word)| (name, role(&word))))
}

pub(super) fn milliseconds(now: SystemTime) -> Result<i64, PeopleError> {
    let since = now.duration_since(UNIX_EPOCH).map_err(|_| PeopleError::Time)?;
    i64::try_from(since.as_millis()).map_err(|_| PeopleError::Time)
}
