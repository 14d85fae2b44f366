//! How many rows a row counts as. A whole table fits into one row, as an array or as JSON, so a long row counts as several.

/// Where the cells of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cells {
    /// Each is a plain column of a relation, so it comes from one row.
    Plain,
    /// One at least was computed, and nothing in the statement is known to collect values of many rows. There are ways that are not known.
    Computed,
    /// Values of many rows may have been collected into one.
    Collected,
}

/// A row of plain columns is one row however wide it is, short of documents.
const PLAIN_FREE: u64 = 8 << 10;
const PLAIN_STEP: u64 = 1 << 10;
/// A row of plain columns with something beside them.
const COMPUTED_FREE: u64 = 4 << 10;
/// Names, sums, dates and a short list.
const COLLECTED_FREE: u64 = 512;
/// Little more than two addresses: what an aggregate collects costs at least a third of what its rows would cost one by one.
const COLLECTED_STEP: u64 = 64;

pub fn weight(bytes: u64, cells: Cells) -> u64 {
    let (free, step) = match cells {
        Cells::Plain => (PLAIN_FREE, PLAIN_STEP),
        Cells::Computed => (COMPUTED_FREE, COLLECTED_STEP),
        Cells::Collected => (COLLECTED_FREE, COLLECTED_STEP),
    };
    bytes.saturating_sub(free).div_ceil(step).saturating_add(1)
}
