//! Turns records into the index, a batch at a time: what a batch brought and how far the journal was read are committed together,
//! so that the end of the process at any point leaves a whole index of a shorter journal.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, params};

use super::block::{Row, flags};
use super::dictionary::{Dictionary, NO_RELATIONS};
use super::event::{self, Told};
use super::held::Blocks;
use super::open::Open;
use super::tally::Tally;
use super::{IndexError, Trouble, connect, forget, from_sql, run, to_sql};
use crate::audit::event::{Ended, Kind, Sent, SignedIn, Statement};
use crate::audit::{Digest, Event, Hash};

/// How far the journal was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cursor {
    pub journal: Digest,
    /// The last record that is in the index, and its hash.
    pub seq: u64,
    pub hash: Hash,
    /// Records up to here were removed.
    pub pruned: u64,
}

/// A record to be indexed.
#[derive(Debug)]
pub struct Item {
    pub seq: u64,
    pub time: u64,
    pub hash: Hash,
    pub kind: Kind,
    /// Missing where it cannot be read.
    pub event: Option<Event>,
    /// The one that it erases the body of.
    pub erases: Option<Event>,
}

/// Writes the index.
#[derive(Debug)]
pub struct Indexer {
    file: PathBuf,
    pub(super) db: Connection,
    cursor: Cursor,
    dictionary: Dictionary,
    blocks: Blocks,
    open: Open,
    tally: Tally,
    /// The last record of the last run.
    listed: u64,
    run_blocks: usize,
    in_batch: bool,
    forgets: bool,
    unread: u64,
}

impl Indexer {
    /// Opens an index, or makes one. `None` where there is one of another version.
    pub fn open(file: &Path) -> Result<Option<Self>, IndexError> {
        Self::load(file, run::BLOCKS).map_err(|trouble| trouble.of(file))
    }

    pub(super) fn load(file: &Path, run_blocks: usize) -> Result<Option<Self>, Trouble> {
        let Some(db) = connect(file)? else { return Ok(None) };
        let cursor = db
            .query_row("SELECT journal, seq, hash, pruned FROM cursor", (), |row| {
                let (seq, pruned) = (from_sql(row.get(1)?), from_sql(row.get(3)?));
                Ok(Cursor { journal: Digest(row.get(0)?), seq, hash: Hash(row.get(2)?), pruned })
            })
            .optional()?
            .unwrap_or_default();
        Ok(Some(Self {
            file: file.to_owned(),
            cursor,
            dictionary: Dictionary::default(),
            blocks: Blocks::load(&db)?,
            open: Open::load(&db)?,
            tally: Tally::default(),
            listed: run::last(&db)?,
            run_blocks,
            in_batch: false,
            forgets: false,
            unread: 0,
            db,
        }))
    }

    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Begins to index a journal from its first record on. The index has to be new.
    pub fn begin(&mut self, journal: Digest) {
        self.cursor = Cursor { journal, ..Cursor::default() };
    }

    /// Takes in one record. It is there for readers when `commit` has returned; after an error this indexer is to be dropped.
    pub fn apply(&mut self, item: &Item) -> Result<(), IndexError> {
        self.take(item).map_err(|trouble| trouble.of(&self.file))
    }

    fn take(&mut self, item: &Item) -> Result<(), Trouble> {
        if !self.in_batch {
            self.db.execute_batch("BEGIN IMMEDIATE")?;
            self.in_batch = true;
        }
        if let Some(event) = &item.event {
            self.event(item, event)?;
        } else {
            // It stays in the journal, and `verify` tells of it if it is damaged.
            self.unread = self.unread.saturating_add(1);
        }
        (self.cursor.seq, self.cursor.hash) = (item.seq, item.hash);
        Ok(())
    }

