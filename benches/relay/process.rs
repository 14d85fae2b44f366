//! Processes that the benchmark starts: found by name, run as somebody who is not root, read from /proc, ended by their id.

use std::env;
use std::error::Error;
use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long a process may take to end when it is asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Looks at processes that come and go, before the last one counts.
const LOOKS: usize = 50;
/// Between two looks at something that is waited for.
pub const GLANCE: Duration = Duration::from_millis(20);

/// A process that ends when this is dropped.
pub struct Process {
    name: &'static str,
    child: Child,
    stop: Signal,
}

impl Process {
    pub fn start(name: &'static str, command: &mut Command, stop: Signal) -> Outcome<Self> {
        // A group of its own: Ctrl-C is for the benchmark, which then ends it in order.
        let child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
        Ok(Self { name, child, stop })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it says on standard output, if that was asked for.
    pub fn take_stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits until `ready` says so.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Outcome<()> {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("{} ended at once: {status}", self.name).into());
            }
            if start.elapsed() > limit {
                return Err(format!("{} was not ready within {limit:?}", self.name).into());
            }
            sleep(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Only while it is not waited for does the id belong to it for certain.
        if let (Ok(None), Some(id)) = (self.child.try_wait(), Pid::from_raw(self.child.id().cast_signed())) {
            kill_process(id, self.stop).ok();
        }
        let start = Instant::now();
        while start.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            sleep(GLANCE);
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Runs to its end and gives what it printed; a failure with what it said about it.
pub fn output(command: &mut Command) -> Outcome<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{name} cannot be started: {error}"))?;
    if !done.status.success() {
        return Err(format!("{name}: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr)).into());
    }
    Ok(String::from_utf8(done.stdout)?)
}

/// Somebody else for servers that refuse to run as root.
#[derive(Debug, Clone, Copy)]
pub struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `None` where we are not root and can run everything ourselves.
    pub fn unprivileged() -> Outcome<Option<Self>> {
        if !geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let find = |wanted: &str| {
            users.lines().find_map(|line| {
                let mut fields = line.split(':');
                let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
                (name == wanted).then_some(Self { uid: uid.parse().ok()?, gid: gid.parse().ok()? })
            })
        };
        let found = find("postgres").or_else(|| find("nobody")).ok_or("PostgreSQL refuses to run as root and there is no other user")?;
        Ok(Some(found))
    }
}

/// A command that runs as `user`, in a folder that this user can enter.
pub fn command_as(user: Option<User>, program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// Gives a file or folder to `user`.
pub fn give(path: &Path, user: Option<User>) -> Outcome<()> {
    if let Some(User { uid, gid }) = user {
        chown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// A program of PostgreSQL: where pg_config says, on the PATH, or where Debian has its versions, the newest first.
pub fn postgres_program(name: &str) -> Outcome<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok().and_then(|done| String::from_utf8(done.stdout).ok());
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let folders = told.map(|text| PathBuf::from(text.trim())).into_iter();
    let folders = folders.chain(path_folders()).chain(versions.into_iter().rev().map(|path| path.join("bin")));
    find(name, folders).ok_or_else(|| format!("{name} is not found: install PostgreSQL (Debian: apt-get install postgresql)").into())
}

pub fn pgbouncer_program() -> Outcome<PathBuf> {
    let folders = path_folders().into_iter().chain(["/usr/sbin".into(), "/usr/local/sbin".into(), "/usr/local/bin".into()]);
    find("pgbouncer", folders).ok_or_else(|| "PgBouncer is not found: install it (Debian: apt-get install pgbouncer)".into())
}

fn path_folders() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

fn find(name: &str, folders: impl IntoIterator<Item = PathBuf>) -> Option<PathBuf> {
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Processor time that the process used in all its threads, those that ended included.
pub fn cpu(id: u32) -> Outcome<Duration> {
    Ok(Times::read(&id.to_string()).ok_or_else(|| format!("process {id} cannot be read"))?.own())
}

/// The same for a process and its children, those that ended included.
pub fn cpu_with_children(id: u32) -> Outcome<Duration> {
    let parent = || Times::read(&id.to_string()).ok_or_else(|| format!("process {id} cannot be read"));
    let mut known: Option<(u64, usize, Duration)> = None;
    for _ in 0..LOOKS {
        let before = parent()?.used_by_ended;
        let (mut sum, mut children) = (Duration::ZERO, 0usize);
        for entry in fs::read_dir("/proc")?.flatten() {
            if let Some(times) = entry.file_name().to_str().and_then(Times::read)
                && times.parent == id
            {
                children = children.saturating_add(1);
                sum = sum.saturating_add(times.with_ended());
            }
        }
        let now = parent()?;
        sum = sum.saturating_add(now.with_ended());
        // A child that ends while we look would be counted twice or not at all, and connections just closed end theirs.
        if before == now.used_by_ended && known.is_some_and(|(ended, there, _)| (ended, there) == (before, children)) {
            return Ok(sum);
        }
        known = Some((now.used_by_ended, children, sum));
        sleep(GLANCE);
    }
    known.map(|(.., sum)| sum).ok_or_else(|| "no look at the server was made".into())
}

/// Resident memory in bytes.
pub fn resident(id: u32) -> Outcome<f64> {
    memory(id, "VmRSS:")
}

/// The most resident memory since `forget_peak`.
pub fn peak(id: u32) -> Outcome<f64> {
    memory(id, "VmHWM:")
}

/// From here on the peak is counted anew.
pub fn forget_peak(id: u32) -> Outcome<()> {
    Ok(fs::write(format!("/proc/{id}/clear_refs"), "5")?)
}

fn memory(id: u32, label: &'static str) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(label)).ok_or(label)?;
    let kilobytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kilobytes * 1024.0)
}

/// What /proc/ID/stat says, in ticks.
struct Times {
    parent: u32,
    used: u64,
    used_by_ended: u64,
}

impl Times {
    fn read(id: &str) -> Option<Self> {
        id.parse::<u32>().ok()?;
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name may hold anything; behind its bracket stand state, parent and, from the 14th field of the line on, the times.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            used: ticks(11)?.checked_add(ticks(12)?)?,
            used_by_ended: ticks(13)?.checked_add(ticks(14)?)?,
        })
    }

    fn own(&self) -> Duration {
        ticks_to_time(self.used)
    }

    fn with_ended(&self) -> Duration {
        ticks_to_time(self.used.saturating_add(self.used_by_ended))
    }
}

fn ticks_to_time(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000).checked_div(rustix::param::clock_ticks_per_second()).unwrap_or(0))
}
