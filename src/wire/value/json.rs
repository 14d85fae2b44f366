//! JSON as a stream of tokens: keys, strings, numbers and booleans are leaves, and everything else is copied as it stands. No tree is built;
//! the only state is one frame for each open object or array. Must not know what a document means.

use super::walk::{Splice, print, utf8};
use super::{Class, Codec, Format, JSON_DEPTH_LIMIT, Leaf, Leaves, Outcome, Place, Role, ValueError, Visitor, Walk};

/// `json`, whose binary form is its text, and `jsonb`, whose binary form has a version byte before the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json {
    pub(super) versioned: bool,
}

/// The only version `jsonb` ever had.
const VERSION: u8 = 1;

const BROKEN: ValueError = ValueError::Malformed("JSON syntax");

/// An open object or array, and where things begin among the keys that are open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    object: bool,
    /// An object's own key, the last of them.
    key: usize,
    /// The key its values stand under: an array's elements belong to the key the array stands under.
    name: usize,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// Behind `[`: a value or its end.
    ValueOrEnd,
    Key,
    /// Behind `{`: a key or its end.
    KeyOrEnd,
    CommaOrEnd,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Key,
    String { escaped: bool },
    Number,
    Boolean,
}

impl Json {
    /// The JSON text in a value, and how long what stands before it is.
    fn text(self, format: Format, value: &[u8]) -> Result<(&[u8], usize), ValueError> {
        if format == Format::Text || !self.versioned {
            return Ok((value, 0));
        }
        match value.split_first() {
            Some((&VERSION, text)) => Ok((text, 1)),
            Some(_) => Err(ValueError::Malformed("jsonb version")),
            None => Err(ValueError::Short),
        }
    }
}

