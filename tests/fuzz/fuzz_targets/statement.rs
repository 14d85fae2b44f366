//! `cargo +nightly fuzz run NAME --fuzz-dir tests/fuzz CORPUS fixtures/fuzz/NAME`, with ASAN_OPTIONS=detect_odr_violation=0: the bundled SQLite
//! trips that check.
#![no_main]
#[path = "../entries/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target drives one entry")]
mod entries;
libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::statement(data));
