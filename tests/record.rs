//! What the record says for every way of executing: the real program in front of a real server, and the journal read back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on fails"
)]

#[path = "client/mod.rs"]
mod client;
#[path = "record/evidence.rs"]
mod evidence;
#[path = "record/found.rs"]
mod found;
#[path = "record/people.rs"]
mod people;
#[path = "support/recorded.rs"]
mod recorded;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "behaviour/stage.rs"]
mod stage;
#[path = "support/mod.rs"]
mod support;
#[path = "record/trouble.rs"]
mod trouble;
#[path = "record/vanished.rs"]
mod vanished;
#[path = "record/ways.rs"]
mod ways;
