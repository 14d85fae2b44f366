//! Records by syslog: RFC 5424 with octet counting (RFC 6587) over TCP, or over TLS (RFC 5425).
//!
//! Syslog acknowledges nothing, and what a dead connection held in its buffers is lost. So a record counts as arrived when more
//! bytes were written behind it on the same connection than all the buffers on the way can hold, or when the connection was
//! closed in order: we end our side, and a receiver that had not read everything would reset the connection instead of ending
//! its own. To know of the last records too, a connection with unsure ones is closed like that every now and then. After any other
//! end everything that is unsure is sent again.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout};

use super::SinkError;
use super::batch::Batch;
use super::cursor::Mark;
use super::line;
use super::source::Taken;
use crate::audit::Kind;
use crate::host::config::Syslog;
use crate::host::outgoing::{Failure, Reach, Stream, Target};
use crate::host::tls;

/// Bytes that our own system may hold back; it takes twice what it is told.
const SEND_BUFFER: usize = 256 << 10;
/// More than our buffer and the receiver's (6 MiB at most, as Linux comes) hold together.
const WINDOW: u64 = 16 << 20;
/// Unsure records are remembered in steps, two of which are so many bytes: there are at most `2 * WINDOW / GRAIN` of them.
const GRAIN: u64 = 16 << 10;
/// How long records may stay unsure on a connection that stays open.
const SETTLE: Duration = Duration::from_secs(30);
/// For one batch to be taken by the system.
const PATIENCE: Duration = Duration::from_secs(30);
/// For the receiver to read what is left and to end its side.
const CLOSING: Duration = Duration::from_secs(4);
/// Longer messages are sent without what agents and people wrote: receivers cut at 8 KiB to some more, and half a JSON is none.
const MOST_MESSAGE: usize = 64 << 10;
/// "Log audit".
const FACILITY: u8 = 13;
/// RFC 5612 sets this number aside for examples; we have none of our own.
const STRUCTURE: &str = "pgsluice@32473";
/// What is looked for in an event for the structured data.
const FIELDS: [&str; 14] =
    ["session", "number", "agent", "owner", "database", "address", "shape", "verdict", "rule", "hold", "outcome", "code", "by", "decision"];

pub struct Sender {
    target: Target,
    host: String,
    connection: Option<Stream>,
    /// Bytes written on this connection.
    written: u64,
    /// Records that were written and may be lost, each with the count of bytes behind it.
    unsure: VecDeque<(u64, Mark)>,
    since: Instant,
    /// `SETTLE`, but for tests.
    settle: Duration,
}

impl Sender {
    pub fn new(syslog: &Syslog) -> Result<Self, SinkError> {
        let tls = syslog.tls.as_ref().map(|roots| tls::verifying(roots, syslog.certificate.as_ref())).transpose()?;
        let target = Target { host: syslog.host.clone(), port: syslog.port, tls, reach: Reach::All, send_buffer: Some(SEND_BUFFER) };
        let host = machine();
        Ok(Self { target, host, connection: None, written: 0, unsure: VecDeque::new(), since: Instant::now(), settle: SETTLE })
    }

    /// The frame of one record.
    pub fn frame(&self, taken: &Taken, bodies: bool) -> Vec<u8> {
        let object = line::object(taken, bodies);
        let mut message = self.message(taken.entry.kind, &object);
        if message.len() > MOST_MESSAGE {
            message = self.message(taken.entry.kind, &line::object(taken, false));
        }
        let mut frame = format!("{} ", message.len()).into_bytes();
        frame.extend_from_slice(&message);
        frame
    }

    fn message(&self, kind: Kind, object: &Map<String, Value>) -> Vec<u8> {
        let priority = FACILITY.saturating_mul(8).saturating_add(severity(kind));
        let time = object.get("time").and_then(Value::as_str).unwrap_or("-");
        let (host, process) = (&self.host, std::process::id());
        let head = format!("<{priority}>1 {time} {host} pgsluice {process} {kind} {} ", structured(object));
        let mut message = head.into_bytes();
        message.extend_from_slice(&line::ascii(object));
        message
    }

