//! The configuration: `pgsluice.toml`, `PGSLUICE_*` and flags become one checked value, or a list of everything that is
//! wrong. Nothing checked here is checked again elsewhere; nothing here opens a socket.

mod audit;
mod error;
mod hold;
mod limits;
mod listener;
mod notify;
mod oidc;
mod people;
mod policy;
mod raw;
mod reader;
mod server;
pub mod url;
mod value;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use audit::{Anchor, Audit, CheckpointSink, Collector, Forward, KeepSql, Syslog};
pub use error::{ConfigError, Origin, Problem};
pub use hold::Hold;
pub use limits::Limits;
pub use listener::{ClientTls, Keepalive, Listener, ServerCertificate};
pub use notify::{Notify, Slack, SlackWay, Told};
pub use oidc::{Membership, Oidc};
pub use people::{DEFAULT_WEB_PORT, People, PublicUrl, Web, WebListen};
pub use policy::{Loaded, PolicySource};
pub use raw::{Flags, Sources};
pub use reader::Shown;
pub use server::Server;
pub use webhook::{SigningSecret, Webhook, bare, host, is_near};

use super::pool;
use crate::gate::Policy;
use crate::mask::profile::Profiles;
use reader::Reader;
use value::{Kept, Unless0, Word};

pub const DEFAULT_PORT: u16 = 6432;

#[derive(Debug, Clone)]
pub struct Config {
    /// The one folder that the program writes to.
    pub state: PathBuf,
    pub listener: Listener,
    pub server: Server,
    pub capacity: Capacity,
    pub limits: Limits,
    pub hold: Hold,
    pub databases: BTreeMap<String, Database>,
    pub audit: Audit,
    /// What may pass.
    pub policy: Arc<Policy>,
    /// What the policy says of masking, made ready.
    pub profiles: Arc<Profiles>,
    /// Where the health page is, if anywhere.
    pub health_listen: Option<SocketAddr>,
    pub web: Web,
    /// Who is told of holds.
    pub notify: Notify,
    pub people: People,
    pub log: Log,
    /// Threads that run sessions.
    pub workers: NonZeroUsize,
    /// How long SIGTERM waits for open work.
    pub drain_timeout: Duration,
    pub warnings: Vec<String>,
    shown: Vec<Shown>,
}

/// How many at once, and how long the next one waits. `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub clients: NonZeroU32,
    pub links_per_database: Option<NonZeroU32>,
    pub links_per_agent: Option<NonZeroU32>,
    /// How long a session waits for a link.
    pub wait: Option<Duration>,
    /// Links that are kept for the next session.
    pub idle: pool::Bounds,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    pub environment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `tracing-subscriber`'s directives: `info`, `pgsluice=debug`, …
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel(pub String);

impl value::Setting for LogLevel {
    fn wanted() -> String {
        "a level (off, error, warn, info, debug, trace) or directives such as pgsluice=debug".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        // A lone word that is no level would be taken for a target, and everything else would fall silent.
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        let meant = |directive: &str| directive.contains('=') || LEVELS.contains(&directive);
        let parsed = text.split(',').map(str::trim).all(meant) && tracing_subscriber::EnvFilter::builder().parse(text).is_ok();
        parsed.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Full,
    Compact,
}

impl Word for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("full", Self::Full), ("compact", Self::Compact)];
}

impl Config {
    /// Reads everything anew. A reload that fails leaves the caller with what it has: all or nothing.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(sources)?;
        let state = state(&mut reader);
        let listener = Listener::read(&mut reader);
        let server = Server::read(&mut reader);
        let capacity = Capacity::read(&mut reader);
        let limits = Limits::read(&mut reader);
        let hold = Hold::read(&mut reader);
        let databases = databases(&mut reader);
        let audit = Audit::read(&mut reader);
        let policy = policy::read(&mut reader);
        let health_listen = reader.optional("health_listen");
        let (web, people) = (Web::read(&mut reader), People::read(&mut reader));
        let notify = Notify::read(&mut reader);
        let log = Log { level: reader.get("log_level", LogLevel("info".to_owned())), format: reader.get("log_format", LogFormat::Full) };
        let workers = reader.get("workers", workers());
        let drain_timeout = reader.get("drain_timeout", Duration::from_secs(30));
        let (shown, warnings) = reader.finish()?;
        // Every way to have none has noted a problem.
        let (Some(state), Some(server), Some(audit), Some(policy), Some(notify)) = (state, server, audit, policy, notify) else {
            return Err(ConfigError::new(None, Vec::new()));
        };
        Ok(Self {
            state,
            listener,
            server,
            capacity,
            limits,
            hold,
            databases,
            audit,
            policy: policy.policy,
            profiles: policy.profiles,
            health_listen,
            web,
            notify,
            people,
            log,
            workers,
            drain_timeout,
            warnings,
            shown,
        })
    }

    /// What a reload cannot change, among what differs.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let fixed = [
            ("state", self.state == new.state),
            ("listen_addr, listen_port", self.listener.addresses == new.listener.addresses),
            ("health_listen", self.health_listen == new.health_listen),
            ("[web]", self.web == new.web),
            ("[people]", self.people == new.people),
            ("[notify], [slack], [teams], [[webhook]]", self.notify == new.notify),
            ("workers", self.workers == new.workers),
            ("log_format", self.log.format == new.log.format),
        ];
        fixed.into_iter().chain(self.audit.fixed(&new.audit)).filter(|(_, same)| !same).map(|(name, _)| name).collect()
    }

    /// The names of the settings that differ.
    pub fn changed(&self, new: &Self) -> Vec<String> {
        let of = |config: &Self| -> BTreeMap<String, String> {
            config.shown.iter().map(|shown| (shown.name.clone(), shown.value.clone())).collect()
        };
        let (old, new) = (of(self), of(new));
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
    }

    /// The environment that the record names for statements in this database.
    pub fn environment(&self, database: &str) -> Option<&str> {
        self.databases.get(database)?.environment.as_deref()
    }
}

