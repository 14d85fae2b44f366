//! Detectors that a policy brings: a regular expression, a dictionary, a pattern of columns. What they are comes as text; it reads no file, and
//! whatever it is given is made within bounds or refused.

use std::fmt;

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};

use super::{Context, Finding, Sure};
use crate::gate::policy::ColumnPattern;
use crate::mask::kind::CUSTOM;
use crate::mask::{Kind, KindSet};

/// A regular expression longer than this was not written by hand.
const LONGEST_PATTERN: usize = 4 * 1024;
/// What one regular expression may take when it is compiled, and again while it runs.
const REGEX_MEMORY: usize = 4 << 20;
/// Nested deeper, an expression is refused rather than read.
const DEEPEST_PATTERN: u32 = 64;
/// All words of a dictionary together: its automaton takes some ten times that.
const LARGEST_DICTIONARY: usize = 8 << 20;
/// One byte would be found in every text.
const SHORTEST_ENTRY: usize = 2;
/// Context words of a detector.
const MOST_WORDS: usize = 64;
/// Bytes before a value in which a context word speaks for it.
const BEFORE: usize = 64;

/// A detector as a policy writes it. Its place in the list is its kind's: [`Kind::custom`].
#[derive(Debug, Clone)]
pub struct Custom {
    pub name: String,
    pub how: How,
}

#[derive(Clone)]
pub enum How {
    /// Where the expression matches; with words, only where one of them stands before the match or in the name around it.
    Regex { pattern: String, words: Vec<String> },
    /// Each entry as a whole word, in either case.
    Dictionary { entries: Vec<String> },
    /// Every value of the columns.
    Columns(Vec<ColumnPattern>),
}

/// The entries of a dictionary may be what nobody else is to see.
impl fmt::Debug for How {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regex { pattern, words } => out.debug_struct("Regex").field("pattern", pattern).field("words", words).finish(),
            Self::Dictionary { entries } => write!(out, "Dictionary({} entries)", entries.len()),
            Self::Columns(columns) => out.debug_tuple("Columns").field(columns).finish(),
        }
    }
}

impl How {
    /// The entries of a dictionary file: one for each line, `#` begins a comment.
    pub fn dictionary(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::Dictionary { entries: lines.map(str::to_owned).collect() }
    }
}

/// Why a detector cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("{0}: more detectors than {CUSTOM}")]
    TooMany(String),
    #[error("{0}: the expression is longer than {LONGEST_PATTERN} bytes")]
    LongPattern(String),
    #[error("{0}: {1}")]
    Pattern(String, String),
    #[error("{0}: the expression matches where there is nothing, and so everywhere")]
    MatchesNothing(String),
    #[error("{0}: at most {MOST_WORDS} words, none of them empty")]
    Words(String),
    #[error("{0}: the dictionary is empty")]
    EmptyDictionary(String),
    #[error("{0}: the dictionary has more than 8 MiB")]
    LargeDictionary(String),
    #[error("{0}: \"{1}\" is shorter than {SHORTEST_ENTRY} bytes")]
    ShortEntry(String, String),
    #[error("{0}: without a pattern of columns it finds nothing")]
    NoColumns(String),
}

/// The detectors of a policy, made ready.
#[derive(Debug, Default)]
pub struct CustomDetectors {
    /// Kinds that texts are searched for.
    searched: KindSet,
    expressions: Vec<Expression>,
    dictionaries: Vec<Dictionary>,
    columns: Vec<(Kind, ColumnPattern)>,
    names: Vec<String>,
}

#[derive(Debug)]
struct Expression {
    kind: Kind,
    regex: Regex,
    /// What must stand before; nothing must where there are none.
    words: Option<AhoCorasick>,
}

#[derive(Debug)]
struct Dictionary {
    kind: Kind,
    entries: AhoCorasick,
}

impl CustomDetectors {
    pub fn new(customs: &[Custom]) -> Result<Self, Unfit> {
        let mut made = Self::default();
        for (place, custom) in customs.iter().enumerate() {
            let name = || custom.name.clone();
            let kind = Kind::custom(place).ok_or_else(|| Unfit::TooMany(name()))?;
            made.names.push(name());
            match &custom.how {
                How::Regex { pattern, words } => {
                    let regex = expression(pattern, &custom.name)?;
                    if words.len() > MOST_WORDS || words.iter().any(String::is_empty) {
                        return Err(Unfit::Words(name()));
                    }
                    let words = if words.is_empty() { None } else { Some(words_of(words).map_err(|_| Unfit::Words(name()))?) };
                    made.expressions.push(Expression { kind, regex, words });
                    made.searched = made.searched.with(kind);
                }
                How::Dictionary { entries } => {
                    made.dictionaries.push(Dictionary { kind, entries: dictionary(entries, &custom.name)? });
                    made.searched = made.searched.with(kind);
                }
                How::Columns(columns) => {
                    if columns.is_empty() {
                        return Err(Unfit::NoColumns(name()));
                    }
                    made.columns.extend(columns.iter().map(|column| (kind, column.clone())));
                }
            }
        }
        Ok(made)
    }

