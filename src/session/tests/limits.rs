//! What goes over a limit is stopped, in every protocol and however the streams are cut: rows up to the limit, then the error and nothing of
//! what the server still says, then what is open as the server has it.

use std::time::Duration;

use crate::gate::budget::{Allowance, Limits};
use crate::gate::hold::{Over, Quantity};
use crate::session::asking::Purpose;

use super::*;

const CUTS: [&[u16]; 6] = [&[0xffff], &[0, 1, 2], &[2, 1, 0, 0], &[3, 7, 5, 12], &[300, 1, 1, 1, 301, 2], &[600, 601, 601, 2]];

fn five_rows() -> Policy {
    // Every value is masked, so every row counts.
    let text = "[[rule]]\nname = \"all\"\naction = \"allow\"\n[mask.columns]\n\"*.*.*\" = \"EMAIL\"";
    Policy::parse(text).unwrap().0.with_limits(Limits::NONE).with_allowance(Allowance { sensitive_rows: Some(5), ..Allowance::NONE })
}

/// The last outcomes of the executions, by the order in which they were sent, with rows passed.
fn check(script: &Script, told: &str, committed: &[&str]) {
    for cuts in CUTS {
        let outcome = Bench::new(five_rows()).run(script, cuts);
        assert_eq!(tell(&outcome.to_client), told, "cut as {cuts:?}");
        assert_eq!(outcome.committed, committed, "cut as {cuts:?}");
        assert!(!outcome.over);
    }
}

#[test]
fn below_the_limit_nothing_is_noticed() {
    check(&Script::default().query("rows 5").query("insert"), "T D D D D D C Z=I C Z=I", &["insert"]);
}

#[test]
fn a_simple_query() {
    check(&Script::default().query("stuck 9").query("insert"), "T D D D D D E=PS004 Z=I C Z=I", &["insert"]);
}

#[test]
fn a_query_that_ends_before_the_cancel_comes() {
    check(&Script::default().query("rows 9").query("insert"), "T D D D D D E=PS004 Z=I C Z=I", &["insert"]);
}

#[test]
fn several_statements_in_one_query() {
    check(&Script::default().query("insert; rows 2; stuck 9; other").query("set"), "C T D D C T D D D E=PS004 Z=I S C Z=I", &[]);
    // What ended in time has happened.
    check(&Script::default().query("rows 9; other; rows 1"), "T D D D D D E=PS004 Z=I", &["other"]);
}

#[test]
fn inside_a_transaction() {
    let script = |rows| Script::default().query("begin; insert").query(rows).query("commit").query("other");
    check(&script("stuck 9"), "C C Z=T T D D D D D E=PS004 Z=E C Z=I C Z=I", &["other"]);
    check(&script("rows 9"), "C C Z=T T D D D D D E=PS004 Z=T C Z=I C Z=I", &["insert", "other"]);
}

#[test]
fn the_extended_protocol() {
    for rows in ["rows 9", "stuck 9"] {
        check(&Script::default().run(rows).sync().run("other").sync(), "1 2 D D D D D E=PS004 Z=I 1 2 C Z=I", &["other"]);
    }
}

#[test]
fn in_the_middle_of_a_pipeline() {
    let script = |rows| Script::default().run("insert").run(rows).run("third").sync().run("other").sync();
    check(&script("stuck 9"), "1 2 C 1 2 D D D D D E=PS004 Z=I 1 2 C Z=I", &["other"]);
    let mut sent = Bench::new(five_rows());
    sent.settle(&script("rows 9"));
    let outcome = sent.finish();
    assert_eq!(tell(&outcome.to_client), "1 2 C 1 2 D D D D D E=PS004 Z=I 1 2 C Z=I");
    assert_eq!(outcome.committed, ["insert", "third", "other"], "all of it was there before the cancel, and the client is told");
    let said = String::from_utf8_lossy(&outcome.to_client);
    assert!(said.contains("What was sent behind it in the same pipeline was not stopped"), "{said}");
}

/// Without the client's Sync the server aborts what is open, so that nothing of it happens.
#[test]
fn before_the_sync_of_a_pipeline() {
    for rows in ["rows 9", "stuck 9"] {
        let mut bench = Bench::new(five_rows());
        bench.settle(&Script::default().run("insert").run(rows).flush());
        assert_eq!(tell(&bench.outcome.to_client), "1 2 C 1 2 D D D D D E=PS004");
        bench.settle(&Script::default().run("third").sync().run("commit").sync());
        let outcome = bench.finish();
        assert_eq!(tell(&outcome.to_client), "1 2 C 1 2 D D D D D E=PS004 Z=I 1 2 C Z=I");
        assert!(outcome.committed.is_empty());
        assert!(!outcome.ran.contains(&"third".to_owned()));
    }
}

