//! Records by HTTP, signed as Standard Webhooks says. A batch keeps its id until it is acknowledged with a 2xx and a whole answer,
//! so that a receiver can tell a repetition. No redirect is followed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ring::hmac;

use super::batch::Batch;
use super::dial::Target;
use super::{Failure, SinkError};
use crate::host::config::{Webhook, host};
use crate::host::tls;

/// From sending a batch to its whole answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is read of an answer, which nobody needs: behind a longer one the connection is not used again.
const MOST_ANSWER: usize = 64 << 10;
/// What is held of an answer's head.
const MOST_HEAD: usize = 64 << 10;

pub struct Sender {
    target: Target,
    webhook: Webhook,
    key: Option<hmac::Key>,
    kind: HeaderValue,
    connection: Option<http1::SendRequest<Full<Bytes>>>,
}

impl Sender {
    pub fn new(webhook: &Webhook, kind: &'static str) -> Result<Self, SinkError> {
        let encrypted = webhook.url.scheme_str() == Some("https");
        let target = Target {
            host: host(&webhook.url).to_owned(),
            port: webhook.url.port_u16().unwrap_or(if encrypted { 443 } else { 80 }),
            tls: if encrypted { Some(tls::verifying(&webhook.roots, None)?) } else { None },
            near_only: !encrypted,
            send_buffer: None,
        };
        let key = webhook.secret.as_ref().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, &secret.0));
        Ok(Self { target, webhook: webhook.clone(), key, kind: HeaderValue::from_static(kind), connection: None })
    }

    pub async fn deliver(&mut self, batch: &Batch) -> Result<(), Failure> {
        let delivered =
            tokio::time::timeout(PATIENCE, self.post(batch)).await.unwrap_or_else(|_| Err(Failure::new("no answer within 30s")));
        if delivered.is_err() {
            self.connection = None;
        }
        delivered
    }

    async fn post(&mut self, batch: &Batch) -> Result<(), Failure> {
        let request = self.request(batch).map_err(|error| Failure::new(format!("the request: {error}")))?;
        let mut connection = match self.connection.take() {
            Some(open) if open.is_ready() => open,
            Some(_) | None => self.open().await?,
        };
        let answer = connection.send_request(request).await.map_err(|error| Failure::new(format!("HTTP: {error}")))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(Failure::new(refusal(status)));
        }
        match Limited::new(answer.into_body(), MOST_ANSWER).collect().await {
            Ok(_) => self.connection = Some(connection),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {}
            Err(error) => return Err(Failure::new(format!("the answer ended within: {error}"))),
        }
        Ok(())
    }

    async fn open(&self) -> Result<http1::SendRequest<Full<Bytes>>, Failure> {
        let stream = TokioIo::new(self.target.connect().await?);
        let opened = http1::Builder::new().max_buf_size(MOST_HEAD).handshake(stream).await;
        let (sender, connection) = opened.map_err(|error| Failure::new(format!("HTTP: {error}")))?;
        // It ends when the sender is dropped; what went wrong is told to who awaits an answer.
        tokio::spawn(async move { connection.await.ok() });
        Ok(sender)
    }

    fn request(&self, batch: &Batch) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let url = &self.webhook.url;
        let (id, time) = (batch.id(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string());
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, url.authority().map_or("", |authority| authority.as_str()))
            .header(USER_AGENT, concat!("pgsluice/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, &self.kind)
            .header("webhook-id", &id)
            .header("webhook-timestamp", &time);
        if let Some(key) = &self.key {
            let mut context = hmac::Context::with_key(key);
            for part in [id.as_bytes(), b".", time.as_bytes(), b".", &batch.bytes] {
                context.update(part);
            }
            request = request.header("webhook-signature", format!("v1,{}", STANDARD.encode(context.sign())));
        }
        if let Some(authorization) = &self.webhook.authorization {
            let mut value = HeaderValue::from_str(authorization.expose())?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::new(Bytes::copy_from_slice(&batch.bytes)))
    }
}

fn refusal(status: StatusCode) -> String {
    let more = if status.is_redirection() { "; redirects are not followed, name the place itself" } else { "" };
    format!("it answered {}{more}", status.as_u16())
}
