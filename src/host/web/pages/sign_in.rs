//! Signing in.

use std::sync::Arc;

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::html;
use serde::Deserialize;

use super::{answer, go, hold_id, layout, malformed, not_ours, plain, trouble, words};
use crate::host::scram;
use crate::host::secret::Secret;
use crate::host::web::cookie::{Kept, form_token, is_form_token};
use crate::host::web::entry::Peer;
use crate::host::web::office::{NoEntry, Office, Through};

const PURPOSE: &str = "sign in";
const SECRET: usize = 32;

/// Where somebody signs in who wanted to see this path.
pub fn address(path: &str) -> String {
    match wanted(path).as_str() {
        "/" => "/sign-in".to_owned(),
        // A hold's address needs no escape.
        path => format!("/sign-in?next={path}"),
    }
}

/// The page that is shown after the sign-in: one of ours, whatever was asked for.
pub(super) fn wanted(next: &str) -> String {
    let hold = next.strip_prefix("/holds/").and_then(hold_id);
    hold.map_or_else(|| "/".to_owned(), |hold| format!("/holds/{hold}"))
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    next: String,
}

pub(super) async fn page(State(office): State<Arc<Office>>, headers: HeaderMap, asked: Result<Query<Asked>, QueryRejection>) -> Response {
    let next = asked.map_or_else(|_| String::new(), |Query(asked)| asked.next);
    match office.visitor(&headers) {
        Ok(Some(_)) => go(&wanted(&next)),
        Ok(None) => form(&office, &headers, StatusCode::OK, &next, "", None),
        Err(error) => trouble(&error),
    }
}

/// By way of the provider; a hold's address needs no escape.
fn through(next: &str) -> String {
    if next == "/" { "/sign-in/provider".to_owned() } else { format!("/sign-in/provider?next={next}") }
}

fn form(office: &Office, headers: &HeaderMap, status: StatusCode, next: &str, name: &str, said: Option<&str>) -> Response {
    let (secret, is_new) = match (office.jar.get(headers, Kept::Form), scram::random::<SECRET>()) {
        (Some(kept), _) => (kept, false),
        (None, Ok(random)) => (Secret::new(URL_SAFE_NO_PAD.encode(random)), true),
        (None, Err(_)) => return plain(StatusCode::SERVICE_UNAVAILABLE, "Not now", "The system gave no random bytes."),
    };
    let body = html! {
        h1 { "Sign in" }
        p.soft { "For reviewers: people who decide what agents may run. An agent's own login does not work here." }
        @if let Some(said) = said { p.bad role="alert" id="said" { (said) } }
        @if let Some(provider) = office.provider() {
            p { a.main.button href=(through(&wanted(next))) { "Sign in with " (words(&provider)) } }
        }
        form.card method="post" action="/sign-in" {
            input type="hidden" name="token" value=(form_token(&secret, PURPOSE));
            input type="hidden" name="next" value=(wanted(next));
            label for="name" { "Name" }
            input id="name" name="name" value=(name) required autofocus maxlength="63" autocomplete="username" autocapitalize="none" spellcheck="false";
            label for="password" { "Password" }
            input id="password" name="password" type="password" required maxlength="256" autocomplete="current-password"
                aria-describedby=[said.map(|_| "said")];
            button.main type="submit" { "Sign in" }
        }
    };
    let mut response = answer(status, &layout("Sign in", None, &body));
    if is_new {
        put(&mut response, &office.jar.set(Kept::Form, secret.expose()));
    }
    response
}

pub(super) fn put(response: &mut Response, cookie: &str) {
    // A cookie of ours is made of letters that a header may have.
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().append(SET_COOKIE, value);
    }
}

#[derive(Deserialize)]
pub(super) struct Entering {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
    token: String,
}

pub(super) async fn enter(
    State(office): State<Arc<Office>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    form_sent: Result<axum::Form<Entering>, FormRejection>,
) -> Response {
    let axum::Form(entering) = match form_sent {
        Ok(form) => form,
        Err(error) => return malformed(&error),
    };
    let password = Secret::new(entering.password);
    let secret = office.jar.get(&headers, Kept::Form);
    if !secret.is_some_and(|secret| is_form_token(&secret, PURPOSE, &entering.token)) {
        return not_ours();
    }
    match office.sign_in(peer, &entering.name, password, Through::Web).await {
        Ok(token) => {
            let mut response = go(&wanted(&entering.next));
            put(&mut response, &office.jar.set(Kept::Visit, token.expose()));
            put(&mut response, &office.jar.clear(Kept::Form));
            response
        }
        Err(error @ NoEntry::Wrong) => {
            let said = format!("{}.", capital(&error.to_string()));
            form(&office, &headers, StatusCode::UNAUTHORIZED, &entering.next, &entering.name, Some(&said))
        }
        Err(error) => trouble(&error),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Signed out: the browser forgets as well.
pub fn left(office: &Office, exit: Option<&str>) -> Response {
    let mut response = match (exit, office.provider()) {
        (Some(exit), Some(provider)) => super::provider::farewell(&provider, exit),
        (Some(_) | None, _) => go("/sign-in"),
    };
    put(&mut response, &office.jar.clear(Kept::Visit));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_sign_in_comes_a_page_of_ours() {
        for (next, page) in [
            ("/holds/00000001", "/holds/00000001"),
            ("/holds/O0OOOOOl", "/holds/00000001"),
            ("/", "/"),
            ("", "/"),
            ("//evil.example", "/"),
            ("https://evil.example/holds/00000001", "/"),
            ("/holds//evil.example", "/"),
            ("/holds/00000001\r\nSet-Cookie: x=y", "/"),
        ] {
            assert_eq!(wanted(next), page, "{next}");
        }
        assert_eq!(address("/holds/00000001"), "/sign-in?next=/holds/00000001");
        assert_eq!(address("/anything"), "/sign-in");
    }
}
