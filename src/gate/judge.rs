//! The judge of one session: reads a statement, resolves its names, asks the policy.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::catalog::{Catalog, Estimate, Resolved};
use super::policy::{Action, Policy, PolicyHash, Situation, View};
use super::{Permit, Subject};
use crate::sql::Cache;
use crate::sql::effect::EffectSet;
use crate::sql::facts::Facts;

/// What is known of the server's catalog.
#[derive(Debug, Clone)]
pub enum Knowledge {
    /// None is asked for: statements are judged by their text alone.
    Textual,
    /// It is still to be asked for.
    Missing,
    Known(Arc<Catalog>),
}

/// The time that rules go by: seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment(pub u64);

#[derive(Debug)]
pub struct Judge {
    pub subject: Arc<Subject>,
    pub policy: Arc<Policy>,
    /// Its rules for this subject.
    view: Arc<View>,
    pub knowledge: Knowledge,
    pub moment: Moment,
    /// Shared by the sessions of a thread.
    cache: Rc<RefCell<Cache>>,
}

/// Stands for the search path that the server gave the session.
pub const DEFAULT_PATH: &str = "\0default";
/// Stands for one that is not known. No schema has such a name, so nothing is found under it.
pub const UNKNOWN_PATH: &str = "\0unknown";

/// What of a statement is not in its text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Circumstances<'a> {
    /// The search paths that may be in force when it runs; none means the one that the server gave the session.
    pub paths: &'a [Box<str>],
    /// A transaction is open, or may be.
    pub open_work: bool,
    /// The session may have temporary objects.
    pub temporary: bool,
    /// What was asked for on this statement's account. With it a judgement does not ask again.
    pub learned: Option<&'a Learned>,
}

/// What a judgement could not be made without.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Need {
    /// A catalog newer than this generation.
    pub newer_than: Option<u64>,
    /// What the planner expects of the statement.
    pub estimate: bool,
}

/// What was found out. The catalog itself is put into the judge.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    pub estimate: Option<Estimate>,
}

/// Why a statement is judged as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Grounds {
    pub effects: EffectSet,
    pub rule: Arc<str>,
    /// Groups of reviewers that may decide; none is any.
    pub groups: Arc<[Box<str>]>,
    /// For people, and for the agent.
    pub reason: Box<str>,
    pub policy: PolicyHash,
    pub resolved: Resolved,
    pub estimate: Option<Estimate>,
    /// It would not have passed: the policy only watches.
    pub observed: bool,
}

#[derive(Debug)]
pub enum Ruling {
    Allow(Permit, Arc<Grounds>),
    Hold(Arc<Grounds>),
    Deny(Arc<Grounds>),
    Learn(Need),
}

impl Judge {
    pub fn new(subject: Arc<Subject>, policy: Arc<Policy>, knowledge: Knowledge, cache: Rc<RefCell<Cache>>) -> Self {
        let view = policy.for_subject(&subject);
        Self { subject, policy, view, knowledge, moment: Moment::default(), cache }
    }

    /// Another policy is in force.
    pub fn adopt(&mut self, policy: Arc<Policy>) {
        self.view = policy.for_subject(&self.subject);
        self.policy = policy;
    }

    /// One that goes by texts alone.
    pub fn textual(policy: Arc<Policy>) -> Self {
        Self::new(Arc::default(), policy, Knowledge::Textual, Rc::default())
    }

    pub fn read(&self, sql: &[u8]) -> Arc<Facts> {
        self.policy.by_text(sql).unwrap_or_else(|| self.cache.borrow_mut().read(sql))
    }

    pub fn judge(&self, facts: &Arc<Facts>, circumstances: &Circumstances<'_>) -> Ruling {
        let resolved = match (&self.knowledge, circumstances.learned) {
            (Knowledge::Textual, _) => Resolved::of_text(facts),
            (Knowledge::Missing, None) => return Ruling::Learn(Need { newer_than: Some(0), estimate: false }),
            (Knowledge::Missing, Some(_)) => {
                Resolved { effects: facts.effects | crate::sql::effect::Effect::Opaque.alone(), ..Resolved::default() }
            }
            (Knowledge::Known(catalog), _) => catalog.resolve(facts, circumstances.paths),
        };
        let estimate = circumstances.learned.and_then(|learned| learned.estimate);
        let situation = Situation {
            subject: &self.subject,
            facts,
            resolved: &resolved,
            estimate: estimate.as_ref(),
            open_work: circumstances.open_work,
            moment: self.moment,
        };
        let choice = self.view.choose(&self.policy, &situation);
        let (action, observed) = (choice.action, choice.observed.is_some());
        let (rule, reason) = (Arc::clone(choice.rule), choice.reason.into());
        let groups = Arc::clone(choice.groups);
        let effects = self.policy.effects(facts, &resolved);
        let grounds = Grounds { effects, rule, groups, reason, policy: self.policy.hash(), estimate, observed, resolved };
        match action {
            Action::Allow => Ruling::Allow(Permit::mint(), Arc::new(grounds)),
            Action::Hold => Ruling::Hold(Arc::new(grounds)),
            Action::Deny => Ruling::Deny(Arc::new(grounds)),
        }
    }
}
