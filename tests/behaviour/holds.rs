//! What is held, in front of a real server: nothing is locked or timed while people think, and what was approved runs once, as it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pgsluice::gate::Policy;
use pgsluice::gate::hold::{HoldId, Standing, State, Verdict};
use pgsluice::gate::policy::BuiltIn;
use pgsluice::host::relay::Counsel;
use pgsluice::session::asking::{Message, Petition, Purpose, Reply, Waiting};
use pgsluice::wire::report::{Report, Severity};
use tokio::sync::Notify;

use crate::client::{Client, SYNC, await_that, query};
use crate::relayed::client;
use crate::stage::{cluster, leave, run, say, story};
use crate::support::Database;

const FOREVER: u64 = u64::MAX;

/// A desk in memory.
#[derive(Clone, Default)]
struct People {
    holds: Arc<Mutex<Vec<(Petition, Standing)>>>,
    changed: Arc<Notify>,
    patience: Option<Duration>,
}

impl People {
    fn ask(&self, petition: Petition) -> Reply {
        let mut holds = self.holds.lock().unwrap();
        let same = |held: &Petition| held.message == petition.message && held.settings == petition.settings;
        let open = holds.iter_mut().find(|(held, standing)| same(held) && matches!(standing.state, State::Waiting | State::Approved));
        let id = match open {
            Some((_, standing)) if standing.state == State::Approved && petition.purpose != Purpose::Ticket => {
                let grant = standing.spend(0, None, false).unwrap();
                if !petition.open_work {
                    standing.settle(true).unwrap();
                }
                return Reply::Granted(grant);
            }
            Some((_, standing)) => standing.id,
            None => {
                let id = HoldId::of(holds.len() as u64 + 1);
                holds.push((petition, Standing::open(id, FOREVER)));
                id
            }
        };
        Reply::Waiting(Waiting {
            hold: id,
            notice: Report::new(Severity::Notice, "PS001", "held"),
            ticket: Report::error("PS001", format!("held as {id}")),
            patience: self.patience,
            answered: false,
        })
    }

    fn approve(&self) {
        for (_, standing) in self.holds.lock().unwrap().iter_mut().filter(|(_, standing)| standing.state == State::Waiting) {
            standing.decide(Verdict::Approve, 0, FOREVER).unwrap();
        }
        self.changed.notify_waiters();
    }

    fn states(&self) -> Vec<State> {
        self.holds.lock().unwrap().iter().map(|(_, standing)| standing.state).collect()
    }

    fn run_last(&self) -> String {
        format!("/* pgsluice:run={} */", self.holds.lock().unwrap().last().unwrap().1.id)
    }
}

impl Counsel for People {
    fn petition(&self, petition: Petition) -> impl Future<Output = Reply> + 'static {
        std::future::ready(self.ask(petition))
    }

    fn stored(&self, hold: HoldId) -> impl Future<Output = Result<Message, Report>> + 'static {
        let holds = self.holds.lock().unwrap();
        let found = holds.iter().find(|(_, standing)| standing.id == hold && standing.state == State::Approved);
        std::future::ready(found.map(|(petition, _)| petition.message.clone()).ok_or_else(|| Report::error("PS003", "it is over")))
    }

    fn decided(&self, hold: HoldId) -> impl Future<Output = ()> + 'static {
        let this = self.clone();
        async move {
            loop {
                let changed = this.changed.notified();
                let mut changed = std::pin::pin!(changed);
                changed.as_mut().enable();
                if this.holds.lock().unwrap().iter().any(|(_, standing)| standing.id == hold && standing.state != State::Waiting) {
                    return;
                }
                changed.await;
            }
        }
    }

    fn settle(&self, holds: &[HoldId], used: bool) {
        for (_, standing) in self.holds.lock().unwrap().iter_mut().filter(|(_, standing)| holds.contains(&standing.id)) {
            standing.settle(used).unwrap();
        }
    }
}

struct Held {
    client: Client,
    people: People,
    database: Database<'static>,
}