#[test]
fn a_portal_in_turns() {
    let script = Script::default().query("begin").parse("", "rows 20").bind("p", "").execute("p", 3).execute("p", 3).execute("p", 3).sync();
    check(&script.query("rollback"), "C Z=T 1 2 D D D s D D E=PS004 Z=T C Z=I", &[]);
}

#[test]
fn copy_to_the_client() {
    check(&Script::default().query("copy stuck to stdout").query("insert"), "H d d d d d E=PS004 Z=I C Z=I", &["insert"]);
    check(
        &Script::default().query("copy t to stdout; copy t to stdout").query("insert"),
        "H d d d c C H d d E=PS004 Z=I C Z=I",
        &["insert"],
    );
    check(&Script::default().run("copy stuck to stdout").sync().run("insert").sync(), "1 2 H d d d d d E=PS004 Z=I 1 2 C Z=I", &["insert"]);
}

#[test]
fn what_was_taken_counts_for_the_next_statement_and_frees_after_a_window() {
    let mut bench = Bench::new(five_rows());
    bench.settle(&Script::default().query("rows 3").query("rows 3"));
    assert_eq!(tell(&bench.outcome.to_client), "T D D D C Z=I T D D E=PS004 Z=I");
    bench.now += Duration::from_secs(700);
    bench.settle(&Script::default().query("rows 3"));
    assert!(tell(&bench.outcome.to_client).ends_with("T D D D C Z=I"));
}

#[test]
fn a_ticket_is_asked_for_with_the_statement_that_was_stopped() {
    let mut bench = Bench::new(five_rows());
    bench.settle(&Script::default().query("rows 9").parse("s", "rows 8").bind("", "s").execute("", 0).sync());
    let asked: Vec<_> = bench.desk.over.iter().map(|asked| (asked.message.sql(), asked.over.unwrap(), asked.purpose)).collect();
    let over = Over { quantity: Quantity::SensitiveRows, limit: 5, raised: 1_000 };
    assert_eq!(asked[0], (&b"rows 9"[..], over, Purpose::Ticket));
    bench.finish();
}

#[test]
fn rows_that_are_too_long_do_not_end_the_connection() {
    let mut bench = Bench::new(Policy::allow_all());
    bench.session.terms.backend.data_row = 10;
    bench.settle(&Script::default().query("rows 3").query("insert"));
    assert_eq!(tell(&bench.outcome.to_client), "T E=PS004 Z=I C Z=I");
    bench.finish();
}

#[test]
fn rows_of_a_copy_from_the_client() {
    let policy = || Policy::allow_all().with_limits(Limits { copy_in_rows: Some(3), ..Limits::NONE });
    let data = |script: Script| script.copy_data("1\n2").copy_data("\n3\n").copy_data("4").copy_data("\n").copy_done();
    for cuts in CUTS {
        let script = data(Script::default().query("begin; insert; copyin")).query("commit").query("other");
        let outcome = Bench::new(policy()).run(&script, cuts);
        assert_eq!(tell(&outcome.to_client), "C C G E=PS004 Z=E C Z=I C Z=I", "cut as {cuts:?}");
        assert_eq!(outcome.committed, ["other"]);
        let script = data(Script::default().run("copyin").sync()).sync().run("other").sync();
        let outcome = Bench::new(policy()).run(&script, cuts);
        assert_eq!(tell(&outcome.to_client), "1 2 G E=PS004 Z=I 1 2 C Z=I", "cut as {cuts:?}");
        assert_eq!(outcome.committed, ["other"]);
        let script = Script::default().query("copyin").copy_data("1\n2\n3\n").copy_done().query("other");
        let outcome = Bench::new(policy()).run(&script, cuts);
        assert_eq!(outcome.committed, ["copied 3", "other"], "cut as {cuts:?}");
    }
}

#[test]
fn rows_brought_in_count_over_a_window() {
    let allowance = Allowance { copy_in_rows: Some(5), ..Allowance::NONE };
    for cuts in CUTS {
        let copy = |script: Script| script.query("copyin").copy_data("1\n2\n3\n").copy_done();
        let outcome = Bench::new(Policy::allow_all().with_allowance(allowance)).run(&copy(copy(Script::default())), cuts);
        assert_eq!(tell(&outcome.to_client), "G C Z=I G E=PS004 Z=I", "cut as {cuts:?}");
        assert_eq!(outcome.committed, ["copied 3"]);
    }
}

