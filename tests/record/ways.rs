//! Statements, each by every way that the protocol has.

use pgsluice::audit::Event;
use pgsluice::host::journal::keys::Keys;

use crate::client::{Client, SYNC, query};
use crate::recorded::{self, story};
use crate::stage::{Stage, cancel, leave, run, say, story as answers};

/// A session, and how much of its record was looked at.
struct Watched {
    stage: Stage,
    client: Client,
    seen: u64,
}

impl Watched {
    fn new() -> Self {
        let stage = Stage::new();
        stage.database.sql("create table t(x int primary key)");
        let mut client = stage.linked();
        // What the proxy asks of a database when it meets its tables first would part a pipeline.
        client.ask("insert into t select 1 where false");
        let seen = recorded::all(&stage.proxy.state()).last().unwrap().0.seq;
        Self { stage, client, seen }
    }

    /// The records since the last look.
    fn news(&mut self) -> Vec<(pgsluice::host::journal::reader::Entry, Event)> {
        let news = recorded::from(&self.stage.proxy.state(), self.seen + 1);
        self.seen = news.last().map_or(self.seen, |(entry, _)| entry.seq);
        news
    }

    /// Sends this, awaits as many ReadyForQuery as there are answers, and looks what the record says by then. Numbers begin with 1 in each.
    fn check(&mut self, sent: &[&[u8]], answered: &[&str], record: &[&str]) {
        self.client.send(&sent.concat()).unwrap();
        for expected in answered {
            assert_eq!(answers(&mut self.client), *expected, "{record:?}");
        }
        self.compare(record);
    }

    fn compare(&mut self, record: &[&str]) {
        let news = self.news();
        let first = news.iter().filter_map(|(_, event)| recorded::statement(event)).map(|statement| statement.number).min().unwrap_or(1);
        let told: Vec<String> = story(&news).iter().map(|line| renumbered(line, first)).collect();
        assert_eq!(told, record);
    }
}

