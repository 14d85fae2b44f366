//! Measures the index of the record: `cargo bench --bench audit -- --executions 50000000`. Made-up executions go straight into the
//! indexer, or, with --journal, through a journal on disk; then it is searched. What is printed is Markdown.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "a benchmark that fails says so by failing"
)]

mod traffic;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use pgsluice::audit::event::{ShapeMet, ShapeText};
use pgsluice::audit::{Digest, Event, Hash, Note};
use pgsluice::host::index::filter::Masked;
use pgsluice::host::index::indexer::{Indexer, Item};
use pgsluice::host::index::totals::By;
use pgsluice::host::index::{Filter, Index, keep};
use pgsluice::host::journal::{Journal, Options};
use traffic::{Next, Random, Traffic, World};

/// Of the index, for each execution; measured, and rounded up.
const BYTES: u64 = 70;
/// Of the journal.
const JOURNAL_BYTES: u64 = 800;
/// Left free for everybody else.
const SPARE: u64 = 15 << 30;
/// Records of one transaction.
const BATCH: u64 = 100_000;
/// Begins somewhere in 2026; all of it fills ninety days.
const START: u64 = 1_767_225_600_000_000;
const SPAN: u64 = 90 * 24 * 3600 * 1_000_000;
const QUERIES: usize = 24;
const LIMIT: usize = 50;

#[derive(Debug, Parser)]
#[command(about = "Measures the index of the record")]
struct Settings {
    /// How many executions
    #[arg(long, default_value_t = 200_000)]
    executions: u64,
    #[arg(long, default_value_t = 200_000)]
    shapes: usize,
    #[arg(long, default_value_t = 2_000)]
    tables: usize,
    #[arg(long, default_value_t = 500)]
    agents: usize,
    /// Through a journal on disk
    #[arg(long)]
    journal: bool,
    /// Where; made anew, and removed at the end
    #[arg(long, default_value = "target/bench/audit")]
    folder: PathBuf,
    /// Search what an earlier run left
    #[arg(long)]
    searches_only: bool,
    /// Leave it there
    #[arg(long)]
    keep: bool,
    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let settings = Settings::parse();
    let folder = &settings.folder;
    if !settings.searches_only {
        fs::remove_dir_all(folder).ok();
        fs::create_dir_all(folder).unwrap();
        let space = rustix::fs::statvfs(folder).unwrap();
        let each = BYTES + if settings.journal { JOURNAL_BYTES } else { 0 };
        let (free, needed) = (space.f_bavail * space.f_frsize, settings.executions * each + SPARE);
        assert!(free >= needed, "{} MiB are free, {} MiB are needed", free >> 20, needed >> 20);
    }
    let world = World::new(settings.shapes, settings.tables, settings.agents);
    println!(
        "## Index of {} executions, {} shapes, {} tables, {} agents\n",
        settings.executions, settings.shapes, settings.tables, settings.agents
    );
    if settings.journal {
        through_journal(&settings, &world);
    } else if !settings.searches_only {
        straight(&settings, &world);
    }
    sizes(folder, settings.executions);
    searches(folder, &world);
    if !settings.keep {
        fs::remove_dir_all(folder).unwrap();
    }
}

/// Wall time, and beside it the processor's: on a machine that does other things as well the two differ.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    wall: Duration,
    processor: Duration,
}

impl Spent {
    fn on<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (start, processor) = (Instant::now(), processor());
        let done = work();
        self.wall += start.elapsed();
        self.processor += processor_since(processor);
        done
    }
}

/// Of this process, in its own mode and the kernel's.
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second())
}

fn processor_since(start: Duration) -> Duration {
    processor().saturating_sub(start)
}

fn rate(what: &str, records: u64, spent: Spent) {
    let (wall, processor) = (spent.wall.as_secs_f64(), spent.processor.as_secs_f64());
    let per_second = records as f64 / wall;
    println!("- {what}: {records} records in {wall:.1} s ({processor:.1} s of processor time), {per_second:.0} records/s");
}