    /// Writes a batch; returns up to where records have arrived for sure.
    pub async fn deliver(&mut self, batch: &Batch) -> Result<Option<Mark>, Failure> {
        let written = timeout(PATIENCE, self.write(&batch.bytes)).await.unwrap_or_else(|_| Err(Failure::new("it took nothing for 30s")));
        if let Err(failure) = written {
            self.forget();
            return Err(failure);
        }
        self.written = self.written.saturating_add(u64::try_from(batch.bytes.len()).unwrap_or(u64::MAX));
        if self.unsure.is_empty() {
            self.since = Instant::now();
        }
        // The last step grows until it is one.
        let before = self.unsure.iter().rev().nth(1).map(|(bytes, _)| *bytes);
        if before.is_some_and(|before| self.written.saturating_sub(before) < GRAIN) {
            self.unsure.pop_back();
        }
        self.unsure.push_back((self.written, batch.last));
        let mut sure = None;
        while let Some((_, mark)) = self.unsure.pop_front_if(|(bytes, _)| self.written.saturating_sub(*bytes) >= WINDOW) {
            sure = Some(mark);
        }
        Ok(sure)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let stream = match &mut self.connection {
            Some(stream) => stream,
            None => {
                self.written = 0;
                self.connection.insert(self.target.connect().await?)
            }
        };
        let write = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        write.await.map_err(|error| Failure::new(error.to_string()))
    }

    /// What is unsure will be sent again.
    pub fn forget(&mut self) {
        self.connection = None;
        self.unsure.clear();
    }

