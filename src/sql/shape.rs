//! The shape of a statement: its text with the literals and comments taken out. What people search and group by, and what may
//! be kept where nothing that an agent typed as a value may be. It depends on the tokens alone, not on the space between them.
//!
//! Words are in lower case, keywords too: that is what the server makes of both, and it needs no list of keywords, of which each
//! version has another. Every literal is `?`. In a list, what reads like the item before it is `…`, so that an `IN` or a `VALUES` of
//! any length has one shape.

use std::fmt::Write as _;

use memchr::memchr;

use super::scan::{Scanner, Token, Unreadable};

/// A shape is cut behind so many bytes.
pub const LONGEST: usize = 64 * 1024;

/// The server cuts names to this many bytes.
const LONGEST_NAME: usize = 63;

/// Lists nested deeper are written out: it makes more shapes of one statement, and lets nothing out.
const DEEPEST: usize = 16;

/// Names of more words are taken for text.
const MOST_WORDS: usize = 4;

/// Digits of a parameter's number; no statement has more parameters than 65535.
const PARAMETER_DIGITS: usize = 5;

/// Appends the shape of `sql`. What cannot be read with certainty gives no text at all, only its length.
pub fn write(sql: &[u8], out: &mut String) {
    let from = out.len();
    let text = std::str::from_utf8(sql).ok().filter(|_| memchr(0, sql).is_none());
    if text.is_none_or(|text| Shaper::new(out, Scanner::new(text)).run().is_err()) {
        out.truncate(from);
        // Writing to a string does not fail.
        write!(out, "(unread, {} bytes)", sql.len()).ok();
    }
}

/// What was written last, or comes next: it decides on the space between the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Word,
    Name,
    Value,
    Operator,
    /// A sign before what it belongs to.
    Sign,
    /// What stands close on both sides.
    Close,
    Open,
    Bracket,
    Shut,
    Comma,
    Semicolon,
}

/// What an item of a list consists of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Empty,
    /// A literal, a parameter, or a word that stands for a value.
    Plain,
    /// Plain items in parentheses or brackets.
    Row,
    /// Anything in parentheses or brackets.
    Group,
    Other,
}

/// The list being written at one level of nesting. Places are places in the output.
#[derive(Clone, Copy)]
struct List {
    /// The item being written: what it is, where it begins, where the comma before it is, whether it has a value in it.
    item: Item,
    start: usize,
    comma: usize,
    valued: bool,
    parameter: bool,
    /// The items before it that read alike: what they are, where the first begins and ends.
    run: Item,
    head: usize,
    tail: usize,
    run_valued: bool,
    run_parameter: bool,
    shortened: bool,
    /// All items up to here.
    all_plain: bool,
    any_valued: bool,
    /// Stands where the parenthesis alone is an item of the list around it.
    whole: bool,
    /// Stands where only values do.
    values: bool,
}

impl List {
    const NEW: Self = Self {
        item: Item::Empty,
        start: 0,
        comma: 0,
        valued: false,
        parameter: false,
        run: Item::Empty,
        head: 0,
        tail: 0,
        run_valued: false,
        run_parameter: false,
        shortened: false,
        all_plain: true,
        any_valued: false,
        whole: false,
        values: false,
    };

    fn next_item(&mut self) {
        (self.item, self.valued, self.parameter) = (Item::Empty, false, false);
    }

    fn end_run(&mut self) {
        (self.run, self.shortened) = (Item::Empty, false);
    }
}

/// Where a statement stands that gives a custom setting (`app.token`) its value. The server takes a bare word there for what another
/// statement has in quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Setting {
    Start,
    /// `ALTER ROLE … SET` does it as well.
    Alter,
    Set,
    Name {
        custom: bool,
    },
    Value,
    Not,
}

impl Setting {
    fn behind(self, token: Token, text: &str) -> Self {
        let is = |word: &str| token == Token::Word && text.eq_ignore_ascii_case(word);
        let named = matches!(token, Token::Word | Token::Quoted);
        match (self, token) {
            (_, Token::Block | Token::Line) => self,
            (_, Token::Mark(b';')) => Self::Start,
            (Self::Start | Self::Alter, _) if is("set") => Self::Set,
            (Self::Start, _) if is("alter") => Self::Alter,
            (Self::Alter, _) => Self::Alter,
            (Self::Set, _) if is("local") || is("session") => Self::Set,
            (Self::Set, _) if named => Self::Name { custom: false },
            (Self::Name { .. }, Token::Mark(b'.')) => Self::Name { custom: true },
            (Self::Name { custom: true }, _) if is("to") || token == Token::Operator && text == "=" => Self::Value,
            (Self::Name { custom: true }, _) if named => Self::Name { custom: true },
            (Self::Value, _) => Self::Value,
            (Self::Start | Self::Set | Self::Name { .. } | Self::Not, _) => Self::Not,
        }
    }
}

