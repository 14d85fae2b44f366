use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;
use crate::host::link::KnownKeys;
use crate::host::link::scram::{Binding, Opened, Proven};
use crate::host::scram::KEY;
use crate::host::secret::Secret;
use crate::host::tls::made::Made;
use crate::host::tls::{self, Connector};
use crate::host::upstream::{ChannelBinding, Credential, Roots, SslMode, UpstreamTls};
use crate::wire::authentication::Request;
use crate::wire::startup::{CancelKey, write_cancel, write_ssl_request, write_startup};

/// Everything a test client may meet.
struct AnyMessage;

impl crate::wire::frame::Caps for AnyMessage {
    fn cap(&self, _: u8) -> Option<usize> {
        Some(4096)
    }
}

struct Book {
    agents: HashMap<&'static str, (Verifier, bool)>,
    denied: Mutex<Vec<String>>,
}

impl Book {
    fn new() -> Self {
        let verifier = Verifier::new(&Secret::new("right")).unwrap();
        let agents = HashMap::from([("ann", (verifier.clone(), true)), ("revoked", (verifier, false))]);
        Self { agents, denied: Mutex::default() }
    }
}

impl Keeper for Book {
    async fn offered(&self, name: &str, from: Option<IpAddr>) -> Offered {
        match self.agents.get(name) {
            Some((verifier, real)) => Offered { verifier: verifier.clone(), real: *real && from != Some([10, 0, 0, 1].into()) },
            None => Offered { verifier: Verifier::imaginary(name, &[1; KEY]), real: false },
        }
    }

    fn denied(&self, name: &str, _: Option<IpAddr>) {
        self.denied.lock().unwrap().push(name.to_owned());
    }
}

fn door(tls: Option<&Made>) -> Door {
    Door {
        tls: tls.map(|made| Arc::new(Acceptor::load(&made.certificate(), &made.key()).unwrap())),
        tls_required: false,
        channel_binding: true,
        deadline: Duration::from_secs(60),
    }
}

fn made() -> Made {
    Made::new("localhost", &rcgen::PKCS_ECDSA_P256_SHA256)
}

fn startup(user: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write_startup(&mut out, 0, [("user", user), ("database", "shop"), ("application_name", "test")]);
    out
}

fn ssl_request() -> Vec<u8> {
    let mut out = Vec::new();
    write_ssl_request(&mut out);
    out
}

fn gss_request() -> Vec<u8> {
    vec![0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30]
}

/// Sends these bytes, closes, and gives back what was answered and how it ended.
async fn say(bytes: &[u8], door: Door) -> (Vec<u8>, Arrival<DuplexStream>) {
    let (mut client, server) = duplex(1 << 16);
    let ours = async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // A server that drops the connection with our bytes unread is an answer as well.
        drop(client.read_to_end(&mut answer).await);
        answer
    };
    let book = Book::new();
    tokio::join!(ours, arrive(server, None, &door, &book))
}

fn code(answer: &[u8]) -> Option<&[u8]> {
    let at = answer.windows(2).position(|pair| pair == b"\0C")?;
    answer.get(at + 2..at + 7)
}

#[tokio::test]
async fn what_is_not_a_startup_ends_without_a_word() {
    for bytes in [&b""[..], b"GET / HTTP/1.1\r\n\r\n", &[0, 0, 0, 7, 0, 3, 0], &[0, 0, 0x27, 0x15, 0, 3, 0, 0], &[0, 0, 0, 20, 0, 3, 0, 0]]
    {
        let (answer, arrival) = say(bytes, door(None)).await;
        assert!(answer.is_empty() && matches!(arrival, Arrival::Left(_)), "{bytes:?}: {answer:?} {arrival:?}");
    }
}

