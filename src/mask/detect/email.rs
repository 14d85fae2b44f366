//! Addresses of mail, those with letters of other alphabets included. What names a repository, a version or a digest with the same sign is
//! none.

use memchr::memchr_iter;

use super::plain::point;
use super::{Context, Finding, Scan, Sure};
use crate::mask::Kind;

/// What a mail system takes at most: longer ones reach nobody.
const LONGEST_LOCAL: usize = 256;
const LONGEST_DOMAIN: usize = 255;

/// Users that repositories are reached by.
const KEEPERS: &[&[u8]] = &[b"git", b"hg", b"svn"];

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    if !scan.sight.at_sign || !context.wanted.has(Kind::EMAIL) {
        return;
    }
    for at in memchr_iter(b'@', scan.text) {
        let start = local(scan.text, at);
        let Some(end) = domain(scan.text, at + 1) else { continue };
        if start < at && !is_of_an_address(scan.text, start) && !is_repository(scan.text, start, at, end) {
            found.push(Finding { kind: Kind::EMAIL, start, end, sure: Sure::Certain });
        }
    }
}

/// Where the part before the sign begins.
fn local(text: &[u8], at: usize) -> usize {
    let floor = at.saturating_sub(LONGEST_LOCAL);
    let mut start = at;
    if text.get(floor..at).is_some_and(|before| before.ends_with(b"\"")) {
        // "any thing"@example.org
        let opening = text.get(floor..at - 1).and_then(|before| before.iter().rposition(|byte| matches!(byte, b'"' | b'\n')));
        return opening.filter(|place| text.get(floor + place) == Some(&b'"') && floor + place + 2 < at).map_or(at, |place| floor + place);
    }
    let dense = at.checked_sub(1).is_some_and(|last| script(text, last).0 == Script::Dense);
    while start > floor {
        let (script, first) = script(text, start - 1);
        let belongs = match script {
            Script::Ascii => text.get(start - 1).is_some_and(|byte| is_local(*byte)),
            Script::Alphabet => true,
            Script::Dense => dense,
            Script::None => false,
        };
        if !belongs {
            break;
        }
        start = first;
    }
    // A dot, a quote or a number sign in front belongs to what is around it.
    while text.get(start).is_some_and(|byte| start < at && b".'#".contains(byte)) {
        start += 1;
    }
    start
}

/// Where the part after the sign ends, if it can be one: labels between dots, the last of them of letters.
fn domain(text: &[u8], from: usize) -> Option<usize> {
    let limit = text.len().min(from + LONGEST_DOMAIN);
    let (mut at, mut end, mut labels, mut numbers) = (from, None, 0, 0);
    loop {
        let label = label(text, at, limit);
        let bytes = text.get(at..label)?;
        if bytes.is_empty() {
            break;
        }
        if bytes.iter().all(u8::is_ascii_digit) {
            numbers += 1;
        }
        labels += 1;
        let letters = bytes.iter().take_while(|byte| byte.is_ascii_alphabetic() || **byte >= 0x80).count();
        let last = if bytes.starts_with(b"xn--") { bytes.len() } else { letters };
        // Two numbers in a row are a version, not a host.
        if labels > 1 && last > 1 && numbers < 2 {
            end = Some(at + last);
        }
        if last != bytes.len() && labels > 1 && last > 1 && text.get(label) != Some(&b'.') {
            break;
        }
        if text.get(label) != Some(&b'.') {
            break;
        }
        at = label + 1;
    }
    end
}

/// Where a label ends. One of a dense script and one of letters do not run into one another.
fn label(text: &[u8], from: usize, limit: usize) -> usize {
    let mut at = from;
    let mut first = None;
    while at < limit {
        let Some(byte) = text.get(at).copied() else { break };
        if byte < 0x80 {
            if !(byte.is_ascii_alphanumeric() || byte == b'-') || first == Some(Script::Dense) {
                break;
            }
            first = first.or(Some(Script::Ascii));
            at += 1;
        } else {
            let (code, length) = point(text.get(at..).unwrap_or_default());
            let script = script_of(code);
            let joins = match script {
                Script::Alphabet => true,
                Script::Dense => first.is_none_or(|first| first == Script::Dense),
                Script::Ascii | Script::None => false,
            };
            if !joins {
                break;
            }
            first = first.or(Some(script));
            at += length;
        }
    }
    let end = text.get(from..at).map_or(0, |label| label.iter().rev().take_while(|byte| **byte == b'-').count());
    at - end
}

