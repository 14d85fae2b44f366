//! The index of two hundred thousand executions, written through a journal: it has as many as the journal, and finds what a look
//! at all of them finds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test says so by failing; the benchmark uses the rest of the traffic"
)]

#[path = "../benches/audit/traffic.rs"]
mod traffic;

use std::collections::HashMap;
use std::sync::Arc;

use pgsluice::audit::{Note, Shape};
use pgsluice::host::index::{Filter, Index, keep};
use pgsluice::host::journal::{Journal, Options};
use traffic::{Next, Traffic, World};

const EXECUTIONS: usize = 200_000;

/// What was written, as a plain list.
struct Line {
    seq: u64,
    agent: usize,
    shape: usize,
    failed: bool,
}

fn write(journal: &Arc<Journal>, world: &World) -> Vec<Line> {
    let mut traffic = Traffic::new(world, 7);
    let text = |shape: &traffic::Shape| {
        Arc::new(Shape { digest: shape.digest, text: shape.text.clone().into_boxed_str(), relations: Box::default() })
    };
    let shapes: Vec<_> = world.shapes.iter().map(text).collect();
    let (mut scribes, mut lines) = (HashMap::new(), Vec::new());
    let mut running: HashMap<(u64, u64), usize> = HashMap::new();
    let mut over = false;
    while !over {
        let next = if lines.len() < EXECUTIONS { Some(traffic.next()) } else { traffic.rest().map(Next::End) };
        match next {
            None => over = true,
            Some(Next::SignIn(agent, who)) => {
                let scribe = journal.session(who).unwrap();
                traffic.signed_in(agent, scribe.session());
                scribes.insert(scribe.session(), (agent, scribe));
            }
            Some(Next::Begin(shape, event)) => {
                let (session, number) = (event.statement.session, event.statement.number);
                let (agent, scribe) = scribes.get_mut(&session).unwrap();
                scribe.write(&[Note { event: event.into(), shape: Some(Arc::clone(&shapes[shape])), original: None }]).unwrap();
                running.insert((session, number), lines.len());
                lines.push(Line { seq: *journal.end().borrow(), agent: *agent, shape, failed: false });
            }
            Some(Next::End(event)) => {
                let place = running.remove(&(event.session, event.number)).unwrap();
                lines[place].failed = event.code.is_some();
                scribes.get_mut(&event.session).unwrap().1.write(&[event.into()]).unwrap();
            }
            Some(Next::SignOut(event)) => scribes.remove(&event.session).unwrap().1.write(&[event.into()]).unwrap(),
        }
    }
    lines
}

#[test]
fn two_hundred_thousand_executions_are_found_as_a_look_at_all_finds_them() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let world = World::new(20_000, 400, 100);
    // No checkpoint comes of itself after the last record was counted.
    let checkpoint_interval = std::time::Duration::from_secs(24 * 3600);
    let journal = Journal::open(state, Options { checkpoint_interval, ..Options::default() }).unwrap();
    let lines = write(&journal, &world);
    keep::catch_up(state, |_| {}).unwrap();
    let index = Index::open(state).unwrap();
    let stats = index.stats().unwrap();
    assert_eq!((stats.executions, stats.last_seq), (EXECUTIONS as u64, *journal.end().borrow()));
    assert_eq!(stats.errors, lines.iter().filter(|line| line.failed).count() as u64);
    let check = |filter: Filter, takes: &dyn Fn(&Line) -> bool| {
        let filter = Filter { limit: 300, before: Some(stats.last_seq - stats.last_seq / 5), ..filter };
        // Events of an agent stand between its statements.
        let found = index.search(&filter).unwrap().found.into_iter().filter(|found| found.statement.is_some());
        let found: Vec<_> = found.map(|found| found.seq).collect();
        let expected = lines.iter().rev().filter(|line| line.seq < filter.before.unwrap() && takes(line)).map(|line| line.seq);
        let expected: Vec<_> = expected.take(found.len().max(1)).collect();
        assert_eq!(found, expected, "{filter:?}");
    };
    for rank in [0, 1, 5, 20, 60, 99] {
        let agent = traffic::agent(rank);
        check(Filter { agent: Some(agent.clone()), ..Filter::default() }, &|line| line.agent == rank);
        let table = traffic::table(rank * 4);
        let names = |line: &Line| world.shapes[line.shape].tables.contains(&table);
        check(Filter { table: Some(table.clone()), ..Filter::default() }, &names);
        check(Filter { table: Some(table.clone()), agent: Some(agent.clone()), ..Filter::default() }, &|line| {
            line.agent == rank && names(line)
        });
        check(Filter { agent: Some(agent), errors: true, ..Filter::default() }, &|line| line.agent == rank && line.failed);
        let word = format!("unique_{}", rank * 100 + 2);
        check(Filter { words: Some(word), ..Filter::default() }, &|line| line.shape == rank * 100 + 2);
        let word = format!("c{}", rank * 50);
        let has = |line: &Line| pgsluice::host::index::words_of(&world.shapes[line.shape].text).contains(&word);
        check(Filter { words: Some(word.clone()), table: Some(table.clone()), ..Filter::default() }, &|line| has(line) && names(line));
        check(Filter { words: Some(word.clone()), ..Filter::default() }, &has);
    }
}

