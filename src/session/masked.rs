//! A statement as the record keeps it where it keeps more than its shape: its text and its parameters with what is sensitive in them masked. It
//! goes by the detectors that rows pass, by what names say and by what is known of columns of these names; a policy's leave to see values
//! unmasked is none for the record.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use crate::mask::detect::{Context, Finding, Sure};
use crate::mask::names::Cache;
use crate::mask::{Holding, Kind, KindSet, Masking, Workspace};
use crate::sql::scan::{Scanner, Token};
use crate::wire::frontend::Bind;

/// Bytes of a text that are kept: what is longer was made by a program, and its shape tells what it does.
const LONGEST_TEXT: usize = 16 * 1024;
/// Bytes that are looked at: a name for a value may stand far before it.
const READ: usize = 1 << 20;
/// Parameters that are kept, and bytes of each.
const MOST_PARAMETERS: usize = 100;
const LONGEST_PARAMETER: usize = 256;
/// Columns of an INSERT whose names are remembered.
const COLUMNS: usize = 256;

/// A text without what is sensitive in it, and the columns that its parameters are for.
#[derive(Clone)]
pub struct Masked {
    pub text: Rc<str>,
    /// By the parameter's number, counted from nothing; empty where none is known.
    columns: Rc<[Box<str>]>,
}

/// A detector may have missed something.
impl fmt::Debug for Masked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Masked({} bytes)", self.text.len())
    }
}

/// What masks texts. One for each thread.
#[derive(Debug, Default)]
pub struct Scribe {
    workspace: Workspace,
    names: Cache,
    /// Columns that hold nothing else, by their names, and of which knowledge that is.
    known: (u64, HashMap<Box<str>, Kind>),
}

impl Scribe {
    /// `None` where it is not read, and where the shape says it all: there is no value in it.
    pub fn text(&mut self, sql: &[u8], masking: &Masking) -> Option<Masked> {
        let text = std::str::from_utf8(sql).ok().filter(|text| text.len() <= READ)?;
        let mut found = Vec::new();
        let mut columns = Vec::new();
        let mut scanner = Scanner::new(text);
        let mut place = Standing::default();
        let mut says_more = false;
        while let Some((token, range)) = scanner.step().ok()? {
            let word = scanner.text(range.clone());
            match token {
                Token::Word | Token::Quoted => {
                    says_more |= token == Token::Quoted;
                    place.word(word, scanner.next_is(b'('));
                }
                Token::Text | Token::Number => {
                    says_more = true;
                    self.literal(word, range.start, place.column(), masking, &mut found);
                }
                Token::Parameter => {
                    says_more = true;
                    if let Some(at) = word.get(1..).and_then(|digits| digits.parse::<usize>().ok()).and_then(|at| at.checked_sub(1))
                        && at < MOST_PARAMETERS
                    {
                        if columns.len() <= at {
                            columns.resize(at + 1, Box::default());
                        }
                        if let Some(column) = columns.get_mut(at) {
                            *column = place.column().into();
                        }
                    }
                }
                Token::Mark(mark) => place.mark(mark),
                Token::Cast => place.cast = true,
                Token::Block | Token::Line => says_more = true,
                Token::Operator | Token::Dots => {}
            }
        }
        if !says_more {
            return None;
        }
        // What stands beside a value may call it a secret, and a value may stand where none is expected.
        let Workspace { findings, detect, .. } = &mut self.workspace;
        findings.clear();
        masking.detectors.find(sql, &Context::NONE, detect, findings);
        found.append(findings);
        Some(Masked { text: replaced(text, &mut found, masking).into(), columns: columns.into() })
    }

    /// The values of a Bind; one that nobody can read is told by its length.
    pub fn parameters(&mut self, text: &Masked, bind: &Bind<'_>, masking: &Masking) -> Vec<String> {
        let mut shown = Vec::new();
        for (at, value) in bind.parameters.iter().enumerate().take(MOST_PARAMETERS) {
            let column = text.columns.get(at).map_or("", |column| column);
            let told = value.map(|value| {
                let readable = std::str::from_utf8(value)
                    .ok()
                    .filter(|text| !text.contains(|letter: char| letter.is_control() && letter != '\n' && letter != '\t'));
                let Some(readable) = readable.filter(|text| text.len() <= READ) else { return format!("({} bytes)", value.len()) };
                let mut found = Vec::new();
                self.value(readable, 0, column, masking, &mut found);
                let mut masked = replaced(readable, &mut found, masking);
                cut(&mut masked, LONGEST_PARAMETER);
                format!("'{masked}'")
            });
            shown.push(told.unwrap_or_else(|| "NULL".to_owned()));
        }
        shown
    }