/// The checked configuration for people, a setting a line, without secrets.
impl fmt::Display for Config {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Shown { name, value, origin } in &self.shown {
            let from = match origin {
                None => "default".to_owned(),
                Some(Origin::Flag(flag)) => (*flag).to_owned(),
                Some(Origin::Environment(variable)) => variable.clone(),
                Some(Origin::File { key: (line, _), .. }) => format!("line {line}"),
            };
            writeln!(out, "{:<44} # {from}", format!("{} = {}", name.escape_debug(), value.escape_debug()))?;
        }
        Ok(())
    }
}

/// Half of the processors: each further thread finds less to do whenever it wakes, so the same queries cost more; and one
/// thread serves more of them than a server on the other half answers.
fn workers() -> NonZeroUsize {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    NonZeroUsize::new(processors.get() / 2).unwrap_or(NonZeroUsize::MIN)
}

impl Capacity {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            clients: reader.get("max_client_conn", NonZeroU32::MIN.saturating_add(999)),
            // PostgreSQL's default is 100 connections, for all its users.
            links_per_database: reader.get("max_db_connections", Unless0(NonZeroU32::new(90))).0,
            links_per_agent: reader.get("max_user_connections", Unless0::<NonZeroU32>(None)).0,
            wait: reader.get("query_wait_timeout", Unless0(Some(Duration::from_secs(120)))).0,
            idle: pool::Bounds {
                most: reader.get("max_idle_connections", Kept(20)).0,
                idle: reader.get("server_idle_timeout", Unless0(Some(Duration::from_secs(600)))).0,
                life: reader.get("server_lifetime", Unless0(Some(Duration::from_secs(3600)))).0,
            },
        }
    }
}

fn databases(reader: &mut Reader<'_>) -> BTreeMap<String, Database> {
    let mut databases = BTreeMap::new();
    for name in reader.names("databases") {
        let given = reader.in_file(vec!["databases".to_owned(), name.clone(), "environment".to_owned()]);
        let shown = format!("databases.{name}.environment");
        let environment = given.and_then(|given| {
            let environment = reader.checked::<String>(&shown, &given)?;
            reader.show(shown, environment.clone(), Some(given.origin));
            Some(environment)
        });
        databases.insert(name, Database { environment });
    }
    databases
}

/// `$XDG_STATE_HOME/pgsluice`, or below the home folder as XDG says.
fn state(reader: &mut Reader<'_>) -> Option<PathBuf> {
    if let Some(given) = reader.given("state") {
        let folder = reader.checked_path("state", &given)?;
        reader.show("state", folder.display().to_string(), Some(given.origin));
        return Some(folder);
    }
    // XDG: a relative path is to be ignored.
    let absolute =
        |text: Option<crate::host::secret::Secret>| text.map(|text| PathBuf::from(text.expose())).filter(|path| path.is_absolute());
    let base =
        absolute(reader.variable("XDG_STATE_HOME")).or_else(|| absolute(reader.variable("HOME")).map(|home| home.join(".local/state")));
    match base {
        Some(base) => {
            let folder = base.join("pgsluice");
            reader.show("state", folder.display().to_string(), None);
            Some(folder)
        }
        None => {
            reader.fail(None, "no state folder: give --state DIR (neither XDG_STATE_HOME nor HOME is set)");
            None
        }
    }
}

/// What the commands beside the server need. They run where the server's secrets may not be readable, so they ask for
/// nothing else and leave the rest of the file unjudged.
#[derive(Debug, Clone)]
pub struct Local {
    pub state: PathBuf,
    pub listener: LocalListener,
    /// The roles that the configuration has a login for, when there is a configuration file.
    pub roles: Option<BTreeSet<String>>,
    /// A statement that takes longer counts as slow.
    pub slow: Duration,
}

/// Where the server would listen, were it started with this configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalListener {
    pub address: std::net::IpAddr,
    pub port: u16,
    pub tls_required: bool,
    pub database: Option<String>,
}

impl Local {
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(sources)?;
        let state = state(&mut reader);
        let (addresses, port) = listener::addresses(&mut reader);
        let mode = reader.optional::<listener::ClientSslMode>("client_tls_sslmode");
        let tls_required = match mode {
            Some(mode) => mode == listener::ClientSslMode::Require,
            None => !addresses.only_loopback(),
        };
        let database = ["upstream", "upstream.url"]
            .into_iter()
            .filter_map(|name| reader.given(name))
            .find_map(|given| url::parse(given.text.expose()).ok())
            .map(|url| url.database);
        let roles = sources.file.is_some().then(|| reader.names("upstream.roles"));
        let slow = audit::slow(&mut reader);
        let address = addresses.0.first().copied().unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        reader.problems_only()?;
        let Some(state) = state else { return Err(ConfigError::new(None, Vec::new())) };
        Ok(Self { state, listener: LocalListener { address, port, tls_required, database }, roles, slow })
    }
}
