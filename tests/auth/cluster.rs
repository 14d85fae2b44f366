//! A private PostgreSQL in a folder of its own, gone with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The folder of binaries that `PGSLUICE_AUTH_PG_BIN` names, or the newest server that is installed.
fn binaries() -> PathBuf {
    if let Some(given) = std::env::var_os("PGSLUICE_AUTH_PG_BIN") {
        return given.into();
    }
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest =
        installed.filter_map(|version| Some((version.file_name().to_str()?.parse::<u32>().ok()?, version.path().join("bin")))).max();
    newest.map(|(_, path)| path).unwrap_or_else(|| {
        let told = Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL's server is needed");
        String::from_utf8(told.stdout).unwrap().trim().into()
    })
}

/// The server refuses to run as root: then as the user that its package made.
fn command(program: &str) -> Command {
    let path = binaries().join(program);
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path).current_dir("/");
        command
    } else {
        Command::new(path)
    }
}

pub fn give_to_server(path: &Path) {
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        assert!(Command::new("chown").args(["-R", "postgres:postgres"]).arg(path).status().unwrap().success());
    }
}

/// A folder with a cluster in it that is not running.
pub fn initialise(data: &Path) {
    let done = command("initdb").args(["-A", "trust", "-U", "postgres", "--no-sync", "-D"]).arg(data).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

pub struct Cluster {
    process: Child,
    pub port: u16,
}

impl Cluster {
    /// Starts the server and waits for its own word that it is ready.
    pub fn start(data: &Path, sockets: &Path, settings: &[(&str, &str)]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = command("postgres");
        command.arg("-D").arg(data).arg("-k").arg(sockets).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-F"]);
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let mut process = command.env("LC_ALL", "C").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = String::new();
        loop {
            let line = lines.next().unwrap_or_else(|| panic!("the server ended:\n{said}")).unwrap();
            said.push_str(&line);
            said.push('\n');
            if line.contains("ready to accept") {
                break;
            }
        }
        // What it says later is read so that it never waits for us.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, port }
    }

    /// Runs SQL as the superuser over the socket.
    pub fn sql(&self, sockets: &Path, sql: &str) {
        let done = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-p", &self.port.to_string(), "-h"])
            .arg(sockets)
            .args(["-c", sql])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Fast shutdown: it takes its children and its shared memory with it.
        drop(Command::new("kill").args(["-INT", &self.process.id().to_string()]).status());
        drop(self.process.wait());
    }
}
