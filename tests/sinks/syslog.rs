//! Syslog: frames and messages as the RFCs have them, read strictly, over TCP and TLS, by receivers that break.

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use pgsluice::host::sinks::delivered;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::stage::{self, LIMIT, ODD, stage};

/// RFC 5424, 6: each part as its grammar says.
#[derive(Debug)]
struct Message {
    priority: u8,
    time: String,
    id: String,
    data: Vec<(String, String)>,
    json: Value,
}

impl Message {
    fn parse(text: &[u8]) -> Self {
        assert!(text.iter().take_while(|byte| **byte != b'[').all(u8::is_ascii_graphic_or_space), "{text:?}");
        let text = std::str::from_utf8(text).unwrap();
        let rest = text.strip_prefix('<').unwrap();
        let (priority, rest) = rest.split_once(">1 ").unwrap();
        let mut parts = rest.splitn(6, ' ');
        let mut part = |longest: usize| {
            let part = parts.next().unwrap();
            assert!((1..=longest).contains(&part.len()) && part.bytes().all(|byte| (33..=126).contains(&byte)), "{part:?}");
            part.to_owned()
        };
        let (time, host, app, process, id) = (part(32), part(255), part(48), part(128), part(32));
        assert_eq!((app.as_str(), process), ("pgsluice", std::process::id().to_string()));
        assert!(!host.is_empty() && time.len() == "2025-01-01T00:00:00.000000Z".len() && time.ends_with('Z'), "{time}");
        let rest = parts.next().unwrap().strip_prefix("[pgsluice@32473").unwrap();
        let (data, rest) = Self::data(rest);
        let json = rest.strip_prefix(' ').unwrap();
        assert!(json.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "beyond ASCII a message begins with a mark of its encoding");
        Self { priority: priority.parse().unwrap(), time, id, data, json: serde_json::from_str(json).unwrap() }
    }

    fn data(mut rest: &str) -> (Vec<(String, String)>, &str) {
        let mut data = Vec::new();
        while let Some(more) = rest.strip_prefix(' ') {
            let (name, more) = more.split_once("=\"").unwrap();
            assert!(
                (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"=]\"".contains(&byte)),
                "{name}"
            );
            let (mut value, mut letters) = (String::new(), more.char_indices());
            let end = loop {
                match letters.next().unwrap() {
                    (_, '\\') => value.push(letters.next().map(|(_, letter)| letter).filter(|letter| "\"\\]".contains(*letter)).unwrap()),
                    (at, '"') => break at,
                    (_, letter) => {
                        assert!(letter != ']' && !letter.is_control());
                        value.push(letter);
                    }
                }
            };
            data.push((name.to_owned(), value));
            rest = &more[end + 1..];
        }
        (data, rest.strip_prefix(']').unwrap())
    }

    fn seq(&self) -> u64 {
        self.json["seq"].as_u64().unwrap()
    }
}

trait Graphic {
    fn is_ascii_graphic_or_space(&self) -> bool;
}

impl Graphic for u8 {
    fn is_ascii_graphic_or_space(&self) -> bool {
        (0x20..0x7f).contains(self)
    }
}

/// What a receiver does with one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Reads to the end, and ends.
    Read,
    /// Reads so many messages, and resets the connection.
    Reset(usize),
    /// Reads so many messages, and ends in order.
    End(usize),
    /// Takes the connection and reads nothing.
    Sleep,
}

#[derive(Debug)]
enum Heard {
    Connection,
    Message(Box<Message>),
    End,
    NoTls,
}

struct Syslog {
    port: u16,
    heard: Receiver<Heard>,
    manners: Sender<Manner>,
}

impl Syslog {
    /// Each connection is met in the next of these manners; then all are read.
    fn start(manners: impl IntoIterator<Item = Manner>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (say, heard) = channel();
        let (tell, told) = channel();
        for manner in manners {
            tell.send(manner).unwrap();
        }
        std::thread::spawn(move || {
            let mut asleep = Vec::new();
            for stream in listener.incoming() {
                let manner = told.try_recv().unwrap_or(Manner::Read);
                asleep.extend(meet(stream.unwrap(), manner, tls.as_ref(), &say));
            }
        });
        Self { port, heard, manners: tell }
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(LIMIT).unwrap()
    }

    fn rest(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }

    fn toml(&self, scheme: &str, more: &str) -> String {
        format!("[[audit.forward]]\nname = \"siem\"\nto = \"syslog+{scheme}://localhost:{}\"\n{more}", self.port)
    }
}

