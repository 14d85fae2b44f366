//! A PostgreSQL of one's own for as long as a value lives: its own folder, its own port on loopback, stopped and removed when
//! dropped. It is found where PostgreSQL is usually installed, and run as another user when we are root, as it demands.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::host::scram;
use crate::host::secret::Secret;

/// The database of the sample, and its owner.
pub const DATABASE: &str = "shop";
const OWNER: &str = "shop_app";

#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    #[error(
        "no PostgreSQL server is installed here (looked for initdb by pg_config, in PATH and in /usr/lib/postgresql): install the package postgresql"
    )]
    NotInstalled,
    #[error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")]
    NoUser,
    #[error("{program} failed: {reason}")]
    Failed { program: String, reason: String },
    #[error("{what}: {error}")]
    System { what: String, error: io::Error },
    #[error("the system gave no random bytes")]
    NoRandom,
}

#[derive(Debug)]
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    password: Secret,
    started: bool,
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> ClusterError {
    let what = what.into();
    move |error| ClusterError::System { what, error }
}

impl Cluster {
    pub fn start() -> Result<Self, ClusterError> {
        let random = scram::random::<24>().map_err(|_| ClusterError::NoRandom)?;
        let (name, password) = (URL_SAFE_NO_PAD.encode(&random[..6]), Secret::new(URL_SAFE_NO_PAD.encode(&random[6..])));
        let folder = std::env::temp_dir().join(format!("pgsluice-demo-{name}"));
        let mut cluster = Self { programs: programs()?, user: another_user()?, folder, port: free_port()?, password, started: false };
        let folder = &cluster.folder;
        // Others may pass through, so that the server's user reaches its own folder below; they cannot look around.
        fs::DirBuilder::new().mode(0o711).create(folder).map_err(system(format!("cannot make {}", folder.display())))?;
        fs::DirBuilder::new().mode(0o700).create(cluster.data()).map_err(system("cannot make the data folder"))?;
        cluster.hand_over(&cluster.data())?;
        cluster.init()?;
        // Said before it is so: a server that came up too late is stopped as well.
        cluster.started = true;
        cluster.run_server()?;
        let (owner, password) = (OWNER, cluster.password.expose());
        cluster.psql("postgres", &format!("CREATE ROLE {owner} LOGIN PASSWORD '{password}'; "))?;
        cluster.psql("postgres", &format!("CREATE DATABASE {DATABASE} OWNER {owner}"))?;
        Ok(cluster)
    }