    fn event(&mut self, item: &Item, event: &Event) -> Result<(), Trouble> {
        #[allow(clippy::wildcard_enum_match_arm, reason = "these have a place of their own; all others are told in words")]
        match event {
            Event::Begun(begun) => self.statement(item, &begun.statement, begun.body.as_deref(), flags::BEGUN, None)?,
            Event::Prepared(prepared) => self.statement(item, &prepared.statement, prepared.body.as_deref(), flags::PREPARED, None)?,
            Event::Refused(refused) => {
                self.statement(item, &refused.statement, refused.body.as_deref(), flags::REFUSED, Some(&refused.code))?;
            }
            Event::Ended(ended) => self.ended(ended)?,
            Event::ShapeMet(met) => {
                if let Some(body) = &met.body {
                    self.dictionary.text(&self.db, met.shape, &body.text)?;
                    let set = self.dictionary.shape_names(&self.db, met.shape, &body.relations)?;
                    self.tally.set(set, 1);
                }
            }
            Event::SignedIn(who) => self.session(item.seq, who, who.body.as_ref().and_then(|body| body.application.as_deref()))?,
            Event::Continued(more) => {
                self.session(more.session, &more.who, more.body.as_ref().and_then(|body| body.application.as_deref()))?;
            }
            Event::SignedOut(out) => {
                self.open.session_ended(out.session);
                self.dictionary.session_ended(out.session);
                let numbers = [out.session, item.seq].map(to_sql);
                self.db.prepare_cached("UPDATE sessions SET ended = ?2 WHERE session = ?1")?.execute(numbers)?;
            }
            Event::Pruned(pruned) => self.cursor.pruned = pruned.seq.max(self.cursor.pruned),
            Event::Erased(erased) => {
                if let Some(event) = &item.erases {
                    self.erase(erased.seq, event)?;
                }
            }
            _ => {}
        }
        if let Some(mut told) = Told::of(event) {
            if matches!(event, Event::SignedIn(_)) {
                told.session = Some(item.seq);
            }
            if let (Some(session), None) = (told.session, &told.agent) {
                let sql = "SELECT agents.name FROM sessions JOIN agents ON agents.id = sessions.agent WHERE session = ?1";
                told.agent = self.db.prepare_cached(sql)?.query_row([to_sql(session)], |row| row.get(0)).optional()?;
            }
            event::insert(&self.db, item.seq, item.time, item.kind, &told)?;
        }
        Ok(())
    }

    fn session(&mut self, session: u64, who: &SignedIn, application: Option<&str>) -> Result<(), Trouble> {
        let agent = self.dictionary.agent(&self.db, who.agent_id, &who.agent, &who.owner)?;
        self.dictionary.session_began(session, agent);
        let sql = "INSERT INTO sessions (session, agent, environment, database, role, address, tls, application)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (session) DO NOTHING";
        let (session, agent) = (to_sql(session), to_sql(agent));
        let row = params![session, agent, who.environment, who.database, who.role, who.address, who.tls, application];
        self.db.prepare_cached(sql)?.execute(row)?;
        Ok(())
    }

    fn statement(&mut self, item: &Item, statement: &Statement, body: Option<&Sent>, kind: u64, code: Option<&str>) -> Result<(), Trouble> {
        let relations = body.map_or(&[][..], |body| &body.relations);
        let shape = self.dictionary.shape(&self.db, statement.shape)?;
        let relations = match (relations, shape.relations) {
            // What the shape is heard to name later is not listed under this one.
            ([], 0) => NO_RELATIONS,
            ([], _) => 0,
            (own, _) => self.dictionary.relations(&self.db, own)?,
        };
        let row = Row {
            seq: item.seq,
            time: item.time,
            session: statement.session,
            number: statement.number,
            agent: self.dictionary.agent_of(&self.db, statement.session)?,
            shape: shape.id,
            flags: kind
                | if statement.in_transaction { flags::IN_TRANSACTION } else { 0 }
                | (statement.way as u64) << flags::WAY
                | (statement.verdict as u64) << flags::VERDICT,
            effects: statement.effects.map_or(0, |effects| u64::from(effects).saturating_add(1)),
            rule: statement.rule.as_deref().map_or(Ok(0), |rule| self.dictionary.name(&self.db, rule))?,
            hold: statement.hold.map_or(0, |hold| hold.saturating_add(1)),
            code: code.map_or(Ok(0), |code| self.dictionary.name(&self.db, code))?,
            length: statement.length.into(),
            parameters: statement.parameters.into(),
            relations,
            ..Row::default()
        };
        self.tally.came(&row);
        self.blocks.push(row);
        if kind != flags::REFUSED {
            self.open.began(statement.session, statement.number, item.seq, kind == flags::PREPARED);
        }
        Ok(())
    }

    fn ended(&mut self, ended: &Ended) -> Result<(), Trouble> {
        // Its beginning may have been pruned.
        let Some(seq) = self.open.ended(ended.session, ended.number) else { return Ok(()) };
        let code = ended.code.as_deref().map_or(Ok(0), |code| self.dictionary.name(&self.db, code))?;
        let command = ended.command.as_deref().map_or(Ok(0), |command| self.dictionary.name(&self.db, command))?;
        let mut kinds = Vec::new();
        for masked in ended.masked.iter().flatten().filter(|masked| masked.count > 0) {
            kinds.push((self.dictionary.name(&self.db, &masked.kind)?, masked.count));
        }
        let changed = self.blocks.change(&self.db, seq, |row| {
            row.flags |= (ended.outcome as u64).saturating_add(1) << flags::OUTCOME;
            row.duration = ended.duration.map_or(0, |duration| duration.saturating_add(1));
            (row.rows, row.bytes, row.received) = (ended.rows, ended.bytes, ended.received);
            row.affected = ended.affected.map_or(0, |affected| affected.saturating_add(1));
            (row.command, row.code) = (command, code);
            row.masked = kinds.iter().fold(0, |sum, (_, count)| count.saturating_add(sum));
            row.kinds = kinds;
        })?;
        if let Some((before, after)) = changed {
            self.tally.changed(&before, &after);
            if seq <= self.listed {
                run::ended_late(&self.db, &after)?;
            }
        }
        Ok(())
    }

