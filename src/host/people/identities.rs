//! People whom a provider knows: bound to who they are there, made here at their first sign-in, and signed in for as long as the provider's word
//! holds. An address or a name never makes anybody somebody else who is here already.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Salt};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::accounts::{AccountStore, Lifetime, bound_visits, hashed, new_token, tidy_visits, whole};
use super::store::{milliseconds, put};
use super::{NewPerson, PeopleError, Role, check};
use crate::audit::event::Change;
use crate::host::agents::is_name;
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::state::StateError;

/// Whoever comes again so soon after a failed question finds that it was asked just now.
const PAUSE: Duration = Duration::from_secs(15);
/// What the operating system calls nobody: a colon ends a name in its list of users.
const MARK: &str = "oidc:";

/// Who a provider says somebody is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub issuer: String,
    /// What the provider never gives to anybody else.
    pub subject: String,
    /// What they are called here, from their first sign-in on.
    pub name: String,
    pub aliases: BTreeSet<String>,
    pub role: Role,
    /// As rules call them.
    pub groups: BTreeSet<String>,
}

/// What the provider gave for the time to come.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    pub refresh: Option<Secret>,
    /// Shown to the provider again to sign out there.
    pub id: Option<Secret>,
}

/// A person who was let in by a provider, and is not signed in yet.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub name: String,
    pub role: Role,
    person: i64,
    identity: Identity,
}

/// A visit about which the provider is to be asked again.
#[derive(Debug)]
pub struct Due {
    pub name: String,
    pub identity: Identity,
    pub tokens: Tokens,
}

impl AccountStore {
    /// The person that this is, made now if there was none.
    pub fn admit(&mut self, identity: &Identity, now: SystemTime) -> Result<Admitted, PeopleError> {
        let at = milliseconds(now)?;
        let mut admitted = None;
        self.write(|transaction| {
            let (person, name) = match known(transaction, identity)? {
                Some((_, name, true)) => return Ok(Err(PeopleError::Removed(name))),
                Some((person, name, false)) => (person, name),
                None => match make(transaction, identity, at, now)? {
                    Ok(person) => (person, identity.name.clone()),
                    Err(error) => return Ok(Err(error)),
                },
            };
            let done = update(transaction, person, &name, identity, now)?;
            admitted = Some(Admitted { name, role: identity.role, person, identity: identity.clone() });
            Ok(done)
        })?;
        admitted.ok_or(PeopleError::Time)
    }

    /// Signs in for as long as the provider's word holds.
    pub fn begin_vouched(
        &mut self,
        admitted: &Admitted,
        tokens: &Tokens,
        through: &str,
        lifetime: Lifetime,
        holds_for: Duration,
        now: SystemTime,
    ) -> Result<Option<Secret>, PeopleError> {
        let token = new_token()?;
        let at = milliseconds(now)?;
        let sealed = seal(&token, tokens)?;
        let mut begun = false;
        self.write(|transaction| {
            tidy_visits(transaction, at, through, lifetime)?;
            let sql = "INSERT INTO visits (token, person, through, began, seen, by_provider)
                       SELECT ?1, id, ?3, ?4, ?4, 1 FROM people WHERE id = ?2 AND removed IS NULL";
            begun = transaction.execute(sql, params![hashed(&token), admitted.person, through, at])? > 0;
            if begun {
                let sql = "INSERT INTO vouched (visit, issuer, subject, sealed, said, asked, until) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)";
                let Identity { issuer, subject, .. } = &admitted.identity;
                transaction.execute(sql, params![hashed(&token), issuer, subject, sealed, at, at.saturating_add(whole(holds_for))])?;
                bound_visits(transaction, admitted.person)?;
            }
            Ok(Ok(()))
        })?;
        Ok(begun.then_some(token))
    }

