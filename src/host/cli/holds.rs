//! `pgsluice holds`, `show`, `approve`, `deny`: what reviewers do from a terminal, at the running server and with their own credential. Whatever
//! an agent wrote is shown with its hidden characters as code points.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use clap::Args;
use hyper::Method;
use serde_json::json;

use super::remote::{Remote, Whom};
use super::terminal::{line, lines, statement};
use super::{Failure, agent, prompt};
use crate::gate::hold::HoldId;
use crate::host::web::{Gathered, GrantMade, Holds, Listed, Shown, Text, masked_places, number, size};

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
    /// Approve all holds of its session that wait, as one: all of them, or none
    #[arg(long, conflicts_with_all = ["unmasked", "lasts"])]
    together: bool,
    /// Approve statements like it for this long, too: a standing grant (12h at the most)
    #[arg(long = "for", value_name = "TIME", requires = "times", conflicts_with = "unmasked")]
    lasts: Option<String>,
    /// How many runs a standing grant is for
    #[arg(long, value_name = "NUMBER", requires = "lasts")]
    times: Option<u32>,
    /// What a whole number of the statement may be under a standing grant; `pgsluice show` counts them. Every other value stays what it is
    #[arg(long, value_name = "NUMBER=FROM..TO", requires = "lasts")]
    bound: Vec<String>,
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
    /// Deny all holds of its session that wait, as one: all of them, or none
    #[arg(long)]
    together: bool,
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
    if command.together {
        return together(&mut remote, &path, &command.reason, command.yes);
    }
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
    if let (Some(lasts), Some(times)) = (&command.lasts, command.times) {
        let bounds = command.bound.iter().map(|bound| read_bound(bound)).collect::<Result<Vec<_>, _>>()?;
        let seconds = seconds(lasts).ok_or_else(|| Failure::Lasts(lasts.clone()))?;
        let body = json!({ "digest": shown.digest, "reason": command.reason, "seconds": seconds, "times": times, "bounds": bounds });
        let GrantMade { hold, grant } = remote.call(Method::POST, &format!("{path}/grant"), Some(&body))?;
        let (until, bounds) = (grant.until, grant.bounds);
        return Ok(writeln!(
            std::io::stdout(),
            "approved {}, and as grant {} statements like it, up to {times} times until {until}, {bounds}",
            hold.id,
            grant.id
        )?);
    }
    let body = json!({ "digest": shown.digest, "reason": command.reason, "unmasked": command.unmasked });
    let after: Shown = remote.call(Method::POST, &format!("{path}/approve"), Some(&body))?;
    Ok(writeln!(std::io::stdout(), "{}", approved(&after, masked))?)
}

fn approved(after: &Shown, masked: &str) -> String {
    match after.missing {
        0 => format!("approved {}{masked}: the agent can run it once, until {}", after.id, after.until),
        1 => format!("approved {}{masked}: it takes one more person", after.id),
        more => format!("approved {}{masked}: it takes {more} more people", after.id),
    }
}

/// Approves all that its session waits for.
fn together(remote: &mut Remote, path: &str, reason: &str, yes: bool) -> Result<(), Failure> {
    let gathered: Gathered = remote.call(Method::GET, &format!("{path}/together"), None)?;
    for shown in &gathered.holds {
        std::io::stdout().write_all(told(shown).as_bytes())?;
    }
    let question = format!("Approve these {}, each once, as {}?", gathered.holds.len(), line(&remote.name));
    if !yes && !prompt::agreed(&question)? {
        return Err(Failure::GivenUp);
    }
    let body = json!({ "digest": gathered.digest, "reason": reason });
    let after: Vec<Shown> = remote.call(Method::POST, &format!("{path}/together/approve"), Some(&body))?;
    after.iter().try_for_each(|after| Ok(writeln!(std::io::stdout(), "{}", approved(after, ""))?))
}

fn read_bound(text: &str) -> Result<serde_json::Value, Failure> {
    let read = || {
        let (number, range) = text.split_once('=')?;
        let (from, to) = range.split_once("..")?;
        let number: u32 = number.trim().parse().ok()?;
        let (from, to): (i64, i64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        Some(json!({ "number": number, "from": from, "to": to }))
    };
    read().ok_or_else(|| Failure::Bound(text.to_owned()))
}

fn seconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let each = match unit.trim() {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each)
}

pub(super) fn deny(command: Deny, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    if command.together {
        let gathered: Gathered = remote.call(Method::GET, &format!("{path}/together"), None)?;
        let body = json!({ "digest": gathered.digest, "reason": command.reason });
        let after: Vec<Shown> = remote.call(Method::POST, &format!("{path}/together/deny"), Some(&body))?;
        return after.iter().try_for_each(|after| Ok(writeln!(std::io::stdout(), "denied {}: the agent is told why", after.id)?));
    }
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
    for passed in &about.passed {
        fact("passed on", &format!("to {} by {} at {}: {}", passed.to, passed.by, passed.at, passed.reason));
    }
    if about.approvals > 1 {
        fact("approvals", &format!("it takes {} people, {} more", about.approvals, shown.missing));
    }
    for approved in shown.approved.iter().filter(|_| about.approvals > 1) {
        fact(
            "approved by",
            &format!("{} at {}{}", approved.by, approved.at, approved.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default()),
        );
    }
    for exchange in &about.dialogue {
        fact("asked", &format!("by {} at {}: {}", exchange.by, exchange.at, exchange.question));
        fact(
            "it answers",
            &exchange.answer.as_ref().map_or_else(|| "nothing yet".to_owned(), |answer| format!("{answer} (its own claim)")),
        );
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
    let numbers: Vec<_> = sent.numbers.iter().zip(1..).filter_map(|(value, number)| Some(format!("{number}: {}", (*value)?))).collect();
    if !numbers.is_empty() {
        fact("numbers", &numbers.join(", "));
    }
    write!(out, "\n{}\n\n", lines(&text(&sent.sql))).unwrap_or_default();
    out
}
