//! `pgsluice agent …`: works on the state database, with the server running or not.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Failure, File, StateFolder, sources};
use crate::host::agents::{AgentStore, Listed, NewAgent};
use crate::host::config::{Flags, Local};
use crate::host::secret::Secret;
use crate::host::state::{ListenerRecord, State};

/// What needs no escape anywhere in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Subcommand)]
pub(super) enum Agent {
    /// Add an agent and print its DATABASE_URL, once, as the last line
    #[command(after_help = "Example:\n  pgsluice agent add billing-bot --owner ann --database shop --role reader --from 10.0.0.0/8")]
    Add(Add),
    /// List the agents
    #[command(after_help = "Example:\n  pgsluice agent list --all --json")]
    List(List),
    /// Give an agent a new password and print its DATABASE_URL; open sessions go on
    #[command(
        after_help = "Example:\n  pgsluice agent rotate billing-bot\n\nThe old password opens no new session. `agent revoke` ends open sessions too."
    )]
    Rotate(Named),
    /// End an agent and its open sessions; its name can be added again
    #[command(after_help = "Example:\n  pgsluice agent revoke billing-bot")]
    Revoke(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    name: String,
    /// The human who answers for the agent [default: you]
    #[arg(long, value_name = "HUMAN")]
    owner: Option<String>,
    /// The only database it may use [default: any; the upstream URL's if it names none]
    #[arg(long, value_name = "DB")]
    database: Option<String>,
    /// Log in at the server as this role of [upstream.roles] [default: the upstream URL's user]
    #[arg(long, value_name = "UPSTREAM_ROLE")]
    role: Option<String>,
    /// What it works on: production, staging, …
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Where it may connect from; can be given several times [default: everywhere]
    #[arg(long, value_name = "CIDR", value_parser = network)]
    from: Vec<IpNet>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The revoked ones too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    name: String,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    state: StateFolder,
    #[command(flatten)]
    file: File,
}

struct Desk {
    local: Local,
    state: State,
    store: AgentStore,
}

impl Desk {
    fn open(place: Place, environment: BTreeMap<String, String>) -> Result<Self, Failure> {
        let flags = Flags { state: place.state.state.map(PathBuf::from), ..Flags::default() };
        let local = Local::load(&sources(place.file, flags, environment))?;
        let state = State::open(&local.state)?;
        let store = AgentStore::open(&state)?;
        Ok(Self { local, state, store })
    }

    /// The last line of standard output, for scripts that take it whole.
    fn print_url(&self, name: &str, password: &Secret, database: Option<&str>) -> Result<(), Failure> {
        let recorded = self.state.listener()?;
        let planned = &self.local.listener;
        let listener = recorded.unwrap_or_else(|| ListenerRecord {
            address: planned.address,
            port: planned.port,
            tls_required: planned.tls_required,
            database: planned.database.clone(),
        });
        if listener.address.is_unspecified() {
            eprintln!("pgsluice: the proxy listens on every address: in the URL, write the host name that the agent can reach");
        }
        let url = connection_url(name, password, &listener, database);
        Ok(writeln!(std::io::stdout(), "{}", url.as_str())?)
    }
}

pub(super) fn run(command: Agent, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let now = SystemTime::now();
    match command {
        Agent::Add(command) => add(command, environment, now),
        Agent::List(command) => list(command, environment),
        Agent::Rotate(Named { name, place }) => {
            let mut desk = Desk::open(place, environment)?;
            let (password, database) = desk.store.rotate(&name, now)?;
            eprintln!("pgsluice: the old password opens no new session; open sessions go on. The new URL is shown once:");
            desk.print_url(&name, &password, database.as_deref())
        }
        Agent::Revoke(Named { name, place }) => {
            Desk::open(place, environment)?.store.revoke(&name, now)?;
            Ok(writeln!(std::io::stdout(), "revoked {name}: it cannot log in, and its open sessions end")?)
        }
    }
}

fn add(command: Add, environment: BTreeMap<String, String>, now: SystemTime) -> Result<(), Failure> {
    let owner = command.owner.map_or_else(|| current_user(&environment), Ok)?;
    let mut desk = Desk::open(command.place, environment)?;
    let agent = NewAgent {
        name: command.name,
        owner,
        database: command.database,
        role: command.role,
        environment: command.environment,
        networks: command.from,
    };
    let password = desk.store.add(&agent, now)?;
    if let (Some(role), Some(known)) = (&agent.role, &desk.local.roles)
        && !known.contains(role)
    {
        eprintln!("pgsluice: the configuration has no [upstream.roles.{role}]: add it with the role's password before this agent connects");
    }
    eprintln!("pgsluice: added {}, owner {}. Its DATABASE_URL is shown once:", agent.name, agent.owner);
    desk.print_url(&agent.name, &password, agent.database.as_deref())
}

fn list(command: List, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(command.place, environment)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", desk.store.list_json(command.all)?)?);
    }
    let agents = desk.store.list(command.all)?;
    if agents.is_empty() {
        eprintln!("pgsluice: no agents yet: `pgsluice agent add NAME`");
        return Ok(());
    }
    Ok(out.write_all(table(&agents).as_bytes())?)
}

fn table(agents: &[Listed]) -> String {
    let mut rows = vec![["NAME", "OWNER", "DATABASE", "ROLE", "ENVIRONMENT", "FROM", "CREATED", "ROTATED", "REVOKED"].map(str::to_owned)];
    rows.extend(agents.iter().map(|agent| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        [
            agent.name.clone(),
            agent.owner.clone(),
            or_dash(&agent.database),
            or_dash(&agent.role),
            or_dash(&agent.environment),
            or_dash(&agent.networks).replace(' ', ","),
            agent.created.clone(),
            or_dash(&agent.rotated),
            or_dash(&agent.revoked),
        ]
    }));
    let mut widths = [0; 9];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let line: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn connection_url(name: &str, password: &Secret, listener: &ListenerRecord, database: Option<&str>) -> zeroize::Zeroizing<String> {
    let escape = |text: &str| utf8_percent_encode(text, ESCAPED).to_string();
    let host = match listener.address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.to_string(),
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) if address.is_unspecified() => format!("[{}]", Ipv6Addr::LOCALHOST),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    // Without a database most drivers would ask for one named like the agent.
    let database = database.or(listener.database.as_deref()).map_or_else(String::new, |database| format!("/{}", escape(database)));
    let tls = if listener.tls_required { "?sslmode=require" } else { "" };
    let slash = if database.is_empty() && listener.tls_required { "/" } else { "" };
    format!("postgresql://{}:{}@{host}:{}{database}{slash}{tls}", escape(name), escape(password.expose()), listener.port).into()
}

/// The human behind `sudo`, else who the system says runs this, else who the environment says.
pub(super) fn current_user(environment: &BTreeMap<String, String>) -> Result<String, Failure> {
    let named = |name| environment.get(name).filter(|user: &&String| !user.is_empty()).cloned();
    named("SUDO_USER").or_else(system_user).or_else(|| named("USER")).or_else(|| named("LOGNAME")).ok_or(Failure::NoOwner)
}

/// Who owns this process, by the system's list of users.
fn system_user() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == own).then(|| name.to_owned())
    })
}

/// A single address is a network of one.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or(address).map_err(|_| "expected a network such as 10.0.0.0/8 or an address")
}
