//! Peers that break the rules on purpose, against the real program: clients in front of a real server, then a server that is none.
//! Each is survived alone: others are served meanwhile, and what it held is given back.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod client;
mod support;

use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use client::{Client, Holding, LIMIT, Login, SYNC, TERMINATE, assert_unharmed, await_that, holding, most_memory, query};
use pgsluice::wire::write::message;
use support::{Cluster, Database, Proxy};

/// Nothing moves any more: every buffer on the way is full.
const STILL: Duration = Duration::from_millis(500);
/// MiB at the most, over all that clients try here. The largest message tried is 64 MiB long, and its buffer a quarter longer.
const MEMORY: usize = 192;

fn say(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, tag, |made| {
        made.bytes(body);
    });
    out
}

/// Writes until nobody takes any more; gives what is left.
fn write_until_still<'a>(client: &mut Client, bytes: &'a [u8]) -> &'a [u8] {
    client.stream.set_write_timeout(Some(STILL)).unwrap();
    let mut rest = bytes;
    while !rest.is_empty() {
        match client.stream.write(rest) {
            Ok(count) => rest = &rest[count..],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    client.stream.set_write_timeout(Some(LIMIT)).unwrap();
    rest
}

/// Sends everything, but reads only when nothing moves any more; then all answers must come.
fn unread(login: &Login, mut client: Client, one: &[u8], times: usize, answer: u8) {
    let bytes = one.repeat(times);
    let rest = write_until_still(&mut client, &bytes);
    login.assert_served();
    let mut writing = client.stream.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || writing.write_all(rest).unwrap());
        client.count(answer, times);
    });
    client.send(TERMINATE).unwrap();
    assert_eq!(client.rest(), b"", "more answers than questions");
}

fn linked(login: &Login) -> Client {
    let mut client = login.enter();
    assert_eq!(client.ask("select 1"), ["1"]);
    client
}

/// The server's processes that work for the proxy, and what they wait for.
fn await_backends(database: &Database<'_>, what: &str, condition: &str, count: &str) {
    let sql = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'raw' AND {condition}");
    await_that(what, || database.sql(&sql) == count);
}

fn pipelines_that_nobody_reads(login: &Login) {
    unread(login, login.enter(), SYNC, 300_000, b'Z');
    unread(login, linked(login), SYNC, 100_000, b'Z');
    unread(login, linked(login), &query("select 1"), 20_000, b'Z');
    unread(login, linked(login), &[&say(b'P', b"\0select 1\0\0\0"), SYNC].concat(), 50_000, b'Z');
    // Five bytes each, a hundred and eighty back.
    unread(login, login.enter(), b"F\0\0\0\x04", 200_000, b'Z');
    unread(login, linked(login), b"F\0\0\0\x04", 50_000, b'Z');
}

fn a_result_that_nobody_reads(login: &Login, database: &Database<'_>) {
    const ROWS: usize = 3_000;
    let mut client = linked(login);
    client.send(&query(&format!("select repeat('x', 100000) from generate_series(1, {ROWS})"))).unwrap();
    await_backends(database, "the server waits for its reader", "wait_event = 'ClientWrite'", "1");
    login.assert_served();
    assert_eq!(client.count(b'Z', 1)[usize::from(b'D')], ROWS);
}

fn data_that_the_server_does_not_take(login: &Login, database: &Database<'_>) {
    const ROWS: usize = 6_000;
    let mut holder = linked(login);
    holder.ask("select pg_advisory_lock(1)::text");
    let mut client = linked(login);
    client.send(&query("copy slow from stdin")).unwrap();
    client.until(b'G');
    let row = say(b'd', &[&[b'x'; 8000][..], b"\n"].concat());
    let data = row.repeat(ROWS);
    let rest = write_until_still(&mut client, &data);
    assert!(!rest.is_empty(), "the server took everything");
    login.assert_served();
    holder.ask("select pg_advisory_unlock(1)::text");
    client.send(rest).unwrap();
    client.send(&say(b'c', b"")).unwrap();
    client.until(b'Z');
    assert_eq!(database.sql("select count(*) from slow"), ROWS.to_string());
}

