//! The program as people run it: the real binary, a state folder of its own, what it prints and how it exits.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use percent_encoding::percent_decode_str;
use pgsluice::host::agents::AgentDirectory;
use pgsluice::host::config::url;
use pgsluice::host::state::{ListenerRecord, State};
use pgsluice::host::upstream::{Host, SslMode};
use tempfile::TempDir;

struct House {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// Nothing of the caller's environment but the way to itself, and no configuration in the working folder.
    fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
        command.args(arguments).env_clear().env("HOME", self.folder.path()).current_dir(self.folder.path()).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let Output { status, stdout, stderr } = command.output().unwrap();
        Ended { code: status.code(), out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap() }
    }

    fn agent(&self, arguments: &[&str]) -> Ended {
        let line: Vec<_> = [&["agent"], arguments, &["--state", "state"]].concat();
        self.run(&line)
    }

    fn state(&self) -> State {
        State::open(&self.folder.path().join("state")).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Whether the password in this URL is the one that the state database would let in.
    fn lets_in(&self, url: &str) -> bool {
        let url = url::parse(url).unwrap();
        let agent = AgentDirectory::open(&self.state()).unwrap().lookup(&url.user).unwrap();
        agent.is_some_and(|agent| agent.verifier.fits(&url.password.unwrap()))
    }
}

fn last_line(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    ended.out.lines().last().unwrap()
}

/// No file below the folder holds this text.
fn nowhere_in(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().all(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return nowhere_in(&path, text);
        }
        let bytes = std::fs::read(path).unwrap();
        !bytes.windows(text.len()).any(|window| window == text.as_bytes())
    })
}

