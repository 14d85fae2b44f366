//! The policy in force, for all sessions at once: whether a session has it yet costs one load.

use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::gate::{Judge, Policy, Subject};
use crate::mask::Masking;
use crate::mask::detect::Detectors;
use crate::mask::profile::Profiles;

#[derive(Debug)]
pub struct InForce {
    held: RwLock<Held>,
    /// Where the policy lies. A judge keeps the policy that it goes by, so no other one can come to lie there meanwhile.
    at: AtomicPtr<Policy>,
    /// Which it is, of those that were in force; none is the zeroth.
    turn: AtomicU64,
}

#[derive(Debug)]
struct Held {
    policy: Arc<Policy>,
    profiles: Arc<Profiles>,
}

impl InForce {
    pub fn new(policy: Arc<Policy>, profiles: Arc<Profiles>) -> Self {
        let at = AtomicPtr::new(Arc::as_ptr(&policy).cast_mut());
        Self { at, turn: AtomicU64::new(1), held: RwLock::new(Held { policy, profiles }) }
    }

    pub fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner).policy)
    }

    /// The policy, and what it says of masking.
    pub fn both(&self) -> (Arc<Policy>, Arc<Profiles>) {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        (Arc::clone(&held.policy), Arc::clone(&held.profiles))
    }

    /// What finds under it.
    pub fn detectors(&self) -> Arc<Detectors> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner).profiles.detectors)
    }

    pub fn put(&self, policy: Arc<Policy>, profiles: Arc<Profiles>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.at.store(Arc::as_ptr(&policy).cast_mut(), Ordering::Release);
        self.turn.fetch_add(1, Ordering::Release);
        *held = Held { policy, profiles };
    }

    /// Gives the judge of a session the policy in force, if it has another.
    pub fn refresh(&self, judge: &mut Judge) {
        if !std::ptr::eq(self.at.load(Ordering::Acquire), Arc::as_ptr(&judge.policy)) {
            judge.adopt(self.get());
        }
    }

    /// Gives the masking of a session what the policy in force says of it; false where it has that.
    pub fn inform(&self, subject: &Subject, masking: &mut Masking) -> bool {
        let other = self.turn.load(Ordering::Acquire) != masking.policy;
        if other {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            masking.policy = self.turn.load(Ordering::Acquire);
            masking.detectors = Arc::clone(&held.profiles.detectors);
            masking.profile = Arc::clone(held.profiles.of(subject));
        }
        other
    }
}
