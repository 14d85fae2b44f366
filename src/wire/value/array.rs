//! Arrays of any element, any dimensions, any lower bounds. The binary head is checked against what follows it; the text is checked to be
//! rectangular. Must not know what the elements are.

use super::quote::{Piece, Quoting, end, skip_space};
use super::walk::{NULL, Reader, Splice, patch, print, sized};
use super::{ARRAY_DIMENSIONS, Codec, Format, Leaves, Outcome, Place, ValueError, Visitor, Walk};

/// An array type. An element of 0 is what the binary head says (`anyarray`, in the statistics views); its text is an array of texts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array {
    pub(super) element: u32,
    pub(super) delimiter: u8,
}

/// The text type, which stands in for elements whose type the value does not tell.
const TEXT: u32 = 25;

/// Extents and lower bounds, one pair for each dimension.
#[derive(Debug, Default, Clone, Copy)]
struct Dimensions {
    used: usize,
    extents: [i32; ARRAY_DIMENSIONS],
    lower: [i32; ARRAY_DIMENSIONS],
}

impl Dimensions {
    fn pairs(&self) -> impl Iterator<Item = (i32, i32)> {
        self.extents.into_iter().zip(self.lower).take(self.used)
    }

    fn push(&mut self, extent: i32, lower: i32) -> Result<(), ValueError> {
        if extent < 1 || lower.checked_add(extent).is_none() {
            return Err(ValueError::Malformed("array bounds"));
        }
        *self.extents.get_mut(self.used).ok_or(ValueError::TooMany)? = extent;
        *self.lower.get_mut(self.used).ok_or(ValueError::TooMany)? = lower;
        self.used += 1;
        Ok(())
    }

    fn elements(&self) -> Result<usize, ValueError> {
        if self.used == 0 {
            return Ok(0);
        }
        let product = self.pairs().try_fold(1i32, |product, (extent, _)| product.checked_mul(extent)).ok_or(ValueError::TooMany)?;
        usize::try_from(product).map_err(|_| ValueError::TooMany)
    }

    /// How many dimensions begin (or, counted from the other side, end) at this element.
    fn edges(&self, element: usize) -> usize {
        let mut size = 1usize;
        let mut edges = 0;
        for &extent in self.extents.iter().take(self.used).rev() {
            size = size.saturating_mul(usize::try_from(extent).unwrap_or(usize::MAX));
            if !element.is_multiple_of(size.max(1)) {
                break;
            }
            edges += 1;
        }
        edges
    }
}

impl Array {
    /// Reads the head of a binary array.
    fn head(self, reader: &mut Reader<'_>) -> Result<(Dimensions, u32), ValueError> {
        let count = reader.count(8)?;
        if count > ARRAY_DIMENSIONS {
            return Err(ValueError::TooMany);
        }
        if !matches!(reader.i32()?, 0 | 1) {
            return Err(ValueError::Malformed("array flags"));
        }
        let element = reader.u32()?;
        if self.element != 0 && element != self.element {
            return Err(ValueError::Malformed("another element type"));
        }
        let mut dimensions = Dimensions::default();
        for _ in 0..count {
            let (extent, lower) = (reader.i32()?, reader.i32()?);
            dimensions.push(extent, lower)?;
        }
        if dimensions.elements()?.checked_mul(4).is_none_or(|least| least > reader.rest().len()) {
            return Err(ValueError::Short);
        }
        Ok((dimensions, element))
    }

    fn text_element(self) -> u32 {
        if self.element == 0 { TEXT } else { self.element }
    }