fn clients_that_vanish(login: &Login, database: &Database<'_>) {
    let mut holder = linked(login);
    holder.ask("select pg_advisory_lock(2)::text");
    let blocked = "wait_event = 'advisory'";
    // Behind one statement, behind a few, and behind one message that the server does not take.
    let waits = query("select pg_advisory_lock(2)::text");
    let large = query(&format!("select '{}'", "x".repeat(12 << 20)));
    for bytes in [waits.clone(), waits.repeat(20), [&waits[..], &large].concat()] {
        let mut client = linked(login);
        write_until_still(&mut client, &bytes);
        await_backends(database, "it waits for the lock", blocked, "1");
        drop(client);
        await_backends(database, "its work is cancelled", blocked, "0");
    }
    drop(holder);

    let mut client = linked(login);
    client.ask("create temp table t(x text)");
    client.send(&query("copy t from stdin")).unwrap();
    client.until(b'G');
    client.send(&say(b'd', b"row\n").repeat(1000)).unwrap();
    client.send(b"d\0\x01\0\0half of it").unwrap();
    drop(client);
    let mut client = linked(login);
    client.send(&query("copy (select repeat('x', 1000) from generate_series(1, 1000000)) to stdout")).unwrap();
    client.until(b'd');
    drop(client);
    await_backends(database, "no server process is left", "true", "0");
}

fn lengths_that_lie(login: &Login) {
    for (tag, cap) in [(b'Q', 16 << 20), (b'P', 16 << 20), (b'B', 256 << 20), (b'd', 64 << 20), (b'E', 64 << 10), (b'S', 0u32)] {
        for mut client in [login.enter(), linked(login)] {
            client.send(&[&[tag][..], &(cap + 5).to_be_bytes()].concat()).unwrap();
            assert_eq!(client.error(), "08P01", "{}", char::from(tag));
            assert_eq!(client.rest(), b"");
        }
    }
    for length in [0u32, 3] {
        let mut client = login.enter();
        client.send(&[b"Q", &length.to_be_bytes()[..]].concat()).unwrap();
        assert_eq!(client.error(), "08P01");
    }
    // As long as it may be, and then not all of it.
    for (tag, length) in [(b'Q', 16u32 << 20), (b'd', 64 << 20)] {
        let mut client = login.enter();
        client.send(&[&[tag][..], &length.to_be_bytes()].concat()).unwrap();
        client.send(&vec![b'x'; length as usize - 100]).unwrap();
        login.assert_served();
    }
}

fn bytes_one_by_one(login: &Login) {
    let mut client = login.knock();
    for byte in login.startup() {
        client.send(&[byte]).unwrap();
    }
    assert_eq!(client.receive().unwrap().0, b'R');
    let mut client = login.enter();
    for byte in [query("select 1"), say(b'P', b"\0select 2\0\0\0"), SYNC.to_vec()].concat() {
        client.send(&[byte]).unwrap();
    }
    client.until(b'Z');
    assert_eq!(client.until(b'Z').iter().map(|(tag, _)| *tag).collect::<Vec<_>>(), b"1Z");
}

/// More columns asked for than there can be, as often as may be in flight, while the server looks elsewhere.
fn portals_as_wide_as_can_be(login: &Login) {
    let mut holder = linked(login);
    holder.ask("select pg_advisory_lock(3)::text");
    let mut client = linked(login);
    let wide = say(b'B', &[&b"\0none\0\0\0\0\0\xff\xff"[..], &[0; 2 * 65535]].concat());
    write_until_still(&mut client, &[query("select pg_advisory_lock(3)::text"), wide.repeat(500)].concat());
    login.assert_served();
}

/// More than there is room for before the door: who says something is let in all the same.
fn silent_connections(login: &Login) {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    setrlimit(Resource::Nofile, files).unwrap();
    let silent: Vec<Client> = (0..1100).map(|_| login.knock()).collect();
    let mut half = login.knock();
    half.send(&login.startup()[..9]).unwrap();
    half.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(half.rest(), b"");
    login.assert_served();
    drop(silent);
}

