//! How many rows a row counts as. A whole table fits into one row, as an array or as JSON, so a long row counts as several.

/// Where the cells of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Each is a plain column of a relation, so it comes from one row.
    Plain,
    /// One at least was computed: from how many rows cannot be seen.
    Computed,
}

/// A row of plain columns is one row however wide it is, short of documents.
const PLAIN_FREE: u64 = 8 << 10;
const PLAIN_STEP: u64 = 1 << 10;
/// Names, sums, dates and a short text, computed.
const COMPUTED_FREE: u64 = 512;
/// Little more than two addresses: what an aggregate collects costs at least half of what its rows would cost one by one.
const COMPUTED_STEP: u64 = 64;

pub fn weight(bytes: u64, cells: Cells) -> u64 {
    let (free, step) = match cells {
        Cells::Plain => (PLAIN_FREE, PLAIN_STEP),
        Cells::Computed => (COMPUTED_FREE, COMPUTED_STEP),
    };
    bytes.saturating_sub(free).div_ceil(step).saturating_add(1)
}
