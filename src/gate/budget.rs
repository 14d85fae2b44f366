//! What an agent may take in a window of time: rows, rows with sensitive values, bytes. Charged before anything is released.

use std::time::Instant;

/// What is about to be released.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub rows: u64,
    pub sensitive: u64,
    pub bytes: u64,
}

/// The budget that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    Rows,
    Sensitive,
    Bytes,
}

/// What one agent has taken, in all its sessions.
#[derive(Debug, Default)]
pub struct Purse {}

impl Purse {
    pub fn charge(&self, _now: Instant, _amount: Amount) -> Result<(), Exceeded> {
        Ok(())
    }
}
