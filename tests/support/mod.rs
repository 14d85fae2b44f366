//! What integration tests stand on: clusters, fresh databases, and the proxy as a process. Servers come from the environment that
//! `tests/clusters` sets up; a test run without it starts its own. Nothing here knows what is inside the proxy.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a harness fails by panicking, each test uses a part of it, and it must limit what it waits for by a clock"
)]

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// No program of a test runs longer; the slowest takes some seconds.
const PROGRAM_LIMIT: Duration = Duration::from_secs(150);
const STOP_LIMIT: Duration = Duration::from_secs(20);

pub fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

pub fn python() -> PathBuf {
    tests_folder().join(".deps/venv/bin/python")
}

/// A PostgreSQL server of one major version.
#[derive(Debug)]
pub struct Cluster {
    pub major: u16,
    environment: HashMap<String, String>,
    own: Option<(Child, ChildStdin)>,
}

impl Cluster {
    pub fn get(major: u16) -> Self {
        if std::env::var(format!("PGSLUICE_TEST_PG{major}")).is_ok() {
            let environment = std::env::vars().filter(|(name, _)| name.starts_with("PGSLUICE_TEST_")).collect();
            return Self { major, environment, own: None };
        }
        Self::start(major)
    }

    /// A server for this test alone, stopped when it is dropped.
    pub fn start(major: u16) -> Self {
        let mut child = Command::new(tests_folder().join("clusters"))
            .args(["--majors", &major.to_string(), "--serve"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/clusters starts");
        let stdin = child.stdin.take().unwrap();
        let mut environment = HashMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if line == "ready" {
                return Self { major, environment, own: Some((child, stdin)) };
            }
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            environment.insert(name.to_owned(), value.to_owned());
        }
        let ended = child.wait().unwrap();
        panic!("tests/clusters ended before PostgreSQL {major} was ready: {ended}");
    }

    /// One of the names that `tests/clusters` documents, without their common prefix: `CA`, `CLIENT_KEY`, `PG15_SOCKET`.
    pub fn variable(&self, name: &str) -> &str {
        let name = format!("PGSLUICE_TEST_{name}");
        self.environment.get(&name).unwrap_or_else(|| panic!("{name} is not set"))
    }

    /// The superuser's URL of `database`.
    pub fn url(&self, database: &str) -> String {
        let url = self.variable(&format!("PG{}", self.major));
        format!("{}/{database}", url.rsplit_once('/').unwrap().0)
    }

    /// Another login's URL of `database`.
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let url = self.url(database);
        format!("postgres://{user}:{password}@{}", url.rsplit_once('@').unwrap().1)
    }

    pub fn port(&self) -> u16 {
        let url = self.url("");
        url.trim_end_matches('/').rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// A database of this test's own, dropped at its end.
    pub fn database(&self, hint: &str) -> Database<'_> {
        self.database_from(hint, "template1")
    }

    /// One that begins as a copy of `template`: the same objects with the same OIDs.
    pub fn database_from(&self, hint: &str, template: &str) -> Database<'_> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("{hint}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        sql(&self.url("postgres"), &format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Database { cluster: self, name }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some((mut child, stdin)) = self.own.take() {
            drop(stdin);
            if child.wait().is_err() {
                eprintln!("tests/clusters could not be awaited");
            }
        }
    }
}

#[derive(Debug)]
pub struct Database<'cluster> {
    cluster: &'cluster Cluster,
    pub name: String,
}

impl Database<'_> {
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Runs statements as the superuser, direct; gives what they print, unaligned.
    pub fn sql(&self, statements: &str) -> String {
        sql(&self.url(), statements)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        let dropped = psql(&self.cluster.url("postgres"), &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        if let Err(problem) = dropped {
            eprintln!("{}: {problem}", self.name);
        }
    }
}

/// Runs statements by psql and gives what they print; the test fails when one of them does.
pub fn sql(url: &str, statements: &str) -> String {
    psql(url, statements).unwrap_or_else(|problem| panic!("{problem}\n{statements}"))
}

fn psql(url: &str, statements: &str) -> Result<String, String> {
    let mut child = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|problem| problem.to_string())?;
    // Taken, so that it closes: psql reads to the end.
    child.stdin.take().unwrap().write_all(statements.as_bytes()).map_err(|problem| problem.to_string())?;
    let done = child.wait_with_output().map_err(|problem| problem.to_string())?;
    if done.status.success() {
        Ok(String::from_utf8_lossy(&done.stdout).trim_end().to_owned())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

/// A running `pgsluice serve` with a state folder of its own and one agent.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    folder: tempfile::TempDir,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// Where people decide.
    pub people: String,
    /// Where the first person sets a password, where there is nobody yet.
    pub first_person: Option<String>,
    agent_url: String,
}

impl Proxy {
    pub fn start(upstream: &str) -> Self {
        Self::start_with(upstream, &[], &["agent", "--owner", "tester"])
    }

    /// Nothing of what passes is held or masked: for comparing what comes with what a server sends.
    pub fn transparent(upstream: &str, agent: &[&str]) -> Self {
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/policy/good/transparent.toml");
        Self::start_with(upstream, &["--policy", policy], agent)
    }

    /// The same with a configuration file of this text. It asks the server nothing of its own, so that what it holds is what clients and
    /// servers made it hold.
    pub fn plain(upstream: &str, config: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(config.as_bytes()).unwrap();
        let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/policy/good/transparent.toml");
        Self::start_with(upstream, &["--config", file.path().to_str().unwrap(), "--policy", policy], &["agent", "--owner", "tester"])
    }

