//! Clients that are gone without a goodbye: what they ran is cancelled, what they had open is undone, and their place is free
//! for the next. A goodbye is no disappearance: what was asked before it is done.

use std::time::Duration;

use crate::client::{Client, SYNC, TERMINATE, await_that, query};
use crate::stage::{Stage, assert_silent, leave, linked, run, say};

/// A session in the middle of something, and what the server's activity says of it then.
type Middle = (&'static str, fn(&mut Client), &'static str);

const MIDDLES: &[Middle] = &[
    ("a query", |client| client.send(&query("select pg_sleep(600)")).unwrap(), "wait_event = 'PgSleep'"),
    (
        "a query in a transaction",
        |client| {
            client.ask("begin; insert into t values (1)");
            client.send(&query("select pg_sleep(600)")).unwrap();
        },
        "wait_event = 'PgSleep'",
    ),
    (
        "a pipeline",
        |client| {
            let last = run("insert into t values (3)");
            client.send(&[run("insert into t values (2)"), run("select pg_sleep(600)"), last, SYNC.to_vec()].concat()).unwrap();
        },
        "wait_event = 'PgSleep'",
    ),
    ("a transaction", |client| drop(client.ask("begin; insert into t values (1)")), "state = 'idle in transaction'"),
    (
        "COPY in",
        |client| {
            client.send(&query("copy t from stdin")).unwrap();
            client.until(b'G');
            client.send(&[say(b'd', b"7\n8\n"), b"d\0\0\x01\0half a message".to_vec()].concat()).unwrap();
        },
        "query like 'copy%' and wait_event = 'ClientRead'",
    ),
    (
        "rows that it does not read",
        |client| client.send(&query("select repeat('x', 1000) from generate_series(1, 100000000)")).unwrap(),
        "wait_event = 'ClientWrite'",
    ),
    (
        "a wait for a lock",
        |client| client.send(&query("insert into t select 1 from pg_advisory_xact_lock(77)")).unwrap(),
        "wait_event = 'advisory'",
    ),
    ("nothing", |_| (), "state = 'idle'"),
];

fn vanish(client: Client, reset: bool) {
    if reset {
        socket2::SockRef::from(&client.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    drop(client);
}

fn check(reset: bool) {
    let stage = Stage::with("max_db_connections = 1");
    stage.database.sql("create table t(x int)");
    let mut beside = stage.beside();
    beside.ask("select pg_advisory_lock(77)::text");
    for (what, begin, activity) in MIDDLES {
        let mut client = stage.linked();
        begin(&mut client);
        stage.await_backends(what, activity, 1);
        vanish(client, reset);
        // The only place is had again, and whoever held it has left nothing.
        let mut next = linked(&stage.login);
        stage.await_backends(&format!("the server is rid of who vanished in {what}"), "true", 1);
        assert_eq!(next.ask("select count(*) from t"), ["0"], "{what}");
        leave(next);
    }
    leave(beside);
}

#[test]
fn a_closed_connection_leaves_nothing() {
    check(false);
}

#[test]
fn a_reset_connection_leaves_nothing() {
    check(true);
}

#[test]
fn work_before_a_goodbye_is_done() {
    let stage = Stage::new();
    stage.database.sql("create table t(x int)");
    stage.teach(&stage.login);
    let insert = "insert into t select 1 from pg_advisory_xact_lock_shared(78)";
    for (number, mut client) in [stage.linked(), stage.login.enter()].into_iter().enumerate() {
        let mut beside = stage.beside();
        beside.ask("select pg_advisory_lock(78)::text");
        client.send(&[&query(insert)[..], TERMINATE].concat()).unwrap();
        drop(client);
        stage.await_backends("it waits for the lock", "wait_event = 'advisory'", 1);
        leave(beside);
        await_that("the row is there", || stage.database.sql("select count(*) from t") == (number + 1).to_string());
        stage.await_backends("its server process is gone", "true", 0);
    }
}

/// More than may be in flight at once, so that the goodbye is long unheard when the connection ends.
#[test]
fn a_goodbye_behind_a_long_pipeline_is_heard() {
    const SYNCS: usize = 17_000;
    let stage = Stage::new();
    stage.database.sql("create table t(x int)");
    let mut client = stage.linked();
    let mut beside = stage.beside();
    beside.ask("select pg_advisory_lock(80)::text");
    let wait = query("select from pg_advisory_lock_shared(80)");
    client.send(&[&wait[..], &SYNC.repeat(SYNCS), &query("insert into t values (1)"), TERMINATE].concat()).unwrap();
    stage.await_backends("it waits for the lock", "wait_event = 'advisory'", 1);
    drop(client);
    leave(beside);
    await_that("the row is there", || stage.database.sql("select count(*) from t") == "1");
}

#[test]
fn a_client_that_only_stops_talking_is_kept() {
    let stage = Stage::new();
    let mut client = stage.linked();
    client.ask("begin");
    assert_silent(&mut client);
    assert_eq!(client.ask("select 1"), ["1"]);
    leave(client);
}
