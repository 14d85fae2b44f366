//! An error or notice that we say ourselves, as the message the client reads. It knows no reasons: whoever refuses
//! something fills in the words.

use std::borrow::Cow;

use super::write;

/// How bad it is. `Fatal` means that the connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Notice,
    Warning,
    Error,
    Fatal,
}

impl Severity {
    fn word(self) -> &'static [u8] {
        match self {
            Self::Notice => b"NOTICE",
            Self::Warning => b"WARNING",
            Self::Error => b"ERROR",
            Self::Fatal => b"FATAL",
        }
    }

    fn tag(self) -> u8 {
        match self {
            Self::Notice | Self::Warning => b'N',
            Self::Error | Self::Fatal => b'E',
        }
    }
}

/// One ErrorResponse or NoticeResponse of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub severity: Severity,
    /// The SQLSTATE.
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    pub detail: Option<Cow<'static, str>>,
    pub hint: Option<Cow<'static, str>>,
}

impl Report {
    pub fn new(severity: Severity, code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self { severity, code: code.into(), message: message.into(), detail: None, hint: None }
    }

    pub fn fatal(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Fatal, code, message)
    }

    pub fn error(code: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Writes the whole message. The severity is written twice, translatable and not, as servers since 9.6 do.
    pub fn write(&self, out: &mut Vec<u8>) {
        write::message(out, self.severity.tag(), |body| {
            body.byte(b'S').string(self.severity.word());
            body.byte(b'V').string(self.severity.word());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_written_in_the_servers_order() {
        let mut out = Vec::new();
        Report::fatal("28000", "no").with_detail("why").with_hint("do").write(&mut out);
        assert_eq!(out, b"E\0\0\0\x27SFATAL\0VFATAL\0C28000\0Mno\0Dwhy\0Hdo\0\0".as_slice());
    }

    #[test]
    fn a_notice_has_the_notices_tag_and_a_nul_cannot_forge_a_field() {
        let mut out = Vec::new();
        Report::new(Severity::Warning, "01000", "a\0C00000").write(&mut out);
        assert_eq!(out.first(), Some(&b'N'));
        assert!(out.ends_with(b"Ma\0\0"));
    }
}
