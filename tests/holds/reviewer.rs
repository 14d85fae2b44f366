//! A reviewer who decides whatever waits, by the calls that commands make, and remembers what it was.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use pgsluice::gate::hold::HoldId;
use serde_json::{Value, json};

use crate::Dice;
use crate::reviewing::{self, ask};
use crate::support::Proxy;

/// Of a hundred.
const DENIED: u64 = 12;

/// Which operation each hold was for, by the hold's number.
#[derive(Default)]
pub struct Seen {
    pub operations: HashMap<u64, u64>,
}

struct Shared {
    url: Mutex<String>,
    over: AtomicBool,
}

pub struct Reviewer {
    shared: Arc<Shared>,
    thread: JoinHandle<Seen>,
}

impl Reviewer {
    pub fn start(proxy: &Proxy, seed: u64) -> Self {
        reviewing::add(proxy);
        let shared = Arc::new(Shared { url: Mutex::new(proxy.people.clone()), over: AtomicBool::new(false) });
        let work = Arc::clone(&shared);
        Self { shared, thread: std::thread::spawn(move || decide(&work, seed)) }
    }

    /// The program is somewhere else now.
    pub fn go_to(&self, url: &str) {
        url.clone_into(&mut self.shared.url.lock().unwrap());
    }

    pub fn finish(self) -> Seen {
        self.shared.over.store(true, Ordering::SeqCst);
        self.thread.join().unwrap()
    }
}

fn decide(shared: &Shared, seed: u64) -> Seen {
    let mut dice = Dice(seed ^ 0x5eed);
    let mut seen = Seen::default();
    let mut token = String::new();
    while !shared.over.load(Ordering::SeqCst) {
        let url = shared.url.lock().unwrap().clone();
        match ask(&url, &token, "GET", "/api/holds", &Value::Null) {
            Some((200, listed)) => {
                let waiting = listed["holds"].as_array().unwrap().iter().filter(|hold| hold["state"] == "waiting");
                for id in waiting.map(|hold| hold["id"].as_str().unwrap()) {
                    // Some wait longer, so that their agents give up.
                    if dice.below(3) > 0 {
                        one(&url, &token, id, &mut dice, &mut seen);
                    }
                }
            }
            Some((401, _)) => token = reviewing::sign_in(&url).unwrap_or_default(),
            _ => {}
        }
        std::thread::sleep(Duration::from_millis(dice.below(40)));
    }
    seen
}

fn one(url: &str, token: &str, id: &str, dice: &mut Dice, seen: &mut Seen) {
    let Some((200, shown)) = ask(url, token, "GET", &format!("/api/holds/{id}"), &Value::Null) else { return };
    // It closed meanwhile.
    let Some(sql) = shown["about"]["statement"]["sql"]["text"].as_str() else { return };
    let operation = sql.rsplit_once("operation ").and_then(|(_, number)| number.split('\'').next()?.parse().ok());
    seen.operations.insert(id.parse::<HoldId>().unwrap().number(), operation.unwrap_or_else(|| panic!("{sql}")));
    let word = if dice.below(100) < DENIED { "deny" } else { "approve" };
    let decided =
        ask(url, token, "POST", &format!("/api/holds/{id}/{word}"), &json!({ "digest": shown["digest"], "reason": "by the dice" }));
    if let Some((status, said)) = decided {
        assert!(matches!(status, 200 | 409 | 410 | 503), "{status} {said}");
    }
}
