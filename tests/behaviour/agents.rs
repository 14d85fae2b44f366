//! Agents: revoked ones go at once, rotated ones stay, and each goes only where it may, as whom it may. Who is refused learns
//! nothing by it.

use crate::client::{Client, Login, query};
use crate::stage::{Stage, assert_silent, cluster, failure, farewell, leave, linked, role};

#[test]
fn a_revoked_agent_goes_at_once() {
    let stage = Stage::with("max_db_connections = 3");
    stage.database.sql("create table t(x int)");
    stage.teach(&stage.login);
    let other = stage.agent(&["other"]);
    let mut stays = linked(&other);
    let unlinked = stage.login.enter();
    let mut open = stage.linked();
    open.ask("begin; insert into t values (1)");
    let mut busy = stage.linked();
    busy.send(&query("insert into t select 2 from pg_sleep(600)")).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    let mut waiting = stage.login.enter();
    waiting.send(&query("insert into t values (3)")).unwrap();
    assert_silent(&mut waiting);

    stage.proxy.command(&["agent", "revoke"], &["agent"]);
    for client in [unlinked, open, busy, waiting] {
        farewell(client, "57P01", "the access of agent \"agent\" was revoked");
    }
    stage.await_backends("its links are gone", "true", 1);
    assert_eq!(stays.ask("select count(*) from t"), ["0"]);
    farewell(stage.login.proven(), "28P01", "password authentication failed for user \"agent\"");
    leave(stays);
}

#[test]
fn a_name_given_again_is_another_agent() {
    let stage = Stage::new();
    let session = stage.linked();
    stage.proxy.command(&["agent", "revoke"], &["agent"]);
    let again = stage.agent(&["agent"]);
    farewell(session, "57P01", "revoked");
    leave(linked(&again));
    farewell(stage.login.proven(), "28P01", "password");
}

#[test]
fn a_login_under_way_is_the_old_agents() {
    let stage = Stage::new();
    stage.teach(&stage.login);
    let mut coming = stage.login.knock();
    coming.send(&stage.login.startup()).unwrap();
    // It is asked for its proof, so it is known who must give it.
    coming.stream.peek(&mut [0]).unwrap();
    stage.proxy.command(&["agent", "revoke"], &["agent"]);
    let again = stage.agent(&["agent"]);
    stage.login.prove(&mut coming);
    farewell(coming, "28P01", "revoked");
    leave(linked(&again));
}

#[test]
fn a_rotated_agent_stays() {
    let stage = Stage::new();
    let mut session = stage.linked();
    let said = stage.proxy.command(&["agent", "rotate"], &["agent"]);
    let rotated = Login { password: Login::of(said.trim_end()).password, ..stage.login.clone() };
    assert_ne!(rotated.password, stage.login.password);
    farewell(stage.login.proven(), "28P01", "password authentication failed");
    leave(linked(&rotated));
    assert_silent(&mut session);
    assert_eq!(session.ask("select 1"), ["1"]);
    leave(session);
}

/// Everything that is said to a login up to its end, what is random left out.
fn dialogue(login: &Login) -> Vec<(u8, Vec<u8>)> {
    let mut client = login.knock();
    client.send(&login.startup()).unwrap();
    let mut said = vec![client.receive().unwrap()];
    let nonce = "abcdefghijklmnopqrstuvwx";
    let first = format!("n,,n=,r={nonce}");
    let length = u32::try_from(first.len()).unwrap();
    client.send(&crate::stage::say(b'p', &[b"SCRAM-SHA-256\0", &length.to_be_bytes()[..], first.as_bytes()].concat())).unwrap();
    let (tag, mut challenge) = client.receive().unwrap();
    let text = String::from_utf8(challenge.split_off(4)).unwrap();
    let [whole, salt, rounds] = text.split(',').collect::<Vec<_>>().try_into().unwrap();
    said.push((tag, challenge));
    said.push((0, format!("{} {} {rounds}", whole.len(), salt.len()).into_bytes()));
    // The right form with a wrong proof.
    let proof = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    client.send(&crate::stage::say(b'p', format!("c=biws,{whole},p={proof}").as_bytes())).unwrap();
    said.push((0, client.rest()));
    said
}

