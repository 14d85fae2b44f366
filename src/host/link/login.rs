//! The login at the server and what it says until it is ready. The server is believed nothing that it could have been
//! made to say by somebody in between: what was asked for decides.
#![allow(clippy::wildcard_enum_match_arm, reason = "every message that is not named is out of place, also one that comes to be")]

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::dial::Dialled;
use super::scram::{Binding, Opened};
use super::{KnownKeys, LinkError, Parameter, Request, ServerError};
use crate::host::inbox::{Inbox, Message};
use crate::host::stream::Stream;
use crate::host::upstream::{ChannelBinding, Credential};
use crate::wire::ProtocolError;
use crate::wire::authentication::{self, Request as Ask};
use crate::wire::backend::{Backend, Fields, NegotiateProtocolVersion, ParameterStatus, TransactionStatus};
use crate::wire::frame::Caps;
use crate::wire::startup::{self, CancelKey};

const SCRAM: &str = "SCRAM-SHA-256";
const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";
/// Messages between the startup packet and ReadyForQuery. A real server sends some twenty.
const MOST_MESSAGES: usize = 1024;
/// Notices kept for the client; the rest of them is dropped.
const MOST_NOTICES: usize = 16;

/// What a server may say during a login, and how long.
struct LoginCaps;

impl Caps for LoginCaps {
    fn cap(&self, tag: u8) -> Option<usize> {
        match tag {
            // libpq's limits.
            b'R' => Some(2_000),
            b'E' | b'N' => Some(30_000),
            // A search_path or application_name can be long; nothing is as long as this.
            b'S' => Some(30_000),
            b'v' => Some(2_000),
            b'K' => Some(4 + CancelKey::LONGEST),
            b'Z' => Some(1),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub binding: ChannelBinding,
    pub minor: u16,
    /// A Unix socket: nobody is in between.
    pub local: bool,
}

/// What the server said after it let us in.
#[derive(Debug)]
pub(super) struct Greeting {
    pub parameters: Vec<Parameter>,
    pub notices: Vec<Bytes>,
    pub key: Option<(i32, CancelKey)>,
    pub rest: BytesMut,
}

struct Server<S> {
    stream: Stream<S>,
    end_point: Option<Vec<u8>>,
    inbox: Inbox,
    notices: Vec<Bytes>,
    messages_left: usize,
    rules: Rules,
}

pub(super) async fn log_in<S>(
    dialled: Dialled<S>,
    rules: Rules,
    request: Request<'_>,
    known: &KnownKeys,
) -> Result<(Stream<S>, Greeting), LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Dialled { stream, end_point } = dialled;
    let mut server = Server { stream, end_point, inbox: Inbox::default(), notices: Vec::new(), messages_left: MOST_MESSAGES, rules };
    let own = [("user", request.credential.user.as_str()), ("database", request.database)];
    let settings = request.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut out = Vec::new();
    startup::write_startup(&mut out, rules.minor, own.into_iter().chain(settings));
    server.send(&out).await?;
    server.authenticate(request.credential, known).await?;
    server.greeting().await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Server<S> {
    async fn send(&mut self, out: &[u8]) -> Result<(), LinkError> {
        self.stream.write_all(out).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next message that is not a notice.
    async fn next(&mut self) -> Result<Message, LinkError> {
        loop {
            self.messages_left = self.messages_left.checked_sub(1).ok_or(LinkError::Protocol("a login without an end"))?;
            let message = self.inbox.message(&LoginCaps, &mut self.stream).await?;
            if message.tag != b'N' {
                return Ok(message);
            }
            if self.notices.len() < MOST_NOTICES {
                self.notices.push(message.whole);
            }
        }
    }

    /// The next authentication request.
    async fn ask(&mut self) -> Result<Message, LinkError> {
        let message = self.next().await?;
        match message.as_servers()? {
            Backend::Authentication(_) => Ok(message),
            Backend::ErrorResponse(fields) => Err(refused(fields)),
            _ => Err(LinkError::Protocol("message out of place during authentication")),
        }
    }

    /// Before the first one the server may say which protocol it speaks, once.
    async fn first_ask(&mut self) -> Result<Message, LinkError> {
        let message = self.next().await?;
        match message.as_servers()? {
            Backend::NegotiateProtocolVersion(spoken) => {
                check_spoken(spoken, self.rules.minor)?;
                self.ask().await
            }
            Backend::Authentication(_) => Ok(message),
            Backend::ErrorResponse(fields) => Err(refused(fields)),
            _ => Err(LinkError::Protocol("message out of place during authentication")),
        }
    }

    async fn authenticate(&mut self, credential: &Credential, known: &KnownKeys) -> Result<(), LinkError> {
        let message = self.first_ask().await?;
        let mut out = Vec::new();
        let asked = authentication::request(message.body())?;
        if self.rules.binding == ChannelBinding::Require && !matches!(asked, Ask::Sasl(_)) {
            return Err(LinkError::Authentication("channel binding is required and the server does not ask for it".into()));
        }
        match asked {
            Ask::Ok => return Ok(()),
            Ask::Cleartext if self.stream.is_tls() || self.rules.local => {
                authentication::password(&mut out, password(credential)?.as_bytes());
            }
            Ask::Cleartext => {
                return Err(LinkError::Authentication("the server asks for the password in the open, without TLS".into()));
            }
            Ask::Md5 { salt } => authentication::password(&mut out, md5_answer(credential, salt)?.as_bytes()),
            Ask::Sasl(offered) => {
                let (plus, binding) = self.binding(offered)?;
                return self.scram(if plus { SCRAM_PLUS } else { SCRAM }, binding, credential, known).await;
            }
            Ask::SaslContinue(_) | Ask::SaslFinal(_) => return Err(LinkError::Protocol("SASL message out of place")),
            Ask::Other(method) => {
                return Err(LinkError::Authentication(
                    format!("it wants method {method} (Kerberos, GSSAPI or SSPI), which is not spoken here").into(),
                ));
            }
        }
        self.send(&out).await?;
        self.let_in().await
    }

    /// Which mechanism, and the binding that goes with it.
    fn binding(&mut self, offered: authentication::Mechanisms<'_>) -> Result<(bool, Binding), LinkError> {
        let wanted = self.rules.binding != ChannelBinding::Disable;
        let end_point = self.end_point.take().filter(|_| wanted);
        match end_point {
            Some(hash) if offered.contains(SCRAM_PLUS) => Ok((true, Binding::EndPoint(hash))),
            _ if self.rules.binding == ChannelBinding::Require => Err(LinkError::Authentication(
                "channel binding is required and cannot be had: no TLS, a certificate without a hash, or an old server".into(),
            )),
            _ if !offered.contains(SCRAM) => Err(LinkError::Authentication("it offers no SASL mechanism that is spoken here".into())),
            Some(_) => Ok((false, Binding::NotOffered)),
            None => Ok((false, Binding::None)),
        }
    }

    async fn scram(&mut self, mechanism: &str, binding: Binding, credential: &Credential, known: &KnownKeys) -> Result<(), LinkError> {
        let opened = Opened::new(binding).map_err(|error| LinkError::Authentication(error.to_string().into()))?;
        let mut out = Vec::new();
        authentication::sasl_initial_response(&mut out, mechanism, opened.message().as_bytes());
        self.send(&out).await?;

        let message = self.ask().await?;
        let Ask::SaslContinue(challenge) = authentication::request(message.body())? else {
            return Err(LinkError::Authentication("it skipped the SCRAM challenge".into()));
        };
        let (answer, proven) = opened.answer(challenge, credential, known).await?;
        out.clear();
        authentication::sasl_response(&mut out, answer.as_bytes());
        self.send(&out).await?;

        let message = self.ask().await?;
        let Ask::SaslFinal(last) = authentication::request(message.body())? else {
            return Err(LinkError::Authentication("it did not prove that it knows the password".into()));
        };
        proven.check(last)?;
        self.let_in().await
    }

    async fn let_in(&mut self) -> Result<(), LinkError> {
        let message = self.ask().await?;
        match authentication::request(message.body())? {
            Ask::Ok => Ok(()),
            Ask::Cleartext | Ask::Md5 { .. } | Ask::Sasl(_) | Ask::SaslContinue(_) | Ask::SaslFinal(_) | Ask::Other(_) => {
                Err(LinkError::Protocol("a second authentication request"))
            }
        }
    }

    async fn greeting(mut self) -> Result<(Stream<S>, Greeting), LinkError> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut key = None;
        loop {
            let message = self.next().await?;
            match message.as_servers()? {
                Backend::ParameterStatus(ParameterStatus { name, value }) if !name.is_empty() => {
                    match parameters.iter_mut().find(|(known, _)| &**known == name) {
                        Some((_, old)) => *old = value.into(),
                        None => parameters.push((name.into(), value.into())),
                    }
                }
                Backend::BackendKeyData(data) if key.is_none() => {
                    let secret = CancelKey::new(data.secret).ok_or(LinkError::Protocol("cancel key of a wrong length"))?;
                    key = Some((data.process_id, secret));
                }
                Backend::ReadyForQuery(TransactionStatus::Idle) => break,
                Backend::ErrorResponse(fields) => return Err(refused(fields)),
                _ => return Err(LinkError::Protocol("message out of place before the first ReadyForQuery")),
            }
        }
        let greeting = Greeting { parameters, notices: self.notices, key, rest: self.inbox.into_rest() };
        Ok((self.stream, greeting))
    }
}

/// The server may speak an older minor version than we asked for, never a newer one, and we ask for no extensions that
/// it could fail to know.
fn check_spoken(spoken: NegotiateProtocolVersion<'_>, asked: u16) -> Result<(), ProtocolError> {
    let [a, b, c, d] = spoken.newest.to_be_bytes();
    // Servers before 14 write the minor version alone, newer ones the whole.
    let major = u16::from_be_bytes([a, b]);
    let minor = u16::from_be_bytes([c, d]);
    let known = (major == startup::PROTOCOL_MAJOR || major == 0) && minor < asked;
    if known && spoken.options.is_empty() {
        Ok(())
    } else {
        Err(ProtocolError("NegotiateProtocolVersion that does not answer what was asked"))
    }
}

/// Class 28 is about our own login, even where the server finds it only after the password was right.
fn refused(fields: Fields<'_>) -> LinkError {
    let error = ServerError::read(fields);
    if error.code.starts_with("28") { LinkError::SignIn { code: error.code, reason: error.message } } else { LinkError::Server(error) }
}

fn password(credential: &Credential) -> Result<&str, LinkError> {
    let password = credential.password.as_ref();
    Ok(password.ok_or(LinkError::Authentication("the server asks for a password and none is configured".into()))?.expose())
}

/// `md5(md5(password + user) + salt)`, in hexadecimal.
fn md5_answer(credential: &Credential, salt: [u8; 4]) -> Result<String, LinkError> {
    let inner = hex(&Md5::new().chain_update(password(credential)?).chain_update(&credential.user).finalize());
    Ok(format!("md5{}", hex(&Md5::new().chain_update(inner).chain_update(salt).finalize())))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a String cannot fail.
        if write!(out, "{byte:02x}").is_err() {
            out.clear();
        }
        out
    })
}