struct Shaper<'a> {
    scanner: Scanner<'a>,
    setting: Setting,
    out: &'a mut String,
    from: usize,
    full: bool,
    last: Last,
    /// Where the last word begins in the output.
    word: usize,
    /// A sign that is dropped if a number follows.
    sign: Option<&'static str>,
    /// A semicolon that is dropped if nothing follows.
    semicolon: bool,
    list: List,
    around: [List; DEEPEST],
    depth: usize,
}

impl<'a> Shaper<'a> {
    fn new(out: &'a mut String, scanner: Scanner<'a>) -> Self {
        let from = out.len();
        let around = [List::NEW; DEEPEST];
        Self {
            scanner,
            setting: Setting::Start,
            out,
            from,
            full: false,
            last: Last::Nothing,
            word: from,
            sign: None,
            semicolon: false,
            list: List::NEW,
            around,
            depth: 0,
        }
    }

    fn run(mut self) -> Result<(), Unreadable> {
        while let Some((token, place)) = self.scanner.step()? {
            let hidden = self.setting == Setting::Value;
            self.setting = self.setting.behind(token, self.scanner.text(place.clone()));
            match token {
                Token::Word | Token::Quoted if hidden => self.value("?", false),
                Token::Word => self.word(self.scanner.text(place)),
                Token::Quoted => {
                    let qualifies = self.scanner.next_is(b'.');
                    self.name(self.scanner.text(place), qualifies);
                }
                Token::Number => {
                    self.sign = None;
                    self.value("?", false);
                }
                Token::Text => self.value("?", false),
                Token::Parameter => self.parameter(self.scanner.text(place)),
                Token::Operator => {
                    let operator = self.scanner.text(place.clone());
                    // An address without quotes around it.
                    if operator == "@" && self.scanner.inside_word(place) {
                        return Err(Unreadable);
                    }
                    self.operator(operator);
                }
                Token::Cast => self.other(Last::Close, "::"),
                Token::Dots => self.other(Last::Close, ".."),
                Token::Mark(mark) => self.mark(mark),
                Token::Block | Token::Line => {}
            }
        }
        self.flush_sign();
        self.finish();
        Ok(())
    }

    fn put(&mut self, next: Last, text: &str) {
        if self.full {
            return;
        }
        if std::mem::take(&mut self.semicolon) && self.last != Last::Nothing {
            self.out.push(';');
            self.last = Last::Semicolon;
        }
        if self.spaced(next) {
            self.out.push(' ');
        }
        if self.list.item == Item::Empty {
            self.list.start = self.out.len();
        }
        self.out.push_str(text);
        self.last = next;
        if self.out.len() - self.from > LONGEST {
            self.out.truncate(self.out.floor_char_boundary(self.from + LONGEST));
            self.out.push('…');
            self.full = true;
        }
    }

    fn spaced(&self, next: Last) -> bool {
        match (self.last, next) {
            (Last::Nothing | Last::Open | Last::Bracket | Last::Close, _)
            | (_, Last::Shut | Last::Close | Last::Comma | Last::Semicolon) => false,
            (Last::Sign, _) => matches!(next, Last::Sign | Last::Operator),
            (Last::Name, Last::Open) | (Last::Word | Last::Name | Last::Value | Last::Shut, Last::Bracket) => false,
            (Last::Word, Last::Open) => self.expects_operand(),
            _ => true,
        }
    }

    /// Whether what comes next begins an expression. Only words that no column can have as its name, or hardly one.
    fn expects_operand(&self) -> bool {
        match self.last {
            Last::Nothing | Last::Operator | Last::Sign | Last::Open | Last::Bracket | Last::Comma | Last::Semicolon => true,
            Last::Name | Last::Value | Last::Close | Last::Shut => false,
            Last::Word => matches!(
                self.last_word(),
                "all"
                    | "and"
                    | "as"
                    | "between"
                    | "by"
                    | "case"
                    | "check"
                    | "default"
                    | "distinct"
                    | "else"
                    | "except"
                    | "exists"
                    | "filter"
                    | "from"
                    | "having"
                    | "ilike"
                    | "in"
                    | "intersect"
                    | "is"
                    | "join"
                    | "lateral"
                    | "like"
                    | "limit"
                    | "materialized"
                    | "not"
                    | "offset"
                    | "on"
                    | "or"
                    | "over"
                    | "returning"
                    | "select"
                    | "set"
                    | "some"
                    | "then"
                    | "to"
                    | "union"
                    | "using"
                    | "values"
                    | "when"
                    | "where"
                    | "with"
            ),
        }
    }

