//! No row and no cell costs an allocation once buffers have grown, whatever is found in them and whatever is put in its place.
#![allow(unsafe_code, reason = "a counting allocator has to be one")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing it did not expect")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use pgsluice::mask::copy::{CopyMasker, CopyShape};
use pgsluice::mask::plan::Described;
use pgsluice::mask::verdict::{Basis, ColumnId};
use pgsluice::mask::{Holding, Kind, KindSet, Masking, Plan, Verdict, Workspace};
use pgsluice::wire::backend::{Backend, tag};
use pgsluice::wire::value::{Format, Scratch, Types};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MIXED: Holding = Holding::Mixed(KindSet::NONE);
const VALUES: &[(u32, Holding, &str)] = &[
    (20, Holding::Harmless, "42"),
    (25, Holding::Whole(Kind::EMAIL), "jo@example.com"),
    (25, MIXED, "say jo@example.com twice, am9Aam9obi5leGFtcGxl or jo%40example.com"),
    (25, MIXED, "nothing at all to be seen here, and that for quite a while"),
    (25, MIXED, r#"{"mail": "{\"mail\": \"jo@example.com\"}"}"#),
    (1042, Holding::Whole(Kind::PERSON), "Jo   "),
    (3802, MIXED, r#"{"a": ["jo\u0040example.com", 5105105105105100, true]}"#),
    (1700, MIXED, "5105105105105100.00"),
    (701, MIXED, "5.1051051051051e+15"),
    (1184, Holding::Mixed(KindSet::of(&[Kind::DOB])), "1981-09-12 01:02:03+00"),
    (17, MIXED, r"\x00006a6f406578616d706c652e636f6d00"),
    (142, MIXED, "<a b='jo&#64;example.com'>x</a>"),
    (1009, MIXED, "{a,jo@example.com}"),
    (3912, Holding::Mixed(KindSet::of(&[Kind::DOB])), "[1981-09-12,2024-01-01)"),
    (869, MIXED, "192.0.2.17"),
];

fn plan(format: Format) -> std::sync::Arc<Plan> {
    let described = VALUES.iter().map(|(type_oid, holding, _)| Described {
        name: b"",
        column: ColumnId { relation: 0, attribute: 0 },
        type_oid: *type_oid,
        format,
        derived: false,
        verdict: Some(Verdict { holding: *holding, basis: Basis::Policy }),
    });
    Plan::new(described, &Masking::built_in())
}

/// The body of a row.
fn body(format: Format) -> Vec<u8> {
    let (types, mut scratch) = (Types::new(), Scratch::new());
    let mut body = u16::try_from(VALUES.len()).unwrap().to_be_bytes().to_vec();
    for (oid, _, text) in VALUES {
        let mut value = Vec::new();
        match format {
            Format::Text => value.extend_from_slice(text.as_bytes()),
            Format::Binary => types.get(*oid).unwrap().binary_from_text(text.as_bytes(), &mut scratch, &mut value).unwrap(),
        }
        body.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend_from_slice(&value);
    }
    body
}

/// Runs until buffers have grown, and then counts.
fn allocations(mut run: impl FnMut()) -> usize {
    // Buffers come back in another order than they went, so that each has to grow once.
    for _ in 0..64 {
        run();
    }
    let before = ALLOCATIONS.with(Cell::get);
    run();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn a_warm_row_allocates_nothing() {
    for format in [Format::Text, Format::Binary] {
        let (plan, body) = (plan(format), body(format));
        let (mut workspace, mut out) = (Workspace::default(), Vec::with_capacity(1 << 16));
        let counted = allocations(|| {
            out.clear();
            let Backend::DataRow(row) = Backend::read(tag::DATA_ROW, &body).unwrap() else { unreachable!("a row") };
            assert_eq!(plan.row(&row, &mut workspace, &mut out), Ok(true));
        });
        assert_eq!(counted, 0, "{format:?}");
    }
}

#[test]
fn a_warm_stream_allocates_nothing() {
    let lines = |between: &str| VALUES.iter().map(|(_, _, text)| text.replace('\\', r"\\")).collect::<Vec<_>>().join(between) + "\n";
    let quoted = VALUES.iter().map(|(_, _, text)| format!("\"{}\"", text.replace('"', "\"\""))).collect::<Vec<_>>().join(",") + "\n";
    let binary = body(Format::Binary);
    for (shape, head, row) in [
        (CopyShape::text(), &b""[..], lines("\t").into_bytes()),
        (CopyShape::csv(), b"", quoted.into_bytes()),
        (CopyShape::Binary, b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0", binary),
    ] {
        let mut masker = CopyMasker::new(shape.clone(), plan(shape.format()));
        let (mut workspace, mut out) = (Workspace::default(), Vec::with_capacity(1 << 16));
        masker.feed(head, &mut workspace, &mut out).unwrap();
        let counted = allocations(|| {
            out.clear();
            for part in row.chunks(50) {
                masker.feed(part, &mut workspace, &mut out).unwrap();
            }
            assert!(!out.windows(11).any(|part| part == b"jo@example."));
        });
        assert_eq!(counted, 0, "{shape:?}");
    }
}
