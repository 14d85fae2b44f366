//! Pages for browsers: they work without scripts, load nothing but a style sheet and the script by which they follow what happens, and are fit for a
//! phone and for dark rooms. Whatever an agent or a person wrote is
//! text, and what would act on the reader's eye is shown as its code point.

mod agents;
mod audit;
mod health;
mod hold;
mod inbox;
mod policy;
mod provider;
mod record;
mod set_up;
mod shapes;
mod sign_in;
mod steps;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;

use super::archive::NotShown;
use super::cookie::{form_token, is_form_token};
use super::live::stream;
use super::office::{NoEntry, Office};
use crate::gate::hold::HoldId;
use crate::host::oidc::RETURN;
use crate::host::people::Visitor;
use crate::host::secret::Secret;

use text::words;

const STYLE: &str = include_str!("style.css");
const LIVE: &str = include_str!("live.js");
const SIGN_OUT: &str = "sign out";

pub fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/", get(inbox::page))
        .route("/holds", get(inbox::page))
        .route("/holds/{id}", get(hold::page).post(hold::decide))
        .route("/holds/{id}/reveal", get(hold::page).post(hold::reveal))
        .route("/holds/{id}/ask", get(hold::page).post(steps::ask))
        .route("/holds/{id}/pass", get(hold::page).post(steps::pass))
        .route("/holds/{id}/grant", get(hold::page).post(steps::grant))
        .route("/holds/{id}/together", get(steps::together).post(steps::decide_together))
        .route("/grants", get(steps::grants))
        .route("/grants/{id}/revoke", post(steps::revoke))
        .route("/audit", get(audit::page))
        .route("/audit/shapes", get(shapes::page))
        .route("/audit/{seq}", get(record::page))
        .route("/agents", get(agents::page))
        .route("/policy", get(policy::page).post(policy::explain))
        .route("/health", get(health::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/set-up/{token}", get(set_up::page).post(set_up::set))
        .route("/sign-in/provider", get(provider::there))
        .route(RETURN, get(provider::back))
        .route("/sign-out", post(sign_out))
        .route("/live", get(live))
        .route("/live.js", get(async || ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], LIVE)))
        .route("/style.css", get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
}

/// What is not there.
pub async fn nothing() -> Response {
    plain(StatusCode::NOT_FOUND, "Nothing here", "There is no such page. Open the link of a hold, or the list of holds.")
}

/// A page of one sentence.
pub fn plain(status: StatusCode, title: &str, said: &str) -> Response {
    let body = html! {
        h1 { (title) }
        p { (said) }
        p { a href="/" { "To the list of holds" } }
    };
    answer(status, &layout(title, None, &body))
}

fn answer(status: StatusCode, page: &Markup) -> Response {
    (status, [(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], page.0.clone()).into_response()
}

/// On to another page of ours, by GET.
fn go(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Where in the pages one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Holds,
    Record,
    Shapes,
    Agents,
    Policy,
    Health,
}

const PLACES: [(Place, &str, &str); 6] = [
    (Place::Holds, "/", "Holds"),
    (Place::Record, "/audit", "Record"),
    (Place::Shapes, "/audit/shapes", "Shapes"),
    (Place::Agents, "/agents", "Agents"),
    (Place::Policy, "/policy", "Policy"),
    (Place::Health, "/health", "Health"),
];

/// What was asked for cannot be shown now.
fn not_shown(guest: &Guest, error: &NotShown) -> Response {
    let body = html! {
        h1 { "Not now" }
        p { (words(&error.to_string())) "." }
    };
    answer(StatusCode::SERVICE_UNAVAILABLE, &layout("Not now", Some((guest, Place::Record)), &body))
}

/// What happens, as it happens.
async fn live(State(office): State<Arc<Office>>, headers: HeaderMap) -> Response {
    match office.visitor(&headers) {
        Ok(Some((_, secret))) => stream(office, secret),
        // A browser that is told so does not ask again.
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => trouble(&error),
    }
}

fn layout(title: &str, guest: Option<(&Guest, Place)>, body: &Markup) -> Markup {
    followed(title, guest, None, body)
}

/// A page that follows the holds: all of them, as a list does, or one.
fn followed(title: &str, guest: Option<(&Guest, Place)>, follows: Option<&str>, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (words(title)) " · pgsluice" }
                link rel="stylesheet" href="/style.css";
                @if guest.is_some() { script src="/live.js" defer {} }
            }
            body data-live=[follows] {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.home href="/" { "pgsluice" }
                    @if let Some((guest, place)) = guest {
                        nav aria-label="Pages" { @for (other, path, name) in PLACES {
                            a href=(path) aria-current=[(other == place).then_some("page")] { (name) }
                        } }
                        form.out method="post" action="/sign-out" {
                            span { (words(&guest.visitor.name)) }
                            input type="hidden" name="token" value=(guest.token(SIGN_OUT));
                            button.quiet type="submit" { "Sign out" }
                        }
                    }
                }
                p.warn id="notice" role="status" {}
                main id="main" { (body) }
            }
        }
    }
}

/// A person with a page open.
struct Guest {
    visitor: Visitor,
    secret: Secret,
}

impl Guest {
    fn token(&self, purpose: &str) -> String {
        form_token(&self.secret, purpose)
    }

    fn owns(&self, purpose: &str, token: &str) -> bool {
        is_form_token(&self.secret, purpose, token)
    }
}

impl FromRequestParts<Arc<Office>> for Guest {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, office: &Arc<Office>) -> Result<Self, Response> {
        match office.visitor(&parts.headers) {
            Ok(Some((visitor, secret))) => Ok(Self { visitor, secret }),
            Ok(None) => Err(go(&sign_in::address(parts.uri.path()))),
            Err(error) => Err(trouble(&error)),
        }
    }
}

fn trouble(error: &NoEntry) -> Response {
    plain(StatusCode::SERVICE_UNAVAILABLE, "Not now", &format!("{error}."))
}

fn malformed(error: &FormRejection) -> Response {
    plain(error.status(), "Not understood", "This form was not complete, so nothing was done. Go back, load the page anew and try again.")
}

/// A form that is not one of ours, or one from before the last sign-in.
fn not_ours() -> Response {
    plain(
        StatusCode::FORBIDDEN,
        "Form out of date",
        "Nothing was done: this form belongs to an earlier sign-in. Go back, load the page anew and try again.",
    )
}

#[derive(Deserialize)]
struct Leaving {
    token: String,
}

async fn sign_out(State(office): State<Arc<Office>>, guest: Guest, form: Result<axum::Form<Leaving>, FormRejection>) -> Response {
    let axum::Form(leaving) = match form {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    if !guest.owns(SIGN_OUT, &leaving.token) {
        return not_ours();
    }
    match office.leave(&guest.visitor, &guest.secret).await {
        Ok(exit) => sign_in::left(&office, exit.as_deref()),
        Err(error) => trouble(&error),
    }
}

/// A hold's id in an address; what is none leads to no hold.
fn hold_id(text: &str) -> Option<HoldId> {
    text.parse().ok()
}
