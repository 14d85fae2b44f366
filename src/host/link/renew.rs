//! Makes a link that a session left as good as a new one, and finds out whether one that lay idle still lives. Any answer but the
//! expected one, and any delay, means that it is not used again.
#![allow(clippy::wildcard_enum_match_arm, reason = "every message that is not named is out of place, also one that comes to be")]

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{LinkError, Parameter};
use crate::host::inbox::{Inbox, Message};
use crate::wire::backend::{Backend, ParameterStatus, TransactionStatus};
use crate::wire::frame::Caps;
use crate::wire::write;

/// A reset takes a fraction of a millisecond; temporary tables and a busy machine may make it longer.
const RENEWAL: Duration = Duration::from_secs(5);
/// A server that is alive and idle answers a Sync at once. Longer than this is worse than a new link.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// Messages in one answer: notifications that the last session did not wait for may be among them.
const MOST_MESSAGES: usize = 4096;

/// It cannot run in the company of another statement.
const RESET: &str = "DISCARD ALL";
/// A row means that a session may hold what no reset undoes: connections to other servers behind foreign tables, or whatever code
/// that runs at each login has set up. No name in it is looked up by a search path.
const LASTING: &str = "SELECT 1 FROM pg_catalog.pg_foreign_table UNION ALL \
     SELECT 1 FROM pg_catalog.pg_event_trigger WHERE evtevent OPERATOR(pg_catalog.=) 'login' LIMIT 1";

struct RenewalCaps;

impl Caps for RenewalCaps {
    fn cap(&self, tag: u8) -> Option<usize> {
        match tag {
            b'N' | b'S' | b'A' => Some(30_000),
            b'C' | b'T' => Some(256),
            b'Z' => Some(1),
            _ => None,
        }
    }
}

/// One end of a link between sessions.
struct Idle<'a, S> {
    stream: &'a mut S,
    inbox: Inbox,
    parameters: &'a mut Vec<Parameter>,
    messages_left: usize,
}

/// Resets what a session left. `received` came while it ended.
pub async fn renew<S>(stream: &mut S, received: &[u8], parameters: &mut Vec<Parameter>) -> Result<(), LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Vec::new();
    for sql in [RESET, LASTING] {
        write::message(&mut out, b'Q', |body| {
            body.string(sql.as_bytes());
        });
    }
    let work = async {
        let mut idle = Idle::new(stream, received, parameters);
        idle.send(&out).await?;
        idle.expect(|answer| matches!(answer, Backend::CommandComplete(b"DISCARD ALL"))).await?;
        idle.ready().await?;
        idle.expect(|answer| matches!(answer, Backend::RowDescription(_))).await?;
        // A row is in its place where there is something.
        idle.expect(|answer| matches!(answer, Backend::CommandComplete(b"SELECT 0"))).await?;
        idle.ready().await?;
        idle.finish()
    };
    timeout(RENEWAL, work).await.unwrap_or(Err(LinkError::TimedOut { after: RENEWAL }))
}

