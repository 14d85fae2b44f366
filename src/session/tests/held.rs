//! What is held waits for people, and runs once for each approval; whatever the client does meanwhile.

use proptest::prelude::*;

use super::*;
use crate::gate::policy::BuiltIn;

const PATIENCE: Option<Duration> = Some(Duration::from_secs(30));
const DROP: &str = "drop table a";

fn policy() -> Policy {
    Policy::clone(&Policy::built_in(BuiltIn::Default))
}

fn patient() -> Bench {
    Bench::with_desk(policy(), PATIENCE)
}

fn hasty() -> Bench {
    Bench::with_desk(policy(), None)
}

fn query(sql: &str) -> Script {
    Script::default().query(sql)
}

impl Bench {
    /// Sends a script, and checks what the client is told.
    fn check(&mut self, script: Script, told: &str) {
        self.settle(&script);
        assert_eq!(self.told(), told);
    }

    fn check_decided(&mut self, verdict: Verdict, told: &str) {
        self.decide(verdict);
        assert_eq!(self.told(), told);
    }

    fn run_id(&self) -> String {
        format!("/* pgsluice:run={} */", self.desk.holds.keys().next_back().unwrap())
    }
}

#[test]
fn it_runs_after_the_approval_and_once() {
    let mut bench = patient();
    bench.check(query(DROP), "N");
    assert!(bench.server.ran.is_empty());
    bench.check_decided(Verdict::Approve, "C Z=I");
    assert_eq!(bench.server.ran, [DROP]);
    bench.check(query(DROP), "N");
    assert_eq!(bench.desk.states(), [State::Spent, State::Waiting]);
}