    /// Nothing in a text is looked for.
    pub fn is_empty(&self) -> bool {
        self.searched.is_empty()
    }

    /// What the policy calls a kind of its own.
    pub fn name_of(&self, kind: Kind) -> Option<&str> {
        self.names.get(kind.custom_place()?).map(String::as_str)
    }

    /// The kind that every value of a column is of, by its name.
    pub fn column(&self, schema: Option<&str>, table: &str, column: &str) -> Option<Kind> {
        let fits = |pattern: &ColumnPattern| pattern.relation.may_be(schema, table) && pattern.column.matches(column);
        self.columns.iter().find(|(_, pattern)| fits(pattern)).map(|(kind, _)| *kind)
    }

    /// Adds what is found, detector by detector: in no order of its places, and one may lie over another.
    pub fn find(&self, text: &[u8], context: &Context<'_>, found: &mut Vec<Finding>) {
        if self.searched.and(context.wanted).is_empty() {
            return;
        }
        for expression in self.expressions.iter().filter(|expression| context.wanted.has(expression.kind)) {
            expression.find(text, context, found);
        }
        for dictionary in self.dictionaries.iter().filter(|dictionary| context.wanted.has(dictionary.kind)) {
            dictionary.find(text, found);
        }
    }
}

impl Expression {
    fn find(&self, text: &[u8], context: &Context<'_>, found: &mut Vec<Finding>) {
        for hit in self.regex.find_iter(text).filter(|hit| !hit.is_empty()) {
            let told = match &self.words {
                None => true,
                Some(words) => {
                    let before = text.get(hit.start().saturating_sub(BEFORE)..hit.start()).unwrap_or_default();
                    context.expected.has(self.kind) || words.is_match(context.name) || words.is_match(before)
                }
            };
            if told {
                found.push(Finding { kind: self.kind, start: hit.start(), end: hit.end(), sure: Sure::Certain });
            }
        }
    }
}

impl Dictionary {
    fn find(&self, text: &[u8], found: &mut Vec<Finding>) {
        // Hits come by their ends, and of one end the longest first: what lies inside the one before is part of it.
        let from = found.len();
        for hit in self.entries.find_overlapping_iter(text) {
            let before = hit.start().checked_sub(1).and_then(|at| text.get(at));
            let inside = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte));
            let (first, last) = (text.get(hit.start()), hit.end().checked_sub(1).and_then(|at| text.get(at)));
            if inside(before) && inside(first) || inside(last) && inside(text.get(hit.end())) {
                continue;
            }
            let (mut start, end) = (hit.start(), hit.end());
            while found.len() > from
                && let Some(last) = found.last()
                && last.end > start
            {
                start = start.min(last.start);
                found.pop();
            }
            found.push(Finding { kind: self.kind, start, end, sure: Sure::Certain });
        }
    }
}

/// Letters of any script: what is not ASCII counts as one.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn expression(pattern: &str, name: &str) -> Result<Regex, Unfit> {
    if pattern.len() > LONGEST_PATTERN {
        return Err(Unfit::LongPattern(name.to_owned()));
    }
    let regex = RegexBuilder::new(pattern)
        .size_limit(REGEX_MEMORY)
        .dfa_size_limit(REGEX_MEMORY)
        .nest_limit(DEEPEST_PATTERN)
        .build()
        .map_err(|error| Unfit::Pattern(name.to_owned(), error.to_string()))?;
    if regex.is_match(b"") { Err(Unfit::MatchesNothing(name.to_owned())) } else { Ok(regex) }
}

/// ASCII letters are found in either case by the automaton; others are put in it in both.
fn cases(words: &[String]) -> Vec<String> {
    let mut all = Vec::with_capacity(words.len());
    for word in words {
        if !word.is_ascii() {
            all.extend([word.to_lowercase(), word.to_uppercase()]);
        }
        all.push(word.clone());
    }
    all
}

fn words_of(words: &[String]) -> Result<AhoCorasick, aho_corasick::BuildError> {
    AhoCorasick::builder().ascii_case_insensitive(true).build(cases(words))
}

