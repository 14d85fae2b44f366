//! A link by which somebody sets a password of their own. Looking at it uses nothing up: programs that look ahead open links.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;
use serde::Deserialize;

use super::sign_in::{form_secret, put};
use super::{answer, go, layout, malformed, not_ours, plain, trouble, words};
use crate::host::people::Invitation;
use crate::host::secret::Secret;
use crate::host::web::cookie::{Kept, form_token, is_form_token};
use crate::host::web::office::{NoEntry, Office};

const PURPOSE: &str = "set up";

pub(super) async fn page(State(office): State<Arc<Office>>, headers: HeaderMap, Path(token): Path<String>) -> Response {
    match office.invitation(&Secret::new(token.clone())) {
        Ok(Some(invitation)) => form(&office, &headers, StatusCode::OK, &token, &invitation, None),
        Ok(None) => over(),
        Err(error) => trouble(&error),
    }
}

fn over() -> Response {
    plain(
        StatusCode::NOT_FOUND,
        "This link is over",
        "It was used already, there is a later one, or its time has passed. Ask whoever gave it to you for another.",
    )
}

fn form(office: &Office, headers: &HeaderMap, status: StatusCode, token: &str, invitation: &Invitation, said: Option<&str>) -> Response {
    let Some((secret, is_new)) = form_secret(office, headers) else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "Not now", "The system gave no random bytes.");
    };
    let described = said.map(|_| "said");
    let body = html! {
        h1 { "Set your password" }
        p.soft { "You will decide what agents may run. Nobody but you is to know this password." }
        @if let Some(said) = said { p.bad role="alert" id="said" { (words(said)) } }
        form.card method="post" action={ "/set-up/" (token) } {
            input type="hidden" name="token" value=(form_token(&secret, PURPOSE));
            @if let Some(name) = &invitation.name {
                p { "You sign in as " strong { (words(name)) } "." }
                input type="hidden" name="name" value=(name) autocomplete="username";
            } @else {
                label for="name" { "Name" }
                input id="name" name="name" required autofocus maxlength="63" autocomplete="username" autocapitalize="none" spellcheck="false";
            }
            label for="password" { "Password, 12 letters or more" }
            input id="password" name="password" type="password" required minlength="12" maxlength="256" autocomplete="new-password"
                aria-describedby=[described];
            label for="again" { "The same again" }
            input id="again" name="again" type="password" required minlength="12" maxlength="256" autocomplete="new-password";
            button.main type="submit" { "Set the password" }
        }
    };
    let mut response = answer(status, &layout("Set your password", None, &body));
    if is_new {
        put(&mut response, &office.jar.set(Kept::Form, secret.expose()));
    }
    response
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    token: String,
    #[serde(default)]
    name: String,
    password: String,
    again: String,
}

pub(super) async fn set(
    State(office): State<Arc<Office>>,
    headers: HeaderMap,
    Path(token): Path<String>,
    sent: Result<axum::Form<Chosen>, FormRejection>,
) -> Response {
    let axum::Form(Chosen { token: proof, name, password, again }) = match sent {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    if !office.jar.get(&headers, Kept::Form).is_some_and(|secret| is_form_token(&secret, PURPOSE, &proof)) {
        return not_ours();
    }
    let (password, again, link) = (Secret::new(password), Secret::new(again), Secret::new(token.clone()));
    let invitation = match office.invitation(&link) {
        Ok(Some(invitation)) => invitation,
        Ok(None) => return over(),
        Err(error) => return trouble(&error),
    };
    let once_more = |said: &str| form(&office, &headers, StatusCode::UNPROCESSABLE_ENTITY, &token, &invitation, Some(said));
    if password != again {
        return once_more("The two are not the same.");
    }
    let name = invitation.name.as_deref().unwrap_or(name.trim());
    match office.set_up(&link, name, password).await {
        Ok(()) => go("/sign-in"),
        Err(NoEntry::Barred(error)) => once_more(&format!("{error}.")),
        Err(error) => trouble(&error),
    }
}
