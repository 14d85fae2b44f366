//! The whole way: an agent's statement is held by the running program, a reviewer decides by page, phone or command, and the agent goes on.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::http::{Browser, Server};
use crate::support::{Cluster, Database, Proxy, tests_folder};

const PASSWORD: &str = "four words will do it";

pub struct Stage<'c> {
    pub database: Database<'c>,
    pub proxy: Proxy,
}

impl<'c> Stage<'c> {
    pub fn new(cluster: &'c Cluster) -> Self {
        Self::with(cluster, &["--policy", "default"], &[("rita", &[])])
    }

    /// With these people and their groups.
    pub fn with(cluster: &'c Cluster, options: &[&str], people: &[(&str, &[&str])]) -> Self {
        let database = cluster.database("people");
        database.sql("CREATE TABLE held_orders (id int); CREATE TABLE held_people (id int)");
        let proxy = Proxy::start_with(&database.url(), options, &["billing-bot", "--owner", "ann"]);
        for (name, groups) in people {
            let mut add = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
            add.args(["reviewer", "add", name, "--password-stdin", "--state"]).arg(proxy.state()).stdin(Stdio::piped());
            for group in *groups {
                add.args(["--group", group]);
            }
            let mut add = add.spawn().unwrap();
            std::io::Write::write_all(&mut add.stdin.take().unwrap(), PASSWORD.as_bytes()).unwrap();
            assert!(add.wait().unwrap().success());
        }
        Self { database, proxy }
    }

    fn server(&self) -> Server {
        Server::plain(self.proxy.people.strip_prefix("http://").unwrap().parse().unwrap())
    }

    /// An agent that sends this and waits for what becomes of it.
    pub fn agent(&self, sql: &str) -> Child {
        self.agent_of(&[sql])
    }