impl Held {
    fn new(policy: BuiltIn, patient: bool, read_only: bool) -> Self {
        let database = cluster().database("holds");
        database.sql("create table t(x int); insert into t values (1), (2)");
        let people = People { patience: patient.then_some(Duration::from_secs(3600)), ..People::default() };
        let client = client(&database, Policy::clone(&Policy::built_in(policy)), people.clone(), read_only);
        Self { client, people, database }
    }

    fn check(&mut self, parts: &[Vec<u8>], told: &[&str]) {
        self.client.send(&parts.concat()).unwrap();
        for told in told {
            assert_eq!(story(&mut self.client), *told);
        }
    }

    /// Sends, and is told that it waits.
    fn waits(&mut self, parts: &[Vec<u8>]) {
        self.client.send(&parts.concat()).unwrap();
        self.client.until(b'N');
    }

    /// What the server says that this session does and has locked.
    fn at_the_server(&self) -> String {
        let locks = "(select count(*) from pg_locks l where l.pid = a.pid and locktype in ('relation', 'transactionid'))";
        let sessions =
            "pg_stat_activity a where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
        self.database.sql(&format!("select string_agg(state || ' ' || {locks}, ', ') from {sessions}"))
    }

    fn end(self, rows: &str) {
        assert_eq!(self.database.sql("select coalesce(string_agg(x::text, ' ' order by x), '') from t"), rows);
        assert!(self.people.states().iter().all(|state| *state != State::Reserved));
        leave(self.client);
    }
}

fn parse(name: &str, sql: &str) -> Vec<u8> {
    say(b'P', &[name.as_bytes(), b"\0", sql.as_bytes(), b"\0\0\0"].concat())
}

fn run_prepared(name: &str) -> Vec<u8> {
    [say(b'B', &[b"\0", name.as_bytes(), b"\0\0\0\0\0\0\0"].concat()), say(b'E', b"\0\0\0\0\0")].concat()
}

fn sync() -> Vec<u8> {
    SYNC.to_vec()
}

#[test]
fn nothing_is_locked_or_timed_while_people_think() {
    let mut held = Held::new(BuiltIn::Default, true, false);
    held.check(&[query("set statement_timeout = '1h'")], &["C Z=I"]);
    // As drivers do that ask for columns first, and wait for them.
    held.client.send(&[parse("s", "delete from t"), say(b'D', b"Ss\0"), say(b'H', b"")].concat()).unwrap();
    held.client.until(b'n');
    assert_eq!(held.at_the_server(), "active 1", "preparing has locked the table");
    held.waits(&[run_prepared("s"), sync()]);
    await_that("nothing is open", || held.at_the_server() == "idle 0");
    held.people.approve();
    assert_eq!(story(&mut held.client), "2 C Z=I");
    held.waits(&[run_prepared("s"), sync()]);
    held.people.approve();
    assert_eq!(story(&mut held.client), "2 C Z=I");
    assert_eq!(held.people.states(), [State::Spent, State::Spent]);
    held.end("");
}

#[test]
fn a_rollback_gives_the_approval_back() {
    let mut held = Held::new(BuiltIn::Default, false, false);
    held.check(&[query("delete from t")], &["E=PS001 Z=I"]);
    held.people.approve();
    held.check(&[query("begin"), query("delete from t"), query("rollback")], &["C Z=T", "C Z=T", "C Z=I"]);
    assert_eq!(held.people.states(), [State::Approved]);
    held.check(
        &[query("begin"), query("delete from t"), query("select 1/0"), query("commit")],
        &["C Z=T", "C Z=T", "E=22012 Z=E", "C Z=I"],
    );
    assert_eq!(held.people.states(), [State::Approved]);
    held.check(&[query("begin"), query("delete from t"), query("drop table t")], &["C Z=T", "C Z=T", "E=PS001 Z=E"]);
    held.check(&[query("rollback"), query("begin"), query("delete from t"), query("commit")], &["C Z=I", "C Z=T", "C Z=T", "C Z=I"]);
    assert_eq!(held.people.states(), [State::Spent, State::Waiting]);
    held.end("");
}

#[test]
fn a_pipeline_with_a_held_statement_undoes_what_came_before() {
    let mut held = Held::new(BuiltIn::Default, true, false);
    held.check(&[run("insert into t values (3)"), run("delete from t"), run("insert into t values (4)"), sync()], &["1 2 C 1 E=PS001 Z=I"]);
    held.end("1 2");
}