    /// The body of record `seq` is gone from the journal: nothing of it stays here.
    fn erase(&mut self, seq: u64, event: &Event) -> Result<(), Trouble> {
        self.forgets = true;
        let clear = "UPDATE sessions SET application = NULL WHERE session = ?1";
        #[allow(clippy::wildcard_enum_match_arm, reason = "whatever else has a body has it in words")]
        match event {
            Event::ShapeMet(met) => {
                self.dictionary.forget_text(&self.db, met.shape)?;
                self.blocks.flush(&self.db)?;
                let set = forget::relations(&self.db, &mut self.dictionary, met.shape)?;
                self.tally.set(set, -1);
                self.blocks = Blocks::load(&self.db)?;
            }
            Event::Begun(_) | Event::Prepared(_) | Event::Refused(_) => {
                // What the shape names stays with the shape.
                let forget = |row: &mut Row| row.relations = row.relations.min(NO_RELATIONS);
                if let Some((before, _)) = self.blocks.change(&self.db, seq, forget)? {
                    self.tally.set(before.relations.saturating_sub(1), -1);
                }
            }
            Event::Continued(more) => drop(self.db.execute(clear, [to_sql(more.session)])?),
            _ => {
                self.db.execute(clear, [to_sql(seq)])?;
                event::forget_words(&self.db, seq)?;
            }
        }
        Ok(())
    }

    /// Puts the batch on record.
    pub fn commit(&mut self) -> Result<(), IndexError> {
        self.finish().map_err(|trouble| trouble.of(&self.file))
    }

    fn finish(&mut self) -> Result<(), Trouble> {
        if !self.in_batch {
            return Ok(());
        }
        self.blocks.flush(&self.db)?;
        self.open.flush(&self.db)?;
        self.tally.flush(&self.db)?;
        if self.forgets {
            forget::sweep(&self.db)?;
            self.dictionary.clear();
        }
        while run::make(&self.db, &mut self.dictionary, self.run_blocks)? {}
        self.listed = run::last(&self.db)?;
        let sql = "INSERT INTO cursor (one, journal, seq, hash, pruned) VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT (one) DO UPDATE SET
                   journal = excluded.journal, seq = excluded.seq, hash = excluded.hash, pruned = excluded.pruned";
        let Cursor { journal, seq, hash, pruned } = self.cursor;
        self.db.execute(sql, params![journal.0, to_sql(seq), hash.0, to_sql(pruned)])?;
        self.db.execute_batch("COMMIT")?;
        self.in_batch = false;
        if self.unread > 0 {
            tracing::warn!(records = self.unread, "the index does not know these records: they are unreadable, or a newer program's");
            self.unread = 0;
        }
        if std::mem::take(&mut self.forgets) {
            forget::scrub(&self.db)?;
        }
        Ok(())
    }

    /// Removes what was pruned from the journal, where that is not done yet. Between batches only.
    pub fn prune(&mut self) -> Result<(), IndexError> {
        self.forget_pruned().map_err(|trouble| trouble.of(&self.file))
    }

    fn forget_pruned(&mut self) -> Result<(), Trouble> {
        let pruned = self.cursor.pruned;
        let sql = "SELECT EXISTS (SELECT 1 FROM cursor WHERE forgotten < ?1)";
        if pruned == 0 || !self.db.query_row(sql, [to_sql(pruned)], |row| row.get::<_, bool>(0))? {
            return Ok(());
        }
        self.blocks.clear();
        self.open.forget_to(pruned);
        let mut more = true;
        while more {
            let transaction = rusqlite::Transaction::new_unchecked(&self.db, rusqlite::TransactionBehavior::Immediate)?;
            more = forget::prune(&transaction, &mut self.dictionary, pruned)?;
            if !more {
                self.open.flush(&transaction)?;
                transaction.execute("UPDATE cursor SET forgotten = ?1", [to_sql(pruned)])?;
            }
            transaction.commit()?;
        }
        self.blocks = Blocks::load(&self.db)?;
        forget::scrub(&self.db)
    }

    /// Leaves one file, with nothing beside it.
    pub fn close(self) -> Result<(), IndexError> {
        forget::scrub(&self.db).and_then(|()| self.db.close().map_err(|(_, error)| error.into())).map_err(|trouble| trouble.of(&self.file))
    }
}
