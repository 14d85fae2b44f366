//! The PostgreSQL frontend/backend protocol as bytes: strict framing, borrowed views of every message, writers, value codecs.
//! Nothing here knows sockets, SQL or policy.

pub mod authentication;
pub mod backend;
pub mod frame;
pub mod frontend;
pub mod limits;
pub mod read;
pub mod report;
pub mod startup;
pub mod value;
pub mod write;

/// The peer broke the protocol: SQLSTATE 08P01, and the connection ends. The text is ours, never the peer's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("protocol violation: {0}")]
pub struct ProtocolError(pub &'static str);
