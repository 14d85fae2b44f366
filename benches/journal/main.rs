//! Measures what recording costs: `cargo bench --bench journal`. A session's side is measured in CPU time of its own thread, for a
//! typical execution whose shape is known; the rate in wall time, up to the last record being on disk. What is printed is
//! Markdown; the same as JSON goes to target/bench/journal.json.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use pgsluice::audit::event::{Begun, Claims, Ended, Outcome, SignedIn, Statement, Verdict, Way};
use pgsluice::audit::{Digest, Note, Shape};
use pgsluice::host::journal::{Journal, Options};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

type Failed = Box<dyn Error + Send + Sync>;

#[derive(Debug, Parser)]
#[command(about = "Measures what recording costs")]
struct Settings {
    /// Executions of each session
    #[arg(long, env = "BENCH_EXECUTIONS", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    executions: u64,
    /// Sessions that write at once, each on its own thread, with commas between
    #[arg(long, env = "BENCH_SESSIONS", default_value = "1,2", value_delimiter = ',')]
    sessions: Vec<u32>,
    /// Rounds; the first is thrown away if there are more
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Where the journal is written; a folder in it is made and removed
    #[arg(long, env = "BENCH_FOLDER", default_value = "target/tmp")]
    folder: PathBuf,
    /// Somebody reads behind and wants to be told
    #[arg(long)]
    watched: bool,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Round {
    sessions: u32,
    /// CPU of a session's thread, nanoseconds for each call.
    begun: f64,
    ended: f64,
    /// Wall time of a call that was slower than all but one in a thousand, and of the slowest, microseconds.
    slow: f64,
    slowest: f64,
    /// With all of it on disk.
    records_per_second: f64,
    bytes_per_record: f64,
}

struct Session {
    begun: Duration,
    ended: Duration,
    calls: Vec<u32>,
}

fn main() -> Result<(), Failed> {
    let settings = Settings::parse();
    let mut rounds = Vec::new();
    println!("| sessions | begun, ns CPU | ended, ns CPU | pair, ns CPU | 99.9 %, µs | slowest, µs | records/s | bytes/record |");
    println!("|---|---|---|---|---|---|---|---|");
    for sessions in &settings.sessions {
        for number in 0..settings.rounds {
            let round = measure(&settings, *sessions)?;
            if number == 0 && settings.rounds > 1 {
                continue;
            }
            let Round { sessions, begun, ended, slow, slowest, records_per_second, bytes_per_record } = round;
            let pair = begun + ended;
            println!(
                "| {sessions} | {begun:.0} | {ended:.0} | {pair:.0} | {slow:.0} | {slowest:.0} | {records_per_second:.0} | {bytes_per_record:.0} |"
            );
            rounds.push(round);
        }
    }
    let out = Path::new("target/bench");
    fs::create_dir_all(out)?;
    fs::write(out.join("journal.json"), serde_json::to_vec_pretty(&rounds)?)?;
    Ok(())
}

fn measure(settings: &Settings, sessions: u32) -> Result<Round, Failed> {
    fs::create_dir_all(&settings.folder)?;
    let state = tempfile::tempdir_in(&settings.folder)?;
    let journal = Journal::open(state.path(), Options::default())?;
    let watcher = settings.watched.then(|| journal.end());
    let start = Instant::now();
    let measured: Vec<Session> = thread::scope(|scope| {
        let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(|| session(&journal, settings.executions))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| Failed::from("a session ended early"))?).collect::<Result<_, Failed>>()
    })?;
    journal.close()?;
    let took = start.elapsed();
    drop(watcher);
    let records = journal.health().last_seq;
    let bytes: u64 =
        fs::read_dir(state.path().join("journal"))?.map(|entry| Ok(entry?.metadata()?.len())).sum::<Result<_, std::io::Error>>()?;
    let calls = settings.executions as f64 * f64::from(sessions);
    let total = |part: fn(&Session) -> Duration| measured.iter().map(part).sum::<Duration>().as_nanos() as f64 / calls;
    let mut waits: Vec<u32> = measured.iter().flat_map(|session| session.calls.iter().copied()).collect();
    waits.sort_unstable();
    let wait = |thousandth: usize| f64::from(*waits.get(waits.len().saturating_sub(1) * thousandth / 1000).unwrap_or(&0)) / 1000.0;
    Ok(Round {
        sessions,
        begun: total(|session| session.begun),
        ended: total(|session| session.ended),
        slow: wait(999),
        slowest: wait(1000),
        records_per_second: records as f64 / took.as_secs_f64(),
        bytes_per_record: bytes as f64 / records as f64,
    })
}

fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Executions in batches: asking for the time of a thread costs as much as a record.
fn session(journal: &Arc<Journal>, executions: u64) -> Result<Session, Failed> {
    const BATCH: u64 = 100;
    let mut scribe = journal.session(who())?;
    let number = scribe.session();
    let shapes: Vec<_> = (0..100).map(shape).collect();
    let mut shapes = shapes.iter().cycle();
    let mut measured = Session { begun: Duration::ZERO, ended: Duration::ZERO, calls: Vec::new() };
    measured.calls.reserve(usize::try_from(executions)?.saturating_mul(2));
    let mut done = 0;
    while done < executions {
        let batch = done..executions.min(done + BATCH);
        let shape = shapes.next().ok_or("there are shapes")?;
        let begun: Vec<_> = batch.clone().map(|execution| [begun(number, execution, shape)]).collect();
        let ended: Vec<_> = batch.clone().map(|execution| [ended(number, execution)]).collect();
        for (notes, sum) in [(&begun, &mut measured.begun), (&ended, &mut measured.ended)] {
            let start = cpu();
            let mut last = Instant::now();
            for note in notes {
                scribe.write(note)?;
                let now = Instant::now();
                measured.calls.push(u32::try_from((now - last).as_nanos()).unwrap_or(u32::MAX));
                last = now;
            }
            *sum += cpu() - start;
        }
        done = batch.end;
    }
    Ok(measured)
}

fn who() -> SignedIn {
    SignedIn {
        agent_id: 7,
        agent: "reporter".into(),
        owner: "alice".into(),
        environment: Some("production".into()),
        database: "shop".into(),
        role: "reporting".into(),
        address: Some("10.11.12.13".into()),
        tls: true,
        process_id: 4711,
        policy: Some(Digest([3; 16])),
        body: Some(Box::new(Claims { application: Some("psql".into()) })),
    }
}

fn shape(number: u8) -> Arc<Shape> {
    let text = format!("SELECT id, name, price FROM items_{number} WHERE category = $1 AND price < $2 ORDER BY price LIMIT $3");
    Arc::new(Shape { digest: Digest([number; 16]), text: text.into(), relations: Box::default() })
}

fn begun(session: u64, number: u64, shape: &Arc<Shape>) -> Note {
    let statement = Statement {
        session,
        number,
        way: Way::Execute,
        shape: shape.digest,
        digest: Digest([9; 16]),
        length: 103,
        parameters: 3,
        in_transaction: false,
        verdict: Verdict::Allowed,
        effects: None,
        rule: None,
        policy: Some(Digest([3; 16])),
        hold: None,
    };
    Note { event: Begun { statement, body: None }.into(), shape: Some(Arc::clone(shape)), original: None }
}

fn ended(session: u64, number: u64) -> Note {
    Ended {
        session,
        number,
        outcome: Outcome::Completed,
        duration: Some(1234),
        rows: 20,
        bytes: 1800,
        received: 0,
        affected: Some(20),
        command: Some("SELECT".into()),
        commands: None,
        code: None,
        masked: None,
    }
    .into()
}
