#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says so by failing")]

use super::*;
use crate::sql::facts::{Relation, Statement};
use crate::wire::backend::Backend;

/// What becomes of an error with these fields: each `letter` `text`, in order.
fn masked(given: &[&str], source: &Source<'_>) -> Vec<String> {
    let mut bytes = Vec::new();
    write::message(&mut bytes, tag::ERROR_RESPONSE, |body| {
        for field in given {
            body.byte(field.as_bytes()[0]).string(&field.as_bytes()[1..]);
        }
        body.byte(0);
    });
    let read = |bytes: &[u8]| match Backend::read(tag::ERROR_RESPONSE, &bytes[5..]) {
        Ok(Backend::ErrorResponse(fields)) => {
            fields.iter().map(|(kind, text)| format!("{}{}", char::from(kind), String::from_utf8_lossy(text))).collect::<Vec<_>>()
        }
        _ => Vec::new(),
    };
    let Ok(Backend::ErrorResponse(fields)) = Backend::read(tag::ERROR_RESPONSE, &bytes[5..]) else { return Vec::new() };
    let (masking, mut workspace, mut out) = (Masking::built_in(), Workspace::default(), Vec::new());
    if report(tag::ERROR_RESPONSE, &fields, source, &masking, &mut workspace, &mut out) { read(&out) } else { read(&bytes) }
}

fn check(given: &[&str], expected: &[&str]) {
    assert_eq!(masked(given, &Source { runs: true, ..Source::default() }), expected);
}

#[test]
fn numbers_are_values_unless_they_number_a_type_or_a_line() {
    for (code, message, expected) in [
        ("2202E", "index 536228841 out of valid range, 0..7", "index [VALUE] out of valid range, 0..7"),
        ("42704", "large object 536228841 does not exist", "large object [VALUE] does not exist"),
        ("01000", "PID 536228841 is not a PostgreSQL backend process", "PID [VALUE] is not a PostgreSQL backend process"),
        ("22001", "value too long for type character varying(255)", "value too long for type character varying(255)"),
        ("40P01", "Process 48213 waits", "Process 48213 waits"),
        ("42P01", "number 20240101 was sent", "number 20240101 was sent"),
    ] {
        let source = Source { runs: true, text: b"select 20240101", ..Source::default() };
        let found = masked(&[&format!("C{code}"), &format!("M{message}")], &source);
        assert_eq!(found[1], format!("M{expected}"));
    }
}

#[test]
fn errors_over_values_leave_without_them() {
    check(
        &["C22P02", "Minvalid input syntax for type integer: \"Alice\""],
        &["C22P02", "Minvalid input syntax for type integer: \"[VALUE]\""],
    );
    check(
        &["C22P02", "Minvalid input syntax for type integer: \"Alice\" \"Winters\""],
        &["C22P02", "Minvalid input syntax for type integer: \"[VALUE]\""],
    );
    check(
        &["C23505", "Mduplicate key value violates unique constraint \"k\"", "DKey (lower(name))=(Alice (Winters)) already exists.", "nk"],
        &["C23505", "Mduplicate key value violates unique constraint \"k\"", "DKey (lower(name))=([VALUE]) already exists.", "nk"],
    );
    check(
        &["C23503", "DKey (e)=(Alice) is not present in table \"people\"."],
        &["C23503", "DKey (e)=([VALUE]) is not present in table \"people\"."],
    );
    check(
        &[
            "C23502",
            "Mnull value in column \"name\" of relation \"t\" violates not-null constraint",
            "DFailing row contains (1, Alice, 1).",
            "tt",
            "cname",
        ],
        &[
            "C23502",
            "Mnull value in column \"name\" of relation \"t\" violates not-null constraint",
            "DFailing row contains ([VALUE]).",
            "tt",
            "cname",
        ],
    );
    check(&["C44000", "DFailing row contains (Alice)."], &["C44000", "DFailing row contains ([VALUE])."]);
    check(
        &["C22021", "Minvalid byte sequence for encoding \"UTF8\": 0x41 0x6c"],
        &["C22021", "Minvalid byte sequence for encoding \"[VALUE]\": [VALUE]"],
    );
    check(&["C2200N", "Minvalid XML content", "Dline 1: Alice is no tag\nAlice\n^"], &["C2200N", "Minvalid XML content", "D[VALUE]"]);
    check(
        &["C22P02", "Minvalid input syntax for type json", "DToken \"Alice\" is invalid.", "WJSON data, line 1: {\"name\": Alice"],
        &["C22P02", "Minvalid input syntax for type json", "DToken \"[VALUE]\" is invalid.", "WJSON data, line 1: [VALUE]"],
    );
    check(&["C22P02", "Mungültig: „Alice“"], &["C22P02", "Mungültig: „[VALUE]“"]);
}

