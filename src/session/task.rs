//! What the agent says it is working on: `SET pgsluice.task = '…'`. It is a claim for people to read, and never reaches the server.

use std::borrow::Cow;

use crate::sql::facts::{Facts, SetHow, Setting, SettingValue};
use crate::wire::report::Report;

/// Bytes of a task that are kept: a few sentences.
pub const LONGEST: usize = 1000;

const NAME: &str = "pgsluice.task";

/// A statement that says what the agent is working on, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub command: &'static str,
    pub task: Option<Box<str>>,
}

/// What a text has to do with the task.
#[derive(Debug, PartialEq, Eq)]
pub enum About {
    Nothing,
    Task(Claim),
    /// It sets the task among other things, or in a way that only the server could follow.
    Entangled,
}

pub fn about(facts: &Facts) -> About {
    let sets = |setting: &&Setting| &*setting.name == NAME && setting.how != SetHow::Later;
    if !facts.statements.iter().flat_map(|statement| &statement.settings).any(|setting| sets(&setting)) {
        return About::Nothing;
    }
    match facts.statements.as_slice() {
        [statement] if matches!(statement.kind, "SET" | "RESET") => match statement.settings.as_slice() {
            [Setting { value: SettingValue::Known(task), .. }] => About::Task(Claim { command: statement.kind, task: kept(&plain(task)) }),
            [Setting { value: SettingValue::Reset, .. }] => About::Task(Claim { command: statement.kind, task: None }),
            _ => About::Entangled,
        },
        _ => About::Entangled,
    }
}

/// Facts have a value in quotes where it could be taken for a list.
fn plain(value: &str) -> Cow<'_, str> {
    let quoted = Some(value).filter(|value| value.contains(',')).and_then(|value| value.strip_prefix('"')?.strip_suffix('"'));
    quoted.map_or(Cow::Borrowed(value), |inner| inner.replace("\"\"", "\"").into())
}

/// A task as it is kept; `None` for one without words.
pub fn kept(task: &str) -> Option<Box<str>> {
    let task: String = task.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let task = task.trim();
    let cut = task.get(..task.floor_char_boundary(LONGEST)).unwrap_or_default();
    (!cut.is_empty()).then(|| cut.into())
}

pub fn entangled() -> Report {
    Report::error("0A000", "pgsluice.task is set by a statement of its own")
        .with_detail("The task is for the people who decide about held statements; it is not sent to the server. Nothing ran.")
        .with_hint("Send this alone: SET pgsluice.task = '…'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_set_by_a_statement_of_its_own() {
        let check = |sql: &str| about(&crate::sql::read(sql.as_bytes()));
        let set = |task: &str| About::Task(Claim { command: "SET", task: Some(task.into()) });
        assert_eq!(check("SET pgsluice.task = 'clean up the orders'"), set("clean up the orders"));
        assert_eq!(check("/* a */ set session PgSluice.Task to 'a, b';"), set("a, b"));
        assert_eq!(check("set local pgsluice.task = billing"), set("billing"));
        assert_eq!(check("reset pgsluice.task"), About::Task(Claim { command: "RESET", task: None }));
        assert_eq!(check("set pgsluice.task to default"), About::Task(Claim { command: "SET", task: None }));
        assert_eq!(check("set search_path = a"), About::Nothing);
        assert_eq!(check("select 'set pgsluice.task'"), About::Nothing);
        for entangled in ["set pgsluice.task = 'a'; select 1", "select set_config('pgsluice.task', 'a', false)"] {
            assert_eq!(check(entangled), About::Entangled, "{entangled}");
        }
        assert_eq!(kept(" \n"), None);
        assert_eq!(kept(&"é".repeat(LONGEST)).map(|task| task.len()), Some(LONGEST));
    }
}
