//! Folders as crashes leave them, and folders as no crash does.

use ring::digest::{SHA256, digest};

use super::*;
use crate::audit::event::Recovered;
use crate::audit::record::Record;

/// A journal of several segments that was dropped with open work, and the paths of its segments.
fn crashed(executions: u64) -> (TempDir, Vec<std::path::PathBuf>) {
    let live = state();
    let journal = open(live.path());
    let mut scribe = journal.session(who()).unwrap();
    execute(&mut scribe, 1, executions);
    block_on(journal.durable(u64::MAX)).unwrap();
    wait_for(|| journal.shared.lock().retired.is_empty());
    drop((scribe, journal));
    let paths = paths(live.path());
    (live, paths)
}

fn paths(state: &Path) -> Vec<std::path::PathBuf> {
    let folder = state.join("journal");
    files::segments(&folder).unwrap().into_iter().map(|first| folder.join(files::segment_name(first))).collect()
}

/// Where the records of a segment end.
fn end(bytes: &[u8]) -> usize {
    let (_, mut walk) = Walk::new(bytes).unwrap();
    while walk.step().unwrap().is_some() {}
    walk.at()
}

fn recovered(all: &[Read]) -> Vec<Recovered> {
    all.iter().filter_map(|read| if let Event::Recovered(recovered) = &read.event { Some(recovered.clone()) } else { None }).collect()
}

fn side_files(state: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(state.join("journal")).unwrap().map(|entry| entry.unwrap());
    let side = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with("cut-"));
    side.map(|entry| fs::read(entry.path()).unwrap()).collect()
}

#[test]
fn a_copy_of_the_live_folder_opens_at_any_moment() {
    let live = state();
    let journal = open(live.path());
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    let mut written = 0;
    for round in 0..30 {
        execute(&mut scribe, 1 + round * 10, 9);
        scribe.write(&[begun(session, (round + 1) * 10, &shape(2))]).unwrap();
        written = written.max(journal.health().last_seq);
        let copy = copy(live.path());
        scribe.write(&[ended(session, (round + 1) * 10)]).unwrap();
        let opened = open(copy.path());
        assert_eq!(opened.id(), journal.id());
        opened.close().unwrap();
        let all = verify(copy.path());
        assert!(all.len() as u64 > written);
        let last = recovered(&all).pop().unwrap();
        assert_eq!((last.cut, last.orphans, last.sessions), (0, 1, 1), "round {round}");
        let unknown = all.iter().any(|read| {
            matches!(&read.event, Event::Ended(ended) if (ended.number, ended.outcome, ended.duration) == ((round + 1) * 10, Outcome::Unknown, None))
        });
        assert!(unknown, "round {round}");
        let out = all
            .iter()
            .any(|read| matches!(&read.event, Event::SignedOut(out) if (out.session, out.executions) == (session, (round + 1) * 10)));
        assert!(out, "round {round}");
        // What was put right is not put right again.
        open(copy.path()).close().unwrap();
        assert_eq!(recovered(&verify(copy.path())).len(), 1);
    }
}

