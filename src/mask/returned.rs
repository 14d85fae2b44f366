//! Knows what was put in the place of values when an agent sends it back: `[EMAIL]`, a token, `***@example.com`. What was replaced by NULL or
//! by a number has no mark, and is not known again.

use super::profile::Profile;
use super::token;

/// The longest name of a kind, and then some.
const LONGEST_NAME: usize = 40;
/// Bytes of a mask at most: what is looked through in pieces keeps so many of the piece before.
pub const LONGEST: usize = token::LONGEST;

/// Whether a mask stands anywhere in a text.
pub fn holds_mask(text: &[u8], profile: &Profile) -> bool {
    named(text, profile) || token::holds_token(text) || memchr::memchr(b'*', text).is_some() && partial(text)
}

/// `[EMAIL]`
fn named(text: &[u8], profile: &Profile) -> bool {
    memchr::memchr_iter(b'[', text).any(|at| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let name =
            rest.iter().take(LONGEST_NAME).take_while(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || **letter == b'_');
        let length = name.count();
        let name = rest.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default();
        rest.get(length) == Some(&b']') && profile.is_kind(name)
    })
}

/// `***@example.com`, `C*** W***`, `****-1111`, `10.1.*.*`: words that people do not write.
fn partial(text: &[u8]) -> bool {
    let mut words = text.split(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b';' | b'{' | b'}' | b'|'));
    words.any(|word| {
        let stars = word.iter().filter(|byte| **byte == b'*').count();
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let domain = word.strip_prefix(b"***@").is_some_and(|domain| domain.contains(&b'.'));
        let initial = word.strip_suffix(b"***").is_some_and(|first| std::str::from_utf8(first).is_ok_and(is_initial));
        let number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'-' | b'.' | b'/' | b'(' | b')' | b'+' | b':');
        domain || initial || stars >= 2 && digits >= 2 && word.iter().all(number)
    })
}

fn is_initial(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_known_again() {
        let profile = Profile::default();
        for mask in [
            "[EMAIL]",
            "call [PHONE] now",
            "{\"a\": \"[US_SSN]\"}",
            "***@example.com",
            "C*** W***",
            "****-****-****-1111",
            "10.1.*.*",
            "1983-**-**",
        ] {
            assert!(holds_mask(mask.as_bytes(), &profile), "{mask}");
        }
        for not in [
            "[email]",
            "[TODO]",
            "[]",
            "a[0]",
            "***bold***",
            "2 * 3",
            "5 stars: *****",
            "select * from t",
            "tok_email",
            "/* x */",
            "[EMAIL",
            "a*b*c 12",
        ] {
            assert!(!holds_mask(not.as_bytes(), &profile), "{not}");
        }
    }
}
