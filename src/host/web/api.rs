//! The calls that commands make: JSON in and out, a token instead of a cookie. A browser has no token, so that no page of another site can make a
//! call in somebody's name.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, FromRequestParts, Path, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use super::entry::Peer;
use super::office::{NoEntry, Office, Through, Together, Undecided};
use super::shown::{Grant, Listed, Shown};
use crate::gate::hold::{HoldId, Room, Terms, Verdict};
use crate::host::desk::{NotDecided, Which};
use crate::host::journal::Unwritable;
use crate::host::people::Visitor;
use crate::host::secret::Secret;

pub fn routes() -> Router<Arc<Office>> {
    Router::new()
        .route("/sign-in", post(sign_in))
        .route("/sign-out", post(sign_out))
        .route("/holds", get(list))
        .route("/holds/{id}", get(one))
        .route("/holds/{id}/reveal", post(reveal))
        .route("/holds/{id}/approve", post(approve))
        .route("/holds/{id}/deny", post(deny))
        .route("/holds/{id}/ask", post(ask))
        .route("/holds/{id}/pass", post(pass))
        .route("/holds/{id}/together", get(together))
        .route("/holds/{id}/together/approve", post(approve_together))
        .route("/holds/{id}/together/deny", post(deny_together))
        .route("/holds/{id}/grant", post(grant))
        .route("/grants", get(grants))
        .route("/grants/{id}/revoke", post(revoke))
        .route("/groups", get(groups))
        .fallback(async || Trouble::new(StatusCode::NOT_FOUND, "unknown-call", "there is no such call"))
}

/// What a call is answered that did not do what it was for.
#[derive(Debug, Serialize, Deserialize)]
pub struct Said {
    /// A word that programs can tell apart.
    pub error: String,
    pub message: String,
    /// The hold as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Box<Shown>>,
}

struct Trouble(StatusCode, Said);

impl Trouble {
    fn new(status: StatusCode, error: &str, message: impl ToString) -> Self {
        Self(status, Said { error: error.to_owned(), message: message.to_string(), hold: None })
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<NoEntry> for Trouble {
    fn from(error: NoEntry) -> Self {
        match error {
            NoEntry::Astray | NoEntry::NoWord(_) | NoEntry::Barred(_) => Self::new(StatusCode::FORBIDDEN, "not-admitted", error),
            NoEntry::Wrong => Self::new(StatusCode::UNAUTHORIZED, "wrong", error),
            NoEntry::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error),
            NoEntry::Unrecordable(_) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "unrecordable", error),
            NoEntry::State => Self::new(StatusCode::SERVICE_UNAVAILABLE, "state", error),
        }
    }
}

impl From<Unwritable> for Trouble {
    fn from(error: Unwritable) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unrecordable", format!("{error}: nothing is shown that is not recorded"))
    }
}

impl From<Undecided> for Trouble {
    fn from(error: Undecided) -> Self {
        let message = error.to_string();
        let (status, word) = (error.status(), error.word());
        let hold = if let Undecided::Already(shown) = error { Some(shown) } else { None };
        Self(status, Said { error: word.to_owned(), message, hold })
    }
}

impl From<JsonRejection> for Trouble {
    fn from(error: JsonRejection) -> Self {
        Self::new(error.status(), "malformed", error.body_text())
    }
}

/// A person whose command calls.
struct Caller(Visitor, Secret);

impl FromRequestParts<Arc<Office>> for Caller {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, office: &Arc<Office>) -> Result<Self, Trouble> {
        match office.caller(&parts.headers)? {
            Some((visitor, token)) => Ok(Self(visitor, token)),
            None => Err(Trouble::new(StatusCode::UNAUTHORIZED, "signed-out", "sign in first: POST /api/sign-in")),
        }
    }
}

