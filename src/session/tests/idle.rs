//! Silence and work: a client that is silent for too long is let go, and none whose work goes on.

use super::*;

const LIMIT: Duration = Duration::from_secs(1);

fn bench() -> Bench {
    let mut bench = Bench::new(Policy::allow_all());
    let timeouts = Timeouts { idle: Some(LIMIT), idle_in_transaction: Some(LIMIT) };
    bench.session = Session::new(Terms { timeouts, ..terms(Policy::allow_all()) }, std::sync::Arc::from([]), bench.now);
    bench.settle(&Script::default().query("select 1"));
    assert_eq!(bench.told(), "C Z=I");
    bench
}

impl Bench {
    /// The server is slow: it has not looked at this yet.
    fn sent(&mut self, script: &Script) -> Option<Duration> {
        self.unsent.extend_from_slice(&script.0);
        self.client_turn(usize::MAX);
        self.session.deadline().map(|deadline| deadline - self.now)
    }
}

#[test]
fn a_pipeline_without_its_sync_is_asked_for_its_answers_and_then_is_silent() {
    let mut bench = bench();
    assert_eq!(bench.sent(&Script::default().run("insert into t values (1)")), Some(LIMIT));
    bench.time_out();
    assert_eq!(bench.told(), "1 2 C");
    assert!(bench.outcome.to_server.ends_with(b"H\0\0\0\x04"));
    bench.time_out();
    assert_eq!(bench.told(), "E=25P03");
    assert!(bench.finish().committed.iter().all(|sql| sql == "select 1"));
}

#[test]
fn work_that_the_server_must_answer_is_not_silence() {
    for script in [
        Script::default().run("insert into t values (1)").sync(),
        Script::default().run("insert into t values (1)").flush(),
        Script::default().query("insert into t values (1)"),
    ] {
        assert_eq!(bench().sent(&script), None, "{script:?}");
    }
}

#[test]
fn what_was_asked_for_its_answers_may_take_its_time() {
    let mut bench = bench();
    bench.sent(&Script::default().run("insert into t values (1)"));
    bench.now = bench.session.deadline().unwrap();
    bench.session.elapsed(bench.now, &mut bench.out);
    assert_eq!(bench.session.deadline(), None);
    assert_eq!(bench.sent(&Script::default().sync()), None);
    bench.settle(&Script::default());
    assert_eq!(bench.told(), "1 2 C Z=I");
}
