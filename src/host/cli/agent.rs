//! `pgsluice agent …`: works on the state database, with the server running or not.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Failure, Place};
use crate::host::agents::{AgentStore, Listed, NewAgent};
use crate::host::config::Local;
use crate::host::ledger::Ledger;
use crate::host::people::{self, Acting, Capability};
use crate::host::secret::Secret;
use crate::host::state::{ListenerRecord, State};

/// What needs no escape anywhere in a URL.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  pgsluice agent add billing-bot\n  pgsluice agent list")]
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
    /// What the agent is called, and logs in as
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
    /// Which agent
    name: String,
    #[command(flatten)]
    place: Place,
}

struct Desk {
    local: Local,
    state: State,
    store: AgentStore,
    acting: Acting,
}

impl Desk {
    /// For whoever administers.
    fn open(place: Place, environment: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let local = place.local(environment)?;
        let state = State::open(&local.state)?;
        let acting = people::acting(&state, environment)?;
        acting.require(Capability::Administer)?;
        let store = AgentStore::open(&state)?;
        Ok(Self { local, state, store, acting })
    }

    fn settle(&self) -> Result<(), Failure> {
        Ok(Ledger::open(&self.state)?.settle()?)
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
            web: None,
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
        Agent::Add(command) => add(command, &environment, now),
        Agent::List(command) => list(command, &environment),
        Agent::Rotate(Named { name, place }) => {
            let mut desk = Desk::open(place, &environment)?;
            let (password, database) = desk.store.rotate(&name, &desk.acting.by(), now)?;
            eprintln!("pgsluice: the old password opens no new session; open sessions go on. The new URL is shown once:");
            // The password first: it is shown once, whatever else fails.
            let printed = desk.print_url(&name, &password, database.as_deref());
            desk.settle().and(printed)
        }
        Agent::Revoke(Named { name, place }) => {
            let mut desk = Desk::open(place, &environment)?;
            desk.store.revoke(&name, &desk.acting.by(), now)?;
            let printed = writeln!(std::io::stdout(), "revoked {name}: it cannot log in, and its open sessions end");
            desk.settle().and(printed.map_err(Failure::from))
        }
    }
}

fn add(command: Add, environment: &BTreeMap<String, String>, now: SystemTime) -> Result<(), Failure> {
    let mut desk = Desk::open(command.place, environment)?;
    let you = people::current_user(environment).map(|_| desk.acting.name.clone());
    let owner = command.owner.or(you).ok_or(Failure::NoOwner)?;
    let agent = NewAgent {
        name: command.name,
        owner,
        database: command.database,
        role: command.role,
        environment: command.environment,
        networks: command.from,
    };
    let password = desk.store.add(&agent, &desk.acting.by(), now)?;
    if let (Some(role), Some(known)) = (&agent.role, &desk.local.roles)
        && !known.contains(role)
    {
        eprintln!("pgsluice: the configuration has no [upstream.roles.{role}]: add it with the role's password before this agent connects");
    }
    eprintln!("pgsluice: added {}, owner {}. Its DATABASE_URL is shown once:", agent.name, agent.owner);
    let printed = desk.print_url(&agent.name, &password, agent.database.as_deref());
    desk.settle().and(printed)
}

fn list(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let store = AgentStore::open(&State::open(&command.place.local(environment)?.state)?)?;
    let mut out = std::io::stdout();
    if command.json {
        return Ok(writeln!(out, "{}", store.list_json(command.all)?)?);
    }
    let agents = store.list(command.all)?;
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
    aligned(&rows)
}

/// Columns as wide as their widest cell.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
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

/// A single address is a network of one.
fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or(address).map_err(|_| "expected a network such as 10.0.0.0/8 or an address")
}
