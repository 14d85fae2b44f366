//! Local accounts and who is signed in by them. An account belongs to a person and ends with it. The running server and the commands look at
//! the same tables, so that what one takes away the other no longer finds.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::Serialize;

use super::store::{find, in_one_step, milliseconds, put};
use super::{NewPerson, PeopleError, Role, check, identities};
use crate::audit::event::Change;
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::state::{State, StateError};

/// 256 bits.
const TOKEN: usize = 32;
/// Browsers and terminals of one person; the one that was not used for longest goes.
const MOST_VISITS: i64 = 32;
/// Groups of one person.
const MOST_GROUPS: usize = 32;
/// How exactly it is known when somebody was last seen: each look at a page would be a write else.
const SEEN_EVERY: Duration = Duration::from_secs(30);

/// A person who can sign in.
#[derive(Debug, Clone)]
pub struct Account {
    pub person: i64,
    pub name: String,
    pub role: Role,
    pub groups: Vec<String>,
    pub verifier: Secret,
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub name: String,
    /// Who the operating system says they are.
    pub os_user: String,
    pub role: Role,
    pub groups: Vec<String>,
    /// What else a provider calls them.
    pub aliases: Vec<String>,
}

/// How long a sign-in lasts.
#[derive(Debug, Clone, Copy)]
pub struct Lifetime {
    pub idle: Duration,
    pub longest: Duration,
}

#[derive(Debug, Clone)]
pub struct NewAccount {
    pub name: String,
    pub groups: Vec<String>,
    pub verifier: Secret,
}

/// One account for people. Times are UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedAccount {
    pub name: String,
    pub role: String,
    pub groups: Vec<String>,
    pub changed: String,
    /// Who vouches for them, where it is not a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

#[derive(Debug)]
pub struct AccountStore {
    state: State,
    connection: Connection,
}

impl AccountStore {
    pub fn open(state: &State) -> Result<Self, StateError> {
        Ok(Self { state: state.clone(), connection: state.connect()? })
    }

    /// An account for a person, who may do with it what the role says; who is not on the list of people comes there as a reviewer.
    pub fn add(&mut self, account: &NewAccount, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        self.write(|transaction| add(transaction, account, by, now))
    }

    /// Another password; whoever is signed in with the old one is not any more.
    pub fn change_password(&mut self, name: &str, verifier: &Secret, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        let at = milliseconds(now)?;
        self.write(|transaction| {
            let Some(person) = find(transaction, name)? else { return Ok(Err(PeopleError::NoAccount(name.to_owned()))) };
            let id = person_id(transaction, name)?;
            let sql = "UPDATE accounts SET hash = ?2, changed = ?3 WHERE person = ?1";
            if transaction.execute(sql, params![id, verifier.expose(), at])? == 0 {
                return Ok(Err(PeopleError::NoAccount(name.to_owned())));
            }
            transaction.execute("DELETE FROM visits WHERE person = ?1", [id])?;
            put(transaction, Change::Changed, &person, by, now)
        })
    }

