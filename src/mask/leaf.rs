//! Masks the leaves of a value: what [`crate::wire::value`] shows of arrays, JSON, numbers and all that is not plain text.
//!
//! # What is put in the place of what has a type
//!
//! A text says `[EMAIL]`, also a string, a number or a key of JSON. A number, a date or an address of a network in a type of its own cannot say that it
//! was masked, and a 0 or a 2000-01-01 would be a lie that somebody counts with: it becomes NULL, in arrays and composites as well, and a range with
//! its bound; with style `partial` it is what of it is of use, in its type. Bytes that are no text keep their length. What can be neither replaced
//! nor NULL (a key that its type refuses, a lexeme) makes the whole value NULL.

use crate::wire::value::{Choice, Class, Format, Leaf, Outcome, Role, Scratch, Visitor};

use super::detect::{Context, Finding, Room};
use super::kind::{Kind, KindSet};
use super::look;
use super::memo::Memo;
use super::profile::Lists;
use super::style::{self, Style};
use super::token::Mint;
use super::verdict::Holding;
use super::{Counts, Masking, Shown, Workspace};

/// Looks at the leaves of one value.
#[derive(Debug)]
pub struct Masker<'a> {
    masking: &'a Masking,
    holding: Holding,
    /// Values that are said to be nobody's.
    lists: Lists,
    /// Tokens, where values are a column's own.
    tokens: Option<&'a Mint>,
    /// The nearest name around the value, where it stands inside another.
    around: &'a [u8],
    room: &'a mut Room,
    findings: &'a mut Vec<Finding>,
    memo: &'a mut Memo,
    counts: &'a mut Counts,
    /// Of which something stays in sight.
    shown: &'a mut Shown,
    /// For documents inside texts.
    inner: &'a mut [Scratch],
}

impl<'a> Masker<'a> {
    /// And what its walk over a value borrows from.
    pub fn new(masking: &'a Masking, holding: Holding, lists: Lists, workspace: &'a mut Workspace) -> (Self, &'a mut Scratch) {
        let Workspace { scratch, inner, findings, detect, memo, counts, shown, .. } = workspace;
        memo.serve(masking);
        let masker = Self { masking, holding, lists, tokens: None, around: b"", room: detect, findings, memo, counts, shown, inner };
        (masker, scratch)
    }

    /// The same for a column of a relation, of which tokens may be made.
    #[must_use]
    pub fn with_tokens(self, tokens: Option<&'a Mint>) -> Self {
        Self { tokens, ..self }
    }

    /// Appends `text` with what was found in it replaced. False, and nothing appended, when nothing was.
    pub fn text(&mut self, text: &[u8], out: &mut Vec<u8>) -> bool {
        match self.of_text(text, b"", out) {
            Choice::Keep => false,
            Choice::Replace => true,
            Choice::Null => {
                // Where no NULL can stand.
                let kind = if let Holding::Whole(kind) = self.holding { Some(kind) } else { self.findings.first().map(|found| found.kind) };
                style::name(kind.unwrap_or(Kind::DERIVED), &self.masking.profile, out);
                true
            }
        }
    }

    /// What becomes of a text.
    pub(super) fn of_text(&mut self, text: &[u8], name: &[u8], out: &mut Vec<u8>) -> Choice {
        match self.holding {
            Holding::Harmless => Choice::Keep,
            Holding::Whole(kind) => self.whole_text(kind, text, out),
            Holding::Mixed(expected) => {
                if let Some(choice) = self.document(text, name, out) {
                    return choice;
                }
                let plain = Leaf { bytes: text, oid: 0, class: Class::Text, role: Role::Value, name, blank: b"", trail: &[] };
                self.search(&plain, expected, name);
                self.splice(text, out)
            }
        }
    }

    /// Looks for what is in a leaf that is no document.
    fn search(&mut self, leaf: &Leaf<'_>, expected: KindSet, name: &[u8]) {
        self.findings.clear();
        let context = Context { expected, wanted: self.masking.profile.wanted, name };
        let known = if look::is_cheap(leaf, &context) { Err(None) } else { self.memo.knows(leaf.class, &context, leaf.bytes) };
        let Err(sought) = known else { return };
        look::find(&self.masking.detectors, leaf, &context, self.room, self.findings);
        if let Some(sought) = sought.filter(|_| self.findings.is_empty()) {
            self.memo.keep(sought, leaf.class, &context, leaf.bytes);
        }
    }

    fn whole_text(&mut self, kind: Kind, text: &[u8], out: &mut Vec<u8>) -> Choice {
        // That nothing is there is no secret of a column; of an expression it could be an answer.
        if text.is_empty() && kind != Kind::DERIVED {
            return Choice::Keep;
        }
        self.counts.add(kind);
        if self.masking.profile.style_of(kind) == Style::Null {
            return Choice::Null;
        }
        if style::replace(kind, &self.masking.profile, self.tokens, text, out) {
            self.shown.note(text);
        }
        Choice::Replace
    }

