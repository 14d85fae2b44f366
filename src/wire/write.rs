//! Writers of messages. A length is reserved first and back-filled when the body is known, so a message can never
//! announce another length than it has.

/// The body of one message being written.
#[derive(Debug)]
pub struct Body<'a> {
    out: &'a mut Vec<u8>,
}

impl Body<'_> {
    pub fn byte(&mut self, value: u8) -> &mut Self {
        self.out.push(value);
        self
    }

    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.out.extend_from_slice(value);
        self
    }

    /// What somebody appends.
    pub fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> &mut Self {
        write(self.out);
        self
    }

    /// A NUL-terminated string. A NUL inside would end it early and let the rest be read as something else, so it is cut there.
    pub fn string(&mut self, value: &[u8]) -> &mut Self {
        let end = memchr::memchr(0, value).unwrap_or(value.len());
        self.out.extend_from_slice(value.get(..end).unwrap_or_default());
        self.out.push(0);
        self
    }

    pub fn int16(&mut self, value: i16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub fn int32(&mut self, value: i32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }
}

/// Writes one tagged message.
pub fn message(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Body<'_>)) {
    out.push(tag);
    untagged(out, body);
}

/// Writes one packet without a tag, as they are before the startup is done.
pub fn untagged(out: &mut Vec<u8>, body: impl FnOnce(&mut Body<'_>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    body(&mut Body { out });
    // A made message is far below 2 GiB: bodies are errors, greetings and the like, each cut to a cap by its caller.
    let length = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(slot) = out.get_mut(start..start.saturating_add(4)) {
        slot.copy_from_slice(&length.to_be_bytes());
    }
}