/// Bytes before say that it is who signs in at an address: `ssh://git@host`, `https://user:word@host`.
fn is_of_an_address(text: &[u8], start: usize) -> bool {
    let before = text.get(start.saturating_sub(LONGEST_LOCAL)..start).unwrap_or_default();
    let stop =
        before.iter().rposition(|byte| *byte == b'/' || byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b',' | b'<' | b'>'));
    before.get(..stop.map_or(0, |stop| stop + 1)).is_some_and(|before| before.ends_with(b"://"))
}

/// `git@host:owner/name.git`
fn is_repository(text: &[u8], start: usize, at: usize, end: usize) -> bool {
    let user = text.get(start..at).unwrap_or_default();
    KEEPERS.contains(&user) && text.get(end).is_some_and(|byte| matches!(byte, b':' | b'/'))
}

/// More is allowed, and means something else wherever values are written beside one another.
const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'#' | b'\'' | b'+' | b'-' | b'.' | b'_' | b'~')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Ascii,
    /// Letters that words with spaces between them are made of.
    Alphabet,
    /// Written without spaces: an address among such letters ends where they begin.
    Dense,
    /// Signs, and what is not text.
    None,
}

/// The script of the character that ends with the byte at `last`, and where that character begins.
fn script(text: &[u8], last: usize) -> (Script, usize) {
    let mut first = last;
    while first > 0 && last - first < 3 && text.get(first).is_some_and(|byte| byte & 0xC0 == 0x80) {
        first -= 1;
    }
    match text.get(first..) {
        Some([byte, ..]) if *byte < 0x80 => (Script::Ascii, last),
        Some(bytes) => (script_of(point(bytes).0), first),
        None => (Script::None, last),
    }
}

fn script_of(point: u32) -> Script {
    match point {
        0xC0..=0x1FFF | 0x2C00..=0x2DFF => Script::Alphabet,
        0x3005..=0x3007 | 0x3041..=0x9FFF | 0xAC00..=0xD7FF | 0x20000..=0x3FFFF => Script::Dense,
        _ => Script::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::Sight;

    /// What is found, each between brackets.
    fn marked(text: &str) -> String {
        let mut found = Vec::new();
        let scan = Scan { text: text.as_bytes(), sight: Sight::of(text.as_bytes()) };
        find(&scan, &Context::NONE, &mut found);
        let mut marked = text.to_owned();
        for finding in found.iter().rev() {
            marked.insert(finding.end, ']');
            marked.insert(finding.start, '[');
        }
        marked
    }

    #[test]
    fn addresses_are_found_as_a_whole() {
        for text in [
            "[joe@example.com]",
            "mail [joe.doe+tag@mail.example.co.uk].",
            "{[a@b.de],[c_d@e-f.org]}",
            "user=[brigitte_renaud@web.de] ip=1.2.3.4",
            "[jörg@bücher.example] and [jörg@例え.jp]",
            "邮箱是[joe@example.com]。请联系",
            "[LOLIVER84@EXAMPLE.COM]",
            "[id71817_w.arnold@mail.example.fr]_5180",
            "'[odalis.gaya@example.com]':3",
            "<[x@xn--bcher-kva.example]>",
            "[joe@163.com]",
            "mailto:[joe@example.com]?subject=x",
            "https://x.example.com/reset?m=[joe@example.com]&ts=1",
            "[joe@example.com]:hunter2",
            "[\"joe doe\"@example.com]",
            "[ivan@почта.рф]",
        ] {
            let bare: String = text.chars().filter(|letter| !matches!(letter, '[' | ']')).collect();
            assert_eq!(marked(&bare), text);
        }
    }

    #[test]
    fn other_uses_of_the_sign_are_none() {
        for text in [
            "git@github.com:owner/name.git",
            "ssh://git@bitbucket.org/owner/name.git",
            "react@18.2.0",
            "@types/node@20.4.1",
            "openssl@3",
            "nginx@sha256:6250938e30e0c1d4720af6efa79d42db",
            "https://user:secret@host.example.com/",
            "@joe on example.com",
            "a @ b.com",
            "x@1.2.3-beta.rc",
            "me@localhost",
            "@",
        ] {
            assert_eq!(marked(text), text);
        }
    }
}
