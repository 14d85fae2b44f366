//! `pgsluice policy check`.

use std::io::Write as _;

use super::super::{Failure, terminal};
use crate::host::config::PolicySource;

pub fn run(source: &PolicySource) -> Result<(), Failure> {
    let policy = source.load()?.policy;
    source.cases_beside()?;
    let name = source.to_string();
    let observing = if policy.is_observing() { ", only watches" } else { "" };
    writeln!(std::io::stdout(), "{} is sound: {} rules{observing}, hash {}", terminal::line(&name), policy.rules(), super::hash(&policy))?;
    Ok(())
}
