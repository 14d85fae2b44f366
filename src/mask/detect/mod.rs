//! Detectors: a finder and a validator each. A text goes in with what is known around it; findings come out, in order, none inside another.
//!
//! One pass over the bytes tells which detectors can fire at all; most texts hold nothing that any of them begins with.

pub mod custom;
mod email;

use super::kind::{Kind, KindSet};
use custom::{Custom, CustomDetectors, Unfit};

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

/// Buffers of detectors.
#[derive(Debug, Default)]
pub struct Room {}

/// What finds, made once and shared by all sessions.
#[derive(Debug, Default)]
pub struct Detectors {
    custom: CustomDetectors,
}

impl Detectors {
    pub fn built_in() -> Self {
        Self::default()
    }

    /// With those of a policy besides.
    pub fn with_custom(customs: &[Custom]) -> Result<Self, Unfit> {
        Ok(Self { custom: CustomDetectors::new(customs)? })
    }

    /// The detectors of the policy.
    pub fn custom(&self) -> &CustomDetectors {
        &self.custom
    }

    /// Adds what is found in `text` to `found`, in order, none inside another. `text` is UTF-8, or what claims to be.
    pub fn find(&self, text: &[u8], context: &Context<'_>, _room: &mut Room, found: &mut Vec<Finding>) {
        if context.wanted.has(Kind::EMAIL) {
            email::find(text, found);
        }
    }
}
