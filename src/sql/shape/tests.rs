use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn shape(sql: impl AsRef<[u8]>) -> String {
    let mut out = String::from("before ");
    write(sql.as_ref(), &mut out);
    out.strip_prefix("before ").unwrap().to_owned()
}

#[test]
fn statements_have_their_shapes() {
    let mut failed = String::new();
    let text = include_str!("../../../fixtures/shapes.txt");
    for case in text.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let case: Vec<&str> = case.lines().filter(|line| !line.starts_with('#')).collect();
        let Some((expected, sql)) = case.split_last() else { continue };
        let expected = expected.strip_prefix("→ ").expect("a case ends in its shape");
        // A line's end inside a statement is written as it is.
        let sql = sql.join("\n");
        let got = shape(&sql);
        if got != expected {
            failed.push_str(&format!("{sql}\n  expected {expected}\n  got      {got}\n"));
        }
    }
    assert!(failed.is_empty(), "\n{failed}");
}

#[test]
fn a_long_shape_is_cut_and_stays_text() {
    let sql = format!("select {}", "é + ".repeat(LONGEST));
    let shape = shape(sql);
    assert!(shape.len() <= LONGEST + '…'.len_utf8() && shape.ends_with('…'));
    assert!(shape.starts_with("select é + é + "));
}

#[test]
fn a_long_list_is_short_and_what_opens_without_end_is_bounded() {
    assert_eq!(shape(format!("select f({}0)", "1,".repeat(200_000))), "select f(?, …)");
    assert_eq!(shape(format!("values {}(1, 2)", "('a', null),".repeat(50_000))), "values (?, …), …");
    for open in ["/*", "'", "$$'", "\"", "$a$ $b$"] {
        let sql = open.repeat(100_001);
        assert_eq!(shape(&sql), format!("(unread, {} bytes)", sql.len()), "{open}");
    }
    assert!(shape("(".repeat(300_000)).len() <= LONGEST + '…'.len_utf8());
}

#[test]
fn names_are_cut_as_the_server_cuts_them() {
    let name = format!("{}éé", "a".repeat(62));
    assert_eq!(shape(format!("select {name}")), format!("select {}", "a".repeat(62)));
    assert_eq!(shape(format!("select \"{name}\"")), "select \"…\"");
}

#[test]
fn what_a_custom_setting_is_given_is_a_value() {
    for (sql, expected) in [
        ("set app.token to hunter2", "set app.token to ?"),
        ("SET LOCAL app.\"Token\" = \"hunter2\"", "set local app.\"Token\" = ?"),
        ("alter role r set /* so */ app.token to hunter2; select a", "alter role r set app.token to ?; select a"),
        ("set search_path to app, public", "set search_path to app, public"),
        ("update t set a.b = c, d = e", "update t set a.b = c, d = e"),
        ("alter table t set schema s; set a.b to c", "alter table t set schema s; set a.b to ?"),
    ] {
        assert_eq!(shape(sql), expected);
    }
}

#[test]
fn what_is_no_text_is_not_read() {
    assert_eq!(shape(b"select \xff"), "(unread, 8 bytes)");
    assert_eq!(shape(b"select 1\0"), "(unread, 9 bytes)");
    assert_eq!(shape(""), "");
    assert_eq!(shape(" ; -- nothing"), "");
}

/// What an agent typed as a value: nothing of it may be seen. None of the words around it has a piece of it.
fn secret() -> impl Strategy<Value = String> {
    (
        "Zq[A-Za-z0-9]{6,10}",
        vec(prop::sample::select(&["'", "''", "\\", "\\\\", "\"", "$", "$$", "--", "/*", "*/", "\n", " ", "é", "@", ";", "(", "?"]), 0..4),
        "[A-Za-z0-9]{6}Zq",
    )
        .prop_map(|(head, middle, tail)| format!("{head}{}{tail}", middle.concat()))
}

fn text_literal() -> impl Strategy<Value = (String, String)> {
    (secret(), 0..8_u8).prop_map(|(secret, kind)| {
        let doubled = secret.replace('\'', "''");
        let single = doubled.replace('\\', "");
        let literal = match kind {
            0 => format!("'{single}'"),
            1 => format!("E'{}'", secret.replace('\\', "\\\\").replace('\'', "\\'")),
            2 => format!("e'{}'", doubled.replace('\\', "\\\\")),
            3 => format!("U&'{single}'"),
            4 => format!("$Tag${secret}$Tag$"),
            5 => format!("$${}$$", secret.replace('$', "")),
            6 => format!("'x' -- '{}\n  '{single}'", secret.replace('\n', "")),
            _ => format!("n'{single}'"),
        };
        (literal, secret)
    })
}

