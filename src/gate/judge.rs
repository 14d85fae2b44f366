//! The judge of one session: reads a statement, resolves its names, asks the policy.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use super::catalog::{Catalog, Estimate, Resolved, Sight, Trust};
use super::policy::{Action, Policy, PolicyHash, Situation, View};
use super::rulings::{self, Case, Depends, Rulings};
use super::{Permit, Subject};
use crate::sql::Cache;
use crate::sql::cache::Bound;
use crate::sql::effect::{Effect, EffectSet};
use crate::sql::facts::{Facts, How};

/// What is known of the server's catalog.
#[derive(Debug, Clone)]
pub enum Knowledge {
    /// None is asked for: statements are judged by their text alone.
    Textual,
    /// It is still to be asked for.
    Missing,
    /// It could not be had: why, in words.
    Unavailable(Arc<str>),
    Known(Arc<Catalog>),
}

/// The time that rules go by: seconds since 1970, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment(pub u64);

/// What the sessions of a thread remember together.
#[derive(Debug, Default)]
pub struct Memory {
    cache: Cache,
    rulings: Rulings,
}

impl Memory {
    /// Beyond this it forgets.
    pub const MOST_BYTES: usize = Bound::DEFAULT.bytes + rulings::MOST_BYTES;

    /// Bytes that it takes, about.
    pub fn bytes(&self) -> usize {
        self.cache.bytes() + self.rulings.bytes()
    }

    /// How many rulings are remembered.
    pub fn rulings(&self) -> usize {
        self.rulings.len()
    }
}

#[derive(Debug)]
pub struct Judge {
    pub subject: Arc<Subject>,
    pub policy: Arc<Policy>,
    view: Arc<View>,
    pub knowledge: Knowledge,
    pub moment: Moment,
    subject_hash: u64,
    memory: Rc<RefCell<Memory>>,
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
    /// Types made by users that parameters were declared to have.
    pub types: &'a [u32],
    /// It asks to see values as they are.
    pub unmask: bool,
    /// What was asked for on this statement's account. With it a judgement does not ask again.
    pub learned: Option<&'a Learned>,
}

/// What a judgement could not be made without.
#[derive(Debug, Clone, Default)]
pub struct Need {
    /// A catalog newer than this generation.
    pub newer_than: Option<u64>,
    /// What the planner expects of the statement.
    pub estimate: Option<Box<Question>>,
}

/// By what it is told whether the planner is asked about a statement, once there is a catalog.
#[derive(Debug, Clone)]
pub struct Question {
    pub facts: Arc<Facts>,
    pub policy: Arc<Policy>,
    pub paths: Box<[Box<str>]>,
    pub types: Box<[u32]>,
    pub temporary: bool,
}

/// What the planner is asked about, and beyond what its answer matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    pub collects: bool,
    pub ties: bool,
    /// An estimate of fewer rows is good for other values as well.
    pub most_rows: f64,
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
    /// How many different people have to approve.
    pub approvals: u32,
    /// For people, and for the agent.
    pub reason: Box<str>,
    pub policy: PolicyHash,
    pub resolved: Resolved,
    pub estimate: Option<Estimate>,
    /// It would not have passed: the policy only watches.
    pub observed: bool,
    /// It asks to see values as they are, and an approval may let it.
    pub unmask: bool,
}

#[derive(Debug)]
pub enum Ruling {
    Allow(Permit, Arc<Grounds>),
    Hold(Arc<Grounds>),
    Deny(Arc<Grounds>),
    Learn(Need),
}

/// By which a statement is held that asks to see values as they are.
pub(super) static UNMASK: LazyLock<Arc<str>> = LazyLock::new(|| "unmask".into());
pub(super) const MAY_NOT_UNMASK: &str = "it asks to see values unmasked, and the policy does not let anybody approve that";
pub(super) const ASKS_UNMASKED: &str = "it asks to see values unmasked";

/// Rows made out of nothing, beyond which it is about the server and not about what is in it.
const MOST_MADE: f64 = 1e6;
/// Rows at one step, beyond which a plan multiplies tables with each other, if it is far more than any of them has.
const MOST_MULTIPLIED: f64 = 1e8;
const FAR_MORE: f64 = 10.0;
/// Rows that relations may multiply to without the planner being asked.
const FEW_MULTIPLIED: u64 = 1_000_000;

impl Trust for Policy {
    fn extension(&self, name: &str) -> bool {
        self.trusts_extension(name)
    }

    fn function(&self, schema: &str, name: &str) -> bool {
        self.trusts_function(schema, name)
    }

    fn harmless(&self, schema: &str, name: &str) -> bool {
        self.is_harmless(schema, name)
    }
}

impl Judge {
    pub fn new(subject: Arc<Subject>, policy: Arc<Policy>, knowledge: Knowledge, memory: Rc<RefCell<Memory>>) -> Self {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let view = policy.for_subject(&subject);
        let subject_hash = HASHER.hash_one(&*subject);
        Self { subject, policy, view, knowledge, moment: Moment::default(), subject_hash, memory }
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
        self.policy.by_text(sql).unwrap_or_else(|| self.memory.borrow_mut().cache.read(sql))
    }

