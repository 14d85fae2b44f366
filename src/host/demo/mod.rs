//! `pgsluice demo`: everything in one command. A throwaway PostgreSQL with a sample shop, pgsluice in front of it, an agent,
//! a query through the proxy, and its record. What it starts it stops, and what it writes it removes.

mod cluster;
mod held;

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use super::agents::{AgentError, AgentStore, NewAgent};
use super::config::{Config, ConfigError, Flags, Sources};
use super::log;
use super::people::PeopleError;
use super::serve::{self, Ready, ServeError};
use super::state::{State, StateError};

pub use cluster::{Cluster, ClusterError};

const SHOP: &str = include_str!("../../../fixtures/demo/shop.sql");
const QUERY: &str = "SELECT c.city, count(*) AS orders, sum(o.total) AS revenue FROM orders o JOIN customers c ON c.id = o.customer \
                     GROUP BY c.city ORDER BY revenue DESC LIMIT 3";

#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the query through the proxy failed: {0}")]
    Query(String),
    #[error("the record of it could not be read: pgsluice audit {0}")]
    Audit(String),
    #[error("nobody could decide: pgsluice {0}")]
    Review(String),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// Runs the demo until Ctrl-C, or with `once` until the query was answered.
pub fn run(once: bool) -> Result<(), DemoError> {
    let mut out = io::stdout();
    writeln!(out, "Starting a throwaway PostgreSQL …")?;
    let cluster = Cluster::start()?;
    cluster.execute(SHOP)?;
    writeln!(out, "  {} in {}, with a sample shop", cluster.version(), cluster.folder().display())?;

    let environment = BTreeMap::from([
        ("PGSLUICE_UPSTREAM".to_owned(), cluster.url().expose().to_owned()),
        ("PGSLUICE_WEB_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
    ]);
    let (listen, state) = (Some(("127.0.0.1".to_owned(), 0)), Some(cluster.folder().join("state")));
    let flags = Flags { listen, state, ..Flags::default() };
    let sources = Sources { file: None, environment, flags };
    let config = Config::load(&sources)?;
    let log = log::init(&config.log);
    let state = State::open(&config.state)?;
    let (ready, listening) = mpsc::channel();
    let server = {
        let state = state.clone();
        thread::spawn(move || {
            serve::run(config, sources, state, log, move |what| match what {
                Ready::Agents(address) => ready.send(address).unwrap_or(()),
                Ready::People(_) | Ready::FirstPerson(_) => {}
            })
        })
    };
    // The sender is gone without a word only when the server could not start; joining it tells why.
    let Ok(address) = listening.recv() else { return Ok(server.join().unwrap_or(Ok(()))?) };
    writeln!(out, "Starting pgsluice …\n  listening on {address}")?;

    let agent = NewAgent {
        name: "demo-agent".to_owned(),
        owner: "you".to_owned(),
        database: None,
        role: None,
        environment: Some("demo".to_owned()),
        networks: Vec::new(),
    };
    let password = AgentStore::open(&state)?.add(&agent, &agent.owner, SystemTime::now())?;
    let url = format!("postgresql://demo-agent:{}@{address}/{}", password.expose(), cluster::DATABASE);
    writeln!(out, "Adding an agent …\n  its DATABASE_URL is all it needs:\n\n    {url}\n")?;
    writeln!(out, "A query, as the agent sends it:\n\n{}", query(&cluster, &url, address)?)?;
    let password = held::reviewer(&state)?;
    let people = state.listener()?.and_then(|listener| listener.web).unwrap_or_default();
    let state = state.folder();
    held::show(&cluster, &url, state, &password, &mut out)?;
    writeln!(out, "The record of it, as a DBA reads it ($ pgsluice audit search orders):\n\n{}", audit(state, &["search", "orders"])?)?;
    writeln!(out, "And the proof that nobody changed it ($ pgsluice audit verify):\n\n{}", audit(state, &["verify"])?)?;
    if once {
        return Ok(());
    }
    writeln!(out, "Read it yourself:\n\n    pgsluice audit tail -f --state {}\n", state.display())?;
    writeln!(out, "Decide yourself, as {} with the password {}:\n\n    {people}\n", held::REVIEWER, password.expose())?;
    writeln!(out, "Try it yourself:\n\n    psql '{url}'\n\nCtrl-C stops everything and leaves nothing behind.")?;
    Ok(server.join().unwrap_or(Ok(()))?)
}

/// Runs a command on the record; what it printed.
fn audit(state: &Path, arguments: &[&str]) -> Result<String, DemoError> {
    let failed = |what: &dyn std::fmt::Display| DemoError::Audit(format!("{}: {what}", arguments.join(" ")));
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let done = Command::new(program).arg("audit").args(arguments).arg("--state").arg(state).output().map_err(|error| failed(&error))?;
    if !done.status.success() {
        return Err(failed(&String::from_utf8_lossy(&done.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// psql, told nothing by the caller's environment: what that says of PostgreSQL is not meant for this one.
fn psql(cluster: &Cluster) -> Result<Command, DemoError> {
    let mut psql = Command::new(cluster.program("psql").map_err(DemoError::Cluster)?);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
        psql.env_remove(name);
    }
    Ok(psql)
}

/// Runs the query with psql through the proxy; what it printed.
fn query(cluster: &Cluster, url: &str, address: SocketAddr) -> Result<String, DemoError> {
    let done = psql(cluster)?.args(["-X", "-d", url, "-c", QUERY]).output().map_err(|error| DemoError::Query(error.to_string()))?;
    if !done.status.success() {
        return Err(DemoError::Query(format!("psql through {address}: {}", String::from_utf8_lossy(&done.stderr).trim())));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