#[test]
fn hostile_clients_harm_nobody_else() {
    let cluster = Cluster::get(15);
    let database = cluster.database("hostile");
    database.sql(
        "CREATE TABLE slow(x text);
         CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN new; END $$;
         CREATE TRIGGER wait BEFORE INSERT ON slow FOR EACH ROW EXECUTE FUNCTION wait();",
    );
    // What lies idle is let go of before anybody counts.
    let proxy = Proxy::plain(&database.url(), "server_idle_timeout = '100ms'\n");
    let login = Login::new(&proxy, &database.name);
    let nobody = holding(proxy.process());
    let hostile: [(&str, &dyn Fn()); 8] = [
        ("pipelines", &|| pipelines_that_nobody_reads(&login)),
        ("result", &|| a_result_that_nobody_reads(&login, &database)),
        ("data", &|| data_that_the_server_does_not_take(&login, &database)),
        ("vanish", &|| clients_that_vanish(&login, &database)),
        ("lengths", &|| lengths_that_lie(&login)),
        ("dribble", &|| bytes_one_by_one(&login)),
        ("portals", &|| portals_as_wide_as_can_be(&login)),
        ("silent", &|| silent_connections(&login)),
    ];
    for (what, act) in hostile {
        act();
        login.assert_served();
        assert_unharmed(&proxy, nobody);
        println!("{what}: {} MiB at the most", most_memory(proxy.process()));
    }
    let most = most_memory(proxy.process());
    assert!(most < MEMORY, "{most} MiB");
}

/// More than a result of the first size may take, in MiB: what an allocator keeps back.
const SLACK: usize = 8;

#[test]
fn memory_knows_nothing_of_the_size_of_a_result() {
    let cluster = Cluster::get(15);
    let database = cluster.database("sizes");
    let proxy = Proxy::start_with(&database.url(), &[], &["agent", "--owner", "tester"]);
    let login = Login::new(&proxy, &database.name);
    let select = |rows| {
        format!("select 'jo' || i || '@example.com' as email, repeat('-', 20000) as filling, i as number from generate_series(1, {rows}) i")
    };
    assert_eq!(linked(&login).ask(&select(1)).first().map(String::as_str), Some("[EMAIL]"), "it is masked");
    let most = |rows| {
        let mut client = linked(&login);
        client.send(&query(&select(rows))).unwrap();
        await_backends(&database, "the server waits for its reader", "wait_event = 'ClientWrite'", "1");
        assert_eq!(client.count(b'Z', 1)[usize::from(b'D')], rows);
        most_memory(proxy.process())
    };
    let (small, large) = (most(1_000), most(4_000));
    assert!(large <= small + SLACK, "{small} MiB for 20 MB, {large} MiB for 80 MB");
}

/// What the server that is none does where the text of a query asks for it. `None`: it says nothing more and keeps the connection.
type Prank = (&'static str, Option<&'static [u8]>);

const PRANKS: &[Prank] = &[
    ("rubbish", Some(b"HTTP/1.1 200 OK\r\n\r\n")),
    ("dies", Some(b"")),
    ("dies in a head", Some(b"T\0\0")),
    ("dies in a row", Some(b"T\0\0\0\x1a\0\x01c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0D\0\0\x10\0\0\x01half")),
    ("dies in an error", Some(b"E\0\0\0\x20VERROR\0")),
    ("a length below the least", Some(b"C\0\0\0\x03")),
    ("a length above the most", Some(b"T\x7f\xff\xff\xff")),
    ("an answer to nothing", Some(b"1\0\0\0\x04")),
    ("a row that ends too early", Some(b"T\0\0\0\x07\0\x02c\0")),
    ("two readies", Some(b"I\0\0\0\x04Z\0\0\0\x05IZ\0\0\0\x05I")),
    ("another status", Some(b"I\0\0\0\x04Z\0\0\0\x05?")),
    ("copy both", Some(b"W\0\0\0\x07\0\0\0")),
    ("asks for a password", Some(b"R\0\0\0\x08\0\0\0\x03")),
    ("says goodbye", Some(b"E\0\0\0\x19VFATAL\0C57P01\0Mbye\0\0")),
    ("keeps silent", None),
];

