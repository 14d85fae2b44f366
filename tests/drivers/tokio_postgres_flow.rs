//! tokio-postgres: raw binary values, typed parameters, portals read in parts, pipelined futures, COPY as streams, cancel, notifications.

use std::error::Error as StdError;
use std::fmt::{Debug, Write};
use std::future::poll_fn;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt, future};
use tokio::sync::mpsc;
use tokio_postgres::error::DbError;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, Error, IsolationLevel, NoTls, SimpleQueryMessage};

const IS_ASLEEP: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
const SLEEPER_TRIES: u32 = 3000;

/// A value as its bytes, of whatever type.
#[derive(Debug)]
struct Raw(Option<Vec<u8>>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(Some(raw.to_vec())))
    }
    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn StdError + Sync + Send>> {
        Ok(Self(None))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match &self.0 {
            Some(bytes) => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

#[derive(Default)]
struct Story {
    steps: u32,
    lines: String,
}

impl Story {
    fn step(&mut self, name: &str, value: impl Debug) {
        self.steps += 1;
        writeln!(self.lines, "{} {name}: {value:?}", self.steps).unwrap();
    }

    fn attempt<T: Debug>(&mut self, name: &str, result: Result<T, Error>) {
        match result {
            Ok(value) => self.step(name, value),
            Err(problem) => self.step(name, problem.as_db_error().map_or_else(|| problem.to_string(), fields)),
        }
    }
}

fn fields(problem: &DbError) -> String {
    format!("{problem:?}")
}

/// A session and what the server says unasked.
async fn connect(url: &str) -> (Client, mpsc::UnboundedReceiver<String>) {
    let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
            let text = match message {
                Ok(AsyncMessage::Notice(notice)) => fields(&notice),
                Ok(AsyncMessage::Notification(news)) => format!("{} {}", news.channel(), news.payload()),
                Ok(_) => continue,
                Err(problem) => problem.to_string(),
            };
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    (client, receiver)
}

pub fn flow(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut story = Story::default();
        let (mut client, mut heard) = connect(url).await;
        values(&mut story, &client).await;
        statements(&mut story, &client).await;
        simple(&mut story, &client).await;
        transactions(&mut story, &mut client).await;
        copies(&mut story, &client).await;
        cancels(&mut story, url, &client).await;
        messages(&mut story, url, &client, &mut heard).await;
        large(&mut story, &client).await;
        let steps = story.steps;
        story.lines + &format!("done {steps} steps\n")
    })
}

async fn values(story: &mut Story, client: &Client) {
    let list = "SELECT t.value ->> 0, l.value FROM jsonb_array_elements($1::text::jsonb) WITH ORDINALITY AS t (value, n), \
                jsonb_array_elements_text(t.value -> 1) WITH ORDINALITY AS l (value, n) ORDER BY t.n, l.n";
    let types: &str = include_str!("types.json");
    for row in client.query(list, &[&types]).await.unwrap() {
        let (name, literal): (String, String) = (row.get(0), row.get(1));
        let Ok(binary) = client.query_one(&format!("SELECT $1::text::{name} AS v"), &[&literal]).await else {
            story.step(&format!("type {name}"), "refused");
            continue;
        };
        let column = binary.columns().first().unwrap();
        story.step(&format!("type {name}"), (column.type_().oid(), column.type_().kind(), binary.try_get::<_, Raw>(0).ok()));
        let back = client.query_one(&format!("SELECT $1::{name} AS v, $1::{name}::text AS t"), &[&binary.get::<_, Raw>(0)]).await;
        story.attempt(&format!("back {name}"), back.map(|row| (row.get::<_, Raw>(0), row.get::<_, Option<String>>(1))));
    }
    let nothing = client.query_one("SELECT $1::int4, $2::text, $3::bytea", &[&None::<i32>, &None::<&str>, &None::<&[u8]>]).await;
    story.attempt(
        "null",
        nothing.map(|row| (row.get::<_, Option<i32>>(0), row.get::<_, Option<String>>(1), row.get::<_, Option<Vec<u8>>>(2))),
    );
    story.step("wrong type", client.query("SELECT $1::int4", &[&"x"]).await.map(|rows| rows.len()).map_err(|problem| problem.to_string()));
}