    /// The connection URL of the sample's owner.
    pub fn url(&self) -> Secret {
        Secret::new(format!("postgres://{OWNER}:{}@127.0.0.1:{}/{DATABASE}", self.password.expose(), self.port))
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// "PostgreSQL 15.4", as the server's program calls itself.
    pub fn version(&self) -> String {
        let told = Command::new(self.programs.join("postgres")).arg("--version").output();
        let told =
            told.map(|done| String::from_utf8_lossy(&done.stdout).replace("postgres (PostgreSQL)", "PostgreSQL")).unwrap_or_default();
        told.split(" (").next().unwrap_or_default().trim().to_owned()
    }

    /// Runs SQL as the owner of the sample.
    pub fn execute(&self, sql: &str) -> Result<(), ClusterError> {
        self.psql(DATABASE, &format!("SET ROLE {OWNER};\n{sql}"))
    }

    /// A client program, beside the server's or in PATH.
    pub fn program(&self, name: &str) -> Result<PathBuf, ClusterError> {
        let beside = self.programs.join(name);
        if beside.exists() { Ok(beside) } else { in_path(name).ok_or(ClusterError::NotInstalled) }
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn hand_over(&self, path: &Path) -> Result<(), ClusterError> {
        match self.user {
            Some((user, group)) => chown(path, Some(user), Some(group)).map_err(system("cannot hand the data folder over")),
            None => Ok(()),
        }
    }

    fn init(&self) -> Result<(), ClusterError> {
        let secret = self.data().join("password");
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&secret);
        file.and_then(|mut file| io::Write::write_all(&mut file, self.password.expose().as_bytes()))
            .map_err(system("cannot write the password file"))?;
        self.hand_over(&secret)?;
        // initdb wants an empty folder, so the cluster is one further down.
        let mut initdb = self.command("initdb");
        initdb
            .args(["-U", "postgres", "-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "-N", "--pwfile"])
            .arg(&secret)
            .arg("-D")
            .arg(self.cluster());
        run(initdb)?;
        fs::remove_file(&secret).map_err(system("cannot remove the password file"))
    }

    fn run_server(&self) -> Result<(), ClusterError> {
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories= -c fsync=off -c logging_collector=off",
            self.port
        );
        let mut start = self.command("pg_ctl");
        start.args(["-w", "-s", "-t", "60", "-o", &settings, "-l"]).arg(self.data().join("log")).arg("-D").arg(self.cluster()).arg("start");
        run(start)
    }

    fn cluster(&self) -> PathBuf {
        self.data().join("cluster")
    }

    /// A program of the server's, run as the server's user and apart from Ctrl-C at our terminal.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.stdin(Stdio::null()).current_dir("/").process_group(0);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn psql(&self, database: &str, sql: &str) -> Result<(), ClusterError> {
        let mut psql = Command::new(self.program("psql")?);
        psql.args([
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-U",
            "postgres",
            "-d",
            database,
            "-p",
            &self.port.to_string(),
            "-f",
            "-",
        ]);
        psql.env("PGPASSWORD", self.password.expose()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = psql.spawn().map_err(system("cannot run psql"))?;
        if let Some(mut input) = child.stdin.take() {
            // If psql ended early, its exit says so better than the broken pipe.
            io::Write::write_all(&mut input, sql.as_bytes()).ok();
        }
        judge("psql", &child.wait_with_output().map_err(system("cannot run psql"))?)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.started {
            let mut stop = self.command("pg_ctl");
            stop.args(["-w", "-s", "-m", "immediate", "-D"]).arg(self.cluster()).arg("stop");
            if let Err(error) = run(stop) {
                tracing::warn!(%error, "the throwaway PostgreSQL did not stop");
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, folder = %self.folder.display(), "the throwaway folder is left behind");
        }
    }
}

/// `pg_ctl` leaves the server holding the pipes it was given, so nothing is read from a program but its exit and its log.
fn run(mut command: Command) -> Result<(), ClusterError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().map_err(system(format!("cannot run {program}")))?;
    if status.success() { Ok(()) } else { Err(ClusterError::Failed { program, reason: status.to_string() }) }
}

fn judge(program: &str, done: &std::process::Output) -> Result<(), ClusterError> {
    if done.status.success() {
        return Ok(());
    }
    Err(ClusterError::Failed { program: program.to_owned(), reason: String::from_utf8_lossy(&done.stderr).trim().to_owned() })
}

/// The folder with initdb in it.
fn programs() -> Result<PathBuf, ClusterError> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|done| PathBuf::from(String::from_utf8_lossy(&done.stdout).trim()));
    let mut debian: Vec<_> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    debian.sort_by_key(|path| path.components().filter_map(|part| part.as_os_str().to_str()?.parse::<u32>().ok()).next_back());
    let path = in_path("initdb").and_then(|found| found.parent().map(Path::to_path_buf));
    told.into_iter()
        .chain(path)
        .chain(debian.into_iter().rev())
        .find(|folder| folder.join("initdb").exists())
        .ok_or(ClusterError::NotInstalled)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|found| found.is_file())
}

/// Whom to run as when we are root: the first of postgres and nobody that there is.
fn another_user() -> Result<Option<(u32, u32)>, ClusterError> {
    use std::os::unix::fs::MetadataExt as _;
    // What this process may read as its own folder in /proc is owned by who it runs as.
    if fs::metadata("/proc/self").map_or(1, |own| own.uid()) != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").map_err(system("cannot read /etc/passwd"))?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).map(str::parse);
        Some((fields.next()?.ok()?, fields.next()?.ok()?))
    };
    ids("postgres").or_else(|| ids("nobody")).map(Some).ok_or(ClusterError::NoUser)
}

fn free_port() -> Result<u16, ClusterError> {
    let found = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    Ok(found.map_err(system("no free port on loopback"))?.port())
}