fn meet(stream: TcpStream, manner: Manner, tls: Option<&Arc<ServerConfig>>, say: &Sender<Heard>) -> Option<TcpStream> {
    say.send(Heard::Connection).ok();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let raw = stream.try_clone().unwrap();
    let most = match manner {
        Manner::Read => usize::MAX,
        Manner::Reset(most) | Manner::End(most) => most,
        Manner::Sleep => return Some(stream),
    };
    let ended = match tls {
        None => frames(BufReader::new(stream), most, say),
        Some(config) => {
            let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), stream);
            if stream.flush().is_err() || stream.conn.is_handshaking() {
                say.send(Heard::NoTls).ok();
                return None;
            }
            // As rsyslog does: no goodbye in TLS.
            frames(BufReader::new(stream), most, say)
        }
    };
    if matches!(manner, Manner::Reset(_)) {
        socket2::SockRef::from(&raw).set_linger(Some(Duration::ZERO)).unwrap();
    }
    if ended {
        say.send(Heard::End).ok();
    }
    None
}

/// RFC 6587, 3.4.1: the length, a space, the message. Returns whether the sender ended.
fn frames(mut stream: impl Read, most: usize, say: &Sender<Heard>) -> bool {
    for _ in 0..most {
        let mut length = Vec::new();
        loop {
            let mut byte = [0];
            match stream.read(&mut byte) {
                Ok(1) if byte[0] == b' ' => break,
                Ok(1) => length.push(byte[0]),
                Ok(_) => {
                    assert!(length.is_empty(), "half a frame at the end");
                    return true;
                }
                Err(_) => return false,
            }
        }
        let length = std::str::from_utf8(&length).unwrap();
        assert!(!length.starts_with('0') && length.bytes().all(|byte| byte.is_ascii_digit()), "{length:?}");
        let mut message = vec![0; length.parse().unwrap()];
        if stream.read_exact(&mut message).is_err() {
            return false;
        }
        say.send(Heard::Message(Box::new(Message::parse(&message)))).ok();
    }
    false
}

/// The numbers that each connection brought.
fn by_connection(heard: &[Heard]) -> Vec<Vec<u64>> {
    let mut all = Vec::new();
    for one in heard {
        match one {
            Heard::Connection => all.push(Vec::new()),
            Heard::Message(message) => all.last_mut().unwrap().push(message.seq()),
            Heard::End | Heard::NoTls => {}
        }
    }
    all
}

