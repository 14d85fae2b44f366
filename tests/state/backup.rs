//! Backups: taken beside a writer, restored elsewhere, damaged in every part, interrupted.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use pgsluice::audit::event::{AuditRead, EpochBegan, Words};
use pgsluice::audit::segment::Walk;
use pgsluice::audit::{Event, Hash, Kind};
use pgsluice::host::agents::AgentDirectory;
use pgsluice::host::backup::{self, BackupError};
use pgsluice::host::journal::reader::{Entry, Reader};
use pgsluice::host::journal::{Journal, Options};
use pgsluice::host::ledger::{Keeper, Ledger};
use pgsluice::host::state::{ListenerRecord, State};

use super::House;

fn small() -> Options {
    Options { segment: 4 * 1024 * 1024, ..Options::default() }
}

/// The writer beside a backup writes no more than this, whatever happens.
const MOST: u64 = 100_000;

struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Some two thousand of them fill a segment.
fn event(number: u64) -> AuditRead {
    let body = Some(Box::new(Words { text: "x".repeat(2000) }));
    AuditRead { by: number.to_string(), what: "test".into(), body }
}

/// What a folder's journal holds; every record is checked against the one before.
fn record(folder: &Path) -> Vec<Entry> {
    let mut reader = Reader::open(folder, 1);
    let mut all = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        all.push(entry);
    }
    let mut names: Vec<_> = fs::read_dir(folder.join("journal")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|name| name.extension().is_some_and(|ending| ending == "seg"));
    names.sort();
    let mut end: Option<(u64, Hash)> = None;
    for name in names {
        let bytes = fs::read(name).unwrap();
        let (header, mut walk) = Walk::new(&bytes).unwrap();
        assert!(end.is_none_or(|end| end == (header.first_seq, header.previous)));
        while walk.step().unwrap().is_some() {}
        end = Some((walk.next_seq(), walk.previous()));
    }
    assert_eq!(end.unwrap().0, all.last().unwrap().seq + 1);
    all
}

fn began(entry: &Entry) -> EpochBegan {
    let Ok(Some(Event::EpochBegan(began))) = entry.event() else { panic!("{entry:?}") };
    began
}

fn restore(file: &Path, folder: &Path) -> Result<backup::Restored, BackupError> {
    let environment = BTreeMap::from([("SUDO_USER".to_owned(), "eve".to_owned())]);
    backup::restore(file, folder, &environment, SystemTime::UNIX_EPOCH)
}

fn small_backup(house: &House, name: &str) -> Vec<u8> {
    house.does("eve", &["agent", "add", "bot"]);
    house.does("eve", &["state", "backup", name]);
    fs::read(house.path(name)).unwrap()
}

#[test]
fn a_backup_beside_a_writer_is_a_prefix_and_goes_on_in_a_new_epoch() {
    let house = House::new();
    let state = house.state();
    let listener = ListenerRecord { address: "127.0.0.1".parse().unwrap(), port: 1, tls_required: false, database: None, web: None };
    state.record_listener(&listener).unwrap();
    let journal = Journal::open(state.folder(), small()).unwrap();
    let keeper = Keeper::start(Ledger::open(&state).unwrap(), Arc::clone(&journal)).unwrap();
    house.does("eve", &["agent", "add", "bot"]);
    let stop = AtomicBool::new(false);
    let taken = thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..MOST {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                journal.record(event(number)).unwrap();
            }
        });
        let _stop = StopAtEnd(&stop);
        // Each begins when there is a segment more than before.
        let mut end = journal.end();
        (1..=3)
            .map(|number| {
                while *end.borrow_and_update() < 3000 * number {
                    thread::yield_now();
                }
                let file = house.path(&format!("{number}.tar"));
                (backup::backup(&state, &file, true, SystemTime::UNIX_EPOCH).unwrap(), file)
            })
            .collect::<Vec<_>>()
    });
    drop(keeper);
    let old = record(state.folder());
    for (taken, file) in taken {
        assert!(taken.segments > 1, "{taken:?}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = file.with_extension("restored");
        let restored = restore(&file, &folder).unwrap();
        assert_eq!((restored.seq, restored.epoch, restored.keys), (taken.seq, 1, true));
        let new = record(&folder);
        let last = usize::try_from(taken.seq).unwrap();
        assert!(new[..last].iter().map(|entry| entry.hash).eq(old[..last].iter().map(|entry| entry.hash)));
        let began = began(&new[last]);
        assert_eq!((began.epoch, began.restored_seq, began.restored_hash, began.by.as_str()), (1, taken.seq, taken.hash, "eve"));
        assert_eq!(new.len(), last + 1);

        let state = State::open(&folder).unwrap();
        assert_eq!((state.epoch().unwrap(), state.listener().unwrap()), (1, None));
        assert!(AgentDirectory::open(&state).unwrap().lookup("bot").unwrap().is_some());
        assert!(house.does("eve", &["audit", "verify", "--state", folder.to_str().unwrap()]).contains(&format!("{}", restored.began)));
        // And it goes on.
        let journal = Journal::open(&folder, small()).unwrap();
        assert!(journal.record(event(1)).unwrap() > restored.began);
        journal.close().unwrap();
        assert!(record(&folder).len() > new.len());
        house.does("eve", &["audit", "verify", "--state", folder.to_str().unwrap()]);
    }
    assert_eq!((state.epoch().unwrap(), state.listener().unwrap()), (0, Some(listener)));
}

