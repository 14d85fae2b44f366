//! What each number is and is not, by the cases in `fixtures/mask`, and what must hold of any text.
#![allow(clippy::string_slice, reason = "a test says so by failing")]

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

fn found(text: &[u8], context: &Context<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    static DETECTORS: LazyLock<Detectors> = LazyLock::new(Detectors::built_in);
    DETECTORS.find(text, context, &mut Room::default(), &mut found);
    found
}

#[test]
fn numbers_are_known_by_their_checks() {
    let cases = include_str!("../../../fixtures/mask/numbers.txt");
    let mut wrong = Vec::new();
    for line in cases.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, ' ');
        let (kind, verdict, text) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let kind = Kind::of_name(kind).unwrap();
        let wanted = KindSet::of(&[kind]);
        // One kind at a time: a number may be another's as well.
        let by_itself = found(text.as_bytes(), &Context { wanted, ..Context::NONE });
        let in_column = found(text.as_bytes(), &Context { wanted, expected: wanted, ..Context::NONE });
        let whole = |found: &[Finding]| found.iter().any(|finding| (finding.start, finding.end) == (0, text.len()));
        let fits = match verdict {
            "yes" => whole(&by_itself),
            "column" => by_itself.is_empty() && whole(&in_column),
            "no" => in_column.is_empty(),
            _ => false,
        };
        if !fits {
            wrong.push(format!("{line}: by itself {by_itself:?}, in a column {in_column:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_with_a_check_has_its_cases() {
    let cases = include_str!("../../../fixtures/mask/numbers.txt");
    for kind in numbers::KINDS.iter() {
        let count = |no: bool| cases.lines().filter(|line| line.starts_with(&format!("{kind:?} ")) && line.contains(" no ") == no).count();
        assert!(count(false) >= 5, "{kind:?}");
        assert!(count(true) >= 5 || kind == Kind::VIN || kind == Kind::CRYPTO && count(true) >= 3, "{kind:?}");
    }
}

/// What stands in a text is marked with brackets; `{KIND}` in front says what the column is expected to hold.
#[test]
fn values_are_found_in_what_stands_around_them() {
    let cases = include_str!("../../../fixtures/mask/texts.txt");
    let mut wrong = Vec::new();
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (kinds, marked) = line.split_once(' ').unwrap();
        let text = marked.replace(['⟦', '⟧'], "");
        let mut shown = text.clone();
        let found = found(text.as_bytes(), &Context::NONE);
        for finding in found.iter().rev() {
            shown.insert(finding.end, '⟧');
            shown.insert(finding.start, '⟦');
        }
        let named: Vec<_> = found.iter().map(|finding| finding.kind.name()).collect();
        let named = if named.is_empty() { "none".to_owned() } else { named.join(",") };
        if shown != marked || named != kinds {
            wrong.push(format!("{kinds} {marked}\n  {named} {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bytes that detectors take for something, and others.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => "[0-9]{1,20}".prop_map(String::into_bytes),
        2 => "[-+ ./:@()^=%;,_#]{1,3}".prop_map(String::into_bytes),
        2 => "[A-Za-z0-9]{1,20}".prop_map(String::into_bytes),
        1 => "\\PC{1,4}".prop_map(String::into_bytes),
        1 => "[０-９٠-٩\u{200b}\u{a0}–]{1,8}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 1..6),
        1 => Just(b"4111 1111 1111 1111".to_vec()),
        1 => Just("jörg@bücher.example".as_bytes().to_vec()),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn findings_are_in_order_apart_and_between_characters(bytes in pieces(), expected in any::<bool>()) {
        let expected = if expected { KindSet::ALL } else { KindSet::NONE };
        let found = found(&bytes, &Context { expected, ..Context::NONE });
        let mut at = 0;
        for finding in &found {
            prop_assert!(finding.start >= at && finding.start < finding.end && finding.end <= bytes.len(), "{found:?}");
            at = finding.end;
            if let Ok(text) = std::str::from_utf8(&bytes) {
                prop_assert!(text.is_char_boundary(finding.start) && text.is_char_boundary(finding.end), "{found:?}");
            }
        }
    }

    #[test]
    fn a_card_is_found_whatever_surrounds_it(before in "[a-z ]{0,40}", after in "[a-z ,.]{0,40}") {
        let text = format!("{before} 4111-1111-1111-1111 {after}");
        prop_assert!(found(text.as_bytes(), &Context::NONE).iter().any(|finding| finding.kind == Kind::CREDIT_CARD));
    }
}
