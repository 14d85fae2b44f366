//! What of a value would be masked, told as ranges of its text: for people who try the detectors, and for measuring them. Rows go by the
//! same holding and the same detectors.

use super::detect::{Context, Finding, Sure};
use super::verdict::Holding;
use super::{Masking, Workspace};

/// The ranges of `value`, which is the text of a value of the type, that would be masked.
pub fn spans<'w>(value: &[u8], _type_oid: u32, holding: Holding, masking: &Masking, workspace: &'w mut Workspace) -> &'w [Finding] {
    let Workspace { findings, detect, .. } = workspace;
    findings.clear();
    match holding {
        Holding::Harmless => {}
        Holding::Whole(kind) => findings.push(Finding { kind, start: 0, end: value.len(), sure: Sure::Likely }),
        Holding::Mixed(expected) => {
            let context = Context { expected, wanted: masking.profile.wanted, name: b"" };
            masking.detectors.find(value, &context, detect, findings);
        }
    }
    findings
}
