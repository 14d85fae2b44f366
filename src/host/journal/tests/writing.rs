//! The straight path: writing, rotating, reading behind, closing, keys.

use std::collections::HashSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::atomic::AtomicUsize;
use std::thread;

use super::*;
use crate::audit::checkpoint::{Checkpoint, is_endorsed};
use crate::audit::event::Started;
use crate::host::journal::reader::Reader;
use crate::host::journal::{Unwritable, keys};

fn started() -> Started {
    Started { version: "1".into(), config: None, policy: None }
}

#[test]
fn what_is_written_is_read_across_many_segments() {
    let state = state();
    let journal = open(state.path());
    journal.record(started()).unwrap();
    let mut scribe = journal.session(who()).unwrap();
    execute(&mut scribe, 1, 500);
    journal.close().unwrap();
    let all = verify(state.path());
    let segments: HashSet<u64> = all.iter().map(|read| read.segment).collect();
    assert!(segments.len() > 8, "{segments:?}");
    let mut reader = Reader::open(state.path(), 1);
    for read in &all {
        let entry = reader.next().unwrap().unwrap();
        assert_eq!((entry.seq, entry.event().unwrap().as_ref()), (read.seq, Some(&read.event)));
    }
    assert!(reader.next().unwrap().is_none());
    assert!(matches!(all[0].event, Event::KeyChanged(ref changed) if changed.previous.is_none()));
    let begun = all.iter().filter(|read| matches!(read.event, Event::Begun(_))).count();
    assert_eq!(begun, 500);
    assert!(all.iter().any(|read| matches!(&read.event, Event::Stopped(stopped) if stopped.executions == 500)));
    assert!(matches!(all.last().unwrap().event, Event::Checkpointed(_)));
}

#[test]
fn each_segment_says_who_and_what_before_it_speaks_of_them_and_ends_signed() {
    let state = state();
    let journal = open(state.path());
    let mut scribes: Vec<_> = (0..3).map(|_| journal.session(who()).unwrap()).collect();
    for number in 1..200 {
        for scribe in &mut scribes {
            let session = scribe.session();
            let (one, other) = (shape(1), shape(u8::try_from(number % 5).unwrap()));
            scribe.write(&[begun(session, 2 * number, &one), begun(session, 2 * number + 1, &other)]).unwrap();
            scribe.write(&[ended(session, 2 * number), ended(session, 2 * number + 1)]).unwrap();
        }
    }
    journal.close().unwrap();
    let all = verify(state.path());
    let (mut segment, mut sessions, mut shapes, mut last) = (0, HashSet::new(), HashSet::new(), None);
    let id = journal.id();
    for read in &all {
        if read.segment != segment {
            assert!(segment == 0 || matches!(last, Some(Event::Checkpointed(_))), "segment {segment} ends unsigned");
            (segment, sessions, shapes) = (read.segment, HashSet::new(), HashSet::new());
        }
        if let Event::SignedIn(_) = &read.event {
            sessions.insert(read.seq);
        } else if let Event::Continued(continued) = &read.event {
            assert!(sessions.insert(continued.session), "said twice");
            assert_eq!(continued.body, who().body);
        } else if let Event::ShapeMet(met) = &read.event {
            assert!(shapes.insert(met.shape), "said twice");
        } else if let Event::Begun(begun) = &read.event {
            assert!(sessions.contains(&begun.statement.session), "record {}", read.seq);
            assert!(shapes.contains(&begun.statement.shape), "record {}", read.seq);
        } else if let Event::Ended(ended) = &read.event {
            assert!(sessions.contains(&ended.session), "record {}", read.seq);
        } else if let Event::Checkpointed(signed) = &read.event {
            let (seq, hash, time, key, signature) = (signed.seq, signed.hash, signed.time, signed.key, signed.signature);
            assert_eq!(seq, read.seq - 1);
            assert!(Checkpoint { journal: id, epoch: 0, seq, hash, time, key, signature }.is_signed());
        }
        last = Some(read.event.clone());
    }
}

#[test]
fn a_journal_is_written_by_one() {
    let state = state();
    let journal = open(state.path());
    let second = Journal::open_with(state.path(), &small(), &Files::default());
    assert!(matches!(second, Err(JournalError::Taken { .. })), "{second:?}");
    drop(journal);
    open(state.path()).close().unwrap();
    // Closed is enough, whoever still holds it.
    let closed = open(state.path());
    closed.close().unwrap();
    let next = open(state.path());
    assert_eq!(closed.record(started()), Err(Unwritable::Broken));
    assert_eq!(closed.trouble(), Some(Unwritable::Broken));
    next.close().unwrap();
}

