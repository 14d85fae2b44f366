//! What a reviewer can do with a hold beside deciding it alone: ask the agent, pass it on, approve statements like it for a while, decide all of
//! its session at once. Plain forms, each on one page.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::hold::{purpose, show, unknown, unrecordable};
use super::text::{lines, moment, words};
use super::{Guest, Place, answer, go, hold_id, layout, malformed, not_ours, plain};
use crate::gate::hold::{HoldId, LONGEST_QUESTION, MOST_TIMES, Room, Terms, Verdict};
use crate::host::desk::{LONGEST_REASON, NotDecided};
use crate::host::web::office::{May, Office, Through, Together, Undecided};
use crate::host::web::shown::{Grant, Shown};

/// What was said about a hold: who approved so far, questions and answers, whom it was passed on to.
pub(super) fn talk(hold: &Shown) -> Markup {
    let about = &hold.about;
    html! {
        @if about.approvals > 1 {
            p { "It takes " (about.approvals) " different people."
                @if hold.missing > 0 && hold.is_waiting() { " " strong { (hold.missing) " more have to approve." } } }
            @if !hold.approved.is_empty() {
                ul { @for approved in &hold.approved {
                    li { (words(&approved.by)) " approved at " (moment(&approved.at))
                         @if let Some(reason) = &approved.reason { blockquote { (lines(reason)) } } }
                } }
            }
        }
        @for passed in &about.passed {
            p { (words(&passed.by)) " passed it on to " strong { (words(&passed.to)) } " at " (moment(&passed.at)) "." }
            blockquote { (lines(&passed.reason)) }
        }
        @if !about.dialogue.is_empty() {
            section.claim aria-label="Questions and answers" {
                h2 { "Asked and answered" }
                p.soft { "Answers are the agent's own claims: nobody has checked them." }
                dl { @for exchange in &about.dialogue {
                    dt { (words(&exchange.by)) " asked at " (moment(&exchange.at)) }
                    dd { (lines(&exchange.question)) }
                    dt { "The agent" }
                    dd { @match &exchange.answer {
                        None => span.soft { "has not answered yet." },
                        Some(said) if said.is_empty() => span.soft { "answered; that was erased when the hold closed." },
                        Some(said) => (lines(said)),
                    } }
                } }
            }
        }
    }
}

/// The forms of a hold that can still be decided.
pub(super) fn forms(hold: &Shown, groups: &[String], token: &str) -> Markup {
    let to = |step: &str| format!("/holds/{}/{step}", hold.id);
    let proof = html! {
        input type="hidden" name="token" value=(token);
        input type="hidden" name="digest" value=(hold.digest);
    };
    html! {
        p { a href=(to("together")) { "Decide all that this session waits for at once" } }
        @if hold.state != "asked" {
            details {
                summary { "Ask the agent" }
                form.card method="post" action=(to("ask")) {
                    (proof)
                    label for="question" { "Question " span.soft { "(the agent reads it; its answer is shown here)" } }
                    textarea id="question" name="question" rows="2" required maxlength=(LONGEST_QUESTION) {}
                    button type="submit" { "Ask" }
                }
            }
        }
        @if !groups.is_empty() {
            details {
                summary { "Pass it on" }
                form.card method="post" action=(to("pass")) {
                    (proof)
                    label for="to" { "To" }
                    select id="to" name="to" { @for group in groups { option value=(group) { (words(group)) } } }
                    label for="why" { "Why" }
                    textarea id="why" name="reason" rows="2" required maxlength=(LONGEST_QUESTION) {}
                    button type="submit" { "Pass on" }
                }
            }
        }
        @if let Some(statement) = &hold.about.statement {
            details {
                summary { "Approve statements like it for a while" }
                @match &statement.unsteady {
                    Some(why) => p { "There is no standing grant for this: " (words(why)) "." },
                    None => form.card method="post" action=(to("grant")) {
                        (proof)
                        p.soft { "This one runs once. Others are approved as they come, for this agent, database and role, while they are the same but for the numbers that you give room to." }
                        label for="minutes" { "Minutes" }
                        input id="minutes" name="minutes" type="number" min="1" max="720" value="60";
                        label for="times" { "Runs, at most" }
                        input id="times" name="times" type="number" min="1" max=(MOST_TIMES) value="20";
                        @for (number, value) in statement.numbers.iter().zip(1..).filter_map(|(value, number)| Some((number, (*value)?))) {
                            label for=(format!("room{number}")) { "Number " (number) ", " (value) ", may be" }
                            input id=(format!("room{number}")) name="room" value=(format!("{number}={value}..{value}"));
                        }
                        label for="because" { "Why these may run" }
                        textarea id="because" name="reason" rows="2" maxlength=(LONGEST_REASON) {}
                        button.approve type="submit" { "Approve these" }
                    },
                }
            }
        }
    }
}

