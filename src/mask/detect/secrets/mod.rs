//! Secrets: what vendors give a prefix to, tokens that say by themselves what they are, hashes of passwords, credentials in addresses, and
//! whatever a name beside it calls a password, a key or a token. It knows no column and no policy but what the context tells.
//!
//! One pass over a text says where anything of that kind could begin; the rest looks at the bytes around such a place, never further than a bound,
//! and never twice at what is found already.

mod bytes;
mod carriers;
mod hash;
mod named;
mod names;
mod scan;
mod shapes;

use std::sync::LazyLock;

use memchr::memmem;

use self::bytes::{Alphabet, Mix, begins, ends};
use self::scan::Scanner;
use self::shapes::{SHAPES, Shape};
use super::{Context, Finding, Scan, Sight, Sure};
use crate::mask::{Kind, KindSet};

/// Shorter than any secret with its name, and than any token.
const SHORTEST: usize = 8;
/// What has no digit and none of the marks that stand between a name and its value is looked at from here on: `<pwd>…</pwd>`.
const SHORTEST_PLAIN: usize = 16;

/// The kinds of this family.
const KINDS: KindSet = KindSet::of(&[
    Kind::PASSWORD,
    Kind::PASSWORD_HASH,
    Kind::API_KEY,
    Kind::BEARER,
    Kind::SESSION_ID,
    Kind::TOTP_SECRET,
    Kind::AWS_SECRET,
    Kind::URL_CREDENTIALS,
    Kind::JWT,
    Kind::PEM_KEY,
    Kind::AWS_KEY_ID,
    Kind::GITHUB_TOKEN,
    Kind::GITLAB_TOKEN,
    Kind::GOOGLE_API_KEY,
    Kind::NPM_TOKEN,
    Kind::OPENAI_KEY,
    Kind::SENDGRID_KEY,
    Kind::SLACK_TOKEN,
    Kind::SLACK_WEBHOOK,
    Kind::STRIPE_KEY,
    Kind::VENDOR_TOKEN,
]);

/// Those of them that only their surroundings tell.
const TOLD: KindSet = KindSet::of(&[Kind::PASSWORD, Kind::API_KEY, Kind::BEARER, Kind::SESSION_ID, Kind::TOTP_SECRET, Kind::AWS_SECRET]);

