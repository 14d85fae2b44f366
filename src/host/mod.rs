//! Everything that touches the world: sockets, TLS, the clock, files, the state database, the command line.
//! It decides nothing: what may pass is decided in `gate`, what the bytes mean in `session`.
#![allow(clippy::disallowed_methods, reason = "host is the one floor that may read a clock")]

pub mod greetings;
pub mod limits;
pub mod registry;
pub mod relay;
pub mod secret;
pub mod upstream;
