//! The agent's own comment tags: `/* key='value' */` at the beginning or the end of a statement, as sqlcommenter writes them. They
//! are claims, and are shown as such; one that may hold personal data is not shown. It knows nothing of what the tags mean.

use std::borrow::Cow;

use memchr::memmem;
use percent_encoding::percent_decode_str;

use super::scan::{Scanner, Token};

/// More tags are not read: a trace and what names a task are a handful.
pub const MOST: usize = 16;
/// A tag with a longer name is not read.
pub const LONGEST_NAME: usize = 64;
/// A longer value is cut.
pub const LONGEST_VALUE: usize = 128;

/// What is recorded in place of a claim that does not pass the screen.
pub const SCREENED: &str = "…";

/// A claim of more words is text, not a name.
const MOST_WORDS: usize = 8;

/// So many digits in a row may be a number that belongs to a person.
const DIGITS: usize = 5;

/// Calls `found` with the name and the value of each tag, both screened. What cannot be read has none.
pub fn read(sql: &[u8], mut found: impl FnMut(&str, &str)) {
    // Nearly every statement ends here.
    if memmem::find(sql, b"/*").is_none() {
        return;
    }
    let Ok(text) = std::str::from_utf8(sql) else { return };
    let Some((leading, trailing)) = outer_comments(text) else { return };
    let mut left = MOST;
    for comment in [leading, trailing].into_iter().flatten() {
        let body = comment.strip_prefix("/*").and_then(|comment| comment.strip_suffix("*/")).unwrap_or_default();
        tags(body, |name, value| {
            if left > 0 {
                left -= 1;
                found(name, value);
            }
        });
    }
}

/// Whether the first or the last comment is the one that asks to see values as they are.
pub fn asks_unmasked(sql: &[u8]) -> bool {
    const ASKS: &str = "pgsluice:unmask";
    if memmem::find(sql, ASKS.as_bytes()).is_none() {
        return false;
    }
    let Ok(text) = std::str::from_utf8(sql) else { return false };
    let asks = |comment: &str| comment.strip_prefix("/*").and_then(|comment| comment.strip_suffix("*/")).map(str::trim) == Some(ASKS);
    outer_comments(text).is_some_and(|(leading, trailing)| [leading, trailing].into_iter().flatten().any(asks))
}

/// What the first or the last comment says to a reviewer's question: `/* pgsluice:answer='…' */`, alone or among tags. Beside no other tag
/// anything may stand between the first quote and the last.
pub fn answer(sql: &[u8]) -> Option<String> {
    const ANSWER: &str = "pgsluice:answer";
    memmem::find(sql, ANSWER.as_bytes())?;
    let (leading, trailing) = outer_comments(std::str::from_utf8(sql).ok()?)?;
    let answers = |comment: &str| {
        let body = comment.strip_prefix("/*")?.strip_suffix("*/")?.trim();
        let pairs = || Pairs { rest: body };
        if pairs().all(|pair| pair.is_some()) {
            let (_, value) = pairs().flatten().find(|(name, _)| *name == ANSWER)?;
            return Some(decoded(&unescaped(value)).into_owned());
        }
        let quoted = body.strip_prefix(ANSWER)?.trim_start().strip_prefix('=')?.trim_start();
        Some(unescaped(quoted.strip_prefix('\'')?.strip_suffix('\'')?).replace("''", "'"))
    };
    [leading, trailing].into_iter().flatten().find_map(answers)
}

/// The first block comment before everything else, and the last one behind everything else but semicolons.
fn outer_comments(text: &str) -> Option<(Option<&str>, Option<&str>)> {
    let mut scanner = Scanner::new(text);
    let (mut leading, mut trailing) = (None, None);
    let mut begun = false;
    while let Some((token, place)) = scanner.step().ok()? {
        match token {
            Token::Block if begun => trailing = Some(scanner.text(place)),
            Token::Block => leading = leading.or_else(|| Some(scanner.text(place))),
            Token::Line | Token::Mark(b';') => {}
            Token::Word | Token::Quoted | Token::Text | Token::Number | Token::Parameter => (begun, trailing) = (true, None),
            Token::Operator | Token::Cast | Token::Dots | Token::Mark(_) => (begun, trailing) = (true, None),
        }
    }
    Some((leading, trailing))
}

/// A comment in which anything else stands is a remark, and has no tags.
fn tags(body: &str, mut found: impl FnMut(&str, &str)) {
    let pairs = || Pairs { rest: body.trim_matches(is_space) };
    if pairs().all(|pair| pair.is_some()) {
        for (name, value) in pairs().flatten() {
            let (name, value) = (decoded(name), decoded(&unescaped(value)).into_owned());
            if !name.is_empty() && name.len() <= LONGEST_NAME {
                let value = screened(&value);
                found(&screened(&name), value.get(..value.floor_char_boundary(LONGEST_VALUE)).unwrap_or_default());
            }
        }
    }
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace()
}

/// `name='value'`, between commas. `None` for what is not that, and then the end.
struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Option<(&'a str, &'a str)>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        if rest.is_empty() {
            return None;
        }
        let pair = pair(rest);
        if let Some((_, _, behind)) = pair {
            self.rest = behind;
        }
        Some(pair.map(|(name, value, _)| (name, value)))
    }
}

fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, behind) = text.split_once("='")?;
    let name = name.trim_matches(is_space);
    if name.contains(|character: char| is_space(character) || matches!(character, '\'' | ',' | '=')) {
        return None;
    }
    let mut escaped = false;
    let end = behind.find(|character| {
        let ends = character == '\'' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    let (value, behind) = behind.split_at_checked(end)?;
    let behind = behind.strip_prefix('\'')?.trim_start_matches(is_space);
    let next = match behind.strip_prefix(',') {
        Some(next) => next.trim_start_matches(is_space),
        None if behind.is_empty() => "",
        None => return None,
    };
    Some((name, value, next))
}

/// `\'` is a quote: sqlcommenter escapes what URL encoding leaves.
fn unescaped(value: &str) -> Cow<'_, str> {
    if value.contains('\\') { value.replace("\\'", "'").into() } else { value.into() }
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Whether a claim may be kept as it is, while nothing looks for personal data in it.
pub fn passes(value: &str) -> bool {
    is_identifier(value)
        || !value.contains('@')
            && !value.contains(char::is_control)
            && value.split_whitespace().nth(MOST_WORDS).is_none()
            && !has_run_of_digits(value)
}

/// The claim, or what stands for one that does not pass.
pub fn screened(value: &str) -> Cow<'_, str> {
    if passes(value) { value.into() } else { SCREENED.into() }
}

/// Digits in a name that nobody has: `worker-12` is one, and most passwords have more or other signs.
const MOST_DIGITS: usize = 2;

/// A name that nobody has, as far as it looks like one: a password in its place is not for the record.
pub fn tried(name: &str) -> &str {
    let ordinary = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let like_a_name = name.chars().all(ordinary) && name.chars().filter(char::is_ascii_digit).count() <= MOST_DIGITS;
    if like_a_name && screened(name) == name { name } else { SCREENED }
}

/// Digits count as a run across what people put between the digits of one number.
fn has_run_of_digits(value: &str) -> bool {
    let mut run = 0_usize;
    for character in value.chars() {
        if character.is_numeric() {
            run += 1;
        } else if !matches!(character, ' ' | '-' | '.' | '/' | '(' | ')' | '+') {
            run = 0;
        }
        if run >= DIGITS {
            return true;
        }
    }
    false
}

