//! What a statement may bring or take, and what an agent may take in a window of time: rows, rows with sensitive values, bytes. Charged
//! before anything is released.

use std::time::{Duration, Instant};

/// What one statement may bring or take: past it the statement is stopped. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub rows: Option<u64>,
    pub bytes: Option<u64>,
    pub copy_in_rows: Option<u64>,
    pub copy_in_bytes: Option<u64>,
}

impl Limits {
    pub const NONE: Self = Self { rows: None, bytes: None, copy_in_rows: None, copy_in_bytes: None };
}

/// A COPY that brings rows in says nothing of which: many at once are an import, for people to see.
impl Default for Limits {
    fn default() -> Self {
        Self { copy_in_rows: Some(10_000), ..Self::NONE }
    }
}

/// What one agent may take within a window of time, in all its sessions. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub window: Duration,
    pub rows: Option<u64>,
    /// Rows that carry sensitive values.
    pub sensitive_rows: Option<u64>,
    pub bytes: Option<u64>,
    /// Distinct questions about one sensitive column.
    pub probes: Option<u64>,
}

impl Allowance {
    const WINDOW: Duration = Duration::from_secs(10 * 60);
    pub const NONE: Self = Self { window: Self::WINDOW, rows: None, sensitive_rows: None, bytes: None, probes: None };
}

impl Default for Allowance {
    fn default() -> Self {
        Self { rows: Some(100_000), sensitive_rows: Some(1_000), bytes: Some(64 << 20), probes: None, ..Self::NONE }
    }
}

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
