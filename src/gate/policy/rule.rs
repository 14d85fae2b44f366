//! One rule: what it is matched on, and whether an earlier one leaves nothing to it.

use std::sync::Arc;

use ipnet::IpNet;

use super::names::Names;
use super::pattern::{ColumnPattern, Glob, Qualified};
use super::window::Window;
use super::{Action, Situation};
use crate::gate::Subject;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::Facts;

/// What cannot be seen in a statement of these effects: which objects it reaches.
const UNSEEN: EffectSet = EffectSet::of(&[Effect::Opaque, Effect::Code]);

/// Every condition that is there must hold; of the names in one condition, one for a rule that stops, each of the statement's for a rule
/// that allows.
#[derive(Debug, Clone)]
pub struct Rule {
    pub name: Arc<str>,
    pub action: Action,
    pub reason: Box<str>,
    /// Said where the statement may do what the rule is about, and another would let it pass.
    pub doubt: Box<str>,
    /// Groups of reviewers that may decide.
    pub groups: Arc<[Box<str>]>,
    /// How many different people have to approve.
    pub approvals: u32,
    pub agents: Option<Box<[Glob]>>,
    /// Each a group's agents.
    pub agent_groups: Option<Box<[Glob]>>,
    pub networks: Option<Box<[IpNet]>>,
    pub databases: Option<Box<[Glob]>>,
    pub environments: Option<Box<[Glob]>>,
    pub effects: EffectSet,
    pub relations: Option<Box<[Qualified]>>,
    pub columns: Option<Box<[ColumnPattern]>>,
    pub functions: Option<Box<[Qualified]>>,
    pub settings: Option<Box<[Glob]>>,
    pub rows_over: Option<u64>,
    pub rows_up_to: Option<u64>,
    pub window: Option<Window>,
    /// Whether a transaction is open.
    pub open_work: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    No,
    /// What the statement reaches cannot be told, and the rule would stop some of what it may be.
    Perhaps,
    Yes,
}

fn any_glob(patterns: Option<&[Glob]>, name: &str) -> bool {
    patterns.is_none_or(|patterns| patterns.iter().any(|pattern| pattern.matches(name)))
}

impl Rule {
    pub fn asks_estimate(&self) -> bool {
        self.rows_over.is_some() || self.rows_up_to.is_some()
    }

    /// For everything.
    pub fn of(action: Action) -> Self {
        Self {
            name: Arc::from(""),
            action,
            reason: Box::default(),
            doubt: Box::default(),
            groups: Arc::default(),
            approvals: 1,
            agents: None,
            agent_groups: None,
            networks: None,
            databases: None,
            environments: None,
            effects: EffectSet::of(&Effect::ALL),
            relations: None,
            columns: None,
            functions: None,
            settings: None,
            rows_over: None,
            rows_up_to: None,
            window: None,
            open_work: None,
        }
    }

    /// Whether it is for this agent and this database at all.
    pub fn is_for(&self, subject: &Subject) -> bool {
        any_glob(self.agents.as_deref(), &subject.agent)
            && any_glob(self.agent_groups.as_deref(), &subject.agent)
            && any_glob(self.databases.as_deref(), &subject.database)
            && any_glob(self.environments.as_deref(), subject.environment.as_deref().unwrap_or_default())
            && self.networks.as_deref().is_none_or(|networks| {
                subject.address.is_some_and(|address| networks.iter().any(|network| network.contains(&address.to_canonical())))
            })
    }

    fn names_objects(&self) -> bool {
        self.relations.is_some() || self.columns.is_some() || self.functions.is_some() || self.settings.is_some()
    }

    /// Whether it can match a statement of these effects.
    pub fn concerns(&self, effects: EffectSet) -> bool {
        match self.action {
            Action::Allow => effects.is_within(self.effects),
            Action::Hold | Action::Deny => !effects.and(self.effects).is_empty() || self.names_objects() && !effects.and(UNSEEN).is_empty(),
        }
    }

    /// Whether it matches every statement that it concerns, whatever else is known of it.
    pub fn is_unconditional(&self, effects: EffectSet) -> bool {
        !self.names_objects()
            && self.rows_over.is_none()
            && self.rows_up_to.is_none()
            && self.window.is_none()
            && self.open_work.is_none()
            && self.concerns(effects)
    }

    /// Tables by their literal names, where it can match only statements that name one of them, and such that allow, those that name none.
    pub fn literal_relations(&self) -> Option<Vec<&str>> {
        self.relations.as_deref()?.iter().map(|pattern| pattern.name.literal()).collect()
    }

