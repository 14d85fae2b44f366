//! How long a message of each type may be. A limit stands on everything, so that what one connection can make the proxy
//! hold is known beforehand.

use super::frame::Caps;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// PostgreSQL's own bound for messages that carry names and numbers only is 10,000 bytes; names may be longer here than there.
const SMALL: usize = 64 * KIB;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientLimits {
    pub query: usize,
    pub parse: usize,
    pub bind: usize,
    pub describe: usize,
    pub execute: usize,
    pub close: usize,
    pub copy_data: usize,
    pub copy_fail: usize,
    /// Passwords and SASL answers.
    pub password: usize,
    /// Refused, but read to its end so that the refusal is an answer.
    pub function_call: usize,
}

/// What the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    pub data_row: usize,
    pub copy_data: usize,
    pub row_description: usize,
    pub parameter_description: usize,
    /// Errors and notices: they quote the statement and what called it.
    pub notice: usize,
    pub notification: usize,
    pub parameter_status: usize,
    pub authentication: usize,
    pub command_complete: usize,
    pub copy_response: usize,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            query: 16 * MIB,
            parse: 16 * MIB,
            bind: 256 * MIB,
            describe: SMALL,
            execute: SMALL,
            close: SMALL,
            copy_data: 64 * MIB,
            copy_fail: SMALL,
            password: SMALL,
            function_call: MIB,
        }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            data_row: 1024 * MIB,
            // One message is one row here too.
            copy_data: 1024 * MIB,
            // 1664 columns with names of 63 bytes are 140 KB.
            row_description: MIB,
            // 65,535 parameters are 262 KB.
            parameter_description: MIB,
            notice: 64 * MIB,
            notification: SMALL,
            parameter_status: MIB,
            authentication: SMALL,
            command_complete: SMALL,
            copy_response: SMALL,
        }
    }
}

impl Caps for ClientLimits {
    fn cap(&self, tag: u8) -> Option<usize> {
        Some(match tag {
            b'Q' => self.query,
            b'P' => self.parse,
            b'B' => self.bind,
            b'D' => self.describe,
            b'E' => self.execute,
            b'C' => self.close,
            b'd' => self.copy_data,
            b'f' => self.copy_fail,
            b'p' => self.password,
            b'F' => self.function_call,
            // CopyDone, Flush, Sync, Terminate.
            b'c' | b'H' | b'S' | b'X' => 0,
            _ => return None,
        })
    }
}

impl Caps for ServerLimits {
    fn cap(&self, tag: u8) -> Option<usize> {
        Some(match tag {
            b'D' => self.data_row,
            b'd' => self.copy_data,
            b'T' => self.row_description,
            b't' => self.parameter_description,
            b'E' | b'N' => self.notice,
            b'A' => self.notification,
            b'S' => self.parameter_status,
            // BackendKeyData and NegotiateProtocolVersion belong to the start as authentication does.
            b'R' | b'K' | b'v' => self.authentication,
            b'C' => self.command_complete,
            b'G' | b'H' | b'W' => self.copy_response,
            b'Z' => 1,
            // ParseComplete, BindComplete, CloseComplete, NoData, PortalSuspended, EmptyQueryResponse, CopyDone.
            b'1' | b'2' | b'3' | b'n' | b's' | b'I' | b'c' => 0,
            // FunctionCallResponse among them: a FunctionCall is never passed on.
            _ => return None,
        })
    }
}
