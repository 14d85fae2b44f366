//! The policy in force, and what it would do with a statement. Nothing that is tried here is sent to a server or kept.

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::text::{lines, words};
use super::{Guest, Place, answer, layout, malformed, not_ours};
use crate::gate::policy::Action;
use crate::host::web::archive::Question;
use crate::host::web::office::Office;

const EXPLAIN: &str = "explain";

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    token: String,
    sql: String,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    database: String,
    #[serde(default)]
    rows: String,
    #[serde(default)]
    in_transaction: Option<String>,
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest) -> Response {
    drawn(&office, &guest, &Asked::default(), None)
}

pub(super) async fn explain(State(office): State<Arc<Office>>, guest: Guest, form: Result<axum::Form<Asked>, FormRejection>) -> Response {
    let axum::Form(asked) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    if !guest.owns(EXPLAIN, &asked.token) {
        return not_ours();
    }
    let told = office.archive.explain(Question {
        sql: asked.sql.clone(),
        agent: asked.agent.trim().to_owned(),
        database: asked.database.trim().to_owned(),
        in_transaction: asked.in_transaction.is_some(),
        rows: asked.rows.trim().parse().ok(),
    });
    drawn(&office, &guest, &asked, Some(&told))
}

fn drawn(office: &Office, guest: &Guest, asked: &Asked, told: Option<&[(&'static str, String)]>) -> Response {
    let policy = office.archive.policy();
    let body = html! {
        h1 { "Policy" }
        p.soft { (policy.rules.len()) " rules, hash " code { (policy.hash) } ". The first rule that fits decides." }
        @if policy.observing { p.warn { "It only watches: what it would hold or deny passes, and is recorded as such." } }
        h2 { "What would become of a statement" }
        form.card method="post" action="/policy" {
            input type="hidden" name="token" value=(guest.token(EXPLAIN));
            label for="sql" { "Statement" }
            textarea id="sql" name="sql" rows="4" required spellcheck="false" { (asked.sql) }
            label for="agent" { "Agent" }
            input id="agent" name="agent" value=(asked.agent) autocomplete="off";
            label for="database" { "Database" }
            input id="database" name="database" value=(asked.database) autocomplete="off";
            label for="rows" { "Rows expected" }
            input id="rows" name="rows" value=(asked.rows) inputmode="numeric" autocomplete="off";
            label.check { input type="checkbox" name="in_transaction" value="on" checked[asked.in_transaction.is_some()]; " In a transaction" }
            button type="submit" { "Explain" }
        }
        @if let Some(told) = told { (explained(told)) }
        h2 { "Rules" }
        ol.records { @for rule in &policy.rules { li.hold {
            span.top { code { (words(&rule.name)) } span class={ "state " (colour(rule.action)) } { (rule.action.word()) } }
            span { (words(&rule.reason)) }
            @if !rule.groups.is_empty() { span.soft { "For " (words(&rule.groups.join(", "))) } }
        } } }
    };
    answer(StatusCode::OK, &layout("Policy", Some((guest, Place::Policy)), &body))
}

fn explained(told: &[(&'static str, String)]) -> Markup {
    html! {
        section aria-label="The explanation" {
            dl { @for (name, text) in told.iter().filter(|(_, text)| !text.is_empty()) { dt { (name) } dd { (lines(text)) } } }
        }
    }
}

fn colour(action: Action) -> &'static str {
    match action {
        Action::Allow => "approved",
        Action::Hold => "waiting",
        Action::Deny => "denied",
    }
}
