//! A bounded run of the fuzz targets on any compiler: the committed seeds, then mutations of them from a fixed seed. The same inputs
//! run every time; `PGSLUICE_SOAK=1` runs many more. `cargo fuzz` with the same entry points is in `tests/fuzz/`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[path = "fuzz/entries/mod.rs"]
mod entries;
#[path = "fuzz/mutate.rs"]
mod mutate;

use std::panic::catch_unwind;
use std::path::Path;

use pgsluice::wire::backend::Backend;
use pgsluice::wire::frontend::Frontend;

use mutate::{Random, mutate};

const SOAK: usize = 50;

fn run(name: &str, entry: fn(&[u8]), mutations: usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fuzz").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    for (seed, file) in seeds.iter().zip(&files) {
        check(name, entry, seed, &file.display().to_string());
    }
    let soak = std::env::var_os("PGSLUICE_SOAK").is_some_and(|set| set == "1");
    let mut random = Random::new(0x5106_2026);
    let mut input = Vec::new();
    for number in 0..if soak { mutations * SOAK } else { mutations } {
        let [seed, other] = [0; 2].map(|_: u8| &seeds[random.below(seeds.len())]);
        input.clone_from(seed);
        for _ in 0..=random.below(3) {
            mutate(&mut input, other, &mut random);
        }
        check(name, entry, &input, &format!("mutation {number}"));
    }
}

/// Names the input that broke something: its bytes can be put beside the seeds as they are.
fn check(name: &str, entry: fn(&[u8]), input: &[u8], what: &str) {
    if catch_unwind(|| entry(input)).is_err() {
        let bytes: String = input.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        panic!("{name}, {what}: printf '{bytes}'");
    }
}

#[test]
fn frame() {
    run("frame", entries::frame, 100_000);
}

#[test]
fn startup() {
    run("startup", entries::startup, 20_000);
}

#[test]
fn session() {
    run("session", entries::session, 30_000);
}

#[test]
fn statement() {
    run("statement", entries::statement, 100_000);
}

/// A ready-made message that is not whole would end every run before it begins.
#[test]
fn ready_made_messages_are_whole() {
    for message in entries::CLIENT.iter().chain(entries::SERVER) {
        let (head, body) = message.split_first_chunk::<5>().unwrap();
        let read =
            if entries::CLIENT.contains(message) { Frontend::read(head[0], body).is_ok() } else { Backend::read(head[0], body).is_ok() };
        assert!(read && u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize == body.len() + 4, "{message:?}");
    }
}
