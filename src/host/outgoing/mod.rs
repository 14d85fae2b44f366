//! Messages to other machines that a configuration names: connected to by a checked address, sent by HTTP and signed, tried again after pauses that
//! grow. It does not know what is sent, nor what an answer means to whoever sent it.

pub mod backoff;
pub mod dial;
pub mod post;

pub use backoff::Backoff;
pub use dial::{Reach, Stream, Target};
pub use post::{Answer, Message, Poster};

/// Why something did not arrive, this time. It names no secret: no path of a URL, nothing of what was sent.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(String);

impl Failure {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
