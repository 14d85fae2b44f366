//! The running server as a command reaches it: by HTTP with a person's own credential, never by the state folder. A password is sent over TLS or
//! within this machine, and nowhere else.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Failure, Place, prompt};
use crate::host::config::host;
use crate::host::people;
use crate::host::secret::Secret;
use crate::host::state::State;
use crate::host::tls;
use crate::host::upstream::Roots;
use crate::host::web::{Said, Token};

/// To connect, and again for TLS.
const CONNECT: Duration = Duration::from_secs(10);
/// A sign-in may have to wait its turn.
const ANSWER: Duration = Duration::from_secs(75);
/// The longest statement there is, twice for its escapes.
const MOST_ANSWER: usize = 256 << 20;

#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("where the server is, is not known: give --server URL (it prints `people decide at URL` when it starts)")]
    NoServer,
    #[error("{0:?} is no address of a server: write https://HOST or http://127.0.0.1:PORT")]
    Address(String),
    #[error("a password is sent over https, or within this machine: {0} is neither")]
    Clear(String),
    #[error("{server} cannot be reached: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("{server}: TLS: {reason}; give the authority's certificate with --ca FILE")]
    Tls { server: String, reason: String },
    #[error("{0}")]
    Trust(#[from] tls::TlsError),
    #[error("{server} answered what no pgsluice answers: {reason}")]
    Strange { server: String, reason: String },
    #[error("{0}")]
    Said(String),
    #[error("cannot read {file}: {reason}", file = file.display())]
    PasswordFile { file: PathBuf, reason: std::io::Error },
}

/// Who asks, and whom.
#[derive(Debug, Args)]
pub struct Whom {
    /// The server's address for people [default: the one that runs on this state folder] [env: PGSLUICE_SERVER]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Trust this authority's certificate and no other [env: PGSLUICE_CA]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Your name as a reviewer [default: your name at the system] [env: PGSLUICE_REVIEWER]
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// A server that knows who asks.
pub struct Remote {
    runtime: tokio::runtime::Runtime,
    sender: http1::SendRequest<Full<Bytes>>,
    server: String,
    authority: String,
    token: Option<Secret>,
    pub name: String,
}

impl Whom {
    /// Signs in.
    pub fn reach(self, environment: &BTreeMap<String, String>) -> Result<Remote, Failure> {
        let given = |name: &str| environment.get(name).filter(|text| !text.is_empty()).cloned();
        let ca = self.ca.or_else(|| given("PGSLUICE_CA").map(PathBuf::from));
        let name = self.name.or_else(|| given("PGSLUICE_REVIEWER")).or_else(|| people::current_user(environment));
        let name = name.ok_or(Failure::NoName)?;
        let server = match self.server.or_else(|| given("PGSLUICE_SERVER")) {
            Some(server) => server,
            None => {
                let folder = self.place.local(environment)?.state;
                let listener = if folder.exists() { State::open(&folder)?.listener()? } else { None };
                listener.and_then(|listener| listener.web).ok_or(RemoteError::NoServer)?
            }
        };
        let mut remote = Remote::connect(&server, ca, name)?;
        let password = password(environment, &remote.name)?;
        let credential = json!({ "name": remote.name, "password": password.expose() });
        let Token { token } = remote.call(Method::POST, "/api/sign-in", Some(&credential))?;
        remote.token = Some(Secret::new(token));
        Ok(remote)
    }
}

fn password(environment: &BTreeMap<String, String>, name: &str) -> Result<Secret, Failure> {
    let given = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    if let Some(password) = given("PGSLUICE_REVIEWER_PASSWORD") {
        return Ok(Secret::new(password.clone()));
    }
    if let Some(file) = given("PGSLUICE_REVIEWER_PASSWORD_FILE").map(PathBuf::from) {
        let text = std::fs::read_to_string(&file).map_err(|reason| RemoteError::PasswordFile { file, reason })?;
        return Ok(Secret::new(text.lines().next().unwrap_or_default()));
    }
    prompt::password(&format!("Password of {name}"))
}

impl Remote {
    fn connect(server: &str, ca: Option<PathBuf>, name: String) -> Result<Self, Failure> {
        let wrong = || RemoteError::Address(server.to_owned());
        let url: Uri = server.parse().map_err(|_| wrong())?;
        let encrypted = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong().into()),
        };
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(wrong)?.to_string();
        let host = host(&url).to_owned();
        let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let roots = ca.map_or(Roots::Platform, Roots::File);
        let tls = if encrypted { Some(tls::verifying(&roots, None).map_err(RemoteError::from)?) } else { None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let sender = runtime.block_on(async {
            let stream = dial(server, &host, port, encrypted).await?;
            match tls {
                None => shake(server, TokioIo::new(stream)).await,
                Some(tls) => {
                    let name = ServerName::try_from(host.clone()).map_err(|_| wrong())?;
                    let failed = |reason: String| RemoteError::Tls { server: server.to_owned(), reason };
                    let stream =
                        timeout(CONNECT, tls.connect(name, stream)).await.map_err(|_| failed("no answer within 10s".to_owned()))?;
                    shake(server, TokioIo::new(stream.map_err(|error| failed(error.to_string()))?)).await
                }
            }
        })?;
        Ok(Self { runtime, sender, server: server.to_owned(), authority, token: None, name })
    }

