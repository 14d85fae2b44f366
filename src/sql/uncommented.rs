//! What of a message the server runs: its tokens, without the comments and the space between them. Two messages that are equal in this
//! are the same to the server, whatever tags a client puts into their comments.

use zeroize::Zeroizing;

use super::scan::{Scanner, Token};

/// The tokens, each behind its length, so that none can be taken for parts of others. `None` where it is not certain where tokens begin and end.
pub fn uncommented(sql: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut scanner = Scanner::new(std::str::from_utf8(sql).ok()?);
    // A byte of kind and a length for each token, most of which are longer than a letter.
    let mut tokens = Zeroizing::new(Vec::with_capacity(sql.len().saturating_mul(3)));
    while let Some((token, place)) = scanner.step().ok()? {
        let kind = match token {
            Token::Block | Token::Line => continue,
            Token::Word => b'w',
            Token::Quoted => b'q',
            Token::Text => b't',
            Token::Number => b'n',
            Token::Parameter => b'p',
            Token::Operator => b'o',
            Token::Cast => b'c',
            Token::Dots => b'd',
            Token::Mark(_) => b'm',
        };
        let text = scanner.text(place).as_bytes();
        tokens.push(kind);
        tokens.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
        tokens.extend_from_slice(text);
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_space_make_no_difference() {
        let plain = uncommented(b"SELECT 'a' FROM t WHERE x = 1").unwrap();
        for same in [
            "/* run='1' */ SELECT 'a' FROM t WHERE x = 1",
            "SELECT 'a' FROM t WHERE x = 1 /* run='2' */ -- so",
            "SELECT/**/'a'\n\tFROM /* /* nested */ */ t -- t2\nWHERE x = 1",
        ] {
            assert_eq!(uncommented(same.as_bytes()).as_ref(), Some(&plain), "{same}");
        }
    }

    #[test]
    fn whatever_the_server_reads_does() {
        let texts = [
            "SELECT 'a' FROM t WHERE x = 1",
            "SELECT 'a' FROM t WHERE x = 1;",
            "SELECT 'a ' FROM t WHERE x = 1",
            "SELECT '/**/a' FROM t WHERE x = 1",
            "SELECT '--a' FROM t WHERE x = 1",
            "SELECT $$/**/a$$ FROM t WHERE x = 1",
            "SELECT \"a/**/\" FROM t WHERE x = 1",
            "SELECT \"a\" FROM t WHERE x = 1",
            "SELECT 'a' 'b'",
            "SELECT 'a'\n'b'",
            "SELECT e'a'",
            "SELECT e 'a'",
            "SELECT 1 2",
            "SELECT 12",
            "SELECT 1 - 1",
            "SELECT 1 -- 1",
            "SELECT - - 1",
        ];
        for (at, one) in texts.iter().enumerate() {
            for other in texts.iter().skip(at + 1) {
                assert_ne!(uncommented(one.as_bytes()).unwrap(), uncommented(other.as_bytes()).unwrap(), "{one} {other}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_not() {
        for unreadable in [b"SELECT 'a".as_slice(), b"SELECT /* a", b"SELECT \xff", b"SELECT 'a\\' /* ' */"] {
            assert_eq!(uncommented(unreadable), None);
        }
    }
}