/// Reads a document and hands out each leaf: its kind, its range, and the nearest key around it.
fn tokens(
    walk: &mut Walk<'_>,
    text: &[u8],
    mut each: impl FnMut(&mut Walk<'_>, Kind, std::ops::Range<usize>, &[u8]) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    utf8(text)?;
    let mut frames = std::mem::take(&mut walk.scratch.json);
    frames.clear();
    let result = walk.lend(|walk, keys| scan(walk, text, &mut frames, keys, &mut each));
    walk.scratch.json = frames;
    result
}

fn scan(
    walk: &mut Walk<'_>,
    text: &[u8],
    frames: &mut Vec<Frame>,
    keys: &mut Vec<u8>,
    each: &mut impl FnMut(&mut Walk<'_>, Kind, std::ops::Range<usize>, &[u8]) -> Result<(), ValueError>,
) -> Result<(), ValueError> {
    let mut next = Next::Value;
    let mut at = blank(text, 0);
    loop {
        let Some(&byte) = text.get(at) else { return Err(ValueError::Short) };
        let start = at;
        match (next, byte) {
            (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                if frames.len() >= JSON_DEPTH_LIMIT {
                    return Err(ValueError::TooDeep);
                }
                let object = byte == b'{';
                let name = if object { keys.len() } else { frames.last().map_or(0, |around| around.name) };
                frames.push(Frame { object, key: keys.len(), name });
                next = if byte == b'{' { Next::KeyOrEnd } else { Next::ValueOrEnd };
                at = blank(text, at + 1);
                continue;
            }
            (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => at = close(frames, keys, at),
            (Next::CommaOrEnd, b']' | b'}') => {
                if frames.last().is_none_or(|frame| frame.object != (byte == b'}')) {
                    return Err(BROKEN);
                }
                at = close(frames, keys, at);
            }
            (Next::CommaOrEnd, b',') => {
                next = if frames.last().is_some_and(|frame| frame.object) { Next::Key } else { Next::Value };
                at = blank(text, at + 1);
                continue;
            }
            (Next::Key | Next::KeyOrEnd, b'"') => {
                let (end, escaped) = string(text, at)?;
                let from = frames.last().ok_or(BROKEN)?.key;
                keys.truncate(from);
                // The name a key itself stands under is the one around its object.
                let around = frames.get(..frames.len() - 1).unwrap_or_default();
                each(walk, Kind::Key, start..end, nearest(around, keys))?;
                let raw = text.get(start + 1..end - 1).unwrap_or_default();
                if escaped {
                    decode(raw, keys);
                } else {
                    keys.extend_from_slice(raw);
                }
                at = blank(text, end);
                if text.get(at) != Some(&b':') {
                    return Err(BROKEN);
                }
                next = Next::Value;
                at = blank(text, at + 1);
                continue;
            }
            (Next::Value | Next::ValueOrEnd, _) => {
                let (kind, end) = scalar(text, at)?;
                if let Some(kind) = kind {
                    each(walk, kind, start..end, nearest(frames, keys))?;
                }
                at = end;
            }
            (Next::Key | Next::KeyOrEnd | Next::CommaOrEnd, _) => return Err(BROKEN),
        }
        // A value has ended.
        next = Next::CommaOrEnd;
        at = blank(text, at);
        if frames.is_empty() {
            return if at == text.len() { Ok(()) } else { Err(ValueError::Trailing) };
        }
    }
}

/// The key that what stands directly in the last frame belongs to.
fn nearest<'k>(frames: &[Frame], keys: &'k [u8]) -> &'k [u8] {
    frames.last().and_then(|frame| keys.get(frame.name..)).unwrap_or_default()
}

fn close(frames: &mut Vec<Frame>, keys: &mut Vec<u8>, at: usize) -> usize {
    if let Some(frame) = frames.pop() {
        keys.truncate(frame.key);
    }
    at + 1
}

fn blank(text: &[u8], at: usize) -> usize {
    let skipped = text.get(at..).unwrap_or_default().iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    skipped.map_or(text.len(), |skipped| at + skipped)
}

/// Reads a string, number or word; `None` is null.
fn scalar(text: &[u8], at: usize) -> Result<(Option<Kind>, usize), ValueError> {
    let rest = text.get(at..).unwrap_or_default();
    let word = |word: &[u8], kind| if rest.starts_with(word) { Ok((kind, at + word.len())) } else { Err(BROKEN) };
    match rest.first() {
        Some(b'"') => string(text, at).map(|(end, escaped)| (Some(Kind::String { escaped }), end)),
        Some(b't') => word(b"true", Some(Kind::Boolean)),
        Some(b'f') => word(b"false", Some(Kind::Boolean)),
        Some(b'n') => word(b"null", None),
        _ => number(rest).map(|length| (Some(Kind::Number), at + length)).ok_or(BROKEN),
    }
}

/// How long the number is that the text begins with.
fn number(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Where the string that starts at `at` ends, and whether it has escapes.
fn string(text: &[u8], at: usize) -> Result<(usize, bool), ValueError> {
    let mut at = at + 1;
    let mut escaped = false;
    loop {
        match *text.get(at).ok_or(ValueError::Short)? {
            b'"' => return Ok((at + 1, escaped)),
            b'\\' => {
                escaped = true;
                match *text.get(at + 1).ok_or(ValueError::Short)? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                    b'u' => {
                        let digits = text.get(at + 2..at + 6).ok_or(ValueError::Short)?;
                        if !digits.iter().all(u8::is_ascii_hexdigit) {
                            return Err(BROKEN);
                        }
                        at += 6;
                    }
                    _ => return Err(BROKEN),
                }
            }
            0..0x20 => return Err(BROKEN),
            _ => at += 1,
        }
    }
}

/// Decodes the escapes of a string that was found well formed. Half a surrogate pair, which `json` (not `jsonb`) takes, becomes U+FFFD.
fn decode(raw: &[u8], out: &mut Vec<u8>) {
    decoded(raw, |_, bytes| out.extend_from_slice(bytes));
}

/// Where each byte of the content of a string with its quotes stands, and its end, counted from `start`.
fn decoded_offsets(start: usize, quoted: &[u8], offsets: &mut Vec<usize>) {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    decoded(inside, |at, bytes| offsets.extend(bytes.iter().map(|_| start + 1 + at)));
    offsets.push(start + 1 + inside.len());
}

/// Hands out what a string says, piece by piece, each with where it stands.
fn decoded(raw: &[u8], mut each: impl FnMut(usize, &[u8])) {
    let unit = |at: usize| {
        let digits = raw.get(at + 2..at + 6).filter(|_| raw.get(at..at + 2) == Some(b"\\u"))?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        if byte != b'\\' {
            each(at, &[byte]);
            at += 1;
            continue;
        }
        let start = at;
        let Some(high) = unit(at) else {
            let plain = raw.get(at + 1).map(|&escape| match escape {
                b'b' => 8,
                b'f' => 12,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                _ => escape,
            });
            each(start, plain.as_slice());
            at += 2;
            continue;
        };
        at += 6;
        let mut point = high;
        if (0xd800..0xdc00).contains(&high)
            && let Some(low @ 0xdc00..0xe000) = unit(at)
        {
            point = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
        let character = char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER);
        each(start, character.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Appends a JSON string.
pub(super) fn encode(text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
    utf8(text)?;
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            0..0x20 => print(out, format_args!("\\u{byte:04x}"))?,
            _ => out.push(byte),
        }
    }
    out.push(b'"');
    Ok(())
}

impl Kind {
    fn describe(self) -> (Class, Role, &'static [u8]) {
        match self {
            Self::Key => (Class::Text, Role::Key, b"***"),
            Self::String { .. } => (Class::Text, Role::Value, b"***"),
            Self::Number => (Class::Number, Role::Value, b"0"),
            Self::Boolean => (Class::Boolean, Role::Value, b"false"),
        }
    }

    /// Writes a replacement: a number or boolean as one if it reads as one, everything else as a string.
    fn write(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let bare = match self {
            Self::Key | Self::String { .. } => false,
            Self::Number | Self::Boolean => matches!(text, b"true" | b"false" | b"null") || number(text) == Some(text.len()),
        };
        if bare {
            out.extend_from_slice(text);
            Ok(())
        } else {
            encode(text, out)
        }
    }
}

impl Codec for Json {
    fn text_from_binary(&self, walk: &mut Walk<'_>, value: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        let (text, _) = self.text(Format::Binary, value)?;
        tokens(walk, text, |_, _, _, _| Ok(()))?;
        out.extend_from_slice(text);
        Ok(())
    }

    fn binary_from_text(&self, walk: &mut Walk<'_>, text: &[u8], out: &mut Vec<u8>) -> Result<(), ValueError> {
        tokens(walk, text, |_, _, _, _| Ok(()))?;
        if self.versioned {
            out.push(VERSION);
        }
        out.extend_from_slice(text);
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
        let (text, before) = self.text(format, value)?;
        let mut splice = Splice::new(value);
        tokens(walk, text, |walk, kind, range, key| {
            let raw = text.get(range.clone()).unwrap_or_default();
            walk.lend(|walk, decoded| {
                let bytes = match kind {
                    Kind::Number | Kind::Boolean => raw,
                    Kind::Key | Kind::String { .. } => {
                        let inside = raw.get(1..raw.len() - 1).unwrap_or_default();
                        if matches!(kind, Kind::String { escaped: false }) || memchr::memchr(b'\\', inside).is_none() {
                            inside
                        } else {
                            decode(inside, decoded);
                            decoded
                        }
                    }
                };
                let (class, role, blank) = kind.describe();
                let name = if key.is_empty() { place.name } else { key };
                let leaf = Leaf { bytes, oid: place.oid, class, role, name, blank, trail: &[] };
                let range = range.start + before..range.end + before;
                let offsets = |offsets: &mut Vec<usize>| match kind {
                    Kind::Number | Kind::Boolean => offsets.extend(range.start..=range.end),
                    Kind::Key | Kind::String { .. } => decoded_offsets(range.start, raw, offsets),
                };
                let outcome = walk.inside(offsets, |walk| {
                    walk.ask(&leaf, visitor, |_, replacement| {
                        splice.open(range.clone(), out)?;
                        kind.write(replacement, out)
                    })
                })?;
                match (outcome, kind) {
                    (Outcome::Null, Kind::Key) => Err(ValueError::Replacement),
                    (Outcome::Null, Kind::String { .. } | Kind::Number | Kind::Boolean) => {
                        splice.open(range, out)?;
                        out.extend_from_slice(b"null");
                        Ok(())
                    }
                    (Outcome::Kept | Outcome::Changed, _) => Ok(()),
                }
            })
        })?;
        splice.finish(out)
    }

    fn leaves(&self) -> Leaves {
        Leaves::Any
    }
}
