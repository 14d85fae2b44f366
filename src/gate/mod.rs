//! What may pass. Pure functions of what a statement is, of policy and of session; nothing in here reads a clock or a file.

pub mod budget;
pub mod catalog;
pub mod hold;
pub mod judge;
pub mod kind;
mod permit;
pub mod policy;
pub mod residue;
mod rulings;
pub mod settings;
mod subject;

pub use judge::{Grounds, Judge, Ruling};
pub use permit::{Grant, Permit};
pub use policy::Policy;
pub use subject::Subject;
