//! Where the PostgreSQL server is and how it is to be reached: checked values, made once from a connection URL and the
//! configuration. This module opens nothing.

use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// One PostgreSQL service: several hosts that are tried in order, one way to reach them.
#[derive(Debug, Clone)]
pub struct Upstream {
    pub hosts: Vec<Host>,
    /// Used when an agent names no database and its own record has none.
    pub database: String,
    /// The login used for agents without a role of their own.
    pub credential: Credential,
    pub tls: UpstreamTls,
    pub target_session: TargetSession,
    pub connect_timeout: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Tcp {
        name: String,
        port: u16,
    },
    /// The folder that holds the server's socket, as libpq's `host=/path`.
    Unix {
        folder: PathBuf,
        port: u16,
    },
}

/// A login at the server. Never by SET ROLE: the server itself must know who is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    pub user: String,
    pub password: Option<Secret>,
}

#[derive(Debug, Clone)]
pub struct UpstreamTls {
    pub mode: SslMode,
    pub roots: Roots,
    pub client_certificate: Option<ClientCertificate>,
    pub channel_binding: ChannelBinding,
    /// `sslnegotiation=direct`: TLS from the first byte, ALPN `postgresql`.
    pub direct: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    Platform,
    File(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetSession {
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}
