//! A reviewer who decides whatever waits, by the calls that commands make, and remembers what it was.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use pgsluice::gate::hold::HoldId;
use serde_json::{Value, json};

use crate::Dice;
use crate::support::Proxy;

const PASSWORD: &str = "four words are enough";
const LIMIT: Duration = Duration::from_secs(20);
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
        let mut added = Command::new(env!("CARGO_BIN_EXE_pgsluice"))
            .args(["reviewer", "add", "rita", "--password-stdin", "--state"])
            .arg(proxy.state())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(added.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        assert!(added.wait().unwrap().success());
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
            Some((401, _)) => {
                let credential = json!({ "name": "rita", "password": PASSWORD });
                if let Some((200, given)) = ask(&url, "", "POST", "/api/sign-in", &credential) {
                    given["token"].as_str().unwrap().clone_into(&mut token);
                }
            }
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

/// `None` where the program went away.
fn ask(url: &str, token: &str, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let address = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}
