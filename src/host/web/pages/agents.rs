//! The agents, and what each did lately. Adding and revoking is done by command: it prints a password.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::text::{moment, words};
use super::{Guest, Place, answer, layout, not_shown};
use crate::host::web::office::Office;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    all: Option<String>,
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let agents = match office.archive.agents(asked.all.is_some()).await {
        Ok(agents) => agents,
        Err(error) => return not_shown(&guest, &error),
    };
    let body = html! {
        h1 { "Agents" }
        @if agents.is_empty() {
            p.soft { "There is no agent yet: " code { "pgsluice agent add NAME" } " makes one and prints its DATABASE_URL." }
        }
        ul.holds { @for agent in &agents { li.hold {
            span.top {
                strong { (words(&agent.name)) }
                @if agent.revoked.is_some() { span.state.denied { "revoked" } }
            }
            dl {
                dt { "Owner" } dd { (words(&agent.owner)) }
                dt { "Database" } dd { @match &agent.database { Some(name) => (words(name)), None => span.soft { "any" } } }
                @if let Some(role) = &agent.role { dt { "Role at the server" } dd { (words(role)) } }
                @if let Some(environment) = &agent.environment { dt { "Environment" } dd { (words(environment)) } }
                @if let Some(networks) = &agent.networks { dt { "From" } dd { (words(networks)) } }
                dt { "Added" } dd { (moment(&agent.created)) }
                @if let Some(rotated) = &agent.rotated { dt { "Password changed" } dd { (moment(rotated)) } }
                @if let Some(revoked) = &agent.revoked { dt { "Revoked" } dd { (moment(revoked)) } }
            }
            p { a href=(format!("/audit?agent={}", utf8_percent_encode(&agent.name, NON_ALPHANUMERIC))) { "What it did" } }
        } } }
        p { @if asked.all.is_some() { a href="/agents" { "Only those that can log in" } } @else { a href="/agents?all=yes" { "Those that were revoked, too" } } }
    };
    answer(StatusCode::OK, &layout("Agents", Some((&guest, Place::Agents)), &body))
}
