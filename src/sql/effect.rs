//! What a statement does to the world, in twelve words. The numbers are in records and never change; which of them may pass is not decided
//! here.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Effect {
    Read = 0,
    Write = 1,
    /// A write with nothing in it that keeps it to some of the rows, or one that no rollback takes back.
    UnboundedWrite = 2,
    Ddl = 3,
    /// Who may do what: roles, grants, owners, policies, passwords.
    Privilege = 4,
    /// Data leaves by another door than rows.
    Export = 5,
    /// Data comes in by another door than statements.
    Import = 6,
    /// Code that no initdb made runs, or is made.
    Code = 7,
    Session = 8,
    /// A setting is touched that statements are judged by.
    Guard = 9,
    /// The server itself, or work of others: files, locks, processes, replication, maintenance.
    Admin = 10,
    /// Not known.
    Opaque = 11,
}

impl Effect {
    pub const ALL: [Self; 12] = [
        Self::Read,
        Self::Write,
        Self::UnboundedWrite,
        Self::Ddl,
        Self::Privilege,
        Self::Export,
        Self::Import,
        Self::Code,
        Self::Session,
        Self::Guard,
        Self::Admin,
        Self::Opaque,
    ];

    /// The word in policies, pages and records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::UnboundedWrite => "unbounded-write",
            Self::Ddl => "ddl",
            Self::Privilege => "privilege",
            Self::Export => "export",
            Self::Import => "import",
            Self::Code => "code",
            Self::Session => "session",
            Self::Guard => "guard",
            Self::Admin => "admin",
            Self::Opaque => "opaque",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|effect| effect.word() == word)
    }

    pub const fn bit(self) -> u32 {
        1 << self as u8
    }

    pub const fn alone(self) -> EffectSet {
        EffectSet(self.bit())
    }
}

/// A set of effects: one bit for each, by its number.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct EffectSet(u32);

impl EffectSet {
    pub const NONE: Self = Self(0);

    pub const fn of(effects: &[Effect]) -> Self {
        let mut bits = 0;
        let mut rest = effects;
        while let [effect, others @ ..] = rest {
            bits |= effect.bit();
            rest = others;
        }
        Self(bits)
    }

    pub const fn bits(self) -> u32 {
        self.0
    }

    /// From a record; what is no effect here is left out.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits & ((1 << Effect::ALL.len()) - 1))
    }

    pub const fn has(self, effect: Effect) -> bool {
        self.0 & effect.bit() != 0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether everything in this set is in the other as well.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Effect> {
        Effect::ALL.into_iter().filter(move |effect| self.has(*effect))
    }
}

impl BitOr for EffectSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for EffectSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl From<Effect> for EffectSet {
    fn from(effect: Effect) -> Self {
        effect.alone()
    }
}

impl FromIterator<Effect> for EffectSet {
    fn from_iter<T: IntoIterator<Item = Effect>>(effects: T) -> Self {
        effects.into_iter().fold(Self::NONE, |set, effect| set | effect.alone())
    }
}

impl fmt::Display for EffectSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, effect) in self.iter().enumerate() {
            formatter.write_str(if place == 0 { "" } else { " " })?;
            formatter.write_str(effect.word())?;
        }
        Ok(())
    }
}

impl fmt::Debug for EffectSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_those_of_records_written_long_ago() {
        let known = "read write unbounded-write ddl privilege export import code session guard admin opaque";
        for (number, word) in known.split(' ').enumerate() {
            let effect = Effect::of_word(word).unwrap();
            assert_eq!((effect as usize, effect.bit(), effect.word()), (number, 1 << number, word));
        }
        assert_eq!(EffectSet::from_bits(u32::MAX).to_string(), known);
    }
}
