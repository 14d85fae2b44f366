//! The policy in force, for all sessions at once: whether a judge has it yet costs one load.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::gate::{Judge, Policy};

#[derive(Debug)]
pub struct InForce {
    policy: RwLock<Arc<Policy>>,
    /// Where it lies. A judge keeps the policy that it goes by, so no other one can come to lie there meanwhile.
    at: AtomicPtr<Policy>,
}

impl InForce {
    pub fn new(policy: Arc<Policy>) -> Self {
        Self { at: AtomicPtr::new(Arc::as_ptr(&policy).cast_mut()), policy: RwLock::new(policy) }
    }

    pub fn get(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn put(&self, policy: Arc<Policy>) {
        let mut held = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        self.at.store(Arc::as_ptr(&policy).cast_mut(), Ordering::Release);
        *held = policy;
    }

    /// Gives the judge of a session the policy in force, if it has another.
    pub fn refresh(&self, judge: &mut Judge) {
        if !std::ptr::eq(self.at.load(Ordering::Acquire), Arc::as_ptr(&judge.policy)) {
            judge.adopt(self.get());
        }
    }
}
