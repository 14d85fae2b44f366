//! Records by HTTP. A batch keeps its id until it is acknowledged with a 2xx and a whole answer, so that a receiver can tell a repetition.

use super::SinkError;
use super::batch::Batch;
use crate::host::config::Webhook;
use crate::host::outgoing::{Failure, Message, Poster};

pub struct Sender {
    poster: Poster,
    kind: &'static str,
}

impl Sender {
    /// A collector may stand on this machine, under any of its names.
    pub fn new(webhook: &Webhook, kind: &'static str) -> Result<Self, SinkError> {
        Ok(Self { poster: Poster::new(webhook, true)?, kind })
    }

    pub async fn deliver(&mut self, batch: &Batch) -> Result<(), Failure> {
        let (kind, id) = (self.kind, batch.id());
        let answer = self.poster.post(Message { call: None, kind, id: &id, body: &batch.bytes }).await?;
        if answer.status.is_success() { Ok(()) } else { Err(answer.refusal()) }
    }
}