    /// Calls; whatever was refused is a failure in the server's words.
    pub fn call<T: DeserializeOwned>(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<T, RemoteError> {
        let (status, bytes) = self.exchange(method, path, body)?;
        let strange = |reason: String| RemoteError::Strange { server: self.server.clone(), reason };
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(|error| strange(error.to_string()));
        }
        let said: Said = serde_json::from_slice(&bytes).map_err(|_| strange(status.to_string()))?;
        Err(RemoteError::Said(said.message))
    }

    fn exchange(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Bytes), RemoteError> {
        let unreachable = |reason: String| RemoteError::Unreachable { server: self.server.clone(), reason };
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(|error| unreachable(error.to_string()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(bytes)).map_err(|error| unreachable(error.to_string()))?;
        let sender = &mut self.sender;
        let exchanged = self.runtime.block_on(async {
            timeout(ANSWER, async {
                sender.ready().await.map_err(|error| error.to_string())?;
                let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
                let status = answer.status();
                let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await.map_err(|error| error.to_string())?;
                Ok::<_, String>((status, body.to_bytes()))
            })
            .await
        });
        exchanged.map_err(|_| unreachable("no answer within 75s".to_owned()))?.map_err(unreachable)
    }
}

/// The token lives minutes; it need not live longer than the command.
impl Drop for Remote {
    fn drop(&mut self) {
        if self.token.is_some() {
            self.exchange(Method::POST, "/api/sign-out", None).ok();
        }
    }
}

async fn dial(server: &str, host: &str, port: u16, encrypted: bool) -> Result<TcpStream, RemoteError> {
    let unreachable = |reason: String| RemoteError::Unreachable { server: server.to_owned(), reason };
    let near = |address: &SocketAddr| IpAddr::to_canonical(&address.ip()).is_loopback();
    let found = timeout(CONNECT, tokio::net::lookup_host((host, port))).await;
    let found: Vec<_> = found
        .map_err(|_| unreachable("its name was not found in time".to_owned()))?
        .map_err(|error| unreachable(error.to_string()))?
        .collect();
    if !encrypted && !found.iter().all(near) {
        return Err(RemoteError::Clear(server.to_owned()));
    }
    let mut last = "its name has no address".to_owned();
    for address in found {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => last = format!("{address} does not answer"),
        }
    }
    Err(unreachable(last))
}

async fn shake<S>(server: &str, stream: TokioIo<S>) -> Result<http1::SendRequest<Full<Bytes>>, RemoteError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let opened = timeout(CONNECT, http1::handshake(stream)).await;
    let failed = |reason: String| RemoteError::Unreachable { server: server.to_owned(), reason };
    let (sender, connection) = opened.map_err(|_| failed("no answer".to_owned()))?.map_err(|error| failed(error.to_string()))?;
    // It ends when the sender is dropped; what went wrong is told to who awaits an answer.
    tokio::spawn(async move { connection.await.ok() });
    Ok(sender)
}
