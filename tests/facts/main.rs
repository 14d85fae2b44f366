//! What reading statements tells of them, against what PostgreSQL makes of the same statements, and against every spelling of an attack that
//! is known. What is beside the package (`../shared`) is used where it is there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, clippy::panic, reason = "a test says so by failing")]

mod cases;
mod catalogue;
mod corpus;
mod hostile;
mod keys;

use pgsluice::sql::effect::{Effect, EffectSet};
use std::path::{Path, PathBuf};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> String {
    std::fs::read_to_string(package().join("fixtures/sql").join(name)).unwrap()
}

/// A file beside the package, line by line; `None`, and a word about it, where it is not there.
fn beside(name: &str) -> Option<Vec<serde_json::Value>> {
    let path: PathBuf = package().join("../shared").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
        Err(error) => {
            println!("skipped: {} cannot be read: {error}", path.display());
            None
        }
    }
}

fn effects(words: &str) -> EffectSet {
    words.split_whitespace().map(|word| Effect::of_word(word).unwrap_or_else(|| panic!("{word} is no effect"))).collect()
}
