//! Everything that touches the world: sockets, TLS, the clock, files, the state database, the command line.
//! It decides nothing: what may pass is decided in `gate`, what the bytes mean in `session`.
#![allow(clippy::disallowed_methods, reason = "host is the one floor that may read a clock")]

pub mod arrival;
pub mod inbox;
pub mod link;
pub mod scram;
pub mod secret;
pub mod stream;
pub mod tls;
pub mod upstream;