    fn last_word(&self) -> &str {
        self.out.get(self.word..).unwrap_or_default()
    }

    fn word(&mut self, word: &str) {
        self.flush_sign();
        let ends_item = match self.list.item {
            Item::Row | Item::Group => true,
            Item::Plain => {
                ["from", "where", "order", "limit", "offset", "union", "returning"].iter().any(|end| word.eq_ignore_ascii_case(end))
            }
            Item::Empty | Item::Other => false,
        };
        if ends_item {
            self.finish();
            self.list.end_run();
            self.list.values = false;
        }
        let word = word.get(..word.floor_char_boundary(LONGEST_NAME)).unwrap_or(word);
        self.put(Last::Word, word);
        if self.full {
            return;
        }
        self.word = self.out.len() - word.len();
        if let Some(written) = self.out.get_mut(self.word..) {
            written.make_ascii_lowercase();
        }
        if matches!(self.last_word(), "select" | "with") {
            // A query, not a list of values.
            self.list.values = false;
        }
        let stands_for_value = self.list.item == Item::Empty && matches!(self.last_word(), "null" | "true" | "false" | "default");
        self.list.item = if stands_for_value { Item::Plain } else { Item::Other };
    }

    fn name(&mut self, name: &str, qualifies: bool) {
        self.flush_sign();
        let alone = !qualifies && self.last != Last::Close;
        let compared = match self.last {
            Last::Operator => true,
            Last::Word => matches!(self.last_word(), "like" | "ilike" | "password"),
            Last::Nothing
            | Last::Name
            | Last::Value
            | Last::Sign
            | Last::Close
            | Last::Open
            | Last::Bracket
            | Last::Shut
            | Last::Comma
            | Last::Semicolon => false,
        };
        let meant_as_value = alone && (self.list.values || compared);
        let shown = is_name(name) && (!meant_as_value || is_coined(name));
        self.put(Last::Name, if shown { name } else { "\"…\"" });
        self.list.item = Item::Other;
    }

    fn parameter(&mut self, text: &str) {
        let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
        let shown = if digits > PARAMETER_DIGITS { None } else { text.get(..=digits) };
        self.value(shown.unwrap_or("?"), shown.is_some());
    }

    fn value(&mut self, text: &str, parameter: bool) {
        self.flush_sign();
        self.begin_operand();
        let first = self.list.item == Item::Empty;
        self.put(Last::Value, text);
        self.list.item = if first { Item::Plain } else { Item::Other };
        (self.list.valued, self.list.parameter) = (true, parameter);
    }

    /// `VALUES (1), (2)`: the list begins behind the word.
    fn begin_operand(&mut self) {
        if self.last == Last::Word && self.expects_operand() {
            self.list.next_item();
            self.list.end_run();
        }
    }

    fn operator(&mut self, operator: &str) {
        self.flush_sign();
        let sign = match operator {
            "-" => Some("-"),
            "+" => Some("+"),
            _ => None,
        };
        if sign.is_some() && (self.semicolon || self.expects_operand()) {
            self.begin_operand();
            self.sign = sign;
        } else {
            self.other(Last::Operator, operator);
        }
    }

    fn flush_sign(&mut self) {
        if let Some(sign) = self.sign.take() {
            self.put(Last::Sign, sign);
            self.list.item = Item::Other;
        }
    }

    fn other(&mut self, next: Last, text: &str) {
        self.flush_sign();
        self.put(next, text);
        self.list.item = Item::Other;
    }

    fn mark(&mut self, mark: u8) {
        match mark {
            b'(' => self.open(Last::Open, "("),
            b'[' => self.open(Last::Bracket, "["),
            b')' => self.shut(")"),
            b']' => self.shut("]"),
            b',' => {
                self.flush_sign();
                self.finish();
                let comma = self.out.len();
                self.put(Last::Comma, ",");
                if self.depth <= DEEPEST {
                    self.list.comma = comma;
                    self.list.next_item();
                }
            }
            b';' => {
                self.flush_sign();
                self.finish();
                self.semicolon = true;
                if self.depth <= DEEPEST {
                    self.list.next_item();
                    self.list.end_run();
                    self.list.values = false;
                }
            }
            b'.' => self.other(Last::Close, "."),
            _ => self.other(Last::Close, ":"),
        }
    }

