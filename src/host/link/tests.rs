use std::net::SocketAddr;

use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpListener;

use super::dial::Dialled;
use super::login::{Greeting, Rules, log_in};
use super::*;
use crate::host::arrival::{Arrival, Door, Keeper, Offered, arrive};
use crate::host::scram::Verifier;
use crate::host::secret::Secret;
use crate::host::tls::Acceptor;
use crate::host::tls::made::Made;
use crate::host::upstream::{ChannelBinding, ClientCertificate, Roots, SslMode, UpstreamTls};

fn credential() -> Credential {
    Credential { user: "app".into(), password: Some(Secret::new("right")) }
}

const RULES: Rules = Rules { binding: ChannelBinding::Prefer, minor: 0, local: false };

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write::message(&mut out, tag, |writer| {
        writer.bytes(body);
    });
    out
}

fn auth(kind: u8, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[&[0, 0, 0, kind], rest].concat())
}

async fn login_over(stream: DuplexStream, rules: Rules, known: &KnownKeys) -> Result<Greeting, LinkError> {
    let credential = credential();
    let request = Request { credential: &credential, database: "shop", parameters: &[] };
    let dialled = Dialled { stream: Stream::Plain(stream), end_point: None };
    log_in(dialled, rules, request, known).await.map(|(_, greeting)| greeting)
}

/// A login at a server that says all this at once and then closes.
async fn told_with(rules: Rules, said: &[Vec<u8>]) -> Result<Greeting, LinkError> {
    let (client, mut server) = duplex(1 << 20);
    server.write_all(&said.concat()).await.unwrap();
    server.shutdown().await.unwrap();
    let ended = login_over(client, rules, &KnownKeys::new()).await;
    drop(server);
    ended
}

async fn told(said: &[Vec<u8>]) -> Result<Greeting, LinkError> {
    told_with(RULES, said).await
}

fn ok() -> Vec<u8> {
    auth(0, b"")
}

fn ready() -> Vec<u8> {
    message(b'Z', b"I")
}