#[test]
fn a_held_copy_takes_its_data() {
    let mut held = Held::new(BuiltIn::Strict, true, false);
    let data = [say(b'd', b"3\n"), say(b'd', b"4\n"), say(b'c', b"")].concat();
    held.waits(&[query("copy t from stdin"), data]);
    held.people.approve();
    assert_eq!(story(&mut held.client), "G C Z=I");
    held.end("1 2 3 4");
}

#[test]
fn a_stored_message_runs_by_its_number() {
    let mut held = Held::new(BuiltIn::Default, false, false);
    let delete = "delete from t where $1 = 'x' or true returning x, x + 1";
    let bind = say(b'B', b"\0\0\0\0\0\x01\0\0\0\x01x\0\0");
    held.check(&[parse("", delete), bind, say(b'E', b"\0\0\0\0\0"), sync()], &["1 E=PS001 Z=I"]);
    held.people.approve();
    let run = held.people.run_last();
    held.check(&[query(&run), query(&run)], &["T D D C Z=I", "E=PS003 Z=I"]);
    held.check(&[query("drop table t")], &["E=PS001 Z=I"]);
    let run_drop = held.people.run_last();
    held.check(&[parse("", &run_drop), run_prepared(""), sync()], &["E=PS003 Z=I"]);
    held.end("");
}

#[test]
fn what_sql_prepares_and_declares_is_known() {
    let mut held = Held::new(BuiltIn::Default, false, false);
    held.check(&[query("prepare a(int) as select x from t where x = $1"), query("execute a(1)")], &["C Z=I", "T D C Z=I"]);
    held.check(&[parse("p", "delete from t"), sync(), query("execute p")], &["1 Z=I", "E=PS001 Z=I"]);
    held.check(&[query("deallocate a"), query("execute a(1)")], &["C Z=I", "E=26000 Z=I"]);
    held.check(&[query("begin"), query("declare c cursor for select x from t order by x")], &["C Z=T", "C Z=T"]);
    held.check(&[say(b'E', b"c\0\0\0\0\x01"), sync(), say(b'E', b"c\0\0\0\0\0"), sync()], &["D s Z=T", "D C Z=T"]);
    held.check(&[query("rollback")], &["C Z=I"]);
    held.people.approve();
    held.check(&[query("execute p")], &["C Z=I"]);
    held.end("");
}

#[test]
fn the_task_is_not_for_the_server() {
    let mut held = Held::new(BuiltIn::Default, false, false);
    held.check(&[query("set pgsluice.task = 'tidy'"), run("set pgsluice.task = 'up'"), sync()], &["C Z=I", "1 2 C Z=I"]);
    assert_eq!(held.client.ask("select count(*) from pg_settings where name like 'pgsluice.%'"), ["0"]);
    held.check(&[query("drop table t")], &["E=PS001 Z=I"]);
    assert_eq!(held.people.holds.lock().unwrap()[0].0.task.as_deref(), Some("up"));
    held.end("1 2");
}

#[test]
fn the_belt_is_lifted_for_what_was_approved_alone() {
    let mut held = Held::new(BuiltIn::Default, false, true);
    let insert = "insert into t values (3)";
    held.check(&[query(insert), query("delete from t")], &["E=25006 Z=I", "E=PS001 Z=I"]);
    held.check(&[parse("", "delete from t"), run_prepared(""), sync()], &["1 E=PS001 Z=I"]);
    held.people.approve();
    held.check(&[query("begin"), query("delete from t"), query("rollback")], &["C Z=T", "E=PS001 Z=E", "C Z=I"]);
    held.check(&[parse("", "delete from t"), run_prepared(""), sync(), query(insert)], &["1 2 C Z=I", "E=25006 Z=I"]);
    held.check(&[query("delete from t"), query(insert), run(insert), sync()], &["C Z=I", "E=25006 Z=I", "1 2 E=25006 Z=I"]);
    assert_eq!(held.client.ask("show default_transaction_read_only"), ["on"]);
    held.end("");
}
