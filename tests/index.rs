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
    let text = |shape: &traffic::Shape| Arc::new(Shape { digest: shape.digest, text: shape.text.clone().into_boxed_str() });
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
    let journal = Journal::open(state, Options::default()).unwrap();
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
