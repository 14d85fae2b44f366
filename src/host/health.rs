//! The health page: whether the process lives, and whether it can do its work. It is open to whoever can reach its address, so it
//! tells numbers and nothing else, of itself and of what is counted. What the numbers are made of it is told by a closure.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::metrics::Render;

/// Connections at once. Who asks is a supervisor or two.
const MOST: usize = 32;
/// One question and its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A question fits in far less.
const MOST_HEAD: usize = 8 << 10;
/// After an error that does not go away by itself (no file handles are left), the next try waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What is known right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Vitals {
    pub journal: JournalVitals,
    /// Records that the index does not have yet; missing where there is none.
    pub index_lag: Option<u64>,
    pub sinks: Vec<SinkVitals>,
    /// Places that are told of holds.
    pub notices: Vec<NoticeVitals>,
    /// Whether the server can be reached; missing where it was not tried.
    pub upstream: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JournalVitals {
    /// Why nothing can be recorded, so that nothing can run: a word from a list.
    pub trouble: Option<&'static str>,
    /// The last record.
    pub last: u64,
    /// The last one that is on disk.
    pub synced: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SinkVitals {
    pub name: String,
    /// Records that have not arrived there.
    pub lag: u64,
    pub failing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeVitals {
    pub name: String,
    /// Messages that have not arrived there.
    pub waiting: u64,
    /// Those that never did and are not tried any more.
    pub dead: u64,
    pub failing: bool,
}

impl Vitals {
    /// Whether agents can work. Neither the index nor a sink is needed for that: they catch up.
    pub fn is_ready(&self) -> bool {
        self.journal.trouble.is_none()
    }
}

pub type Ask = Arc<dyn Fn() -> Vitals + Send + Sync>;
/// What is counted, as Prometheus reads it.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers for ever.
pub async fn serve(listener: TcpListener, ask: Ask, metrics: Render) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (ask, metrics) = (Arc::clone(&ask), Arc::clone(&metrics));
                tokio::spawn(async move {
                    let answer = service_fn(|request| {
                        let answer = answer(&request, &ask, &metrics);
                        async { Ok::<_, Infallible>(answer) }
                    });
                    let connection =
                        http1::Builder::new().keep_alive(false).max_buf_size(MOST_HEAD).serve_connection(TokioIo::new(stream), answer);
                    // Whoever asks wrongly or too slowly is not worth a line in the log.
                    tokio::time::timeout(PATIENCE, connection).await.ok();
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection to the health page could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn answer(request: &Request<Incoming>, ask: &Ask, metrics: &Render) -> Response<Full<Bytes>> {
    let mut kind = "application/json";
    let (status, text) = match (request.uri().path(), request.method()) {
        ("/healthz", &Method::GET) => (StatusCode::OK, "{\"alive\":true}".to_owned()),
        ("/readyz", &Method::GET) => {
            let vitals = ask();
            let status = if vitals.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, serde_json::to_string(&vitals).unwrap_or_default())
        }
        ("/metrics", &Method::GET) => {
            kind = METRICS;
            (StatusCode::OK, metrics())
        }
        ("/healthz" | "/readyz" | "/metrics", _) => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let allowed = (status == StatusCode::METHOD_NOT_ALLOWED).then_some("GET");
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    if let Some(allowed) = allowed {
        headers.insert(ALLOW, hyper::header::HeaderValue::from_static(allowed));
    }
    response
}
