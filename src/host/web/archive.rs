//! What people read beside holds: the record by its index, agents, the policy in force and how the server does. Every reading of the record is on the
//! record before it is answered; a search is done on a thread that may wait for the disk.

use std::sync::Arc;

use crate::audit::event::{AuditRead, Words};
use crate::gate::judge::Moment;
use crate::gate::policy::Action;
use crate::gate::policy::cases::Trial;
use crate::gate::{Policy, Subject};
use crate::host::agents::{AgentStore, Listed as Agent};
use crate::host::explained::explained;
use crate::host::health::{Ask, Vitals};
use crate::host::in_force::InForce;
use crate::host::index::search::Page;
use crate::host::index::totals::{By, Stats, Top};
use crate::host::index::{Filter, Index, IndexError};
use crate::host::journal::reader::Entry;
use crate::host::journal::{Journal, Unwritable};
use crate::host::people::Visitor;
use crate::host::reading::{self, NotRead, Related};
use crate::host::state::{State, StateError};
use crate::host::when;

/// Of what was asked for, more is not kept.
const MOST_ASKED: usize = 4096;
/// Shapes on one page.
const MOST_SHAPES: usize = 50;

pub struct Archive {
    pub(super) state: State,
    pub(super) journal: Arc<Journal>,
    pub(super) policy: Arc<InForce>,
    pub(super) vitals: Ask,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Archive").finish_non_exhaustive()
    }
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    #[error("{0}, and nothing is shown that is not recorded")]
    Unrecordable(#[from] Unwritable),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Record(#[from] NotRead),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the search did not end")]
    Ended,
}

/// A rule of the policy, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub action: Action,
    pub reason: String,
    pub groups: Vec<String>,
}

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InShort {
    pub hash: String,
    pub observing: bool,
    pub rules: Vec<Rule>,
}

/// What somebody wants explained.
#[derive(Debug, Clone, Default)]
pub struct Question {
    pub sql: String,
    pub agent: String,
    pub database: String,
    pub in_transaction: bool,
    pub rows: Option<u64>,
}

impl Archive {
    fn read(&self, visitor: &Visitor, what: &'static str, asked: &str) -> Result<(), Unwritable> {
        let text = asked.chars().take(MOST_ASKED).collect();
        self.journal.record(AuditRead { by: visitor.name.clone(), what: what.into(), body: Some(Box::new(Words { text })) })?;
        Ok(())
    }

    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&State) -> Result<T, NotShown> + Send + 'static) -> Result<T, NotShown> {
        let state = self.state.clone();
        tokio::task::spawn_blocking(move || question(&state)).await.map_err(|_| NotShown::Ended)?
    }

    pub async fn search(&self, visitor: &Visitor, filter: Filter, asked: &str) -> Result<Page, NotShown> {
        self.read(visitor, "search", asked)?;
        self.ask(move |state| Ok(Index::open(state.folder())?.search(&filter)?)).await
    }

    /// A record, and what belongs to it.
    pub async fn record(&self, visitor: &Visitor, seq: u64) -> Result<(Entry, Related), NotShown> {
        self.read(visitor, "show", &seq.to_string())?;
        self.ask(move |state| {
            let entry = reading::find(state.folder(), seq)?;
            let related = reading::related(state.folder(), &entry)?;
            Ok((entry, related))
        })
        .await
    }

    pub async fn shapes(&self, visitor: &Visitor, by: By, since: Option<u64>, asked: &str) -> Result<Vec<Top>, NotShown> {
        self.read(visitor, "top", asked)?;
        self.ask(move |state| Ok(Index::open(state.folder())?.top(by, since, None, MOST_SHAPES)?)).await
    }

    pub async fn stats(&self) -> Result<Stats, NotShown> {
        self.ask(|state| Ok(Index::open(state.folder())?.stats()?)).await
    }

    pub async fn agents(&self, revoked: bool) -> Result<Vec<Agent>, NotShown> {
        self.ask(move |state| Ok(AgentStore::open(state)?.list(revoked)?)).await
    }

    pub fn policy(&self) -> InShort {
        let policy = self.policy.get();
        let rule = |(name, action, reason, groups): (&str, Action, &str, &[Box<str>])| Rule {
            name: name.to_owned(),
            action,
            reason: reason.to_owned(),
            groups: groups.iter().map(ToString::to_string).collect(),
        };
        InShort { hash: hash(&policy), observing: policy.is_observing(), rules: policy.listed().map(rule).collect() }
    }

    /// What the policy in force would do with a statement. Nothing is sent anywhere.
    pub fn explain(&self, question: Question) -> Vec<(&'static str, String)> {
        let (policy, profiles) = self.policy.both();
        let Question { sql, agent, database, in_transaction, rows } = question;
        let subject = Subject { agent: agent.into(), database: database.into(), ..Subject::default() };
        let trial = Trial { sql, subject, open_work: in_transaction, rows, moment: Moment(when::now() / 1_000_000) };
        explained(&trial, &policy, &profiles, "in force")
    }

    pub fn vitals(&self) -> Vitals {
        (self.vitals)()
    }
}

fn hash(policy: &Policy) -> String {
    crate::audit::Digest::cut(&policy.hash()).to_string()
}
