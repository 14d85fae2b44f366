//! Policy: ordered rules, of which the first that matches decides, and what stands beside them. It is read from a text, whole or not at
//! all; it opens no file and reads no clock.

pub mod cases;
pub mod mask;
mod names;
mod pattern;
mod problem;
mod read;
mod rule;
mod shipped;
mod table;
pub mod text;
mod view;
mod window;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Subject;
use super::budget::{Allowance, Limits};
use super::catalog::{Estimate, Resolved};
use super::judge::Moment;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, Opaque, SettingValue};

use mask::Masks;
use pattern::{Glob, Qualified};
use rule::Rule;

pub use cases::Case;
pub use pattern::ColumnPattern;
pub use problem::Problem;
pub use shipped::{BUILT_IN, BuiltIn};
pub use view::View;

/// SHA-256 of the policy's text.
pub type PolicyHash = [u8; 32];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Allow,
    Hold,
    Deny,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Allow, Self::Hold, Self::Deny];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
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
#[derive(Debug, Clone)]
pub struct Choice<'a> {
    pub action: Action,
    pub rule: &'a Arc<str>,
    pub reason: Cow<'a, str>,
    /// The policy only watches: this is what it would have been.
    pub observed: Option<Action>,
    /// Groups of reviewers that may decide; none is any.
    pub groups: &'a Arc<[Box<str>]>,
    /// How many different people have to approve.
    pub approvals: u32,
    pub depends: Depends,
}

/// What a choice hangs on beside the statement, its names and the subject: where nothing of it changes, the choice stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depends {
    pub moment: bool,
    pub open_work: bool,
    /// A rule asks how many rows the planner expects, and without that takes them for many.
    pub estimate: bool,
}

#[derive(Clone)]
pub struct Policy {
    rules: Arc<[Rule]>,
    asks_estimates: bool,
    hash: PolicyHash,
    observing: bool,
    limits: Limits,
    allowance: Allowance,
    harmless: Box<[Qualified]>,
    trusted_functions: Box<[Qualified]>,
    trusted_extensions: Box<[Glob]>,
    ships_trust: bool,
    read_only: Box<[Glob]>,
    search_path: Option<Box<[Glob]>>,
    wait_in_transaction: Option<Duration>,
    masks: Arc<Masks>,
    views: Arc<view::Views>,
    refused_texts: Vec<Vec<u8>>,
}

