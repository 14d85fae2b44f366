//! A statement as the record keeps it where it keeps more than its shape, and as people are shown it who judge it: its text and its parameters
//! with what is sensitive in them masked. It goes by the detectors that rows pass, by what names say and by what is known of columns of these
//! names; a policy's leave to see values unmasked is none here.

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
/// Parameters that a message has place for.
const ALL_PARAMETERS: usize = 65_536;

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

/// A text as it is shown to who judges it: whole, with nothing masked that could be code.
#[derive(Clone)]
pub struct Seen {
    pub text: String,
    /// Places that are masked.
    pub masked: usize,
    /// Where they are in what was sent.
    hidden: Vec<Range<usize>>,
    columns: Vec<Box<str>>,
}

impl Seen {
    /// Whether something that stands there is masked.
    pub fn hides(&self, place: &Range<usize>) -> bool {
        self.hidden.iter().any(|hidden| hidden.start < place.end && place.start < hidden.end)
    }
}

/// A detector may have missed something.
impl fmt::Debug for Seen {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Seen({} bytes)", self.text.len())
    }
}

/// For whom a text is read: the record, which has the shape and the digest beside it, or people, from whom a mask must hide no code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Record,
    People,
    /// Code in a literal, for people.
    Body,
}

/// What was found in a text.
#[derive(Default)]
struct Reading {
    found: Vec<Finding>,
    columns: Vec<Box<str>>,
    /// Its shape does not tell it all.
    says_more: bool,
    /// What literals and comments hold, in order.
    values: Vec<Range<usize>>,
    /// Where nobody knows what is a literal, in order.
    doubtful: Vec<Range<usize>>,
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
        let mut reading = self.read(text, masking, Reader::Record);
        if !reading.doubtful.is_empty() || !reading.says_more {
            return None;
        }
        self.search(text, masking, &mut reading.found);
        let (text, _) = replaced(text, &mut reading.found, masking, LONGEST_TEXT);
        Some(Masked { text: text.into(), columns: reading.columns.into() })
    }

    /// A text for people who decide about it. Nothing but what literals and comments hold is masked: whoever writes what looks like the two
    /// ends of a key must not have all that stands between them out of sight. Where nobody knows what is a literal, what is found is masked if it
    /// cannot be code.
    pub fn seen(&mut self, text: &str, masking: &Masking) -> Seen {
        let mut reading = self.read(text, masking, Reader::People);
        let mut anywhere = Vec::new();
        self.search(text, masking, &mut anywhere);
        reading.found.append(&mut within(&anywhere, &reading.values));
        let mut doubtful = within(&anywhere, &reading.doubtful);
        doubtful.retain(|one| text.get(one.start..one.end).is_some_and(is_no_code));
        reading.found.append(&mut doubtful);
        let (text, masked) = replaced(text, &mut reading.found, masking, usize::MAX);
        let hidden = reading.found.iter().map(|one| one.start..one.end).collect();
        Seen { text, masked, hidden, columns: reading.columns }
    }

    /// A parameter of it, whole, by its number counted from nothing; and how many places of it are masked.
    pub fn seen_parameter(&mut self, of: &Seen, at: usize, value: &str, masking: &Masking) -> (String, usize) {
        let mut found = Vec::new();
        self.value(value, 0, of.columns.get(at).map_or("", |column| column), masking, &mut found);
        replaced(value, &mut found, masking, usize::MAX)
    }

    /// What stands beside a value may call it a secret, and a value may stand where none is expected.
    fn search(&mut self, text: &str, masking: &Masking, found: &mut Vec<Finding>) {
        let Workspace { findings, detect, .. } = &mut self.workspace;
        findings.clear();
        masking.detectors.find(text.as_bytes(), &Context::NONE, detect, findings);
        found.append(findings);
    }

    fn read(&mut self, text: &str, masking: &Masking, reader: Reader) -> Reading {
        let mut reading = Reading::default();
        let most = if reader == Reader::People { ALL_PARAMETERS } else { MOST_PARAMETERS };
        let mut scanner = Scanner::new(text);
        let mut place = Standing::default();
        let mut body = Body::default();
        loop {
            let (token, range) = match scanner.step() {
                Ok(Some(step)) => step,
                Ok(None) => break,
                Err(_) if reader != Reader::Record && scanner.pass_misleading() => continue,
                Err(_) => {
                    reading.doubtful.push(scanner.place()..text.len());
                    break;
                }
            };
            let word = scanner.text(range.clone());
            match token {
                Token::Word | Token::Quoted => {
                    reading.says_more |= token == Token::Quoted;
                    place.word(word, scanner.next_is(b'('));
                    body.word(word);
                }
                Token::Text if reader == Reader::People && body.is_next() => {
                    reading.says_more = true;
                    self.body(word, range.start, masking, &mut reading);
                }
                Token::Text | Token::Number => {
                    reading.says_more = true;
                    self.literal(word, range.start, place.column(), masking, &mut reading.found);
                    let inside = content(word);
                    reading.values.push(range.start + inside.start..range.start + inside.end);
                }
                Token::Parameter => {
                    reading.says_more = true;
                    if let Some(at) = word.get(1..).and_then(|digits| digits.parse::<usize>().ok()).and_then(|at| at.checked_sub(1))
                        && at < most
                    {
                        if reading.columns.len() <= at {
                            reading.columns.resize(at + 1, Box::default());
                        }
                        if let Some(column) = reading.columns.get_mut(at) {
                            *column = place.column().into();
                        }
                    }
                }
                Token::Mark(mark) => {
                    place.mark(mark);
                    body.mark(mark);
                }
                Token::Cast => place.cast = true,
                Token::Block | Token::Line => {
                    reading.says_more = true;
                    let ends = if token == Token::Block { 2 } else { 0 };
                    reading.values.push(range.start + 2..range.end.saturating_sub(ends).max(range.start + 2));
                }
                Token::Operator | Token::Dots => {}
            }
        }
        reading
    }

    /// A literal that is code is read as such.
    fn body(&mut self, written: &str, at: usize, masking: &Masking, reading: &mut Reading) {
        let inside = content(written);
        let start = at + inside.start;
        if is_escaped(written) {
            reading.doubtful.push(start..at + inside.end);
            return;
        }
        let inner = self.read(written.get(inside).unwrap_or_default(), masking, Reader::Body);
        let moved = |place: &Range<usize>| start + place.start..start + place.end;
        reading.found.extend(inner.found.iter().map(|one| Finding { start: start + one.start, end: start + one.end, ..*one }));
        reading.values.extend(inner.values.iter().map(moved));
        reading.doubtful.extend(inner.doubtful.iter().map(moved));
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
                let (masked, _) = replaced(readable, &mut found, masking, LONGEST_PARAMETER);
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

/// Whether it is one word, as an address or a token is, or a number in groups: nothing can be done by that.
fn is_no_code(text: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '_' | '-' | '+' | '@' | '=' | ':' | '%' | '/');
    text.chars().all(word) || text.chars().all(|letter| letter.is_ascii_digit() || matches!(letter, ' ' | '-' | '.' | '+'))
}

