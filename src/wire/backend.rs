//! Views of the messages that a server sends. They borrow from the buffer and are made only from a body that fits its
//! message exactly.

use super::read::{Formats, Reader, Values};
use super::{ProtocolError, authentication};

/// The tags of backend messages.
pub mod tag {
    pub const AUTHENTICATION: u8 = b'R';
    pub const BACKEND_KEY_DATA: u8 = b'K';
    pub const BIND_COMPLETE: u8 = b'2';
    pub const CLOSE_COMPLETE: u8 = b'3';
    pub const COMMAND_COMPLETE: u8 = b'C';
    pub const COPY_BOTH_RESPONSE: u8 = b'W';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_IN_RESPONSE: u8 = b'G';
    pub const COPY_OUT_RESPONSE: u8 = b'H';
    pub const DATA_ROW: u8 = b'D';
    pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
    pub const ERROR_RESPONSE: u8 = b'E';
    pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
    pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
    pub const NO_DATA: u8 = b'n';
    pub const NOTICE_RESPONSE: u8 = b'N';
    pub const NOTIFICATION_RESPONSE: u8 = b'A';
    pub const PARAMETER_DESCRIPTION: u8 = b't';
    pub const PARAMETER_STATUS: u8 = b'S';
    pub const PARSE_COMPLETE: u8 = b'1';
    pub const PORTAL_SUSPENDED: u8 = b's';
    pub const READY_FOR_QUERY: u8 = b'Z';
    pub const ROW_DESCRIPTION: u8 = b'T';
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend<'a> {
    Authentication(authentication::Request<'a>),
    BackendKeyData(BackendKeyData<'a>),
    BindComplete,
    CloseComplete,
    CommandComplete(&'a [u8]),
    CopyBothResponse(CopyResponse<'a>),
    CopyData(&'a [u8]),
    CopyDone,
    CopyInResponse(CopyResponse<'a>),
    CopyOutResponse(CopyResponse<'a>),
    DataRow(Values<'a>),
    EmptyQueryResponse,
    ErrorResponse(Fields<'a>),
    FunctionCallResponse(Option<&'a [u8]>),
    NegotiateProtocolVersion(NegotiateProtocolVersion<'a>),
    NoData,
    NoticeResponse(Fields<'a>),
    NotificationResponse(Notification<'a>),
    ParameterDescription(Oids<'a>),
    ParameterStatus(ParameterStatus<'a>),
    ParseComplete,
    PortalSuspended,
    ReadyForQuery(TransactionStatus),
    RowDescription(RowDescription<'a>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendKeyData<'a> {
    pub process_id: i32,
    pub secret: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyResponse<'a> {
    /// 0 text, 1 binary.
    pub format: u8,
    pub columns: Formats<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NegotiateProtocolVersion<'a> {
    /// The whole version; servers before 14 write the minor number alone.
    pub newest: i32,
    /// NUL-terminated names of the options that were not recognised.
    pub options: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification<'a> {
    pub process_id: i32,
    pub channel: &'a [u8],
    pub payload: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
}

/// What ReadyForQuery says of the explicit transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    Idle,
    Open,
    Failed,
}

impl TransactionStatus {
    pub fn as_byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Open => b'T',
            Self::Failed => b'E',
        }
    }
}

/// The fields of an error or a notice: a type byte and a text each. Checked when made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, ProtocolError> {
        let all = reader.remaining();
        while reader.byte()? != 0 {
            reader.string()?;
        }
        Ok(Self(all))
    }

    pub fn iter(&self) -> impl Iterator<Item = (u8, &'a [u8])> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || match reader.byte() {
            Ok(0) | Err(_) => None,
            Ok(kind) => reader.string().ok().map(|text| (kind, text)),
        })
    }

    pub fn get(&self, kind: u8) -> Option<&'a [u8]> {
        self.iter().find_map(|(found, text)| (found == kind).then_some(text))
    }

    /// Whether the server ends the connection after this. `V` is never translated; `S` serves servers that have no `V`.
    pub fn ends_connection(&self) -> bool {
        matches!(self.get(b'V').or_else(|| self.get(b'S')), Some(b"FATAL" | b"PANIC"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Oids<'a>(&'a [u8]);

impl<'a> Oids<'a> {
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.0.chunks_exact(4).filter_map(|four| four.first_chunk::<4>().map(|four| u32::from_be_bytes(*four)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowDescription<'a> {
    count: usize,
    bytes: &'a [u8],
}

/// One column of a result, as its RowDescription tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub name: &'a [u8],
    /// The relation it is a plain column of, or 0.
    pub relation: u32,
    pub attribute: i16,
    pub type_oid: u32,
    pub type_length: i16,
    pub type_modifier: i32,
    /// 0 text, 1 binary; always 0 in the answer to a Describe of a statement.
    pub format: i16,
}

impl<'a> RowDescription<'a> {
    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn iter(&self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| field(&mut reader).ok())
    }
}

fn field<'a>(reader: &mut Reader<'a>) -> Result<Field<'a>, ProtocolError> {
    Ok(Field {
        name: reader.string()?,
        relation: reader.uint32()?,
        attribute: reader.int16()?,
        type_oid: reader.uint32()?,
        type_length: reader.int16()?,
        type_modifier: reader.int32()?,
        format: reader.int16()?,
    })
}

impl<'a> Backend<'a> {
    pub fn read(message: u8, body: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(body);
        let view = match message {
            tag::AUTHENTICATION => return authentication::request(body).map(Self::Authentication),
            tag::BACKEND_KEY_DATA => {
                let process_id = reader.int32()?;
                let secret = reader.bytes(reader.remaining().len())?;
                if !(4..=256).contains(&secret.len()) {
                    return Err(ProtocolError("cancel key of an impossible length"));
                }
                Self::BackendKeyData(BackendKeyData { process_id, secret })
            }
            tag::BIND_COMPLETE => Self::BindComplete,
            tag::CLOSE_COMPLETE => Self::CloseComplete,
            tag::COMMAND_COMPLETE => Self::CommandComplete(reader.string()?),
            tag::COPY_BOTH_RESPONSE => Self::CopyBothResponse(copy_response(&mut reader)?),
            tag::COPY_DATA => return Ok(Self::CopyData(body)),
            tag::COPY_DONE => Self::CopyDone,
            tag::COPY_IN_RESPONSE => Self::CopyInResponse(copy_response(&mut reader)?),
            tag::COPY_OUT_RESPONSE => Self::CopyOutResponse(copy_response(&mut reader)?),
            tag::DATA_ROW => Self::DataRow(Values::read(&mut reader)?),
            tag::EMPTY_QUERY_RESPONSE => Self::EmptyQueryResponse,
            tag::ERROR_RESPONSE => Self::ErrorResponse(Fields::read(&mut reader)?),
            tag::FUNCTION_CALL_RESPONSE => Self::FunctionCallResponse(reader.value()?),
            tag::NEGOTIATE_PROTOCOL_VERSION => {
                let newest = reader.int32()?;
                let count = reader.int32()?;
                let options = reader.remaining();
                for _ in 0..count {
                    reader.string()?;
                }
                Self::NegotiateProtocolVersion(NegotiateProtocolVersion { newest, options })
            }
            tag::NO_DATA => Self::NoData,
            tag::NOTICE_RESPONSE => Self::NoticeResponse(Fields::read(&mut reader)?),
            tag::NOTIFICATION_RESPONSE => Self::NotificationResponse(Notification {
                process_id: reader.int32()?,
                channel: reader.string()?,
                payload: reader.string()?,
            }),
            tag::PARAMETER_DESCRIPTION => {
                let count = reader.count()?;
                Self::ParameterDescription(Oids(reader.bytes(count.saturating_mul(4))?))
            }
            tag::PARAMETER_STATUS => Self::ParameterStatus(ParameterStatus { name: reader.string()?, value: reader.string()? }),
            tag::PARSE_COMPLETE => Self::ParseComplete,
            tag::PORTAL_SUSPENDED => Self::PortalSuspended,
            tag::READY_FOR_QUERY => Self::ReadyForQuery(match reader.byte()? {
                b'I' => TransactionStatus::Idle,
                b'T' => TransactionStatus::Open,
                b'E' => TransactionStatus::Failed,
                _ => return Err(ProtocolError("unknown transaction status")),
            }),
            tag::ROW_DESCRIPTION => {
                let count = reader.count()?;
                let bytes = reader.remaining();
                for _ in 0..count {
                    field(&mut reader)?;
                }
                Self::RowDescription(RowDescription { count, bytes })
            }
            _ => return Err(ProtocolError("unknown message type")),
        };
        reader.end()?;
        Ok(view)
    }
}

fn copy_response<'a>(reader: &mut Reader<'a>) -> Result<CopyResponse<'a>, ProtocolError> {
    Ok(CopyResponse { format: reader.byte()?, columns: Formats::read(reader)? })
}
