//! What the facts of a message are remembered by: its text, with a mark for each literal whose value no fact depends on. Two texts with one
//! key are the same tokens to PostgreSQL but for those values, because everything outside of them is kept to the byte, and a literal is only
//! taken out where nothing before or behind it could make it part of something else. Not for people: see `shape`.

/// Longer texts are read each time. The second reader looks at no longer ones either.
pub const LONGEST: usize = 16 * 1024;

/// What a key begins with: a text that has marks in it, or one that is as it was.
const SHAPED: u8 = b's';
const EXACT: u8 = b'x';

/// Marks stand for literals; a text that has one of these bytes is never given marks.
const STRING: u8 = 1;
/// Any integer that fits four bytes.
const SHORT: u8 = 2;
/// One that fits eight, and not four with either sign.
const LONG: u8 = 3;

/// Digits of any number that fits eight bytes.
const SAFE_DIGITS: usize = 18;
/// One more than the largest negative number of four bytes has.
const FIRST_LONG: u64 = 2_147_483_649;
const LAST_SHORT: u64 = 2_147_483_647;

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Where a literal or a comment may begin, or what keeps literals from being taken out at all: a backslash (an escape under another setting),
/// `$` (dollar quotes, parameters), a double quote, what could be taken for a mark.
fn stops(byte: u8) -> bool {
    let control = byte < b' ' && !(b'\t'..=b'\r').contains(&byte);
    byte.is_ascii_digit() | control | (byte == b'\'') | (byte == b'-') | (byte == b'/') | (byte == b'\\') | (byte == b'$') | (byte == b'"')
}

fn is_plain(byte: u8) -> bool {
    !stops(byte) | byte.is_ascii_digit() | (byte == b'\'') | (byte == b'-') | (byte == b'/')
}

/// How many bytes can be taken as they are. In strides without a branch in them, for most of a statement is like that.
fn ordinary(text: &[u8]) -> usize {
    const STRIDE: usize = 32;
    let strides = text.chunks_exact(STRIDE).take_while(|stride| !stride.iter().fold(false, |any, byte| any | stops(*byte))).count();
    let (_, rest) = text.split_at_checked(strides * STRIDE).unwrap_or((&[], text));
    strides * STRIDE + rest.iter().take_while(|byte| !stops(**byte)).count()
}

/// Writes the text's key into `out`, which is emptied first, and says whether literals may have been taken out.
pub fn write(text: &[u8], out: &mut Vec<u8>) -> bool {
    out.clear();
    out.push(SHAPED);
    let shaped = shape(text, out).is_some();
    if !shaped {
        write_exact(text, out);
    }
    shaped
}

/// The key of a text whose facts depend on its literals.
pub fn write_exact(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.push(EXACT);
    out.extend_from_slice(text);
}

/// `None`: a literal has a prefix, a comment begins, something has no end, or there is a character that keeps all literals in their place.
fn shape(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    // Where the last literal ends.
    let mut literal = out.len();
    loop {
        let (plain, stop) = rest.split_at_checked(ordinary(rest))?;
        out.extend_from_slice(plain);
        let Some((first, behind)) = stop.split_first() else { return Some(()) };
        // At the beginning it is what the key begins with; a blank would do as well.
        let before = if out.len() == 1 { b' ' } else { *out.last()? };
        match *first {
            b'\'' => {
                // `E'…'`, `U&'…'` and their like.
                if in_word(before) || before == b'&' {
                    return None;
                }
                rest = end_of_string(behind)?;
                out.push(STRING);
                literal = out.len();
            }
            b'-' if behind.first() == Some(&b'-') => return None,
            b'/' if behind.first() == Some(&b'*') => return None,
            digit if digit.is_ascii_digit() && !in_word(before) && before != b'.' && !is_mark(before) => {
                let length = stop.iter().take_while(|byte| in_word(**byte) || **byte == b'.').count();
                let (number, others) = stop.split_at_checked(length)?;
                match mark(number) {
                    Some(mark) if !decides(last_word(out, literal)) => out.push(mark),
                    Some(_) | None => out.extend_from_slice(number),
                }
                // A quote that touches it begins no plain literal, and a sign may go on with `1e`.
                if others.first() == Some(&b'\'') || matches!(number.last(), Some(b'e' | b'E')) {
                    return None;
                }
                literal = out.len();
                rest = others;
            }
            byte if is_plain(byte) => {
                out.push(byte);
                rest = behind;
            }
            _ => return None,
        }
    }
}

