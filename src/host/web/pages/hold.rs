//! One hold: everything that is needed to decide, and the form that decides.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::steps;
use super::text::{deadline, lines, moment, sent, value, words};
use super::{Guest, Place, answer, followed, go, hold_id, malformed, not_ours, plain};
use crate::gate::hold::{Barred, HoldId, Verdict};
use crate::host::desk::{LONGEST_REASON, NotDecided};
use crate::host::visible::deceives;
use crate::host::web::office::{May, Office, Through, Undecided};
use crate::host::web::shown::{Shown, Statement, Text, masked_places, number, size};

pub(super) fn unknown() -> Response {
    plain(
        StatusCode::NOT_FOUND,
        "No such hold",
        "No hold has this number, or it was closed long ago: what became of it is on the record (pgsluice audit search).",
    )
}

pub(super) fn unrecordable() -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "Not now", "The record cannot be written, and nothing is shown or decided that is not on it.")
}

pub(super) fn purpose(id: HoldId) -> String {
    format!("decide {id}")
}

fn to_reveal(id: HoldId) -> String {
    format!("reveal {id}")
}

pub(super) async fn page(State(office): State<Arc<Office>>, guest: Guest, Path(id): Path<String>) -> Response {
    let Some(id) = hold_id(&id) else { return unknown() };
    show(&office, &guest, id, StatusCode::OK, None, "")
}

/// The page, with what is said above it.
pub(super) fn show(office: &Office, guest: &Guest, id: HoldId, status: StatusCode, said: Option<&str>, reason: &str) -> Response {
    let read = match office.read(id, &guest.visitor, Through::Web) {
        Ok(read) => read,
        Err(_) => return unrecordable(),
    };
    let Some((hold, may)) = read else { return unknown() };
    drawn(office, guest, id, status, (&hold, may), said, reason)
}

fn drawn(
    office: &Office,
    guest: &Guest,
    id: HoldId,
    status: StatusCode,
    (hold, may): (&Shown, May),
    said: Option<&str>,
    reason: &str,
) -> Response {
    let open = hold.is_waiting() && may.is_ok();
    let groups = if open { office.groups() } else { Vec::new() };
    let tokens = Tokens { decide: guest.token(&purpose(id)), reveal: guest.token(&to_reveal(id)) };
    let title = format!("Hold {}", hold.id);
    answer(status, &followed(&title, Some((guest, Place::Holds)), Some(&hold.id), &draw(hold, may, &groups, &tokens, said, reason)))
}

/// For the forms of a page.
struct Tokens {
    decide: String,
    reveal: String,
}

#[derive(Deserialize)]
pub(super) struct Revealing {
    token: String,
}

/// The page with everything as it was sent.
pub(super) async fn reveal(
    State(office): State<Arc<Office>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<axum::Form<Revealing>, FormRejection>,
) -> Response {
    let axum::Form(revealing) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let Some(id) = hold_id(&id) else { return unknown() };
    if !guest.owns(&to_reveal(id), &revealing.token) {
        return not_ours();
    }
    match office.reveal(id, &guest.visitor, Through::Web).await {
        Ok((hold, may)) => drawn(&office, &guest, id, StatusCode::OK, (&hold, may), None, ""),
        Err(NotDecided::Unknown) => unknown(),
        Err(NotDecided::Unrecordable(_)) => unrecordable(),
        Err(error) => show(&office, &guest, id, StatusCode::FORBIDDEN, Some(&format!("It stays masked: {error}.")), ""),
    }
}

#[derive(Deserialize)]
pub(super) struct Ruling {
    verdict: String,
    #[serde(default)]
    reason: String,
    digest: String,
    token: String,
}

pub(super) async fn decide(
    State(office): State<Arc<Office>>,
    guest: Guest,
    Path(id): Path<String>,
    form: Result<axum::Form<Ruling>, FormRejection>,
) -> Response {
    let axum::Form(ruling) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let Some(id) = hold_id(&id) else { return unknown() };
    if !guest.owns(&purpose(id), &ruling.token) {
        return not_ours();
    }
    let verdict = match ruling.verdict.as_str() {
        "approve" => Verdict::Approve,
        "unmasked" => Verdict::ApproveUnmasked,
        "deny" => Verdict::Deny,
        _ => return plain(StatusCode::UNPROCESSABLE_ENTITY, "Not understood", "Approve or deny: nothing was done."),
    };
    // A browser writes the ends of lines as no text does.
    let reason = ruling.reason.replace("\r\n", "\n");
    let outcome = office.decide(id, &guest.visitor, verdict, &reason, &ruling.digest, Through::Web).await;
    let again = |status, said: &str| show(&office, &guest, id, status, Some(said), &reason);
    match outcome {
        Ok(_) => go(&format!("/holds/{id}")),
        Err(Undecided::Desk(NotDecided::Unknown)) => unknown(),
        Err(Undecided::Desk(NotDecided::Unrecordable(_))) => unrecordable(),
        Err(error) => {
            let status = error.status();
            again(status, &format!("Nothing was decided now: {error}."))
        }
    }
}

