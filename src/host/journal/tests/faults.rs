//! Files that fail.

use rustix::io::Errno;

use super::*;
use crate::audit::event::SignedOut;
use crate::host::journal::Unwritable;

/// Ends what a fault brings about: a fault that passes is survived without help.
fn insist<T, E: std::fmt::Display>(mut act: impl FnMut() -> Result<T, E>, errors: &mut Vec<String>) -> T {
    for _ in 0..5_000 {
        match act() {
            Ok(done) => return done,
            Err(error) => errors.push(error.to_string()),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it never passed: {:?}", errors.last());
}

/// Two lives of a journal: the first ends in a crash with a torn end, the second in order. Returns what was acknowledged.
fn lives(state: &Path, files: &Files, errors: &mut Vec<String>) -> Vec<(u64, u64)> {
    let mut acknowledged = Vec::new();
    for life in 0..2 {
        let journal = insist(|| Journal::open_with(state, &small(), files), errors);
        let mut scribe = insist(|| journal.session(who()), errors);
        let session = scribe.session();
        for number in 1..=60 {
            insist(|| scribe.write(&[begun(session, number, &shape(1))]), errors);
            if life == 0 && number == 60 {
                break;
            }
            insist(|| scribe.write(&[ended(session, number)]), errors);
            acknowledged.push((session, number));
            if number % 20 == 0 {
                insist(|| block_on(journal.durable(u64::MAX)), errors);
            }
        }
        if life == 0 {
            drop((scribe, journal));
            let folder = state.join("journal");
            let path = folder.join(files::segment_name(*files::segments(&folder).unwrap().last().unwrap()));
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
            bytes[last + 5] = 1;
            fs::write(&path, bytes).unwrap();
        } else if let Err(error) = journal.close() {
            errors.push(error.to_string());
        }
    }
    acknowledged
}

fn every_operation_fails(count: u64, errno: Errno, late: bool) {
    let mut last = 0;
    for number in 1..10_000 {
        let state = state();
        let files = Files::default();
        let mut errors = Vec::new();
        files.faults.set(number, count, errno, late);
        let acknowledged = lives(state.path(), &files, &mut errors);
        let failed = files.faults.failed();
        files.faults.mend();
        Journal::open_with(state.path(), &small(), &files)
            .unwrap_or_else(|error| panic!("operation {number} {failed:?}: {error}"))
            .close()
            .unwrap();
        let all = verify(state.path());
        for (session, execution) in acknowledged {
            let ended = all.iter().any(|read| {
                matches!(&read.event, Event::Ended(ended) if (ended.session, ended.number, ended.outcome) == (session, execution, Outcome::Completed))
            });
            assert!(ended, "operation {number} {failed:?}: execution {execution} of session {session} is lost");
        }
        assert!(
            errors.iter().all(|error| error.contains("journal") || error.contains("keys")),
            "operation {number} {failed:?}: {errors:?}"
        );
        // Each begun has its end, whoever wrote it.
        let open = all.iter().filter(|read| matches!(read.event, Event::Begun(_))).count();
        let closed = all.iter().filter(|read| matches!(read.event, Event::Ended(_))).count();
        assert_eq!(open, closed, "operation {number} {failed:?}");
        if failed.is_empty() {
            last = number;
            break;
        }
    }
    assert!(last > 80, "only {last} operations");
}

#[test]
fn every_operation_fails_once() {
    every_operation_fails(1, Errno::IO, false);
}

#[test]
fn every_operation_fails_once_although_it_was_done() {
    every_operation_fails(1, Errno::IO, true);
}

#[test]
fn every_operation_fails_for_want_of_room_several_times() {
    every_operation_fails(5, Errno::NOSPC, false);
}

fn resumed(state: &Path) -> Vec<(u64, String)> {
    let all = verify(state);
    all.iter()
        .filter_map(
            |read| if let Event::Resumed(resumed) = &read.event { Some((resumed.refused, resumed.trouble.to_string())) } else { None },
        )
        .collect()
}

#[test]
fn a_full_disk_refuses_new_statements_and_takes_the_ends_of_those_that_run() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    files.faults.break_all("allocate", Errno::NOSPC);
    let mut number = 0;
    while journal.trouble().is_none() {
        number += 1;
        scribe.write(&[begun(session, number, &shape(1))]).unwrap();
        // A real segment leaves the keeper more time.
        wait_for(|| {
            let writer = journal.shared.lock();
            writer.wants_spare().is_none() || writer.spare_failed.is_some()
        });
    }
    assert_eq!(journal.trouble(), Some(Unwritable::Full));
    // What is left is for the ends of those that run; here that is a third of them at least.
    let ends = (1..=number).take_while(|number| scribe.write(&[ended(session, *number)]).is_ok()).count() as u64;
    assert!(ends > number / 3, "{ends} of {number}");
    journal.refused(2);
    scribe.refused(1);
    assert_eq!(journal.health().refused, 3);
    files.faults.mend();
    wait_for(|| journal.trouble().is_none());
    assert_eq!(journal.health().refused, 0);
    scribe.write(&[ended(session, number)]).unwrap();
    journal.close().unwrap();
    assert_eq!(resumed(state.path()), [(3, "ENOSPC".to_owned())]);
}

#[test]
fn a_failed_sync_stops_everything_until_the_bytes_were_written_again() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    files.faults.break_all("sync", Errno::IO);
    scribe.write(&[begun(session, 1, &shape(1))]).unwrap();
    assert_eq!(block_on(journal.durable(u64::MAX)), Err(Unwritable::Broken));
    wait_for(|| journal.trouble() == Some(Unwritable::Broken));
    assert_eq!(scribe.write(&[ended(session, 1)]), Err(Unwritable::Broken));
    journal.refused(1);
    // The keeper writes the bytes again before it believes a sync.
    files.faults.break_all("write", Errno::IO);
    wait_for(|| files.faults.failed().contains(&"write"));
    assert_eq!(journal.trouble(), Some(Unwritable::Broken));
    files.faults.mend();
    wait_for(|| journal.trouble().is_none());
    scribe.write(&[ended(session, 1)]).unwrap();
    block_on(journal.durable(u64::MAX)).unwrap();
    journal.close().unwrap();
    assert_eq!(resumed(state.path()), [(1, "EIO".to_owned())]);
}