    /// With a configuration file of this text.
    pub fn configured(upstream: &str, config: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(config.as_bytes()).unwrap();
        Self::start_with(upstream, &["--config", file.path().to_str().unwrap()], &["agent", "--owner", "tester"])
    }

    /// `options` go to `serve`; `agent` is what follows `agent add`. Everything passes, unless `--policy` is among the options: what most
    /// tests are about must not be held.
    pub fn start_with(upstream: &str, options: &[&str], agent: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("pgsluice-state-").tempdir().unwrap();
        let (child, address, people, first_person) = Self::launch(folder.path(), upstream, options);
        let mut proxy = Self { child, folder, address, people, first_person, agent_url: String::new() };
        proxy.agent_url = proxy.add_agent(agent);
        proxy
    }

    fn launch(folder: &Path, upstream: &str, options: &[&str]) -> (Child, String, String, Option<String>) {
        let allow_all = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/policy/good/allow-all.toml");
        let policy: &[&str] = if options.contains(&"--policy") { &[] } else { &["--policy", allow_all] };
        let mut child = Command::new(env!("CARGO_BIN_EXE_pgsluice"))
            .args(["serve", "--upstream", upstream, "--listen", "127.0.0.1:0", "--state"])
            .arg(folder.join("state"))
            .args(policy)
            .args(options)
            // Many run at once on one machine.
            .env("PGSLUICE_WEB_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.join("log")).unwrap())
            .spawn()
            .expect("pgsluice starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut people, mut first_person) = (String::new(), None);
        let address = loop {
            match lines.next() {
                Some(line) => {
                    let line = line.unwrap();
                    if let Some(url) = line.strip_prefix("people decide at ") {
                        url.clone_into(&mut people);
                    }
                    if let Some((_, url)) = line.split_once("set the first password at ") {
                        first_person = Some(url.to_owned());
                    }
                    if let Some(address) = line.strip_prefix("listening on ") {
                        break address.trim().to_owned();
                    }
                }
                None => panic!("pgsluice ended before it listened:\n{}", read_tail(&folder.join("log"))),
            }
        };
        // What else it prints must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        (child, address, people, first_person)
    }

    /// SIGKILL; returns when it is gone.
    pub fn kill(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it is ours");
    }

    /// Another one on the same state, at another address.
    pub fn start_again(&mut self, upstream: &str, options: &[&str]) {
        (self.child, self.address, self.people, self.first_person) = Self::launch(self.folder.path(), upstream, options);
    }

    /// `arguments` are what follows `agent add`; gives the agent's URL, pointed at this proxy.
    pub fn add_agent(&self, arguments: &[&str]) -> String {
        let done = self.command(&["agent", "add"], arguments);
        let url = done.lines().last().expect("a DATABASE_URL").to_owned();
        let (login, place) = url.rsplit_once('@').expect("a URL with a login");
        let database = place.split_once('/').map_or("", |(_, database)| database);
        format!("{login}@{}/{database}", self.address)
    }

    /// Runs another command of the program on this proxy's state folder.
    pub fn command(&self, name: &[&str], arguments: &[&str]) -> String {
        let done = Command::new(env!("CARGO_BIN_EXE_pgsluice"))
            .args(name)
            .args(arguments)
            .arg("--state")
            .arg(self.state())
            .stdin(Stdio::null())
            .output()
            .expect("pgsluice starts");
        assert!(done.status.success(), "pgsluice {name:?} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The agent's URL of `database`.
    pub fn url(&self, database: &str) -> String {
        let (login, _) = self.agent_url.rsplit_once('@').unwrap();
        format!("{login}@{}/{database}", self.address)
    }

    pub fn log(&self) -> String {
        read_tail(&self.folder.path().join("log"))
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        signal(name, &self.child.id().to_string());
    }

    /// SIGTERM, and how it ended.
    pub fn stop(self) -> std::process::ExitStatus {
        self.signal("TERM");
        self.ended()
    }

    /// How it ended, soon, for a reason given before.
    pub fn ended(mut self) -> std::process::ExitStatus {
        wait_until(&mut self.child, STOP_LIMIT).expect("pgsluice drains and ends")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the proxy's log ends with:\n{}", self.log());
        }
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) && self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("pgsluice {} could not be stopped", self.child.id());
        }
    }
}

fn read_tail(path: &Path) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

fn signal(name: &str, whom: &str) {
    let done = Command::new("kill").args([&format!("-{name}"), "--", whom]).status();
    assert!(done.is_ok(), "kill is there");
}

fn wait_until(child: &mut Child, limit: Duration) -> Option<std::process::ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if Instant::now() > deadline {
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Runs a program to its end within a limit and gives what it printed; the test fails when it does.
pub fn run(command: &mut Command) -> String {
    run_within(command, PROGRAM_LIMIT)
}

pub fn run_within(command: &mut Command, limit: Duration) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .process_group(0)
        .spawn()
        .unwrap_or_else(|problem| panic!("{command:?}: {problem}; tests/setup installs what is needed"));
    let ended = wait_until(&mut child, limit);
    if ended.is_none() {
        signal("KILL", &format!("-{}", child.id()));
        child.wait().unwrap();
    }
    let output = String::from_utf8_lossy(&std::fs::read(&out).unwrap()).into_owned();
    assert!(
        ended.is_some_and(|status| status.success()),
        "{:?}: {ended:?}\n{}\n{}",
        command.get_args().collect::<Vec<_>>(),
        read_tail(&out),
        read_tail(&err)
    );
    output
}