#[test]
fn open_work_is_found_however_far_back_it_began() {
    let live = state();
    let journal = open(live.path());
    let idle = journal.session(who()).unwrap();
    let mut long = journal.session(who()).unwrap();
    long.write(&[begun(long.session(), 1, &shape(1))]).unwrap();
    let mut busy = journal.session(who()).unwrap();
    execute(&mut busy, 1, 600);
    let (idle_session, long_session) = (idle.session(), long.session());
    for without_side_files in [false, true] {
        let copy = copy(live.path());
        if without_side_files {
            for entry in fs::read_dir(copy.path().join("journal")).unwrap().map(|entry| entry.unwrap()) {
                if entry.file_name().to_str().unwrap().ends_with(".open") {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        open(copy.path()).close().unwrap();
        let all = verify(copy.path());
        let last = recovered(&all).pop().unwrap();
        assert_eq!((last.orphans, last.sessions), (1, 3), "without side files: {without_side_files}");
        assert!(all.iter().any(|read| matches!(&read.event, Event::SignedOut(out) if out.session == idle_session && out.executions == 0)));
        assert!(
            all.iter().any(
                |read| matches!(&read.event, Event::Ended(ended) if ended.session == long_session && ended.outcome == Outcome::Unknown)
            )
        );
    }
}

#[test]
fn a_torn_end_is_kept_beside_and_said() {
    for (kind, cut_short) in [("a length that was not yet written", false), ("a record that is not all there", true)] {
        let (state, paths) = crashed(100);
        let path = paths.last().unwrap();
        let mut bytes = fs::read(path).unwrap();
        let at = end(&bytes);
        let torn: Vec<u8> = if cut_short { vec![200, 0, 0, 0, 20, 0, 3, 0, 77] } else { vec![0, 0, 0, 0, 20, 1, 2, 3, 4] };
        bytes[at..at + torn.len()].copy_from_slice(&torn);
        fs::write(path, &bytes).unwrap();
        open(state.path()).close().unwrap();
        let all = verify(state.path());
        let last = recovered(&all).pop().unwrap();
        let kept = side_files(state.path());
        assert_eq!((last.cut, kept.as_slice()), (torn.len() as u64, &[torn][..]), "{kind}");
        assert_eq!(last.cut_hash.unwrap().0, digest(&SHA256, &kept[0]).as_ref());
        open(state.path()).close().unwrap();
        assert_eq!(recovered(&verify(state.path())).len(), 1, "{kind}");
    }
}

#[test]
fn a_torn_end_that_was_cut_but_not_said_is_said_later() {
    let (state, paths) = crashed(100);
    let path = paths.last().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let at = end(&bytes);
    bytes[at + 4] = 1;
    fs::write(path, &bytes).unwrap();
    super::super::recover::recover(&Files::default(), &state.path().join("journal")).unwrap();
    assert_eq!(end(&fs::read(path).unwrap()), fs::read(path).unwrap().len());
    open(state.path()).close().unwrap();
    assert_eq!(recovered(&verify(state.path())).pop().unwrap().cut, 5);
}

#[test]
fn pages_that_never_came_to_disk_are_a_torn_end() {
    let (state, paths) = crashed(100);
    let path = paths.last().unwrap();
    let mut bytes = fs::read(path).unwrap();
    assert!(end(&bytes) > 2 * 4096, "too little in the last segment");
    bytes[4096 - 300..4096].fill(0);
    fs::write(path, &bytes).unwrap();
    open(state.path()).close().unwrap();
    let last = recovered(&verify(state.path())).pop().unwrap();
    assert_eq!(last.cut, side_files(state.path())[0].len() as u64);
    assert!(last.cut > 4096);
}

#[test]
fn a_full_segment_that_was_not_on_disk_is_torn_like_the_last_one() {
    let (state, paths) = crashed(100);
    let [.., before, last] = paths.as_slice() else { panic!("{paths:?}") };
    let mut bytes = fs::read(before).unwrap();
    let records = end(&bytes);
    // Not cut, and its last page never written.
    bytes[records - 700..].fill(0);
    bytes.resize(16 * 1024, 0);
    fs::write(before, &bytes).unwrap();
    let behind = fs::read(last).unwrap();
    open(state.path()).close().unwrap();
    assert!(recovered(&verify(state.path())).pop().unwrap().cut > end(&behind) as u64 - 64);
}

#[test]
fn a_full_segment_that_was_not_cut_is_cut() {
    let (state, paths) = crashed(100);
    let before = &paths[paths.len() - 2];
    let mut bytes = fs::read(before).unwrap();
    let length = bytes.len();
    bytes.resize(16 * 1024, 0);
    fs::write(before, &bytes).unwrap();
    open(state.path()).close().unwrap();
    assert_eq!(fs::read(before).unwrap().len(), length);
    assert_eq!(recovered(&verify(state.path())).pop().unwrap().cut, 0);
}

#[test]
fn what_was_being_made_is_made_again() {
    let (state, _) = crashed(10);
    let folder = state.path().join("journal");
    fs::write(folder.join("next.seg.tmp"), [0; 100]).unwrap();
    fs::write(folder.join(files::segment_name(100_000)), [0; 16 * 1024]).unwrap();
    open(state.path()).close().unwrap();
    verify(state.path());
    // The very first segment, before it had a header.
    for length in [0, 16 * 1024] {
        let new = super::state();
        let folder = new.path().join("journal");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(files::segment_name(1)), vec![0; length]).unwrap();
        open(new.path()).close().unwrap();
        assert!(!verify(new.path()).is_empty());
    }
}

#[test]
fn damage_is_not_started_on() {
    // How many records the last segment has hangs on when the disk was done with those before.
    let some = |paths: &[std::path::PathBuf]| paths.last().is_some_and(|last| end(&fs::read(last).unwrap()) > 1000);
    let (state, paths) = (300..).map(crashed).find(|(_, paths)| some(paths)).unwrap();
    assert!(paths.len() > 4);
    let number = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    let check = |change: &dyn Fn(&Path), wanted: &str| {
        let copy = copy(state.path());
        change(&copy.path().join("journal"));
        let what = damaged(copy.path());
        assert!(what.contains(wanted), "{what}");
        assert!(side_files(copy.path()).is_empty());
    };
    let name = |index: usize| paths[index].file_name().unwrap().to_owned();
    let (third, fourth) = (number(&paths[2]), number(&paths[3]));
    check(&|folder| fs::remove_file(folder.join(name(2))).unwrap(), &format!("records {third} to {} are missing", fourth - 1));
    let flip = |folder: &Path, index: usize, at: usize| {
        let path = folder.join(name(index));
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    check(&|folder| flip(folder, 2, 50), &format!("segment {third}: its header is damaged"));
    check(&|folder| flip(folder, 2, 3), &format!("segment {third}: it is no segment"));
    // The segment before the last one is read whole.
    let before = paths.len() - 2;
    check(&|folder| flip(folder, before, 400), &format!("record {} in segment {}", number(&paths[before]) + 1, number(&paths[before])));
    // In the middle of the last one, which is still written to.
    check(&|folder| flip(folder, before + 1, 400), "and whole records follow it");
    // A rotated segment that ends within a record, and one that ends with one record fewer.
    let shorten = |folder: &Path, index: usize, by: usize| {
        let path = folder.join(name(index));
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - by]).unwrap();
    };
    check(&|folder| shorten(folder, before, 10), &format!("in segment {}", number(&paths[before])));
    let bytes = fs::read(&paths[1]).unwrap();
    let (_, mut walk) = Walk::new(&bytes).unwrap();
    let mut last = 0;
    while let Some(record) = walk.step().unwrap() {
        last = Record::length(&record);
    }
    check(&|folder| shorten(folder, 1, last), &format!("records {0} to {0} are missing", third - 1));
    // A segment of another journal.
    let (other, others) = crashed(300);
    let mix = |folder: &Path| assert!(fs::copy(&others[1], folder.join(others[1].file_name().unwrap())).unwrap() > 0);
    check(&mix, &format!("segment {} is of another journal", number(&others[1])));
    drop(other);
}

#[test]
fn no_changed_byte_of_the_last_segment_goes_unsaid() {
    let (state, paths) = crashed(60);
    let path = paths.last().unwrap();
    let sound = fs::read(path).unwrap();
    let used = end(&sound);
    for at in (0..used).step_by(7) {
        let copy = copy(state.path());
        let mut bytes = sound.clone();
        bytes[at] ^= 0x10;
        fs::write(copy.path().join("journal").join(path.file_name().unwrap()), &bytes).unwrap();
        match Journal::open_with(copy.path(), &small(), &Files::default()) {
            Err(JournalError::Damaged { .. }) => {}
            // At the very end it may be a torn record.
            Ok(journal) => {
                journal.close().unwrap();
                assert!(recovered(&verify(copy.path())).pop().unwrap().cut > 0, "byte {at}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}