/// What of these findings lies in these places; both are in order.
fn within(found: &[Finding], places: &[Range<usize>]) -> Vec<Finding> {
    let mut inside = Vec::with_capacity(found.len());
    for one in found {
        let first = places.partition_point(|place| place.end <= one.start);
        let met = places.iter().skip(first).take_while(|place| place.start < one.end);
        inside.extend(met.map(|place| Finding { start: one.start.max(place.start), end: one.end.min(place.end), ..*one }));
    }
    inside
}

/// The text with what was found replaced, not longer than this, and how many places were replaced.
fn replaced(text: &str, found: &mut [Finding], masking: &Masking, most: usize) -> (String, usize) {
    found.sort_unstable_by_key(|one| (one.start, std::cmp::Reverse(one.end)));
    let mut out = String::with_capacity(text.len().min(LONGEST_TEXT));
    let (mut copied, mut places) = (0, 0);
    for one in found.iter().filter(|one| one.start < one.end) {
        if one.start >= copied {
            out.push_str(text.get(copied..one.start).unwrap_or_default());
            out.push('[');
            out.push_str(masking.profile.name_of(one.kind));
            out.push(']');
            places += 1;
        }
        copied = copied.max(one.end);
        if out.len() > most {
            break;
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    cut(&mut out, most);
    (out, places)
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

/// Which literal of a statement is code: that of a DO, and what stands behind AS where a routine is made.
#[derive(Default)]
struct Body {
    begun: bool,
    does: bool,
    creates: bool,
    routine: bool,
    behind_as: bool,
}

impl Body {
    fn word(&mut self, written: &str) {
        let is = |word: &str| written.eq_ignore_ascii_case(word);
        if !std::mem::replace(&mut self.begun, true) {
            (self.does, self.creates) = (is("do"), is("create"));
        }
        self.routine |= is("function") || is("procedure");
        self.behind_as = is("as");
    }

    fn mark(&mut self, mark: u8) {
        if mark == b';' {
            *self = Self::default();
        } else {
            self.behind_as = false;
        }
    }

    fn is_next(&self) -> bool {
        self.does || self.creates && self.routine && self.behind_as
    }
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

    fn seen(sql: &str) -> (String, usize) {
        let seen = Scribe::default().seen(sql, &Masking::built_in());
        (seen.text, seen.masked)
    }

    #[test]
    fn people_see_a_text_whole_and_masked_in_its_literals_alone() {
        const KEY: &str = "-----BEGIN PRIVATE KEY-----";
        const END: &str = "-----END PRIVATE KEY-----";
        for (sql, expected, places) in [
            ("select a from t", "select a from t".to_owned(), 0),
            (
                "select * from t where email = 'bob@example.com' -- of bob@example.com",
                "select * from t where email = '[EMAIL]' -- of [EMAIL]".to_owned(),
                2,
            ),
            ("do $$ begin perform f('bob@example.com'); end $$", "do $$ begin perform f('[EMAIL]'); end $$".to_owned(), 1),
            (
                "create function f() returns password as $$ drop table t; $$ language sql",
                "create function f() returns password as $$ drop table t; $$ language sql".to_owned(),
                0,
            ),
            ("update t set a = 'x' where password = 'y z'", "update t set a = 'x' where password = '[PASSWORD]'".to_owned(), 1),
            ("select 1 as \u{202e}a where password = 'y z'", "select 1 as \u{202e}a where password = '[PASSWORD]'".to_owned(), 1),
            // Who knows where its literals are?
            ("select 'bob@example.com', 'not closed", "select '[EMAIL]', 'not closed".to_owned(), 1),
        ] {
            assert_eq!(seen(sql), (expected, places));
        }
        for sql in [
            format!("select '{KEY}'; drop table orders; select '{END}'"),
            format!("select 1 /* {KEY} */; drop table orders; -- {END}"),
            format!("do $$ begin /* {KEY} */ drop table orders; /* {END} */ end $$"),
            format!("select 1 as \u{202e}a /* {KEY} */; drop table orders; -- {END}"),
            format!("do $$ begin perform \u{202e}a(); /* {KEY} */ drop table orders; /* {END} */ end $$"),
            format!("do E'\\x20 /* {KEY} */ drop table orders; /* {END} */'"),
            format!("select '{KEY} \\'; drop table orders; -- {END}'"),
            format!("select \0 '{KEY}'; drop table orders; select '{END}'"),
        ] {
            assert!(seen(&sql).0.contains(" drop table orders; "), "{}", seen(&sql).0);
        }
        let long = format!("select '{}', 'bob@example.com'", "word ".repeat(LONGEST_TEXT));
        assert_eq!(seen(&long).0, long.replace("bob@example.com", "[EMAIL]"));
    }

    #[test]
    fn people_see_parameters_by_the_columns_they_are_for() {
        let (mut scribe, masking) = (Scribe::default(), Masking::built_in());
        let of = scribe.seen("update t set password = $1, note = $2 where id = $3", &masking);
        let mut told = |at, value| scribe.seen_parameter(&of, at, value, &masking);
        assert_eq!(told(0, "x y"), ("[PASSWORD]".to_owned(), 1));
        assert_eq!(told(1, "to bob@example.com"), ("to [EMAIL]".to_owned(), 1));
        assert_eq!(told(2, "7"), ("7".to_owned(), 0));
    }

    #[test]
    fn a_long_text_is_cut_behind_what_was_masked() {
        let sql = format!("select '{}', 'bob@example.com'", "word ".repeat(LONGEST_TEXT));
        let text = masked(&sql).unwrap();
        assert!(text.len() <= LONGEST_TEXT + '…'.len_utf8() && text.ends_with('…'));
    }
}