async fn statements(story: &mut Story, client: &Client) {
    let prepared = client.prepare("SELECT id, name, $2::mood AS m FROM people WHERE id > $1 ORDER BY id LIMIT 3").await.unwrap();
    story.step("prepared", (prepared.params(), prepared.columns()));
    for first in [0_i32, 100, 498, 600] {
        let rows = client.query(&prepared, &[&first, &Raw(Some(b"ok".to_vec()))]).await;
        story
            .attempt("reused", rows.map(|rows| rows.iter().map(|row| (row.get::<_, i32>(0), row.get::<_, String>(1))).collect::<Vec<_>>()));
    }
    let many = future::join_all(
        (0..200).map(|number| client.prepare_typed("SELECT $1 + 1", if number % 2 == 0 { &[Type::INT4] } else { &[Type::INT8] })),
    )
    .await;
    story.step("many", many.iter().filter(|one| one.is_ok()).count());
    drop(many);
    // Its statements are closed as they are dropped, behind what is asked next.
    story.attempt("asked", client.query_one("SELECT 1", &[]).await.map(|row| row.get::<_, i32>(0)));
    story.attempt("left", client.query_one("SELECT count(*) FROM pg_prepared_statements", &[]).await.map(|row| row.get::<_, i64>(0)));
    let divisors = [1_i32, 2, 0, 5, 0, 10];
    let all =
        future::join_all(divisors.iter().map(|divisor| async move { client.query_one("SELECT 10 / $1::int4", &[divisor]).await })).await;
    story.step(
        "pipelined",
        all.iter().map(|one| one.as_ref().map(|row| row.get::<_, i32>(0)).map_err(|problem| problem.code().cloned())).collect::<Vec<_>>(),
    );
    for text in ["SELEC", "SELECT * FROM nowhere", "SELECT 1/0", "SELECT complain('all')", "", "INSERT INTO people (name) VALUES (NULL)"] {
        story.attempt(text, client.query(text, &[]).await.map(|rows| rows.len()));
        story.attempt("executed", client.execute(text, &[]).await);
    }
}

async fn simple(story: &mut Story, client: &Client) {
    for text in [
        "",
        "SELECT 1; SELECT 'zwei', NULL",
        "INSERT INTO sink (id) VALUES (1), (2); SELECT id FROM sink; TRUNCATE sink",
        "SELECT 1; SELECT 1/0; SELECT 2",
        "BEGIN; SELECT 1/0",
        "SELECT 1",
        "ROLLBACK",
    ] {
        let messages = client.simple_query(text).await.map(|messages| {
            let shown = messages.iter().map(|message| match message {
                SimpleQueryMessage::Row(row) => format!("row {:?}", (0..row.len()).map(|column| row.get(column)).collect::<Vec<_>>()),
                SimpleQueryMessage::CommandComplete(rows) => format!("complete {rows}"),
                SimpleQueryMessage::RowDescription(columns) => {
                    format!("columns {:?}", columns.iter().map(|column| column.name()).collect::<Vec<_>>())
                }
                _ => "something else".to_owned(),
            });
            shown.collect::<Vec<_>>()
        });
        story.attempt(&format!("simple {text}"), messages);
    }
}

async fn transactions(story: &mut Story, client: &mut Client) {
    for level in
        [IsolationLevel::ReadUncommitted, IsolationLevel::ReadCommitted, IsolationLevel::RepeatableRead, IsolationLevel::Serializable]
    {
        let transaction = client.build_transaction().isolation_level(level).read_only(true).start().await.unwrap();
        story.attempt("isolation", transaction.query_one("SHOW transaction_isolation", &[]).await.map(|row| row.get::<_, String>(0)));
        story.attempt("write", transaction.execute("DELETE FROM sink", &[]).await);
        story.attempt("rollback", transaction.rollback().await);
    }
    let mut outer = client.transaction().await.unwrap();
    outer.execute("INSERT INTO sink (id) VALUES (1)", &[]).await.unwrap();
    let inner = outer.savepoint("here").await.unwrap();
    story.attempt("inner", inner.execute("INSERT INTO sink (id) SELECT 1 / $1::int8", &[&0_i64]).await);
    story.attempt("aborted", inner.query_one("SELECT 1", &[]).await.map(|row| row.get::<_, i32>(0)));
    story.attempt("undone", inner.rollback().await);
    let portal = outer.bind("SELECT n FROM generate_series(1, 1000) AS n", &[]).await.unwrap();
    for part in [1, 10, 500, 0, 0] {
        let rows = outer.query_portal(&portal, part).await;
        story.attempt("portal", rows.map(|rows| (rows.len(), rows.first().map(|row| row.get::<_, i32>(0)))));
    }
    let (one, two) = (
        outer.bind("SELECT 1 AS a", &[]).await.unwrap(),
        outer.bind("SELECT 10 / (3 - n) FROM generate_series(1, 5) AS n", &[]).await.unwrap(),
    );
    story.attempt("first portal", outer.query_portal(&one, 0).await.map(|rows| rows.len()));
    story.attempt("second portal", outer.query_portal(&two, 2).await.map(|rows| rows.len()));
    story.attempt("fails late", outer.query_portal(&two, 2).await.map(|rows| rows.len()));
    story.attempt("commit of an aborted one", outer.commit().await);
    story.attempt("nothing kept", client.query_one("SELECT count(*) FROM sink", &[]).await.map(|row| row.get::<_, i64>(0)));
}

