//! What holds for every answer and every question: headers that keep a page from being framed, cached, told of or added to; whose name the
//! question was sent to; how long and how large it may be. It does not know what is asked.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};

use super::office::Office;
use super::pages;

/// A form with a reason in it, or a call.
const MOST_BODY: usize = 64 << 10;
/// From the head of a question to its answer: a sign-in that has to wait, and the disk.
const PATIENCE: Duration = Duration::from_secs(60);

const HEADERS: [(HeaderName, &str); 8] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types pgsluice",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (CACHE_CONTROL, "no-store"),
];

pub fn around(routes: Router<Arc<Office>>, office: &Arc<Office>) -> Router<Arc<Office>> {
    routes.layer(DefaultBodyLimit::max(MOST_BODY)).layer(middleware::from_fn_with_state(Arc::clone(office), guard))
}

async fn guard(State(office): State<Arc<Office>>, request: Request, next: Next) -> Response {
    let mut response = match refused(&office, &request) {
        Some(refusal) => refusal,
        None => tokio::time::timeout(PATIENCE, answer(&office, request, next))
            .await
            .unwrap_or_else(|_| (StatusCode::REQUEST_TIMEOUT, "that took too long").into_response()),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if office.jar.encrypted {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Whoever is not vouched for any more is nobody before anything is looked at.
async fn answer(office: &Office, request: Request, next: Next) -> Response {
    office.ask_again(request.headers()).await;
    next.run(request).await
}

fn refused(office: &Office, request: &Request) -> Option<Response> {
    let header = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    // A name that somebody else has and lets lead here: their pages would count as ours.
    if !header(&HOST).is_some_and(|host| office.is_host(host)) {
        return Some(pages::plain(
            StatusCode::MISDIRECTED_REQUEST,
            "Not this name",
            "This page answers to the address in its links only: open it by that, or set web.public_url to the address that people use.",
        ));
    }
    // Browsers say where a request comes from; what changes something comes from our own pages.
    let site = header(&HeaderName::from_static("sec-fetch-site"));
    if !matches!(*request.method(), Method::GET | Method::HEAD) && site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Some(pages::plain(StatusCode::FORBIDDEN, "Not from here", "Another site sent this form, so nothing was done."));
    }
    None
}
