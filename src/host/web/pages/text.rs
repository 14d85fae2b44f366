//! Text of others as markup: what is hidden in it stands out as its code point.

use maud::{Markup, html};

use crate::host::visible::{Piece, pieces};
use crate::host::web::shown::Text;

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

/// What was sent, whole.
pub fn sent(text: &Text) -> Markup {
    html! {
        @match text {
            Text::Text(text) => pre.sql tabindex="0" { code { (lines(text)) } },
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
