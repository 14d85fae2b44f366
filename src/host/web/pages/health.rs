//! How the server does, for people.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;

use super::text::{moment, words};
use super::{Guest, Place, answer, layout, not_shown};
use crate::host::web::office::Office;
use crate::host::web::shown::{number, size};
use crate::host::when;

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest) -> Response {
    let vitals = office.archive.vitals();
    let stats = match office.archive.stats().await {
        Ok(stats) => stats,
        Err(error) => return not_shown(&guest, &error),
    };
    let unsynced = vitals.journal.last.saturating_sub(vitals.journal.synced);
    let body = html! {
        h1 { "Health" }
        @match vitals.journal.trouble {
            Some("full") => p.bad role="alert" { "The disk of the record is full: no statement runs until there is room." },
            Some(_) => p.bad role="alert" { "The record cannot be written: no statement runs until it can be." },
            None => p { span.state.approved { "ready" } " Agents can work." },
        }
        h2 { "The record" }
        dl {
            dt { "Records" } dd { (number(vitals.journal.last)) }
            dt { "Not on disk yet" } dd { (number(unsynced)) }
            dt { "Not in the search yet" } dd { @match vitals.index_lag { Some(lag) => (number(lag)), None => "there is no index" } }
            dt { "Journal" } dd { (size(stats.journal_bytes)) }
            dt { "Index" } dd { (size(stats.index_bytes)) }
            @if let Some(latest) = stats.latest { dt { "Last statement" } dd { (moment(&when::show(latest))) } }
        }
        h2 { "In it" }
        dl {
            dt { "Executions" } dd { (number(stats.executions)) }
            dt { "Refused" } dd { (number(stats.refused)) }
            dt { "Went wrong" } dd { (number(stats.errors)) }
            dt { "Sessions" } dd { (number(stats.sessions)) }
            dt { "Agents" } dd { (number(stats.agents)) }
            dt { "Shapes" } dd { (number(stats.shapes)) }
        }
        @if !vitals.sinks.is_empty() {
            h2 { "Sent elsewhere" }
            table {
                thead { tr { th scope="col" { "To" } th.n scope="col" { "Behind" } th scope="col" { "" } } }
                tbody { @for sink in &vitals.sinks { tr {
                    td { (words(&sink.name)) } td.n { (number(sink.lag)) } td { @if sink.failing { span.bad { "failing" } } @else { "fine" } }
                } } }
            }
        }
        @if !vitals.notices.is_empty() {
            h2 { "Told of holds" }
            table {
                thead { tr { th scope="col" { "Where" } th.n scope="col" { "To be told" } th.n scope="col" { "Never arrived" } th scope="col" { "" } } }
                tbody { @for notice in &vitals.notices { tr {
                    td { (words(&notice.name)) } td.n { (number(notice.waiting)) } td.n { (number(notice.dead)) }
                    td { @if notice.failing { span.bad { "failing" } } @else { "fine" } }
                } } }
            }
        }
    };
    answer(StatusCode::OK, &layout("Health", Some((&guest, Place::Health)), &body))
}
