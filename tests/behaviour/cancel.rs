//! CancelRequest from one end to the other: the right key, whole, stops what its session runs, and nothing else does.

use std::process::{Command, Stdio};

use crate::certificate::Certificate;
use crate::client::{Client, SYNC, query};
use crate::stage::{Stage, assert_silent, cancel, failure, leave, refused, run, story};
use crate::support;

const SLEEP: &str = "select pg_sleep(600)";
const SLEEPS: &str = "query like 'select pg_sleep%' and state = 'active'";

fn sleeping(stage: &Stage) -> Client {
    let mut client = stage.linked();
    client.send(&query(SLEEP)).unwrap();
    client
}

#[test]
fn the_right_key_stops_its_own_query_alone() {
    let stage = Stage::new();
    let (mut one, mut other) = (sleeping(&stage), sleeping(&stage));
    stage.await_backends("both sleep", SLEEPS, 2);
    cancel(&stage.login.address, one.key());
    assert_eq!(story(&mut one), "T E=57014 Z=I");
    stage.await_backends("the other one sleeps on", SLEEPS, 1);
    assert_silent(&mut other);
    assert_eq!(one.ask("select 1"), ["1"]);

    // In a pipeline and in a transaction, where the server skips what follows.
    one.send(&[query("begin"), run(SLEEP), run("select 2"), SYNC.to_vec()].concat()).unwrap();
    assert_eq!(story(&mut one), "C Z=T");
    stage.await_backends("both sleep again", SLEEPS, 2);
    cancel(&stage.login.address, one.key());
    assert_eq!(story(&mut one), "1 2 E=57014 Z=E");
    refused(&mut one, "select 1", "25P02");
    one.ask("rollback");

    cancel(&stage.login.address, other.key());
    assert_eq!(story(&mut other), "T E=57014 Z=I");
    leave(one);
    leave(other);
}

#[test]
fn any_other_key_stops_nothing() {
    let stage = Stage::new();
    let mut busy = sleeping(&stage);
    let other = stage.linked();
    stage.await_backends("it sleeps", SLEEPS, 1);
    let right = busy.key().to_vec();
    assert_eq!(right.len(), 8, "protocol 3.0 has four bytes of each");
    let changed = |at: usize| {
        let mut key = right.clone();
        key[at] ^= 1;
        key
    };
    let mut wrong: Vec<Vec<u8>> = (0..8).map(changed).collect();
    wrong.push([&right[..4], &other.key()[4..]].concat());
    wrong.push([&other.key()[..4], &right[4..]].concat());
    wrong.extend([right[..4].to_vec(), right[..7].to_vec(), [&right[..], &[0]].concat(), [&right[..], &right[4..]].concat()]);
    wrong.push([&right[..], &[0; 10_000]].concat());
    for key in &wrong {
        cancel(&stage.login.address, key);
    }
    assert_silent(&mut busy);
    stage.await_backends("it sleeps on", SLEEPS, 1);
    cancel(&stage.login.address, &right);
    assert_eq!(story(&mut busy), "T E=57014 Z=I");
    leave(busy);
    leave(other);
}

#[test]
fn a_cancel_of_nothing_is_nothing() {
    let stage = Stage::new();
    let mut unlinked = stage.login.enter();
    cancel(&stage.login.address, unlinked.key());
    assert_eq!(unlinked.ask("select 1"), ["1"]);
    unlinked.ask("begin");
    cancel(&stage.login.address, unlinked.key());
    assert_silent(&mut unlinked);
    assert_eq!(unlinked.ask("select 2"), ["2"]);
    let key = unlinked.key().to_vec();
    leave(unlinked);
    cancel(&stage.login.address, &key);
}

