//! Clients that are silent for too long. Times are short here; that they are not too short is known from work that lasts longer.

use crate::client::{SYNC, query};
use crate::stage::{Stage, farewell, leave, run, say, story};

#[test]
fn an_idle_session_ends() {
    let stage = Stage::with("client_idle_timeout = '300ms'");
    let linked = stage.linked();
    farewell(linked, "57P05", "idle-session timeout");
    stage.await_backends("its link is gone", "true", 0);
    farewell(stage.login.enter(), "57P05", "idle-session timeout");

    let mut busy = stage.linked();
    assert_eq!(busy.ask("select 'done' from pg_sleep(1)"), ["done"], "work is not silence");
    farewell(busy, "57P05", "idle-session timeout");
}

#[test]
fn an_idle_transaction_ends() {
    let stage = Stage::with("idle_transaction_timeout = '300ms'");
    stage.database.sql("create table t(x int)");
    let mut outside = stage.linked();
    let unfinished = [run("insert into t values (2)"), say(b'H', b"")].concat();
    // What is not asked for its answers by the client is asked by us.
    let unasked = run("insert into t values (3)");
    for (begin, last) in [(query("begin; insert into t values (1)"), b'Z'), (query("begin"), b'Z'), (unfinished, b'C'), (unasked, b'C')] {
        let mut open = stage.linked();
        open.send(&begin).unwrap();
        open.until(last);
        farewell(open, "25P03", "idle-in-transaction timeout");
    }
    stage.await_backends("their links are gone", "true", 1);
    assert_eq!(stage.database.sql("select count(*) from t"), "0");
    outside.send(SYNC).unwrap();
    assert_eq!(story(&mut outside), "Z=I", "outside a transaction nothing ends");

    outside.send(&[query("begin"), query("select pg_sleep(1)"), query("commit")].concat()).unwrap();
    for told in ["C Z=T", "T D C Z=T", "C Z=I"] {
        assert_eq!(story(&mut outside), told, "work is not silence");
    }
    leave(outside);
}