fn draw(hold: &Shown, may: May, groups: &[String], tokens: &Tokens, said: Option<&str>, reason: &str) -> Markup {
    let about = &hold.about;
    html! {
        p.top { span class={ "state " (hold.state) } { (hold.state) } " " span.soft { "hold " code { (hold.id) } } }
        h1 { (words(&about.agent)) " wants to run this" }
        @if let Some(said) = said { p.bad role="alert" { (said) } }
        (standing(hold))
        (steps::talk(hold))
        @match &about.statement {
            Some(statement) => { (matter(statement)) (masks(hold, statement, may, &tokens.reveal)) }
            None => p.soft { "The statement was erased when the hold closed. What may be kept of it is on the record." },
        }
        h2 { "Why it is held" }
        dl {
            dt { "Rule" } dd { code { (words(&about.rule)) } }
            dt { "Reason" } dd { (words(&about.reason)) }
            dt { "Effects" } dd { @for effect in &about.effects { span.effect { (effect) } " " } }
            @if let Some(over) = &about.over { dt { "Limit" } dd { (over) } }
            @if about.asks_unmasked { dt { "Unmasked" } dd { strong { "It asks to see values as they are." }
                " Approved with values masked, it runs and sees them masked." } }
            @if let Some(statement) = &about.statement { @if !statement.findings.is_empty() {
                dt { "Found out" } dd { ul { @for finding in &statement.findings { li { (words(finding)) } } } }
            } }
        }
        @if let Some(statement) = &about.statement { (impact(statement)) }
        h2 { "Who and where" }
        dl {
            dt { "Agent" } dd { (words(&about.agent)) }
            dt { "Owner" } dd { (words(&about.owner)) }
            dt { "Database" } dd { (words(&about.database)) @if let Some(environment) = &about.environment { " (" (words(environment)) ")" } }
            dt { "Role at the server" } dd { (words(&about.role)) }
            dt { "Transaction" } dd { @if about.in_transaction { "It is part of an open transaction." } @else { "It stands alone." } }
            dt { "Session" } dd { (about.session) }
            dt { "Opened" } dd { (moment(&about.opened)) }
        }
        @if hold.is_waiting() {
            (form(hold, may, &tokens.decide, reason))
            @if may.is_ok() { (steps::forms(hold, groups, &tokens.decide)) }
        }
    }
}

fn standing(hold: &Shown) -> Markup {
    let by = |verb: &str| {
        html! {
            @match &hold.decided {
                Some(decided) => {
                    p { (verb) " by " strong { (words(&decided.by)) } " at " (moment(&decided.at)) "."
                        @if decided.single_person { " It is their own agent: the record says so." } }
                    @if let Some(reason) = &decided.reason { blockquote { (lines(reason)) } }
                }
                None => p { (verb) "." },
            }
        }
    };
    let unmasked = hold.decided.as_ref().is_some_and(|decided| decided.unmasked);
    html! {
        div.standing {
            @match hold.state.as_str() {
                "waiting" => p { "Nothing of it ran. It waits for a decision until " strong { (deadline(&hold.until)) } "." },
                "asked" => p { "Nothing of it ran. The agent was asked and has not answered yet; it can be decided all the same, until " strong { (deadline(&hold.until)) } "." },
                "approved" => { (by(if unmasked { "Approved, to see values unmasked," } else { "Approved" })) p { "The agent can run it once, until " strong { (moment(&hold.until)) } "." } },
                "reserved" => { (by(if unmasked { "Approved, to see values unmasked," } else { "Approved" })) p { "It ran inside a transaction that has not ended." } },
                "spent" => { (by(if unmasked { "Approved, to see values unmasked," } else { "Approved" })) p { "It was run; the approval is used up." } },
                "denied" => (by("Denied")),
                "expired" => { @if hold.decided.is_some() { (by("Approved")) } p { "Its time is over. Nothing runs by it; sent again, it is held anew." } },
                "withdrawn" => p { "It was withdrawn: nothing runs by it." },
                other => p { (other) },
            }
        }
    }
}

