//! What comes out is always of the type it was announced as: for every built-in type, in both formats, whatever is thought of the column and
//! whatever style a policy wants.
#![allow(clippy::indexing_slicing, reason = "a test stops at the first thing it did not expect")]

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use zeroize::Zeroizing;

use super::plan::Described;
use super::style::Style;
use super::token::Masters;
use super::verdict::{Basis, ColumnId};
use super::*;
use crate::wire::backend::{Backend, tag};
use crate::wire::value::{Definition, Extension, Field, Format};

const HSTORE: u32 = 20_000;
const MOOD: u32 = 20_001;
const WORD: u32 = 20_002;
const PERSON: u32 = 20_003;
const PEOPLE: u32 = 20_004;
const LTREE: u32 = 20_005;
const VECTOR: u32 = 20_006;

fn types() -> Types {
    let mut types = Types::new();
    let field = |name: &str, oid| Field { name: name.into(), oid };
    for (oid, definition) in [
        (HSTORE, Definition::Extension(Extension::Hstore)),
        (MOOD, Definition::Enum { labels: vec!["sad".into(), "jo@example.com".into()] }),
        (WORD, Definition::Domain { base: 25 }),
        (PERSON, Definition::Composite { fields: vec![field("id", 20), field("mail", 25), field("born", 1082), field("rest", 3802)] }),
        (PEOPLE, Definition::Array { element: PERSON, delimiter: b',' }),
        (LTREE, Definition::Extension(Extension::Ltree)),
        (VECTOR, Definition::Extension(Extension::Vector)),
    ] {
        types.add(oid, definition).unwrap();
    }
    types
}

