//! What can happen to the index, and to the journal under it: whatever it was, in the end the index has what a new one has.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::world::{Live, Random};
use super::*;
use crate::audit::event::{Erased, Kind, Pruned};
use crate::audit::record::Record;
use crate::audit::segment::HEADER;
use crate::audit::{Digest, Event};
use crate::host::index::keep::{self, Keeper};
use crate::host::index::totals::{By, Stats};
use crate::host::journal::reader::Reader;
use crate::host::journal::{Journal, Options, files};

fn journal(state: &Path) -> Arc<Journal> {
    // No checkpoint comes of itself while two answers are compared.
    let checkpoint_interval = Duration::from_secs(24 * 3600);
    Journal::open(state, Options { segment: 256 * 1024, checkpoint_interval, ..Options::default() }).unwrap()
}

/// Everything that an index says.
fn everything(state: &Path) -> (Vec<Found>, Stats, Vec<(Digest, u64, u64)>) {
    let found = all(state, &Filter { limit: 5000, ..Filter::default() });
    let index = Index::open(state).unwrap();
    let stats = Stats { index_bytes: 0, journal_bytes: 0, ..index.stats().unwrap() };
    let top = index.top(By::Count, None, None, 1000).unwrap();
    let mut top: Vec<_> = top.into_iter().map(|top| (top.shape, top.count, top.duration)).collect();
    top.sort_unstable();
    (found, stats, top)
}

/// A new index says the same; and it has as many executions as the journal.
fn check(state: &Path) {
    keep::catch_up(state, |_| {}).unwrap();
    let before = everything(state);
    let (mut reader, mut executions) = (Reader::open(state, 1), 0);
    let mut last = 0;
    while let Some(entry) = reader.next().unwrap() {
        executions += u64::from(entry.kind == Kind::Begun);
        last = entry.seq;
    }
    assert_eq!((before.1.executions, before.1.last_seq), (executions, last));
    keep::reindex(state, |_| {}).unwrap();
    let after = everything(state);
    assert_eq!(before.1, after.1);
    for (before, after) in before.0.iter().zip(&after.0) {
        assert_eq!(before, after);
    }
    assert_eq!(before.0.len(), after.0.len());
    assert_eq!(before.2, after.2);
    for filter in [
        Filter { words: Some("sel*".to_owned()), limit: 5000, ..Filter::default() },
        Filter { table: Some("users".to_owned()), limit: 5000, ..Filter::default() },
    ] {
        let found = all(state, &filter);
        let plain = before.0.iter().filter(|found| {
            let Some(said) = &found.statement else {
                return filter.words.is_some() && found.words.as_ref().is_some_and(|words| words.contains("sel"));
            };
            if filter.words.is_some() {
                said.text.is_some()
            } else {
                said.relations.iter().any(|name| crate::host::index::filter::is_table("users", name))
            }
        });
        assert_eq!(found.len(), plain.count(), "{filter:?}");
    }
}

/// Removes a body as `audit erase` does: first it is said, then it is done.
fn erase(state: &Path, journal: &Journal, seqs: &BTreeSet<u64>) {
    for seq in seqs {
        journal.record(Erased { seq: *seq, by: "eve".to_owned(), body: None }).unwrap();
        let folder = state.join("journal");
        let first = files::segments(&folder).unwrap().into_iter().rfind(|first| first <= seq).unwrap();
        let path = folder.join(files::segment_name(first));
        let bytes = fs::read(&path).unwrap();
        let mut at = HEADER;
        while let Some(record) = Record::read(&bytes[at..]).unwrap() {
            if record.seq == *seq {
                let (place, wiped) = record.erasure().unwrap();
                OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&wiped, (at + place) as u64).unwrap();
                break;
            }
            at += record.length();
        }
    }
}

/// One record with a body, and all texts of its shape if it is one of those.
fn some_bodies(state: &Path, random: &mut Random) -> BTreeSet<u64> {
    let (mut reader, mut with_body, mut shapes) = (Reader::open(state, 1), Vec::new(), Vec::new());
    while let Some(entry) = reader.next().unwrap() {
        match entry.event().unwrap() {
            Some(Event::ShapeMet(met)) if entry.has_body() => shapes.push((entry.seq, met.shape)),
            _ if entry.has_body() => with_body.push(entry.seq),
            _ => {}
        }
    }
    if random.one_in(2) && !shapes.is_empty() {
        let shape = shapes[random.below(shapes.len() as u64) as usize].1;
        return shapes.into_iter().filter(|(_, other)| *other == shape).map(|(seq, _)| seq).collect();
    }
    if with_body.is_empty() { BTreeSet::new() } else { BTreeSet::from([with_body[random.below(with_body.len() as u64) as usize]]) }
}

fn prune(state: &Path, journal: &Journal, random: &mut Random) {
    let folder = state.join("journal");
    let segments = files::segments(&folder).unwrap();
    let stays = segments[random.below(segments.len() as u64) as usize];
    if stays > segments[0] {
        journal.record(Pruned { seq: stays - 1, hash: crate::audit::Hash::default(), before: 0, by: "eve".to_owned() }).unwrap();
        for first in segments.iter().filter(|first| **first < stays) {
            fs::remove_file(folder.join(files::segment_name(*first))).unwrap();
        }
    }
}

