//! Separation of duties: what must never be on a record, and which people do more than one kind of work. A finding is a reason to look,
//! and says where.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bounded::{List, Tally};
use super::holds::Holds;
use super::period::At;
use super::sessions::{Agent, Sessions};
use crate::audit::event::{Change, Decided, Decision, Granted, PersonChanged};
use crate::host::people::{OPERATOR, Role};

/// People whose roles are remembered.
const MOST_PEOPLE: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// pgsluice is built so that this is not.
    Violation,
    /// It may be right; somebody should say so.
    Overlap,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The record; missing for what many records say together.
    pub seq: Option<u64>,
    pub at: Option<At>,
    pub what: &'static str,
    pub weight: Weight,
    /// Names and numbers.
    pub who: String,
    pub hold: Option<u64>,
}

/// How often a person did what, in the period.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Duties {
    /// Agents, people, policy, keys, removals from the record.
    pub administered: u64,
    pub decided: u64,
    pub granted: u64,
    pub revealed: u64,
    pub signed_off: u64,
    pub read_the_audit: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct Separation {
    pub violations: u64,
    pub overlaps: u64,
    pub findings: List<Finding>,
    pub people: Tally<Duties>,
    /// Roles at the period's end, as far as the record gave them.
    pub roles: BTreeMap<String, BTreeSet<String>>,
}

fn same(one: &str, other: &str) -> bool {
    let bare = |name: &str| name.strip_suffix(OPERATOR).unwrap_or(name).to_lowercase();
    // Better a finding too many than a capital letter that hides one.
    !one.is_empty() && bare(one) == bare(other)
}

impl Separation {
    fn find(&mut self, place: Option<(u64, u64)>, weight: Weight, what: &'static str, who: String, hold: Option<u64>) {
        match weight {
            Weight::Violation => self.violations += 1,
            Weight::Overlap => self.overlaps += 1,
        }
        self.findings.push(Finding { seq: place.map(|(seq, _)| seq), at: place.map(|(_, time)| At(time)), what, weight, who, hold });
    }

    /// Called before the decision is added to its hold.
    pub(super) fn decided(&mut self, place: (u64, u64), event: &Decided, holds: &Holds, sessions: &Sessions) {
        let by_person = match event.decision {
            Decision::Approved | Decision::ApprovedUnmasked | Decision::Denied => true,
            Decision::Asked | Decision::PassedOn => false,
            // An agent may withdraw what it asked for, and the time asks nobody.
            Decision::Expired | Decision::Withdrawn => return,
        };
        let (place, hold) = (Some(place), Some(event.hold));
        let Some(by) = event.by.as_deref() else {
            if by_person {
                self.find(place, Weight::Violation, "decided_by_nobody", "no name".to_owned(), hold);
            }
            return;
        };
        self.people.of(by).decided += 1;
        if !by_person {
            return;
        }
        let whose = holds.whose(event.hold);
        if sessions.is_agent(by) {
            self.find(place, Weight::Violation, "decided_by_agent", by.to_owned(), hold);
        }
        match whose {
            Some((agent, owner)) if same(owner, by) => {
                self.find(place, Weight::Violation, "decided_by_owner", format!("{by}, owner of {agent}"), hold);
            }
            Some(_) => {}
            None => self.find(place, Weight::Overlap, "decided_without_hold", by.to_owned(), hold),
        }
        if self.roles.get(by).is_some_and(|roles| roles.iter().all(|role| role == Role::Auditor.word())) {
            self.find(place, Weight::Violation, "decided_by_auditor", by.to_owned(), hold);
        }
        if event.decision != Decision::Denied && holds.deciders(event.hold).any(|before| same(before, by)) {
            self.find(place, Weight::Violation, "approved_twice_by_one", by.to_owned(), hold);
        }
        if event.groups.len() > 1 {
            self.find(place, Weight::Overlap, "decided_in_several_groups", format!("{by}: {}", event.groups.join(", ")), hold);
        }
    }

    pub(super) fn spent_without_approval(&mut self, place: (u64, u64), hold: u64) {
        self.find(Some(place), Weight::Violation, "spent_without_approval", format!("hold {hold}"), Some(hold));
    }

    pub(super) fn granted(&mut self, place: (u64, u64), event: &Granted, agent: &Agent, sessions: &Sessions) {
        self.people.of(&event.by).granted += 1;
        if sessions.is_agent(&event.by) {
            self.find(Some(place), Weight::Violation, "granted_by_agent", event.by.clone(), None);
        }
        if same(&agent.owner, &event.by) {
            self.find(Some(place), Weight::Violation, "granted_by_owner", format!("{}, owner of {}", event.by, agent.name), None);
        }
    }

    pub(super) fn revealed(&mut self, by: &str) {
        self.people.of(by).revealed += 1;
    }

    pub(super) fn administered(&mut self, by: &str) {
        self.people.of(by).administered += 1;
    }

    /// The system itself does what has nobody's name on it.
    pub(super) fn administered_by(&mut self, by: Option<&str>) {
        if let Some(by) = by {
            self.administered(by);
        }
    }

    pub(super) fn read(&mut self, by: &str) {
        self.people.of(by).read_the_audit += 1;
    }

    pub(super) fn signed_off(&mut self, by: &str) {
        self.people.of(by).signed_off += 1;
    }

    /// Roles are followed from the record's beginning; what is found counts in the period alone.
    pub(super) fn person(&mut self, place: (u64, u64), within: bool, event: &PersonChanged) {
        if within {
            self.administered(&event.by);
            if same(&event.by, &event.person) {
                self.find(Some(place), Weight::Overlap, "changed_own_role", format!("{}: {}", event.person, event.role), None);
            }
        }
        if !self.roles.contains_key(&event.person) && self.roles.len() >= MOST_PEOPLE {
            return;
        }
        match event.change {
            Change::Added => drop(self.roles.entry(event.person.clone()).or_default().insert(event.role.clone())),
            Change::Changed => drop(self.roles.insert(event.person.clone(), BTreeSet::from([event.role.clone()]))),
            Change::Removed => drop(self.roles.remove(&event.person)),
        }
    }

    /// Looks at what each person did altogether; `signers` signed off a part of the period, whenever they did.
    pub(super) fn finish<'a>(&mut self, signers: impl Iterator<Item = &'a str>, sessions: &Sessions) {
        let signers: BTreeSet<String> = signers.map(str::to_owned).collect();
        let mut found = Vec::new();
        for (person, duties) in &self.people.named {
            let decides = duties.decided > 0 || duties.granted > 0;
            if duties.administered > 0 && decides {
                found.push((Weight::Overlap, "administers_and_decides", person.clone()));
            }
            if signers.contains(person) && decides {
                found.push((Weight::Overlap, "decides_and_signs_off", person.clone()));
            }
            if signers.contains(person) && duties.administered > 0 {
                found.push((Weight::Overlap, "administers_and_signs_off", person.clone()));
            }
        }
        found.extend(signers.iter().filter(|by| sessions.is_agent(by)).map(|by| (Weight::Violation, "signed_off_by_agent", by.clone())));
        for (weight, what, who) in found {
            self.find(None, weight, what, who, None);
        }
    }
}
