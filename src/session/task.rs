//! What the agent says to people by settings that no server has: what it is working on, `SET pgsluice.task = '…'`, and what it answers to a
//! reviewer's question, `SET pgsluice.answer = '…'`. Both are claims for people to read, and never reach the server.

use std::borrow::Cow;

use crate::gate::hold;
use crate::sql::facts::{Facts, SetHow, Setting, SettingValue};
use crate::wire::report::Report;

/// Bytes of a task that are kept: a few sentences.
pub const LONGEST: usize = 1000;

/// What a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Task,
    Answer,
}

impl Topic {
    fn of(setting: &Setting) -> Option<Self> {
        match &*setting.name {
            "pgsluice.task" => Some(Self::Task),
            "pgsluice.answer" => Some(Self::Answer),
            _ => None,
        }
    }

    fn kept(self, value: &str) -> Option<Box<str>> {
        match self {
            Self::Task => kept(value),
            Self::Answer => hold::kept(value),
        }
    }
}

/// A statement that says something to people, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub command: &'static str,
    pub topic: Topic,
    pub text: Option<Box<str>>,
}

/// What a text has to do with claims.
#[derive(Debug, PartialEq, Eq)]
pub enum About {
    Nothing,
    Claim(Claim),
    /// It makes a claim among other things, or in a way that only the server could follow.
    Entangled,
}

pub fn about(facts: &Facts) -> About {
    let topic = |setting: &Setting| Topic::of(setting).filter(|_| setting.how != SetHow::Later);
    let Some(topic) = facts.statements.iter().flat_map(|statement| &statement.settings).find_map(topic) else { return About::Nothing };
    match facts.statements.as_slice() {
        [statement] if matches!(statement.kind, "SET" | "RESET") => match statement.settings.as_slice() {
            [Setting { value: SettingValue::Known(text), .. }] => {
                About::Claim(Claim { command: statement.kind, topic, text: topic.kept(&plain(text)) })
            }
            [Setting { value: SettingValue::Reset, .. }] => About::Claim(Claim { command: statement.kind, topic, text: None }),
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
    Report::error("0A000", "pgsluice.task and pgsluice.answer are set by statements of their own")
        .with_detail("They are for the people who decide about held statements, and are not sent to the server. Nothing ran.")
        .with_hint("Send this alone: SET pgsluice.task = '…' or SET pgsluice.answer = '…'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_set_by_a_statement_of_its_own() {
        let check = |sql: &str| about(&crate::sql::read(sql.as_bytes()));
        let claim = |command, topic, text: Option<&str>| About::Claim(Claim { command, topic, text: text.map(Into::into) });
        let set = |task: &str| claim("SET", Topic::Task, Some(task));
        assert_eq!(check("SET pgsluice.task = 'clean up the orders'"), set("clean up the orders"));
        assert_eq!(check("/* a */ set session PgSluice.Task to 'a, b';"), set("a, b"));
        assert_eq!(check("set local pgsluice.task = billing"), set("billing"));
        assert_eq!(check("reset pgsluice.task"), claim("RESET", Topic::Task, None));
        assert_eq!(check("set pgsluice.task to default"), claim("SET", Topic::Task, None));
        assert_eq!(
            check("SET pgsluice.answer = 'since May, it''s the old one'"),
            claim("SET", Topic::Answer, Some("since May, it's the old one"))
        );
        assert_eq!(check("set search_path = a"), About::Nothing);
        assert_eq!(check("select 'set pgsluice.task'"), About::Nothing);
        for entangled in [
            "set pgsluice.task = 'a'; set pgsluice.answer = 'b'",
            "select set_config('pgsluice.answer', 'a', false)",
            "set pgsluice.task = 'a'; select 1",
            "select set_config('pgsluice.task', 'a', false)",
        ] {
            assert_eq!(check(entangled), About::Entangled, "{entangled}");
        }
        assert_eq!(kept(" \n"), None);
        assert_eq!(kept(&"é".repeat(LONGEST)).map(|task| task.len()), Some(LONGEST));
    }
}
