//! No value costs an allocation once the lent buffers have grown: the masker walks every cell of every row.
#![allow(unsafe_code, reason = "a counting allocator has to be one")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first thing it did not expect")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use pgsluice::wire::value::{Choice, Definition, Extension, Field, Format, Leaf, Outcome, Scratch, Types, Visitor};

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

struct Blank(bool);

impl Visitor for Blank {
    fn leaf(&mut self, leaf: &Leaf<'_>, replacement: &mut Vec<u8>) -> Choice {
        replacement.extend_from_slice(leaf.blank);
        if self.0 { Choice::Replace } else { Choice::Keep }
    }
}

#[test]
fn a_warm_walk_allocates_nothing() {
    const HSTORE: u32 = 20_000;
    let mut types = Types::new();
    let field = |name: &str, oid| Field { name: name.into(), oid };
    types.add(HSTORE, Definition::Extension(Extension::Hstore)).unwrap();
    types
        .add(20_001, Definition::Composite { fields: vec![field("number", 1700), field("document", 3802), field("words", 1009)] })
        .unwrap();
    types.add(20_002, Definition::Array { element: 20_001, delimiter: b',' }).unwrap();
    let values = [
        (25, "alice@example.com"),
        (17, r"\x616c696365"),
        (23, "42"),
        (1700, "-12345.6789"),
        (701, "1.6582067800885622e+15"),
        (1184, "2024-02-29 12:34:56.7+00"),
        (1186, "1 year 2 mons -3 days +04:05:06.7"),
        (869, "2001:db8::1/64"),
        (2950, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (1009, r#"[0:1]={"a b","c\"d"}"#),
        (3802, r#"{"a": {"b\u0041": [1, true, "x\ny"]}}"#),
        (3906, "[1.5,2.5)"),
        (4532, "{[1.5,2.5),[3,4]}"),
        (3614, "'it''s':1A 'x'"),
        (142, "<a b='1&amp;2'><c>x</c><!--y--><![CDATA[z]]></a>"),
        (HSTORE, r#""a b"=>"1", "c"=>NULL"#),
        (20_002, r#"{"(1.5,\"{\"\"k\"\": \"\"v\"\"}\",\"{a,\"\"b c\"\"}\")"}"#),
    ];
    let (mut scratch, mut out) = (Scratch::new(), Vec::with_capacity(4096));
    for (oid, text) in values {
        let ty = types.get(oid).unwrap();
        let mut binary = Vec::new();
        ty.binary_from_text(text.as_bytes(), &mut scratch, &mut binary).unwrap();
        for (format, value) in [(Format::Text, text.as_bytes()), (Format::Binary, binary.as_slice())] {
            let mut walk = |replace| {
                out.clear();
                let outcome = ty.rewrite(format, value, &mut Blank(replace), &mut scratch, &mut out).unwrap();
                assert_eq!(outcome == Outcome::Kept, !replace);
                ty.check(format, value, &mut scratch).unwrap();
            };
            // Buffers come back in another order than they went, so that each has to grow once.
            for _ in 0..32 {
                walk(true);
            }
            let before = ALLOCATIONS.with(Cell::get);
            walk(false);
            walk(true);
            assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0, "{oid} {format:?}");
        }
    }
}
