//! The login on both sides against the real thing: PostgreSQL as the server, libpq as the agent.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod agents;
mod certificates;
mod cluster;
mod upstream;
