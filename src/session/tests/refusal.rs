//! A refusal leaves client and server agreed, in whatever state it comes: the transaction is what the client was told, and
//! nothing of what was refused happened.

use super::*;

fn check(script: Script, told: &str, committed: &[&str]) {
    for cuts in [&[0xffff][..], &[0, 1, 2], &[2, 1, 0, 0], &[3, 7, 5, 12]] {
        let outcome = Bench::new(Policy::refusing(&["drop"]).with_copy_in_limit(6)).run(&script, cuts);
        assert_eq!(tell(&outcome.to_client), told, "cut as {cuts:?}");
        assert_eq!(outcome.committed, committed, "cut as {cuts:?}");
        assert!(!outcome.to_server.windows(4).any(|four| four == b"drop") || told.contains('1'), "the text of it was sent");
    }
}

#[test]
fn idle() {
    check(Script::default().query("drop").query("insert"), "E=42501 Z=I C Z=I", &["insert"]);
}

#[test]
fn idle_extended() {
    let script = Script::default().parse("", "drop").bind("", "").describe(b'P', "").execute("", 0).sync().run("insert").sync();
    check(script, "1 E=42501 Z=I 1 2 C Z=I", &["insert"]);
}

#[test]
fn explicit_transaction() {
    check(
        Script::default().query("begin").query("insert").query("drop").query("rows 1").query("commit").query("other"),
        "C Z=T C Z=T E=42501 Z=E E=25P02 Z=E C Z=I C Z=I",
        &["other"],
    );
}

#[test]
fn explicit_transaction_extended() {
    check(
        Script::default().query("begin").run("insert").run("drop").run("insert").sync().query("commit").query("other"),
        "C Z=T 1 2 C 1 E=42501 Z=E C Z=I C Z=I",
        &["other"],
    );
}

#[test]
fn half_a_pipeline_executed() {
    check(
        Script::default().run("insert").run("drop").run("insert").sync().run("other").sync(),
        "1 2 C 1 E=42501 Z=I 1 2 C Z=I",
        &["other"],
    );
}

#[test]
fn a_simple_query_in_half_a_pipeline() {
    check(Script::default().run("insert").query("drop").run("other").sync(), "1 2 C E=42501 Z=I 1 2 C Z=I", &["other"]);
}

#[test]
fn several_statements_are_one_unit() {
    check(Script::default().query("insert; drop; insert").query("other"), "E=42501 Z=I C Z=I", &["other"]);
    check(Script::default().query("begin; insert; drop").query("other"), "E=42501 Z=I C Z=I", &["other"]);
}

#[test]
fn a_refused_copy_takes_no_data() {
    check(Script::default().query("copyin drop").copy_data("1\n").copy_done().query("other"), "E=42501 Z=I C Z=I", &["other"]);
    check(
        Script::default().run("copyin drop").sync().copy_data("1\n").copy_done().sync().query("other"),
        "1 E=42501 Z=I Z=I C Z=I",
        &["other"],
    );
}

#[test]
fn a_copy_stopped_in_its_course() {
    // Far apart, as a client does that waits for the server to take data.
    let mut bench = Bench::new(Policy::allow_all().with_copy_in_limit(6));
    bench.settle(&Script::default().query("begin; insert; copyin"));
    bench.settle(&Script::default().copy_data("1\n2\n").copy_data("3\n4\n").copy_data("5\n").copy_done());
    bench.settle(&Script::default().query("commit").query("other"));
    let outcome = bench.finish();
    assert_eq!(tell(&outcome.to_client), "C C G E=PS004 Z=E C Z=I C Z=I");
    assert_eq!(outcome.committed, ["other"]);
}

#[test]
fn a_copy_stopped_in_the_extended_protocol() {
    let mut bench = Bench::new(Policy::allow_all().with_copy_in_limit(6));
    bench.settle(&Script::default().run("copyin").sync());
    bench.settle(&Script::default().copy_data("1\n2\n").copy_data("3\n4\n").copy_data("5\n").copy_done().sync());
    bench.settle(&Script::default().run("other").sync());
    let outcome = bench.finish();
    assert_eq!(tell(&outcome.to_client), "1 2 G E=PS004 Z=I 1 2 C Z=I");
    assert_eq!(outcome.committed, ["other"]);
}

#[test]
fn the_unnamed_statement_survives() {
    check(
        Script::default().query("begin").parse("", "insert").sync().bind("", "").execute("", 0).sync().query("rollback"),
        "C Z=T 1 Z=T 2 C Z=T C Z=I",
        &[],
    );
    let script = Script::default().parse("bad", "drop").parse("", "other").sync().query("begin").sync();
    let mut bench = Bench::new(Policy::refusing(&["drop"]));
    bench.settle(&script);
    // The refusal is the server's own, and a simple query behind it is what drops the unnamed statement, not the refusal.
    bench.settle(&Script::default().parse("", "other").bind("", "bad").sync().query("rollback"));
    assert_eq!(tell(&bench.finish().to_client), "1 1 Z=I C Z=T Z=T 1 E=42501 Z=E C Z=I");
}

/// The name is made anew in a segment that fails: the server runs what it meant before, so that is what is judged.
#[test]
fn a_name_remade_in_a_segment_that_fails_means_what_it_meant() {
    for cuts in [&[0xffff][..], &[0, 1, 2], &[2, 1, 0, 0], &[3, 7, 5, 12]] {
        let script = Script::default().parse("x", "drop").sync();
        let script = script.parse("", "junk").close(b'S', "x").parse("x", "insert").sync();
        let outcome = Bench::new(Policy::refusing(&["drop"])).run(&script.bind("", "x").execute("", 0).sync(), cuts);
        assert_eq!(tell(&outcome.to_client), "1 Z=I E=42601 Z=I E=42501 Z=I");
        assert!(outcome.ran.is_empty());
    }
}

#[test]
fn a_refusal_is_told_without_waiting_for_sync() {
    let mut bench = Bench::new(Policy::refusing(&["drop"]));
    bench.settle(&Script::default().parse("", "drop").bind("", "").flush());
    assert!(bench.outcome.to_server.ends_with(b"H\0\0\0\x04"), "what stands before the refusal is flushed");
    assert_eq!(tell(&bench.outcome.to_client), "1 E=42501");
}

#[test]
fn a_function_call_is_refused_in_any_state() {
    let call = || {
        let mut script = Script::default();
        message(&mut script.0, tag::FUNCTION_CALL, |body| {
            body.int32(1).int16(0).int16(0).int16(0);
        });
        script.0
    };
    let mut script = Script(call()).query("begin");
    script.0.extend(call());
    check(script.query("commit"), "E=0A000 Z=I C Z=T E=0A000 Z=E C Z=I", &[]);
}

#[test]
fn the_reserved_name_cannot_be_taken() {
    let mut bench = Bench::new(Policy::refusing(&["drop"]));
    bench.settle(&Script::default().query("begin").parse("pgsluice-0123456789abcdef", "rows 1").sync());
    assert_eq!(tell(&bench.outcome.to_client), "C Z=T E=42P05 Z=E");
    assert!(!bench.outcome.to_server.contains(&b'P'));
}