/// Without a journal: what is made up is not counted in the time.
fn straight(settings: &Settings, world: &World) {
    let mut indexer = Indexer::open(&settings.folder.join("index.db")).unwrap().unwrap();
    let mut journal = Digest::default();
    journal.0[0] = 1;
    indexer.begin(journal);
    let mut traffic = Traffic::new(world, 7);
    let mut met = vec![false; world.shapes.len()];
    let (mut seq, mut executions, mut spent, mut worst) = (0, 0, Spent::default(), Duration::ZERO);
    let mut batch: Vec<Item> = Vec::new();
    let step = SPAN / settings.executions.max(1);
    let mut random = Random(3);
    let mut time = START;
    loop {
        let mut add = |time: u64, event: Event, batch: &mut Vec<Item>| {
            seq += 1;
            batch.push(Item { seq, time, hash: Hash::default(), kind: event.kind(), event: Some(event), erases: None });
            seq
        };
        let over = executions >= settings.executions;
        if over {
            while let Some(end) = traffic.rest() {
                add(time, end.into(), &mut batch);
            }
        } else {
            match traffic.next() {
                Next::SignIn(agent, event) => {
                    let session = add(time, event.into(), &mut batch);
                    traffic.signed_in(agent, session);
                }
                Next::Begin(shape, event) => {
                    executions += 1;
                    time += random.next() % (2 * step + 1);
                    if !std::mem::replace(&mut met[shape], true) {
                        let text = world.shapes[shape].text.clone();
                        add(
                            time,
                            ShapeMet { shape: world.shapes[shape].digest, body: Some(Box::new(ShapeText { text, relations: Vec::new() })) }
                                .into(),
                            &mut batch,
                        );
                    }
                    add(time, event.into(), &mut batch);
                }
                other @ (Next::SignOut(_) | Next::End(_)) => drop(add(time, other.event(), &mut batch)),
            }
        }
        if over || batch.len() as u64 >= BATCH {
            let before = spent.wall;
            spent.on(|| {
                batch.iter().for_each(|item| indexer.apply(item).unwrap());
                indexer.commit().unwrap();
            });
            worst = worst.max(spent.wall - before);
            batch.clear();
            if seq / 10_000_000 != (seq - BATCH.min(seq)) / 10_000_000 {
                eprintln!("{executions} executions, {:.0} records/s so far", seq as f64 / spent.wall.as_secs_f64());
            }
        }
        if over {
            break;
        }
    }
    spent.on(|| indexer.close().unwrap());
    rate("into the index", seq, spent);
    println!("- the slowest batch of {BATCH} records: {:.0} ms", worst.as_secs_f64() * 1000.0);
}

fn through_journal(settings: &Settings, world: &World) {
    let folder = &settings.folder;
    let mut spent = Spent::default();
    let last = spent.on(|| write_journal(folder, world, settings.executions));
    rate("made up and into the journal", last, spent);
    let mut spent = Spent::default();
    spent.on(|| keep::catch_up(folder, |_| {}).unwrap());
    rate("from the journal into the index", last, spent);
    let stats = Index::open(folder).unwrap().stats().unwrap();
    assert_eq!((stats.executions, stats.last_seq), (settings.executions, last));
}

fn write_journal(folder: &Path, world: &World, executions: u64) -> u64 {
    let journal = Journal::open(folder, Options::default()).unwrap();
    let mut traffic = Traffic::new(world, 7);
    let shapes: Vec<_> = world
        .shapes
        .iter()
        .map(|shape| {
            std::sync::Arc::new(pgsluice::audit::Shape {
                digest: shape.digest,
                text: shape.text.clone().into_boxed_str(),
                relations: Box::default(),
            })
        })
        .collect();
    let mut scribes = std::collections::HashMap::new();
    let mut done = 0;
    let mut write = |next: Next, traffic: &mut Traffic<'_>| match next {
        Next::SignIn(agent, who) => {
            let scribe = journal.session(who).unwrap();
            traffic.signed_in(agent, scribe.session());
            scribes.insert(scribe.session(), scribe);
        }
        Next::Begin(shape, event) => {
            let session = event.statement.session;
            let note = Note { event: event.into(), shape: Some(std::sync::Arc::clone(&shapes[shape])), original: None };
            scribes.get_mut(&session).unwrap().write(&[note]).unwrap();
        }
        Next::End(event) => scribes.get_mut(&event.session).unwrap().write(&[event.into()]).unwrap(),
        Next::SignOut(event) => scribes.remove(&event.session).unwrap().write(&[event.into()]).unwrap(),
    };
    while done < executions {
        let next = traffic.next();
        done += u64::from(matches!(next, Next::Begin(..)));
        write(next, &mut traffic);
    }
    while let Some(end) = traffic.rest() {
        write(Next::End(end), &mut traffic);
    }
    *journal.end().borrow()
}

