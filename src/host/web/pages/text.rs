//! Text of others as markup: what is hidden in it stands out as its code point.

use maud::{Markup, html};

use crate::host::visible::{Piece, pieces};
use crate::host::web::shown::Text;
use crate::sql::scan::{Scanner, Token};

/// Longer values are cut; the rest is told by its length.
const MOST_VALUE: usize = 4096;

fn code_point(letter: char) -> Markup {
    html! { span.hidden title="this character cannot be seen, or looks like another one" { (format!("U+{:04X}", u32::from(letter))) } }
}

/// One line.
pub fn words(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Plain(plain) => {
                    @for letter in plain.split_inclusive(['\n', '\t']) {
                        @if let Some(before) = letter.strip_suffix('\n') { (before) (code_point('\n')) }
                        @else if let Some(before) = letter.strip_suffix('\t') { (before) (code_point('\t')) }
                        @else { (letter) }
                    }
                }
                Piece::Hidden(letter) => (code_point(letter)),
            }
        }
    }
}

/// A point of time, to the second.
pub fn moment(time: &str) -> Markup {
    let shown = time.split_once('.').map_or(time, |(before, _)| before).replace('T', " ");
    html! { time datetime=(time) { (shown) " UTC" } }
}

/// A point of time that something has to be done before: where scripts run it counts down.
pub fn deadline(time: &str) -> Markup {
    let shown = time.split_once('.').map_or(time, |(before, _)| before).replace('T', " ");
    html! { time datetime=(time) data-until="" { (shown) " UTC" } }
}

/// Several lines, as they are.
pub fn lines(text: &str) -> Markup {
    html! {
        @for piece in pieces(text) {
            @match piece {
                Piece::Plain(plain) => (plain),
                Piece::Hidden(letter) => (code_point(letter)),
            }
        }
    }
}

/// Words that say what a statement does; they stand out.
const SAYING: [&str; 72] = [
    "add",
    "all",
    "alter",
    "and",
    "any",
    "as",
    "begin",
    "between",
    "by",
    "call",
    "cascade",
    "case",
    "commit",
    "conflict",
    "constraint",
    "copy",
    "create",
    "cross",
    "default",
    "delete",
    "distinct",
    "do",
    "drop",
    "else",
    "end",
    "exists",
    "explain",
    "from",
    "full",
    "function",
    "grant",
    "group",
    "having",
    "in",
    "index",
    "inner",
    "insert",
    "into",
    "is",
    "join",
    "key",
    "lateral",
    "left",
    "limit",
    "merge",
    "not",
    "null",
    "on",
    "or",
    "order",
    "primary",
    "returning",
    "revoke",
    "right",
    "rollback",
    "schema",
    "select",
    "set",
    "table",
    "then",
    "to",
    "truncate",
    "union",
    "update",
    "using",
    "values",
    "view",
    "when",
    "where",
    "window",
    "with",
    "without",
];

/// SQL by its tokens. From where it cannot be told what they are, it is text like any other; a comment is no paler than what runs.
fn highlighted(sql: &str) -> Markup {
    let mut scanner = Scanner::new(sql);
    let mut parts = Vec::new();
    let mut at = 0;
    while let Ok(Some((token, place))) = scanner.step() {
        let text = scanner.text(place.clone());
        let class = match token {
            Token::Word if SAYING.iter().any(|word| text.eq_ignore_ascii_case(word)) => "says",
            Token::Text | Token::Number | Token::Parameter => "given",
            Token::Block | Token::Line => "aside",
            Token::Quoted => "named",
            Token::Word | Token::Operator | Token::Cast | Token::Dots | Token::Mark(_) => "",
        };
        if !class.is_empty() {
            parts.push(("", sql.get(at..place.start).unwrap_or_default()));
            parts.push((class, text));
            at = place.end;
        }
    }
    parts.push(("", sql.get(at..).unwrap_or_default()));
    html! {
        @for (class, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            @if class.is_empty() { (lines(text)) } @else { span class=(class) { (lines(text)) } }
        }
    }
}

/// What was sent, whole.
pub fn sent(text: &Text) -> Markup {
    html! {
        @match text {
            Text::Text(text) => pre.sql tabindex="0" { code { (highlighted(text)) } },
            Text::Hex(digits) => { p.warn { "It is no text in UTF-8. Its bytes:" } pre.sql tabindex="0" { code { (digits) } } },
            Text::Null => p { "Nothing." },
        }
    }
}

/// A parameter's value.
pub fn value(text: &Text) -> Markup {
    match text {
        Text::Text(text) => cut(text),
        Text::Hex(digits) => html! { "\\x" (cut(digits)) },
        Text::Null => html! { em { "NULL" } },
    }
}

fn cut(text: &str) -> Markup {
    let at = (0..=MOST_VALUE.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (shown, rest) = text.split_at_checked(at).unwrap_or((text, ""));
    html! {
        code { (words(shown)) }
        @if !rest.is_empty() { " … and " (rest.len()) " bytes more: " code { "pgsluice show" } " has them" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_highlighted_is_the_same_text_in_order() {
        for sql in [
            "SELECT a, 'it''s' FROM \"T\" -- done\nWHERE x = $1 AND y > 2.5 /* why */",
            "DROP TABLE us\u{435}rs; SELECT 'a\u{202e}b'",
            "SELECT 'never closed",
            "",
            "<script>alert(1)</script>",
        ] {
            let shown = highlighted(sql).into_string();
            let plain = lines(sql).into_string();
            let bare = |markup: &str| {
                let mut out = String::new();
                let mut rest = markup;
                while let Some((before, after)) = rest.split_once('<') {
                    out.push_str(before);
                    rest = after.split_once('>').unwrap().1;
                }
                out + rest
            };
            assert_eq!(bare(&shown), bare(&plain), "{shown}");
        }
        let shown = highlighted("drop table a -- 'x'\n; select 'y'").into_string();
        assert!(shown.contains("<span class=\"says\">drop</span>") && shown.contains("<span class=\"given\">'y'</span>"), "{shown}");
        assert!(shown.contains("<span class=\"aside\">-- 'x'</span>"), "{shown}");
    }
}
