#![doc = include_str!("ARCHITECTURE.md")]

pub mod audit;
pub mod gate;
pub mod host;
pub mod mask;
pub mod session;
pub mod sql;
pub mod wire;