async fn copies(story: &mut Story, client: &Client) {
    for format in ["text", "csv", "binary"] {
        let mut data = BytesMut::new();
        let mut out = pin!(client.copy_out(&format!("COPY people TO STDOUT (FORMAT {format})")).await.unwrap());
        while let Some(part) = out.next().await {
            data.extend_from_slice(&part.unwrap());
        }
        client.batch_execute("CREATE TEMP TABLE twin (LIKE people)").await.unwrap();
        let mut sink = pin!(client.copy_in::<_, Bytes>(&format!("COPY twin FROM STDIN (FORMAT {format})")).await.unwrap());
        for part in data.chunks(997) {
            sink.send(Bytes::copy_from_slice(part)).await.unwrap();
        }
        let copied = sink.finish().await;
        story.attempt(&format!("copy {format}"), copied.map(|rows| (data.len(), rows)));
        let missing = client.query_one("SELECT count(*) FROM (SELECT * FROM people EXCEPT SELECT * FROM twin) AS t", &[]).await;
        story.attempt("missing", missing.map(|row| row.get::<_, i64>(0)));
        client.batch_execute("DROP TABLE twin").await.unwrap();
    }
    {
        let mut sink = pin!(client.copy_in::<_, Bytes>("COPY sink (id, word) FROM STDIN").await.unwrap());
        sink.send(Bytes::from_static(b"1\tx\ny\tz\n")).await.unwrap();
        story.attempt("bad row", sink.finish().await);
    }
    // Dropped before its end: the driver says CopyFail.
    drop(client.copy_in::<_, Bytes>("COPY sink (id, word) FROM STDIN").await.unwrap());
    story.attempt("given up", client.query_one("SELECT count(*) FROM sink", &[]).await.map(|row| row.get::<_, i64>(0)));
    drop(client.copy_out("COPY (SELECT repeat('x', 1000) FROM generate_series(1, 3000)) TO STDOUT").await.unwrap());
    story.attempt("half read", client.query_one("SELECT 'after'", &[]).await.map(|row| row.get::<_, String>(0)));
    story.attempt("no such table", client.copy_out("COPY nowhere TO STDOUT").await.map(|_| ()));
}

async fn cancels(story: &mut Story, url: &str, client: &Client) {
    let (other, _) = connect(url).await;
    let asleep = async {
        for _ in 0..SLEEPER_TRIES {
            if other.query_one(IS_ASLEEP, &[]).await.unwrap().get::<_, i64>(0) == 1 {
                return;
            }
        }
        panic!("no session fell asleep");
    };
    let (ended, ()) = future::join(client.batch_execute("SELECT pg_sleep(60)"), async {
        asleep.await;
        client.cancel_token().cancel_query(NoTls).await.unwrap();
    })
    .await;
    story.attempt("cancelled", ended);
    // The server signals a cancelled backend twice, and this driver does not wait for the second: let it land here.
    client.batch_execute("SELECT pg_sleep(0.3)").await.ok();
    story.attempt("usable", client.query_one("SELECT 'after'", &[]).await.map(|row| row.get::<_, String>(0)));
    story.attempt("timeout", client.batch_execute("SET statement_timeout = 100; SELECT pg_sleep(60)").await);
    story.attempt("reset", client.batch_execute("RESET ALL").await);
}

async fn messages(story: &mut Story, url: &str, client: &Client, heard: &mut mpsc::UnboundedReceiver<String>) {
    client.batch_execute("LISTEN news").await.unwrap();
    let (other, _) = connect(url).await;
    while heard.try_recv().is_ok() {}
    for number in 0..5 {
        other.execute("SELECT pg_notify('news', $1)", &[&format!("größe {number}")]).await.unwrap();
        story.step("notified", heard.recv().await);
    }
    for kind in ["notice", "warning"] {
        story.attempt("complains", client.query_one("SELECT complain($1)", &[&kind]).await.map(|row| row.get::<_, i32>(0)));
        story.step("heard", heard.recv().await);
    }
}

async fn large(story: &mut Story, client: &Client) {
    let parameters: [i32; 1] = [120_000];
    let mut rows =
        pin!(client.query_raw("SELECT n, md5(n::text) FROM generate_series(1, $1::int4) AS n", parameters.iter()).await.unwrap());
    let (mut count, mut sum) = (0_u64, 0_u64);
    while let Some(row) = rows.next().await {
        let row = row.unwrap();
        count += 1;
        sum = row.get::<_, &str>(1).bytes().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    }
    story.step("many rows", (count, sum));
    let value: String = client.query_one("SELECT repeat('0123456789', 5000000)", &[]).await.unwrap().get(0);
    story.step("50 MB", (value.len(), value.get(..20).map(str::to_owned)));
    let sent: Vec<u8> = (0..20_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let row = client.query_one("SELECT md5($1::bytea), $1::bytea", &[&sent]).await.unwrap();
    story.step("20 MB there and back", (row.get::<_, String>(0), row.get::<_, Vec<u8>>(1) == sent));
}
