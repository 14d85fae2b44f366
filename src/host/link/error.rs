//! Why there is no link, and which part of it an agent may read: that list is here and nowhere else.

use std::borrow::Cow;
use std::time::Duration;

use crate::host::inbox::ReadError;
use crate::wire::ProtocolError;
use crate::wire::backend::Fields;
use crate::wire::report::Report;

/// Errors that speak of what the agent itself asked for, or of the server as a whole. All others may name upstream roles,
/// hosts or rules of the server's pg_hba.conf and stay in the log.
const MAY_BE_READ: [&str; 7] = [
    "3D000", // the database does not exist
    "42501", // no right to connect to the database
    "22023", // a startup parameter with a bad value
    "42704", // a startup parameter that does not exist
    "55000", // the database takes no connections
    "57P03", // starting up or shutting down
    "57P01", // shut down by an administrator
];
/// The server is starting up or shutting down: another host may be ready.
const CANNOT_CONNECT_NOW: &str = "57P03";
/// No rule lets this user in this way; pg_hba.conf may have one for the other way of encryption.
const INVALID_AUTHORIZATION: &str = "28000";

/// What the server said when it refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerError {
    pub code: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl ServerError {
    pub fn read(fields: Fields<'_>) -> Self {
        let text = |kind| fields.get(kind).map(|text| String::from_utf8_lossy(text).into_owned());
        Self { code: text(b'C').unwrap_or_default(), message: text(b'M').unwrap_or_default(), detail: text(b'D'), hint: text(b'H') }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the server refused: {} {}", .0.code, .0.message)]
    Server(ServerError),
    /// Our own login failed: a matter for whoever runs the proxy. `code` is the server's.
    #[error("the login at the server failed: {code} {reason}")]
    SignIn { code: String, reason: String },
    /// The way the server wants to authenticate is not safe, or not known.
    #[error("the server's authentication is refused: {0}")]
    Authentication(Cow<'static, str>),
    #[error("TLS to the server failed: {0}")]
    Tls(Cow<'static, str>),
    #[error("{reason}")]
    Unreachable { reason: String },
    #[error("the server did not answer within {after:?}")]
    TimedOut { after: Duration },
    #[error("{reason}")]
    NoneSuits { reason: &'static str },
    #[error("the server broke the protocol: {0}")]
    Protocol(&'static str),
}

impl From<std::io::Error> for LinkError {
    fn from(error: std::io::Error) -> Self {
        Self::Unreachable { reason: error.to_string() }
    }
}

impl From<ProtocolError> for LinkError {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error.0)
    }
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Unreachable { reason: "the server closed the connection".into() },
            ReadError::Io(error) => error.into(),
            ReadError::Protocol(error) => error.into(),
        }
    }
}

impl LinkError {
    /// The report that the agent gets. It names no host, no upstream role and no reason of a failed login.
    pub fn for_agent(&self) -> Report {
        match self {
            // In the server's own words it may name the upstream role.
            Self::Server(error) if error.code == "53300" => Report::fatal("53300", "the database server takes no more connections"),
            Self::Server(error) if MAY_BE_READ.contains(&error.code.as_str()) => {
                let mut report = Report::fatal(error.code.clone(), error.message.clone());
                report.detail = error.detail.clone().map(Cow::Owned);
                report.hint = error.hint.clone().map(Cow::Owned);
                report
            }
            Self::Server(_) => Report::fatal("08006", "the server refused the proxy's connection"),
            Self::SignIn { .. } | Self::Authentication(_) => Report::fatal("28000", "the proxy could not sign in to the server")
                .with_hint("This is not about your password: whoever runs the proxy finds the reason in its log."),
            Self::Tls(_) => Report::fatal("08006", "the proxy could not reach the server over TLS"),
            Self::Unreachable { .. } => Report::fatal("08006", "the proxy could not reach the server"),
            Self::TimedOut { .. } => Report::fatal("08006", "the server did not answer the proxy in time"),
            Self::NoneSuits { reason } => Report::fatal("08006", *reason),
            Self::Protocol(_) => Report::fatal("08006", "the server did not speak the protocol"),
        }
    }

    /// Whether the server refused the credential itself. It may have been changed since it was read: read it again once.
    pub fn credential_refused(&self) -> bool {
        matches!(self, Self::SignIn { code, .. } if code == "28P01")
    }

    pub(super) fn try_next_host(&self) -> bool {
        match self {
            Self::Server(error) => error.code == CANNOT_CONNECT_NOW,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::NoneSuits { .. } => true,
            Self::SignIn { .. } | Self::Authentication(_) | Self::Tls(_) | Self::Protocol(_) => false,
        }
    }

    /// Never for a wrong password: it is not tried a second time in the open.
    pub(super) fn other_encryption_may_help(&self) -> bool {
        match self {
            Self::Tls(_) => true,
            Self::SignIn { code, .. } => code == INVALID_AUTHORIZATION,
            Self::Server(_)
            | Self::Authentication(_)
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NoneSuits { .. }
            | Self::Protocol(_) => false,
        }
    }
}
