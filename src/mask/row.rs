//! Masks rows by a plan.

use crate::wire::backend::tag;
use crate::wire::read::Values;
use crate::wire::value::{Choice, Format, Outcome};

use super::leaf::Masker;
use super::plan::{Course, Plan, Planned};
use super::verdict::Holding;
use super::{Kind, Workspace};

/// A row's columns were announced otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherWidth;

/// A longer value is not looked at but becomes NULL, unless its column passes or has one replacement for all.
pub const VALUE_LIMIT: usize = 8 << 20;

/// The length that says NULL.
pub(super) const NULL: [u8; 4] = (-1i32).to_be_bytes();

impl Plan {
    /// Appends the message of a row, masked, to `out`. False, and nothing appended, when it passes as it is.
    pub fn row(&self, row: &Values<'_>, workspace: &mut Workspace, out: &mut Vec<u8>) -> Result<bool, OtherWidth> {
        if row.len() != self.columns.len() {
            return Err(OtherWidth);
        }
        let start = out.len();
        let bytes = row.bytes();
        // Up to here the old bytes are copied; as long as nothing changed, none are.
        let (mut copied, mut at, mut changed) = (0, 0, false);
        let mut cell = std::mem::take(&mut workspace.cell);
        for (value, column) in row.iter().zip(&self.columns) {
            let Some(value) = value else {
                at += 4;
                continue;
            };
            let end = at + 4 + value.len();
            if column.course != Course::Pass {
                cell.clear();
                let masked = self.value(column, column.format, value, workspace, &mut cell);
                if masked != Outcome::Kept {
                    if !changed {
                        changed = true;
                        out.push(tag::DATA_ROW);
                        out.extend_from_slice(&[0; 4]);
                        out.extend_from_slice(&u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
                    }
                    out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                    copied = end;
                    match (masked, &column.course) {
                        (Outcome::Changed, Course::Same(same)) => out.extend_from_slice(same),
                        (Outcome::Changed, _) => {
                            out.extend_from_slice(&i32::try_from(cell.len()).unwrap_or(i32::MAX).to_be_bytes());
                            out.extend_from_slice(&cell);
                        }
                        (Outcome::Null | Outcome::Kept, _) => out.extend_from_slice(&NULL),
                    }
                }
            }
            at = end;
        }
        workspace.lay_by(cell);
        if changed {
            out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
            let length = u32::try_from(out.len() - start - 1).unwrap_or(u32::MAX);
            if let Some(slot) = out.get_mut(start + 1..start + 5) {
                slot.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(changed)
    }

    /// Appends one value, masked; of a course that is always the same nothing is appended. What cannot be read never passes.
    pub(super) fn value(&self, column: &Planned, format: Format, value: &[u8], workspace: &mut Workspace, out: &mut Vec<u8>) -> Outcome {
        match &column.course {
            Course::Pass => Outcome::Kept,
            Course::Same(_) if value.is_empty() && !column.is_derived() => Outcome::Kept,
            Course::Same(_) | Course::Null => {
                if let Holding::Whole(kind) = column.holding {
                    workspace.counts.add(kind);
                }
                if column.course == Course::Null { Outcome::Null } else { Outcome::Changed }
            }
            // Nobody reads as much as that, and looking at it would keep others waiting.
            Course::Text { .. } | Course::Leaves if value.len() > VALUE_LIMIT => {
                workspace.counts.add(if let Holding::Whole(kind) = column.holding { kind } else { Kind::DERIVED });
                Outcome::Null
            }
            Course::Text { limit, padded } => {
                let (mut masker, _) = self.masker(column, workspace);
                match masker.of_text(value, b"", out) {
                    Choice::Keep => Outcome::Kept,
                    Choice::Null => Outcome::Null,
                    Choice::Replace => {
                        if *padded {
                            pad(value, out);
                        }
                        // A type that has no room for it.
                        if out.len() > *limit { Outcome::Null } else { Outcome::Changed }
                    }
                }
            }
            Course::Leaves => {
                let (mut masker, scratch) = self.masker(column, workspace);
                let rewritten = self.masking.types.given(column.type_oid).map(|of| of.rewrite(format, value, &mut masker, scratch, out));
                match rewritten {
                    Some(Ok(outcome)) => outcome,
                    Some(Err(_)) | None => Outcome::Null,
                }
            }
        }
    }

    fn masker<'a>(&'a self, column: &Planned, workspace: &'a mut Workspace) -> (Masker<'a>, &'a mut crate::wire::value::Scratch) {
        let in_text = matches!(column.course, Course::Text { .. });
        let tokens = self.masking.tokens.as_deref().filter(|_| column.tokens && in_text);
        let (masker, scratch) = Masker::new(&self.masking, column.holding, column.lists, workspace);
        (masker.with_tokens(tokens), scratch)
    }
}

/// Brings a replacement to as many characters as the value of a `char(n)` has, which a server always fills up with spaces.
fn pad(value: &[u8], out: &mut Vec<u8>) {
    let starts = |byte: &&u8| **byte & 0xC0 != 0x80;
    let (wanted, made) = (value.iter().filter(starts).count(), out.iter().filter(starts).count());
    if made > wanted {
        out.clear();
        out.extend(std::iter::repeat_n(b'*', wanted));
    } else {
        out.extend(std::iter::repeat_n(b' ', wanted - made));
    }
}
