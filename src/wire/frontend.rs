//! Views of the messages that a client sends. They borrow from the buffer and are made only from a body that fits its
//! message exactly. What the text means is not known here.

use super::ProtocolError;
use super::read::{Formats, Reader, Values};

/// The tags of frontend messages.
pub mod tag {
    pub const BIND: u8 = b'B';
    pub const CLOSE: u8 = b'C';
    pub const COPY_DATA: u8 = b'd';
    pub const COPY_DONE: u8 = b'c';
    pub const COPY_FAIL: u8 = b'f';
    pub const DESCRIBE: u8 = b'D';
    pub const EXECUTE: u8 = b'E';
    pub const FLUSH: u8 = b'H';
    pub const FUNCTION_CALL: u8 = b'F';
    pub const PARSE: u8 = b'P';
    pub const PASSWORD: u8 = b'p';
    pub const QUERY: u8 = b'Q';
    pub const SYNC: u8 = b'S';
    pub const TERMINATE: u8 = b'X';
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frontend<'a> {
    Query(&'a [u8]),
    Parse(Parse<'a>),
    Bind(Bind<'a>),
    Describe(Target<'a>),
    Execute(Execute<'a>),
    Close(Target<'a>),
    Sync,
    Flush,
    Terminate,
    CopyData(&'a [u8]),
    CopyDone,
    CopyFail(&'a [u8]),
    FunctionCall,
    /// GSS, SASL and password answers share one tag; which it is follows from what was asked.
    Password(&'a [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parse<'a> {
    pub statement: &'a [u8],
    pub sql: &'a [u8],
    parameter_types: &'a [u8],
}

impl Parse<'_> {
    /// The type OIDs that the client named; 0 leaves one to the server.
    pub fn parameter_types(&self) -> impl Iterator<Item = u32> {
        self.parameter_types.chunks_exact(4).filter_map(|four| four.first_chunk::<4>().map(|four| u32::from_be_bytes(*four)))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bind<'a> {
    pub portal: &'a [u8],
    pub statement: &'a [u8],
    pub parameter_formats: Formats<'a>,
    pub parameters: Values<'a>,
    pub result_formats: Formats<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Execute<'a> {
    pub portal: &'a [u8],
    /// 0 or less is no limit, as the server reads it.
    pub max_rows: i32,
}

/// What Describe and Close are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    Statement(&'a [u8]),
    Portal(&'a [u8]),
}

impl<'a> Frontend<'a> {
    pub fn read(message: u8, body: &'a [u8]) -> Result<Self, ProtocolError> {
        let mut reader = Reader::new(body);
        let view = match message {
            tag::QUERY => Self::Query(reader.string()?),
            tag::PARSE => {
                let statement = reader.string()?;
                let sql = reader.string()?;
                let count = reader.count()?;
                Self::Parse(Parse { statement, sql, parameter_types: reader.bytes(count.saturating_mul(4))? })
            }
            tag::BIND => Self::Bind(Bind {
                portal: reader.string()?,
                statement: reader.string()?,
                parameter_formats: Formats::read(&mut reader)?,
                parameters: Values::read(&mut reader)?,
                result_formats: Formats::read(&mut reader)?,
            }),
            tag::DESCRIBE => Self::Describe(target(&mut reader)?),
            tag::EXECUTE => Self::Execute(Execute { portal: reader.string()?, max_rows: reader.int32()? }),
            tag::CLOSE => Self::Close(target(&mut reader)?),
            tag::SYNC => Self::Sync,
            tag::FLUSH => Self::Flush,
            tag::TERMINATE => Self::Terminate,
            tag::COPY_DATA => return Ok(Self::CopyData(body)),
            tag::COPY_DONE => Self::CopyDone,
            tag::COPY_FAIL => Self::CopyFail(reader.string()?),
            // Refused whatever it says, so nothing in it is read.
            tag::FUNCTION_CALL => return Ok(Self::FunctionCall),
            tag::PASSWORD => return Ok(Self::Password(body)),
            _ => return Err(ProtocolError("unknown message type")),
        };
        reader.end()?;
        Ok(view)
    }
}

fn target<'a>(reader: &mut Reader<'a>) -> Result<Target<'a>, ProtocolError> {
    match reader.byte()? {
        b'S' => reader.string().map(Target::Statement),
        b'P' => reader.string().map(Target::Portal),
        _ => Err(ProtocolError("neither a statement nor a portal is named")),
    }
}
