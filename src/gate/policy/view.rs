//! The rules of a policy that are for one subject, indexed by what a statement does and by the tables that rules name, so that what a
//! statement costs does not grow with the rules that have nothing to do with it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use super::names::Names;
use super::rule::{Match, Rule};
use super::{Action, Choice, Depends, Policy, Situation};
use crate::gate::Subject;
use crate::sql::effect::{Effect, EffectSet};

/// Sets of rules that subjects have in common: as many as people tell apart; beyond them views are not shared.
const MOST_VIEWS: usize = 1024;
/// Sets of effects that statements have, per view: what is met beyond them is indexed each time.
const MOST_SETS: usize = 64;
/// The statement's own tables are looked up one by one; with more of them all rules are looked through.
const MOST_LOOKUPS: usize = 64;

/// Views by the rules in them.
#[derive(Debug, Default)]
pub struct Views(RwLock<HashMap<Box<[u32]>, Arc<View>>>);

impl Views {
    pub fn of(&self, policy: &Policy, subject: &Subject) -> Arc<View> {
        let places: Box<[u32]> = (0_u32..).zip(&*policy.rules).filter(|(_, rule)| rule.is_for(subject)).map(|(place, _)| place).collect();
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&places) {
            return Arc::clone(known);
        }
        let view = Arc::new(View { rules: Arc::clone(&policy.rules), places: places.clone(), indexed: RwLock::default() });
        let mut views = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if views.len() < MOST_VIEWS {
            views.insert(places, Arc::clone(&view));
        }
        view
    }
}

#[derive(Debug)]
pub struct View {
    rules: Arc<[Rule]>,
    places: Box<[u32]>,
    indexed: RwLock<Vec<(EffectSet, Arc<Index>)>>,
}

/// The rules that can match statements of one set of effects, in order. What comes after one that matches all of them is left out.
#[derive(Debug, Default)]
struct Index {
    /// All of them.
    all: Vec<u32>,
    /// Those that are no matter of what tables a statement names.
    general: Vec<u32>,
    /// Those of `all` for statements that name no table.
    bare: Vec<u32>,
    /// Those that match only statements with a table of this name.
    by_table: HashMap<Box<str>, Vec<u32>>,
    /// What the choice may hang on.
    depends: Depends,
    /// What a statement reaches cannot be seen.
    unseen: bool,
}

impl View {
    fn index(&self, effects: EffectSet) -> Arc<Index> {
        let find = |known: &[(EffectSet, Arc<Index>)]| known.iter().find(|(set, _)| *set == effects).map(|(_, index)| Arc::clone(index));
        if let Some(known) = find(&self.indexed.read().unwrap_or_else(PoisonError::into_inner)) {
            return known;
        }
        let index = Arc::new(self.make_index(effects));
        let mut indexed = self.indexed.write().unwrap_or_else(PoisonError::into_inner);
        if indexed.len() < MOST_SETS && find(&indexed).is_none() {
            indexed.push((effects, Arc::clone(&index)));
        }
        index
    }

    fn make_index(&self, effects: EffectSet) -> Index {
        let mut index = Index { unseen: effects.has(Effect::Opaque) || effects.has(Effect::Code), ..Index::default() };
        for place in &self.places {
            let Some(rule) = self.rule(*place).filter(|rule| rule.concerns(effects)) else { continue };
            index.all.push(*place);
            index.depends.moment |= rule.window.is_some();
            index.depends.open_work |= rule.open_work.is_some();
            match rule.literal_relations() {
                Some(tables) => {
                    for table in tables {
                        let listed = index.by_table.entry(table.into()).or_default();
                        if listed.last() != Some(place) {
                            listed.push(*place);
                        }
                    }
                    // It allows what names no table at all.
                    if rule.action == Action::Allow {
                        index.bare.push(*place);
                    }
                }
                None => {
                    index.general.push(*place);
                    index.bare.push(*place);
                }
            }
            if rule.is_unconditional(effects) {
                break;
            }
        }
        index
    }

    /// Whether everything passes, whatever it is: then nobody needs to find out what it is.
    pub fn allows_all(&self) -> bool {
        let first = self.places.first().and_then(|place| self.rule(*place));
        first.is_some_and(|rule| rule.action == Action::Allow && rule.is_unconditional(EffectSet::of(&Effect::ALL)))
    }

    fn rule(&self, place: u32) -> Option<&Rule> {
        self.rules.get(usize::try_from(place).ok()?)
    }

    /// `policy` is the one that this view is of.
    pub fn choose<'a>(&self, policy: &'a Policy, situation: &Situation<'a>) -> Choice<'a> {
        let effects = policy.effects(situation.facts, situation.resolved);
        let index = self.index(effects);
        let names = Names::new(situation.facts, situation.resolved);
        let places = index.places(&names, situation.resolved.unlisted);
        let mut depends = index.depends;
        let mut doubted: Option<&Rule> = None;
        let matched = places.iter().filter_map(|place| policy.rules.get(usize::try_from(*place).ok()?)).find(|rule| {
            depends.estimate |= situation.estimate.is_none() && (rule.rows_over.is_some() || rule.rows_up_to.is_some());
            match rule.matches(effects, situation, &names) {
                Match::Yes => true,
                Match::No => false,
                Match::Perhaps => {
                    doubted.get_or_insert(rule);
                    false
                }
            }
        });
        let choice = match (matched, doubted) {
            (Some(Rule { action: Action::Allow, .. }) | None, Some(doubted)) => Choice {
                action: Action::Hold,
                rule: &doubted.name,
                reason: Cow::Borrowed(&doubted.doubt),
                observed: None,
                groups: &doubted.groups,
                approvals: doubted.approvals,
                depends,
            },
            (Some(rule), _) => Choice {
                action: rule.action,
                rule: &rule.name,
                reason: Cow::Borrowed(&rule.reason),
                observed: None,
                groups: &rule.groups,
                approvals: rule.approvals,
                depends,
            },
            (None, None) => unmatched(depends),
        };
        if policy.is_observing() && choice.action != Action::Allow {
            return Choice { observed: Some(choice.action), action: Action::Allow, ..choice };
        }
        choice
    }
}

impl Index {
    /// The rules to look at for a statement that names these tables.
    fn places(&self, names: &Names<'_>, unlisted: bool) -> Cow<'_, [u32]> {
        if self.by_table.is_empty() || self.unseen || unlisted {
            return Cow::Borrowed(&self.all);
        }
        let relations = names.relations();
        if relations.is_empty() {
            return Cow::Borrowed(&self.bare);
        }
        if relations.len() > MOST_LOOKUPS {
            return Cow::Borrowed(&self.all);
        }
        let mut lists = relations.iter().filter_map(|relation| self.by_table.get(relation.name)).peekable();
        if lists.peek().is_none() {
            return Cow::Borrowed(&self.general);
        }
        let mut found: Vec<u32> = self.general.iter().chain(lists.flatten()).copied().collect();
        found.sort_unstable();
        found.dedup();
        Cow::Owned(found)
    }
}

/// What no rule is for waits for people.
fn unmatched<'a>(depends: Depends) -> Choice<'a> {
    static NONE: LazyLock<Arc<str>> = LazyLock::new(|| "no-rule".into());
    static ANYBODY: LazyLock<Arc<[Box<str>]>> = LazyLock::new(Arc::default);
    Choice {
        action: Action::Hold,
        rule: &NONE,
        reason: Cow::Borrowed("no rule of the policy is for it"),
        observed: None,
        groups: &ANYBODY,
        approvals: 1,
        depends,
    }
}
