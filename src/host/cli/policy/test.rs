//! `pgsluice policy test`.

use std::io::Write as _;

use super::super::{Failure, terminal};
use crate::host::config::PolicySource;

pub fn run(source: &PolicySource) -> Result<(), Failure> {
    let (policy, own) = source.load()?;
    let own = (source.to_string(), own);
    let mut wrong = Vec::new();
    let mut count = 0_usize;
    for (file, cases) in std::iter::once(own).chain(source.cases_beside()?) {
        for case in &cases {
            count = count.saturating_add(1);
            if let Err(why) = case.check(&policy) {
                let sql = terminal::line(&case.trial.sql);
                wrong.push(format!("{}:{}: {sql}: {}", terminal::line(&file), case.line, terminal::line(&why)));
            }
        }
    }
    if count == 0 {
        return Err(Failure::Cases(format!("{source} has no cases: write [[test]] tables into it, or into a file beside it")));
    }
    if wrong.is_empty() {
        writeln!(std::io::stdout(), "{count} cases as expected")?;
        return Ok(());
    }
    wrong.push(format!("{} of {count} cases are not as expected", wrong.len()));
    Err(Failure::Cases(wrong.join("\n")))
}
