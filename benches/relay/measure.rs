//! One measurement each: queries by pgbench, a large result by a reader of our own, memory of idle connections.

use std::io::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, ROWS};
use crate::process::{GLANCE, Outcome, output};
use crate::report::{Metric, Values};
use crate::routes::{Route, Way};

/// A large result that does not come within this is a fault.
const STREAM_LIMIT: Duration = Duration::from_secs(120);
/// How long memory may take to settle.
const SETTLE: Duration = Duration::from_millis(300);

/// Runs pgbench's SELECT-only script.
pub fn queries(cluster: &Cluster, route: &Route, mode: &str, clients: usize, threads: usize, time: Duration) -> Outcome<Values> {
    let mut pgbench = route.address.pgbench()?;
    pgbench.args(["-S", "-n", "-M", mode, "-c", &clients.to_string(), "-j", &threads.min(clients).to_string()]);
    pgbench.args(["-T", &time.as_secs().max(1).to_string(), "--random-seed=1"]);
    let before = Cpu::read(cluster, route)?;
    let printed = output(&mut pgbench)?;
    let used = Cpu::read(cluster, route)?.since(&before);
    let number = |label: &str| {
        let line = printed.lines().find_map(|line| line.strip_prefix(label));
        let word = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        word.ok_or_else(|| format!("pgbench says nothing of \"{label}\":\n{printed}"))
    };
    let done = number("number of transactions actually processed:")?;
    let failed = number("number of failed transactions:").unwrap_or(0.0);
    if done < 1.0 || failed > 0.0 {
        return Err(format!("pgbench through {}: {done} done, {failed} failed", route.way.name()).into());
    }
    let mut values = vec![(Metric::Tps, number("tps =")?)];
    values.push((Metric::ServerPerQuery, used.server.as_secs_f64() * 1e6 / done));
    values.extend(used.proxy.map(|time| (Metric::ProxyPerQuery, time.as_secs_f64() * 1e6 / done)));
    Ok(values)
}

/// How rows are asked for, and come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Binary,
    Copy,
}

impl Form {
    pub const ALL: [Self; 3] = [Self::Text, Self::Binary, Self::Copy];

    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "in text",
            Self::Binary => "in binary",
            Self::Copy => "by COPY",
        }
    }

    /// What asks for all of a table.
    fn request(self, table: &str) -> Outcome<Vec<u8>> {
        let mut bytes = Vec::new();
        match self {
            Self::Text => message(&mut bytes, b'Q', format!("SELECT * FROM {table}\0").as_bytes())?,
            Self::Copy => message(&mut bytes, b'Q', format!("COPY {table} TO STDOUT\0").as_bytes())?,
            Self::Binary => {
                message(&mut bytes, b'P', format!("\0SELECT * FROM {table}\0\0\0").as_bytes())?;
                // No parameters, and one format for all columns.
                message(&mut bytes, b'B', b"\0\0\0\0\0\0\0\x01\0\x01")?;
                message(&mut bytes, b'E', b"\0\0\0\0\0")?;
                message(&mut bytes, b'S', b"")?;
            }
        }
        Ok(bytes)
    }
}

fn message(out: &mut Vec<u8>, tag: u8, body: &[u8]) -> Outcome<()> {
    out.push(tag);
    out.extend_from_slice(&u32::try_from(body.len().saturating_add(4))?.to_be_bytes());
    out.extend_from_slice(body);
    Ok(())
}

/// Reads all of a table.
pub fn stream(cluster: &Cluster, route: &Route, runtime: &tokio::runtime::Runtime, table: &str, form: Form) -> Outcome<Values> {
    let door = route.address.door()?;
    let mut socket = runtime.block_on(door.open_blocking())?;
    socket.set_read_timeout(Some(STREAM_LIMIT))?;
    let query = form.request(table)?;
    route.forget_peak()?;
    let before = Cpu::read(cluster, route)?;
    let start = Instant::now();
    socket.write_all(&query)?;
    let (bytes, rows) = read_result(&mut socket)?;
    let time = start.elapsed();
    let used = Cpu::read(cluster, route)?.since(&before);
    if rows != ROWS {
        return Err(format!("{} brought {rows} rows", route.way.name()).into());
    }
    socket.write_all(b"X\0\0\0\x04")?;
    let bytes = bytes as f64;
    let mut values = vec![(Metric::MegabytesPerSecond, bytes / 1e6 / time.as_secs_f64())];
    values.push((Metric::ServerPerGigabyte, used.server.as_secs_f64() * 1e9 / bytes));
    values.extend(used.proxy.map(|time| (Metric::ProxyPerGigabyte, time.as_secs_f64() * 1e9 / bytes)));
    values.extend(route.peak()?.map(|peak| (Metric::PeakResident, peak / 1e6)));
    Ok(values)
}

