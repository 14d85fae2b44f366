#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::cases::Trial;
use super::*;

fn fixtures(kind: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/policy").join(kind);
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn parse(text: &str) -> (Policy, Vec<Case>) {
    Policy::parse(text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

fn rules(rules: &[&str]) -> String {
    let rule = |(number, rule): (usize, &&str)| format!("[[rule]]\nname = \"r{number}\"\nreason = \"because\"\n{rule}\n");
    rules.iter().enumerate().map(rule).collect()
}

fn ask(policy: &Policy, trial: &Trial) -> (Action, String) {
    let facts = trial.facts(policy);
    let (resolved, estimate) = (Resolved::of_text(&facts), trial.estimate());
    let choice = trial.run(policy, &facts, &resolved, estimate.as_ref()).choice;
    (choice.observed.unwrap_or(choice.action), choice.rule.to_string())
}

fn says(policy: &Policy, sql: &str) -> (Action, String) {
    ask(policy, &Trial { sql: sql.to_owned(), ..Trial::default() })
}

fn wrong_cases(policy: &Policy, cases: &[Case]) -> Vec<String> {
    cases.iter().filter_map(|case| Some(format!("line {}: {}", case.line, case.check(policy).err()?))).collect()
}

#[test]
fn what_ships_is_sound_and_says_what_its_cases_say() {
    for (name, which) in BUILT_IN {
        let (policy, own) = parse(which.text());
        let beside = cases::parse(which.cases()).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert!(own.is_empty() && !beside.is_empty());
        assert_eq!(wrong_cases(&policy, &beside), [""; 0], "{name}");
        assert_eq!(which.name(), name);
    }
}

#[test]
fn good_policies_say_what_their_cases_say() {
    for (path, text) in fixtures("good") {
        let (policy, cases) = parse(&text);
        assert_eq!(wrong_cases(&policy, &cases), [""; 0], "{}", path.display());
    }
}

/// What is wrong stands beside the policy, a line each.
#[test]
fn bad_policies_are_refused_with_these_words() {
    let bad = fixtures("bad");
    assert!(bad.len() > 10);
    for (path, text) in bad {
        let problems = Policy::parse(&text).err().unwrap_or_else(|| panic!("{} was taken", path.display()));
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = fs::read_to_string(path.with_extension("expected")).unwrap_or_default();
        assert_eq!(told, expected.lines().collect::<Vec<_>>(), "{}", path.display());
    }
}

/// An earlier rule that leaves nothing to a later one is found; one that leaves something is not.
#[test]
fn a_rule_is_unreachable_where_an_earlier_one_leaves_nothing() {
    for (before, after, unreachable) in [
        ("action = 'allow'", "action = 'deny'", true),
        ("action = 'allow'\neffects = ['read', 'write']", "action = 'allow'\neffects = ['read']", true),
        ("action = 'allow'\neffects = ['read']", "action = 'allow'\neffects = ['read', 'write']", false),
        // Together with another effect the later one is reached.
        ("action = 'allow'\neffects = ['read']", "action = 'hold'\neffects = ['read']", false),
        ("action = 'hold'\neffects = ['read', 'ddl']", "action = 'allow'\neffects = ['read']", true),
        ("action = 'hold'\neffects = ['read']", "action = 'allow'\neffects = ['read', 'write']", false),
        ("action = 'deny'\nagents = ['a*']", "action = 'hold'\nagents = ['ab', 'a?c*']", true),
        ("action = 'deny'\nagents = ['a*']", "action = 'hold'\nagents = ['ab', 'b']", false),
        ("action = 'deny'\nagents = ['ab']", "action = 'hold'", false),
        ("action = 'deny'\nnetworks = ['10.0.0.0/8']", "action = 'hold'\nnetworks = ['10.1.0.0/16']", true),
        ("action = 'deny'\nnetworks = ['10.1.0.0/16']", "action = 'hold'\nnetworks = ['10.0.0.0/8']", false),
        ("action = 'deny'\nrelations = ['hr.*']", "action = 'hold'\nrelations = ['hr.pay']", true),
        // What cannot be seen passes neither, and what names nothing passes.
        ("action = 'deny'\nrelations = ['hr.*']", "action = 'allow'\nrelations = ['hr.pay']", false),
        ("action = 'allow'\nrelations = ['hr.*']", "action = 'deny'\nrelations = ['hr.pay']", false),
        ("action = 'allow'\nrelations = ['hr.*']", "action = 'allow'\nrelations = ['hr.pay']", true),
        ("action = 'allow'\nrelations = ['*.*']", "action = 'allow'", false),
        ("action = 'hold'\nrows_over = 10", "action = 'hold'\nrows_over = 100", true),
        ("action = 'hold'\nrows_over = 100", "action = 'hold'\nrows_over = 10", false),
        ("action = 'hold'\ntransaction = 'open'", "action = 'hold'\ntransaction = 'none'", false),
        ("action = 'hold'\nwhen = {hours = ['08:00-18:00']}", "action = 'hold'\nwhen = {hours = ['10:00-12:00'], zone = '+02:00'}", true),
        ("action = 'hold'\nwhen = {hours = ['08:00-18:00']}", "action = 'hold'\nwhen = {hours = ['10:00-12:00'], zone = '+05:00'}", false),
    ] {
        let refused =
            Policy::parse(&rules(&[before, after])).err().map(|problems| problems.iter().map(ToString::to_string).collect::<String>());
        assert_eq!(refused.is_some(), unreachable, "{before}\n{after}\n{refused:?}");
        assert!(refused.is_none_or(|text| text.contains("is never reached")), "{before}\n{after}");
    }
}

#[test]
fn rules_are_for_agents_networks_databases_and_times() {
    let (policy, _) = parse(&format!(
        "[agent_groups]\nnight = ['etl-*']\n{}",
        rules(&[
            "action = 'deny'\nagents = ['evil-?']",
            "action = 'allow'\nagent_groups = ['night']\nwhen = {days = ['mon'], hours = ['22:00-06:00']}",
            "action = 'allow'\nnetworks = ['10.0.0.0/8', 'fd00::/8']\ndatabases = ['shop*']",
            "action = 'deny'\nenvironments = ['production']\ntransaction = 'open'",
        ])
    ));
    let check = |expected: &str, change: &dyn Fn(&mut Trial)| {
        let mut trial = Trial { sql: "SELECT 1".to_owned(), ..Trial::default() };
        change(&mut trial);
        assert_eq!(ask(&policy, &trial).1, expected, "{trial:?}");
    };
    check("no-rule", &|_| {});
    check("r0", &|trial| trial.subject.agent = "evil-1".into());
    check("no-rule", &|trial| trial.subject.agent = "evil-12".into());
    // Tuesday, in the night that began on Monday.
    let tuesday: u64 = 1_794_787_200 + 24 * 3600;
    check("r1", &|trial| (trial.subject.agent, trial.moment) = ("etl-1".into(), Moment(tuesday + 5 * 3600)));
    check("no-rule", &|trial| (trial.subject.agent, trial.moment) = ("etl-1".into(), Moment(tuesday + 6 * 3600)));
    check("no-rule", &|trial| (trial.subject.agent, trial.moment) = ("etl".into(), Moment(tuesday)));
    let from = |address: &str, database: &str, trial: &mut Trial| {
        (trial.subject.address, trial.subject.database) = (Some(address.parse().unwrap()), database.into());
    };
    check("r2", &|trial| from("10.2.3.4", "shop", trial));
    check("r2", &|trial| from("::ffff:10.2.3.4", "shop2", trial));
    check("no-rule", &|trial| from("11.2.3.4", "shop", trial));
    check("no-rule", &|trial| from("10.2.3.4", "hr", trial));
    check("r3", &|trial| (trial.subject.environment, trial.open_work) = (Some("production".into()), true));
    check("no-rule", &|trial| trial.subject.environment = Some("production".into()));
}

#[test]
fn what_allows_covers_all_and_what_stops_needs_one() {
    let (policy, _) = parse(&rules(&[
        "action = 'deny'\nrelations = ['hr.*']",
        "action = 'hold'\ncolumns = ['public.people.iban']",
        "action = 'allow'\neffects = ['read', 'write']\nrelations = ['public.*']",
        "action = 'allow'\neffects = ['code', 'read']",
    ]));
    let is = |sql: &str, action: Action, rule: &str| assert_eq!(says(&policy, sql), (action, rule.to_owned()), "{sql}");
    is("SELECT 1", Action::Allow, "r2");
    is("SELECT * FROM orders", Action::Allow, "r2");
    is("SELECT * FROM orders, sales.x", Action::Allow, "r3");
    is("UPDATE orders SET a = 1 WHERE b = 2", Action::Allow, "r2");
    is("UPDATE sales.x SET a = 1 WHERE b = 2", Action::Hold, "no-rule");
    is("SELECT 1 FROM orders WHERE x IN (SELECT y FROM hr.pay)", Action::Deny, "r0");
    is("SELECT iban FROM people", Action::Hold, "r1");
    for whole_row in ["*", "p", "p.*", "to_jsonb(p)", "(p).iban"] {
        is(&format!("SELECT {whole_row} FROM people p"), Action::Hold, "r1");
    }
    is("SELECT a FROM people AS p (a, b)", Action::Hold, "r1");
    is("SELECT name FROM people", Action::Allow, "r2");
    // Code may reach what is denied: that it may run does not let it pass.
    is("DO $$ BEGIN DELETE FROM hr.pay; END $$", Action::Hold, "r0");
}

#[test]
fn the_planners_rows_count_and_what_it_did_not_say_counts_as_many() {
    let (policy, _) =
        parse(&rules(&["action = 'hold'\nrows_over = 100", "action = 'allow'\nrows_up_to = 100\neffects = ['read', 'session']"]));
    for (sql, rows, expected) in [
        ("SELECT * FROM t", Some(100), "r1"),
        ("SELECT * FROM t", Some(101), "r0"),
        ("SELECT * FROM t", None, "r0"),
        // No rows come of it.
        ("BEGIN", None, "r1"),
    ] {
        assert_eq!(ask(&policy, &Trial { sql: sql.to_owned(), rows, ..Trial::default() }).1, expected, "{sql} {rows:?}");
    }
    assert!(policy.asks_estimates());
}

#[test]
fn what_stands_beside_the_rules() {
    let text = "[limits]\nrows = 5\ncopy_in_rows = 'unlimited'\n[budget]\nwindow = '1h'\nbytes = '1MiB'\n\
                [sensitive]\nharmless = ['ref.*']\n[trusted]\nextensions = ['postgis*']\nfunctions = ['app.f']\n[belt]\nread_only = ['r-*']\n\
                [hold]\nwait_in_transaction = '5s'\n[session]\nsearch_path = ['app', '$user']\n[[rule]]\nname = 'a'\naction = 'allow'\n\
                effects = ['session', 'read']\n";
    let (policy, _) = parse(text);
    assert_eq!(policy.limits(), Limits { rows: Some(5), copy_in_rows: None, ..Limits::NONE });
    let allowance = Allowance { window: Duration::from_secs(3600), bytes: Some(1 << 20), ..Allowance::default() };
    assert_eq!(policy.allowance(), allowance);
    assert!(policy.is_harmless("ref", "countries") && !policy.is_harmless("public", "ref"));
    assert!(policy.trusts_extension("postgis_topology") && policy.trusts_extension("hstore") && !policy.trusts_extension("dblink"));
    assert!(policy.trusts_function("app", "f") && !policy.trusts_function("public", "f"));
    assert!(policy.is_read_only(&Subject { agent: "r-1".into(), ..Subject::default() }) && !policy.is_read_only(&Subject::default()));
    assert_eq!(policy.wait_in_transaction(), Some(Duration::from_secs(5)));
    assert_eq!(says(&policy, "SELECT app.f()").0, Action::Allow);
    assert_eq!(says(&policy, "SELECT app.f(), app.g()").0, Action::Hold);
    assert_eq!(says(&policy, "SET search_path = app, \"$user\"").0, Action::Allow);
    assert_eq!(says(&policy, "SET search_path = app, evil").0, Action::Hold);
    // A policy that watches stops nothing.
    let (policy, _) = parse(&format!("mode = 'observe'\n{text}"));
    assert_eq!((policy.limits(), policy.allowance()), (Limits::NONE, Allowance::NONE));
    let trial = Trial { sql: "DROP TABLE t".to_owned(), ..Trial::default() };
    let facts = trial.facts(&policy);
    let resolved = Resolved::of_text(&facts);
    let choice = trial.run(&policy, &facts, &resolved, None).choice;
    assert_eq!((choice.action, choice.observed), (Action::Allow, Some(Action::Hold)));
}

/// Looking rules up says what looking through them all does.
#[test]
fn an_index_changes_nothing() {
    let named: Vec<String> = (0..300).map(|number| format!("action = 'hold'\nrelations = ['app.t{number}', 'app.u{number}']")).collect();
    let mut all: Vec<&str> = named.iter().map(String::as_str).collect();
    all.extend(["action = 'allow'\neffects = ['read']\nrelations = ['app.a', 'app.b']", "action = 'deny'\neffects = ['write']"]);
    let (policy, _) = parse(&rules(&all));
    for (sql, rule) in [
        ("SELECT 1", "r300"),
        ("SELECT * FROM app.a, app.b", "r300"),
        ("SELECT * FROM app.a, app.c", "no-rule"),
        ("SELECT * FROM app.a, app.u299, app.t7", "r7"),
        ("SELECT * FROM u299", "no-rule"),
        ("DELETE FROM app.t5 WHERE a = 1", "r5"),
        ("DELETE FROM app.a WHERE a = 1", "r301"),
    ] {
        assert_eq!(says(&policy, sql).1, rule, "{sql}");
    }
    let same = |agent: &str| policy.for_subject(&Subject { agent: agent.into(), ..Subject::default() });
    assert!(Arc::ptr_eq(&same("a"), &same("b")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Cut, doubled, with letters put in: a policy is refused or taken, and nothing else happens.
    #[test]
    fn a_broken_policy_harms_nobody(which in 0..4_usize, cut in any::<prop::sample::Index>(), put in "[\\[\\]{}='\"a-z0-9#\n\\\\é.*-]{0,6}", keep in any::<bool>()) {
        let text = BUILT_IN.get(which).unwrap().1.text();
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let (before, after) = text.split_at(*cut.get(&ends));
        let broken = if keep { format!("{before}{put}{after}") } else { format!("{before}{put}") };
        if let Err(problems) = Policy::parse(&broken) {
            let lines = broken.lines().count().max(1) + 1;
            prop_assert!(!problems.is_empty() && problems.iter().all(|problem| problem.line <= lines && problem.column >= 1));
        }
    }
}

#[test]
fn only_a_first_rule_without_conditions_lets_everything_pass() {
    let open = |text: &str| Policy::parse(text).unwrap().0.for_subject(&Subject::default()).allows_all();
    let every = "'read','write','unbounded-write','ddl','privilege','export','import','code','session','guard','admin','opaque'";
    let rule = |more: &str| format!("[[rule]]\nname='a'\naction='allow'\nreason='r'\n{more}\n");
    assert!(open(&rule(&format!("effects=[{every}]"))));
    assert!(!open(&rule("effects=['read']")));
    assert!(!open(&rule(&format!("effects=[{every}]\ntransaction='none'"))));
    assert!(!open(&format!("[[rule]]\nname='g'\naction='deny'\neffects=['guard']\nreason='r'\n{}", rule(&format!("effects=[{every}]")))));
}
