//! What a policy says of masking, made ready for one agent and one database: styles, columns by name, values that are nobody's.

use std::collections::HashSet;
use std::sync::Arc;

use super::Masking;
use super::detect::Detectors;
use super::detect::custom::{Custom, CustomDetectors, How};
use super::kind::{Kind, KindSet};
use super::style::Style;
use super::verdict::{Basis, Column, Holding, Relation, Verdict};
use crate::gate::Subject;
use crate::gate::policy::mask::{self, Finder, Mask, Masks, Said, Unreadable};

#[derive(Debug, Clone)]
pub struct Profile {
    /// Nothing is masked: people approved that for one statement, or the policy says so.
    pub unmasked: bool,
    /// Kinds that are looked for.
    pub wanted: KindSet,
    /// The style of kinds that have none of their own.
    pub style: Style,
    pub styles: Vec<(Kind, Style)>,
    /// A result is held where one of these is found at its beginning, before any of it is released.
    pub holds: KindSet,
    /// What becomes of a value of a type that nobody here can read.
    pub unreadable: Unreadable,
    /// Arrays of fractions, and types of vectors, are masked as well.
    pub embeddings: bool,
    mask: Arc<Mask>,
    masks: Arc<Masks>,
    allowed: Arc<[Allowed]>,
}

/// Lists of allowed values, as bits, by their places in the policy: those that are for one column.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lists(u64);

impl Lists {
    pub const NONE: Self = Self(0);

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[derive(Debug)]
struct Allowed {
    said: mask::Allowed,
    values: HashSet<Box<[u8]>>,
}

impl Default for Profile {
    fn default() -> Self {
        Self::new(Arc::default(), Arc::default(), Arc::default())
    }
}

impl Profile {
    fn new(mask: Arc<Mask>, masks: Arc<Masks>, allowed: Arc<[Allowed]>) -> Self {
        let Mask { unmasked, wanted, style, ref styles, holds, unreadable, embeddings, .. } = *mask;
        Self { unmasked, wanted, style, styles: styles.clone(), holds, unreadable, embeddings, mask, masks, allowed }
    }

    /// The same, for a run that people let see values as they are.
    #[must_use]
    pub fn unmasked(&self) -> Self {
        Self { unmasked: true, holds: KindSet::NONE, ..self.clone() }
    }

    pub fn style_of(&self, kind: Kind) -> Style {
        self.styles.iter().find(|(of, _)| *of == kind).map_or(self.style, |(_, style)| *style)
    }

    /// A kind as the policy writes it.
    pub fn name_of(&self, kind: Kind) -> &str {
        self.masks.name_of(kind)
    }

    /// Whether it is the name of a kind: one of the program's, or of the policy's own.
    pub fn is_kind(&self, name: &str) -> bool {
        Kind::ALL.iter().any(|kind| kind.name() == name) || self.masks.detectors.iter().any(|detector| &*detector.name == name)
    }

    /// What the policy says of a column of a table. What was said by a command counts before.
    pub fn verdict(&self, relation: &Relation, column: &Column) -> Option<Verdict> {
        if column.verdict.basis == Basis::Overruled {
            return None;
        }
        self.mask.says_of(&relation.schema, &relation.name, &column.name).map(said)
    }

    /// What the policy says of a column by its names.
    pub fn says(&self, schema: &str, table: &str, column: &str) -> Option<Verdict> {
        self.mask.says_of(schema, table, column).map(said)
    }

    /// What the policy says of a column of a result that is none of a table's.
    pub fn verdict_of_any(&self, name: &str) -> Option<Verdict> {
        self.mask.says_of_any(name).map(said)
    }