pub(super) fn matter(statement: &Statement) -> Markup {
    let hidden = matches!(&statement.sql, Text::Text(text) if deceives(text));
    html! {
        section aria-label="The statement" {
            @if hidden {
                p.warn { "Characters in it cannot be seen or look like others. They are shown as code points: "
                    span.hidden { "U+202E" } }
            }
            (sent(&statement.sql))
            @if !statement.parameters.is_empty() {
                h2 { "Parameters" }
                table {
                    thead { tr { th scope="col" { "" } th scope="col" { "Value" } th scope="col" { "Type" } } }
                    tbody { @for (number, parameter) in statement.parameters.iter().enumerate() {
                        tr { th scope="row" { "$" (number + 1) } td { (value(&parameter.value)) }
                             td { @if parameter.oid == 0 { "–" } @else { "OID " (parameter.oid) } } }
                    } }
                }
            }
        }
        @if !statement.claims.is_empty() {
            section.claim {
                h2 { "What the agent says" }
                p.soft { "Its own claims: nobody has checked them." }
                dl { @for claim in &statement.claims { dt { (words(&claim.name)) } dd { (words(&claim.value)) } } }
            }
        }
    }
}

/// What is masked, and the way to see it.
fn masks(hold: &Shown, statement: &Statement, may: May, token: &str) -> Markup {
    html! {
        @if statement.masked > 0 {
            p.warn { (masked_places(statement.masked)) " It runs as it was sent." }
            @if may.is_ok() {
                form method="post" action=(format!("/holds/{}/reveal", hold.id)) {
                    input type="hidden" name="token" value=(token);
                    button.quiet type="submit" { "Show as sent" }
                    " " span.soft { "The record says that you did." }
                }
            }
        }
    }
}

fn impact(statement: &Statement) -> Markup {
    html! {
        @if !statement.relations.is_empty() {
            h2 { "What it touches" }
            table {
                thead { tr { th scope="col" { "Relation" } th scope="col" { "Kind" } th.n scope="col" { "Rows, about" } th.n scope="col" { "Size" } } }
                tbody { @for relation in &statement.relations {
                    tr { td { code { (words(&relation.name)) } } td { (relation.kind) }
                         td.n { (relation.rows.map_or_else(|| "unknown".to_owned(), number)) } td.n { (size(relation.bytes)) } }
                } }
            }
        }
        @if let Some(estimate) = &statement.estimate {
            p { "The planner expects about " (format!("{:.0}", estimate.rows)) " rows back, " (format!("{:.0}", estimate.widest)) " at the widest step." }
        }
    }
}

fn form(hold: &Shown, may: May, token: &str, reason: &str) -> Markup {
    let refused = match may {
        Err(Barred::Role) => Some("Your role reads; reviewers and administrators decide."),
        Err(Barred::Owner) => Some("You own this agent, so somebody else has to decide."),
        Err(Barred::Group) => Some("The rule wants somebody of another group to decide."),
        Ok(_) => None,
    };
    html! {
        h2 id="decide" { "Decide" }
        @if !hold.about.groups.is_empty() { p.soft { "For " (words(&hold.about.groups.join(", "))) "." } }
        @match refused {
            Some(refused) => p.warn { (refused) },
            None => {
                @if may == Ok(true) { p.warn { "You own this agent. In the single-person mode you may decide all the same; the record says so." } }
                form.card method="post" action=(format!("/holds/{}", hold.id)) {
                    input type="hidden" name="token" value=(token);
                    input type="hidden" name="digest" value=(hold.digest);
                    label for="reason" { "Reason " span.soft { "(the agent reads it; a denial needs one)" } }
                    textarea id="reason" name="reason" rows="3" maxlength=(LONGEST_REASON) { (reason) }
                    div.buttons {
                        @if hold.about.asks_unmasked {
                            button.approve type="submit" name="verdict" value="approve" { "Approve, once, values masked" }
                            button.unmasked type="submit" name="verdict" value="unmasked" { "Approve, once, values unmasked" }
                        } @else {
                            button.approve type="submit" name="verdict" value="approve" { "Approve, once" }
                        }
                        button.deny type="submit" name="verdict" value="deny" { "Deny" }
                    }
                }
            }
        }
    }
}
