//! Whether `read` is true: every statement of PostgreSQL's regression suite that is judged to do nothing but read is run read-only on a
//! server, where its file has come to the same place, and watched: no row may be written, no number of a transaction drawn, no event trigger
//! fire, no lock of an application's own stay. That the effects fit the kinds of the statements is in `facts`. Skipped, with a word, where the
//! statements (`../shared/corpus`) are not beside the checkout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::string_slice, reason = "a test fails by panicking")]

#[path = "client/mod.rs"]
mod client;
#[path = "support/regression.rs"]
mod regression;
mod support;

use std::collections::{BTreeMap, HashSet};

use client::{Client, Login, query};
use pgsluice::sql;
use pgsluice::sql::effect::{Effect, EffectSet};
use pgsluice::sql::facts::{Facts, Named};
use support::Cluster;

const DATABASE: &str = "regression";
/// Far fewer would mean that the ground which the statements stand on was not made.
const WATCHED: usize = 6_000;
/// Above this, what cannot be told from a text is held too often to be lived with.
const OPAQUE_PER_THOUSAND: usize = 15;

/// Its warnings are what the test looks for: a trigger's own writes would be undone with the statement.
const WATCH: &str = "
CREATE SCHEMA watch;
CREATE FUNCTION watch.fired() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE WARNING 'watched: %', tg_tag; END$$;
CREATE EVENT TRIGGER watch_start ON ddl_command_start EXECUTE FUNCTION watch.fired();
CREATE EVENT TRIGGER watch_end ON ddl_command_end EXECUTE FUNCTION watch.fired();
CREATE EVENT TRIGGER watch_drop ON sql_drop EXECUTE FUNCTION watch.fired();
CREATE EVENT TRIGGER watch_rewrite ON table_rewrite EXECUTE FUNCTION watch.fired();
";

/// What a statement that only reads leaves as it was, in one row: the transaction's number and the locks that applications make up. Nobody
/// writes a row, of a temporary table or of a catalog, without a number drawn.
const STATE: &str = "SELECT pg_catalog.concat_ws(' ',
 'transaction', coalesce(pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, 'none'),
 'locks', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks
   WHERE locktype OPERATOR(pg_catalog.=) 'advisory' AND pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()))";

/// Rows written by this session, of temporary tables and catalogs too: asked for where the transaction has its number already.
const ROWS: &str =
    "SELECT pg_catalog.concat('rows ', pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(oid) OPERATOR(pg_catalog.+)
   pg_catalog.pg_stat_get_xact_tuples_updated(oid) OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(oid)))
 FROM pg_catalog.pg_class WHERE relkind OPERATOR(pg_catalog.=) ANY ('{r,t,m,p}')";

/// The answers to one query.
struct Answer {
    messages: Vec<(u8, Vec<u8>)>,
}

impl Answer {
    fn field(&self, tag: u8, name: u8) -> Option<String> {
        let (_, body) = self.messages.iter().find(|(found, _)| *found == tag)?;
        let value = body.split(|byte| *byte == 0).find(|field| field.first() == Some(&name))?;
        Some(String::from_utf8_lossy(&value[1..]).into_owned())
    }

    fn error(&self) -> Option<(String, String)> {
        Some((self.field(b'E', b'C')?, self.field(b'E', b'M')?))
    }

    fn has_fired(&self) -> Option<String> {
        let notices = self.messages.iter().filter(|(tag, _)| *tag == b'N');
        notices.map(|(_, body)| String::from_utf8_lossy(body).into_owned()).find(|text| text.contains("watched: "))
    }

    /// The first value of the last row.
    fn value(&self) -> String {
        let (_, row) = self.messages.iter().rfind(|(tag, _)| *tag == b'D').unwrap_or_else(|| panic!("{:?}", self.error()));
        String::from_utf8_lossy(&row[6..]).into_owned()
    }

    /// `I`, `T` or `E`.
    fn status(&self) -> u8 {
        self.messages.last().unwrap().1[0]
    }
}

struct Session {
    client: Client,
    status: u8,
}

impl Session {
    fn ask(&mut self, sql: &str) -> Answer {
        self.client.send(&query(sql)).unwrap();
        let mut messages = Vec::new();
        loop {
            let message = self.client.receive().unwrap_or_else(|error| panic!("{error}: {sql}"));
            let tag = message.0;
            messages.push(message);
            match tag {
                // A COPY gets no data: the files' own are not at hand.
                b'G' => self.client.send(b"c\0\0\0\x04").unwrap(),
                b'Z' => break,
                _ => {}
            }
        }
        let answer = Answer { messages };
        self.status = answer.status();
        answer
    }

    fn state(&mut self) -> String {
        let state = self.ask(STATE).value();
        if state.starts_with("transaction none") { state } else { state + " " + &self.ask(ROWS).value() }
    }

