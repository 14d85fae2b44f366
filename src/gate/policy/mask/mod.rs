//! What a policy says of masking: profiles for agents and databases, columns by name, values that are nobody's, detectors of its own. It
//! compiles nothing and masks nothing.

mod read;

use std::sync::Arc;

use super::pattern::{ColumnPattern, Glob};
use crate::gate::Subject;
use crate::gate::kind::{Kind, KindSet};

pub(super) use read::read;

/// What is put in the place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The name of its kind: `[EMAIL]`.
    Redact,
    /// What is of use and tells nobody apart: the last four digits, the domain.
    Partial,
    Null,
    /// Equal values give equal tokens.
    Token,
}

impl Style {
    pub const ALL: [(&'static str, Self); 4] =
        [("redact", Self::Redact), ("partial", Self::Partial), ("null", Self::Null), ("token", Self::Token)];

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, style)| *style == self).map_or("redact", |(word, _)| word)
    }
}

/// What becomes of a value that nobody here can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    Null,
    /// The statement fails, and says of which type.
    Error,
}

/// What a policy says that a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Harmless,
    /// Each value is one of this kind.
    Whole(Kind),
    /// Values of these kinds stand among others.
    Among(KindSet),
}

/// What masking goes by for one agent in one database.
#[derive(Debug, Clone)]
pub struct Mask {
    /// Nothing is masked.
    pub unmasked: bool,
    /// Kinds that are looked for.
    pub wanted: KindSet,
    pub style: Style,
    pub styles: Vec<(Kind, Style)>,
    /// The first that matches says what a column holds.
    pub columns: Vec<(ColumnPattern, Said)>,
    pub unreadable: Unreadable,
    /// Arrays of fractions, and types of vectors, are masked as well.
    pub embeddings: bool,
    /// People may let a statement see values as they are.
    pub may_unmask: bool,
    /// A result is held where one of these is found at its beginning.
    pub holds: KindSet,
}

impl Default for Mask {
    fn default() -> Self {
        Self {
            unmasked: false,
            wanted: KindSet::ALL,
            style: Style::Redact,
            styles: Vec::new(),
            columns: Vec::new(),
            unreadable: Unreadable::Null,
            embeddings: false,
            may_unmask: true,
            holds: KindSet::NONE,
        }
    }
}

impl Mask {
    pub fn style_of(&self, kind: Kind) -> Style {
        self.styles.iter().find(|(of, _)| *of == kind).map_or(self.style, |(_, style)| *style)
    }

    /// What is said of a column of a table.
    pub fn says_of(&self, schema: &str, table: &str, column: &str) -> Option<Said> {
        self.columns.iter().find(|(pattern, _)| pattern.is(Some(schema), table, column)).map(|(_, said)| *said)
    }

    /// What is said of any column of this name, wherever it is: of a column of a result that is none of a table's. That such a one were
    /// harmless, whoever writes the query could say.
    pub fn says_of_any(&self, column: &str) -> Option<Said> {
        let any = self.columns.iter().filter(|(_, said)| *said != Said::Harmless);
        any.filter(|(pattern, _)| pattern.is_of_any_table()).find(|(pattern, _)| pattern.column.matches(column)).map(|(_, said)| *said)
    }
}

/// Whom a profile is for.
#[derive(Debug, Clone)]
pub struct Profile {
    pub name: Box<str>,
    pub agents: Option<Box<[Glob]>>,
    /// Each a group's agents.
    pub agent_groups: Option<Box<[Glob]>>,
    pub databases: Option<Box<[Glob]>>,
    pub environments: Option<Box<[Glob]>>,
    pub mask: Arc<Mask>,
}

impl Profile {
    fn is_for(&self, subject: &Subject) -> bool {
        let any = |patterns: Option<&[Glob]>, name: &str| patterns.is_none_or(|patterns| patterns.iter().any(|glob| glob.matches(name)));
        any(self.agents.as_deref(), &subject.agent)
            && any(self.agent_groups.as_deref(), &subject.agent)
            && any(self.databases.as_deref(), &subject.database)
            && any(self.environments.as_deref(), subject.environment.as_deref().unwrap_or_default())
    }
}

/// Values that look like something they are not.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// In these columns; `None` in all, and in what is no column of a table.
    pub columns: Option<Box<[ColumnPattern]>>,
    /// Found as these.
    pub kinds: KindSet,
    pub values: Box<[Box<str>]>,
    /// The whole of what was found matches one.
    pub patterns: Box<[regex::bytes::Regex]>,
}

/// A kind that the policy names, and what finds it. Its place in the list is its kind's.
#[derive(Debug, Clone)]
pub struct Detector {
    pub name: Box<str>,
    pub kind: Kind,
    pub finder: Finder,
    /// Where it stands.
    pub line: usize,
    pub column: usize,
}

#[derive(Clone)]
pub enum Finder {
    /// Where it matches; with words, only where one of them stands before.
    Regex {
        pattern: Box<str>,
        before: Box<[Box<str>]>,
    },
    Entries(Box<[Box<str>]>),
    /// Entries, one on each line, in a file: whoever read the policy reads it too.
    File(Box<str>),
    /// Each value of these columns.
    Columns(Box<[ColumnPattern]>),
}

/// The entries of a dictionary may be what nobody else is to see.
impl std::fmt::Debug for Finder {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Regex { pattern, before } => out.debug_tuple("Regex").field(pattern).field(before).finish(),
            Self::Entries(entries) => write!(out, "Entries({})", entries.len()),
            Self::File(path) => out.debug_tuple("File").field(path).finish(),
            Self::Columns(columns) => out.debug_tuple("Columns").field(columns).finish(),
        }
    }
}

/// All that a policy says of masking.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    pub base: Arc<Mask>,
    pub profiles: Vec<Profile>,
    pub allowed: Vec<Allowed>,
    pub detectors: Vec<Detector>,
}

impl Masks {
    /// The place of the profile that is for this subject, the first that matches.
    pub fn place_for(&self, subject: &Subject) -> Option<usize> {
        self.profiles.iter().position(|profile| profile.is_for(subject))
    }

    pub fn of(&self, subject: &Subject) -> &Arc<Mask> {
        self.place_for(subject).and_then(|place| self.profiles.get(place)).map_or(&self.base, |profile| &profile.mask)
    }

    /// A kind as this policy writes it.
    pub fn name_of(&self, kind: Kind) -> &str {
        let own = kind.custom_place().and_then(|place| self.detectors.get(place));
        own.map_or(kind.name(), |detector| &detector.name)
    }
}