    /// The visit, if the provider is to be asked about it now; whoever gets it asks, and nobody else meanwhile.
    pub fn due(&self, token: &str, refresh: Duration, now: SystemTime) -> Result<Option<Due>, PeopleError> {
        let token = Secret::new(token);
        let at = milliseconds(now)?;
        let pause = refresh.min(PAUSE);
        let found = self.read(|connection| {
            let sql = "UPDATE vouched SET asked = ?2 WHERE visit = ?1 AND (said <= ?3 OR said > ?2) AND (asked <= ?4 OR asked > ?2)
                       RETURNING issuer, subject, sealed";
            let row = params![hashed(&token), at, at.saturating_sub(whole(refresh)), at.saturating_sub(whole(pause))];
            connection.query_row(sql, row, |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Vec<u8>>(2)?))).optional()
        })?;
        let Some((issuer, subject, sealed)) = found else { return Ok(None) };
        let identity =
            Identity { issuer, subject, name: String::new(), aliases: BTreeSet::new(), role: Role::Auditor, groups: BTreeSet::new() };
        let named = self.read(|connection| known(connection, &identity))?;
        let name = named.map(|(_, name, _)| name).unwrap_or_default();
        // What cannot be opened is asked about with nothing, and so not renewed.
        Ok(Some(Due { name, identity, tokens: open(&token, &sealed).unwrap_or_default() }))
    }

    /// The tokens of a visit that ends.
    pub fn tokens(&self, token: &str) -> Result<Option<Tokens>, StateError> {
        let token = Secret::new(token);
        let sql = "SELECT sealed FROM vouched WHERE visit = ?1";
        let sealed: Option<Vec<u8>> = self.read(|connection| connection.query_row(sql, [hashed(&token)], |row| row.get(0)).optional())?;
        Ok(sealed.map(|sealed| open(&token, &sealed).unwrap_or_default()))
    }

    /// The provider said yes again: what it says of the person now counts.
    pub fn renew(
        &mut self,
        token: &str,
        identity: &Identity,
        tokens: &Tokens,
        holds_for: Duration,
        now: SystemTime,
    ) -> Result<(), PeopleError> {
        let token = Secret::new(token);
        let sealed = seal(&token, tokens)?;
        let at = milliseconds(now)?;
        self.write(|transaction| {
            let Some((person, name, false)) = known(transaction, identity)? else { return Ok(Ok(())) };
            let sql = "UPDATE vouched SET sealed = ?2, said = ?3, until = ?4 WHERE visit = ?1";
            transaction.execute(sql, params![hashed(&token), sealed, at, at.saturating_add(whole(holds_for))])?;
            update(transaction, person, &name, identity, now)
        })
    }

    /// Lets somebody in again who was removed here: their next sign-in at the provider makes a new person of them.
    pub fn readmit(&mut self, name: &str, by: &str, now: SystemTime) -> Result<(), PeopleError> {
        self.write(|transaction| {
            let sql = "SELECT role, os_user FROM people WHERE name = ?1 AND removed IS NOT NULL
                       AND id IN (SELECT person FROM identities) ORDER BY id DESC LIMIT 1";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
            let Some((role, os_user)) = transaction.query_row(sql, [name], read).optional()? else {
                return Ok(Err(PeopleError::Unknown(name.to_owned())));
            };
            let sql = "DELETE FROM identities WHERE person IN (SELECT id FROM people WHERE name = ?1 AND removed IS NOT NULL)";
            transaction.execute(sql, [name])?;
            let person = NewPerson { name: name.to_owned(), role: super::store::role(&role), os_user };
            put(transaction, Change::Changed, &person, by, now)
        })
    }
}

/// The person that this identity is, and whether they were removed here.
fn known(connection: &Connection, identity: &Identity) -> rusqlite::Result<Option<(i64, String, bool)>> {
    let sql =
        "SELECT people.id, name, removed IS NOT NULL FROM identities JOIN people ON people.id = person WHERE issuer = ?1 AND subject = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    connection.query_row(sql, (&identity.issuer, &identity.subject), read).optional()
}

fn make(transaction: &Transaction<'_>, identity: &Identity, at: i64, now: SystemTime) -> rusqlite::Result<Result<i64, PeopleError>> {
    if let Err(error) = check(&identity.name) {
        return Ok(Err(error));
    }
    if let Some(taken) = taken(transaction, &identity.name)? {
        return Ok(Err(taken));
    }
    let person = NewPerson { name: identity.name.clone(), role: identity.role, os_user: acts_as(identity) };
    if let Err(error) = super::store::insert(transaction, &person, at)? {
        return Ok(Err(error));
    }
    let id = transaction.last_insert_rowid();
    let sql = "INSERT INTO identities (issuer, subject, person) VALUES (?1, ?2, ?3)";
    transaction.execute(sql, (&identity.issuer, &identity.subject, id))?;
    Ok(put(transaction, Change::Added, &person, &identity.issuer, now)?.map(|()| id))
}