fn sizes(folder: &Path, executions: u64) {
    let db = rusqlite::Connection::open(folder.join("index.db")).unwrap();
    let stats = Index::open(folder).unwrap().stats().unwrap();
    println!("- on disk: {} MiB, {:.1} bytes for each execution", stats.index_bytes >> 20, stats.index_bytes as f64 / executions as f64);
    for (table, column) in [("blocks", "data"), ("lists", "data"), ("shapes", "text"), ("events", "about"), ("shape_words_data", "block")] {
        let sql = format!("SELECT count(*), coalesce(sum(length({column})), 0) FROM {table}");
        let (rows, bytes): (i64, i64) = db.query_row(&sql, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        println!("  - {table}: {rows} rows, {} MiB of {column}", bytes >> 20);
    }
}

/// Spread over the ranks: the frequent, the usual, the rare.
fn ranks(count: usize) -> impl Iterator<Item = usize> {
    (0..QUERIES).map(move |at| ((count as f64).powf((at as f64 + 0.5) / QUERIES as f64) as usize).min(count - 1))
}

fn searches(folder: &Path, world: &World) {
    println!("\n| search | median ms | worst ms | found, median |\n|---|---|---|---|");
    let page = || Filter { limit: LIMIT, ..Filter::default() };
    let mut random = Random(11);
    let mut window = |hours: u64| {
        let since = START + random.next() % SPAN;
        (Some(since), Some(since + hours * 3_600_000_000))
    };
    let word = |word: String| Filter { words: Some(word), ..page() };
    let agents: Vec<_> = ranks(world.agents).map(traffic::agent).collect();
    let tables: Vec<_> = ranks(world.tables).map(traffic::table).collect();
    let (agent, table) = (|at: usize| Some(agents[at % QUERIES].clone()), |at: usize| Some(tables[at % QUERIES].clone()));
    let all = 0..QUERIES;
    let mut cases: Vec<(&str, Vec<Filter>)> = vec![
        ("newest", vec![page(); QUERIES]),
        ("word, in one shape", ranks(world.shapes.len()).map(|at| word(format!("unique_{at}"))).collect()),
        ("word, in some shapes", ranks(20_000).map(|at| word(format!("c{at}"))).collect()),
        (
            "word, in most shapes",
            all.clone().map(|at| word(["select", "where", "and", "order by", "from select", "unique"][at % 6].to_owned())).collect(),
        ),
        ("words that begin so", all.clone().map(|at| word(format!("c{}*", 10 + at))).collect()),
        ("two words", all.clone().map(|at| word(format!("select c{}", at * 40))).collect()),
        ("word, nowhere", all.clone().map(|at| word(format!("missing{at}"))).collect()),
        ("agent", all.clone().map(|at| Filter { agent: agent(at), ..page() }).collect()),
        ("table", all.clone().map(|at| Filter { table: table(at), ..page() }).collect()),
        (
            "table without its schema",
            tables.iter().map(|table| Filter { table: table.split('.').nth(1).map(str::to_owned), ..page() }).collect(),
        ),
        ("errors", vec![Filter { errors: true, ..page() }; QUERIES]),
        ("masked, one kind", vec![Filter { masked: Some(Masked::Kind("iban".to_owned())), ..page() }; QUERIES]),
        ("slower than 20 s", vec![Filter { slow: Some(20_000_000), ..page() }; QUERIES]),
    ];
    let mut with_windows = |name, hours, make: &dyn Fn(usize) -> Filter| {
        let filters = (0..QUERIES).map(|at| {
            let (since, until) = window(hours);
            Filter { since, until, ..make(at) }
        });
        cases.push((name, filters.collect()));
    };
    with_windows("an hour", 1, &|_| page());
    with_windows("a week", 168, &|_| page());
    with_windows("agent, a day", 24, &|at| Filter { agent: agent(at), ..page() });
    with_windows("table, a week", 168, &|at| Filter { table: table(at), ..page() });
    with_windows("word, a week", 168, &|at| word(format!("c{}", at * 97)));
    with_windows("errors of an agent, a week", 168, &|at| Filter { agent: agent(at), errors: true, ..page() });
    for (name, shift) in [("agent and table", 0), ("rare agent and frequent table", 12)] {
        cases.push((name, all.clone().map(|at| Filter { agent: agent(at + shift), table: table(at), ..page() }).collect()));
    }
    cases.push(("word and agent", all.clone().map(|at| Filter { agent: agent(at), ..word(format!("c{}", at * 97)) }).collect()));
    cases.push(("frequent word and agent", all.clone().map(|at| Filter { agent: agent(at), ..word("select".to_owned()) }).collect()));
    cases.push((
        "word, agent and table",
        all.clone().map(|at| Filter { agent: agent(QUERIES - 1 - at), table: table(at), ..word("update".to_owned()) }).collect(),
    ));
    cases.push(("table and errors", all.clone().map(|at| Filter { table: table(at), errors: true, ..page() }).collect()));
    cases.push(("agent and slow", all.map(|at| Filter { agent: agent(at), slow: Some(5_000_000), ..page() }).collect()));
    for (name, filters) in cases {
        let mut times = Vec::new();
        let mut hits = Vec::new();
        for filter in &filters {
            // The first time brings what it needs into memory.
            let mut best = Duration::MAX;
            for round in 0..3 {
                let start = Instant::now();
                let found = Index::open(folder).unwrap().search(filter).unwrap().found.len();
                if round > 0 {
                    best = best.min(start.elapsed());
                } else {
                    hits.push(found);
                }
            }
            times.push(best);
        }
        times.sort_unstable();
        hits.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!("| {name} | {:.1} | {:.1} | {} |", ms(times[times.len() / 2]), ms(times[times.len() - 1]), hits[hits.len() / 2]);
    }
    let index = Index::open(folder).unwrap();
    let start = Instant::now();
    index.top(By::Time, None, None, 20).unwrap();
    println!("| top, of all | {:.1} | | 20 |", start.elapsed().as_secs_f64() * 1000.0);
    let start = Instant::now();
    index.top(By::Time, Some(START + SPAN / 2), Some(START + SPAN / 2 + SPAN / 90), 20).unwrap();
    println!("| top, of a day | {:.1} | | 20 |", start.elapsed().as_secs_f64() * 1000.0);
    let start = Instant::now();
    index.stats().unwrap();
    println!("| stats | {:.1} | | |", start.elapsed().as_secs_f64() * 1000.0);
}
