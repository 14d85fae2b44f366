//! Reading SQL: what can be told of a statement from its text alone. It opens no file, asks no server and reads no clock.

pub mod remade;
pub mod scan;
pub mod shape;
pub mod tags;
