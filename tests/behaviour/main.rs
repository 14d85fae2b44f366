//! What the running program promises, subject by subject: the real binary in front of a real PostgreSQL, with clients that say
//! exactly what they are told. Nothing here is timed; what must come true is awaited.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on fails"
)]

mod agents;
mod cancel;
mod certificate;
#[path = "../client/mod.rs"]
mod client;
mod drain;
mod holds;
mod links;
mod refusal;
mod relayed;
mod reload;
mod reuse;
mod servers;
mod stage;
mod startup;
#[path = "../support/mod.rs"]
mod support;
mod timeouts;
mod vanish;
