//! What SQL makes under a name is known for what it is, in the same space as what the protocol makes.

use super::*;
use crate::gate::policy::BuiltIn;

fn bench() -> Bench {
    Bench::with_desk(Policy::clone(&Policy::built_in(BuiltIn::Default)), None)
}

fn check(steps: &[(Script, &str)]) {
    let mut bench = bench();
    for (script, told) in steps {
        bench.settle(script);
        assert_eq!(bench.told(), *told);
    }
}

fn query(sql: &str) -> Script {
    Script::default().query(sql)
}

#[test]
fn what_is_prepared_is_known() {
    check(&[
        (query("prepare a as select 1"), "C Z=I"),
        (query("execute a"), "C Z=I"),
        (Script::default().bind("", "a").execute("", 0).sync(), "2 C Z=I"),
        (query("deallocate a").query("execute a"), "C Z=I E=26000 Z=I"),
        (query("prepare a as insert into t values (1); execute a"), "C C Z=I"),
        (query("execute nothing"), "E=26000 Z=I"),
    ]);
}

#[test]
fn what_the_protocol_prepared_is_run_by_sql() {
    check(&[
        (Script::default().parse("a", "select 1").parse("b", "drop table t").sync(), "1 1 Z=I"),
        (query("execute a"), "C Z=I"),
        (query("execute b"), "E=PS001 Z=I"),
        (Script::default().run("execute a").sync(), "1 2 C Z=I"),
        (Script::default().run("execute b").sync(), "1 E=PS001 Z=I"),
        (Script::default().close(b'S', "a").sync().query("execute a"), "3 Z=I E=26000 Z=I"),
    ]);
}

/// In one pipeline, before the server has said what became of it.
#[test]
fn a_name_is_what_the_server_made_of_it() {
    for cuts in [&[0xffff][..], &[0, 1, 2, 3], &[3, 2, 1, 0, 0]] {
        let script = query("prepare a as select 1").query("deallocate a").query("execute a").query("prepare a as select 2");
        let script = script.query("execute a").run("prepare b as select 3").bind("", "b").execute("", 0).sync();
        let outcome = bench().run(&script, cuts);
        assert_eq!(tell(&outcome.to_client), "C Z=I C Z=I E=26000 Z=I C Z=I C Z=I 1 2 C 2 C Z=I", "{cuts:?}");
    }
}

#[test]
fn an_approval_is_for_what_the_name_stands_for() {
    let mut bench = bench();
    bench.settle(&Script::default().parse("a", "drop table t").sync().query("execute a"));
    bench.decide(Verdict::Approve);
    bench.settle(&Script::default().close(b'S', "a").parse("a", "drop table u").sync().query("execute a"));
    assert_eq!(bench.told(), "1 Z=I E=PS001 Z=I 3 1 Z=I E=PS001 Z=I");
    bench.settle(&Script::default().close(b'S', "a").parse("a", "drop table t").sync().query("execute a"));
    assert_eq!(bench.told(), "3 1 Z=I C Z=I");
    assert_eq!(bench.server.ran, ["execute a", "drop table t"]);
}

#[test]
fn a_cursor_is_what_was_declared() {
    check(&[
        (query("begin").query("declare c cursor for select 1"), "C Z=T C Z=T"),
        (Script::default().execute("c", 0).sync(), "C Z=T"),
        (query("commit"), "C Z=I"),
        (Script::default().execute("c", 0).sync(), "E=34000 Z=I"),
    ]);
}

/// What an EXECUTE runs is looked up by the server when it runs, not when it is bound.
#[test]
fn a_portal_runs_what_its_name_stood_for() {
    let prepared = || Script::default().parse("a", "select 1").parse("x", "execute a").sync();
    check(&[
        (prepared(), "1 1 Z=I"),
        (Script::default().bind("", "x").close(b'S', "a").parse("a", "drop table t").execute("", 0).sync(), "2 3 1 E=42501 Z=I"),
        (Script::default().bind("", "x").close(b'S', "x").execute("", 0).sync(), "E=PS001 Z=I"),
    ]);
    check(&[
        (prepared(), "1 1 Z=I"),
        (Script::default().run("deallocate a").bind("", "x").execute("", 0).sync(), "1 2 C E=26000 Z=I"),
        (Script::default().parse("a", "select 1").bind("", "x").execute("", 0).sync(), "1 2 C Z=I"),
    ]);
    let mut bench = bench();
    bench.settle(&Script::default().parse("a", "drop table t").parse("x", "execute a").sync().bind("", "x").sync());
    bench.decide(Verdict::Approve);
    bench.settle(&Script::default().bind("", "x").close(b'S', "a").parse("a", "drop table u").execute("", 0).sync());
    assert_eq!(bench.told(), "1 1 Z=I E=PS001 Z=I 2 3 1 E=42501 Z=I");
    assert!(bench.server.ran.is_empty(), "{:?}", bench.server.ran);
}

#[test]
fn a_name_that_is_still_to_be_answered_for_is_waited_for() {
    for cuts in [&[0xffff][..], &[0, 1, 2, 3], &[3, 2, 1, 0, 0]] {
        let taken = || Script::default().parse("a", "drop table t").parse("x", "execute a").sync().parse("a", "select 1").sync();
        let outcome = bench().run(&taken().query("execute a"), cuts);
        assert_eq!(tell(&outcome.to_client), "1 1 Z=I E=42601 Z=I E=PS001 Z=I", "{cuts:?}");
        let outcome = bench().run(&taken().bind("", "x").execute("", 0).sync(), cuts);
        assert_eq!(tell(&outcome.to_client), "1 1 Z=I E=42601 Z=I E=PS001 Z=I", "{cuts:?}");
    }
}
