//! The list of holds. It shows no value that an agent sent: whoever wants to see a statement opens its page, and that is on the record.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::text::{moment, words};
use super::{Guest, answer, layout};
use crate::host::desk::Which;
use crate::host::web::office::Office;
use crate::host::web::shown::{Listed, number};

#[derive(Deserialize)]
pub(super) struct Asked {
    /// Those that are closed too.
    #[serde(default)]
    all: Option<String>,
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let all = asked.is_ok_and(|Query(asked)| asked.all.is_some());
    let (holds, more) = office.list(if all { Which::All } else { Which::Open });
    let waiting = holds.iter().filter(|hold| hold.state == "waiting" || hold.state == "asked").count();
    let title =
        if waiting == 0 { "Nothing waits".to_owned() } else { format!("{} waiting", number(u64::try_from(waiting).unwrap_or(u64::MAX))) };
    let body = html! {
        h1 { (title) }
        @if holds.is_empty() {
            p.soft { "A statement that policy holds is listed here until somebody decides it." }
        } @else {
            ul.holds { @for hold in &holds { (row(hold)) } }
        }
        @if more > 0 { p { "And " (more) " more: " code { "pgsluice holds --all" } " has them." } }
        p { a href="/grants" { "Standing grants" } }
        p { @if all { a href="/" { "Only those that are open" } } @else { a href="/?all=yes" { "Those that are closed, too" } } }
    };
    answer(StatusCode::OK, &layout(&title, Some(&guest), &body))
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
                span.soft { "since " (moment(&hold.opened)) ", until " (moment(&hold.until)) @if hold.in_transaction { ", in a transaction" } }
            }
        }
    }
}
