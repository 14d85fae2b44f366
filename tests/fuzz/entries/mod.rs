//! What the fuzzers drive: one function for each target, which panics when something is true that must never be. cargo-fuzz calls
//! them with what it finds, `tests/fuzz.rs` with the committed seeds and with mutations of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    clippy::disallowed_methods,
    reason = "a broken promise is told by a panic"
)]

mod frame;
mod session;
mod startup;
mod statement;

pub use frame::frame;
pub use session::{CLIENT, SERVER, session};
pub use startup::startup;
pub use statement::statement;

/// That a view borrows from its buffer, and from nowhere else.
fn lies_inside(part: &[u8], whole: &[u8]) -> bool {
    part.is_empty() || (whole.as_ptr_range().contains(&part.as_ptr()) && part.as_ptr_range().end <= whole.as_ptr_range().end)
}
