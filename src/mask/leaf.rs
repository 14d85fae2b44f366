//! Masks the leaves of a value: what [`crate::wire::value`] shows of arrays, JSON, numbers and all that is not plain text.

use crate::wire::value::{Choice, Class, Leaf, Visitor};

use super::detect::{Context, Detectors, Finding, Room};
use super::kind::{Kind, KindSet};
use super::profile::{Lists, Profile};
use super::style::Style;
use super::token::Mint;
use super::verdict::Holding;
use super::{Counts, style};

/// Looks at the leaves of one value.
#[derive(Debug)]
pub struct Masker<'a> {
    pub detectors: &'a Detectors,
    pub profile: &'a Profile,
    pub holding: Holding,
    /// Values that are said to be nobody's.
    pub lists: Lists,
    /// Makes tokens, where what stands here may be shown in some.
    pub tokens: Option<&'a Mint>,
    pub room: &'a mut Room,
    pub findings: &'a mut Vec<Finding>,
    pub counts: &'a mut Counts,
}

impl Masker<'_> {
    /// Appends `text` with what was found in it replaced. False, and nothing appended, when nothing was.
    pub fn text(&mut self, text: &[u8], name: &[u8], out: &mut Vec<u8>) -> bool {
        let expected = match self.holding {
            Holding::Harmless => return false,
            Holding::Whole(kind) => {
                self.counts.add(kind);
                replace(self.profile, self.tokens, kind, text, out);
                return true;
            }
            Holding::Mixed(expected) => expected,
        };
        self.findings.clear();
        let context = Context { expected, wanted: self.profile.wanted, name };
        self.detectors.find(text, &context, self.room, self.findings);
        self.forget_allowed(text);
        let mut copied = 0;
        for finding in self.findings.iter() {
            out.extend_from_slice(text.get(copied..finding.start).unwrap_or_default());
            self.counts.add(finding.kind);
            let found = text.get(finding.start..finding.end).unwrap_or_default();
            replace(self.profile, self.tokens, finding.kind, found, out);
            copied = finding.end;
        }
        if copied > 0 {
            out.extend_from_slice(text.get(copied..).unwrap_or_default());
        }
        copied > 0
    }

    /// Leaves out what the policy says is nobody's.
    fn forget_allowed(&mut self, text: &[u8]) {
        if !self.lists.is_empty() {
            let (profile, lists) = (self.profile, self.lists);
            self.findings.retain(|found| !profile.allows(lists, found.kind, text.get(found.start..found.end).unwrap_or_default()));
        }
    }

    fn whole(&mut self, kind: Kind, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        self.counts.add(kind);
        replacement.extend_from_slice(leaf.blank);
        Choice::Replace
    }
}

/// Appends what stands in the place of a part of a text.
fn replace(profile: &Profile, tokens: Option<&Mint>, kind: Kind, original: &[u8], out: &mut Vec<u8>) {
    let style = match (profile.style_of(kind), tokens) {
        (Style::Token, Some(mint)) if mint.mint(profile.name_of(kind), original, out) => return,
        // What must not be shown in a token shows nothing.
        (Style::Token, _) => Style::Redact,
        (style, _) => style,
    };
    style::replace(kind, style, original, out);
}

impl Visitor for Masker<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        if let Holding::Whole(kind) = self.holding {
            return self.whole(kind, leaf, replacement);
        }
        match leaf.class {
            Class::Text => {
                if self.text(leaf.bytes, leaf.name, replacement) {
                    Choice::Replace
                } else {
                    Choice::Keep
                }
            }
            Class::Boolean | Class::Vector | Class::Geometry => Choice::Keep,
            Class::Number | Class::Time | Class::Network | Class::Uuid | Class::Bytes | Class::Bits | Class::Label | Class::System => {
                let Holding::Mixed(expected) = self.holding else { return Choice::Keep };
                self.findings.clear();
                let context = Context { expected, wanted: self.profile.wanted.and(KindSet::ALL), name: leaf.name };
                self.detectors.find(leaf.bytes, &context, self.room, self.findings);
                self.forget_allowed(leaf.bytes);
                match self.findings.first().map(|finding| finding.kind) {
                    Some(kind) => self.whole(kind, leaf, replacement),
                    None => Choice::Keep,
                }
            }
        }
    }
}