#[test]
fn whatever_happens_a_new_index_says_the_same() {
    for seed in 20..22 {
        let scratch = tempfile::tempdir().unwrap();
        let state = scratch.path();
        let journal = journal(state);
        let mut live = Live::new(Arc::clone(&journal), seed);
        for _ in 0..25 {
            let count = live.random.below(500) as usize;
            live.write(count);
            match live.random.below(7) {
                0 => keep::catch_up(state, |_| {}).unwrap(),
                // The process ends in the middle of a batch.
                1 | 2 => {
                    let mut keeper = Keeper::open(state).unwrap().unwrap();
                    keeper.stop_within(live.random.below(600) as usize);
                }
                3 => {
                    let mut keeper = Keeper::open(state).unwrap().unwrap();
                    keeper.advance().unwrap();
                }
                4 | 5 => erase(state, &journal, &some_bodies(state, &mut live.random)),
                _ => prune(state, &journal, &mut live.random),
            }
        }
        live.write(50);
        check(state);
    }
}

#[test]
fn a_full_disk_is_an_error_that_passes() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let journal = journal(state);
    let mut live = Live::new(Arc::clone(&journal), 5);
    live.write(6000);
    let mut failed = 0;
    for more in 0..24 {
        let mut keeper = Keeper::open(state).unwrap().unwrap();
        keeper.allow_pages(more);
        loop {
            match keeper.advance_by(150) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    assert!(error.to_string().contains("full"), "{error}");
                    failed += 1;
                    break;
                }
            }
        }
    }
    assert!(failed > 5, "the disk was hardly ever full: {failed}");
    check(state);
}

#[test]
fn what_is_damaged_or_of_another_journal_is_built_again() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let file = state.join(FILE);
    let mut live = Live::new(journal(state), 6);
    live.write(3000);
    keep::catch_up(state, |_| {}).unwrap();
    let pages = fs::metadata(&file).unwrap().len() / 4096;
    for page in (0..pages).step_by(usize::try_from(pages / 6).unwrap()) {
        OpenOptions::new().write(true).open(&file).unwrap().write_all_at(&[0x5a; 4096], page * 4096).unwrap();
        live.write(100);
        // Where the damage is never looked at it may stay; what was looked at is mended.
        keep::catch_up(state, |_| {}).unwrap();
        keep::reindex(state, |_| {}).unwrap();
    }
    check(state);
    fs::write(&file, "no database").unwrap();
    check(state);
    rusqlite::Connection::open(&file).unwrap().pragma_update(None, "user_version", 999).unwrap();
    assert!(matches!(Index::open(state), Err(IndexError::Missing { .. })));
    check(state);
    drop(live);
    fs::remove_dir_all(state.join("journal")).unwrap();
    let mut live = Live::new(journal(state), 7);
    live.write(500);
    check(state);
}

#[test]
fn nothing_of_an_erased_text_stays_in_the_files() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let journal = journal(state);
    let mut live = Live::new(Arc::clone(&journal), 8);
    live.write(1000);
    keep::catch_up(state, |_| {}).unwrap();
    let has = |needle: &[u8]| {
        let files = fs::read_dir(state).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        files.map(|path| fs::read(path).unwrap()).any(|bytes| memchr::memmem::find(&bytes, needle).is_some())
    };
    // Words of every shape and of refused logins.
    assert!(has(b"WHERE shape") && has(b"Mallory_the_agent") && has(b"sales.orders"));
    let mut seqs = BTreeSet::new();
    let mut reader = Reader::open(state, 1);
    while let Some(entry) = reader.next().unwrap() {
        seqs.extend(entry.has_body().then_some(entry.seq));
    }
    erase(state, &journal, &seqs);
    keep::catch_up(state, |_| {}).unwrap();
    for needle in [&b"WHERE shape"[..], b"shape1", b"column_", b"sales.orders", b"Mallory", b"mallory", b"risky", b"Tool"] {
        assert!(!has(needle), "{}", String::from_utf8_lossy(needle));
    }
    check(state);
}

#[tokio::test]
async fn the_index_follows_the_journal_and_is_built_again_when_asked() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let journal = journal(state);
    let mut live = Live::new(Arc::clone(&journal), 9);
    let follower = keep::follow(state, journal.end()).unwrap();
    live.write(500);
    // It is busy, or it was not there yet: either way what comes out is whole.
    let asked = std::thread::spawn({
        let state = state.to_owned();
        move || keep::reindex(&state, |_| {})
    });
    live.write(500);
    asked.join().unwrap().unwrap();
    live.write(500);
    keep::catch_up(state, |_| {}).unwrap();
    assert_eq!(Index::open(state).unwrap().last_seq().unwrap(), *journal.end().borrow());
    assert_eq!(*follower.trouble().borrow(), None);
    live.write(100);
    drop(follower);
    assert_eq!(Index::open(state).unwrap().last_seq().unwrap(), *journal.end().borrow());
    check(state);
}

#[tokio::test]
async fn trouble_with_the_index_is_told_and_stops_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let state = scratch.path();
    let journal = journal(state);
    fs::create_dir(state.join(FILE)).unwrap();
    let follower = keep::follow(state, journal.end()).unwrap();
    let mut trouble = follower.trouble();
    let said = trouble.wait_for(Option::is_some).await.unwrap().clone();
    assert!(said.unwrap().contains("index"));
    let mut live = Live::new(Arc::clone(&journal), 9);
    live.write(500);
    drop(follower);
    fs::remove_dir(state.join(FILE)).unwrap();
    check(state);
}
