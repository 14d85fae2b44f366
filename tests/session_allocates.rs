//! A row that passes through a session costs no allocation once its result has begun: neither where it is masked nor where nothing in it is.
#![allow(unsafe_code, reason = "a counting allocator has to be one")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test is the host of its session, and stops at the first thing it did not expect"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use pgsluice::audit::Digester;
use pgsluice::gate::{Judge, Policy};
use pgsluice::mask::Masking;
use pgsluice::session::output::Output;
use pgsluice::session::recording::{Keep, Recorder};
use pgsluice::session::{LinkReport, Session, Terms, Timeouts};
use pgsluice::wire::backend::tag;
use pgsluice::wire::frontend::tag as frontend;
use pgsluice::wire::limits::{ClientLimits, ServerLimits};
use pgsluice::wire::write::message;

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

fn rows(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in 0..count {
        let cells = [
            format!("{row}"),
            format!("person{row}@example.com"),
            "nothing to see".to_owned(),
            format!("{{\"mail\": \"p{row}@example.com\"}}"),
        ];
        message(&mut bytes, tag::DATA_ROW, |body| {
            body.int16(4);
            for cell in &cells {
                body.int32(i32::try_from(cell.len()).unwrap()).bytes(cell.as_bytes());
            }
        });
    }
    bytes
}

/// Allocations while these bytes of the server pass.
fn pass(session: &mut Session, out: &mut Output, bytes: &[u8], now: Instant) -> usize {
    out.clear();
    let before = ALLOCATIONS.get();
    let taken = session.upstream(bytes, now, out);
    let allocations = ALLOCATIONS.get() - before;
    assert_eq!(taken, bytes.len());
    let sent: Vec<u8> = out.to_client.bytes(bytes).flatten().copied().collect();
    assert!(!sent.windows(12).any(|window| window == b"@example.com"), "it is masked");
    allocations
}

#[test]
fn a_row_costs_no_allocation() {
    let now = Instant::now();
    let terms = Terms {
        masking: Masking::built_in(),
        judge: Judge::textual(Arc::new(Policy::allow_all())),
        frontend: ClientLimits::default(),
        backend: ServerLimits::default(),
        timeouts: Timeouts::default(),
        process_id: 1,
        reserved: Rc::from(&b"pgsluice-reserved"[..]),
        recorder: Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Nothing)),
        session: 1,
        unrecordable: None,
        manner: Default::default(),
        purse: Arc::default(),
    };
    let mut out = Output::default();
    let mut session = Session::new(terms, Arc::from([]), now);
    session.preset_link(LinkReport { process_id: 1, parameters: Arc::from([]) }, now, &mut out);
    let mut query = Vec::new();
    message(&mut query, frontend::QUERY, |body| {
        body.string(b"select id, email, note, document from people");
    });
    assert_eq!(session.client(&query, now, &mut out), query.len());
    let mut begin = Vec::new();
    message(&mut begin, tag::ROW_DESCRIPTION, |body| {
        body.int16(4);
        for (name, oid) in [("id", 20), ("email", 25), ("note", 25), ("document", 3802)] {
            body.string(name.as_bytes()).int32(0).int16(0).int32(oid).int16(-1).int32(-1).int16(0);
        }
    });
    // The first rows are judged together, and what was lent grows with them.
    begin.extend(rows(1000));
    pass(&mut session, &mut out, &begin, now);
    let more = rows(1000);
    pass(&mut session, &mut out, &more, now);
    // Now and then the columns are looked at again, which may cost a few.
    let allocations = pass(&mut session, &mut out, &more, now);
    assert!(allocations < 20, "{allocations} allocations for 1000 rows");
}
