#![allow(clippy::string_slice, reason = "a test says so by failing")]

use super::super::{Context, Detectors, Room};
use crate::mask::kind::{Kind, KindSet};

/// What is found of the kinds of this room, as `kind:text`.
fn found(text: &str, expected: KindSet, name: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let context = Context { expected, name: name.as_bytes(), ..Context::NONE };
    Detectors::built_in().find(text.as_bytes(), &context, &mut Room::default(), &mut findings);
    let ours = [
        Kind::PERSON,
        Kind::ADDRESS,
        Kind::DOB,
        Kind::USERNAME,
        Kind::PASSPORT,
        Kind::DRIVER_LICENSE,
        Kind::CVV,
        Kind::BANK_ACCOUNT,
        Kind::MRN,
        Kind::ICD10,
        Kind::MEDICATION,
    ];
    findings.retain(|finding| ours.contains(&finding.kind));
    findings.iter().map(|finding| format!("{}:{}", finding.kind.name(), &text[finding.start..finding.end])).collect()
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    assert_eq!(found(text, KindSet::NONE, ""), expected, "{text}");
}

#[track_caller]
fn under(name: &str, text: &str, expected: &[&str]) {
    assert_eq!(found(text, KindSet::NONE, name), expected, "{name}: {text}");
}

#[test]
fn names_are_found_in_running_text() {
    check("Called Pedro Miguel da Rocha at noon", &["PERSON:Pedro Miguel da Rocha"]);
    check("Patient Trujillo, Omar was seen", &["PERSON:Trujillo, Omar"]);
    check("titular Dörte Trommler", &["PERSON:Dörte Trommler"]);
    check("Please ask Herr Müller for it", &["PERSON:Müller"]);
    check("I met Sarah O'Brien yesterday", &["PERSON:Sarah O'Brien"]);
    check("from Anna Kowalska (Warszawa)", &["PERSON:Anna Kowalska"]);
    check("Karsten Weiß|x@example.org|INV1", &["PERSON:Karsten Weiß"]);
}

#[test]
fn what_is_called_like_a_person_is_none() {
    for text in [
        "Customer asked about Earl Grey Tea; recommended Paul Smith Scarf.",
        "Johnnie Walker Red",
        "Morgan Stanley",
        "Dr. Martens 1460",
        "Florence Sofa",
        "Order shipped on Monday",
        "SELECT Name FROM Users",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/99.0 Safari/537.36",
        "Build ab35c9 passed in 12:34",
        "New York",
    ] {
        check(text, &[]);
    }
}

#[test]
fn a_key_says_that_a_value_is_a_name() {
    under("firstName", "Agapito", &["PERSON:Agapito"]);
    under("lastName", "Xyzzyq", &["PERSON:Xyzzyq"]);
    under("name", "Felipa Luna", &["PERSON:Felipa Luna"]);
    under("name", "Wrench Set", &[]);
    under("productName", "Florence Sofa", &[]);
}

#[test]
fn numbers_of_papers_need_their_words() {
    check("passport C7WYPV670 issued", &["PASSPORT:C7WYPV670"]);
    check("account number 99981780683", &["BANK_ACCOUNT:99981780683"]);
    check("cvv 108 exp 04/27", &["CVV:108"]);
    check("see MRN6211068, dx N18.6", &["MRN:MRN6211068", "ICD10:N18.6"]);
    check("MRN 171065 and order 171065", &["MRN:171065"]);
    check("order C7WYPV670, part 108", &[]);
    under("cvv", "123", &["CVV:123"]);
    under("passport_no", "X1234567", &["PASSPORT:X1234567"]);
    under("codes", "I10", &["ICD10:I10"]);
    check("started metformin 500 mg.", &["MEDICATION:metformin 500 mg"]);
    check("started lithium carbonate.", &["MEDICATION:lithium carbonate"]);
    check("{\"user\":\"penifty_85\"", &["USERNAME:penifty_85"]);
}

#[test]
fn dates_of_birth_need_their_words() {
    check("born 1980-01-31 in", &["DOB:1980-01-31"]);
    check("geb. 31.01.1980", &["DOB:31.01.1980"]);
    check("née le 31/01/1980", &["DOB:31/01/1980"]);
    check("DOB: 31-Jan-1980", &["DOB:31-Jan-1980"]);
    check("shipped 1980-01-31", &[]);
    under("dob", "08.06.1967", &["DOB:08.06.1967"]);
}

#[test]
fn addresses_are_found_behind_their_words() {
    check("Mitchell Carter lives at Callejón Gil Sacristán 30. Ship it", &["PERSON:Mitchell Carter", "ADDRESS:Callejón Gil Sacristán 30"]);
    under("line", "729 Rose Dam Suite 376", &["ADDRESS:729 Rose Dam Suite 376"]);
    under("line", "rue Dupont", &["ADDRESS:rue Dupont"]);
    under("line", "Trecho Silveira, 25", &["ADDRESS:Trecho Silveira, 25"]);
    under("line", "the third line of it", &[]);
    check("ship to 12 Main Street, Springfield, IL 62701", &["ADDRESS:12 Main Street, Springfield, IL 62701"]);
}