/// Whether the server is there and the link is in order.
pub async fn check<S>(stream: &mut S, parameters: &mut Vec<Parameter>) -> Result<(), LinkError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut out = Vec::new();
    write::message(&mut out, b'S', |_| ());
    let work = async {
        let mut idle = Idle::new(stream, b"", parameters);
        idle.send(&out).await?;
        idle.ready().await?;
        idle.finish()
    };
    timeout(SIGN_OF_LIFE, work).await.unwrap_or(Err(LinkError::TimedOut { after: SIGN_OF_LIFE }))
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Idle<'a, S> {
    fn new(stream: &'a mut S, received: &[u8], parameters: &'a mut Vec<Parameter>) -> Self {
        Self { stream, inbox: Inbox::with(BytesMut::from(received)), parameters, messages_left: MOST_MESSAGES }
    }

    async fn send(&mut self, out: &[u8]) -> Result<(), LinkError> {
        self.stream.write_all(out).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next message that is an answer: notices and notifications were for the session that is gone.
    async fn next(&mut self) -> Result<Message, LinkError> {
        loop {
            self.messages_left = self.messages_left.checked_sub(1).ok_or(LinkError::Protocol("a reset without an end"))?;
            let message = self.inbox.message(&RenewalCaps, &mut *self.stream).await?;
            match message.as_servers()? {
                Backend::NoticeResponse(_) | Backend::NotificationResponse(_) => {}
                Backend::ParameterStatus(ParameterStatus { name, value }) => {
                    match self.parameters.iter_mut().find(|(known, _)| &**known == name) {
                        Some((_, old)) => *old = value.into(),
                        None => return Err(LinkError::Protocol("a new parameter in the middle of a link's life")),
                    }
                }
                _ => return Ok(message),
            }
        }
    }

    async fn expect(&mut self, fits: impl Fn(Backend<'_>) -> bool) -> Result<(), LinkError> {
        let message = self.next().await?;
        if fits(message.as_servers()?) { Ok(()) } else { Err(LinkError::Protocol("not what a link that can be used again answers")) }
    }

    async fn ready(&mut self) -> Result<(), LinkError> {
        self.expect(|answer| answer == Backend::ReadyForQuery(TransactionStatus::Idle)).await
    }

    fn finish(self) -> Result<(), LinkError> {
        if self.inbox.is_empty() { Ok(()) } else { Err(LinkError::Protocol("more than was asked for")) }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    fn say(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write::message(&mut out, tag, |made| {
            made.bytes(body);
        });
        out
    }

    /// What a server answers to a reset.
    fn answers() -> Vec<Vec<u8>> {
        vec![say(b'C', b"DISCARD ALL\0"), say(b'Z', b"I"), say(b'T', &[0, 0]), say(b'C', b"SELECT 0\0"), say(b'Z', b"I")]
    }

    async fn renewed(received: &[u8], said: &[Vec<u8>]) -> Result<Vec<Parameter>, LinkError> {
        let (mut link, mut server) = duplex(1 << 20);
        server.write_all(&said.concat()).await.unwrap();
        let mut parameters = vec![(b"TimeZone"[..].into(), b"CET"[..].into())];
        renew(&mut link, received, &mut parameters).await?;
        let mut asked = vec![0; 6];
        server.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [b"Q".as_slice(), &[0, 0, 0, 16], b"D"].concat());
        Ok(parameters)
    }

    #[tokio::test]
    async fn what_was_for_the_last_session_is_dropped_and_its_settings_go_back() {
        let late = say(b'A', b"\0\0\0\x07jobs\0late\0");
        let (half, rest) = late.split_at(9);
        let mut said = answers();
        said.insert(0, [rest, &say(b'N', b"SWARNING\0\0"), &say(b'S', b"TimeZone\0UTC\0"), &late].concat());
        let parameters = renewed(half, &said).await.unwrap();
        assert_eq!(parameters, [(b"TimeZone"[..].into(), b"UTC"[..].into())]);
    }

    #[tokio::test]
    async fn any_other_answer_ends_the_link() {
        renewed(b"", &answers()).await.unwrap();
        for place in 0..answers().len() {
            for other in
                [say(b'E', b"SERROR\0C25001\0\0"), say(b'Z', b"T"), say(b'C', b"SELECT 1\0"), say(b'D', &[0, 0]), say(b'S', b"new\0x\0")]
            {
                let mut said = answers();
                if let Some(answer) = said.get_mut(place) {
                    *answer = other;
                }
                assert!(matches!(renewed(b"", &said).await, Err(LinkError::Protocol(_))), "{said:?}");
            }
        }
        let more = [answers(), vec![say(b'N', b"\0")]].concat();
        assert!(matches!(renewed(b"", &more).await, Err(LinkError::Protocol(_))));
        let endless = vec![say(b'N', b"\0"); MOST_MESSAGES + 1];
        assert!(matches!(renewed(b"", &endless).await, Err(LinkError::Protocol(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_silent_is_left() {
        assert!(matches!(renewed(b"", &[]).await, Err(LinkError::TimedOut { .. })));
        let (mut link, _server) = duplex(1 << 10);
        assert!(matches!(check(&mut link, &mut Vec::new()).await, Err(LinkError::TimedOut { .. })));
    }

    #[tokio::test]
    async fn a_sign_of_life_is_one_answer_and_nothing_else() {
        for (said, alive) in [
            (say(b'Z', b"I"), true),
            ([say(b'S', b"in_hot_standby\0off\0"), say(b'Z', b"I")].concat(), true),
            (say(b'Z', b"T"), false),
            (say(b'E', b"SFATAL\0C57P01\0\0"), false),
            (Vec::new(), false),
        ] {
            let (mut link, mut server) = duplex(1 << 10);
            server.write_all(&said).await.unwrap();
            server.shutdown().await.unwrap();
            let mut parameters = vec![(b"in_hot_standby"[..].into(), b"on"[..].into())];
            assert_eq!(check(&mut link, &mut parameters).await.is_ok(), alive, "{said:?}");
        }
    }
}
