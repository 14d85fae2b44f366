//! The cache answers as reading would: texts that share a key have the same facts, whatever their literals are.

use std::sync::LazyLock;

use pgsluice::sql::facts::Opaque;
use pgsluice::sql::{self, Cache};
use proptest::prelude::*;

use super::{beside, fixture};

/// Statements to start from: those of the cases, and of the corpus where it is there.
static STATEMENTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut found: Vec<String> =
        fixture("cases.txt").lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '=', '"'])).map(str::to_owned).collect();
    for case in beside("corpus/pg_regress_statements.jsonl").unwrap_or_default() {
        let text = case["sql"].as_str().unwrap();
        if text.len() < 2000 {
            found.push(text.to_owned());
        }
    }
    found
});

/// Other literals in the place of those in a text: numbers for numbers, strings for strings. Not always where PostgreSQL sees one.
fn with_other_literals(text: &str, literals: &[(u64, String)]) -> String {
    let mut out = String::new();
    let mut letters = text.char_indices().peekable();
    let mut turn = 0;
    while let Some((at, letter)) = letters.next() {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let (number, string) = &literals[turn % literals.len()];
        if letter.is_ascii_digit() && !before.is_ascii_alphanumeric() && before != '_' && before != '.' {
            while letters.peek().is_some_and(|(_, next)| next.is_ascii_digit()) {
                letters.next();
            }
            out.push_str(&number.to_string());
            turn += 1;
        } else if letter == '\'' {
            out.push('\'');
            for (_, inner) in letters.by_ref() {
                if inner == '\'' {
                    break;
                }
            }
            out.push_str(string);
            out.push('\'');
            turn += 1;
        } else {
            out.push(letter);
        }
    }
    out
}

fn literal() -> impl Strategy<Value = (u64, String)> {
    let number = prop_oneof![
        Just(0_u64),
        Just(1),
        0..100_u64,
        Just(2_147_483_647),
        Just(2_147_483_648),
        Just(2_147_483_649),
        Just(9_223_372_036_854_775_807),
        Just(9_223_372_036_854_775_808),
        any::<u64>(),
    ];
    let string = prop_oneof![
        Just(String::new()),
        Just("%".to_owned()),
        Just("role".to_owned()),
        Just("off".to_owned()),
        Just("; drop table t; --".to_owned()),
        Just("/* x".to_owned()),
        Just("t".to_owned()),
        "[a-z0-9 ;%.()-]{0,12}",
    ];
    (number, string)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// What is read first is what the cache then tells of the other; it must be what reading tells of it.
    #[test]
    fn one_key_one_meaning(
        place in any::<prop::sample::Index>(),
        one in prop::collection::vec(literal(), 1..6),
        other in prop::collection::vec(literal(), 1..6),
    ) {
        let text = place.get(&STATEMENTS);
        let (one, other) = (with_other_literals(text, &one), with_other_literals(text, &other));
        let mut cache = Cache::default();
        for text in [text, &one, &other, text, &one] {
            let read = sql::read(text.as_bytes());
            // What only reading is kept from needs no reading where its facts are known.
            if read.opaque != Some(Opaque::TooManyComments) {
                prop_assert_eq!(&*cache.read(text.as_bytes()), &read, "{}", text);
            }
        }
    }

    /// Whatever is done to a text, reading it ends; and a statement put behind others is never seen to do less than it does alone.
    #[test]
    fn broken_texts_are_read_without_harm(
        place in any::<prop::sample::Index>(),
        behind in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![
            Just("'"), Just("\""), Just("$$"), Just("/*"), Just("*/"), Just("--"), Just("\n"), Just(";"), Just("("), Just(")"), Just("E'"), Just("\\"),
            Just(" select "), Just(" delete from t "), Just("$1"), Just("\u{a0}"), Just("U&'"),
        ]), 0..4),
    ) {
        let mut text = place.get(&STATEMENTS).clone();
        for (at, what) in cuts {
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.insert_str(at, what);
        }
        let first = sql::read(text.as_bytes());
        let alone = sql::read(behind.get(&STATEMENTS).as_bytes());
        let both = sql::read(format!("{text}\n;\n{}", behind.get(&STATEMENTS)).as_bytes());
        let complete = first.opaque.is_none() && alone.opaque.is_none() && both.opaque.is_none();
        if complete {
            prop_assert_eq!(both.statements.len(), first.statements.len() + alone.statements.len(), "{}", text);
            prop_assert!((first.effects | alone.effects).is_within(both.effects), "{}", text);
        } else {
            prop_assert!(!both.effects.is_empty(), "{}", text);
        }
        // Of every text something is told, if there is anything in it at all.
        prop_assert!(!first.effects.is_empty() || first.statements.is_empty(), "{}", text);
        // Cut anywhere, it is still read.
        for length in [text.len() / 3, text.len() / 2] {
            let facts = sql::read(text.as_bytes().get(..length).unwrap());
            prop_assert!(!facts.effects.is_empty() || facts.statements.is_empty());
        }
    }
}

/// The whole corpus twice through one cache: what comes out the second time is what reading tells.
#[test]
fn the_corpus_through_one_cache() {
    let mut cache = Cache::default();
    for round in 0..2 {
        for text in STATEMENTS.iter().step_by(1 + 2 * round) {
            assert_eq!(*cache.read(text.as_bytes()), sql::read(text.as_bytes()), "{text}");
        }
    }
    println!("{} texts, {} entries, {} bytes", STATEMENTS.len(), cache.len(), cache.bytes());
}
