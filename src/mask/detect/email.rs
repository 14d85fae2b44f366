//! Addresses of mail, those with letters of other alphabets included. What names a repository, a version or a digest with the same sign is
//! none.

use std::sync::LazyLock;

use memchr::{memchr_iter, memchr2_iter, memmem};

use super::plain::point;
use super::{Context, Finding, Scan, Sure};
use crate::mask::Kind;

/// What a mail system takes at most: longer ones reach nobody.
const LONGEST_LOCAL: usize = 256;
const LONGEST_DOMAIN: usize = 255;

/// Users that repositories are reached by.
const KEEPERS: &[&[u8]] = &[b"git", b"hg", b"svn"];

pub fn find(scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
    if !context.wanted.has(Kind::EMAIL) {
        return;
    }
    spelled(scan, found);
    if !scan.sight.at_sign {
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

/// Last labels that are no words of a sentence.
const USUAL: &[&[u8]] = &[
    b"ac", b"ai", b"biz", b"br", b"ca", b"ch", b"cn", b"co", b"com", b"cz", b"de", b"dev", b"dk", b"edu", b"es", b"eu", b"fi", b"fr",
    b"gov", b"info", b"io", b"jp", b"kr", b"mil", b"mx", b"net", b"nl", b"org", b"pl", b"pt", b"ru", b"se", b"sg", b"tr", b"tw", b"ua",
    b"uk", b"us", b"za",
];

/// Addresses with the signs written as words: `joe (at) example dot org`.
fn spelled(scan: &Scan<'_>, found: &mut Vec<Finding>) {
    // ` at example dot org` is as short as `a at b dot cc`.
    const SHORTEST: usize = 13;
    let text = scan.text;
    static DOT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b" dot "));
    let mut add = |at: usize, from: usize| {
        let start = local(text, at);
        if start < at
            && let Some(end) = spelled_domain(text, from)
        {
            found.push(Finding { kind: Kind::EMAIL, start, end, sure: Sure::Certain });
        }
    };
    let brackets = if scan.sight.bracket { text } else { b"" };
    for open in memchr2_iter(b'(', b'[', brackets) {
        if let Some(after) = text.get(open + 1..).and_then(|rest| word(rest, b"at")).map(|length| open + 1 + length)
            && matches!(text.get(after), Some(b')' | b']'))
        {
            add(open - usize::from(text.get(..open).is_some_and(|before| before.ends_with(b" "))), after + 1);
        }
    }
    let words = if scan.sight.lower && text.len() >= SHORTEST { text } else { b"" };
    for dot in DOT.find_iter(words) {
        // ` at example dot org`: one label, and a word before it.
        let before = text.get(dot.saturating_sub(64)..dot).unwrap_or_default();
        let label = before.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        let head = before.get(..before.len() - label).unwrap_or_default();
        let from = dot - label;
        // Without brackets both words are ordinary ones (`look at the dot on it`): the last label has to be one that addresses end with.
        let ends = |end: usize| {
            let last = text.get(from..end).and_then(|domain| domain.rsplit(|byte| matches!(byte, b' ' | b'.')).next());
            last.is_some_and(|last| USUAL.iter().any(|known| last.eq_ignore_ascii_case(known)))
        };
        if label > 0 && head.ends_with(b" at ") && spelled_domain(text, from).is_some_and(ends) {
            add(from - b" at ".len(), from);
        }
    }
}

/// How long a word is that the text begins with, in either case, spaces around it included.
fn word(text: &[u8], word: &[u8]) -> Option<usize> {
    let spaces = usize::from(text.first() == Some(&b' '));
    let end = spaces + word.len();
    let fits = text.get(spaces..end)?.eq_ignore_ascii_case(word);
    fits.then(|| end + usize::from(text.get(end) == Some(&b' ')))
}

/// Labels between dots, the dots as signs or as words; the last of letters.
fn spelled_domain(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from + usize::from(text.get(from) == Some(&b' '));
    let mut end = None;
    for place in 0..8 {
        let rest = text.get(at..)?;
        let label = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'-').count();
        if label == 0 {
            break;
        }
        if place > 0 && label > 1 && rest.get(..label)?.iter().all(u8::is_ascii_alphabetic) {
            end = Some(at + label);
        }
        let after = rest.get(label..)?;
        let dot = match after {
            [b'.', ..] => 1,
            [b' ', b'd' | b'D', ..] => word(after, b"dot").filter(|length| *length == 5).unwrap_or(0),
            [b'(' | b'[', ..] | [b' ', b'(' | b'[', ..] => {
                let open = 1 + usize::from(after.first() == Some(&b' '));
                let close = after.get(open..).and_then(|inner| word(inner, b"dot")).map(|length| open + length);
                let close = close.filter(|close| matches!(after.get(*close), Some(b')' | b']')));
                close.map_or(0, |close| close + 1 + usize::from(after.get(close + 1) == Some(&b' ')))
            }
            _ => 0,
        };
        if dot == 0 {
            break;
        }
        at += label + dot;
    }
    end
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
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

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
    fn signs_may_be_written_as_words() {
        for (text, address) in [
            ("write to joe.doe (at) example dot org, please", "joe.doe (at) example dot org"),
            ("joe(at)example.org", "joe(at)example.org"),
            ("joe [AT] mail [dot] example [DOT] org!", "joe [AT] mail [dot] example [DOT] org"),
            ("it is joe at example dot co dot uk now", "joe at example dot co dot uk"),
        ] {
            let mut found = Vec::new();
            find(&Scan { text: text.as_bytes(), sight: Sight::of(text.as_bytes()) }, &Context::NONE, &mut found);
            assert!(found.iter().any(|finding| &text[finding.start..finding.end] == address), "{text}: {found:?}");
        }
        for text in ["meet me at noon (at) the bar", "f(at)", "look at the dot on it", "see [at] 5.30"] {
            assert_eq!(marked(text), text);
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