/// `begun 17 query` as `begun 1 query`.
fn renumbered(line: &str, first: u64) -> String {
    let mut words = line.splitn(3, ' ');
    let (what, number, rest) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or_default());
    match number.parse::<u64>() {
        Ok(number) if number >= first => format!("{what} {} {rest}", number - first + 1),
        Ok(_) => format!("{what} earlier {rest}"),
        Err(_) => line.to_owned(),
    }
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    say(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

/// A Bind of this statement to the unnamed portal.
fn bind(name: &str, formats: &[u16], parameters: &[&[u8]]) -> Vec<u8> {
    let mut body = [b"\0", name.as_bytes(), b"\0"].concat();
    body.extend(u16::try_from(formats.len()).unwrap().to_be_bytes());
    body.extend(formats.iter().flat_map(|format| format.to_be_bytes()));
    body.extend(u16::try_from(parameters.len()).unwrap().to_be_bytes());
    for parameter in parameters {
        body.extend(u32::try_from(parameter.len()).unwrap().to_be_bytes());
        body.extend(*parameter);
    }
    body.extend([0, 0]);
    say(b'B', &body)
}

/// An Execute of the unnamed portal; no limit is 0.
fn execute(limit: u32) -> Vec<u8> {
    say(b'E', &[b"\0", &limit.to_be_bytes()[..]].concat())
}

#[test]
fn simple_queries() {
    let mut watched = Watched::new();
    watched.check(&[&query("select 1")], &["T D C Z=I"], &["begun 1 query", "ended 1 completed SELECT rows 1 affected 1"]);
    watched.check(
        &[&query("select 1; select 2 union select 3")],
        &["T D C T D D C Z=I"],
        &["begun 1 query", "ended 1 completed SELECT rows 3 affected 3 commands 2"],
    );
    watched.check(&[&query("")], &["I Z=I"], &["begun 1 query", "ended 1 completed"]);
    watched.check(&[&query("insert into t values (1), (2)")], &["C Z=I"], &["begun 1 query", "ended 1 completed INSERT affected 2"]);
    watched.check(&[&query("create table u(x int)")], &["C Z=I"], &["begun 1 query", "ended 1 completed CREATE TABLE"]);
    watched.check(&[&query("selec 1")], &["E=42601 Z=I"], &["begun 1 query", "ended 1 failed 42601"]);
    watched.check(
        &[&query("select 7; select 1/0; select 8")],
        &["T D C E=22012 Z=I"],
        &["begun 1 query", "ended 1 failed SELECT rows 1 affected 1 22012"],
    );
    watched.check(
        &[&query("begin"), &query("update t set x = x + 10"), &query("commit")],
        &["C Z=T", "C Z=T", "C Z=I"],
        &[
            "begun 1 query",
            "begun 2 query in transaction",
            "begun 3 query in transaction",
            "ended 1 completed BEGIN",
            "ended 2 completed UPDATE affected 2",
            "ended 3 completed COMMIT",
        ],
    );
    leave(watched.client);
}

#[test]
fn extended_queries() {
    let mut watched = Watched::new();
    let text = "select $1::int + $2::int";
    watched.check(&[&run("select 1"), SYNC], &["1 2 D C Z=I"], &["begun 1 execute", "ended 1 completed SELECT rows 1 affected 1"]);
    watched.check(&[&parse("s", text), SYNC], &["1 Z=I"], &["prepared 1 parse"]);
    watched.check(
        &[&bind("s", &[], &[b"4", b"5"]), &execute(0), SYNC],
        &["2 D C Z=I"],
        &["begun 1 execute given 2", "ended 1 completed SELECT rows 1 affected 1"],
    );
    watched.check(
        &[&bind("s", &[1], &[&[0, 0, 0, 4], &[0, 0, 0, 5]]), &execute(0), SYNC],
        &["2 D C Z=I"],
        &["begun 1 execute given 2", "ended 1 completed SELECT rows 1 affected 1"],
    );
    watched.check(&[&bind("s", &[], &[b"4", b"5"]), SYNC], &["2 Z=I"], &["prepared 1 bind given 2"]);
    watched.check(&[&parse("", "selec"), SYNC], &["E=42601 Z=I"], &["prepared 1 parse", "ended 1 failed 42601"]);
    watched.check(
        &[&bind("s", &[], &[b"x", b"5"]), &execute(0), SYNC],
        &["E=22P02 Z=I"],
        &["begun 1 execute given 2", "ended 1 failed 22P02"],
    );
    watched.check(
        &[&parse("", "select 1 / ($1::int + x) from generate_series(0, 0) x"), &bind("", &[], &[b"0"]), &execute(0), SYNC],
        &["1 2 E=22012 Z=I"],
        &["begun 1 execute given 1", "ended 1 failed 22012"],
    );
    watched.check(&[&bind("nowhere", &[], &[]), &execute(0), SYNC], &["E=26000 Z=I"], &["begun 1 execute", "ended 1 failed 26000"]);
    leave(watched.client);
}

#[test]
fn a_pipeline_whose_middle_fails() {
    let mut watched = Watched::new();
    watched.check(
        &[
            &run("insert into t values (1)"),
            &run("select 1/0"),
            &run("insert into t values (2)"),
            SYNC,
            &run("insert into t values (3)"),
            SYNC,
        ],
        &["1 2 C 1 E=22012 Z=I", "1 2 C Z=I"],
        &[
            "begun 1 execute",
            "begun 2 execute in transaction",
            "begun 3 execute in transaction",
            // Until the server has said how the first half ended, a transaction may be open.
            "begun 4 execute in transaction",
            "ended 1 completed INSERT affected 1",
            "ended 2 failed 22012",
            "ended 3 skipped",
            "ended 4 completed INSERT affected 1",
        ],
    );
    leave(watched.client);
}

#[test]
fn portals_with_row_limits_and_cursors() {
    let mut watched = Watched::new();
    let series = "select generate_series(1, 5)";
    watched.check(
        &[&parse("", series), &bind("", &[], &[]), &execute(2), &execute(2), &execute(2), SYNC],
        &["1 2 D D s D D s D C Z=I"],
        &[
            "begun 1 execute",
            "begun 2 fetch in transaction",
            "begun 3 fetch in transaction",
            "ended 1 suspended rows 2",
            "ended 2 suspended rows 2",
            "ended 3 completed SELECT rows 1 affected 1",
        ],
    );
    watched.check(
        &[&query("begin"), &query("declare c cursor for select generate_series(1, 5)"), &query("fetch 3 from c"), &query("commit")],
        &["C Z=T", "C Z=T", "T D D D C Z=T", "C Z=I"],
        &[
            "begun 1 query",
            "begun 2 query in transaction",
            "begun 3 query in transaction",
            "begun 4 query in transaction",
            "ended 1 completed BEGIN",
            "ended 2 completed DECLARE CURSOR",
            "ended 3 completed FETCH rows 3 affected 3",
            "ended 4 completed COMMIT",
        ],
    );
    leave(watched.client);
}

#[test]
fn copy() {
    let mut watched = Watched::new();
    watched.client.send(&query("copy t from stdin")).unwrap();
    watched.client.until(b'G');
    watched.check(
        &[&say(b'd', b"7\n8\n"), &say(b'd', b"9\n"), &say(b'c', b"")],
        &["C Z=I"],
        &["begun 1 query", "ended 1 completed COPY received 6 affected 3"],
    );
    watched.client.send(&query("copy t from stdin")).unwrap();
    watched.client.until(b'G');
    watched.check(
        &[&say(b'd', b"10\n"), &say(b'f', b"enough\0")],
        &["E=57014 Z=I"],
        &["begun 1 query", "ended 1 cancelled received 3 57014"],
    );
    watched.client.send(&query("copy t from stdin")).unwrap();
    watched.client.until(b'G');
    watched.check(&[&say(b'd', b"seven\n"), &say(b'c', b"")], &["E=22P02 Z=I"], &["begun 1 query", "ended 1 failed received 6 22P02"]);
    watched.client.send(&query("copy t to stdout")).unwrap();
    watched.client.until(b'Z');
    let news = watched.news();
    let Some((_, Event::Ended(ended))) = news.last() else { panic!("{news:?}") };
    assert_eq!((ended.bytes, ended.affected, ended.command.as_deref()), (6, Some(3), Some("COPY")), "{ended:?}");
    leave(watched.client);
}

#[test]
fn a_cancelled_statement() {
    let mut watched = Watched::new();
    watched.client.send(&query("select pg_sleep(600)")).unwrap();
    watched.stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    cancel(&watched.stage.login.address, watched.client.key());
    watched.check(&[], &["T E=57014 Z=I"], &["begun 1 query", "ended 1 cancelled 57014"]);
    leave(watched.client);
}

#[test]
fn what_is_refused_here() {
    let mut watched = Watched::new();
    // lower(text), by its OID.
    let call = say(b'F', &[&870_u32.to_be_bytes()[..], b"\0\0\0\x01\0\0\0\x01A\0\0"].concat());
    watched.check(&[&call], &["E=0A000 Z=I"], &["refused 1 functioncall 0A000"]);
    leave(watched.client);
}

/// What flowed in one that failed is not counted with the next.
#[test]
fn what_flowed_before_a_failure_belongs_to_it() {
    let mut watched = Watched::new();
    let fails = "select 1 / (3 - x) from generate_series(1, 5) x";
    watched.check(
        &[&run(fails), SYNC, &run("select 1"), SYNC],
        &["1 2 D D E=22012 Z=I", "1 2 D C Z=I"],
        &["begun 1 execute", "begun 2 execute in transaction", "ended 1 failed rows 2 22012", "ended 2 completed SELECT rows 1 affected 1"],
    );
    leave(watched.client);
}

/// A client that does not wait until the server takes data: what it sent is counted all the same.
#[test]
fn copy_in_one_go() {
    let mut watched = Watched::new();
    watched.check(
        &[&query("copy t from stdin"), &say(b'd', b"7\n8\n"), &say(b'd', b"9\n"), &say(b'c', b""), &query("select 1")],
        &["G C Z=I", "T D C Z=I"],
        &[
            "begun 1 query",
            "begun 2 query in transaction",
            "ended 1 completed COPY received 6 affected 3",
            "ended 2 completed SELECT rows 1 affected 1",
        ],
    );
    // Data that no COPY takes is nobody's. Whether one takes it is known before anything behind it is sent.
    watched.check(
        &[&query("select 1"), &say(b'd', b"7\n8\n"), &query("copy t from stdin"), &say(b'd', b"10\n"), &say(b'c', b"")],
        &["T D C Z=I", "G C Z=I"],
        &["begun 1 query", "ended 1 completed SELECT rows 1 affected 1", "begun 2 query", "ended 2 completed COPY received 3 affected 1"],
    );
    leave(watched.client);
}

/// A name that SQL gave to another statement stands for that one: the record does not say that what had the name before was run.
#[test]
fn names_that_sql_made_anew() {
    let mut watched = Watched::new();
    let run_again = |watched: &mut Watched| {
        watched.client.send(&[bind("s", &[], &[]), execute(0), SYNC.to_vec()].concat()).unwrap();
        watched.client.until(b'Z');
        let news = watched.news();
        let begun = news.iter().find_map(|(_, event)| if let Event::Begun(begun) = event { Some(begun.clone()) } else { None });
        begun.unwrap().statement.shape
    };
    let ask = |watched: &mut Watched, sent: &[u8]| {
        watched.client.send(sent).unwrap();
        let syncs = if sent.windows(SYNC.len()).filter(|window| *window == SYNC).count() == 2 { 2 } else { 1 };
        for _ in 0..syncs {
            watched.client.until(b'Z');
        }
        watched.news();
    };
    ask(&mut watched, &[parse("s", "select 1"), SYNC.to_vec()].concat());
    let known = run_again(&mut watched);
    assert_eq!(run_again(&mut watched), known);
    // In one text, in the extended protocol, with the name in quotes, and unseen by whoever reads tags only.
    let ways = [
        query("deallocate s; prepare s as delete from t"),
        [run("deallocate prepare \"s\""), SYNC.to_vec(), run("prepare s as delete from t"), SYNC.to_vec()].concat(),
        query("do $$ begin execute 'deallocate s'; execute 'prepare s as delete from t'; end $$"),
        query("deallocate all; prepare s as delete from t"),
    ];
    for way in ways {
        ask(&mut watched, &way);
        assert_ne!(run_again(&mut watched), known, "{}", String::from_utf8_lossy(&way));
        ask(&mut watched, &[query("deallocate s")].concat());
        ask(&mut watched, &[parse("s", "select 1"), SYNC.to_vec()].concat());
        assert_eq!(run_again(&mut watched), known);
    }
    // Another name is another statement.
    ask(&mut watched, &query("prepare other as delete from t; deallocate other"));
    assert_eq!(run_again(&mut watched), known);
    leave(watched.client);
}

/// The digest tells which text with which parameters it was, to whoever has the key.
#[test]
fn digests_are_of_what_was_sent() {
    let mut watched = Watched::new();
    let digester = Keys::load(&watched.stage.proxy.state()).unwrap().digester;
    let text = "select 'a', $1::text";
    let check = |watched: &mut Watched, sent: &[&[u8]], expected: &[pgsluice::audit::Digest]| {
        watched.client.send(&sent.concat()).unwrap();
        watched.client.until(b'Z');
        let news = watched.news();
        let digests: Vec<_> = news.iter().filter_map(|(_, event)| recorded::statement(event)).map(|statement| statement.digest).collect();
        assert_eq!(digests, expected);
        let shapes: Vec<_> = news.iter().filter_map(|(_, event)| recorded::statement(event)).map(|statement| statement.shape).collect();
        shapes
    };
    let plain = digester.digest(b"select 'b'");
    let one = check(&mut watched, &[&query("select 'b'")], &[plain]);
    let same = check(&mut watched, &[&run("select 'b'"), SYNC], &[plain]);
    let other = check(&mut watched, &[&query("select 'c'")], &[digester.digest(b"select 'c'")]);
    assert_eq!(one, same);
    assert_eq!(one, other, "statements that differ by a literal have one shape");
    check(&mut watched, &[&parse("s", text), SYNC], &[digester.digest(text.as_bytes())]);
    watched
        .client
        .send(
            &[bind("s", &[], &[b"x"]), execute(0), bind("s", &[], &[b"y"]), execute(0), bind("s", &[], &[b"x"]), execute(0), SYNC.to_vec()]
                .concat(),
        )
        .unwrap();
    watched.client.until(b'Z');
    let news = watched.news();
    let digests: Vec<_> = news.iter().filter_map(|(_, event)| recorded::statement(event)).map(|statement| statement.digest).collect();
    assert_eq!((digests.len(), digests[0] == digests[2], digests[0] == digests[1]), (3, true, false));
    assert_ne!(digests[0], digester.digest(text.as_bytes()));
    leave(watched.client);
}
