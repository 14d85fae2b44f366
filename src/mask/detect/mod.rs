//! Detectors: a finder and a validator each. A text goes in with what is known around it; findings come out, in order, none inside another.
//!
//! One pass over the bytes ([`sight`]) tells which detectors can fire at all; most texts hold nothing that any of them begins with. A text with
//! digits, dashes or spaces of other scripts is brought into its [`plain`] form first. Each family then adds whatever it takes for
//! something, and how sure it is; what only its surroundings can tell is raised or dropped here, and what overlaps is settled here.

mod before;
pub mod custom;
mod decode;
mod email;
mod network;
mod numbers;
pub mod people;
mod phone;
mod plain;
mod secrets;
mod sight;

use super::kind::{Kind, KindSet};
use super::names::{self, Spoken};
pub use before::said_before;
use custom::{Custom, CustomDetectors, Unfit};
use decode::{Decoding, Escapes};
use plain::Plain;
use secrets::Secrets;
pub use sight::Sight;

/// Something sensitive in a text: a range of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    pub sure: Sure,
}

/// How sure a detector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sure {
    /// The shape fits, and so would other things: it counts where something around speaks for it.
    Maybe,
    /// Something around speaks for it.
    Likely,
    /// A checksum, a published prefix, a shape that nothing else has.
    Certain,
}

impl Sure {
    pub const fn score(self) -> f32 {
        match self {
            Self::Maybe => 0.4,
            Self::Likely => 0.75,
            Self::Certain => 0.95,
        }
    }
}

/// What is known around a text.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Kinds that the column speaks for, by its name or by what most of its values are.
    pub expected: KindSet,
    /// Kinds that are looked for at all.
    pub wanted: KindSet,
    /// The nearest name inside the value: a JSON key, a field of a composite. Empty if there is none.
    pub name: &'a [u8],
}

impl Context<'_> {
    /// Nothing is known.
    pub const NONE: Context<'static> = Context { expected: KindSet::NONE, wanted: KindSet::ALL, name: b"" };
}

/// A text as detectors look at it: in its plain form.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    pub text: &'a [u8],
    pub sight: Sight,
}

/// Buffers of detectors.
#[derive(Debug, Default)]
pub struct Room {
    plain: Plain,
    decoding: Decoding,
    names: names::Cache,
}

/// What finds, made once and shared by all sessions.
#[derive(Debug)]
pub struct Detectors {
    secrets: Secrets,
    custom: CustomDetectors,
}

impl Detectors {
    pub fn built_in() -> Self {
        Self { secrets: Secrets::new(), custom: CustomDetectors::default() }
    }

    /// With those of a policy besides.
    pub fn with_custom(customs: &[Custom]) -> Result<Self, Unfit> {
        Ok(Self { custom: CustomDetectors::new(customs)?, ..Self::built_in() })
    }

    /// The detectors of the policy.
    pub fn custom(&self) -> &CustomDetectors {
        &self.custom
    }

    /// Adds what is found in `text` to `found`, in order, none inside another. `text` is UTF-8, or what claims to be.
    pub fn find(&self, text: &[u8], context: &Context<'_>, room: &mut Room, found: &mut Vec<Finding>) {
        let from = found.len();
        let (context, spoken) = around(text, context, room);
        self.gather(text, &context, spoken, room, found);
        if found.len() > from {
            settle(text, &context, from, found);
        }
    }

    /// Adds all that could be something: also what nothing around speaks for, in no order, and one over the other. By these a column is
    /// judged: what most of its values could be, it holds.
    pub fn candidates(&self, text: &[u8], context: &Context<'_>, room: &mut Room, found: &mut Vec<Finding>) {
        let (context, spoken) = around(text, context, room);
        self.gather(text, &context, spoken, room, found);
    }

    fn gather(&self, text: &[u8], context: &Context<'_>, spoken: Spoken, room: &mut Room, found: &mut Vec<Finding>) {
        let sight = Sight::of(text);
        let from = found.len();
        if sight.high && room.plain.bring(text) {
            let scan = Scan { text: room.plain.text(), sight: Sight::of(room.plain.text()) };
            self.look(&scan, context, spoken, found);
            for finding in found.iter_mut().skip(from) {
                (finding.start, finding.end) = room.plain.back(finding.start, finding.end);
            }
        } else {
            self.look(&Scan { text, sight }, context, spoken, found);
        }
        self.decode(text, &sight, context, room, found);
    }

