//! An agent at the door: from the first byte of a connection to AuthenticationOk, within one deadline. Who the agents
//! are and how failed logins are slowed down is the [`Keeper`]'s; what the agent may then do is not known here.

mod opening;
mod sasl;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::inbox::{Inbox, ReadError};
use super::scram::Verifier;
use super::stream::Stream;
use super::tls::Acceptor;
use crate::wire::report::Report;
use crate::wire::startup::{CancelRequest, Refusal, Startup};
use crate::wire::{ProtocolError, authentication};

/// A last word to a peer that does not read is not waited for longer.
const LAST_WORD: Duration = Duration::from_secs(5);

/// How one listener lets agents in.
#[derive(Debug, Clone)]
pub struct Door {
    /// `None`: this listener has no certificate and speaks no TLS.
    pub tls: Option<Arc<Acceptor>>,
    /// Logins without TLS are refused.
    pub tls_required: bool,
    /// Off behind a balancer that ends TLS: the certificate the agent saw is then not ours.
    pub channel_binding: bool,
    /// For everything until the agent is in, so that a startup that dribbles in holds nothing for long.
    pub deadline: Duration,
}

/// What a login is checked against. A name that does not exist, an agent that was revoked and one that may not come from
/// this address get a verifier too, with `real: false`: the exchange looks the same to the end, and then fails.
#[derive(Debug)]
pub struct Offered {
    pub verifier: Verifier,
    pub real: bool,
}

/// Who knows the agents.
pub trait Keeper {
    /// Awaited before anything is answered, whoever asks: the place to slow guessing down, where a delay tells nothing.
    fn offered(&self, name: &str, from: Option<IpAddr>) -> impl Future<Output = Offered>;

    /// A login failed; told before the agent is.
    fn denied(&self, name: &str, from: Option<IpAddr>);
}

/// How a connection's beginning ended.
#[derive(Debug)]
pub enum Arrival<S> {
    Admitted(Box<Admitted<S>>),
    /// A canceller gets no answer; it waits until the connection is closed, which is when the stream is dropped.
    Cancel(CancelRequest, Stream<S>),
    Left(Departure),
}

/// An agent that proved who it is. AuthenticationOk is sent; ParameterStatus, BackendKeyData and ReadyForQuery are not.
#[derive(Debug)]
pub struct Admitted<S> {
    pub stream: Stream<S>,
    /// What the agent sent already behind its login.
    pub buffered: BytesMut,
    pub agent: String,
    pub database: Option<String>,
    /// In the agent's order, without user, database and replication.
    pub parameters: Vec<(String, String)>,
    /// The minor version of protocol 3 that is spoken: from 2 on cancel keys may be long.
    pub minor: u16,
    /// Logged in with SCRAM-SHA-256-PLUS.
    pub bound: bool,
}

/// Why nobody was let in, for the log. The peer was told already what it may know.
#[derive(Debug, thiserror::Error)]
pub enum Departure {
    #[error("the peer left before it was let in")]
    Closed,
    #[error("the login took longer than its deadline")]
    TimedOut,
    #[error("not a PostgreSQL client: {0}")]
    NotPostgres(&'static str),
    #[error("bytes were sent in the open behind a request for TLS")]
    StuffedBytes,
    #[error("TLS failed: {0}")]
    Tls(std::io::Error),
    #[error("refused with {code}: {message:?}")]
    Refused { code: String, message: String },
    #[error("login denied for {name:?}")]
    Denied { name: String },
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<ReadError> for Departure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Closed,
            ReadError::Io(error) => Self::Io(error),
            ReadError::Protocol(error) => Self::Protocol(error),
        }
    }
}

/// One connection while it is being judged.
struct Caller<S> {
    stream: Stream<S>,
    inbox: Inbox,
}

/// Why one goes away, and what is said first.
struct Leaving {
    why: Departure,
    words: Vec<u8>,
}

impl<E: Into<Departure>> From<E> for Leaving {
    fn from(error: E) -> Self {
        let why = error.into();
        let mut words = Vec::new();
        if let Departure::Protocol(error) = &why {
            Report::fatal("08P01", error.to_string()).write(&mut words);
        }
        Self { why, words }
    }
}

