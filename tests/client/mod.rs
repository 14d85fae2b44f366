//! A client that says exactly what it is told, byte by byte, and a look at the proxy from outside: what drivers never do, tests do
//! with this. It waits for what it awaits and never sleeps.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a harness fails by panicking, each test uses a part of it, and it must limit what it waits for by a clock"
)]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pgsluice::host::config::url;
use pgsluice::host::upstream::Host;
use pgsluice::wire::authentication::{sasl_initial_response, sasl_response};
use pgsluice::wire::startup::write_startup;
use pgsluice::wire::write::message;
use ring::{digest, hmac, pbkdf2};

use crate::support::Proxy;

/// Whoever waits longer than this waits for ever.
pub const LIMIT: Duration = Duration::from_secs(60);

pub const SYNC: &[u8] = b"S\0\0\0\x04";
pub const TERMINATE: &[u8] = b"X\0\0\0\x04";

pub fn query(sql: &str) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, b'Q', |body| {
        body.string(sql.as_bytes());
    });
    out
}

/// Where a login goes, as whom, and with what.
#[derive(Debug, Clone)]
pub struct Login {
    pub address: String,
    pub user: String,
    pub password: String,
    /// Empty: none is named.
    pub database: String,
    /// The minor version of protocol 3 that is asked for.
    pub minor: u16,
    pub parameters: Vec<(String, String)>,
}

impl Login {
    pub fn new(proxy: &Proxy, database: &str) -> Self {
        Self { database: database.to_owned(), ..Self::of(&proxy.url(database)) }
    }

    /// To whatever a URL names, a server or a proxy.
    pub fn of(url: &str) -> Self {
        let read = url::parse(url).unwrap();
        let Some(Host::Tcp { name, port }) = read.hosts.first() else { panic!("a URL without a host") };
        let password = read.password.unwrap().expose().to_owned();
        let parameters = vec![("application_name".to_owned(), "raw".to_owned())];
        Self { address: format!("{name}:{port}"), user: read.user, password, database: read.database, minor: 0, parameters }
    }

    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.parameters.retain(|(known, _)| known != name);
        with.parameters.push((name.to_owned(), value.to_owned()));
        with
    }

    pub fn startup(&self) -> Vec<u8> {
        let own = [("user", self.user.as_str()), ("database", self.database.as_str())];
        let given = self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut out = Vec::new();
        write_startup(&mut out, self.minor, own.into_iter().filter(|(_, value)| !value.is_empty()).chain(given));
        out
    }

    /// A connection before its first byte.
    pub fn knock(&self) -> Client {
        Client::over(TcpStream::connect(&self.address).unwrap())
    }

    /// A connection whose password was right, before it is known what follows.
    pub fn proven(&self) -> Client {
        let mut client = self.knock();
        client.send(&self.startup()).unwrap();
        self.prove(&mut client);
        client
    }

    /// A connection after its login.
    pub fn enter(&self) -> Client {
        let mut client = self.proven();
        client.greeting = client.until(b'Z');
        client
    }

    /// The login behind a startup that was sent.
    pub fn prove(&self, client: &mut Client) {
        let nonce = STANDARD.encode(rand_bytes());
        let bare = format!("n=,r={nonce}");
        let (mut tag, _) = client.receive().unwrap();
        if tag == b'v' {
            (tag, _) = client.receive().unwrap();
        }
        assert_eq!(tag, b'R');
        let mut out = Vec::new();
        sasl_initial_response(&mut out, "SCRAM-SHA-256", format!("n,,{bare}").as_bytes());
        client.send(&out).unwrap();
        let (tag, body) = client.receive().unwrap();
        assert_eq!(tag, b'R', "{}", String::from_utf8_lossy(&body));
        let challenge = String::from_utf8(body[4..].to_vec()).unwrap();
        let field = |name: char| challenge.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap();
        let salted = salted(&self.password, field('s'), field('i'));
        let last = format!("c=biws,r={}", field('r'));
        let sign = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text);
        let client_key = sign(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, client_key.as_ref());
        let signature = sign(stored.as_ref(), format!("{bare},{challenge},{last}").as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        out.clear();
        sasl_response(&mut out, format!("{last},p={}", STANDARD.encode(proof)).as_bytes());
        client.send(&out).unwrap();
    }

    /// A client in good health gets right answers.
    pub fn assert_served(&self) {
        let mut client = self.enter();
        assert_eq!(client.ask("select 6 * 7"), ["42"]);
        client.send(TERMINATE).unwrap();
        assert_eq!(client.rest(), b"");
    }
}

fn rand_bytes() -> [u8; 18] {
    let mut bytes = [0; 18];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).unwrap();
    bytes
}