/// A value of each type that has one, as a text that holds an address where it can.
const SAMPLES: &[(u32, &str)] = &[
    (16, "t"),
    (17, r"\x6a6f406578616d706c652e636f6d"),
    (17, r"\x0001026a6f406578616d706c652e636f6d00"),
    (18, "j"),
    (19, "jo@example.com"),
    (20, "5105105105105100"),
    (21, "7"),
    (22, "1 2"),
    (23, "219099999"),
    (25, "say jo@example.com twice"),
    (25, "jo@example.com"),
    (25, ""),
    (25, r#"{"mail": "jo@example.com", "n": [5105105105105100, true, null]}"#),
    (25, "<a b='jo@example.com'>x</a>"),
    (26, "7"),
    (27, "(0,1)"),
    (28, "7"),
    (29, "7"),
    (30, "1 2"),
    (114, r#"{"jo@example.com": "jo\u0040example.com", "card": 5105105105105100}"#),
    (142, "<a b='jo&#64;example.com'><!--jo@example.com--><![CDATA[jo@example.com]]>jo@example.com</a>"),
    (600, "(1,2)"),
    (601, "[(1,2),(3,4)]"),
    (602, "[(1,2)]"),
    (603, "(3,4),(1,2)"),
    (604, "((1,2))"),
    (628, "{1,2,3}"),
    (650, "192.0.2.0/24"),
    (700, "1.5"),
    (701, "5.1051051051051e+15"),
    (705, "jo@example.com"),
    (718, "<(1,2),3>"),
    (774, "08:00:2b:01:02:03:04:05"),
    (790, "$5.00"),
    (829, "08:00:2b:01:02:03"),
    (869, "192.0.2.17"),
    (869, "2001:db8::17"),
    (1009, "{jo@example.com,\"a b\",NULL}"),
    (1014, "{\"jo@example.com  \"}"),
    (1042, "jo@example.com      "),
    (1042, "j"),
    (1043, "jo@example.com"),
    (1082, "1981-09-12"),
    (1083, "01:02:03"),
    (1114, "1981-09-12 01:02:03"),
    (1115, "{\"1981-09-12 01:02:03\"}"),
    (1184, "1981-09-12 01:02:03+00"),
    (1186, "1 day 02:03:04"),
    (1266, "01:02:03+00"),
    (1560, "101"),
    (1562, "101"),
    (1700, "5105105105105100.00"),
    (1790, "jo@example.com"),
    (2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    (2970, "1:2:"),
    (3220, "16/B374D848"),
    (3614, "'jo@example.com':3 'refund':1"),
    (3615, "'jo@example.com' & !'b'"),
    (3802, r#"[{"a": {"mail": "{\"m\": \"jo@example.com\"}"}}]"#),
    (3802, r#""jo@example.com""#),
    (3904, "[1,5)"),
    (3906, "[1.5,2.5]"),
    (3908, "[\"1981-09-12 01:02:03\",)"),
    (3910, "empty"),
    (3912, "[1981-09-12,2024-01-01)"),
    (3926, "[5105105105105100,5105105105105101)"),
    (4072, "$.\"a\"[*]?(@ == \"jo@example.com\")"),
    (4451, "{[1,3),[5,9)}"),
    (4535, "{[1981-09-12,2024-01-01)}"),
    (5038, "1:2:"),
    (5069, "5105105105105100"),
    (HSTORE, r#""jo@example.com"=>"jo@example.com", "k"=>NULL"#),
    (MOOD, "jo@example.com"),
    (WORD, "jo@example.com"),
    (PERSON, r#"(5105105105105100,jo@example.com,1981-09-12,"{""m"": ""jo@example.com""}")"#),
    (PEOPLE, r#"{"(1,\"a \\\"\\\" jo@example.com\",1981-09-12,[1])",NULL}"#),
    (LTREE, "Top.jo.example"),
    (VECTOR, "[1,2.5]"),
];

/// Making the detectors takes a while.
static BUILT_IN: LazyLock<Masking> = LazyLock::new(Masking::built_in);

fn masking(style: Style) -> Masking {
    let mut profile = Profile::default();
    profile.style = style;
    let verdict = Verdict { holding: Holding::Harmless, basis: Basis::Policy };
    let column = verdict::Column { attribute: 1, name: "c".into(), type_oid: 25, verdict };
    let relation = verdict::Relation { schema: "public".into(), name: "t".into(), columns: vec![column], unsettled: false };
    let verdicts = Verdicts { relations: [(7, Arc::new(relation))].into(), ..Verdicts::default() };
    let masters = Masters::new(vec![(1, Zeroizing::new([7; 32]))]).unwrap();
    Masking {
        types: Arc::new(types()),
        profile: Arc::new(profile),
        verdicts: Arc::new(verdicts),
        tokens: Some(Arc::new(Mint::new(1, Arc::new(masters)))),
        ..BUILT_IN.clone()
    }
}

/// A row of one value, masked; `None` is NULL.
fn masked(oid: u32, format: Format, holding: Holding, masking: &Masking, value: &[u8]) -> Option<Vec<u8>> {
    let described = Described {
        name: b"",
        column: ColumnId { relation: 7, attribute: 1 },
        type_oid: oid,
        format,
        derived: false,
        verdict: Some(Verdict { holding, basis: Basis::Policy }),
    };
    let plan = Plan::new([described], masking);
    let body = [&[0, 1][..], &u32::try_from(value.len()).unwrap().to_be_bytes(), value].concat();
    let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, &body).unwrap() else { unreachable!("a row") };
    let mut out = b"before".to_vec();
    if !plan.row(&row, &mut Workspace::default(), &mut out).unwrap() {
        assert_eq!(out, b"before");
        return Some(value.to_vec());
    }
    let message = &out[6..];
    assert_eq!(u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize, message.len() - 1);
    let Backend::DataRow(row) = Backend::read(message[0], &message[5..]).unwrap() else { unreachable!("a row") };
    row.iter().next().unwrap().map(<[u8]>::to_vec)
}

fn both(types: &Types, oid: u32, text: &str) -> Vec<(Format, Vec<u8>)> {
    let mut binary = Vec::new();
    let converted = types.get(oid).unwrap().binary_from_text(text.as_bytes(), &mut Scratch::new(), &mut binary);
    let mut both = vec![(Format::Text, text.as_bytes().to_vec())];
    both.extend(converted.is_ok().then_some((Format::Binary, binary)));
    both
}

const STYLES: [Style; 4] = [Style::Redact, Style::Partial, Style::Null, Style::Token];

fn holdings() -> Vec<Holding> {
    let kinds = [Kind::EMAIL, Kind::DOB, Kind::CREDIT_CARD, Kind::IP, Kind::MAC, Kind::PERSON, Kind::DERIVED];
    let mut holdings = vec![Holding::Harmless, Holding::Mixed(KindSet::NONE), Holding::Mixed(KindSet::ALL)];
    holdings.extend(kinds.map(Holding::Whole));
    holdings
}

fn check(oid: u32, text: &str) {
    let types = types();
    for style in STYLES {
        let masking = masking(style);
        for (format, value) in both(&types, oid, text) {
            for holding in holdings() {
                let Some(new) = masked(oid, format, holding, &masking, &value) else { continue };
                let valid = types.get(oid).unwrap().check(format, &new, &mut Scratch::new());
                let shown = || String::from_utf8_lossy(&new).into_owned();
                assert_eq!(valid, Ok(()), "{oid} {text} {format:?} {holding:?} {style:?}: {}", shown());
                if holding == Holding::Harmless {
                    assert_eq!(new, value);
                } else if !matches!(oid, MOOD | LTREE) {
                    assert!(!shown().contains("jo@example"), "{oid} {text} {format:?} {holding:?} {style:?}: {}", shown());
                }
                // A whole value leaves nothing of itself but what a partial form is for, and a yes or a no.
                if matches!(holding, Holding::Whole(_)) && oid != 16 && style != Style::Partial && !is_void(text) {
                    assert_ne!(new, value, "{oid} {text} {format:?} {holding:?} {style:?}");
                }
                if oid == 1042 && format == Format::Text {
                    assert_eq!(new.len(), value.len());
                }
            }
        }
    }
}

#[test]
fn what_comes_out_is_of_its_type() {
    for (oid, text) in SAMPLES {
        check(*oid, text);
    }
}

#[test]
fn texts_say_what_was_masked_and_the_rest_is_null() {
    let of = |oid, holding, text: &str| {
        let masking = masking(Style::Redact);
        masked(oid, Format::Text, holding, &masking, text.as_bytes()).map(|new| String::from_utf8(new).unwrap())
    };
    let (mixed, mail) = (Holding::Mixed(KindSet::NONE), Holding::Whole(Kind::EMAIL));
    for (oid, holding, text, expected) in [
        (25, mixed, "say jo@example.com twice", Some("say [EMAIL] twice")),
        (25, mail, "whatever", Some("[EMAIL]")),
        (25, mail, "", Some("")),
        (25, Holding::Whole(Kind::DERIVED), "", Some("[DERIVED]")),
        (1042, mail, "jo   ", Some("*****")),
        (1042, mail, "jo@example.com      ", Some("[EMAIL]             ")),
        (20, mail, "7", None),
        (16, Holding::Whole(Kind::DERIVED), "t", Some("t")),
        (18, mail, "j", None),
        (1082, mail, "1981-09-12", None),
        (3802, mail, r#"{"a": 1}"#, Some("\"[EMAIL]\"")),
        (3802, mixed, r#"{"a": "jo\u0040example.com"}"#, Some(r#"{"a": "[EMAIL]"}"#)),
        (3802, mixed, r#"{"a": "{\"b\": \"jo@example.com\"}"}"#, Some(r#"{"a": "{\"b\": \"[EMAIL]\"}"}"#)),
        (25, mixed, r#"{"a": "{\"b\": \"\\u006ao@example.com\"}"}"#, Some(r#"{"a": "{\"b\": \"[EMAIL]\"}"}"#)),
        (1009, mail, "{a,NULL,\"b c\"}", Some("{[EMAIL],NULL,[EMAIL]}")),
        (3912, Holding::Mixed(KindSet::of(&[Kind::DOB])), "[1981-09-12,2024-01-01)", None),
        (3912, mixed, "[1981-09-12,2024-01-01)", Some("[1981-09-12,2024-01-01)")),
        (17, mixed, r"\x6a6f406578616d706c652e636f6d", Some(r"\x5b454d41494c5d")),
        (17, mixed, r"\x0001026a6f406578616d706c652e636f6d00", Some(r"\x0001022a2a2a2a2a2a2a2a2a2a2a2a2a2a00")),
        (142, mixed, "<a b='jo&#64;example.com'/>", Some("<a b='[EMAIL]'/>")),
        (HSTORE, mixed, r#""jo@example.com"=>"x""#, Some(r#""[EMAIL]"=>"x""#)),
        (3614, mixed, "'jo@example.com':3 'refund':1", Some("'[EMAIL]':3 'refund':1")),
        (2249, mixed, r#"(17,"a b",jo@example.com,t)"#, Some(r#"(17,"a b",[EMAIL],t)"#)),
        (PERSON, mail, "(1,x,1981-09-12,[1])", Some(r#"(,[EMAIL],,"[""[EMAIL]""]")"#)),
        (MOOD, mail, "sad", None),
        (VECTOR, mixed, "[1,2]", Some("[1,2]")),
        (VECTOR, Holding::Whole(Kind::DERIVED), "[1,2]", None),
        // Nobody knows the type.
        (99_999, mixed, "whatever", None),
    ] {
        assert_eq!(of(oid, holding, text).as_deref(), expected, "{oid} {holding:?} {text}");
    }
}

fn leaf() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~é\u{200b}]{0,16}".prop_map(Into::into),
        "[a-z]{1,6}@[a-z]{1,6}\\.(com|org)".prop_map(Into::into),
        "[a-z]{1,6}@[a-z]{1,6}\\.com".prop_map(|mail| serde_json::json!({ "inner": mail }).to_string().into()),
    ]
}

fn document() -> impl Strategy<Value = String> {
    let document = leaf().prop_recursive(4, 24, 5, |inside| {
        prop_oneof![
            proptest::collection::vec(inside.clone(), 0..5).prop_map(Into::into),
            proptest::collection::vec(("[a-z@.\"]{0,12}", inside), 0..5)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    });
    document.prop_map(|document| document.to_string())
}

/// An empty text, or a list of nothing but such: that nothing is there may show.
fn is_void(text: &str) -> bool {
    text.replace("\"\"", "").trim_matches(['{', '}', ',']).is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn documents_stay_documents(document in document()) {
        check(3802, &document);
        check(114, &document);
        check(25, &document);
    }

    #[test]
    fn lists_of_texts_stay_lists(words in proptest::collection::vec("[ -~]{0,10}( jo@example\\.com )?[ -~]{0,4}", 0..5)) {
        let quote = |word: &String| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""));
        check(1009, &format!("{{{}}}", words.iter().map(quote).collect::<Vec<_>>().join(",")));
        let pairs: Vec<_> = words.iter().enumerate().map(|(place, word)| format!("\"k{place}\"=>{}", quote(word))).collect();
        check(HSTORE, &pairs.join(", "));
    }

    #[test]
    fn numbers_stay_numbers(number in any::<i64>(), fraction in any::<u16>(), float in any::<f64>()) {
        check(20, &number.to_string());
        check(1700, &format!("{number}.{fraction}"));
        check(701, &float.to_string());
        check(1016, &format!("{{{number},NULL}}"));
    }

    #[test]
    fn any_text_stays_a_text(text in "\\PC{0,40}", mark in "[%&\\\\=<{\\[]{0,3}") {
        let text = format!("{mark}{text} jo@example.com");
        check(25, &text);
        check(1043, &text);
        check(WORD, &text);
    }

    /// What is told of a value as ranges is what is masked of it as a row.
    #[test]
    fn spans_cover_what_rows_mask(document in document()) {
        let masking = masking(Style::Redact);
        for oid in [25, 3802] {
            let holding = Holding::Mixed(KindSet::NONE);
            let mut workspace = Workspace::default();
            let spans = spans::spans(document.as_bytes(), oid, holding, &masking, &mut workspace).to_vec();
            prop_assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(spans.iter().all(|span| span.start < span.end && document.get(span.start..span.end).is_some()));
            let new = masked(oid, Format::Text, holding, &masking, document.as_bytes()).unwrap();
            prop_assert_eq!(spans.is_empty(), new == document.as_bytes());
        }
    }
}