#[tokio::test]
async fn refused_startups_are_told_why() {
    let mut replication = Vec::new();
    write_startup(&mut replication, 0, [("user", "ann"), ("replication", "database")]);
    let mut twice = Vec::new();
    write_startup(&mut twice, 0, [("user", "ann"), ("user", "bob")]);
    let mut nobody = Vec::new();
    write_startup(&mut nobody, 0, [("database", "shop")]);
    for (bytes, expected) in [(replication, "0A000"), (twice, "08P01"), (nobody, "28000")] {
        let (answer, arrival) = say(&bytes, door(None)).await;
        assert_eq!(code(&answer), Some(expected.as_bytes()));
        assert!(matches!(arrival, Arrival::Left(Departure::Refused { code, .. }) if code == expected));
    }
    let (answer, _) = say(&[0, 0, 0, 8, 0, 2, 0, 0], door(None)).await;
    assert!(answer.starts_with(b"EFATAL:  unsupported frontend protocol 2.0") && answer.ends_with(b"\n\0"));
}

#[tokio::test]
async fn tls_can_be_required() {
    let made = made();
    let door = Door { tls_required: true, ..door(Some(&made)) };
    let (answer, _) = say(&startup("ann"), door).await;
    assert_eq!(code(&answer), Some(&b"28000"[..]));
    assert!(String::from_utf8_lossy(&answer).contains("TLS is required"));
}

#[tokio::test]
async fn encryption_is_asked_for_once_each_and_in_either_order() {
    let step = |client: DuplexStream, requests: Vec<(Vec<u8>, &'static [u8])>| async move {
        let mut client = client;
        for (request, expected) in requests {
            client.write_all(&request).await.unwrap();
            let mut answer = vec![0; expected.len()];
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, expected);
        }
        client.shutdown().await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        rest
    };
    for (requests, expected) in [
        (vec![(ssl_request(), &b"N"[..]), (gss_request(), b"N"), (startup("ann"), b"R")], None),
        (vec![(gss_request(), &b"N"[..]), (ssl_request(), b"N"), (startup("ann"), b"R")], None),
        (vec![(ssl_request(), &b"N"[..]), (ssl_request(), b"E")], Some("unsupported frontend protocol 1234.5679")),
        (vec![(gss_request(), &b"N"[..]), (gss_request(), b"E")], Some("unsupported frontend protocol 1234.5680")),
    ] {
        let (client, server) = duplex(1 << 16);
        let (book, door) = (Book::new(), door(None));
        let (rest, _) = tokio::join!(step(client, requests), arrive(server, None, &door, &book));
        match expected {
            Some(text) => assert!(String::from_utf8_lossy(&rest).contains(text)),
            None => assert!(rest.windows(13).any(|bytes| bytes == b"SCRAM-SHA-256")),
        }
    }
}

#[tokio::test]
async fn bytes_stuffed_behind_an_encryption_request_end_the_connection() {
    let made = made();
    for (request, tls) in [(ssl_request(), Some(&made)), (ssl_request(), None), (gss_request(), None)] {
        let stuffed = [request, startup("ann")].concat();
        let (answer, arrival) = say(&stuffed, door(tls)).await;
        assert!(answer.is_empty(), "{answer:?}");
        assert!(matches!(arrival, Arrival::Left(Departure::StuffedBytes)), "{arrival:?}");
    }
}

#[tokio::test]
async fn plaintext_after_the_servers_consent_is_only_a_broken_handshake() {
    let made = made();
    let (mut client, server) = duplex(1 << 16);
    let ours = async {
        client.write_all(&ssl_request()).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'S');
        client.write_all(&startup("ann")).await.unwrap();
        let mut rest = Vec::new();
        drop(client.read_to_end(&mut rest).await);
        rest
    };
    let (book, door) = (Book::new(), door(Some(&made)));
    let (rest, arrival) = tokio::join!(ours, arrive(server, None, &door, &book));
    assert!(matches!(arrival, Arrival::Left(Departure::Tls(_))), "{arrival:?}");
    // At most an alert: never an answer of the protocol.
    assert!(rest.is_empty() || rest[0] == 0x15, "{rest:?}");
}

