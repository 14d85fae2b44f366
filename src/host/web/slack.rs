//! Presses of buttons in Slack. Slack signs what it sends; who pressed is a person here if somebody who administers said which; and what they may
//! decide is what they may decide on the page, about what they were shown. It asks Slack for nothing itself: that is whoever holds the other end.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use percent_encoding::percent_decode_str;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::entry::Peer;
use super::office::{NoEntry, Office, Through, Undecided};
use crate::gate::hold::{HoldId, Verdict};
use crate::host::desk::NotDecided;
use crate::host::people::Visitor;
use crate::host::secret::Secret;

/// What buttons and fields are called.
pub const APPROVE: &str = "pgsluice-approve";
pub const DENY: &str = "pgsluice-deny";
pub const REASON: &str = "reason";

/// What Slack sends with a press: the message as it was, in a form's escapes.
const MOST_BODY: usize = 256 << 10;
/// Seconds that clocks may differ, and a press be on its way.
const SKEW: u64 = 300;
/// Signatures that are remembered for as long as they would be taken: nobody presses as often.
const MOST_SEEN: usize = 10_000;

/// What somebody who pressed is answered with, beside the answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SlackAsk {
    /// A window that asks why.
    Reason { trigger: String, hold: HoldId, digest: String },
    /// A line for this member alone.
    Say { channel: String, member: String, text: String },
}

/// Where presses come in.
pub struct SlackDoor {
    key: hmac::Key,
    team: Option<String>,
    say: mpsc::Sender<SlackAsk>,
    /// Signatures that were taken, and when they were made.
    seen: Mutex<HashMap<Vec<u8>, u64>>,
}

impl fmt::Debug for SlackDoor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("SlackDoor").field("team", &self.team).finish_non_exhaustive()
    }
}

