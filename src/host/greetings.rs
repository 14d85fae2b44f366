//! What the server said at the start of an earlier link, so that the next client that asks in the same way can be greeted
//! without one. A greeting is only ever reused for exactly the same login, database and settings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ways to connect that are remembered. Drivers have a handful; beyond this the memory starts anew.
const REMEMBERED: usize = 512;

/// Everything that decides what a server reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Manner {
    pub login: String,
    pub database: String,
    pub settings: Vec<(String, String)>,
}

/// ParameterStatus names and values, in the server's order.
pub type Reported = Arc<[(Box<[u8]>, Box<[u8]>)]>;

#[derive(Debug, Default)]
pub struct Greetings(Mutex<HashMap<Manner, Reported>>);

impl Greetings {
    pub fn of(&self, manner: &Manner) -> Option<Reported> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(manner).cloned()
    }

    pub fn remember(&self, manner: &Manner, reported: &Reported) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(manner) == Some(reported) {
            return;
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(manner.clone(), Arc::clone(reported));
    }
}
