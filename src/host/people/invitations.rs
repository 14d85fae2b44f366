//! Links by which people set a password of their own, once and not for ever. Whoever makes one never knows the password; what is in the link is
//! with whoever it was given to.

use std::time::{Duration, SystemTime};

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::accounts::{AccountStore, NewAccount, add, hashed, new_token, nobody, whole};
use super::store::milliseconds;
use super::{PeopleError, check};
use crate::host::secret::Secret;

/// Long enough to be read, and short enough that one in an old mail is worth nothing.
pub const LASTS: Duration = Duration::from_secs(24 * 60 * 60);
/// One that the server printed when it started: whoever started it is there.
pub const FIRST_LASTS: Duration = Duration::from_secs(60 * 60);
/// Links that are open at once.
const MOST: i64 = 256;
/// By whom the first person is made, as the record names it.
const FIRST: &str = "the link of the first start";

/// What a link is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// `None` where whoever opens it says who they are.
    pub name: Option<String>,
}

impl AccountStore {
    /// A link for somebody; an earlier one for the same name is over.
    pub fn invite(&mut self, name: &str, groups: &[String], by: &str, now: SystemTime) -> Result<Secret, PeopleError> {
        check(name)?;
        self.write_invitation(name, groups, by, LASTS, now)
    }

    /// A link for the first person, as long as there is nobody.
    pub fn invite_first(&mut self, now: SystemTime) -> Result<Option<Secret>, PeopleError> {
        if !self.is_empty()? {
            return Ok(None);
        }
        self.write_invitation("", &[], FIRST, FIRST_LASTS, now).map(Some)
    }

    fn write_invitation(
        &mut self,
        name: &str,
        groups: &[String],
        by: &str,
        lasts: Duration,
        now: SystemTime,
    ) -> Result<Secret, PeopleError> {
        let token = new_token()?;
        let at = milliseconds(now)?;
        self.write(|transaction| {
            transaction.execute("DELETE FROM invitations WHERE until <= ?1 OR name = ?2", (at, name))?;
            if transaction.query_row("SELECT count(*) FROM invitations", (), |row| row.get::<_, i64>(0))? >= MOST {
                return Ok(Err(PeopleError::Invitations));
            }
            // What would not be done then is not promised now.
            if !name.is_empty() {
                let account = NewAccount { name: name.to_owned(), groups: groups.to_vec(), verifier: Secret::new("") };
                transaction.execute_batch("SAVEPOINT tried")?;
                let tried = add(transaction, &account, by, now);
                transaction.execute_batch("ROLLBACK TO tried; RELEASE tried")?;
                if let Err(error) = tried? {
                    return Ok(Err(error));
                }
            }
            let sql = "INSERT INTO invitations (token, name, groups, by, until) VALUES (?1, ?2, ?3, ?4, ?5)";
            transaction.execute(sql, params![hashed(&token), name, groups.join("\n"), by, at.saturating_add(whole(lasts))])?;
            Ok(Ok(()))
        })?;
        Ok(token)
    }

    /// What this link is good for now, if for anything.
    pub fn invitation(&self, token: &Secret, now: SystemTime) -> Result<Option<Invitation>, PeopleError> {
        let at = milliseconds(now)?;
        let sql = "SELECT name FROM invitations WHERE token = ?1 AND until > ?2";
        let name: Option<String> =
            self.read(|connection| connection.query_row(sql, params![hashed(token), at], |row| row.get(0)).optional())?;
        let Some(name) = name else { return Ok(None) };
        let void = name.is_empty() && !self.is_empty()?;
        Ok((!void).then(|| Invitation { name: Some(name).filter(|name| !name.is_empty()) }))
    }

    /// Makes the account that the link is for, and uses the link up; one or the other without both does not happen.
    pub fn accept(&mut self, token: &Secret, name: &str, verifier: &Secret, now: SystemTime) -> Result<(), PeopleError> {
        let at = milliseconds(now)?;
        self.write(|transaction| {
            let Some((invited, groups, by)) = take(transaction, token, at)? else { return Ok(Err(PeopleError::NoInvitation)) };
            let first = invited.is_empty();
            if first && !nobody(transaction)? {
                return Ok(Err(PeopleError::NoInvitation));
            }
            let name = if first { name.to_owned() } else { invited };
            if let Err(error) = check(&name) {
                return Ok(Err(error));
            }
            let groups = groups.lines().map(str::to_owned).collect();
            add(transaction, &NewAccount { name, groups, verifier: verifier.clone() }, &by, now)
        })
    }
}

