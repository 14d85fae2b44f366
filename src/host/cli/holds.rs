//! `pgsluice holds`, `show`, `approve`, `deny`: what reviewers do from a terminal, at the running server and with their own credential. Whatever
//! an agent wrote is shown with its hidden characters as code points.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use hyper::Method;
use serde_json::json;

use super::remote::Whom;
use super::terminal::{line, lines, statement};
use super::{Failure, agent, prompt};
use crate::gate::hold::HoldId;
use crate::host::web::{Holds, Listed, Shown, Text, masked_places, number, size};

#[derive(Debug, Args)]
pub(super) struct List {
    /// Those that are closed too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(super) struct One {
    /// The hold's number, as `pgsluice holds` and its link have it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// With what is masked shown as it was sent; the record says that you had it shown
    #[arg(long)]
    reveal: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(super) struct Approve {
    /// The hold's number, as `pgsluice holds` and its link have it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// What the agent and the record are told
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Let its one run see values as they are, as it asked
    #[arg(long)]
    unmasked: bool,
    /// Do not ask again
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(super) struct Deny {
    /// The hold's number, as `pgsluice holds` and its link have it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// Why not: the agent and the record are told
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    whom: Whom,
}

pub(super) fn list(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let found: Holds = remote.call(Method::GET, if command.all { "/api/holds?all=true" } else { "/api/holds" }, None)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", json!(found))?);
    }
    if found.holds.is_empty() {
        eprintln!("pgsluice: nothing is held");
        return Ok(());
    }
    out.write_all(table(&found.holds).as_bytes())?;
    if found.more > 0 {
        eprintln!("pgsluice: and {} more", found.more);
    }
    Ok(())
}

/// Letters of a shape in a table.
const MOST_SHAPE: usize = 60;

fn table(holds: &[Listed]) -> String {
    let mut rows = vec![["ID", "STATE", "AGENT", "DATABASE", "EFFECTS", "UNTIL", "STATEMENT"].map(str::to_owned)];
    rows.extend(holds.iter().map(|hold| {
        let shape: String = hold.shape.as_deref().unwrap_or("-").chars().take(MOST_SHAPE).collect();
        [
            hold.id.clone(),
            hold.state.clone(),
            line(&hold.agent).into_owned(),
            line(&hold.database).into_owned(),
            hold.effects.join(","),
            hold.until.clone(),
            line(&shape).into_owned(),
        ]
    }));
    agent::aligned(&rows)
}

pub(super) fn show(command: One, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    let shown: Shown = match command.reveal {
        true => remote.call(Method::POST, &format!("{path}/reveal"), None)?,
        false => remote.call(Method::GET, &path, None)?,
    };
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", json!(shown))?);
    }
    Ok(out.write_all(told(&shown).as_bytes())?)
}

pub(super) fn approve(command: Approve, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    let shown: Shown = remote.call(Method::GET, &path, None)?;
    std::io::stdout().write_all(told(&shown).as_bytes())?;
    if !shown.is_waiting() {
        return Err(Failure::NotWaiting(shown.id, shown.state));
    }
    let masked = match (command.unmasked, shown.about.asks_unmasked) {
        (true, _) => ", values unmasked",
        (false, true) => ", values masked",
        (false, false) => "",
    };
    if !command.yes && !prompt::agreed(&format!("Approve this, once{masked}, as {}?", line(&remote.name)))? {
        return Err(Failure::GivenUp);
    }
    let body = json!({ "digest": shown.digest, "reason": command.reason, "unmasked": command.unmasked });
    let after: Shown = remote.call(Method::POST, &format!("{path}/approve"), Some(&body))?;
    Ok(writeln!(std::io::stdout(), "approved {}{masked}: the agent can run it once, until {}", after.id, after.until)?)
}

pub(super) fn deny(command: Deny, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    let shown: Shown = remote.call(Method::GET, &path, None)?;
    let body = json!({ "digest": shown.digest, "reason": command.reason });
    let after: Shown = remote.call(Method::POST, &format!("{path}/deny"), Some(&body))?;
    Ok(writeln!(std::io::stdout(), "denied {}: the agent is told why", after.id)?)
}

/// A hold for a terminal: the statement first.
fn told(shown: &Shown) -> String {
    let about = &shown.about;
    let mut out = String::new();
    // Writing to a string does not fail.
    let mut fact = |name: &str, value: &str| writeln!(out, "{name:<12} {}", line(value)).unwrap_or_default();
    fact("hold", &format!("{}, {}, until {}", shown.id, shown.state, shown.until));
    if let Some(decided) = &shown.decided {
        let single = if decided.single_person { ", their own agent (single-person mode)" } else { "" };
        let verdict = match (decided.approved, decided.unmasked) {
            (true, true) => "approved, values unmasked,",
            (true, false) => "approved",
            (false, _) => "denied",
        };
        fact("decided", &format!("{verdict} by {} at {}{single}", decided.by, decided.at));
        if let Some(reason) = &decided.reason {
            fact("because", reason);
        }
    }
    fact("agent", &format!("{}, owner {}", about.agent, about.owner));
    let environment = about.environment.as_ref().map(|environment| format!(" ({environment})")).unwrap_or_default();
    fact("database", &format!("{}{environment}, as {}", about.database, about.role));
    fact("effects", &about.effects.join(", "));
    fact("rule", &about.rule);
    fact("reason", &about.reason);
    if !about.groups.is_empty() {
        fact("for", &about.groups.join(", "));
    }
    if about.asks_unmasked {
        fact("unmasked", "it asks to see values as they are; approved without --unmasked it sees them masked");
    }
    if let Some(over) = &about.over {
        fact("limit", over);
    }
    fact("opened", &format!("{}, session {}{}", about.opened, about.session, if about.in_transaction { ", in a transaction" } else { "" }));
    let Some(sent) = &about.statement else {
        fact("statement", "erased when the hold closed");
        return out;
    };
    for finding in &sent.findings {
        fact("found out", finding);
    }
    for relation in &sent.relations {
        let rows = relation.rows.map_or_else(|| "rows unknown".to_owned(), |rows| format!("about {} rows", number(rows)));
        fact("touches", &format!("{} ({}): {rows}, {}", relation.name, relation.kind, size(relation.bytes)));
    }
    if let Some(estimate) = &sent.estimate {
        fact("planner", &format!("about {:.0} rows back, {:.0} at the widest step", estimate.rows, estimate.widest));
    }
    for claim in &sent.claims {
        fact("it says", &format!("{}: {} (its own claim)", claim.name, claim.value));
    }
    if sent.masked > 0 {
        let how = format!("It runs as it was sent: pgsluice show {} --reveal shows that, and the record says so.", shown.id);
        fact("masked", &format!("{} {how}", masked_places(sent.masked)));
    }
    let text = |value: &Text| match value {
        Text::Text(text) => statement(text),
        Text::Hex(digits) => format!("(no text; its bytes) {digits}"),
        Text::Null => "NULL".to_owned(),
    };
    for (number, parameter) in sent.parameters.iter().enumerate() {
        fact(&format!("${}", number.saturating_add(1)), &text(&parameter.value));
    }
    write!(out, "\n{}\n\n", lines(&text(&sent.sql))).unwrap_or_default();
    out
}
