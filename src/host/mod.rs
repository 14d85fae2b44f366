//! Everything that touches the world: sockets, TLS, the clock, files, the state database, the command line.
//! It decides nothing: what may pass is decided in `gate`, what the bytes mean in `session`.
#![allow(clippy::disallowed_methods, reason = "host is the one floor that may read a clock")]

pub mod agents;
pub mod arrival;
pub mod backup;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod demo;
pub mod desk;
pub mod explained;
pub mod greetings;
pub mod health;
pub mod in_force;
mod inbox;
pub mod index;
pub mod journal;
pub mod ledger;
pub mod limits;
pub mod link;
pub mod log;
pub mod metrics;
pub mod mints;
pub mod notify;
pub mod oidc;
pub mod outgoing;
pub mod people;
pub mod pool;
pub mod purses;
pub mod reading;
pub mod registry;
pub mod relay;
pub mod report;
pub mod scram;
pub mod secret;
pub mod serve;
pub mod sinks;
pub mod state;
pub mod stream;
pub mod throttle;
pub mod tls;
pub mod upstream;
pub mod verdicts;
pub mod visible;
pub mod web;
pub mod when;
