//! One connection's bytes, whichever way they travel: TCP, Unix socket, TLS taken from an agent, TLS made to a server.
//! It knows no protocol above TLS.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// What the operating system gave us.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A transport, with TLS or without. Tests put an in-memory pipe in the socket's place.
#[derive(Debug)]
pub enum Stream<S = Socket> {
    Plain(S),
    TlsAccepted(Box<tokio_rustls::server::TlsStream<S>>),
    TlsConnected(Box<tokio_rustls::client::TlsStream<S>>),
}

/// When a silent peer is taken for dead. A field that is `None` stays as the operating system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
    /// Probes without an answer before the connection is given up.
    pub count: Option<u32>,
    /// How long written bytes may stay unacknowledged.
    pub user_timeout: Option<Duration>,
}

impl Keepalive {
    pub fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        let mut probes = TcpKeepalive::new();
        if let Some(idle) = self.idle {
            probes = probes.with_time(idle);
        }
        if let Some(interval) = self.interval {
            probes = probes.with_interval(interval);
        }
        if let Some(count) = self.count {
            probes = probes.with_retries(count);
        }
        socket.set_tcp_keepalive(&probes)?;
        #[cfg(any(target_os = "linux", target_os = "android", target_os = "fuchsia", target_os = "cygwin"))]
        if let Some(timeout) = self.user_timeout {
            socket.set_tcp_user_timeout(Some(timeout))?;
        }
        Ok(())
    }
}

impl Socket {
    /// Makes the event loop of this thread the one that watches over it. It was made on another's, perhaps.
    pub fn take_over(&mut self) -> io::Result<()> {
        *self = match &*self {
            Self::Tcp(stream) => Self::Tcp(TcpStream::from_std(stream.as_fd().try_clone_to_owned()?.into())?),
            Self::Unix(stream) => Self::Unix(UnixStream::from_std(stream.as_fd().try_clone_to_owned()?.into())?),
        };
        Ok(())
    }

    /// The peer's address; a Unix socket has none.
    pub fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Sends small messages at once, and notices a peer that is gone. A Unix socket needs neither.
    pub fn prepare(&self, keepalive: &Keepalive) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                stream.set_nodelay(true)?;
                keepalive.apply(stream)
            }
            Self::Unix(_) => Ok(()),
        }
    }
}

impl<S> Stream<S> {
    pub fn is_tls(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::TlsAccepted(_) | Self::TlsConnected(_) => true,
        }
    }

    /// What lies under the TLS.
    pub fn transport(&self) -> &S {
        match self {
            Self::Plain(stream) => stream,
            Self::TlsAccepted(stream) => stream.get_ref().0,
            Self::TlsConnected(stream) => stream.get_ref().0,
        }
    }
}

impl<S> Stream<S> {
    pub fn transport_mut(&mut self) -> &mut S {
        match self {
            Self::Plain(stream) => stream,
            Self::TlsAccepted(stream) => stream.get_mut().0,
            Self::TlsConnected(stream) => stream.get_mut().0,
        }
    }
}

impl Stream<Socket> {
    pub fn peer(&self) -> Option<SocketAddr> {
        self.transport().peer()
    }
}

/// Calls one poll function on whichever variant there is.
macro_rules! each {
    ($self:ident, [$($variant:ident)|+], $inner:ident => $call:expr) => {
        match $self.get_mut() {
            $(Self::$variant($inner) => { let $inner = Pin::new($inner); $call })+
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, [Tcp | Unix], inner => inner.poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, [Tcp | Unix], inner => inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        each!(self, [Tcp | Unix], inner => inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, [Tcp | Unix], inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, [Tcp | Unix], inner => inner.poll_shutdown(cx))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, [Plain | TlsAccepted | TlsConnected], inner => inner.poll_read(cx, buf))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, [Plain | TlsAccepted | TlsConnected], inner => inner.poll_write(cx, buf))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        each!(self, [Plain | TlsAccepted | TlsConnected], inner => inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::TlsAccepted(stream) => stream.is_write_vectored(),
            Self::TlsConnected(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, [Plain | TlsAccepted | TlsConnected], inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, [Plain | TlsAccepted | TlsConnected], inner => inner.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keepalive_reaches_the_socket() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = Socket::Tcp(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let [idle, interval, user_timeout] = [70, 7, 40].map(|seconds| Some(Duration::from_secs(seconds)));
        socket.prepare(&Keepalive { idle, interval, count: Some(3), user_timeout }).unwrap();
        let Socket::Tcp(stream) = &socket else { panic!() };
        let set = SockRef::from(stream);
        assert!(set.keepalive().unwrap() && stream.nodelay().unwrap());
        assert_eq!((Some(set.tcp_keepalive_time().unwrap()), Some(set.tcp_keepalive_interval().unwrap())), (idle, interval));
        assert_eq!((set.tcp_keepalive_retries().unwrap(), set.tcp_user_timeout().unwrap()), (3, user_timeout));
        assert_eq!(socket.peer(), Some(listener.local_addr().unwrap()));
    }
}