/// What a command prints, and whether it went well.
fn pgsluice(state: &std::path::Path, arguments: &[&str]) -> (bool, String, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pgsluice"));
    command.arg("audit").args(arguments).arg("--state").arg(state).env_remove("PGSLUICE_CONFIG").current_dir(state);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

#[test]
fn commands_search_bring_the_index_up_to_date_and_put_themselves_on_the_record() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let world = World::new(50, 20, 5);
    let journal = Journal::open(state, Options::default()).unwrap();
    let mut traffic = Traffic::new(&world, 3);
    let mut scribes = HashMap::new();
    let mut begun = 0;
    while begun < 300 {
        match traffic.next() {
            Next::SignIn(agent, who) => {
                let scribe = journal.session(who).unwrap();
                traffic.signed_in(agent, scribe.session());
                scribes.insert(scribe.session(), scribe);
            }
            Next::Begin(shape, event) => {
                begun += 1;
                let shape = &world.shapes[shape];
                // An agent's text may try what a terminal or a spreadsheet does with it.
                let text = if begun == 300 { "=cmd\u{1b}[2J evil_word".to_owned() } else { shape.text.clone() };
                let shape = Shape {
                    digest: if begun == 300 { Default::default() } else { shape.digest },
                    text: text.into_boxed_str(),
                    relations: Box::default(),
                };
                let mut event = event;
                event.statement.shape = shape.digest;
                scribes
                    .get_mut(&event.statement.session)
                    .unwrap()
                    .write(&[Note { event: event.into(), shape: Some(Arc::new(shape)), original: None }])
                    .unwrap();
            }
            Next::End(event) => scribes.get_mut(&event.session).unwrap().write(&[event.into()]).unwrap(),
            Next::SignOut(_) => {}
        }
    }
    scribes.clear();
    drop(journal);

    let (good, out, error) = pgsluice(state, &["search", "evil*"]);
    assert!(good && out.lines().count() == 2 && !out.contains("audit-read"), "{error}{out}");
    let (good, out, error) = pgsluice(state, &["search", "--reads", "evil*"]);
    assert!(good, "{error}");
    // Each search is itself on the record, and its words are found.
    assert!(out.lines().count() == 4 && out.contains("=cmd\\u{1b}[2J evil_word") && out.contains("audit-read"), "{out}");
    let (good, out, _) = pgsluice(state, &["search", "evil_word", "--decision", "allowed", "--csv"]);
    assert!(good && out.lines().count() == 2 && out.contains(",'=cmd"), "{out}");
    let (good, out, _) = pgsluice(state, &["search", "--agent", "agent-000", "--effect", "read", "--limit", "7", "--json"]);
    assert!(good && out.lines().count() == 7, "{out}");
    for line in out.lines() {
        let found: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&found["agent"], &found["effects"][0], &found["kind"]), (&"agent-000".into(), &"read".into(), &"begun".into()));
    }
    // What counts as slow is configured.
    let slow = |more: &[&str]| {
        let (good, out, error) = pgsluice(state, &[&["search", "--json", "--limit", "1000", "--slow"], more].concat());
        assert!(good, "{error}");
        out
    };
    assert_eq!(slow(&[]), slow(&["1s"]));
    std::fs::write(state.join("pgsluice.toml"), "[audit]\nslow = \"2ms\"\n").unwrap();
    let counts = slow(&[]);
    assert!(counts == slow(&["2ms"]) && counts != slow(&["1s"]), "{counts}");
    std::fs::remove_file(state.join("pgsluice.toml")).unwrap();
    let (good, out, error) = pgsluice(state, &["search", "--until", "2001-01-01"]);
    assert!(good && out.is_empty() && error.contains("nothing found"), "{error}");
    let (good, out, _) = pgsluice(state, &["top", "--by", "time", "--limit", "5"]);
    assert!(good && out.lines().count() == 6, "{out}");
    let (good, out, _) = pgsluice(state, &["reindex"]);
    assert!(good && out.contains("built again"), "{out}");
    let (good, out, _) = pgsluice(state, &["stats", "--json"]);
    let stats: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(good && stats["executions"] == 300 && stats["agents"] == 5, "{out}");
    let (good, _, error) = pgsluice(state, &["search", "--since", "yesterday-ish"]);
    assert!(!good && error.contains("is no time"), "{error}");
}
