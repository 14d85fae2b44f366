//! A cursor over the body of one message. Every read is checked against the body's end, and a view is only made when the
//! body was used up exactly: bytes left over or missing are a protocol error.

use super::ProtocolError;

const SHORT: ProtocolError = ProtocolError("message ends before its content does");

#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub fn byte(&mut self) -> Result<u8, ProtocolError> {
        let (&first, rest) = self.rest.split_first().ok_or(SHORT)?;
        self.rest = rest;
        Ok(first)
    }

    pub fn int16(&mut self) -> Result<i16, ProtocolError> {
        let (bytes, rest) = self.rest.split_first_chunk::<2>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(i16::from_be_bytes(*bytes))
    }

    pub fn int32(&mut self) -> Result<i32, ProtocolError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(i32::from_be_bytes(*bytes))
    }

    pub fn uint32(&mut self) -> Result<u32, ProtocolError> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(SHORT)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A count of items: never negative.
    pub fn count(&mut self) -> Result<usize, ProtocolError> {
        // The protocol's Int16 counts go up to 65535: the server reads them unsigned.
        Ok(usize::from(u16::from_be_bytes(self.int16()?.to_be_bytes())))
    }

    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], ProtocolError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// A NUL-terminated string, without the NUL.
    pub fn string(&mut self) -> Result<&'a [u8], ProtocolError> {
        let end = memchr::memchr(0, self.rest).ok_or(ProtocolError("string without its terminator"))?;
        let text = self.bytes(end)?;
        self.byte()?;
        Ok(text)
    }

    /// A length-prefixed value: `None` is SQL's NULL.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, ProtocolError> {
        match self.int32()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| ProtocolError("negative length of a value"))?;
                self.bytes(length).map(Some)
            }
        }
    }

    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    pub fn end(self) -> Result<(), ProtocolError> {
        if self.rest.is_empty() { Ok(()) } else { Err(ProtocolError("bytes left over at the end of a message")) }
    }
}

/// Several values in a row, each length-prefixed. Checked when made, so that walking them cannot fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<'a> {
    count: usize,
    bytes: &'a [u8],
}

impl<'a> Values<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ProtocolError> {
        let count = reader.count()?;
        let before = reader.remaining();
        for _ in 0..count {
            reader.value()?;
        }
        let length = before.len().saturating_sub(reader.remaining().len());
        Ok(Self { count, bytes: before.get(..length).unwrap_or_default() })
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// As they came.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| reader.value().ok())
    }
}

/// Several Int16 in a row: format codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Formats<'a>(&'a [u8]);

impl<'a> Formats<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, ProtocolError> {
        let count = reader.count()?;
        reader.bytes(count.saturating_mul(2)).map(Self)
    }

    /// As they came.
    pub fn bytes(&self) -> &'a [u8] {
        self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = i16> + use<'a> {
        self.0.chunks_exact(2).filter_map(|pair| pair.first_chunk::<2>().map(|pair| i16::from_be_bytes(*pair)))
    }

    pub fn len(&self) -> usize {
        self.0.len() / 2
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The format of one column or parameter: none given means text, one given means it for all.
    pub fn of(&self, index: usize) -> i16 {
        match self.len() {
            0 => 0,
            1 => self.iter().next().unwrap_or(0),
            _ => self.iter().nth(index).unwrap_or(0),
        }
    }
}