    /// Runs what was judged to read only: what speaks against it, or `None`; the second is whether it ran to its end.
    fn watch(&mut self, sql: &str) -> (Option<String>, bool) {
        let inside = self.status == b'T';
        let begin = if inside { "SAVEPOINT watch; SET TRANSACTION READ ONLY" } else { "BEGIN READ ONLY" };
        self.ask(begin);
        let before = self.state();
        let answer = self.ask(sql);
        let complaint = match answer.error() {
            Some((code, message)) => (code == "25006").then(|| format!("tried to write: {message}")),
            None => {
                let after = self.state();
                (before != after).then(|| format!("{before} became {after}")).or_else(|| answer.has_fired())
            }
        };
        let end = match (inside, self.status == b'E') {
            (false, false) => "COMMIT",
            (false, true) => "ROLLBACK",
            (true, false) => "RELEASE watch",
            (true, true) => "ROLLBACK TO watch; RELEASE watch",
        };
        self.ask(end);
        (complaint, answer.error().is_none())
    }
}

/// Cursors over more than a read: what their FETCH does was judged when they were declared.
#[derive(Default)]
struct Cursors(HashSet<Box<str>>);

impl Cursors {
    fn are_fetched(&mut self, facts: &Facts) -> bool {
        let mut fetched = false;
        for named in facts.statements.iter().flat_map(|statement| &statement.named) {
            if let Named::Declare { cursor, .. } = named {
                if facts.effects.is_within(EffectSet::of(&[Effect::Read, Effect::Session])) {
                    self.0.remove(cursor);
                } else {
                    self.0.insert(cursor.clone());
                }
            }
            fetched |= matches!(named, Named::Fetch { cursor, .. } if self.0.contains(cursor));
        }
        fetched
    }
}

#[test]
fn what_is_judged_a_read_writes_nothing() {
    let Some(files) = regression::files() else { return };
    let cluster = Cluster::start(15);
    let still = "ALTER SYSTEM SET autovacuum = off; SELECT pg_reload_conf();";
    support::sql(&cluster.url("postgres"), &format!("{still} CREATE DATABASE {DATABASE}"));
    support::sql(&cluster.url(DATABASE), WATCH);
    let login = Login::of(&cluster.url(DATABASE)).with("TimeZone", "America/Los_Angeles").with("DateStyle", "Postgres, MDY");
    // What a prepared transaction left behind is not waited for.
    let login = login.with("lock_timeout", "20s");
    let reading = Effect::Read.alone();
    let known = regression::listed("corpus_known.txt");
    let mut opaque: BTreeMap<String, usize> = BTreeMap::new();
    let (mut statements, mut reads, mut watched) = (0, 0, 0);
    let mut wrong = Vec::new();
    for file in &files {
        let mut session = Session { client: login.enter(), status: b'I' };
        let mut cursors = Cursors::default();
        for text in &file.statements {
            let facts = sql::read(text.as_bytes());
            statements += 1;
            if let Some(reason) = facts.opaque {
                *opaque.entry(format!("{reason:?}")).or_default() += 1;
            }
            let fetches = cursors.are_fetched(&facts);
            // In a failed transaction nothing runs, so nothing is to be seen.
            if facts.effects == reading && !fetches && session.status != b'E' {
                reads += 1;
                let (complaint, ran) = session.watch(text);
                watched += usize::from(ran);
                if let Some(complaint) = complaint.filter(|_| !known.iter().any(|known| text.contains(known.as_str()))) {
                    wrong.push(format!("{}: {text}\n  {complaint}", file.name));
                }
            } else {
                session.ask(text);
            }
        }
    }
    println!("{statements} statements; {reads} judged to read only, {watched} of them ran, {} did more", wrong.len());
    println!("opaque: {opaque:?}");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(watched > WATCHED, "the statements are not run as they should be");
    assert!(opaque.values().sum::<usize>() * 1000 < statements * OPAQUE_PER_THOUSAND, "{opaque:?}");
}

/// The watch sees what it is there for.
#[test]
fn what_writes_is_seen_by_the_watch() {
    let cluster = Cluster::get(15);
    let database = cluster.database("watched");
    database.sql(WATCH);
    database.sql("CREATE TABLE kept (n int); CREATE SEQUENCE counted; CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO kept VALUES (1) RETURNING n'");
    let mut session = Session { client: Login::of(&database.url()).enter(), status: b'I' };
    for open in [false, true] {
        if open {
            session.ask("BEGIN");
            session.ask("INSERT INTO kept VALUES (2)");
        }
        for writing in [
            "INSERT INTO kept VALUES (3)",
            "SELECT writes()",
            "CREATE TEMP TABLE passing AS SELECT 1",
            if open { "SELECT pg_advisory_lock(7)" } else { "SELECT pg_advisory_lock(8)" },
            "SELECT lo_create(0)",
            "SELECT nextval('counted')",
        ] {
            let (complaint, _) = session.watch(writing);
            assert!(complaint.is_some(), "{writing}");
        }
        assert_eq!(session.watch("SELECT count(*) FROM kept").0, None);
    }
}
