//! With a policy that allows everything and masks nothing a client cannot tell whether pgsluice is there, however the streams are cut.

use proptest::prelude::*;

use super::*;

fn check(script: &Script, cuts: &[u16]) {
    let direct = direct(script);
    let mut bench = Bench::new(Policy::allow_all());
    let masking = bench.session.masking_mut();
    *masking = masking.unmasked();
    let through = bench.run(script, cuts);
    assert_eq!(tell(&through.to_client), tell(&direct.to_client));
    assert_eq!(through.to_client, direct.to_client);
    assert_eq!(through.committed, direct.committed);
}

const SQL: &[&str] = &[
    "rows 3",
    "rows 0",
    "insert",
    "begin",
    "commit",
    "rollback",
    "error",
    "junk",
    "",
    "notify",
    "notice",
    "set",
    "discard",
    "insert; rows 2; insert",
    "begin; insert",
    "insert; error; insert",
    "begin; insert; commit; insert",
];

fn single() -> impl Strategy<Value = &'static str> {
    prop::sample::select(SQL.iter().copied().filter(|sql| !sql.contains(';')).collect::<Vec<_>>())
}

/// A stretch of a client's life that leaves no COPY half done.
fn act() -> impl Strategy<Value = Script> {
    let name = || prop::sample::select(vec!["", "a", "b"]);
    prop_oneof![
        4 => prop::sample::select(SQL).prop_map(|sql| Script::default().query(sql)),
        3 => single().prop_map(|sql| Script::default().run(sql)),
        3 => (name(), single()).prop_map(|(name, sql)| Script::default().parse(name, sql)),
        3 => (name(), name()).prop_map(|(portal, statement)| Script::default().bind(portal, statement)),
        3 => (name(), -1..4i32).prop_map(|(portal, rows)| Script::default().execute(portal, rows)),
        2 => (name(), any::<bool>()).prop_map(|(name, portal)| Script::default().describe(if portal { b'P' } else { b'S' }, name)),
        2 => (name(), any::<bool>()).prop_map(|(name, portal)| Script::default().close(if portal { b'P' } else { b'S' }, name)),
        5 => Just(Script::default().sync()),
        1 => Just(Script::default().flush()),
        1 => Just(Script::default().copy_data("stray\n")),
        1 => Just(Script::default().copy_done()),
        2 => Just(Script::default().sync().query("copyin").copy_data("1\n2\n").copy_done()),
        1 => Just(Script::default().sync().query("insert; copyin; copyin; rows 1").copy_data("1\n").copy_done().copy_data("2\n").copy_done()),
        1 => Just(Script::default().sync().query("copyin").copy_data("1\n").sync().flush().copy_data("2\n").copy_fail()),
        1 => Just(Script::default().sync().query("copyin-fail").copy_data("1\n").copy_data("2\n").copy_done()),
        2 => Just(Script::default().sync().run("copyin").sync().copy_data("1\n2\n").copy_done().sync()),
        1 => Just(Script::default().sync().run("copyin").copy_data("1\n").copy_fail().sync()),
        // With other work open its columns are not certain.
        1 => Just(Script::default().sync().query("copy t to stdout")),
        1 => Just(Script::default().sync().run("copy t to stdout").sync()),
        1 => Just(Script::default().sync().run("copyin-fail").copy_data("1\n").copy_data("2\n").copy_done().sync()),
    ]
}

