//! The ways to the server that are compared: straight, through PgBouncer, through pgsluice.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pgsluice::gate::policy::BuiltIn;
use pgsluice::host::config::url;
use pgsluice::host::link::{Connector, Link, Minor, Request};
use pgsluice::host::secret::Secret;
use pgsluice::host::stream::{Keepalive, Socket, Stream};
use pgsluice::host::upstream::{ChannelBinding, Credential, Host, Roots, SslMode, TargetSession, Upstream, UpstreamTls};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::cluster::{Cluster, free_port};
use crate::process::{Outcome, Process, command_as, cpu, forget_peak, give, output, peak, pgbouncer_program, postgres_program, resident};

/// More than are ever opened here at once.
const CLIENTS: usize = 5000;
const READY: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(30);

/// Where a client connects on loopback, and as whom.
#[derive(Debug, Clone)]
pub struct Address {
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: String,
}

impl Address {
    /// A program that uses libpq, pointed here.
    pub fn client(&self, mut command: Command) -> Command {
        command.env_clear().env("PGHOST", "127.0.0.1").env("PGPORT", self.port.to_string()).env("PGUSER", &self.user);
        command.env("PGPASSWORD", &self.password).env("PGDATABASE", &self.database).env("PGSSLMODE", "disable").env("LC_ALL", "C");
        command
    }

    pub fn pgbench(&self) -> Outcome<Command> {
        Ok(self.client(Command::new(postgres_program("pgbench")?)))
    }

    /// Logs in as any client does. The keys of the password are derived once, so that many logins cost this side little.
    pub fn door(&self) -> Outcome<Door> {
        let credential = Credential { user: self.user.clone(), password: Some(Secret::new(self.password.clone())) };
        let upstream = Upstream {
            hosts: vec![Host::Tcp { name: "127.0.0.1".into(), port: self.port }],
            database: self.database.clone(),
            credential: credential.clone(),
            tls: UpstreamTls {
                mode: SslMode::Disable,
                roots: Roots::Platform,
                client_certificate: None,
                channel_binding: ChannelBinding::Disable,
                direct: false,
            },
            target_session: TargetSession::Any,
            connect_timeout: CONNECT,
        };
        let connector = Connector::load(Arc::new(upstream), Keepalive::default(), Minor::Zero)?;
        Ok(Door { connector, credential, database: self.database.clone() })
    }
}

/// Opens connections to one address.
pub struct Door {
    connector: Connector,
    credential: Credential,
    database: String,
}

impl Door {
    pub async fn open(&self) -> Outcome<Link> {
        Ok(self.connector.connect(Request { credential: &self.credential, database: &self.database, parameters: &[] }).await?)
    }

    /// A socket for blocking use.
    pub async fn open_blocking(&self) -> Outcome<TcpStream> {
        let Stream::Plain(Socket::Tcp(stream)) = self.open().await?.stream else { return Err("not a plain TCP connection".into()) };
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(stream)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    Direct,
    PgBouncer,
    Pgsluice {
        /// Its worker threads; without a number as many as it takes by itself.
        workers: Option<usize>,
        /// Another build than the one at hand.
        build: Option<PathBuf>,
        /// Its policy has it that the agent sees every value as it is.
        unmasked: bool,
    },
}

impl Way {
    pub fn name(&self) -> String {
        match self {
            Self::Direct => "direct".into(),
            Self::PgBouncer => "PgBouncer".into(),
            Self::Pgsluice { workers, build, unmasked } => {
                let unmasked = if *unmasked { ", unmasked" } else { "" };
                let workers = workers.map(|count| format!(", workers = {count}")).unwrap_or_default();
                let build = build.as_ref().map(|path| format!(", {}", path.display())).unwrap_or_default();
                format!("pgsluice{unmasked}{workers}{build}")
            }
        }
    }

    pub fn open(&self, cluster: &Cluster) -> Outcome<Route> {
        let (address, proxy) = match self {
            Self::Direct => (cluster.address.clone(), None),
            Self::PgBouncer => pgbouncer(cluster)?,
            Self::Pgsluice { workers, build, unmasked } => {
                pgsluice(cluster, *workers, build.as_deref().unwrap_or(Path::new(env!("CARGO_BIN_EXE_pgsluice"))), *unmasked)?
            }
        };
        Ok(Route { way: self.clone(), address, proxy })
    }
}

type Opened = (Address, Option<(Process, TempDir)>);

/// What of the default policy would stop the measurement, and what it is changed to: everything is counted as ever.
pub const CHANGED: [(&str, &str); 4] = [
    ("\nrows = 100_000\n", "\nrows = 1_000_000_000_000\n"),
    ("\nsensitive_rows = 1_000\n", "\nsensitive_rows = 1_000_000_000_000\n"),
    ("\nbytes = \"64MiB\"\n", "\nbytes = \"1000000GiB\"\n"),
    // COPY to the client.
    (
        "\neffects = [\"read\", \"write\", \"session\", \"import\"]\n",
        "\neffects = [\"read\", \"write\", \"session\", \"import\", \"export\"]\n",
    ),
];

/// The default policy, changed so.
fn policy(unmasked: bool) -> Outcome<String> {
    let mut text = BuiltIn::Default.text().to_owned();
    for (from, to) in CHANGED {
        if text.matches(from).count() != 1 {
            return Err(format!("the default policy has no line {from:?}").into());
        }
        text = text.replace(from, to);
    }
    if unmasked {
        text.push_str("\n[[mask.profile]]\nname = \"as they are\"\nagents = [\"bench\"]\nunmasked = true\n");
    }
    Ok(text)
}

/// A way to the server that stands open.
pub struct Route {
    pub way: Way,
    pub address: Address,
    proxy: Option<(Process, TempDir)>,
}

impl Route {
    /// Processor time of the proxy, if there is one.
    pub fn cpu(&self) -> Outcome<Option<Duration>> {
        self.proxy.as_ref().map(|(process, _)| cpu(process.id())).transpose()
    }

