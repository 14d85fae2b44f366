//! Loads a snapshot: every question of `gate::catalog`, in one transaction that reads and sees one state.

use super::side::{Side, SideError};
use crate::gate::catalog::{Builder, Fields, QUESTIONS};

/// What holds for the questions: they write nothing, wait for nobody, and find names in `pg_catalog` alone.
const TERMS: [&str; 8] = [
    "SET LOCAL search_path = pg_catalog, pg_temp",
    "SET LOCAL standard_conforming_strings = on",
    "SET LOCAL statement_timeout = '20s'",
    "SET LOCAL lock_timeout = '2s'",
    "SET LOCAL jit = off",
    "SET LOCAL max_parallel_workers_per_gather = 0",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL row_security = on",
];

pub async fn load(side: &mut Side) -> Result<Builder, SideError> {
    side.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", |_| Ok(())).await?;
    let mut who = (String::new(), String::new());
    let asked = "SELECT CURRENT_USER::pg_catalog.text, pg_catalog.current_setting('search_path')";
    side.ask(asked, |fields| {
        if let [Some(role), Some(path)] = fields {
            who = ((*role).to_owned(), (*path).to_owned());
        }
        Ok(())
    })
    .await?;
    for term in TERMS {
        side.ask(term, |_| Ok(())).await?;
    }
    let mut builder = Builder::new(&who.0, &who.1);
    for question in QUESTIONS.iter() {
        side.ask(&question.sql, |fields| Ok(builder.add(question, &Fields(fields))?)).await?;
    }
    side.ask("ROLLBACK", |_| Ok(())).await?;
    Ok(builder)
}
