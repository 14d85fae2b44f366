//! Links that serve one session after another: who may have which, what must not be left in them, and which are never used again.

use pgsluice::wire::write::message;

use crate::client::{Client, Login, SYNC, await_that, query};
use crate::stage::{Stage, assert_silent, backends, cancel, leave, linked, refused, role, say, story};

const REUSE: &str = "max_idle_connections = 10\nlog_level = 'info,pgsluice::host::serve::upstreams=debug'\n";

fn process(client: &mut Client) -> String {
    client.ask("select pg_backend_pid()").remove(0)
}

/// Ends a session whose link is to lie idle, and waits until it does. Gives the link's process id.
fn lay_down(stage: &Stage, mut client: Client) -> String {
    let process = process(&mut client);
    let said = format!("a link lies idle process={process}");
    let before = stage.proxy.log().matches(&said).count();
    leave(client);
    await_that("the link lies idle", || stage.proxy.log().matches(&said).count() > before);
    process
}

/// The session's link ends with it.
fn ends(stage: &Stage, client: Client, process: &str, why: &str) {
    leave(client);
    stage.await_backends(why, &format!("pid = {process}"), 0);
}

#[test]
fn a_link_serves_the_next_session_of_its_manner() {
    let stage = Stage::with(REUSE);
    let process_of_first = lay_down(&stage, stage.linked());
    // Another agent with the same login is the same manner; its process id is the proxy's own.
    let mut other = linked(&stage.agent(&["other"]));
    assert_eq!(process(&mut other), process_of_first);
    let mut beside = stage.beside();
    assert_eq!(backends(&mut beside, "true"), 1);
    assert_eq!(lay_down(&stage, other), process_of_first);
    // Without a goodbye as well.
    drop(stage.linked());
    await_that("it lies idle again", || stage.proxy.log().matches("a link lies idle").count() == 3);
    assert_eq!(process(&mut stage.linked()), process_of_first);
}

#[test]
fn nothing_of_a_session_is_there_for_the_next() {
    let stage = Stage::with(REUSE);
    stage.database.sql("create sequence counter; create schema app; create table app.held(a int)");
    let mut first = stage.login.with("DateStyle", "German").enter();
    for sql in [
        "set search_path = app, public",
        "set timezone = 'Asia/Tokyo'",
        "set datestyle = 'SQL'",
        "set statement_timeout = '7s'",
        "set default_transaction_read_only = on",
        "prepare by_sql as select 1",
        "listen jobs",
        "begin; declare held cursor with hold for select * from held; commit",
        "set default_transaction_read_only to default",
        "select nextval('public.counter')",
    ] {
        first.ask(sql);
    }
    let parse = say(b'P', b"by_protocol\0select 1\0\0\0");
    first.send(&[&parse[..], SYNC].concat()).unwrap();
    assert_eq!(story(&mut first), "1 Z=I");
    let used = lay_down(&stage, first);

    let mut next = stage.agent(&["other"]).with("DateStyle", "German").enter();
    assert_eq!(process(&mut next), used);
    let reported = next.greeting.iter().any(|(tag, body)| *tag == b'S' && body.starts_with(b"DateStyle\0German, DMY\0"));
    assert!(reported, "the startup packet's own settings are what it goes back to");
    for (name, value) in [
        ("search_path", "\"$user\", public"),
        ("timezone", "UTC"),
        ("datestyle", "German, DMY"),
        ("statement_timeout", "0"),
        ("default_transaction_read_only", "off"),
    ] {
        assert_eq!(next.ask(&format!("show {name}")), [value]);
    }
    for nothing in ["pg_prepared_statements", "pg_cursors", "pg_listening_channels()", "pg_locks where locktype = 'advisory'"] {
        assert_eq!(next.ask(&format!("select count(*) from {nothing}")), ["0"], "{nothing}");
    }
    refused(&mut next, "select currval('counter')", "55000");
    refused(&mut next, "select lastval()", "55000");
    next.send(&[&say(b'B', b"\0by_protocol\0\0\0\0\0\0\0")[..], SYNC].concat()).unwrap();
    assert_eq!(story(&mut next), "E=26000 Z=I");
    stage.database.sql("notify jobs, 'for the first'");
    next.ask("select 1");
    assert_silent(&mut next);
    // Its own notifications bear the process id that it was told.
    next.ask("listen jobs");
    next.send(&query("notify jobs, 'mine'")).unwrap();
    let told = next.until(b'Z');
    let (_, body) = told.iter().find(|(tag, _)| *tag == b'A').unwrap();
    assert_eq!(body[..4], next.key()[..4]);
}