#[tokio::test]
async fn a_cancel_request_is_an_outcome_and_gets_no_answer() {
    for length in [4, 256] {
        let mut bytes = Vec::new();
        write_cancel(&mut bytes, 77, &CancelKey::new(&vec![5; length]).unwrap());
        let (mut client, server) = duplex(1 << 16);
        client.write_all(&bytes).await.unwrap();
        let arrival = arrive(server, None, &door(None), &Book::new()).await;
        let Arrival::Cancel(request, stream) = arrival else { panic!("{arrival:?}") };
        // Whoever asked waits for the end of the connection, and reads nothing else.
        drop(stream);
        assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
        assert_eq!((request.process_id, request.key.as_bytes().len()), (77, length));
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_dribbles_in_ends_at_the_deadline() {
    for sent in [0, 1, 6, 20] {
        let (mut client, server) = duplex(1 << 16);
        client.write_all(&startup("ann")[..sent]).await.unwrap();
        let (book, door) = (Book::new(), door(None));
        let arrival = arrive(server, None, &door, &book).await;
        assert!(matches!(arrival, Arrival::Left(Departure::TimedOut)), "{arrival:?}");
        drop(client);
    }
    // Also in the middle of the exchange.
    let (mut client, server) = duplex(1 << 16);
    client.write_all(&startup("ann")).await.unwrap();
    let (book, door) = (Book::new(), door(None));
    let arrival = arrive(server, None, &door, &book).await;
    assert!(matches!(arrival, Arrival::Left(Departure::TimedOut)), "{arrival:?}");
}

/// A client that logs in; what it saw, message by message.
struct Client {
    stream: Stream<DuplexStream>,
    inbox: Inbox,
    seen: Vec<Vec<u8>>,
}

impl Client {
    fn plain(stream: DuplexStream) -> Self {
        Self { stream: Stream::Plain(stream), inbox: Inbox::default(), seen: Vec::new() }
    }

    async fn next(&mut self) -> crate::host::inbox::Message {
        let message = self.inbox.message(&AnyMessage, &mut self.stream).await.unwrap();
        self.seen.push(message.whole.to_vec());
        message
    }

    async fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.stream.write_all(&out).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Up to the proof. `behind` is sent together with it.
    async fn log_in(&mut self, user: &str, password: &str, mechanism: &str, binding: Binding, behind: &[u8]) -> Proven {
        self.send(|out| out.extend(startup(user))).await;
        self.next().await;
        let opened = Opened::new(binding).unwrap();
        self.send(|out| authentication::sasl_initial_response(out, mechanism, opened.message().as_bytes())).await;
        let message = self.next().await;
        let Ok(Request::SaslContinue(challenge)) = authentication::request(message.body()) else { panic!("{message:?}") };
        let credential = Credential { user: user.into(), password: Some(Secret::new(password)) };
        let (answer, proven) = opened.answer(challenge, &credential, &KnownKeys::new()).await.unwrap();
        self.send(|out| {
            authentication::sasl_response(out, answer.as_bytes());
            out.extend(behind);
        })
        .await;
        proven
    }
}

#[tokio::test]
async fn the_right_password_admits_with_everything_that_was_sent() {
    let (client, server) = duplex(1 << 16);
    let ours = async {
        let mut client = Client::plain(client);
        let proven = client.log_in("ann", "right", "SCRAM-SHA-256", Binding::None, b"Q\0\0\0\x06x\0").await;
        let message = client.next().await;
        let Ok(Request::SaslFinal(last)) = authentication::request(message.body()) else { panic!("{message:?}") };
        proven.check(last).unwrap();
        assert_eq!(authentication::request(client.next().await.body()), Ok(Request::Ok));
        client
    };
    let (book, door) = (Book::new(), door(None));
    let (_client, arrival) = tokio::join!(ours, arrive(server, None, &door, &book));
    let Arrival::Admitted(admitted) = arrival else { panic!("{arrival:?}") };
    assert_eq!((admitted.agent.as_str(), admitted.database.as_deref(), admitted.minor), ("ann", Some("shop"), 0));
    assert_eq!(admitted.parameters, [("application_name".to_owned(), "test".to_owned())]);
    assert_eq!(&admitted.buffered[..], b"Q\0\0\0\x06x\0");
    assert!(!admitted.bound && book.denied.lock().unwrap().is_empty());
}

#[tokio::test]
async fn every_failed_login_reads_the_same() {
    let mut shapes = Vec::new();
    for (user, password, from) in [
        ("ann", "wrong", None),
        ("nobody", "right", None),
        ("revoked", "right", None),
        ("revoked", "wrong", None),
        ("ann", "right", Some(IpAddr::from([10, 0, 0, 1]))),
    ] {
        let (client, server) = duplex(1 << 16);
        let ours = async {
            let mut client = Client::plain(client);
            client.log_in(user, password, "SCRAM-SHA-256", Binding::None, b"").await;
            assert_eq!(client.next().await.tag, b'E');
            let mut rest = Vec::new();
            client.stream.read_to_end(&mut rest).await.unwrap();
            assert!(rest.is_empty());
            client.seen
        };
        let (book, door) = (Book::new(), door(None));
        let (mut seen, arrival) = tokio::join!(ours, arrive(server, from, &door, &book));
        assert!(matches!(&arrival, Arrival::Left(Departure::Denied { name }) if name == user), "{arrival:?}");
        assert_eq!(*book.denied.lock().unwrap(), [user]);
        assert!(String::from_utf8_lossy(&seen[2]).contains(&format!("C28P01\0Mpassword authentication failed for user \"{user}\"\0")));
        seen[2] = String::from_utf8(seen[2].split_off(5)).unwrap().replace(user, "?").into_bytes();
        // Nonce and salt are random; their lengths are not.
        let challenge = String::from_utf8(seen[1].split_off(9)).unwrap();
        let fields: Vec<_> = challenge.split(',').map(str::len).collect();
        shapes.push((seen, fields));
    }
    assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
}

#[tokio::test]
async fn broken_exchanges_are_protocol_violations() {
    let initial = |mechanism: &str, data: &[u8]| {
        let mut out = startup("ann");
        authentication::sasl_initial_response(&mut out, mechanism, data);
        out
    };
    let first = b"n,,n=,r=abcdefgh";
    let mut cases = vec![
        initial("SCRAM-SHA-1", first),
        initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"), // not offered without TLS
        initial("SCRAM-SHA-256", b"p=tls-server-end-point,,n=,r=abc"),
        initial("SCRAM-SHA-256", b""),
        initial("SCRAM-SHA-256", b"n,a=bob,n=,r=abc"),
        initial("SCRAM-SHA-256", b"\xff"),
        [startup("ann"), b"Q\0\0\0\x06x\0".to_vec()].concat(),
        [startup("ann"), b"p\0\0\xff\xff".to_vec()].concat(),
        [startup("ann"), b"p\0\0\0\x03".to_vec()].concat(),
    ];
    for last in [&b""[..], b"c=biws", b"c=biws,r=other,p=AAAA", b"\xff"] {
        let mut out = initial("SCRAM-SHA-256", first);
        authentication::sasl_response(&mut out, last);
        cases.push(out);
    }
    for bytes in cases {
        let (answer, arrival) = say(&bytes, door(None)).await;
        assert_eq!(code(&answer), Some(&b"08P01"[..]), "{bytes:?}");
        assert!(matches!(arrival, Arrival::Left(Departure::Protocol(_))), "{arrival:?}");
    }
}

/// A TLS client's end of an arrival: `direct`, or asked for.
async fn over_tls(stream: DuplexStream, made: &Made, direct: bool) -> (Client, Option<Vec<u8>>) {
    let mut stream = stream;
    if !direct {
        stream.write_all(&ssl_request()).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
    }
    let tls = UpstreamTls {
        mode: SslMode::VerifyFull,
        roots: Roots::File(made.root()),
        client_certificate: None,
        channel_binding: ChannelBinding::Prefer,
        direct,
    };
    let done = Connector::load(&tls).unwrap().unwrap().connect("localhost", stream).await.unwrap();
    assert!(done.spoke_alpn);
    (Client { stream: Stream::TlsConnected(done.stream), inbox: Inbox::default(), seen: Vec::new() }, done.end_point)
}

#[tokio::test]
async fn logins_are_bound_to_the_certificate() {
    let made = made();
    for direct in [false, true] {
        let (client, server) = duplex(1 << 16);
        let ours = async {
            let (mut client, hash) = over_tls(client, &made, direct).await;
            client.log_in("ann", "right", "SCRAM-SHA-256-PLUS", Binding::EndPoint(hash.unwrap()), b"").await;
            client.next().await;
            client
        };
        let (book, door) = (Book::new(), Door { tls_required: true, ..door(Some(&made)) });
        let (_client, arrival) = tokio::join!(ours, arrive(server, None, &door, &book));
        let Arrival::Admitted(admitted) = arrival else { panic!("{arrival:?}") };
        assert!(admitted.bound && admitted.stream.is_tls());
    }
}

/// How a login over TLS with that mechanism and that binding ends.
async fn bound(mechanism: &str, binding: Binding, channel_binding: bool) -> Arrival<DuplexStream> {
    let made = made();
    let (client, server) = duplex(1 << 16);
    let ours = async {
        let (mut client, _) = over_tls(client, &made, false).await;
        client.send(|out| out.extend(startup("ann"))).await;
        let offer = client.next().await;
        let Ok(Request::Sasl(offered)) = authentication::request(offer.body()) else { panic!("{offer:?}") };
        assert_eq!(offered.contains("SCRAM-SHA-256-PLUS"), channel_binding);
        let opened = Opened::new(binding).unwrap();
        client.send(|out| authentication::sasl_initial_response(out, mechanism, opened.message().as_bytes())).await;
        let message = client.next().await;
        if let Ok(Request::SaslContinue(challenge)) = authentication::request(message.body()) {
            let credential = Credential { user: "ann".into(), password: Some(Secret::new("right")) };
            let (answer, _) = opened.answer(challenge, &credential, &KnownKeys::new()).await.unwrap();
            client.send(|out| authentication::sasl_response(out, answer.as_bytes())).await;
            client.next().await;
        }
    };
    let (book, door) = (Book::new(), Door { channel_binding, ..door(Some(&made)) });
    tokio::join!(ours, arrive(server, None, &door, &book)).1
}

#[tokio::test]
async fn mechanism_and_binding_must_agree() {
    let (scram, plus) = ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS");
    let other = Binding::EndPoint(vec![0; 32]);
    // Another certificate than ours was seen: somebody is in between.
    assert!(matches!(bound(plus, other.clone(), true).await, Arrival::Left(Departure::Protocol(_))));
    assert!(matches!(bound(plus, Binding::None, true).await, Arrival::Left(Departure::Protocol(_))));
    assert!(matches!(bound(plus, Binding::NotOffered, true).await, Arrival::Left(Departure::Protocol(_))));
    assert!(matches!(bound(scram, other.clone(), true).await, Arrival::Left(Departure::Protocol(_))));
    // Somebody took our offer away.
    assert!(matches!(bound(scram, Binding::NotOffered, true).await, Arrival::Left(Departure::Refused { code, .. }) if code == "28000"));
    assert!(matches!(bound(scram, Binding::None, true).await, Arrival::Admitted(_)));
    // Turned off: behind a balancer.
    assert!(matches!(bound(scram, Binding::NotOffered, false).await, Arrival::Admitted(_)));
    assert!(matches!(bound(scram, Binding::None, false).await, Arrival::Admitted(_)));
    assert!(matches!(bound(plus, other, false).await, Arrival::Left(Departure::Protocol(_))));
}

#[tokio::test]
async fn direct_tls_needs_alpn_and_a_certificate() {
    let made = made();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(tls::made::authority(&made)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let silent = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    for (tls, has_certificate) in [(Some(&made), true), (None, false)] {
        let (client, server) = duplex(1 << 16);
        let ours = async {
            let connector = tokio_rustls::TlsConnector::from(Arc::new(silent.clone()));
            if let Ok(mut stream) = connector.connect("localhost".try_into().unwrap(), client).await {
                drop(stream.write_all(&startup("ann")).await);
                let mut answer = Vec::new();
                drop(stream.read_to_end(&mut answer).await);
                assert!(answer.is_empty());
            } else {
                assert!(!has_certificate);
            }
        };
        let (book, door) = (Book::new(), door(tls));
        let (_, arrival) = tokio::join!(ours, arrive(server, None, &door, &book));
        assert!(matches!(arrival, Arrival::Left(Departure::NotPostgres(_))), "{arrival:?}");
    }
}

#[tokio::test]
async fn a_cancel_request_may_come_over_tls_but_no_second_request_for_tls() {
    let made = made();
    let mut cancel = Vec::new();
    write_cancel(&mut cancel, 5, &CancelKey::new(&[1; 32]).unwrap());
    for (bytes, cancels) in [(cancel, true), (ssl_request(), false), (gss_request(), false)] {
        let (client, server) = duplex(1 << 16);
        let ours = async {
            let (mut client, _) = over_tls(client, &made, false).await;
            client.send(|out| out.extend(bytes)).await;
            client
        };
        let (book, door) = (Book::new(), door(Some(&made)));
        let (mut client, arrival) = tokio::join!(ours, arrive(server, None, &door, &book));
        assert_eq!(matches!(arrival, Arrival::Cancel(..)), cancels, "{arrival:?}");
        drop(arrival);
        let mut answer = Vec::new();
        // Dropped without TLS's goodbye, the connection may end as an error.
        drop(client.stream.read_to_end(&mut answer).await);
        assert_eq!(code(&answer), (!cancels).then_some(&b"0A000"[..]));
    }
}

#[tokio::test]
async fn newer_protocols_are_negotiated() {
    let (client, server) = duplex(1 << 16);
    let ours = async {
        let mut client = Client::plain(client);
        client.send(|out| write_startup(out, 9, [("user", "ann"), ("_pq_.x", "1")])).await;
        assert_eq!(client.next().await.body(), b"\0\x03\0\x02\0\0\0\x01_pq_.x\0");
        assert_eq!(client.next().await.tag, b'R');
    };
    let (book, door) = (Book::new(), door(None));
    tokio::join!(ours, arrive(server, None, &door, &book));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_end_without_panic(start in 0usize..3, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let start = [Vec::new(), startup("ann"), gss_request()][start].clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (_, arrival) = runtime.block_on(say(&[start, bytes].concat(), door(None)));
        proptest::prop_assert!(!matches!(arrival, Arrival::Admitted(_)));
    }

    #[test]
    fn any_chunking_gives_the_same_answer(cuts in proptest::collection::vec(1usize..20, 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let bytes = [startup("ann"), b"p\0\0\0\x0cSCRAM-1\0".to_vec()].concat();
        let whole = runtime.block_on(say(&bytes, door(None))).0;
        let cut = runtime.block_on(async {
            let (mut client, server) = duplex(1 << 16);
            let ours = async {
                let (mut rest, mut cuts) = (&bytes[..], cuts.iter().cycle());
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                    client.write_all(now).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = later;
                }
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.unwrap();
                answer
            };
            let (book, door) = (Book::new(), door(None));
            tokio::join!(ours, arrive(server, None, &door, &book)).0
        });
        proptest::prop_assert!(!whole.is_empty());
        proptest::prop_assert_eq!(whole, cut);
    }
}

#[test]
fn imaginary_and_real_verifiers_show_the_same() {
    let real = Verifier::new(&Secret::new("x")).unwrap();
    let imaginary = Verifier::imaginary("x", &[0; KEY]);
    assert_eq!((real.salt().len(), NonZeroU32::new(real.iterations())), (imaginary.salt().len(), NonZeroU32::new(imaginary.iterations())));
}
