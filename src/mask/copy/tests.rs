//! Whatever the borders of messages are, what comes out is what masking row by row would make of the same values.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::mask::plan::Described;
use crate::mask::verdict::{Basis, ColumnId, Verdict};
use crate::mask::{KindSet, Masking};
use crate::wire::backend::{Backend, tag};

const TEXT: u32 = 25;
const INT8: u32 = 20;
const NUMERIC: u32 = 1700;
const JSONB: u32 = 3802;
const TEXTS: u32 = 1009;
const MIXED: Holding = Holding::Mixed(KindSet::NONE);

fn plan(columns: &[(u32, Holding)], format: Format) -> Arc<Plan> {
    let described = columns.iter().map(|(type_oid, holding)| Described {
        name: b"",
        column: ColumnId { relation: 0, attribute: 0 },
        type_oid: *type_oid,
        format,
        derived: false,
        verdict: Some(Verdict { holding: *holding, basis: Basis::Policy }),
    });
    // Making the detectors takes a while.
    static MASKING: LazyLock<Masking> = LazyLock::new(Masking::built_in);
    Plan::new(described, &MASKING)
}

fn masked(shape: &CopyShape, columns: &[(u32, Holding)], data: &[u8], parts: &[usize]) -> Result<Vec<u8>, OtherShape> {
    let mut masker = CopyMasker::new(shape.clone(), plan(columns, shape.format()));
    let (mut workspace, mut out, mut rest) = (Workspace::default(), Vec::new(), data);
    for part in parts.iter().cycle() {
        let (now, behind) = rest.split_at((*part).min(rest.len()));
        masker.feed(now, &mut workspace, &mut out)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    masker.finish(&mut workspace, &mut out)?;
    Ok(out)
}

fn check(shape: &CopyShape, columns: &[(u32, Holding)], data: &str, expected: &str) {
    for parts in [&[usize::MAX][..], &[1], &[2, 3, 5]] {
        let out = masked(shape, columns, data.as_bytes(), parts).map(|out| String::from_utf8(out).unwrap());
        assert_eq!(out.as_deref(), Ok(expected), "{data} {parts:?}");
    }
}

const MAIL: Holding = Holding::Whole(Kind::EMAIL);

#[test]
fn text_is_masked_with_its_backslashes() {
    let columns = &[(INT8, Holding::Harmless), (TEXT, MAIL), (TEXT, MIXED), (NUMERIC, MAIL), (TEXTS, MIXED)];
    check(
        &CopyShape::text(),
        columns,
        "1\tjo@example.com\tsay \\\\ jo\\100example.com\\tnow\t12\t{a,jo@example.com}\n2\t\\N\ta\\x40b\t\\N\t{}\n3\t\t\\\\N\t0\t\\N\n",
        "1\t[EMAIL]\tsay \\\\ [EMAIL]\\tnow\t\\N\t{a,[EMAIL]}\n2\t\\N\ta\\x40b\t\\N\t{}\n3\t\t\\\\N\t\\N\t\\N\n",
    );
    let shape = CopyShape::Text { delimiter: b'|', null: (*b"nil").into(), header: true };
    check(&shape, &[(TEXT, MAIL), (INT8, MAIL)], "mail|jo@x.com\nnil|1\na\\|b|nil\n", "mail|[EMAIL]\nnil|nil\n[EMAIL]|nil\n");
}

#[test]
fn csv_is_masked_with_its_quotes() {
    let columns = &[(INT8, Holding::Harmless), (TEXT, MIXED), (TEXT, MAIL), (INT8, MAIL)];
    check(
        &CopyShape::csv(),
        columns,
        "1,\"a \"\"b\"\", jo@example.com\nline\",jo@example.com,7\n2,,\"\",\n3,plain,\"x,y\",\n",
        "1,\"a \"\"b\"\", [EMAIL]\nline\",[EMAIL],\n2,,\"\",\n3,plain,\"[EMAIL]\",\n",
    );
    let shape = CopyShape::Csv { delimiter: b';', quote: b'\'', escape: b'\\', null: (*b"nil").into(), header: true };
    check(
        &shape,
        &[(TEXT, MIXED), (INT8, MAIL)],
        "'it\\'s';n\n'a\\'; jo@example.com \\\\';5\nnil;nil\n",
        "'it\\'s';n\n'a\\'; [EMAIL] \\\\';nil\nnil;nil\n",
    );
}

#[test]
fn another_number_of_columns_is_refused() {
    let two = &[(TEXT, MIXED), (TEXT, MIXED)];
    for data in ["a\n", "a\tb\tc\n", "a\tb\nc\n", "\n"] {
        assert_eq!(masked(&CopyShape::text(), two, data.as_bytes(), &[usize::MAX]), Err(OtherShape), "{data:?}");
    }
    assert!(masked(&CopyShape::Binary, two, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0", &[usize::MAX]).is_err());
    assert!(masked(&CopyShape::Binary, two, b"COPY (select) to stdout", &[usize::MAX]).is_err());
    // A stream that was cut off.
    assert!(masked(&CopyShape::Binary, two, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", &[usize::MAX]).is_err());
}

#[test]
fn what_is_too_long_to_look_at_is_replaced_and_not_kept() {
    let long = "x".repeat(FIELD_LIMIT + 1);
    let columns = [(TEXT, Holding::Harmless), (TEXT, MIXED), (TEXT, MAIL), (TEXT, MIXED)];
    let data = format!("{long}\t{long}\t{long}\ta@b.com\n");
    for parts in [&[usize::MAX][..], &[1 << 20], &[65_537]] {
        let out = masked(&CopyShape::text(), &columns, data.as_bytes(), parts).unwrap();
        assert_eq!(out, format!("{long}\t\\N\t[EMAIL]\t[EMAIL]\n").as_bytes());
    }
    let mut masker = CopyMasker::new(CopyShape::text(), plan(&columns, Format::Text));
    let (mut workspace, mut out) = (Workspace::default(), Vec::new());
    for _ in 0..1000 {
        masker.feed(&data.as_bytes()[..100_000], &mut workspace, &mut out).unwrap();
        assert!(masker.held.capacity() <= FIELD_LIMIT * 2);
        out.clear();
    }
    let field = |value: &[u8]| [&u32::try_from(value.len()).unwrap().to_be_bytes(), value].concat();
    let row = [&[0, 4][..], &field(long.as_bytes()), &field(long.as_bytes()), &field(long.as_bytes()), &field(b"a@b.com")].concat();
    let binary = [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", row.as_slice(), &[0xff, 0xff]].concat();
    let kept = [&[0, 4][..], &field(long.as_bytes()), &NULL, &field(b"[EMAIL]"), &field(b"[EMAIL]")].concat();
    let expected = [b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", kept.as_slice(), &[0xff, 0xff]].concat();
    for parts in [&[usize::MAX][..], &[1 << 20], &[65_537]] {
        assert!(masked(&CopyShape::Binary, &columns, &binary, parts).unwrap() == expected);
    }
}

const NULL: [u8; 4] = [0xff; 4];

type Row = Vec<Option<String>>;

/// The values of a row as masking row by row leaves them.
fn masked_row(plan: &Plan, row: &[Option<Vec<u8>>]) -> Vec<Option<Vec<u8>>> {
    let mut body = u16::try_from(row.len()).unwrap().to_be_bytes().to_vec();
    for value in row {
        match value {
            None => body.extend(NULL),
            Some(value) => {
                body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                body.extend(value);
            }
        }
    }
    let Backend::DataRow(values) = Backend::read(tag::DATA_ROW, &body).unwrap() else { unreachable!("a row") };
    let mut out = Vec::new();
    if !plan.row(&values, &mut Workspace::default(), &mut out).unwrap() {
        return row.to_vec();
    }
    let Backend::DataRow(values) = Backend::read(tag::DATA_ROW, &out[5..]).unwrap() else { unreachable!("a row") };
    values.iter().map(|value| value.map(<[u8]>::to_vec)).collect()
}

/// A row as a server writes it.
fn written(shape: &CopyShape, row: &[Option<Vec<u8>>], out: &mut Vec<u8>) {
    if *shape == CopyShape::Binary {
        out.extend(u16::try_from(row.len()).unwrap().to_be_bytes());
    }
    for (place, value) in row.iter().enumerate() {
        match (shape, value) {
            (CopyShape::Binary, None) => out.extend(NULL),
            (CopyShape::Binary, Some(value)) => {
                out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                out.extend(value);
            }
            (CopyShape::Text { delimiter, null, .. } | CopyShape::Csv { delimiter, null, .. }, value) => {
                if place > 0 {
                    out.push(*delimiter);
                }
                match (shape, value) {
                    (_, None) => out.extend_from_slice(null),
                    (CopyShape::Text { .. }, Some(value)) => {
                        for byte in value {
                            match byte {
                                b'\n' => out.extend(b"\\n"),
                                b'\r' => out.extend(b"\\r"),
                                b'\t' => out.extend(b"\\t"),
                                8 => out.extend(b"\\b"),
                                11 => out.extend(b"\\v"),
                                12 => out.extend(b"\\f"),
                                _ if *byte == b'\\' || byte == delimiter => out.extend([b'\\', *byte]),
                                _ => out.push(*byte),
                            }
                        }
                    }
                    (CopyShape::Csv { quote, escape, .. }, Some(value)) => {
                        let special = |byte: &u8| matches!(byte, b'\n' | b'\r') || byte == delimiter || byte == quote;
                        if **value == **null || value.iter().any(special) || value == b"\\." {
                            out.push(*quote);
                            for byte in value {
                                if byte == quote || byte == escape {
                                    out.push(*escape);
                                }
                                out.push(*byte);
                            }
                            out.push(*quote);
                        } else {
                            out.extend(value);
                        }
                    }
                    (CopyShape::Binary, _) => unreachable!("done above"),
                }
            }
        }
    }
    if *shape != CopyShape::Binary {
        out.push(b'\n');
    }
}

fn words() -> impl Strategy<Value = Option<String>> {
    let word = prop_oneof![
        4 => "[ -~\\n\\t\\r]{0,12}",
        2 => Just("jo.smith@example.com".to_owned()),
        1 => Just("\\N".to_owned()),
        1 => Just("\\.".to_owned()),
        1 => Just("\"',;|\\".to_owned()),
        1 => Just("é\u{1F600}".to_owned()),
    ];
    proptest::option::weighted(0.9, proptest::collection::vec(word, 0..4).prop_map(|words| words.concat()))
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let numbers = proptest::option::weighted(0.8, any::<i64>().prop_map(|number| number.to_string()));
    let documents = words().prop_map(|word| word.map(|word| serde_json::json!({ "k": [word, 1] }).to_string()));
    let row = (numbers.clone(), words(), words(), numbers, documents, words());
    proptest::collection::vec(row.prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f]), 0..5)
}

const COLUMNS: &[(u32, Holding)] = &[
    (INT8, Holding::Harmless),
    (TEXT, MIXED),
    (TEXT, MAIL),
    (INT8, Holding::Whole(Kind::DERIVED)),
    (JSONB, MIXED),
    (TEXT, Holding::Harmless),
];

/// The fields of CSV, one after the other, without their quotes.
fn read(text: &[u8], delimiter: u8, quote: u8, escape: u8) -> Vec<String> {
    let (mut fields, mut field, mut inside, mut at) = (Vec::new(), Vec::new(), false, 0);
    while at < text.len() {
        let (byte, next) = (text[at], text.get(at + 1).copied());
        at += 1;
        if inside && byte == escape && next.is_some_and(|next| next == quote || next == escape) {
            field.extend(next);
            at += 1;
        } else if byte == quote {
            inside = !inside;
        } else if !inside && (byte == delimiter || byte == b'\n') {
            fields.push(String::from_utf8_lossy(&std::mem::take(&mut field)).into_owned());
        } else {
            field.push(byte);
        }
    }
    fields
}

proptest! {
    #[test]
    fn any_borders_give_what_row_by_row_gives(
        rows in rows(),
        parts in proptest::collection::vec(1usize..40, 1..20),
        which in 0usize..5,
        header in any::<bool>(),
    ) {
        let shape = match which {
            0 => CopyShape::Text { delimiter: b'\t', null: (*br"\N").into(), header },
            1 => CopyShape::Text { delimiter: b'|', null: (*b"nil").into(), header },
            2 => CopyShape::Csv { delimiter: b',', quote: b'"', escape: b'"', null: Box::default(), header },
            3 => CopyShape::Csv { delimiter: b';', quote: b'\'', escape: b'\\', null: (*b"nil").into(), header },
            _ => CopyShape::Binary,
        };
        let plan = plan(COLUMNS, shape.format());
        let (mut data, mut expected) = (Vec::new(), Vec::new());
        if shape == CopyShape::Binary {
            data.extend(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x03abc");
        } else if header {
            written(&shape, &vec![Some(b"name".to_vec()); COLUMNS.len()], &mut data);
        }
        expected.extend(&data);
        let types = crate::wire::value::Types::new();
        let mut scratch = crate::wire::value::Scratch::new();
        for row in rows {
            let values: Vec<Option<Vec<u8>>> = row.into_iter().zip(COLUMNS).map(|(value, (oid, _))| value.map(|value| {
                let mut bytes = Vec::new();
                match shape.format() {
                    Format::Text => bytes.extend(value.as_bytes()),
                    Format::Binary => types.get(*oid).unwrap().binary_from_text(value.as_bytes(), &mut scratch, &mut bytes).unwrap(),
                }
                bytes
            })).collect();
            written(&shape, &values, &mut data);
            written(&shape, &masked_row(&plan, &values), &mut expected);
        }
        if shape == CopyShape::Binary {
            data.extend([0xff, 0xff]);
            expected.extend([0xff, 0xff]);
        }
        let whole = masked(&shape, COLUMNS, &data, &[usize::MAX]).unwrap();
        let cut = masked(&shape, COLUMNS, &data, &parts).unwrap();
        prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&cut));
        // A replacement in a field that was quoted is quoted as well, where a server would not.
        if let CopyShape::Csv { delimiter, quote, escape, .. } = shape {
            prop_assert_eq!(read(&whole, delimiter, quote, escape), read(&expected, delimiter, quote, escape));
        } else {
            prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&expected));
        }
    }

    #[test]
    fn no_stream_makes_it_panic(data in any::<Vec<u8>>(), parts in proptest::collection::vec(1usize..9, 1..9), which in 0usize..3) {
        let shape = [CopyShape::text(), CopyShape::csv(), CopyShape::Binary][which].clone();
        let whole = masked(&shape, &COLUMNS[1..2], &data, &[usize::MAX]);
        prop_assert_eq!(whole, masked(&shape, &COLUMNS[1..2], &data, &parts));
    }
}

/// The rows that are looked at, as a client would write their values.
fn looked_at(shape: &CopyShape, columns: usize, data: &[u8], part: usize) -> Vec<Vec<Option<Vec<u8>>>> {
    let columns = vec![(TEXT, MIXED); columns];
    let mut rows = CopyRows::new(shape.clone(), plan(&columns, shape.format()));
    let mut workspace = Workspace::default();
    for part in data.chunks(part) {
        rows.feed(part, &mut workspace).unwrap();
    }
    rows.finish(b"", &mut workspace);
    let (mut found, mut rest) = (Vec::new(), rows.messages());
    while let Some((head, behind)) = rest.split_at_checked(5) {
        let length = usize::try_from(u32::from_be_bytes(head[1..].try_into().unwrap())).unwrap() - 4;
        let Backend::DataRow(row) = Backend::read(head[0], &behind[..length]).unwrap() else { panic!("no row") };
        found.push(row.iter().map(|value| value.map(<[u8]>::to_vec)).collect());
        rest = &behind[length..];
    }
    found
}

#[test]
fn rows_are_looked_at_as_a_result_would_bring_them() {
    let value = |text: &str| Some(text.as_bytes().to_vec());
    let expected = vec![vec![value("a\tb"), None], vec![value(""), value("x\"y")], vec![value("last"), value("z")]];
    let header = |shape| match shape {
        CopyShape::Text { delimiter, null, .. } => CopyShape::Text { delimiter, null, header: true },
        CopyShape::Csv { delimiter, quote, escape, null, .. } => CopyShape::Csv { delimiter, quote, escape, null, header: true },
        CopyShape::Binary => CopyShape::Binary,
    };
    let mut binary = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    for row in &expected {
        binary.extend_from_slice(&[0, 2]);
        for value in row {
            binary.extend_from_slice(&value.as_ref().map_or(-1, |value| i32::try_from(value.len()).unwrap()).to_be_bytes());
            binary.extend_from_slice(value.as_deref().unwrap_or_default());
        }
    }
    for part in [1, 3, 1000] {
        // The last line of each has no end.
        assert_eq!(looked_at(&CopyShape::text(), 2, b"a\\tb\t\\N\n\tx\"y\nlast\tz", part), expected);
        assert_eq!(looked_at(&header(CopyShape::text()), 2, b"one\ttwo\na\\tb\t\\N\n\tx\"y\nlast\tz\n", part), expected);
        assert_eq!(looked_at(&CopyShape::csv(), 2, b"a\tb,\n\"\",\"x\"\"y\"\nlast,z", part), expected);
        assert_eq!(looked_at(&header(CopyShape::csv()), 2, b"one,two\na\tb,\n\"\",\"x\"\"y\"\nlast,z\n", part), expected);
        assert_eq!(looked_at(&CopyShape::Binary, 2, &binary, part), expected);
    }
}
