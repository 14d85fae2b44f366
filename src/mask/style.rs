//! What is put in the place of a value.

use super::kind::Kind;

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

/// Appends what stands in the place of a part of a text.
pub fn replace(kind: Kind, _style: Style, _original: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(kind.name().as_bytes());
    out.push(b']');
}
