#![no_main]
#[path = "../entries/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target drives one entry")]
mod entries;
libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::session(data));
