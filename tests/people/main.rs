//! The people's side, with a real desk, a real journal and real HTTP: who gets in, what they see, what they may decide, and what is on the
//! record of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test says so by failing, and must limit what it waits for by a clock"
)]

mod calls;
mod commands;
mod deciding;
mod entry;
mod flow;
mod forger;
mod house;
mod http;
mod pages;
mod provided;
mod provider;
mod reading;
mod set_up;
#[path = "../support/mod.rs"]
mod support;
