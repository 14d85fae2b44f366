//! Who came and went, and that nothing of what they typed as a value stays behind.

use std::fs;
use std::path::Path;
use std::thread;

use pgsluice::audit::Event;
use pgsluice::audit::event::Change;

use crate::client::{Client, Login, SYNC, await_that, query};
use crate::recorded;
use crate::stage::{Stage, leave, linked, say, story};

fn has(stage: &Stage, test: impl Fn(&Event) -> bool) -> bool {
    recorded::all(&stage.proxy.state()).iter().any(|(_, event)| test(event))
}

#[test]
fn sign_in_and_sign_out() {
    let stage = Stage::new();
    let mut client = stage.login.with("application_name", "billing run").enter();
    client.ask("select 1");
    client.ask("select 2");
    leave(client);
    let out = |event: &Event| matches!(event, Event::SignedOut(_));
    await_that("the end is on the record", || has(&stage, out));
    let record = recorded::all(&stage.proxy.state());
    let (entry, who) =
        record.iter().find_map(|(entry, event)| if let Event::SignedIn(who) = event { Some((entry, who)) } else { None }).unwrap();
    assert_eq!((who.agent.as_str(), who.owner.as_str(), &who.database), ("agent", "tester", &stage.database.name));
    assert_eq!((who.role.as_str(), who.address.as_deref(), who.tls), ("postgres", Some("127.0.0.1"), false));
    assert_eq!(who.body.as_ref().unwrap().application.as_deref(), Some("billing run"));
    assert!(who.process_id != 0);
    let Event::SignedOut(out) = &record.iter().find(|(_, event)| out(event)).unwrap().1 else { unreachable!() };
    assert_eq!((out.session, out.executions, out.code.as_deref()), (entry.seq, 2, None));
    assert!(record.iter().any(|(_, event)| matches!(event, Event::Started(_))));
    assert!(
        record
            .iter()
            .any(|(_, event)| matches!(event, Event::AgentChanged(change) if change.agent == "agent" && change.change == Change::Added))
    );
}

#[test]
fn denied_sign_ins() {
    let stage = Stage::new();
    let wrong = Login { password: "wrong".to_owned(), ..stage.login.clone() };
    let stranger = Login { user: "nobody-here".to_owned(), ..stage.login.clone() };
    let elsewhere = stage.agent(&["far", "--from", "10.9.8.0/24"]);
    for (login, agent, code) in [(wrong, Some("agent"), "28P01"), (stranger, None, "28P01"), (elsewhere, Some("far"), "28P01")] {
        assert_eq!(login.proven().error(), code);
        let denied = |event: &Event| match event {
            Event::Denied(denied) => denied.body.as_ref().is_some_and(|words| words.text == login.user),
            _ => false,
        };
        await_that("the denial is on the record", || has(&stage, denied));
        let record = recorded::all(&stage.proxy.state());
        let Event::Denied(denied) = &record.iter().find(|(_, event)| denied(event)).unwrap().1 else { unreachable!() };
        assert_eq!((denied.agent.as_deref(), denied.code.as_ref(), denied.address.as_deref()), (agent, code, Some("127.0.0.1")));
    }
    assert!(!has(&stage, |event| matches!(event, Event::SignedIn(_))));
}

/// Each session has its own numbers, and none has another's.
#[test]
fn several_sessions_at_once() {
    const SESSIONS: usize = 6;
    const STATEMENTS: u64 = 40;
    let stage = Stage::new();
    thread::scope(|scope| {
        for _ in 0..SESSIONS {
            scope.spawn(|| {
                let mut client = linked(&stage.login);
                for _ in 1..STATEMENTS {
                    client.ask("select 1");
                }
                leave(client);
            });
        }
    });
    await_that("all have signed out", || {
        recorded::all(&stage.proxy.state()).iter().filter(|(_, event)| matches!(event, Event::SignedOut(_))).count() == SESSIONS
    });
    let record = recorded::all(&stage.proxy.state());
    let sessions: Vec<u64> = record.iter().filter(|(_, event)| matches!(event, Event::SignedIn(_))).map(|(entry, _)| entry.seq).collect();
    assert_eq!(sessions.len(), SESSIONS);
    for session in sessions {
        let of: Vec<_> = record.iter().filter(|(entry, event)| recorded::session(entry, event) == Some(session)).cloned().collect();
        let told = recorded::story(&of);
        let mut expected: Vec<_> =
            (1..=STATEMENTS).flat_map(|n| [format!("begun {n} query"), format!("ended {n} completed SELECT rows 1 affected 1")]).collect();
        expected.push(format!("signed out after {STATEMENTS}"));
        assert_eq!(told, expected);
    }
    let found = recorded::verify(&stage.proxy.state());
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// A value in each form that it could have been written down in.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![secret.as_bytes().to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes(), utf16]
}

/// Every planted value has this in it.
const PLANTED: &str = "-Zebra7391";

fn assert_nowhere(state: &Path) {
    assert_absent(state, PLANTED);
}

fn assert_absent(state: &Path, planted: &str) {
    let mut paths = Vec::new();
    files(state, &mut paths);
    assert!(paths.iter().any(|path| path.extension().is_some_and(|extension| extension == "seg")), "{paths:?}");
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        for form in forms(planted) {
            let at = memchr::memmem::find(&bytes, &form);
            assert_eq!(at, None, "{} holds {}", path.display(), String::from_utf8_lossy(&form));
        }
    }
}