    /// Adds what is found in a text once what is written otherwise in it is undone.
    fn decode(&self, text: &[u8], sight: &Sight, context: &Context<'_>, room: &mut Room, found: &mut Vec<Finding>) {
        let escaped = Escapes::ALL.into_iter().any(|escapes| escapes.in_sight(sight));
        let runs = decode::may_have_runs(text, sight);
        if !escaped && !runs {
            return;
        }
        let Some(mut decoded) = room.decoding.lend() else { return };
        for escapes in Escapes::ALL.into_iter().filter(|escapes| escapes.in_sight(sight)) {
            if decoded.characters(text, escapes) {
                let from = found.len();
                self.candidates(decoded.text(), context, room, found);
                for finding in found.iter_mut().skip(from) {
                    (finding.start, finding.end) = decoded.back(finding.start, finding.end);
                }
            }
        }
        let mut at = 0;
        while runs && let Some(run) = decode::next_run(text, at) {
            at = run.end;
            let from = found.len();
            let hit = decoded.run(text.get(run.clone()).unwrap_or_default(), |part| {
                self.candidates(part, context, room, found);
                settle(part, context, from, found);
                found.len() > from
            });
            // All of a run is one value: what of it says what nobody can tell.
            let strongest = found.get(from..).unwrap_or_default().iter().max_by_key(|finding| finding.sure).copied();
            found.truncate(from);
            if let Some(finding) = strongest.filter(|_| hit) {
                found.push(Finding { start: run.start, end: run.end, ..finding });
            }
        }
        room.decoding.give_back(decoded);
    }

    /// Every family looks, and says by itself what it cannot be without.
    fn look(&self, scan: &Scan<'_>, context: &Context<'_>, spoken: Spoken, found: &mut Vec<Finding>) {
        email::find(scan, context, found);
        network::find(scan, context, found);
        numbers::find(scan, context, found);
        phone::find(scan, context, found);
        self.secrets.find(scan, context, found);
        self.custom.find(scan.text, context, found);
        people::find(scan, context, spoken, found);
    }
}

/// What the key that a text stands under speaks for joins what is expected. In a column whose digits are what they are by chance, a text that is one
/// word of them is not searched for what such a word would be taken for.
fn around<'c>(text: &[u8], context: &Context<'c>, room: &mut Room) -> (Context<'c>, Spoken) {
    let spoken = room.names.of(context.name);
    let mut context = Context { expected: context.expected.or(spoken.strong), ..*context };
    if context.expected.has(Kind::CHANCE) && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.#/".contains(byte)) {
        context.wanted = context.wanted.without(KindSet::BY_CHANCE.without(context.expected));
    }
    (context, spoken)
}

/// Keeps what counts of `found` from `from` on: what is wanted and what something speaks for. What overlaps becomes one, of the kind of the
/// surer one, then of the longer one: each of them would be masked if it stood alone, so no byte of them may show.
fn settle(text: &[u8], context: &Context<'_>, from: usize, found: &mut Vec<Finding>) {
    let mut kept = from;
    for at in from..found.len() {
        let Some(mut finding) = found.get(at).copied() else { break };
        if !context.wanted.has(finding.kind) || finding.start >= finding.end {
            continue;
        }
        if finding.sure == Sure::Maybe {
            if !context.expected.has(finding.kind) || is_in_prose(text, &finding) {
                continue;
            }
            finding.sure = Sure::Likely;
        }
        kept = put(found, kept, finding);
    }
    found.truncate(kept);
    let Some(counting) = found.get_mut(from..) else { return };
    if counting.len() < 2 {
        return;
    }
    counting.sort_unstable_by_key(|finding| (finding.start, finding.end));
    let mut joined = from;
    for at in from..found.len() {
        let Some(finding) = found.get(at).copied() else { break };
        match found.get_mut(from..joined).and_then(<[Finding]>::last_mut) {
            Some(last) if finding.start < last.end => {
                let rank = |one: &Finding| (one.sure, context.expected.has(one.kind), one.end - one.start);
                if rank(&finding) > rank(last) {
                    (last.kind, last.sure) = (finding.kind, finding.sure);
                }
                last.end = last.end.max(finding.end);
            }
            Some(_) | None => joined = put(found, joined, finding),
        }
    }
    found.truncate(joined);
}

/// Letters around a value in which a column's name says nothing about it any more: of a note, not of the value's own `ext.` or a list's signs.
const PROSE: usize = 16;

/// What stands in a sentence is told by the words before it, not by its column.
fn is_in_prose(text: &[u8], finding: &Finding) -> bool {
    let letters = |part: Option<&[u8]>| {
        part.unwrap_or_default().iter().filter(|byte| byte.is_ascii_alphabetic() || **byte >= 0xC3).take(PROSE + 1).count()
    };
    (finding.end - finding.start) * 2 < text.len() && letters(text.get(..finding.start)) + letters(text.get(finding.end..)) > PROSE
}

/// Puts a finding in a place that was read already; the place after it.
fn put(found: &mut [Finding], place: usize, finding: Finding) -> usize {
    if let Some(slot) = found.get_mut(place) {
        *slot = finding;
    }
    place + 1
}

#[cfg(test)]
mod tests;
