//! Policy: ordered rules; the first that matches decides.

use std::sync::Arc;

use super::Subject;
use super::budget::{Allowance, Limits};
use super::catalog::{Estimate, Resolved};
use super::judge::Moment;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, Opaque};

/// SHA-256 of the policy's text.
pub type PolicyHash = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Allow,
    Hold,
    Deny,
}

/// What a rule is matched against.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub subject: &'a Subject,
    pub facts: &'a Facts,
    pub resolved: &'a Resolved,
    pub estimate: Option<&'a Estimate>,
    pub open_work: bool,
    pub moment: Moment,
}

/// What the policy says, and by which rule.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    pub action: Action,
    pub rule: &'a Arc<str>,
    pub reason: &'a str,
    pub observed: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    name: Arc<str>,
    action: Action,
    effects: EffectSet,
    reason: Box<str>,
}

#[derive(Debug, Clone)]
pub struct Policy {
    rules: Vec<Rule>,
    hash: PolicyHash,
    refused_texts: Vec<Vec<u8>>,
    limits: Limits,
    allowance: Allowance,
}

impl Policy {
    pub fn allow_all() -> Self {
        let every = EffectSet::of(&Effect::ALL);
        let rule = Rule { name: "allow-all".into(), action: Action::Allow, effects: every, reason: "everything passes".into() };
        Self { rules: vec![rule], hash: [0; 32], refused_texts: Vec::new(), limits: Limits::NONE, allowance: Allowance::NONE }
    }

    /// Refuses every statement whose text contains one of these.
    pub fn refusing(texts: &[&str]) -> Self {
        let refused = Rule { name: "refused".into(), action: Action::Deny, effects: Effect::Opaque.alone(), reason: "refused".into() };
        let mut policy = Self { refused_texts: texts.iter().map(|text| text.as_bytes().to_vec()).collect(), ..Self::allow_all() };
        policy.rules.insert(0, refused);
        policy
    }

    /// Stops a COPY FROM STDIN that brings more than this.
    #[must_use]
    pub fn with_copy_in_limit(self, bytes: u64) -> Self {
        self.with_limits(Limits { copy_in_bytes: Some(bytes), ..Limits::NONE })
    }

    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    #[must_use]
    pub fn with_allowance(self, allowance: Allowance) -> Self {
        Self { allowance, ..self }
    }

    /// For each statement.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// For each agent.
    pub fn allowance(&self) -> Allowance {
        self.allowance
    }

    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// What a statement is to a policy that goes by texts alone: opaque where it contains one of them, a read otherwise.
    pub(super) fn by_text(&self, sql: &[u8]) -> Option<Arc<Facts>> {
        if self.refused_texts.is_empty() {
            return None;
        }
        let refused = self.refused_texts.iter().any(|text| memchr::memmem::find(sql, text).is_some());
        let read = Facts { effects: Effect::Read.alone(), ..Facts::default() };
        Some(Arc::new(if refused { Facts::opaque(Opaque::Grammar) } else { read }))
    }

    pub fn choose<'a>(&'a self, situation: &Situation<'a>) -> Choice<'a> {
        let effects = situation.resolved.effects;
        let matched = self.rules.iter().find(|rule| match rule.action {
            // What passes must be covered whole; what is stopped is stopped for any part of it.
            Action::Allow => effects.iter().all(|effect| rule.effects.has(effect)),
            Action::Hold | Action::Deny => effects.iter().any(|effect| rule.effects.has(effect)),
        });
        match (matched, self.rules.last()) {
            (Some(rule), _) => Choice { action: rule.action, rule: &rule.name, reason: &rule.reason, observed: false },
            (None, Some(rule)) => Choice { action: Action::Hold, rule: &rule.name, reason: "no rule matches", observed: false },
            (None, None) => unreachable_choice(),
        }
    }
}

fn unreachable_choice<'a>() -> Choice<'a> {
    static NONE: std::sync::LazyLock<Arc<str>> = std::sync::LazyLock::new(|| "none".into());
    Choice { action: Action::Hold, rule: &NONE, reason: "there are no rules", observed: false }
}
