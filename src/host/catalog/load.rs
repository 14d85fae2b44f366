//! Loads a snapshot: every question of `gate::catalog`, in one transaction that reads and sees one state.

use std::sync::LazyLock;

use super::side::{Side, SideError};
use crate::gate::catalog::{Builder, Fields, QUESTIONS};

/// Who asks, and what holds for the questions: they write nothing, wait for nobody, and find names in `pg_catalog` alone. Apart from the
/// questions, for a text is cut into tokens as a whole, before anything in it holds.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT CURRENT_USER::pg_catalog.text, pg_catalog.current_setting('search_path');
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL standard_conforming_strings = on;
SET LOCAL statement_timeout = '20s';
SET LOCAL lock_timeout = '2s';
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0;
SET LOCAL extra_float_digits = 1;
SET LOCAL row_security = on";

/// All questions in one text: a statement that changes the catalog is followed by a load, so each way there and back counts.
static ALL: LazyLock<String> = LazyLock::new(|| {
    let questions: Vec<&str> = QUESTIONS.iter().map(|question| question.sql.as_str()).collect();
    format!("{};\nROLLBACK", questions.join(";\n"))
});

pub async fn load(side: &mut Side) -> Result<Builder, SideError> {
    let mut who = (String::new(), String::new());
    side.ask(BEGIN, |fields| {
        if let [Some(role), Some(path)] = fields {
            who = ((*role).to_owned(), (*path).to_owned());
        }
        Ok(())
    })
    .await?;
    let mut builder = Builder::new(&who.0, &who.1);
    side.ask_each(&ALL, |number, fields| match QUESTIONS.get(number) {
        Some(question) => Ok(builder.add(question, &Fields(fields))?),
        None => Ok(()),
    })
    .await?;
    Ok(builder)
}
