//! Agents that want each of their operations done once, and go on asking until it is, or somebody said no.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use crate::Dice;

const AGENTS: u64 = 6;

/// How an operation is asked for.
#[derive(Debug)]
pub struct Way {
    name: &'static str,
    pub taken: AtomicU64,
}

pub static WAYS: [Way; 7] = [
    way("simple query"),
    way("parameter"),
    way("committed"),
    way("rolled back"),
    way("cancelled"),
    way("connection lost"),
    way("by the hold's id"),
];

const fn way(name: &'static str) -> Way {
    Way { name, taken: AtomicU64::new(0) }
}

#[derive(Debug, Default, Clone, Copy)]
pub struct Outcome {
    /// The client saw it committed.
    pub succeeded: u32,
    pub denied: bool,
}

struct Shared {
    url: Mutex<String>,
    next: AtomicU64,
    count: u64,
    progress: AtomicU64,
    outcomes: Mutex<BTreeMap<u64, Outcome>>,
    last: Mutex<String>,
}

pub struct Agents {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Agents {
    pub fn start(url: &str, count: u64, seed: u64) -> Self {
        let shared = Arc::new(Shared {
            url: Mutex::new(url.to_owned()),
            next: AtomicU64::new(1),
            count,
            progress: AtomicU64::new(0),
            outcomes: Mutex::default(),
            last: Mutex::default(),
        });
        let threads = (0..AGENTS).map(|agent| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(work(&shared, Dice(seed.wrapping_add(agent * 7919))));
            })
        });
        Self { threads: threads.collect(), shared }
    }

    pub fn go_to(&self, url: &str) {
        url.clone_into(&mut self.shared.url.lock().unwrap());
    }

    /// Tries, so far.
    pub fn progress(&self) -> u64 {
        self.shared.progress.load(Ordering::SeqCst)
    }

    pub fn done(&self) -> usize {
        self.shared.outcomes.lock().unwrap().len()
    }

    pub fn are_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// What an agent was told last.
    pub fn waits_for(&self) -> String {
        self.shared.last.lock().unwrap().clone()
    }

    pub fn finish(self) -> BTreeMap<u64, Outcome> {
        for thread in self.threads {
            thread.join().unwrap();
        }
        std::mem::take(&mut self.shared.outcomes.lock().unwrap())
    }
}

async fn work(shared: &Shared, mut dice: Dice) {
    let mut line = None;
    loop {
        let operation = shared.next.fetch_add(1, Ordering::SeqCst);
        if operation > shared.count {
            return;
        }
        let mut outcome = Outcome::default();
        let mut told = None;
        while outcome.succeeded == 0 && !outcome.denied {
            let open = match line.take() {
                Some(open) => Some(open),
                None => Line::open(shared).await,
            };
            if let Some(open) = open {
                let keep = attempt(shared, &open.client, operation, &mut dice, &mut outcome, &mut told).await;
                line = Some(open).filter(|_| keep && dice.below(4) > 0);
            } else {
                // The program is just being started again.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            shared.progress.fetch_add(1, Ordering::SeqCst);
        }
        shared.outcomes.lock().unwrap().insert(operation, outcome);
    }
}

/// A connection; dropped without a goodbye.
struct Line {
    client: Client,
    carried: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Line {
    async fn open(shared: &Shared) -> Option<Self> {
        let url = shared.url.lock().unwrap().clone();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.ok()?;
        Some(Self { client, carried: tokio::spawn(connection) })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.carried.abort();
    }
}

/// `told` is what the agent may send instead of the statement, as the last ticket said. Whether the connection can be used again.
async fn attempt(
    shared: &Shared,
    client: &Client,
    operation: u64,
    dice: &mut Dice,
    outcome: &mut Outcome,
    told: &mut Option<String>,
) -> bool {
    let way = match usize::try_from(dice.below(7)).unwrap() {
        // Nothing was told yet.
        6 if told.is_none() => 0,
        way => way,
    };
    let try_number = dice.below(1000);
    let sql = format!("/* try='{try_number}' */ INSERT INTO ran SELECT {operation} WHERE 'operation {operation}' <> ''");
    let done = match way {
        1 => {
            let sql = format!("INSERT INTO ran SELECT {operation} WHERE $1 = 1 AND 'operation {operation}' <> '' /* try='{try_number}' */");
            client.query_typed(&sql, &[(&1_i32, tokio_postgres::types::Type::INT4)]).await.map(|_| true)
        }
        2 | 3 => in_transaction(client, &sql, way == 2).await,
        4 => {
            let (patience, cancel) = (dice.below(120), client.cancel_token());
            let asked = client.batch_execute(&sql);
            tokio::pin!(asked);
            tokio::select! {
                done = &mut asked => done.map(|()| true),
                () = tokio::time::sleep(Duration::from_millis(patience)) => {
                    cancel.cancel_query(NoTls).await.ok();
                    asked.await.map(|()| true)
                }
            }
        }
        5 => {
            let asked = tokio::time::timeout(Duration::from_millis(dice.below(120)), client.batch_execute(&sql)).await;
            asked.unwrap_or(Ok(())).map(|()| false)
        }
        6 => client.batch_execute(told.as_deref().unwrap()).await.map(|()| true),
        _ => client.batch_execute(&sql).await.map(|()| true),
    };
    WAYS[way].taken.fetch_add(1, Ordering::Relaxed);
    match done {
        Ok(true) => outcome.succeeded += 1,
        Ok(false) => {}
        Err(error) => {
            let database = error.as_db_error();
            let code = database.map_or("", |error| error.code().code());
            shared.last.lock().unwrap().clone_from(&format!("{}: {error:?}", WAYS[way].name));
            match code {
                // The statement that is denied stays so; whoever wants it all the same is not of this test.
                "PS002" => outcome.denied = true,
                "PS001" => {
                    *told = database.and_then(|error| comment(error.hint()?)).or(told.take());
                    // Whoever is told that people are asked gives them a moment.
                    tokio::time::sleep(Duration::from_millis(dice.below(60))).await;
                }
                // Used, withdrawn or expired.
                "PS003" => *told = None,
                // Cancelled; the program or the connection went away.
                "57014" | "57P01" | "08006" | "" => {}
                other => panic!("{other}: {error:?}"),
            }
        }
    }
    // A cancel may still be on its way.
    !matches!(way, 4 | 5) && !client.is_closed()
}

/// The comment that stands for the statement, in what a ticket says.
fn comment(hint: &str) -> Option<String> {
    let (_, rest) = hint.split_once("/*")?;
    let (comment, _) = rest.split_once("*/")?;
    Some(format!("/*{comment}*/"))
}

/// Whether it was committed.
async fn in_transaction(client: &Client, sql: &str, commit: bool) -> Result<bool, tokio_postgres::Error> {
    client.batch_execute("BEGIN").await?;
    let done = client.batch_execute(sql).await;
    if let Err(error) = done {
        client.batch_execute("ROLLBACK").await?;
        return Err(error);
    }
    client.batch_execute(if commit { "COMMIT" } else { "ROLLBACK" }).await?;
    Ok(commit)
}
