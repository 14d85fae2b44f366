//! What the catalog of a real server says about statements: each case of `fixtures/catalog/cases.txt`, and the catalogue of attacks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and it stands above the floor that reads a clock"
)]

#[path = "../support/mod.rs"]
mod support;

mod cases;
mod keeping;
mod stage;
