//! The query whose rows a `COPY … TO STDOUT` sends: the data of a COPY tells no types, the query does. Its text is cut out of the statement, not
//! made up: a table's rows are those of a query over it.
#![allow(clippy::wildcard_enum_match_arm, reason = "what is not expected ends the reading")]

use super::scan::{Scanner, Token};

/// The text of a query with the columns of what this `COPY` sends. `None` where it is not certain.
pub fn query(sql: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(sql).ok()?;
    let mut scanner = Scanner::new(text);
    let mut next = || loop {
        match scanner.step().ok()? {
            Some((Token::Block | Token::Line, _)) => {}
            other => return other,
        }
    };
    let (token, place) = next()?;
    if token != Token::Word || !text.get(place)?.eq_ignore_ascii_case("copy") {
        return None;
    }
    let (token, first) = next()?;
    if token == Token::Mark(b'(') {
        let mut open = 1_u32;
        let end = loop {
            match next()? {
                (Token::Mark(b'('), _) => open = open.checked_add(1)?,
                (Token::Mark(b')'), place) if open == 1 => break place.start,
                (Token::Mark(b')'), _) => open = open.checked_sub(1)?,
                _ => {}
            }
        };
        return Some(text.get(first.end..end)?.as_bytes().to_vec());
    }
    // An old word for the format, or a table of that name.
    if token == Token::Word && text.get(first.clone())?.eq_ignore_ascii_case("binary") {
        return None;
    }
    let mut end = first.end;
    let (mut columns, mut dotted) = ("*", false);
    loop {
        let (token, place) = next()?;
        match token {
            Token::Mark(b'.') => dotted = true,
            Token::Word | Token::Quoted if dotted => {
                dotted = false;
                end = place.end;
            }
            Token::Mark(b'(') if columns == "*" => loop {
                let (token, inner) = next()?;
                match token {
                    Token::Mark(b')') => {
                        columns = text.get(place.end..inner.start)?;
                        break;
                    }
                    Token::Word | Token::Quoted | Token::Mark(b',') => {}
                    _ => return None,
                }
            },
            Token::Word if text.get(place.clone())?.eq_ignore_ascii_case("to") => break,
            _ => return None,
        }
    }
    // A comment in between may run to the end of its line.
    Some(format!("SELECT {columns}\n FROM {}", text.get(first.start..end)?).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::query;

    fn check(copy: &str, expected: Option<&str>) {
        let found = query(copy.as_bytes()).map(|query| String::from_utf8_lossy(&query).into_owned());
        assert_eq!(found.as_deref(), expected, "{copy}");
    }

    #[test]
    fn the_query_of_a_copy() {
        check("COPY (SELECT f(')') FROM t) TO STDOUT", Some("SELECT f(')') FROM t"));
        check("copy /* a */ app.\"T x\" to stdout", Some("SELECT *\n FROM app.\"T x\""));
        check("copy a . b (c, \"d)\") to stdout (format csv)", Some("SELECT c, \"d)\"\n FROM a . b"));
        check("copy binary to stdout", None);
        check("copy t from stdin", None);
        check("copy t(a+b) to stdout", None);
        check("copy (select 1", None);
        check("select 1", None);
    }
}
