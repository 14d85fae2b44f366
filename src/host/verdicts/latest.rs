//! The newest of something, for all sessions at once: whether one of them has it yet costs one load.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

#[derive(Debug)]
pub struct Latest<T> {
    held: RwLock<Arc<T>>,
    /// Where it lies. Who asks keeps the one that it goes by, so no other one can come to lie there meanwhile.
    at: AtomicPtr<T>,
}

impl<T> Latest<T> {
    pub fn new(first: Arc<T>) -> Self {
        Self { at: AtomicPtr::new(Arc::as_ptr(&first).cast_mut()), held: RwLock::new(first) }
    }

    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.held.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn put(&self, next: Arc<T>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.at.store(Arc::as_ptr(&next).cast_mut(), Ordering::Release);
        *held = next;
    }

    /// Whether this is it.
    pub fn is(&self, known: &Arc<T>) -> bool {
        std::ptr::eq(self.at.load(Ordering::Acquire), Arc::as_ptr(known))
    }
}