#[test]
fn a_read_only_file_system_is_broken_and_named() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    files.faults.break_all("create", Errno::ROFS);
    let mut number = 0;
    let why = loop {
        number += 1;
        if let Err(why) = scribe.write(&[begun(session, number, &shape(1)), ended(session, number)]) {
            break why;
        }
    };
    assert_eq!((why, journal.trouble()), (Unwritable::Broken, Some(Unwritable::Broken)));
    files.faults.mend();
    wait_for(|| journal.trouble().is_none());
    journal.close().unwrap();
    assert_eq!(resumed(state.path()), [(0, "EROFS".to_owned())]);
}

#[test]
fn what_could_not_be_recorded_is_recorded_once_it_can_be() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribes: Vec<_> = (0..2).map(|_| journal.session(who()).unwrap()).collect();
    for scribe in &mut scribes {
        let session = scribe.session();
        scribe.write(&[begun(session, 1, &shape(1))]).unwrap();
    }
    files.faults.break_all("sync", Errno::IO);
    wait_for(|| {
        // Without something new there is nothing to sync.
        journal.record(crate::audit::event::Stopped { executions: 0 }).is_err()
    });
    for scribe in scribes {
        let session = scribe.session();
        let out = SignedOut { session, executions: 1, code: None };
        assert_eq!(scribe.journal().trouble(), Some(Unwritable::Broken));
        scribe.owe([ended(session, 1), out.into()]);
    }
    files.faults.mend();
    wait_for(|| journal.trouble().is_none());
    journal.close().unwrap();
    open(state.path()).close().unwrap();
    let all = verify(state.path());
    let count = |wanted: fn(&Event) -> bool| all.iter().filter(|read| wanted(&read.event)).count();
    assert_eq!(count(|event| matches!(event, Event::Ended(ended) if ended.outcome == Outcome::Completed)), 2);
    assert_eq!(count(|event| matches!(event, Event::SignedOut(_))), 2);
    assert_eq!(count(|event| matches!(event, Event::Recovered(_))), 0);
}

