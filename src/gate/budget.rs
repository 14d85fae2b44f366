//! What a statement may bring or take, and what an agent may take in a window of time: rows, rows with sensitive values, bytes. Charged
//! before anything is released.

mod copied;
mod meter;
mod purse;
#[cfg(test)]
mod tests;
mod weight;

use std::time::Duration;

pub use copied::Copied;
pub use meter::{Meter, Till};
use purse::exceeded;
pub use purse::{Lease, Purse, ShapeKey};
pub use weight::{Cells, weight};

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
    /// Distinct questions about sensitive columns.
    pub probes: Option<u64>,
    /// Bytes of shapes not met before: each is written to the record.
    pub shape_bytes: Option<u64>,
}

impl Allowance {
    const WINDOW: Duration = Duration::from_secs(10 * 60);
    pub const NONE: Self =
        Self { window: Self::WINDOW, rows: None, sensitive_rows: None, bytes: None, copy_in_rows: None, probes: None, shape_bytes: None };
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            window: Self::WINDOW,
            rows: Some(100_000),
            sensitive_rows: Some(1_000),
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
    pub bytes: u64,
    pub copied: u64,
    pub shapes: u64,
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exceeded {
    Rows,
    Sensitive,
    Bytes,
    CopyInRows,
    Probes,
    ShapeBytes,
    /// Of one statement, as the next ones are.
    StatementRows,
    StatementBytes,
    StatementCopyInRows,
    StatementCopyInBytes,
}

impl Exceeded {
    /// For people, behind a number.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Rows | Self::StatementRows => "rows",
            Self::Sensitive => "rows that may carry sensitive values",
            Self::Bytes | Self::StatementBytes => "bytes of rows",
            Self::CopyInRows | Self::StatementCopyInRows => "rows of COPY FROM STDIN",
            Self::StatementCopyInBytes => "bytes of COPY FROM STDIN",
            Self::Probes => "distinct questions about columns that may be sensitive",
            Self::ShapeBytes => "bytes of statements of shapes not met before",
        }
    }

    /// Whether it is counted over a window of time, in all sessions of the agent.
    pub const fn is_of_window(self) -> bool {
        match self {
            Self::Rows | Self::Sensitive | Self::Bytes | Self::CopyInRows | Self::Probes | Self::ShapeBytes => true,
            Self::StatementRows | Self::StatementBytes | Self::StatementCopyInRows | Self::StatementCopyInBytes => false,
        }
    }
}

/// More than a limit, asked for: one run of one statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    pub what: Exceeded,
    /// What is allowed without asking.
    pub limit: u64,
    /// What the one run may bring where it is approved.
    pub asked: u64,
}

impl Over {
    /// The next power of ten is what people can judge at a glance.
    const TIMES: u64 = 10;
    /// Where nothing is allowed without asking.
    const LEAST: u64 = 1_000;

    pub fn asking(what: Exceeded, limit: u64) -> Self {
        Self { what, limit, asked: limit.saturating_mul(Self::TIMES).max(Self::LEAST) }
    }

    /// How many times what is allowed without asking: all that the one run may bring is raised alike, so that an approval for rows does
    /// not end at the bytes that they are.
    pub fn times(self) -> u64 {
        self.asked.checked_div(self.limit).unwrap_or(self.asked).max(1)
    }
}

/// The numbers in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    pub limits: Limits,
    pub allowance: Allowance,
}

impl Bounds {
    pub const NONE: Self = Self { limits: Limits::NONE, allowance: Allowance::NONE };

    /// The number behind what is used up.
    pub fn of(&self, what: Exceeded) -> Option<u64> {
        match what {
            Exceeded::Rows => self.allowance.rows,
            Exceeded::Sensitive => self.allowance.sensitive_rows,
            Exceeded::Bytes => self.allowance.bytes,
            Exceeded::CopyInRows => self.allowance.copy_in_rows,
            Exceeded::Probes => self.allowance.probes,
            Exceeded::ShapeBytes => self.allowance.shape_bytes,
            Exceeded::StatementRows => self.limits.rows,
            Exceeded::StatementBytes => self.limits.bytes,
            Exceeded::StatementCopyInRows => self.limits.copy_in_rows,
            Exceeded::StatementCopyInBytes => self.limits.copy_in_bytes,
        }
    }

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
            bytes: raise(allowance.bytes),
            copy_in_rows: raise(allowance.copy_in_rows),
            ..allowance
        };
        Self { limits, allowance }
    }
}