    fn rewrite_binary(
        self,
        walk: &mut Walk<'_>,
        place: Place<'_>,
        value: &[u8],
        visitor: &mut dyn Visitor,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, ValueError> {
        let base = out.len();
        let mut reader = Reader::new(value);
        let (dimensions, element) = self.head(&mut reader)?;
        let codec = walk.codec(element)?;
        let place = Place { oid: element, ..place };
        let mut splice = Splice::new(value);
        let mut nulls = false;
        for _ in 0..dimensions.elements()? {
            let start = reader.at();
            let Some(cell) = reader.cell()? else { continue };
            nulls |= walk.lend(|walk, new| rewrite_cell(walk, codec, place, cell, visitor, &mut splice, start..reader.at(), (new, out)))?;
        }
        reader.end()?;
        let outcome = splice.finish(out)?;
        if nulls {
            patch(out, base + 4, 1)?;
        }
        Ok(outcome)
    }
}

/// Rewrites one binary cell that stands behind its length. Tells whether it became NULL.
#[expect(clippy::too_many_arguments, reason = "the state of two nested walks; a struct for it would be made only to be taken apart")]
pub(super) fn rewrite_cell(
    walk: &mut Walk<'_>,
    codec: &dyn Codec,
    place: Place<'_>,
    cell: &[u8],
    visitor: &mut dyn Visitor,
    splice: &mut Splice<'_>,
    range: std::ops::Range<usize>,
    (new, out): (&mut Vec<u8>, &mut Vec<u8>),
) -> Result<bool, ValueError> {
    match walk.deeper(|walk| codec.rewrite(walk, Format::Binary, place, cell, visitor, new))? {
        Outcome::Kept => Ok(false),
        Outcome::Changed => {
            splice.open(range, out)?;
            sized(out, |out| {
                out.extend_from_slice(new);
                Ok(())
            })?;
            Ok(false)
        }
        Outcome::Null => {
            splice.open(range, out)?;
            out.extend_from_slice(&NULL);
            Ok(true)
        }
    }
}

/// Rewrites one part of a text value. Tells whether it became NULL, which the caller writes in its own way.
pub(super) fn rewrite_piece(
    walk: &mut Walk<'_>,
    (codec, place): (&dyn Codec, Place<'_>),
    piece: &Piece<'_>,
    visitor: &mut dyn Visitor,
    splice: &mut Splice<'_>,
    quoting: Quoting,
    out: &mut Vec<u8>,
) -> Result<bool, ValueError> {
    walk.lend(|walk, buffer| {
        let content = piece.content(buffer);
        let mut rewrite = |walk: &mut Walk<'_>, new: &mut Vec<u8>| {
            walk.inside(
                |offsets| piece.offsets(offsets),
                |walk| walk.deeper(|walk| codec.rewrite(walk, Format::Text, place, content, visitor, new)),
            )
        };
        walk.lend(|walk, new| match rewrite(walk, new)? {
            Outcome::Kept => Ok(false),
            Outcome::Changed => {
                splice.open(piece.range.clone(), out)?;
                quoting.write(new, out);
                Ok(false)
            }
            Outcome::Null => {
                splice.open(piece.range.clone(), out)?;
                Ok(true)
            }
        })
    })
}

impl Codec for Array {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        let (dimensions, element) = self.head(&mut reader)?;
        let codec = walk.codec(element)?;
        let total = dimensions.elements()?;
        if total == 0 {
            out.extend_from_slice(b"{}");
            return reader.end();
        }
        if dimensions.pairs().any(|(_, lower)| lower != 1) {
            for (extent, lower) in dimensions.pairs() {
                print(out, format_args!("[{lower}:{}]", lower + extent - 1))?;
            }
            out.push(b'=');
        }
        for index in 0..total {
            if index > 0 {
                out.push(self.delimiter);
            }
            out.extend(std::iter::repeat_n(b'{', dimensions.edges(index)));
            match reader.cell()? {
                None => out.extend_from_slice(b"NULL"),
                Some(cell) => walk.lend(|walk, text| {
                    walk.deeper(|walk| codec.text_from_binary(walk, cell, text))?;
                    Quoting::Array(self.delimiter).write(text, out);
                    super::walk::bounded(out)
                })?,
            }
            out.extend(std::iter::repeat_n(b'}', dimensions.edges(index + 1)));
        }
        reader.end()
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        if self.element == 0 {
            return Err(ValueError::NoConversion);
        }
        let codec = walk.codec(self.element)?;
        walk.lend(|walk, elements| {
            let mut nulls = 0i32;
            let dimensions = parse(text, self.delimiter, |piece| match piece {
                None => {
                    nulls = 1;
                    elements.extend_from_slice(&NULL);
                    Ok(())
                }
                Some(piece) => walk.lend(|walk, buffer| {
                    let content = piece.content(buffer);
                    sized(elements, |out| walk.deeper(|walk| codec.binary_from_text(walk, content, out)))
                }),
            })?;
            let used = i32::try_from(dimensions.used).map_err(|_| ValueError::TooMany)?;
            out.extend_from_slice(&used.to_be_bytes());
            out.extend_from_slice(&nulls.to_be_bytes());
            out.extend_from_slice(&self.element.to_be_bytes());
            for (extent, lower) in dimensions.pairs() {
                out.extend_from_slice(&extent.to_be_bytes());
                out.extend_from_slice(&lower.to_be_bytes());
            }
            out.extend_from_slice(elements);
            Ok(())
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
        if format == Format::Binary {
            return self.rewrite_binary(walk, place, value, visitor, out);
        }
        let element = self.text_element();
        let codec = walk.codec(element)?;
        let place = Place { oid: element, ..place };
        let mut splice = Splice::new(value);
        parse(value, self.delimiter, |piece| {
            let Some(piece) = piece else { return Ok(()) };
            if rewrite_piece(walk, (codec, place), &piece, visitor, &mut splice, Quoting::Array(self.delimiter), out)? {
                out.extend_from_slice(b"NULL");
            }
            Ok(())
        })?;
        splice.finish(out)
    }

    fn check(&self, walk: &mut Walk<'_>, format: Format, value: &[u8]) -> Result<(), ValueError> {
        match format {
            Format::Binary => {
                let mut reader = Reader::new(value);
                let (dimensions, element) = self.head(&mut reader)?;
                let codec = walk.codec(element)?;
                for _ in 0..dimensions.elements()? {
                    if let Some(cell) = reader.cell()? {
                        walk.deeper(|walk| codec.check(walk, format, cell))?;
                    }
                }
                reader.end()
            }
            Format::Text => {
                let codec = walk.codec(self.text_element())?;
                parse(value, self.delimiter, |piece| match piece {
                    None => Ok(()),
                    Some(piece) => walk.lend(|walk, buffer| walk.deeper(|walk| codec.check(walk, format, piece.content(buffer)))),
                })
                .map(|_| ())
            }
        }
    }

    fn parts(&self, part: &mut dyn FnMut(u32)) {
        part(self.text_element());
    }

    fn leaves(&self) -> Leaves {
        // An array of anything.
        if self.element == 0 { Leaves::Any } else { Leaves::None }
    }
}

/// Reads a text array and hands out its elements in order, `None` for NULL.
fn parse<'v>(
    value: &'v [u8],
    delimiter: u8,
    mut element: impl FnMut(Option<Piece<'v>>) -> Result<(), ValueError>,
) -> Result<Dimensions, ValueError> {
    const BROKEN: ValueError = ValueError::Malformed("array syntax");
    let (declared, mut at) = bounds(value)?;
    // How many items each open level has so far, and what a closed one had.
    let mut counts = [0i32; ARRAY_DIMENSIONS];
    let mut extents = [None; ARRAY_DIMENSIONS];
    let mut depth = 0usize;
    // The depth at which elements stand, once the first was met.
    let mut leaves = None;
    let mut wanted = true;
    loop {
        at = skip_space(value, at);
        let &byte = value.get(at).ok_or(ValueError::Short)?;
        if byte == b'}' {
            let level = depth.checked_sub(1).ok_or(BROKEN)?;
            let &count = counts.get(level).ok_or(BROKEN)?;
            if wanted {
                // Only `{}` may close where an item is awaited.
                return if count == 0 && level == 0 && leaves.is_none() && declared.used == 0 {
                    end(value, at + 1).map(|()| declared)
                } else {
                    Err(BROKEN)
                };
            }
            let extent = extents.get_mut(level).ok_or(BROKEN)?;
            if *extent.get_or_insert(count) != count {
                return Err(ValueError::Malformed("an array that is not rectangular"));
            }
            at += 1;
            depth = level;
            if depth == 0 {
                break;
            }
            continue;
        }
        if !wanted {
            if byte != delimiter {
                return Err(BROKEN);
            }
            wanted = true;
            at += 1;
            continue;
        }
        if byte != b'{' && depth == 0 {
            return Err(BROKEN);
        }
        if let Some(level) = depth.checked_sub(1) {
            let count = counts.get_mut(level).ok_or(BROKEN)?;
            *count = count.checked_add(1).ok_or(ValueError::TooMany)?;
        }
        if byte == b'{' {
            if leaves.is_some_and(|leaves| depth >= leaves) {
                return Err(BROKEN);
            }
            *counts.get_mut(depth).ok_or(ValueError::TooMany)? = 0;
            depth += 1;
            at += 1;
        } else {
            if *leaves.get_or_insert(depth) != depth {
                return Err(BROKEN);
            }
            let (piece, next) = item(value, at, delimiter)?;
            at = next;
            wanted = false;
            element(piece)?;
        }
    }
    end(value, at)?;
    let mut dimensions = Dimensions::default();
    for (level, extent) in extents.into_iter().flatten().enumerate() {
        let lower = if declared.used == 0 { 1 } else { *declared.lower.get(level).ok_or(BROKEN)? };
        dimensions.push(extent, lower)?;
    }
    if declared.used != 0 && (declared.used != dimensions.used || !declared.pairs().eq(dimensions.pairs())) {
        return Err(ValueError::Malformed("array bounds"));
    }
    Ok(dimensions)
}

/// The `[1:2][0:3]=` before the first brace. Extents are read from the bounds.
fn bounds(value: &[u8]) -> Result<(Dimensions, usize), ValueError> {
    const BROKEN: ValueError = ValueError::Malformed("array bounds");
    let mut dimensions = Dimensions::default();
    let mut at = skip_space(value, 0);
    while value.get(at) == Some(&b'[') {
        let rest = value.get(at + 1..).unwrap_or_default();
        let close = memchr::memchr(b']', rest).ok_or(ValueError::Short)?;
        let inside = std::str::from_utf8(rest.get(..close).unwrap_or_default()).map_err(|_| BROKEN)?;
        let (lower, upper) = inside.split_once(':').unwrap_or(("1", inside));
        let (lower, upper): (i32, i32) = (lower.parse().map_err(|_| BROKEN)?, upper.parse().map_err(|_| BROKEN)?);
        let extent = upper.checked_sub(lower).and_then(|span| span.checked_add(1)).ok_or(BROKEN)?;
        dimensions.push(extent, lower)?;
        at = skip_space(value, at + 1 + close + 1);
    }
    if dimensions.used > 0 {
        if value.get(at) != Some(&b'=') {
            return Err(BROKEN);
        }
        at += 1;
    }
    Ok((dimensions, at))
}

/// One element, from its first byte; `None` is NULL. Returns where it ends.
fn item(value: &[u8], start: usize, delimiter: u8) -> Result<(Option<Piece<'_>>, usize), ValueError> {
    const BROKEN: ValueError = ValueError::Malformed("array element");
    if value.get(start) == Some(&b'"') {
        let mut at = start + 1;
        loop {
            match value.get(at).ok_or(ValueError::Short)? {
                b'\\' => at += 2,
                b'"' => return Ok((Some(Piece::new(value, start..at + 1, true)?), at + 1)),
                _ => at += 1,
            }
        }
    }
    let mut escaped = false;
    let mut at = start;
    // Spaces before the delimiter do not belong to the element, unless a backslash makes them.
    let mut last = start;
    loop {
        match *value.get(at).ok_or(ValueError::Short)? {
            b'}' => break,
            byte if byte == delimiter => break,
            b'"' | b'{' => return Err(BROKEN),
            b'\\' => {
                escaped = true;
                at += 2;
                last = at;
            }
            byte if super::quote::space(byte) => at += 1,
            _ => {
                at += 1;
                last = at;
            }
        }
    }
    if last == start {
        return Err(BROKEN);
    }
    let piece = Piece::new(value, start..last, escaped)?;
    let null = !escaped && value.get(start..last).is_some_and(|raw| raw.eq_ignore_ascii_case(b"null"));
    Ok((if null { None } else { Some(piece) }, at))
}
