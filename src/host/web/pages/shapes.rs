//! The shapes of statements that there is most of.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::text::words;
use super::{Guest, Place, answer, layout, not_shown};
use crate::host::index::told::took;
use crate::host::index::totals::By;
use crate::host::web::office::Office;
use crate::host::web::shown::number;
use crate::host::when;

const ORDERS: [(&str, By); 4] = [("count", By::Count), ("time", By::Time), ("rows", By::Rows), ("masked", By::Masked)];
const SPANS: [(&str, &str); 4] = [("1h", "an hour"), ("24h", "a day"), ("7d", "a week"), ("", "all time")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    by: String,
    since: String,
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let (order, by) = ORDERS.into_iter().find(|(word, _)| *word == asked.by).unwrap_or(("count", By::Count));
    let since = when::parse(&asked.since, when::now()).ok();
    let found = match office.archive.shapes(&guest.visitor, by, since, &format!("by {order} since {}", asked.since)).await {
        Ok(found) => found,
        Err(error) => return not_shown(&guest, &error),
    };
    let body = html! {
        h1 { "What is run most" }
        nav.choice aria-label="Order" { "By " @for (word, _) in ORDERS {
            a aria-current=[(word == order).then_some("true")] href=(format!("/audit/shapes?by={word}&since={}", since_of(&asked))) { (word) } " "
        } }
        nav.choice aria-label="Time" { "Of " @for (span, name) in SPANS {
            a aria-current=[(span == since_of(&asked)).then_some("true")] href=(format!("/audit/shapes?by={order}&since={span}")) { (name) } " "
        } }
        @if found.is_empty() { p.soft { "Nothing was run in that time." } }
        ol.records { @for top in &found {
            li { a.hold href=(format!("/audit?shape={}", top.shape)) {
                code.shape { @match &top.text { Some(text) => (words(text)), None => "(its text was erased)" } }
                span.soft {
                    (number(top.count)) " times, " (took(top.duration)) " in all, " (took(top.duration.checked_div(top.count).unwrap_or(0))) " each, "
                    (number(top.rows)) " rows, " (number(top.masked)) " values masked, " (number(top.errors)) " went wrong"
                }
            } }
        } }
    };
    answer(StatusCode::OK, &layout("Shapes", Some((&guest, Place::Shapes)), &body))
}

fn since_of(asked: &Asked) -> &'static str {
    SPANS.into_iter().map(|(span, _)| span).find(|span| *span == asked.since).unwrap_or("")
}
