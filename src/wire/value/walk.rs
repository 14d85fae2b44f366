//! What every codec walks with: lent buffers, a bounded reader of binary values, and the splice that puts new parts into an old value while the
//! rest of its bytes stay as they were. Must not know any type.

use std::fmt;
use std::io::Write as _;
use std::ops::Range;

use super::{Choice, Codec, DEPTH_LIMIT, LENGTH_LIMIT, Leaf, Outcome, Types, ValueError, Visitor};

/// A lent buffer that grew beyond this is freed when it comes back, so that one huge value does not stay in a connection's memory.
const KEEP_CAPACITY: usize = 256 << 10;
/// Buffers kept for the next walk. Each level of nesting takes at most three.
const KEEP_BUFFERS: usize = 3 * DEPTH_LIMIT as usize;

/// Buffers that walks borrow and give back. One per connection.
#[derive(Default)]
pub struct Scratch {
    buffers: Vec<Vec<u8>>,
    pub(super) json: Vec<super::json::Frame>,
}

impl Scratch {
    pub fn new() -> Self {
        Self::default()
    }
}

/// Old values may still stand in the buffers.
impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("buffers", &self.buffers.len()).finish_non_exhaustive()
    }
}

/// One pass over one value: the types to resolve what is inside it, the lent buffers, the depth.
#[derive(Debug)]
pub struct Walk<'a> {
    types: &'a Types,
    pub(super) scratch: &'a mut Scratch,
    depth: u32,
    /// For each byte of the text at hand, and its end, where it stands in the whole value. Kept only if somebody asks.
    trail: Option<Vec<usize>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(types: &'a Types, scratch: &'a mut Scratch) -> Self {
        Self { types, scratch, depth: 0, trail: None }
    }

    /// A walk over a text of a length that tells of each leaf where it stands.
    pub(super) fn traced(types: &'a Types, scratch: &'a mut Scratch, length: usize) -> Self {
        Self { types, scratch, depth: 0, trail: Some((0..=length).collect()) }
    }

    /// Goes into a part of the text at hand. `offsets` tells of each byte of the part, and of its end, where in the text it stands.
    pub(super) fn inside<T>(&mut self, offsets: impl FnOnce(&mut Vec<usize>), step: impl FnOnce(&mut Self) -> T) -> T {
        let Some(outer) = self.trail.take() else { return step(self) };
        let mut own = Vec::new();
        offsets(&mut own);
        for at in &mut own {
            *at = outer.get(*at).or(outer.last()).copied().unwrap_or_default();
        }
        self.trail = Some(own);
        let result = step(self);
        self.trail = Some(outer);
        result
    }

    /// The codec of a type inside the value.
    pub(super) fn codec(&self, oid: u32) -> Result<&'a dyn Codec, ValueError> {
        self.types.codec(oid).ok_or(ValueError::UnknownType)
    }

    /// Goes one container deeper.
    pub(super) fn deeper<T>(&mut self, step: impl FnOnce(&mut Self) -> Result<T, ValueError>) -> Result<T, ValueError> {
        if self.depth >= DEPTH_LIMIT {
            return Err(ValueError::TooDeep);
        }
        self.depth += 1;
        let result = step(self);
        self.depth -= 1;
        result
    }

    /// Lends an empty buffer.
    pub(super) fn lend<T>(&mut self, step: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<T, ValueError>) -> Result<T, ValueError> {
        let mut buffer = self.scratch.buffers.pop().unwrap_or_default();
        let result = step(self, &mut buffer);
        let result = if buffer.len() > LENGTH_LIMIT { Err(ValueError::TooLong) } else { result };
        if buffer.capacity() <= KEEP_CAPACITY && self.scratch.buffers.len() < KEEP_BUFFERS {
            buffer.clear();
            self.scratch.buffers.push(buffer);
        }
        result
    }

    /// Shows a leaf; `write` puts a replacement in its place, and whatever it finds wrong is the replacement's fault.
    pub(super) fn ask(
        &mut self,
        leaf: &Leaf<'_>,
        visitor: &mut dyn Visitor,
        write: impl FnOnce(&mut Self, &[u8]) -> Result<(), ValueError>,
    ) -> Result<Outcome, ValueError> {
        self.lend(|walk, replacement| {
            match visitor.leaf(&Leaf { trail: walk.trail.as_deref().unwrap_or_default(), ..*leaf }, replacement) {
                Choice::Keep => Ok(Outcome::Kept),
                Choice::Null => Ok(Outcome::Null),
                Choice::Replace => write(walk, replacement).map(|()| Outcome::Changed).map_err(|_| ValueError::Replacement),
            }
        })
    }
}

/// Appends formatted text.
pub(super) fn print(out: &mut Vec<u8>, text: fmt::Arguments<'_>) -> Result<(), ValueError> {
    out.write_fmt(text).map_err(|_| ValueError::TooLong)
}

