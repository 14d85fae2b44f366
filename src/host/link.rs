//! Connections to the server: hosts tried in order, TLS as libpq's words mean it, a login whose proof is remembered, and
//! everything the server says until it is ready. Who the agent is, is not known here; what it may read of a failure is
//! listed in [`LinkError::for_agent`].

mod dial;
mod error;
mod login;
mod renew;
pub(super) mod scram;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

pub use error::{LinkError, ServerError};
pub use scram::KnownKeys;

use super::stream::{Keepalive, Socket, Stream};
use super::tls::{self, TlsError};
use super::upstream::{Credential, Host, TargetSession, Upstream};
use crate::wire::startup::{self, CancelKey};
use crate::wire::write;

/// A server that is told goodbye closes at once; nobody waits longer for that.
const GOODBYE: Duration = Duration::from_secs(1);
/// A canceller that is not answered within this is given up.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// Addresses one host name may have; a resolver that says more is not followed further.
const MOST_ADDRESSES: usize = 32;

/// The minor version of protocol 3 to ask the server for. 3.0 is the default, as it is libpq's: servers and poolers that
/// do not know `NegotiateProtocolVersion` refuse anything newer, and all that 3.2 brings is a longer cancel key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Minor {
    #[default]
    Zero,
    Two,
}

impl Minor {
    fn number(self) -> u16 {
        match self {
            Self::Zero => 0,
            Self::Two => startup::PROTOCOL_MINOR,
        }
    }
}

/// What is made once for an upstream and used for each of its links.
#[derive(Debug, Clone)]
pub struct Connector {
    upstream: Arc<Upstream>,
    tls: Option<tls::Connector>,
    keys: Arc<KnownKeys>,
    keepalive: Keepalive,
    minor: Minor,
}

/// A parameter as the server reported it: its name and its value.
pub type Parameter = (Box<[u8]>, Box<[u8]>);

/// One session's login at the server.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub credential: &'a Credential,
    pub database: &'a str,
    /// Settings for the startup packet, in order; not user and not database.
    pub parameters: &'a [(String, String)],
}

/// A connection to a server that is ready for the first query.
#[derive(Debug)]
pub struct Link {
    pub stream: Stream,
    /// What came behind the first ReadyForQuery (nothing, from a server that behaves).
    pub buffered: BytesMut,
    /// As the server reported them, each name once, with its last value.
    pub parameters: Vec<Parameter>,
    /// Notices that came with the login, as whole messages for the client.
    pub notices: Vec<Bytes>,
    /// `None`: this server gave no key, what runs on it cannot be cancelled.
    pub canceller: Option<Canceller>,
    /// Where it leads, for people.
    pub reached: Reached,
}

/// An address that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// The name it was found by, for the certificate, and the address itself.
    Tcp {
        name: String,
        address: std::net::SocketAddr,
    },
    Unix(PathBuf),
}

/// Cancels what runs on one link: kept beside the link, usable while the link is busy.
#[derive(Debug, Clone)]
pub struct Canceller {
    pub process_id: i32,
    pub key: CancelKey,
    reached: Reached,
    tls: Option<tls::Connector>,
    direct: bool,
}

impl Connector {
    /// Reads the files that TLS needs.
    pub fn load(upstream: Arc<Upstream>, keepalive: Keepalive, minor: Minor) -> Result<Self, TlsError> {
        let tls = tls::Connector::load(&upstream.tls)?;
        Ok(Self { upstream, tls, keys: Arc::new(KnownKeys::new()), keepalive, minor })
    }

    /// Connects and logs in at the first host that answers and is of the kind wanted.
    pub async fn connect(&self, request: Request<'_>) -> Result<Link, LinkError> {
        if self.upstream.target_session != TargetSession::PreferStandby {
            return self.first_of(self.upstream.target_session, request).await;
        }
        match self.first_of(TargetSession::Standby, request).await {
            // Nobody is a standby, or those that are do not answer: then any.
            Err(LinkError::NoneSuits { .. } | LinkError::Unreachable { .. } | LinkError::TimedOut { .. }) => {
                self.first_of(TargetSession::Any, request).await
            }
            other => other,
        }
    }

