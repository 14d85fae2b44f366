#![allow(clippy::indexing_slicing, clippy::string_slice, clippy::cast_possible_truncation, reason = "a test that is wrong ends here")]

use super::shapes::SHAPES;
use super::*;
use crate::mask::detect::{Detectors, Room, Sight};

/// Making them takes a while.
static SECRETS: std::sync::LazyLock<Secrets> = std::sync::LazyLock::new(Secrets::new);

/// How often the random parts of a line are drawn anew.
const DRAWS: u64 = 24;

/// Numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }

    fn run(&mut self, letters: &str, length: usize) -> String {
        (0..length).map(|_| char::from(letters.as_bytes()[self.below(letters.len())])).collect()
    }
}

const DIGITS: &str = "0123456789";
const HEX: &str = "0123456789abcdef";
const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Fills in the random parts, and what cannot stand in a line.
fn filled(text: &str, dice: &mut Dice) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let close = rest.find('}').unwrap_or(0);
        let (class, length) = rest.get(1..close).map_or(("", ""), |inside| inside.split_at(inside.len().min(1)));
        let letters = match class {
            "A" => ALNUM,
            "h" => HEX,
            "H" => CAPITALS,
            "B" => BASE64,
            "U" => URL64,
            "d" => DIGITS,
            "b" => BASE32,
            _ => "",
        };
        if rest.starts_with("{uuid}") {
            let parts: Vec<_> = [8, 4, 4, 4, 12].into_iter().map(|length| dice.run(HEX, length)).collect();
            out.push_str(&parts.join("-"));
        } else if let (false, Ok(length)) = (letters.is_empty(), length.parse()) {
            // What programs draw begins and ends with a letter or a digit more often than not; marks there are another line's matter.
            let inner = dice.run(letters, length);
            out.push_str(inner.trim_start_matches(['-', '_', '/', '+']));
            let lost = inner.len() - inner.trim_start_matches(['-', '_', '/', '+']).len();
            out.push_str(&dice.run(if letters == BASE32 { letters } else { HEX }, lost));
        } else {
            out.push('{');
            rest = &rest[1..];
            continue;
        }
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    out.replace('⏎', "\n")
}

/// The text without its marks, and where they were.
fn marked(text: &str) -> (String, Vec<(usize, usize)>) {
    let (mut out, mut places) = (String::new(), Vec::new());
    for letter in text.chars() {
        match letter {
            '«' => places.push((out.len(), 0)),
            '»' => places.last_mut().unwrap().1 = out.len(),
            letter => out.push(letter),
        }
    }
    (out, places)
}

fn found(text: &str, name: &str) -> Vec<Finding> {
    thread_local!(static DETECTORS: Detectors = Detectors::built_in());
    let mut found = Vec::new();
    let context = Context { name: name.as_bytes(), wanted: KINDS, ..Context::NONE };
    DETECTORS.with(|made| made.find(text.as_bytes(), &context, &mut Room::default(), &mut found));
    found
}

#[test]
fn what_is_told_by_its_shape_its_name_or_its_words_is_found() {
    let mut wrong = Vec::new();
    for (number, line) in include_str!("../../../../fixtures/mask/secrets.txt").lines().enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.split('\t');
        let (kind, text, name) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap_or_default());
        for draw in 0..DRAWS {
            let (text, expected) = marked(&filled(text, &mut Dice(draw * 7919 + number as u64)));
            let found = found(&text, name);
            let places: Vec<_> = found.iter().map(|finding| (finding.start, finding.end)).collect();
            let kinds = found.iter().all(|finding| finding.kind.name() == kind);
            if places != expected || !kinds {
                let shown: Vec<_> = found.iter().map(|finding| (finding.kind, &text[finding.start..finding.end])).collect();
                wrong.push(format!("line {}: {kind}: {text} [{name}]: {shown:?}", number + 1));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} lines", wrong.join("\n"), wrong.len());
}

/// A token of a shape, as long as it is at least or at most.
fn token(shape: &Shape, length: usize, dice: &mut Dice) -> String {
    let drawn = |alphabet: Alphabet, length: usize, dice: &mut Dice| {
        let letters: String = ALNUM.chars().filter(|letter| alphabet.has(*letter as u8)).collect();
        dice.run(&letters, length)
    };
    let before = shape.before.map_or(String::new(), |(letters, least, _)| drawn(letters, least, dice));
    let mut rest = drawn(shape.letters, length, dice);
    if !shape.within.is_empty() {
        let middle = (length - shape.within.len()) / 2;
        rest.replace_range(middle..middle + shape.within.len(), shape.within);
    }
    format!("{before}{}{rest}", shape.fixed)
}