/// A trace's or a run's number: a `traceparent`, a UUID, hexadecimal digits or a ULID, of a length that no number of a person has.
fn is_identifier(value: &str) -> bool {
    let hexadecimal = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let groups = |lengths: &[usize]| {
        let mut parts = value.split('-');
        lengths.iter().all(|length| parts.next().is_some_and(|part| hexadecimal(part, *length))) && parts.next().is_none()
    };
    // Sixteen digits without a letter among them are a card's.
    let lettered = value.bytes().any(|byte| byte.is_ascii_alphabetic());
    let ulid = value.len() == 26 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()) && lettered;
    groups(&[2, 32, 16, 2])
        || groups(&[8, 4, 4, 4, 12])
        || lettered && [16, 32, 40, 64].iter().any(|length| hexadecimal(value, *length))
        || ulid
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tags_of(sql: &str) -> Vec<(String, String)> {
        let mut tags = Vec::new();
        read(sql.as_bytes(), |name, value| tags.push((name.to_owned(), value.to_owned())));
        tags
    }

    fn check(sql: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(tags_of(sql), expected, "{sql}");
    }

    #[test]
    fn tags_are_read_at_the_beginning_and_the_end() {
        check("SELECT 1 /*action='%2Fparam*d',controller='index'*/", &[("action", "/param*d"), ("controller", "index")]);
        check("/* task='clean%20up' , run='7' */ SELECT 1 ; -- so", &[("task", "clean up"), ("run", "7")]);
        check("/*a='1'*/ SELECT 1 /*b='2'*/;", &[("a", "1"), ("b", "2")]);
        check(r"SELECT 1 /*a='it\'s',b%20c='d'*/", &[("a", "it's"), ("b c", "d")]);
        check("/*a='1'*/", &[("a", "1")]);
        check("/*a='1',for='ann%40example.com',ann%40example.com='2'*/", &[("a", "1"), ("for", "…"), ("…", "2")]);
        check("SELECT 1 /*a=''*/", &[("a", "")]);
    }

    #[test]
    fn what_only_looks_like_a_tag_is_none() {
        for sql in [
            "SELECT '/*a=''1''*/'",
            "SELECT '/*a=\"1\"*/ ' -- /*b='2'*/",
            "SELECT /*a='1'*/ 1",
            "SELECT $$/*a='1'*/$$",
            "SELECT 1 /* see what='this' does */",
            "SELECT 1 /* a='1', and more */",
            "SELECT 1 /* a='1 */",
            "SELECT 1 /* a=1 */",
            "SELECT 1 /* /* a='1' */ */",
            "SELECT 'open /*a='1'*/",
            "SELECT 1 /*='1'*/",
        ] {
            check(sql, &[]);
        }
    }

    #[test]
    fn a_statement_asks_to_be_unmasked_by_a_comment_of_its_own() {
        for asks in ["/* pgsluice:unmask */ SELECT 1", "SELECT 1 /*pgsluice:unmask*/ ;", "/*task='x'*/ SELECT 1 /* pgsluice:unmask */"] {
            assert!(asks_unmasked(asks.as_bytes()), "{asks}");
        }
        for not in [
            "SELECT 1",
            "SELECT '/* pgsluice:unmask */'",
            "SELECT /* pgsluice:unmask */ 1",
            "-- pgsluice:unmask\nSELECT 1",
            "SELECT 1 /* pgsluice:unmasked */",
            "SELECT 1 /* please pgsluice:unmask */",
            "SELECT 'open /* pgsluice:unmask */",
        ] {
            assert!(!asks_unmasked(not.as_bytes()), "{not}");
        }
    }

    #[test]
    fn an_answer_is_said_in_a_comment() {
        for (sql, said) in [
            ("/* pgsluice:answer='since May' */ DROP TABLE t", "since May"),
            ("DROP TABLE t /*pgsluice:answer='since%20May'*/;", "since May"),
            ("DROP TABLE t /* run='7', pgsluice:answer='it\\'s old' */", "it's old"),
            ("/* pgsluice:answer = 'it''s old, and big: 100%' */ DROP TABLE t", "it's old, and big: 100%"),
            ("/* pgsluice:answer='it's old' */ DROP TABLE t", "it's old"),
            ("/* run='7' */ DROP TABLE t /* pgsluice:answer='yes' */", "yes"),
        ] {
            assert_eq!(answer(sql.as_bytes()).as_deref(), Some(said), "{sql}");
        }
        for not in [
            "DROP TABLE t",
            "SELECT '/* pgsluice:answer=''x'' */'",
            "DROP /* pgsluice:answer='x' */ TABLE t",
            "-- pgsluice:answer='x'\nDROP TABLE t",
            "/* pgsluice:answer=x */ DROP TABLE t",
            "/* pgsluice:answers='x' */ DROP TABLE t",
            "/* see pgsluice:answer='x' */ DROP TABLE t",
        ] {
            assert_eq!(answer(not.as_bytes()), None, "{not}");
        }
    }

    #[test]
    fn tags_are_bounded() {
        let many: Vec<String> = (0..40).map(|at| format!("k{at}='v'")).collect();
        assert_eq!(tags_of(&format!("SELECT 1 /*{}*/", many.join(","))).len(), MOST);
        let long = format!("SELECT 1 /*{}='v',a='{}'*/", "k".repeat(LONGEST_NAME + 1), "é".repeat(LONGEST_VALUE));
        assert_eq!(tags_of(&long), [("a".to_owned(), "é".repeat(LONGEST_VALUE / 2))]);
    }

    #[test]
    fn a_claim_is_kept_unless_it_may_be_personal() {
        for kept in [
            "billing-bot",
            "nightly report 2024",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "9f3c5548-1454-429e-8697-8debe82ce7ff",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "b7ad6b7169203331",
            "/orders/list",
            "psql",
            "",
            "one two three four five six seven eight",
        ] {
            assert_eq!(screened(kept), kept);
        }
        for hidden in [
            "ann@example.com",
            "4111111111111111",
            "4111 1111 1111 1111",
            "+1 (555) 010-2233",
            "123-45-6789",
            "order 12345",
            "one two three four five six seven eight nine",
            "a\u{1b}[31m",
            "00-4111111111111111-01",
        ] {
            assert_eq!(screened(hidden), SCREENED, "{hidden}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(pairs in prop::collection::vec(("[a-z]{1,9}", "[ -~é]{0,60}"), 1..8), at_end: bool) {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let body: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}='{}'", encode(value))).collect();
            let body = body.join(", ");
            let sql = if at_end { format!("SELECT 'x' /*{body}*/") } else { format!("/* {body} */ SELECT 'x'") };
            let screened: Vec<_> = pairs.iter().map(|(name, value)| (name.clone(), screened(value).into_owned())).collect();
            prop_assert_eq!(tags_of(&sql), screened);
        }

        #[test]
        fn any_text_is_read_within_the_bounds(text in "(/\\*)?[a-z'=,\\\\% */é]{0,60}(\\*/)?") {
            let tags = tags_of(&text);
            prop_assert!(tags.len() <= MOST);
            for (name, value) in tags {
                prop_assert!(name.len() <= LONGEST_NAME && value.len() <= LONGEST_VALUE);
            }
        }
    }

    #[test]
    fn a_password_typed_as_a_name_is_not_recorded() {
        for name in ["postgres", "etl_nightly", "worker-12", "Admin"] {
            assert_eq!(tried(name), name);
        }
        for secret in ["hunter2!", "Tr0ub4dor&3", "correct horse", "pa\u{1b}[2Jss", "4111111111111111", "x9k2m4", "ann@example.org"] {
            assert_eq!(tried(secret), SCREENED, "{secret}");
        }
    }
}