    /// By name; those whom a provider vouches for among them.
    pub fn list(&self) -> Result<Vec<ListedAccount>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare(
                "SELECT people.id, people.name, role, strftime('%Y-%m-%dT%H:%M:%SZ', coalesce(changed, created) / 1000, 'unixepoch'), issuer
                 FROM people LEFT JOIN accounts ON accounts.person = people.id LEFT JOIN identities ON identities.person = people.id
                 WHERE removed IS NULL AND (hash IS NOT NULL OR issuer IS NOT NULL) ORDER BY people.name",
            )?;
            let rows = statement.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
            let listed = rows.map(|row| {
                let (id, name, role, changed, provider) = row?;
                Ok(ListedAccount { name, role, groups: groups(connection, id)?, changed, provider })
            });
            listed.collect()
        })
    }

    /// The groups that people are in, by name.
    pub fn groups(&self) -> Result<Vec<String>, StateError> {
        let sql = "SELECT DISTINCT g.name FROM person_groups AS g JOIN people AS p ON p.id = g.person WHERE p.removed IS NULL ORDER BY 1";
        let read = || self.connection.prepare(sql)?.query_map((), |row| row.get(0))?.collect::<Result<Vec<String>, _>>();
        read().map_err(|error| self.state.error(error))
    }

    /// Whether nobody can sign in yet.
    pub fn is_empty(&self) -> Result<bool, StateError> {
        self.read(nobody)
    }

    pub fn account(&self, name: &str) -> Result<Option<Account>, StateError> {
        self.read(|connection| {
            let sql =
                "SELECT people.id, role, hash FROM people JOIN accounts ON person = people.id WHERE people.name = ?1 AND removed IS NULL";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
            let Some((person, role, hash)) = connection.query_row(sql, [name], read).optional()? else { return Ok(None) };
            let groups = groups(connection, person)?;
            Ok(Some(Account { person, name: name.to_owned(), role: super::store::role(&role), groups, verifier: Secret::new(hash) }))
        })
    }

    /// Signs in; the token is in nobody's keeping but the visitor's. `None` where the account was changed since it was read.
    pub fn begin(&mut self, account: &Account, through: &str, lifetime: Lifetime, now: SystemTime) -> Result<Option<Secret>, PeopleError> {
        let token = new_token()?;
        let at = milliseconds(now)?;
        let mut unchanged = false;
        self.write(|transaction| {
            tidy_visits(transaction, at, through, lifetime)?;
            let sql = "INSERT INTO visits (token, person, through, began, seen)
                       SELECT ?1, person, ?3, ?4, ?4 FROM accounts JOIN people ON people.id = person
                       WHERE person = ?2 AND hash = ?5 AND removed IS NULL";
            let row = params![hashed(&token), account.person, through, at, account.verifier.expose()];
            unchanged = transaction.execute(sql, row)? > 0;
            bound_visits(transaction, account.person)?;
            Ok(Ok(()))
        })?;
        Ok(unchanged.then_some(token))
    }

    /// Who it is that shows this token, if anybody.
    pub fn visitor(
        &self,
        token: &str,
        through: &str,
        lifetime: Lifetime,
        attended: bool,
        now: SystemTime,
    ) -> Result<Option<Visitor>, PeopleError> {
        let (at, token) = (milliseconds(now)?, hashed(&Secret::new(token)));
        let found = self.read(|connection| {
            // What it began by must still be there: the account, or the provider's word.
            let sql = "SELECT people.id, people.name, role, seen, os_user FROM visits
                       JOIN people ON people.id = visits.person LEFT JOIN accounts ON accounts.person = people.id
                       LEFT JOIN vouched ON visit = token
                       WHERE token = ?1 AND through = ?2 AND seen >= ?3 AND began >= ?4 AND seen <= ?5 AND removed IS NULL
                       AND CASE by_provider WHEN 0 THEN hash IS NOT NULL ELSE until >= ?6 END";
            let (idle, longest) = (at.saturating_sub(whole(lifetime.idle)), at.saturating_sub(whole(lifetime.longest)));
            let read = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get::<_, i64>(3)?, row.get(4)?))
            };
            let found = connection.query_row(sql, params![token, through, idle, longest, at.saturating_add(AHEAD), at], read).optional()?;
            let Some((person, name, role, seen, os_user)) = found else { return Ok(None) };
            if attended && seen.saturating_add(whole(SEEN_EVERY)) <= at {
                connection.execute("UPDATE visits SET seen = ?2 WHERE token = ?1", params![token, at])?;
            }
            let (groups, aliases) = (groups(connection, person)?, identities::aliases(connection, person)?);
            Ok(Some(Visitor { name, os_user, role: super::store::role(&role), groups, aliases }))
        });
        Ok(found?)
    }

    pub fn end(&self, token: &str) -> Result<(), StateError> {
        self.read(|connection| connection.execute("DELETE FROM visits WHERE token = ?1", [hashed(&Secret::new(token))]).map(drop))
    }

    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StateError> {
        work(&self.connection).map_err(|error| self.state.error(error))
    }

    pub(super) fn write(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<(), PeopleError>>,
    ) -> Result<(), PeopleError> {
        in_one_step(&self.state, &mut self.connection, work)
    }
}

pub(super) fn nobody(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM people WHERE removed IS NULL
               AND (id IN (SELECT person FROM accounts) OR id IN (SELECT person FROM identities)))";
    connection.query_row(sql, (), |row| row.get(0))
}

