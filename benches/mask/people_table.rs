//! What masking the rows of a table of people costs where verdicts are known, beside copying the same bytes and looking for a byte in each value:
//! `cargo bench --bench people_table`. Best of several runs, on one core.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark reads a clock, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pgsluice::mask::plan::Described;
use pgsluice::mask::verdict::{Basis, ColumnId};
use pgsluice::mask::{Holding, Kind, KindSet, Masking, Plan, Verdict, Workspace};
use pgsluice::wire::backend::{Backend, tag};
use pgsluice::wire::frame::HEAD;
use pgsluice::wire::value::{Format, Scratch, Types};

const ROWS: usize = 20_000;
const RUNS: usize = 15;
const WANTED: f64 = 600.0;

const MIXED: Holding = Holding::Mixed(KindSet::NONE);
const COLUMNS: &[(&str, u32, Holding)] = &[
    ("id", 20, Holding::Harmless),
    ("name", 25, Holding::Whole(Kind::PERSON)),
    ("email", 25, Holding::Whole(Kind::EMAIL)),
    ("phone", 25, Holding::Whole(Kind::PHONE)),
    ("ssn", 25, Holding::Whole(Kind::US_SSN)),
    ("card", 25, Holding::Whole(Kind::CREDIT_CARD)),
    ("note", 25, MIXED),
    ("preferences", 3802, MIXED),
    ("created", 1184, Holding::Harmless),
    ("balance", 1700, Holding::Harmless),
    ("tags", 1009, MIXED),
];

fn pick<'a>(number: usize, of: &[&'a str]) -> &'a str {
    of.get(number % of.len()).unwrap()
}

fn row(number: usize) -> [String; 11] {
    [
        (100_000 + number * 7).to_string(),
        format!(
            "{} {}",
            pick(number, &["Margaret", "Thomas", "Patricia", "Robert", "Linda"]),
            pick(number / 3, &["Johnson", "Miller", "Clark"])
        ),
        format!("margarethe.hollenbach{number}@mail.example.com"),
        format!("+1 202 555 {:04}", number % 10_000),
        format!("219-09-{:04}", number % 10_000),
        format!("5105 1051 0510 {:04}", number % 10_000),
        format!(
            "{} about the {} of last {}; wants it {}, and asks for a callback on {} afternoon. Case {number}.",
            pick(number, &["Called", "Wrote", "Asked twice", "Came by"]),
            pick(number, &["invoice", "delivery", "contract", "renewal", "refund", "broken screen", "meter reading"]),
            pick(number, &["month", "week", "summer", "quarter", "year"]),
            pick(number / 5, &["sent again by post", "settled", "looked into", "explained to the accountant"]),
            pick(number, &["Monday", "Tuesday", "Friday"]),
        ),
        format!("{{\"theme\": \"dark\", \"newsletter\": {}, \"language\": \"en\", \"page\": {}}}", number.is_multiple_of(2), number % 90),
        "2024-05-17 09:12:44.123456+00".to_owned(),
        format!("{}.{:02}", number % 99_999, number % 100),
        "{customer,\"gold member\",berlin}".to_owned(),
    ]
}

/// The table as its messages, one after the other.
fn messages(format: Format) -> Vec<u8> {
    let (types, mut scratch, mut out, mut value) = (Types::new(), Scratch::new(), Vec::new(), Vec::new());
    for number in 0..ROWS {
        let start = out.len();
        out.push(tag::DATA_ROW);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&u16::try_from(COLUMNS.len()).unwrap().to_be_bytes());
        for (text, (_, oid, _)) in row(number).iter().zip(COLUMNS) {
            value.clear();
            match format {
                Format::Text => value.extend_from_slice(text.as_bytes()),
                Format::Binary => types.get(*oid).unwrap().binary_from_text(text.as_bytes(), &mut scratch, &mut value).unwrap(),
            }
            out.extend_from_slice(&i32::try_from(value.len()).unwrap().to_be_bytes());
            out.extend_from_slice(&value);
        }
        let length = u32::try_from(out.len() - start - 1).unwrap();
        out.get_mut(start + 1..start + 5).unwrap().copy_from_slice(&length.to_be_bytes());
    }
    out
}

fn best(mut run: impl FnMut()) -> Duration {
    let once = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed()
    };
    run();
    (0..RUNS).map(|_| once(&mut run)).min().unwrap()
}

/// Every message of the table.
fn each(table: &[u8], mut body: impl FnMut(&[u8])) {
    let mut rest = table;
    while let Some(length) = rest.get(1..5).and_then(<[u8]>::first_chunk).map(|length| u32::from_be_bytes(*length)) {
        let (message, behind) = rest.split_at(usize::try_from(length).unwrap() + 1);
        body(message.get(HEAD..).unwrap());
        rest = behind;
    }
}

fn plan(format: Format, decided: bool) -> Arc<Plan> {
    let described = COLUMNS.iter().map(|(name, type_oid, holding)| Described {
        name: name.as_bytes(),
        column: ColumnId { relation: 0, attribute: 0 },
        type_oid: *type_oid,
        format,
        derived: false,
        verdict: Some(Verdict { holding: if decided && *holding == MIXED { Holding::Harmless } else { *holding }, basis: Basis::Policy }),
    });
    Plan::new(described, &Masking::built_in())
}

fn masked(table: &[u8], plan: &Plan, workspace: &mut Workspace, out: &mut Vec<u8>) {
    each(table, |body| {
        let Ok(Backend::DataRow(row)) = Backend::read(tag::DATA_ROW, body) else { panic!("a row is read") };
        if out.len() > 64 << 10 {
            black_box(&out);
            out.clear();
        }
        plan.row(&row, workspace, out).unwrap();
    });
}

fn main() {
    let (mut workspace, mut out) = (Workspace::default(), Vec::new());
    for format in [Format::Text, Format::Binary] {
        let table = messages(format);
        let bytes = f64::from(u32::try_from(table.len()).unwrap());
        let speed = |time: Duration| bytes / 1e6 / time.as_secs_f64();
        let copied = speed(best(|| {
            out.clear();
            out.extend_from_slice(&table);
            black_box(&out);
        }));
        let looked = speed(best(|| {
            each(&table, |body| {
                let Ok(Backend::DataRow(row)) = Backend::read(tag::DATA_ROW, body) else { panic!("a row is read") };
                black_box(row.iter().flatten().filter(|value| memchr::memchr(b'@', value).is_some()).count());
            });
        }));
        println!(
            "{format:?}: {:.0} bytes a row; copied {copied:.0} MB/s, a byte looked for in each value {looked:.0} MB/s",
            bytes / 20_000.0
        );
        for (what, decided, wanted) in [("notes, documents and lists searched", false, WANTED), ("all columns decided", true, WANTED)] {
            let plan = plan(format, decided);
            let speed = speed(best(|| masked(&table, &plan, &mut workspace, &mut out)));
            let short = if speed < wanted { "   TOO SLOW" } else { "" };
            println!("  {what:<40} {speed:>7.0} MB/s, {:.2} of looking for a byte{short}", speed / looked);
        }
    }
}
