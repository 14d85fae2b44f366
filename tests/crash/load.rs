//! Load in front of the proxy: pgbench in its three modes, and a driver whose every statement is the only one of its kind, so that it can be
//! found again.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use futures_util::future::join_all;
use tokio_postgres::NoTls;

/// Sessions of the driver.
const DRIVERS: u64 = 3;
/// Statements of one pipeline.
const PIPELINE: u64 = 5;
/// Columns that make a statement's shape some 16 KB long, so that segments fill. Of columns that read alike a shape would have one.
const COLUMNS: usize = 200;
const LONG: &str = ", 1 as a_column_of_some_length_to_fill_it, 1 as another_one_of_some_length_too";
/// Markers of one driver in one run are numbered apart from the others'.
const APART: u64 = 1 << 32;

#[derive(Default)]
struct Outcomes {
    count: AtomicU64,
    texts: Mutex<Vec<String>>,
}

impl Outcomes {
    fn saw(&self, text: String) {
        self.texts.lock().unwrap().push(text);
        self.count.fetch_add(1, Ordering::SeqCst);
    }
}

pub struct Load {
    outcomes: Arc<Outcomes>,
    drivers: Vec<JoinHandle<()>>,
    benches: Vec<Child>,
}

impl Load {
    /// `markers` counts the drivers' sessions over all runs.
    pub fn start(url: &str, markers: &mut u64) -> Self {
        let outcomes = Arc::new(Outcomes::default());
        let drivers = (0..DRIVERS).map(|_| {
            *markers += 1;
            let (first, url, outcomes) = (*markers * APART, url.to_owned(), Arc::clone(&outcomes));
            std::thread::spawn(move || drive(&url, first, &outcomes))
        });
        let drivers = drivers.collect();
        let bench = |mode: &str| {
            let mut command = Command::new("pgbench");
            command.args(["-n", "-c", "2", "-j", "1", "-T", "600", "-M", mode, url]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        };
        Self { outcomes, drivers, benches: ["simple", "extended", "prepared"].map(bench).into() }
    }

    /// Statements of drivers whose outcome they saw.
    pub fn outcomes(&self) -> u64 {
        self.outcomes.count.load(Ordering::SeqCst)
    }

    /// To be called when the proxy is gone; gives the drivers' statements whose outcome they saw.
    pub fn finish(&mut self) -> Vec<String> {
        for driver in self.drivers.drain(..) {
            driver.join().unwrap();
        }
        for bench in &mut self.benches {
            // It ends by itself when its last client has lost its connection.
            bench.wait().unwrap();
        }
        std::mem::take(&mut self.outcomes.texts.lock().unwrap())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for bench in &mut self.benches {
            bench.kill().ok();
            bench.wait().ok();
        }
    }
}

fn drive(url: &str, first: u64, outcomes: &Outcomes) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // The proxy may be gone before the login is done.
        let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await else { return };
        let connection = tokio::spawn(connection);
        let mut number = first;
        loop {
            let way = number % 4;
            let count = if way == 3 { PIPELINE } else { 1 };
            let client = &client;
            let all = (number..number + count).map(|number| one(client, way, number, outcomes));
            if join_all(all).await.into_iter().any(|lives| !lives) {
                break;
            }
            number += count;
        }
        connection.await.ok();
    });
}

/// Runs the statement of this number; whether the connection still lives.
async fn one(client: &tokio_postgres::Client, way: u64, number: u64, outcomes: &Outcomes) -> bool {
    let (text, result) = match way {
        0 => {
            let text = format!("select 1 as m_{number}{}", LONG.repeat(COLUMNS));
            let result = client.simple_query(&text).await.map(drop);
            (text, result)
        }
        1 => {
            let text = format!("select $1::int8 as m_{number}");
            let result = client.query(&text, &[&7_i64]).await.map(drop);
            (text, result)
        }
        // Not a failure of the connection, and an outcome as any.
        2 => {
            let text = format!("select 1 / (1 - 1) as m_{number}");
            let result = match client.simple_query(&text).await {
                Err(error) if error.code().is_some_and(|code| code.code() == "22012") => Ok(()),
                other => other.map(drop),
            };
            (text, result)
        }
        _ => {
            let text = format!("select 2 as m_{number}");
            let result = client.query(&text, &[]).await.map(drop);
            (text, result)
        }
    };
    match result {
        Ok(()) => {
            outcomes.saw(text);
            true
        }
        Err(error) => {
            assert!(error.is_closed() || error.as_db_error().is_none(), "{text}: {error}");
            false
        }
    }
}
