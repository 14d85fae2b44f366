//! The commands of reviewers, as programs, at a running server.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::house::{ANN, House, Manner, RITA, SAM};

struct Terminal {
    server: String,
    ca: Option<String>,
}

impl Terminal {
    fn at(house: &House) -> Self {
        Self { server: house.public_url.clone(), ca: None }
    }

    fn run(&self, name: &str, password: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("setsid");
        command.arg("-w").arg(env!("CARGO_BIN_EXE_pgsluice"));
        command.args(arguments).args(["--server", &self.server, "--as", name]);
        if let Some(ca) = &self.ca {
            command.args(["--ca", ca]);
        }
        command.env("PGSLUICE_REVIEWER_PASSWORD", password).stdin(Stdio::null()).output().unwrap()
    }

    fn done(&self, name: &str, password: &str, arguments: &[&str]) -> String {
        let output = self.run(name, password, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn fails(&self, name: &str, password: &str, arguments: &[&str], words: &str) {
        let output = self.run(name, password, arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.starts_with("pgsluice: ") && said.contains(words), "{arguments:?}: {said}");
    }
}

#[test]
fn holds_are_listed_shown_approved_and_denied() {
    let house = House::new();
    let terminal = Terminal::at(&house);
    let (one, two) = (house.hold("DROP TABLE one\u{202e} -- \u{1b}[2J"), house.hold("DROP TABLE two"));
    let listed = terminal.done("rita", RITA, &["holds"]);
    assert!(listed.starts_with("ID ") && listed.contains(&one) && listed.contains("waiting"), "{listed}");
    let shown = terminal.done("rita", RITA, &["show", &one]);
    assert!(shown.contains("DROP TABLE one\\u{202e} -- \\u{1b}[2J") && !shown.contains(['\u{202e}', '\u{1b}']), "{shown:?}");
    assert!(
        shown.contains("billing-bot, owner Ann") && shown.contains("about 1,234,567 rows") && shown.contains("(its own claim)"),
        "{shown}"
    );
    // Nobody is there to be asked.
    terminal.fails("rita", RITA, &["approve", &two], "give --yes");
    assert_eq!(house.stands(&two), "waiting");
    let approved = terminal.done("rita", RITA, &["approve", &two, "--yes", "--reason", "fine"]);
    assert!(approved.contains("DROP TABLE two") && approved.contains(&format!("approved {two}")), "{approved}");
    assert!(house.runs("DROP TABLE two"));
    terminal.fails("sam", SAM, &["approve", &two, "--yes"], "there is nothing to decide");
    terminal.fails("sam", SAM, &["deny", &one, "--reason", " "], "needs a reason");
    terminal.done("sam", SAM, &["deny", &one, "--reason", "no"]);
    assert_eq!(house.stands(&one), "denied");
    terminal.fails("rita", RITA, &["show", "00000000"], "there is no such hold");
    terminal.fails("rita", "wrong password", &["holds"], "name or password is wrong");
    terminal.fails("billing-bot", "its password", &["approve", &one, "--yes"], "name or password is wrong");
    let all: serde_json::Value = serde_json::from_str(&terminal.done("rita", RITA, &["holds", "--all", "--json"])).unwrap();
    assert_eq!(all["holds"].as_array().unwrap().len(), 2);
    let kinds = house.kinds();
    assert_eq!(
        kinds.iter().filter(|kind| *kind == "person_signed_in").count(),
        kinds.iter().filter(|kind| *kind == "person_signed_out").count()
    );
}

#[test]
fn a_command_lets_values_be_seen_or_keeps_them_masked() {
    const ASKS: &str = "/* pgsluice:unmask */ SELECT email FROM orders";
    let house = House::new();
    let terminal = Terminal::at(&house);
    let plain = house.hold("DROP TABLE orders");
    terminal.fails("rita", RITA, &["approve", &plain, "--yes", "--unmasked"], "does not ask to see values unmasked");
    for (flag, unmasked, words) in [(None, false, "values masked"), (Some("--unmasked"), true, "values unmasked")] {
        let hold = house.hold(ASKS);
        assert!(terminal.done("rita", RITA, &["show", &hold]).contains("it asks to see values as they are"));
        let mut arguments = vec!["approve", &hold, "--yes"];
        arguments.extend(flag);
        let approved = terminal.done("rita", RITA, &arguments);
        assert!(approved.contains(&format!("approved {hold}, {words}")), "{approved}");
        assert_eq!(house.runs_unmasked(ASKS), Some(unmasked));
    }
}

#[test]
fn a_command_shows_what_is_masked_where_it_is_told_to() {
    let house = House::new();
    let terminal = Terminal::at(&house);
    let hold = house.hold_with("UPDATE t SET password = $1 WHERE email = 'bob@example.com' -- \u{1b}[2J", &[Some(b"hunter2")]);
    let shown = terminal.done("rita", RITA, &["show", &hold]);
    assert!(shown.contains("email = '[EMAIL]' -- \\u{1b}[2J") && shown.contains("[PASSWORD]") && shown.contains("--reveal"), "{shown}");
    assert!(!shown.contains("bob@") && !shown.contains("hunter2"), "{shown}");
    terminal.fails("ann", ANN, &["show", &hold, "--reveal"], "nobody decides for an agent of their own");
    assert!(!house.kinds().contains(&"revealed".to_owned()));
    let revealed = terminal.done("rita", RITA, &["show", &hold, "--reveal"]);
    assert!(revealed.contains("email = 'bob@example.com' -- \\u{1b}[2J") && revealed.contains("hunter2"), "{revealed}");
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "revealed").count(), 1);
    let approved = terminal.done("rita", RITA, &["approve", &hold, "--yes"]);
    assert!(approved.contains("[EMAIL]") && !approved.contains("bob@"), "{approved}");
}