fn take(transaction: &Transaction<'_>, token: &Secret, at: i64) -> rusqlite::Result<Option<(String, String, String)>> {
    let sql = "DELETE FROM invitations WHERE token = ?1 AND until > ?2 RETURNING name, groups, by";
    transaction.query_row(sql, params![hashed(token), at], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
}

/// Where the browser opens it, below the public address.
pub fn path(token: &Secret) -> String {
    format!("/set-up/{}", token.expose())
}

#[cfg(test)]
mod tests {
    use super::super::{PeopleStore, Role};
    use super::*;
    use crate::host::state::State;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
    }

    fn store() -> (tempfile::TempDir, State, AccountStore) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        let store = AccountStore::open(&state).unwrap();
        (folder, state, store)
    }

    #[test]
    fn a_link_makes_one_account_once_and_in_its_time() {
        let (_folder, _state, mut store) = store();
        let verifier = Secret::new("$argon2id$x");
        let earlier = store.invite("ann", &[], "eve", at(0)).unwrap();
        let link = store.invite("ann", &["dba".to_owned()], "eve", at(0)).unwrap();
        assert_eq!(store.invitation(&earlier, at(1)).unwrap(), None, "there is a later one");
        assert_eq!(store.invitation(&link, at(1)).unwrap(), Some(Invitation { name: Some("ann".to_owned()) }));
        assert_eq!(store.invitation(&link, at(LASTS.as_secs())).unwrap(), None);
        assert!(matches!(store.accept(&link, "ann", &verifier, at(LASTS.as_secs())), Err(PeopleError::NoInvitation)));
        // Whoever opens it is who it is for, whatever they say.
        store.accept(&link, "mallory", &verifier, at(1)).unwrap();
        let ann = store.account("ann").unwrap().unwrap();
        assert_eq!((ann.role, ann.groups.as_slice()), (Role::Reviewer, ["dba".to_owned()].as_slice()));
        assert!(store.account("mallory").unwrap().is_none());
        assert!(matches!(store.accept(&link, "ann", &verifier, at(2)), Err(PeopleError::NoInvitation)));
        assert!(matches!(store.invite("ann", &[], "eve", at(3)), Err(PeopleError::HasAccount(_))));
    }

    #[test]
    fn what_cannot_become_an_account_is_not_invited() {
        let (_folder, state, mut store) = store();
        PeopleStore::open(&state)
            .unwrap()
            .add(&super::super::NewPerson { name: "olaf".to_owned(), role: Role::Auditor, os_user: "olaf".to_owned() }, "eve", at(0))
            .unwrap();
        let agent = crate::host::agents::NewAgent { name: "bot".to_owned(), owner: "olaf".to_owned(), ..Default::default() };
        crate::host::agents::AgentStore::open(&state).unwrap().add(&agent, "eve", at(0)).unwrap();
        for name in ["bot", "Bot", "", "eve (operator)", "a\nb"] {
            assert!(store.invite(name, &[], "eve", at(0)).is_err(), "{name:?}");
        }
        // Trying it out made nobody; who only reads may have an account.
        store.invite("olaf", &[], "eve", at(0)).unwrap();
        store.invite("ann", &[], "eve", at(0)).unwrap();
        assert!(store.account("ann").unwrap().is_none() && store.is_empty().unwrap());
        assert_eq!(PeopleStore::open(&state).unwrap().list(true).unwrap().len(), 1);
    }

    #[test]
    fn the_first_link_is_for_whoever_is_first_and_for_nobody_after() {
        let (_folder, _state, mut store) = store();
        let verifier = Secret::new("$argon2id$x");
        let lost = store.invite_first(at(0)).unwrap().unwrap();
        let link = store.invite_first(at(1)).unwrap().unwrap();
        assert_eq!(
            (store.invitation(&lost, at(2)).unwrap(), store.invitation(&link, at(2)).unwrap()),
            (None, Some(Invitation { name: None }))
        );
        assert!(matches!(store.accept(&link, "eve (operator)", &verifier, at(2)), Err(PeopleError::Name(_))));
        store.accept(&link, "ann", &verifier, at(2)).unwrap();
        assert!(store.account("ann").unwrap().is_some() && store.invite_first(at(3)).unwrap().is_none());
        // One that was printed before somebody came by another way.
        let (_folder, _state, mut store) = self::store();
        let link = store.invite_first(at(0)).unwrap().unwrap();
        store.add(&NewAccount { name: "bob".to_owned(), groups: vec![], verifier: verifier.clone() }, "eve", at(1)).unwrap();
        assert_eq!(store.invitation(&link, at(2)).unwrap(), None);
        assert!(matches!(store.accept(&link, "mallory", &verifier, at(2)), Err(PeopleError::NoInvitation)));
    }
}