/// Refuses an output that has outgrown what one value may take.
pub(super) fn bounded(out: &[u8]) -> Result<(), ValueError> {
    if out.len() > LENGTH_LIMIT { Err(ValueError::TooLong) } else { Ok(()) }
}

/// UTF-8 without NUL: what every text of the protocol is while `client_encoding` is UTF8.
pub(super) fn utf8(value: &[u8]) -> Result<&str, ValueError> {
    if memchr::memchr(0, value).is_some() {
        return Err(ValueError::Malformed("a NUL in a text"));
    }
    std::str::from_utf8(value).map_err(|_| ValueError::Malformed("not UTF-8"))
}

/// Writes a part that carries its own length, and fills the length in afterwards.
pub(super) fn sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), ValueError>) -> Result<(), ValueError> {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out)?;
    bounded(out)?;
    let length = i32::try_from(out.len() - start - 4).map_err(|_| ValueError::TooLong)?;
    patch(out, start, length)
}

/// Overwrites four bytes that were reserved.
pub(super) fn patch(out: &mut [u8], at: usize, value: i32) -> Result<(), ValueError> {
    out.get_mut(at..at + 4).ok_or(ValueError::Short)?.copy_from_slice(&value.to_be_bytes());
    Ok(())
}

/// The length that says NULL.
pub(super) const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Reads a binary value from front to back; never beyond its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'v> {
    value: &'v [u8],
    at: usize,
}

macro_rules! read {
    ($($name:ident: $type:ty),*) => {
        $(pub(super) fn $name(&mut self) -> Result<$type, ValueError> {
            self.chunk().map(<$type>::from_be_bytes)
        })*
    };
}

impl<'v> Reader<'v> {
    pub(super) fn new(value: &'v [u8]) -> Self {
        Self { value, at: 0 }
    }

    read! { u8: u8, u16: u16, i16: i16, u32: u32, i32: i32, u64: u64, i64: i64, f32: f32, f64: f64 }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], ValueError> {
        self.take(N)?.first_chunk::<N>().copied().ok_or(ValueError::Short)
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'v [u8] {
        self.value.get(self.at..).unwrap_or_default()
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'v [u8], ValueError> {
        let taken = self.rest().get(..length).ok_or(ValueError::Short)?;
        self.at += length;
        Ok(taken)
    }

    /// A part behind its length; `None` is NULL.
    pub(super) fn cell(&mut self) -> Result<Option<&'v [u8]>, ValueError> {
        match self.i32()? {
            -1 => Ok(None),
            length => self.take(usize::try_from(length).map_err(|_| ValueError::Malformed("a negative length"))?).map(Some),
        }
    }

    /// A string up to its NUL.
    pub(super) fn string(&mut self) -> Result<&'v [u8], ValueError> {
        let length = memchr::memchr(0, self.rest()).ok_or(ValueError::Short)?;
        let string = self.take(length)?;
        self.at += 1;
        utf8(string)?;
        Ok(string)
    }

    /// A count of parts of which each takes at least `least` bytes, so that no count promises more than the value holds.
    pub(super) fn count(&mut self, least: usize) -> Result<usize, ValueError> {
        let count = usize::try_from(self.i32()?).map_err(|_| ValueError::Malformed("a negative count"))?;
        if count.checked_mul(least).is_none_or(|needed| needed > self.rest().len()) { Err(ValueError::Short) } else { Ok(count) }
    }

    pub(super) fn end(&self) -> Result<(), ValueError> {
        if self.rest().is_empty() { Ok(()) } else { Err(ValueError::Trailing) }
    }
}

/// Copies an old value with some of its ranges replaced. As long as nothing was replaced, nothing is written.
#[derive(Debug)]
pub(super) struct Splice<'v> {
    value: &'v [u8],
    copied: usize,
    changed: bool,
}

impl<'v> Splice<'v> {
    pub(super) fn new(value: &'v [u8]) -> Self {
        Self { value, copied: 0, changed: false }
    }

    /// What stands in a range of the old value.
    pub(super) fn part(&self, range: Range<usize>) -> &'v [u8] {
        self.value.get(range).unwrap_or_default()
    }

    /// Copies up to the range and skips it: what the caller writes next stands in its place.
    pub(super) fn open(&mut self, range: Range<usize>, out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.extend_from_slice(self.value.get(self.copied..range.start).ok_or(ValueError::Short)?);
        self.copied = range.end;
        self.changed = true;
        bounded(out)
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<Outcome, ValueError> {
        if !self.changed {
            return Ok(Outcome::Kept);
        }
        out.extend_from_slice(self.value.get(self.copied..).ok_or(ValueError::Short)?);
        bounded(out)?;
        Ok(Outcome::Changed)
    }
}
