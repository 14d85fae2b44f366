//! How the desk is kept: times, bounds, and the address that links begin with.

use std::time::Duration;

use crate::mask::Masking;

#[derive(Debug, Clone)]
pub struct Options {
    /// How long a connection waits for people.
    pub wait_for: Duration,
    /// How long a hold awaits its decision.
    pub expires: Duration,
    /// How long an approval can be used.
    pub approval_expires: Duration,
    /// Holds of one agent that wait or are approved and not used.
    pub max_open_per_agent: usize,
    /// Before the hold's id, in links.
    pub public_url: String,
    /// People decide for agents of their own, and the record says so.
    pub single_person: bool,
    /// Groups of reviewers that the policy names.
    pub groups: Box<[Box<str>]>,
    /// What people are shown of a statement is masked by this.
    pub masking: Masking,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            wait_for: Duration::from_secs(30),
            expires: Duration::from_secs(3600),
            approval_expires: Duration::from_secs(3600),
            max_open_per_agent: 50,
            public_url: "http://127.0.0.1:6433".to_owned(),
            single_person: false,
            groups: Box::default(),
            masking: Masking::built_in(),
        }
    }
}
