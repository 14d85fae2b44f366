//! What of a value would be masked, told as ranges of its text: for people who try the detectors, and for measuring them. Rows go by the
//! same holding and the same look.

use crate::wire::value::{Choice, Class, Leaf, Role, Scratch, Visitor};

use super::detect::{Context, Finding, Room, Sure};
use super::kind::KindSet;
use super::look;
use super::verdict::Holding;
use super::{Masking, Workspace};

/// The ranges of `value`, which is the text of a value of the type, that would be masked.
pub fn spans<'w>(value: &[u8], type_oid: u32, holding: Holding, masking: &Masking, workspace: &'w mut Workspace) -> &'w [Finding] {
    let Workspace { scratch, findings, detect, .. } = workspace;
    findings.clear();
    let mut locator = Locator { masking, holding, around: b"", room: detect, depth: 0, findings };
    let of = masking.types.get(type_oid).filter(|of| of.plain_text().is_none());
    let replaced_as_one = matches!((holding, type_oid), (Holding::Whole(_), look::JSON | look::JSONB));
    match of {
        Some(of) if !replaced_as_one => {
            if of.trace(value, &mut locator, scratch).is_err() {
                // A value that its type does not know: it would not come from a server.
                locator.findings.clear();
                locator.text(value, b"");
            }
        }
        Some(_) | None => locator.text(value, b""),
    }
    findings.sort_unstable_by_key(|finding| (finding.start, finding.end));
    findings
}

/// Notes where the leaves of a value hold something.
struct Locator<'a> {
    masking: &'a Masking,
    holding: Holding,
    around: &'a [u8],
    room: &'a mut Room,
    depth: usize,
    findings: &'a mut Vec<Finding>,
}

impl Locator<'_> {
    fn text(&mut self, text: &[u8], name: &[u8]) {
        let expected = match self.holding {
            Holding::Harmless => return,
            Holding::Whole(kind) => {
                return self.findings.push(Finding { kind, start: 0, end: text.len(), sure: Sure::Likely });
            }
            Holding::Mixed(expected) => expected,
        };
        if !self.document(text, name) {
            let context = Context { expected, wanted: self.masking.profile.wanted, name };
            self.masking.detectors.find(text, &context, self.room, self.findings);
        }
    }

    fn document(&mut self, text: &[u8], name: &[u8]) -> bool {
        if self.depth >= look::DOCUMENTS {
            return false;
        }
        let Some(document) = look::document(text).and_then(|oid| self.masking.types.given(oid)) else { return false };
        let before = self.findings.len();
        let (masking, holding) = (self.masking, self.holding);
        let mut inside = Locator { masking, holding, around: name, room: self.room, depth: self.depth + 1, findings: self.findings };
        let read = document.trace(text, &mut inside, &mut Scratch::new()).is_ok();
        if !read {
            self.findings.truncate(before);
        }
        read
    }
}

impl Visitor for Locator<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>, _replacement: &mut Vec<u8>) -> Choice {
        let from = self.findings.len();
        let name = if leaf.name.is_empty() { self.around } else { leaf.name };
        match self.holding {
            Holding::Harmless => {}
            Holding::Whole(_) if leaf.class == Class::Boolean => {}
            Holding::Whole(kind) => {
                self.findings.push(Finding { kind, start: 0, end: leaf.bytes.len(), sure: Sure::Likely });
            }
            Holding::Mixed(expected) => {
                if look::is_text(leaf) && leaf.role == Role::Value && self.document(leaf.bytes, name) {
                    return self.tell(from, leaf);
                }
                let (expected, name) = if leaf.role == Role::Key { (KindSet::NONE, &[][..]) } else { (expected, name) };
                let context = Context { expected, wanted: self.masking.profile.wanted, name };
                look::find(&self.masking.detectors, leaf, &context, self.room, self.findings);
            }
        }
        self.tell(from, leaf)
    }
}

impl Locator<'_> {
    /// Makes what was found in a leaf ranges of what it stands in.
    fn tell(&mut self, from: usize, leaf: &Leaf<'_>) -> Choice {
        let stands = |at: usize| leaf.trail.get(at).or(leaf.trail.last()).copied().unwrap_or(at);
        for finding in self.findings.iter_mut().skip(from) {
            (finding.start, finding.end) = (stands(finding.start), stands(finding.end));
        }
        Choice::Keep
    }
}
