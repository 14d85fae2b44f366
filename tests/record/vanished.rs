//! Clients and servers that are gone in the middle: what the record can still say.

use pgsluice::audit::Event;

use crate::client::{await_that, query};
use crate::recorded::{self, story};
use crate::stage::{Stage, run};

fn session_is_over(stage: &Stage) -> bool {
    recorded::all(&stage.proxy.state()).iter().any(|(_, event)| matches!(event, Event::SignedOut(_)))
}

fn told(stage: &Stage) -> Vec<String> {
    await_that("the session's end is on the record", || session_is_over(stage));
    story(&recorded::all(&stage.proxy.state()))
}

#[test]
fn a_client_that_vanishes() {
    let stage = Stage::new();
    let mut client = stage.linked();
    client.send(&query("select pg_sleep(600)")).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    drop(client);
    let told = told(&stage);
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[2], "begun 2 query");
    // It is cancelled then; whether the server said so in time is all that may differ.
    assert!(["ended 2 unknown", "ended 2 cancelled 57014"].contains(&told[3].as_str()), "{told:?}");
    assert_eq!(told[4], "signed out after 2");
}

#[test]
fn a_client_that_vanishes_behind_a_pipeline() {
    let stage = Stage::new();
    let mut client = stage.linked();
    client.send(&[run("select pg_sleep(600)"), run("select 2"), run("select 3")].concat()).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    drop(client);
    let told = told(&stage);
    let begun: Vec<_> = told.iter().filter(|line| line.starts_with("begun")).collect();
    let ended: Vec<_> = told.iter().filter(|line| line.starts_with("ended")).collect();
    assert_eq!((begun.len(), ended.len()), (4, 4), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("ended 3 completed") || line.starts_with("ended 4 completed")), "{told:?}");
}

#[test]
fn a_server_that_ends_the_connection() {
    let stage = Stage::new();
    let mut client = stage.linked();
    client.send(&query("select pg_sleep(600)")).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    stage
        .database
        .sql("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()");
    assert_eq!(client.error(), "57P01");
    client.rest();
    assert_eq!(
        told(&stage),
        [
            "begun 1 query",
            "ended 1 completed SELECT rows 1 affected 1",
            "begun 2 query",
            "ended 2 failed 57P01",
            "signed out after 2 57P01"
        ]
    );
}

#[test]
fn a_session_that_the_proxy_ends() {
    let stage = Stage::with("idle_transaction_timeout = \"1s\"");
    let mut client = stage.linked();
    client.ask("begin");
    assert_eq!(client.error(), "25P03");
    client.rest();
    assert_eq!(told(&stage)[3..], ["ended 2 completed BEGIN", "signed out after 2 25P03"]);
}
