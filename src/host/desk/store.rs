//! Holds in the state database: what a restart needs and the journal does not say. The journal is the truth; what is here follows it.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::book::Entry;
use super::grants::StandingGrant;
use super::matter::Matter;
use super::seal::{Part, SealError, Sealer};
use super::talk;
use super::view::{About, Ruled};
use crate::audit::Digest;
use crate::gate::hold::{Deliberation, HoldId, Standing, State as HoldState};
use crate::host::state::{State, StateError};

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

#[derive(Debug)]
pub struct Store {
    state: State,
    connection: Connection,
    sealer: Sealer,
    epoch: u32,
}

/// A hold as it was kept.
#[derive(Debug)]
pub struct Kept {
    pub standing: Standing,
    pub bound: Digest,
    pub seq: u64,
    /// `None` where it was sealed otherwise than now.
    pub about: Option<About>,
    pub matter: Option<Matter>,
    pub ruled: Option<Ruled>,
    pub talk: Deliberation,
}

impl Store {
    pub fn open(state: &State) -> Result<Self, StateError> {
        let epoch = state.epoch()?;
        let sealer =
            Sealer::load(state.folder(), epoch).map_err(|reason| StateError::Folder { folder: state.folder().to_owned(), reason })?;
        let connection = state.connect()?;
        // What power takes from here is made up from the journal.
        connection.pragma_update(None, "synchronous", "normal").map_err(|error| state.error(error))?;
        Ok(Self { state: state.clone(), connection, sealer, epoch })
    }

    fn error(&self, error: rusqlite::Error) -> StoreError {
        self.state.error(error).into()
    }

    /// All that is kept. Of another epoch only the standing is read, and what cannot be opened is left out: nothing runs by either.
    pub fn load(&self) -> Result<Vec<Kept>, StoreError> {
        let read = || {
            let mut all = self.connection.prepare("SELECT id, epoch, seq, state, until, bound, about, matter, ruled, talk FROM hold")?;
            let rows = all.query_map((), |row| self.kept(row))?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.error(error))
    }

    fn kept(&self, row: &Row<'_>) -> rusqlite::Result<Kept> {
        let id = HoldId::of(unsigned(row.get(0)?));
        let ours = row.get::<_, u32>(1)? == self.epoch;
        let word: String = row.get(3)?;
        let state = HoldState::ALL.into_iter().find(|state| state.word() == word).unwrap_or(HoldState::Withdrawn);
        let open = |part, sealed: Option<Vec<u8>>| sealed.filter(|_| ours).and_then(|sealed| self.sealer.open(id, part, &sealed).ok());
        let about = open(Part::About, row.get(6)?).and_then(|bytes| About::read(&bytes).ok());
        let matter = open(Part::Matter, row.get(7)?).and_then(|bytes| Matter::read(&bytes).ok());
        let ruled = open(Part::Ruled, row.get(8)?).and_then(|bytes| Ruled::read(&bytes).ok());
        let talk = open(Part::Talk, row.get(9)?).and_then(|bytes| talk::read(&bytes).ok()).unwrap_or_default();
        let standing = Standing { id, state, until: unsigned(row.get(4)?) };
        Ok(Kept { standing, bound: Digest(row.get(5)?), seq: unsigned(row.get(2)?), about, matter, ruled, talk })
    }

    /// Keeps a hold before it is on the record.
    pub fn insert(&self, standing: Standing, bound: Digest, about: &About, matter: &Matter) -> Result<(), StoreError> {
        let id = standing.id;
        let about = self.sealer.seal(id, Part::About, &about.write())?;
        let matter = self.sealer.seal(id, Part::Matter, &matter.write())?;
        let sql = "INSERT INTO hold (id, epoch, seq, state, until, bound, about, matter) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)";
        let row = (signed(id.number()), self.epoch, standing.state.word(), signed(standing.until), bound.0, about, matter);
        self.connection.execute(sql, row).map(drop).map_err(|error| self.error(error))
    }

    /// Brings what changed up to date; what was held is erased where nothing can run by it any more.
    pub fn update(&mut self, entries: &[&Entry]) -> Result<(), StoreError> {
        let mut erased = false;
        let mut rows = Vec::new();
        for entry in entries {
            let id = entry.standing.id;
            let ruled = entry.ruled.as_ref().map(|ruled| self.sealer.seal(id, Part::Ruled, &ruled.write())).transpose()?;
            let talk = Some(&entry.talk).filter(|talk| !talk::is_empty(talk));
            let talk = talk.map(|talk| self.sealer.seal(id, Part::Talk, &talk::write(talk))).transpose()?;
            let closed = !entry.standing.state.is_open();
            erased |= closed;
            let standing = entry.standing;
            rows.push((signed(id.number()), signed(entry.seq), standing.state.word(), signed(standing.until), ruled, closed, talk));
        }
        let write = || {
            let transaction = self.connection.transaction()?;
            let sql = "UPDATE hold SET seq = ?2, state = ?3, until = ?4, ruled = ?5, matter = iif(?6, NULL, matter), talk = ?7
                       WHERE id = ?1";
            for row in rows {
                transaction.execute(sql, row)?;
            }
            transaction.commit()
        };
        let written = write();
        written.map_err(|error| self.error(error))?;
        if erased {
            self.clean();
        }
        Ok(())
    }