#[test]
fn protocol_3_2_has_longer_keys() {
    let mut stage = Stage::new();
    stage.login.minor = 2;
    let mut client = sleeping(&stage);
    let key = client.key().to_vec();
    assert_eq!(key.len(), 4 + 32);
    stage.await_backends("it sleeps", SLEEPS, 1);
    cancel(&stage.login.address, &key[..8]);
    cancel(&stage.login.address, &key[..35]);
    assert_silent(&mut client);
    cancel(&stage.login.address, &key);
    assert_eq!(story(&mut client), "T E=57014 Z=I");
    leave(client);
}

#[test]
fn a_newer_protocol_is_talked_down() {
    let stage = Stage::new();
    for (minor, option, spoken, key) in [(9, None, 2_u16, 36), (0, Some("_pq_.compression"), 0, 8), (7, Some("_pq_.x"), 2, 36)] {
        let mut login = stage.login.clone();
        login.minor = minor;
        login.parameters.extend(option.map(|option| (option.to_owned(), "on".to_owned())));
        let mut client = login.knock();
        client.send(&login.startup()).unwrap();
        let (tag, body) = client.receive().unwrap();
        assert_eq!(tag, b'v');
        let count = u8::from(option.is_some());
        let name = option.map_or_else(Vec::new, |option| [option.as_bytes(), b"\0"].concat());
        assert_eq!(body, [&[0, 3][..], &spoken.to_be_bytes(), &[0, 0, 0, count], &name].concat());
        let client = login.enter();
        assert_eq!(client.key().len(), key);
        leave(client);
    }
}

/// Everything over TLS, with the key that each protocol version has.
const PSYCOPG: &str = "
import sys, threading, psycopg
for version in ('3.0', '3.2'):
    with psycopg.connect(sys.argv[1], autocommit=True, application_name='raw', max_protocol_version=version) as connection:
        assert connection.pgconn.ssl_in_use
        with psycopg.connect(sys.argv[2], autocommit=True) as beside:
            def cancel():
                while not beside.execute(\"SELECT 1 FROM pg_stat_activity WHERE query = 'select pg_sleep(601)' AND state = 'active'\").fetchone():
                    pass
                connection.cancel_safe(timeout=60)
            canceller = threading.Thread(target=cancel)
            canceller.start()
            try:
                connection.execute('select pg_sleep(601)')
            except psycopg.errors.QueryCanceled:
                print('cancelled', version)
            canceller.join()
        assert connection.execute('select 1').fetchone() == (1,)
";

#[test]
fn cancels_come_over_tls_too() {
    let certificate = Certificate::new();
    let stage = Stage::with(&format!("client_tls_sslmode = 'require'\n{}", certificate.settings()));
    let url = format!("{}?sslmode=verify-full&sslrootcert={}", stage.proxy.url(&stage.database.name), certificate.root().display());
    let url = url.replace("127.0.0.1", "localhost");
    let said = support::run(Command::new(support::python()).args(["-c", PSYCOPG, &url, &stage.database.url()]));
    assert_eq!(said, "cancelled 3.0\ncancelled 3.2\n");
}

#[test]
fn control_c_in_psql_cancels() {
    let stage = Stage::new();
    let url = format!("{}?application_name=raw", stage.proxy.url(&stage.database.name));
    let child = Command::new("psql")
        .args(["-X", "-A", "-t", "-d", &url, "-c", SLEEP, "-c", "select 'goes on'"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    stage.await_backends("psql sleeps", SLEEPS, 1);
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&done.stderr).contains("canceling statement due to user request"), "{done:?}");
}

#[test]
fn a_cancel_that_comes_late_hits_nothing() {
    let stage = Stage::new();
    let mut client = stage.linked();
    for _ in 0..20 {
        client.send(&query("select 1")).unwrap();
        cancel(&stage.login.address, client.key());
        let told = story(&mut client);
        assert!(told.ends_with("C Z=I") || told.ends_with("E=57014 Z=I"), "{told}");
    }
    let mut other = sleeping(&stage);
    stage.await_backends("another one sleeps", SLEEPS, 1);
    assert_silent(&mut other);
    cancel(&stage.login.address, other.key());
    assert_eq!(failure(&mut other).code(), "57014");
    leave(client);
}
