//! PostgreSQL's lexical rules: where each word, literal, operator and comment of a statement begins and ends. It knows no grammar.
//! What can be read in two ways, or in none, is not read: the versions of the server and its settings do not agree on everything.

use std::ops::Range;

use memchr::{memchr2, memmem};
use zeroize::Zeroizing;

/// The text ends inside something, has a character that no statement has, or would be read otherwise by another server or under
/// another setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// An identifier without quotes, or a keyword.
    Word,
    /// An identifier in double quotes, `U&` included.
    Quoted,
    /// A literal in single quotes of any kind, with its prefix and what continues it, or one in dollar quotes.
    Text,
    Number,
    /// `$1`
    Parameter,
    Operator,
    /// `::`
    Cast,
    /// `..`
    Dots,
    /// One of `( ) [ ] , ; . :`
    Mark(u8),
    /// `/* … */`
    Block,
    /// `-- …`, up to the end of the line.
    Line,
}

/// A text from its first token to its last, with every comment in between emptied: what two texts must have in common to be one statement to
/// the server. A comment leaves a mark, for the server does not read `'a' /**/ 'b'` as it reads `'a' 'b'`. `None` where it cannot be read.
pub fn uncommented(sql: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(sql).ok()?;
    let mut scanner = Scanner::new(text);
    let mut found = Zeroizing::new(Vec::with_capacity(sql.len()));
    // What stands behind the last token is taken only when another one follows.
    let (mut taken, mut kept, mut begun) = (0, 0, false);
    while let Some((token, place)) = scanner.step().ok()? {
        let mark: &[u8] = match token {
            Token::Block => b"/**/",
            Token::Line => b"--",
            Token::Word
            | Token::Quoted
            | Token::Text
            | Token::Number
            | Token::Parameter
            | Token::Operator
            | Token::Cast
            | Token::Dots
            | Token::Mark(_) => {
                let from = if begun { taken } else { place.start };
                found.extend_from_slice(sql.get(from..place.end)?);
                (taken, kept, begun) = (place.end, found.len(), true);
                continue;
            }
        };
        if begun {
            found.extend_from_slice(sql.get(taken..place.start)?);
            found.extend_from_slice(mark);
            taken = place.end;
        }
    }
    found.truncate(kept);
    Some(found)
}

/// Where the literals of a text are.
pub fn literals(sql: &[u8]) -> Result<Vec<Range<usize>>, Unreadable> {
    let mut scanner = Scanner::new(std::str::from_utf8(sql).map_err(|_| Unreadable)?);
    let mut found = Vec::new();
    while let Some((token, place)) = scanner.step()? {
        if matches!(token, Token::Text | Token::Number) {
            found.push(place);
        }
    }
    Ok(found)
}

/// Longer operators are an error at the server.
const LONGEST_OPERATOR: usize = 63;

