//! Strict framing: one message is a tag, a length that counts itself, and exactly that many bytes. The length is judged
//! before anything is read from the body.

use super::ProtocolError;

/// Tag and length are this long on the wire.
pub const HEAD: usize = 5;

/// What the first five bytes of a message say, after its length was found to be possible and within its cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub tag: u8,
    /// Bytes that follow the head.
    pub body: usize,
}

impl Head {
    /// The whole message, head and body.
    pub fn total(self) -> usize {
        self.body.saturating_add(HEAD)
    }
}

/// How long a message of each tag may be.
pub trait Caps {
    /// The largest body, or `None` for a tag this side never sends.
    fn cap(&self, tag: u8) -> Option<usize>;
}

/// Reads a head. `None` means that more bytes are needed.
pub fn head(input: &[u8], caps: &impl Caps) -> Result<Option<Head>, ProtocolError> {
    let Some((&tag, rest)) = input.split_first() else { return Ok(None) };
    let Some(cap) = caps.cap(tag) else { return Err(ProtocolError("unknown message type")) };
    let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
    let length = u32::from_be_bytes(*length);
    let Some(body) = length.checked_sub(4) else { return Err(ProtocolError("message length below its minimum")) };
    let body = usize::try_from(body).map_err(|_| ProtocolError("message length above the cap for its type"))?;
    if body > cap {
        return Err(ProtocolError("message length above the cap for its type"));
    }
    Ok(Some(Head { tag, body }))
}
