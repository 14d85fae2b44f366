//! What is refused before a session: each with the words it deserves, and the next one is served as if nothing had been.

use crate::certificate::Certificate;
use crate::client::{Client, Login, SYNC};
use crate::stage::{Stage, cancel_request, farewell, leave, say, story};
use pgsluice::wire::write::untagged;

/// What the client is told.
enum Told {
    /// Nothing; the connection ends.
    Nothing,
    /// An error with this code and, somewhere in it, these words.
    Error(&'static str, &'static str),
    /// Exactly this, and the end.
    Bytes(&'static [u8]),
}
use Told::{Bytes, Error, Nothing};

fn packet(code: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    untagged(&mut out, |made| {
        made.bytes(&code.to_be_bytes()).bytes(body);
    });
    out
}

const V3: u32 = 3 << 16;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

fn check(login: &Login, what: &str, bytes: &[u8], told: &Told) {
    let mut client = login.knock();
    // It may be sent away before it has said everything.
    client.send(bytes).ok();
    match told {
        Nothing => assert_eq!(client.rest(), b"", "{what}"),
        Bytes(bytes) => assert_eq!(client.rest(), *bytes, "{what}"),
        Error(code, words) => {
            println!("{what}");
            farewell(client, code, words);
        }
    }
}

#[test]
fn strangers_are_sent_away() {
    let stage = Stage::new();
    let login = &stage.login;
    let user = b"user\0agent\0";
    let with = |more: &[u8]| packet(V3, &[user, more, b"\0"].concat());
    let large = vec![b'x'; 10_001];
    let cases: Vec<(&str, Vec<u8>, Told)> = vec![
        ("replication", with(b"replication\0true\0"), Error("0A000", "replication")),
        ("logical replication", with(b"replication\0database\0"), Error("0A000", "replication")),
        ("protocol 2", packet(2 << 16, &[0; 288]), Bytes(b"EFATAL:  unsupported frontend protocol 2.0: server supports 3.0 to 3.2\n\0")),
        ("protocol 4", packet(4 << 16, b"\0"), Error("0A000", "unsupported frontend protocol 4.0")),
        ("a key twice", with(b"application_name\0a\0application_name\0b\0"), Error("08P01", "more than once")),
        ("the user twice", with(b"user\0postgres\0"), Error("08P01", "more than once")),
        ("a key twice in other letters", with(b"DateStyle\0ISO\0datestyle\0German\0"), Error("08P01", "more than once")),
        ("no user", packet(V3, b"database\0x\0\0"), Error("28000", "no PostgreSQL user name")),
        ("no end", packet(V3, b"user\0agent"), Error("08P01", "terminator")),
        ("bytes behind the end", packet(V3, b"user\0agent\0\0more"), Error("08P01", "terminator")),
        ("not UTF-8", with(b"application_name\0\xff\xfe\0"), Error("22021", "UTF8")),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Nothing),
        ("a length below the least", b"\0\0\0\x04\0\0\0\0".to_vec(), Nothing),
        ("a negative length", b"\xff\xff\xff\xff\0\x03\0\0".to_vec(), Nothing),
        ("too long", packet(V3, &[user, &b"application_name\0"[..], &large, b"\0\0"].concat()), Nothing),
        ("bytes behind a request for TLS", [packet(SSL, b""), packet(V3, b"user\0agent\0\0")].concat(), Nothing),
        ("bytes behind a request for GSS", [packet(GSS, b""), packet(V3, b"user\0agent\0\0")].concat(), Nothing),
        ("bytes inside a request for TLS", packet(SSL, b"more"), Nothing),
        ("a cancel with a short key", cancel_request(b"\0\0\0\x01ab"), Nothing),
        ("TLS from the first byte without a certificate", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec(), Nothing),
    ];
    for (what, bytes, told) in &cases {
        check(login, what, bytes, told);
        leave(stage.linked());
    }
    assert!(!stage.proxy.log().contains("panicked"));
}