#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The last token was the word `ESCAPE`.
    behind_escape: bool,
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn in_word(byte: u8) -> bool {
    starts_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn in_operator(byte: u8) -> bool {
    matches!(byte, b'~' | b'!' | b'@' | b'#' | b'^' | b'&' | b'|' | b'`' | b'?' | b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=')
}

/// Quotes and spaces that are letters to the server: who types them means something else than the server reads.
fn misleads(character: char) -> bool {
    match character {
        // They join letters in several scripts.
        '\u{200c}' | '\u{200d}' => false,
        '\u{80}'..='\u{a0}' | '«' | '»' | '´' | '\u{2b9}'..='\u{2bc}' | '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{301f}' => true,
        '\u{feff}' | '\u{ff02}' | '\u{ff07}' | '\u{ff40}' | '\u{275b}'..='\u{275e}' => true,
        _ => false,
    }
}

impl<'a> Scanner<'a> {
    pub fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0, behind_escape: false }
    }

    /// The text that a token has; empty where there is no such place.
    pub fn text(&self, place: Range<usize>) -> &'a str {
        self.text.get(place).unwrap_or_default()
    }

    /// Whether the character behind the last token is this one.
    pub fn next_is(&self, byte: u8) -> bool {
        self.byte(self.at) == Some(byte)
    }

    /// Whether a token touches letters or digits on both sides.
    pub fn inside_word(&self, place: Range<usize>) -> bool {
        let before = place.start.checked_sub(1).and_then(|at| self.byte(at));
        before.is_some_and(in_word) && self.byte(place.end).is_some_and(in_word)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    fn skip(&self, mut at: usize, wanted: impl Fn(u8) -> bool) -> usize {
        while self.byte(at).is_some_and(&wanted) {
            at += 1;
        }
        at
    }

    /// Passes over a word that was not read because it misleads; false where something else was not read. For who shows a text: who judges it
    /// does not go on.
    pub fn pass_misleading(&mut self) -> bool {
        let start = self.skip(self.at, is_space);
        let end = self.skip(start, in_word);
        let misleads = self.byte(start).is_some_and(starts_word) && !self.text(start..end).is_ascii();
        if misleads {
            (self.at, self.behind_escape) = (end, false);
        }
        misleads
    }

    /// Where the next token is looked for.
    pub fn place(&self) -> usize {
        self.at
    }

    /// The next token and its place; `None` at the end.
    #[inline]
    pub fn step(&mut self) -> Result<Option<(Token, Range<usize>)>, Unreadable> {
        let start = self.skip(self.at, is_space);
        let Some(first) = self.byte(start) else { return Ok(None) };
        let next = self.byte(start + 1);
        let (token, end) = match first {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => self.word(start, first)?,
            b'\'' => match self.lone_backslash(start) {
                Some(end) => (Token::Text, end),
                None => (Token::Text, self.plain(start + 1)?),
            },
            b'"' => (Token::Quoted, self.quoted(start + 1)?),
            b'0'..=b'9' => (Token::Number, self.number(start)?),
            b'.' if next.is_some_and(|byte| byte.is_ascii_digit()) => (Token::Number, self.number(start)?),
            b'.' if next == Some(b'.') => (Token::Dots, start + 2),
            b':' if next == Some(b':') => (Token::Cast, start + 2),
            b':' if next == Some(b'=') => (Token::Operator, start + 2),
            b'(' | b')' | b'[' | b']' | b',' | b';' | b'.' | b':' => (Token::Mark(first), start + 1),
            b'$' if next.is_some_and(|byte| byte.is_ascii_digit()) => {
                let end = self.skip(start + 1, |byte| byte.is_ascii_digit());
                (Token::Parameter, self.behind_number(end)?)
            }
            b'$' => (Token::Text, self.dollars(start)?),
            b'-' if next == Some(b'-') => (Token::Line, self.line(start)),
            b'/' if next == Some(b'*') => (Token::Block, self.block(start)?),
            byte if in_operator(byte) => (Token::Operator, self.operator(start)?),
            _ => return Err(Unreadable),
        };
        self.at = end;
        self.behind_escape = token == Token::Word && self.text(start..end).eq_ignore_ascii_case("escape");
        Ok(Some((token, start..end)))
    }

    #[inline]
    fn word(&self, start: usize, first: u8) -> Result<(Token, usize), Unreadable> {
        let end = self.skip(start + 1, in_word);
        if end == start + 1 {
            match (first | 0x20, self.byte(end), self.byte(end + 1)) {
                (b'e', Some(b'\''), _) => return Ok((Token::Text, self.escaped(end + 1)?)),
                (b'b' | b'x' | b'n', Some(b'\''), _) => return Ok((Token::Text, self.plain(end + 1)?)),
                (b'u', Some(b'&'), Some(b'\'')) => return Ok((Token::Text, self.plain(end + 2)?)),
                (b'u', Some(b'&'), Some(b'"')) => return Ok((Token::Quoted, self.quoted(end + 2)?)),
                _ => {}
            }
        }
        let text = self.text(start..end);
        if !text.is_ascii() && text.chars().any(misleads) { Err(Unreadable) } else { Ok((Token::Word, end)) }
    }

    /// The end of a literal without escapes. A backslash is a character of it, or an escape where `standard_conforming_strings`
    /// is off: a quote behind one ends the literal here or does not.
    fn plain(&self, mut at: usize) -> Result<usize, Unreadable> {
        loop {
            at += memchr2(b'\'', b'\\', self.rest(at)).ok_or(Unreadable)?;
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'\\'), Some(b'\'')) => return Err(Unreadable),
                (Some(b'\\'), _) | (_, Some(b'\'')) => at += 2,
                _ => match self.continued(at + 1) {
                    Some(further) => at = further,
                    None => return Ok(at + 1),
                },
            }
        }
    }

    /// `LIKE … ESCAPE '\'`, which people do write. Read the other way the literal goes on, and more than one character is no escape:
    /// no server runs that.
    fn lone_backslash(&self, start: usize) -> Option<usize> {
        let end = start + 3;
        let stands = self.behind_escape && self.rest(start).starts_with(b"'\\'") && self.byte(end) != Some(b'\'');
        (stands && self.continued(end).is_none()).then_some(end)
    }

    /// The end of a literal in which a backslash escapes.
    fn escaped(&self, mut at: usize) -> Result<usize, Unreadable> {
        loop {
            at += memchr2(b'\'', b'\\', self.rest(at)).ok_or(Unreadable)?;
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'\\'), _) | (_, Some(b'\'')) => at += 2,
                _ => match self.continued(at + 1) {
                    Some(further) => at = further,
                    None => return Ok(at + 1),
                },
            }
        }
    }

    /// A literal goes on in the next quotes if there is only space with a line's end in it between the two; a comment up to the
    /// line's end counts as space.
    fn continued(&self, mut at: usize) -> Option<usize> {
        let mut line_ended = false;
        loop {
            match self.byte(at)? {
                b'\n' | b'\r' => line_ended = true,
                byte if is_space(byte) => {}
                b'-' if self.byte(at + 1) == Some(b'-') => {
                    at = self.line(at);
                    continue;
                }
                b'\'' if line_ended => return Some(at + 1),
                _ => return None,
            }
            at += 1;
        }
    }

    fn quoted(&self, mut at: usize) -> Result<usize, Unreadable> {
        loop {
            at += memchr2(b'"', b'\\', self.rest(at)).ok_or(Unreadable)?;
            match (self.byte(at), self.byte(at + 1)) {
                // It ends here, but whoever wrote the backslash meant it to go on.
                (Some(b'\\'), Some(b'"')) => return Err(Unreadable),
                (Some(b'\\'), _) => at += 1,
                (_, Some(b'"')) => at += 2,
                _ => return Ok(at + 1),
            }
        }
    }

    fn number(&self, start: usize) -> Result<usize, Unreadable> {
        let mut end = self.digits(start);
        if self.byte(end) == Some(b'.') && self.byte(end + 1) != Some(b'.') {
            end = self.digits(end + 1);
        }
        if let Some(b'e' | b'E') = self.byte(end) {
            let sign = usize::from(matches!(self.byte(end + 1), Some(b'+' | b'-')));
            if self.byte(end + 1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                end = self.digits(end + 1 + sign);
            }
        }
        self.behind_number(end)
    }

    fn digits(&self, mut at: usize) -> usize {
        loop {
            at = self.skip(at, |byte| byte.is_ascii_digit());
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'_'), Some(b'0'..=b'9')) => at += 1,
                _ => return at,
            }
        }
    }

    /// Letters that touch a number are part of it (`0x1F`), an error, or a word of their own, as the server's version has it. Here
    /// they are part of it. Where they would be the prefix of a literal, the versions disagree on where that ends.
    fn behind_number(&self, at: usize) -> Result<usize, Unreadable> {
        if !self.byte(at).is_some_and(starts_word) {
            return Ok(at);
        }
        let end = self.skip(at, in_word);
        if self.byte(end) == Some(b'\'') { Err(Unreadable) } else { Ok(end) }
    }

    fn dollars(&self, start: usize) -> Result<usize, Unreadable> {
        let tag = if self.byte(start + 1).is_some_and(starts_word) {
            self.skip(start + 1, |byte| in_word(byte) && byte != b'$')
        } else {
            start + 1
        };
        if self.byte(tag) != Some(b'$') {
            return Err(Unreadable);
        }
        let delimiter = self.bytes.get(start..=tag).ok_or(Unreadable)?;
        let length = memmem::find(self.rest(tag + 1), delimiter).ok_or(Unreadable)?;
        Ok(tag + 1 + length + delimiter.len())
    }

    fn line(&self, start: usize) -> usize {
        let rest = self.rest(start);
        start + memchr2(b'\n', b'\r', rest).unwrap_or(rest.len())
    }

    fn block(&self, start: usize) -> Result<usize, Unreadable> {
        let (mut at, mut depth) = (start + 2, 1_usize);
        while depth > 0 {
            at += memchr2(b'*', b'/', self.rest(at)).ok_or(Unreadable)?;
            match (self.byte(at), self.byte(at + 1)) {
                (Some(b'/'), Some(b'*')) => (depth, at) = (depth + 1, at + 2),
                (Some(b'*'), Some(b'/')) => (depth, at) = (depth - 1, at + 2),
                _ => at += 1,
            }
        }
        Ok(at)
    }

    fn operator(&self, start: usize) -> Result<usize, Unreadable> {
        let mut end = start;
        let mut special = false;
        while let Some(byte) = self.byte(end).filter(|byte| in_operator(*byte)) {
            // A comment begins wherever its first characters stand.
            if matches!((byte, self.byte(end + 1)), (b'-', Some(b'-')) | (b'/', Some(b'*'))) {
                break;
            }
            special |= !matches!(byte, b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=');
            end += 1;
            if end - start > LONGEST_OPERATOR {
                return Err(Unreadable);
            }
        }
        // `=-1` is `=` and `-1`, except behind characters that only operators made by users have.
        while !special && end - start > 1 && matches!(self.byte(end - 1), Some(b'+' | b'-')) {
            end -= 1;
        }
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_come_and_go_and_the_statement_stays() {
        let check = |sql: &str| uncommented(sql.as_bytes()).map(|text| String::from_utf8_lossy(&text).into_owned());
        for (sql, expected) in [
            ("select 1", "select 1"),
            (" /* a='1' */ select 1 ; -- so", "select 1 ;"),
            ("-- a\nselect 1\n", "select 1"),
            ("select /* tag='7' */ 1", "select /**/ 1"),
            ("select 1 -- seven\n + 2", "select 1 --\n + 2"),
            ("select '/* no */'  /* yes /* and */ yes */", "select '/* no */'"),
            ("select $$ -- no $$ /**/", "select $$ -- no $$"),
            ("select 'a' /* x */\n 'b'", "select 'a' /**/\n 'b'"),
            ("/* only */", ""),
        ] {
            assert_eq!(check(sql).as_deref(), Some(expected), "{sql}");
        }
        assert_eq!(check("select 'open"), None);
        assert_eq!(uncommented(b"select '\xff'"), None);
    }
}
