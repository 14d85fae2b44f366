//! Which policy is in force: a file, or one of those that come with the program. Its mistakes are the configuration's mistakes, with their
//! own file, line and column.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::raw::{Sources, read_bounded};
use super::reader::Reader;
use super::{ConfigError, Origin, Problem};
use crate::gate::Policy;
use crate::gate::policy::mask::Finder;
use crate::gate::policy::{BUILT_IN, BuiltIn, Case, cases};
use crate::mask::profile::Profiles;

/// A policy is written by people; one that a program made for each of thousands of tables fits as well.
const MAX_FILE: u64 = 4 << 20;
/// Names of customers, of projects: each is looked for in every value.
const MAX_DICTIONARY: u64 = 8 << 20;
const NAME: &str = "policy.file";

/// A policy that was found sound.
#[derive(Debug)]
pub struct Loaded {
    pub policy: Arc<Policy>,
    /// What it says of masking, made ready.
    pub profiles: Arc<Profiles>,
    /// Those that stand in it.
    pub cases: Vec<Case>,
}

/// Where a policy comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicySource {
    BuiltIn(BuiltIn),
    File(PathBuf),
}

impl fmt::Display for PolicySource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn(which) => out.write_str(which.name()),
            Self::File(file) => file.display().fmt(out),
        }
    }
}

impl PolicySource {
    /// `default`, `read-only`, `strict`, `observe`, or a path.
    pub fn of(text: &str) -> Self {
        BuiltIn::of_name(text).map_or_else(|| Self::File(PathBuf::from(text)), Self::BuiltIn)
    }

    fn text(&self) -> Result<Cow<'static, str>, String> {
        match self {
            Self::BuiltIn(which) => Ok(Cow::Borrowed(which.text())),
            Self::File(file) => read_bounded(file, MAX_FILE).map(Cow::Owned).map_err(|reason| {
                let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
                let missing = !file.exists() && file.components().count() == 1;
                let hint = if missing { format!("; those that come with pgsluice are {}", names.join(", ")) } else { String::new() };
                format!("cannot read the policy {}: {reason}{hint}", file.display())
            }),
        }
    }

    /// The policy with the cases that stand in it, or all that is wrong, a line each.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        self.loaded().map_err(|problems| ConfigError::new(None, problems))
    }

    fn loaded(&self) -> Result<Loaded, Vec<Problem>> {
        let text = self.text().map_err(|reason| vec![Problem::plain(reason)])?;
        let told = |problem: crate::gate::policy::Problem| Problem::plain(format!("{self}:{problem}"));
        let (policy, cases) = Policy::parse(&text).map_err(|problems| problems.into_iter().map(told).collect::<Vec<_>>())?;
        let (mut problems, mut entries) = (Vec::new(), Vec::new());
        let mut wrong = |place: usize, text: String| {
            let at = policy.masks().detectors.get(place).map_or((1, 1), |detector| (detector.line, detector.column));
            problems.push(told(crate::gate::policy::Problem { line: at.0, column: at.1, text }));
        };
        for (place, detector) in policy.masks().detectors.iter().enumerate() {
            if let Finder::File(path) = &detector.finder {
                match self.dictionary(path) {
                    Ok(found) => entries.push((place, found)),
                    Err(why) => wrong(place, format!("dictionary: cannot read {path}: {why}")),
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let policy = policy.with_entries(entries);
        let profiles = Profiles::new(policy.masks()).map_err(|(place, why)| {
            let at = policy.masks().detectors.get(place).map_or((1, 1), |detector| (detector.line, detector.column));
            vec![told(crate::gate::policy::Problem { line: at.0, column: at.1, text: why })]
        })?;
        Ok(Loaded { policy: Arc::new(policy), profiles: Arc::new(profiles), cases })
    }

    /// The entries of a dictionary: one on each line; `#` begins a remark. A path is from where the policy lies.
    fn dictionary(&self, path: &str) -> Result<Box<[Box<str>]>, String> {
        let path = match self {
            Self::File(policy) => policy.parent().map_or_else(|| PathBuf::from(path), |folder| folder.join(path)),
            Self::BuiltIn(_) => PathBuf::from(path),
        };
        let text = read_bounded(&path, MAX_DICTIONARY)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(lines.map(Box::from).collect())
    }

    /// The cases kept in a file beside the policy, if there is one: `default.tests.toml` beside `default.toml`.
    pub fn cases_beside(&self) -> Result<Option<(String, Vec<Case>)>, ConfigError> {
        let (name, text) = match self {
            Self::BuiltIn(which) => (format!("{}.tests.toml", which.name()), Cow::Borrowed(which.cases())),
            Self::File(file) => {
                let beside = file.with_extension("tests.toml");
                if !beside.exists() {
                    return Ok(None);
                }
                let name = beside.display().to_string();
                let unreadable = |reason| ConfigError::new(None, vec![Problem::plain(format!("cannot read {name}: {reason}"))]);
                let text = read_bounded(&beside, MAX_FILE).map_err(unreadable)?;
                (name, Cow::Owned(text))
            }
        };
        let wrong = |problems: Vec<crate::gate::policy::Problem>| {
            ConfigError::new(None, problems.into_iter().map(|problem| Problem::plain(format!("{name}:{problem}"))).collect())
        };
        let cases = cases::parse(&text).map_err(wrong)?;
        Ok(Some((name, cases)))
    }

    /// The one that `serve` would use; nothing else of the configuration is judged.
    pub fn configured(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(sources)?;
        let source = Self::read(&mut reader);
        reader.problems_only()?;
        Ok(source)
    }

    fn read(reader: &mut Reader<'_>) -> Self {
        let Some(given) = reader.given(NAME) else {
            reader.show(NAME, BuiltIn::Default.name().to_owned(), None);
            return Self::BuiltIn(BuiltIn::Default);
        };
        let source = match Self::of(given.text.expose()) {
            built_in @ Self::BuiltIn(_) => built_in,
            Self::File(_) => match reader.checked_path(NAME, &given) {
                Some(file) => Self::File(file),
                None => return Self::BuiltIn(BuiltIn::Default),
            },
        };
        reader.show(NAME, source.to_string(), Some(given.origin));
        source
    }
}

/// The policy itself. Where there is none, a problem was noted.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Loaded> {
    let source = PolicySource::read(reader);
    if let PolicySource::File(file) = &source {
        guarded(reader, file);
    }
    match source.loaded() {
        Ok(loaded) => {
            if loaded.policy.is_observing() {
                reader.warnings.push(format!("the policy {source} only watches: nothing is held or denied"));
            }
            for profile in loaded.policy.masks().profiles.iter().filter(|profile| profile.mask.unmasked) {
                reader.warnings.push(format!("the policy {source} masks nothing for the agents of its profile {:?}", profile.name));
            }
            Some(loaded)
        }
        Err(problems) => {
            let origin: Option<Origin> = None;
            for problem in problems {
                reader.fail(origin.as_ref(), problem.text);
            }
            None
        }
    }
}

/// Whoever can write the policy decides what is asked about.
fn guarded(reader: &mut Reader<'_>, file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(found) = std::fs::metadata(file) else { return };
    if found.permissions().mode() & 0o022 != 0 {
        reader.warnings.push(format!("{} can be written by other users, who could let everything pass: chmod go-w it", file.display()));
    }
}