/// The same for every login of one agent, and the dear part of one.
fn salted(password: &str, salt: &str, iterations: &str) -> [u8; 32] {
    static KNOWN: Mutex<Vec<(String, [u8; 32])>> = Mutex::new(Vec::new());
    let name = format!("{password}:{salt}:{iterations}");
    let mut known = KNOWN.lock().unwrap();
    if let Some((_, key)) = known.iter().find(|(known, _)| *known == name) {
        return *key;
    }
    let mut key = [0; 32];
    let iterations: NonZeroU32 = iterations.parse().unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &STANDARD.decode(salt).unwrap(), password.as_bytes(), &mut key);
    known.push((name, key));
    key
}

#[derive(Debug)]
pub struct Client {
    pub stream: TcpStream,
    pending: Vec<u8>,
    /// What came behind the login, up to the first ReadyForQuery.
    pub greeting: Vec<(u8, Vec<u8>)>,
}

impl Client {
    /// A client on a connection of any kind.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, pending: Vec::new(), greeting: Vec::new() }
    }

    /// Process id and secret for a CancelRequest.
    pub fn key(&self) -> &[u8] {
        &self.greeting.iter().find(|(tag, _)| *tag == b'K').unwrap().1
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    pub fn receive(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let head = self.take(5)?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        Ok((head[0], self.take(length - 4)?))
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 1 << 16];
        while self.pending.len() < count {
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.pending.extend_from_slice(&chunk[..read]),
            }
        }
        Ok(self.pending.drain(..count).collect())
    }

    /// Everything up to the first message of this type, that one included.
    pub fn until(&mut self, tag: u8) -> Vec<(u8, Vec<u8>)> {
        let mut all = Vec::new();
        loop {
            let message = self.receive().unwrap_or_else(|error| panic!("{error} after {all:?}"));
            all.push(message);
            if all.last().is_some_and(|(last, _)| *last == tag) {
                return all;
            }
        }
    }

    /// How many messages of each type come until there were `count` of `tag`; nothing of them is kept.
    pub fn count(&mut self, tag: u8, count: usize) -> [usize; 256] {
        let mut seen = [0; 256];
        while seen[usize::from(tag)] < count {
            let (found, _) = self.receive().unwrap_or_else(|error| panic!("{error} after {} of {count}", seen[usize::from(tag)]));
            seen[usize::from(found)] += 1;
        }
        seen
    }

    /// The first column of a simple query's rows.
    pub fn ask(&mut self, sql: &str) -> Vec<String> {
        self.send(&query(sql)).unwrap();
        let answers = self.until(b'Z');
        let error = answers.iter().find(|(tag, _)| *tag == b'E');
        assert!(error.is_none(), "{sql}: {}", String::from_utf8_lossy(&error.unwrap().1));
        let rows = answers.iter().filter(|(tag, _)| *tag == b'D');
        rows.map(|(_, row)| {
            let length = u32::from_be_bytes([row[2], row[3], row[4], row[5]]) as usize;
            String::from_utf8_lossy(&row[6..6 + length]).into_owned()
        })
        .collect()
    }

    /// The SQLSTATE of the next error.
    pub fn error(&mut self) -> String {
        let (_, body) = self.until(b'E').pop().unwrap();
        let code = body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(b"C")).unwrap();
        String::from_utf8_lossy(code).into_owned()
    }

    /// What comes up to the end; a reset is an end as well.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut all = std::mem::take(&mut self.pending);
        if let Err(error) = self.stream.read_to_end(&mut all) {
            let ended = matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe);
            assert!(ended, "the connection did not end: {error}");
        }
        all
    }
}

/// What a process holds, as the system counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding {
    pub files: usize,
    pub threads: usize,
}

pub fn holding(process: u32) -> Holding {
    // The files of the record come and go as it grows; everything else must not.
    let is_record =
        |file: &std::fs::DirEntry| std::fs::read_link(file.path()).is_ok_and(|at| at.to_string_lossy().contains("/pgsluice-state-"));
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap().flatten().filter(|file| !is_record(file)).count();
    Holding { files, threads: status(process, "Threads:") }
}

/// The most memory it ever had, in MiB.
pub fn most_memory(process: u32) -> usize {
    status(process, "VmHWM:") / 1024
}

fn status(process: u32, name: &str) -> usize {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Waits for what must come true; the wait is bounded, and nothing is concluded from how long it took.
pub fn await_that(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The proxy holds what it held before, and nothing broke inside.
pub fn assert_unharmed(proxy: &Proxy, before: Holding) {
    await_that(&format!("{before:?}, and not {:?}, after what was held is given back", holding(proxy.process())), || {
        holding(proxy.process()) == before
    });
    let log = std::fs::read_to_string(proxy.state().parent().unwrap().join("log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
}