#[test]
fn a_budget_that_is_used_up_is_told_before_anything_runs() {
    let mut bench = Bench::new(five_rows());
    bench.settle(&Script::default().query("rows 5"));
    bench.settle(&Script::default().query("rows 1").run("rows 2").sync().query("rows 0"));
    assert_eq!(tell(&bench.outcome.to_client), "T D D D D D C Z=I E=PS004 Z=I 1 E=PS004 Z=I E=PS004 Z=I");
    let over = Over { quantity: Quantity::SensitiveRows, limit: 5, raised: 1_000 };
    assert!(bench.desk.over.iter().all(|asked| asked.over == Some(over) && asked.purpose == Purpose::Run));
    assert_eq!(bench.desk.over.len(), 3);
    // One of them is approved: it runs with the higher limit, and nobody else does.
    bench.settle(&Script::default().query("rows 12"));
    bench.decide(Verdict::Approve);
    bench.settle(&Script::default().query("rows 12").query("rows 14"));
    assert!(tell(&bench.outcome.to_client).ends_with("T D D D D D D D D D D D D C Z=I E=PS004 Z=I"));
    bench.finish();
}

#[test]
fn an_approval_to_go_over_a_limit_is_found_by_what_it_was_given_for() {
    let mut bench = Bench::new(five_rows());
    let over = Over { quantity: Quantity::SensitiveRows, limit: 5, raised: 1_000 };
    bench.settle(&Script::default().parse("", "rows 7").bind("", "").execute("", 0).sync());
    assert!(tell(&bench.outcome.to_client).ends_with("D D D D D E=PS004 Z=I"));
    bench.now += Duration::from_secs(700);
    let shape = bench.desk.over[0].statement.shape.0;
    bench.decide(Verdict::Approve);
    bench.session.terms.purse.raise(7, shape, over);
    // The first was approved for something else: it runs within the limits, and nothing is opened for it.
    let script = Script::default().run("rows 3").sync().parse("", "rows 7").bind("", "").execute("", 4).execute("", 4).sync();
    bench.settle(&script);
    assert!(
        tell(&bench.outcome.to_client).ends_with("1 2 D D D C Z=I 1 2 D D D D s D D D C Z=I")
            || tell(&bench.outcome.to_client).ends_with("1 2 D D D C Z=I 1 2 D D D D s D D D C Z=I"),
        "{}",
        tell(&bench.outcome.to_client)
    );
    assert_eq!(bench.desk.over.iter().map(|asked| asked.purpose).collect::<Vec<_>>(), [Purpose::Ticket, Purpose::Redeem, Purpose::Redeem]);
    bench.finish();
}

#[test]
fn many_guesses_in_one_statement_are_many_questions() {
    let mut bench = Bench::new(Policy::allow_all().with_allowance(Allowance { probes: Some(50), ..Allowance::NONE }));
    let list = |count: usize| vec!["'123-45-6789'"; count].join(", ");
    let ask = |count| Script::default().query(&format!("select count(*) from customers where ssn in ({})", list(count)));
    bench.settle(&ask(8));
    bench.settle(&ask(40));
    assert!(bench.desk.over.is_empty());
    bench.settle(&ask(60));
    let given =
        |value: &str| Script::default().given("select count(*) from customers where ssn = any(string_to_array($1, ','))", &[value]).sync();
    bench.settle(&given("123-45-6789,987-65-4321"));
    bench.settle(&given(&"123-45-6789,".repeat(100)));
    assert_eq!(bench.desk.over.iter().filter_map(|asked| asked.over).map(|over| over.quantity).collect::<Vec<_>>(), [Quantity::Probes; 2]);
    bench.finish();
}

#[test]
fn shapes_not_met_before_have_a_budget() {
    let mut bench = Bench::new(Policy::allow_all().with_allowance(Allowance { shape_bytes: Some(20), ..Allowance::NONE }));
    bench.settle(&Script::default().query("set").query("rows 1").query("a_name_that_is_too_long").query("rows 1").query("begin"));
    bench.settle(&Script::default().query("rollback; rollback").run("another_name_that_is_too_long").sync().query("rows 2"));
    let told = tell(&bench.outcome.to_client);
    assert_eq!(told, "S C Z=I T D C Z=I E=PS004 Z=I T D C Z=I C Z=T E=PS004 Z=E E=PS004 Z=E E=25P02 Z=E");
    bench.finish();
}

#[test]
fn questions_about_values_have_a_budget() {
    let mut bench = Bench::new(Policy::allow_all().with_allowance(Allowance { probes: Some(2), ..Allowance::NONE }));
    let ask = |value: &str| Script::default().query(&format!("select count(*) from customers where ssn like '{value}'"));
    for (value, asked) in [("1%", 0), ("2%", 0), ("1%", 1)] {
        bench.settle(&ask(value));
        assert_eq!(bench.desk.over.len(), asked, "{value}");
    }
    assert_eq!(bench.desk.over[0].over.map(|over| over.quantity), Some(Quantity::Probes));
    // Who asks nothing about values goes on.
    bench.settle(&Script::default().query("select 1").query("insert into customers values (1)"));
    assert_eq!(bench.desk.over.len(), 1);
    bench.finish();
}
