//! Asks a table of a TOML text for its keys, and remembers what was asked: what nobody asked for is unknown. Every mistake is noted with its
//! place and what to write instead; asking goes on, so that one reading shows them all. It knows no key's meaning.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;
use super::text::{Lines, bytes, milliseconds, nearest};

/// More than anybody mends before trying again.
const MOST_PROBLEMS: usize = 50;
/// Names in one list.
const MOST_ITEMS: usize = 4096;
/// A value longer than this is not repeated in a message.
const MOST_SHOWN: usize = 60;

#[derive(Debug)]
pub struct Findings<'d> {
    lines: Lines<'d>,
    problems: Vec<(usize, String)>,
}

impl<'d> Findings<'d> {
    pub fn new(text: &'d str) -> Self {
        Self { lines: Lines::new(text), problems: Vec::new() }
    }

    pub fn fail(&mut self, at: usize, text: impl Into<String>) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push((at, text.into()));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub fn count(&self) -> usize {
        self.problems.len()
    }

    pub fn line(&self, at: usize) -> usize {
        self.place(at).0
    }

    /// Line and column.
    pub fn place(&self, at: usize) -> (usize, usize) {
        self.lines.line_column(at)
    }

    /// In the order of the text.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort();
        let place = |(at, text)| {
            let (line, column) = self.lines.line_column(at);
            Problem { line, column, text }
        };
        self.problems.into_iter().map(place).collect()
    }
}

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Word<'d> {
    pub text: &'d str,
    pub at: usize,
}

#[derive(Debug)]
pub struct Table<'d> {
    /// In messages; empty at the top.
    name: String,
    pub at: usize,
    entries: &'d DeTable<'d>,
    asked: Vec<&'static str>,
}

/// A value as messages show it.
pub fn shown(text: &str) -> String {
    if text.chars().count() <= MOST_SHOWN { format!("{text:?}") } else { "something this long".to_owned() }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn wrong(findings: &mut Findings<'_>, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
    findings.fail(value.span().start, format!("{key}: expected {wanted}, not {}", kind(value.get_ref())));
}

/// A list of texts with at least one in it.
fn list<'d>(findings: &mut Findings<'_>, key: &str, value: &'d Spanned<DeValue<'d>>) -> Option<Vec<Word<'d>>> {
    let at = value.span().start;
    let items = match value.get_ref() {
        DeValue::Array(items) => items,
        DeValue::String(text) => {
            findings.fail(at, format!("{key}: expected a list: write {key} = [{}]", shown(text)));
            return None;
        }
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
            wrong(findings, key, value, "a list of texts");
            return None;
        }
    };
    if items.is_empty() {
        findings.fail(at, format!("{key}: an empty list matches nothing: leave {key} out, or name something"));
    }
    if items.len() > MOST_ITEMS {
        findings.fail(at, format!("{key}: more than {MOST_ITEMS} items: use patterns such as sales_*"));
        return None;
    }
    let mut words = Vec::new();
    for item in items.iter() {
        if let DeValue::String(text) = item.get_ref() {
            words.push(Word { text, at: item.span().start });
        } else {
            wrong(findings, key, item, "a list of texts");
        }
    }
    Some(words)
}

impl<'d> Table<'d> {
    pub fn top(entries: &'d DeTable<'d>) -> Self {
        Self { name: String::new(), at: 0, entries, asked: Vec::new() }
    }

    pub fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    /// Where a key stands, or its table where it does not.
    pub fn place(&self, key: &str) -> usize {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map_or(self.at, |(name, _)| name.span().start)
    }

    pub fn text(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<Word<'d>> {
        let value = self.value(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(Word { text, at: value.span().start });
        }
        wrong(findings, key, value, "a text in quotes");
        None
    }

    /// A list of texts with at least one in it.
    pub fn texts(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<Vec<Word<'d>>> {
        let value = self.value(key)?;
        list(findings, key, value)
    }

    /// A table whose keys are names that people choose, each with a list of texts.
    pub fn lists(self, findings: &mut Findings<'_>) -> Vec<(Word<'d>, Vec<Word<'d>>)> {
        let entry = |(key, value): (&'d Spanned<std::borrow::Cow<'d, str>>, &'d Spanned<DeValue<'d>>)| {
            let word = Word { text: key.get_ref(), at: key.span().start };
            (word, list(findings, word.text, value).unwrap_or_default())
        };
        self.entries.iter().map(entry).collect()
    }

    /// A table whose keys are names that people choose, each with a text or a list of them, in the order of the text.
    pub fn lists_or_texts(self, findings: &mut Findings<'_>) -> Vec<(Word<'d>, Result<Word<'d>, Vec<Word<'d>>>)> {
        let mut found: Vec<_> = self
            .entries
            .iter()
            .filter_map(|(key, value)| {
                let name = Word { text: key.get_ref(), at: key.span().start };
                if let DeValue::String(text) = value.get_ref() {
                    return Some((name, Ok(Word { text, at: value.span().start })));
                }
                list(findings, name.text, value).map(|words| (name, Err(words)))
            })
            .collect();
        found.sort_by_key(|(name, _)| name.at);
        found
    }

