//! How many rows a row counts as, and how many questions a question. A whole table fits into one row, as an array or as JSON, so a long row counts
//! as several; a thousand guesses fit into one statement, as a list or as one long text.

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

/// Values in a question that cost nothing more: of a login, of a page of a list.
const FREE_VALUES: u64 = 8;
/// A value of a usual length is one, however it is cut; a longer one may be many that are short.
const VALUE_FREE: usize = 64;
/// Little more than the shortest value that is worth a guess.
const VALUE_STEP: usize = 8;

/// How many questions one counts as that has values of these lengths: its literals and its parameters.
pub fn compared(lengths: impl Iterator<Item = usize>) -> u64 {
    let each = lengths.map(|length| length.saturating_sub(VALUE_FREE).div_ceil(VALUE_STEP).saturating_add(1));
    let values = each.fold(0_u64, |sum, values| sum.saturating_add(u64::try_from(values).unwrap_or(u64::MAX)));
    values.saturating_sub(FREE_VALUES).saturating_add(1)
}
