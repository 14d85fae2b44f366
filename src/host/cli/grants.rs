//! `pgsluice grants`: standing grants, listed and revoked. They are made by `pgsluice approve --for`.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::{Args, Subcommand};
use hyper::Method;
use serde_json::json;

use super::remote::Whom;
use super::terminal::line;
use super::{Failure, agent};
use crate::gate::hold::HoldId;
use crate::host::web::{Grant, Grants as Found};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Grants {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// End a standing grant: nothing more runs by it
    #[command(after_help = "Example:\n  pgsluice grants revoke 5kx2m9qd --as ann --reason 'the clean-up is done'")]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
struct Revoke {
    /// The grant's number, as `pgsluice grants` has it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// Why: the record is told
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    whom: Whom,
}

pub(super) fn run(command: Grants, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    match command.command {
        None => list(command.list, environment),
        Some(Command::Revoke(Revoke { id, reason, whom })) => {
            let body = json!({ "reason": reason });
            let ended: Grant = whom.reach(environment)?.call(Method::POST, &format!("/api/grants/{id}/revoke"), Some(&body))?;
            Ok(writeln!(std::io::stdout(), "revoked {}: it was used {} of {} times", ended.id, ended.used, ended.times)?)
        }
    }
}

/// Letters of a shape in a table.
const MOST_SHAPE: usize = 60;

fn list(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let found: Found = command.whom.reach(environment)?.call(Method::GET, "/api/grants", None)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", json!(found))?);
    }
    if found.grants.is_empty() {
        eprintln!("pgsluice: there is no standing grant");
        return Ok(());
    }
    let mut rows = vec![["ID", "AGENT", "DATABASE", "USED", "UNTIL", "BY", "STATEMENT", "BOUNDS"].map(str::to_owned)];
    rows.extend(found.grants.iter().map(|grant| {
        let shape: String = grant.shape.chars().take(MOST_SHAPE).collect();
        [
            grant.id.clone(),
            line(&grant.agent).into_owned(),
            line(&grant.database).into_owned(),
            format!("{}/{}", grant.used, grant.times),
            grant.until.clone(),
            line(&grant.by).into_owned(),
            line(&shape).into_owned(),
            grant.bounds.clone(),
        ]
    }));
    Ok(out.write_all(agent::aligned(&rows).as_bytes())?)
}
