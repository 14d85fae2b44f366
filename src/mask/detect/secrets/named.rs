//! What stands behind a name that calls it a secret: `password=…`, `"api_key": "…"`, `Authorization: Bearer …`, `<token>…</token>`, `the
//! password is …`. Where the name is one and what stands between is as in a file or a request, nearly anything counts as its value; in a
//! sentence it must look like one as well.

use super::bytes::{Alphabet, Mix};
use super::names::{self, Said};
use super::{Finding, Sure};
use crate::mask::Kind;

/// A name longer than that is none; with the words before it.
const NAME: usize = 64;
/// Bytes between a name and its value, at most: quotes, brackets, spaces.
const BETWEEN: usize = 24;
/// A value is read so far.
const VALUE: usize = 1024;
/// Words of a sentence between a name and its value.
const FILLERS: usize = 4;

/// How a value stands with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As one writes it for a machine.
    Given,
    /// Behind a colon, for people or for a machine.
    Colon,
    /// In a sentence.
    Spoken,
}

/// Reads the name that the bytes from `start` to `end` are part of, and what stands behind it. Up to where it was read.
pub(super) fn find(text: &[u8], start: usize, end: usize, found: &mut Vec<Finding>) -> usize {
    let (first, last) = name_around(text, start, end);
    let Some(name) = text.get(first..last) else { return end };
    let Some(said) = names::said(name) else { return last };
    let Some((at, manner)) = value_start(text, first, last, said) else { return last };
    if said.kind == Kind::SESSION_ID && name_ends(name, b"cookie") {
        cookies(text, at, found);
        return last;
    }
    let at = if said.kind == Kind::BEARER || said.kind == Kind::API_KEY { after_scheme(text, at) } else { at };
    if let Some((from, to)) = value_at(text, at, manner, said) {
        found.push(Finding { kind: said.kind, start: from, end: to, sure: Sure::Likely });
    }
    last
}