    pub fn resident(&self) -> Outcome<Option<f64>> {
        self.proxy.as_ref().map(|(process, _)| resident(process.id())).transpose()
    }

    /// The most resident memory since `forget_peak`.
    pub fn peak(&self) -> Outcome<Option<f64>> {
        self.proxy.as_ref().map(|(process, _)| peak(process.id())).transpose()
    }

    pub fn forget_peak(&self) -> Outcome<()> {
        self.proxy.as_ref().map_or(Ok(()), |(process, _)| forget_peak(process.id()))
    }
}

fn pgbouncer(cluster: &Cluster) -> Outcome<Opened> {
    let server = &cluster.address;
    let folder = tempfile::tempdir()?;
    give(folder.path(), cluster.user)?;
    // The secret as the server stores it, so that a client's proof serves for the login there as well.
    let users = folder.path().join("users");
    fs::write(&users, format!("\"{}\" \"{}\"\n", server.user, cluster.verifier))?;
    give(&users, cluster.user)?;
    let address = Address { port: free_port()?, ..server.clone() };
    let settings = folder.path().join("pgbouncer.ini");
    fs::write(
        &settings,
        format!(
            "[databases]\n{database} = host=127.0.0.1 port={server_port}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users\n\
             pool_mode = session\nmax_client_conn = {CLIENTS}\ndefault_pool_size = 90\nserver_tls_sslmode = disable\n\
             ignore_startup_parameters = extra_float_digits\nlog_connections = 0\nlog_disconnections = 0\n",
            database = server.database,
            server_port = server.port,
            port = address.port,
        ),
    )?;
    give(&settings, cluster.user)?;
    let mut command = command_as(cluster.user, &pgbouncer_program()?, folder.path());
    command.arg("pgbouncer.ini").stdout(Stdio::null()).stderr(fs::File::create(folder.path().join("log"))?);
    let mut process = Process::start("PgBouncer", &mut command, Signal::TERM)?;
    process.wait_until(READY, || TcpStream::connect((Ipv4Addr::LOCALHOST, address.port)).is_ok())?;
    Ok((address, Some((process, folder))))
}

fn pgsluice(cluster: &Cluster, workers: Option<usize>, build: &Path, unmasked: bool) -> Outcome<Opened> {
    let server = &cluster.address;
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("policy.toml"), policy(unmasked)?)?;
    let workers_line = workers.map_or_else(String::new, |count| format!("workers = {count}\n"));
    fs::write(
        folder.path().join("pgsluice.toml"),
        format!(
            "upstream = \"postgres://{}@127.0.0.1:{}/{}?sslmode=disable\"\nlisten_port = 0\nmax_client_conn = {CLIENTS}\n\
             log_level = \"warn\"\n{workers_line}",
            server.user, server.port, server.database,
        ),
    )?;
    let program = |folder: &Path| {
        let mut command = command_as(None, build, folder);
        command.env("PGSLUICE_UPSTREAM_PASSWORD", &server.password).env("PGSLUICE_STATE", "state");
        // Several stand side by side.
        command.env("PGSLUICE_POLICY_FILE", "policy.toml").env("PGSLUICE_WEB_LISTEN", "127.0.0.1:0");
        command
    };
    let mut command = program(folder.path());
    command.arg("serve").stdout(Stdio::piped()).stderr(fs::File::create(folder.path().join("log"))?);
    let mut process = Process::start("pgsluice", &mut command, Signal::TERM)?;
    // A line says that it listens; the end of the stream, that it failed.
    let mut lines = BufReader::new(process.take_stdout().ok_or("no standard output")?).lines();
    if !lines.by_ref().map_while(Result::ok).any(|line| line.starts_with("listening on")) {
        return Err(format!("pgsluice did not start:\n{}", fs::read_to_string(folder.path().join("log"))?).into());
    }
    let printed = output(program(folder.path()).args(["agent", "add", "bench", "--owner", "bench"]))?;
    let url = url::parse(printed.lines().last().unwrap_or_default())?;
    let Some(Host::Tcp { port, .. }) = url.hosts.first() else { return Err("the agent's URL names no port".into()) };
    let password = url.password.ok_or("the agent's URL has no password")?.expose().to_owned();
    let address = Address { port: *port, user: url.user, password, database: server.database.clone() };
    Ok((address, Some((process, folder))))
}
