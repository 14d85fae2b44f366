use super::*;
use crate::audit::event::{Change, PersonChanged};
use crate::host::journal::reader::Entry;

fn house() -> (tempfile::TempDir, State) {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    (folder, state)
}

fn small() -> Options {
    Options { segment: 1024 * 1024, ..Options::default() }
}

fn ledger(state: &State) -> Ledger {
    Ledger::open(state).unwrap().with(small())
}

fn event(person: &str) -> Event {
    PersonChanged { change: Change::Added, person: person.to_owned(), role: "auditor".to_owned(), by: "ann".to_owned(), os_user: None }
        .into()
}

fn put(state: &State, person: &str) {
    outbox::put(&state.connect().unwrap(), SystemTime::now(), &event(person)).unwrap().unwrap();
}

fn entries(state: &State) -> Vec<Entry> {
    let mut reader = Reader::open(state.folder(), 1);
    let mut all = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        all.push(entry);
    }
    all
}

/// Who was added, by the record.
fn people(state: &State) -> Vec<String> {
    let names = entries(state).into_iter().filter_map(|entry| match entry.event() {
        Ok(Some(Event::PersonChanged(changed))) => Some(changed.person),
        _ => None,
    });
    names.collect()
}

fn waiting(state: &State) -> i64 {
    state.connect().unwrap().query_row("SELECT count(*) FROM outbox", (), |row| row.get(0)).unwrap()
}

#[test]
fn what_is_put_down_is_recorded_in_its_order_with_the_time_it_happened() {
    let (_folder, state) = house();
    for number in 0..600 {
        put(&state, &number.to_string());
    }
    let journal = Journal::open(state.folder(), small()).unwrap();
    assert_eq!(ledger(&state).drain(&journal).unwrap(), 600);
    assert_eq!(ledger(&state).drain(&journal).unwrap(), 0);
    assert_eq!(people(&state), (0..600).map(|number| number.to_string()).collect::<Vec<_>>());
    let origins: Vec<_> = entries(&state).iter().filter_map(|entry| entry.origin().unwrap().map(|origin| (origin, entry.time))).collect();
    assert!(origins.is_sorted_by_key(|(origin, _)| origin.outbox));
    assert!(origins.iter().all(|(origin, recorded)| origin.time <= *recorded && origin.time > 1_700_000_000_000_000));
    assert_eq!(waiting(&state), 0);
}

#[test]
fn a_crash_between_the_two_halves_of_a_move_records_nothing_twice() {
    let (_folder, state) = house();
    // The move stops after the first half, twice; then after some records of one.
    for round in 0..2 {
        put(&state, &format!("a{round}"));
        put(&state, &format!("b{round}"));
        let journal = Journal::open(state.folder(), small()).unwrap();
        journal.record(event("of the server")).unwrap();
        assert!(ledger(&state).copy(&journal).unwrap().is_some());
    }
    put(&state, "c");
    put(&state, "d");
    {
        let connection = state.connect().unwrap();
        let journal = Journal::open(state.folder(), small()).unwrap();
        let waiting = outbox::oldest(&connection, BATCH).unwrap().unwrap();
        let c = waiting.iter().nth_back(1).unwrap();
        journal.record_encoded(c.kind, &c.encoded).unwrap();
    }
    assert_eq!(waiting(&state), 6);
    ledger(&state).settle().unwrap();
    assert_eq!(people(&state), ["of the server", "a0", "b0", "of the server", "a1", "b1", "c", "d"]);
    assert_eq!(waiting(&state), 0);
    // The next move begins anew.
    put(&state, "e");
    ledger(&state).settle().unwrap();
    assert_eq!(people(&state).last().unwrap(), "e");
}

