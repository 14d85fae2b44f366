//! What is looked at before anything parses: time and stack that a text could cost are bounded here, by one pass over it. It knows no grammar;
//! what it says of depth is never less than a tree can have.

use memchr::{memchr, memmem};

use super::facts::Opaque;
use super::scan::{Scanner, Token};

/// Longer messages are not read. Real ones of this size are bulk loads, for which there is COPY.
pub const LONGEST: usize = 1024 * 1024;

/// The parser goes over a comment again for each of those before it.
const MOST_COMMENTS: usize = 64;

/// `SET (a, b, …) = (SELECT …)` has its source once for each column, so a text of a megabyte could have a tree of terabytes. What the copies may
/// come to, in bytes of text.
const MOST_COPIES: usize = 8 * 1024 * 1024;

/// Levels of a tree that room is made for: see `read`.
pub const DEEPEST: usize = 500;

/// A text that may be parsed.
#[derive(Debug, Clone, Copy)]
pub struct Checked<'a> {
    pub text: &'a str,
    /// Levels that its tree can have.
    pub depth: usize,
    /// Levels with each operator as one of its own, as other grammars than PostgreSQL's have it.
    pub full_depth: usize,
}

pub fn check(text: &[u8]) -> Result<Checked<'_>, Opaque> {
    if text.len() > LONGEST {
        return Err(Opaque::TooLong);
    }
    if memchr(0, text).is_some() {
        return Err(Opaque::Nul);
    }
    let text = std::str::from_utf8(text).map_err(|_| Opaque::NotUtf8)?;
    if memmem::find_iter(text.as_bytes(), b"/*").nth(MOST_COMMENTS).is_some() {
        return Err(Opaque::TooManyComments);
    }
    let Found { depth: Depth { folded, full }, copied } = look(text);
    if folded > DEEPEST {
        Err(Opaque::TooDeep)
    } else if copied > MOST_COPIES {
        Err(Opaque::TooLong)
    } else {
        Ok(Checked { text, depth: folded, full_depth: full })
    }
}

/// How deep a tree of the text can be: with `AND` and `OR` chains folded into one level, as PostgreSQL's grammar does, and without.
#[derive(Debug, Clone, Copy, Default)]
struct Depth {
    folded: usize,
    full: usize,
}

impl Depth {
    fn or(self, other: Self) -> Self {
        Self { folded: self.folded.max(other.folded), full: self.full.max(other.full) }
    }
}

/// What opens a level, and a query in it, are as deep as so many operators.
const OPENED: usize = 2;
const QUERY: usize = 2;

/// So many set operations are as deep as an operator.
const UNITED: usize = 16;

/// What stands between two brackets. A chain of operators may hold what comes before it or what comes behind it, so it is as deep as the
/// chain is long and the deepest of its parts.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// Closed by END instead of a bracket.
    case: bool,
    /// Operators since the last comma or conjunction, and the deepest that was closed since then.
    operators: usize,
    part: Depth,
    /// Likewise since the last comma only.
    conjoined: usize,
    /// Joins and the like, whose chains go on through commas and conjunctions; and set operations.
    joined: usize,
    united: usize,
    /// BETWEENs whose AND is still to come.
    ranges: usize,
    commas: usize,
    /// What a query adds, if there is one.
    query: usize,
    /// The deepest that was closed, and the deepest there was.
    parts: Depth,
    deepest: Depth,
}

/// What the one pass over a text finds.
#[derive(Debug, Default)]
struct Found {
    depth: Depth,
    /// What one source for several columns may come to.
    copied: usize,
}

