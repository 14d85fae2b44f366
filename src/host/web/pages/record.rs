//! One record whole, and what belongs to it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};

use super::text::{lines, moment, words};
use super::{Guest, Place, answer, layout, not_shown, plain};
use crate::host::journal::reader::Entry;
use crate::host::reading::{self, NotRead, Related};
use crate::host::web::archive::NotShown;
use crate::host::web::office::Office;
use crate::host::when;

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, Path(seq): Path<String>) -> Response {
    let Ok(seq) = seq.parse::<u64>() else { return unknown("A record is called by its number.") };
    match office.archive.record(&guest.visitor, seq).await {
        Ok((entry, related)) => drawn(&guest, &entry, &related),
        Err(NotShown::Record(error @ (NotRead::Pruned { .. } | NotRead::NotYet(_)))) => unknown(&format!("{error}.")),
        Err(error) => not_shown(&guest, &error),
    }
}

fn unknown(said: &str) -> Response {
    plain(StatusCode::NOT_FOUND, "No such record", said)
}

fn drawn(guest: &Guest, entry: &Entry, related: &Related) -> Response {
    let title = format!("Record {}", entry.seq);
    let body = html! {
        p.top { span.soft { (entry.kind) } (moment(&when::show(entry.time))) }
        h1 { (title) }
        (fields(entry))
        @for (what, other) in related {
            section {
                h2 { (what) ": " a href=(format!("/audit/{}", other.seq)) { "record " (other.seq) } ", " (other.kind) }
                (fields(other))
            }
        }
        p.soft { "That it is what was written, and nothing is missing: " code { "pgsluice audit verify" } " checks." }
    };
    answer(StatusCode::OK, &layout(&title, Some((guest, Place::Record)), &body))
}

fn fields(entry: &Entry) -> Markup {
    let Ok(all) = reading::json(entry) else {
        return html! { p.bad { "It cannot be read: " code { "pgsluice audit verify" } " says more." } };
    };
    let told = |name: &String| !["seq", "time", "kind"].contains(&name.as_str());
    html! {
        dl { @for (name, value) in reading::flat(all).into_iter().filter(|(name, _)| told(name)) {
            dt { (name) }
            dd { @match name.as_str() {
                "session" => a href=(format!("/audit?session={}", reading::plain(&value))) { (reading::plain(&value)) },
                "shape" => a href=(format!("/audit?shape={}", reading::plain(&value))) { code { (reading::plain(&value)) } },
                "text" => div.text { (lines(&reading::plain(&value))) },
                _ => (words(&reading::plain(&value))),
            } }
        } }
    }
}