/// Walks the messages up to ReadyForQuery; gives bytes and rows.
fn read_result(socket: &mut impl std::io::Read) -> Outcome<(usize, usize)> {
    let mut buffer = vec![0; 256 * 1024];
    let (mut bytes, mut rows) = (0usize, 0usize);
    let mut head = Vec::with_capacity(5);
    // Bytes of the message at hand that are still to come.
    let mut due = 0usize;
    let mut last = false;
    loop {
        let count = socket.read(&mut buffer)?;
        if count == 0 {
            return Err("the connection ended within the result".into());
        }
        bytes = bytes.saturating_add(count);
        let mut rest = buffer.get(..count).unwrap_or_default();
        loop {
            let skipped = due.min(rest.len());
            rest = rest.get(skipped..).unwrap_or_default();
            due = due.saturating_sub(skipped);
            if due > 0 {
                break;
            }
            if last {
                return Ok((bytes, rows));
            }
            let wanted = 5usize.saturating_sub(head.len()).min(rest.len());
            let (part, behind) = rest.split_at(wanted);
            head.extend_from_slice(part);
            rest = behind;
            let [tag, length @ ..] = head.as_slice() else { break };
            let Some(length) = length.first_chunk::<4>() else { break };
            match tag {
                b'D' | b'd' => rows = rows.saturating_add(1),
                b'Z' => last = true,
                b'E' => return Err("the server answered with an error".into()),
                _ => {}
            }
            due = usize::try_from(u32::from_be_bytes(*length))?.saturating_sub(4);
            head.clear();
        }
    }
}

/// Memory of a fresh proxy without connections, then with `counts` of them open and idle. Straight to the server there is no
/// proxy to measure.
pub fn idle(cluster: &Cluster, way: &Way, counts: &[usize], runtime: &tokio::runtime::Runtime) -> Outcome<Values> {
    let route = way.open(cluster)?;
    let Some(empty) = settled(&route)? else { return Ok(Vec::new()) };
    let mut values = vec![(Metric::ResidentIdle, empty / 1e6)];
    let door = route.address.door()?;
    let mut open = Vec::new();
    for (at, &count) in counts.iter().enumerate() {
        while open.len() < count {
            open.push(runtime.block_on(door.open())?);
        }
        let with = settled(&route)?.ok_or("the proxy is gone")?;
        values.push((Metric::PerConnection { at, count }, (with - empty) / 1024.0 / count as f64));
    }
    Ok(values)
}

/// Resident memory once it no longer changes.
fn settled(route: &Route) -> Outcome<Option<f64>> {
    let Some(mut known) = route.resident()? else { return Ok(None) };
    let start = Instant::now();
    let mut since = start;
    while since.elapsed() < SETTLE && start.elapsed() < SETTLE.saturating_mul(10) {
        sleep(GLANCE);
        let now = route.resident()?.unwrap_or(known);
        if now.total_cmp(&known).is_ne() {
            known = now;
            since = Instant::now();
        }
    }
    Ok(Some(known))
}

/// Processor time used so far.
struct Cpu {
    proxy: Option<Duration>,
    server: Duration,
}

impl Cpu {
    fn read(cluster: &Cluster, route: &Route) -> Outcome<Self> {
        Ok(Self { proxy: route.cpu()?, server: cluster.cpu()? })
    }

    fn since(&self, before: &Self) -> Self {
        let proxy = self.proxy.zip(before.proxy).map(|(now, before)| now.saturating_sub(before));
        Self { proxy, server: self.server.saturating_sub(before.server) }
    }
}
