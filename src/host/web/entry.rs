//! Connections of people: taken, encrypted where that is configured, bounded in number, in time and in what they may send. It does not know
//! what is asked.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Extension;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::host::tls::WebAcceptor;

/// Connections at once: some browsers of some people, each with a few.
const MOST: usize = 512;
/// The handshake of TLS.
const GREETING: Duration = Duration::from_secs(10);
/// The head of a request, from the first byte, and the silence before it.
const HEAD: Duration = Duration::from_secs(30);
const MOST_HEAD: usize = 16 << 10;
/// Whoever reads a page slowly reads it in this time; a browser connects again.
const LONGEST: Duration = Duration::from_secs(300);
/// After an error that does not go away by itself (no file handles are left), the next try waits.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    pub address: IpAddr,
    pub tls: bool,
}

/// Answers for ever.
pub async fn accept(listener: TcpListener, tls: Option<WebAcceptor>, router: &Router) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        // It is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let peer = Peer { address: from.ip().to_canonical(), tls: tls.is_some() };
                let (tls, router) = (tls.clone(), router.clone());
                tokio::spawn(async move {
                    attend(stream, tls, peer, router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection of a person could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn attend(stream: TcpStream, tls: Option<WebAcceptor>, peer: Peer, router: Router) {
    stream.set_nodelay(true).ok();
    match tls {
        None => converse(stream, peer, router).await,
        Some(tls) => match timeout(GREETING, tls.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, peer, router).await,
            Ok(Err(error)) => tracing::debug!(%error, from = %peer.address, "no TLS with a person's program"),
            Err(_) => tracing::debug!(from = %peer.address, "no TLS with a person's program in time"),
        },
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, peer: Peer, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // Whoever asks wrongly or too slowly is not worth a line in the log.
    timeout(LONGEST, connection).await.ok();
}
