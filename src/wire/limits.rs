//! How long a message of each type may be. A limit stands on everything, so that what one connection can make the proxy
//! hold is known beforehand.

use super::frame::Caps;
use super::{backend, frontend};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Caps for what an agent sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrontendLimits {
    /// Query and Parse: they are held whole while they are read.
    pub statement: usize,
    /// Bind: held whole, parameters and all.
    pub bind: usize,
    /// CopyData: passed on as it comes.
    pub copy_data: usize,
    /// Everything else says little.
    pub other: usize,
}

impl Default for FrontendLimits {
    fn default() -> Self {
        Self { statement: 16 * MIB, bind: 256 * MIB, copy_data: 1024 * MIB, other: 64 * KIB }
    }
}

impl Caps for FrontendLimits {
    fn cap(&self, tag: u8) -> Option<usize> {
        Some(match tag {
            frontend::tag::QUERY | frontend::tag::PARSE => self.statement,
            frontend::tag::BIND => self.bind,
            frontend::tag::COPY_DATA => self.copy_data,
            frontend::tag::SYNC | frontend::tag::FLUSH | frontend::tag::TERMINATE | frontend::tag::COPY_DONE => 0,
            frontend::tag::CLOSE
            | frontend::tag::DESCRIBE
            | frontend::tag::EXECUTE
            | frontend::tag::COPY_FAIL
            | frontend::tag::FUNCTION_CALL
            | frontend::tag::PASSWORD => self.other,
            _ => return None,
        })
    }
}

/// Caps for what a server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendLimits {
    /// DataRow and CopyData: passed on as they come. The server itself cannot make one above 1 GiB.
    pub row: usize,
    /// RowDescription, errors, notices and everything else: held whole while they are read.
    pub other: usize,
}

impl Default for BackendLimits {
    fn default() -> Self {
        Self { row: 1024 * MIB, other: 16 * MIB }
    }
}

impl Caps for BackendLimits {
    fn cap(&self, tag: u8) -> Option<usize> {
        use backend::tag;
        Some(match tag {
            tag::DATA_ROW | tag::COPY_DATA => self.row,
            tag::READY_FOR_QUERY => 1,
            tag::PARSE_COMPLETE
            | tag::BIND_COMPLETE
            | tag::CLOSE_COMPLETE
            | tag::NO_DATA
            | tag::EMPTY_QUERY_RESPONSE
            | tag::PORTAL_SUSPENDED
            | tag::COPY_DONE => 0,
            tag::AUTHENTICATION
            | tag::BACKEND_KEY_DATA
            | tag::COMMAND_COMPLETE
            | tag::COPY_BOTH_RESPONSE
            | tag::COPY_IN_RESPONSE
            | tag::COPY_OUT_RESPONSE
            | tag::ERROR_RESPONSE
            | tag::FUNCTION_CALL_RESPONSE
            | tag::NEGOTIATE_PROTOCOL_VERSION
            | tag::NOTICE_RESPONSE
            | tag::NOTIFICATION_RESPONSE
            | tag::PARAMETER_DESCRIPTION
            | tag::PARAMETER_STATUS
            | tag::ROW_DESCRIPTION => self.other,
            _ => return None,
        })
    }
}