impl Leaving {
    fn told(report: &Report) -> Self {
        let mut words = Vec::new();
        report.write(&mut words);
        Self { why: Departure::Refused { code: report.code.to_string(), message: report.message.to_string() }, words }
    }

    fn refused(refusal: &Refusal) -> Self {
        let mut words = Vec::new();
        refusal.write(&mut words);
        let why = match refusal {
            Refusal::Silent(reason) => Departure::NotPostgres(reason),
            Refusal::Old(text) => Departure::Refused { code: "0A000".into(), message: text.trim_end().to_owned() },
            Refusal::Told(report) => return Self::told(report),
        };
        Self { why, words }
    }

    fn denied(name: &str) -> Self {
        let mut words = Vec::new();
        Report::fatal("28P01", format!("password authentication failed for user \"{name}\"")).write(&mut words);
        Self { why: Departure::Denied { name: name.to_owned() }, words }
    }
}

/// Takes one connection from its first byte to a login. `from` is the peer's address; a Unix socket has none.
pub async fn arrive<S>(stream: S, from: Option<IpAddr>, door: &Door, keeper: &impl Keeper) -> Arrival<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let until = Instant::now() + door.deadline;
    let (mut caller, opening) = match timeout_at(until, opening::open(stream, door)).await {
        Err(_) => return Arrival::Left(Departure::TimedOut),
        Ok(Err(why)) => return Arrival::Left(why),
        Ok(Ok(opened)) => opened,
    };
    let ended = match opening {
        Ok(opening::Opening::Cancel(request)) => {
            return Arrival::Cancel(request, caller.stream);
        }
        Ok(opening::Opening::Startup(startup)) => match timeout_at(until, log_in(&mut caller, &startup, from, door, keeper)).await {
            Ok(Ok(bound)) => return Arrival::Admitted(Box::new(admit(caller, startup, bound))),
            Ok(Err(leaving)) => leaving,
            Err(_) => Leaving { why: Departure::TimedOut, words: Vec::new() },
        },
        Err(leaving) => leaving,
    };
    if let Departure::Denied { name } = &ended.why {
        keeper.denied(name, from);
    }
    hang_up(&mut caller.stream, &ended.words).await;
    Arrival::Left(ended.why)
}

fn admit<S>(caller: Caller<S>, startup: Startup, bound: bool) -> Admitted<S> {
    let minor = startup.spoken_minor();
    let Startup { user, database, parameters, .. } = startup;
    Admitted { stream: caller.stream, buffered: caller.inbox.into_rest(), agent: user, database, parameters, minor, bound }
}

/// The login proper; `true` if it was bound to the channel.
async fn log_in<S>(
    caller: &mut Caller<S>,
    startup: &Startup,
    from: Option<IpAddr>,
    door: &Door,
    keeper: &impl Keeper,
) -> Result<bool, Leaving>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if door.tls_required && !caller.stream.is_tls() {
        return Err(Leaving::told(
            &Report::fatal("28000", "TLS is required to connect here").with_hint("Connect with sslmode=require or a stronger one."),
        ));
    }
    let mut greeting = Vec::new();
    if startup.wants_negotiation() {
        authentication::negotiate_protocol_version(&mut greeting, startup.spoken_minor(), &startup.unrecognised);
    }
    let scram = match &door.tls {
        Some(acceptor) if caller.stream.is_tls() && door.channel_binding => acceptor.bound_scram(),
        Some(_) | None => None,
    };
    let offered = keeper.offered(&startup.user, from).await;
    sasl::check(caller, greeting, scram, &startup.user, offered).await
}

/// Says the last words and closes, within a bound of its own.
async fn hang_up<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut Stream<S>, words: &[u8]) {
    let said = timeout(LAST_WORD, async {
        stream.write_all(words).await?;
        stream.shutdown().await
    });
    // The peer may be gone already; nothing depends on its having heard.
    if !matches!(said.await, Ok(Ok(()))) {
        tracing::debug!("a peer left before its last answer");
    }
}
