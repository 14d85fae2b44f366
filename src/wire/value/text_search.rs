//! `tsvector` and `tsquery`: each lexeme is a leaf, everything around it stays. Must not know a dictionary.

use std::ops::Range;

use super::quote::{enclose, offsets_unquoted, skip_space, space, unquote};
use super::walk::{Reader, Splice, bounded, patch, print, utf8};
use super::{Class, Codec, Format, Leaf, Leaves, Outcome, Place, Role, ValueError, Visitor, Walk};

/// The server's own limits: bytes of a lexeme, places of one.
const LEXEME_LIMIT: usize = 2046;
const PLACES_LIMIT: usize = 255;
/// Lexemes and operators of one query. Far more than people write, and few enough that what is allocated for them stays small.
const ITEMS_LIMIT: usize = 65_536;
/// Places are counted in 14 bits.
const LAST_PLACE: u16 = 0x3fff;

const BROKEN: ValueError = ValueError::Malformed("text search syntax");

/// Checks a lexeme that is to be written.
fn lexeme(text: &[u8]) -> Result<&[u8], ValueError> {
    if text.is_empty() || text.len() > LEXEME_LIMIT {
        return Err(ValueError::TooLong);
    }
    utf8(text).map(str::as_bytes)
}

/// Reads one quoted or plain word of a text from `at`. Returns its end and whether it is quoted or escaped.
fn word(text: &[u8], at: usize, stops: &[u8]) -> Result<(usize, bool), ValueError> {
    let mut end = at;
    if text.get(at) == Some(&b'\'') {
        end += 1;
        loop {
            match (text.get(end).ok_or(ValueError::Short)?, text.get(end + 1)) {
                (b'\\', _) | (b'\'', Some(b'\'')) => end += 2,
                (b'\'', _) => return Ok((end + 1, true)),
                _ => end += 1,
            }
        }
    }
    let mut escaped = false;
    while let Some(&byte) = text.get(end) {
        if byte == b'\\' {
            escaped = true;
            text.get(end + 1).ok_or(ValueError::Short)?;
            end += 2;
        } else if space(byte) || stops.contains(&byte) {
            break;
        } else {
            end += 1;
        }
    }
    if end == at { Err(BROKEN) } else { Ok((end, escaped)) }
}

/// Shows a lexeme that stands at `range` and splices a replacement in.
#[expect(clippy::too_many_arguments, reason = "a leaf's surroundings, taken from two walks that share nothing else")]
fn show(
    walk: &mut Walk<'_>,
    format: Format,
    place: Place<'_>,
    bytes: &[u8],
    range: Range<usize>,
    visitor: &mut dyn Visitor,
    splice: &mut Splice<'_>,
    out: &mut Vec<u8>,
) -> Result<(), ValueError> {
    let leaf = Leaf { bytes, oid: place.oid, class: Class::Text, role: Role::Value, name: place.name, blank: b"x", trail: &[] };
    let raw = splice.part(range.clone());
    let offsets = |offsets: &mut Vec<usize>| offsets_unquoted(range.start, raw, b'\'', offsets);
    let write = |out: &mut Vec<u8>, replacement: &[u8], splice: &mut Splice<'_>| {
        splice.open(range.clone(), out)?;
        match format {
            Format::Text => enclose(lexeme(replacement)?, b'\'', out),
            Format::Binary => out.extend_from_slice(lexeme(replacement)?),
        }
        Ok(())
    };
    let outcome = walk.inside(offsets, |walk| walk.ask(&leaf, visitor, |_, replacement| write(out, replacement, splice)))?;
    if outcome == Outcome::Null { Err(ValueError::Replacement) } else { Ok(()) }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Vector;

/// A place in binary: two bits of weight, 14 of position. `D` is not printed.
fn place_text(place: u16, out: &mut Vec<u8>) -> Result<(), ValueError> {
    print(out, format_args!("{}", place & LAST_PLACE))?;
    match place >> 14 {
        3 => out.push(b'A'),
        2 => out.push(b'B'),
        1 => out.push(b'C'),
        _ => {}
    }
    Ok(())
}

impl Vector {
    /// Hands out each lexeme of a binary value, where it stands, and its places.
    fn binary<'v>(
        value: &'v [u8],
        mut each: impl FnMut(Range<usize>, &'v [u8], &mut dyn Iterator<Item = u16>) -> Result<(), ValueError>,
    ) -> Result<(), ValueError> {
        let mut reader = Reader::new(value);
        for _ in 0..reader.count(3)? {
            let start = reader.at();
            let lexeme = reader.string()?;
            if lexeme.len() > LEXEME_LIMIT {
                return Err(ValueError::TooLong);
            }
            let count = usize::from(reader.u16()?);
            if count > PLACES_LIMIT {
                return Err(ValueError::TooMany);
            }
            let mut last = 0;
            for place in reader.take(count * 2)?.chunks_exact(2).map(pair) {
                let position = place & LAST_PLACE;
                if position <= last {
                    return Err(ValueError::Malformed("places out of order"));
                }
                last = position;
            }
            let places = value.get(reader.at() - count * 2..reader.at()).unwrap_or_default();
            each(start..start + lexeme.len(), lexeme, &mut places.chunks_exact(2).map(pair))?;
        }
        reader.end()
    }

