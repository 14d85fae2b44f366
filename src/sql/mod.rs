//! Reading SQL: what can be told of a statement from its text alone. It opens no file, asks no server and reads no clock.

pub mod cache;
mod check;
pub mod compare;
pub mod copied;
pub mod effect;
pub mod facts;
pub mod functions;
mod key;
pub mod lineage;
pub mod numbers;
mod parser;
mod read;
pub mod scan;
mod second;
pub mod settings;
pub mod shape;
pub mod tags;
mod uncommented;
mod walk;

pub use cache::Cache;
pub use read::read;
pub use uncommented::uncommented;
