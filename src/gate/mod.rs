//! What may pass. Pure functions of what a statement is, of policy and of session; nothing in here reads a clock or a file.

mod permit;
mod policy;
pub mod settings;

pub use permit::Permit;
pub use policy::{Decision, Facts, Policy, Request};
