//! What is wrong with a policy: where it stands, and what to write instead.

use std::fmt;

/// Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: ", self.line, self.column)?;
        // Names and values come from a file: they must not steer the terminal.
        for letter in self.text.chars() {
            if letter.is_control() { write!(out, "{}", letter.escape_default())? } else { write!(out, "{letter}")? }
        }
        Ok(())
    }
}