    /// Returns when there is something to settle: the receiver closed an idle connection, or records are unsure for long.
    pub async fn idle(&mut self) -> Result<(), Failure> {
        let due = self.since.checked_add(self.settle);
        let unsure = !self.unsure.is_empty();
        let Some(stream) = &mut self.connection else { return std::future::pending().await };
        let settling = async {
            match due {
                Some(due) if unsure => tokio::time::sleep_until(due).await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            end = ended(stream) => {
                let failed = unsure.then(|| Failure::new(end.map_or_else(|error| error.to_string(), |()| "it closed the connection".to_owned())));
                self.forget();
                failed.map_or(Ok(()), Err)
            }
            () = settling => Ok(()),
        }
    }

    /// Closes the connection in order; returns up to where records have arrived.
    pub async fn settle(&mut self) -> Result<Option<Mark>, Failure> {
        let Some(mut stream) = self.connection.take() else { return Ok(None) };
        let last = self.unsure.drain(..).next_back().map(|(_, mark)| mark);
        let close = async {
            stream.shutdown().await?;
            ended(&mut stream).await
        };
        match timeout(CLOSING, close).await {
            Ok(Ok(())) => Ok(last),
            Ok(Err(error)) => Err(Failure::new(format!("when closing: {error}"))),
            Err(_) => Err(Failure::new("it did not close the connection when we did, so what it has read is not known")),
        }
    }
}

/// Reads until the receiver ends its side. It has nothing to say, whatever it says.
async fn ended(stream: &mut Stream) -> io::Result<()> {
    let mut nothing = [0; 256];
    loop {
        match stream.read(&mut nothing).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // It ended TCP without a word in TLS, as rsyslog does. Who forges that on the way makes a gap, and gaps show in the numbers.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// The machine's name as the header of a message has it.
fn machine() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "-".to_owned() } else { name }
}

/// What asks for attention: refusals are warnings, what should never be is an error, all else is informational.
fn severity(kind: Kind) -> u8 {
    match kind {
        Kind::Recovered | Kind::Resumed | Kind::EpochBegan => 3,
        Kind::Refused | Kind::Denied | Kind::PersonDenied | Kind::Held => 4,
        Kind::ConfigChanged
        | Kind::PolicyChanged
        | Kind::AgentChanged
        | Kind::PersonChanged
        | Kind::KeyChanged
        | Kind::Erased
        | Kind::Pruned => 5,
        _ => 6,
    }
}

/// The main fields, for receivers that do not read JSON.
fn structured(object: &Map<String, Value>) -> String {
    let mut out = format!("[{STRUCTURE}");
    let mut put = |name: &str, value: &Value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return,
        };
        out.push_str(&format!(" {name}=\""));
        for letter in text.chars() {
            match letter {
                '"' | '\\' | ']' => out.extend(['\\', letter]),
                _ if letter.is_control() => out.push('\u{fffd}'),
                _ => out.push(letter),
            }
        }
        out.push('"');
    };
    for name in ["seq", "hash", "kind"] {
        put(name, object.get(name).unwrap_or(&Value::Null));
    }
    let event = object.get("event");
    let nested = ["statement", "who"].map(|part| event.and_then(|event| event.get(part)));
    for name in FIELDS {
        let found = std::iter::once(event).chain(nested).flatten().find_map(|part| part.get(name));
        put(name, found.unwrap_or(&Value::Null));
    }
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::audit::Hash;

    fn batch(seq: u64, length: usize) -> Batch {
        let mut batch = Batch::default();
        batch.bytes = vec![b'x'; length];
        batch.last = Mark { seq, hash: Hash::default() };
        batch
    }

    /// A sender, and the receiver that does this with the first connection.
    fn pair<T: Send + 'static>(meet: impl FnOnce(TcpStream) -> T + Send + 'static) -> (Sender, std::thread::JoinHandle<T>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let receiver = std::thread::spawn(move || meet(listener.accept().unwrap().0));
        let syslog = Syslog { host: "127.0.0.1".to_owned(), port, tls: None, certificate: None };
        let mut sender = Sender::new(&syslog).unwrap();
        sender.settle = Duration::from_millis(1);
        (sender, receiver)
    }

    fn read_all(mut stream: TcpStream) -> usize {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        all.len()
    }

    #[tokio::test]
    async fn records_that_are_unsure_for_long_are_made_sure_by_closing() {
        let (mut sender, receiver) = pair(read_all);
        assert_eq!(sender.deliver(&batch(5, 100)).await.unwrap(), None);
        assert_eq!(sender.deliver(&batch(9, 100)).await.unwrap(), None);
        sender.idle().await.unwrap();
        assert_eq!(sender.settle().await.unwrap().map(|mark| mark.seq), Some(9));
        assert_eq!(receiver.join().unwrap(), 200);
        assert_eq!(sender.settle().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_receiver_that_ends_first_leaves_them_unsure() {
        let (mut sender, receiver) = pair(drop);
        sender.settle = SETTLE;
        sender.deliver(&batch(5, 100)).await.unwrap();
        assert!(sender.idle().await.is_err());
        assert_eq!(sender.settle().await.unwrap(), None);
        receiver.join().unwrap();
    }

    #[tokio::test]
    async fn what_is_far_behind_is_sure_and_little_is_remembered() {
        let (mut sender, receiver) = pair(read_all);
        let (mut sure, mut most) = (0, 0);
        let count = 20_000;
        for seq in 1..=count {
            if let Some(mark) = sender.deliver(&batch(seq, 1000)).await.unwrap() {
                assert!(mark.seq > sure && (seq - mark.seq) * 1000 >= WINDOW);
                sure = mark.seq;
            }
            most = most.max(sender.unsure.len());
        }
        assert!(sure > 0 && most as u64 <= 2 * WINDOW / GRAIN + 2, "{sure} {most}");
        assert_eq!(sender.settle().await.unwrap().map(|mark| mark.seq), Some(count));
        assert_eq!(receiver.join().unwrap(), 20_000_000);
    }
}
