//! `pgsluice ask` and `pgsluice pass`: what reviewers do with a hold that they do not decide yet.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;
use hyper::Method;
use serde_json::json;

use super::Failure;
use super::remote::Whom;
use super::terminal::line;
use crate::gate::hold::HoldId;
use crate::host::web::Shown;

#[derive(Debug, Args)]
pub(super) struct Ask {
    /// The hold's number, as `pgsluice holds` and its link have it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// What the agent is asked: it is told this, and how to answer
    #[arg(long, value_name = "TEXT")]
    question: String,
    #[command(flatten)]
    whom: Whom,
}

#[derive(Debug, Args)]
pub(super) struct Pass {
    /// The hold's number, as `pgsluice holds` and its link have it
    #[arg(value_name = "ID")]
    id: HoldId,
    /// The group that decides from then on
    #[arg(long, value_name = "GROUP")]
    to: String,
    /// Why: they and the record are told
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    whom: Whom,
}

pub(super) fn ask(command: Ask, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    let shown: Shown = remote.call(Method::GET, &path, None)?;
    let body = json!({ "digest": shown.digest, "question": command.question });
    let after: Shown = remote.call(Method::POST, &format!("{path}/ask"), Some(&body))?;
    Ok(writeln!(std::io::stdout(), "asked about {}: `pgsluice show {}` has the answer when there is one", after.id, after.id)?)
}

pub(super) fn pass(command: Pass, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let mut remote = command.whom.reach(environment)?;
    let path = format!("/api/holds/{}", command.id);
    let shown: Shown = remote.call(Method::GET, &path, None)?;
    let body = json!({ "digest": shown.digest, "to": command.to, "reason": command.reason });
    let after: Shown = remote.call(Method::POST, &format!("{path}/pass"), Some(&body))?;
    Ok(writeln!(std::io::stdout(), "passed {} on: {} decides it now", after.id, line(&after.about.groups.join(", ")))?)
}
