use super::*;
use crate::audit::event::{AuditRead, EpochBegan};
use crate::audit::{Digest, Event};
use crate::host::journal::epoch;
use crate::host::journal::reader::Reader;
use crate::host::ledger::Ledger;
use crate::host::state::outbox;

fn read(what: &'static str) -> Event {
    AuditRead { by: "ann".to_owned(), what: what.into(), body: None }.into()
}

fn put(state: &State, what: &'static str) {
    outbox::put(&state.connect().unwrap(), SystemTime::now(), &read(what)).unwrap().unwrap();
}

#[test]
fn what_was_recorded_between_the_copies_of_database_and_journal_is_not_recorded_again() {
    let (old, new) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let state = State::open(old.path()).unwrap();
    put(&state, "before");
    Ledger::open(&state).unwrap().settle().unwrap();
    put(&state, "between");
    let journal = old.path().join(JOURNAL);
    let (_, after) = last_segment(&journal).unwrap();
    copy_database(&state, &new.path().join(DATABASE)).unwrap();
    Ledger::open(&state).unwrap().settle().unwrap();
    fs::create_dir(new.path().join(JOURNAL)).unwrap();
    let mut chain = Chain::default();
    let bytes = whole_records(&journal, 1, &mut chain).unwrap();
    fs::write(new.path().join(JOURNAL).join(files::segment_name(1)), bytes).unwrap();

    let restored = State::open(new.path()).unwrap();
    let number = restored.begin_epoch(0, after).unwrap();
    let end = chain.end().unwrap();
    let (by, branch) = ("ann".to_owned(), Digest([1; 16]));
    let began = EpochBegan { epoch: number, restored_seq: end.seq, restored_hash: end.hash, backup_time: 1, by, branch };
    epoch::begin(new.path(), began.clone(), 2).unwrap();
    put(&restored, "after");
    Ledger::open(&restored).unwrap().settle().unwrap();

    let mut reader = Reader::open(new.path(), 1);
    let mut events = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        events.push(entry.event().unwrap().unwrap());
    }
    // The journal may have records of its own.
    events.retain(|event| matches!(event, Event::AuditRead(_) | Event::EpochBegan(_)));
    assert_eq!(events, [read("before"), read("between"), began.into(), read("after")]);
}

#[test]
fn no_epoch_begins_twice_or_behind_what_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    put(&state, "before");
    Ledger::open(&state).unwrap().settle().unwrap();
    let journal = folder.path().join(JOURNAL);
    let began = |epoch| {
        let (by, branch) = ("ann".to_owned(), Digest::default());
        EpochBegan { epoch, restored_seq: 1, restored_hash: Hash::default(), backup_time: 1, by, branch }
    };
    // As a server left it: with zeros behind the last record.
    let path = journal.join(files::segment_name(1));
    let bytes = whole_records(&journal, 1, &mut Chain::default()).unwrap();
    fs::write(&path, [&bytes[..], &[0; 100]].concat()).unwrap();
    assert!(epoch::begin(folder.path(), began(1), 2).is_err());
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(epoch::begin(folder.path(), began(1), 2).is_err());
    fs::write(&path, &bytes).unwrap();
    assert!(epoch::begin(folder.path(), began(0), 2).is_err());
    epoch::begin(folder.path(), began(1), 2).unwrap();
    assert!(epoch::begin(folder.path(), began(1), 2).is_err());
}

#[test]
fn no_backup_is_made_while_the_signing_key_is_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    put(&state, "before");
    Ledger::open(&state).unwrap().settle().unwrap();
    let to = tempfile::tempdir().unwrap();
    let file = to.path().join("backup.tar");
    let next = folder.path().join("signing.key.next");
    fs::write(&next, [7; 32]).unwrap();
    assert!(matches!(backup(&state, &file, true, SystemTime::now()), Err(BackupError::Rotating)));
    assert!(fs::read_dir(to.path()).unwrap().next().is_none());
    fs::remove_file(&next).unwrap();
    Ledger::open(&state).unwrap().rotate_signing_key("ann").unwrap();
    backup(&state, &file, true, SystemTime::now()).unwrap();
    let restored = to.path().join("restored");
    restore(&file, &restored, &std::collections::BTreeMap::from([("USER".to_owned(), "ann".to_owned())]), SystemTime::now()).unwrap();
    assert_eq!(keys::in_force(&restored).unwrap(), keys::in_force(folder.path()).unwrap());
}