/// Before a login is done, by the name of the database.
const LOGIN_PRANKS: &[Prank] = &[
    ("l_rubbish", Some(b"HTTP/1.1 200 OK\r\n\r\n")),
    ("l_dies", Some(b"")),
    ("l_half", Some(b"R\0\0\0")),
    ("l_kerberos", Some(b"R\0\0\0\x08\0\0\0\x07")),
    ("l_short", Some(b"R\0\0\0\x05\0")),
    ("l_sasl_of_nothing", Some(b"R\0\0\0\x09\0\0\0\x0a\0")),
    ("l_rows", Some(b"R\0\0\0\x08\0\0\0\0D\0\0\0\x06\0\0")),
    ("l_key", Some(b"R\0\0\0\x08\0\0\0\0K\0\0\0\x09\0\0\0\0\0")),
    ("l_refusal", Some(b"E\0\0\0\x1bVFATAL\0C53300\0Mfull\0\0")),
    ("l_silent", None),
];

const GREETING: &[u8] = b"R\0\0\0\x08\0\0\0\0S\0\0\0\x19client_encoding\0UTF8\0K\0\0\0\x0c\0\0\0\x01abcdZ\0\0\0\x05I";
const ANSWER: &[u8] =
    b"T\0\0\0\x1a\0\x01c\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0D\0\0\0\x0c\0\x01\0\0\0\x0242C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I";

/// One connection of the server that is none.
fn play(mut stream: TcpStream) -> std::io::Result<()> {
    let mut body = receive(&mut stream, 0)?.1;
    let mut pranks = LOGIN_PRANKS;
    let mut said = GREETING;
    loop {
        let prank = pranks.iter().find(|(name, _)| body.windows(name.len() + 1).any(|part| part == [name.as_bytes(), b"\0"].concat()));
        match prank {
            None => stream.write_all(said)?,
            Some((_, Some(bytes))) => return stream.write_all(bytes),
            // Until the other side has had enough.
            Some((_, None)) => return stream.read_to_end(&mut Vec::new()).map(drop),
        }
        (pranks, said) = (PRANKS, ANSWER);
        let (tag, next) = receive(&mut stream, 1)?;
        if tag == b'X' {
            return Ok(());
        }
        body = next;
    }
}

/// One message, with a tag or without.
fn receive(stream: &mut TcpStream, tags: usize) -> std::io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head[1 - tags..])?;
    let mut body = vec![0; u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok((head[0], body))
}

#[test]
fn hostile_servers_harm_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || play(stream.unwrap()).ok());
        }
    });
    let upstream = format!("postgres://anybody@127.0.0.1:{port}/shop?sslmode=disable");
    let proxy = Proxy::plain(&upstream, "server_connect_timeout = 1\nserver_idle_timeout = '100ms'\n");
    let login = Login::new(&proxy, "shop");
    let nobody = holding(proxy.process());
    login.assert_served();
    for (prank, bytes) in PRANKS {
        let mut client = login.enter();
        client.send(&query(prank)).unwrap();
        if bytes.is_none() {
            // Nothing will come; the client may still go.
            login.assert_served();
            client.stream.shutdown(Shutdown::Write).unwrap();
        }
        // The end comes with a reason, unless a row was begun: there is no place in it.
        let rest = client.rest();
        let told = rest.windows(6).any(|part| matches!(part, b"C08P01" | b"C08006" | b"C57P01"));
        assert_eq!(told, bytes.is_some() && *prank != "dies in a row", "{prank}: {}", String::from_utf8_lossy(&rest));
        check_after(&proxy, &login, nobody, prank);
    }
    for (prank, _) in LOGIN_PRANKS {
        let mut client = Login::new(&proxy, prank).proven();
        let code = client.error();
        assert!(code.starts_with("08") || code.starts_with("53") || code.starts_with("28"), "{prank}: {code}");
        client.rest();
        check_after(&proxy, &login, nobody, prank);
    }
}

fn check_after(proxy: &Proxy, login: &Login, nobody: Holding, prank: &str) {
    println!("{prank}");
    login.assert_served();
    assert_unharmed(proxy, nobody);
}