    /// Hands out each lexeme of a text value, where it stands, whether it is quoted, and its places.
    fn text(value: &[u8], mut each: impl FnMut(Range<usize>, bool, &[u8]) -> Result<(), ValueError>) -> Result<(), ValueError> {
        utf8(value)?;
        let mut at = skip_space(value, 0);
        while at < value.len() {
            let (end, quoted) = word(value, at, b":")?;
            let range = at..end;
            at = end;
            let mut places = 0..0;
            if value.get(at) == Some(&b':') {
                let rest = value.get(at + 1..).unwrap_or_default();
                places = at + 1..at + 1 + rest.iter().take_while(|&&byte| !space(byte)).count();
                at = places.end;
                if places.is_empty() {
                    return Err(BROKEN);
                }
            }
            if at < value.len() && !value.get(at).copied().is_some_and(space) {
                return Err(BROKEN);
            }
            each(range, quoted, value.get(places).unwrap_or_default())?;
            at = skip_space(value, at);
        }
        Ok(())
    }
}

fn pair(bytes: &[u8]) -> u16 {
    bytes.first_chunk::<2>().map_or(0, |bytes| u16::from_be_bytes(*bytes))
}

/// The word without quotes; `buffer` holds it where it differs.
fn content<'b>(value: &'b [u8], range: Range<usize>, quoted: bool, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let raw = value.get(range).unwrap_or_default();
    if !quoted {
        return raw;
    }
    unquote(raw, b'\'', buffer);
    buffer
}

impl Codec for Vector {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        Self::binary(value, |_, lexeme, places| {
            if out.len() > start {
                out.push(b' ');
            }
            enclose(lexeme, b'\'', out);
            for (index, place) in places.enumerate() {
                out.push(if index == 0 { b':' } else { b',' });
                place_text(place, out)?;
            }
            bounded(out)
        })
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        let mut count = 0i32;
        Self::text(text, |range, quoted, places| {
            count = count.checked_add(1).ok_or(ValueError::TooMany)?;
            walk.lend(|_, buffer| {
                out.extend_from_slice(lexeme(content(text, range, quoted, buffer))?);
                Ok(())
            })?;
            out.push(0);
            let head = out.len();
            out.extend_from_slice(&[0; 2]);
            let mut number = 0u16;
            let mut last = 0;
            for place in places.split(|&byte| byte == b',').filter(|_| !places.is_empty()) {
                let (position, weight) = match place.split_last() {
                    Some((b'A' | b'a', position)) => (position, 3),
                    Some((b'B' | b'b', position)) => (position, 2),
                    Some((b'C' | b'c', position)) => (position, 1),
                    Some((b'D' | b'd', position)) => (position, 0),
                    _ => (place, 0u16),
                };
                let position: u16 = super::number::parse(position)?;
                if position <= last || position > LAST_PLACE || usize::from(number) >= PLACES_LIMIT {
                    return Err(ValueError::Malformed("places out of order"));
                }
                last = position;
                number += 1;
                out.extend_from_slice(&(weight << 14 | position).to_be_bytes());
            }
            out.get_mut(head..head + 2).ok_or(ValueError::Short)?.copy_from_slice(&number.to_be_bytes());
            Ok(())
        })?;
        patch(out, start, count)
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
            Format::Binary => Self::binary(value, |range, lexeme, _| show(walk, format, place, lexeme, range, visitor, &mut splice, out))?,
            Format::Text => Self::text(value, |range, quoted, _| {
                walk.lend(|walk, buffer| {
                    let lexeme = content(value, range.clone(), quoted, buffer);
                    show(walk, format, place, lexeme, range, visitor, &mut splice, out)
                })
            })?,
        }
        splice.finish(out)
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Text)
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Query;

/// An operator, or a lexeme with its flags, of which the text stands at a range of the value.
#[derive(Debug, Clone)]
enum Item {
    Lexeme { range: Range<usize>, quoted: bool, weight: u8, prefix: bool },
    Operator(Operator),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Not,
    And,
    Or,
    Phrase(u16),
}

impl Operator {
    fn priority(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Phrase(_) => 3,
            Self::Not => 4,
        }
    }
}

const VALUE: u8 = 1;
const OPERATOR: u8 = 2;
/// The longest distance of a phrase (MAXENTRYPOS).
const DISTANCE_LIMIT: u16 = 1 << 14;

