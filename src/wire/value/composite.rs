//! Composites: registered row types, whose fields are known by name and type, and the anonymous `record`. A binary record names its fields'
//! types itself; those of a registered type must be the registered ones. Must not know what the fields hold.

use super::array::{rewrite_cell, rewrite_piece};
use super::quote::{Piece, Quoting, end, field, skip_space};
use super::types::Field;
use super::walk::{NULL, Reader, Splice, bounded, sized};
use super::{Codec, FIELDS_LIMIT, Format, Leaves, Outcome, Place, ValueError, Visitor, Walk};

/// A row type. `None` is `record`: any fields, and in text no types.
#[derive(Debug)]
pub(super) struct Composite {
    pub(super) fields: Option<Vec<Field>>,
}

/// What stands in for a field of an anonymous record in text.
const TEXT: u32 = 25;

impl Composite {
    /// Type and name of the field at `index`, where they are known.
    fn field(&self, index: usize) -> Result<Option<&Field>, ValueError> {
        match &self.fields {
            None if index < FIELDS_LIMIT => Ok(None),
            None => Err(ValueError::TooMany),
            Some(fields) => fields.get(index).map(Some).ok_or(ValueError::Malformed("more fields than the type has")),
        }
    }

    /// Hands out each field of a binary record: its place, where its cell starts, and the cell.
    fn each_binary<'v>(
        &self,
        around: Place<'_>,
        value: &'v [u8],
        mut each: impl FnMut(Place<'_>, std::ops::Range<usize>, Option<&'v [u8]>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        let count = reader.count(8)?;
        if self.fields.as_ref().is_some_and(|fields| fields.len() != count) {
            return Err(ValueError::Malformed("another number of fields"));
        }
        for index in 0..count {
            let known = self.field(index)?;
            let oid = reader.u32()?;
            if known.is_some_and(|known| known.oid != oid) {
                return Err(ValueError::Malformed("another field type"));
            }
            let start = reader.at();
            let cell = reader.cell()?;
            each(Place { oid, name: known.map_or(around.name, |known| known.name.as_bytes()) }, start..reader.at(), cell)?;
        }
        reader.end()
    }

    /// Hands out each field of a text record.
    fn each_text<'v>(
        &self,
        around: Place<'_>,
        value: &'v [u8],
        mut each: impl FnMut(Place<'_>, Piece<'v>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let mut at = skip_space(value, 0);
        if value.get(at) != Some(&b'(') {
            return Err(ValueError::Malformed("record syntax"));
        }
        let mut index = 0;
        // `()` has one NULL field, unless the type has none at all.
        if self.fields.as_ref().is_some_and(Vec::is_empty) && value.get(at + 1) == Some(&b')') {
            return end(value, at + 2);
        }
        loop {
            let piece = field(value, at + 1, b",)")?;
            at = piece.range.end;
            let known = self.field(index)?;
            let place =
                Place { oid: known.map_or(TEXT, |known| known.oid), name: known.map_or(around.name, |known| known.name.as_bytes()) };
            each(place, piece)?;
            index += 1;
            if value.get(at) == Some(&b')') {
                break;
            }
        }
        if self.fields.as_ref().is_some_and(|fields| fields.len() != index) {
            return Err(ValueError::Malformed("another number of fields"));
        }
        end(value, at + 1)
    }
}

/// A place without a name, for walks that show nothing.
const NOWHERE: Place<'static> = Place { oid: 0, name: b"" };

impl Codec for Composite {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        out.push(b'(');
        let mut first = true;
        self.each_binary(NOWHERE, value, |place, _, cell| {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            let codec = walk.codec(place.oid)?;
            let Some(cell) = cell else { return Ok(()) };
            walk.lend(|walk, text| {
                walk.deeper(|walk| codec.text_from_binary(walk, cell, text))?;
                Quoting::Composite.write(text, out);
                bounded(out)
            })
        })?;
        out.push(b')');
        Ok(())
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let fields = self.fields.as_ref().ok_or(ValueError::NoConversion)?;
        let count = i32::try_from(fields.len()).map_err(|_| ValueError::TooMany)?;
        out.extend_from_slice(&count.to_be_bytes());
        self.each_text(NOWHERE, text, |place, piece| {
            out.extend_from_slice(&place.oid.to_be_bytes());
            if piece.absent() {
                out.extend_from_slice(&NULL);
                return Ok(());
            }
            let codec = walk.codec(place.oid)?;
            walk.lend(|walk, buffer| {
                let content = piece.content(buffer);
                sized(out, |out| walk.deeper(|walk| codec.binary_from_text(walk, content, out)))
            })
        })
    }

    fn rewrite(
        &self,
        walk: &mut Walk<'_>,
        format: Format,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let mut splice = Splice::new(value);
        match format {
            Format::Binary => self.each_binary(place, value, |place, range, cell| {
                let codec = walk.codec(place.oid)?;
                let Some(cell) = cell else { return Ok(()) };
                walk.lend(|walk, new| rewrite_cell(walk, codec, place, cell, visitor, &mut splice, range, (new, out)).map(|_| ()))
            })?,
            Format::Text => self.each_text(place, value, |place, piece| {
                if piece.absent() {
                    return Ok(());
                }
                let codec = walk.codec(place.oid)?;
                // A field that became NULL is one where nothing stands.
                rewrite_piece(walk, (codec, place), &piece, visitor, &mut splice, Quoting::Composite, out).map(|_| ())
            })?,
        }
        splice.finish(out)
    }

    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        match format {
            Format::Binary => self.each_binary(NOWHERE, value, |place, _, cell| {
                let codec = walk.codec(place.oid)?;
                cell.map_or(Ok(()), |cell| walk.deeper(|walk| codec.check(walk, format, cell)))
            }),
            Format::Text => self.each_text(NOWHERE, value, |place, piece| {
                if piece.absent() {
                    return Ok(());
                }
                let codec = walk.codec(place.oid)?;
                walk.lend(|walk, buffer| walk.deeper(|walk| codec.check(walk, format, piece.content(buffer))))
            }),
        }
    }

    fn parts(&self, part: &mut dyn FnMut(u32)) {
        self.fields.iter().flatten().for_each(|field| part(field.oid));
    }

    fn leaves(&self) -> Leaves {
        if self.fields.is_none() { Leaves::Any } else { Leaves::None }
    }
}
