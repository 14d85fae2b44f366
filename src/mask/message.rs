//! Masks what is not rows: errors, notices, notifications, reported settings, the names of columns.

use crate::wire::backend::{Fields, tag};
use crate::wire::write;

use super::leaf::Masker;
use super::{Holding, KindSet, Masking, Workspace};

/// Appends an error or a notice (`message` is its tag) with what is sensitive in any of its fields replaced. False, and nothing appended,
/// when it passes as it is.
pub fn report(message: u8, fields: &Fields<'_>, masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
    debug_assert!(matches!(message, tag::ERROR_RESPONSE | tag::NOTICE_RESPONSE));
    let code = fields.get(b'C').unwrap_or_default();
    let tells_values = code.starts_with(b"22") || code.starts_with(b"23");
    let mut changed = false;
    let mark = out.len();
    write::message(out, message, |body| {
        for (kind, text) in fields.iter() {
            let mut masked = std::mem::take(&mut workspace.cell);
            masked.clear();
            let found = !matches!(kind, b'C' | b'S' | b'V') && mask_text(text, masking, workspace, &mut masked);
            changed |= found || tells_values;
            body.byte(kind).string(if found { &masked } else { text });
            workspace.cell = masked;
        }
        body.byte(0);
    });
    if !changed {
        out.truncate(mark);
    }
    changed
}

/// Appends `text` with what is sensitive in it replaced. False, and nothing appended, when nothing is.
pub fn mask_text(text: &[u8], masking: &Masking, workspace: &mut Workspace, out: &mut Vec<u8>) -> bool {
    let lists = masking.profile.lists(None);
    let (mut masker, _) = Masker::new(masking, Holding::Mixed(KindSet::NONE), lists, workspace);
    masker.text(text, out)
}
