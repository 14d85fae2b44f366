//! Masks rows by a plan.

use crate::wire::backend::tag;
use crate::wire::read::Values;
use crate::wire::value::Outcome;

use super::leaf::Masker;
use super::plan::{Course, Plan, Planned};
use super::{Workspace, verdict::Holding};

/// A row's columns were announced otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherWidth;

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
            cell.clear();
            let masked = self.value(column, value, workspace, &mut cell);
            if masked != Outcome::Kept {
                if !changed {
                    changed = true;
                    out.push(tag::DATA_ROW);
                    out.extend_from_slice(&[0; 4]);
                    out.extend_from_slice(&u16::try_from(row.len()).unwrap_or(u16::MAX).to_be_bytes());
                }
                out.extend_from_slice(bytes.get(copied..at).unwrap_or_default());
                copied = end;
                if masked == Outcome::Changed {
                    out.extend_from_slice(&i32::try_from(cell.len()).unwrap_or(i32::MAX).to_be_bytes());
                    out.extend_from_slice(&cell);
                } else {
                    out.extend_from_slice(&(-1i32).to_be_bytes());
                }
            }
            at = end;
        }
        workspace.cell = cell;
        if changed {
            out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
            let length = u32::try_from(out.len() - start - 1).unwrap_or(u32::MAX);
            if let Some(slot) = out.get_mut(start + 1..start + 5) {
                slot.copy_from_slice(&length.to_be_bytes());
            }
        }
        Ok(changed)
    }

    /// Appends one value, masked. What cannot be read never passes.
    fn value(&self, column: &Planned, value: &[u8], workspace: &mut Workspace, out: &mut Vec<u8>) -> Outcome {
        let Workspace { scratch, findings, detect, counts, .. } = workspace;
        let mut masker = Masker {
            detectors: &self.masking.detectors,
            profile: &self.masking.profile,
            holding: column.holding,
            lists: column.lists,
            tokens: self.masking.tokens.as_deref().filter(|_| column.tokens && column.course == Course::Text),
            room: detect,
            findings,
            counts,
        };
        match column.course {
            Course::Pass => Outcome::Kept,
            Course::Text => {
                if masker.text(value, b"", out) {
                    Outcome::Changed
                } else {
                    Outcome::Kept
                }
            }
            Course::Leaves => {
                let rewritten =
                    self.masking.types.get(column.type_oid).map(|of| of.rewrite(column.format, value, &mut masker, scratch, out));
                match rewritten {
                    Some(Ok(outcome)) => outcome,
                    Some(Err(_)) | None => Outcome::Null,
                }
            }
            Course::Blank => {
                if let Holding::Whole(kind) = column.holding {
                    masker.counts.add(kind);
                }
                Outcome::Null
            }
        }
    }
}
