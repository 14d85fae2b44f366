//! `pgsluice policy explain`: the facts of a statement, the rule, and the reason.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;

use clap::Args;

use super::super::{Failure, File, terminal};
use super::chosen;
use crate::gate::Subject;
use crate::gate::catalog::Resolved;
use crate::gate::judge::Moment;
use crate::gate::policy::cases::Trial;
use crate::gate::policy::{Action, Choice};
use crate::host::config::Loaded;
use crate::host::when;
use crate::mask::foreseen::{Foreseen, foreseen};
use crate::mask::profile::Profile;
use crate::session::Scribe;
use crate::sql::facts::{Facts, How};

#[derive(Debug, Args)]
pub struct Explain {
    /// The statement, in quotes
    sql: String,
    /// A file, or one of default, read-only, strict, observe [default: the one that `serve` would use]
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// The agent that would send it
    #[arg(long, value_name = "NAME", default_value = "agent")]
    agent: String,
    /// The database that it would be sent to
    #[arg(long, value_name = "NAME", default_value = "database")]
    database: String,
    /// The environment of agent or database
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Where the agent would connect from
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// As if a transaction were open
    #[arg(long)]
    in_transaction: bool,
    /// As if the planner expected this many rows
    #[arg(long, value_name = "NUMBER")]
    rows: Option<u64>,
    /// As if it were sent then, not now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    file: File,
}

pub fn run(command: Explain, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let now = when::now() / 1_000_000;
    let at = command.at.as_deref().map(at).transpose()?;
    let source = chosen(command.policy, command.file, environment)?;
    let Loaded { policy, profiles, .. } = source.load()?;
    let subject = Subject {
        agent: command.agent.into(),
        database: command.database.into(),
        environment: command.environment.map(Into::into),
        address: command.address,
        ..Subject::default()
    };
    let trial =
        Trial { sql: command.sql, subject, open_work: command.in_transaction, rows: command.rows, moment: Moment(at.unwrap_or(now)) };
    let facts = trial.facts(&policy);
    let (resolved, estimate) = (Resolved::of_text(&facts), trial.estimate());
    let tried = trial.run(&policy, &facts, &resolved, estimate.as_ref());
    let mut lines = told(&facts);
    lines.insert(0, ("effects", tried.effects.to_string()));
    lines.insert(0, ("statement", Scribe::default().seen(&trial.sql, &profiles.for_people()).text));
    lines.extend(decided(&tried.choice));
    lines.push(("policy", format!("{source}, hash {}", super::hash(&policy))));
    lines.push(("masked", masked(&facts, profiles.of(&trial.subject))));
    let mut note = "by the text alone; a running server asks the database's catalog as well, and may hold what passes here".to_owned();
    if tried.choice.depends.estimate {
        note.push_str("; how many rows it brings is not known here: give --rows");
    }
    lines.push(("judged", note));
    let mut out = std::io::stdout().lock();
    for (name, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(out, "{name:<10} {}", terminal::line(text))?;
    }
    Ok(())
}

/// What would be masked of what it brings, as far as names tell.
fn masked(facts: &Facts, profile: &Profile) -> String {
    if profile.unmasked {
        return "nothing: the policy shows this agent every value as it is".to_owned();
    }
    let told = |column: Foreseen<'_>| {
        let kinds: Vec<&str> = column.kinds.iter().map(|kind| profile.name_of(kind)).collect();
        format!("{} ({})", column.name, kinds.join(", "))
    };
    let by_name = listed(foreseen(facts, profile).into_iter().map(told), false);
    let by_name = if by_name.is_empty() { "nothing by name".to_owned() } else { by_name };
    format!("{by_name}; every value is searched besides")
}

/// Seconds since 1970.
fn at(text: &str) -> Result<u64, Failure> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| Failure::Cases(format!("--at: expected a time with its zone such as 2026-11-16T09:30:00Z, not {text:?}")))?;
    Ok(u64::try_from(time.as_second()).unwrap_or_default())
}

fn told(facts: &Facts) -> Vec<(&'static str, String)> {
    let statements = &facts.statements;
    let relation = |relation: &crate::sql::facts::Relation| {
        let how = match relation.how {
            How::Read => "read",
            How::Written => "written",
            How::Defined => "defined",
            How::Altered => "altered",
            How::Dropped => "dropped",
        };
        format!("{}.{} ({how})", relation.schema.as_deref().unwrap_or("?"), relation.name)
    };
    let name = |schema: Option<&str>, name: &str| schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    vec![
        ("kind", listed(statements.iter().map(|statement| statement.kind.to_owned()), true)),
        ("tables", listed(statements.iter().flat_map(|statement| &statement.relations).map(relation), false)),
        (
            "columns",
            listed(
                statements.iter().flat_map(|statement| &statement.columns).map(|column| name(column.qualifier.as_deref(), &column.name)),
                false,
            ),
        ),
        (
            "functions",
            listed(
                statements
                    .iter()
                    .flat_map(|statement| &statement.functions)
                    .map(|function| name(function.name.schema.as_deref(), &function.name.name)),
                false,
            ),
        ),
        ("settings", listed(statements.iter().flat_map(|statement| &statement.settings).map(|setting| setting.name.to_string()), false)),
        ("opaque", facts.opaque.map_or_else(String::new, |reason| reason.words().to_owned())),
    ]
}

/// More than people read of one statement.
const MOST: usize = 20;

fn listed(names: impl Iterator<Item = String>, repeated: bool) -> String {
    let mut found: Vec<String> = Vec::new();
    for name in names {
        if found.len() == MOST {
            found.push("…".to_owned());
            break;
        }
        if repeated || !found.contains(&name) {
            found.push(name);
        }
    }
    found.join(", ")
}

fn decided(choice: &Choice<'_>) -> Vec<(&'static str, String)> {
    let would = choice.observed.unwrap_or(choice.action);
    let decision = match choice.observed {
        Some(_) => format!("{} (it would be; this policy only watches, and it passes)", would.word()),
        None => would.word().to_owned(),
    };
    let who = match would {
        Action::Hold => {
            let whose = if choice.groups.is_empty() { String::new() } else { format!(" of {}", choice.groups.join(", ")) };
            match choice.approvals {
                1 if whose.is_empty() => "any reviewer".to_owned(),
                1 => format!("reviewers{whose}"),
                many => format!("{many} different reviewers{whose}"),
            }
        }
        Action::Allow | Action::Deny => String::new(),
    };
    vec![("decision", decision), ("rule", choice.rule.to_string()), ("reason", choice.reason.to_string()), ("decided by", who)]
}
