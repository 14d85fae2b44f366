//! Questions to the provider: one connection each, to a host that the configuration names, bounded in time and in what is read. No redirect is
//! followed. It does not know what is asked.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::host::config::{Oidc, host};
use crate::host::outgoing::Failure;
use crate::host::outgoing::{Reach, Target};
use crate::host::tls::{self, TlsError};

/// From the question to its whole answer: somebody waits for their page meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);
/// A person with thousands of groups, or a set of many keys.
const MOST_ANSWER: usize = 1 << 20;
const MOST_HEAD: usize = 64 << 10;

/// No question was answered, and why. It names no secret.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(String);

impl From<Failure> for NoAnswer {
    fn from(failure: Failure) -> Self {
        Self(failure.to_string())
    }
}

/// Where a provider may be asked, and how.
pub struct Caller {
    hosts: BTreeSet<String>,
    /// `None` where the provider is on this machine and speaks clear text.
    tls: Option<TlsConnector>,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Caller").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Caller {
    pub fn new(settings: &Oidc) -> Result<Self, TlsError> {
        let encrypted = settings.issuer.starts_with("https:");
        let issuer = settings.issuer.parse::<Uri>().ok().and_then(|issuer| place(&issuer));
        let hosts = settings.hosts.iter().map(|host| host.to_ascii_lowercase()).chain(issuer).collect();
        Ok(Self { hosts, tls: if encrypted { Some(tls::verifying(&settings.roots, None)?) } else { None } })
    }

    /// Whether the configuration names the host of this address; and what is clear text is on this machine.
    pub fn may_lead_to(&self, url: &str) -> bool {
        url.parse::<Uri>().is_ok_and(|url| self.target(&url).is_ok())
    }

    fn target(&self, url: &Uri) -> Result<Target, NoAnswer> {
        let encrypted = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(NoAnswer("an address of the provider is neither http nor https".to_owned())),
        };
        // A provider with https has nothing to say in clear text.
        if encrypted != self.tls.is_some() {
            return Err(NoAnswer("an address of the provider is encrypted otherwise than its issuer".to_owned()));
        }
        if !place(url).is_some_and(|place| self.hosts.contains(&place)) {
            let named = host(url).escape_debug();
            return Err(NoAnswer(format!(
                "the provider sends us to {named}, which is not the issuer's host: name it in oidc.hosts if it is right"
            )));
        }
        let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        Ok(Target {
            host: host(url).to_owned(),
            port,
            tls: self.tls.clone(),
            reach: if encrypted { Reach::All } else { Reach::Near },
            send_buffer: None,
        })
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        timeout(PATIENCE, self.converse(request))
            .await
            .unwrap_or_else(|_| Err(NoAnswer("the provider gave no answer within 10s".to_owned())))
    }

    async fn converse(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let target = self.target(request.uri())?;
        let failed = |error: hyper::Error| NoAnswer(format!("HTTP: {error}"));
        let stream = TokioIo::new(target.connect().await?);
        let (mut sender, connection) = http1::Builder::new().max_buf_size(MOST_HEAD).handshake(stream).await.map_err(failed)?;
        // It ends when the sender is dropped; what went wrong is told to who awaits the answer.
        tokio::spawn(async move { connection.await.ok() });
        let answer = sender.send_request(relative(request)?).await.map_err(failed)?;
        let (head, body) = answer.into_parts();
        let body =
            Limited::new(body, MOST_ANSWER).collect().await.map_err(|error| NoAnswer(format!("the answer ended within: {error}")))?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().to_vec()))
    }
}

/// Host, and port where one is written: what the configuration names.
fn place(url: &Uri) -> Option<String> {
    url.authority().filter(|authority| !authority.as_str().contains('@')).map(|authority| authority.as_str().to_ascii_lowercase())
}

/// The same, as HTTP/1.1 has it on the wire.
fn relative(request: HttpRequest) -> Result<Request<Full<Bytes>>, NoAnswer> {
    let (mut head, body) = request.into_parts();
    let wrong = || NoAnswer("an address of the provider cannot be asked".to_owned());
    let authority = head.uri.authority().ok_or_else(wrong)?.as_str();
    let named = HeaderValue::from_str(authority).map_err(|_| wrong())?;
    head.headers.insert(HOST, named);
    head.headers.insert(USER_AGENT, HeaderValue::from_static(concat!("pgsluice/", env!("CARGO_PKG_VERSION"))));
    head.uri = head.uri.path_and_query().map_or("/", |path| path.as_str()).parse().map_err(|_| wrong())?;
    Ok(Request::from_parts(head, Full::new(Bytes::from(body))))
}

impl<'c> AsyncHttpClient<'c> for Caller {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}
