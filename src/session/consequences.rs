//! What the statements of one message make of the session when the server has done them: prepared statements and cursors by name,
//! settings, transactions. Only what the server confirmed counts, one command after the other.

use std::rc::Rc;
use std::sync::Arc;

use crate::gate::Grounds;
use crate::mask::message::{self, Source};
use crate::sql::effect::Effect;
use crate::sql::facts::{Discard, Facts, Named, Opaque, Statement as Told, Transaction};

use super::columns::{Portal, Statement};
use super::linked::{Linked, named};
use super::output::Output;
use super::recording::Text;

/// The statements of a message on its way, and how far the server has come with them.
#[derive(Debug)]
pub struct Work {
    facts: Arc<Facts>,
    /// The text that prepared statements and cursors come from, where it makes some.
    source: Option<Rc<Statement>>,
    done: usize,
    /// The text, where errors may repeat what stands in it and nothing else.
    text: Option<Box<[u8]>>,
    /// The command it stands for, where an empty statement went up in its place.
    pub stands_for: Option<&'static str>,
}

impl Work {
    pub fn new(facts: Arc<Facts>, source: impl FnOnce() -> Rc<Statement>) -> Self {
        let made = |named: &Named| matches!(named, Named::Prepare(_) | Named::Declare { .. });
        let makes = facts.statements.iter().flat_map(|statement| &statement.named).any(made);
        Self { facts, source: makes.then(source), done: 0, text: None, stands_for: None }
    }

    /// Of a simple query. A text that is longer is not kept: what errors quote is then taken for values.
    pub fn of_query(facts: &Arc<Facts>, sql: &[u8], text: &Text) -> Self {
        const KEPT: usize = 8 << 10;
        let kept = sql.len() <= KEPT && !message::reads(facts);
        let work = Self::new(Arc::clone(facts), || Rc::new(Statement::plain(facts, sql, text)));
        Self { text: kept.then(|| sql.into()), ..work }
    }

    /// What an error that it is answered by may speak of.
    pub fn source(&self) -> Source<'_> {
        Source { text: self.text.as_deref().unwrap_or_default(), facts: Some(&self.facts), runs: true }
    }

    /// An empty statement in the place of a command that is not for the server.
    pub fn standing_for(command: &'static str) -> Self {
        Self { stands_for: Some(command), ..Self::none() }
    }

    /// Nothing follows from it.
    pub fn none() -> Self {
        Self { facts: Arc::default(), source: None, done: 0, text: None, stands_for: None }
    }

    /// How many of its statements the server has done.
    pub fn done(&self) -> usize {
        self.done
    }

    pub fn facts(&self) -> &Arc<Facts> {
        &self.facts
    }

    pub fn changes_names(&self) -> bool {
        let changes = |named: &Named| match named {
            Named::Prepare(_) | Named::Deallocate(_) | Named::Declare { .. } | Named::Close(_) | Named::Discard(_) => true,
            Named::Execute(_) | Named::Fetch { .. } | Named::Listen(_) | Named::Unlisten(_) | Named::Notify(_) => false,
        };
        self.facts.statements.iter().flat_map(|statement| &statement.named).any(changes)
    }
}

/// A statement made of another's text: `PREPARE` and `DECLARE` are one with what they hold.
fn made_of(source: &Statement, facts: Facts) -> Rc<Statement> {
    Rc::new(Statement::plain(&Arc::new(facts), &source.sql, &source.text))
}

/// What one of several statements is known by.
fn alone(facts: &Facts, told: &Told) -> Facts {
    Facts {
        statements: vec![told.clone()],
        effects: told.effects,
        opaque: facts.opaque,
        value_dependent: facts.value_dependent,
        literals_matter: facts.literals_matter,
    }
}

impl Linked {
    /// A message is on its way: what it sets may be in force from here on.
    pub(super) fn sent(&mut self, facts: &Facts, grounds: Option<&Grounds>, sql: &[u8], by_approval: bool) {
        let effects = grounds.map_or(facts.effects, |grounds| grounds.effects);
        self.settings.sent(facts, effects, sql);
        let code = effects.has(Effect::Code);
        // A policy that lets code pass has let all of its doings pass; an approval was for one run, not for what it leaves behind.
        let block = |told: &Told| told.kind == "DO";
        let unread = facts.opaque.is_some_and(|reason| reason != Opaque::Prepared);
        if unread || code && by_approval || facts.statements.iter().any(block) {
            self.statements.all_remade();
            self.portals.all_remade();
        }
    }

    /// The server has done one command of the head.
    pub(super) fn command_done(&mut self, tag: &[u8], out: &mut Output) {
        match tag {
            b"DEALLOCATE ALL" => self.statements.forget_all(),
            b"DISCARD ALL" => {
                self.statements.forget_all();
                self.portals.forget_all();
            }
            _ => {}
        }
        let Some(work) = self.expected.head_work() else { return };
        let (facts, source) = (Arc::clone(&work.facts), work.source.clone());
        let Some(told) = facts.statements.get(work.done) else { return };
        work.done = work.done.saturating_add(1);
        for named in &told.named {
            self.named(named, &facts, told, source.as_deref());
        }
        self.settings.completed(told);
        if let Some(transaction) = told.transaction {
            self.transaction_done(transaction, tag == b"ROLLBACK", &facts, out);
        }
    }

