//! Places that are told: a server that says what it heard, and answers as it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::{Value, json};

use crate::stage::{KEY, LIMIT};

#[derive(Debug, Clone)]
pub enum Answer {
    /// Done; Slack is told where its message is.
    Fine,
    Status(u16),
    /// With so many seconds to leave it alone.
    Later(u32),
    /// 200, and Slack's word for what is wrong.
    Slack(&'static str),
    Redirect(String),
    /// None, for as long as the other side waits.
    Hang,
}

#[derive(Debug, Clone)]
pub struct Heard {
    /// The last part of the path.
    pub call: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Heard {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }

    pub fn is_signed(&self) -> bool {
        let signed = [self.id().as_bytes(), b".", self.headers["webhook-timestamp"].as_bytes(), b".", &self.body].concat();
        let signature = STANDARD.decode(self.headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY), &signed, &signature).is_ok()
    }

    /// All texts of a message, in order.
    pub fn texts(&self) -> Vec<String> {
        let mut found = Vec::new();
        gather(&self.json(), &mut found);
        found
    }

    pub fn contains(&self, text: &str) -> bool {
        self.texts().iter().any(|found| found.contains(text))
    }

    /// The buttons of a message of Slack's, by what they are called.
    pub fn buttons(&self) -> BTreeMap<String, Value> {
        let json = self.json();
        let blocks = json["blocks"].as_array().unwrap().iter().filter(|block| block["type"] == "actions");
        let all = blocks.flat_map(|block| block["elements"].as_array().unwrap().clone());
        all.map(|button| (button["action_id"].as_str().unwrap().to_owned(), button)).collect()
    }
}

fn gather(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| match value {
            Value::String(text) if name == "text" => found.push(text.clone()),
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_)) => {
                gather(other, found)
            }
        }),
        Value::Array(list) => list.iter().for_each(|value| gather(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub struct Server {
    pub port: u16,
    heard: Receiver<Heard>,
}

impl Server {
    /// Answers as told, and then that all is fine.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let next = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (say, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (say, next) = (say.clone(), Arc::clone(&next));
                std::thread::spawn(move || attend(stream.unwrap(), &say, &next));
            }
        });
        Self { port, heard }
    }

    pub fn next(&self) -> Heard {
        self.heard.recv_timeout(LIMIT).expect("a message")
    }

    /// Whatever was heard and not asked for yet.
    pub fn rest(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

fn attend(mut stream: TcpStream, say: &Sender<Heard>, answers: &Mutex<VecDeque<Answer>>) {
    let mut number = 0;
    while let Some(heard) = request(&mut stream) {
        number += 1;
        let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Fine);
        say.send(heard).ok();
        let (head, body) = match answer {
            Answer::Fine => ("200 OK".to_owned(), json!({"ok": true, "channel": "C7", "ts": format!("17.{number}")}).to_string()),
            Answer::Slack(error) => ("200 OK".to_owned(), json!({"ok": false, "error": error}).to_string()),
            Answer::Status(code) => (format!("{code} No"), String::new()),
            Answer::Later(seconds) => (format!("429 Slow\r\nretry-after: {seconds}"), String::new()),
            Answer::Redirect(to) => (format!("307 There\r\nlocation: {to}"), String::new()),
            Answer::Hang => {
                stream.read_exact(&mut [0]).ok();
                return;
            }
        };
        // Whoever asked may be gone.
        if write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).is_err() {
            return;
        }
    }
}

fn request(stream: &mut TcpStream) -> Option<Heard> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
    let headers: BTreeMap<_, _> =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some(Heard { call: path.rsplit('/').next().unwrap().to_owned(), headers, body })
}
