//! Cases kept beside a policy: a statement, who sends it, and what is to become of it. They go by the text alone, as `policy explain` does
//! without a database.

use std::net::IpAddr;

use toml::de::DeValue;

use super::table::{Findings, Table, shown};
use super::{Action, Choice, Policy, Problem, Situation};
use crate::gate::Subject;
use crate::gate::catalog::{Estimate, Resolved};
use crate::gate::judge::{ASKS_UNMASKED, MAY_NOT_UNMASK, Moment, UNMASK};
use crate::sql;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, Statement};
use crate::sql::functions;

/// A statement and all that a policy may ask of its circumstances.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    pub sql: String,
    pub subject: Subject,
    pub open_work: bool,
    /// Rows that the planner is said to expect.
    pub rows: Option<u64>,
    pub moment: Moment,
}

/// What a policy says about a trial.
#[derive(Debug)]
pub struct Tried<'a> {
    pub facts: &'a Facts,
    pub effects: EffectSet,
    pub choice: Choice<'a>,
}

#[derive(Debug, Clone)]
pub struct Case {
    pub trial: Trial,
    pub expect: Action,
    pub rule: Option<String>,
    /// Kinds that are masked in what it brings, as far as names tell. Who knows what names speak for checks it.
    pub mask: Option<Vec<String>>,
    /// Where it stands.
    pub line: usize,
}

/// Cases that stand in a file of their own.
pub fn parse(text: &str) -> Result<Vec<Case>, Vec<Problem>> {
    super::read::cases(text)
}

impl Trial {
    /// What the statement is, as far as its text tells: a name without a schema is taken to be in `public`, or PostgreSQL's own.
    pub fn facts(&self, policy: &Policy) -> Facts {
        let mut facts = sql::read(self.sql.as_bytes());
        for statement in &mut facts.statements {
            for relation in statement.relations.iter_mut().filter(|relation| relation.schema.is_none()) {
                relation.schema = Some(if relation.name.starts_with("pg_") { "pg_catalog".into() } else { "public".into() });
            }
            if only_trusted_code(statement, policy) {
                statement.effects = statement.effects.without(Effect::Code.alone());
            }
        }
        if facts.opaque.is_none() {
            facts.effects = facts.statements.iter().fold(EffectSet::NONE, |effects, statement| effects | statement.effects);
        }
        facts
    }

    /// `facts` are this trial's own.
    pub fn run<'a>(&'a self, policy: &'a Policy, facts: &'a Facts, resolved: &'a Resolved, estimate: Option<&'a Estimate>) -> Tried<'a> {
        let situation = Situation { subject: &self.subject, facts, resolved, estimate, open_work: self.open_work, moment: self.moment };
        let choice = policy.choose(&situation);
        let mask = policy.masks().of(&self.subject);
        let choice = if !sql::tags::asks_unmasked(self.sql.as_bytes()) || mask.unmasked || choice.action == Action::Deny {
            choice
        } else if !mask.may_unmask {
            Choice { action: Action::Deny, rule: &UNMASK, reason: MAY_NOT_UNMASK.into(), observed: None, ..choice }
        } else if choice.action == Action::Hold {
            choice
        } else {
            Choice { action: Action::Hold, rule: &UNMASK, reason: ASKS_UNMASKED.into(), observed: None, ..choice }
        };
        Tried { facts, effects: policy.effects(facts, resolved), choice }
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate is rough far above where numbers lose digits")]
    pub fn estimate(&self) -> Option<Estimate> {
        self.rows.map(|rows| Estimate { rows: rows as f64, widest: rows as f64, ..Estimate::default() })
    }
}

/// Whether the policy trusts every function that makes a plain statement code.
fn only_trusted_code(statement: &Statement, policy: &Policy) -> bool {
    let plain = matches!(statement.kind, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "VALUES");
    let trusted = |function: &sql::facts::Function| {
        function.initdb && !functions::acts(&function.name.name)
            || policy.trusts_function(function.name.schema.as_deref().unwrap_or("public"), &function.name.name)
    };
    plain
        && statement.effects.has(Effect::Code)
        && statement.attributes.is_empty()
        && statement.functions.iter().all(trusted)
        && statement.operators.iter().all(|operator| functions::operator(operator.schema.as_deref(), &operator.name))
}