    /// Appends the text with each finding replaced.
    fn splice(&mut self, text: &[u8], out: &mut Vec<u8>) -> Choice {
        self.forget_allowed(text);
        if let [only] = self.findings.as_slice()
            && (only.start, only.end) == (0, text.len())
        {
            return self.whole_text(only.kind, text, out);
        }
        let mut copied = 0;
        for finding in self.findings.iter() {
            out.extend_from_slice(text.get(copied..finding.start).unwrap_or_default());
            self.counts.add(finding.kind);
            let part = text.get(finding.start..finding.end).unwrap_or_default();
            if style::replace(finding.kind, &self.masking.profile, self.tokens, part, out) {
                self.shown.note(part);
            }
            copied = finding.end;
        }
        if copied == 0 {
            return Choice::Keep;
        }
        out.extend_from_slice(text.get(copied..).unwrap_or_default());
        Choice::Replace
    }

    /// Masks a text that is a document, leaf by leaf. `None` where it is none.
    fn document(&mut self, text: &[u8], name: &[u8], out: &mut Vec<u8>) -> Option<Choice> {
        let document = self.masking.types.given(look::document(text)?)?;
        let (scratch, inner) = self.inner.split_first_mut()?;
        let mut masker = Masker {
            masking: self.masking,
            holding: self.holding,
            lists: self.lists,
            tokens: self.tokens,
            around: name,
            room: self.room,
            findings: self.findings,
            memo: self.memo,
            counts: self.counts,
            shown: self.shown,
            inner,
        };
        match document.rewrite(Format::Text, text, &mut masker, scratch, out) {
            Ok(Outcome::Kept) => Some(Choice::Keep),
            Ok(Outcome::Changed) => Some(Choice::Replace),
            Ok(Outcome::Null) | Err(_) => None,
        }
    }

    /// Leaves out what the policy says is nobody's.
    fn forget_allowed(&mut self, text: &[u8]) {
        if !self.lists.is_empty() {
            let (profile, lists) = (&self.masking.profile, self.lists);
            self.findings.retain(|found| !profile.allows(lists, found.kind, text.get(found.start..found.end).unwrap_or_default()));
        }
    }

    /// What becomes of a leaf of which something was found, or which is sensitive as it is.
    fn whole(&mut self, kind: Kind, leaf: &Leaf<'_>, out: &mut Vec<u8>) -> Choice {
        let profile = &self.masking.profile;
        let style = profile.style_of(kind);
        if leaf.class == Class::Boolean {
            return Choice::Keep;
        }
        if leaf.class == Class::Text {
            return match self.whole_text(kind, leaf.bytes, out) {
                // A key has to be there.
                Choice::Null if leaf.role == Role::Key => {
                    style::name(kind, profile, out);
                    Choice::Replace
                }
                choice @ (Choice::Keep | Choice::Replace | Choice::Null) => choice,
            };
        }
        self.counts.add(kind);
        let is_json = matches!(leaf.oid, look::JSON | look::JSONB);
        let replaced = match style {
            Style::Null => false,
            Style::Partial if is_json => style::partial(kind, leaf.bytes, out),
            Style::Partial => style::partial_typed(kind, leaf.bytes, out),
            Style::Redact => false,
            Style::Token => is_json && self.tokens.is_some_and(|mint| mint.mint(self.masking.profile.name_of(kind), leaf.bytes, out)),
        };
        if replaced {
            self.shown.note(leaf.bytes);
            return Choice::Replace;
        }
        if is_json && style != Style::Null {
            style::name(kind, profile, out);
            return Choice::Replace;
        }
        Choice::Null
    }

    /// Bytes with each finding replaced: in what is no text, by as many stars.
    fn in_bytes(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Choice {
        if look::is_readable(bytes) {
            return self.splice(bytes, out);
        }
        out.extend_from_slice(bytes);
        for finding in self.findings.iter() {
            self.counts.add(finding.kind);
            if let Some(part) = out.get_mut(finding.start..finding.end) {
                part.fill(b'*');
            }
        }
        Choice::Replace
    }
}

impl Visitor for Masker<'_> {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        let expected = match self.holding {
            Holding::Harmless => return Choice::Keep,
            Holding::Whole(kind) => return self.whole(kind, leaf, replacement),
            Holding::Mixed(expected) => expected,
        };
        let name = if leaf.name.is_empty() { self.around } else { leaf.name };
        if look::is_text(leaf)
            && leaf.role == Role::Value
            && let Some(choice) = self.document(leaf.bytes, name, replacement)
        {
            return choice;
        }
        // A key is not what it is the key of.
        let (expected, name) = if leaf.role == Role::Key { (KindSet::NONE, &[][..]) } else { (expected, name) };
        self.search(leaf, expected, name);
        let Some(first) = self.findings.first().copied() else { return Choice::Keep };
        match leaf.class {
            Class::Text => match self.splice(leaf.bytes, replacement) {
                Choice::Null if leaf.role == Role::Key => {
                    style::name(first.kind, &self.masking.profile, replacement);
                    Choice::Replace
                }
                choice @ (Choice::Keep | Choice::Replace | Choice::Null) => choice,
            },
            Class::Bytes => self.in_bytes(leaf.bytes, replacement),
            Class::Number
            | Class::Boolean
            | Class::Time
            | Class::Network
            | Class::Uuid
            | Class::Geometry
            | Class::Vector
            | Class::Bits
            | Class::Label
            | Class::System => {
                self.forget_allowed(leaf.bytes);
                match self.findings.first() {
                    Some(found) => self.whole(found.kind, leaf, replacement),
                    None => Choice::Keep,
                }
            }
        }
    }
}