    /// A literal as it is written, at `at` of the text.
    fn literal(&mut self, written: &str, at: usize, column: &str, masking: &Masking, found: &mut Vec<Finding>) {
        let inside = content(written);
        let value = written.get(inside.clone()).unwrap_or_default();
        if is_escaped(written) {
            // What it says is not what is written.
            found.push(Finding { kind: Kind::DERIVED, start: at + inside.start, end: at + inside.end, sure: Sure::Certain });
        } else {
            self.value(value, at + inside.start, column, masking, found);
        }
    }

    fn value(&mut self, value: &str, at: usize, column: &str, masking: &Masking, found: &mut Vec<Finding>) {
        if value.is_empty() {
            return;
        }
        let spoken = self.names.of(column.as_bytes());
        let known = self.known(masking).get(column).copied();
        let told = known.or_else(|| spoken.strong.iter().next().filter(|_| !spoken.about));
        if let Some(kind) = told {
            found.push(Finding { kind, start: at, end: at + value.len(), sure: Sure::Likely });
            return;
        }
        let Workspace { findings, detect, .. } = &mut self.workspace;
        findings.clear();
        let context = Context { expected: spoken.both(), wanted: KindSet::ALL, name: column.as_bytes() };
        masking.detectors.find(value.as_bytes(), &context, detect, findings);
        found.extend(findings.iter().map(|one| Finding { start: at + one.start, end: at + one.end, ..*one }));
    }

    fn known(&mut self, masking: &Masking) -> &HashMap<Box<str>, Kind> {
        let (generation, known) = &mut self.known;
        if *generation != masking.verdicts.generation {
            *generation = masking.verdicts.generation;
            known.clear();
            for column in masking.verdicts.relations.values().flat_map(|relation| &relation.columns) {
                if let Holding::Whole(kind) = column.verdict.holding {
                    known.insert(column.name.clone(), kind);
                }
            }
        }
        known
    }
}

/// Between the quotes of a literal; a number is all there is.
fn content(written: &str) -> Range<usize> {
    let opens = written.find('\'').filter(|at| *at <= 2);
    match opens {
        Some(opens) => opens + 1..written.rfind('\'').filter(|closes| *closes > opens).unwrap_or(written.len()),
        None if written.starts_with('$') => {
            let tag = written.get(1..).and_then(|rest| rest.find('$')).map_or(0, |tag| tag + 2);
            tag..written.len().saturating_sub(tag).max(tag)
        }
        None => 0..written.len(),
    }
}

/// Whether letters of a literal stand for others.
fn is_escaped(written: &str) -> bool {
    let prefix = written.as_bytes().first().map(u8::to_ascii_lowercase);
    match prefix {
        Some(b'e') => written.as_bytes().windows(2).any(|two| matches!(two, [b'\\', b'x' | b'u' | b'U' | b'0'..=b'7'])),
        Some(b'u') => written.contains('\\'),
        Some(b'x' | b'b') => written.len() > 12,
        Some(_) | None => false,
    }
}

/// The text with what was found replaced, and not longer than the record keeps it.
fn replaced(text: &str, found: &mut [Finding], masking: &Masking) -> String {
    found.sort_unstable_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
    let mut out = String::with_capacity(text.len().min(LONGEST_TEXT));
    let mut copied = 0;
    for one in found.iter().filter(|one| one.start < one.end) {
        if one.start >= copied {
            out.push_str(text.get(copied..one.start).unwrap_or_default());
            out.push('[');
            out.push_str(masking.profile.name_of(one.kind));
            out.push(']');
        }
        copied = copied.max(one.end);
        if out.len() > LONGEST_TEXT {
            break;
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    cut(&mut out, LONGEST_TEXT);
    out
}

fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
    }
}

/// Where a literal stands: which column it is compared with, or put into.
#[derive(Default)]
struct Standing {
    column: String,
    insert: Insert,
    columns: Vec<Box<str>>,
    depth: usize,
    /// The item of a row of VALUES.
    item: usize,
    cast: bool,
    between: bool,
}

/// How far an INSERT was read.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Insert {
    #[default]
    None,
    Begun,
    Columns,
    Named,
    Values,
}

/// Words behind which what was named before is not what is compared any more.
const ENDS: &[&str] = &[
    "select",
    "where",
    "from",
    "and",
    "or",
    "on",
    "having",
    "limit",
    "offset",
    "returning",
    "set",
    "when",
    "then",
    "else",
    "case",
    "end",
    "union",
    "update",
    "delete",
    "join",
    "using",
    "by",
    "order",
    "group",
    "with",
];