    /// Standing grants that are kept; what cannot be opened, or is of another epoch, is its number alone.
    pub fn grants(&self) -> Result<Vec<(HoldId, Option<StandingGrant>)>, StoreError> {
        let read = || {
            let mut all = self.connection.prepare("SELECT id, epoch, seq, used, terms FROM standing_grant")?;
            let rows = all.query_map((), |row| {
                let id = HoldId::of(unsigned(row.get(0)?));
                let (epoch, seq, used): (u32, i64, u32) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let sealed: Vec<u8> = row.get(4)?;
                let terms = Some(sealed).filter(|_| epoch == self.epoch).and_then(|sealed| self.sealer.open(id, Part::Terms, &sealed).ok());
                Ok((id, terms.and_then(|terms| StandingGrant::read(id, used, unsigned(seq), &terms).ok())))
            })?;
            rows.collect::<Result<Vec<_>, _>>()
        };
        read().map_err(|error| self.error(error))
    }

    /// Keeps a standing grant before it is on the record.
    pub fn insert_grant(&self, standing: &StandingGrant) -> Result<(), StoreError> {
        let terms = self.sealer.seal(standing.id, Part::Terms, &standing.write())?;
        let sql = "INSERT INTO standing_grant (id, epoch, seq, used, terms) VALUES (?1, ?2, 0, ?3, ?4)";
        let row = (signed(standing.id.number()), self.epoch, standing.lasting.used, terms);
        self.connection.execute(sql, row).map(drop).map_err(|error| self.error(error))
    }

    /// How often they were used, by which record.
    pub fn update_grants(&mut self, all: &[&StandingGrant]) -> Result<(), StoreError> {
        let mut write = || {
            let transaction = self.connection.transaction()?;
            for standing in all {
                let row = (signed(standing.id.number()), signed(standing.seq), standing.lasting.used);
                transaction.execute("UPDATE standing_grant SET seq = ?2, used = ?3 WHERE id = ?1", row)?;
            }
            transaction.commit()
        };
        let written = write();
        written.map_err(|error| self.error(error))
    }

    pub fn delete_grants(&self, grants: &[HoldId]) -> Result<(), StoreError> {
        let delete =
            |grant: &HoldId| self.connection.execute("DELETE FROM standing_grant WHERE id = ?1", [signed(grant.number())]).map(drop);
        grants.iter().try_for_each(delete).map_err(|error| self.error(error))
    }

    pub fn delete(&self, holds: &[HoldId]) -> Result<(), StoreError> {
        let delete = |hold: &HoldId| self.connection.execute("DELETE FROM hold WHERE id = ?1", [signed(hold.number())]).map(drop);
        holds.iter().try_for_each(delete).map_err(|error| self.error(error))
    }

    /// What was erased is to be in the log of the database no longer either. Who reads just now may stand in the way: then the next one
    /// takes it along.
    fn clean(&self) {
        let checkpoint = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
        if let Err(error) = checkpoint {
            tracing::debug!(%error, "the log of the state database is emptied later");
        }
    }

    /// Up to which record the holds are as the journal says, if it is this journal.
    pub fn cursor(&self, journal: Digest) -> Result<Option<u64>, StoreError> {
        let read = |row: &Row<'_>| Ok((Digest(row.get(0)?), unsigned(row.get(1)?)));
        let found = self.connection.query_row("SELECT journal, seq FROM desk", (), read).optional().map_err(|error| self.error(error))?;
        Ok(found.filter(|(of, _)| *of == journal).map(|(_, seq)| seq))
    }

    pub fn move_cursor(&self, journal: Digest, seq: u64) -> Result<(), StoreError> {
        let sql = "INSERT INTO desk (one, journal, seq) VALUES (1, ?1, ?2)
                   ON CONFLICT (one) DO UPDATE SET journal = excluded.journal, seq = excluded.seq";
        self.connection.execute(sql, (journal.0, signed(seq))).map(drop).map_err(|error| self.error(error))
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