#[test]
fn ids_are_not_used_again_after_the_outbox_was_empty() {
    let (_folder, state) = house();
    for person in ["a", "b"] {
        put(&state, person);
        ledger(&state).settle().unwrap();
    }
    let ids: Vec<_> = entries(&state).iter().filter_map(|entry| entry.origin().unwrap()).map(|origin| origin.outbox).collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn the_server_records_what_commands_put_down_and_they_wait_for_it() {
    let (_folder, state) = house();
    let journal = Journal::open(state.folder(), small()).unwrap();
    let keeper = Keeper::start(ledger(&state), Arc::clone(&journal)).unwrap();
    thread::scope(|scope| {
        for command in 0..4 {
            let state = &state;
            scope.spawn(move || {
                for number in 0..5 {
                    ledger(state).record(SystemTime::now(), event(&format!("{command}.{number}"))).unwrap();
                    assert!(people(state).contains(&format!("{command}.{number}")));
                }
            });
        }
    });
    put(&state, "the last");
    drop(keeper);
    let mut found = people(&state);
    assert_eq!(found.pop().unwrap(), "the last");
    found.sort();
    found.dedup();
    assert_eq!((found.len(), waiting(&state)), (20, 0));
}

#[test]
fn commands_without_a_server_record_for_one_another() {
    let (_folder, state) = house();
    thread::scope(|scope| {
        for command in 0..4 {
            let state = &state;
            scope.spawn(move || {
                for number in 0..5 {
                    ledger(state).record(SystemTime::now(), event(&format!("{command}.{number}"))).unwrap();
                    assert!(people(state).contains(&format!("{command}.{number}")));
                }
            });
        }
    });
    assert_eq!((people(&state).len(), waiting(&state)), (20, 0));
    let mut found = people(&state);
    found.sort();
    found.dedup();
    assert_eq!(found.len(), 20);
}

#[test]
fn a_command_that_nobody_answers_says_so_and_its_event_is_recorded_later() {
    let (_folder, state) = house();
    let journal = Journal::open(state.folder(), small()).unwrap();
    put(&state, "a");
    assert!(matches!(ledger(&state).settle_within(Duration::ZERO), Err(LedgerError::Unanswered)));
    assert_eq!((people(&state).len(), waiting(&state)), (0, 1));
    drop(journal);
    ledger(&state).settle().unwrap();
    assert_eq!(people(&state), ["a"]);
}

#[test]
fn a_change_that_is_not_committed_is_not_recorded() {
    let (_folder, state) = house();
    let mut connection = state.connect().unwrap();
    let transaction = connection.transaction().unwrap();
    outbox::put(&transaction, SystemTime::now(), &event("a")).unwrap().unwrap();
    drop(transaction);
    put(&state, "b");
    ledger(&state).settle().unwrap();
    assert_eq!(people(&state), ["b"]);
}

#[test]
fn a_full_outbox_and_an_event_too_long_are_refused() {
    let (_folder, state) = house();
    let connection = state.connect().unwrap();
    let long = event(&"x".repeat(20_000));
    assert_eq!(outbox::put(&connection, SystemTime::now(), &long).unwrap(), Err(OutboxError::TooLong));
    put(&state, "a");
    connection.execute("UPDATE outbox SET id = 1", ()).unwrap();
    let row = "INSERT INTO outbox (id, time, kind, facts, body) SELECT ?1, time, kind, facts, body FROM outbox LIMIT 1";
    connection.execute(row, [outbox::MOST_WAITING - 1]).unwrap();
    assert_eq!(outbox::put(&connection, SystemTime::now(), &event("b")).unwrap(), Ok(()));
    assert_eq!(outbox::put(&connection, SystemTime::now(), &event("c")).unwrap(), Err(OutboxError::Full));
}

#[test]
fn an_event_that_cannot_be_read_is_neither_recorded_nor_forgotten() {
    let (_folder, state) = house();
    put(&state, "a");
    state.connect().unwrap().execute("UPDATE outbox SET facts = x'ff'", ()).unwrap();
    let settled = ledger(&state).settle_within(Duration::ZERO);
    assert!(matches!(settled, Err(LedgerError::Unreadable)), "{settled:?}");
    assert_eq!(waiting(&state), 1);
}

#[test]
fn no_words_stay_in_the_database() {
    let (folder, state) = house();
    let secret = "the words of a person";
    put(&state, secret);
    let holds = || {
        let files = ["state.db", "state.db-wal"];
        files.iter().any(|name| {
            std::fs::read(folder.path().join(name)).is_ok_and(|bytes| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
        })
    };
    assert!(holds());
    ledger(&state).settle().unwrap();
    assert!(!holds());
}

fn keys_named(state: &State) -> Vec<(Option<Hash>, Hash, Option<String>)> {
    let named = entries(state).into_iter().filter_map(|entry| match entry.event() {
        Ok(Some(Event::KeyChanged(changed))) => Some((changed.previous, changed.key, changed.by)),
        _ => None,
    });
    named.collect()
}

#[test]
fn the_signing_key_is_rotated_by_the_server_or_by_the_command() {
    let (_folder, state) = house();
    assert!(matches!(ledger(&state).rotate_signing_key("ann"), Err(LedgerError::NoKey(_))));
    let journal = Journal::open(state.folder(), small()).unwrap();
    let keeper = Keeper::start(ledger(&state), Arc::clone(&journal)).unwrap();
    let first = ledger(&state).rotate_signing_key("ann").unwrap();
    drop(keeper);
    journal.close().unwrap();
    drop(journal);
    let second = ledger(&state).rotate_signing_key("bob").unwrap();
    assert_eq!((first.new, keys::in_force(state.folder()).unwrap()), (second.old, Some(second.new)));
    let expected = [
        (None, first.old, None),
        (Some(first.old), first.new, Some("ann".to_owned())),
        (Some(second.old), second.new, Some("bob".to_owned())),
    ];
    assert_eq!(keys_named(&state), expected);
}

#[test]
fn a_request_for_a_new_key_is_carried_out_once_whatever_was_cut_short() {
    let (_folder, state) = house();
    let journal = Journal::open(state.folder(), small()).unwrap();
    let old = keys::in_force(state.folder()).unwrap().unwrap();
    let connection = state.connect().unwrap();
    // Two who ask at a time; and the end comes after the key was rotated, before the request is gone.
    rotation::ask(&connection, old, "ann").unwrap();
    rotation::ask(&connection, old, "bob").unwrap();
    journal.rotate_signing_key(old, "ann").unwrap();
    drop(journal);
    let new = keys::in_force(state.folder()).unwrap().unwrap();
    put(&state, "a");
    ledger(&state).settle().unwrap();
    assert!(!rotation::waits(&connection, old).unwrap());
    assert_eq!(keys_named(&state), [(None, old, None), (Some(old), new, Some("ann".to_owned()))]);
}

#[test]
fn a_signing_key_that_was_replaced_below_the_server_is_not_rotated() {
    let (_folder, state) = house();
    let journal = Journal::open(state.folder(), small()).unwrap();
    std::fs::write(state.folder().join("signing.key"), [7; 32]).unwrap();
    let keeper = Keeper::start(ledger(&state), Arc::clone(&journal)).unwrap();
    assert!(matches!(ledger(&state).rotate_signing_key("ann"), Err(LedgerError::Replaced)));
    drop(keeper);
    assert_eq!(keys_named(&state).len(), 1);
}
