//! Secrets that say what they are: JSON web tokens, private keys, credentials in addresses.

use memchr::memmem;

use super::bytes::{Alphabet, Mix, begins};
use super::{Finding, Sure};
use crate::mask::Kind;

/// No run of a token is followed further.
pub(super) const LONGEST: usize = 8 * 1024;

/// Letters of a header that are decoded: `{"alg":"…"` is within them.
const HEADER: usize = 240;

/// A JSON web token, signed or encrypted, whose header is at `at`. One that was cut off counts from its second part on.
pub(super) fn jwt(text: &[u8], at: usize) -> Option<Finding> {
    if !begins(text, at) {
        return None;
    }
    let mut end = at;
    let mut parts = 0;
    loop {
        let run = Alphabet::URL64.run(text.get(end..)?, LONGEST);
        if parts == 0 && !is_header(text.get(at..at + run)?) {
            return None;
        }
        end += run;
        parts += 1;
        // Five parts at most; one may be empty, as the signature of `alg: none`.
        let goes_on = text.get(end) == Some(&b'.') && parts < 5;
        if !goes_on {
            break;
        }
        let next = text.get(end + 1);
        if next.is_none_or(|byte| !Alphabet::URL64.has(*byte)) && !(parts == 1 || parts == 2 && next != Some(&b'.')) {
            break;
        }
        end += 1;
    }
    (parts >= 2).then_some(Finding { kind: Kind::JWT, start: at, end, sure: Sure::Certain })
}

/// Whether it decodes to the beginning of an object that names an algorithm or a type.
fn is_header(part: &[u8]) -> bool {
    let mut decoded = [0; HEADER / 4 * 3];
    let mut length = 0;
    for four in part.get(..part.len().min(HEADER)).unwrap_or_default().chunks(4) {
        let mut bits = 0_u32;
        for byte in four {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'-' => 62,
                _ => 63,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - four.len());
        for byte in bits.to_be_bytes().into_iter().skip(1).take(four.len().saturating_sub(1)) {
            if let Some(slot) = decoded.get_mut(length) {
                *slot = byte;
                length += 1;
            }
        }
    }
    let decoded = decoded.get(..length).unwrap_or_default();
    let has = |word: &str| memmem::find(decoded, word.as_bytes()).is_some();
    decoded.first() == Some(&b'{') && ["\"alg\"", "\"typ\"", "\"enc\"", "\"kid\"", "\"cty\"", "\"zip\""].into_iter().any(has)
}

/// What the label of a key is at most: `ENCRYPTED PRIVATE KEY` and its like.
const LABEL: usize = 64;

/// A private key whose frame begins at `at`, up to the end of its frame; one that was cut off, to where its letters end.
pub(super) fn pem(text: &[u8], at: usize) -> Option<Finding> {
    let rest = text.get(at..)?;
    let label = rest.get(..rest.len().min(LABEL + 16))?;
    let close = memmem::find(label.get(10..)?, b"----")? + 10;
    let name = label.get(..close)?;
    memmem::find(name, b"PRIVATE KEY").or_else(|| memmem::find(name, b"SECRET KEY"))?;
    let body = close + 4;
    let end = match memmem::find(rest.get(body..)?, b"-END ").or_else(|| memmem::find(rest.get(body..)?, b"- END ")) {
        Some(end) => {
            let from = body + end + 5;
            let tail = rest.get(from..)?;
            let dashes = memmem::find(tail.get(..tail.len().min(LABEL + 16))?, b"----");
            let from = from + dashes.unwrap_or_else(|| tail.len().min(LABEL));
            from + rest.get(from..)?.iter().take_while(|byte| **byte == b'-').count()
        }
        None => rest.len(),
    };
    Some(Finding { kind: Kind::PEM_KEY, start: at, end: at + end, sure: Sure::Certain })
}

/// The longest scheme, and the longest of what stands before the host.
const SCHEME: usize = 24;
const AUTHORITY: usize = 512;
/// A user's name that is as long and as random as that is a token.
const TOKEN: usize = 16;

/// The password of an address whose `://` is at `at`; where the user's name is a token, that.
pub(super) fn url(text: &[u8], at: usize, end: usize) -> Option<Finding> {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let scheme = text.get(..at)?.iter().rev().take(SCHEME).take_while(|byte| is_scheme(byte)).count();
    if scheme < 2 {
        return None;
    }
    let named = text.get(at - scheme..at)?;
    let web = ["http", "https", "ws", "wss"].into_iter().any(|web| named.eq_ignore_ascii_case(web.as_bytes()));
    let rest = text.get(end..)?;
    let run = rest.get(..rest.len().min(AUTHORITY))?;
    let run = run.get(..run.iter().take_while(|byte| !ends_address(**byte)).count())?;
    let first = memchr::memchr(b'@', run)?;
    // What follows the first @ up to the path: a password may have one of its own.
    let tail = run.get(first..)?;
    let path = tail.iter().position(|byte| matches!(byte, b'/' | b'?' | b'\\')).unwrap_or(tail.len());
    let last = first + memchr::memrchr(b'@', tail.get(..path)?)?;
    let user_info = run.get(..last)?;
    let host = run.get(last + 1).copied()?;
    if !(host.is_ascii_alphanumeric() || matches!(host, b'[' | b'.' | b'$' | b'{' | b'<' | b'%' | b'/' | b'-' | b'_') || host >= 0x80) {
        return None;
    }
    let finding = |start: usize, stop: usize| {
        (start < stop).then_some(Finding { kind: Kind::URL_CREDENTIALS, start: end + start, end: end + stop, sure: Sure::Certain })
    };
    match memchr::memchr(b':', user_info) {
        Some(colon) => {
            let password = user_info.get(colon + 1..)?;
            // `https://host:8080/@somebody` has a port and a path; so has whatever has a slash before its first @ and is of the web.
            let port = password.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if password.get(port) == Some(&b'/') || web && memchr::memchr2(b'/', b'?', password).is_some() {
                return None;
            }
            let user = user_info.get(..colon)?;
            if is_stand_in(password) {
                return None;
            }
            // `https://TOKEN:x-oauth-basic@host`
            let start = if user.len() >= TOKEN && Mix::of(user).is_drawn() { 0 } else { colon + 1 };
            finding(start, last)
        }
        None if user_info.contains(&b'/') => None,
        None => {
            let mix = Mix::of(user_info);
            let drawn = user_info.len() >= TOKEN && mix.is_drawn() && mix.digits >= 2 && !user_info.contains(&b'.');
            if drawn { finding(0, last) } else { None }
        }
    }
}

/// What stands for a value that is put in elsewhere.
fn is_stand_in(value: &[u8]) -> bool {
    let braces = value.starts_with(b"${") || value.starts_with(b"{{") || value.starts_with(b"$(");
    braces || value.first() == value.last() && value.iter().all(|byte| matches!(byte, b'*' | b'.')) || value.starts_with(b"%s")
}

fn ends_address(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte.is_ascii_control() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b'|')
}

/// Where the address begins that `at` lies in: at its scheme, if it has one.
pub(super) fn address_start(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    let run = Alphabet::ADDRESS.run_back(before, AUTHORITY);
    let run_start = at - run;
    let scheme = memmem::rfind(text.get(run_start..at).unwrap_or_default(), b"://");
    match scheme {
        None => at,
        Some(mark) => {
            let mark = run_start + mark;
            mark - text.get(..mark).unwrap_or_default().iter().rev().take(SCHEME).take_while(|byte| byte.is_ascii_alphanumeric()).count()
        }
    }
}
