//! The state folder and what commands do with it: changes that come to the record, people and their roles, backups.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on fails")]

mod backup;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pgsluice::audit::{Event, Kind};
use pgsluice::host::journal::reader::{Entry, Reader};
use pgsluice::host::journal::{Journal, Options};
use pgsluice::host::ledger::{Keeper, Ledger};
use pgsluice::host::state::State;
use tempfile::TempDir;

struct House {
    folder: TempDir,
}

#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl House {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn state(&self) -> State {
        State::open(&self.path("state")).unwrap()
    }

    fn command(&self, user: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
        command.args(arguments).env_clear().env("PGSLUICE_STATE", self.path("state")).env("SUDO_USER", user);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, user: &str, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(user, arguments).output().unwrap();
        Ended { code: status.code(), out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap() }
    }

    fn does(&self, user: &str, arguments: &[&str]) -> String {
        let ended = self.run(user, arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        ended.out
    }

    fn refuses(&self, user: &str, arguments: &[&str]) -> String {
        let ended = self.run(user, arguments);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{arguments:?}: {ended:?}");
        ended.err
    }

    fn record(&self) -> Vec<Entry> {
        let mut reader = Reader::open(&self.path("state"), 1);
        let mut all = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            all.push(entry);
        }
        all
    }

    /// What was done to agents and people, and by whom.
    fn changes(&self) -> Vec<String> {
        let tell = |entry: Entry| match entry.event() {
            Ok(Some(Event::AgentChanged(one))) => Some(format!("{:?} agent {} of {} by {}", one.change, one.agent, one.owner, one.by)),
            Ok(Some(Event::PersonChanged(one))) => Some(format!("{:?} {} {} by {}", one.change, one.role, one.person, one.by)),
            _ => None,
        };
        self.record().into_iter().filter_map(tell).collect()
    }
}

#[test]
fn what_commands_change_is_on_the_record_when_they_return() {
    let house = House::new();
    house.does("eve", &["agent", "add", "bot", "--owner", "ann"]);
    assert_eq!(house.changes(), ["Added agent bot of ann by eve"]);
    house.does("eve", &["people", "add", "Ann", "--role", "administrator", "--os-user", "ann"]);
    house.does("ann", &["agent", "rotate", "bot"]);
    house.does("ann", &["agent", "revoke", "bot"]);
    house.does("ann", &["people", "remove", "Ann"]);
    let after = [
        "Added administrator Ann by eve",
        "Changed agent bot of ann by Ann",
        "Removed agent bot of ann by Ann",
        "Removed administrator Ann by Ann",
    ];
    assert_eq!(house.changes()[1..], after);
    // What was refused left nothing.
    house.refuses("eve", &["agent", "revoke", "bot"]);
    assert_eq!(house.changes().len(), 5);
}

#[test]
fn an_auditor_changes_nothing_and_the_owner_of_the_folder_is_flagged() {
    let house = House::new();
    house.does("eve", &["people", "add", "ann", "--role", "auditor"]);
    house.does("eve", &["people", "add", "bob", "--role", "reviewer"]);
    assert_eq!(house.changes(), ["Added auditor ann by eve", "Added reviewer bob by eve (operator)"]);
    for arguments in [&["agent", "add", "bot"][..], &["agent", "rotate", "bot"], &["agent", "revoke", "bot"], &["people", "remove", "ann"]]
    {
        for (user, role) in [("ann", "auditor"), ("bob", "reviewer")] {
            let told = house.refuses(user, arguments);
            assert!(told.starts_with(&format!("pgsluice: {user} is {role} here and may not")), "{told}");
        }
    }
    assert!(house.does("ann", &["people", "list"]).contains("ann   auditor"));
    let listed: serde_json::Value = serde_json::from_str(&house.does("ann", &["people", "list", "--json"])).unwrap();
    assert_eq!((listed[1]["name"].as_str(), listed[1]["role"].as_str()), (Some("bob"), Some("reviewer")));
    assert_eq!(house.changes().len(), 2);
}

#[test]
fn commands_at_once_record_each_change_once_with_a_server_and_without() {
    for served in [false, true] {
        let house = House::new();
        let state = house.state();
        let server = served.then(|| {
            let journal = Journal::open(state.folder(), Options::default()).unwrap();
            Keeper::start(Ledger::open(&state).unwrap(), journal).unwrap()
        });
        let names: Vec<_> = (0..6).map(|number| format!("bot{number}")).collect();
        let add =
            |name: &String| house.command("eve", &["agent", "add", name]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let commands: Vec<_> = names.iter().map(add).collect();
        for mut command in commands {
            assert!(command.wait().unwrap().success());
        }
        let mut found = house.changes();
        found.sort();
        let expected: Vec<_> = names.iter().map(|name| format!("Added agent {name} of eve by eve")).collect();
        assert_eq!(found, expected, "served: {served}");
        drop(server);
    }
}

#[test]
fn a_change_whose_record_cannot_be_written_is_told_of_and_recorded_later() {
    let house = House::new();
    let journal = Journal::open(house.state().folder(), Options::default()).unwrap();
    let ended = house.run("eve", &["agent", "add", "bot"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.starts_with("postgresql://bot:") && ended.err.contains("what was done is done"), "{ended:?}");
    drop(journal);
    house.does("eve", &["agent", "revoke", "bot"]);
    assert_eq!(house.changes(), ["Added agent bot of eve by eve", "Removed agent bot of eve by eve"]);
    // The record says when it was done, beside when it was recorded.
    let recorded = house.record().into_iter().find(|entry| entry.kind == Kind::AgentChanged).unwrap();
    assert!(recorded.origin().unwrap().unwrap().time < recorded.time);
}
