//! Counts what one run of a statement brings and takes, against the limits of a statement and its agent's purse. Nothing is released, or
//! taken in, that was not counted here before.

use std::time::Instant;

use super::purse::exceeded;
use super::{Amount, Bounds, Cells, Exceeded, Lease, Limits, Purse, weight};
use crate::gate::hold::{Over, Quantity};

/// Of one run: a query, or a portal from Bind to its end.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    /// Its rows may carry sensitive values.
    sensitive: bool,
    /// What it may bring by an approval of its own: that is counted here alone, and leaves the purse as it is.
    raised: Option<Bounds>,
    taken: Amount,
    /// Bytes of COPY taken in.
    copied_bytes: u64,
}

/// Where a run is counted besides.
#[derive(Debug)]
pub struct Till<'a> {
    pub purse: &'a Purse,
    /// Charged already, in this step.
    pub lease: &'a mut Lease,
    pub now: Instant,
    pub bounds: &'a Bounds,
}

impl Meter {
    pub fn new(sensitive: bool) -> Self {
        Self { sensitive, raised: None, taken: Amount::default(), copied_bytes: 0 }
    }

    /// One that runs by an approval to go so far.
    #[must_use]
    pub fn raised(self, bounds: Bounds) -> Self {
        Self { raised: Some(bounds), ..self }
    }

    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// A row of so many bytes is about to pass.
    pub fn row(&mut self, till: &mut Till<'_>, bytes: u64, cells: Cells) -> Result<(), Over> {
        let rows = weight(bytes, cells);
        self.take(till, Amount { rows, sensitive: if self.sensitive { rows } else { 0 }, bytes, ..Amount::default() })
    }

    /// A row is about to pass of which it is not known yet whether it carries sensitive values: [`Meter::found`] counts those.
    pub fn plain_row(&mut self, till: &mut Till<'_>, bytes: u64, cells: Cells) -> Result<(), Over> {
        self.take(till, Amount { rows: weight(bytes, cells), bytes, ..Amount::default() })
    }

    /// Sensitive values were found in a row that was counted and has not passed.
    pub fn found(&mut self, till: &mut Till<'_>, bytes: u64, cells: Cells) -> Result<(), Over> {
        let sensitive = if self.sensitive { weight(bytes, cells) } else { 0 };
        self.take(till, Amount { sensitive, ..Amount::default() })
    }

    /// Something of these values is about to be shown, each known by a keyed hash.
    pub fn shown(&mut self, till: &mut Till<'_>, values: &[u64]) -> Result<(), Over> {
        if !self.sensitive || values.is_empty() {
            return Ok(());
        }
        if self.raised.is_some() {
            return self.take(till, Amount { values: u64::try_from(values.len()).unwrap_or(u64::MAX), ..Amount::default() });
        }
        let over = |Exceeded { quantity, limit }| Over::asking(quantity, limit);
        till.purse.show(till.now, &till.bounds.allowance, values).map_err(over)
    }

    /// So many rows of a COPY were seen, in so many bytes that are about to go to the server.
    pub fn copied(&mut self, till: &mut Till<'_>, rows: u64, bytes: u64) -> Result<(), Over> {
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        self.take(till, Amount { copied: rows, ..Amount::default() })
    }

    fn take(&mut self, till: &mut Till<'_>, amount: Amount) -> Result<(), Over> {
        let taken = self.taken.plus(amount);
        let bounds = self.raised.as_ref().unwrap_or(till.bounds);
        let over = |Exceeded { quantity, limit }| Over::asking(quantity, limit);
        self.above(&bounds.limits, taken).map_or(Ok(()), |exceeded| Err(over(exceeded)))?;
        match &self.raised {
            Some(raised) => exceeded(&raised.allowance, taken, amount).map_or(Ok(()), |exceeded| Err(over(exceeded)))?,
            None => till.charge(amount).map_err(over)?,
        }
        self.taken = taken;
        Ok(())
    }

    fn above(&self, limits: &Limits, taken: Amount) -> Option<Exceeded> {
        let each = [
            (Quantity::Rows, limits.rows, taken.rows),
            (Quantity::Bytes, limits.bytes, taken.bytes),
            (Quantity::CopyInRows, limits.copy_in_rows, taken.copied),
            (Quantity::CopyInBytes, limits.copy_in_bytes, self.copied_bytes),
        ];
        each.into_iter().find_map(|(quantity, limit, taken)| {
            let limit = limit.filter(|limit| taken > *limit)?;
            Some(Exceeded { quantity, limit })
        })
    }
}

impl Till<'_> {
    fn charge(&mut self, amount: Amount) -> Result<(), Exceeded> {
        if !self.lease.use_up(amount) {
            self.purse.renew(self.lease, self.now, &self.bounds.allowance, amount)?;
        }
        Ok(())
    }
}