#[test]
fn a_link_is_for_its_login_database_and_settings_alone() {
    let stage = Stage::with(REUSE);
    let used = lay_down(&stage, stage.linked());
    for other in [stage.login.with("TimeZone", "Asia/Tokyo"), stage.login.with("application_name", "another")] {
        assert_ne!(process(&mut linked(&other)), used);
    }
    let other = Login { database: "postgres".to_owned(), ..stage.login.clone() };
    assert_ne!(process(&mut linked(&other)), used);
    assert_eq!(process(&mut linked(&stage.login)), used);
}

#[test]
fn roles_share_nothing() {
    let role = role("secret");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret").unwrap();
    let stage = Stage::with(&format!("{REUSE}[upstream.roles.{role}]\npassword_file = '{}'\n", file.path().display()));
    let mut own = linked(&stage.agent(&["own", "--role", &role]));
    assert_eq!(own.ask("select current_user"), [role.as_str()]);
    let used = lay_down(&stage, own);
    assert_ne!(process(&mut stage.linked()), used);
    let mut again = linked(&stage.agent(&["again", "--role", &role]));
    assert_eq!((process(&mut again), again.ask("select session_user")), (used, vec![role]));
}

#[test]
fn what_a_reset_does_not_undo_ends_the_link() {
    let stage = Stage::with(REUSE);
    for sql in [
        "select setseed(0.5)",
        "select setseed(0.5); discard all",
        "select random()",
        "do 'begin end'",
        "create temp table kept()",
        "select pg_advisory_lock(7)",
        "set app.tenant = 'one'",
        "select set_config('app.tenant', 'one', false)",
        "set role pg_monitor",
        "load 'auto_explain'",
        "begin",
        "begin; select 1/0",
        "prepare q as do 'begin end'",
        "prepare q as select setseed(0.5)",
    ] {
        let mut client = stage.linked();
        let process = process(&mut client);
        client.send(&query(sql)).unwrap();
        client.until(b'Z');
        ends(&stage, client, &process, sql);
    }
    // By the extended protocol, and prepared only.
    for (sql, more) in [("select setseed(0.5)", false), ("select setseed(0.5)", true)] {
        let mut client = stage.linked();
        let process = process(&mut client);
        let mut sent = say(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat());
        if more {
            sent.extend([say(b'B', b"\0\0\0\0\0\0\0\0"), say(b'E', b"\0\0\0\0\0")].concat());
        }
        client.send(&[&sent[..], SYNC].concat()).unwrap();
        client.until(b'Z');
        ends(&stage, client, &process, sql);
    }
}

#[test]
fn what_is_open_in_the_protocol_ends_the_link() {
    let stage = Stage::with(REUSE);
    stage.database.sql("create table t(a int)");
    let mut open = Vec::new();
    message(&mut open, b'P', |body| {
        body.string(b"").string(b"select 1").bytes(&[0, 0]);
    });
    let flush = say(b'H', b"");
    for (what, sent, last) in [
        ("parsed without Sync", [&open[..], &flush].concat(), b'1'),
        ("executed without Sync", [&open[..], &say(b'B', b"\0\0\0\0\0\0\0\0"), &say(b'E', b"\0\0\0\0\0"), &flush].concat(), b'C'),
        ("a COPY that takes data", query("copy t from stdin"), b'G'),
        ("rows under way", query("select repeat('x', 1000) from generate_series(1, 100000)"), b'T'),
    ] {
        let mut client = stage.linked();
        let process = process(&mut client);
        client.send(&sent).unwrap();
        client.until(last);
        drop(client);
        stage.await_backends(what, &format!("pid = {process}"), 0);
    }
}

