//! One POST after the other over one connection, signed as Standard Webhooks says where there is a secret. No redirect is followed. What a
//! status means is for the sender to say.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;

use super::Failure;
use super::dial::{Reach, Target};
use crate::host::config::{Webhook, host, is_near};
use crate::host::tls::{self, TlsError};

/// From sending a message to its whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is read of an answer: behind a longer one the connection is not used again.
const MOST_ANSWER: usize = 64 << 10;
/// What is held of an answer's head.
const MOST_HEAD: usize = 64 << 10;

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    /// Below the address that is configured; `None` for that address itself.
    pub call: Option<&'m str>,
    pub kind: &'static str,
    /// The same whenever the same message is sent again, by which its receiver knows it.
    pub id: &'m str,
    pub body: &'m [u8],
}

/// What came back, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// How long nothing more is wanted.
    pub retry_after: Option<Duration>,
    /// Nothing where it is longer than anybody needs.
    pub body: Vec<u8>,
}

impl Answer {
    /// Why a message was not taken, in words without a secret.
    pub fn refusal(&self) -> Failure {
        let more = if self.status.is_redirection() { "; redirects are not followed, name the place itself" } else { "" };
        Failure::new(format!("it answered {}{more}", self.status.as_u16()))
    }
}

pub struct Poster {
    target: Target,
    webhook: Webhook,
    key: Option<hmac::Key>,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
}

impl fmt::Debug for Poster {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Poster").field("webhook", &self.webhook).finish_non_exhaustive()
    }
}

impl Poster {
    /// `back` says whether a name may lead to this machine; an address that says that it is this machine always may.
    pub fn new(webhook: &Webhook, back: bool) -> Result<Self, TlsError> {
        let encrypted = webhook.url.scheme_str() == Some("https");
        let target = Target {
            host: host(&webhook.url).to_owned(),
            port: webhook.url.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            tls: if encrypted { Some(tls::verifying(&webhook.roots, None)?) } else { None },
            reach: match (encrypted, back || is_near(&webhook.url)) {
                (false, _) => Reach::Near,
                (true, true) => Reach::All,
                (true, false) => Reach::Away,
            },
            send_buffer: None,
        };
        let key = webhook.secret.as_ref().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
        Ok(Self { target, webhook: webhook.clone(), key, connection: None })
    }

    pub async fn post(&mut self, message: Message<'_>) -> Result<Answer, Failure> {
        let sent = tokio::time::timeout(PATIENCE, self.exchange(message)).await;
        let answer = sent.unwrap_or_else(|_| Err(Failure::new("no answer within 30s")));
        if answer.as_ref().map_or(true, |answer| !answer.status.is_success()) {
            self.connection = None;
        }
        answer
    }

    async fn exchange(&mut self, message: Message<'_>) -> Result<Answer, Failure> {
        let request = self.request(message).map_err(|error| Failure::new(format!("the request: {error}")))?;
        let mut connection = match self.connection.take() {
            Some(open) if open.is_ready() => open,
            Some(_) | None => self.open().await?,
        };
        let answer = connection.send_request(request).await.map_err(|error| Failure::new(format!("HTTP: {error}")))?;
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        let body = match Limited::new(answer.into_body(), MOST_ANSWER).collect().await {
            Ok(body) => {
                self.connection = Some(connection);
                body.to_bytes().to_vec()
            }
            Err(error) if error.is::<http_body_util::LengthLimitError>() => Vec::new(),
            // What it said of a refusal is not needed.
            Err(_) if !status.is_success() => Vec::new(),
            Err(error) => return Err(Failure::new(format!("the answer ended within: {error}"))),
        };
        Ok(Answer { status, retry_after, body })
    }

    async fn open(&self) -> Result<http1::SendRequest<Full<Bytes>>, Failure> {
        let stream = TokioIo::new(self.target.connect().await?);
        let opened = http1::Builder::new().max_buf_size(MOST_HEAD).handshake(stream).await;
        let (sender, connection) = opened.map_err(|error| Failure::new(format!("HTTP: {error}")))?;
        // It ends when the sender is dropped; what went wrong is told to who awaits an answer.
        tokio::spawn(async move { connection.await.ok() });
        Ok(sender)
    }

    fn request(&self, message: Message<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let url = &self.webhook.url;
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let path = message.call.map_or_else(|| path.to_owned(), |call| format!("{}/{call}", path.trim_end_matches('/')));
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(HOST, url.authority().map_or("", |authority| authority.as_str()))
            .header(USER_AGENT, concat!("pgsluice/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, message.kind)
            .header("webhook-id", message.id)
            .header("webhook-timestamp", &time);
        if let Some(key) = &self.key {
            let mut context = hmac::Context::with_key(key);
            for part in [message.id.as_bytes(), b".", time.as_bytes(), b".", message.body] {
                context.update(part);
            }
            request = request.header("webhook-signature", format!("v1,{}", STANDARD.encode(context.sign())));
        }
        if let Some(authorization) = &self.webhook.authorization {
            let mut value = HeaderValue::from_str(authorization.expose())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::new(Bytes::copy_from_slice(message.body)))
    }
}

/// In seconds; a date is none that anybody sends here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
