//! `pgsluice policy explain`: the facts of a statement, the rule, and the reason.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;

use clap::Args;

use super::super::{Failure, File, terminal};
use super::chosen;
use crate::gate::Subject;
use crate::gate::judge::Moment;
use crate::gate::policy::cases::Trial;
use crate::host::config::Loaded;
use crate::host::explained::explained;
use crate::host::when;

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
    let lines = explained(&trial, &policy, &profiles, &source.to_string());
    let mut out = std::io::stdout().lock();
    for (name, text) in lines.iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(out, "{name:<10} {}", terminal::line(text))?;
    }
    Ok(())
}

/// Seconds since 1970.
fn at(text: &str) -> Result<u64, Failure> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|_| Failure::Cases(format!("--at: expected a time with its zone such as 2026-11-16T09:30:00Z, not {text:?}")))?;
    Ok(u64::try_from(time.as_second()).unwrap_or_default())
}