    /// For a subject that it is for.
    pub fn matches(&self, effects: EffectSet, situation: &Situation<'_>, names: &Names<'_>) -> Match {
        if !self.concerns(effects)
            || self.window.as_ref().is_some_and(|window| !window.holds(situation.moment))
            || self.open_work.is_some_and(|open| open != situation.open_work)
        {
            return Match::No;
        }
        match self.action {
            Action::Allow if self.allows(effects, situation, names) => Match::Yes,
            Action::Allow => Match::No,
            Action::Hold | Action::Deny => self.stops(effects, situation, names),
        }
    }

    /// Everything that the statement does must be seen, and be within the rule. What stands behind a view was allowed by who made it.
    fn allows(&self, effects: EffectSet, situation: &Situation<'_>, names: &Names<'_>) -> bool {
        let facts = situation.facts;
        if self.names_objects() && (effects.has(Effect::Opaque) || effects.has(Effect::Code) && !self.sees_code(situation)) {
            return false;
        }
        // How many rows come is never taken on trust.
        if self.rows_over.is_some_and(|bound| !situation.estimate.is_some_and(|estimate| exceeds(estimate.rows, bound)))
            || self
                .rows_up_to
                .is_some_and(|bound| situation.estimate.map_or_else(|| plannable(facts), |estimate| exceeds(estimate.rows, bound)))
        {
            return false;
        }
        self.relations
            .as_deref()
            .is_none_or(|patterns| names.written().all(|name| patterns.iter().any(|pattern| pattern.is(name.schema, name.name))))
            && self.columns.as_deref().is_none_or(|patterns| {
                let covered = |name: &super::names::Named<'_>, column: Option<&str>| {
                    patterns.iter().any(|pattern| {
                        pattern.relation.is(name.schema, name.name)
                            && column.is_none_or(|column| {
                                if column == "*" { pattern.column.is_everything() } else { pattern.column.matches(column) }
                            })
                    })
                };
                names.written().all(|name| covered(name, None))
                    && names.columns().iter().all(|column| column.relations.iter().all(|name| covered(name, Some(column.name))))
            })
            && self.functions.as_deref().is_none_or(|patterns| {
                functions(facts).filter(|function| !function.initdb || crate::sql::functions::acts(&function.name.name)).all(|function| {
                    let schema = function.name.schema.as_deref().or(function.initdb.then_some("pg_catalog"));
                    patterns.iter().any(|pattern| pattern.is(schema, &function.name.name))
                })
            })
            && self
                .settings
                .as_deref()
                .is_none_or(|patterns| settings(facts).all(|name| patterns.iter().any(|pattern| pattern.matches(name))))
    }

    /// Whether all code that the statement runs stands in it by name, for a rule that names functions.
    fn sees_code(&self, situation: &Situation<'_>) -> bool {
        let hidden = !situation.resolved.findings.is_empty() || !situation.facts.effects.has(Effect::Code);
        self.functions.is_some()
            && !hidden
            && situation
                .facts
                .statements
                .iter()
                .filter(|statement| statement.effects.has(Effect::Code))
                .all(|statement| statement.attributes.is_empty() && statement.functions.iter().any(|function| !function.initdb))
    }

    /// One thing that it does and that the rule names is enough.
    fn stops(&self, effects: EffectSet, situation: &Situation<'_>, names: &Names<'_>) -> Match {
        let facts = situation.facts;
        let over = |bound| situation.estimate.map_or_else(|| plannable(facts), |estimate| exceeds(estimate.rows, bound));
        if self.rows_over.is_some_and(|bound| !over(bound))
            || self.rows_up_to.is_some_and(|bound| situation.estimate.is_none_or(|estimate| exceeds(estimate.rows, bound)))
        {
            return Match::No;
        }
        let relations = self.relations.as_deref().is_none_or(|patterns| {
            names.relations().iter().any(|name| patterns.iter().any(|pattern| pattern.may_be(name.schema, name.name)))
        });
        let columns = || {
            self.columns.as_deref().is_none_or(|patterns| {
                let read = |column: &super::names::NamedColumn<'_>| {
                    column.relations.iter().any(|name| {
                        patterns.iter().any(|pattern| {
                            pattern.relation.may_be(name.schema, name.name) && (column.name == "*" || pattern.column.matches(column.name))
                        })
                    })
                };
                // Which of its columns a view or a rule reads is not in the text.
                let behind = |name: &&super::names::Named<'_>| !name.written;
                names.columns().iter().any(read)
                    || names
                        .relations()
                        .iter()
                        .filter(behind)
                        .any(|name| patterns.iter().any(|pattern| pattern.relation.may_be(name.schema, name.name)))
            })
        };
        let functions = || {
            self.functions.as_deref().is_none_or(|patterns| {
                functions(facts)
                    .any(|function| patterns.iter().any(|pattern| pattern.may_be(function.name.schema.as_deref(), &function.name.name)))
            })
        };
        let settings = || {
            self.settings.as_deref().is_none_or(|patterns| settings(facts).any(|name| patterns.iter().any(|pattern| pattern.matches(name))))
        };
        let named = relations && columns() && functions() && settings();
        if named && !effects.and(self.effects).is_empty() {
            Match::Yes
        } else if self.names_objects() && (situation.resolved.unlisted || !effects.and(UNSEEN).is_empty()) {
            Match::Perhaps
        } else {
            Match::No
        }
    }

    /// Whether nothing is left to the other one, which comes later.
    pub fn shadows(&self, later: &Self) -> bool {
        let effects = match (self.action, later.action) {
            // Later it matches with any one effect, together with any others.
            (Action::Allow, Action::Hold | Action::Deny) => EffectSet::of(&Effect::ALL).is_within(self.effects),
            (Action::Allow, Action::Allow) | (Action::Hold | Action::Deny, Action::Allow | Action::Hold | Action::Deny) => {
                later.effects.is_within(self.effects)
            }
        };
        let stops = self.action != Action::Allow;
        // A rule that allows has no name to show where a statement names none, and does not match what cannot be seen.
        let objects = match (self.action, later.action) {
            (Action::Allow, Action::Allow) => later.functions.is_none() || self.functions.is_some() || !self.names_objects(),
            (Action::Allow, Action::Hold | Action::Deny) | (Action::Hold | Action::Deny, Action::Allow) => !self.names_objects(),
            (Action::Hold | Action::Deny, Action::Hold | Action::Deny) => true,
        };
        let estimate = self
            .rows_over
            .is_none_or(|bound| later.rows_over.is_some_and(|later| later >= bound) && stops == (later.action != Action::Allow))
            && self
                .rows_up_to
                .is_none_or(|bound| later.rows_up_to.is_some_and(|later| later <= bound) && stops == (later.action != Action::Allow));
        effects
            && objects
            && estimate
            && covered(self.agents.as_deref(), later.agents.as_deref(), Glob::covers)
            && covered(self.agent_groups.as_deref(), later.agent_groups.as_deref(), Glob::covers)
            && covered(self.networks.as_deref(), later.networks.as_deref(), |mine, other| mine.contains(other))
            && covered(self.databases.as_deref(), later.databases.as_deref(), Glob::covers)
            && covered(self.environments.as_deref(), later.environments.as_deref(), Glob::covers)
            && covered(self.relations.as_deref(), later.relations.as_deref(), Qualified::covers)
            && covered(self.columns.as_deref(), later.columns.as_deref(), ColumnPattern::covers)
            && covered(self.functions.as_deref(), later.functions.as_deref(), Qualified::covers)
            && covered(self.settings.as_deref(), later.settings.as_deref(), Glob::covers)
            && self.window.as_ref().is_none_or(|mine| later.window.as_ref().is_some_and(|other| mine.covers(other)))
            && self.open_work.is_none_or(|mine| later.open_work == Some(mine))
    }
}

/// No condition covers any; one is covered only where each of its patterns is.
fn covered<T>(mine: Option<&[T]>, other: Option<&[T]>, covers: impl Fn(&T, &T) -> bool) -> bool {
    match (mine, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(mine), Some(other)) => other.iter().all(|other| mine.iter().any(|mine| covers(mine, other))),
    }
}

fn functions(facts: &Facts) -> impl Iterator<Item = &crate::sql::facts::Function> {
    facts.statements.iter().flat_map(|statement| &statement.functions)
}

fn settings(facts: &Facts) -> impl Iterator<Item = &str> {
    facts.statements.iter().flat_map(|statement| &statement.settings).map(|setting| &*setting.name)
}

#[expect(clippy::cast_precision_loss, reason = "an estimate is rough far above where numbers lose digits")]
fn exceeds(rows: f64, bound: u64) -> bool {
    rows > bound as f64
}

/// Whether rows come of it at all, so that a planner could say how many. What could be planned and was not counts as many.
pub fn plannable(facts: &Facts) -> bool {
    facts.statements.iter().any(|statement| {
        matches!(
            statement.kind,
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "VALUES" | "COPY" | "DECLARE CURSOR" | "CREATE TABLE AS"
        )
    })
}