impl Query {
    /// Reads the items of a binary query: each operator before its operands, the right one first. A query is rare and short; unlike the other
    /// codecs this one allocates, up to [`ITEMS_LIMIT`].
    fn binary(value: &[u8]) -> Result<Vec<Item>, ValueError> {
        let mut reader = Reader::new(value);
        let mut items = Vec::new();
        // Operands still to come.
        let mut open = 1usize;
        for _ in 0..reader.count(2)? {
            open = open.checked_sub(1).ok_or(BROKEN)?;
            if items.len() >= ITEMS_LIMIT {
                return Err(ValueError::TooMany);
            }
            match reader.u8()? {
                VALUE => {
                    let (weight, prefix) = (reader.u8()?, reader.u8()?);
                    let start = reader.at();
                    let length = reader.string()?.len();
                    if weight > 0xf || prefix > 1 || length > LEXEME_LIMIT {
                        return Err(BROKEN);
                    }
                    items.push(Item::Lexeme { range: start..start + length, quoted: false, weight, prefix: prefix == 1 });
                }
                OPERATOR => {
                    let operator = match reader.u8()? {
                        1 => Operator::Not,
                        2 => Operator::And,
                        3 => Operator::Or,
                        4 => Operator::Phrase(reader.u16()?),
                        _ => return Err(BROKEN),
                    };
                    if matches!(operator, Operator::Phrase(distance) if distance > DISTANCE_LIMIT) {
                        return Err(BROKEN);
                    }
                    open += if operator == Operator::Not { 1 } else { 2 };
                    items.push(Item::Operator(operator));
                }
                _ => return Err(BROKEN),
            }
        }
        if open != usize::from(items.is_empty()) {
            return Err(BROKEN);
        }
        reader.end()?;
        Ok(items)
    }

    /// Reads a text query into the order of the binary form.
    fn text(value: &[u8]) -> Result<Vec<Item>, ValueError> {
        utf8(value)?;
        let mut items = Vec::new();
        // Operators that wait for their right operand; `None` is an open parenthesis.
        let mut waiting: Vec<Option<Operator>> = Vec::new();
        let mut operand = true;
        let mut at = skip_space(value, 0);
        if at == value.len() {
            return Ok(items);
        }
        while let Some(&byte) = value.get(at) {
            if items.len() + waiting.len() >= ITEMS_LIMIT {
                return Err(ValueError::TooMany);
            }
            let rest = value.get(at..).unwrap_or_default();
            match (operand, byte) {
                (true, b'!') => {
                    waiting.push(Some(Operator::Not));
                    at += 1;
                }
                (true, b'(') => {
                    waiting.push(None);
                    at += 1;
                }
                (true, _) => {
                    let (end, quoted) = word(value, at, b":&|!()<")?;
                    let range = at..end;
                    at = end;
                    let (mut weight, mut prefix) = (0, false);
                    if value.get(at) == Some(&b':') {
                        at += 1;
                        while let Some(flag) = value.get(at) {
                            match flag {
                                b'*' => prefix = true,
                                b'A' | b'a' => weight |= 8,
                                b'B' | b'b' => weight |= 4,
                                b'C' | b'c' => weight |= 2,
                                b'D' | b'd' => weight |= 1,
                                _ => break,
                            }
                            at += 1;
                        }
                    }
                    items.push(Item::Lexeme { range, quoted, weight, prefix });
                    operand = false;
                }
                (false, b')') => {
                    while let Some(operator) = waiting.pop().ok_or(BROKEN)? {
                        items.push(Item::Operator(operator));
                    }
                    at += 1;
                }
                (false, _) => {
                    let (operator, length) = operator(rest)?;
                    // Left before right, for equal priorities too.
                    while let Some(&Some(top)) = waiting.last() {
                        if top.priority() < operator.priority() {
                            break;
                        }
                        items.push(Item::Operator(top));
                        waiting.pop();
                    }
                    waiting.push(Some(operator));
                    operand = true;
                    at += length;
                }
            }
            at = skip_space(value, at);
        }
        if operand {
            return Err(ValueError::Short);
        }
        while let Some(operator) = waiting.pop() {
            items.push(Item::Operator(operator.ok_or(BROKEN)?));
        }
        // Left, right, operator; read from the end it is operator, right, left.
        items.reverse();
        Ok(items)
    }
}

fn operator(text: &[u8]) -> Result<(Operator, usize), ValueError> {
    match text.first() {
        Some(b'&') => Ok((Operator::And, 1)),
        Some(b'|') => Ok((Operator::Or, 1)),
        Some(b'<') => {
            let close = memchr::memchr(b'>', text).ok_or(BROKEN)?;
            let inside = text.get(1..close).unwrap_or_default();
            let distance = if inside == b"-" { 1 } else { super::number::parse(inside)? };
            if distance > DISTANCE_LIMIT { Err(BROKEN) } else { Ok((Operator::Phrase(distance), close + 1)) }
        }
        _ => Err(BROKEN),
    }
}

