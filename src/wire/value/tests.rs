//! What needs no server: bounds, refusals, values that no literal reaches, and that no bytes whatever make a codec panic.
#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first thing it did not expect"
)]

use proptest::prelude::*;

use super::*;

const HSTORE: u32 = 20_000;

/// Types as a database might have them, those that are deeper than allowed among them.
fn types() -> Types {
    let mut types = Types::new();
    let field = |name: &str, oid| Field { name: name.into(), oid };
    let definitions = [
        Definition::Extension(Extension::Hstore),
        Definition::Extension(Extension::Vector),
        Definition::Extension(Extension::Halfvec),
        Definition::Extension(Extension::Sparsevec),
        Definition::Extension(Extension::Ltree),
        Definition::Extension(Extension::Citext),
        Definition::Enum { labels: vec!["sad".into(), "happy, or not".into()] },
        Definition::Domain { base: 25 },
        Definition::Composite { fields: vec![field("number", 23), field("word", 25), field("document", 3802)] },
        Definition::Array { element: 20_008, delimiter: b',' },
        Definition::Range { subtype: 25 },
        Definition::Multirange { range: 20_010 },
        Definition::Composite { fields: vec![field("rows", 20_009), field("tags", HSTORE), field("spans", 20_011)] },
        Definition::Composite { fields: vec![] },
    ];
    for (oid, definition) in (HSTORE..).zip(definitions) {
        types.add(oid, definition).unwrap();
    }
    types
}

fn all() -> Vec<u32> {
    builtin::TYPES.iter().map(|row| row.0).chain(HSTORE..HSTORE + 14).collect()
}

/// Answers each leaf as `choose` says.
struct Choose<F>(F);

impl<F: FnMut(&Leaf<'_>, &mut Vec<u8>) -> Choice> Visitor for Choose<F> {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        (self.0)(leaf, replacement)
    }
}