/// What begins where a fixed word stands.
#[derive(Debug, Clone, Copy)]
enum Begin {
    Shape(&'static Shape),
    /// Part of a name that calls its value a secret.
    Name,
    Jwt,
    Pem,
    Url,
    Hash(&'static hash::Form),
}

/// Finds secrets.
#[derive(Debug)]
pub(super) struct Secrets {
    words: Scanner,
    begins: Vec<Begin>,
}

impl Secrets {
    pub fn new() -> Self {
        let shapes = SHAPES.iter().map(|shape| (shape.fixed, Begin::Shape(shape)));
        let names = names::ROOTS.iter().map(|root| (*root, Begin::Name));
        let hashes = hash::FORMS.iter().map(|form| (form.fixed, Begin::Hash(form)));
        let others = [("eyJ", Begin::Jwt), ("ewog", Begin::Jwt), ("-----BEGIN", Begin::Pem), ("---- BEGIN", Begin::Pem)];
        let urls = [("://", Begin::Url), (":\\/\\/", Begin::Url)];
        let (words, begins): (Vec<&str>, Vec<_>) = shapes.chain(names).chain(hashes).chain(others).chain(urls).unzip();
        Self { words: Scanner::new(words.into_iter()), begins }
    }

    /// Adds what is found, in no order; one may lie over another.
    pub fn find(&self, scan: &Scan<'_>, context: &Context<'_>, found: &mut Vec<Finding>) {
        if context.wanted.and(KINDS).is_empty() {
            return;
        }
        let text = scan.text;
        whole(text, context, found);
        if context.expected.has(Kind::PASSWORD) && scan.sight.digits > 0 {
            literals(text, found);
        }
        let sight = scan.sight;
        let letters = sight.lower || sight.upper > 0 || sight.high;
        let marked = sight.digits > 0 || sight.colon || sight.equals || sight.dash || sight.high;
        if text.len() < SHORTEST || !letters || !marked && text.len() < SHORTEST_PLAIN || !may_hold(text, &sight) {
            return;
        }
        let from = found.len();
        // Up to where the last name was read, and up to where something is found that is sure.
        let (mut read, mut covered) = (0, 0);
        self.words.each(text, |hit| {
            let Some(begin) = self.begins.get(hit.word) else { return };
            let (start, end) = (hit.start, hit.end);
            if start < covered {
                return;
            }
            let finding = match begin {
                Begin::Shape(shape) => of_shape(text, start, shape),
                Begin::Jwt => carriers::jwt(text, start),
                Begin::Pem => carriers::pem(text, start),
                Begin::Url => carriers::url(text, start, end),
                Begin::Hash(form) => hash::find(text, start, form),
                Begin::Name => {
                    if start >= read {
                        read = named::find(text, start, end, found);
                    }
                    None
                }
            };
            if let Some(finding) = finding {
                if finding.sure == Sure::Certain {
                    covered = covered.max(finding.end);
                }
                found.push(finding);
            }
        });
        beside_key_ids(text, from, found);
    }
}

/// Whether a text can hold any. What nothing is given to by a sign has to be told from words by its digits or its capitals; of small letters alone
/// there is only the seed of one-time passwords.
fn may_hold(text: &[u8], sight: &Sight) -> bool {
    let drawn = sight.digits > 0 || sight.upper > 0 || sight.high;
    let given = sight.colon || sight.equals || sight.angle || sight.quote;
    // An address needs no random part; `--password …` is a flag.
    let written = sight.slash && sight.dot || sight.dash && memmem::find(text, b"--").is_some();
    drawn || given || written || text.len() >= SHORTEST_SEED && SEEDS.iter().any(|seed| seed.find(text).is_some())
}

/// The shortest name of a seed and the shortest seed.
const SHORTEST_SEED: usize = 20;

/// What is in every name of a seed that is written in small letters without a digit.
static SEEDS: LazyLock<[memmem::Finder<'static>; 4]> = LazyLock::new(|| ["otp", "mfa", "secret", "authenticator"].map(memmem::Finder::new));

/// What the context says of the text as a whole: the name it has, or what its column speaks for.
fn whole(text: &[u8], context: &Context<'_>, found: &mut Vec<Finding>) {
    if !context.name.is_empty()
        && let Some(said) = names::said(context.name)
        && let Some((start, end)) = named::value(text, said)
    {
        found.push(Finding { kind: said.kind, start, end, sure: Sure::Likely });
    }
    let expected = context.expected.and(TOLD);
    if expected.is_empty() {
        return;
    }
    for kind in expected.iter() {
        // What is expected of a column need not be what each of its values is.
        if let Some((start, end)) = named::alone(text, kind) {
            found.push(Finding { kind, start, end, sure: Sure::Maybe });
        }
    }
}

/// A token of a shape whose fixed part is at `at`, in whatever case.
fn of_shape(text: &[u8], at: usize, shape: &Shape) -> Option<Finding> {
    let from = at + shape.fixed.len();
    if text.get(at..from)? != shape.fixed.as_bytes() || !shape.anywhere && !begins(text, at) {
        return None;
    }
    let rest = text.get(from..)?;
    let mut length = shape.letters.run(rest, carriers::LONGEST);
    // The end of a sentence is no part of it.
    length -= rest.get(..length)?.iter().rev().take_while(|byte| b".,;:!?&*".contains(byte)).count();
    let run = rest.get(..length)?;
    if length < shape.least || length > shape.most && !shape.anywhere || !ends(text, from + length) && !shape.anywhere {
        return None;
    }
    if !shape.within.is_empty() && memmem::find(run, shape.within.as_bytes()).is_none() {
        return None;
    }
    let mut start = at;
    if let Some((letters, least, most)) = shape.before {
        let head = text.get(..at)?;
        let mut before = letters.run_back(head, most + 1);
        // `\n` in a text that was escaped: its letter is none of the token's.
        let escaped = head.get(..at - before).is_some_and(|rest| rest.last() == Some(&b'\\'));
        before -= usize::from(escaped && before > 0 && matches!(head.get(at - before), Some(b'n' | b'r' | b't')));
        if !(least..=most).contains(&before) || length > shape.most {
            return None;
        }
        start -= before;
        let mix = Mix::of(text.get(start..from + length)?);
        if !mix.is_drawn() {
            return None;
        }
    } else if shape.address {
        start = carriers::address_start(text, at);
    } else if shape.least >= SHORTEST {
        let mix = Mix::of(run);
        // Words with dashes between them are none, whatever they begin with.
        let drawn = mix.is_varied() && (mix.digits > 0 || mix.lower == 0 || mix.turns >= 2 || mix.upper >= 3);
        if !drawn {
            return None;
        }
    }
    Some(Finding { kind: shape.kind, start, end: from + length, sure: Sure::Certain })
}

/// Bytes around the id of a key in which its secret is looked for.
const BESIDE: usize = 256;
/// AWS: forty letters of base64.
const AWS_SECRET: usize = 40;

/// What is written beside the id of an AWS key, forty letters long and drawn at random, is its secret.
fn beside_key_ids(text: &[u8], from: usize, found: &mut Vec<Finding>) {
    for at in from..found.len() {
        let Some(id) = found.get(at).copied().filter(|finding| finding.kind == Kind::AWS_KEY_ID) else { continue };
        secrets_in(text, id.end, text.len().min(id.end + BESIDE), found);
        secrets_in(text, id.start.saturating_sub(BESIDE), id.start, found);
    }
}

fn secrets_in(text: &[u8], from: usize, to: usize, found: &mut Vec<Finding>) {
    let mut at = from;
    while at < to {
        let rest = text.get(at..).unwrap_or_default();
        // What separates the two may be a letter of the alphabet.
        let mark = usize::from(at == from && rest.first() == Some(&b'/'));
        let run = Alphabet::BASE64.run(rest.get(mark..).unwrap_or_default(), BESIDE);
        let mix = Mix::of(rest.get(mark..mark + run).unwrap_or_default());
        if run == AWS_SECRET && mix.is_drawn() && mix.upper > 0 && mix.lower > 0 {
            found.push(Finding { kind: Kind::AWS_SECRET, start: at + mark, end: at + mark + run, sure: Sure::Likely });
        }
        at += mark + run + 1;
    }
}

/// Lengths of passwords that people and programs make.
const PASSWORD_LENGTHS: std::ops::RangeInclusive<usize> = 8..=128;

/// Literals in the text of a statement that look like nothing but passwords: one word with letters, digits and signs that no name, number or date has.
fn literals(text: &[u8], found: &mut Vec<Finding>) {
    let mut quotes = memchr::memchr_iter(b'\'', text);
    while let (Some(open), Some(close)) = (quotes.next(), quotes.next()) {
        let literal = text.get(open + 1..close).unwrap_or_default();
        let has = |test: fn(&u8) -> bool| literal.iter().any(test);
        let word = PASSWORD_LENGTHS.contains(&literal.len()) && !has(u8::is_ascii_whitespace);
        if word && has(u8::is_ascii_alphabetic) && has(u8::is_ascii_digit) && has(|byte| b"!#$^&*?~=".contains(byte)) {
            found.push(Finding { kind: Kind::PASSWORD, start: open + 1, end: close, sure: Sure::Likely });
        }
    }
}

#[cfg(test)]
mod tests;