fn dictionary(entries: &[String], name: &str) -> Result<AhoCorasick, Unfit> {
    if entries.is_empty() {
        return Err(Unfit::EmptyDictionary(name.to_owned()));
    }
    if entries.iter().map(String::len).sum::<usize>() > LARGEST_DICTIONARY {
        return Err(Unfit::LargeDictionary(name.to_owned()));
    }
    if let Some(short) = entries.iter().find(|entry| entry.len() < SHORTEST_ENTRY) {
        return Err(Unfit::ShortEntry(name.to_owned(), short.clone()));
    }
    words_of(entries).map_err(|_| Unfit::LargeDictionary(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn custom(how: How) -> Custom {
        Custom { name: "codename".to_owned(), how }
    }

    fn found(how: How, context: &Context<'_>, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        CustomDetectors::new(&[custom(how)]).unwrap().find(text.as_bytes(), context, &mut found);
        found.iter().map(|finding| text.get(finding.start..finding.end).unwrap().to_owned()).collect()
    }

    #[test]
    fn an_expression_counts_where_its_words_speak_for_it() {
        let how = |words: &[&str]| How::Regex {
            pattern: r"\bE-\d{4}\b".to_owned(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        };
        assert_eq!(found(how(&[]), &Context::NONE, "E-1234, E-12345, E-4321"), ["E-1234", "E-4321"]);
        assert_eq!(found(how(&["employee"]), &Context::NONE, "part E-1234"), [""; 0]);
        assert_eq!(found(how(&["employee"]), &Context::NONE, "Employee E-1234"), ["E-1234"]);
        assert_eq!(found(how(&["employee"]), &Context { name: b"employeeNo", ..Context::NONE }, "E-1234"), ["E-1234"]);
        let expected = KindSet::NONE.with(Kind::custom(0).unwrap());
        assert_eq!(found(how(&["employee"]), &Context { expected, ..Context::NONE }, "E-1234"), ["E-1234"]);
        assert_eq!(found(how(&[]), &Context { wanted: KindSet::NONE, ..Context::NONE }, "E-1234"), [""; 0]);
    }

    #[test]
    fn a_dictionary_is_of_whole_words_in_either_case() {
        let how = || How::dictionary("# projects\nBlue Heron\n  heron\nmünchen\n");
        assert_eq!(found(how(), &Context::NONE, "the BLUE HERON team"), ["BLUE HERON"]);
        assert_eq!(found(how(), &Context::NONE, "heron, herons, aheron, Heron"), ["heron", "Heron"]);
        assert_eq!(found(how(), &Context::NONE, "in MÜNCHEN."), ["MÜNCHEN"]);
    }

    #[test]
    fn columns_go_by_their_names() {
        let columns = How::Columns(vec![ColumnPattern::parse("*.staff.badge*").unwrap()]);
        let made = CustomDetectors::new(&[custom(columns)]).unwrap();
        assert_eq!(made.column(Some("hr"), "staff", "badge_no"), Kind::custom(0));
        assert_eq!(made.column(None, "staff", "badge"), Kind::custom(0));
        assert_eq!(made.column(Some("hr"), "staff", "name"), None);
        assert!(made.is_empty());
        assert_eq!(made.name_of(Kind::custom(0).unwrap()), Some("codename"));
    }

    #[test]
    fn what_cannot_be_kept_within_bounds_is_refused() {
        let regex = |pattern: &str| How::Regex { pattern: pattern.to_owned(), words: Vec::new() };
        let words = |words: Vec<String>| How::Regex { pattern: "x".to_owned(), words };
        let refused = |how| CustomDetectors::new(&[custom(how)]).unwrap_err();
        assert!(matches!(refused(regex("(")), Unfit::Pattern(..)));
        assert!(matches!(refused(regex("a{1000}{1000}{1000}")), Unfit::Pattern(..)));
        assert!(matches!(refused(regex("a*")), Unfit::MatchesNothing(_)));
        assert!(matches!(refused(regex(&"a".repeat(LONGEST_PATTERN + 1))), Unfit::LongPattern(_)));
        assert!(matches!(refused(words(vec![String::new()])), Unfit::Words(_)));
        assert!(matches!(refused(How::dictionary("# none\n")), Unfit::EmptyDictionary(_)));
        assert!(matches!(refused(How::dictionary("a")), Unfit::ShortEntry(..)));
        assert!(matches!(refused(How::Columns(Vec::new())), Unfit::NoColumns(_)));
        let many = vec![custom(regex("x")); CUSTOM + 1];
        assert!(matches!(CustomDetectors::new(&many), Err(Unfit::TooMany(_))));
    }
}
