//! COPY's rows in binary: a head, then for each row a count and that many fields behind their lengths, then a count of -1.

use super::{FIELD_LIMIT, Fields, OtherShape};
use crate::mask::row::NULL;
use crate::wire::value::{Format, Outcome};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The signature, flags, and how long what follows them is.
const HEAD: usize = 19;
/// Flags that a reader has to know; there is none.
const CRITICAL: u32 = 0xffff_0000;

/// Where in the stream the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Binary {
    #[default]
    Head,
    /// How many bytes are left that pass as they are, in the head or in a field.
    Passing {
        left: usize,
        of_head: bool,
    },
    /// How many are left that do not.
    Dropping {
        left: usize,
    },
    Count,
    Length,
    Field {
        length: usize,
    },
    Ended,
}

impl Binary {
    pub(super) fn feed(&mut self, data: &[u8], fields: &mut Fields<'_>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        let mut made = std::mem::take(&mut fields.workspace.cell);
        let result = self.steps(data, fields, &mut made, out);
        fields.workspace.lay_by(made);
        result
    }

    fn steps(&mut self, mut rest: &[u8], fields: &mut Fields<'_>, made: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<(), OtherShape> {
        loop {
            match *self {
                Self::Passing { left, of_head } => {
                    let part = up_to(&mut rest, left);
                    out.extend_from_slice(part);
                    *self = match left - part.len() {
                        0 if of_head => Self::Count,
                        0 => self.ended(fields),
                        left => {
                            *self = Self::Passing { left, of_head };
                            return Ok(());
                        }
                    };
                }
                Self::Dropping { left } => {
                    let part = up_to(&mut rest, left);
                    *self = match left - part.len() {
                        0 => self.ended(fields),
                        left => {
                            *self = Self::Dropping { left };
                            return Ok(());
                        }
                    };
                }
                Self::Head => {
                    let Some(head) = whole(&mut rest, HEAD, fields.held) else { return Ok(()) };
                    out.extend_from_slice(head);
                    let number = |at: usize| head.get(at..at + 4).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_be_bytes(*bytes));
                    let (flags, more) = (number(11).ok_or(OtherShape)?, number(15).ok_or(OtherShape)?);
                    if !head.starts_with(SIGNATURE) || flags & CRITICAL != 0 {
                        return Err(OtherShape);
                    }
                    let left = i32::try_from(more).ok().and_then(|more| usize::try_from(more).ok()).ok_or(OtherShape)?;
                    fields.held.clear();
                    *self = Self::Passing { left, of_head: true };
                }
                Self::Count => {
                    let Some(count) = whole(&mut rest, 2, fields.held) else { return Ok(()) };
                    out.extend_from_slice(count);
                    let count = count.first_chunk().map_or(0, |bytes| i16::from_be_bytes(*bytes));
                    fields.held.clear();
                    *fields.column = 0;
                    *self = match usize::try_from(count) {
                        Ok(0) if fields.plan.width() == 0 => Self::Count,
                        Ok(count) if count == fields.plan.width() => Self::Length,
                        Err(_) if count == -1 => Self::Ended,
                        Ok(_) | Err(_) => return Err(OtherShape),
                    };
                }
                Self::Length => {
                    let Some(length) = whole(&mut rest, 4, fields.held) else { return Ok(()) };
                    let length = length.first_chunk().map_or(0, |bytes| i32::from_be_bytes(*bytes));
                    fields.held.clear();
                    let Ok(wide) = usize::try_from(length) else {
                        if length != -1 {
                            return Err(OtherShape);
                        }
                        out.extend_from_slice(&NULL);
                        fields.null();
                        *self = self.ended(fields);
                        continue;
                    };
                    *self = if fields.passes() {
                        out.extend_from_slice(&length.to_be_bytes());
                        Self::Passing { left: wide, of_head: false }
                    } else if wide > FIELD_LIMIT {
                        made.clear();
                        let outcome = fields.dropped(made);
                        write(outcome, b"", made, out);
                        Self::Dropping { left: wide }
                    } else {
                        Self::Field { length: wide }
                    };
                }
                Self::Field { length } => {
                    let mut held = std::mem::take(fields.held);
                    let Some(value) = whole(&mut rest, length, &mut held) else {
                        *fields.held = held;
                        return Ok(());
                    };
                    made.clear();
                    let outcome = fields.value(value, Format::Binary, made);
                    write(outcome, value, made, out);
                    *fields.held = held;
                    *self = self.ended(fields);
                }
                Self::Ended => return if rest.is_empty() { Ok(()) } else { Err(OtherShape) },
            }
        }
    }

    /// What comes behind a field.
    fn ended(self, fields: &mut Fields<'_>) -> Self {
        fields.next();
        if *fields.column < fields.plan.width() { Self::Length } else { Self::Count }
    }

    /// A stream that was cut off is not what was announced.
    pub(super) fn finish(self) -> Result<(), OtherShape> {
        if self == Self::Ended { Ok(()) } else { Err(OtherShape) }
    }
}

fn write(outcome: Outcome, value: &[u8], made: &[u8], out: &mut Vec<u8>) {
    let value = match outcome {
        Outcome::Kept => value,
        Outcome::Changed => made,
        Outcome::Null => return out.extend_from_slice(&NULL),
    };
    out.extend_from_slice(&i32::try_from(value.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(value);
}

/// Takes as much as there is of so many bytes.
fn up_to<'d>(rest: &mut &'d [u8], length: usize) -> &'d [u8] {
    let (part, behind) = rest.split_at_checked(length.min(rest.len())).unwrap_or_default();
    *rest = behind;
    part
}

/// So many bytes in one piece, if they have all come: from the data where they lie in it, and else from what was held.
fn whole<'h, 'd: 'h>(rest: &mut &'d [u8], length: usize, held: &'h mut Vec<u8>) -> Option<&'h [u8]> {
    if held.is_empty() && rest.len() >= length {
        return Some(up_to(rest, length));
    }
    held.extend_from_slice(up_to(rest, length.saturating_sub(held.len())));
    (held.len() >= length).then_some(held.as_slice())
}