#[test]
fn one_backup_restored_twice_goes_on_in_two_ways() {
    let house = House::new();
    small_backup(&house, "b.tar");
    let restored = ["one", "two"].map(|name| {
        house.does("eve", &["state", "restore", "b.tar", "--state", name]);
        let folder = house.path(name);
        record(&folder).into_iter().find(|entry| entry.kind == Kind::EpochBegan).unwrap()
    });
    assert_eq!(restored[0].seq, restored[1].seq);
    assert!(began(&restored[0]).branch != began(&restored[1]).branch && restored[0].hash != restored[1].hash);
    // A restore of a restore is an epoch more.
    house.does("eve", &["state", "backup", "c.tar", "--state", "one"]);
    house.does("eve", &["state", "restore", "c.tar", "--state", "three"]);
    assert_eq!(State::open(&house.path("three")).unwrap().epoch().unwrap(), 2);
    let epochs: Vec<_> =
        record(&house.path("three")).iter().filter(|entry| entry.kind == Kind::EpochBegan).map(|entry| began(entry).epoch).collect();
    assert_eq!(epochs, [1, 2]);
}

#[test]
fn what_waited_to_be_recorded_is_recorded_after_the_restore() {
    let house = House::new();
    small_backup(&house, "a.tar");
    let journal = Journal::open(house.state().folder(), Options::default()).unwrap();
    assert_eq!(house.run("eve", &["agent", "revoke", "bot"]).code, Some(1));
    backup::backup(&house.state(), &house.path("b.tar"), true, SystemTime::UNIX_EPOCH).unwrap();
    drop(journal);
    let folder = house.path("restored");
    restore(&house.path("b.tar"), &folder).unwrap();
    Ledger::open(&State::open(&folder).unwrap()).unwrap().settle().unwrap();
    let changes: Vec<_> = record(&folder).into_iter().filter(|entry| entry.kind == Kind::AgentChanged).collect();
    assert_eq!(changes.len(), 2);
    let epoch = record(&folder).into_iter().find(|entry| entry.kind == Kind::EpochBegan).unwrap();
    assert!(changes[0].seq < epoch.seq && epoch.seq < changes[1].seq);
}

