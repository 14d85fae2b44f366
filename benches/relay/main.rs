//! Measures pgsluice beside PgBouncer in session mode and beside no proxy at all, on a private PostgreSQL on loopback:
//! `cargo bench --bench relay`. Rounds are interleaved and shuffled; the first, shorter one is thrown away. What is printed is
//! Markdown; the same as JSON, with every round, goes to target/bench/relay.json.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod cluster;
mod measure;
mod process;
mod report;
mod routes;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use cluster::Cluster;
use measure::Form;
use process::Outcome;
use report::{Results, Values};
use routes::{Route, Way};

#[derive(Debug, Parser)]
#[command(about = "Measures pgsluice beside PgBouncer and beside no proxy")]
struct Settings {
    /// Rounds that count
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// Seconds of one pgbench run
    #[arg(long, env = "BENCH_SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Clients of pgbench, with commas between
    #[arg(long, env = "BENCH_CLIENTS", default_value = "16,1", value_delimiter = ',')]
    clients: Vec<usize>,
    /// Threads of pgbench
    #[arg(long, env = "BENCH_THREADS", default_value_t = 2)]
    threads: usize,
    /// Idle connections, growing, with commas between
    #[arg(long, env = "BENCH_IDLE", default_value = "200,1000", value_delimiter = ',')]
    idle: Vec<usize>,
    /// Worker threads of pgsluice; several numbers make several routes [default: what pgsluice takes by itself]
    #[arg(long, env = "BENCH_WORKERS", value_delimiter = ',')]
    workers: Vec<usize>,
    /// Other builds of pgsluice, as further routes
    #[arg(long, env = "BENCH_BUILDS", value_delimiter = ',')]
    builds: Vec<PathBuf>,
    /// Only the cases whose name contains this
    #[arg(long, env = "BENCH_ONLY", default_value = "")]
    only: String,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// One thing that is measured on every route.
#[derive(Debug, Clone)]
enum Case {
    Queries { mode: &'static str, clients: usize },
    Stream,
    People(Form),
    Idle,
}

impl Case {
    fn all(settings: &Settings) -> Vec<Self> {
        let queries = settings.clients.iter().flat_map(|&clients| MODES.map(|mode| Self::Queries { mode, clients }));
        queries
            .chain([Self::Stream])
            .chain(Form::ALL.map(Self::People))
            .chain([Self::Idle])
            .filter(|case| case.name().contains(&settings.only))
            .collect()
    }

    fn name(&self) -> String {
        match self {
            Self::Queries { mode, clients: 1 } => format!("pgbench -S, {mode}, 1 client"),
            Self::Queries { mode, clients } => format!("pgbench -S, {mode}, {clients} clients"),
            Self::Stream => format!("{} wide rows", cluster::ROWS),
            Self::People(form) => format!("{} people, {}", cluster::ROWS, form.name()),
            Self::Idle => "idle connections".into(),
        }
    }
}

const MODES: [&str; 3] = ["simple", "extended", "prepared"];

fn main() -> ExitCode {
    match run(&Settings::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &Settings) -> Outcome<()> {
    if cfg!(debug_assertions) {
        return Err("this measures nothing worth knowing in a debug build: cargo bench --bench relay".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stopped = stop_on_signals()?;
    let cases = Case::all(settings);
    let mut ways = vec![Way::Direct, Way::PgBouncer];
    if settings.workers.is_empty() {
        ways.push(Way::Pgsluice { workers: None, build: None, unmasked: false });
    }
    ways.push(Way::Pgsluice { workers: None, build: None, unmasked: true });
    ways.extend(settings.workers.iter().map(|count| Way::Pgsluice { workers: Some(*count), build: None, unmasked: false }));
    for build in &settings.builds {
        ways.push(Way::Pgsluice { workers: None, build: Some(fs::canonicalize(build)?), unmasked: false });
    }
    eprintln!("starting PostgreSQL and filling its tables");
    let cluster = Cluster::start()?;
    let routes = ways.iter().map(|way| way.open(&cluster)).collect::<Outcome<Vec<_>>>()?;
    let mut results = Results::new(cases.iter().map(Case::name).collect(), ways.iter().map(|way| way.name()).collect());
    for round in 0..=usize::try_from(settings.rounds)? {
        for case in shuffled(&cases) {
            for route in shuffled(&routes) {
                if stopped.load(Ordering::Relaxed) {
                    return Err("stopped".into());
                }
                eprintln!("round {round} of {}: {}: {}", settings.rounds, case.name(), route.way.name());
                let values = measure(settings, case, &cluster, route, &runtime, round == 0)?;
                if round > 0 {
                    results.add(round, &case.name(), &route.way.name(), values);
                }
            }
        }
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench").join("relay.json");
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, results.json()?)?;
    println!("{}", results.markdown()?);
    let raised = routes::CHANGED.map(|(_, to)| to.trim()).join(", ");
    println!("pgsluice is under its default policy, but for: {raised}.");
    println!("Median (least–most) of {} rounds; × is the median of the ratios within a round.", settings.rounds);
    eprintln!("written to {}", file.display());
    Ok(())
}

fn measure(settings: &Settings, case: &Case, cluster: &Cluster, route: &Route, runtime: &Runtime, warm_up: bool) -> Outcome<Values> {
    match case {
        Case::Queries { mode, clients } => {
            let time = Duration::from_secs(if warm_up { 1 } else { settings.seconds });
            measure::queries(cluster, route, mode, *clients, settings.threads, time)
        }
        Case::Stream => measure::stream(cluster, route, runtime, "wide", Form::Text),
        Case::People(form) => measure::stream(cluster, route, runtime, "people", *form),
        Case::Idle => measure::idle(cluster, &route.way, &settings.idle, runtime),
    }
}

/// The measurement at hand is finished, then everything that was started is ended.
fn stop_on_signals() -> Outcome<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let inside = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(inside);
    let told = Arc::clone(&stopped);
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        told.store(true, Ordering::Relaxed);
    });
    Ok(stopped)
}

fn shuffled<T>(items: &[T]) -> Vec<&T> {
    let random = RandomState::new();
    let mut items: Vec<_> = items.iter().enumerate().collect();
    items.sort_by_key(|(index, _)| random.hash_one(index));
    items.into_iter().map(|(_, item)| item).collect()
}
