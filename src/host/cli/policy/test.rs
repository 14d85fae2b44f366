//! `pgsluice policy test`.

use std::io::Write as _;

use super::super::{Failure, terminal};
use crate::gate::Policy;
use crate::gate::policy::Case;
use crate::host::config::{Loaded, PolicySource};
use crate::mask::foreseen::foreseen;
use crate::mask::kind::KindSet;
use crate::mask::profile::Profiles;

pub fn run(source: &PolicySource) -> Result<(), Failure> {
    let Loaded { policy, profiles, cases } = source.load()?;
    let own = (source.to_string(), cases);
    let mut wrong = Vec::new();
    let mut count = 0_usize;
    for (file, cases) in std::iter::once(own).chain(source.cases_beside()?) {
        for case in &cases {
            count = count.saturating_add(1);
            if let Err(why) = case.check(&policy).and_then(|()| masked(case, &policy, &profiles)) {
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

/// Whether it is masked as the case says, as far as names tell.
fn masked(case: &Case, policy: &Policy, profiles: &Profiles) -> Result<(), String> {
    let Some(expected) = &case.mask else { return Ok(()) };
    let profile = profiles.of(&case.trial.subject);
    let facts = case.trial.facts(policy);
    let found = if profile.unmasked { Vec::new() } else { foreseen(&facts, profile) };
    let kinds = found.iter().fold(KindSet::NONE, |kinds, column| kinds.or(column.kinds));
    let mut found: Vec<&str> = kinds.iter().map(|kind| profile.name_of(kind)).collect();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    found.sort_unstable();
    expected.sort_unstable();
    if found == expected {
        return Ok(());
    }
    let listed = |kinds: &[&str]| if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
    Err(format!("expected {} masked by name, got {}", listed(&expected), listed(&found)))
}