/// Ways to have a refused text under a name that may soon mean something else.
fn dropping() -> impl Strategy<Value = Script> {
    let name = || prop::sample::select(vec!["", "a", "b"]);
    prop_oneof![
        name().prop_map(|name| Script::default().close(b'S', name).parse(name, "drop").sync()),
        name().prop_map(|name| Script::default().parse(name, "drop").bind(name, name).execute(name, 0)),
        name().prop_map(|name| Script::default().parse("", "junk").close(b'S', name).parse(name, "insert").sync()),
        name().prop_map(|name| Script::default().bind("", "nothing").parse(name, "insert").sync()),
        name().prop_map(|name| Script::default().bind("", name).execute("", 0).sync()),
        Just(Script::default().query("drop")),
        Just(Script::default().query("insert; drop")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_any_traffic_looks_as_without_it(
        acts in prop::collection::vec(act(), 1..25),
        cuts in prop::collection::vec(0..200u16, 1..40),
    ) {
        let mut script = Script::default();
        for act in &acts {
            script.0.extend_from_slice(&act.0);
        }
        script = script.sync();
        check(&script, &cuts);
    }

    #[test]
    fn what_is_refused_never_runs(
        acts in prop::collection::vec(prop_oneof![3 => act(), 1 => dropping()], 1..25),
        cuts in prop::collection::vec(0..200u16, 1..40),
    ) {
        let mut script = Script::default();
        for act in &acts {
            script.0.extend_from_slice(&act.0);
        }
        let outcome = Bench::new(Policy::refusing(&["drop"])).run(&script.sync(), &cuts);
        prop_assert!(outcome.ran.iter().all(|command| command != "drop"), "{:?}", outcome.ran);
    }

    #[test]
    fn no_client_bytes_panic_or_stay_unanswered(bytes in prop::collection::vec(any::<u8>(), 0..300), cuts in prop::collection::vec(0..50u16, 1..10)) {
        let outcome = Bench::new(Policy::allow_all()).run(&Script(bytes), &cuts);
        tell(&outcome.to_client);
    }

    #[test]
    fn no_server_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), script in act()) {
        let mut bench = Bench::new(Policy::allow_all());
        bench.settle(&script);
        bench.session.upstream(&bytes, bench.now, &mut bench.out);
    }
}

/// What a client is sent, but for what pgsluice says on its own account.
fn masked(script: &Script, cuts: &[u16]) -> Vec<u8> {
    Bench::new(Policy::allow_all()).run(script, cuts).to_client
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_of_what_is_masked_gives_the_same_bytes(
        acts in prop::collection::vec(
            prop::sample::select(vec!["people 1", "people 5", "people 200", "copy people to stdout", "error", "people 63; people 2"]),
            1..4,
        ),
        extended in any::<bool>(),
        cuts in prop::collection::vec(0..5000u16, 1..40),
    ) {
        let mut script = Script::default();
        for act in acts {
            let alone = extended && !act.contains(';');
            script = if alone { script.run(act).sync() } else { script.query(act) };
        }
        let whole = masked(&script, &[u16::MAX - 3, u16::MAX - 2, u16::MAX - 1, u16::MAX]);
        prop_assert!(!String::from_utf8_lossy(&whole).contains("@example.com"));
        prop_assert_eq!(masked(&script, &cuts), whole);
    }
}

#[test]
fn a_sync_behind_a_copy_that_fails_before_it_reads_is_answered() {
    let mut bench = Bench::new(Policy::allow_all());
    bench.settle(&Script::default().run("copyin-early").sync());
    bench.settle(&Script::default().query("rows 1"));
    bench.settle(&Script::default().run("insert").sync());
    assert_eq!(tell(&bench.finish().to_client), "1 2 G E=P0001 Z=I T D C Z=I 1 2 C Z=I");
}

#[test]
fn columns_are_known_though_the_client_never_asked() {
    let mut bench = Bench::new(Policy::allow_all());
    bench.settle(&Script::default().parse("a", "rows 5").sync());
    let script = Script::default().bind("p", "a").execute("p", 2).sync();
    bench.session.client(&script.0, bench.now, &mut bench.out);
    bench.carry(&script.0, &[]);
    bench.server.work();
    // Up to the first byte of the first row.
    let answer = bench.server.take_output(usize::MAX);
    let row = answer.windows(2).position(|two| two == b"D\0").unwrap();
    let taken = bench.session.upstream(&answer[..row + 5], bench.now, &mut bench.out);
    bench.carry(&[], &answer);
    let columns = bench.session.row_columns().unwrap();
    assert_eq!(columns.iter().map(|column| (column.relation, column.type_oid)).collect::<Vec<_>>(), [(16_400, 25)]);
    bench.session.upstream(&answer[taken..], bench.now, &mut bench.out);
    bench.carry(&[], &answer[taken..]);
    assert_eq!(tell(&bench.finish().to_client), "1 Z=I 2 D D s Z=I", "what was asked on our own account is not shown");
}

#[test]
fn a_notification_of_its_own_carries_the_process_id_the_client_knows() {
    let mut bench = Bench::new(Policy::allow_all());
    let mut terms = terms(Policy::allow_all());
    terms.process_id = 7;
    bench.session = Session::new(terms, std::sync::Arc::from([]), bench.now);
    bench.settle(&Script::default().query("notify"));
    let sent = bench.finish().to_client;
    assert_eq!(&sent[..9], [b'A', 0, 0, 0, 24, 0, 0, 0, 7]);
}