/// Words that stand between a column and its value.
const BETWEEN: &[&str] = &[
    "like",
    "ilike",
    "similar",
    "to",
    "in",
    "any",
    "all",
    "some",
    "not",
    "is",
    "distinct",
    "array",
    "row",
    "escape",
    "as",
    "interval",
    "date",
    "timestamp",
    "timestamptz",
    "time",
    "null",
    "true",
    "false",
    "default",
    "symmetric",
    "collate",
    "text",
    "varchar",
];

impl Standing {
    fn word(&mut self, written: &str, calls: bool) {
        if std::mem::take(&mut self.cast) {
            return;
        }
        let word = written.trim_matches('"').to_lowercase();
        let quoted = written.starts_with('"');
        if !quoted {
            match (word.as_str(), self.insert) {
                ("insert", _) => {
                    self.insert = Insert::Begun;
                    self.columns.clear();
                    return;
                }
                ("values", Insert::Begun | Insert::Named) => {
                    (self.insert, self.depth) = (Insert::Values, 0);
                    return;
                }
                ("select" | "on" | "returning", Insert::Begun | Insert::Named | Insert::Values) => self.insert = Insert::None,
                ("between", _) => {
                    self.between = true;
                    return;
                }
                ("and", _) if std::mem::take(&mut self.between) => return,
                _ => {}
            }
            if ENDS.contains(&word.as_str()) {
                self.column.clear();
                return;
            }
            if BETWEEN.contains(&word.as_str()) {
                return;
            }
        }
        if self.insert == Insert::Columns {
            if self.columns.len() < COLUMNS {
                self.columns.push(word.into());
            }
        } else if self.insert != Insert::Begun && (!calls || quoted) {
            self.column = word;
        }
    }

    fn mark(&mut self, mark: u8) {
        match (mark, self.insert) {
            (b'(', Insert::Begun) => self.insert = Insert::Columns,
            (b')', Insert::Columns) => self.insert = Insert::Named,
            (b'(', Insert::Values) => {
                self.depth += 1;
                if self.depth == 1 {
                    self.item = 0;
                }
            }
            (b')', Insert::Values) => self.depth = self.depth.saturating_sub(1),
            (b',', Insert::Values) if self.depth == 1 => self.item += 1,
            (b';', _) => *self = Self::default(),
            _ => {}
        }
    }

    fn column(&self) -> &str {
        match self.insert {
            Insert::Values => self.columns.get(self.item).map_or("", |column| column),
            Insert::None | Insert::Begun | Insert::Columns | Insert::Named => &self.column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(sql: &str) -> Option<String> {
        Scribe::default().text(sql.as_bytes(), &Masking::built_in()).map(|masked| masked.text.to_string())
    }

    #[test]
    fn what_is_sensitive_in_a_text_is_masked_and_nothing_else() {
        for (sql, expected) in [
            ("select * from t where email = 'bob@example.com' and id = 7", "select * from t where email = '[EMAIL]' and id = 7"),
            ("select * from t where note = 'call bob@example.com'", "select * from t where note = 'call [EMAIL]'"),
            ("select * from t where status = 'open' limit 5", "select * from t where status = 'open' limit 5"),
            ("update t set password = 'x y' where id = 3", "update t set password = '[PASSWORD]' where id = 3"),
            (
                "insert into users (id, last_name) values (1, 'Nakamura'), (2, 'Diaz')",
                "insert into users (id, last_name) values (1, '[PERSON]'), (2, '[PERSON]')",
            ),
            ("alter role bob with password 'hunter2'", "alter role bob with password '[PASSWORD]'"),
            ("select 1 /* for bob@example.com */", "select 1 /* for [EMAIL] */"),
            ("select * from t where card = 4111111111111111", "select * from t where card = [CREDIT_CARD]"),
            ("select E'\\x62\\x6f\\x62'", "select E'[DERIVED]'"),
        ] {
            assert_eq!(masked(sql).as_deref(), Some(expected));
        }
        assert_eq!(masked("select a from t"), None);
        assert_eq!(masked("select 'not closed"), None);
    }

    #[test]
    fn a_long_text_is_cut_behind_what_was_masked() {
        let sql = format!("select '{}', 'bob@example.com'", "word ".repeat(LONGEST_TEXT));
        let text = masked(&sql).unwrap();
        assert!(text.len() <= LONGEST_TEXT + '…'.len_utf8() && text.ends_with('…'));
    }
}
