//! What is wrong with a configuration, and where it was written. No value is repeated here unless the reader of the
//! setting knew that it is no secret.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where a value was given. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Flag(&'static str),
    Environment(String),
    File { key: (usize, usize), value: (usize, usize) },
}

impl Origin {
    /// Flag over environment over file.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 2,
            Self::Environment(_) => 1,
            Self::File { .. } => 0,
        }
    }

    /// The place of the name rather than of its value.
    pub(super) fn at_key(&self) -> Self {
        match self {
            Self::File { key, .. } => Self::File { key: *key, value: *key },
            Self::Flag(_) | Self::Environment(_) => self.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub origin: Option<Origin>,
    pub text: String,
}

impl Problem {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { origin: None, text: text.into() }
    }
}

/// Everything that is wrong, so that one run of `check-config` shows it all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: Option<PathBuf>,
    problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(file: Option<&Path>, problems: Vec<Problem>) -> Self {
        Self { file: file.map(Path::to_owned), problems }
    }

    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                out.write_str("\n")?;
            }
            match &problem.origin {
                None => {}
                Some(Origin::Flag(flag)) => write!(out, "{flag}: ")?,
                Some(Origin::Environment(name)) => write!(out, "{name}: ")?,
                Some(Origin::File { value: (line, column), .. }) => {
                    let name = self.file.as_deref().unwrap_or(Path::new("pgsluice.toml"));
                    write!(out, "{}:{line}:{column}: ", name.display())?;
                }
            }
            // Names and values come from a file: they must not steer the terminal.
            for letter in problem.text.chars() {
                if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { write!(out, "{letter}")? }
            }
        }
        Ok(())
    }
}