fn name_ends(name: &[u8], end: &[u8]) -> bool {
    name.len().checked_sub(end.len()).and_then(|from| name.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') || byte >= 0x80
}

/// The name around a part of it: to its end, and to its beginning with two words before it, for names may be of several.
fn name_around(text: &[u8], start: usize, end: usize) -> (usize, usize) {
    let last = end + text.get(end..).unwrap_or_default().iter().take(NAME).take_while(|byte| is_of_name(**byte)).count();
    // A full stop at its end is that of a sentence, a parenthesis what it is called with.
    let trailing = text.get(start..last).unwrap_or_default().iter().rev().take_while(|byte| matches!(byte, b'.' | b'-' | b'(')).count();
    let last = last - trailing;
    let mut first = start;
    for word in 0..3 {
        let from = if word == 0 { first } else { first - usize::from(word > 0) };
        let before = text.get(..from).unwrap_or_default();
        let run = before.iter().rev().take(NAME).take_while(|byte| is_of_name(**byte)).count();
        if word > 0 && run == 0 {
            break;
        }
        first = from - run;
        if text.get(..first).and_then(<[u8]>::last) != Some(&b' ') {
            break;
        }
    }
    (first, last.max(end.min(text.len()) - usize::from(text.get(end.wrapping_sub(1)) == Some(&b'('))))
}

/// Where a value may begin behind a name, and how it stands there.
fn value_start(text: &[u8], first: usize, last: usize, said: Said) -> Option<(usize, Manner)> {
    let after = text.get(last..)?;
    let between = after.get(..after.len().min(BETWEEN))?;
    let closed = between.iter().take_while(|byte| matches!(byte, b'\\' | b'"' | b'\'' | b'`' | b']' | b'*')).count();
    let spaces = |from: usize| between.get(from..).unwrap_or_default().iter().take_while(|byte| is_space(**byte)).count();
    let mut at = closed + spaces(closed);
    let rest = between.get(at..)?;
    let in_tag = text.get(..first).is_some_and(|before| matches!(before.last(), Some(b'<' | b':')));
    let marks: &[(&[u8], Manner)] = &[
        (b"===", Manner::Given),
        (b"==", Manner::Given),
        (b"=>", Manner::Given),
        (b":=", Manner::Given),
        (b"::", Manner::Colon),
        (b"=", Manner::Given),
        (b"->", Manner::Colon),
        ("→".as_bytes(), Manner::Colon),
        ("：".as_bytes(), Manner::Colon),
        (b":", Manner::Colon),
        (b"%3D", Manner::Given),
        (b"%3d", Manner::Given),
        (b"%3A", Manner::Given),
        (b"%3a", Manner::Given),
        (b"(", Manner::Spoken),
        (b"|", Manner::Spoken),
        (b"- ", Manner::Spoken),
        ("– ".as_bytes(), Manner::Spoken),
        ("— ".as_bytes(), Manner::Spoken),
    ];
    if let Some((mark, manner)) = marks.iter().find(|(mark, _)| rest.starts_with(mark)) {
        at += mark.len();
        at += spaces(at);
        let manner = if *mark == b"(" && matches!(between.get(at), Some(b'\'')) { Manner::Given } else { *manner };
        return Some((last + at, manner));
    }
    if in_tag && closed == 0 && rest.first() == Some(&b'>') {
        return Some((last + at + 1, Manner::Given));
    }
    // `name="password" value="…"`
    if closed > 0 && rest.starts_with(b"value=") {
        return Some((last + at + 6, Manner::Given));
    }
    if closed > 0 && rest.first() == Some(&b',') {
        at += 1;
        return Some((last + at + spaces(at), Manner::Spoken));
    }
    if at == closed {
        return None;
    }
    // `PASSWORD 'x'`, `--token x`
    let quoted = matches!(rest.first(), Some(b'\'' | b'"'));
    let flag = text.get(first..last).is_some_and(|name| name.starts_with(b"--"));
    if flag || quoted && said.firm {
        return Some((last + at, Manner::Given));
    }
    (closed == 0).then(|| spoken(text, last + at)).flatten()
}

/// Words that people put between the two.
const SAID: &[&str] = &[
    "is", "was", "to", "as", "set", "now", "the", "a", "new", "reset", "changed", "updated", "will", "be", "use", "using", "es", "ist",
    "lautet", "est", "é", "è", "är", "er", "on", "jest", "to:", "is:", "=", "für", "for", "de", "del", "von", "into", "with", "a:", "auf",
    "zu", "var", "是", "为",
];

/// Where a value may begin after the words of a sentence that lead to it.
fn spoken(text: &[u8], from: usize) -> Option<(usize, Manner)> {
    let mut at = from;
    for _ in 0..FILLERS {
        let rest = text.get(at..)?;
        let word = rest.iter().take(NAME).take_while(|byte| !is_space(**byte)).count();
        let plain = rest.get(..word)?;
        if !SAID.iter().any(|said| said.as_bytes().eq_ignore_ascii_case(plain)) {
            break;
        }
        at += word;
        at += text.get(at..)?.iter().take(BETWEEN).take_while(|byte| is_space(**byte)).count();
        // `the password for bob is …`
        if plain.eq_ignore_ascii_case(b"for") {
            let rest = text.get(at..)?;
            at += rest.iter().take(NAME).take_while(|byte| !is_space(**byte)).count();
            at += text.get(at..)?.iter().take(BETWEEN).take_while(|byte| is_space(**byte)).count();
        }
    }
    Some((at, Manner::Spoken))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Words that say how what follows proves who somebody is.
const SCHEMES: &[&str] =
    &["bearer", "basic", "token", "apikey", "api-key", "ssws", "bot", "negotiate", "ntlm", "key", "genie", "splunk", "digest", "sharedkey"];

fn after_scheme(text: &[u8], at: usize) -> usize {
    let quote = usize::from(matches!(text.get(at), Some(b'"' | b'\'')));
    let rest = text.get(at + quote..).unwrap_or_default();
    let word = rest.iter().take(NAME).take_while(|byte| byte.is_ascii_alphabetic() || **byte == b'-').count();
    let known = rest.get(..word).is_some_and(|word| SCHEMES.iter().any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(word)));
    if known && rest.get(word).is_some_and(|byte| is_space(*byte)) {
        at + quote + word + rest.get(word..).unwrap_or_default().iter().take(BETWEEN).take_while(|byte| is_space(**byte)).count()
    } else {
        at
    }
}

/// `a=b; c=d`: of cookies those that are long and random.
fn cookies(text: &[u8], at: usize, found: &mut Vec<Finding>) {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.iter().take(VALUE * 4).take_while(|byte| !matches!(byte, b'\n' | b'\r' | b'"')).count();
    let mut from = at;
    for cookie in rest.get(..line).unwrap_or_default().split(|byte| *byte == b';') {
        if let Some(equals) = memchr::memchr(b'=', cookie) {
            let value = cookie.get(equals + 1..).unwrap_or_default();
            let run = Alphabet::ADDRESS.run(value, VALUE);
            let mix = Mix::of(value.get(..run).unwrap_or_default());
            if run >= 16 && mix.is_drawn() && !value.starts_with(b"GA1") {
                let start = from + equals + 1;
                found.push(Finding { kind: Kind::SESSION_ID, start, end: start + run, sure: Sure::Likely });
            }
        }
        from += cookie.len() + 1;
    }
}

/// The value at `at`, if it is one.
fn value_at(text: &[u8], at: usize, manner: Manner, said: Said) -> Option<(usize, usize)> {
    let rest = text.get(at..)?;
    // `b'…'`, `N'…'`, `r"…"`
    let prefix = usize::from(rest.first().is_some_and(u8::is_ascii_alphabetic) && matches!(rest.get(1), Some(b'\'' | b'"')));
    let rest = rest.get(prefix..)?;
    let slashes = rest.iter().take(8).take_while(|byte| **byte == b'\\').count();
    let quote = rest.get(slashes).copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    if let Some(quote) = quote {
        let start = at + prefix + slashes + 1;
        let inside = text.get(start..)?;
        if let Some(length) = closing(inside.get(..inside.len().min(VALUE))?, quote, slashes) {
            let value = inside.get(..length)?;
            let value_start = start + after_scheme(value, 0);
            let quoted = text.get(value_start..start + length)?;
            return counts(quoted, said, manner, true).then_some((value_start, start + length));
        }
    }
    let opened = prefix + slashes + usize::from(quote.is_some());
    let start = at + opened;
    let run = text.get(start..)?;
    let stops = |byte: &u8| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`');
    let mut length = run.iter().take(VALUE).take_while(|byte| !stops(byte)).count();
    let value = run.get(..length)?;
    length = cut(value, run.get(length).copied());
    let value = run.get(..length)?;
    let alone = text.get(start + length..).unwrap_or_default().iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let ends_there = alone.is_none_or(|byte| !byte.is_ascii_alphabetic());
    let manner = if manner == Manner::Colon && !ends_there { Manner::Spoken } else { manner };
    counts(value, said, manner, false).then_some((start, start + length))
}

/// Where the quote closes: behind as many backslashes as it was opened with.
fn closing(inside: &[u8], quote: u8, slashes: usize) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(quote, inside.get(from..)?)?;
        let before = inside.get(..at)?.iter().rev().take_while(|byte| **byte == b'\\').count();
        if before == slashes || slashes == 0 && before % 2 == 0 {
            return Some(at - before.min(slashes));
        }
        from = at + 1;
    }
}

/// How much of a value without quotes is the value.
fn cut(value: &[u8], next: Option<u8>) -> usize {
    // `a=b&c=d`, `a=b;c=d`: up to where another name follows. `\n` in a text that was escaped ends it, too.
    let mut length = value.len();
    for (at, byte) in value.iter().enumerate().filter(|(_, byte)| matches!(byte, b'&' | b';' | b',' | b'\\')) {
        let after = value.get(at + 1..).unwrap_or_default();
        let name = after.iter().take_while(|byte| is_of_name(**byte)).count();
        let named = name > 0 && matches!(after.get(name), Some(b'=' | b':')) || after.starts_with(b"\\");
        let escaped = *byte == b'\\' && matches!(after.first(), Some(b'n' | b'r' | b't' | b'\\'));
        if matches!(byte, b'&' | b';' | b',') && (named || after.is_empty()) || escaped {
            length = at;
            break;
        }
    }
    loop {
        let value = value.get(..length).unwrap_or_default();
        let opened = |open: u8| value.contains(&open);
        let drop = match value.last() {
            Some(b')') => !opened(b'('),
            Some(b']') => !opened(b'['),
            Some(b'}') => !opened(b'{'),
            Some(b'.' | b',' | b';' | b':') => next.is_none_or(is_space),
            Some(_) | None => false,
        };
        if !drop {
            return length;
        }
        length -= 1;
    }
}

/// Where the value lies in a text that a name around it speaks for: without the quotes and the spaces at its ends.
pub(super) fn value(text: &[u8], said: Said) -> Option<(usize, usize)> {
    let start = text.iter().take_while(|byte| is_space(**byte)).count();
    let rest = text.get(start..)?;
    let length = rest.len() - rest.iter().rev().take_while(|byte| is_space(**byte)).count();
    let scheme = if said.kind == Kind::BEARER { after_scheme(rest, 0) } else { 0 };
    let value = rest.get(scheme..length)?;
    counts(value, said, Manner::Given, true).then_some((start + scheme, start + length))
}

/// The same where the text has no name of its own, and its column holds other things, too: nothing but the value may be in it.
pub(super) fn alone(text: &[u8], kind: Kind) -> Option<(usize, usize)> {
    let (start, end) = value(text, Said { kind, firm: false })?;
    let value = text.get(start..end)?;
    let bare = value.len() - value.iter().rev().take_while(|byte| **byte == b'=').count();
    let value = value.get(..bare)?;
    let mix = Mix::of(value);
    let fits = if kind == Kind::PASSWORD {
        // An order's number has dashes and digits; an address has an @ and a dot behind it.
        let at_sign = value.iter().position(|byte| *byte == b'@');
        let address = at_sign.is_some_and(|at| value.get(at..).is_some_and(|host| host.contains(&b'.')));
        let marks = value.iter().any(|byte| b"!@#$%^&*+?~".contains(byte));
        let plain = mix.marks == 0 && mix.letters() >= 3 && mix.digits > 0 && mix.length < 24;
        (marks || plain) && !address && !value.iter().any(|byte| b"\"'{}<>=/".contains(byte)) && mix.length <= 64
    } else if kind == Kind::TOTP_SECRET {
        true
    } else {
        value.iter().all(|byte| Alphabet::LOOSE.has(*byte) && !matches!(byte, b'=' | b':' | b'%')) && mix.length >= 16
    };
    fits.then_some((start, end))
}

/// Whether a value is what its name says.
fn counts(value: &[u8], said: Said, manner: Manner, quoted: bool) -> bool {
    if value.is_empty() || value.len() > VALUE || is_stand_in(value, quoted) {
        return false;
    }
    let mix = Mix::of(value);
    let spaced = value.iter().any(|byte| is_space(*byte));
    let only_digits = mix.digits == mix.length;
    if said.kind == Kind::PASSWORD {
        let is_framed = quoted && manner != Manner::Spoken && said.firm;
        if spaced && (!is_framed || is_sentence(value)) {
            return false;
        }
        return match (manner, said.firm) {
            (Manner::Given, true) => mix.length >= 3,
            (Manner::Colon, true) => quoted || mix.length >= 4 && !is_word_of_forms(value),
            (Manner::Spoken, true) => mix.is_chosen() && !only_digits && !is_number_like(value),
            (Manner::Given | Manner::Colon, false) => {
                only_digits && (4..=8).contains(&mix.length) || mix.is_chosen() && !is_number_like(value)
            }
            (Manner::Spoken, false) => mix.length >= 8 && mix.is_chosen() && mix.letters() > 0 && mix.marks > 0 && mix.digits > 0,
        };
    }
    if said.kind == Kind::TOTP_SECRET {
        let letters = value.iter().filter(|byte| !matches!(byte, b' ' | b'-' | b'='));
        let base32 = letters.clone().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'2'..=b'7'));
        return base32 && letters.count() >= 16 && mix.is_varied() && (mix.digits > 0 || mix.upper == 0 || mix.lower == 0)
            || !spaced && mix.length >= 20 && mix.is_drawn();
    }
    if spaced {
        return said.firm && quoted && mix.length >= 20;
    }
    if only_digits || is_public(value) {
        return false;
    }
    if said.kind == Kind::AWS_SECRET {
        return mix.length >= 30 && mix.is_drawn();
    }
    let least = match (manner, said.kind) {
        (Manner::Spoken, _) => 16,
        (_, Kind::SESSION_ID | Kind::PASSWORD_HASH) => 16,
        (Manner::Given | Manner::Colon, _) => 8,
    };
    let code = !quoted && value.iter().any(|byte| matches!(byte, b'(' | b'[' | b'{'));
    let random = mix.is_drawn() || mix.length >= 12 && mix.digits > 0 && mix.letters() > 0 && mix.is_varied();
    mix.length >= least && random && !code && !is_dated(value)
}

/// Words that fill in for a value, or say that there is none.
const NOTHING: &[&str] = &[
    "null",
    "nil",
    "none",
    "undefined",
    "true",
    "false",
    "string",
    "str",
    "text",
    "varchar",
    "bool",
    "boolean",
    "number",
    "int",
    "integer",
    "any",
    "object",
    "yes",
    "no",
    "empty",
    "required",
    "optional",
    "redacted",
    "masked",
    "hidden",
    "filtered",
    "secret_key_here",
    "n/a",
    "unknown",
    "nan",
    "not",
    "void",
    "char",
    "bytea",
    "bytes",
    "uuid",
    "json",
    "jsonb",
];

/// What stands where a value will be put, or where one was.
fn is_stand_in(value: &[u8], quoted: bool) -> bool {
    let word = |words: &[&str]| words.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(value));
    let one = value.first().is_some_and(|first| value.iter().all(|byte| byte == first));
    let framed = matches!(
        (value.first(), value.last()),
        (Some(b'<'), Some(b'>')) | (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')) | (Some(b'%'), Some(b'%'))
    );
    let begins = |with: &str| value.starts_with(with.as_bytes());
    let put_in = begins("${") || begins("$(") || begins("{{") || begins("%s") || begins("%(") || begins("<%") || begins("#{");
    let parameter = !quoted && (begins("$") || begins(":") || begins("?") || begins("@"));
    word(NOTHING) || one || framed && value.len() < 64 || put_in || parameter && value.len() < 32 || !quoted && is_code(value)
}

/// `config.password`, `getenv("X")`, `params[:token]`: code that names it.
fn is_code(value: &[u8]) -> bool {
    let calls = value.iter().any(|byte| matches!(byte, b'(' | b'[')) && value.first().is_some_and(u8::is_ascii_alphabetic);
    let dotted = value.split(|byte| *byte == b'.');
    let part = |part: &[u8]| {
        part.first().is_some_and(u8::is_ascii_alphabetic) && part.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
    };
    calls && value.iter().take_while(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'.' | b'_')).count() >= 2
        || value.contains(&b'.') && dotted.clone().count() >= 2 && dotted.clone().all(part)
}

/// Words of forms, of states and of manuals that stand behind `password:`.
const FORMS: &[&str] = &[
    "required",
    "optional",
    "incorrect",
    "invalid",
    "expired",
    "reset",
    "changed",
    "wrong",
    "missing",
    "weak",
    "strong",
    "updated",
    "rotated",
    "never",
    "failed",
    "success",
    "ok",
    "set",
    "unset",
    "enabled",
    "disabled",
    "please",
    "enter",
    "must",
    "your",
    "the",
    "minimum",
    "forgot",
    "confirmed",
    "accepted",
    "rejected",
    "correct",
    "valid",
    "verified",
    "pending",
    "active",
    "inactive",
    "default",
    "encrypted",
    "hashed",
];

fn is_word_of_forms(value: &[u8]) -> bool {
    FORMS.iter().any(|word| word.as_bytes().eq_ignore_ascii_case(value))
}

/// Words of what a form says about a password.
const SENTENCES: &[&str] = &[
    "please",
    "enter",
    "your",
    "must",
    "required",
    "forgot",
    "forgotten",
    "the",
    "cannot",
    "should",
    "invalid",
    "incorrect",
    "expired",
    "again",
    "confirm",
    "change",
    "reset",
    "minimum",
    "characters",
    "veuillez",
    "bitte",
    "ingrese",
    "digite",
];

/// Several words with nothing but letters, one of them from a form.
fn is_sentence(value: &[u8]) -> bool {
    let mut words = value.split(|byte| is_space(*byte)).filter(|word| !word.is_empty());
    let letters =
        value.iter().all(|byte| byte.is_ascii_alphabetic() || is_space(*byte) || matches!(byte, b'.' | b',' | b'!' | b'?' | b'\'' | b':'));
    let of_forms = |word: &[u8]| SENTENCES.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word));
    letters && words.any(|word| of_forms(word) || names::said(word).is_some())
}

/// A date, a time, a version, an amount: digits and what people put between them.
fn is_number_like(value: &[u8]) -> bool {
    value.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b':' | b'/' | b',' | b'%' | b'T' | b'Z' | b'+'))
}

/// `2024-01-01T00:00:00Z` and its like behind a name such as `token`.
fn is_dated(value: &[u8]) -> bool {
    is_number_like(value)
        && value.iter().filter(|byte| matches!(byte, b'-' | b':')).count() >= 2
        && value.len() <= 32
        && !value.iter().any(|byte| byte.is_ascii_hexdigit() && byte.is_ascii_alphabetic())
}

/// Keys that everybody may see, addresses, paths.
fn is_public(value: &[u8]) -> bool {
    let begins = |with: &str| value.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with.as_bytes()));
    ["ssh-", "ecdsa-", "-----begin certificate", "-----begin public", "http://", "https://", "arn:", "s3://", "sha256:", "sha512-", "data:"]
        .into_iter()
        .any(begins)
        || value.first() == Some(&b'/') && value.iter().filter(|byte| **byte == b'/').count() >= 2 && value.contains(&b'.')
}
