//! SIGHUP: a new configuration is taken whole, for new sessions, or not at all.

use std::process::Command;

use crate::certificate::Certificate;
use crate::client::{Login, await_that, query};
use crate::stage::{Stage, cluster, farewell, leave};
use crate::support::Proxy;

const TAKEN: &str = "configuration reloaded";
const NOT_TAKEN: &str = "configuration not reloaded";

#[test]
fn new_limits_are_for_new_sessions() {
    let stage = Stage::with("max_db_connections = 2");
    let (old, older) = (stage.linked(), stage.linked());
    stage.reload("max_db_connections = 1\nquery_wait_timeout = '300ms'", TAKEN);
    let new = stage.linked();
    let mut next = stage.login.enter();
    next.send(&query("select 1")).unwrap();
    farewell(next, "53300", "query_wait_timeout");
    for client in [old, older, new] {
        leave(client);
    }
    leave(stage.linked());
}

#[test]
fn a_broken_file_changes_nothing() {
    let config = "max_db_connections = 1\nquery_wait_timeout = '300ms'";
    let stage = Stage::with(config);
    stage.reload("max_db_connections = 5\nquery_wait_timeuot = '300ms'", NOT_TAKEN);
    let log = stage.proxy.log();
    assert!(log.contains("query_wait_timeuot") && log.contains('2'), "{log}");
    let holder = stage.linked();
    let mut next = stage.login.enter();
    next.send(&query("select 1")).unwrap();
    farewell(next, "53300", "query_wait_timeout");
    stage.reload("max_db_connections = 5", TAKEN);
    leave(stage.linked());
    leave(holder);
}

/// Whether psql believes the certificate that is shown.
fn believes(stage: &Stage, certificate: &Certificate) -> bool {
    let url = stage.proxy.url(&stage.database.name).replace("127.0.0.1", "localhost");
    let url = format!("{url}?sslmode=verify-full&sslrootcert={}", certificate.root().display());
    let done = Command::new("psql").args(["-X", "-d", &url, "-c", "select 1"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() || said.contains("certificate verify failed"), "{said}");
    done.status.success()
}

#[test]
fn a_new_certificate_is_shown() {
    let (old, new) = (Certificate::new(), Certificate::new());
    let config = format!("client_tls_sslmode = 'require'\n{}", old.settings());
    let stage = Stage::with(&config);
    assert!(believes(&stage, &old) && !believes(&stage, &new));
    old.replace_by(&new.root());
    stage.reload(&config, TAKEN);
    assert!(believes(&stage, &new) && !believes(&stage, &old));
}

#[test]
fn a_certificate_that_cannot_be_read_changes_nothing() {
    let certificate = Certificate::new();
    let config = format!("client_tls_sslmode = 'require'\n{}", certificate.settings());
    let stage = Stage::with(&config);
    std::fs::write(certificate.root().with_file_name("server.key"), "not a key").unwrap();
    stage.reload(&config, NOT_TAKEN);
    assert!(believes(&stage, &certificate));
}

/// A session that is there goes by the new policy from its next statement on; a policy that cannot be read changes nothing.
#[test]
fn a_new_policy_is_for_every_session() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.toml");
    let policy = |effects: &str| {
        format!(
            "[[rule]]\nname = 'deny'\naction = 'deny'\neffects = ['{effects}']\nreason = 'for a test'\n\
             [[rule]]\nname = 'rest'\naction = 'allow'\n"
        )
    };
    std::fs::write(&file, policy("ddl")).unwrap();
    let database = cluster().database("policy");
    let proxy = Proxy::start_with(&database.url(), &["--policy", file.to_str().unwrap()], &["agent", "--owner", "tester"]);
    let mut client = Login::new(&proxy, &database.name).enter();
    let reload = |text: &str, answer: &str| {
        std::fs::write(&file, text).unwrap();
        let before = proxy.log().matches(answer).count();
        proxy.signal("HUP");
        await_that(answer, || proxy.log().matches(answer).count() > before);
    };
    let mut refused = |sql: &str| {
        client.send(&query(sql)).unwrap();
        client.until(b'Z').iter().any(|(tag, body)| *tag == b'E' && body.windows(6).any(|code| code == b"C42501"))
    };
    assert!(refused("create table t (a int)") && !refused("select 1"));
    reload(&policy("read"), TAKEN);
    assert!(!refused("create table t (a int)") && refused("select 1"));
    reload("mode = 'observed'", NOT_TAKEN);
    assert!(refused("select 1"));
    reload(&policy("ddl"), TAKEN);
    assert!(refused("drop table t") && !refused("select 1"));
    let recorded = || proxy.command(&["audit", "search"], &["--json"]).matches("policy-changed").count();
    await_that("both changes are found on the record", || recorded() == 2);
}
