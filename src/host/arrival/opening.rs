//! Up to the startup packet: encryption requests in the server's order, TLS, cancel requests. Nothing that was sent in
//! the open may be taken for something that came through TLS.

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Caller, Departure, Door, Leaving};
use crate::host::inbox::Inbox;
use crate::host::stream::Stream;
use crate::host::tls::{ALPN, Acceptor};
use crate::wire::startup::{self, CancelRequest, HEAD, Packet, Refusal, Startup};

/// The first byte of a TLS handshake; as a length it would announce a startup packet of 369 MB.
const TLS_HANDSHAKE: u8 = 0x16;

pub(super) enum Opening {
    Startup(Startup),
    Cancel(CancelRequest),
}

/// `Err` where the connection is of no more use, TLS having failed on it; else what came, or what to say at leaving.
pub(super) async fn open<S>(mut stream: S, door: &Door) -> Result<(Caller<S>, Result<Opening, Leaving>), Departure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut inbox = Inbox::default();
    inbox.more(&mut stream).await?;
    let mut caller = if inbox.bytes().first() == Some(&TLS_HANDSHAKE) {
        let acceptor = door.tls.as_ref().ok_or(Departure::NotPostgres("TLS from the first byte, and there is no certificate"))?;
        let caller = handshake(acceptor, stream, inbox.bytes()).await?;
        if !spoke_alpn(&caller.stream) {
            return Err(Departure::NotPostgres("TLS from the first byte without ALPN"));
        }
        caller
    } else {
        Caller { stream: Stream::Plain(stream), inbox }
    };

    // Each request may come once, and none once TLS runs; the two may come in either order.
    let (mut may_ssl, mut may_gss) = (!caller.stream.is_tls(), !caller.stream.is_tls());
    loop {
        let packet = match packet(&mut caller).await {
            Ok(packet) => packet,
            Err(leaving) => return Ok((caller, Err(leaving))),
        };
        match packet {
            Packet::Cancel(request) => return Ok((caller, Ok(Opening::Cancel(request)))),
            Packet::Startup(startup) => return Ok((caller, Ok(Opening::Startup(startup)))),
            Packet::Ssl if may_ssl => {
                may_ssl = false;
                if !caller.inbox.is_empty() {
                    return Err(Departure::StuffedBytes);
                }
                match (&door.tls, caller.stream) {
                    (Some(acceptor), Stream::Plain(mut stream)) => {
                        stream.write_all(b"S").await?;
                        stream.flush().await?;
                        caller = handshake(acceptor, stream, &[]).await?;
                        may_gss = false;
                    }
                    (_, stream) => {
                        caller.stream = stream;
                        refuse_encryption(&mut caller.stream).await?;
                    }
                }
            }
            Packet::GssEnc if may_gss => {
                may_gss = false;
                if !caller.inbox.is_empty() {
                    return Err(Departure::StuffedBytes);
                }
                refuse_encryption(&mut caller.stream).await?;
            }
            Packet::Ssl | Packet::GssEnc => {
                let refusal = startup::misplaced_encryption_request(&packet);
                return Ok((caller, Err(Leaving::refused(&refusal))));
            }
        }
    }
}

async fn refuse_encryption(stream: &mut (impl AsyncWrite + Unpin)) -> Result<(), Departure> {
    stream.write_all(b"N").await?;
    Ok(stream.flush().await?)
}

/// One untagged packet, its length judged before its body is waited for.
async fn packet<S: AsyncRead + AsyncWrite + Unpin>(caller: &mut Caller<S>) -> Result<Packet, Leaving> {
    let Caller { stream, inbox } = caller;
    let head = inbox.exactly(HEAD, stream).await?;
    let head = head.first_chunk().copied().unwrap_or_default();
    let length = startup::body_length(head).map_err(|refusal: Refusal| Leaving::refused(&refusal))?;
    let body = inbox.exactly(length, stream).await?;
    startup::parse(&body).map_err(|refusal| Leaving::refused(&refusal))
}

async fn handshake<S>(acceptor: &Acceptor, stream: S, early: &[u8]) -> Result<Caller<S>, Departure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let stream = acceptor.accept(stream, early).await.map_err(Departure::Tls)?;
    // The inbox starts anew: what came in the open is gone.
    Ok(Caller { stream: Stream::TlsAccepted(Box::new(stream)), inbox: Inbox::default() })
}

fn spoke_alpn<S>(stream: &Stream<S>) -> bool {
    match stream {
        Stream::TlsAccepted(stream) => stream.get_ref().1.alpn_protocol() == Some(ALPN),
        Stream::Plain(_) | Stream::TlsConnected(_) => false,
    }
}