fn number_literal() -> impl Strategy<Value = (String, String)> {
    prop::sample::select(&["", "0x", ".", "1e", "1_", "1."])
        .prop_flat_map(|prefix| "[1-9]{9}".prop_map(move |digits| (format!("{prefix}{digits}"), digits)))
}

fn space() -> impl Strategy<Value = (String, String)> {
    (secret(), 0..6_u8).prop_map(|(secret, kind)| match kind {
        0 => (format!(" /* {} */ ", secret.replace("/*", "").replace("*/", "").replace("*/", "")), secret),
        1 => (format!(" /* /*{}*/ ' */\t", secret.replace("/*", "").replace("*/", "").replace("*/", "")), secret),
        2 => (format!(" -- {}\n", secret.replace('\n', "")), secret),
        3 => (" \r\n ".to_owned(), String::new()),
        _ => (" ".to_owned(), String::new()),
    })
}

const PIECES: &[&str] = &[
    "select",
    "from",
    "T",
    "a$b",
    "where",
    "and",
    "in (",
    "values (",
    "(",
    ")",
    "),(",
    ",",
    ",",
    "=",
    "->>",
    "@>",
    "-",
    "+",
    "*",
    "::text",
    "[",
    "]",
    ".",
    ":",
    ";",
    "null",
    "$1",
    "\"Order\"",
    "e",
    "U",
    "&",
    "as",
    "limit",
    "?",
    "é",
    "_",
];

#[derive(Debug, Clone)]
enum Slot {
    Piece(&'static str),
    Text,
    Number,
}

/// A statement, for which literals and space are drawn twice; a literal never touches a literal.
fn slots() -> impl Strategy<Value = Vec<Slot>> {
    let slot = (prop::sample::select(PIECES), prop_oneof![Just(None), Just(Some(Slot::Text)), Just(Some(Slot::Number))]);
    vec(slot, 1..20)
        .prop_map(|pairs| pairs.into_iter().flat_map(|(piece, literal)| std::iter::once(Slot::Piece(piece)).chain(literal)).collect())
}

type Drawn = Vec<((String, String), (String, String), (String, String))>;

fn assemble(slots: &[Slot], drawn: &Drawn) -> (String, Vec<String>) {
    let (mut sql, mut secrets) = (String::new(), Vec::new());
    for (slot, ((text, in_text), (number, in_number), (space, in_space))) in slots.iter().zip(drawn) {
        match slot {
            Slot::Piece(piece) => sql.push_str(piece),
            Slot::Text => (sql.push_str(text), secrets.push(in_text.clone())).0,
            Slot::Number => (sql.push_str(number), secrets.push(in_number.clone())).0,
        }
        sql.push_str(space);
        secrets.push(in_space.clone());
    }
    (sql, secrets)
}

fn assert_hidden(sql: &str, shape: &str, secrets: &[String]) {
    let shape = shape.to_lowercase();
    for secret in secrets {
        for piece in secret.to_lowercase().as_bytes().windows(6) {
            assert!(memchr::memmem::find(shape.as_bytes(), piece).is_none(), "{secret:?} shows in {shape:?} of {sql:?}");
        }
    }
}

fn drawn() -> impl Strategy<Value = Drawn> {
    vec((text_literal(), number_literal(), space()), 40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_of_a_literal_or_comment_is_in_the_shape(slots in slots(), one in drawn(), other in drawn()) {
        let (sql, secrets) = assemble(&slots, &one);
        let first = shape(&sql);
        assert_hidden(&sql, &first, &secrets);
        prop_assert!(!first.starts_with("(unread"), "{sql:?}");
        let (another, secrets) = assemble(&slots, &other);
        let second = shape(&another);
        assert_hidden(&another, &second, &secrets);
        prop_assert_eq!(first, second, "{:?} and {:?}", sql, another);
    }

    #[test]
    fn any_bytes_have_a_bounded_shape(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(shape(&bytes).len() <= LONGEST + 3);
    }

    /// With something put in anywhere, and cut in two there.
    #[test]
    fn a_damaged_statement_has_a_shape(slots in slots(), one in drawn(), at in any::<prop::sample::Index>(), put in prop::sample::select(&["'", "\"", "$$", "/*", "*/", "--", "\\", "", "(", "E'"])) {
        let (mut sql, _) = assemble(&slots, &one);
        let at = sql.floor_char_boundary(at.index(sql.len() + 1));
        sql.insert_str(at, put);
        let whole = shape(&sql);
        prop_assert!(whole.len() <= LONGEST + 3);
        let (head, tail) = sql.split_at(at);
        shape(head);
        shape(tail);
    }
}