fn rewrite(
    oid: u32,
    format: Format,
    value: &[u8],
    choose: impl FnMut(&Leaf<'_>, &mut Vec<u8>) -> Choice,
) -> Result<(Outcome, Vec<u8>), ValueError> {
    let (types, mut scratch, mut out) = (types(), Scratch::new(), Vec::new());
    let outcome = types.get(oid).unwrap().rewrite(format, value, &mut Choose(choose), &mut scratch, &mut out);
    assert!(outcome == Ok(Outcome::Changed) || out.is_empty());
    outcome.map(|outcome| (outcome, out))
}

fn put(text: &str) -> impl FnMut(&Leaf<'_>, &mut Vec<u8>) -> Choice {
    move |_, replacement| {
        replacement.extend_from_slice(text.as_bytes());
        Choice::Replace
    }
}

fn changed(oid: u32, value: &str, choose: impl FnMut(&Leaf<'_>, &mut Vec<u8>) -> Choice) -> Result<String, ValueError> {
    let (outcome, out) = rewrite(oid, Format::Text, value.as_bytes(), choose)?;
    assert_eq!(outcome, Outcome::Changed);
    Ok(String::from_utf8(out).unwrap())
}

fn check(oid: u32, format: Format, value: &[u8]) -> Result<(), ValueError> {
    types().get(oid).unwrap().check(format, value, &mut Scratch::new())
}

fn binary(oid: u32, text: &str) -> Result<Vec<u8>, ValueError> {
    let mut out = Vec::new();
    types().get(oid).unwrap().binary_from_text(text.as_bytes(), &mut Scratch::new(), &mut out).map(|()| out)
}

fn text(oid: u32, value: &[u8]) -> Result<String, ValueError> {
    let mut out = Vec::new();
    types().get(oid).unwrap().text_from_binary(value, &mut Scratch::new(), &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn the_table_is_sorted_and_blanks_are_never_refused() {
    assert!(builtin::TYPES.is_sorted_by(|one, two| one.0 < two.0));
    // One value of each scalar is enough: what a blank is does not depend on the value.
    for (oid, value) in
        [(16, "t"), (23, "7"), (1700, "1.5"), (1082, "2020-01-01"), (869, "1.2.3.4"), (2950, "00000000-0000-0000-0000-000000000001")]
    {
        let blank = |leaf: &Leaf<'_>, replacement: &mut Vec<u8>| {
            replacement.extend_from_slice(leaf.blank);
            Choice::Replace
        };
        let new = changed(oid, value, blank).unwrap();
        assert_eq!(check(oid, Format::Text, new.as_bytes()), Ok(()));
        assert_eq!(rewrite(oid, Format::Binary, &binary(oid, value).unwrap(), blank), Ok((Outcome::Changed, binary(oid, &new).unwrap())));
    }
}

#[test]
fn a_type_without_a_codec_is_none_wherever_it_stands() {
    let mut types = types();
    for oid in [0, 3642, 3644, 3361, 2276, 99_999] {
        assert!(types.get(oid).is_none(), "{oid}");
    }
    let unknown = |name: &str| Field { name: name.into(), oid: 30_001 };
    types.add(30_000, Definition::Composite { fields: vec![unknown("a")] }).unwrap();
    types.add(30_002, Definition::Array { element: 30_000, delimiter: b',' }).unwrap();
    assert!(types.get(30_002).is_none());
    // Until the missing one is known.
    types.add(30_001, Definition::Domain { base: 25 }).unwrap();
    assert!(types.get(30_002).is_some());
    assert!(types.add(25, Definition::Domain { base: 23 }).is_err());
    assert!(types.add(0, Definition::Domain { base: 23 }).is_err());
    assert!(types.add(30_003, Definition::Array { element: 0, delimiter: b',' }).is_err());
    // A record whose field has an unknown type is an error, never a pass.
    let record = [&1i32.to_be_bytes()[..], &99_999u32.to_be_bytes(), &(-1i32).to_be_bytes()].concat();
    assert_eq!(check(2249, Format::Binary, &record), Err(ValueError::UnknownType));
    assert_eq!(rewrite(2249, Format::Binary, &record, put("x")).unwrap_err(), ValueError::UnknownType);
}

#[test]
fn a_type_tells_what_it_may_hold() {
    let types = types();
    let text = |oid| types.get(oid).unwrap().may_hold(|class| class == Class::Text);
    for oid in [25, 1009, 3802, 2249, 3614, HSTORE, 20_007, 20_009, 20_010, 20_012, 2277] {
        assert!(text(oid), "{oid}");
    }
    for oid in [23, 1022, 20_001, 3904, 17, 20_006] {
        assert!(!text(oid), "{oid}");
    }
}

#[test]
fn a_type_made_of_itself_ends() {
    let mut types = Types::new();
    types.add(30_000, Definition::Domain { base: 30_001 }).unwrap();
    types.add(30_001, Definition::Domain { base: 30_000 }).unwrap();
    let circle = types.get(30_000).unwrap();
    assert_eq!(circle.check(Format::Text, b"x", &mut Scratch::new()), Err(ValueError::TooDeep));
    let deep = "{".repeat(7) + &"}".repeat(7);
    assert!(check(1007, Format::Text, deep.as_bytes()).is_err());
}

#[test]
fn replaced_parts_are_quoted_anew_and_the_rest_stays_as_it_was() {
    let mail = |leaf: &Leaf<'_>, replacement: &mut Vec<u8>| {
        if !leaf.bytes.contains(&b'@') {
            return Choice::Keep;
        }
        replacement.extend_from_slice(b"a, \"b\"");
        Choice::Replace
    };
    assert_eq!(changed(1009, "{ \"x\" , me@x.y,NULL}", mail).unwrap(), r#"{ "x" , "a, \"b\"",NULL}"#);
    assert_eq!(changed(1009, "[0:0]={me@x.y}", mail).unwrap(), r#"[0:0]={"a, \"b\""}"#);
    assert_eq!(changed(3802, r#"{"k" :["\u0061@b",1.0e5 ]}"#, mail).unwrap(), r#"{"k" :["a, \"b\"",1.0e5 ]}"#);
    assert_eq!(changed(HSTORE, r#""a"=>"me@x.y","b"=>NULL"#, mail).unwrap(), r#""a"=>"a, \"b\"","b"=>NULL"#);
    assert_eq!(changed(20_008, r#"(1,me@x.y,"{""k"": ""me@x.y""}")"#, mail).unwrap(), r#"(1,"a, ""b""","{""k"": ""a, \\""b\\""""}")"#);
    assert_eq!(changed(3614, "'me@x.y':1A 'z'", mail).unwrap(), r#"'a, "b"':1A 'z'"#);
    assert_eq!(changed(3615, "!'me@x.y':*A & 'z'", mail).unwrap(), r#"!'a, "b"':*A & 'z'"#);
    assert_eq!(changed(17, r"\x6d654078", mail).unwrap(), r"\x612c20226222");
    assert_eq!(
        changed(142, "<?x me@x.y?><a to='me&#64;x.y' n='1'><!--me@x.y-->me@x.y<b/><![CDATA[me@x.y]]></a>", mail).unwrap(),
        "<?x a, \"b\"?><a to='a, &quot;b&quot;' n='1'><!--a, \"b\"-->a, &quot;b&quot;<b/>a, &quot;b&quot;</a>"
    );
    assert_eq!(changed(142, "<a>me</a>", put("<b>--&")).unwrap(), "<_b_--_>&lt;b&gt;--&amp;</_b_--_>");
    assert_eq!(changed(4072, "$.\"me@x.y\"", put("x")).unwrap(), "\"x\"");
}

#[test]
fn names_tell_where_a_leaf_stands() {
    fn names(oid: u32, value: &str) -> Vec<(String, String)> {
        let mut seen = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let outcome = rewrite(oid, Format::Text, value.as_bytes(), |leaf, _| {
            seen.push((text(leaf.name), text(leaf.bytes)));
            Choice::Keep
        });
        assert_eq!(outcome, Ok((Outcome::Kept, vec![])));
        seen
    }
    let pairs = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, leaf)| ((*name).to_owned(), (*leaf).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        names(142, "<a b='x'>t&lt;<c>u</c><!--v-->w</a>"),
        pairs(&[("", "a"), ("b", "x"), ("a", "t<"), ("a", "c"), ("c", "u"), ("a", "c"), ("a", "v"), ("a", "w"), ("", "a")])
    );
    assert_eq!(
        names(3802, r#"{"a":{"\u0062":[1,{"c":"x"},"y"]},"d":true}"#),
        pairs(&[("", "a"), ("a", "b"), ("b", "1"), ("b", "c"), ("c", "x"), ("b", "y"), ("", "d"), ("d", "true")])
    );
    assert_eq!(names(HSTORE, r#"k=>v, "n"=>NULL"#), pairs(&[("", "k"), ("k", "v"), ("", "n")]));
    assert_eq!(names(20_008, r#"(7,w,"[1]")"#), pairs(&[("number", "7"), ("word", "w"), ("document", "1")]));
}

#[test]
fn a_traced_leaf_tells_where_each_of_its_bytes_stands() {
    struct Traced(Vec<(String, String)>, &'static str);
    impl Visitor for Traced {
        fn leaf(&mut self, leaf: &Leaf<'_>, _: &mut Vec<u8>) -> Choice {
            assert_eq!(leaf.trail.len(), leaf.bytes.len() + 1);
            assert!(leaf.trail.is_sorted());
            let (start, end) = (*leaf.trail.first().unwrap(), *leaf.trail.last().unwrap());
            self.0.push((String::from_utf8(leaf.bytes.to_vec()).unwrap(), self.1[start..end].to_owned()));
            Choice::Keep
        }
    }
    for (oid, value, leaves) in [
        (1009, r#"{a,"b c","d\"e"}"#, &[("a", "a"), ("b c", "b c"), ("d\"e", r#"d\"e"#)][..]),
        (3802, r#"{"\u0041": [1.5, "x\ty"]}"#, &[("A", r"\u0041"), ("1.5", "1.5"), ("x\ty", r"x\ty")]),
        (HSTORE, r#"k=>"v\"w""#, &[("k", "k"), ("v\"w", r#"v\"w"#)]),
        (3614, "'it''s':1A b", &[("it's", "it''s"), ("b", "b")]),
        (3615, "'a' & b", &[("a", "a"), ("b", "b")]),
        (20_009, r#"{"(1,\"w x\",\"{\"\"k\"\": \"\"v\\\\nw\"\"}\")"}"#, &[("1", "1"), ("w x", "w x"), ("k", "k"), ("v\nw", r"v\\\\nw")]),
        (3912, "[2020-01-01,2021-01-01)", &[("2020-01-01", "2020-01-01"), ("2021-01-01", "2021-01-01")]),
        (20_011, r#"{[a,"b c")}"#, &[("a", "a"), ("b c", "b c")]),
        (17, r"\x6162", &[("ab", "6162")]),
        (17, r"a\\\142", &[("a\\b", r"a\\\142")]),
        (142, "<a b='&#64;'><![CDATA[x]]>y&amp;</a>", &[("a", "a"), ("@", "&#64;"), ("x", "x"), ("y&", "y&amp;"), ("a", "a")]),
    ] {
        let mut seen = Traced(Vec::new(), value);
        types().get(oid).unwrap().trace(value.as_bytes(), &mut seen, &mut Scratch::new()).unwrap();
        let wanted: Vec<_> = leaves.iter().map(|(leaf, raw)| ((*leaf).to_owned(), (*raw).to_owned())).collect();
        assert_eq!(seen.0, wanted, "{oid}");
    }
}

#[test]
fn null_goes_only_where_a_null_may_stand() {
    let null = |_: &Leaf<'_>, _: &mut Vec<u8>| Choice::Null;
    assert_eq!(rewrite(25, Format::Text, b"x", null), Ok((Outcome::Null, vec![])));
    assert_eq!(changed(1009, "{a,\"b\"}", null).unwrap(), "{NULL,NULL}");
    assert_eq!(changed(20_008, "(1,\"x y\",2)", null).unwrap(), "(,,null)");
    assert_eq!(changed(3802, r#"["a", 1, true, null]"#, null).unwrap(), "[null, null, null, null]");
    assert_eq!(rewrite(3802, Format::Text, b"{\"a\":1}", null).unwrap_err(), ValueError::Replacement);
    // With a bound goes the range, and with a range the multirange, whatever it is replaced by.
    let five = |_: &Leaf<'_>, replacement: &mut Vec<u8>| {
        replacement.push(b'5');
        Choice::Replace
    };
    for choose in [null as fn(&Leaf<'_>, &mut Vec<u8>) -> Choice, five] {
        for (oid, value) in [(3904, "[1,2)"), (4451, "{[1,2),[7,9)}")] {
            assert_eq!(rewrite(oid, Format::Text, value.as_bytes(), choose), Ok((Outcome::Null, vec![])));
            assert_eq!(rewrite(oid, Format::Binary, &binary(oid, value).unwrap(), choose), Ok((Outcome::Null, vec![])));
        }
        assert_eq!(changed(3905, r#"{"[1,2)",empty}"#, choose).unwrap(), "{NULL,empty}");
    }
    assert_eq!(rewrite(3614, Format::Text, b"'a'", null).unwrap_err(), ValueError::Replacement);
    let (_, new) = rewrite(1007, Format::Binary, &binary(1007, "{1,2}").unwrap(), null).unwrap();
    // The flag that says "has NULLs" is part of it.
    assert_eq!(new, binary(1007, "{NULL,NULL}").unwrap());
}

#[test]
fn a_replacement_that_its_type_cannot_read_is_refused() {
    for (oid, value, replacement) in [
        (23, "1", "x"),
        (23, "1", "99999999999"),
        (16, "t", "maybe"),
        (1082, "2020-01-01", "2020-02-30"),
        (1700, "1", "1,5"),
        (2950, "00000000-0000-0000-0000-000000000000", "x"),
        (869, "1.2.3.4", "1.2.3"),
        (600, "(1,2)", "(1)"),
        (20_006, "sad", "glad"),
        (2205, "pg_class", "no_such_table"),
        (1033, "a=r/b", "x"),
        (3614, "'a'", ""),
        (19, "a", "0123456789012345678901234567890123456789012345678901234567890123"),
    ] {
        assert_eq!(
            rewrite(oid, Format::Text, value.as_bytes(), put(replacement)).unwrap_err(),
            ValueError::Replacement,
            "{oid} {replacement}"
        );
    }
    let control = |_: &Leaf<'_>, replacement: &mut Vec<u8>| {
        replacement.extend_from_slice(b"a\0b");
        Choice::Replace
    };
    for (oid, value) in [(25, "x"), (114, "\"x\""), (HSTORE, "a=>b"), (142, "x")] {
        assert_eq!(rewrite(oid, Format::Text, value.as_bytes(), control).unwrap_err(), ValueError::Replacement);
    }
    // What was a number may become anything that JSON can hold.
    assert_eq!(changed(3802, "[12]", put("***")).unwrap(), "[\"***\"]");
    assert_eq!(changed(3802, "[12]", put("-1.5")).unwrap(), "[-1.5]");
    assert_eq!(changed(3802, "[\"12\"]", put("34")).unwrap(), "[\"34\"]");
}

#[test]
fn vectors_read_and_print() {
    for (oid, value, bytes) in [
        (20_001, "[1,-2.5]", &[0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0][..]),
        (20_002, "[1,-2.5,6.1035156e-05,6e-08]", &[0, 4, 0, 0, 0x3c, 0, 0xc1, 0, 0x04, 0, 0, 1]),
        (20_002, "[65504,0.099975586]", &[0, 2, 0, 0, 0x7b, 0xff, 0x2e, 0x66]),
        (20_003, "{1:1.5,3:2}/5", &[0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x3f, 0xc0, 0, 0, 0x40, 0, 0, 0]),
        (20_003, "{}/1", &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        assert_eq!(binary(oid, value).unwrap(), bytes, "{value}");
        let printed = text(oid, bytes).unwrap();
        assert_eq!(binary(oid, &printed).unwrap(), bytes, "{printed}");
        if !value.contains("6e-08") {
            assert_eq!(printed, value);
        }
    }
    for (oid, value) in
        [(20_001, "[]"), (20_001, "[1,]"), (20_001, "[NaN]"), (20_002, "[65520]"), (20_003, "{2:1,1:1}/5"), (20_003, "{6:1}/5")]
    {
        assert!(binary(oid, value).is_err(), "{value}");
    }
    // Every half goes to a single and back.
    for half in (0..=u16::MAX).filter(|half| half & 0x7c00 != 0x7c00) {
        let bytes = [&[0, 1, 0, 0][..], &half.to_be_bytes()].concat();
        assert_eq!(binary(20_002, &text(20_002, &bytes).unwrap()).unwrap(), bytes);
    }
}

#[test]
fn missing_and_trailing_bytes_are_errors() {
    for (oid, value) in [
        (16, "t"),
        (23, "1"),
        (701, "1.5"),
        (1700, "1.5"),
        (1082, "2020-01-01"),
        (1186, "1 day"),
        (869, "::1"),
        (1560, "101"),
        (600, "(1,2)"),
        (604, "((0,0))"),
        (1007, "{1,2}"),
        (3904, "[1,2)"),
        (4451, "{[1,2)}"),
        (3614, "'a':1"),
        (3615, "'a'"),
        (HSTORE, "a=>b"),
        (20_008, "(1,a,2)"),
        (5038, "1:2:1"),
    ] {
        let mut whole = binary(oid, value).unwrap();
        assert_eq!(check(oid, Format::Binary, &whole), Ok(()));
        for length in 0..whole.len() {
            assert!(check(oid, Format::Binary, &whole[..length]).is_err(), "{value} cut to {length}");
        }
        whole.push(0);
        assert!(check(oid, Format::Binary, &whole).is_err(), "{value} with a byte more");
    }
}

#[test]
fn json_is_strict() {
    for good in ["1", "-0.5e+10", " [ ] ", "{\"\":{}}", "\"\\ud83d\\ude00\"", "\"\\ud800\"", "\t\r\n null"] {
        assert_eq!(check(114, Format::Text, good.as_bytes()), Ok(()), "{good}");
    }
    for bad in [
        "",
        "01",
        "1.",
        "+1",
        ".5",
        "1e",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "[1}",
        "{]",
        "nul",
        "truex",
        "1 2",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "[",
        "]",
        "'a'",
        "NaN",
        "{\"a\":1 \"b\":2}",
    ] {
        assert!(check(114, Format::Text, bad.as_bytes()).is_err(), "{bad}");
    }
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(check(3802, Format::Text, nested(JSON_DEPTH_LIMIT).as_bytes()), Ok(()));
    assert_eq!(check(3802, Format::Text, nested(JSON_DEPTH_LIMIT + 1).as_bytes()), Err(ValueError::TooDeep));
    assert_eq!(check(3802, Format::Binary, b"\x02{}"), Err(ValueError::Malformed("jsonb version")));
}

#[test]
fn small_values_cannot_print_without_end() {
    // Records in records double their quotes on every level.
    let mut value = b"\"".to_vec();
    let mut oid = 25u32;
    for _ in 0..DEPTH_LIMIT - 1 {
        value = [&1i32.to_be_bytes()[..], &oid.to_be_bytes(), &(value.len() as u32).to_be_bytes(), &value].concat();
        oid = 2249;
    }
    assert_eq!(text(2249, &value), Err(ValueError::TooLong));
    // A thousand numerics of 131,072 digits.
    let numeric = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
    let mut array = [1i32, 0, 1700, 1000, 1].map(i32::to_be_bytes).concat();
    (0..1000).for_each(|_| array.extend_from_slice(&[&10i32.to_be_bytes()[..], &numeric].concat()));
    assert_eq!(text(1231, &array), Err(ValueError::TooLong));
    // A head that promises more than follows.
    let promise = [1i32, 0, 23, i32::MAX - 1, 1].map(i32::to_be_bytes).concat();
    assert_eq!(check(1007, Format::Binary, &promise), Err(ValueError::Short));
}

/// Everything that can be done to a value; whatever comes out well formed must be so.
fn exercise(types: &Types, oid: u32, format: Format, value: &[u8], scratch: &mut Scratch) {
    let ty = types.get(oid).unwrap();
    let fine = ty.check(format, value, scratch).is_ok();
    let mut other = Vec::new();
    let converted = match format {
        Format::Text => ty.binary_from_text(value, scratch, &mut other),
        Format::Binary => ty.text_from_binary(value, scratch, &mut other),
    };
    if converted.is_ok() {
        assert!(fine, "type {oid}: {value:02x?} converts but is not well formed");
        if format == Format::Binary {
            let mut back = Vec::new();
            // Anonymous records have no way back; names of objects, and an element type that only the binary form tells, neither.
            match ty.binary_from_text(&other, scratch, &mut back) {
                Ok(()) => {
                    let mut again = Vec::new();
                    ty.text_from_binary(&back, scratch, &mut again).unwrap();
                    assert_eq!(again, other, "type {oid}");
                }
                Err(error) => assert!(
                    matches!(error, ValueError::NoConversion) || matches!(oid, 3614 | 3615 | 3643 | 3645) || other.is_empty(),
                    "type {oid}: {} does not come back: {error}",
                    String::from_utf8_lossy(&other)
                ),
            }
        }
    }
    let mut out = Vec::new();
    let kept = ty.rewrite(format, value, &mut Choose(|_: &Leaf<'_>, _: &mut Vec<u8>| Choice::Keep), scratch, &mut out);
    assert!(out.is_empty() && kept.is_ok_and(|kept| kept == Outcome::Kept) || kept.is_err());
    if fine {
        assert!(kept.is_ok(), "type {oid}: {value:02x?} is well formed but cannot be walked");
    }
    let mut blank = Choose(|leaf: &Leaf<'_>, replacement: &mut Vec<u8>| {
        replacement.extend_from_slice(leaf.blank);
        Choice::Replace
    });
    match ty.rewrite(format, value, &mut blank, scratch, &mut out) {
        Ok(Outcome::Changed) if fine => assert_eq!(ty.check(format, &out, scratch), Ok(()), "type {oid}: {value:02x?} became {out:02x?}"),
        // Ranges may.
        Ok(Outcome::Null) => assert!(out.is_empty()),
        Ok(Outcome::Kept | Outcome::Changed) | Err(_) => {}
    }
}

/// The literals that the server is asked about, as seeds.
fn seeds() -> Vec<(u32, Vec<u8>, Vec<u8>)> {
    let types = types();
    let mut scratch = Scratch::new();
    let mut seeds = Vec::new();
    for line in include_str!("../../../fixtures/values.txt").lines() {
        let mut columns = line.split('\t');
        let (Some(name), Some(literal)) = (columns.next(), columns.next()) else { continue };
        let plain = name.trim_end_matches("[]");
        let oid = match plain {
            "hstore" => Some(HSTORE),
            "deep" => None,
            _ => builtin::TYPES
                .iter()
                .find(|row| row.1 == if name == plain { plain.to_owned() } else { format!("_{plain}") })
                .map(|row| row.0),
        };
        let Some(oid) = oid else { continue };
        let mut binary = Vec::new();
        // Not every literal is in the form a server prints; those that are not have no binary seed.
        types.get(oid).unwrap().binary_from_text(literal.as_bytes(), &mut scratch, &mut binary).ok();
        seeds.push((oid, literal.as_bytes().to_vec(), binary));
    }
    assert!(seeds.len() > 300);
    seeds
}

/// A bounded run; `PROPTEST_CASES` asks for a longer one.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn no_bytes_make_a_codec_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), small in proptest::collection::vec(0u8..4, 0..48)) {
        let (types, mut scratch) = (types(), Scratch::new());
        for oid in all() {
            for format in [Format::Text, Format::Binary] {
                exercise(&types, oid, format, &bytes, &mut scratch);
                exercise(&types, oid, format, &small, &mut scratch);
            }
        }
    }

    #[test]
    fn no_syntax_makes_a_codec_panic(text in r#"[{}()\[\],;:"'\\=<>!&|*ab01 .eE+-]{0,24}"#) {
        let (types, mut scratch) = (types(), Scratch::new());
        for oid in all() {
            exercise(&types, oid, Format::Text, text.as_bytes(), &mut scratch);
        }
    }
}

proptest! {
    #![proptest_config(config(64))]

    #[test]
    fn no_mutation_of_a_value_makes_a_codec_panic(edits in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>(), 0u8..4), 1..4)) {
        let (types, mut scratch) = (types(), Scratch::new());
        for (oid, text, binary) in seeds() {
            for (format, mut value) in [(Format::Text, text), (Format::Binary, binary)] {
                exercise(&types, oid, format, &value, &mut scratch);
                for (at, byte, how) in &edits {
                    if value.is_empty() {
                        continue;
                    }
                    let at = at.index(value.len());
                    match how {
                        0 => value[at] = *byte,
                        1 => value[at] ^= 1 << (byte % 8),
                        2 => value.insert(at, *byte),
                        _ => drop(value.remove(at)),
                    }
                }
                exercise(&types, oid, format, &value, &mut scratch);
            }
        }
    }
}