    /// The lists that are for a column of a table; for what is no column, those that are for all.
    pub fn lists(&self, of: Option<(&Relation, &Column)>) -> Lists {
        let is_for = |allowed: &Allowed| match (&allowed.said.columns, of) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(patterns), Some((relation, column))) => {
                patterns.iter().any(|pattern| pattern.is(Some(&relation.schema), &relation.name, &column.name))
            }
        };
        let places = self.allowed.iter().enumerate().filter(|(_, allowed)| is_for(allowed));
        Lists(places.fold(0, |set, (place, _)| set | 1_u64.checked_shl(u32::try_from(place).unwrap_or(u32::MAX)).unwrap_or(0)))
    }

    /// Whether what was found is said to be nobody's.
    pub fn allows(&self, lists: Lists, kind: Kind, found: &[u8]) -> bool {
        let mut left = lists.0;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let allowed = usize::try_from(place).ok().and_then(|place| self.allowed.get(place));
            if allowed.is_some_and(|allowed| allowed.said.kinds.has(kind) && allowed.has(found)) {
                return true;
            }
        }
        false
    }
}

impl Allowed {
    fn has(&self, found: &[u8]) -> bool {
        self.values.contains(found) || self.said.patterns.iter().any(|pattern| pattern.is_match(found))
    }
}

fn said(said: Said) -> Verdict {
    let holding = match said {
        Said::Harmless => Holding::Harmless,
        Said::Whole(kind) => Holding::Whole(kind),
        Said::Among(kinds) => Holding::Mixed(kinds),
    };
    Verdict { holding, basis: Basis::Policy }
}

fn custom(said: &mask::Detector) -> Custom {
    let owned = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect();
    let how = match &said.finder {
        Finder::Regex { pattern, before } => How::Regex { pattern: pattern.to_string(), words: owned(before) },
        Finder::Entries(entries) => How::Dictionary { entries: owned(entries) },
        // Nobody read the file: that is refused for it finds nothing.
        Finder::File(_) => How::Dictionary { entries: Vec::new() },
        Finder::Columns(columns) => How::Columns(columns.to_vec()),
    };
    Custom { name: said.name.to_string(), how }
}

/// All that a policy says of masking, made ready once for all sessions.
#[derive(Debug)]
pub struct Profiles {
    pub detectors: Arc<Detectors>,
    masks: Arc<Masks>,
    base: Arc<Profile>,
    each: Vec<Arc<Profile>>,
}

impl Profiles {
    /// Or which detector of the policy's cannot be had, and why.
    pub fn new(masks: &Arc<Masks>) -> Result<Self, (usize, String)> {
        let allowed: Arc<[Allowed]> = masks
            .allowed
            .iter()
            .map(|said| Allowed { values: said.values.iter().map(|value| value.as_bytes().into()).collect(), said: said.clone() })
            .collect();
        let profile = |mask: &Arc<Mask>| Arc::new(Profile::new(Arc::clone(mask), Arc::clone(masks), Arc::clone(&allowed)));
        let customs: Vec<Custom> = masks.detectors.iter().map(custom).collect();
        for (place, custom) in customs.iter().enumerate() {
            CustomDetectors::new(std::slice::from_ref(custom)).map_err(|unfit| (place, unfit.to_string()))?;
        }
        let last = customs.len().saturating_sub(1);
        let detectors = if customs.is_empty() {
            Masking::built_in_detectors()
        } else {
            Arc::new(Detectors::with_custom(&customs).map_err(|unfit| (last, unfit.to_string()))?)
        };
        Ok(Self {
            detectors,
            masks: Arc::clone(masks),
            base: profile(&masks.base),
            each: masks.profiles.iter().map(|said| profile(&said.mask)).collect(),
        })
    }

    /// By what texts are masked that people are shown: no agent's profile, and nothing known of any database.
    pub fn for_people(&self) -> Masking {
        Masking { detectors: Arc::clone(&self.detectors), profile: Arc::clone(&self.base), ..Masking::built_in() }
    }

    /// The one that is for an agent in a database.
    pub fn of(&self, subject: &Subject) -> &Arc<Profile> {
        self.masks.place_for(subject).and_then(|place| self.each.get(place)).unwrap_or(&self.base)
    }
}