#[test]
fn everything_made_is_for_its_user_alone() {
    let state = state();
    let journal = open(state.path());
    let mut scribe = journal.session(who()).unwrap();
    execute(&mut scribe, 1, 100);
    block_on(journal.durable(journal.health().last_seq)).unwrap();
    let folder = state.path().join("journal");
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    for path in [state.path(), &folder] {
        for entry in fs::read_dir(path).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            assert_eq!(entry.metadata().unwrap().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
    }
    drop((scribe, journal));
    let key = state.path().join("signing.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    open(state.path()).close().unwrap();
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_session_that_nobody_closed_is_not_a_closed_segment_twice() {
    let state = state();
    for _ in 0..20 {
        let journal = open(state.path());
        journal.record(started()).unwrap();
        journal.close().unwrap();
        journal.close().unwrap();
    }
    let all = verify(state.path());
    let count = |wanted: fn(&Event) -> bool| all.iter().filter(|read| wanted(&read.event)).count();
    assert_eq!(count(|event| matches!(event, Event::Stopped(_))), 20);
    assert_eq!(count(|event| matches!(event, Event::Recovered(_))), 0);
    assert_eq!(count(|event| matches!(event, Event::KeyChanged(_))), 1);
}

#[test]
fn readers_follow_a_live_writer() {
    let state = state();
    let journal = open(state.path());
    let done = AtomicBool::new(false);
    let written = AtomicU64::new(0);
    let read = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let (mut reader, mut next) = (Reader::open(state.path(), 1), 1);
                loop {
                    let ending = done.load(Ordering::SeqCst);
                    while let Some(entry) = reader.next().unwrap() {
                        assert_eq!(entry.seq, next);
                        assert!(entry.event().unwrap().is_some());
                        next += 1;
                    }
                    if ending {
                        break;
                    }
                }
                assert_eq!(next - 1, written.load(Ordering::SeqCst));
                read.fetch_add(1, Ordering::SeqCst);
            });
        }
        let writers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut scribe = journal.session(who()).unwrap();
                    execute(&mut scribe, 1, 1500);
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        journal.close().unwrap();
        written.store(journal.health().last_seq, Ordering::SeqCst);
        done.store(true, Ordering::SeqCst);
    });
    assert_eq!(read.load(Ordering::SeqCst), 2);
    assert_eq!(verify(state.path()).len() as u64, written.load(Ordering::SeqCst));
}

