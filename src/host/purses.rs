//! One purse for each agent, whatever sessions it has. It decides nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::gate::budget::Purse;

#[derive(Debug, Default)]
pub struct Purses(Mutex<HashMap<i64, Arc<Purse>>>);

impl Purses {
    fn all(&self) -> MutexGuard<'_, HashMap<i64, Arc<Purse>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn of(&self, agent_id: i64) -> Arc<Purse> {
        Arc::clone(self.all().entry(agent_id).or_default())
    }

    /// The agent is no more.
    pub fn forget(&self, agent_id: i64) {
        self.all().remove(&agent_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_has_one_purse_until_it_is_no_more() {
        let purses = Purses::default();
        let purse = purses.of(1);
        assert!(Arc::ptr_eq(&purse, &purses.of(1)) && !Arc::ptr_eq(&purse, &purses.of(2)));
        purses.forget(1);
        assert!(!Arc::ptr_eq(&purse, &purses.of(1)));
    }
}