#[test]
fn a_failed_login_tells_nothing() {
    let stage = Stage::new();
    let elsewhere = stage.agent(&["bobby", "--from", "10.0.0.0/8"]);
    let gone = stage.agent(&["carla"]);
    stage.proxy.command(&["agent", "revoke"], &["carla"]);
    let wrong = dialogue(&stage.login);
    assert!(wrong.last().unwrap().1.windows(6).any(|code| code == b"C28P01"), "{wrong:?}");
    let unknown = Login { user: "nobod".to_owned(), ..stage.login.clone() };
    for login in [&unknown, &elsewhere, &gone] {
        let mut said = dialogue(login);
        // The name that was sent is said back.
        let (_, last) = said.last_mut().unwrap();
        *last = String::from_utf8_lossy(last).replace(&login.user, &stage.login.user).into_bytes();
        assert_eq!(said, wrong, "{}", login.user);
    }
    // Who was not let in for the network is not let in with the right password, and is told the same.
    farewell(elsewhere.proven(), "28P01", "password authentication failed for user \"bobby\"");
    leave(stage.linked());
}

#[test]
fn a_right_password_is_taken_after_wrong_ones() {
    let stage = Stage::new();
    let wrong = Login { password: "guessed".to_owned(), ..stage.login.clone() };
    for _ in 0..5 {
        farewell(wrong.proven(), "28P01", "password authentication failed");
    }
    leave(stage.linked());
}

#[test]
fn an_agent_comes_from_its_networks() {
    let stage = Stage::new();
    for (name, networks, welcome) in [
        ("near", &["--from", "127.0.0.0/8"][..], true),
        ("one", &["--from", "127.0.0.1"], true),
        ("several", &["--from", "10.0.0.0/8", "--from", "127.0.0.1/32"], true),
        ("far", &["--from", "10.0.0.0/8"], false),
        ("beside", &["--from", "127.0.0.2/32"], false),
        ("otherwise", &["--from", "::1/128"], false),
    ] {
        let login = stage.agent(&[&[name], networks].concat());
        if welcome {
            leave(linked(&login));
        } else {
            farewell(login.proven(), "28P01", "password authentication failed");
        }
    }
}

#[test]
fn an_agent_keeps_to_its_database() {
    let stage = Stage::new();
    let bound = stage.agent(&["bound", "--database", &stage.database.name]);
    let ask = |login: &Login| {
        let mut client = login.enter();
        let database = client.ask("select current_database()").remove(0);
        leave(client);
        database
    };
    let named = |login: &Login, database: &str| Login { database: database.to_owned(), ..login.clone() };
    for database in ["", "bound", &stage.database.name] {
        assert_eq!(ask(&named(&bound, database)), stage.database.name, "asked for {database:?}");
    }
    let told = farewell(named(&bound, "postgres").proven(), "42501", "may not use the database");
    assert!(told.words().contains(&stage.database.name), "{told:?}");
    // Who is bound to none may use any, and the URL's is what is meant by none.
    assert_eq!(ask(&named(&stage.login, "postgres")), "postgres");
    assert_eq!(ask(&named(&stage.login, "")), stage.database.name);
}

#[test]
fn an_agent_works_as_its_role() {
    let reader = role("its own");
    let stage = Stage::with(&format!("[upstream.roles.{reader}]\npassword = 'its own'"));
    let mut client = linked(&stage.agent(&["reads", "--role", &reader]));
    assert_eq!(client.ask("select current_user || ' ' || session_user"), [format!("{reader} {reader}")]);
    crate::stage::refused(&mut client, "reset role; set session authorization postgres", "42501");
    leave(client);
    let mut client = stage.linked();
    assert_eq!(client.ask("select current_user"), ["postgres"]);
    leave(client);

    let told = farewell(stage.agent(&["lost", "--role", "unknown_role"]).proven(), "28000", "no login at the server for this agent's role");
    assert!(!told.words().contains("unknown_role"), "{told:?}");
    assert!(stage.proxy.log().contains("unknown_role"), "{}", stage.proxy.log());
}

#[test]
fn roles_do_not_share_what_they_were_greeted_with() {
    let reader = role("its own");
    crate::support::sql(&cluster().url("postgres"), &format!("alter role {reader} set datestyle = 'German'"));
    let stage = Stage::with(&format!("[upstream.roles.{reader}]\npassword = 'its own'"));
    stage.teach(&stage.login);
    let agent = stage.agent(&["reads", "--role", &reader]);
    for login in [&agent, &agent] {
        let client: Client = login.enter();
        let style = client.greeting.iter().find_map(|(_, body)| body.strip_prefix(b"DateStyle\0"));
        assert_eq!(style, Some(&b"German, DMY\0"[..]));
        leave(client);
    }
}

#[test]
fn too_many_clients_are_told() {
    let stage = Stage::with("max_client_conn = 1");
    let one = stage.linked();
    let mut next = stage.login.proven();
    assert_eq!(failure(&mut next).code(), "53300");
    assert_eq!(next.rest(), b"");
    leave(one);
    crate::client::await_that("there is room again", || {
        let mut client = stage.login.proven();
        let first = client.until(b'R').len() + usize::from(client.receive().is_ok_and(|(tag, _)| tag == b'E'));
        first == 1
    });
}
