//! SIGTERM: who does nothing is let go at once, open work may end well within its time, and then the program ends well too.

use std::io::ErrorKind;
use std::net::TcpStream;

use crate::client::{Client, await_that, query};
use crate::stage::{Stage, cluster, farewell, leave, refused, story};
use crate::support;

const WORDS: &str = "terminating connection due to administrator command";

fn begun(stage: &Stage, row: u8) -> Client {
    let mut client = stage.linked();
    client.ask(&format!("begin; insert into t values ({row})"));
    client
}

fn await_closed_door(address: &str) {
    await_that("nobody is let in any more", || {
        TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

#[test]
fn open_work_may_end_well() {
    let stage = Stage::new();
    stage.database.sql("create table t(x int)");
    stage.teach(&stage.login);
    let (unlinked, linked) = (stage.login.enter(), stage.linked());
    let (mut commits, mut fails, mut asks) = (begun(&stage, 1), begun(&stage, 2), stage.linked());
    let mut lock = stage.beside();
    lock.ask("select pg_advisory_lock(79)::text");
    asks.send(&query("insert into t select 3 from pg_advisory_xact_lock_shared(79)")).unwrap();
    stage.await_backends("it waits for the lock", "wait_event = 'advisory'", 1);

    stage.proxy.signal("TERM");
    farewell(unlinked, "57P01", WORDS);
    farewell(linked, "57P01", WORDS);
    await_closed_door(&stage.login.address);

    assert_eq!(commits.ask("insert into t values (10) returning x"), ["10"], "a transaction goes on");
    commits.send(&query("commit")).unwrap();
    assert_eq!(story(&mut commits), "C Z=I");
    farewell(commits, "57P01", WORDS);

    refused(&mut fails, "select 1/0", "22012");
    fails.send(&query("rollback")).unwrap();
    assert_eq!(story(&mut fails), "C Z=I");
    farewell(fails, "57P01", WORDS);

    leave(lock);
    assert_eq!(story(&mut asks), "C Z=I");
    farewell(asks, "57P01", WORDS);

    let Stage { proxy, database, .. } = stage;
    assert_eq!(proxy.ended().code(), Some(0));
    assert_eq!(database.sql("select string_agg(x::text, ' ' order by x) from t"), "1 3 10");
}

#[test]
fn open_work_ends_with_its_time() {
    let stage = Stage::with("drain_timeout = '300ms'");
    stage.database.sql("create table t(x int)");
    let (open, mut busy) = (begun(&stage, 1), begun(&stage, 2));
    busy.send(&query("select pg_sleep(600)")).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    stage.proxy.signal("TERM");
    for client in [open, busy] {
        farewell(client, "57P01", WORDS);
    }
    stage.await_backends("nothing is left at the server", "true", 0);
    let Stage { proxy, database, .. } = stage;
    assert_eq!(proxy.ended().code(), Some(0));
    assert_eq!(database.sql("select count(*) from t"), "0");
}

#[test]
fn a_second_signal_waits_for_nobody() {
    let stage = Stage::with("drain_timeout = '10min'");
    stage.database.sql("create table t(x int)");
    let open = begun(&stage, 1);
    stage.proxy.signal("TERM");
    await_closed_door(&stage.login.address);
    stage.proxy.signal("TERM");
    farewell(open, "57P01", WORDS);
    let Stage { proxy, database, .. } = stage;
    assert_eq!(proxy.ended().code(), Some(0));
    assert_eq!(database.sql("select count(*) from t"), "0");
}

#[test]
fn who_was_about_to_come_in_is_let_go() {
    let stage = Stage::new();
    stage.database.sql("create table t(x int)");
    stage.teach(&stage.login);
    let mut open = begun(&stage, 1);
    let mut coming = stage.login.knock();
    coming.send(&stage.login.startup()).unwrap();
    // Whom nobody has met when the door closes, the system sends away.
    coming.stream.peek(&mut [0]).unwrap();
    stage.proxy.signal("TERM");
    await_closed_door(&stage.login.address);
    stage.login.prove(&mut coming);
    farewell(coming, "57P01", WORDS);
    open.send(&query("commit")).unwrap();
    assert_eq!(story(&mut open), "C Z=I");
    farewell(open, "57P01", WORDS);
    assert_eq!(stage.proxy.ended().code(), Some(0));
}

#[test]
fn a_revoked_agent_goes_even_then() {
    let stage = Stage::with("drain_timeout = '10min'");
    stage.database.sql("create table t(x int)");
    let open = begun(&stage, 1);
    stage.proxy.signal("TERM");
    await_closed_door(&stage.login.address);
    stage.proxy.command(&["agent", "revoke"], &["agent"]);
    farewell(open, "57P01", "revoked");
    assert_eq!(stage.proxy.ended().code(), Some(0));
}

#[test]
fn nobody_there_is_the_end() {
    let proxy = support::Proxy::start(&cluster().url("postgres"));
    assert_eq!(proxy.stop().code(), Some(0));
}