/// Every record is there, and each connection brought an unbroken row of them that leaves no gap behind the rows before.
fn nothing_is_missing(heard: &[Heard], last: u64) {
    let mut highest = 0;
    for row in by_connection(heard) {
        assert!(row.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{row:?}");
        if let (Some(first), Some(end)) = (row.first(), row.last()) {
            assert!(*first <= highest + 1, "{first} behind {highest}");
            highest = highest.max(*end);
        }
    }
    assert_eq!(highest, last);
}

#[test]
fn messages_are_as_the_standards_say_and_none_is_missing_or_sent_twice() {
    let stage = stage();
    let receiver = Syslog::start([], None);
    let mut heard = Vec::new();
    for _ in 0..3 {
        let sinks = stage.start(&receiver.toml("tcp", ""));
        let last = stage.record(700);
        stage::stop(&stage, sinks);
        // A stop in order leaves nothing unsure.
        assert_eq!(delivered(&stage.state).unwrap(), Some(last));
        loop {
            heard.push(receiver.next());
            if matches!(heard.last(), Some(Heard::End)) {
                break;
            }
        }
    }
    assert_eq!(by_connection(&heard).concat(), (1..=stage.records().len() as u64).collect::<Vec<_>>());
    let messages = heard.iter().filter_map(|heard| if let Heard::Message(message) = heard { Some(message) } else { None });
    // The first is the journal's own.
    for (message, (seq, hash)) in messages.zip(stage.records()).skip(1) {
        assert_eq!((message.priority, message.id.as_str()), (13 * 8 + 6, "audit-read"));
        assert_eq!(
            (message.seq(), message.json["hash"].as_str(), message.json["time"].as_str()),
            (seq, Some(hash.as_str()), Some(message.time.as_str()))
        );
        let expected = [("seq", seq.to_string()), ("hash", hash), ("kind", "audit-read".to_owned()), ("by", "ann \"]\\ ü".to_owned())];
        assert!(message.data.iter().map(|(name, value)| (name.as_str(), value.clone())).eq(expected), "{:?}", message.data);
        assert!(message.json["event"]["body"]["text"].as_str().unwrap().ends_with(ODD));
    }
}

#[test]
fn a_message_that_no_receiver_would_take_whole_goes_without_what_agents_wrote() {
    let stage = stage();
    let receiver = Syslog::start([], None);
    for (length, whole) in [(60 << 10, true), (64 << 10, false)] {
        let last = stage.record_long(1, length);
        stage::stop(&stage, stage.start(&receiver.toml("tcp", "")));
        loop {
            if let Heard::Message(message) = receiver.next()
                && message.seq() == last
            {
                assert_eq!(message.json["event"].get("body").is_some(), whole, "{length}");
                break;
            }
        }
    }
}

#[test]
fn what_a_broken_connection_lost_is_sent_again() {
    let stage = stage();
    let receiver = Syslog::start([Manner::Reset(0), Manner::Reset(300), Manner::End(1), Manner::Reset(1500), Manner::End(900)], None);
    let last = stage.record(4000);
    let sinks = stage.start(&receiver.toml("tcp", "bodies = false"));
    // The fifth connection breaks as well; the sixth brings everything.
    let (mut heard, mut connections) = (Vec::new(), 0);
    loop {
        heard.push(receiver.next());
        match heard.last() {
            Some(Heard::Connection) => connections += 1,
            Some(Heard::Message(message)) if connections == 6 && message.seq() == last => break,
            _ => {}
        }
    }
    stage::stop(&stage, sinks);
    heard.extend(receiver.rest());
    nothing_is_missing(&heard, last);
    assert_eq!(delivered(&stage.state).unwrap(), Some(last));
    assert!(heard.iter().all(|heard| !matches!(heard, Heard::Message(message) if message.json["event"].get("body").is_some())));
}

#[test]
fn what_a_dropped_sender_was_not_sure_of_is_sent_after_the_next_start() {
    let stage = stage();
    let receiver = Syslog::start([], None);
    let mut heard = Vec::new();
    let mut last = 0;
    for _ in 0..3 {
        // What stays in a receiver's buffer unread was not received, whatever TCP says.
        receiver.manners.send(Manner::Sleep).unwrap();
        last = stage.record(50);
        let sinks = stage.start(&receiver.toml("tcp", ""));
        stage::wait(&sinks, |standings| standings[0].passed == last);
        drop(sinks);
    }
    assert_eq!(delivered(&stage.state).unwrap(), Some(0));
    stage::stop(&stage, stage.start(&receiver.toml("tcp", "")));
    loop {
        heard.push(receiver.next());
        if matches!(heard.last(), Some(Heard::End)) {
            break;
        }
    }
    nothing_is_missing(&heard, last);
    assert_eq!(delivered(&stage.state).unwrap(), Some(last));
}

/// An authority, and a certificate of it for a name.
fn certificate(folder: &Path, authority: &str, name: &str) -> Arc<ServerConfig> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, authority);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join(format!("{authority}.pem")), issuer.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(signed.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

#[test]
fn over_tls_only_the_right_receiver_gets_anything() {
    let stage = stage();
    let last = stage.record(600);
    let right = Syslog::start([], Some(certificate(stage.folder(), "right", "localhost")));
    let other_name = Syslog::start([], Some(certificate(stage.folder(), "other", "elsewhere.example")));
    for (receiver, ca) in [(&right, "other"), (&other_name, "other")] {
        let sinks = stage.start(&receiver.toml("tls", &format!("ca_file = \"{ca}.pem\"")));
        let trouble = stage::wait(&sinks, |standings| standings[0].trouble.is_some())[0].trouble.clone().unwrap();
        assert!(trouble.contains("TLS: invalid peer certificate"), "{trouble}");
        drop(sinks);
        assert!(matches!(receiver.next(), Heard::Connection));
        assert!(receiver.rest().iter().all(|heard| !matches!(heard, Heard::Message(_))));
    }
    right.manners.send(Manner::Reset(200)).unwrap();
    let sinks = stage.start(&right.toml("tls", "ca_file = \"right.pem\""));
    let mut heard = Vec::new();
    loop {
        heard.push(right.next());
        if matches!(heard.last(), Some(Heard::Message(message)) if message.seq() == last) {
            break;
        }
    }
    stage::stop(&stage, sinks);
    nothing_is_missing(&heard, last);
    assert_eq!(delivered(&stage.state).unwrap(), Some(last));
}
