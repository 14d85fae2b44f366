//! The errors that pgsluice itself says to a client. What a client may read is what is put in here, never a `Display` of
//! something else.

use super::backend::tag;
use super::write;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Error,
    /// The connection ends after it.
    Fatal,
}

/// An error in the server's own form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub severity: Severity,
    /// SQLSTATE.
    pub code: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl Report {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), detail: None, hint: None }
    }

    pub fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Fatal, ..Self::error(code, message) }
    }

    #[must_use]
    pub fn detail(mut self, text: impl Into<String>) -> Self {
        self.detail = Some(text.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hint = Some(text.into());
        self
    }

    /// Writes it as an ErrorResponse.
    pub fn write(&self, out: &mut Vec<u8>) {
        let severity: &[u8] = match self.severity {
            Severity::Error => b"ERROR",
            Severity::Fatal => b"FATAL",
        };
        write::message(out, tag::ERROR_RESPONSE, |body| {
            body.byte(b'S').string(severity);
            body.byte(b'V').string(severity);
            body.byte(b'C').string(self.code.as_bytes());
            body.byte(b'M').string(self.message.as_bytes());
            if let Some(detail) = &self.detail {
                body.byte(b'D').string(detail.as_bytes());
            }
            if let Some(hint) = &self.hint {
                body.byte(b'H').string(hint.as_bytes());
            }
            body.byte(0);
        });
    }
}
