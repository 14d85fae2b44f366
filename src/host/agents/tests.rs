use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::*;
use crate::host::secret::Secret;
use crate::host::state::State;

struct House {
    _folder: tempfile::TempDir,
    state: State,
    store: AgentStore,
}

fn house() -> House {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let store = AgentStore::open(&state).unwrap();
    House { _folder: folder, state, store }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn named(name: &str) -> NewAgent {
    NewAgent { name: name.to_owned(), owner: "ann".to_owned(), ..NewAgent::default() }
}

#[test]
fn an_added_agent_is_found_with_everything_and_its_password_fits() {
    let mut house = house();
    let directory = AgentDirectory::open(&house.state).unwrap();
    assert_eq!(directory.lookup("bot").unwrap(), None);
    let new = NewAgent {
        database: Some("shop".to_owned()),
        role: Some("reader".to_owned()),
        environment: Some("staging".to_owned()),
        networks: vec!["10.1.2.3/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
        ..named("bot")
    };
    let password = house.store.add(&new, "eve", at(0)).unwrap();
    assert_eq!(password.expose().len(), 32);
    let agent = directory.lookup("bot").unwrap().unwrap();
    assert_eq!((agent.owner.as_str(), agent.database.as_deref(), agent.role.as_deref()), ("ann", Some("shop"), Some("reader")));
    assert_eq!((agent.environment.as_deref(), agent.epoch), (Some("staging"), 1));
    assert!(agent.verifier.fits(&password) && !agent.verifier.fits(&Secret::new("x")));
    for (address, allowed) in [("10.9.9.9", true), ("::ffff:10.9.9.9", true), ("fd12::1", true), ("11.0.0.1", false), ("::1", false)] {
        assert_eq!(agent.may_connect_from(address.parse().unwrap()), allowed, "{address}");
    }
    assert!(!format!("{agent:?}{directory:?}").contains(&agent.verifier.to_string()));
}

#[test]
fn a_rotation_changes_the_password_and_a_revocation_ends_the_agent() {
    let mut house = house();
    let directory = AgentDirectory::open(&house.state).unwrap();
    let first = house.store.add(&named("bot"), "eve", at(10)).unwrap();
    let (second, database) = house.store.rotate("bot", "eve", at(20)).unwrap();
    assert_eq!(database, None);
    let agent = directory.lookup("bot").unwrap().unwrap();
    assert!(agent.verifier.fits(&second) && !agent.verifier.fits(&first));
    assert_eq!(agent.epoch, 2);
    house.store.revoke("bot", "eve", at(30)).unwrap();
    assert_eq!(directory.lookup("bot").unwrap(), None);
    assert!(matches!(house.store.revoke("bot", "eve", at(31)), Err(AgentError::Unknown(_))));
    assert!(matches!(house.store.rotate("bot", "eve", at(31)), Err(AgentError::Unknown(_))));

    house.store.add(&named("bot"), "eve", at(40)).unwrap();
    assert_eq!(directory.lookup("bot").unwrap().unwrap().epoch, 4);
    assert!(matches!(house.store.add(&named("bot"), "eve", at(41)), Err(AgentError::Exists(_))));
    let listed = house.store.list(true).unwrap();
    let times: Vec<_> = listed.iter().map(|agent| (agent.created.as_str(), agent.rotated.as_deref(), agent.revoked.as_deref())).collect();
    assert_eq!(
        times,
        [("1970-01-01T00:00:10Z", Some("1970-01-01T00:00:20Z"), Some("1970-01-01T00:00:30Z")), ("1970-01-01T00:00:40Z", None, None)]
    );
    assert_eq!(house.store.list(false).unwrap().len(), 1);
}

#[test]
fn who_was_revoked_is_gone_also_when_nobody_knew_of_it_before() {
    let mut house = house();
    let directory = AgentDirectory::open(&house.state).unwrap();
    let all: Vec<(i64, Arc<str>)> = (1..=4).map(|id| (id, Arc::from("bot"))).collect();
    let live = |expected: &[i64]| {
        let gone = directory.gone(all.clone()).unwrap();
        let live: Vec<i64> = all.iter().filter(|one| !gone.contains(one)).map(|(id, _)| *id).collect();
        assert_eq!(live, expected);
    };
    live(&[]);
    house.store.add(&named("bot"), "eve", at(0)).unwrap();
    live(&[1]);
    house.store.rotate("bot", "eve", at(1)).unwrap();
    live(&[1]);
    // Revoked and added again, and that twice, between two looks.
    for time in [2, 4] {
        house.store.revoke("bot", "eve", at(time)).unwrap();
        house.store.add(&named("bot"), "eve", at(time + 1)).unwrap();
    }
    live(&[3]);
    house.store.revoke("bot", "eve", at(6)).unwrap();
    live(&[]);
}

#[test]
fn unknown_names_have_verifiers_of_their_own_that_outlive_the_process() {
    let house = house();
    let directory = AgentDirectory::open(&house.state).unwrap();
    let mock = directory.mock_verifier("nobody");
    assert_eq!(mock, AgentDirectory::open(&house.state).unwrap().mock_verifier("nobody"));
    assert_ne!(mock.salt(), directory.mock_verifier("somebody").salt());
    let real = Verifier::new(&Secret::new("x")).unwrap();
    assert_eq!((mock.salt().len(), mock.iterations()), (real.salt().len(), real.iterations()));
    let other = self::house();
    assert_ne!(mock.salt(), AgentDirectory::open(&other.state).unwrap().mock_verifier("nobody").salt());
}

#[test]
fn an_agent_that_cannot_be_read_cannot_log_in_and_does_not_lock_out_the_others() {
    let mut house = house();
    house.store.add(&NewAgent { networks: vec!["10.0.0.0/8".parse().unwrap()], ..named("broken") }, "eve", at(0)).unwrap();
    house.store.add(&named("bot"), "eve", at(0)).unwrap();
    house.state.connect().unwrap().execute("UPDATE agent_networks SET network = 'somewhere'", ()).unwrap();
    let directory = AgentDirectory::open(&house.state).unwrap();
    assert_eq!(directory.lookup("broken").unwrap(), None);
    assert!(directory.lookup("bot").unwrap().is_some());
}

#[test]
fn lookups_from_many_threads_see_a_revocation_as_soon_as_it_is_made() {
    let mut house = house();
    let directory = AgentDirectory::open(&house.state).unwrap();
    house.store.add(&named("bot"), "eve", at(0)).unwrap();
    let revoked = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let ended = revoked.load(std::sync::atomic::Ordering::SeqCst);
                    let found = directory.lookup("bot").unwrap();
                    if ended {
                        assert_eq!(found, None);
                        break;
                    }
                }
            });
        }
        house.store.revoke("bot", "eve", at(1)).unwrap();
        revoked.store(true, std::sync::atomic::Ordering::SeqCst);
    });
}

#[test]
fn names_are_checked() {
    let mut house = house();
    for good in ["a", "Billing Agent", "bot@team", "émile", &"x".repeat(63)] {
        house.store.add(&named(good), "eve", at(0)).unwrap();
    }
    for bad in ["", " a", "a ", "a\nb", "a\0b", "\u{202e}evil", "zero\u{200b}width", "e\u{301}", "non\u{a0}breaking", &"x".repeat(64)] {
        assert!(matches!(house.store.add(&named(bad), "eve", at(0)), Err(AgentError::Name(_))), "{bad:?}");
    }
    let owner = NewAgent { owner: "\u{1b}[31m".to_owned(), ..named("b") };
    assert!(matches!(house.store.add(&owner, "eve", at(0)), Err(AgentError::Words(_))));
    let role = NewAgent { role: Some(String::new()), ..named("b") };
    assert!(matches!(house.store.add(&role, "eve", at(0)), Err(AgentError::Name(_))));
}