/// A form about one hold; which fields it needs, hangs on the step.
#[derive(Deserialize)]
pub(super) struct Step {
    token: String,
    digest: String,
    #[serde(default)]
    question: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    verdict: String,
}

/// A browser writes the ends of lines as no text does.
fn plain_lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

fn done(office: &Office, guest: &Guest, id: HoldId, outcome: Result<(), Undecided>) -> Response {
    match outcome {
        Ok(()) => go(&format!("/holds/{id}")),
        Err(Undecided::Desk(NotDecided::Unknown)) => unknown(),
        Err(Undecided::Desk(NotDecided::Unrecordable(_))) => unrecordable(),
        Err(error) => show(office, guest, id, error.status(), Some(&format!("Nothing was done: {error}.")), ""),
    }
}

/// The hold that a form is about, where it is one of ours.
fn own(guest: &Guest, id: &str, token: &str) -> Result<HoldId, Box<Response>> {
    let id = hold_id(id).ok_or_else(|| Box::new(unknown()))?;
    if guest.owns(&purpose(id), token) { Ok(id) } else { Err(Box::new(not_ours())) }
}

type Given = Result<axum::Form<Step>, FormRejection>;

pub(super) async fn ask(State(office): State<Arc<Office>>, guest: Guest, Path(id): Path<String>, form: Given) -> Response {
    let axum::Form(step) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let id = match own(&guest, &id, &step.token) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let asked = office.ask(id, &guest.visitor, &plain_lines(&step.question), &step.digest, Through::Web).await;
    done(&office, &guest, id, asked.map(drop))
}

pub(super) async fn pass(State(office): State<Arc<Office>>, guest: Guest, Path(id): Path<String>, form: Given) -> Response {
    let axum::Form(step) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let id = match own(&guest, &id, &step.token) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let passed = office.pass(id, &guest.visitor, (&step.to, &plain_lines(&step.reason)), &step.digest, Through::Web).await;
    done(&office, &guest, id, passed.map(drop))
}

/// Its fields by name, for one of them comes once for each number.
pub(super) async fn grant(
    State(office): State<Arc<Office>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<axum::Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let axum::Form(fields) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let id = match own(&guest, &id, field("token")) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let rooms = fields.iter().filter(|(name, value)| name == "room" && !value.trim().is_empty()).map(|(_, value)| room(value));
    let (minutes, times, rooms) =
        (field("minutes").trim().parse::<u64>(), field("times").trim().parse(), rooms.collect::<Option<Vec<_>>>());
    let (Ok(minutes), Ok(times), Some(rooms)) = (minutes, times, rooms) else {
        let said = "Nothing was done: bounds are written NUMBER=FROM..TO, minutes and runs as whole numbers.";
        return show(&office, &guest, id, StatusCode::UNPROCESSABLE_ENTITY, Some(said), "");
    };
    let terms = Terms { lasts: minutes.saturating_mul(60_000_000), times, rooms };
    let granted = office.grant(id, &guest.visitor, terms, &plain_lines(field("reason")), field("digest"), Through::Web).await;
    done(&office, &guest, id, granted.map(drop))
}

fn room(text: &str) -> Option<Room> {
    let (number, range) = text.split_once('=')?;
    let (from, to) = range.split_once("..")?;
    Some(Room { number: number.trim().parse().ok()?, from: from.trim().parse().ok()?, to: to.trim().parse().ok()? })
}

pub(super) async fn together(State(office): State<Arc<Office>>, guest: Guest, Path(id): Path<String>) -> Response {
    let Some(id) = hold_id(&id) else { return unknown() };
    gathered(&office, &guest, id, StatusCode::OK, None)
}

fn gathered(office: &Office, guest: &Guest, id: HoldId, status: StatusCode, said: Option<&str>) -> Response {
    let Together { holds, digest, may } = match office.together(id, &guest.visitor, Through::Web) {
        Ok(Some(together)) => together,
        Ok(None) => return unknown(),
        Err(_) => return unrecordable(),
    };
    if holds.is_empty() {
        return plain(StatusCode::OK, "Nothing waits", "Nothing of this session waits for a decision any more.");
    }
    let token = guest.token(&purpose(id));
    let body = html! {
        h1 { (holds.len()) " of one session" }
        @if let Some(said) = said { p.bad role="alert" { (said) } }
        @for hold in &holds { (one_of_many(hold)) }
        (decide_all(id, &digest, may, &token))
    };
    answer(status, &layout("Of one session", Some((guest, Place::Holds)), &body))
}

