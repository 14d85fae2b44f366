//! The rows of a stream as the messages that a result would bring them in, for whoever judges columns by their first values and knows rows of
//! results alone. It keeps no more than one row; what becomes of the messages is not its matter.

use super::{CopyMasker, CopyShape, Fields, OtherShape};
use crate::mask::Workspace;
use crate::mask::plan::Plan;
use crate::mask::row::NULL;
use crate::wire::backend::tag;
use std::sync::Arc;

/// Reads one stream from its beginning.
#[derive(Debug)]
pub struct CopyRows {
    masker: CopyMasker,
    row: Row,
    /// What goes on to nobody.
    passed: Vec<u8>,
}

/// A row that is being read, and the messages of those that were.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// Each behind its length.
    values: Vec<u8>,
    count: usize,
    messages: Vec<u8>,
}

impl CopyRows {
    /// The plan says how many columns there are, and of which format.
    pub fn new(shape: CopyShape, plan: Arc<Plan>) -> Self {
        Self { masker: CopyMasker::new(shape, plan), row: Row::default(), passed: Vec::new() }
    }

    /// Takes the next bytes of the stream.
    pub fn feed(&mut self, data: &[u8], workspace: &mut Workspace) -> Result<(), OtherShape> {
        self.passed.clear();
        let Self { masker, row, passed } = self;
        masker.run(data, workspace, Some(row), passed)
    }

    /// No more is looked at: `end` stands behind the last row. A line may have no end yet.
    pub fn finish(&mut self, end: &[u8], workspace: &mut Workspace) {
        self.passed.clear();
        let Self { masker, row, passed } = self;
        // Where the stream was cut it may stand anywhere.
        masker.end(workspace, Some(row), passed).ok();
        row.messages.extend_from_slice(end);
    }

    /// Messages of the rows that were whole, and the end.
    pub fn messages(&self) -> &[u8] {
        &self.row.messages
    }
}

impl Row {
    pub(super) fn value(&mut self, value: Option<&[u8]>) {
        self.count += 1;
        match value.and_then(|value| Some((value, i32::try_from(value.len()).ok()?))) {
            Some((value, length)) => {
                self.values.extend_from_slice(&length.to_be_bytes());
                self.values.extend_from_slice(value);
            }
            None => self.values.extend_from_slice(&NULL),
        }
    }

    /// So many fields have come. A line of names has brought no values.
    pub(super) fn ends(&mut self, width: usize) {
        if self.count == width
            && let (Ok(count), Ok(length)) = (u16::try_from(width), u32::try_from(self.values.len().saturating_add(6)))
        {
            self.messages.push(tag::DATA_ROW);
            self.messages.extend_from_slice(&length.to_be_bytes());
            self.messages.extend_from_slice(&count.to_be_bytes());
            self.messages.extend_from_slice(&self.values);
        }
        self.values.clear();
        self.count = 0;
    }
}

impl Fields<'_> {
    /// A value is NULL.
    pub(super) fn null(&mut self) {
        if let Some(row) = &mut self.row {
            row.value(None);
        }
    }
}
