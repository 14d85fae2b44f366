//! What open pages are told as it happens: that a hold took a step, and how many wait. A stream of events (Server-Sent Events, HTML's own); what
//! is shown of a hold is asked for as ever.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use http_body_util::channel::{Channel, Sender};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::{sleep, timeout};

use super::office::Office;
use crate::host::desk::Step;
use crate::host::secret::Secret;

/// Something is said at least so often, so that whoever closed the page is noticed, and whoever is signed out.
const SAID: Duration = Duration::from_secs(15);
/// Steps that come close together are told together.
const PAUSE: Duration = Duration::from_millis(250);
/// Ids in one event; of more it is told that there are many.
const MOST: usize = 100;
/// Events on their way to one page.
const AHEAD: usize = 4;

/// Until the page is closed, the visit ends, or the connection's time is over; a browser asks again.
pub fn stream(office: Arc<Office>, token: Secret) -> Response {
    let (events, body) = Channel::<Bytes>::new(AHEAD);
    let steps = office.follow();
    tokio::spawn(tell(office, token, steps, events));
    ([(CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::new(body)).into_response()
}

async fn tell(office: Arc<Office>, token: Secret, mut steps: Receiver<Step>, mut events: Sender<Bytes>) {
    let mut said = event(&office, &[], false);
    loop {
        if !office.stays(&token) {
            events.send_data(Bytes::from_static(b"event: over\ndata: {}\n\n")).await.ok();
            return;
        }
        if events.send_data(Bytes::from(said)).await.is_err() {
            return;
        }
        said = match timeout(SAID, steps.recv()).await {
            Err(_) => ": still here\n\n".to_owned(),
            Ok(Err(RecvError::Closed)) => return,
            Ok(first) => {
                sleep(PAUSE).await;
                let (mut holds, mut many) = (Vec::new(), false);
                let mut add = |step: Step| {
                    let id = step.hold.to_string();
                    if !holds.contains(&id) {
                        holds.push(id);
                    }
                };
                match first {
                    Ok(step) => add(step),
                    Err(_) => many = true,
                }
                loop {
                    match steps.try_recv() {
                        Ok(step) => add(step),
                        Err(TryRecvError::Lagged(_)) => many = true,
                        Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                    }
                }
                many |= holds.len() > MOST;
                holds.truncate(MOST);
                event(&office, &holds, many)
            }
        };
    }
}

/// Ids are letters and digits, so that nothing here needs an escape.
fn event(office: &Office, holds: &[String], many: bool) -> String {
    let told = serde_json::json!({ "waiting": office.waiting(), "holds": holds, "many": many });
    format!("event: step\ndata: {told}\n\n")
}
