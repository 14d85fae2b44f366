//! Links to the server: none for an idle agent, one for a session that asks, never more than the limits; and what a client
//! was greeted with is put right when its link knows better.

use crate::client::{Client, Login, SYNC, TERMINATE, query};
use crate::stage::{Stage, assert_silent, backends, cancel, cluster, farewell, leave, linked, refused, role, run, story};

/// The last value that ParameterStatus gave to a setting.
fn reported(messages: &[(u8, Vec<u8>)], name: &str) -> Option<String> {
    messages.iter().rev().filter(|(tag, _)| *tag == b'S').find_map(|(_, body)| {
        let mut fields = body.split(|byte| *byte == 0);
        (fields.next()? == name.as_bytes()).then(|| String::from_utf8_lossy(fields.next().unwrap()).into_owned())
    })
}

#[test]
fn an_idle_agent_costs_no_backend() {
    let stage = Stage::new();
    stage.teach(&stage.login);
    let mut beside = stage.beside();
    let mut client = stage.login.enter();
    assert!(reported(&client.greeting, "server_version").is_some_and(|version| version.starts_with("15")));
    client.send(SYNC).unwrap();
    assert_eq!(story(&mut client), "Z=I");
    assert_eq!(backends(&mut beside, "true"), 0, "nothing was asked yet that needs the server");

    let process = client.ask("select pg_backend_pid()");
    assert_eq!(backends(&mut beside, &format!("pid = {}", process[0])), 1);
    client.ask("create temp table kept()");
    assert_eq!(client.ask("select count(*) from kept"), ["0"], "the link stays with its session");
    assert_eq!(client.ask("select pg_backend_pid()"), process);
    assert_eq!(backends(&mut beside, "true"), 1);
    leave(client);
    stage.await_backends("the link ends with its session", "true", 0);
}

#[test]
fn a_session_begun_with_one_flush_is_linked_as_well() {
    let stage = Stage::new();
    stage.teach(&stage.login);
    let mut client = stage.login.enter();
    client.send(&[run("select 1"), SYNC.to_vec()].concat()).unwrap();
    assert_eq!(story(&mut client), "1 2 D C Z=I");
    leave(client);
}

fn told_that_it_is_full(mut waiting: Client) {
    waiting.send(&query("select 1")).unwrap();
    let failure = farewell(waiting, "53300", "query_wait_timeout");
    assert!(failure.words().contains("too many connections"), "{failure:?}");
}

#[test]
fn links_to_a_database_are_limited() {
    let stage = Stage::with("max_db_connections = 1\nquery_wait_timeout = '300ms'");
    stage.teach(&stage.login);
    let holder = stage.linked();
    told_that_it_is_full(stage.login.enter());
    // One that would have to be greeted by the server first.
    farewell(stage.login.with("application_name", "another").proven(), "53300", "query_wait_timeout");
    let other = Login { database: "postgres".to_owned(), ..stage.login.clone() };
    leave(linked(&other));
    leave(holder);
    leave(stage.linked());
}

#[test]
fn links_of_an_agent_are_limited() {
    let stage = Stage::with("max_user_connections = 1\nquery_wait_timeout = '300ms'");
    stage.teach(&stage.login);
    let holder = stage.linked();
    told_that_it_is_full(stage.login.enter());
    leave(linked(&stage.agent(&["other"])));
    leave(holder);
    leave(stage.linked());
}

#[test]
fn who_waits_gets_the_link_that_becomes_free() {
    let stage = Stage::with("max_db_connections = 1");
    stage.teach(&stage.login);
    let holder = stage.linked();
    let mut waiting = stage.login.enter();
    waiting.send(&query("select 2")).unwrap();
    assert_silent(&mut waiting);
    leave(holder);
    assert_eq!(story(&mut waiting), "T D C Z=I");
    leave(waiting);
}

#[test]
fn who_waits_can_cancel_and_go_on() {
    let stage = Stage::with("max_db_connections = 1\nquery_wait_timeout = '20s'");
    stage.teach(&stage.login);
    let holder = stage.linked();
    let mut waiting = stage.login.enter();
    for question in [query("select 2"), [run("select 2"), SYNC.to_vec()].concat()] {
        waiting.send(&question).unwrap();
        assert_silent(&mut waiting);
        cancel(&stage.login.address, waiting.key());
        assert_eq!(story(&mut waiting), "E=57014 Z=I");
    }
    leave(holder);
    // Whoever gave up its wait takes no place either.
    leave(stage.linked());
    stage.await_backends("no link is left", "true", 0);
    assert_eq!(waiting.ask("select 3"), ["3"]);
    refused(&mut waiting, "select 1/0", "22012");
    leave(waiting);
}

#[test]
fn who_vanishes_while_it_waits_takes_no_place() {
    let stage = Stage::with("max_db_connections = 1\nquery_wait_timeout = '20s'");
    stage.teach(&stage.login);
    let holder = stage.linked();
    let mut waiting = stage.login.enter();
    waiting.send(&query("select 2")).unwrap();
    assert_silent(&mut waiting);
    drop(waiting);
    leave(holder);
    leave(stage.linked());
}

#[test]
fn work_that_ends_with_a_goodbye_is_done_even_if_it_must_wait() {
    let stage = Stage::with("max_db_connections = 1");
    stage.database.sql("create table t(x int)");
    stage.teach(&stage.login);
    let holder = stage.linked();
    let mut waiting = stage.login.enter();
    waiting.send(&[&query("insert into t values (1)")[..], TERMINATE].concat()).unwrap();
    drop(waiting);
    leave(holder);
    crate::client::await_that("the row is there", || stage.database.sql("select count(*) from t") == "1");
}

#[test]
fn a_greeting_from_memory_is_put_right() {
    let role = role("secret");
    let database = cluster().database("behaviour");
    let upstream = cluster().url_as(&role, "secret", &database.name);
    let stage = Stage::before(database, &upstream, "");
    stage.teach(&stage.login);
    stage.database.sql(&format!("alter role {role} set timezone = 'Europe/Vienna'"));

    let mut client = stage.login.enter();
    assert_eq!(reported(&client.greeting, "TimeZone").as_deref(), Some("UTC"), "greeted from memory");
    client.send(&query("select current_setting('timezone')")).unwrap();
    let answers = client.until(b'Z');
    assert_eq!(reported(&answers, "TimeZone").as_deref(), Some("Europe/Vienna"));
    assert_eq!(answers[0].0, b'S', "it is put right before anything is answered");
    assert_eq!(reported(&answers, "server_version"), None, "what was right is not said again");
    leave(client);
    let client = stage.login.enter();
    assert_eq!(reported(&client.greeting, "TimeZone").as_deref(), Some("Europe/Vienna"));
    leave(client);
}

#[test]
fn each_manner_of_connecting_has_its_own_greeting() {
    let stage = Stage::new();
    let plain = stage.login.clone();
    let german = plain.with("DateStyle", "German");
    for _ in 0..2 {
        for (login, style) in [(&plain, "ISO, MDY"), (&german, "German, DMY")] {
            let mut client = login.enter();
            assert_eq!(reported(&client.greeting, "DateStyle").as_deref(), Some(style));
            assert_eq!(client.ask("show datestyle"), [style]);
            leave(client);
        }
    }
}