/// Who else has this name, however it is written.
fn taken(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<PeopleError>> {
    let folded = name.to_lowercase();
    let among = |sql: &str| -> rusqlite::Result<bool> {
        let mut statement = transaction.prepare(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            if row.get::<_, String>(0)?.to_lowercase() == folded {
                return Ok(true);
            }
        }
        Ok(false)
    };
    if among("SELECT name FROM agents WHERE revoked IS NULL")? {
        return Ok(Some(PeopleError::IsAgent(name.to_owned())));
    }
    let people = "SELECT name FROM people WHERE removed IS NULL UNION ALL SELECT os_user FROM people WHERE removed IS NULL";
    Ok(among(people)?.then(|| PeopleError::Exists(name.to_owned())))
}

/// The subject, so that the record says who it was; a hash of it where that is too long or somebody else's.
fn acts_as(identity: &Identity) -> String {
    let plain = format!("{MARK}{}", identity.subject);
    if is_name(&plain) {
        return plain;
    }
    let hash = digest(&SHA256, format!("{}\n{}", identity.issuer, identity.subject).as_bytes());
    let short: String = URL_SAFE_NO_PAD.encode(hash.as_ref());
    format!("{MARK}{short}")
}

/// What the provider says of the person counts from now on, in each of their sessions.
fn update(
    transaction: &Transaction<'_>,
    person: i64,
    name: &str,
    identity: &Identity,
    now: SystemTime,
) -> rusqlite::Result<Result<(), PeopleError>> {
    for sql in ["DELETE FROM person_groups WHERE person = ?1", "DELETE FROM person_aliases WHERE person = ?1"] {
        transaction.execute(sql, [person])?;
    }
    for group in &identity.groups {
        transaction.execute("INSERT INTO person_groups (person, name) VALUES (?1, ?2)", (person, group))?;
    }
    for alias in &identity.aliases {
        transaction.execute("INSERT INTO person_aliases (person, name) VALUES (?1, ?2)", (person, alias))?;
    }
    let sql = "UPDATE people SET role = ?2 WHERE id = ?1 AND role <> ?2 RETURNING os_user";
    match transaction.query_row(sql, (person, identity.role.word()), |row| row.get(0)).optional()? {
        None => Ok(Ok(())),
        Some(os_user) => {
            let person = NewPerson { name: name.to_owned(), role: identity.role, os_user };
            put(transaction, Change::Changed, &person, &identity.issuer, now)
        }
    }
}

pub(super) fn aliases(connection: &Connection, person: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached("SELECT name FROM person_aliases WHERE person = ?1 ORDER BY name")?;
    statement.query_map([person], |row| row.get(0))?.collect()
}

#[derive(Serialize, Deserialize)]
struct Kept<T> {
    refresh: Option<T>,
    id: Option<T>,
}

/// Sealed under what only the visitor's browser has: the database alone, or a copy of it, opens nothing at the provider.
fn key(token: &Secret) -> Option<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, b"pgsluice tokens of a provider").extract(token.expose().as_bytes());
    let okm = secret.expand(&[b"seal"], &CHACHA20_POLY1305).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(okm)))
}

fn seal(token: &Secret, tokens: &Tokens) -> Result<Vec<u8>, StateError> {
    let kept = Kept { refresh: tokens.refresh.as_ref().map(Secret::expose), id: tokens.id.as_ref().map(Secret::expose) };
    let mut bytes = Zeroizing::new(serde_json::to_vec(&kept).map_err(|_| StateError::Random)?);
    let nonce = scram::random::<NONCE_LEN>().map_err(|_| StateError::Random)?;
    let key = key(token).ok_or(StateError::Random)?;
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut *bytes).map_err(|_| StateError::Random)?;
    Ok([nonce.as_slice(), &bytes].concat())
}

fn open(token: &Secret, sealed: &[u8]) -> Option<Tokens> {
    let (nonce, rest) = sealed.split_at_checked(NONCE_LEN)?;
    let mut bytes = Zeroizing::new(rest.to_vec());
    let plain = key(token)?.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, Aad::empty(), &mut bytes).ok()?;
    let kept: Kept<String> = serde_json::from_slice(plain).ok()?;
    Some(Tokens { refresh: kept.refresh.map(Secret::new), id: kept.id.map(Secret::new) })
}
