//! What a press in Slack is answered with: a window that asks for a reason, or a line that only whoever pressed can read. It is of use at once or not
//! at all, so nothing of it is kept.

use serde_json::json;
use tokio::sync::mpsc;

use super::outlet::{Fate, call_slack};
use super::slack;
use crate::host::outgoing::Poster;
use crate::host::web::SlackAsk;

#[derive(Debug)]
pub struct Asks {
    pub poster: Poster,
    pub said: mpsc::Receiver<SlackAsk>,
}

impl Asks {
    pub async fn run(mut self) {
        while let Some(ask) = self.said.recv().await {
            let (call, body) = match ask {
                SlackAsk::Reason { trigger, hold, digest } => {
                    ("views.open", json!({"trigger_id": trigger, "view": slack::reason(&hold.to_string(), &digest)}))
                }
                SlackAsk::Say { channel, member, text } => {
                    ("chat.postEphemeral", json!({"channel": channel, "user": member, "text": text}))
                }
            };
            match call_slack(&mut self.poster, call, &body, "").await {
                Ok(_) => {}
                Err(Fate::Later(failure, _) | Fate::Refused(failure)) => {
                    tracing::warn!(%failure, "a press in Slack was not answered");
                }
                Err(Fate::Arrived(_)) => {}
            }
        }
    }
}
