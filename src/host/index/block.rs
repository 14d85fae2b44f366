//! Executions as the index keeps them: a thousand of them in a block, column by column, each column as wide as its values need.
//! Any value is found without reading the others. It knows nothing of the database that the blocks lie in.

/// Executions in a full block: few enough to rewrite when one of them ends late, enough for a column's head to weigh nothing.
pub const ROWS: usize = 1024;
const COLUMNS: usize = 21;
/// Of a column: how wide its values are, and the least of them.
const HEAD: usize = 9;
const START: usize = 4 + COLUMNS * HEAD;

/// Bits of [`Row::flags`].
pub mod flags {
    /// What kind of record began it: [`BEGUN`], [`PREPARED`] or [`REFUSED`].
    pub const KIND: u64 = 0b11;
    pub const BEGUN: u64 = 0;
    pub const PREPARED: u64 = 1;
    pub const REFUSED: u64 = 2;
    pub const IN_TRANSACTION: u64 = 0b100;
    pub const WAY: u32 = 3;
    pub const VERDICT: u32 = 7;
    /// Its end, counted from one; zero while it has none.
    pub const OUTCOME: u32 = 11;
    pub const NIBBLE: u64 = 0b1111;
}

/// Masked values: how many of which kind.
type Kinds = Vec<(u64, u64)>;

/// One statement that was run, prepared or refused. Where a value may be missing it is kept one higher, and zero is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub seq: u64,
    pub time: u64,
    pub session: u64,
    pub number: u64,
    pub agent: u64,
    pub shape: u64,
    pub flags: u64,
    pub effects: u64,
    pub rule: u64,
    pub hold: u64,
    pub code: u64,
    pub duration: u64,
    pub rows: u64,
    pub bytes: u64,
    pub received: u64,
    pub affected: u64,
    pub command: u64,
    pub length: u64,
    pub parameters: u64,
    /// The set of relations, where it is not the one that the shape has.
    pub relations: u64,
    /// Values masked, all kinds together.
    pub masked: u64,
    /// The same by kind.
    pub kinds: Kinds,
}

/// Columns that are looked at without the whole row.
pub const SEQ: usize = 0;
pub const TIME: usize = 1;
pub const SESSION: usize = 2;
pub const AGENT: usize = 4;
pub const SHAPE: usize = 5;
pub const FLAGS: usize = 6;
pub const EFFECTS: usize = 7;
pub const RULE: usize = 8;
pub const HOLD: usize = 9;
pub const CODE: usize = 10;
pub const DURATION: usize = 11;
pub const RETURNED: usize = 12;
pub const BYTES: usize = 13;
pub const RELATIONS: usize = 19;
pub const MASKED: usize = 20;

impl Row {
    fn values(&self) -> [u64; COLUMNS] {
        [
            self.seq,
            self.time,
            self.session,
            self.number,
            self.agent,
            self.shape,
            self.flags,
            self.effects,
            self.rule,
            self.hold,
            self.code,
            self.duration,
            self.rows,
            self.bytes,
            self.received,
            self.affected,
            self.command,
            self.length,
            self.parameters,
            self.relations,
            self.masked,
        ]
    }

    fn of(values: [u64; COLUMNS], kinds: Kinds) -> Self {
        let [
            seq,
            time,
            session,
            number,
            agent,
            shape,
            flags,
            effects,
            rule,
            hold,
            code,
            duration,
            rows,
            bytes,
            received,
            affected,
            command,
            length,
            parameters,
            relations,
            masked,
        ] = values;
        Self {
            seq,
            time,
            session,
            number,
            agent,
            shape,
            flags,
            effects,
            rule,
            hold,
            code,
            duration,
            rows,
            bytes,
            received,
            affected,
            command,
            length,
            parameters,
            relations,
            masked,
            kinds,
        }
    }
}

pub fn kind(flags: u64) -> u64 {
    flags & flags::KIND
}

pub fn verdict(flags: u64) -> u64 {
    flags >> flags::VERDICT & flags::NIBBLE
}

