//! To the provider and back.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::html;
use serde::Deserialize;

use super::sign_in::{put, wanted};
use super::{answer, go, hold_id, layout, plain, trouble, words};
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::web::cookie::Kept;
use crate::host::web::entry::Peer;
use crate::host::web::office::{NoEntry, Office};
use crate::host::web::provided::Returning;

const SECRET: usize = 32;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

pub(super) async fn there(State(office): State<Arc<Office>>, headers: HeaderMap, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    if office.provider().is_none() {
        return super::nothing().await;
    }
    let hold = asked.ok().and_then(|Query(asked)| hold_id(asked.next.strip_prefix("/holds/")?));
    let (secret, is_new) = match (office.jar.get(&headers, Kept::Errand), scram::random::<SECRET>()) {
        (Some(kept), _) => (kept, false),
        (None, Ok(random)) => (Secret::new(URL_SAFE_NO_PAD.encode(random)), true),
        (None, Err(_)) => return plain(StatusCode::SERVICE_UNAVAILABLE, "Not now", "The system gave no random bytes."),
    };
    match office.to_provider(&secret, hold).await {
        Ok(door) => {
            let mut response = go(&door);
            if is_new {
                put(&mut response, &office.jar.set(Kept::Errand, secret.expose()));
            }
            response
        }
        Err(error) => refused(&error),
    }
}

#[derive(Deserialize)]
pub(super) struct Back {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

pub(super) async fn back(
    State(office): State<Arc<Office>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    sent: Result<Query<Back>, QueryRejection>,
) -> Response {
    let Ok(Query(Back { state, code, error, iss })) = sent else { return refused(&NoEntry::Astray) };
    let returning = Returning { state, code: code.map(Secret::new), error, issuer: iss };
    match office.from_provider(peer, &headers, returning).await {
        Ok((token, hold)) => {
            let mut response = go(&hold.map_or_else(|| "/".to_owned(), |hold| wanted(&format!("/holds/{hold}"))));
            put(&mut response, &office.jar.set(Kept::Visit, token.expose()));
            put(&mut response, &office.jar.clear(Kept::Errand));
            response
        }
        Err(error) => refused(&error),
    }
}

/// Nobody was signed in, and why.
fn refused(error: &NoEntry) -> Response {
    let (status, title) = match error {
        NoEntry::Astray | NoEntry::NoWord(_) | NoEntry::Barred(_) => (StatusCode::FORBIDDEN, "Not signed in"),
        NoEntry::Wrong | NoEntry::Busy | NoEntry::Unrecordable(_) | NoEntry::State => return trouble(error),
    };
    let body = html! {
        h1 { (title) }
        p.bad role="alert" { (words(&error.to_string())) "." }
        p { a href="/sign-in" { "Sign in again" } }
    };
    answer(status, &layout(title, None, &body))
}

/// Signed out here, and perhaps not there.
pub(super) fn farewell(provider: &str, exit: &str) -> Response {
    let body = html! {
        h1 { "Signed out" }
        p { "You are signed out of pgsluice. At " (words(provider)) " you are still signed in." }
        p { a href=(exit) rel="noreferrer" { "Sign out at " (words(provider)) " too" } }
        p { a href="/sign-in" { "Sign in again" } }
    };
    answer(StatusCode::OK, &layout("Signed out", None, &body))
}
