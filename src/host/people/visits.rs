//! Who is signed in, for whoever administers: listed without what they show, and ended one by one or all.

use std::time::SystemTime;

use rusqlite::OptionalExtension as _;
use serde::Serialize;

use super::PeopleError;
use super::accounts::AccountStore;
use crate::audit::event::PersonSignedOut;
use crate::host::state::{StateError, outbox};

/// One sign-in. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Visit {
    /// The beginning of what is kept of its token: it tells visits apart, and opens nothing.
    pub id: String,
    pub person: String,
    pub through: String,
    pub began: String,
    pub seen: String,
    /// Whether a provider vouches for it.
    pub by_provider: bool,
}

impl AccountStore {
    /// The last seen first. One whose time is over may be among them until the next sign-in.
    pub fn visits(&self, person: Option<&str>) -> Result<Vec<Visit>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT lower(substr(hex(token), 1, 12)), name, through, strftime('%Y-%m-%dT%H:%M:%SZ', began / 1000, 'unixepoch'),
                     strftime('%Y-%m-%dT%H:%M:%SZ', seen / 1000, 'unixepoch'), by_provider
                 FROM visits JOIN people ON people.id = person WHERE removed IS NULL AND (?1 IS NULL OR name = ?1) ORDER BY seen DESC, token",
            )?;
            let rows = statement.query_map([person], |row| {
                let (id, person, through) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(Visit { id, person, through, began: row.get(3)?, seen: row.get(4)?, by_provider: row.get(5)? })
            })?;
            rows.collect()
        })
    }

    /// Ends the visits of a person, or the one of this id; how many they were.
    pub fn revoke(&mut self, person: &str, id: Option<&str>, by: &str, now: SystemTime) -> Result<usize, PeopleError> {
        let mut ended = 0;
        self.write(|transaction| {
            let known = "SELECT id FROM people WHERE name = ?1 AND removed IS NULL";
            let Some(known) = transaction.query_row(known, [person], |row| row.get::<_, i64>(0)).optional()? else {
                return Ok(Err(PeopleError::Unknown(person.to_owned())));
            };
            let sql = "DELETE FROM visits WHERE person = ?1 AND (?2 IS NULL OR lower(substr(hex(token), 1, 12)) = ?2)";
            ended = transaction.execute(sql, (known, id))?;
            if ended == 0 {
                return Ok(Ok(()));
            }
            let event = PersonSignedOut { person: person.to_owned(), through: "command".into(), by: Some(by.to_owned()) };
            Ok(outbox::put(transaction, now, &event.into())?.map_err(|error| StateError::from(error).into()))
        })?;
        Ok(ended)
    }
}