#[test]
fn a_reader_begins_anywhere_and_tells_damage() {
    let state = state();
    let journal = open(state.path());
    let mut scribe = journal.session(who()).unwrap();
    execute(&mut scribe, 1, 200);
    journal.close().unwrap();
    let all = verify(state.path());
    for from in [1, 2, 77, all.len() as u64] {
        assert_eq!(Reader::open(state.path(), from).next().unwrap().unwrap().seq, from);
    }
    assert!(Reader::open(state.path(), all.len() as u64 + 1).next().unwrap().is_none());
    let second = files::segments(&state.path().join("journal")).unwrap()[1];
    let path = state.path().join("journal").join(files::segment_name(second));
    let mut bytes = fs::read(&path).unwrap();
    bytes[500] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut reader = Reader::open(state.path(), 1);
    let error = loop {
        match reader.next() {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(error.is_err(), "{error:?}");
    // A segment in the middle is gone.
    fs::remove_file(&path).unwrap();
    let mut reader = Reader::open(state.path(), 1);
    let error = loop {
        match reader.next() {
            Ok(Some(entry)) => assert!(entry.seq < second),
            other => break other,
        }
    };
    assert!(error.is_err(), "{error:?}");
}

#[test]
fn those_who_watch_the_end_are_told() {
    let state = state();
    let journal = open(state.path());
    let mut scribe = journal.session(who()).unwrap();
    let mut end = journal.end();
    assert!(*end.borrow_and_update() >= scribe.session());
    execute(&mut scribe, 1, 1);
    block_on(async {
        while *end.borrow_and_update() < journal.health().last_seq {
            end.changed().await.unwrap();
        }
    });
}

#[test]
fn durable_waits_for_the_disk_and_many_wait_for_one_sync() {
    let state = state();
    let files = Files::default();
    let journal = Journal::open_with(state.path(), &quiet(), &files).unwrap();
    let seq = journal.record(started()).unwrap();
    assert!(journal.health().synced_seq < seq);
    block_on(async { tokio::join!(journal.durable(seq), journal.durable(seq), journal.durable(1)) }).0.unwrap();
    assert!(journal.health().synced_seq >= seq);
    // A number that is not there yet is not waited for.
    block_on(journal.durable(u64::MAX)).unwrap();
}

#[test]
fn the_signing_key_is_rotated_with_an_endorsement() {
    let state = state();
    let journal = open(state.path());
    let old = keys::signing(&Files::default(), state.path()).unwrap().public();
    let id = journal.id();
    let in_force = || keys::in_force(state.path()).unwrap().unwrap();
    journal.rotate_signing_key(old, "alice").unwrap();
    let new = in_force();
    // What is done already is not done again.
    journal.rotate_signing_key(old, "carol").unwrap();
    assert_eq!(in_force(), new);
    journal.rotate_signing_key(new, "bob").unwrap();
    let newest = in_force();
    journal.close().unwrap();
    let changes: Vec<_> = verify(state.path())
        .into_iter()
        .filter_map(|read| if let Event::KeyChanged(changed) = read.event { Some(changed) } else { None })
        .collect();
    assert_eq!(
        changes.iter().map(|changed| (changed.previous, changed.key)).collect::<Vec<_>>(),
        [(None, old), (Some(old), new), (Some(new), newest)]
    );
    assert!(is_endorsed(id, old, new, &changes[1].endorsement.unwrap()));
    assert!(is_endorsed(id, new, newest, &changes[2].endorsement.unwrap()));
    assert_eq!(changes[2].by.as_deref(), Some("bob"));
    open(state.path()).close().unwrap();
    let again = verify(state.path()).iter().filter(|read| matches!(read.event, Event::KeyChanged(_))).count();
    assert_eq!(again, 3);
}

#[test]
fn a_rotation_that_was_cut_short_is_ended_at_the_next_start() {
    let state = state();
    let files = Files::default();
    let journal = open(state.path());
    journal.close().unwrap();
    // Before the record: the next key is forgotten.
    let forgotten = keys::prepare(&files, state.path()).unwrap().public();
    open(state.path()).close().unwrap();
    assert_ne!(keys::signing(&files, state.path()).unwrap().public(), forgotten);
    // Behind the record: the next key is put in force.
    let journal = open(state.path());
    let next = keys::prepare(&files, state.path()).unwrap();
    let public = next.public();
    let mut next = Some(next);
    let before = keys::in_force(state.path()).unwrap().unwrap();
    journal.shared.with_segment(|writer| writer.change_key(&mut next, "alice")).unwrap();
    drop(journal);
    open(state.path()).close().unwrap();
    assert_eq!(keys::in_force(state.path()).unwrap(), Some(public));
    assert_eq!(verify(state.path()).iter().filter(|read| matches!(read.event, Event::KeyChanged(_))).count(), 2);
    // The same, where the process lives on and tries again.
    let journal = open(state.path());
    let mut next = Some(keys::prepare(&files, state.path()).unwrap());
    let newest = next.as_ref().unwrap().public();
    journal.shared.with_segment(|writer| writer.change_key(&mut next, "bob")).unwrap();
    assert_eq!(keys::in_force(state.path()).unwrap(), Some(public));
    journal.rotate_signing_key(public, "bob").unwrap();
    assert_eq!(keys::in_force(state.path()).unwrap(), Some(newest));
    journal.close().unwrap();
    assert_ne!(before, public);
    assert_eq!(verify(state.path()).iter().filter(|read| matches!(read.event, Event::KeyChanged(_))).count(), 3);
}

#[test]
fn a_lost_signing_key_is_said() {
    let state = state();
    let journal = open(state.path());
    journal.close().unwrap();
    let old = keys::signing(&Files::default(), state.path()).unwrap().public();
    fs::remove_file(state.path().join("signing.key")).unwrap();
    open(state.path()).close().unwrap();
    let all = verify(state.path());
    let said = all.iter().any(|read| {
        matches!(&read.event, Event::KeyChanged(changed) if changed.previous == Some(old) && changed.endorsement.is_none() && changed.key != old)
    });
    assert!(said);
    fs::write(state.path().join("signing.key"), b"short").unwrap();
    let error = Journal::open_with(state.path(), &small(), &Files::default()).unwrap_err();
    assert!(error.to_string().contains("signing.key is not 32 bytes long"), "{error}");
}

#[test]
fn a_group_that_fits_no_segment_is_split_and_a_record_that_fits_none_refused() {
    let state = state();
    let journal = open(state.path());
    let mut scribe = journal.session(who()).unwrap();
    let session = scribe.session();
    let long = |bytes: usize| {
        let mut note = begun(session, 1, &shape(1));
        if let Event::Begun(begun) = &mut note.event {
            begun.body = Some(Box::new(Sent { masked: Some("x".repeat(bytes)), ..Sent::default() }));
        }
        note
    };
    scribe.write(&[long(9000), long(9000), long(9000)]).unwrap();
    assert_eq!(scribe.write(&[long(17_000)]), Err(Unwritable::Broken));
    assert_eq!(journal.trouble(), None);
    scribe.write(&[ended(session, 1)]).unwrap();
    journal.close().unwrap();
    assert_eq!(verify(state.path()).iter().filter(|read| matches!(read.event, Event::Begun(_))).count(), 3);
}