/// What is still to be printed of a query.
enum Task {
    /// The item at an index, inside an operator of a priority, perhaps as the right side of a phrase.
    Item(usize, u8, bool),
    Operator(Operator),
    Close,
}

fn print_query(value: &[u8], items: &[Item], out: &mut Vec<u8>) -> Result<(), ValueError> {
    // Where the left operand of each operator begins: behind its right one.
    let mut lefts = vec![0usize; items.len()];
    let mut starts = Vec::new();
    for (index, item) in items.iter().enumerate().rev() {
        if let Item::Operator(operator) = item
            && *operator != Operator::Not
        {
            starts.pop();
            *lefts.get_mut(index).ok_or(BROKEN)? = starts.pop().ok_or(BROKEN)?;
        } else if matches!(item, Item::Operator(_)) {
            starts.pop();
        }
        starts.push(index);
    }
    let mut tasks = if items.is_empty() { Vec::new() } else { vec![Task::Item(0, 0, false)] };
    while let Some(task) = tasks.pop() {
        match task {
            Task::Close => out.extend_from_slice(b" )"),
            Task::Operator(Operator::And) => out.extend_from_slice(b" & "),
            Task::Operator(Operator::Or) => out.extend_from_slice(b" | "),
            Task::Operator(Operator::Phrase(1)) => out.extend_from_slice(b" <-> "),
            Task::Operator(Operator::Phrase(distance)) => print(out, format_args!(" <{distance}> "))?,
            Task::Operator(Operator::Not) => return Err(BROKEN),
            Task::Item(index, around, right) => match items.get(index).ok_or(BROKEN)? {
                Item::Lexeme { range, weight, prefix, .. } => {
                    enclose(value.get(range.clone()).unwrap_or_default(), b'\'', out);
                    if *weight != 0 || *prefix {
                        out.push(b':');
                        out.extend(prefix.then_some(b'*'));
                        out.extend(
                            [(8, b'A'), (4, b'B'), (2, b'C'), (1, b'D')]
                                .into_iter()
                                .filter(|(bit, _)| weight & bit != 0)
                                .map(|(_, flag)| flag),
                        );
                    }
                }
                Item::Operator(operator) => {
                    let priority = operator.priority();
                    let phrase = matches!(operator, Operator::Phrase(_));
                    if priority < around || (phrase && right) {
                        out.extend_from_slice(b"( ");
                        tasks.push(Task::Close);
                    }
                    if *operator == Operator::Not {
                        out.push(b'!');
                        tasks.push(Task::Item(index + 1, priority, false));
                    } else {
                        tasks.push(Task::Item(index + 1, priority, phrase));
                        tasks.push(Task::Operator(*operator));
                        tasks.push(Task::Item(*lefts.get(index).ok_or(BROKEN)?, priority, false));
                    }
                }
            },
        }
    }
    Ok(())
}

impl Codec for Query {
    fn text_from_binary(&self, _walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        print_query(value, &Self::binary(value)?, out)
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let items = Self::text(text)?;
        out.extend_from_slice(&i32::try_from(items.len()).map_err(|_| ValueError::TooMany)?.to_be_bytes());
        for item in items {
            match item {
                Item::Lexeme { range, quoted, weight, prefix } => {
                    out.extend_from_slice(&[VALUE, weight, u8::from(prefix)]);
                    walk.lend(|_, buffer| {
                        out.extend_from_slice(lexeme(content(text, range, quoted, buffer))?);
                        Ok(())
                    })?;
                    out.push(0);
                }
                Item::Operator(operator) => {
                    let (code, distance) = match operator {
                        Operator::Not => (1, None),
                        Operator::And => (2, None),
                        Operator::Or => (3, None),
                        Operator::Phrase(distance) => (4, Some(distance)),
                    };
                    out.extend_from_slice(&[OPERATOR, code]);
                    out.extend(distance.into_iter().flat_map(u16::to_be_bytes));
                }
            }
        }
        Ok(())
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
        let mut items = match format {
            Format::Text => Self::text(value)?,
            Format::Binary => Self::binary(value)?,
        };
        // In text the operands were read last to first.
        if format == Format::Text {
            items.reverse();
        }
        let mut splice = Splice::new(value);
        for item in items {
            if let Item::Lexeme { range, quoted, .. } = item {
                walk.lend(|walk, buffer| {
                    let lexeme = content(value, range.clone(), quoted, buffer);
                    show(walk, format, place, lexeme, range, visitor, &mut splice, out)
                })?;
            }
        }
        splice.finish(out)
    }

    fn leaves(&self) -> Leaves {
        Leaves::Of(Class::Text)
    }
}
