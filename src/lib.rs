#![doc = include_str!("ARCHITECTURE.md")]

pub mod gate;
pub mod host;
pub mod session;
pub mod wire;