pub(super) fn add(
    transaction: &Transaction<'_>,
    account: &NewAccount,
    by: &str,
    now: SystemTime,
) -> rusqlite::Result<Result<(), PeopleError>> {
    let checked = check(&account.name).and_then(|()| account.groups.iter().try_for_each(|group| check(group)));
    let at = match checked.and_then(|()| milliseconds(now)) {
        Ok(at) => at,
        Err(error) => return Ok(Err(error)),
    };
    if account.groups.len() > MOST_GROUPS {
        return Ok(Err(PeopleError::Groups));
    }
    let agent = "SELECT EXISTS (SELECT 1 FROM agents WHERE lower(name) = lower(?1) AND revoked IS NULL)";
    if transaction.query_row(agent, [&account.name], |row| row.get(0))? {
        return Ok(Err(PeopleError::IsAgent(account.name.clone())));
    }
    let (person, change) = match find(transaction, &account.name)? {
        Some(person) => (person, Change::Changed),
        None => {
            let person = NewPerson { name: account.name.clone(), role: Role::Reviewer, os_user: account.name.clone() };
            if let Err(error) = super::store::insert(transaction, &person, at)? {
                return Ok(Err(error));
            }
            (person, Change::Added)
        }
    };
    let id = person_id(transaction, &person.name)?;
    let vouched = "SELECT EXISTS (SELECT 1 FROM identities WHERE person = ?1)";
    if transaction.query_row(vouched, [id], |row| row.get(0))? {
        return Ok(Err(PeopleError::Vouched(person.name)));
    }
    let sql = "INSERT OR IGNORE INTO accounts (person, hash, changed) VALUES (?1, ?2, ?3)";
    if transaction.execute(sql, params![id, account.verifier.expose(), at])? == 0 {
        return Ok(Err(PeopleError::HasAccount(person.name)));
    }
    transaction.execute("DELETE FROM person_groups WHERE person = ?1", [id])?;
    for group in &account.groups {
        transaction.execute("INSERT OR IGNORE INTO person_groups (person, name) VALUES (?1, ?2)", (id, group))?;
    }
    put(transaction, change, &person, by, now)
}

/// A clock that was set back leaves visits of the future; those further ahead than this are none.
const AHEAD: i64 = 60_000;

pub(super) fn whole(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn new_token() -> Result<Secret, StateError> {
    let random = zeroize::Zeroizing::new(scram::random::<TOKEN>().map_err(|_| StateError::Random)?);
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(*random)))
}

/// Visits by this door whose time is over; those by another last otherwise.
pub(super) fn tidy_visits(transaction: &Transaction<'_>, at: i64, through: &str, lifetime: Lifetime) -> rusqlite::Result<()> {
    let (idle, longest) = (at.saturating_sub(whole(lifetime.idle)), at.saturating_sub(whole(lifetime.longest)));
    let sql = "DELETE FROM visits WHERE through = ?4 AND (seen < ?1 OR began < ?2 OR seen > ?3)";
    transaction.execute(sql, (idle, longest, at.saturating_add(AHEAD), through)).map(drop)
}

pub(super) fn bound_visits(transaction: &Transaction<'_>, person: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM visits WHERE person = ?1 AND token NOT IN
               (SELECT token FROM visits WHERE person = ?1 ORDER BY seen DESC, began DESC LIMIT ?2)";
    transaction.execute(sql, (person, MOST_VISITS)).map(drop)
}

/// What is kept of a token. It has as many bits as the hash: there is nothing to be guessed.
pub(super) fn hashed(token: &Secret) -> Vec<u8> {
    digest(&SHA256, token.expose().as_bytes()).as_ref().to_vec()
}

fn person_id(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.query_row("SELECT id FROM people WHERE name = ?1 AND removed IS NULL", [name], |row| row.get(0))
}

pub(super) fn groups(connection: &Connection, person: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM person_groups WHERE person = ?1 ORDER BY name")?;
    statement.query_map([person], |row| row.get(0))?.collect()
}