fn one_of_many(hold: &Shown) -> Markup {
    html! {
        section {
            h2 { a href=(format!("/holds/{}", hold.id)) { "Hold " (hold.id) } }
            p.soft { (words(&hold.about.agent)) ": " (hold.about.effects.join(", ")) ", by rule " code { (words(&hold.about.rule)) } }
            @if let Some(statement) = &hold.about.statement { (super::hold::matter(statement)) }
            (talk(hold))
        }
    }
}

fn decide_all(id: HoldId, digest: &str, may: May, token: &str) -> Markup {
    html! {
        @match may {
            Err(_) => p.warn { "You may not decide all of these." },
            Ok(_) => form.card method="post" action=(format!("/holds/{id}/together")) {
                input type="hidden" name="token" value=(token);
                input type="hidden" name="digest" value=(digest);
                label for="reason" { "Reason " span.soft { "(the agent reads it; a denial needs one)" } }
                textarea id="reason" name="reason" rows="3" maxlength=(LONGEST_REASON) {}
                div.buttons {
                    button.approve type="submit" name="verdict" value="approve" { "Approve all, each once" }
                    button.deny type="submit" name="verdict" value="deny" { "Deny all" }
                }
            },
        }
    }
}

pub(super) async fn decide_together(State(office): State<Arc<Office>>, guest: Guest, Path(id): Path<String>, form: Given) -> Response {
    let axum::Form(step) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let id = match own(&guest, &id, &step.token) {
        Ok(id) => id,
        Err(response) => return *response,
    };
    let verdict = match step.verdict.as_str() {
        "approve" => Verdict::Approve,
        "deny" => Verdict::Deny,
        _ => return plain(StatusCode::UNPROCESSABLE_ENTITY, "Not understood", "Approve or deny: nothing was done."),
    };
    let reason = plain_lines(&step.reason);
    match office.decide_together(id, &guest.visitor, verdict, &reason, &step.digest, Through::Web).await {
        Ok(_) => go("/"),
        Err(error) => gathered(&office, &guest, id, error.status(), Some(&format!("Nothing was decided now: {error}."))),
    }
}

const REVOKE: &str = "revoke grants";

pub(super) async fn grants(State(office): State<Arc<Office>>, guest: Guest) -> Response {
    listed(&office, &guest, StatusCode::OK, None)
}

fn listed(office: &Office, guest: &Guest, status: StatusCode, said: Option<&str>) -> Response {
    let (grants, token) = (office.grants(), guest.token(REVOKE));
    let body = html! {
        h1 { "Standing grants" }
        @if let Some(said) = said { p.bad role="alert" { (said) } }
        @if grants.is_empty() { p.soft { "There is none. One is made where a hold is approved." } }
        @for grant in &grants { (standing(grant, &token)) }
    };
    answer(status, &layout("Standing grants", Some((guest, Place::Holds)), &body))
}

fn standing(grant: &Grant, token: &str) -> Markup {
    html! {
        section.card {
            code.shape { (words(&grant.shape)) }
            p { (words(&grant.agent)) " on " (words(&grant.database)) ", " (words(&grant.bounds)) ". Used " (grant.used) " of " (grant.times) " times, until " (moment(&grant.until)) "." }
            p.soft { "Made by " (words(&grant.by)) " at " (moment(&grant.at)) " from hold " a href=(format!("/holds/{}", grant.hold)) { (grant.hold) } "." }
            @if let Some(reason) = &grant.reason { blockquote { (lines(reason)) } }
            form method="post" action=(format!("/grants/{}/revoke", grant.id)) {
                input type="hidden" name="token" value=(token);
                button.deny type="submit" { "Revoke" }
            }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Revoking {
    token: String,
}

pub(super) async fn revoke(
    State(office): State<Arc<Office>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<axum::Form<Revoking>, FormRejection>,
) -> Response {
    let axum::Form(Revoking { token }) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    if !guest.owns(REVOKE, &token) {
        return not_ours();
    }
    let Some(id) = hold_id(&id) else { return unknown() };
    match office.revoke(id, &guest.visitor, "").await {
        Ok(_) => go("/grants"),
        Err(error) => listed(&office, &guest, error.status(), Some(&format!("Nothing was done: {error}."))),
    }
}