/// A thousand rules say nothing in a log.
impl fmt::Debug for Policy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Policy").field("rules", &self.rules.len()).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Policy {
    /// Reads a policy and its cases, or tells all that is wrong with it.
    pub fn parse(text: &str) -> Result<(Self, Vec<Case>), Vec<Problem>> {
        read::policy(text)
    }

    /// One of those that come with the program.
    pub fn built_in(which: BuiltIn) -> Arc<Self> {
        shipped::policy(which)
    }

    /// Everything passes, in any amount.
    pub fn allow_all() -> Self {
        let rule = Rule { name: "allow-all".into(), reason: "everything passes".into(), ..Rule::of(Action::Allow) };
        Self { limits: Limits::NONE, allowance: Allowance::NONE, ..Self::of(vec![rule]) }
    }

    /// Refuses every statement whose text contains one of these.
    pub fn refusing(texts: &[&str]) -> Self {
        let refused = Rule { name: "refused".into(), reason: "refused".into(), effects: Effect::Opaque.alone(), ..Rule::of(Action::Deny) };
        let rules = std::iter::once(refused).chain(Self::allow_all().rules.iter().cloned()).collect();
        let refused_texts = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
        Self { limits: Limits::NONE, allowance: Allowance::NONE, refused_texts, ..Self::of(rules) }
    }

    fn of(rules: Vec<Rule>) -> Self {
        Self {
            asks_estimates: rules.iter().any(Rule::asks_estimate),
            rules: rules.into(),
            hash: [0; 32],
            observing: false,
            limits: Limits::default(),
            allowance: Allowance::default(),
            harmless: Box::default(),
            trusted_functions: Box::default(),
            trusted_extensions: Box::default(),
            ships_trust: true,
            read_only: Box::default(),
            search_path: None,
            wait_in_transaction: None,
            masks: Arc::default(),
            views: Arc::default(),
            refused_texts: Vec::new(),
        }
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

    /// For each statement. A policy that watches stops nothing.
    pub fn limits(&self) -> Limits {
        if self.observing { Limits::NONE } else { self.limits }
    }

    /// For each agent. A policy that watches stops nothing.
    pub fn allowance(&self) -> Allowance {
        if self.observing { Allowance::NONE } else { self.allowance }
    }

    /// What it says of masking.
    pub fn masks(&self) -> &Arc<Masks> {
        &self.masks
    }

    /// Puts in what the dictionaries hold that it names as files, each for the detector at its place. It is part of what was decided on.
    #[must_use]
    pub fn with_entries(mut self, entries: Vec<(usize, Box<[Box<str>]>)>) -> Self {
        if entries.is_empty() {
            return self;
        }
        let mut digest = ring::digest::Context::new(&ring::digest::SHA256);
        digest.update(&self.hash);
        let mut masks = Masks::clone(&self.masks);
        for (place, entries) in entries {
            for entry in &entries {
                digest.update(entry.as_bytes());
                digest.update(b"\n");
            }
            if let Some(detector) = masks.detectors.get_mut(place) {
                detector.finder = mask::Finder::Entries(entries);
            }
        }
        self.masks = Arc::new(masks);
        self.hash.copy_from_slice(digest.finish().as_ref());
        self
    }

    pub fn hash(&self) -> PolicyHash {
        self.hash
    }

    /// Its rules in the order in which they are asked: name, what is done, why, and who may decide.
    pub fn listed(&self) -> impl Iterator<Item = (&str, Action, &str, &[Box<str>])> {
        self.rules.iter().map(|rule| (&*rule.name, rule.action, &*rule.reason, &*rule.groups))
    }

    pub fn rules(&self) -> usize {
        self.rules.len()
    }

    /// Groups of reviewers that its rules name, each once.
    pub fn reviewer_groups(&self) -> Box<[Box<str>]> {
        let mut groups: Vec<_> = self.rules.iter().flat_map(|rule| rule.groups.iter()).cloned().collect();
        groups.sort_unstable();
        groups.dedup();
        groups.into()
    }

    /// It records what it would have done, and stops nothing.
    pub fn is_observing(&self) -> bool {
        self.observing
    }

    /// Whether a rule goes by what the planner expects.
    pub fn asks_estimates(&self) -> bool {
        self.asks_estimates
    }

    /// Whether rows of this table are said to hold nothing sensitive.
    pub fn is_harmless(&self, schema: &str, table: &str) -> bool {
        self.harmless.iter().any(|pattern| pattern.is(Some(schema), table))
    }

    /// Whether calling this function is no more than reading.
    pub fn trusts_function(&self, schema: &str, name: &str) -> bool {
        self.trusted_functions.iter().any(|pattern| pattern.is(Some(schema), name))
    }

    /// Whether calling what this extension made is no more than reading.
    pub fn trusts_extension(&self, name: &str) -> bool {
        self.ships_trust && shipped::EXTENSIONS.contains(&name) || self.trusted_extensions.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether the server itself is to keep this agent from writing.
    pub fn is_read_only(&self, subject: &Subject) -> bool {
        !self.observing && self.read_only.iter().any(|pattern| pattern.matches(&subject.agent))
    }

    /// How long a hold may make a connection wait that has a transaction open, with all that it locks. `None`: not at all.
    pub fn wait_in_transaction(&self) -> Option<Duration> {
        self.wait_in_transaction
    }

    /// Whether every schema of a search path is one that a session may choose.
    pub fn allows_search_path(&self, value: &str) -> bool {
        let Some(schemas) = &self.search_path else { return true };
        value.split(',').map(str::trim).filter(|item| !item.is_empty()).all(|item| {
            let bare = item.strip_prefix('"').and_then(|item| item.strip_suffix('"')).unwrap_or(item);
            schemas.iter().any(|schema| schema.matches(bare))
        })
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

    /// The effects that rules go by: those of the statement, and what this policy adds to them.
    pub fn effects(&self, facts: &Facts, resolved: &Resolved) -> EffectSet {
        // What runs nothing is as little as a read.
        if resolved.effects.is_empty() {
            return Effect::Read.alone();
        }
        let strays = self.search_path.is_some()
            && facts.statements.iter().flat_map(|statement| &statement.settings).any(|setting| {
                &*setting.name == "search_path" && matches!(&setting.value, SettingValue::Known(value) if !self.allows_search_path(value))
            });
        if strays { resolved.effects | Effect::Guard.alone() } else { resolved.effects }
    }

    /// The rules that are for this subject, indexed: a session keeps it for as long as the policy is in force, and asks it instead of the
    /// policy. Subjects that the same rules are for share one.
    pub fn for_subject(&self, subject: &Subject) -> Arc<View> {
        self.views.of(self, subject)
    }

    /// What becomes of a statement. Who asks often asks the view of its subject.
    pub fn choose<'a>(&'a self, situation: &Situation<'a>) -> Choice<'a> {
        self.for_subject(situation.subject).choose(self, situation)
    }
}