pub fn outcome(flags: u64) -> u64 {
    flags >> flags::OUTCOME & flags::NIBBLE
}

/// Not what was written as a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a block of the index is damaged")]
pub struct Damaged;

pub fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

pub fn take_number(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Damaged)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Damaged)
}

/// The bytes of a block.
pub fn encode(rows: &[Row]) -> Vec<u8> {
    let values: Vec<[u64; COLUMNS]> = rows.iter().map(Row::values).collect();
    let mut out = Vec::with_capacity(START.saturating_add(rows.len().saturating_mul(48)));
    out.extend_from_slice(&u32::try_from(rows.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut widths = [(0_u8, 0_u64); COLUMNS];
    for (column, (width, least)) in widths.iter_mut().enumerate() {
        let one = |row: &[u64; COLUMNS]| row.get(column).copied().unwrap_or(0);
        *least = values.iter().map(one).min().unwrap_or(0);
        let most = values.iter().map(one).max().unwrap_or(0).saturating_sub(*least);
        *width = u8::try_from(u64::BITS.saturating_sub(most.leading_zeros()).div_ceil(8)).unwrap_or(8);
        out.push(*width);
        out.extend_from_slice(&least.to_le_bytes());
    }
    for (column, (width, least)) in widths.iter().enumerate() {
        let width = usize::from(*width);
        for value in values.iter().filter(|_| width > 0).filter_map(|row| row.get(column)) {
            out.extend(value.saturating_sub(*least).to_le_bytes().iter().take(width));
        }
    }
    // Few rows have masked values: those that have say so by their place.
    for (place, row) in rows.iter().enumerate().filter(|(_, row)| !row.kinds.is_empty()) {
        put_number(&mut out, u64::try_from(place).unwrap_or(u64::MAX));
        put_number(&mut out, u64::try_from(row.kinds.len()).unwrap_or(u64::MAX));
        for (kind, count) in &row.kinds {
            put_number(&mut out, *kind);
            put_number(&mut out, *count);
        }
    }
    out
}

#[derive(Debug, Clone, Copy, Default)]
struct Column<'a> {
    width: usize,
    least: u64,
    data: &'a [u8],
}

impl Column<'_> {
    fn get(&self, place: usize) -> u64 {
        let at = place.saturating_mul(self.width);
        // Eight bytes at once where there are that many behind it.
        if let Some(bytes) = self.data.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let unused = 64_usize.saturating_sub(self.width.saturating_mul(8));
            let shift = u32::try_from(unused).unwrap_or(0);
            return self.least.wrapping_add(u64::from_le_bytes(*bytes).checked_shl(shift).map_or(0, |value| value >> shift));
        }
        let mut value = [0; 8];
        let bytes = self.data.get(at..at.saturating_add(self.width)).unwrap_or_default();
        value.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.least.wrapping_add(u64::from_le_bytes(value))
    }
}

/// A block's bytes, to be looked into.
#[derive(Debug, Clone)]
pub struct Block<'a> {
    pub rows: usize,
    columns: [Column<'a>; COLUMNS],
    kinds: &'a [u8],
}