    /// A table whose keys are names that people choose, each with a text, in the order of the text.
    pub fn texts_by_name(self, findings: &mut Findings<'_>) -> Vec<(Word<'d>, Word<'d>)> {
        let mut found = Vec::new();
        for (key, value) in self.entries.iter() {
            if let DeValue::String(text) = value.get_ref() {
                found.push((Word { text: key.get_ref(), at: key.span().start }, Word { text, at: value.span().start }));
            } else {
                wrong(findings, key.get_ref(), value, "a text in quotes");
            }
        }
        found.sort_by_key(|(name, _)| name.at);
        found
    }

    /// Each text of a list as something else.
    pub fn each<T, E: std::fmt::Display>(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Box<[T]>> {
        let mut found = Vec::new();
        for word in self.texts(findings, key)? {
            match parse(word.text) {
                Ok(item) => found.push(item),
                Err(why) => findings.fail(word.at, format!("{key}: {}: {why}", shown(word.text))),
            }
        }
        Some(found.into())
    }

    pub fn one_of<T: Copy>(&mut self, findings: &mut Findings<'_>, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let word = self.text(findings, key)?;
        let found = words.iter().find(|(known, _)| *known == word.text).map(|(_, value)| *value);
        if found.is_none() {
            let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            findings
                .fail(word.at, format!("{key}: expected one of {}, not {}{}", list.join(", "), shown(word.text), meant(word.text, &list)));
        }
        found
    }

    pub fn flag(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if let DeValue::Boolean(truth) = value.get_ref() {
            return Some(*truth);
        }
        wrong(findings, key, value, "true or false");
        None
    }

    pub fn number(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<u64> {
        let value = self.value(key)?;
        let number = whole(value.get_ref());
        if number.is_none() {
            findings.fail(value.span().start, format!("{key}: expected a whole number such as 10000"));
        }
        number
    }

    /// A number, or that there is none: `"unlimited"`.
    pub fn bound(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<Option<u64>> {
        let value = self.value(key)?;
        if is_unlimited(value.get_ref()) {
            return Some(None);
        }
        let number = whole(value.get_ref());
        if number.is_none() {
            findings.fail(value.span().start, format!("{key}: expected a whole number such as 10000, or \"unlimited\""));
        }
        number.map(Some)
    }

    /// A number of bytes, or that there is none.
    pub fn size(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<Option<u64>> {
        let value = self.value(key)?;
        if is_unlimited(value.get_ref()) {
            return Some(None);
        }
        let size = if let DeValue::String(text) = value.get_ref() { bytes(text) } else { whole(value.get_ref()) };
        if size.is_none() {
            findings.fail(value.span().start, format!("{key}: expected a size such as \"64MiB\" or plain bytes, or \"unlimited\""));
        }
        size.map(Some)
    }

    pub fn time(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<std::time::Duration> {
        let value = self.value(key)?;
        let time = if let DeValue::String(text) = value.get_ref() {
            milliseconds(text)
        } else {
            whole(value.get_ref()).and_then(|seconds| milliseconds(&seconds.to_string()))
        };
        let time = time.filter(|time| *time > 0);
        if time.is_none() {
            findings
                .fail(value.span().start, format!("{key}: expected a time longer than zero such as \"30s\", \"10min\" or plain seconds"));
        }
        time.map(std::time::Duration::from_millis)
    }

    pub fn table(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<Table<'d>> {
        let at = self.place(key);
        let value = self.value(key)?;
        if let DeValue::Table(entries) = value.get_ref() {
            return Some(Table { name: key.to_owned(), at, entries, asked: Vec::new() });
        }
        wrong(findings, key, value, &format!("a table: write [{key}]"));
        None
    }

    /// A list of tables, `[[rule]]`.
    pub fn tables(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Vec<Table<'d>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let mut found = Vec::new();
        if let DeValue::Array(items) = value.get_ref() {
            for item in items.iter() {
                if let DeValue::Table(entries) = item.get_ref() {
                    found.push(Table { name: key.to_owned(), at: item.span().start, entries, asked: Vec::new() });
                } else {
                    wrong(findings, key, item, &format!("a list of tables: write [[{key}]] for each"));
                }
            }
        } else {
            wrong(findings, key, value, &format!("a list of tables: write [[{key}]] for each"));
        }
        found
    }

    /// What nobody asked for.
    pub fn finish(self, findings: &mut Findings<'_>) {
        for key in self.entries.keys().filter(|key| !self.asked.contains(&key.get_ref().as_ref())) {
            let place = if self.name.is_empty() { String::new() } else { format!(" in {}", self.name) };
            let meant = meant(key.get_ref(), &self.asked);
            findings.fail(key.span().start, format!("unknown key {}{place}{meant}", shown(key.get_ref())));
        }
    }
}

/// What may have been meant, or all that could have been.
pub fn meant(text: &str, known: &[&str]) -> String {
    nearest(text, known.iter().copied()).map_or_else(String::new, |meant| format!(": did you mean {meant}?"))
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse().ok(),
        DeValue::Integer(_)
        | DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

fn is_unlimited(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::String(text) if text == "unlimited")
}
