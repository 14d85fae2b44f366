use std::time::UNIX_EPOCH;

use super::*;

fn person(name: &str, role: Role) -> NewPerson {
    NewPerson { name: name.to_owned(), role, os_user: name.to_lowercase() }
}

#[test]
fn what_each_role_may_do() {
    use Capability::*;
    let may = |role: Role| [ReadAudit, Decide, SignOff, Administer].map(|what| role.may(what));
    assert_eq!(Role::ALL.map(may), [[true, false, false, false], [true, true, true, false], [true; 4]]);
    for role in Role::ALL {
        assert_eq!(role.word().parse(), Ok(role));
    }
    assert_eq!("Auditor".parse::<Role>(), Err(NotARole));
}

#[test]
fn who_acts() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = PeopleStore::open(&State::open(folder.path()).unwrap()).unwrap();
    let acting = |store: &PeopleStore, user: &str, owns| store.acting(user.to_owned(), owns).map(|acting| (acting.by(), acting.role));

    // Nobody is on the list.
    assert_eq!(acting(&store, "eve", false).unwrap(), ("eve".to_owned(), Role::Administrator));
    store.add(&person("Ann", Role::Administrator), "eve", UNIX_EPOCH).unwrap();
    store.add(&person("Bob", Role::Auditor), "Ann", UNIX_EPOCH).unwrap();
    assert_eq!(acting(&store, "ann", false).unwrap(), ("Ann".to_owned(), Role::Administrator));
    assert_eq!(acting(&store, "eve", true).unwrap(), ("eve (operator)".to_owned(), Role::Administrator));
    assert!(matches!(acting(&store, "eve", false), Err(PeopleError::Stranger { user }) if user == "eve"));
    // Owning the folder makes no auditor an administrator.
    assert_eq!(acting(&store, "bob", true).unwrap(), ("Bob".to_owned(), Role::Auditor));
    let bob = store.acting("bob".to_owned(), true).unwrap();
    assert!(bob.require(Capability::ReadAudit).is_ok());
    let refused = bob.require(Capability::Administer).unwrap_err().to_string();
    assert_eq!(refused, "Bob is auditor here and may not do what administrators do; `pgsluice people list` shows who may");

    for forged in ["eve (operator)", "e\nve", "", &"x".repeat(64)] {
        assert!(matches!(acting(&store, forged, true), Err(PeopleError::Name(_))), "{forged:?}");
        assert!(matches!(store.add(&person(forged, Role::Auditor), "Ann", UNIX_EPOCH), Err(PeopleError::Name(_))), "{forged:?}");
    }
    store.remove("Bob", "Ann", UNIX_EPOCH).unwrap();
    assert!(matches!(acting(&store, "bob", false), Err(PeopleError::Stranger { .. })));
}

#[test]
fn the_list_of_people_and_what_is_put_down_about_it() {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let mut store = PeopleStore::open(&state).unwrap();
    store.add(&person("Ann", Role::Reviewer), "eve", UNIX_EPOCH).unwrap();
    assert!(matches!(store.add(&person("Ann", Role::Auditor), "eve", UNIX_EPOCH), Err(PeopleError::Exists(_))));
    let twin = NewPerson { os_user: "ann".to_owned(), ..person("Other", Role::Auditor) };
    assert!(matches!(store.add(&twin, "eve", UNIX_EPOCH), Err(PeopleError::UserTaken { person, .. }) if person == "Ann"));
    assert!(matches!(store.remove("Bob", "eve", UNIX_EPOCH), Err(PeopleError::Unknown(_))));
    store.remove("Ann", "eve", UNIX_EPOCH).unwrap();
    store.add(&person("Ann", Role::Administrator), "eve", UNIX_EPOCH).unwrap();
    let listed: Vec<_> = store.list(true).unwrap().into_iter().map(|one| (one.name, one.role, one.removed.is_some())).collect();
    assert_eq!(listed, [("Ann".to_owned(), "reviewer".to_owned(), true), ("Ann".to_owned(), "administrator".to_owned(), false)]);
    assert_eq!(store.list(false).unwrap().len(), 1);
    // Only what was done is put down.
    let waiting: i64 = state.connect().unwrap().query_row("SELECT count(*) FROM outbox", (), |row| row.get(0)).unwrap();
    assert_eq!(waiting, 3);
}

#[test]
fn the_human_behind_sudo_acts() {
    let environment = |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(current_user(&environment(&[("SUDO_USER", "ann"), ("USER", "root")])).as_deref(), Some("ann"));
    assert_eq!(current_user(&environment(&[("SUDO_USER", "")])), system_user());
}