#[test]
fn no_value_is_on_disk_where_shapes_are_kept() {
    let stage = Stage::with("[audit]\nkeep_sql = \"shape\"\n");
    stage.database.sql("create table t(x text primary key)");
    let mut client = stage.linked();
    let mut number = 0;
    let mut secret = || {
        number += 1;
        format!("hush-{number:02}{PLANTED}")
    };
    let mut ask = |sql: String| {
        client.send(&query(&sql)).unwrap();
        story(&mut client)
    };
    for text in [
        "select '$'",
        "select 'a' || $q$$$q$",
        "insert into t values (e'$')",
        "select U&'$'",
        "selec '$'",
        "select 1 where '$' = '$' -- '$'",
    ] {
        ask(text.replace('$', &secret()));
    }
    ask(format!("select $${}$$", secret()));
    // What the server's errors repeat.
    assert_eq!(ask(format!("select '{}'::int", secret())), "E=22P02 Z=I");
    let key = secret();
    ask(format!("insert into t values ('{key}')"));
    assert_eq!(ask(format!("insert into t values ('{key}')")), "E=23505 Z=I");
    // What it never finds the end of, and what comes behind.
    ask(format!("select '{} and on", secret()));
    ask(format!("select 1; /* open {}", secret()));
    let (text, binary, failing) = (secret(), secret(), secret());
    let parse = say(b'P', b"\0select $1::text\0\0\0");
    let bind = |format: u8, value: &str| {
        let length = u32::try_from(value.len()).unwrap().to_be_bytes();
        say(b'B', &[b"\0\0\0\x01\0", &[format][..], b"\0\x01", &length, value.as_bytes(), b"\0\0"].concat())
    };
    let execute = say(b'E', b"\0\0\0\0\0");
    for (format, value) in [(0, &text), (1, &binary)] {
        client.send(&[&parse[..], &bind(format, value), &execute, SYNC].concat()).unwrap();
        assert_eq!(story(&mut client), "1 2 D C Z=I");
    }
    client.send(&[&say(b'P', b"\0select $1::int\0\0\0")[..], &bind(0, &failing), &execute, SYNC].concat()).unwrap();
    assert_eq!(story(&mut client), "1 E=22P02 Z=I");
    client.send(&query("copy t from stdin")).unwrap();
    client.until(b'G');
    client.send(&[say(b'd', format!("{}\n", secret()).as_bytes()), say(b'c', b"")].concat()).unwrap();
    assert_eq!(story(&mut client), "C Z=I");
    let dropped = secret();
    client.send(&query(&format!("select pg_sleep(600), '{dropped}'"))).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    drop(client);
    await_that("the end is on the record", || has(&stage, |event| matches!(event, Event::SignedOut(_))));
    let wrong = Login { password: secret(), ..stage.login.clone() };
    let mut denied: Client = wrong.proven();
    denied.error();
    assert_nowhere(&stage.proxy.state());
    // The same search finds what is there.
    for form in forms(PLANTED) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("1.seg"), [b"x", &form[..]].concat()).unwrap();
        assert!(std::panic::catch_unwind(|| assert_nowhere(folder.path())).is_err());
    }
}

/// By default texts and parameters are kept: without what is sensitive in them, and with the rest.
#[test]
fn what_is_sensitive_is_not_on_disk_where_texts_are_kept() {
    const MAIL: &str = "zebra7391.mail@example.com";
    const CARD: &str = "4539578763621486";
    const NAME: &str = "Zebrowska-Quill";
    let stage = Stage::new();
    stage.database.sql("create table people(id int, email text, last_name text, note text)");
    let mut client = stage.linked();
    let ask = |client: &mut Client, sql: &str| {
        client.send(&query(sql)).unwrap();
        story(client)
    };
    ask(&mut client, &format!("insert into people values (1, '{MAIL}', 'x', 'pays with {CARD}')"));
    ask(&mut client, &format!("insert into people (id, last_name) values (2, '{NAME}')"));
    ask(&mut client, &format!("select id from people where last_name = '{NAME}' and note = 'kept as it is'"));
    ask(&mut client, &format!("select 1 -- asked by {MAIL}"));
    let parse = say(b'P', b"\0select id from people where email = $1 and note <> $2\0\0\0");
    let value = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let bind = say(b'B', &[&b"\0\0\0\0\0\x02"[..], &value(MAIL), &value("a plain note"), b"\0\0"].concat());
    client.send(&[&parse[..], &bind, &say(b'E', b"\0\0\0\0\0"), SYNC].concat()).unwrap();
    story(&mut client);
    leave(client);
    await_that("the end is on the record", || has(&stage, |event| matches!(event, Event::SignedOut(_))));
    for planted in [MAIL, CARD, NAME] {
        assert_absent(&stage.proxy.state(), planted);
    }
    let record = recorded::all(&stage.proxy.state());
    let bodies: Vec<_> =
        record.iter().filter_map(|(_, event)| if let Event::Begun(begun) = event { begun.body.as_deref() } else { None }).collect();
    let texts: Vec<_> = bodies.iter().filter_map(|body| body.masked.as_deref()).collect();
    assert!(texts.contains(&"insert into people values (1, '[EMAIL]', 'x', 'pays with [CREDIT_CARD]')"), "{texts:?}");
    assert!(texts.contains(&"select id from people where last_name = '[PERSON]' and note = 'kept as it is'"), "{texts:?}");
    assert!(texts.contains(&"select 1 -- asked by [EMAIL]"), "{texts:?}");
    let parameters: Vec<_> = bodies.iter().filter(|body| !body.parameters.is_empty()).map(|body| body.parameters.clone()).collect();
    assert_eq!(parameters, [vec!["'[EMAIL]'".to_owned(), "'a plain note'".to_owned()]]);
}