    /// What asks to see values as they are is held whatever the rules say, unless they deny it: also where the policy only watches, for
    /// nothing else stands between it and the values.
    pub fn judge(&self, facts: &Arc<Facts>, circumstances: &Circumstances<'_>) -> Ruling {
        let ruling = self.judge_run(facts, circumstances);
        if !circumstances.unmask {
            return ruling;
        }
        let mask = self.policy.masks().of(&self.subject);
        match ruling {
            // There is nothing to ask for.
            ruling @ (Ruling::Allow(..) | Ruling::Hold(_)) if mask.unmasked => ruling,
            ruling @ (Ruling::Deny(_) | Ruling::Learn(_)) => ruling,
            Ruling::Allow(_, grounds) if mask.may_unmask => Ruling::Hold(Arc::new(Grounds {
                rule: Arc::clone(&UNMASK),
                groups: Arc::default(),
                approvals: 1,
                reason: ASKS_UNMASKED.into(),
                observed: false,
                unmask: true,
                ..Grounds::clone(&grounds)
            })),
            Ruling::Hold(grounds) if mask.may_unmask => {
                let mut grounds = Grounds { unmask: true, ..Grounds::clone(&grounds) };
                grounds.resolved.findings.push(ASKS_UNMASKED.into());
                Ruling::Hold(Arc::new(grounds))
            }
            Ruling::Allow(_, grounds) | Ruling::Hold(grounds) => Ruling::Deny(Arc::new(Grounds {
                rule: Arc::clone(&UNMASK),
                reason: MAY_NOT_UNMASK.into(),
                observed: false,
                ..Grounds::clone(&grounds)
            })),
        }
    }

    fn judge_run(&self, facts: &Arc<Facts>, circumstances: &Circumstances<'_>) -> Ruling {
        let case = self.case(facts, circumstances);
        if let Some((action, grounds)) = self.memory.borrow().rulings.find(&case) {
            return ruling(action, grounds);
        }
        // Masking goes by what names stand for also where everything passes.
        let open = self.view.allows_all();
        let blind = open && self.policy.masks().of(&self.subject).unmasked;
        let asks = circumstances.learned.is_none() && !blind;
        let resolved = match &self.knowledge {
            Knowledge::Textual => Resolved::of_text(facts),
            Knowledge::Missing | Knowledge::Unavailable(_) | Knowledge::Known(_) if blind => Resolved::of_text(facts),
            Knowledge::Missing | Knowledge::Unavailable(_) if asks => {
                let estimate = (!open && plannable(facts)).then(|| Box::new(self.question(facts, circumstances)));
                return Ruling::Learn(Need { newer_than: Some(0), estimate });
            }
            Knowledge::Missing => unresolved(facts, "the server's catalog is not known"),
            Knowledge::Unavailable(why) => unresolved(facts, why),
            Knowledge::Known(catalog) => {
                let sight = Sight { paths: circumstances.paths, temporary: circumstances.temporary, types: circumstances.types };
                catalog.resolve(facts, &sight, &*self.policy)
            }
        };
        let asked = if open { None } else { asked(facts, &resolved, &self.policy) };
        if let Knowledge::Known(catalog) = &self.knowledge
            && asks
            && (resolved.missing || asked.is_some())
        {
            let newer_than = resolved.missing.then_some(catalog.generation);
            let estimate = (!open).then(|| Box::new(self.question(facts, circumstances)));
            return Ruling::Learn(Need { newer_than, estimate });
        }
        let estimate = circumstances.learned.and_then(|learned| learned.estimate);
        self.rule(facts, circumstances, &case, resolved, estimate, asked)
    }

    fn rule(
        &self,
        facts: &Arc<Facts>,
        circumstances: &Circumstances<'_>,
        case: &Case<'_>,
        mut resolved: Resolved,
        estimate: Option<Estimate>,
        asked: Option<Asked>,
    ) -> Ruling {
        let before = resolved.effects;
        if let Some(estimate) = &estimate {
            expect(&mut resolved, estimate, &self.policy);
        }
        let situation = Situation {
            subject: &self.subject,
            facts,
            resolved: &resolved,
            estimate: estimate.as_ref(),
            open_work: circumstances.open_work,
            moment: self.moment,
        };
        let choice = self.view.choose(&self.policy, &situation);
        let (action, observed, depends) = (choice.action, choice.observed.is_some(), choice.depends);
        let (rule, reason) = (Arc::clone(choice.rule), choice.reason.into());
        let (groups, approvals) = (Arc::clone(choice.groups), choice.approvals);
        let effects = self.policy.effects(facts, &resolved);
        // An estimate that stops a statement is this statement's alone: another value may be expected to bring less. And what was not found
        // may be there the next time.
        let stays = !resolved.missing && resolved.effects == before && (asked.is_none() || estimate.is_some()) && !depends.estimate;
        let known = matches!(self.knowledge, Knowledge::Textual | Knowledge::Known(_)) || self.view.allows_all();
        let grounds = Arc::new(Grounds {
            effects,
            rule,
            groups,
            approvals,
            reason,
            policy: self.policy.hash(),
            estimate,
            observed,
            unmask: false,
            resolved,
        });
        if stays && known {
            let depends = Depends { open_work: depends.open_work, moment: depends.moment };
            self.memory.borrow_mut().rulings.keep(case, depends, action, &grounds);
        }
        ruling(action, grounds)
    }