impl Case {
    /// What is wrong, if anything.
    pub fn check(&self, policy: &Policy) -> Result<(), String> {
        let facts = self.trial.facts(policy);
        let (resolved, estimate) = (Resolved::of_text(&facts), self.trial.estimate());
        let tried = self.trial.run(policy, &facts, &resolved, estimate.as_ref());
        let action = tried.choice.observed.unwrap_or(tried.choice.action);
        if action != self.expect || self.rule.as_ref().is_some_and(|rule| **rule != **tried.choice.rule) {
            let rule = self.rule.as_ref().map_or_else(String::new, |rule| format!(" by rule {rule:?}"));
            return Err(format!(
                "expected {}{rule}, got {} by rule {:?}; effects: {}",
                self.expect.word(),
                action.word(),
                &**tried.choice.rule,
                tried.effects
            ));
        }
        Ok(())
    }
}

pub(super) fn read(top: &mut Table<'_>, findings: &mut Findings<'_>) -> Vec<Case> {
    top.tables(findings, "test").into_iter().filter_map(|table| case(table, findings)).collect()
}

fn case(mut table: Table<'_>, findings: &mut Findings<'_>) -> Option<Case> {
    let line = findings.line(table.at);
    let complete = table.value("sql").is_some() && table.value("expect").is_some();
    let sql = table.text(findings, "sql").map(|word| word.text.to_owned());
    let expect = table.one_of(findings, "expect", &Action::ALL.map(|action| (action.word(), action)));
    let rule = table.text(findings, "rule").map(|word| word.text.to_owned());
    // Nothing is masked where the list is empty.
    let none = matches!(table.value("mask").map(toml::Spanned::get_ref), Some(DeValue::Array(items)) if items.is_empty());
    let mask = if none { Some(Vec::new()) } else { masked(&mut table, findings) };
    let mut text = |key, default: &str| table.text(findings, key).map_or_else(|| default.into(), |word| Box::<str>::from(word.text));
    let subject = Subject {
        agent: text("agent", "agent"),
        database: text("database", "database"),
        environment: Some(text("environment", "")),
        ..Subject::default()
    };
    let address = table.text(findings, "address").and_then(|word| {
        let address = word.text.parse::<IpAddr>().ok();
        if address.is_none() {
            findings.fail(word.at, format!("address: expected an IP address, not {}", shown(word.text)));
        }
        address
    });
    let open_work = table.one_of(findings, "transaction", &[("open", true), ("none", false)]).unwrap_or(false);
    let rows = table.number(findings, "rows");
    let moment = moment(&mut table, findings);
    let at = table.at;
    table.finish(findings);
    let (Some(sql), Some(expect)) = (sql, expect) else {
        if !complete {
            findings.fail(at, "a test needs sql = \"…\" and expect = \"allow\", \"hold\" or \"deny\"");
        }
        return None;
    };
    Some(Case { trial: Trial { sql, subject: Subject { address, ..subject }, open_work, rows, moment }, expect, rule, mask, line })
}

fn masked(table: &mut Table<'_>, findings: &mut Findings<'_>) -> Option<Vec<String>> {
    Some(table.texts(findings, "mask")?.into_iter().map(|word| word.text.to_owned()).collect())
}

/// `at = 2026-11-16T09:30:00Z`.
fn moment(table: &mut Table<'_>, findings: &mut Findings<'_>) -> Moment {
    let Some(value) = table.value("at") else { return Moment::default() };
    let moment = if let DeValue::Datetime(time) = value.get_ref() { time.to_string().parse::<jiff::Timestamp>().ok() } else { None };
    let seconds = moment.and_then(|moment| u64::try_from(moment.as_second()).ok());
    if seconds.is_none() {
        findings.fail(value.span().start, "at: expected a time with its zone such as 2026-11-16T09:30:00Z");
    }
    Moment(seconds.unwrap_or_default())
}