/// What was to be sent when the journal failed did not leave: the record does not say later that it ran.
#[test]
fn what_never_left_is_not_owed() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    let owe = |scribe: &mut Scribe, notes: Vec<Note>| {
        assert!(scribe.write(&notes).is_err());
        let out = SignedOut { session, executions: 3, code: None };
        scribe.owe(notes.into_iter().chain([ended(session, 3), out.into()]));
    };
    scribe.write(&[begun(session, 1, &shape(1))]).unwrap();
    files.faults.break_all("sync", Errno::IO);
    wait_for(|| journal.record(crate::audit::event::Stopped { executions: 0 }).is_err());
    owe(&mut scribe, vec![ended(session, 1), begun(session, 2, &shape(2)), begun(session, 3, &shape(2)), ended(session, 2)]);
    files.faults.mend();
    wait_for(|| journal.trouble().is_none());
    // The same where a group is written one by one, and fails in the middle.
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    let long = |number, length: usize| {
        let shape = Arc::new(Shape {
            digest: Digest([u8::try_from(number).unwrap(); 16]),
            text: "x".repeat(length).into(),
            relations: Box::default(),
        });
        begun(session, number, &shape)
    };
    let notes = vec![long(11, 9000), long(12, 9000), long(13, 17_000), long(14, 10)];
    assert!(scribe.write(&notes).is_err());
    let unknown = (11..15).map(|number| ended(session, number));
    scribe.owe(notes.into_iter().chain(unknown).chain([SignedOut { session, executions: 4, code: None }.into()]));
    journal.close().unwrap();
    open(state.path()).close().unwrap();
    let all = verify(state.path());
    let story: Vec<String> = all
        .iter()
        .filter_map(|read| {
            if let Event::Begun(begun) = &read.event {
                Some(format!("begun {}", begun.statement.number))
            } else if let Event::Ended(ended) = &read.event {
                Some(format!("ended {}", ended.number))
            } else if let Event::SignedOut(out) = &read.event {
                Some(format!("out {}", out.executions))
            } else {
                None
            }
        })
        .collect();
    assert_eq!(story, ["begun 1", "ended 1", "out 1", "begun 11", "begun 12", "ended 11", "ended 12", "out 2"]);
}

/// A segment that could not be left is signed at its end once: the next starts find it so, and leave it when that can be done.
#[test]
fn a_segment_that_cannot_be_left_is_ended_once() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &small(), &files).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    files.faults.break_all("rename", Errno::ROFS);
    let mut fails = |number: &u64| scribe.write(&[begun(session, *number, &shape(1))]).is_err();
    assert!((1..10_000).any(|number| fails(&number)));
    drop(scribe);
    drop(journal);
    for _ in 0..4 {
        assert!(Journal::open_with(state.path(), &small(), &files).is_err());
    }
    files.faults.mend();
    open(state.path()).close().unwrap();
    let all = verify(state.path());
    let last_of_first = all.iter().filter(|read| read.segment == 1).map(|read| read.seq).max().unwrap();
    let checkpoints =
        |read: &&Read| matches!(read.event, Event::Checkpointed(_)) && read.seq + 4 > last_of_first && read.seq <= last_of_first;
    assert_eq!(all.iter().filter(checkpoints).count(), 1);
}
