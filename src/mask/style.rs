//! What is put in the place of a value.

use super::kind::Kind;

pub use crate::gate::policy::mask::Style;

/// Appends what stands in the place of a part of a text.
pub fn replace(kind: Kind, _style: Style, _original: &[u8], out: &mut Vec<u8>) {
    out.push(b'[');
    out.extend_from_slice(kind.name().as_bytes());
    out.push(b']');
}