#[test]
fn a_link_that_was_cancelled_ends_with_its_session() {
    let stage = Stage::with(REUSE);
    stage.database.sql("create table t(a int); insert into t values (1)");
    let mut locker = stage.beside();
    locker.ask("begin; lock table t");
    let mut client = stage.linked();
    let process = process(&mut client);
    client.send(&query("update t set a = 2 where a = 1")).unwrap();
    stage.await_backends("it waits for the lock", "wait_event_type = 'Lock'", 1);
    cancel(&stage.login.address, client.key());
    assert_eq!(story(&mut client), "E=57014 Z=I");
    assert_eq!(client.ask("select 1"), ["1"]);
    ends(&stage, client, &process, "a cancel may be late");
}

#[test]
fn foreign_tables_and_login_triggers_keep_links_from_being_used_again() {
    let stage = Stage::with(REUSE);
    stage.database.sql("create foreign data wrapper w; create server s foreign data wrapper w; create foreign table f(a int) server s");
    let mut client = stage.linked();
    let process = process(&mut client);
    ends(&stage, client, &process, "a connection to another server may hang on it");
}

#[test]
fn a_dead_link_is_replaced() {
    let stage = Stage::with(REUSE);
    let first = lay_down(&stage, stage.linked());
    let mut beside = stage.beside();
    beside.ask(&format!("select pg_terminate_backend({first})"));
    stage.await_backends("it is gone", &format!("pid = {first}"), 0);
    let mut next = stage.linked();
    assert_ne!(process(&mut next), first);
    let second = lay_down(&stage, next);
    assert_eq!(process(&mut stage.linked()), second);
}

#[test]
fn idle_links_take_only_places_that_nobody_wants() {
    let stage = Stage::with(&format!("{REUSE}max_db_connections = 1\nquery_wait_timeout = '20s'"));
    let first = lay_down(&stage, stage.linked());
    // Of another manner: the idle one makes room.
    let other = linked(&stage.login.with("TimeZone", "Asia/Tokyo"));
    let mut beside = stage.beside();
    assert_eq!(backends(&mut beside, "true"), 1);
    // Who waits for a place has the link of whoever leaves.
    let mut waiting = stage.login.with("TimeZone", "Asia/Tokyo").enter();
    waiting.send(&query("select pg_backend_pid()")).unwrap();
    assert_silent(&mut waiting);
    let second = lay_down(&stage, other);
    assert_ne!(first, second);
    waiting.until(b'Z');
    assert_eq!(process(&mut waiting), second);
}

#[test]
fn an_agents_place_is_free_while_its_link_lies_idle() {
    let stage = Stage::with(&format!("{REUSE}max_user_connections = 1\nquery_wait_timeout = '20s'"));
    let first = lay_down(&stage, stage.linked());
    assert_ne!(process(&mut linked(&stage.login.with("TimeZone", "Asia/Tokyo"))), first);
}

#[test]
fn links_do_not_lie_for_ever() {
    let stage = Stage::with(&format!("{REUSE}server_idle_timeout = '200ms'"));
    lay_down(&stage, stage.linked());
    stage.await_backends("its time is over", "true", 0);
    stage.reload(&format!("{REUSE}server_lifetime = '1ms'"), "configuration reloaded");
    let mut client = stage.linked();
    let process = process(&mut client);
    ends(&stage, client, &process, "it lived too long");
}

#[test]
fn a_reload_and_the_end_of_the_program_let_go_of_them() {
    let stage = Stage::with(REUSE);
    let first = lay_down(&stage, stage.linked());
    stage.reload(REUSE, "configuration reloaded");
    stage.await_backends("the reload closes it", "true", 0);
    let next = stage.linked();
    assert_ne!(lay_down(&stage, next), first);
    let Stage { proxy, database, .. } = stage;
    assert!(proxy.stop().success());
    let mut beside = Login::of(&database.url()).with("application_name", "beside").enter();
    await_that("none is left", || backends(&mut beside, "true") == 0);
}