#[tokio::test]
async fn a_greeting_is_kept_whole() {
    let greeting = told(&[
        message(b'N', b"SWARNING\0\0"),
        ok(),
        message(b'S', b"TimeZone\0UTC\0"),
        message(b'S', b"a\0\0"),
        message(b'K', b"\0\0\0\x07secretkey"),
        message(b'S', b"TimeZone\0CET\0"),
        ready(),
        message(b'A', b"rest"),
    ])
    .await
    .unwrap();
    let named: Vec<_> = greeting.parameters.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(named, [(&b"TimeZone"[..], &b"CET"[..]), (b"a", b"")]);
    let (process_id, key) = greeting.key.unwrap();
    assert_eq!((process_id, key.as_bytes()), (7, &b"secretkey"[..]));
    assert_eq!(greeting.notices, [message(b'N', b"SWARNING\0\0")]);
    assert_eq!(&greeting.rest[..], message(b'A', b"rest"));
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_left() {
    for said in [
        vec![message(b'Q', b"x\0")],
        vec![ready()],
        vec![auth(0, b"x")],
        vec![auth(11, b"r=")],
        vec![auth(12, b"v=")],
        vec![ok(), ok()],
        vec![ok(), message(b'K', b"\0\0\0\x07abc")],
        vec![ok(), message(b'K', b"\0\0\0\x07abcd"), message(b'K', b"\0\0\0\x07abcd")],
        vec![ok(), message(b'K', &[0; 261])],
        vec![ok(), message(b'S', b"a\0b")],
        vec![ok(), message(b'S', b"a\0b\0c\0")],
        vec![ok(), message(b'S', b"\0b\0")],
        vec![ok(), message(b'Z', b"T")],
        vec![ok(), message(b'Z', b"II")],
        vec![message(b'v', b"\0\x03\0\0\0\0\0\0"), ok(), ready()], // nothing newer was asked for
        vec![message(b'E', &[b'x'; 30_001])],
        vec![b"R\0\0\0\x03".to_vec()],
        vec![message(b'N', b"\0"); 2000],
    ] {
        let ended = told(&said).await;
        assert!(matches!(ended, Err(LinkError::Protocol(_))), "{:?}: {ended:?}", said.first());
    }
    assert!(matches!(told(&[ok()]).await, Err(LinkError::Unreachable { .. })));
}

#[tokio::test]
async fn notices_are_bounded() {
    let said = [vec![message(b'N', b"\0"); 100], vec![ok(), ready()]].concat();
    assert_eq!(told(&said).await.unwrap().notices.len(), 16);
}

#[tokio::test]
async fn an_older_minor_version_is_accepted_when_a_newer_was_asked_for() {
    let rules = Rules { minor: 2, ..RULES };
    for (version, good) in [(&b"\0\x03\0\0"[..], true), (b"\0\0\0\0", true), (b"\0\x03\0\x02", false), (b"\0\x02\0\0", false)] {
        let negotiation = message(b'v', &[version, &[0; 4]].concat());
        assert_eq!(told_with(rules, &[negotiation, ok(), ready()]).await.is_ok(), good, "{version:?}");
    }
    // We ask for no option, so none can be unknown; and it is said once.
    let bad = message(b'v', b"\0\x03\0\0\0\0\0\x01_pq_.x\0");
    assert!(told_with(rules, &[bad, ok(), ready()]).await.is_err());
    let negotiation = message(b'v', b"\0\x03\0\0\0\0\0\0");
    assert!(told_with(rules, &[negotiation.clone(), negotiation, ok(), ready()]).await.is_err());
}

#[tokio::test]
async fn unsafe_ways_to_authenticate_are_refused() {
    let refused = |ended: Result<Greeting, LinkError>| matches!(ended, Err(LinkError::Authentication(_)));
    assert!(refused(told(&[auth(3, b"")]).await), "cleartext without TLS");
    for method in [2, 6, 7, 9, 13] {
        assert!(refused(told(&[auth(method, b"")]).await), "method {method}");
    }
    assert!(refused(told(&[auth(10, b"SCRAM-SHA-1\0\0")]).await));
    assert!(refused(told(&[auth(10, b"SCRAM-SHA-256-PLUS\0\0")]).await), "PLUS cannot be had without TLS");
    let require = Rules { binding: ChannelBinding::Require, ..RULES };
    for said in [vec![ok(), ready()], vec![auth(5, b"salt")], vec![auth(10, b"SCRAM-SHA-256\0\0")]] {
        assert!(refused(told_with(require, &said).await), "{said:?}");
    }
    assert!(told_with(Rules { local: true, ..RULES }, &[auth(3, b""), ok(), ready()]).await.is_ok());
}

#[tokio::test]
async fn scram_shortcuts_are_refused() {
    let offer = || auth(10, b"SCRAM-SHA-256\0\0");
    for said in
        [vec![offer(), ok(), ready()], vec![offer(), auth(12, b"v=AAAA"), ok()], vec![offer(), auth(11, b"r=somebodyelses,s=AAAA,i=4096")]]
    {
        let ended = told(&said).await;
        assert!(matches!(ended, Err(LinkError::Authentication(_))), "{ended:?}");
    }
}

/// A SCRAM server that goes wrong in its own way: `challenge` is made from our nonce, `last` ends the exchange.
async fn scripted(challenge: impl Fn(&str) -> String, last: Vec<u8>) -> Result<Greeting, LinkError> {
    let (client, mut server) = duplex(1 << 16);
    let theirs = async {
        server.write_all(&auth(10, b"SCRAM-SHA-256\0\0")).await.unwrap();
        let mut heard = String::new();
        let nonce = loop {
            heard.push(char::from(server.read_u8().await.unwrap()));
            // 18 bytes in base64.
            match heard.rsplit_once("r=") {
                Some((_, nonce)) if nonce.len() == 24 => break nonce,
                Some(_) | None => {}
            }
        };
        server.write_all(&auth(11, challenge(nonce).as_bytes())).await.unwrap();
        server.write_all(&last).await.unwrap();
        server.shutdown().await.unwrap();
        drop(server.read_to_end(&mut Vec::new()).await);
    };
    let known = KnownKeys::new();
    tokio::join!(login_over(client, RULES, &known), theirs).0
}

#[tokio::test]
async fn the_server_must_prove_itself() {
    let good = |nonce: &str| format!("r={nonce}more,s=c2FsdA==,i=4096");
    for last in [auth(12, b"v=AAAA"), auth(12, &[b"v=", "A".repeat(43).as_bytes(), b"="].concat()), ok()] {
        let ended = scripted(good, [last, ok(), ready()].concat()).await;
        let error = ended.unwrap_err().to_string();
        assert!(error.contains("signature is wrong") || error.contains("did not prove"), "{error}");
    }
    let ended = scripted(good, auth(12, b"e=other-error")).await;
    assert!(matches!(ended, Err(LinkError::Protocol("malformed SCRAM message"))), "{ended:?}");
}

#[tokio::test]
async fn strange_challenges_are_refused() {
    type Challenge = fn(&str) -> String;
    let strange: [(Challenge, &str); 7] = [
        (|nonce| format!("r={nonce},s=c2FsdA==,i=4096"), "nonce"), // the server adds nothing of its own
        (|nonce| format!("r={nonce}x,s=c2FsdA==,i=0"), "malformed"),
        (|nonce| format!("r={nonce}x,s=c2FsdA==,i=999999999"), "iterations"),
        (|nonce| format!("r={nonce}x,s=!,i=4096"), "malformed"),
        (|nonce| format!("r={nonce}x,s={},i=4096", "AAAA".repeat(400)), "malformed"),
        (|nonce| format!("m=ext,r={nonce}x,s=c2FsdA==,i=4096"), "malformed"),
        (|nonce| format!("r={nonce}x"), "malformed"),
    ];
    for (challenge, expected) in strange {
        let error = scripted(challenge, Vec::new()).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Our own agent side as a server.
struct House(Verifier);

impl Keeper for House {
    async fn offered(&self, _: &str, _: Option<IpAddr>) -> Offered {
        Offered { verifier: self.0.clone(), real: true }
    }

    fn denied(&self, _: &str, _: Option<IpAddr>) {}
}

#[tokio::test]
async fn the_slow_rounds_are_paid_once_per_password_and_salt() {
    let known = KnownKeys::new();
    let [one, two] = [0; 2].map(|_| House(Verifier::new(&Secret::new("right")).unwrap()));
    let door = Door { tls: None, tls_required: false, channel_binding: true, deadline: Duration::from_secs(60) };
    for (keeper, remembered) in [(&one, 1), (&one, 1), (&two, 2), (&one, 2)] {
        let (client, server) = duplex(1 << 16);
        let theirs = async {
            let Arrival::Admitted(mut admitted) = arrive(server, None, &door, keeper).await else { panic!() };
            admitted.stream.write_all(&ready()).await.unwrap();
            admitted
        };
        let (ended, _) = tokio::join!(login_over(client, RULES, &known), theirs);
        ended.unwrap();
        assert_eq!(known.len(), remembered);
    }
}

#[tokio::test]
async fn our_own_door_is_a_server_like_any_other() {
    let made = Made::new("localhost", &rcgen::PKCS_ECDSA_P384_SHA384);
    let acceptor = Acceptor::load(&made.certificate(), &made.key()).unwrap();
    let door = Door { tls: Some(Arc::new(acceptor)), tls_required: true, channel_binding: true, deadline: Duration::from_secs(60) };
    let keeper = House(Verifier::new(&Secret::new("right")).unwrap());
    for direct in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut upstream = upstream(listener.local_addr().unwrap(), SslMode::VerifyFull);
        upstream.hosts = vec![Host::Tcp { name: "localhost".into(), port: listener.local_addr().unwrap().port() }];
        upstream.tls.roots = Roots::File(made.root());
        upstream.tls.channel_binding = ChannelBinding::Require;
        upstream.tls.direct = direct;
        let next = async || {
            let (stream, from) = listener.accept().await.unwrap();
            arrive(Socket::Tcp(stream), Some(from.ip()), &door, &keeper).await
        };
        let theirs = async {
            let Arrival::Admitted(mut admitted) = next().await else { panic!() };
            let key = message(b'K', &[&[0, 0, 0, 9][..], &[5; 32]].concat());
            admitted.stream.write_all(&[key, ready()].concat()).await.unwrap();
            admitted.stream.flush().await.unwrap();
            admitted
        };
        let (link, admitted) = tokio::join!(connect(upstream), theirs);
        let canceller = link.unwrap().canceller.unwrap();
        assert!(admitted.bound);
        // The canceller waits for the end of the connection, which comes when the stream is dropped.
        let theirs = async {
            let Arrival::Cancel(request, _) = next().await else { panic!("not taken for a cancel") };
            request
        };
        let (done, request) = tokio::join!(canceller.cancel(), theirs);
        done.unwrap();
        assert_eq!((request.process_id, request.key.as_bytes()), (9, &[5; 32][..]));
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_a_server_says_makes_a_panic(start in 0usize..3, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let start = [Vec::new(), ok(), auth(10, b"SCRAM-SHA-256\0\0")][start].clone();
        let tag = bytes.first().map_or(b'R', |byte| b"RENSKZv"[usize::from(*byte) % 7]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ended = runtime.block_on(told(&[start, message(tag, &bytes), bytes]));
        if let Err(error) = ended {
            error.for_agent().write(&mut Vec::new());
        }
    }
}

fn fields(code: &str) -> Vec<u8> {
    message(b'E', format!("SFATAL\0VFATAL\0C{code}\0Mrole \"secret_role\" at host 10.1.2.3\0Dmore\0Htry\0\0").as_bytes())
}

#[tokio::test]
async fn agents_read_what_concerns_them_and_nothing_else() {
    for (code, shown) in [("3D000", true), ("53300", false), ("22023", true), ("28P01", false), ("28000", false), ("XX000", false)] {
        for said in [vec![fields(code)], vec![ok(), fields(code)]] {
            let error = told(&said).await.unwrap_err();
            let report = error.for_agent();
            assert_eq!(report.message.contains("secret_role"), shown, "{code}");
            assert_eq!(report.detail.is_some(), shown, "{code}");
            assert_eq!(report.code == code, shown || ["28000", "53300"].contains(&code));
            assert!(error.to_string().contains("secret_role"), "the log has it all");
            assert_eq!(error.credential_refused(), code == "28P01");
        }
    }
}

#[test]
fn wanted_kinds_of_server() {
    use TargetSession::{Any, PreferStandby, Primary, ReadOnly, ReadWrite, Standby};
    let server = |standby: &str, read_only: &str| -> Vec<Parameter> {
        [("in_hot_standby", standby), ("default_transaction_read_only", read_only)]
            .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
            .to_vec()
    };
    let fits = |standby, read_only| {
        [Any, ReadWrite, ReadOnly, Primary, Standby, PreferStandby].map(|wanted| suits(&server(standby, read_only), wanted).is_ok())
    };
    assert_eq!(fits("off", "off"), [true, true, false, true, false, true]);
    assert_eq!(fits("off", "on"), [true, false, true, true, false, true]);
    assert_eq!(fits("on", "off"), [true, false, true, false, true, true]);
    assert!(suits(&[], Any).is_ok());
    assert!(suits(&[], Primary).is_err() && suits(&[], Standby).is_err());
}

#[test]
fn modes_try_what_libpq_tries() {
    use dial::Encryption::{IfOffered, Must, Never};
    let tcp = Reached::Tcp { name: "h".into(), address: SocketAddr::from(([127, 0, 0, 1], 1)) };
    for (mode, expected) in [
        (SslMode::Disable, &[Never][..]),
        (SslMode::Allow, &[Never, Must]),
        (SslMode::Prefer, &[IfOffered, Never]),
        (SslMode::Require, &[Must]),
        (SslMode::VerifyFull, &[Must]),
    ] {
        assert_eq!(dial::attempts(mode, &tcp), expected);
        assert_eq!(dial::attempts(mode, &Reached::Unix("/x".into())), [Never]);
    }
}

fn upstream(address: SocketAddr, mode: SslMode) -> Upstream {
    Upstream {
        hosts: vec![Host::Tcp { name: address.ip().to_string(), port: address.port() }],
        database: "shop".into(),
        credential: credential(),
        tls: UpstreamTls { mode, roots: Roots::Platform, client_certificate: None, channel_binding: ChannelBinding::Prefer, direct: false },
        target_session: TargetSession::Any,
        connect_timeout: Duration::from_secs(20),
    }
}

async fn connect(upstream: Upstream) -> Result<Link, LinkError> {
    let credential = upstream.credential.clone();
    let connector = Connector::load(Arc::new(upstream), Keepalive::default(), Minor::Zero).unwrap();
    connector.connect(Request { credential: &credential, database: "shop", parameters: &[] }).await
}

/// A server that answers the request for TLS with these bytes, on each connection, and counts them.
async fn answering(answer: &'static [u8], mode: SslMode) -> Result<Link, LinkError> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 8];
            if stream.read_exact(&mut request).await.is_ok() && request[4..] == [4, 0xd2, 0x16, 0x2f] {
                drop(stream.write_all(answer).await);
            }
            drop(stream.shutdown().await);
        }
    };
    tokio::select! {
        ended = connect(upstream(address, mode)) => ended,
        () = server => panic!("the server ended first"),
    }
}

#[tokio::test]
async fn answers_to_a_request_for_tls() {
    // What is stuffed behind the consent is taken for a handshake and fails as one: it never reaches the login.
    let stuffed = b"SR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    assert!(matches!(answering(stuffed, SslMode::Require).await, Err(LinkError::Tls(_))));
    assert!(matches!(answering(b"N", SslMode::Require).await, Err(LinkError::Tls(_))));
    assert!(matches!(answering(b"ESFATAL\0\0", SslMode::VerifyFull).await, Err(LinkError::Tls(_))));
    assert!(matches!(answering(b"X", SslMode::Prefer).await, Err(LinkError::Protocol(_))));
    // In the open and alone is what prefer means.
    let plain = b"NR\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
    assert!(answering(plain, SslMode::Prefer).await.is_ok());
}

#[test]
fn files_for_tls_are_read_at_the_start() {
    let made = Made::new("localhost", &rcgen::PKCS_ECDSA_P256_SHA256);
    let mut tls = upstream(SocketAddr::from(([127, 0, 0, 1], 1)), SslMode::Prefer).tls;
    tls.direct = true;
    assert!(matches!(tls::Connector::load(&tls), Err(TlsError::DirectNeedsTls)));
    tls.mode = SslMode::VerifyFull;
    tls.roots = Roots::File("/nowhere".into());
    assert!(matches!(tls::Connector::load(&tls), Err(TlsError::File { .. })));
    tls.roots = Roots::File(made.root());
    assert!(tls::Connector::load(&tls).unwrap().is_some());
    tls.client_certificate = Some(ClientCertificate { certificate: made.certificate(), key: made.certificate() });
    assert!(tls::Connector::load(&tls).is_err());
    tls.client_certificate = Some(ClientCertificate { certificate: made.certificate(), key: made.key() });
    assert!(tls::Connector::load(&tls).is_ok());
}

#[test]
fn a_link_can_be_made_by_a_spawned_task() {
    fn send<T: Send>(_: &T) {}
    let upstream = upstream(SocketAddr::from(([127, 0, 0, 1], 1)), SslMode::Disable);
    let connector = Connector::load(Arc::new(upstream), Keepalive::default(), Minor::Zero).unwrap();
    let credential = credential();
    send(&connector.connect(Request { credential: &credential, database: "shop", parameters: &[] }));
}
