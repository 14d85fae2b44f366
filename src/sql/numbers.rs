//! The plain integers of a statement's text: what a standing grant can give room to. It knows nothing of what they mean.

use std::ops::Range;

use super::scan::{Scanner, Token};

/// Digits of any number that fits eight bytes.
const MOST_DIGITS: usize = 18;
/// A wider one is a `bigint` to the server, and what takes it may be another function.
const LAST_SHORT: i64 = 2_147_483_647;

/// A whole number as it stands in a text: digits alone, without a sign that could belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    pub value: i64,
    pub place: Range<usize>,
}

/// In order; `None` where the text cannot be read with certainty.
pub fn of(sql: &[u8]) -> Option<Vec<Number>> {
    let mut scanner = Scanner::new(std::str::from_utf8(sql).ok()?);
    let mut found = Vec::new();
    // The last token, and whether a number behind it stands for itself.
    let mut alone = true;
    while let Some((token, place)) = scanner.step().ok()? {
        let text = scanner.text(place.clone());
        match token {
            Token::Number => {
                if let Some(value) = plain(text).filter(|_| alone) {
                    found.push(Number { value, place });
                }
                alone = true;
            }
            Token::Block | Token::Line => {}
            // A comparison takes no part of it, as a sign may.
            Token::Operator => alone = text.bytes().all(|byte| matches!(byte, b'<' | b'>' | b'=')),
            Token::Mark(mark) => alone = !matches!(mark, b'.' | b':'),
            Token::Cast | Token::Dots => alone = false,
            Token::Word | Token::Quoted | Token::Text | Token::Parameter => alone = true,
        }
    }
    Some(found)
}

/// Digits without a zero before them.
fn plain(digits: &str) -> Option<i64> {
    let canonical =
        digits.len() <= MOST_DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

/// Whether the server reads them as numbers of the same type.
pub fn are_alike(one: i64, other: i64) -> bool {
    let is_short = |value: i64| value.unsigned_abs() <= LAST_SHORT.unsigned_abs();
    is_short(one) == is_short(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_stand_for_themselves_are_found() {
        let values = |sql: &str| of(sql.as_bytes()).map(|found| found.into_iter().map(|one| one.value).collect::<Vec<_>>());
        for (sql, expected) in [
            ("DELETE FROM t WHERE id = 5 AND n BETWEEN 1 AND 3000000000", &[5, 1, 3_000_000_000][..]),
            ("UPDATE t SET a = -5, b = 2 - 3, c = 7 WHERE id >= 10 AND x <> /* y */ 11", &[2, 7, 10, 11]),
            ("SELECT 007, 1.5, 1e3, 0x1f, 1_000, '8', $1, 9 LIMIT 10", &[9, 10]),
            ("SELECT a[1:2] FROM t1", &[1]),
            ("SELECT 9223372036854775808, 0", &[0]),
        ] {
            assert_eq!(values(sql).as_deref(), Some(expected), "{sql}");
        }
        assert_eq!(values("SELECT 'open"), None);
        assert!(are_alike(1, 2_147_483_647) && !are_alike(1, 2_147_483_648) && are_alike(-5, 5));
    }
}
