//! The record: a search, and what it finds.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::text::{moment, words};
use super::{Guest, Place, answer, layout, not_shown};
use crate::audit::event::Verdict;
use crate::gate::hold::HoldId;
use crate::host::index::Filter;
use crate::host::index::filter::Masked;
use crate::host::index::search::{Found, Page};
use crate::host::index::told::{duration, outcome, took, verdict, what};
use crate::host::web::office::Office;
use crate::host::web::shown::number;
use crate::host::when;
use crate::sql::effect::Effect;

/// Records on one page.
const MOST: usize = 50;
/// Letters of a text in the list.
const MOST_TEXT: usize = 240;
const VERDICTS: [Verdict; 5] = [Verdict::Allowed, Verdict::Denied, Verdict::Held, Verdict::Approved, Verdict::Observed];

/// What the form says; an empty field asks for nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    words: String,
    agent: String,
    table: String,
    effect: String,
    decision: String,
    rule: String,
    hold: String,
    session: String,
    shape: String,
    since: String,
    until: String,
    slow: String,
    masked: String,
    errors: Option<String>,
    reads: Option<String>,
    before: String,
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl Asked {
    /// What is looked for, or the field that says nothing.
    fn filter(&self, now: u64) -> Result<Filter, String> {
        fn read<T>(text: &str, what: &str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>, String> {
            given(text).map(|text| parse(text).ok_or_else(|| format!("{text:?} is no {what}"))).transpose()
        }
        let time = |text: &str| given(text).map(|text| when::parse(text, now).map_err(|error| error.to_string())).transpose();
        Ok(Filter {
            words: given(&self.words).map(str::to_owned),
            agent: given(&self.agent).map(str::to_owned),
            table: given(&self.table).map(str::to_owned),
            effect: read(&self.effect, "effect", |text| Effect::of_word(text).map(|effect| effect.bit().trailing_zeros()))?,
            verdict: read(&self.decision, "decision", |text| VERDICTS.into_iter().find(|known| verdict(*known) == text))?,
            rule: given(&self.rule).map(str::to_owned),
            hold: read(&self.hold, "hold", |text| text.parse().ok().map(HoldId::number))?,
            session: read(&self.session, "number of a session", |text| text.parse().ok())?,
            shape: read(&self.shape, "shape", |text| text.parse().ok())?,
            since: time(&self.since)?,
            until: time(&self.until)?,
            slow: read(&self.slow, "duration such as 200ms, 3s or 2m", |text| duration(text).ok())?,
            masked: given(&self.masked).map(|kind| if kind == "any" { Masked::Any } else { Masked::Kind(kind.to_owned()) }),
            errors: self.errors.is_some(),
            without_reads: self.reads.is_none(),
            before: read(&self.before, "number of a record", |text| text.parse().ok())?,
            limit: MOST,
        })
    }
}

pub(super) async fn page(
    State(office): State<Arc<Office>>,
    guest: Guest,
    RawQuery(query): RawQuery,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let Query(asked) = asked.unwrap_or_default();
    let query = query.unwrap_or_default();
    let filter = match asked.filter(when::now()) {
        Ok(filter) => filter,
        Err(wrong) => return drawn(&guest, StatusCode::UNPROCESSABLE_ENTITY, &asked, &query, Err(&wrong)),
    };
    match office.archive.search(&guest.visitor, filter, &query).await {
        Ok(page) => drawn(&guest, StatusCode::OK, &asked, &query, Ok(&page)),
        Err(error) => not_shown(&guest, &error),
    }
}

fn drawn(guest: &Guest, status: StatusCode, asked: &Asked, query: &str, found: Result<&Page, &str>) -> Response {
    let body = html! {
        h1 { "The record" }
        (form(asked))
        @match found {
            Err(wrong) => p.bad role="alert" { (words(wrong)) "." },
            Ok(page) if page.found.is_empty() => p.soft { "Nothing on the record is like that." },
            Ok(page) => {
                ol.records { @for found in &page.found { (row(found)) } }
                @if let Some(next) = page.next { p { a rel="next" href=(format!("/audit?{}", further(query, next))) { "Older records" } } }
            }
        }
    };
    answer(status, &layout("The record", Some((guest, Place::Record)), &body))
}

/// The same question from another record on.
fn further(query: &str, before: u64) -> String {
    let rest = query.split('&').filter(|part| !part.is_empty() && !part.starts_with("before="));
    rest.map(str::to_owned).chain([format!("before={before}")]).collect::<Vec<_>>().join("&")
}

fn form(asked: &Asked) -> Markup {
    let field = |name: &str, label: &str, value: &str, hint: &str| {
        html! { div { label for=(name) { (label) } input id=(name) name=(name) value=(value) placeholder=(hint) maxlength="200" autocomplete="off"; } }
    };
    let more =
        [&asked.effect, &asked.decision, &asked.rule, &asked.hold, &asked.session, &asked.shape, &asked.until, &asked.slow, &asked.masked];
    let open = more.into_iter().any(|text| given(text).is_some()) || asked.errors.is_some() || asked.reads.is_some();
    html! {
        form.search role="search" method="get" action="/audit" {
            (field("words", "Words", &asked.words, "orders refund*"))
            (field("agent", "Agent", &asked.agent, ""))
            (field("table", "Table", &asked.table, "public.orders"))
            (field("since", "Since", &asked.since, "2h, 7d, 2026-01-31"))
            details open[open] {
                summary { "More" }
                div.fields {
                    div { label for="effect" { "Effect" } select id="effect" name="effect" { option value="" { "any" }
                        @for effect in Effect::ALL { option selected[asked.effect == effect.word()] { (effect.word()) } } } }
                    div { label for="decision" { "Decision" } select id="decision" name="decision" { option value="" { "any" }
                        @for known in VERDICTS { option selected[asked.decision == verdict(known)] { (verdict(known)) } } } }
                    (field("rule", "Rule", &asked.rule, ""))
                    (field("hold", "Hold", &asked.hold, ""))
                    (field("session", "Session", &asked.session, ""))
                    (field("shape", "Shape", &asked.shape, ""))
                    (field("until", "Until", &asked.until, ""))
                    (field("slow", "At least as slow as", &asked.slow, "200ms"))
                    (field("masked", "Masked kind", &asked.masked, "any, EMAIL"))
                    label.check { input type="checkbox" name="errors" value="on" checked[asked.errors.is_some()]; " Only what went wrong" }
                    label.check { input type="checkbox" name="reads" value="on" checked[asked.reads.is_some()]; " Also who read the record" }
                }
            }
            button type="submit" { "Search" }
        }
    }
}

fn row(found: &Found) -> Markup {
    let said = found.statement.as_deref();
    let text: String = what(found).chars().take(MOST_TEXT).collect();
    html! {
        li {
            a.hold href=(format!("/audit/{}", found.seq)) {
                span.top {
                    strong { @match &found.agent { Some(agent) => (words(agent)), None => (words(&found.kind)) } }
                    @if found.agent.is_some() && said.is_none() { span.soft { (words(&found.kind)) } }
                    @if let Some(said) = said {
                        span class={ "state " (verdict(said.verdict)) } {
                            @if said.verdict != Verdict::Allowed { (verdict(said.verdict)) ", " } (outcome(said))
                        }
                    }
                }
                code.shape { (words(&text)) }
                span.soft {
                    "record " (found.seq) ", " (moment(&when::show(found.time)))
                    @if let Some(said) = said {
                        @if let Some(time) = said.duration { ", " (took(time)) }
                        ", " (number(said.rows.max(said.affected.unwrap_or(0)))) " rows"
                        @if !said.masked.is_empty() { ", masked: " @for (at, masked) in said.masked.iter().enumerate() { @if at > 0 { ", " } (number(masked.count)) " " (words(&masked.kind)) } }
                    }
                }
            }
        }
    }
}
