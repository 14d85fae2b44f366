//! A connection up to its login. Nobody here knows a password, so whatever comes, nobody may be let in.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use pgsluice::host::arrival::{Arrival, Door, Keeper, Offered, arrive};
use pgsluice::host::scram::Verifier;
use pgsluice::host::secret::Secret;
use pgsluice::wire::frame::{self, Caps};
use pgsluice::wire::startup::{self, Packet};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Runtime;

/// The first byte says how the rest arrives.
pub fn startup(data: &[u8]) {
    let Some((&manner, data)) = data.split_first() else { return };
    packet(data);
    let mut answer = Vec::new();
    // After the last byte the peer either closes or falls silent; the deadline then comes at once, because time is paused.
    let peer = Peer { input: data, chunk: usize::from(manner >> 1) + 1, silent: manner & 1 == 1, answer: &mut answer };
    static RUNTIME: OnceLock<Mutex<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        Mutex::new(runtime)
    });
    let door = Door { tls: None, tls_required: false, channel_binding: true, deadline: Duration::from_secs(1) };
    let arrival = runtime.lock().unwrap_or_else(std::sync::PoisonError::into_inner).block_on(arrive(peer, None, &door, &Nobody));
    match arrival {
        Arrival::Admitted(_) => panic!("let in without a password"),
        Arrival::Cancel(request, _) => assert!((4..=256).contains(&request.key.as_bytes().len())),
        Arrival::Left(why) => drop(why.to_string()),
    }
    assert_is_answer(&answer);
}

/// What is read from a packet, written again, reads the same.
fn packet(body: &[u8]) {
    if let Some(head) = body.first_chunk::<4>()
        && let Ok(length) = startup::body_length(*head)
    {
        assert!((4..=startup::BODY_CAP).contains(&length));
    }
    let Ok(Packet::Startup(made)) = startup::parse(body) else { return };
    let mut out = Vec::new();
    let named = [("user", made.user.as_str())];
    let database = made.database.iter().map(|database| ("database", database.as_str()));
    let extensions = made.unrecognised.iter().map(|name| (name.as_str(), ""));
    let parameters = made.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    startup::write_startup(&mut out, made.minor, named.into_iter().chain(database).chain(parameters).chain(extensions));
    assert_eq!(startup::parse(&out[startup::HEAD..]), Ok(Packet::Startup(made)));
}

struct AnyMessage;

impl Caps for AnyMessage {
    fn cap(&self, _: u8) -> Option<usize> {
        Some(20_000)
    }
}

/// Refusals of encryption, then whole messages; old clients get a text.
fn assert_is_answer(mut answer: &[u8]) {
    while let Some(rest) = answer.strip_prefix(b"N").filter(|rest| rest.is_empty() || b"NREv".contains(&rest[0])) {
        answer = rest;
    }
    if answer.starts_with(b"EFATAL:  unsupported frontend protocol") && answer.ends_with(b"\n\0") {
        return;
    }
    while !answer.is_empty() {
        let head = frame::head(answer, &AnyMessage).unwrap().expect("half a head was sent");
        assert!(matches!(head.tag, b'R' | b'E' | b'v'));
        answer = answer.get(head.total()..).expect("half a message was sent");
    }
}

struct Nobody;

impl Keeper for Nobody {
    async fn offered(&self, name: &str, _: Option<IpAddr>) -> Offered {
        // One is enough, and making one is what a password check costs.
        static VERIFIER: OnceLock<Verifier> = OnceLock::new();
        let verifier = VERIFIER.get_or_init(|| Verifier::new(&Secret::new("not in any corpus: 7f3a9c0e")).unwrap());
        Offered { verifier: verifier.clone(), real: name.len().is_multiple_of(2) }
    }

    fn denied(&self, _: &str, _: Option<IpAddr>) {}
}

struct Peer<'a> {
    input: &'a [u8],
    chunk: usize,
    silent: bool,
    answer: &'a mut Vec<u8>,
}

impl AsyncRead for Peer<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        if self.input.is_empty() && self.silent {
            return Poll::Pending;
        }
        let (now, later) = self.input.split_at(self.chunk.min(self.input.len()).min(buf.remaining()));
        buf.put_slice(now);
        self.input = later;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Peer<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.answer.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
