//! PostgreSQL's own scanner and grammar. The only file that names the crate they come in; what a tree means is told elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The tree as the grammar makes it.
pub mod tree {
    pub use pg_query::NodeRef;
    pub use pg_query::protobuf::*;
}

/// It is no statement, or not one of this version of PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotSql;

/// Reads a text under `standard_conforming_strings = on`. The text was looked over before: see `check`.
pub fn parse(text: &str) -> Result<tree::ParseResult, NotSql> {
    // The crate makes lists of its own out of a tree, with assertions about what a tree can be; one that fails is no reason to stop.
    match catch_unwind(AssertUnwindSafe(|| pg_query::parse(text, 0))) {
        Ok(Ok(result)) => Ok(result.protobuf),
        Ok(Err(_)) | Err(_) => Err(NotSql),
    }
}

/// Lets the parser see how much stack the thread has: what it then takes for its own limit stays so on a stack that is made for it, where it
/// would find no end. Never more than two megabytes.
pub fn measure_stack() {
    parse("").ok();
}