/// With the person goes what the person signed in by.
pub(super) fn forget(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    let id = person_id(transaction, name)?;
    for sql in [
        "DELETE FROM visits WHERE person = ?1",
        "DELETE FROM accounts WHERE person = ?1",
        "DELETE FROM person_groups WHERE person = ?1",
        "DELETE FROM person_aliases WHERE person = ?1",
        "DELETE FROM slack_people WHERE person = ?1",
    ] {
        transaction.execute(sql, [id])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::PeopleStore;
    use super::*;

    const LIFETIME: Lifetime = Lifetime { idle: Duration::from_secs(600), longest: Duration::from_secs(3600) };

    fn new(name: &str) -> NewAccount {
        NewAccount { name: name.to_owned(), groups: vec!["dba".to_owned()], verifier: Secret::new("$argon2id$x") }
    }

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
    fn an_account_makes_a_reviewer_and_ends_with_the_person() {
        let (_folder, state, mut store) = store();
        assert!(store.is_empty().unwrap());
        store.add(&new("ann"), "eve", at(0)).unwrap();
        assert!(!store.is_empty().unwrap());
        let account = store.account("ann").unwrap().unwrap();
        assert_eq!((account.role, account.groups.as_slice()), (Role::Reviewer, ["dba".to_owned()].as_slice()));
        assert!(matches!(store.add(&new("ann"), "eve", at(0)), Err(PeopleError::HasAccount(_))));
        let token = store.begin(&account, "web", LIFETIME, at(0)).unwrap().unwrap();
        assert!(store.visitor(token.expose(), "web", LIFETIME, true, at(1)).unwrap().is_some());
        let mut people = PeopleStore::open(&state).unwrap();
        people.remove("ann", "eve", at(2)).unwrap();
        assert!(store.visitor(token.expose(), "web", LIFETIME, true, at(2)).unwrap().is_none());
        assert!(store.account("ann").unwrap().is_none() && store.is_empty().unwrap());
        // Whoever is added again is another person, and was never signed in.
        store.add(&new("ann"), "eve", at(3)).unwrap();
        assert!(store.visitor(token.expose(), "web", LIFETIME, true, at(3)).unwrap().is_none());
        assert!(store.begin(&account, "web", LIFETIME, at(3)).unwrap().is_none());
    }

    #[test]
    fn an_auditor_has_an_account_and_an_agent_has_none() {
        let (_folder, state, mut store) = store();
        let mut people = PeopleStore::open(&state).unwrap();
        people.add(&NewPerson { name: "bob".to_owned(), role: Role::Auditor, os_user: "bob".to_owned() }, "eve", at(0)).unwrap();
        let agent = crate::host::agents::NewAgent { name: "bot".to_owned(), owner: "bob".to_owned(), ..Default::default() };
        crate::host::agents::AgentStore::open(&state).unwrap().add(&agent, "eve", at(0)).unwrap();
        assert!(matches!(store.add(&new("Bot"), "eve", at(0)), Err(PeopleError::IsAgent(_))));
        assert!(store.is_empty().unwrap());
        store.add(&new("bob"), "eve", at(0)).unwrap();
        let account = store.account("bob").unwrap().unwrap();
        let token = store.begin(&account, "web", LIFETIME, at(1)).unwrap().unwrap();
        let bob = store.visitor(token.expose(), "web", LIFETIME, true, at(2)).unwrap().unwrap();
        assert_eq!(bob.role, Role::Auditor);
    }

    #[test]
    fn a_visit_ends_by_idleness_by_age_by_sign_out_and_by_another_password() {
        let (_folder, _state, mut store) = store();
        store.add(&new("ann"), "eve", at(0)).unwrap();
        let account = store.account("ann").unwrap().unwrap();
        let is_in = |store: &AccountStore, token: &Secret, seconds| {
            store.visitor(token.expose(), "web", LIFETIME, true, at(seconds)).unwrap().is_some()
        };
        let token = store.begin(&account, "web", LIFETIME, at(0)).unwrap().unwrap();
        assert!(store.visitor(token.expose(), "api", LIFETIME, true, at(0)).unwrap().is_none(), "a browser's is no program's");
        assert!(is_in(&store, &token, 600) && is_in(&store, &token, 1200) && !is_in(&store, &token, 1801));
        let token = store.begin(&account, "web", LIFETIME, at(2000)).unwrap().unwrap();
        assert!((1..=6).all(|step| is_in(&store, &token, 2000 + step * 600)) && !is_in(&store, &token, 5601));
        let token = store.begin(&account, "web", LIFETIME, at(6000)).unwrap().unwrap();
        store.end(token.expose()).unwrap();
        assert!(!is_in(&store, &token, 6000));
        let token = store.begin(&account, "web", LIFETIME, at(6000)).unwrap().unwrap();
        store.change_password("ann", &Secret::new("$argon2id$y"), "eve", at(6001)).unwrap();
        assert!(!is_in(&store, &token, 6001));
        assert!(store.begin(&account, "web", LIFETIME, at(6001)).unwrap().is_none(), "it was read before the change");
        // A clock that was set back does not make a visit longer.
        let account = store.account("ann").unwrap().unwrap();
        let token = store.begin(&account, "web", LIFETIME, at(90_000)).unwrap().unwrap();
        assert!(!is_in(&store, &token, 6002));
    }

    #[test]
    fn visits_of_one_person_are_bounded() {
        let (_folder, _state, mut store) = store();
        store.add(&new("ann"), "eve", at(0)).unwrap();
        let account = store.account("ann").unwrap().unwrap();
        let tokens: Vec<_> = (0..40).map(|step| store.begin(&account, "api", LIFETIME, at(step)).unwrap().unwrap()).collect();
        let left = tokens.iter().filter(|token| store.visitor(token.expose(), "api", LIFETIME, true, at(41)).unwrap().is_some()).count();
        assert_eq!(left, 32);
        assert!(store.visitor(tokens[39].expose(), "api", LIFETIME, true, at(41)).unwrap().is_some());
    }

    #[test]
    fn no_token_is_in_the_database() {
        let (folder, _state, mut store) = store();
        store.add(&new("ann"), "eve", at(0)).unwrap();
        let account = store.account("ann").unwrap().unwrap();
        let token = store.begin(&account, "web", LIFETIME, at(0)).unwrap().unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
            assert!(!bytes.windows(16).any(|part| part == &token.expose().as_bytes()[..16]));
        }
    }
}