    /// As libpq: a host that cannot be reached, is starting up or is of another kind is passed over; one that answers
    /// with any other error ends the search.
    async fn first_of(&self, wanted: TargetSession, request: Request<'_>) -> Result<Link, LinkError> {
        let mut last = LinkError::Unreachable { reason: "no host is configured".into() };
        for host in &self.upstream.hosts {
            for reached in match addresses(host, self.upstream.connect_timeout).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(error = ?error.to_string(), "upstream host passed over");
                    last = error;
                    continue;
                }
            } {
                match self.at(&reached, wanted, request).await {
                    Ok(link) => return Ok(link),
                    Err(error) if error.try_next_host() => {
                        tracing::warn!(error = ?error.to_string(), ?reached, "upstream host passed over");
                        // A server that is there and of another kind says more than one that is not there.
                        if !matches!(last, LinkError::NoneSuits { .. }) {
                            last = error;
                        }
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Err(last)
    }

    async fn at(&self, reached: &Reached, wanted: TargetSession, request: Request<'_>) -> Result<Link, LinkError> {
        let mut first = None;
        for encryption in dial::attempts(self.upstream.tls.mode, reached) {
            let attempt = timeout(self.upstream.connect_timeout, self.attempt(reached, *encryption, wanted, request));
            match attempt.await {
                Err(_) => return Err(LinkError::TimedOut { after: self.upstream.connect_timeout }),
                // `prefer` and `allow` try once more the other way.
                Ok(Err(error)) if error.other_encryption_may_help() && first.is_none() => {
                    tracing::debug!(error = ?error.to_string(), ?reached, ?encryption, "no link this way");
                    first = Some(error);
                }
                Ok(done) => return done,
            }
        }
        Err(first.unwrap_or_else(|| LinkError::Unreachable { reason: "no way to connect is left".into() }))
    }

    async fn attempt(
        &self,
        reached: &Reached,
        encryption: dial::Encryption,
        wanted: TargetSession,
        request: Request<'_>,
    ) -> Result<Link, LinkError> {
        let dialled = dial::dial(reached, encryption, self.tls.as_ref(), self.upstream.tls.direct, &self.keepalive).await?;
        let tls = self.tls.clone().filter(|_| dialled.stream.is_tls());
        let rules = login::Rules {
            binding: self.upstream.tls.channel_binding,
            minor: self.minor.number(),
            local: matches!(reached, Reached::Unix(_)),
        };
        let (mut stream, greeting) = login::log_in(dialled, rules, request, &self.keys).await?;
        if let Err(error) = suits(&greeting.parameters, wanted) {
            goodbye(&mut stream).await;
            return Err(error);
        }
        let canceller = greeting.key.map(|(process_id, key)| Canceller {
            process_id,
            key,
            reached: reached.clone(),
            tls,
            direct: self.upstream.tls.direct,
        });
        Ok(Link {
            stream,
            buffered: greeting.rest,
            parameters: greeting.parameters,
            notices: greeting.notices,
            canceller,
            reached: reached.clone(),
        })
    }
}

/// A link that one session is done with and no other has yet.
#[derive(Debug)]
pub struct Spare {
    pub stream: Stream,
    pub parameters: Vec<Parameter>,
    pub canceller: Option<Canceller>,
}

impl Spare {
    /// Takes back everything that a session may have left in it.
    pub async fn renew(&mut self, received: &[u8]) -> Result<(), LinkError> {
        renew::renew(&mut self.stream, received, &mut self.parameters).await
    }

    /// Takes leave of the server and waits, within a bound, until it has let go of the connection.
    pub async fn close(mut self) {
        let leave = async {
            goodbye(&mut self.stream).await;
            let mut nothing = [0; 64];
            while matches!(self.stream.read(&mut nothing).await, Ok(1..)) {}
        };
        timeout(GOODBYE, leave).await.ok();
    }
}

impl Connector {
    /// Finds out whether a link that lay idle can be used on this thread: it lives, and its server is still of the kind wanted.
    pub async fn revive(&self, spare: &mut Spare) -> Result<(), LinkError> {
        spare.stream.transport_mut().take_over()?;
        renew::check(&mut spare.stream, &mut spare.parameters).await?;
        suits(&spare.parameters, self.upstream.target_session)
    }
}

impl Canceller {
    /// Asks the server to cancel what runs on the link and waits, within a bound, until the server has taken the request.
    /// TLS is used if the link uses it: the key is as good as the link.
    pub async fn cancel(&self) -> Result<(), LinkError> {
        let ask = async {
            let encryption = if self.tls.is_some() { dial::Encryption::Must } else { dial::Encryption::Never };
            let dialled = dial::dial(&self.reached, encryption, self.tls.as_ref(), self.direct, &Keepalive::default()).await?;
            let mut stream = dialled.stream;
            let mut out = Vec::new();
            startup::write_cancel(&mut out, self.process_id, &self.key);
            stream.write_all(&out).await?;
            stream.flush().await?;
            // The server answers nothing and closes. Only then is the request sure to have been read.
            let mut nothing = [0; 1];
            match stream.read(&mut nothing).await {
                Ok(0) => Ok(()),
                Ok(_) => Err(LinkError::Protocol("bytes in answer to a cancel request")),
                // A server that closes without TLS's own goodbye, or with a reset, has closed all the same.
                Err(error) if closed(&error) => Ok(()),
                Err(error) => Err(error.into()),
            }
        };
        timeout(CANCEL_TIMEOUT, ask).await.unwrap_or(Err(LinkError::TimedOut { after: CANCEL_TIMEOUT }))
    }
}

fn closed(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
}

/// Every address of a host, in the resolver's order.
async fn addresses(host: &Host, patience: Duration) -> Result<Vec<Reached>, LinkError> {
    let (name, port) = match host {
        Host::Unix { folder, port } => return Ok(vec![Reached::Unix(folder.join(format!(".s.PGSQL.{port}")))]),
        Host::Tcp { name, port } => (name, *port),
    };
    let tcp = |address| Reached::Tcp { name: name.clone(), address };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(vec![tcp((address, port).into())]);
    }
    match timeout(patience, tokio::net::lookup_host((name.as_str(), port))).await {
        Err(_) => Err(LinkError::TimedOut { after: patience }),
        Ok(Err(error)) => Err(LinkError::Unreachable { reason: format!("host name \"{name}\" could not be resolved: {error}") }),
        Ok(Ok(found)) => match found.take(MOST_ADDRESSES).map(tcp).collect::<Vec<_>>() {
            none if none.is_empty() => Err(LinkError::Unreachable { reason: format!("host name \"{name}\" has no address") }),
            some => Ok(some),
        },
    }
}

/// Whether this server is of the kind wanted, by what servers since 14 report unasked.
fn suits(parameters: &[Parameter], wanted: TargetSession) -> Result<(), LinkError> {
    let on = |name: &str| {
        let found = parameters.iter().find(|(key, _)| &**key == name.as_bytes());
        found
            .map(|(_, value)| &**value == b"on")
            .ok_or(LinkError::NoneSuits { reason: "the server does not report whether it takes writes" })
    };
    let (fits, reason) = match wanted {
        TargetSession::Any | TargetSession::PreferStandby => (true, ""),
        TargetSession::ReadWrite => {
            (!on("in_hot_standby")? && !on("default_transaction_read_only")?, "no server takes writes (target_session_attrs=read-write)")
        }
        TargetSession::ReadOnly => {
            (on("in_hot_standby")? || on("default_transaction_read_only")?, "no server is read-only (target_session_attrs=read-only)")
        }
        TargetSession::Primary => (!on("in_hot_standby")?, "no server is a primary (target_session_attrs=primary)"),
        TargetSession::Standby => (on("in_hot_standby")?, "no server is a standby (target_session_attrs=standby)"),
    };
    if fits { Ok(()) } else { Err(LinkError::NoneSuits { reason }) }
}

/// Takes leave of a server that is not the one.
async fn goodbye(stream: &mut Stream<Socket>) {
    let mut out = Vec::new();
    write::message(&mut out, b'X', |_| {});
    if stream.write_all(&out).await.is_err() || stream.shutdown().await.is_err() {
        tracing::debug!("a server that was passed over closed first");
    }
}