#[test]
fn an_agents_life() {
    let house = House::new();
    let added = house.agent(&[
        "add",
        "bot",
        "--owner",
        "ann",
        "--database",
        "my shop",
        "--role",
        "reader",
        "--from",
        "10.0.0.0/8",
        "--from",
        "::1",
    ]);
    let first = last_line(&added).to_owned();
    assert!(house.lets_in(&first), "{first}");
    let parsed = url::parse(&first).unwrap();
    assert_eq!((parsed.user.as_str(), parsed.database.as_str()), ("bot", "my shop"));
    assert_eq!(parsed.hosts, [Host::Tcp { name: "127.0.0.1".to_owned(), port: 6432 }]);
    let password = parsed.password.unwrap();
    assert!(nowhere_in(house.folder.path(), password.expose()) && !added.err.contains(password.expose()));

    let again = house.agent(&["add", "bot"]);
    assert_eq!((again.code, again.out.as_str()), (Some(1), ""));
    assert!(again.err.starts_with("pgsluice: an agent named \"bot\" exists; rotate"), "{}", again.err);

    let listed = house.agent(&["list"]);
    let row = listed.out.lines().nth(1).unwrap();
    for cell in ["bot", "ann", "my shop", "reader", "10.0.0.0/8,::1/128"] {
        assert!(row.contains(cell), "{row}");
    }
    assert!(!listed.out.contains("SCRAM") && !listed.out.contains(password.expose()));

    let rotated = house.agent(&["rotate", "bot"]);
    let second = last_line(&rotated).to_owned();
    assert!(house.lets_in(&second) && !house.lets_in(&first));
    assert_eq!(url::parse(&second).unwrap().database, "my shop");
    assert!(rotated.err.contains("open sessions go on"), "{}", rotated.err);

    assert_eq!(house.agent(&["revoke", "bot"]).code, Some(0));
    assert!(!house.lets_in(&second));
    let gone = house.agent(&["revoke", "bot"]);
    assert_eq!(gone.code, Some(1));
    assert!(gone.err.contains("there is no agent named \"bot\""), "{}", gone.err);
    assert!(house.lets_in(last_line(&house.agent(&["add", "bot"]))));
    assert_eq!(house.agent(&["list"]).out.lines().count(), 2);
    assert_eq!(house.agent(&["list", "--all"]).out.lines().count(), 3);
    let json = house.agent(&["list", "--all", "--json"]).out;
    assert!(json.starts_with(r#"[{"name":"bot","owner":"ann","database":"my shop","role":"reader","environment":null,"from":["10.0.0.0/8","::1/128"],"created":"2"#), "{json}");
    assert_eq!(json.matches("\"from\":[]").count(), 1, "{json}");
}

#[test]
fn the_url_leads_to_the_server_that_ran_last() {
    let house = House::new();
    house.write("pgsluice.toml", "listen_addr = \"10.9.8.7\"\nlisten_port = 7000\nupstream = \"postgres://u:p@h/shop\"\n");
    let planned = last_line(&house.agent(&["add", "one"])).to_owned();
    let parsed = url::parse(&planned).unwrap();
    assert_eq!(parsed.hosts, [Host::Tcp { name: "10.9.8.7".to_owned(), port: 7000 }]);
    assert_eq!((parsed.database.as_str(), parsed.sslmode), ("shop", Some(SslMode::Require)));

    let record = ListenerRecord { address: "::1".parse().unwrap(), port: 5999, tls_required: true, database: None, web: None };
    house.state().record_listener(&record).unwrap();
    let name = "Agent Ωmega/2@x";
    let recorded = last_line(&house.agent(&["add", name])).to_owned();
    assert!(recorded.contains("@[::1]:5999/?sslmode=require"), "{recorded}");
    assert_eq!(url::parse(&recorded).unwrap().user, name);
    assert!(house.lets_in(&recorded));
    let user = recorded.strip_prefix("postgresql://").unwrap().split(':').next().unwrap();
    assert_eq!(percent_decode_str(user).decode_utf8().unwrap(), name);

    let everywhere =
        ListenerRecord { address: "0.0.0.0".parse().unwrap(), port: 6432, tls_required: false, database: Some("d".to_owned()), web: None };
    house.state().record_listener(&everywhere).unwrap();
    let added = house.agent(&["add", "three"]);
    assert!(last_line(&added).ends_with("@127.0.0.1:6432/d") && added.err.contains("write the host name"), "{} {}", added.out, added.err);
}

#[test]
fn the_owner_is_who_runs_the_command_unless_said() {
    let mut house = House::new();
    house.variables.push(("SUDO_USER", "ann".to_owned()));
    last_line(&house.agent(&["add", "one"]));
    last_line(&house.agent(&["add", "two", "--owner", "bob"]));
    let owners: Vec<_> = house.agent(&["list"]).out.lines().skip(1).map(|row| row.split_whitespace().nth(1).unwrap().to_owned()).collect();
    assert_eq!(owners, ["ann", "bob"]);
    house.variables.clear();
    assert!(house.agent(&["add", "three"]).err.contains(", owner "));
}

#[test]
fn a_role_without_a_login_is_pointed_out() {
    let house = House::new();
    house.write("pgsluice.toml", "[upstream.roles.reader]\n");
    assert!(house.agent(&["add", "one", "--role", "writer"]).err.contains("no [upstream.roles.writer]"));
    assert!(!house.agent(&["add", "two", "--role", "reader"]).err.contains("upstream.roles"));
}

#[test]
fn what_is_typed_wrongly_is_a_usage_error_and_no_url_is_repeated() {
    let house = House::new();
    for arguments in [
        &["serve", "--upstrem", "postgres://u:hunter2@h/d"][..],
        &["serve", "postgres://u:hunter2@h/d"],
        &["serve", "--listen", "postgres://u:hunter2@h/d"],
        &["postgres://u:hunter2@h/d"],
        &["agent", "add"],
        &["agent", "add", "x", "--from", "postgres://u:hunter2@h/d"],
        &["check-config", "--listen", "127.0.0.1:1"],
        &["serve", "--listen", "6432"],
        &[],
    ] {
        let ended = house.run(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?} {}", ended.err);
        assert!(!ended.err.contains("hunter2") && ended.out.is_empty() && !ended.err.is_empty(), "{}", ended.err);
    }
    for help in [
        &["--help"][..],
        &["serve", "--help"],
        &["agent", "add", "--help"],
        &["agent", "list", "--help"],
        &["agent", "rotate", "--help"],
        &["agent", "revoke", "--help"],
        &["check-config", "--help"],
    ] {
        let ended = house.run(help);
        assert!(ended.code == Some(0) && ended.out.contains("Example:"), "{help:?} {}", ended.out);
    }
}

#[test]
fn check_config_prints_what_counts_or_what_is_wrong() {
    let mut house = House::new();
    house.write("secret", "hunter2hunter2\n");
    house.write("my.toml", "listen_port = 7000\n[upstream]\nurl = \"postgres://u@localhost/d\"\npassword_file = \"secret\"\n[databases.d]\nenvironment = \"staging\"\n");
    house.variables.push(("PGSLUICE_MAX_CLIENT_CONN", "7".to_owned()));
    house.variables.push(("PGSLUICE_LISTEN_PROT", "7".to_owned()));
    let good = house.run(&["check-config", "--config", "my.toml"]);
    assert_eq!(good.code, Some(0), "{}", good.err);
    for line in
        ["listen_port = 7000", "max_client_conn = 7 ", "databases.d.environment = staging", "upstream = postgres://u@localhost:5432/d"]
    {
        assert!(good.out.contains(line), "{line}\n{}", good.out);
    }
    assert!(good.err.starts_with("pgsluice: warning: the environment has PGSLUICE_LISTEN_PROT"), "{}", good.err);
    assert!(!good.out.contains("hunter2") && !good.err.contains("hunter2"));

    house.write("my.toml", "lisen_port = 7000\nworkers = \"hunter\"\nupstream = \"postgres://u:hunter2hunter2@h:x/d\"\n");
    house.variables = vec![("PGSLUICE_CONFIG", "my.toml".to_owned())];
    let bad = house.run(&["check-config"]);
    assert_eq!((bad.code, bad.out.as_str()), (Some(1), ""));
    for line in [
        "pgsluice: my.toml:1:1: unknown key lisen_port: did you mean listen_port?",
        "pgsluice: my.toml:2:11: workers: expected a whole number",
        "pgsluice: my.toml:3:12: upstream: port 1 of the URL",
    ] {
        assert!(bad.err.contains(line), "{line}\n{}", bad.err);
    }
    assert!(bad.err.lines().all(|line| line.starts_with("pgsluice: ")) && !bad.err.contains("hunter2"), "{}", bad.err);
    assert!(!house.folder.path().join(".local").exists(), "checking writes nothing");
}

#[test]
fn serve_refuses_to_start_with_what_to_do() {
    let house = House::new();
    let cases = [
        (&["serve"][..], "pgsluice: no PostgreSQL server is named: give --upstream"),
        (&["serve", "--upstream", "postgres://u:hunter2@h:99999/d"], "pgsluice: --upstream: upstream: port 1 of the URL"),
        (
            &["serve", "--upstream", "postgres://u:hunter2@h/d", "--listen", "0.0.0.0:6432"],
            "pgsluice: --listen: listen_addr: off loopback TLS is required",
        ),
        (
            &["serve", "--upstream", "postgres://u:hunter2@h/d", "--config", "none.toml"],
            "pgsluice: cannot read the configuration none.toml",
        ),
        (
            &["serve", "--upstream", "postgres://u:hunter2@h/d", "--state", "/dev/null/x"],
            "pgsluice: cannot use the state folder /dev/null/x",
        ),
    ];
    for (arguments, expected) in cases {
        let ended = house.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        assert!(ended.err.contains(expected), "{arguments:?}\n{}", ended.err);
        assert!(!ended.err.contains("hunter2") && !ended.out.contains("hunter2"), "{}", ended.err);
    }
}

#[test]
fn the_state_folder_is_named_by_flag_environment_or_xdg() {
    let mut house = House::new();
    let made = |house: &House, path: &str| house.folder.path().join(path).join("state.db").exists();
    last_line(&house.run(&["agent", "add", "a"]));
    assert!(made(&house, ".local/state/pgsluice"));
    let xdg = house.folder.path().join("xdg").display().to_string();
    house.variables.push(("XDG_STATE_HOME", xdg));
    last_line(&house.run(&["agent", "add", "a"]));
    assert!(made(&house, "xdg/pgsluice"));
    house.variables.push(("PGSLUICE_STATE", "from-environment".to_owned()));
    last_line(&house.run(&["agent", "add", "a"]));
    assert!(made(&house, "from-environment"));
    last_line(&house.run(&["agent", "add", "a", "--state", "from-flag"]));
    assert!(made(&house, "from-flag"));
}

#[test]
fn a_policy_is_checked_tried_and_tested() {
    let house = House::new();
    let sound = house.run(&["policy", "check"]);
    assert!(last_line(&sound).starts_with("default is sound: "), "{}", sound.out);
    house.write("policy.toml", "[[rule]]\nname = \"reads\"\naction = \"allow\"\nefects = [\"read\"]\n");
    let refused = house.run(&["policy", "check", "policy.toml"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(refused.err, "pgsluice: policy.toml:4:1: unknown key \"efects\" in rule: did you mean effects?\n");
    let refused = house.run(&["policy", "check", "lenient"]);
    assert!(refused.err.contains("those that come with pgsluice are default, read-only, strict, observe"), "{}", refused.err);

    let explained = house.run(&["policy", "explain", "DELETE FROM orders", "--agent", "bot"]);
    for line in [
        "effects    write unbounded-write",
        "decision   hold",
        "rule       unbounded-write",
        "masked     nothing by name; every value is searched besides",
    ] {
        assert!(explained.out.lines().any(|told| told == line), "{line}\n{}", explained.out);
    }
    assert!(explained.out.contains("by the text alone"), "{}", explained.out);

    let explained = house.run(&["policy", "explain", "DELETE FROM orders WHERE email = 'bob@example.com'"]);
    assert!(explained.out.starts_with("statement  DELETE FROM orders WHERE email = '[EMAIL]'\n"), "{}", explained.out);
    assert!(!explained.out.contains("bob@"), "{}", explained.out);

    assert_eq!(last_line(&house.run(&["policy", "test", "strict"])), "8 cases as expected");
    house.write("policy.toml", "[[rule]]\nname = \"reads\"\naction = \"allow\"\neffects = [\"read\"]\n");
    assert!(house.run(&["policy", "test", "policy.toml"]).err.contains("has no cases"));
    house.write(
        "policy.tests.toml",
        "[[test]]\nsql = \"SELECT 1\"\nexpect = \"allow\"\n[[test]]\nsql = \"DROP TABLE t\"\nexpect = \"allow\"\n",
    );
    let failed = house.run(&["policy", "test", "policy.toml"]);
    assert_eq!(failed.code, Some(1));
    assert_eq!(
        failed.err,
        "pgsluice: policy.tests.toml:4: DROP TABLE t: expected allow, got hold by rule \"no-rule\"; effects: ddl\n\
         pgsluice: 1 of 2 cases are not as expected\n"
    );
    // The configuration's policy is checked with it, in its own file.
    house.write("policy.toml", "mode = \"observed\"\n");
    house.write("pgsluice.toml", "upstream = \"postgres://u@localhost/d\"\n[policy]\nfile = \"policy.toml\"\n");
    let refused = house.run(&["check-config"]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("policy.toml:1:8: mode: expected one of enforce, observe, not \"observed\": did you mean observe?"),
        "{}",
        refused.err
    );
    house.write("policy.toml", "mode = \"observe\"\n");
    let taken = house.run(&["check-config"]);
    assert!(
        taken.code == Some(0) && taken.out.contains("policy.file = ") && taken.err.contains("only watches"),
        "{} {}",
        taken.out,
        taken.err
    );
}
