//! `schema.table.column` as people write it: names are folded as SQL folds them, unless they are quoted.

use std::str::FromStr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub schema: Option<String>,
    pub table: String,
    pub column: String,
}

impl FromStr for Named {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = parts(text)?;
        let (Some(column), Some(table)) = (parts.pop(), parts.pop()) else { return Err(WANTED) };
        let schema = parts.pop();
        if parts.is_empty() { Ok(Self { schema, table, column }) } else { Err(WANTED) }
    }
}

const WANTED: &str = "expected TABLE.COLUMN or SCHEMA.TABLE.COLUMN; names with capitals or dots are quoted: '\"Users\".email'";

/// Names with dots between them.
pub fn parts(text: &str) -> Result<Vec<String>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        let mut name = String::new();
        if rest.next_if_eq(&'"').is_some() {
            loop {
                match rest.next() {
                    Some('"') if rest.next_if_eq(&'"').is_some() => name.push('"'),
                    Some('"') => break,
                    Some(letter) => name.push(letter),
                    None => return Err(WANTED),
                }
            }
        } else {
            while let Some(letter) = rest.next_if(|letter| !matches!(letter, '.' | '"')) {
                name.extend(letter.to_lowercase());
            }
        }
        if name.is_empty() {
            return Err(WANTED);
        }
        parts.push(name);
        match rest.next() {
            None => return Ok(parts),
            Some('.') => {}
            Some(_) => return Err(WANTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_unless_they_are_quoted() {
        let named = |schema: Option<&str>, table: &str, column: &str| {
            Ok(Named { schema: schema.map(str::to_owned), table: table.to_owned(), column: column.to_owned() })
        };
        for (text, expected) in [
            ("Users.Email", named(None, "users", "email")),
            ("crm.users.email", named(Some("crm"), "users", "email")),
            ("\"Users\".email", named(None, "Users", "email")),
            ("a.\"b.c\".\"d\"\"e\"", named(Some("a"), "b.c", "d\"e")),
        ] {
            assert_eq!(text.parse::<Named>(), expected, "{text}");
        }
        for text in ["", "email", "a.b.c.d", "a..b", ".b", "a.", "\"a.b", "\"a\"b.c", "a\"b\".c", "\"\".a"] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }
}