    /// The same of several statements, one after the other in one session.
    pub fn agent_of(&self, statements: &[&str]) -> Child {
        let url = self.proxy.url(&self.database.name);
        let mut psql = Command::new("psql");
        psql.args(["-X", "-v", "VERBOSITY=verbose", "-d", &url]);
        statements.iter().for_each(|sql| {
            psql.args(["-c", sql]);
        });
        psql.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    pub fn reviewer(&self, arguments: &[&str]) -> String {
        self.reviewer_as("rita", arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"))
    }

    /// What a command of this person says, or why it failed.
    pub fn reviewer_as(&self, name: &str, arguments: &[&str]) -> Result<String, String> {
        let output = self.command_of(name, arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
    }

    pub fn command_of(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
        command.args(arguments).args(["--as", name, "--state"]).arg(self.proxy.state()).env("PGSLUICE_REVIEWER_PASSWORD", PASSWORD);
        command.stdin(Stdio::null());
        command
    }

    /// The hold that was opened for the only waiting statement, once it is there.
    pub fn waiting(&self, mut agent: impl FnMut() -> bool) -> String {
        loop {
            let listed: serde_json::Value = serde_json::from_str(&self.reviewer(&["holds", "--json"])).unwrap();
            let found = listed["holds"].as_array().unwrap().iter().find(|hold| hold["state"] == "waiting");
            if let Some(hold) = found {
                return hold["id"].as_str().unwrap().to_owned();
            }
            assert!(agent(), "the agent ended, and nothing is held");
        }
    }

    pub fn there(&self, table: &str) -> bool {
        self.database.sql(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t"
    }
}

pub fn ended(agent: Child) -> (bool, String) {
    let output = agent.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), said)
}

#[test]
fn a_statement_waits_is_approved_by_command_and_runs_and_another_is_denied_by_page() {
    let cluster = Cluster::get(15);
    let stage = Stage::new(&cluster);
    let mut agent = stage.agent("/* ticket='T-7' */ DROP TABLE held_orders");
    let hold = stage.waiting(|| agent.try_wait().unwrap().is_none());
    assert!(stage.there("held_orders"));
    let shown = stage.reviewer(&["show", &hold]);
    assert!(shown.contains("DROP TABLE held_orders") && shown.contains("billing-bot, owner ann"), "{shown}");
    stage.reviewer(&["approve", &hold, "--yes", "--reason", "as planned"]);
    let (ran, said) = ended(agent);
    assert!(ran && said.contains(&format!("{}/holds/{hold}", stage.proxy.people)), "{said}");
    assert!(!stage.there("held_orders"));

    let mut agent = stage.agent("DROP TABLE held_people");
    let hold = stage.waiting(|| agent.try_wait().unwrap().is_none());
    let mut rita = Browser::new(&stage.server());
    rita.sign_in("rita", PASSWORD);
    assert_eq!(rita.decide(&hold, "deny", "people stay").status, 303);
    let (ran, said) = ended(agent);
    assert!(!ran && said.contains("PS002") && said.contains("people stay"), "{said}");
    assert!(stage.there("held_people"));
    let record = stage.proxy.command(&["audit", "search"], &["hold-read", "--json"]);
    assert!(record.contains("rita"), "{record}");
}

#[test]
fn everything_that_became_of_a_hold_is_found_by_its_id() {
    let cluster = Cluster::get(15);
    let stage = Stage::new(&cluster);
    let rolled_back = ["BEGIN", "DROP TABLE held_orders", "ROLLBACK"];
    let (_, said) = ended(stage.agent_of(&rolled_back));
    assert!(said.contains("PS001"), "inside a transaction there is a ticket at once: {said}");
    let hold = stage.waiting(|| true);
    stage.reviewer(&["approve", &hold, "--yes", "--reason", "as planned"]);
    let (_, said) = ended(stage.agent_of(&rolled_back));
    assert!(said.contains("DROP TABLE"), "{said}");
    assert!(stage.there("held_orders"));

    let found = stage.proxy.command(&["audit", "search"], &["--hold", &hold, "--json"]);
    let found: Vec<serde_json::Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for kind in ["held", "decided", "spent", "returned"] {
        assert_eq!(found.iter().filter(|found| found["kind"] == kind).count(), 1, "{kind} in {found:#?}");
    }
    let verdicts: Vec<_> = found.iter().rev().filter_map(|found| found["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["held", "approved"], "{found:#?}");
    let other = stage.proxy.command(&["audit", "search"], &["--hold", "zzzzzzzz", "--json"]);
    assert!(other.is_empty(), "{other}");
}

/// Where Debian puts it, and others do.
fn chromium() -> Option<String> {
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    places.into_iter().find(|place| std::path::Path::new(place).exists()).map(str::to_owned)
}

#[test]
fn a_reviewer_with_a_phone_and_no_javascript_approves() {
    let chromium = chromium().expect("a browser: tests/setup installs one");
    let cluster = Cluster::get(15);
    let stage = Stage::new(&cluster);
    let mut agent = stage.agent("DROP TABLE held_orders -- a\u{202e}b <script>alert(1)</script>");
    let hold = stage.waiting(|| agent.try_wait().unwrap().is_none());
    let mut node = Command::new("node");
    node.arg(tests_folder().join("browser/reviewer.mjs")).args([&chromium, &stage.proxy.people, &hold, "rita"]);
    let flow = node.env("PGSLUICE_REVIEWER_PASSWORD", PASSWORD).stdin(Stdio::null()).output().unwrap();
    let said = [flow.stdout, flow.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(flow.status.success() && said.trim_end().ends_with("done"), "{said}");
    // It may have given up waiting; then it is sent again.
    let (ran, said) = ended(agent);
    if !ran {
        assert!(said.contains("PS001"), "{said}");
        let (ran, said) = ended(stage.agent("DROP TABLE held_orders"));
        assert!(ran, "{said}");
    }
    assert!(!stage.there("held_orders"));
}

#[test]
fn a_reviewer_at_a_desk_sees_holds_come_and_go() {
    let chromium = chromium().expect("a browser: tests/setup installs one");
    let cluster = Cluster::get(15);
    let stage = Stage::new(&cluster);
    let mut node = Command::new("node");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/screens");
    node.arg(tests_folder().join("browser/desk.mjs")).args([&chromium, &stage.proxy.people, "rita", folder]);
    let mut node = node
        .env("PGSLUICE_REVIEWER_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(node.stdout.take().unwrap()).lines();
    let first = said.next().and_then(Result::ok);
    let agent = (first.as_deref() == Some("open")).then(|| stage.agent("DROP TABLE held_orders -- for the migration"));
    let last = said.map_while(Result::ok).last();
    let ended_well = node.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&ended_well.stderr).into_owned();
    assert!(ended_well.status.success() && last.as_deref() == Some("done"), "{first:?} {last:?} {complaint}");
    let (ran, said) = ended(agent.unwrap());
    if !ran {
        // It had given up waiting.
        assert!(said.contains("PS001"), "{said}");
        let (ran, said) = ended(stage.agent("DROP TABLE held_orders -- for the migration"));
        assert!(ran, "{said}");
    }
    assert!(!stage.there("held_orders"));
}
