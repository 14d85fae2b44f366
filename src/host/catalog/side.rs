//! The side connection: asks the server a question and hands over the rows as text. It runs as the agent's upstream role, never outside a
//! transaction that writes nothing, and knows nothing of what is asked.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::host::inbox::ReadError;
use crate::host::link::{Link, LinkError, ServerError};
use crate::host::stream::Stream;
use crate::session::asking::Parameters;
use crate::wire::ProtocolError;
use crate::wire::backend::Backend;
use crate::wire::frame::{self, Caps, HEAD};
use crate::wire::frontend::tag;
use crate::wire::write;

/// A row of an answer: a plan as JSON is the longest.
const LONGEST_ROW: usize = 16 * 1024 * 1024;
/// Errors, notices and the like.
const LONGEST_OTHER: usize = 1024 * 1024;
const READ: usize = 64 * 1024;
/// Columns of any question.
const COLUMNS: usize = 16;

struct SideCaps;

impl Caps for SideCaps {
    fn cap(&self, tag: u8) -> Option<usize> {
        Some(if tag == b'D' { LONGEST_ROW } else { LONGEST_OTHER })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SideError {
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The connection is of no more use.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The server refused this one; the connection goes on.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(ServerError),
    #[error(transparent)]
    Catalog(#[from] crate::gate::catalog::TooLarge),
    #[error("it took too long")]
    TimedOut,
    /// Whoever asked has enough. The connection is of no more use.
    #[error("there is more than is looked at")]
    TooMuch,
}

impl From<ProtocolError> for SideError {
    fn from(error: ProtocolError) -> Self {
        Self::Read(error.into())
    }
}

impl From<std::io::Error> for SideError {
    fn from(error: std::io::Error) -> Self {
        Self::Read(error.into())
    }
}

#[derive(Debug)]
pub struct Side {
    stream: Stream,
    input: BytesMut,
}

impl Side {
    pub fn new(link: Link) -> Self {
        Self { stream: link.stream, input: link.buffered }
    }

    /// Asks, and hands over each row.
    pub async fn ask(&mut self, sql: &str, mut row: impl FnMut(&[Option<&str>]) -> Result<(), SideError>) -> Result<(), SideError> {
        self.ask_each(sql, |_, fields| row(fields)).await
    }

    /// Asks several questions in one text, and hands over each row with the number of its question, from 0: one way there and back.
    pub async fn ask_each(&mut self, sql: &str, row: impl FnMut(usize, &[Option<&str>]) -> Result<(), SideError>) -> Result<(), SideError> {
        let mut out = Vec::new();
        write::message(&mut out, tag::QUERY, |body| {
            body.string(sql.as_bytes());
        });
        self.send(&out, row).await
    }

    /// Runs one statement with parameters. The server itself refuses a text that holds several.
    pub async fn run(
        &mut self,
        sql: &[u8],
        types: &[u32],
        parameters: &Parameters,
        mut row: impl FnMut(&[Option<&str>]) -> Result<(), SideError>,
    ) -> Result<(), SideError> {
        let mut out = Vec::new();
        let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        write::message(&mut out, tag::PARSE, |body| {
            body.string(b"").string(sql).bytes(&count(types.len()));
            for oid in types {
                body.bytes(&oid.to_be_bytes());
            }
        });
        write::message(&mut out, tag::BIND, |body| {
            body.string(b"").string(b"").bytes(&count(parameters.formats.len()));
            for format in &parameters.formats {
                body.int16(*format);
            }
            body.bytes(&count(parameters.values.len()));
            for value in &parameters.values {
                match value.as_ref().map(|value| (value, i32::try_from(value.len()))) {
                    Some((value, Ok(length))) => body.int32(length).bytes(value),
                    Some((_, Err(_))) | None => body.int32(-1),
                };
            }
            body.int16(0);
        });
        write::message(&mut out, tag::EXECUTE, |body| {
            body.string(b"").int32(0);
        });
        write::message(&mut out, tag::SYNC, |_| ());
        self.send(&out, |_, fields| row(fields)).await
    }

    async fn send(&mut self, out: &[u8], mut row: impl FnMut(usize, &[Option<&str>]) -> Result<(), SideError>) -> Result<(), SideError> {
        self.stream.write_all(out).await?;
        self.stream.flush().await?;
        let mut refused = None;
        let mut answered: usize = 0;
        loop {
            let Some(head) = frame::head(&self.input, &SideCaps)?.filter(|head| self.input.len() >= head.total()) else {
                self.read().await?;
                continue;
            };
            let message = self.input.split_to(head.total());
            match Backend::read(head.tag, message.get(HEAD..).unwrap_or_default())? {
                Backend::DataRow(values) => {
                    let mut fields = [None; COLUMNS];
                    for (field, value) in fields.iter_mut().zip(values.iter()) {
                        *field = value.map(std::str::from_utf8).transpose().map_err(|_| ProtocolError("text that is not UTF-8"))?;
                    }
                    row(answered, fields.get(..values.len()).unwrap_or_default())?;
                }
                Backend::ErrorResponse(fields) => {
                    let ends = fields.ends_connection();
                    refused = Some(SideError::Refused(ServerError::read(fields)));
                    if ends {
                        return Err(ReadError::Closed.into());
                    }
                }
                Backend::CommandComplete(_) => answered = answered.saturating_add(1),
                Backend::ReadyForQuery(_) => return refused.map_or(Ok(()), Err),
                Backend::CopyInResponse(_) | Backend::CopyBothResponse(_) | Backend::Authentication(_) => {
                    return Err(ProtocolError("an answer to another question").into());
                }
                Backend::BackendKeyData(_)
                | Backend::BindComplete
                | Backend::CloseComplete
                | Backend::CopyData(_)
                | Backend::CopyDone
                | Backend::CopyOutResponse(_)
                | Backend::EmptyQueryResponse
                | Backend::FunctionCallResponse(_)
                | Backend::NegotiateProtocolVersion(_)
                | Backend::NoData
                | Backend::NoticeResponse(_)
                | Backend::NotificationResponse(_)
                | Backend::ParameterDescription(_)
                | Backend::ParameterStatus(_)
                | Backend::ParseComplete
                | Backend::PortalSuspended
                | Backend::RowDescription(_) => {}
            }
        }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        self.input.reserve(READ);
        if self.stream.read_buf(&mut self.input).await? == 0 { Err(ReadError::Closed) } else { Ok(()) }
    }

    /// Returns when the server ended the connection; what it says unasked while nothing is asked is not listened to.
    pub async fn lost(&mut self) {
        while self.read().await.is_ok() {
            match frame::head(&self.input, &SideCaps) {
                Ok(Some(head)) if self.input.len() >= head.total() => {
                    let message = self.input.split_to(head.total());
                    if matches!(Backend::read(head.tag, message.get(HEAD..).unwrap_or_default()), Err(_) | Ok(Backend::ErrorResponse(_))) {
                        return;
                    }
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// A text in SQL, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\0', "").replace('\'', "''"))
}