    fn open(&mut self, next: Last, text: &str) {
        self.flush_sign();
        self.begin_operand();
        let word = if self.last == Last::Word { self.last_word() } else { "" };
        let (inside, rows) = (word == "in", word == "values");
        self.list.values |= rows;
        let whole = self.list.item == Item::Empty;
        let values = inside || self.list.values && whole;
        self.put(next, text);
        self.list.item = Item::Other;
        if let Some(place) = self.around.get_mut(self.depth) {
            *place = std::mem::replace(&mut self.list, List { whole, values, ..List::NEW });
        }
        self.depth += 1;
    }

    fn shut(&mut self, text: &str) {
        self.flush_sign();
        self.finish();
        self.put(Last::Shut, text);
        let Some(depth) = self.depth.checked_sub(1) else {
            self.list.item = Item::Other;
            return;
        };
        self.depth = depth;
        let Some(list) = self.around.get(depth) else { return };
        let inner = std::mem::replace(&mut self.list, *list);
        self.list.valued |= inner.any_valued;
        self.list.item = match (inner.whole, inner.all_plain && inner.any_valued) {
            (true, true) => Item::Row,
            (true, false) => Item::Group,
            (false, _) => Item::Other,
        };
    }

    /// An item has ended: it goes if it reads like the one before.
    fn finish(&mut self) {
        if self.full || self.depth > DEEPEST {
            return;
        }
        let list = &mut self.list;
        let alike = match list.item {
            Item::Empty => return,
            Item::Plain => list.run == Item::Plain && (list.valued || list.run_valued),
            Item::Row => list.run == Item::Row,
            Item::Group | Item::Other => {
                list.run == list.item && list.valued && self.out.get(list.head..list.tail) == self.out.get(list.start..)
            }
        };
        list.all_plain &= matches!(list.item, Item::Plain | Item::Row);
        list.any_valued |= list.valued;
        if alike {
            if list.shortened {
                self.out.truncate(list.comma);
            } else {
                if list.item == Item::Plain && !list.run_parameter {
                    self.out.truncate(list.head);
                    self.out.push('?');
                } else {
                    self.out.truncate(list.tail);
                }
                self.out.push_str(", …");
            }
            (list.shortened, list.run_valued) = (true, true);
            self.last = Last::Value;
        } else if (list.item, list.run) != (Item::Plain, Item::Plain) {
            (list.run, list.head, list.tail) = (list.item, list.start, self.out.len());
            (list.run_valued, list.run_parameter, list.shortened) = (list.valued, list.parameter, false);
        }
    }
}

/// Whether a name in quotes looks like one that somebody gave to a table or column. A value in the wrong quotes is read as a
/// name; what looks like one is not shown.
fn is_name(quoted: &str) -> bool {
    let (prefix, rest) = quoted.split_at(quoted.find('"').unwrap_or_default());
    let name = rest.trim_matches('"');
    let ordinary = |character: char| {
        character.is_alphanumeric()
            || matches!(character, '_' | '$' | '-' | '.' | ':' | '#' | '/' | '(' | ')' | '%' | '&' | '?' | '+' | ' ')
    };
    prefix.is_empty()
        && rest.len() == name.len() + 2
        && name.len() <= LONGEST_NAME
        && name.chars().all(ordinary)
        && name.trim() == name
        && name.split(' ').count() <= MOST_WORDS
        && digits_are_of_a_name(name)
}

/// Four digits are a year, six a month and eight a day where they are joined to a word, as in names of partitions. Digits go on
/// across what people put between those of one number.
fn digits_are_of_a_name(name: &str) -> bool {
    let mut before = ' ';
    let (mut run, mut joined, mut all) = (0_usize, false, 0_usize);
    for character in name.chars().chain([' ']) {
        if character.is_numeric() {
            if run == 0 {
                joined = matches!(before, '_' | '-') || before.is_alphabetic();
            }
            (run, all) = (run + 1, all + 1);
        } else if run == 0 || !matches!(character, '-' | '.' | '/' | '+' | ':') {
            if !(run <= 4 || joined && matches!(run, 6 | 8)) {
                return false;
            }
            run = 0;
        }
        before = character;
    }
    all <= 4 || all <= 8 && name.contains(char::is_alphabetic)
}

/// Whether a name is of the kind that programs need: `order_id`, `createdAt`, `$user`.
fn is_coined(quoted: &str) -> bool {
    let mut before = ' ';
    let mut coined = false;
    for character in quoted.chars() {
        if character == ' ' {
            return false;
        }
        coined |= matches!(character, '_' | '$') || before.is_lowercase() && character.is_uppercase();
        before = character;
    }
    coined
}

#[cfg(test)]
mod tests;