    fn case<'a>(&'a self, facts: &'a Arc<Facts>, circumstances: &Circumstances<'a>) -> Case<'a> {
        Case {
            facts,
            subject: &self.subject,
            subject_hash: self.subject_hash,
            policy: self.policy.hash(),
            generation: if let Knowledge::Known(catalog) = &self.knowledge { catalog.generation } else { 0 },
            paths: circumstances.paths,
            types: circumstances.types,
            open_work: circumstances.open_work,
            temporary: circumstances.temporary,
            minute: self.moment.0 / 60,
        }
    }

    fn question(&self, facts: &Arc<Facts>, circumstances: &Circumstances<'_>) -> Question {
        Question {
            facts: Arc::clone(facts),
            policy: Arc::clone(&self.policy),
            paths: circumstances.paths.into(),
            types: circumstances.types.into(),
            temporary: circumstances.temporary,
        }
    }
}

impl Question {
    /// What to ask the planner, if it is to be asked.
    pub fn asked(&self, catalog: &Catalog) -> Option<Asked> {
        let sight = Sight { paths: &self.paths, temporary: self.temporary, types: &self.types };
        asked(&self.facts, &catalog.resolve(&self.facts, &sight, &*self.policy), &self.policy)
    }
}

fn ruling(action: Action, grounds: Arc<Grounds>) -> Ruling {
    match action {
        Action::Allow => Ruling::Allow(Permit::mint(), grounds),
        Action::Hold => Ruling::Hold(grounds),
        Action::Deny => Ruling::Deny(grounds),
    }
}

/// What is known without a catalog, where there should be one.
fn unresolved(facts: &Facts, why: &str) -> Resolved {
    let resolved = Resolved::of_text(facts);
    Resolved { effects: resolved.effects | Effect::Opaque.alone(), findings: vec![why.into()], sensitive: true, ..resolved }
}

/// Whether the statement is one, and one that the planner plans: what only makes a cursor brings nothing yet.
fn plannable(facts: &Facts) -> bool {
    facts.opaque.is_none()
        && matches!(facts.statements.as_slice(), [statement] if matches!(statement.kind, "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE"))
}

/// The planner is asked about what reads much of users' tables, or may make much out of little; never about what reaches code that is
/// neither initdb's nor trusted: planning runs some of it.
fn asked(facts: &Facts, resolved: &Resolved, policy: &Policy) -> Option<Asked> {
    let [statement] = facts.statements.as_slice() else { return None };
    if !plannable(facts) || resolved.reaches_code || !statement.effects.has(Effect::Read) {
        return None;
    }
    let most = policy.allowance().sensitive_rows.unwrap_or(u64::MAX);
    let few = |bound: u64| resolved.most_rows.is_some_and(|rows| rows <= bound);
    // The planner does not know of what CASE makes: it expects as many groups as there are rows.
    let grouped = statement.bounds.groups.is_some_and(|groups| groups <= most);
    let limited = matches!(statement.bounds.limit, crate::sql::facts::Limit::Rows(rows) if rows <= most) && !statement.bounds.with_ties;
    let limited = (limited || grouped) && !resolved.collects;
    let reads_much = resolved.sensitive && !limited && !few(most);
    let makes = statement.makes_rows || statement.sources > 1 && !few(FEW_MULTIPLIED);
    let by_rule =
        policy.asks_estimates() && statement.relations.iter().any(|relation| relation.how == How::Read || relation.how == How::Written);
    #[allow(clippy::cast_precision_loss, reason = "a bound on rows that no double loses matters to nobody")]
    (reads_much || makes || by_rule).then_some(Asked {
        collects: resolved.collects,
        ties: statement.bounds.with_ties,
        most_rows: most as f64,
    })
}

/// Effects that the planner's estimate adds.
fn expect(resolved: &mut Resolved, estimate: &Estimate, policy: &Policy) {
    #[allow(clippy::cast_precision_loss, reason = "a bound on rows that no double loses matters to nobody")]
    let most = policy.allowance().sensitive_rows.map_or(f64::INFINITY, |rows| rows as f64);
    if resolved.sensitive && estimate.rows > most {
        resolved.effects |= Effect::Export.into();
        let collected = if resolved.collects { ", or their values in fewer" } else { "" };
        resolved.findings.push(format!("about {:.0} rows of tables are expected to leave{collected}; {most:.0} may", estimate.rows).into());
    }
    if estimate.made > MOST_MADE {
        resolved.effects |= Effect::Admin.into();
        resolved.findings.push(format!("about {:.0} rows are made out of nothing", estimate.made).into());
    }
    if estimate.widest > MOST_MULTIPLIED && estimate.widest > FAR_MORE * estimate.read {
        resolved.effects |= Effect::Admin.into();
        resolved.findings.push(format!("about {:.0} rows come from tables multiplied with each other", estimate.widest).into());
    }
}