#[test]
fn the_owner_is_refused_in_a_terminal_too() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    Terminal::at(&house).fails("ann", ANN, &["approve", &hold, "--yes"], "nobody decides for an agent of their own");
    assert_eq!(house.stands(&hold), "waiting");
}

#[test]
fn over_tls_the_server_is_known_by_its_certificate() {
    let house = House::with(Manner { tls: true, ..Manner::default() });
    let hold = house.hold("DROP TABLE orders");
    let stranger = Terminal::at(&house);
    stranger.fails("rita", RITA, &["holds"], "give the authority's certificate with --ca");
    let terminal = Terminal { ca: Some(house.root().display().to_string()), ..Terminal::at(&house) };
    terminal.done("rita", RITA, &["approve", &hold, "--yes"]);
    assert_eq!(house.stands(&hold), "approved");
    assert_eq!(house.record().iter().find(|event| event["kind"] == "person_signed_in").unwrap()["tls"], true);
}

#[test]
fn no_password_is_sent_in_clear_text_to_another_machine() {
    let house = House::new();
    for server in ["http://192.0.2.1:1", "ftp://127.0.0.1", "http://u:p@127.0.0.1:1", "127.0.0.1:6433"] {
        let terminal = Terminal { server: server.to_owned(), ca: None };
        let output = terminal.run("rita", RITA, &["holds"]);
        assert!(!output.status.success(), "{server}");
    }
    Terminal { server: "http://192.0.2.1:1".to_owned(), ca: None }.fails("rita", RITA, &["holds"], "over https, or within this machine");
    Terminal { server: "http://127.0.0.1:1".to_owned(), ca: None }.fails("rita", RITA, &["holds"], "cannot be reached");
    drop(house);
}

/// A command on a state folder, without a terminal.
fn local(state: &Path, arguments: &[&str], input: &str) -> Output {
    // A session of its own has no terminal, whoever runs the tests.
    let mut child = Command::new("setsid")
        .arg("-w")
        .arg(env!("CARGO_BIN_EXE_pgsluice"))
        .args(arguments)
        .arg("--state")
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn accounts_are_added_changed_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let run = |arguments: &[&str], input: &str| local(&state, arguments, input);
    let made = run(&["reviewer", "add", "rita", "--group", "dba", "--generate"], "");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(String::from_utf8(made.stdout).unwrap().trim().len(), 20);
    let given = run(&["reviewer", "add", "sam", "--password-stdin"], "four words are enough\n");
    assert!(given.status.success() && given.stdout.is_empty(), "{given:?}");
    let weak = run(&["reviewer", "passwd", "sam", "--password-stdin"], "short\n");
    assert!(String::from_utf8(weak.stderr).unwrap().contains("too short"));
    assert!(run(&["reviewer", "passwd", "sam", "--password-stdin"], "five words are enough too\n").status.success());
    assert!(!run(&["reviewer", "passwd", "nobody", "--generate"], "").status.success());
    assert!(!run(&["reviewer", "add", "sam", "--generate"], "").status.success());
    let listed: serde_json::Value = serde_json::from_slice(&run(&["reviewer", "list", "--json"], "").stdout).unwrap();
    assert_eq!(
        (&listed[0]["name"], &listed[0]["groups"][0], &listed[1]["name"]),
        (&"rita".into(), &"dba".into(), &"sam".into()),
        "{listed}"
    );
    assert!(!listed.to_string().contains("argon2"));
    assert!(run(&["reviewer", "remove", "rita"], "").status.success());
    assert!(!run(&["reviewer", "remove", "rita"], "").status.success());
    let record = run(&["audit", "search", "--json", "kind:person-changed"], "");
    assert!(record.status.success(), "{record:?}");
}

#[test]
fn the_folder_alone_decides_nothing() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    // Everything that the folder's owner has, and no reviewer's password: the server is found, and lets nobody in.
    for arguments in [&["approve", &hold, "--yes"][..], &["deny", &hold, "--reason", "x"], &["show", &hold], &["holds"]] {
        let output = local(&house.state(), arguments, "");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("no terminal to ask for a password"), "{arguments:?}: {said}");
    }
    let agent = local(&house.state(), &["agent", "add", "helper", "--owner", "ann"], "");
    assert!(agent.status.success(), "{agent:?}");
    let url = String::from_utf8(agent.stdout).unwrap();
    let password = url.trim().split([':', '@']).nth(2).unwrap();
    Terminal::at(&house).fails("helper", password, &["approve", &hold, "--yes"], "name or password is wrong");
    assert_eq!(house.stands(&hold), "waiting");
    assert_eq!(house.kinds(), ["held", "person_denied"]);
}