/// A literal was here; what touches it is not taken for one.
fn is_mark(byte: u8) -> bool {
    matches!(byte, STRING | SHORT | LONG)
}

/// The last word behind the last literal, with what stands behind the word.
fn last_word(out: &[u8], literal: usize) -> &[u8] {
    let behind = out.get(literal..).unwrap_or_default();
    let between = behind.iter().rev().take_while(|byte| !in_word(**byte)).count();
    let word = behind.iter().rev().skip(between).take_while(|byte| in_word(**byte)).count();
    behind.get(behind.len() - between - word..).unwrap_or_default()
}

/// What is behind a string's closing quote, given what is behind its opening one.
fn end_of_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let quote = memchr::memchr(b'\'', rest)?;
        let (inside, end) = rest.split_at_checked(quote)?;
        if !inside.iter().fold(true, |all, byte| all & is_plain(*byte)) {
            return None;
        }
        rest = end.get(1..)?;
        match rest.split_first() {
            Some((b'\'', behind)) => rest = behind,
            _ => return Some(rest),
        }
    }
}

/// The mark of a plain integer; others keep their text.
fn mark(number: &[u8]) -> Option<u8> {
    if number.len() > SAFE_DIGITS {
        return None;
    }
    let mut value = 0_u64;
    for digit in number {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
    }
    match value {
        0..=LAST_SHORT => Some(SHORT),
        FIRST_LONG.. => Some(LONG),
        // Four bytes with a minus before it, eight without.
        _ => None,
    }
}

/// Words behind which the grammar or the reading looks at a number: `LIMIT 10` is a fact, `float(24)` and `float(25)` are two types.
/// `text` is that word, with what stands between it and the number.
fn decides(text: &[u8]) -> bool {
    let length = text.iter().take_while(|byte| in_word(**byte)).count();
    let (word, between) = text.split_at(length);
    let opened = between.contains(&b'(');
    let is = |known: &[u8]| word.eq_ignore_ascii_case(known);
    if opened { is(b"float") } else { is(b"limit") || is(b"first") || is(b"next") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Option<String> {
        let mut out = Vec::new();
        write(text.as_bytes(), &mut out)
            .then(|| String::from_utf8(out).unwrap().split_off(1).replace('\u{1}', "§").replace('\u{2}', "#").replace('\u{3}', "##"))
    }

    #[test]
    fn literals_that_no_fact_depends_on_are_marks() {
        for (text, expected) in [
            ("select * from t where id = 5 and name = 'it''s'", "select * from t where id = # and name = §"),
            (
                "select f(1), f(3000000000), f(2147483648), f(99999999999999999999)",
                "select f(#), f(##), f(2147483648), f(99999999999999999999)",
            ),
            ("select 1.5, 0x1F, 1e5, t1.c2, 1_000, a[1:2]", "select 1.5, 0x1F, 1e5, t1.c2, 1_000, a[#:#]"),
            ("select 1 limit 10 offset 20", "select # limit 10 offset #"),
            ("select 1 fetch FIRST\n10 rows only", "select # fetch FIRST\n10 rows only"),
            ("select x::float(24), x::varchar(10), x::float ( 25)", "select x::float(24), x::varchar(#), x::float ( 25)"),
            ("select 'a'\n'b', date '2020-01-01', 'ü'", "select §\n§, date §, §"),
            ("insert into t values (-1,''),(- 2,'x')", "insert into t values (-#,§),(- #,§)"),
        ] {
            assert_eq!(key(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn where_a_literal_could_be_something_else_the_text_is_the_key() {
        for text in [
            "select E'a'",
            "select u&'a'",
            "select b'1'",
            "select x'1f'",
            "select n'x'",
            "select 'a\\'",
            "select $1",
            "select $$a$$",
            "select \"a\"",
            "select 1 -- x",
            "select /* x */ 1",
            "select 'a",
            "select 1'a'",
            "select \u{1}",
            "select 1--1",
            "select 1e-5",
        ] {
            assert_eq!(key(text), None, "{text}");
        }
    }
}
