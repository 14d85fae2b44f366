//! Patterns of names: `*` stands for any letters, `?` for one. A pattern also knows whether it covers another one, so that a rule that can
//! never be reached is found.

use std::fmt;

/// Longer than any name of PostgreSQL's, twice.
const LONGEST: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob(Box<str>);

impl Glob {
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("an empty pattern matches nothing: write * for any name");
        }
        if text.len() > LONGEST {
            return Err("a pattern has at most 128 bytes");
        }
        if text.contains(char::is_control) {
            return Err("a pattern has no control characters");
        }
        Ok(Self(text.into()))
    }

    pub fn matches(&self, name: &str) -> bool {
        run(self.0.as_bytes(), name.as_bytes(), |_| true)
    }

    /// Whether it matches whatever the other one does.
    pub fn covers(&self, other: &Self) -> bool {
        // The other's `*` is no letter: only a `*` stands for it.
        run(self.0.as_bytes(), other.0.as_bytes(), |letter| letter != b'*')
    }

    /// The one name that it matches, if it is but one.
    pub fn literal(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(&*self.0)
    }

    pub fn is_everything(&self) -> bool {
        self.0.bytes().all(|letter| letter == b'*')
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// In steps of at most the product of both lengths; `one` says what a `?` may stand for.
fn run(mut pattern: &[u8], mut text: &[u8], one: impl Fn(u8) -> bool) -> bool {
    // Where the last star was: it takes one letter more each time that what follows it does not fit.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                star = Some((rest, text));
                pattern = rest;
                continue;
            }
            (Some((b'?', rest)), Some((letter, _))) if one(*letter) => {
                (pattern, text) = (rest, after_letter(text));
                continue;
            }
            (Some((wanted, rest)), Some((letter, tail))) if wanted == letter && *wanted != b'?' => {
                (pattern, text) = (rest, tail);
                continue;
            }
            (None, None) => return true,
            (Some(_) | None, Some(_) | None) => {}
        }
        match star {
            Some((rest, from)) if !from.is_empty() => {
                let from = after_letter(from);
                (pattern, text, star) = (rest, from, Some((rest, from)));
            }
            Some(_) | None => return false,
        }
    }
}

/// Without the first letter: the first byte and those that continue it.
fn after_letter(text: &[u8]) -> &[u8] {
    let rest = text.get(1..).unwrap_or_default();
    let continues = rest.iter().take_while(|byte| **byte & 0xC0 == 0x80).count();
    rest.get(continues..).unwrap_or_default()
}

/// A name in a schema, `schema.name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Qualified {
    pub schema: Glob,
    pub name: Glob,
}

impl Qualified {
    pub fn parse(text: &str) -> Result<Self, String> {
        match parts(text)?.as_slice() {
            [schema, name] => Ok(Self { schema: Glob::parse(schema)?, name: Glob::parse(name)? }),
            [name] if name == "*" => Err("write \"*.*\" for every name in every schema, or leave the key out".to_owned()),
            [name] => Err(format!("write the schema too: \"public.{name}\", or \"*.{name}\" for any schema")),
            _ => Err("expected schema.name; a name with a dot in it stands in double quotes".to_owned()),
        }
    }

    /// A name whose schema is not known counts as in any schema.
    pub fn may_be(&self, schema: Option<&str>, name: &str) -> bool {
        self.name.matches(name) && schema.is_none_or(|schema| self.schema.matches(schema))
    }

    /// A name whose schema is not known is matched only where every schema is.
    pub fn is(&self, schema: Option<&str>, name: &str) -> bool {
        self.name.matches(name) && schema.map_or_else(|| self.schema.is_everything(), |schema| self.schema.matches(schema))
    }

    pub fn covers(&self, other: &Self) -> bool {
        self.schema.covers(&other.schema) && self.name.covers(&other.name)
    }
}

/// A column, `schema.table.column`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnPattern {
    pub relation: Qualified,
    pub column: Glob,
}

impl ColumnPattern {
    pub fn parse(text: &str) -> Result<Self, String> {
        match parts(text)?.as_slice() {
            [schema, table, column] => {
                Ok(Self { relation: Qualified { schema: Glob::parse(schema)?, name: Glob::parse(table)? }, column: Glob::parse(column)? })
            }
            [table, column] => Err(format!("write the schema too: \"public.{table}.{column}\", or \"*.{table}.{column}\" for any schema")),
            [column] => Err(format!("write schema and table too: \"*.*.{column}\" for any table")),
            _ => Err("expected schema.table.column; a name with a dot in it stands in double quotes".to_owned()),
        }
    }

    /// A relation whose schema is not known is matched only where every schema is.
    pub fn is(&self, schema: Option<&str>, table: &str, column: &str) -> bool {
        self.relation.is(schema, table) && self.column.matches(column)
    }

    pub fn is_of_any_table(&self) -> bool {
        self.relation.schema.is_everything() && self.relation.name.is_everything()
    }

    pub fn covers(&self, other: &Self) -> bool {
        self.relation.covers(&other.relation) && self.column.covers(&other.column)
    }
}

/// Takes a dotted name apart; what is in double quotes stays together.
fn parts(text: &str) -> Result<Vec<String>, String> {
    let mut found = vec![String::new()];
    let mut quoted = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => push(&mut found, '"'),
            '"' => quoted = !quoted,
            '.' if !quoted => found.push(String::new()),
            letter => push(&mut found, letter),
        }
    }
    if quoted {
        return Err("a double quote is not closed".to_owned());
    }
    if found.iter().any(String::is_empty) {
        return Err("a part of the name is empty: write * for any".to_owned());
    }
    Ok(found)
}

fn push(parts: &mut [String], letter: char) {
    if let Some(last) = parts.last_mut() {
        last.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn glob(text: &str) -> Glob {
        Glob::parse(text).unwrap()
    }

    #[test]
    fn names_match_as_people_expect() {
        for (pattern, name, expected) in [
            ("orders", "orders", true),
            ("orders", "orders2", false),
            ("*", "", true),
            ("order*", "order", true),
            ("*_log", "audit_log", true),
            ("*_log", "audit_logs", false),
            ("a*b*c", "aXbYbZc", true),
            ("t?", "tä", true),
            ("t?", "t", false),
            ("?", "?", true),
            ("*?", "", false),
        ] {
            assert_eq!(glob(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_dotted_name_is_taken_apart() {
        assert_eq!(Qualified::parse("public.*"), Ok(Qualified { schema: glob("public"), name: glob("*") }));
        assert_eq!(Qualified::parse("\"a.b\".\"c\"\"d\""), Ok(Qualified { schema: glob("a.b"), name: glob("c\"d") }));
        for wrong in ["orders", "a.b.c", ".a", "a.", "\"a.b", "*"] {
            assert!(Qualified::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        /// What one pattern covers it matches whenever the other does; a pattern covers itself.
        #[test]
        fn covering_is_sound(wide in "[ab*?]{1,6}", narrow in "[ab*?]{1,6}", names in prop::collection::vec("[abc]{0,6}", 40)) {
            let (wide, narrow) = (glob(&wide), glob(&narrow));
            prop_assert!(narrow.covers(&narrow) && glob("*").covers(&narrow));
            if wide.covers(&narrow) {
                for name in names.iter().filter(|name| narrow.matches(name)) {
                    prop_assert!(wide.matches(name), "{name}");
                }
            }
        }
    }
}
