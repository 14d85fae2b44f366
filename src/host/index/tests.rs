//! The index against a plain look at every record, and against what can happen to it.
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, clippy::wildcard_enum_match_arm, reason = "a test says so by failing")]

mod faults;
mod naive;
mod world;

use std::path::Path;

use super::indexer::{Indexer, Item};
use super::search::Found;
use super::*;
use crate::audit::Event;
use naive::Naive;
use world::{Random, World};

/// All that an index has, page by page.
fn all(state: &Path, filter: &Filter) -> Vec<Found> {
    let index = Index::open(state).unwrap();
    let (mut found, mut before) = (Vec::new(), filter.before);
    loop {
        let page = index.search(&Filter { before, ..filter.clone() }).unwrap();
        found.extend(page.found);
        before = page.next;
        if before.is_none() {
            return found;
        }
    }
}

fn index(state: &Path, items: &[Item], random: &mut Random) {
    let file = state.join(FILE);
    let mut indexer = Indexer::load(&file, 1).unwrap().unwrap();
    for item in items {
        indexer.apply(item).unwrap();
        if random.below(700) == 0 || matches!(item.event, Some(Event::Pruned(_))) {
            indexer.commit().unwrap();
            indexer.prune().unwrap();
        }
    }
    indexer.commit().unwrap();
    indexer.prune().unwrap();
}

#[test]
fn a_search_finds_what_a_look_at_every_record_finds() {
    for seed in 0..4 {
        let scratch = tempfile::tempdir().unwrap();
        let mut random = Random(seed);
        let mut world = World::default();
        let items = world.items(&mut random, 10_000);
        index(scratch.path(), &items, &mut random);
        let naive = Naive::of(&items);
        assert!(naive.rows() > 1_000, "too little happened: {}", naive.rows());
        let mut hits = 0;
        for _ in 0..120 {
            let filter = world.filter(&mut random);
            let expected = naive.search(&filter);
            let found = Index::open(scratch.path()).unwrap().search(&filter).unwrap().found;
            let seqs: Vec<_> = found.iter().map(|found| found.seq).collect();
            assert_eq!(seqs, expected, "seed {seed}, {filter:?}");
            found.iter().for_each(|found| naive.check(found));
            hits += usize::from(!expected.is_empty());
        }
        assert!(hits > 30, "the filters found next to nothing: {hits}");
        let everything = Filter { limit: 500, ..Filter::default() };
        let seqs: Vec<_> = all(scratch.path(), &everything).iter().map(|found| found.seq).collect();
        assert_eq!(seqs, naive.search(&Filter { limit: usize::MAX, ..Filter::default() }));
    }
}

#[test]
fn sums_are_those_of_what_is_there() {
    for seed in 10..14 {
        let scratch = tempfile::tempdir().unwrap();
        let mut random = Random(seed);
        let items = World::default().items(&mut random, 6_000);
        index(scratch.path(), &items, &mut random);
        let naive = Naive::of(&items);
        let index = Index::open(scratch.path()).unwrap();
        let stats = index.stats().unwrap();
        assert_eq!([stats.executions, stats.prepared, stats.refused, stats.errors], naive.counts());
        assert_eq!(stats.last_seq, items.last().unwrap().seq);
        let (since, until) = (items[1000].time, items[4000].time);
        for by in [totals::By::Count, totals::By::Time, totals::By::Rows, totals::By::Masked] {
            let listed = |since, until| {
                let top = index.top(by, since, until, 1000).unwrap().into_iter();
                let mut top: Vec<_> = top.map(|top| (top.shape, [top.count, top.duration, top.rows, top.masked])).collect();
                top.sort_unstable();
                top
            };
            assert_eq!(listed(None, None), naive.top(by, 0, u64::MAX), "seed {seed}, {by:?}");
            assert_eq!(listed(Some(since), Some(until)), naive.top(by, since, until), "seed {seed}, {by:?}");
        }
    }
}

#[test]
fn files_of_the_index_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = tempfile::tempdir().unwrap();
    let mut random = Random(1);
    let items = World::default().items(&mut random, 100);
    index(scratch.path(), &items, &mut random);
    let open = Index::open(scratch.path()).unwrap();
    open.search(&Filter::default()).unwrap();
    for entry in fs::read_dir(scratch.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
}
