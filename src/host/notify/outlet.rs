//! One place that is told: in which form, by which call, and what its answer means. It keeps nothing and tries nothing twice.

use std::time::Duration;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::telling::Telling;
use super::{event, slack, teams};
use crate::host::outgoing::{Answer, Failure, Message, Poster};

const JSON: &str = "application/json; charset=utf-8";
/// Letters of what Slack calls an error.
const MOST_ERROR: usize = 64;

#[derive(Debug)]
pub enum Outlet {
    Bot {
        poster: Poster,
        channel: String,
        /// Presses can be heard.
        buttons: bool,
    },
    Incoming(Poster),
    Teams(Poster),
    Webhook(Poster),
}

/// A message that is ready to be sent.
#[derive(Debug)]
pub struct Ready {
    pub body: Value,
    /// What it tells: the same for what need not be told again.
    pub version: Vec<u8>,
    /// By which its receiver knows it.
    pub id: String,
}

/// What became of a message.
#[derive(Debug)]
pub enum Fate {
    /// It is called this by its place, where it can be changed.
    Arrived(Option<String>),
    /// The place takes nothing now.
    Later(Failure, Option<Duration>),
    /// The place does not take this one.
    Refused(Failure),
}

/// Many holds of one agent.
#[derive(Debug)]
pub struct Together<'t> {
    pub id: i64,
    pub agent: &'t str,
    pub holds: &'t [String],
    pub since: &'t str,
    pub now: &'t str,
    /// The list of holds.
    pub link: &'t str,
}

impl Outlet {
    pub fn render(&self, telling: &Telling) -> Ready {
        let (hold, state) = (&telling.shown.id, &telling.shown.state);
        // What cannot be changed is told when it begins and when it ends.
        let stage = if telling.is_open() { if telling.is_second { "escalated" } else { "opened" } } else { state.as_str() };
        let (body, version) = match self {
            Self::Bot { channel, buttons, .. } => {
                let blocks = slack::blocks(telling, *buttons);
                let body = json!({
                    "channel": channel, "text": slack::preview(telling), "blocks": blocks, "unfurl_links": false, "unfurl_media": false,
                });
                let version = digest(&SHA256, body.to_string().as_bytes()).as_ref().to_vec();
                (body, version)
            }
            Self::Incoming(_) => {
                (json!({"text": slack::preview(telling), "blocks": slack::blocks(telling, false)}), stage.as_bytes().to_vec())
            }
            Self::Teams(_) => (teams::message(telling), stage.as_bytes().to_vec()),
            Self::Webhook(_) => {
                let time = match &telling.shown.decided {
                    Some(decided) => &decided.at,
                    None if telling.is_open() => &telling.shown.about.opened,
                    None => &telling.shown.until,
                };
                (event::message(telling, time), stage.as_bytes().to_vec())
            }
        };
        Ready { body, version, id: format!("{hold}-{stage}") }
    }

    pub fn render_together(&self, together: &Together<'_>) -> Ready {
        let Together { id, agent, holds, since, now, link } = together;
        let body = match self {
            Self::Bot { channel, .. } => {
                let mut body = slack::digest(agent, holds.len(), since, link);
                if let Some(body) = body.as_object_mut() {
                    body.insert("channel".to_owned(), json!(channel));
                }
                body
            }
            Self::Incoming(_) => slack::digest(agent, holds.len(), since, link),
            Self::Teams(_) => teams::digest(agent, holds.len(), since, link),
            Self::Webhook(_) => event::digest(agent, holds, since, link, now),
        };
        Ready { body, version: Vec::new(), id: format!("digest-{id}") }
    }

    /// Sends a message, in the place of the one that is called `before` where there is one.
    pub async fn deliver(&mut self, ready: &Ready, before: Option<&str>) -> Fate {
        match self {
            Self::Bot { poster, .. } => {
                let mut body = ready.body.clone();
                let earlier = before.and_then(|before| before.split_once(' '));
                if let (Some((channel, at)), Some(body)) = (earlier, body.as_object_mut()) {
                    body.insert("channel".to_owned(), json!(channel));
                    body.insert("ts".to_owned(), json!(at));
                }
                let call = if earlier.is_some() { "chat.update" } else { "chat.postMessage" };
                match call_slack(poster, call, &body, &ready.id).await {
                    Ok(answer) => {
                        let part = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                        Fate::Arrived(Some(format!("{} {}", part("channel"), part("ts"))))
                    }
                    Err(fate) => fate,
                }
            }
            Self::Incoming(poster) | Self::Teams(poster) | Self::Webhook(poster) => {
                let body = ready.body.to_string();
                match poster.post(Message { call: None, kind: JSON, id: &ready.id, body: body.as_bytes() }).await {
                    Ok(answer) if answer.status.is_success() => Fate::Arrived(None),
                    Ok(answer) => refused(&answer),
                    Err(failure) => Fate::Later(failure, None),
                }
            }
        }
    }
}

/// What an answer that is none of 2xx says: that this message is not taken, or that nothing is now.
fn refused(answer: &Answer) -> Fate {
    // Too large, not understood, or no such content: it would be no better the next time.
    if matches!(answer.status.as_u16(), 400 | 413 | 415 | 422) {
        Fate::Refused(answer.refusal())
    } else {
        Fate::Later(answer.refusal(), answer.retry_after)
    }
}

/// A call of Slack's, which answers 200 and says within whether it was done.
pub async fn call_slack(poster: &mut Poster, call: &str, body: &Value, id: &str) -> Result<Value, Fate> {
    let body = body.to_string();
    let answer = match poster.post(Message { call: Some(call), kind: JSON, id, body: body.as_bytes() }).await {
        Ok(answer) if answer.status.is_success() => answer,
        Ok(answer) => return Err(refused(&answer)),
        Err(failure) => return Err(Fate::Later(failure, None)),
    };
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if said.get("ok").and_then(Value::as_bool) == Some(true) {
        return Ok(said);
    }
    // It goes into the log: nothing but a word.
    let word = said.get("error").and_then(Value::as_str).unwrap_or("no_answer");
    let word: String = word.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').take(MOST_ERROR).collect();
    let failure = Failure::new(format!("Slack's {call} said {word}"));
    let of_message =
        ["invalid_blocks", "invalid_arguments", "msg_too_long", "message_not_found", "cant_update_message", "edit_window_closed"];
    if of_message.contains(&word.as_str()) { Err(Fate::Refused(failure)) } else { Err(Fate::Later(failure, answer.retry_after)) }
}
