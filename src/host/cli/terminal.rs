//! Text that strangers wrote, made fit to be shown: on a terminal, which obeys control characters, and in a spreadsheet, which
//! computes formulas. It changes nothing that is stored.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::host::visible::{Piece, is_hidden, pieces};

/// One line for a terminal: every hidden character as its code point.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| !is_hidden(letter))
}

/// Several lines for a terminal: the ends of lines stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter == '\n' || !is_hidden(letter))
}

/// A statement that somebody is to judge: what is not what it looks like as its code point.
pub fn statement(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            Piece::Plain(text) => out.push_str(text),
            // Writing to a string does not fail.
            Piece::Hidden(letter) => write!(out, "\\u{{{:x}}}", u32::from(letter)).unwrap_or_default(),
        }
    }
    out
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&stays) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().saturating_add(16));
    for letter in text.chars() {
        match letter {
            letter if stays(letter) => out.push(letter),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            // Writing to a string does not fail.
            hidden => write!(out, "\\u{{{:x}}}", u32::from(hidden)).unwrap_or_default(),
        }
    }
    Cow::Owned(out)
}

/// One cell of a CSV file (RFC 4180), quoted where it must be; what a spreadsheet would compute is made text by a leading
/// apostrophe.
pub fn cell(text: &str) -> Cow<'_, str> {
    let computed = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let quoted = text.contains([',', '"', '\n', '\r']);
    match (computed, quoted) {
        (false, false) => Cow::Borrowed(text),
        (true, false) => Cow::Owned(format!("'{text}")),
        (computed, true) => Cow::Owned(format!("\"{}{}\"", if computed { "'" } else { "" }, text.replace('"', "\"\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown_as_code_points() {
        for (text, shown) in [
            ("plain, Größe, 数据, 🙂", "plain, Größe, 数据, 🙂"),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("one\ntwo\tthree\r", "one\\ntwo\\tthree\\r"),
            ("user\u{202e}nimda", "user\\u{202e}nimda"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
        ] {
            assert_eq!(line(text), shown);
        }
        assert_eq!(lines("one\ntwo\x07"), "one\ntwo\\u{7}");
    }

    #[test]
    fn no_cell_is_computed_and_each_is_one_cell() {
        for (text, shown) in [
            ("plain", "plain"),
            ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\t=1", "'\t=1"),
            ("a,b", "\"a,b\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("\r=1", "\"'\r=1\""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }
}
