//! Names that a statement's text may give to something else: `PREPARE`, `DEALLOCATE`, `DECLARE` and `CLOSE` reach the same statements and
//! portals as the protocol does. It names rather one too many; what functions do inside is not seen here.

use memchr::memmem;

use super::scan::{Scanner, Token};
use super::shape;

/// What may be something else afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remade {
    Statement(Box<str>),
    Portal(Box<str>),
    All,
}

const WORDS: [&str; 6] = ["deallocate", "prepare", "declare", "close", "discard", "do"];

/// More names in one text are as good as all.
const MOST: usize = 16;

/// The server cuts names to this many bytes.
const LONGEST_NAME: usize = 63;

/// Reads `sql` whose shape this is. Most texts have no such word, and the shape, which is shorter and known, tells.
pub fn read(sql: &[u8], shape: &str) -> Vec<Remade> {
    let told = !shape.starts_with("(unread") && shape.len() <= shape::LONGEST;
    let text = if told { shape.as_bytes() } else { sql };
    let lower;
    let lower = if told {
        text
    } else {
        lower = text.to_ascii_lowercase();
        lower.as_slice()
    };
    if !WORDS.iter().any(|word| memmem::find(lower, word.as_bytes()).is_some()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let read = std::str::from_utf8(sql).ok().and_then(|sql| names(sql, &mut found));
    if read.is_none() || found.len() > MOST {
        return vec![Remade::All];
    }
    found
}

/// `None` for what cannot be read, or may make anything.
fn names(sql: &str, found: &mut Vec<Remade>) -> Option<()> {
    let mut scanner = Scanner::new(sql);
    // The word that a name is awaited behind, and whether a statement begins.
    let (mut behind, mut begins) = ("", true);
    while let Some((token, place)) = scanner.step().ok()? {
        let text = scanner.text(place);
        let lower = text.to_ascii_lowercase();
        match token {
            Token::Block | Token::Line => continue,
            Token::Word if behind == "deallocate" && lower == "prepare" => continue,
            Token::Word | Token::Quoted if !behind.is_empty() => {
                let name = if token == Token::Word { cut(&lower) } else { unquoted(text)? };
                if token == Token::Word && lower == "all" {
                    return None;
                }
                found.push(match behind {
                    "declare" | "close" => Remade::Portal(name),
                    _ => Remade::Statement(name),
                });
                behind = "";
            }
            Token::Word => {
                // Code that is sent with it may do all of this.
                if lower == "discard" || lower == "do" && begins {
                    return None;
                }
                behind = ["deallocate", "prepare", "declare", "close"].into_iter().find(|word| *word == lower).unwrap_or_default();
            }
            Token::Quoted
            | Token::Text
            | Token::Number
            | Token::Parameter
            | Token::Operator
            | Token::Cast
            | Token::Dots
            | Token::Mark(_) => behind = "",
        }
        begins = token == Token::Mark(b';');
        if found.len() > MOST {
            return None;
        }
    }
    Some(())
}

/// `None` where the name has escapes.
fn unquoted(text: &str) -> Option<Box<str>> {
    Some(cut(&text.strip_prefix('"')?.strip_suffix('"')?.replace("\"\"", "\"")))
}

fn cut(name: &str) -> Box<str> {
    name.get(..name.floor_char_boundary(LONGEST_NAME)).unwrap_or(name).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sql: &str) -> String {
        let mut shape = String::new();
        shape::write(sql.as_bytes(), &mut shape);
        let words = read(sql.as_bytes(), &shape).into_iter().map(|remade| match remade {
            Remade::Statement(name) => format!("statement {name}"),
            Remade::Portal(name) => format!("portal {name}"),
            Remade::All => "all".to_owned(),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn names_are_told_as_the_server_reads_them() {
        for (sql, expected) in [
            ("select 1", ""),
            ("insert into t values (1) on conflict do nothing", ""),
            ("select 'deallocate a'", ""),
            ("DeAllocate /* b */ A", "statement a"),
            ("deallocate prepare \"A\"\"b\"; PREPARE c(int) as select $1", "statement A\"b, statement c"),
            ("deallocate all", "all"),
            ("deallocate \"all\"", "statement all"),
            ("deallocate U&\"\\0061\"", "all"),
            ("declare C cursor for select 1; close \"d\"", "portal c, portal d"),
            ("close all", "all"),
            ("discard plans", "all"),
            ("select 1; do $$ begin end $$", "all"),
            ("prepare a as select 'x\\'; deallocate b", "all"),
        ] {
            assert_eq!(told(sql), expected, "{sql}");
        }
        let long = format!("deallocate {}", "é".repeat(40));
        assert_eq!(told(&long), format!("statement {}", "é".repeat(31)));
        assert_eq!(told(&"close a;".repeat(100)), "all");
        assert_eq!(told(&format!("select {} 1; deallocate a", "1 + ".repeat(100_000))), "statement a");
    }
}