#[test]
fn each_shape_is_found_in_its_bounds_and_not_beyond() {
    assert!(SHAPES.len() > 100);
    for shape in SHAPES {
        for draw in 0..DRAWS {
            let mut dice = Dice(draw);
            for length in [shape.least, shape.most.min(shape.least + 200)] {
                let token = token(shape, length, &mut dice);
                for (before, after) in [("", ""), ("key ", " ok"), ("{\"k\":\"", "\"}"), ("\\n", "\n"), ("(", ")."), ("=", ",")] {
                    let text = format!("{before}{token}{after}");
                    let found = found(&text, "");
                    let whole = found.iter().any(|one| one.start <= before.len() && one.end >= before.len() + token.len());
                    assert!(whole, "{text}: {found:?}");
                }
            }
            if shape.least > 8 && !shape.address && shape.within.is_empty() {
                let short = token(shape, shape.least - 1, &mut dice);
                let of_it = |one: &Finding| one.kind == shape.kind && one.start == 0;
                let longer = |other: &&Shape| other.fixed != shape.fixed && shape.fixed.starts_with(other.fixed);
                assert!(!found(&short, "").iter().any(of_it) || SHAPES.iter().any(|other| longer(&other)), "{short}");
            }
        }
    }
}

/// What looks like the beginning of something over and over ends, and nothing lies outside of the text.
#[test]
fn rubbish_is_read_within_bounds() {
    let secrets = Secrets::new();
    for piece in [
        "eyJ",
        "ghp_",
        "sk-ant-",
        "password",
        "://a:",
        "-----BEGIN ",
        "$2b$",
        "token=",
        "Cookie: ",
        "AKIA1234567890ABCDEF ",
        "pass\\",
        "xoxb-1",
    ] {
        let text = piece.repeat((1 << 16) / piece.len());
        let mut found = Vec::new();
        let scan = Scan { text: text.as_bytes(), sight: Sight::of(text.as_bytes()) };
        secrets.find(&scan, &Context::NONE, &mut found);
        assert!(found.iter().all(|one| one.start < one.end && one.end <= text.len()), "{piece}");
    }
}

mod any_text {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Ranges lie in the text and on the borders of characters, whatever the text.
        #[test]
        fn findings_are_ranges_of_characters(parts in prop::collection::vec(
            prop::sample::select(vec![
                "password", "=", ":", "\"", "'", " ", "é", "пароль", "://", "@", "eyJ", "AKIA", "\\", "Bearer ", "Cookie: ", "$2b$", "-----BEGIN ",
                "PRIVATE KEY-----", "ghp_", "0123456789abcdef", "ABCDEFGHIJKLMNOP", "\n", ";", "&", "(", ")", "<", ">", "日本", "x", "--", "is ", ",", "totp",
            ]), 0..40)) {
            let text = parts.concat();
            for finding in found(&text, "") {
                prop_assert!(text.get(finding.start..finding.end).is_some(), "{} {:?}", text, finding);
            }
        }
    }
}

mod dismissing {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of small letters without a digit or a sign that gives a value nothing is lost that reading all of it would find.
        #[test]
        fn nothing_is_lost(pieces in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(names::ROOTS).prop_map(str::to_lowercase),
            2 => prop::sample::select(SHAPES).prop_map(|shape| shape.fixed.to_lowercase()),
            1 => prop::sample::select(vec!["hooks.slack.com/services/", "totp secret", "two-factor", "mfa", "--", " is "]).prop_map(str::to_owned),
            2 => "[a-z]{1,24}",
            2 => "[ -~]{1,2}",
            2 => Just(" ".to_owned()),
        ], 0..8)) {
            let text = format!("a{}", pieces.concat());
            let sight = Sight::of(text.as_bytes());
            let found = |sight: Sight| {
                let mut found = Vec::new();
                SECRETS.find(&Scan { text: text.as_bytes(), sight }, &Context::NONE, &mut found);
                found
            };
            // With a digit in sight nothing is dismissed; what is shorter than a secret with its name has a bound of its own.
            prop_assert!(text.len() < SHORTEST_PLAIN || found(Sight { digits: 1, ..sight }) == found(sight), "{text}");
        }
    }
}
