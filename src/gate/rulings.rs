//! Rulings that were made before, for all sessions of a thread: the same statement by the same subject under the same policy and catalog is
//! not judged twice. It decides nothing.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::Subject;
use super::judge::Grounds;
use super::policy::{Action, PolicyHash};
use crate::sql::facts::Facts;

/// Rulings kept at once, and the bytes of their grounds, about: a few thousand shapes of some agents. When one bound is reached all are
/// forgotten: what is asked for again is judged again.
const MOST: usize = 16 * 1024;
pub const MOST_BYTES: usize = 16 * 1024 * 1024;

/// Everything that a ruling hangs on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub facts: &'a Arc<Facts>,
    pub subject: &'a Arc<Subject>,
    /// Of the subject.
    pub subject_hash: u64,
    pub policy: PolicyHash,
    /// Of the catalog; 0 where there is none.
    pub generation: u64,
    pub paths: &'a [Box<str>],
    pub types: &'a [u32],
    pub open_work: bool,
    pub temporary: bool,
    /// The minute in which it is judged, for policies that go by the clock.
    pub minute: u64,
}

#[derive(Debug)]
struct Entry {
    facts: Arc<Facts>,
    subject: Arc<Subject>,
    policy: PolicyHash,
    generation: u64,
    paths: Box<[Box<str>]>,
    types: Box<[u32]>,
    temporary: bool,
    /// `None`: it would be the same with any.
    open_work: Option<bool>,
    minute: Option<u64>,
    action: Action,
    grounds: Arc<Grounds>,
}

#[derive(Debug, Default)]
pub struct Rulings {
    hasher: RandomState,
    entries: HashMap<u64, Entry>,
    bytes: usize,
}

/// What of its circumstances a ruling depends on.
#[derive(Debug, Clone, Copy)]
pub struct Depends {
    pub open_work: bool,
    pub moment: bool,
}

impl Rulings {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that they take, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn find(&self, case: &Case<'_>) -> Option<(Action, Arc<Grounds>)> {
        let entry = self.entries.get(&self.hash(case))?;
        let same = Arc::ptr_eq(&entry.facts, case.facts)
            && (Arc::ptr_eq(&entry.subject, case.subject) || entry.subject == *case.subject)
            && entry.policy == case.policy
            && entry.generation == case.generation
            && *entry.paths == *case.paths
            && *entry.types == *case.types
            && entry.temporary == case.temporary
            && entry.open_work.is_none_or(|open_work| open_work == case.open_work)
            && entry.minute.is_none_or(|minute| minute == case.minute);
        same.then(|| (entry.action, Arc::clone(&entry.grounds)))
    }

    pub fn keep(&mut self, case: &Case<'_>, depends: Depends, action: Action, grounds: &Arc<Grounds>) {
        let bytes = weight(grounds) + 2 * size_of::<Entry>();
        if self.entries.len() >= MOST || self.bytes + bytes > MOST_BYTES {
            self.entries.clear();
            self.bytes = 0;
        }
        let entry = Entry {
            facts: Arc::clone(case.facts),
            subject: Arc::clone(case.subject),
            policy: case.policy,
            generation: case.generation,
            paths: case.paths.into(),
            types: case.types.into(),
            temporary: case.temporary,
            open_work: depends.open_work.then_some(case.open_work),
            minute: depends.moment.then_some(case.minute),
            action,
            grounds: Arc::clone(grounds),
        };
        let hash = self.hash(case);
        self.bytes += bytes;
        if let Some(old) = self.entries.insert(hash, entry) {
            self.bytes = self.bytes.saturating_sub(weight(&old.grounds) + 2 * size_of::<Entry>());
        }
    }

    /// Which transaction state it is and what time are not in it: whether they matter is only known with the entry.
    fn hash(&self, case: &Case<'_>) -> u64 {
        let facts = Arc::as_ptr(case.facts).addr();
        self.hasher.hash_one((
            facts,
            case.subject_hash,
            case.generation,
            case.policy.first_chunk::<8>(),
            case.paths,
            case.types,
            case.temporary,
        ))
    }
}

/// Bytes that grounds take, about.
fn weight(grounds: &Grounds) -> usize {
    let resolved = &grounds.resolved;
    let relations = resolved.relations.iter().map(|relation| size_of_val(relation) + relation.schema.len() + relation.name.len());
    let findings = resolved.findings.iter().map(|finding| size_of_val(finding) + finding.len());
    size_of::<Grounds>() + grounds.reason.len() + size_of_val(&*resolved.objects) + relations.chain(findings).sum::<usize>()
}
