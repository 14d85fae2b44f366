//! The people's side over HTTP: pages for browsers, which work without JavaScript, and the calls that the commands make. It runs on a thread of
//! its own, so that nothing asked of it slows a session down. What may become of a hold is the desk's to say; who somebody is, is found out here.

mod api;
mod archive;
mod cookie;
mod entry;
mod guard;
mod live;
mod office;
mod pages;
mod provided;
pub mod shown;
mod slack;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

use super::config::{Web as Settings, WebListen};
use super::tls::{TlsError, WebAcceptor};

pub use api::{Gathered, GrantMade, Grants, Holds, Said, Token};
pub use office::{Office, Parts};
pub use shown::{Grant, Listed, Shown, Text, masked_places, number, size};
pub use slack::{APPROVE, DENY, REASON, SlackAsk, SlackDoor};

#[derive(Debug, thiserror::Error)]
pub enum WebError {
    #[error("cannot listen on {address} for people ([web] listen): {error}")]
    Listen { address: SocketAddr, error: io::Error },
    #[error("[web] TLS: {0}")]
    Tls(#[from] TlsError),
    #[error(transparent)]
    State(#[from] super::state::StateError),
    #[error("the system gave no thread or event loop: {0}")]
    System(#[from] io::Error),
}

/// Where the pages will be: the address is taken, and nobody is answered yet.
pub struct Place {
    listener: TcpListener,
    pub address: SocketAddr,
    tls: Option<WebAcceptor>,
    /// What links begin with.
    pub public_url: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Place").field("address", &self.address).field("public_url", &self.public_url).finish_non_exhaustive()
    }
}

impl Place {
    /// `None` where people are to have no pages.
    pub fn take(settings: &Settings) -> Result<Option<Self>, WebError> {
        let Some(listen) = settings.listen else { return Ok(None) };
        let tls = settings.tls.as_ref().map(|files| WebAcceptor::load(&files.certificate, &files.key)).transpose()?;
        let listener = bind(listen)?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let own = || format!("{scheme}://{}", reachable(address));
        let public_url = settings.public_url.as_ref().map_or_else(own, |url| url.as_str().to_owned());
        Ok(Some(Self { listener, address, tls, public_url }))
    }

    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }
}

/// "Every address" is none that a link can name.
fn reachable(address: SocketAddr) -> SocketAddr {
    if !address.ip().is_unspecified() {
        return address;
    }
    let near = if address.is_ipv4() { std::net::Ipv4Addr::LOCALHOST.into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
    SocketAddr::new(near, address.port())
}

fn bind(listen: WebListen) -> Result<TcpListener, WebError> {
    let failed = |error| WebError::Listen { address: listen.address, error };
    let taken = match TcpListener::bind(listen.address) {
        Ok(listener) => listener,
        // Another one runs on this machine; nobody said that it has to be this port.
        Err(error) if listen.by_default && error.kind() == io::ErrorKind::AddrInUse => {
            let listener = TcpListener::bind(SocketAddr::new(listen.address.ip(), 0)).map_err(failed)?;
            tracing::warn!(wanted = %listen.address, "the port for people is taken, so another one is used: set web.listen");
            listener
        }
        Err(error) => return Err(failed(error)),
    };
    taken.set_nonblocking(true).map_err(failed)?;
    Ok(taken)
}

/// The pages, for as long as this lives.
#[derive(Debug)]
pub struct Web {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Hashing passwords: the threads beside the one that answers.
const HASHING: usize = 2;

impl Web {
    pub fn start(place: Place, office: Office) -> Result<Self, WebError> {
        let Place { listener, tls, .. } = place;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(HASHING).thread_name("web-hash").build()?;
        let office = Arc::new(office);
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let router = router(&office);
            runtime.block_on(async {
                let listener = match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => listener,
                    Err(error) => return tracing::error!(%error, "people have no pages"),
                };
                tokio::select! {
                    () = entry::accept(listener, tls, &router) => {}
                    _ = stopped => {}
                }
            });
            // What a password is hashed for need not be awaited.
            runtime.shutdown_timeout(Duration::from_millis(100));
        };
        let thread = std::thread::Builder::new().name("web".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that serves people panicked");
        }
    }
}

fn router(office: &Arc<Office>) -> Router {
    let routes = Router::new().merge(pages::routes()).merge(slack::routes()).nest("/api", api::routes()).fallback(pages::nothing);
    guard::around(routes, office).with_state(Arc::clone(office))
}
