//! Messages read one after the other while a login is under way, on either side. What arrives early stays here and is
//! handed on with the connection. Never used once a session runs.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::wire::ProtocolError;
use crate::wire::backend::Backend;
use crate::wire::frame::{self, Caps, HEAD};

/// Read at a time. Together with the caps it bounds the buffer: nothing more is read while a whole message is there.
const READ: usize = 4096;

/// Bytes that came and were not yet used.
#[derive(Debug, Default)]
pub struct Inbox(BytesMut);

/// One whole message.
#[derive(Debug)]
pub struct Message {
    pub tag: u8,
    /// The message with its head, as it came.
    pub whole: Bytes,
}

impl Message {
    pub fn body(&self) -> &[u8] {
        self.whole.get(HEAD..).unwrap_or_default()
    }

    /// As a server's message.
    pub fn as_servers(&self) -> Result<Backend<'_>, ProtocolError> {
        Backend::read(self.tag, self.body())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the peer closed the connection")]
    Closed,
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
}

impl Inbox {
    /// Begins with what came before.
    pub fn with(bytes: BytesMut) -> Self {
        Self(bytes)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_rest(self) -> BytesMut {
        self.0
    }

    /// Waits for bytes and reads what is there, a bounded amount.
    pub async fn more(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<(), ReadError> {
        self.0.reserve(READ);
        let read = (&mut *stream).take(u64::try_from(READ).unwrap_or(u64::MAX)).read_buf(&mut self.0).await?;
        if read == 0 { Err(ReadError::Closed) } else { Ok(()) }
    }

    /// Takes exactly that many bytes, waiting for them. The caller has checked `count` against a cap.
    pub async fn exactly(&mut self, count: usize, stream: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, ReadError> {
        while self.0.len() < count {
            self.more(stream).await?;
        }
        Ok(self.0.split_to(count).freeze())
    }

    pub async fn message(&mut self, caps: &impl Caps, stream: &mut (impl AsyncRead + Unpin)) -> Result<Message, ReadError> {
        loop {
            if let Some(head) = frame::head(&self.0, caps)? {
                return Ok(Message { tag: head.tag, whole: self.exactly(head.total(), stream).await? });
            }
            self.more(stream).await?;
        }
    }
}
