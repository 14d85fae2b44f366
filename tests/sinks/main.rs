//! The record on its way elsewhere: to receivers that are slow, that break, that lie, that come back. Whatever they do, every
//! record arrives, in order, and what is not configured is never connected to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    clippy::cast_possible_truncation,
    reason = "a test says so by failing, and limits what it waits for by a clock"
)]

mod cursors;
mod health;
mod http;
mod stage;
mod syslog;
mod webhook;
