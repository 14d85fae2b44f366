//! What looking for sensitive values costs: cells that cannot hold anything, ordinary cells, and the labelled corpus where it lies beside the
//! checkout. Everything is also told as a part of what finding one byte in the same bytes takes, in the same run: `cargo bench --bench mask`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads a clock")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use pgsluice::mask::detect::{Context, Detectors, Finding, Room};

/// Runs of each measurement; the middle one counts.
const RUNS: usize = 21;
/// Bytes that each run looks at, at least.
const VOLUME: usize = 16 << 20;

fn median(mut body: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            body();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

/// What is asked of a set of cells, in bytes and in cells for each second.
struct Asked {
    bytes: f64,
    cells: f64,
}

const NOTHING: Asked = Asked { bytes: 0.0, cells: 0.0 };

fn measure(name: &str, cells: &[Vec<u8>], asked: &Asked) {
    let bytes: usize = cells.iter().map(Vec::len).sum();
    let turns = VOLUME.div_ceil(bytes.max(1));
    let detectors = Detectors::built_in();
    let (mut room, mut found) = (Room::default(), Vec::<Finding>::new());
    let mut count = 0;
    let time = median(|| {
        count = 0;
        for _ in 0..turns {
            for cell in cells {
                found.clear();
                detectors.find(black_box(cell), &Context::NONE, &mut room, &mut found);
                count += black_box(&found).len();
            }
        }
    });
    let floor = median(|| {
        for _ in 0..turns {
            for cell in cells {
                black_box(memchr::memchr(b'\x01', black_box(cell)));
            }
        }
    });
    let each = |what: usize| {
        #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
        let all = (what * turns) as f64;
        all / time.as_secs_f64()
    };
    let (speed, pace) = (each(bytes), each(cells.len()));
    let slow = if speed < asked.bytes || pace < asked.cells { "   TOO SLOW" } else { "" };
    println!(
        "{name:<34} {:>8.0} MB/s {:>11.0} cells/s   {:>5.1} × memchr   {} found in {} cells{slow}",
        speed / 1e6,
        pace,
        time.as_secs_f64() / floor.as_secs_f64(),
        count / turns,
        cells.len()
    );
}

fn cells(make: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
    (0..4096).map(|place| make(place).into_bytes()).collect()
}

fn main() {
    let words = ["shipped", "pending", "the quick brown fox", "green", "customer asked to be left alone until the weekend", "north"];
    let word = |place: usize| words.get(place % words.len()).copied().unwrap_or_default();
    let nothing = Asked { bytes: 2e9, cells: 0.0 };
    let prose = cells(|place| [word(place), word(place + 1), word(place * 7), word(place * 5 + 2), word(place / 3)].join(" ").repeat(3));
    measure("prose that holds nothing", &prose, &nothing);
    measure("a page of prose", &cells(|place| word(place + 4).repeat(80)), &nothing);
    measure("words", &cells(|place| word(place).to_owned()), &NOTHING);
    measure("small numbers", &cells(|place| (place * 7919 % 100_000).to_string()), &NOTHING);
    measure(
        "points of time",
        &cells(|place| format!("2023-{:02}-{:02} 16:{:02}:09.000000+00", place % 12 + 1, place % 28 + 1, place % 60)),
        &NOTHING,
    );
    measure(
        "names of 36 characters",
        &cells(|place| format!("9f3c5548-{:04x}-429e-8697-8debe82c{:04x}", place % 0xFFFF, place * 31 % 0xFFFF)),
        &NOTHING,
    );
    measure("addresses of mail", &cells(|place| format!("joe{place}@mail.example.org")), &NOTHING);
    measure("cards", &cells(|place| format!("4111-1111-1111-{:04}", place % 10_000)), &NOTHING);
    measure(
        "notes in other scripts",
        &cells(|place| format!("ключ {} — позвонить по тел. ５５５１２３{:04}", word(place), place)),
        &NOTHING,
    );
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus/masking_dev.jsonl");
    match std::fs::read_to_string(corpus) {
        Ok(lines) => {
            let value = |line: &str| {
                let cell: Option<serde_json::Value> = serde_json::from_str(line).ok();
                cell.as_ref().and_then(|cell| cell.get("value")?.as_str().map(|value| value.as_bytes().to_vec()))
            };
            let cells: Vec<_> = lines.lines().filter_map(value).collect();
            measure("the labelled corpus", &cells, &Asked { bytes: 50e6, cells: 1e6 });
        }
        Err(_) => println!("the labelled corpus is not beside the checkout"),
    }
}
