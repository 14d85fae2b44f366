//! A refusal in front of a real server: in whatever state it comes, client and server agree afterwards on what happened, and
//! nothing of what was refused did.

use pgsluice::gate::Policy;

use crate::client::{Client, Login, SYNC, query};
use crate::relayed::{Nobody, client};
use crate::stage::{cluster, leave, linked, run, say, story};
use crate::support::{Database, Proxy};

/// One session under a policy that refuses statements with `drop` in them and COPY of more than a few bytes.
struct Refusing {
    client: Client,
    database: Database<'static>,
}

impl Refusing {
    fn new() -> Self {
        let database = cluster().database("refusal");
        database.sql("create table t(x int)");
        let client = client(&database, Policy::refusing(&["drop"]).with_copy_in_limit(20), Nobody, false);
        Self { client, database }
    }

    fn send(&mut self, parts: &[Vec<u8>]) {
        self.client.send(&parts.concat()).unwrap();
    }

    /// Sends, and hears this of it, one story for each ReadyForQuery.
    fn check(&mut self, parts: &[Vec<u8>], told: &[&str]) {
        self.send(parts);
        for told in told {
            assert_eq!(story(&mut self.client), *told);
        }
    }

    /// The connection is in order, and others see these rows.
    fn end(mut self, rows: &str) {
        assert_eq!(self.client.ask("select 1"), ["1"]);
        assert_eq!(self.client.ask("select coalesce(string_agg(x::text, ' ' order by x), '') from t"), [rows]);
        assert_eq!(self.database.sql("select string_agg(x::text, ' ' order by x) from t"), rows);
        assert_eq!(self.database.sql("select count(*) from pg_class where relname = 't'"), "1", "the table is there");
        leave(self.client);
    }
}

