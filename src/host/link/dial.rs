//! From an address to a stream, with TLS or without, before a word of the protocol proper.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::{LinkError, Reached};
use crate::host::stream::{Keepalive, Socket, Stream};
use crate::host::tls;
use crate::host::upstream::SslMode;
use crate::wire::startup;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    Never,
    /// TLS unless the server says that it has none.
    IfOffered,
    Must,
}

/// What each mode tries, in order. `sslmode` does not concern Unix sockets.
pub(super) fn attempts(mode: SslMode, reached: &Reached) -> &'static [Encryption] {
    use Encryption::{IfOffered, Must, Never};
    match (reached, mode) {
        (Reached::Unix(_), _) | (_, SslMode::Disable) => &[Never],
        (_, SslMode::Allow) => &[Never, Must],
        (_, SslMode::Prefer) => &[IfOffered, Never],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Must],
    }
}

#[derive(Debug)]
pub(super) struct Dialled<S = Socket> {
    pub stream: Stream<S>,
    /// The hash of the server's certificate, where a login can be bound to it.
    pub end_point: Option<Vec<u8>>,
}

pub(super) async fn dial(
    reached: &Reached,
    encryption: Encryption,
    connector: Option<&tls::Connector>,
    direct: bool,
    keepalive: &Keepalive,
) -> Result<Dialled, LinkError> {
    let (name, mut socket) = match reached {
        Reached::Unix(path) => ("", Socket::Unix(UnixStream::connect(path).await?)),
        Reached::Tcp { name, address } => (name.as_str(), Socket::Tcp(TcpStream::connect(address).await?)),
    };
    socket.prepare(keepalive)?;
    if encryption == Encryption::Never {
        return Ok(Dialled { stream: Stream::Plain(socket), end_point: None });
    }
    let connector = connector.ok_or(LinkError::Tls("it is turned off".into()))?;
    if !direct && !offered(&mut socket).await? {
        return match encryption {
            Encryption::Must => Err(LinkError::Tls("the server does not support it".into())),
            Encryption::IfOffered | Encryption::Never => Ok(Dialled { stream: Stream::Plain(socket), end_point: None }),
        };
    }
    let done = connector.connect(name, socket).await.map_err(|error| LinkError::Tls(error.to_string().into()))?;
    if direct && !done.spoke_alpn {
        return Err(LinkError::Tls("the server did not agree to speak PostgreSQL (ALPN)".into()));
    }
    Ok(Dialled { stream: Stream::TlsConnected(done.stream), end_point: done.end_point })
}

/// Asks for TLS. One byte is read and no more, so that bytes stuffed behind it can only be taken for a handshake, which
/// they are not: they never reach the protocol.
async fn offered(socket: &mut Socket) -> Result<bool, LinkError> {
    let mut out = Vec::new();
    startup::write_ssl_request(&mut out);
    socket.write_all(&out).await?;
    socket.flush().await?;
    let mut answer = [0; 1];
    socket.read_exact(&mut answer).await?;
    match answer {
        [b'S'] => Ok(true),
        [b'N'] => Ok(false),
        // An error in the open may come from anybody: it is not shown.
        [b'E'] => Err(LinkError::Tls("the server answered the request for it with an error".into())),
        _ => Err(LinkError::Protocol("answer to a request for TLS")),
    }
}