    fn named(&mut self, named: &Named, facts: &Facts, told: &Told, source: Option<&Statement>) {
        match (named, source) {
            (Named::Prepare(name), Some(source)) => self.statements.confirm(name.as_bytes(), &made_of(source, alone(facts, told))),
            (Named::Declare { cursor, hold }, Some(source)) => {
                let statement = made_of(source, alone(facts, told));
                let (paths, text) = (self.settings.paths(true, &Facts::default()), statement.text.clone());
                // What it reads was judged when it was declared.
                let fetch = Told { kind: "FETCH", effects: Effect::Read.alone(), ..Told::default() };
                let whole = Arc::new(Facts { effects: fetch.effects, statements: vec![fetch], ..Facts::default() });
                let portal = Portal {
                    paths,
                    whole,
                    is_cursor: true,
                    made_by: self.grounds_of_head(),
                    holds: *hold,
                    ..Portal::plain(Some(statement), &text, text.plain())
                };
                portal.begun.set(true);
                let portal = Rc::new(portal);
                self.portals.confirm(cursor.as_bytes(), &portal);
            }
            (Named::Deallocate(Some(name)), _) => self.statements.confirm_close(name.as_bytes()),
            (Named::Close(Some(name)), _) => self.portals.confirm_close(name.as_bytes()),
            (Named::Close(None), _) => self.portals.forget_all(),
            (Named::Discard(Discard::All), _) => self.settings.discarded(),
            (Named::Prepare(_) | Named::Declare { .. } | Named::Deallocate(None) | Named::Discard(_), _) => {}
            (Named::Execute(_) | Named::Fetch { .. } | Named::Listen(_) | Named::Unlisten(_) | Named::Notify(_), _) => {}
        }
    }

    fn transaction_done(&mut self, transaction: Transaction, rolled_back: bool, facts: &Facts, out: &mut Output) {
        match transaction {
            Transaction::Commit | Transaction::Prepare | Transaction::Rollback => {
                if rolled_back {
                    self.settings.rolled_back();
                } else {
                    self.settings.committed();
                }
                // In a string of several statements it need not have ended all that the string did.
                self.reserved.ended(rolled_back && facts.statements.len() == 1, out);
            }
            Transaction::RollbackTo => self.settings.rolled_back_to(),
            Transaction::Begin | Transaction::Savepoint | Transaction::Release => {}
            Transaction::CommitPrepared | Transaction::RollbackPrepared => {}
        }
    }

    /// The facts of a text together with those of the prepared statements that it runs, and these. A name that is not known, or whose
    /// statement may be another by then, leaves it opaque.
    pub(super) fn whole(&self, facts: &Arc<Facts>) -> Whole {
        let runs = |named: &Named| matches!(named, Named::Execute(_));
        if !facts.statements.iter().flat_map(|told| &told.named).any(runs) {
            return Whole { facts: Arc::clone(facts), prepared: Vec::new() };
        }
        let mut whole = Facts::clone(facts);
        let mut prepared: Vec<Rc<Statement>> = Vec::new();
        let (mut within, mut unknown): (Vec<&str>, bool) = (Vec::new(), false);
        for name in facts.statements.iter().flat_map(|told| &told.named) {
            match name {
                // What is prepared by the same text is among its facts already.
                Named::Prepare(name) => within.push(name),
                Named::Deallocate(_) | Named::Discard(_) => unknown = true,
                Named::Execute(name) if within.contains(&&**name) => {}
                Named::Execute(name) => match named(&self.statements, name.as_bytes()) {
                    Some(statement) if !unknown && statement.claim.is_none() => {
                        let run = statement.facts.statements.iter().map(|told| run_by_name(told.clone()));
                        let before = whole.statements.len();
                        whole.statements.extend(run);
                        whole.effects |= statement.facts.effects;
                        for told in whole.statements.iter().skip(before) {
                            whole.effects |= told.effects;
                        }
                        whole.opaque = Opaque::graver(whole.opaque, statement.facts.opaque);
                        unknown |= statement.facts.opaque.is_some();
                        whole.literals_matter |= statement.facts.literals_matter;
                        prepared.push(statement);
                    }
                    Some(_) | None => unknown = true,
                },
                Named::Declare { .. } | Named::Fetch { .. } | Named::Close(_) => {}
                Named::Listen(_) | Named::Unlisten(_) | Named::Notify(_) => {}
            }
        }
        if !unknown && whole.opaque == Some(Opaque::Prepared) {
            whole.opaque = None;
            whole.effects = whole.effects.without(Effect::Opaque.alone());
            for told in &mut whole.statements {
                told.effects = told.effects.without(Effect::Opaque.alone());
                told.without_names = told.without_names.without(Effect::Opaque.alone());
            }
        }
        Whole { facts: Arc::new(whole), prepared }
    }
}

/// The values that an EXECUTE brings are in its own text, and nobody looks at what range of rows they leave.
fn run_by_name(mut told: Told) -> Told {
    if told.bounds.excludes_rows.is_some() && told.effects.has(Effect::Write) {
        told.effects |= Effect::UnboundedWrite.alone();
        told.without_names |= Effect::UnboundedWrite.alone();
    }
    told
}

impl Whole {
    /// Types made by users that parameters were declared to have, of the text's own and of what it runs by name.
    pub fn types(&self, own: &[u32]) -> Vec<u32> {
        let prepared = self.prepared.iter().flat_map(|statement| &statement.made);
        own.iter().chain(prepared).copied().collect()
    }
}

/// What running a text does, with all that it runs by name.
#[derive(Debug)]
pub struct Whole {
    pub facts: Arc<Facts>,
    /// The prepared statements it runs: they are part of what its text means.
    pub prepared: Vec<Rc<Statement>>,
}