#[derive(Deserialize)]
struct Credential {
    name: String,
    password: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Token {
    pub token: String,
}

async fn sign_in(
    State(office): State<Arc<Office>>,
    Extension(peer): Extension<Peer>,
    credential: Result<Json<Credential>, JsonRejection>,
) -> Result<Json<Token>, Trouble> {
    let Json(Credential { name, password }) = credential?;
    let token = office.sign_in(peer, &name, Secret::new(password), Through::Api).await?;
    Ok(Json(Token { token: token.expose().to_owned() }))
}

async fn sign_out(State(office): State<Arc<Office>>, Caller(visitor, token): Caller) -> Result<StatusCode, Trouble> {
    office.sign_out(&visitor, &token, Through::Api)?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct Asked {
    /// Those that are closed too.
    #[serde(default)]
    all: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Holds {
    pub holds: Vec<Listed>,
    /// How many there are beside these.
    pub more: usize,
}

async fn list(State(office): State<Arc<Office>>, Caller(..): Caller, Query(asked): Query<Asked>) -> Json<Holds> {
    let (holds, more) = office.list(if asked.all { Which::All } else { Which::Open });
    Json(Holds { holds, more })
}

async fn one(State(office): State<Arc<Office>>, Caller(visitor, _): Caller, Path(id): Path<String>) -> Result<Json<Shown>, Trouble> {
    match office.read(hold(&id)?, &visitor, Through::Api)? {
        Some((shown, _)) => Ok(Json(shown)),
        None => Err(Undecided::from(NotDecided::Unknown).into()),
    }
}

async fn reveal(State(office): State<Arc<Office>>, Caller(visitor, _): Caller, Path(id): Path<String>) -> Result<Json<Shown>, Trouble> {
    let (shown, _) = office.reveal(hold(&id)?, &visitor, Through::Api).await.map_err(Undecided::from)?;
    Ok(Json(shown))
}

fn hold(id: &str) -> Result<HoldId, Trouble> {
    id.parse().map_err(|_| Undecided::from(NotDecided::Unknown).into())
}

#[derive(Deserialize)]
struct Ruling {
    digest: String,
    #[serde(default)]
    reason: String,
    /// The run may see values as they are, as it asked.
    #[serde(default)]
    unmasked: bool,
}

async fn approve(state: State<Arc<Office>>, caller: Caller, id: Path<String>, ruling: RulingGiven) -> Result<Json<Shown>, Trouble> {
    decide(state, caller, id, ruling, Verdict::Approve).await
}

async fn deny(state: State<Arc<Office>>, caller: Caller, id: Path<String>, ruling: RulingGiven) -> Result<Json<Shown>, Trouble> {
    decide(state, caller, id, ruling, Verdict::Deny).await
}

type RulingGiven = Result<Json<Ruling>, JsonRejection>;

async fn decide(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    ruling: RulingGiven,
    verdict: Verdict,
) -> Result<Json<Shown>, Trouble> {
    let Json(Ruling { digest, reason, unmasked }) = ruling?;
    let verdict = if unmasked && verdict == Verdict::Approve { Verdict::ApproveUnmasked } else { verdict };
    Ok(Json(office.decide(hold(&id)?, &visitor, verdict, &reason, &digest, Through::Api).await?))
}

#[derive(Deserialize)]
struct Question {
    digest: String,
    question: String,
}

async fn ask(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    question: Result<Json<Question>, JsonRejection>,
) -> Result<Json<Shown>, Trouble> {
    let Json(Question { digest, question }) = question?;
    Ok(Json(office.ask(hold(&id)?, &visitor, &question, &digest, Through::Api).await?))
}

#[derive(Deserialize)]
struct Passing {
    digest: String,
    to: String,
    reason: String,
}

async fn pass(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    passing: Result<Json<Passing>, JsonRejection>,
) -> Result<Json<Shown>, Trouble> {
    let Json(Passing { digest, to, reason }) = passing?;
    Ok(Json(office.pass(hold(&id)?, &visitor, (&to, &reason), &digest, Through::Api).await?))
}

async fn groups(State(office): State<Arc<Office>>, Caller(..): Caller) -> Json<Vec<String>> {
    Json(office.groups())
}

/// The holds that are decided by one word.
#[derive(Debug, Serialize, Deserialize)]
pub struct Gathered {
    pub holds: Vec<Shown>,
    /// Of all of them: a decision gives it back.
    pub digest: String,
}

async fn together(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
) -> Result<Json<Gathered>, Trouble> {
    match office.together(hold(&id)?, &visitor, Through::Api)? {
        Some(Together { holds, digest, .. }) => Ok(Json(Gathered { holds, digest })),
        None => Err(Undecided::from(NotDecided::Unknown).into()),
    }
}

async fn approve_together(
    state: State<Arc<Office>>,
    caller: Caller,
    id: Path<String>,
    ruling: RulingGiven,
) -> Result<Json<Vec<Shown>>, Trouble> {
    decide_together(state, caller, id, ruling, Verdict::Approve).await
}

async fn deny_together(
    state: State<Arc<Office>>,
    caller: Caller,
    id: Path<String>,
    ruling: RulingGiven,
) -> Result<Json<Vec<Shown>>, Trouble> {
    decide_together(state, caller, id, ruling, Verdict::Deny).await
}

async fn decide_together(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    ruling: RulingGiven,
    verdict: Verdict,
) -> Result<Json<Vec<Shown>>, Trouble> {
    let Json(Ruling { digest, reason, unmasked }) = ruling?;
    let verdict = if unmasked { Verdict::ApproveUnmasked } else { verdict };
    Ok(Json(office.decide_together(hold(&id)?, &visitor, verdict, &reason, &digest, Through::Api).await?))
}

/// An approval that lasts.
#[derive(Deserialize)]
struct Granting {
    digest: String,
    #[serde(default)]
    reason: String,
    seconds: u64,
    times: u32,
    #[serde(default)]
    bounds: Vec<Bound>,
}

/// What one of the statement's whole numbers may be, counted from one.
#[derive(Deserialize)]
struct Bound {
    number: u32,
    from: i64,
    to: i64,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct GrantMade {
    pub hold: Shown,
    pub grant: Grant,
}

async fn grant(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    granting: Result<Json<Granting>, JsonRejection>,
) -> Result<Json<GrantMade>, Trouble> {
    let Json(Granting { digest, reason, seconds, times, bounds }) = granting?;
    let rooms = bounds.into_iter().map(|Bound { number, from, to }| Room { number, from, to }).collect();
    let terms = Terms { lasts: seconds.saturating_mul(1_000_000), times, rooms };
    let (hold, grant) = office.grant(hold(&id)?, &visitor, terms, &reason, &digest, Through::Api).await?;
    Ok(Json(GrantMade { hold, grant }))
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Grants {
    pub grants: Vec<Grant>,
}

async fn grants(State(office): State<Arc<Office>>, Caller(..): Caller) -> Json<Grants> {
    Json(Grants { grants: office.grants() })
}

#[derive(Deserialize)]
struct Revoking {
    #[serde(default)]
    reason: String,
}

async fn revoke(
    State(office): State<Arc<Office>>,
    Caller(visitor, _): Caller,
    Path(id): Path<String>,
    revoking: Result<Json<Revoking>, JsonRejection>,
) -> Result<Json<Grant>, Trouble> {
    let Json(Revoking { reason }) = revoking?;
    Ok(Json(office.revoke(hold(&id)?, &visitor, &reason).await?))
}