fn insert(row: u8) -> String {
    format!("insert into t values ({row})")
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    say(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

/// Bind and Execute of a prepared statement.
fn run_prepared(name: &str) -> Vec<u8> {
    [say(b'B', &[b"\0", name.as_bytes(), b"\0\0\0\0\0\0\0"].concat()), say(b'E', b"\0\0\0\0\0")].concat()
}

fn sync() -> Vec<u8> {
    SYNC.to_vec()
}

#[test]
fn idle() {
    let mut session = Refusing::new();
    session.check(&[query("drop table t")], &["E=42501 Z=I"]);
    session.check(&[query(&insert(1)), query("drop table t"), query(&insert(2))], &["C Z=I", "E=42501 Z=I", "C Z=I"]);
    session.check(&[run("drop table t"), sync()], &["1 E=42501 Z=I"]);
    session.check(&[run("drop table t"), run(&insert(3)), sync(), run(&insert(4)), sync()], &["1 E=42501 Z=I", "1 2 C Z=I"]);
    session.end("1 2 4");
}

#[test]
fn explicit_transaction() {
    let mut session = Refusing::new();
    session.check(&[query("begin"), query(&insert(1)), query("drop table t")], &["C Z=T", "C Z=T", "E=42501 Z=E"]);
    session.check(&[query(&insert(2))], &["E=25P02 Z=E"]);
    session.send(&[query("commit")]);
    let answers = session.client.until(b'Z');
    assert_eq!(answers[0], (b'C', b"ROLLBACK\0".to_vec()), "the server knows of the refusal");
    assert_eq!(answers[1], (b'Z', b"I".to_vec()));

    session.check(&[query("begin"), run(&insert(3)), run("drop table t"), run(&insert(4)), sync()], &["C Z=T", "1 2 C 1 E=42501 Z=E"]);
    session.check(&[query("rollback"), query(&insert(5))], &["C Z=I", "C Z=I"]);
    session.end("5");
}

#[test]
fn all_of_it_at_once() {
    let mut session = Refusing::new();
    let parts = [query("begin"), query(&insert(1)), query("drop table t"), query(&insert(2)), query("commit"), query(&insert(3))];
    session.check(&parts, &["C Z=T", "C Z=T", "E=42501 Z=E", "E=25P02 Z=E", "C Z=I", "C Z=I"]);
    session.end("3");
}

#[test]
fn half_a_pipeline_executed() {
    let mut session = Refusing::new();
    session.check(&[run(&insert(1)), run("drop table t"), run(&insert(2)), sync()], &["1 2 C 1 E=42501 Z=I"]);
    // The half before was executed and answered before the refusal came.
    session.send(&[run(&insert(3)), say(b'H', b"")]);
    session.client.until(b'C');
    session.check(&[run("drop table t"), sync()], &["1 E=42501 Z=I"]);
    session.send(&[run(&insert(4)), say(b'H', b"")]);
    session.client.until(b'C');
    session.check(&[query("drop table t"), sync()], &["E=42501 Z=I", "Z=I"]);
    session.check(&[run(&insert(5)), sync(), run("drop table t"), sync()], &["1 2 C Z=I", "1 E=42501 Z=I"]);
    session.end("5");
}

#[test]
fn several_statements_in_one_query() {
    let mut session = Refusing::new();
    session.check(&[query("insert into t values (1); drop table t; insert into t values (2)")], &["E=42501 Z=I"]);
    session
        .check(&[query("begin; insert into t values (3)"), query("insert into t values (4); drop table t")], &["C C Z=T", "E=42501 Z=E"]);
    session.check(&[query("commit; begin; insert into t values (5); commit")], &["C C C C Z=I"]);
    session.end("5");
}

#[test]
fn copy_that_is_refused() {
    let mut session = Refusing::new();
    // The data comes blindly behind it, as some drivers send it.
    let data = [say(b'd', b"1\n"), say(b'd', b"2\n"), say(b'c', b"")].concat();
    session.check(&[query("copy t from stdin -- drop"), data.clone(), query(&insert(3))], &["E=42501 Z=I", "C Z=I"]);
    session.check(&[query("begin"), query("copy t from stdin -- drop"), data.clone()], &["C Z=T", "E=42501 Z=E"]);
    session.check(&[query("rollback")], &["C Z=I"]);
    session.check(&[run("copy t from stdin -- drop"), data.clone(), sync()], &["1 E=42501 Z=I"]);
    session.check(&[run(&insert(4)), run("copy t from stdin -- drop"), data, sync()], &["1 2 C 1 E=42501 Z=I"]);
    session.end("3");
}

#[test]
fn copy_that_is_stopped() {
    let rows = say(b'd', b"1\n2\n3\n");
    for transaction in [false, true] {
        let mut session = Refusing::new();
        let (after, end) = if transaction {
            session.check(&[query("begin"), query(&insert(9))], &["C Z=T", "C Z=T"]);
            ('E', "")
        } else {
            ('I', "9")
        };
        let stopped = |story: &str| format!("{story}E=PS004 Z={after}");
        session.send(&[query("copy t from stdin")]);
        session.client.until(b'G');
        session.send(&[rows.repeat(20)]);
        session.check(&[say(b'c', b"")], &[&stopped("")]);
        if transaction {
            session.check(&[query("rollback"), query("begin"), query(&insert(8))], &["C Z=I", "C Z=T", "C Z=T"]);
        }
        session.send(&[run("copy t from stdin"), say(b'H', b"")]);
        session.client.until(b'G');
        session.check(&[rows.repeat(20), say(b'c', b""), sync()], &[&stopped("")]);
        if transaction {
            session.check(&[query("commit")], &["C Z=I"]);
        } else {
            session.check(&[query(&insert(9))], &["C Z=I"]);
        }
        // Below the limit it is a COPY like any other.
        session.check(&[query("copy t from stdin"), rows.clone(), say(b'c', b"")], &["G C Z=I"]);
        session.end(format!("1 2 3 {end}").trim_end());
    }
}

#[test]
fn prepared_statements_survive() {
    let mut session = Refusing::new();
    session.check(&[parse("named", &insert(1)), parse("", &insert(2)), sync()], &["1 1 Z=I"]);
    session.check(&[query("begin")], &["C Z=T"]);
    // A simple query, even one that says BEGIN, drops the unnamed statement.
    session.check(&[parse("", &insert(2)), parse("bad", "drop table t"), sync()], &["1 1 Z=T"]);
    session.check(&[run_prepared("bad"), sync()], &["E=42501 Z=E"]);
    session.check(&[parse("", "rollback"), run_prepared(""), sync()], &["1 2 C Z=I"]);
    session.check(&[parse("", &insert(2)), sync()], &["1 Z=I"]);
    session.check(&[parse("go", "begin"), run_prepared("go"), run_prepared("bad"), sync()], &["1 2 C E=42501 Z=E"]);
    session.check(&[parse("back", "rollback"), parse("not", "select 1"), sync()], &["1 E=25P02 Z=E"]);
    session.check(&[query("rollback")], &["C Z=I"]);
    session.check(&[run_prepared("named"), sync()], &["2 C Z=I"]);
    session.end("1");
}

#[test]
fn the_unnamed_statement_survives() {
    let mut session = Refusing::new();
    session.check(&[parse("begin", "begin"), parse("bad", "drop table t"), parse("back", "rollback"), sync()], &["1 1 1 Z=I"]);
    session.check(&[run_prepared("begin"), parse("", &insert(1)), sync()], &["2 C 1 Z=T"]);
    session.check(&[run_prepared("bad"), sync()], &["E=42501 Z=E"]);
    session.check(&[run_prepared("back"), sync()], &["2 C Z=I"]);
    session.check(&[run_prepared(""), sync()], &["2 C Z=I"]);
    session.check(&[run_prepared("bad"), sync(), run_prepared(""), sync()], &["E=42501 Z=I", "2 C Z=I"]);
    session.end("1 1");
}

#[test]
fn savepoints() {
    let mut session = Refusing::new();
    session.check(&[query("begin"), query(&insert(1)), query("savepoint a"), query(&insert(2))], &["C Z=T", "C Z=T", "C Z=T", "C Z=T"]);
    session.check(&[query("drop table t"), query("rollback to a"), query(&insert(3))], &["E=42501 Z=E", "C Z=T", "C Z=T"]);
    session.check(&[query("commit")], &["C Z=I"]);
    session.end("1 3");
}

#[test]
fn cursors_go_with_their_transaction() {
    let mut session = Refusing::new();
    session.check(&[query("begin"), query("declare c cursor for select 1")], &["C Z=T", "C Z=T"]);
    session.check(&[query("fetch c"), query("drop table t"), query("fetch c")], &["T D C Z=T", "E=42501 Z=E", "E=25P02 Z=E"]);
    session.check(&[query("rollback"), query("fetch c")], &["C Z=I", "E=34000 Z=I"]);
    session.end("");
}

#[test]
fn an_encoding_in_which_texts_would_be_read_otherwise_is_denied_by_default() {
    let database = cluster().database("refusal");
    let proxy = Proxy::start_with(&database.url(), &["--policy", "default"], &["agent", "--owner", "tester"]);
    let mut client = linked(&Login::new(&proxy, &database.name));
    for sql in ["SET client_encoding TO 'BIG5'", "SELECT set_config('client_encoding', 'BIG5', false)", "SET NAMES 'BIG5'"] {
        client.send(&query(sql)).unwrap();
        assert_eq!(story(&mut client), "E=42501 Z=I", "{sql}");
    }
    assert_eq!(client.ask("SHOW client_encoding"), ["UTF8"]);
    client.send(&query("SET client_encoding TO 'UTF8'")).unwrap();
    assert_eq!(story(&mut client), "C Z=I");
    leave(client);
}
