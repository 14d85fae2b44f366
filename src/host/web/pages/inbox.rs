//! The list of holds. It shows no value that an agent sent: whoever wants to see a statement opens its page, and that is on the record.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::text::{deadline, moment, words};
use super::{Guest, Place, answer, followed};
use crate::host::web::office::{Office, Show};
use crate::host::web::shown::{Listed, number};

const SHOWS: [(Show, &str, &str); 4] = [
    (Show::Waiting, "waiting", "Waiting"),
    (Show::Mine, "mine", "For me"),
    (Show::Decided, "decided", "Decided"),
    (Show::All, "all", "All"),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    show: String,
    agent: String,
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let (show, word, _) = SHOWS.into_iter().find(|(_, word, _)| *word == asked.show).unwrap_or((Show::Waiting, "waiting", ""));
    let agent = Some(asked.agent.trim()).filter(|agent| !agent.is_empty());
    let (holds, more) = office.inbox(&guest.visitor, show, agent);
    let waiting = office.waiting();
    let title =
        if waiting == 0 { "Nothing waits".to_owned() } else { format!("{} waiting", number(u64::try_from(waiting).unwrap_or(u64::MAX))) };
    let body = html! {
        h1 { (title) }
        nav.choice aria-label="Which" { @for (other, path, name) in SHOWS {
            a aria-current=[(other == show).then_some("true")] href=(address(path, agent)) { (name) } " "
        } }
        @if let Some(agent) = agent {
            p.soft { "Of " strong { (words(agent)) } ". " a href=(address(word, None)) { "Of all agents" } }
        }
        @if holds.is_empty() {
            p.soft { @match show {
                Show::Waiting | Show::All => "A statement that policy holds is listed here until somebody decides it.",
                Show::Mine => "Nothing waits that you may decide.",
                Show::Decided => "Nothing was decided lately. What was decided long ago is on the record.",
            } }
        } @else {
            ul.holds { @for hold in &holds { (row(hold)) } }
        }
        @if more > 0 { p { "And " (more) " more: " code { "pgsluice holds --all" } " has them." } }
        p { a href="/grants" { "Standing grants" } }
    };
    answer(StatusCode::OK, &followed(&title, Some((&guest, Place::Holds)), Some("list"), &body))
}

fn address(show: &str, agent: Option<&str>) -> String {
    match agent {
        Some(agent) => format!("/?show={show}&agent={}", utf8_percent_encode(agent, NON_ALPHANUMERIC)),
        None => format!("/?show={show}"),
    }
}

fn row(hold: &Listed) -> Markup {
    html! {
        li {
            a.hold href=(format!("/holds/{}", hold.id)) {
                span.top {
                    strong { (words(&hold.agent)) }
                    span class={ "state " (hold.state) } { (hold.state) }
                }
                span.soft { (hold.effects.join(", ")) " on " (words(&hold.database)) @if let Some(environment) = &hold.environment { " (" (words(environment)) ")" } }
                @if let Some(shape) = &hold.shape { code.shape { (words(shape)) } }
                span.soft { "since " (moment(&hold.opened)) ", " @if hold.state == "waiting" { "until " (deadline(&hold.until)) } @else { "until " (moment(&hold.until)) } @if hold.in_transaction { ", in a transaction" } }
            }
        }
    }
}