fn look(text: &str) -> Found {
    let mut scanner = Scanner::new(text);
    let mut open: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut found = Found::default();
    let mut behind_dot = false;
    // The commas of what was closed right before.
    let mut listed = 0;
    let mut read = 0;
    loop {
        let (token, place) = match scanner.step() {
            Ok(Some(found)) => found,
            Ok(None) => break,
            // Not every text that PostgreSQL reads is read here. A level takes at least one character.
            Err(_) => {
                level.joined += text.len().saturating_sub(read);
                level.note();
                break;
            }
        };
        read = place.end;
        let after_dot = std::mem::take(&mut behind_dot);
        let columns = std::mem::take(&mut listed);
        match token {
            Token::Mark(b'(' | b'[') => {
                open.push(level);
                level = Level::default();
            }
            Token::Mark(b')' | b']') => {
                while level.case && !open.is_empty() {
                    level.close(open.pop());
                }
                listed = level.commas;
                level.close(open.pop());
            }
            Token::Mark(b',') => {
                (level.operators, level.conjoined, level.part) = (0, 0, Depth::default());
                level.commas += 1;
            }
            Token::Mark(b';') => {
                while let Some(around) = open.pop() {
                    level.close(Some(around));
                }
                found.depth = found.depth.or(level.deepest);
                level = Level::default();
            }
            Token::Mark(b'.') => behind_dot = true,
            Token::Operator | Token::Cast => {
                let rest = text.len().saturating_sub(place.end);
                found.copied = found.copied.saturating_add(columns.saturating_mul(rest));
                level.operators += 1;
            }
            // They are no part of what is read.
            Token::Block | Token::Line => (behind_dot, listed) = (after_dot, columns),
            Token::Word if !after_dot => match word(scanner.text(place)) {
                Word::Case => {
                    open.push(level);
                    level = Level { case: true, ..Level::default() };
                }
                Word::End if level.case => level.close(open.pop()),
                Word::Joining => level.joined += 1,
                Word::Between => {
                    level.ranges += 1;
                    level.join();
                }
                Word::Uniting => level.united += 1,
                Word::Query => level.query = QUERY,
                // The AND of a BETWEEN ends no chain.
                Word::Conjunction if level.ranges > 0 => {
                    level.ranges -= 1;
                    level.join();
                }
                Word::Conjunction => {
                    level.conjoined += level.operators + 1;
                    (level.operators, level.part) = (0, Depth::default());
                }
                Word::Operator => level.operators += 1,
                Word::End | Word::Other => {}
            },
            Token::Mark(_) | Token::Word | Token::Quoted | Token::Text | Token::Number | Token::Parameter | Token::Dots => {}
        }
        level.note();
    }
    while let Some(around) = open.pop() {
        level.close(Some(around));
    }
    found.depth = found.depth.or(level.deepest);
    found
}

impl Level {
    /// The chain of operators up to here goes on through whatever comes.
    fn join(&mut self) {
        self.joined += self.operators + 1;
        self.operators = 0;
    }

    fn note(&mut self) {
        let through = self.joined + self.united > 0;
        let part = if through { self.parts } else { self.part };
        let own = self.query + self.joined + self.operators + OPENED;
        let here = Depth { folded: own + self.united / UNITED + part.folded, full: own + self.united + self.conjoined + self.parts.full };
        self.deepest = self.deepest.or(here);
    }

    /// Goes back to the level around this one; without one, it goes on.
    fn close(&mut self, around: Option<Self>) {
        if let Some(mut around) = around {
            around.part = around.part.or(self.deepest);
            around.parts = around.parts.or(self.deepest);
            around.note();
            *self = around;
        }
    }
}

enum Word {
    Case,
    End,
    Conjunction,
    Joining,
    Between,
    Uniting,
    Query,
    Operator,
    Other,
}

/// Longest of the words that nest.
const LONGEST_WORD: usize = 10;

fn word(text: &str) -> Word {
    let mut lower = [0; LONGEST_WORD];
    let Some(lower) = lower.get_mut(..text.len()) else { return Word::Other };
    for (to, from) in lower.iter_mut().zip(text.bytes()) {
        *to = from.to_ascii_lowercase();
    }
    match &*lower {
        b"case" => Word::Case,
        b"end" => Word::End,
        b"and" | b"or" | b"when" | b"then" | b"else" => Word::Conjunction,
        b"join" => Word::Joining,
        b"between" => Word::Between,
        b"union" | b"intersect" | b"except" => Word::Uniting,
        b"select" | b"values" | b"with" => Word::Query,
        b"not" | b"is" | b"isnull" | b"notnull" | b"in" | b"like" | b"ilike" | b"similar" | b"collate" | b"at" | b"operator"
        | b"overlaps" | b"escape" | b"distinct" | b"setof" | b"any" | b"some" | b"all" | b"array" | b"row" => Word::Operator,
        _ => Word::Other,
    }
}
