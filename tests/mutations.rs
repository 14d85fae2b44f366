//! What drivers sent in real sessions (`fixtures/recordings/`), broken at random from a fixed seed and sent to the real program in
//! front of a real server: everybody else is served as before, and nothing is kept of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test that cannot go on fails"
)]

mod client;
#[path = "fuzz/mutate.rs"]
mod mutate;
mod support;

use std::net::Shutdown;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use client::{Login, SYNC, TERMINATE, assert_unharmed, holding, most_memory};
use mutate::{Random, mutate};
use support::{Cluster, Proxy};

const MUTATIONS: usize = 10_000;
const BATCH: usize = 1_000;
/// At once; each has a server process behind it.
const CLIENTS: usize = 8;
const SOAK: usize = 10;
/// One in so many is broken before its login.
const STARTUPS: usize = 4;
/// MiB that the proxy may have had at its most, all clients together.
const MEMORY: usize = 96;

struct Recordings {
    sessions: Vec<Vec<u8>>,
    startups: Vec<Vec<u8>>,
}

impl Recordings {
    fn load(login: &Login) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let sessions = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        let packet = |code: u32, rest: &[u8]| [&(rest.len() as u32 + 8).to_be_bytes()[..], &code.to_be_bytes(), rest].concat();
        let (ssl, gss, cancel) = (packet(80_877_103, b""), packet(80_877_104, b""), packet(80_877_102, b"\0\0\0\x07key!"));
        let startup = login.startup();
        Self { sessions, startups: vec![startup.clone(), [&ssl[..], &startup].concat(), [&gss[..], &ssl, &startup].concat(), cancel] }
    }
}

fn one(login: &Login, recordings: &Recordings, mut random: Random) {
    let before_login = random.below(STARTUPS) == 0;
    let all = if before_login { &recordings.startups } else { &recordings.sessions };
    let mut bytes = all[random.below(all.len())].clone();
    let other = &all[random.below(all.len())];
    mutate(&mut bytes, other, &mut random);
    let mut client = if before_login { login.knock() } else { login.enter() };
    if !before_login {
        // Where the cut still lets the server see a goodbye, all of it is worked through; else the session ends in the middle.
        bytes.extend_from_slice(SYNC);
        if random.below(3) > 0 {
            bytes.extend_from_slice(TERMINATE);
        }
    }
    // It may be refused while it is still speaking.
    if client.send(&bytes).is_ok() {
        client.stream.shutdown(Shutdown::Write).ok();
    }
    client.rest();
}

#[test]
fn ten_thousand_mutations_of_recorded_sessions_leave_the_proxy_serving() {
    let cluster = Cluster::get(15);
    let database = cluster.database("mutations");
    let role = format!("mutant_{}", std::process::id());
    // Whatever the text turns into, it may do little and not for long.
    database.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'mutant'; ALTER ROLE {role} SET statement_timeout = '5s'"));
    let mut proxy = Proxy::plain(&cluster.url_as(&role, "mutant", &database.name), "server_idle_timeout = '100ms'\n");
    let login = Login::new(&proxy, &database.name);
    let recordings = Recordings::load(&login);
    let nobody = holding(proxy.process());
    login.assert_served();
    assert_unharmed(&proxy, nobody);
    let soak = std::env::var_os("PGSLUICE_SOAK").is_some_and(|set| set == "1");
    let count = if soak { MUTATIONS * SOAK } else { MUTATIONS };
    for batch in 0..count / BATCH {
        let next = AtomicUsize::new(batch * BATCH);
        std::thread::scope(|scope| {
            for _ in 0..CLIENTS {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= (batch + 1) * BATCH {
                            return;
                        }
                        // A number is a mutation, whoever's turn it is.
                        one(&login, &recordings, Random::new(number as u64 ^ 0x5106_2026));
                    }
                });
            }
        });
        assert!(proxy.is_running());
        login.assert_served();
        assert_unharmed(&proxy, nobody);
    }
    let most = most_memory(proxy.process());
    assert!(most < MEMORY, "{most} MiB");
    println!("{count} mutations, {most} MiB at the most");
    drop(proxy);
    drop(database);
    support::sql(&cluster.url("postgres"), &format!("DROP ROLE {role}"));
}