impl<'a> Block<'a> {
    pub fn read(bytes: &'a [u8]) -> Result<Self, Damaged> {
        let (count, rest) = bytes.split_first_chunk::<4>().ok_or(Damaged)?;
        let rows = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| Damaged)?;
        if rows > ROWS {
            return Err(Damaged);
        }
        let (heads, mut data) = rest.split_at_checked(COLUMNS.saturating_mul(HEAD)).ok_or(Damaged)?;
        let mut columns = [Column::default(); COLUMNS];
        for (column, head) in columns.iter_mut().zip(heads.chunks_exact(HEAD)) {
            let (width, least) = head.split_first().ok_or(Damaged)?;
            let width = usize::from(*width);
            if width > 8 {
                return Err(Damaged);
            }
            let (own, rest) = data.split_at_checked(width.saturating_mul(rows)).ok_or(Damaged)?;
            *column = Column { width, least: u64::from_le_bytes(least.try_into().map_err(|_| Damaged)?), data: own };
            data = rest;
        }
        Ok(Self { rows, columns, kinds: data })
    }

    pub fn get(&self, column: usize, place: usize) -> u64 {
        self.columns.get(column).map_or(0, |column| column.get(place))
    }

    /// The place of the row that was begun by record `seq`.
    pub fn find(&self, seq: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low.midpoint(high);
            match self.get(SEQ, middle).cmp(&seq) {
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Less => low = middle.saturating_add(1),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// How many rows stand before record `seq`.
    pub fn before(&self, seq: u64) -> usize {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(SEQ, middle) < seq { low = middle.saturating_add(1) } else { high = middle }
        }
        low
    }

    /// Masked values of one row by kind.
    pub fn kinds(&self, place: usize) -> Result<Kinds, Damaged> {
        if self.get(MASKED, place) == 0 {
            return Ok(Vec::new());
        }
        Ok(self.all_kinds()?.into_iter().find(|(found, _)| *found == place).map(|(_, kinds)| kinds).unwrap_or_default())
    }

    fn all_kinds(&self) -> Result<Vec<(usize, Kinds)>, Damaged> {
        let (mut bytes, mut all) = (self.kinds, Vec::new());
        while !bytes.is_empty() {
            let place = usize::try_from(take_number(&mut bytes)?).map_err(|_| Damaged)?;
            let count = take_number(&mut bytes)?;
            let kinds = (0..count).map(|_| Ok((take_number(&mut bytes)?, take_number(&mut bytes)?))).collect::<Result<_, _>>()?;
            all.push((place, kinds));
        }
        Ok(all)
    }

    pub fn row(&self, place: usize) -> Result<Row, Damaged> {
        let mut values = [0; COLUMNS];
        for (value, column) in values.iter_mut().zip(&self.columns) {
            *value = column.get(place);
        }
        Ok(Row::of(values, self.kinds(place)?))
    }

    pub fn all(&self) -> Result<Vec<Row>, Damaged> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.rows);
        for place in 0..self.rows {
            let mut values = [0; COLUMNS];
            for (value, column) in values.iter_mut().zip(&self.columns) {
                *value = column.get(place);
            }
            rows.push(Row::of(values, Vec::new()));
        }
        for (place, kinds) in self.all_kinds()? {
            rows.get_mut(place).ok_or(Damaged)?.kinds = kinds;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::wildcard_enum_match_arm, reason = "a test says so by failing")]

    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0..200_u64, any::<u32>().prop_map(u64::from), any::<u64>()]
    }

    #[allow(clippy::type_complexity, reason = "it is what the strategies above give")]
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let kinds = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec((value(), value()), 1..4)];
        prop::collection::vec((prop::array::uniform20(value()), kinds), 0..40).prop_map(|all| {
            let row = |(seq, (values, kinds)): (usize, ([u64; 20], Kinds))| {
                let mut columns = [u64::from(!kinds.is_empty()); COLUMNS];
                columns[1..20].copy_from_slice(&values[1..]);
                columns[0] = 7 + 3 * seq as u64;
                Row::of(columns, kinds)
            };
            all.into_iter().enumerate().map(row).collect()
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(rows in rows()) {
            let bytes = encode(&rows);
            let block = Block::read(&bytes).unwrap();
            prop_assert_eq!(block.all().unwrap(), rows.clone());
            for (place, row) in rows.iter().enumerate() {
                prop_assert_eq!(&block.row(place).unwrap(), row);
                prop_assert_eq!(block.find(row.seq), Some(place));
                prop_assert_eq!(block.find(row.seq + 1), None);
                prop_assert_eq!(block.before(row.seq), place);
                prop_assert_eq!(block.before(row.seq + 1), place + 1);
            }
        }

        #[test]
        fn rubbish_is_no_block(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            // Whatever it says, it says it without a panic.
            if let Ok(block) = Block::read(&bytes) {
                prop_assert!(block.rows <= ROWS);
                block.all().ok();
            }
        }
    }
}
