//! What a statement may bring or take, and what an agent may take in a window of time: rows, rows with sensitive values, bytes. Charged
//! before anything is released.

mod copied;
mod meter;
mod purse;
#[cfg(test)]
mod tests;
mod weight;

use std::time::Duration;

use super::hold::Over;

pub use copied::Copied;
pub use meter::{Meter, Till};
pub use purse::{Exceeded, Lease, MOST_SHOWN, Purse, ShapeKey};
pub use weight::{Cells, compared, weight};

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
    /// Rows that COPY brings in.
    pub copy_in_rows: Option<u64>,
    /// Distinct sensitive values of which a replacement tells something: tokens, and what `partial` leaves.
    pub sensitive_values: Option<u64>,
    /// Distinct questions about sensitive columns, each for as many as it has values more than a few.
    pub probes: Option<u64>,
    /// Bytes of shapes not met before: each is written to the record.
    pub shape_bytes: Option<u64>,
}

impl Allowance {
    const WINDOW: Duration = Duration::from_secs(10 * 60);
    pub const NONE: Self = Self {
        window: Self::WINDOW,
        rows: None,
        sensitive_rows: None,
        sensitive_values: None,
        bytes: None,
        copy_in_rows: None,
        probes: None,
        shape_bytes: None,
    };
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            window: Self::WINDOW,
            rows: Some(100_000),
            sensitive_rows: Some(1_000),
            // Of each row a person's name, address, number and a few more.
            sensitive_values: Some(5_000),
            bytes: Some(64 << 20),
            copy_in_rows: Some(10_000),
            probes: Some(1_000),
            // Two hundred and fifty of the longest; applications have a few hundred short ones.
            shape_bytes: Some(16 << 20),
        }
    }
}

/// What is about to be released, or taken in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub rows: u64,
    pub sensitive: u64,
    /// Counted here only where an approval raised what one run may bring: for those alone nobody keeps in mind which they were.
    pub values: u64,
    pub bytes: u64,
    pub copied: u64,
    pub shapes: u64,
}

/// The numbers in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub limits: Limits,
    pub allowance: Allowance,
}

impl Bounds {
    pub const NONE: Self = Self { limits: Limits::NONE, allowance: Allowance::NONE };

    /// What one run may bring that was approved to go over the limits.
    #[must_use]
    pub fn raised(&self, over: Over) -> Self {
        let times = over.times();
        let raise = |bound: Option<u64>| bound.map(|bound| bound.max(1).saturating_mul(times));
        let Self { limits, allowance } = *self;
        let limits = Limits {
            rows: raise(limits.rows),
            bytes: raise(limits.bytes),
            copy_in_rows: raise(limits.copy_in_rows),
            copy_in_bytes: raise(limits.copy_in_bytes),
        };
        let allowance = Allowance {
            rows: raise(allowance.rows),
            sensitive_rows: raise(allowance.sensitive_rows),
            sensitive_values: raise(allowance.sensitive_values),
            bytes: raise(allowance.bytes),
            copy_in_rows: raise(allowance.copy_in_rows),
            ..allowance
        };
        Self { limits, allowance }
    }
}