#[test]
fn without_patience_a_ticket_is_given_at_once_and_redeemed_later() {
    let mut bench = hasty();
    bench.check(query(DROP), "E=PS001 Z=I");
    bench.check(query("/* try='2' */ drop table a").query("select 1"), "E=PS001 Z=I C Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(DROP), "C Z=I");
    bench.check(query(DROP), "E=PS001 Z=I");
}

#[test]
fn a_wait_ends_with_a_ticket() {
    let mut bench = patient();
    bench.check(query(DROP), "N");
    bench.time_out();
    assert_eq!(bench.told(), "E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(DROP), "C Z=I");
}

#[test]
fn a_denial_is_an_error_and_the_session_lives() {
    let mut bench = patient();
    bench.check(query(DROP), "N");
    bench.check_decided(Verdict::Deny, "E=PS002 Z=I");
    bench.check(query("select 1"), "C Z=I");
}

#[test]
fn a_cancel_ends_the_wait_and_not_the_hold() {
    let mut bench = patient();
    bench.check(query(DROP), "N");
    bench.cancel();
    assert_eq!(bench.told(), "E=57014 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(DROP), "C Z=I");
}

#[test]
fn a_drain_ends_the_wait_and_the_client_has_its_ticket() {
    let mut bench = patient();
    bench.check(query(DROP), "N");
    bench.drain();
    assert_eq!(bench.told(), "E=PS001 Z=I E=57P01");
    assert_eq!(bench.desk.states(), [State::Waiting]);
}

#[test]
fn idle_deadlines_do_not_fire_while_it_waits() {
    let mut bench = patient();
    let mut terms = terms(policy());
    terms.timeouts = Timeouts { idle: Some(Duration::from_secs(1)), idle_in_transaction: Some(Duration::from_secs(1)) };
    bench.session = Session::new(terms, std::sync::Arc::from([]), bench.now);
    bench.check(query(DROP), "N");
    assert_eq!(bench.session.deadline().map(|deadline| deadline - bench.now), PATIENCE);
}

#[test]
fn what_is_pipelined_behind_it_waits() {
    let mut bench = patient();
    bench.check(query("select 1").query(DROP).query("insert into t values (1)"), "C Z=I N");
    assert!(!bench.session.takes_client_bytes());
    bench.check_decided(Verdict::Approve, "C Z=I C Z=I");
    assert_eq!(bench.finish().committed, ["select 1", DROP, "insert into t values (1)"]);
}

#[test]
fn several_statements_are_one_unit() {
    let mut bench = hasty();
    bench.check(query("insert into t values (1); drop table a").query("select 1"), "E=PS001 Z=I C Z=I");
    assert_eq!(bench.server.ran, ["select 1"]);
}

#[test]
fn preparing_locks_nothing_while_people_think() {
    let mut bench = patient();
    bench.check(Script::default().parse("s", DROP).describe(b'S', "s").flush(), "1 t n");
    bench.check(Script::default().bind("", "s").execute("", 0).sync(), "N");
    // A Sync of ours, unseen, and nothing behind it.
    assert!(bench.outcome.to_server.ends_with(b"S\0\0\0\x04"));
    assert!(!bench.outcome.to_server.contains(&b'B'));
    bench.check_decided(Verdict::Approve, "2 C Z=I");
    bench.check(Script::default().bind("", "s").execute("", 0).sync(), "N");
}

#[test]
fn what_is_skipped_asks_nobody() {
    let mut bench = patient();
    bench.check(
        Script::default().parse("", "junk").parse("s", DROP).bind("", "s").execute("", 0).sync().query("select 1"),
        "E=42601 Z=I C Z=I",
    );
    assert_eq!(bench.desk.petitions, 0);
}

#[test]
fn a_failure_before_it_in_the_same_stretch_skips_it() {
    let mut bench = patient();
    bench.check(
        Script::default().parse("s", DROP).describe(b'S', "none").bind("", "s").execute("", 0).sync().query("select 1"),
        "1 E=26000 Z=I C Z=I",
    );
    assert_eq!((bench.desk.petitions, bench.server.ran.as_slice()), (0, &["select 1".to_owned()][..]));
}

#[test]
fn with_open_work_the_server_makes_the_ticket() {
    let mut bench = patient();
    bench.check(query("begin").query("insert into t values (1)").query(DROP).query("select 1"), "C Z=T C Z=T E=PS001 Z=E E=25P02 Z=E");
    bench.check(query("rollback"), "C Z=I");
    bench.check(Script::default().run("insert into t values (1)").run(DROP).run("insert into t values (2)").sync(), "1 2 C 1 E=PS001 Z=I");
    assert!(bench.finish().committed.is_empty());
}

#[test]
fn a_bound_portal_is_open_work() {
    let mut bench = patient();
    let script = Script::default().parse("a", "select 1").bind("p", "a").parse("s", DROP).bind("", "s").execute("", 0).sync();
    bench.check(script, "1 2 1 E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    let script = Script::default().bind("p", "a").bind("", "s").execute("", 0).sync();
    bench.check(script, "2 2 C Z=I");
    assert_eq!(bench.desk.states(), [State::Spent]);
}

#[test]
fn a_rollback_gives_the_approval_back_and_a_commit_does_not() {
    let mut bench = hasty();
    bench.check(query(DROP), "E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query("begin").query(DROP), "C Z=T C Z=T");
    assert_eq!(bench.desk.states(), [State::Reserved]);
    bench.check(query("rollback"), "C Z=I");
    assert_eq!(bench.desk.states(), [State::Approved]);
    bench.check(query("begin").query(DROP).query("error").query("commit"), "C Z=T C Z=T E=PS001 Z=E C Z=I");
    assert_eq!(bench.desk.states().first(), Some(&State::Approved), "a COMMIT of what failed is a rollback");
    bench.check(query("begin").query(DROP).query("commit"), "C Z=T C Z=T C Z=I");
    assert_eq!(bench.desk.states().first(), Some(&State::Spent));
    bench.check(query(DROP), "E=PS001 Z=I");
}

#[test]
fn what_no_rollback_takes_back_is_spent_by_it() {
    let mut bench = hasty();
    let code = "select own_function()";
    bench.check(query(code), "E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query("begin").query(code).query("rollback"), "C Z=T C Z=T C Z=I");
    assert_eq!(bench.desk.states(), [State::Spent]);
}

#[test]
fn rows_that_were_seen_are_not_taken_back() {
    let text = r#"
        [[rule]]
        name = "session"
        action = "allow"
        effects = ["session"]
        reason = "x"
    "#;
    for (held, expected) in [
        ("select a from t", State::Spent),
        ("table t", State::Spent),
        ("select setval('s', 1)", State::Spent),
        ("insert into t values (nextval('s'))", State::Spent),
        ("delete from t where a = 1 returning b", State::Spent),
        ("with d as (delete from t where a = 1 returning b) insert into u select b from d", State::Spent),
        ("explain analyze delete from t", State::Spent),
        ("delete from t where a in (select a from u)", State::Approved),
        ("insert into t select a from u", State::Approved),
        ("create table n as select a from u", State::Approved),
        ("drop table t", State::Approved),
    ] {
        let mut bench = Bench::with_desk(Policy::parse(text).unwrap().0, None);
        bench.check(query(held), "E=PS001 Z=I");
        bench.check_decided(Verdict::Approve, "");
        bench.check(query("begin").query(held).query("rollback"), "C Z=T C Z=T C Z=I");
        assert_eq!(bench.desk.states(), [expected], "{held}");
    }
}

#[test]
fn a_session_that_ends_inside_its_transaction_gives_the_approval_back() {
    for (last, expected) in [(None, State::Approved), (Some("commit"), State::Spent)] {
        let mut bench = hasty();
        bench.check(query(DROP), "E=PS001 Z=I");
        bench.check_decided(Verdict::Approve, "");
        bench.check(query("begin").query(DROP), "C Z=T C Z=T");
        if let Some(last) = last {
            // Sent, and the client is gone before the answer.
            bench.unsent.extend(query(last).0);
            bench.client_turn(usize::MAX);
        }
        assert_eq!(bench.finish_with_desk().1.states(), [expected]);
    }
}

#[test]
fn a_held_copy_takes_its_data_after_the_approval() {
    let copy = "copy t from program 'x'";
    let mut bench = patient();
    bench.settle(&query(copy).copy_data("1\n").copy_done());
    assert_eq!(bench.told(), "N");
    bench.check_decided(Verdict::Deny, "E=PS002 Z=I");
    bench.check(query("select 1"), "C Z=I");
}

#[test]
fn a_hold_is_run_by_its_number() {
    let mut bench = hasty();
    bench.check(query(DROP), "E=PS001 Z=I");
    let run = bench.run_id();
    bench.check(query(&run), "E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(&run), "C Z=I");
    bench.check(query(&run), "E=PS003 Z=I");
    bench.check(Script::default().parse("", &run).bind("", "").execute("", 0).sync(), "E=PS003 Z=I");
    assert_eq!((bench.server.ran.as_slice(), bench.desk.states()), (&[DROP.to_owned()][..], vec![State::Spent]));
}

#[test]
fn a_stored_message_with_parameters_looks_like_a_simple_query() {
    let mut bench = hasty();
    let delete = "delete from t using u where $1 = 'x' or true";
    bench.check(Script::default().given(delete, &["x"]).execute("", 0).sync(), "1 E=PS001 Z=I");
    let run = bench.run_id();
    bench.check(Script::default().parse("", &run).bind("", "").execute("", 0).sync(), "E=0A000 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(&run).query("select 1"), "C Z=I C Z=I");
    assert_eq!((bench.server.ran.len(), bench.desk.states()), (2, vec![State::Spent]));
}

#[test]
fn a_stored_text_is_prepared_in_the_place_of_its_number() {
    let mut bench = hasty();
    bench.check(query(DROP), "E=PS001 Z=I");
    let run = bench.run_id();
    bench.check_decided(Verdict::Approve, "");
    bench.check(Script::default().parse("s", &run).bind("", "s").describe(b'P', "").execute("", 0).sync(), "1 2 n C Z=I");
    assert_eq!((bench.server.ran.as_slice(), bench.desk.states()), (&[DROP.to_owned()][..], vec![State::Spent]));
}

#[test]
fn the_task_stays_here_and_is_told_to_people() {
    let mut bench = hasty();
    bench.check(query("set pgsluice.task = 'clean up'").query(DROP), "C Z=I E=PS001 Z=I");
    bench.check(
        Script::default().parse("", "set pgsluice.task = 'tidy'").describe(b'S', "").bind("", "").execute("", 0).sync(),
        "1 t n 2 C Z=I",
    );
    bench.check(query("drop table b").query("/* task='third' */ drop table c"), "E=PS001 Z=I E=PS001 Z=I");
    bench.check(query("reset pgsluice.task").query("drop table d"), "C Z=I E=PS001 Z=I");
    bench.check(query("set pgsluice.task = 'a'; select 1"), "E=0A000 Z=I");
    let tasks: Vec<_> = bench.desk.holds.values().map(|hold| hold.petition.task.as_deref()).collect();
    assert_eq!(tasks, [Some("clean up"), Some("tidy"), Some("third"), None]);
    let sent = String::from_utf8_lossy(&bench.outcome.to_server).into_owned();
    assert!(!sent.contains("pgsluice.task") && !sent.contains("tidy"));
}

/// What stays here is on the record as everything else is, or it is refused.
#[test]
fn a_task_that_cannot_be_recorded_is_refused() {
    let mut bench = hasty();
    let task = Script::default().parse("s", "set pgsluice.task = 'a'").bind("p", "s");
    bench.check(Script(task.0.clone()).sync(), "1 2 Z=I");
    bench.session.recordable(Some(Report::error("53100", "the disk is full")));
    bench.check(query("set pgsluice.task = 'b'"), "E=53100 Z=I");
    bench.check(Script::default().bind("", "s").execute("", 0).sync(), "E=53100 Z=I");
}

#[test]
fn settings_are_part_of_what_is_asked() {
    let mut bench = hasty();
    bench.check(query("set search_path = app").query("set datestyle = german").query(DROP), "C Z=I C Z=I E=PS001 Z=I");
    let settings = bench.desk.holds.values().next().unwrap().petition.settings.clone();
    assert_eq!(settings, [("datestyle".into(), "german".into()), ("search_path".into(), "app".into())]);
}

fn belted() -> Bench {
    let text = "[[rule]]\nname='r'\naction='allow'\neffects=['read', 'session']\nreason='r'\n[belt]\nread_only=['*']\n";
    let mut bench = Bench::with_desk(Policy::parse(text).unwrap().0, None);
    let mut terms = terms(Policy::parse(text).unwrap().0);
    terms.manner.read_only = true;
    bench.session = Session::new(terms, std::sync::Arc::from([]), bench.now);
    bench
}

#[test]
fn the_belt_is_lifted_for_the_approved_statement_alone() {
    const OFF: &str = "SET default_transaction_read_only = off";
    const ON: &str = "RESET default_transaction_read_only";
    let mut bench = belted();
    bench.check(query("select 1").query(DROP), "C Z=I E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query(DROP).query("select 2"), "C Z=I C Z=I");
    assert_eq!(bench.server.ran, ["select 1", OFF, DROP, ON, "select 2"]);
    bench.server.ran.clear();
    let run = || Script::default().parse("s", DROP).bind("", "s").execute("", 0);
    bench.check(run().sync(), "1 E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(Script::default().bind("", "s").execute("", 0).sync().run("select 3").sync(), "2 C Z=I 1 2 C Z=I");
    assert_eq!(bench.server.ran, [OFF, DROP, ON, "select 3"]);
}

#[test]
fn the_belt_is_not_lifted_inside_a_transaction() {
    let mut bench = belted();
    bench.check(query(DROP), "E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query("begin").query(DROP).query("rollback"), "C Z=T E=PS001 Z=E C Z=I");
    bench.check(query("begin; drop table a"), "E=PS001 Z=I");
    // Nor does anything else ride along.
    bench.check(Script::default().run(DROP).sync(), "1 E=PS001 Z=I");
    bench.check_decided(Verdict::Approve, "");
    let both = Script::default().parse("s", DROP).bind("", "s").parse("t", "select 1").bind("p", "t").execute("", 0).sync();
    bench.check(both, "1 2 1 E=25006 Z=I");
    assert!(!bench.server.ran.iter().any(|ran| ran == DROP));
}

/// What is held inside a read-only transaction awaits its decision all the same; it runs alone.
#[test]
fn a_write_inside_a_read_only_transaction_is_ticketed() {
    let mut bench = belted();
    bench.check(query("begin").query(DROP).query("rollback"), "C Z=T E=PS001 Z=E C Z=I");
    bench.check_decided(Verdict::Approve, "");
    bench.check(query("begin").query(DROP).query("rollback"), "C Z=T E=PS001 Z=E C Z=I");
    bench.check(query(DROP), "C Z=I");
    assert_eq!(bench.server.ran.iter().filter(|ran| *ran == DROP).count(), 1);
    assert_eq!(bench.desk.holds.len(), 1);
}

/// Texts that are held, each of its own, and how their holds are decided.
fn held() -> impl Strategy<Value = String> {
    let fate = prop::sample::select(vec!["fine", "denied", "late"]);
    (fate, 0..3).prop_map(|(fate, number)| format!("delete from {fate}{number}"))
}

fn act() -> impl Strategy<Value = Script> {
    let name = || prop::sample::select(vec!["", "a", "b"]);
    let plain =
        || prop::sample::select(vec!["insert into t values (1)", "select 1", "begin", "commit", "rollback", "set search_path = app"]);
    prop_oneof![
        4 => held().prop_map(|sql| query(&sql)),
        3 => plain().prop_map(query),
        1 => held().prop_map(|sql| query(&format!("insert into t values (1); {sql}"))),
        3 => held().prop_map(|sql| Script::default().run(&sql)),
        2 => plain().prop_map(|sql| Script::default().run(sql)),
        2 => (name(), held()).prop_map(|(name, sql)| Script::default().close(b'S', name).parse(name, &sql).describe(b'S', name).flush()),
        2 => (name(), name()).prop_map(|(portal, statement)| Script::default().bind(portal, statement).execute(portal, 0)),
        1 => name().prop_map(|name| Script::default().describe(b'S', name)),
        4 => Just(Script::default().sync()),
        1 => held().prop_map(|sql| Script::default().sync().query(&format!("prepare c as {sql}")).query("execute c")),
        1 => Just(query("execute c")),
        1 => Just(query("deallocate c")),
        1 => Just(query("set pgsluice.task = 'x'")),
        1 => Just(query("error")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_held_runs_without_its_approval_or_twice_by_one(
        acts in prop::collection::vec(act(), 1..25),
        cuts in prop::collection::vec(0..200u16, 1..40),
        patient: bool,
    ) {
        let mut script = Script::default();
        acts.iter().for_each(|act| script.0.extend_from_slice(&act.0));
        script = script.sync();
        let run = |cuts: &[u16]| Bench::with_desk(policy(), PATIENCE.filter(|_| patient)).run_with_desk(&script, cuts);
        let (outcome, desk) = run(&cuts);
        for text in outcome.ran.iter().filter(|ran| ran.starts_with("delete from")) {
            let runs = outcome.ran.iter().filter(|ran| *ran == text).count();
            let about = desk.holds.values().filter(|hold| String::from_utf8_lossy(hold.petition.message.sql()).contains(text.as_str()) || hold.petition.settings.iter().any(|(_, value)| value.contains(text.as_str())));
            let allowed: usize = about.map(|hold| hold.approvals + hold.given_back).sum();
            prop_assert!(runs <= allowed, "{text} ran {runs} times, with {allowed} approvals");
            prop_assert!(text.contains("fine"), "{text} ran");
        }
        let (whole, _) = run(&[0xffff]);
        prop_assert_eq!(tell(&outcome.to_client), tell(&whole.to_client));
        prop_assert_eq!(outcome.committed, whole.committed);
    }
}
