//! What goes over a limit is stopped, in every protocol and however the streams are cut: rows up to the limit, then the error and nothing of
//! what the server still says, then what is open as the server has it.

use std::time::Duration;

use crate::gate::budget::{Allowance, Limits};
use crate::gate::hold::Quantity;
use crate::session::asking::Purpose;

use super::*;

const CUTS: [&[u16]; 6] = [&[0xffff], &[0, 1, 2], &[2, 1, 0, 0], &[3, 7, 5, 12], &[300, 1, 1, 1, 301, 2], &[600, 601, 601, 2]];

fn five_rows() -> Policy {
    Policy::allow_all().with_allowance(Allowance { sensitive_rows: Some(5), ..Allowance::NONE })
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
        bench.settle(&Script::default().run("third").sync().run("other").sync());
        let outcome = bench.finish();
        assert_eq!(tell(&outcome.to_client), "1 2 C 1 2 D D D D D E=PS004 Z=I 1 2 C Z=I");
        assert_eq!(outcome.committed, ["other"]);
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
    check(&Script::default().query("copystuck").query("insert"), "H d d d d d E=PS004 Z=I C Z=I", &["insert"]);
    check(&Script::default().query("copyout; copyout").query("insert"), "H d d d c C H d d E=PS004 Z=I C Z=I", &["insert"]);
    check(&Script::default().run("copystuck").sync().run("insert").sync(), "1 2 H d d d d d E=PS004 Z=I 1 2 C Z=I", &["insert"]);
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
    let asked: Vec<_> = bench.petitions.iter().map(|asked| (asked.message.sql(), asked.over.unwrap(), asked.purpose)).collect();
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
