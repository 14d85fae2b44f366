//! Which member of Slack is which person here. Who administers says so; a member that nobody named is nobody.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::accounts::groups;
use super::identities::aliases;
use super::store::{find, in_one_step, milliseconds, put, role};
use super::{Capability, PeopleError, Visitor};
use crate::audit::event::Change;
use crate::host::state::{State, StateError};

/// Slack's ids are of about a dozen letters and digits.
const LONGEST_MEMBER: usize = 32;

#[derive(Debug)]
pub struct SlackPeople {
    state: State,
    connection: Connection,
}

/// Whether it is what Slack calls a member.
pub fn is_member(text: &str) -> bool {
    text.starts_with(['U', 'W'])
        && text.len() <= LONGEST_MEMBER
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

impl SlackPeople {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()? })
    }

    /// This person is that member from now on, or none. A person is one member, and a member one person.
    pub fn set(&mut self, name: &str, member: Option<&str>, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        if let Some(member) = member.filter(|member| !is_member(member)) {
            return Err(PeopleError::NoMember(member.to_owned()));
        }
        in_one_step(&self.state, &mut self.connection, |transaction| {
            let Some(person) = find(transaction, name)? else { return Ok(Err(PeopleError::Unknown(name.to_owned()))) };
            if member.is_some() && !person.role.may(Capability::Decide) {
                return Ok(Err(PeopleError::NoReviewer { name: person.name, role: person.role }));
            }
            let of = "(SELECT id FROM people WHERE name = ?1 AND removed IS NULL)";
            transaction.execute(&format!("DELETE FROM slack_people WHERE person = {of}"), [name])?;
            if let Some(member) = member {
                let sql = format!("INSERT OR IGNORE INTO slack_people (member, person) SELECT ?2, id FROM people WHERE id = {of}");
                if transaction.execute(&sql, params![name, member])? == 0 {
                    return Ok(Err(PeopleError::MemberTaken(member.to_owned())));
                }
            }
            put(transaction, Change::Changed, &person, by, now)
        })
    }

    /// Who this member is, as they are now. Nobody whose way to sign in is gone: the account, or, where a provider says who they are, a visit for
    /// which its word still holds.
    pub fn visitor(&self, member: &str, now: SystemTime) -> Result<Option<Visitor>, PeopleError> {
        let at = milliseconds(now)?;
        let read = || {
            let sql = "SELECT people.id, people.name, role, os_user FROM slack_people JOIN people ON people.id = person
                       WHERE member = ?1 AND removed IS NULL
                       AND (EXISTS (SELECT 1 FROM accounts WHERE accounts.person = people.id)
                            OR EXISTS (SELECT 1 FROM visits JOIN vouched ON visit = token WHERE visits.person = people.id AND until >= ?2))";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?));
            let Some((person, name, word, os_user)) = self.connection.query_row(sql, params![member, at], read).optional()? else {
                return Ok(None);
            };
            let (groups, aliases) = (groups(&self.connection, person)?, aliases(&self.connection, person)?);
            Ok(Some(Visitor { name, os_user, role: role(&word), groups, aliases }))
        };
        Ok(read().map_err(|error| self.state.error(error))?)
    }
}
