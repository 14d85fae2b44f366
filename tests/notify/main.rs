//! People are told of holds, with a real desk, a real record and places that take, refuse, redirect, hang and come back; and they decide from where
//! they were told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::disallowed_methods,
    reason = "a test says so by failing, and must limit what it waits for by a clock"
)]

mod buttons;
mod counted;
mod crowds;
mod ends;
mod messages;
mod places;
mod stage;
