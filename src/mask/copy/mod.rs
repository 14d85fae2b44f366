//! Masks what COPY sends, in its three formats, as it streams by: fields are masked one by one by the plan of the columns, wherever the borders
//! of messages are. No more of a stream is kept than one field; a field that is too long to be kept is replaced as a whole.

mod binary;
mod lines;
mod rows;

use std::sync::Arc;

use super::plan::{Course, Plan, Planned};
use super::verdict::Holding;
use super::{Kind, Workspace};
use crate::wire::value::{Format, Outcome};
pub use rows::CopyRows;
use rows::Row;

/// A longer field is not kept, nor would its value be looked at.
const FIELD_LIMIT: usize = super::row::VALUE_LIMIT;
/// A buffer that grew beyond this is not kept for the next field.
const KEEP_CAPACITY: usize = 1 << 20;

/// How a COPY writes its rows, as its options say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyShape {
    Text { delimiter: u8, null: Box<[u8]>, header: bool },
    Csv { delimiter: u8, quote: u8, escape: u8, null: Box<[u8]>, header: bool },
    Binary,
}

impl CopyShape {
    /// `COPY … TO STDOUT` without options.
    pub fn text() -> Self {
        Self::Text { delimiter: b'\t', null: (*br"\N").into(), header: false }
    }

    /// `… (FORMAT csv)`.
    pub fn csv() -> Self {
        Self::Csv { delimiter: b',', quote: b'"', escape: b'"', null: Box::default(), header: false }
    }

    /// The format that the columns of its plan have.
    pub fn format(&self) -> Format {
        match self {
            Self::Text { .. } | Self::Csv { .. } => Format::Text,
            Self::Binary => Format::Binary,
        }
    }
}

/// A stream that is not what was announced: another number of columns, or not that format at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherShape;

/// Masks one stream.
#[derive(Debug)]
pub struct CopyMasker {
    plan: Arc<Plan>,
    /// The column that the next byte belongs to.
    column: usize,
    /// The beginning of a field that is not complete.
    held: Vec<u8>,
    /// A field is longer than what is held of one: its end alone is waited for.
    dropping: bool,
    reading: Reading,
}

#[derive(Debug)]
enum Reading {
    Lines(lines::Lines),
    Binary(binary::Binary),
}

impl CopyMasker {
    /// The plan is that of the columns of the query, in the format that the shape has.
    pub fn new(shape: CopyShape, plan: Arc<Plan>) -> Self {
        let reading = match shape {
            CopyShape::Text { delimiter, null, header } => Reading::Lines(lines::Lines::text(delimiter, null, header)),
            CopyShape::Csv { delimiter, quote, escape, null, header } => {
                Reading::Lines(lines::Lines::csv(delimiter, (quote, escape), null, header))
            }
            CopyShape::Binary => Reading::Binary(binary::Binary::default()),
        };
        Self { plan, column: 0, held: Vec::new(), dropping: false, reading }
    }

    /// Appends what comes of the next bytes of the stream. What belongs to a field that is not complete comes later.
    pub fn feed(&mut self, data: &[u8], workspace: &mut Workspace, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        if self.plan.passes() {
            out.extend_from_slice(data);
            return Ok(());
        }
        self.run(data, workspace, None, out)
    }

    /// Appends what is left at the end of the stream.
    pub fn finish(&mut self, workspace: &mut Workspace, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        if self.plan.passes() { Ok(()) } else { self.end(workspace, None, out) }
    }

    fn run(&mut self, data: &[u8], workspace: &mut Workspace, row: Option<&mut Row>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        let Self { plan, column, held, dropping, reading } = self;
        let mut fields = Fields { plan, column, held, dropping, row, workspace };
        match reading {
            Reading::Lines(lines) => lines.feed(data, &mut fields, out),
            Reading::Binary(binary) => binary.feed(data, &mut fields, out),
        }
    }

    fn end(&mut self, workspace: &mut Workspace, row: Option<&mut Row>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        let Self { plan, column, held, dropping, reading } = self;
        let mut fields = Fields { plan, column, held, dropping, row, workspace };
        match reading {
            Reading::Lines(lines) => lines.finish(&mut fields, out),
            Reading::Binary(binary) => binary.finish(),
        }
    }
}

/// What both ways of reading have of the stream.
struct Fields<'a> {
    plan: &'a Plan,
    column: &'a mut usize,
    held: &'a mut Vec<u8>,
    dropping: &'a mut bool,
    /// They are looked at, not masked.
    row: Option<&'a mut Row>,
    workspace: &'a mut Workspace,
}

impl Fields<'_> {
    fn planned(&self) -> Option<&Planned> {
        self.plan.columns.get(*self.column)
    }

    fn passes(&self) -> bool {
        self.row.is_none() && self.planned().is_some_and(|column| column.course == Course::Pass)
    }

    /// Keeps what there is of a field. From the limit on nothing is kept of it.
    fn hold(&mut self, part: &[u8]) {
        if *self.dropping {
            return;
        }
        if self.held.len().saturating_add(part.len()) > FIELD_LIMIT {
            *self.dropping = true;
            self.held.clear();
        } else {
            self.held.extend_from_slice(part);
        }
    }

    /// Masks a value, appended. Kept: nothing was.
    fn value(&mut self, value: &[u8], format: Format, out: &mut Vec<u8>) -> Outcome {
        if let Some(row) = &mut self.row {
            row.value(Some(value));
            return Outcome::Kept;
        }
        let Some(column) = self.plan.columns.get(*self.column) else { return Outcome::Null };
        let outcome = self.plan.value(column, format, value, self.workspace, out);
        if outcome == Outcome::Changed {
            self.same(out);
        }
        outcome
    }

    /// Masks a value of which nothing was kept.
    fn dropped(&mut self, out: &mut Vec<u8>) -> Outcome {
        if let Some(row) = &mut self.row {
            row.value(None);
            return Outcome::Null;
        }
        let kind = match self.planned().map(|column| column.holding) {
            Some(Holding::Whole(kind)) => kind,
            _ => Kind::DERIVED,
        };
        self.workspace.counts.add(kind);
        if self.same(out) { Outcome::Changed } else { Outcome::Null }
    }

    /// What every value of the column becomes, if that is the same.
    fn same(&self, out: &mut Vec<u8>) -> bool {
        match self.planned().map(|column| &column.course) {
            Some(Course::Same(same)) => {
                out.extend_from_slice(same.get(4..).unwrap_or_default());
                true
            }
            _ => false,
        }
    }

    /// A field has ended.
    fn next(&mut self) {
        *self.column += 1;
        if *self.column == self.plan.width()
            && let Some(row) = &mut self.row
        {
            row.ends(*self.column);
        }
        *self.dropping = false;
        self.held.clear();
        self.held.shrink_to(KEEP_CAPACITY);
    }
}

#[cfg(test)]
mod tests;
