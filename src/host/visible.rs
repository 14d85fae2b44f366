//! Text that strangers wrote, as people can see it: what acts on a terminal or on a reader's eye instead of being seen is told apart from what
//! is seen. It changes nothing and draws nothing.

/// Whether a character acts instead of being seen: controls, direction marks, what has no width, and what looks like a line's end.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Letters of other scripts that are drawn as Latin ones are, and signs that stand for them.
fn is_double(letter: char) -> bool {
    letter.is_alphanumeric()
        && matches!(letter,
            '\u{370}'..='\u{58f}' | '\u{10a0}'..='\u{10ff}' | '\u{13a0}'..='\u{13ff}' | '\u{1c80}'..='\u{1cbf}' | '\u{1f00}'..='\u{1fff}'
            | '\u{2c80}'..='\u{2dff}' | '\u{a4d0}'..='\u{a4ff}' | '\u{a640}'..='\u{a69f}' | '\u{ab70}'..='\u{abbf}')
}

/// Spaces that are not the one people type, and letters in another dress: nobody writes SQL with them by hand.
fn is_dressed(letter: char) -> bool {
    matches!(letter, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{3000}' | '\u{2100}'..='\u{214f}' | '\u{2460}'..='\u{24ff}'
        | '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}')
}

/// A stretch of text that can be shown as it is, or one character that is shown as its code point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    Plain(&'t str),
    Hidden(char),
}

/// The pieces of a text of several lines: ends of lines and tabs stay. A letter that could be taken for a Latin one is hidden where it stands
/// in one word with Latin ones.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        let length = if in_word(first) { rest.find(|letter| !in_word(letter)) } else { rest.find(in_word) };
        let (part, after) = rest.split_at_checked(length.unwrap_or(rest.len())).unwrap_or((rest, ""));
        let mixed = part.contains(|letter: char| letter.is_ascii_alphabetic());
        let stays = |letter: char| {
            let hidden = is_hidden(letter) && !matches!(letter, '\n' | '\t');
            let doubtful = is_dressed(letter) || mixed && is_double(letter);
            !hidden && !doubtful
        };
        split(part, stays, &mut pieces);
        rest = after;
    }
    pieces
}

fn split<'t>(part: &'t str, stays: impl Fn(char) -> bool, pieces: &mut Vec<Piece<'t>>) {
    let mut rest = part;
    while !rest.is_empty() {
        let (plain, after) = rest.find(|letter| !stays(letter)).and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        if !plain.is_empty() {
            pieces.push(Piece::Plain(plain));
        }
        let mut letters = after.chars();
        pieces.extend(letters.next().map(Piece::Hidden));
        rest = letters.as_str();
    }
}

/// Whether something in it is not what it looks like.
pub fn deceives(text: &str) -> bool {
    pieces(text).iter().any(|piece| matches!(piece, Piece::Hidden(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let show = |piece: &Piece<'_>| match piece {
            Piece::Plain(text) => (*text).to_owned(),
            Piece::Hidden(letter) => format!("<{:X}>", u32::from(*letter)),
        };
        pieces(text).iter().map(show).collect()
    }

    #[test]
    fn what_is_not_what_it_looks_like_is_told_apart() {
        for (text, expected) in [
            ("SELECT 'Größe', '数据', 'данные', 'тест_2'\n\tFROM t", "SELECT 'Größe', '数据', 'данные', 'тест_2'\n\tFROM t"),
            ("a\u{202e}b\r\nc", "a<202E>b<D>\nc"),
            ("DROP TABLE us\u{435}rs", "DROP TABLE us<435>rs"),
            ("us\u{200b}ers", "us<200B>ers"),
            ("\u{ff34}able", "<FF34>able"),
            ("SELECT\u{a0}1", "SELECT<A0>1"),
            ("\u{0}", "<0>"),
            ("", ""),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(deceives(text), shown(text) != text, "{text}");
        }
    }
}