#[test]
fn settings_that_weaken_the_guard_are_refused() {
    let stage = Stage::new();
    for (name, value) in [
        ("role", "postgres"),
        ("ROLE", "postgres"),
        ("session_authorization", "postgres"),
        ("options", "-c role=postgres"),
        ("options", "-crole=postgres"),
        ("options", "--role=postgres"),
        ("options", "-c statement_timeout=5s -c\\ role=postgres"),
        ("options", "-c session_replication_role=replica"),
        ("client_encoding", "latin1"),
        ("options", "-c client_encoding=sjis"),
        ("standard_conforming_strings", "off"),
        ("row_security", "off"),
        ("default_transaction_read_only", "off"),
    ] {
        println!("{name} {value}");
        farewell(stage.login.with(name, value).proven(), "42501", "startup parameter");
    }
    let mut client = stage.login.with("options", "-c statement_timeout=5s").with("client_encoding", "UTF8").enter();
    assert_eq!(client.ask("show statement_timeout"), ["5s"]);
    leave(client);
}

#[test]
fn a_request_for_tls_without_a_certificate_is_answered_no() {
    let stage = Stage::new();
    let mut client = stage.login.knock();
    for code in [GSS, SSL] {
        client.send(&packet(code, b"")).unwrap();
        let mut answer = [0];
        std::io::Read::read_exact(&mut client.stream, &mut answer).unwrap();
        assert_eq!(&answer, b"N");
    }
    client.send(&stage.login.startup()).unwrap();
    assert_eq!(client.receive().unwrap().0, b'R');
}

#[test]
fn a_login_that_dribbles_in_has_its_time() {
    let stage = Stage::with("client_login_timeout = '300ms'");
    let startup = stage.login.startup();
    for sent in [0, 3, startup.len() - 1, startup.len()] {
        let mut client = stage.login.knock();
        client.send(&startup[..sent]).unwrap();
        if sent == startup.len() {
            assert_eq!(client.receive().unwrap().0, b'R', "asked for its proof, and silent from there");
        }
        assert_eq!(client.rest(), b"");
    }
    let mut session = stage.linked();
    crate::stage::assert_silent(&mut session);
    crate::stage::assert_silent(&mut session);
    assert_eq!(session.ask("select 1"), ["1"], "who is in has no such deadline");
    leave(session);
}

#[test]
fn where_tls_is_required_nobody_comes_in_the_open() {
    let certificate = Certificate::new();
    let stage = Stage::with(&format!("client_tls_sslmode = 'require'\n{}", certificate.settings()));
    let mut client = stage.login.knock();
    client.send(&stage.login.startup()).unwrap();
    farewell(client, "28000", "TLS is required");
    check(&stage.login, "in the open behind a request", &[packet(SSL, b""), stage.login.startup()].concat(), &Nothing);
    let url = stage.proxy.url(&stage.database.name).replace("127.0.0.1", "localhost");
    let url = format!("{url}?sslmode=verify-full&channel_binding=require&sslrootcert={}", certificate.root().display());
    assert_eq!(crate::support::sql(&url, "select 'served'"), "served");
}

#[test]
fn function_calls_are_refused_and_the_session_goes_on() {
    let stage = Stage::new();
    // pg_backend_pid(), by its number, without arguments.
    let call = say(b'F', b"\0\0\x07\xea\0\0\0\0\0\0");
    let mut client: Client = stage.linked();
    for _ in 0..2 {
        client.send(&call).unwrap();
        assert_eq!(story(&mut client), "E=0A000 Z=I");
    }
    client.ask("begin");
    client.send(&call).unwrap();
    assert_eq!(story(&mut client), "E=0A000 Z=E");
    client.send(&crate::client::query("commit")).unwrap();
    assert_eq!(story(&mut client), "C Z=I");
    client.send(&[crate::stage::run("select 1"), call, SYNC.to_vec()].concat()).unwrap();
    assert_eq!(story(&mut client), "1 2 D C E=0A000 Z=I");
    assert_eq!(story(&mut client), "Z=I");
    assert_eq!(client.ask("select 1"), ["1"]);
    leave(client);
    let mut unlinked = stage.login.enter();
    unlinked.send(&say(b'F', b"")).unwrap();
    assert_eq!(story(&mut unlinked), "E=0A000 Z=I");
    leave(unlinked);
}