#[test]
fn what_runs_may_quote_values_in_any_error() {
    check(&["C42P01", "Mrelation \"alice\" does not exist"], &["C42P01", "Mrelation \"[VALUE]\" does not exist"]);
    check(&["C22023", "Mtime zone \"alice\" not recognized"], &["C22023", "Mtime zone \"[VALUE]\" not recognized"]);
    check(
        &["C0A000", "Mcross-database references are not implemented: alice.b.c"],
        &["C0A000", "Mcross-database references are not implemented: [VALUE]"],
    );
    check(
        &["CP0001", "Mno user \"Alice\"", "nAlice", "WPL/pgSQL function f(integer) line 3 at RAISE"],
        &["CP0001", "Mno user \"[VALUE]\"", "n[VALUE]", "WPL/pgSQL function f(integer) line 3 at RAISE"],
    );
    check(&["CP0001", "Mcan't be"], &["CP0001", "Mcan't be"]);
}

#[test]
fn what_the_parser_says_of_the_text_stays() {
    check(&["C42P01", "Mrelation \"nothing\" does not exist", "P15"], &["C42P01", "Mrelation \"nothing\" does not exist", "P15"]);
    check(
        &["C42703", "Mcolumn \"b\" does not exist", "HPerhaps you meant \"t.a\".", "P8"],
        &["C42703", "Mcolumn \"b\" does not exist", "HPerhaps you meant \"t.a\".", "P8"],
    );
}

#[test]
fn a_position_in_a_text_that_was_changed_is_left_out() {
    check(
        &["C42601", "Msyntax error at or near \"Alice\"", "p15", "qselect 1 from Alice", "WPL/pgSQL function inline"],
        &["C42601", "Msyntax error at or near \"[VALUE]\"", "q[VALUE]", "WPL/pgSQL function inline"],
    );
}

#[test]
fn a_command_without_data_is_told_what_stands_in_it() {
    let drops = Facts { statements: vec![Statement { kind: "DROP ROLE", ..Statement::default() }], ..Facts::default() };
    let source = Source { text: b"DROP ROLE Bob", facts: Some(&drops), runs: true };
    assert_eq!(masked(&["C42704", "Mrole \"bob\" does not exist"], &source), ["C42704", "Mrole \"bob\" does not exist"]);
    assert_eq!(masked(&["C42704", "Mrole \"alice\" does not exist"], &source), ["C42704", "Mrole \"[VALUE]\" does not exist"]);
    let relation =
        Relation { database: None, schema: None, name: "people".into(), how: crate::sql::facts::How::Read, writes: Default::default() };
    let reads =
        Facts { statements: vec![Statement { kind: "SELECT", relations: vec![relation], ..Statement::default() }], ..Facts::default() };
    let source = Source { text: b"select from people -- alice", facts: Some(&reads), runs: true };
    let locked = ["C55P03", "Mcould not obtain lock on relation \"people\""];
    assert_eq!(masked(&locked, &source), locked);
    assert_eq!(masked(&["C42P01", "Mrelation \"alice\" does not exist"], &source), ["C42P01", "Mrelation \"[VALUE]\" does not exist"]);
}

#[test]
fn detectors_look_at_every_field_all_the_same() {
    check(&["C01000", "Mmail alice@example.com", "P3"], &["C01000", "Mmail [EMAIL]", "P3"]);
}