#[test]
fn keys_travel_unless_they_are_left_out() {
    let house = House::new();
    small_backup(&house, "with.tar");
    house.does("eve", &["state", "backup", "without.tar", "--without-keys"]);
    let key = |folder: &str, name: &str| fs::read(house.path(folder).join(name));
    for name in ["signing.key", "digest.key"] {
        assert!(!fs::read(house.path("without.tar")).unwrap().windows(32).any(|window| window == key("state", name).unwrap()));
    }
    assert!(house.does("eve", &["state", "restore", "with.tar", "--state", "with"]).contains("begins epoch 1"));
    assert!(house.run("eve", &["state", "restore", "without.tar", "--state", "without"]).err.contains("has no keys"));
    for name in ["signing.key", "digest.key"] {
        assert_eq!(key("with", name).unwrap(), key("state", name).unwrap());
        assert!(key("without", name).is_err());
        assert_eq!(fs::metadata(house.path("with").join(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_backup_that_was_changed_anywhere_is_refused() {
    let house = House::new();
    let sound = small_backup(&house, "b.tar");
    let target = house.path("restored");
    let refused = |bytes: &[u8], what: &str| {
        fs::write(house.path("bad.tar"), bytes).unwrap();
        let told = restore(&house.path("bad.tar"), &target);
        assert!(matches!(told, Err(BackupError::Damaged { .. })), "{what}: {told:?}");
        assert!(!target.exists(), "{what}");
    };
    let mut parts = Vec::new();
    for entry in tar::Archive::new(&sound[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let (name, size) = (entry.path().unwrap().display().to_string(), usize::try_from(entry.size()).unwrap());
        let (header, content) =
            (usize::try_from(entry.raw_header_position()).unwrap(), usize::try_from(entry.raw_file_position()).unwrap());
        // Its name, its size, its type; its beginning, its middle, its end.
        for position in [header, header + 130, header + 156, content, content + size / 2, content + size - 1] {
            let mut bytes = sound.clone();
            bytes[position] ^= 1;
            refused(&bytes, &format!("{name} at {position}"));
        }
        let end = content + size.next_multiple_of(512);
        refused(&[&sound[..header], &sound[end..]].concat(), &format!("without {name}"));
        refused(&[&sound[..end], &sound[header..]].concat(), &format!("{name} twice"));
        for cut in [header, header + 100, content + size / 2, content + size - 1] {
            refused(&sound[..cut], &format!("cut in {name} at {cut}"));
        }
        parts.push(name);
    }
    assert_eq!(parts, ["state.db", "journal/00000000000000000001.seg", "signing.key", "digest.key", "manifest.json", "manifest.sha256"]);
    restore(&house.path("b.tar"), &target).unwrap();
}

#[test]
fn nothing_is_taken_from_a_backup_that_does_not_belong_in_one() {
    let house = House::new();
    let sound = small_backup(&house, "b.tar");
    let outside = house.path("outside");
    for name in
        ["../outside", "journal/../../outside", outside.to_str().unwrap(), "journal/1.seg", "index.db", "journal/00000000000000000001.seg/"]
    {
        for kind in [tar::EntryType::Regular, tar::EntryType::Symlink, tar::EntryType::Directory] {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(kind);
            header.set_size(0);
            header.set_cksum();
            fs::write(house.path("bad.tar"), [header.as_bytes(), &sound[..]].concat()).unwrap();
            let told = restore(&house.path("bad.tar"), &house.path("restored"));
            assert!(matches!(told, Err(BackupError::Damaged { .. })), "{name}: {told:?}");
            assert!(!outside.exists() && !house.path("restored").exists(), "{name}");
        }
    }
}

#[test]
fn nothing_is_overwritten() {
    let house = House::new();
    let sound = small_backup(&house, "b.tar");
    assert!(house.refuses("eve", &["state", "backup", "b.tar"]).contains("overwrites nothing"));
    assert_eq!(fs::read(house.path("b.tar")).unwrap(), sound);
    fs::create_dir(house.path("full")).unwrap();
    fs::write(house.path("full/file"), "kept").unwrap();
    for full in ["full", "state"] {
        assert!(house.refuses("eve", &["state", "restore", "b.tar", "--state", full]).contains("is not empty"));
    }
    assert_eq!(fs::read_dir(house.path("full")).unwrap().count(), 1);
    fs::create_dir(house.path("empty")).unwrap();
    house.does("eve", &["state", "restore", "b.tar", "--state", "empty"]);
}

#[test]
fn who_does_not_administer_neither_backs_up_nor_restores() {
    let house = House::new();
    house.does("eve", &["people", "add", "ann", "--role", "auditor"]);
    house.does("eve", &["state", "backup", "b.tar"]);
    assert!(house.refuses("ann", &["state", "backup", "c.tar"]).contains("may not"));
    assert!(house.refuses("ann", &["state", "restore", "b.tar", "--state", "new"]).contains("may not"));
    assert!(!house.path("c.tar").exists() && !house.path("new").exists());
    let read: Vec<_> = house.record().into_iter().filter(|entry| entry.kind == Kind::AuditRead).collect();
    assert_eq!(read.len(), 1);
}

#[test]
fn a_backup_that_fails_or_is_killed_leaves_no_file_of_that_name() {
    let house = House::new();
    let state = house.state();
    let journal = Journal::open(state.folder(), Options::default()).unwrap();
    // More than the limits below let a file grow to.
    for number in 0..2000 {
        journal.record(event(number)).unwrap();
    }
    let keeper = Keeper::start(Ledger::open(&state).unwrap(), Arc::clone(&journal)).unwrap();
    let program = env!("CARGO_BIN_EXE_pgsluice");
    for (trap, killed) in [("trap '' XFSZ; ", false), ("", true)] {
        let script = format!("ulimit -c 0; ulimit -f 4096; {trap}exec {program} state backup b.tar");
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &script]).env_clear().env("PGSLUICE_STATE", house.path("state")).env("SUDO_USER", "eve");
        let ended = command.current_dir(house.folder.path()).stdin(Stdio::null()).output().unwrap();
        assert_eq!(ended.status.code(), (!killed).then_some(1), "{ended:?}");
        assert!(!house.path("b.tar").exists());
        assert_eq!(house.path("b.tar.partial").exists(), killed);
    }
    // While one is being made no other one is; what was left is used again.
    let partial = File::open(house.path("b.tar.partial")).unwrap();
    partial.try_lock().unwrap();
    assert!(house.refuses("eve", &["state", "backup", "b.tar"]).contains("is being made"));
    drop(partial);
    house.does("eve", &["state", "backup", "b.tar"]);
    let left: Vec<_> = fs::read_dir(house.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    drop(keeper);
    restore(&house.path("b.tar"), &house.path("restored")).unwrap();
    assert!(record(&house.path("restored")).len() > 2000);
}

#[test]
fn a_damaged_journal_is_not_backed_up_as_if_it_were_sound() {
    let house = House::new();
    small_backup(&house, "a.tar");
    let path = house.path("state/journal/00000000000000000001.seg");
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let told = backup::backup(&house.state(), &house.path("b.tar"), true, SystemTime::UNIX_EPOCH);
    assert!(matches!(told, Err(BackupError::Journal(_))), "{told:?}");
    assert!(!house.path("b.tar").exists() && !house.path("b.tar.partial").exists());
}