impl SlackDoor {
    pub fn new(secret: &Secret, team: Option<String>, say: mpsc::Sender<SlackAsk>) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()), team, say, seen: Mutex::default() }
    }

    /// Whether Slack sent this, lately, and for the first time.
    fn is_from_slack(&self, headers: &HeaderMap, body: &[u8], now: u64) -> bool {
        let header = |name: &str| {
            let mut all = headers.get_all(name).iter();
            let first = all.next().and_then(|value| value.to_str().ok());
            first.filter(|_| all.next().is_none())
        };
        let (Some(time), Some(signature)) = (header("x-slack-request-timestamp"), header("x-slack-signature")) else { return false };
        let Some(made) = time.parse::<u64>().ok().filter(|made| made.abs_diff(now) <= SKEW) else { return false };
        let Some(signature) = signature.strip_prefix("v0=").and_then(unhex) else { return false };
        let signed = [b"v0:", time.as_bytes(), b":", body].concat();
        // In constant time.
        if hmac::verify(&self.key, &signed, &signature).is_err() {
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, made| made.abs_diff(now) <= SKEW);
        seen.len() < MOST_SEEN && seen.insert(signature, made).is_none()
    }

    fn is_of_team(&self, member: &Member) -> bool {
        self.team.is_none() || self.team == member.team_id
    }

    /// Whoever pressed does not wait for it.
    fn ask(&self, ask: SlackAsk) {
        if self.say.try_send(ask).is_err() {
            tracing::warn!("too many presses in Slack at once: one is not answered");
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

pub fn routes() -> Router<Arc<Office>> {
    Router::new().route("/slack/actions", post(press).layer(DefaultBodyLimit::max(MOST_BODY)))
}

#[derive(Deserialize)]
struct Member {
    id: String,
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Action {
    action_id: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
}

#[derive(Deserialize)]
struct Window {
    callback_id: String,
    #[serde(default)]
    private_metadata: String,
    #[serde(default)]
    state: Value,
}

#[derive(Deserialize)]
struct Press {
    #[serde(rename = "type")]
    kind: String,
    user: Member,
    #[serde(default)]
    trigger_id: String,
    #[serde(default)]
    actions: Vec<Action>,
    channel: Option<Channel>,
    view: Option<Window>,
}

async fn press(State(office): State<Arc<Office>>, Extension(peer): Extension<Peer>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(door) = &office.slack else { return StatusCode::NOT_FOUND.into_response() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if !door.is_from_slack(&headers, &body, now) {
        tracing::warn!(from = %peer.address, "a press that Slack did not sign, or not now, or that came before: nothing was done");
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(press) = payload(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    match (press.kind.as_str(), press.view.as_ref(), press.actions.first()) {
        ("block_actions", _, Some(action)) if action.action_id == APPROVE || action.action_id == DENY => {
            let said = pressed(&office, door, peer, &press, action).await;
            if let (Err(text), Some(channel)) = (said, &press.channel) {
                door.ask(SlackAsk::Say { channel: channel.id.clone(), member: press.user.id.clone(), text });
            }
            StatusCode::OK.into_response()
        }
        ("view_submission", Some(window), _) if window.callback_id == DENY => match reasoned(&office, door, peer, &press, window).await {
            Ok(()) => StatusCode::OK.into_response(),
            Err(text) => Json(json!({"response_action": "errors", "errors": {REASON: text}})).into_response(),
        },
        // The link's button, and what other windows there may be.
        _ => StatusCode::OK.into_response(),
    }
}

/// The one field of the form.
fn payload(body: &[u8]) -> Option<Press> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields = text.split('&').filter_map(|field| field.strip_prefix("payload="));
    let field = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    let spaced = field.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    serde_json::from_str(&decoded).ok()
}

/// What a button stands for: the hold, and what was shown of it.
fn shown(value: &str) -> Result<(HoldId, &str), String> {
    let parts = value.split_once(' ').and_then(|(hold, digest)| Some((hold.parse().ok()?, digest)));
    parts.ok_or_else(|| "This button belongs to no hold.".to_owned())
}

fn person(office: &Office, door: &SlackDoor, peer: Peer, member: &Member) -> Result<Visitor, String> {
    let nobody = || {
        format!(
            "Nothing was done: it is not known here who you are. Somebody who administers pgsluice can say so: \
             `pgsluice reviewer slack NAME {}`",
            member.id
        )
    };
    if !door.is_of_team(member) || !member.id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("Nothing was done: presses of another team's members do not count.".to_owned());
    }
    match office.of_slack(peer, &member.id) {
        Ok(Some(visitor)) => Ok(visitor),
        Ok(None) => Err(nobody()),
        Err(error) => Err(trouble(&error)),
    }
}

fn trouble(error: &NoEntry) -> String {
    format!("Nothing was done: {error}.")
}

async fn pressed(office: &Office, door: &SlackDoor, peer: Peer, press: &Press, action: &Action) -> Result<(), String> {
    let visitor = person(office, door, peer, &press.user)?;
    let (hold, digest) = shown(&action.value)?;
    // That they were shown it is on the record before they decide.
    let read = office.read(hold, &visitor, Through::Slack).map_err(|error| format!("Nothing was done: {error}."))?;
    if read.is_none() {
        return Err("There is no such hold any more.".to_owned());
    }
    if action.action_id == DENY {
        door.ask(SlackAsk::Reason { trigger: press.trigger_id.clone(), hold, digest: digest.to_owned() });
        return Ok(());
    }
    decide(office, hold, &visitor, Verdict::Approve, "", digest).await
}

async fn reasoned(office: &Office, door: &SlackDoor, peer: Peer, press: &Press, window: &Window) -> Result<(), String> {
    let visitor = person(office, door, peer, &press.user)?;
    let (hold, digest) = shown(&window.private_metadata)?;
    let reason = window.state.get("values").and_then(|values| values.get(REASON)?.get(REASON)?.get("value")?.as_str());
    decide(office, hold, &visitor, Verdict::Deny, reason.unwrap_or_default(), digest).await
}

async fn decide(office: &Office, hold: HoldId, visitor: &Visitor, verdict: Verdict, reason: &str, digest: &str) -> Result<(), String> {
    match office.decide(hold, visitor, verdict, reason, digest, Through::Slack).await {
        Ok(_) => Ok(()),
        Err(error @ Undecided::Desk(NotDecided::Unrecordable(_))) => Err(format!("Nothing was done: {error}.")),
        Err(error) => Err(format!("Hold {hold}: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> SlackDoor {
        SlackDoor::new(&Secret::new("8f742231b10e8888abcd99yyyzzz85a5"), None, mpsc::channel(1).0)
    }

    fn headers(time: u64, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", time.into());
        headers.insert("x-slack-signature", signature.parse().unwrap());
        headers
    }

    /// The example of Slack's own pages, so that both sides mean the same by a signature.
    #[test]
    fn slacks_own_example_is_signed_right() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar\
                    &user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com\
                    %2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let door = door();
        let time = 1_531_420_618;
        assert!(!door.is_from_slack(&headers(time, signature), body.as_bytes(), time + 301), "stale");
        assert!(!door.is_from_slack(&headers(time, signature), body.as_bytes(), time - 301), "of the future");
        assert!(!door.is_from_slack(&headers(time + 1, signature), body.as_bytes(), time), "another time");
        assert!(!door.is_from_slack(&headers(time, signature), b"token=", time), "another body");
        let mut twice = headers(time, signature);
        twice.append("x-slack-signature", "v0=00".parse().unwrap());
        assert!(!door.is_from_slack(&twice, body.as_bytes(), time), "two signatures");
        for wrong in ["", "v0=", "v0=a2114d57", "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503", "v1=00"] {
            assert!(!door.is_from_slack(&headers(time, wrong), body.as_bytes(), time), "{wrong}");
        }
        assert!(door.is_from_slack(&headers(time, signature), body.as_bytes(), time + 299));
        assert!(!door.is_from_slack(&headers(time, signature), body.as_bytes(), time + 299), "the same again");
    }

    #[test]
    fn a_form_with_two_payloads_or_none_is_none() {
        let one = "payload=%7B%22type%22%3A%22x%22%2C+%22user%22%3A%7B%22id%22%3A%22U1%22%7D%7D";
        assert_eq!(payload(one.as_bytes()).unwrap().user.id, "U1");
        assert!(payload(format!("{one}&{one}").as_bytes()).is_none());
        assert!([&b""[..], b"payload=", b"payload=%7B", b"\xff", b"other=1"].iter().all(|body| payload(body).is_none()));
    }
}
