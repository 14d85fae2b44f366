//! A receiver of webhooks that does to each request what it is told, and says what it heard.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::stage::LIMIT;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Fine,
    Status(u16),
    Redirect(String),
    /// The connection ends without an answer.
    Nothing,
    /// 200, and the connection ends within the body.
    Half,
    /// No answer, for as long as the other side waits.
    Hang,
    /// An answer that never ends.
    Endless,
}

#[derive(Debug, Clone)]
pub struct Heard {
    pub line: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub answer: Answer,
}

impl Heard {
    pub fn values(&self) -> Vec<Value> {
        self.body.split_inclusive(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

pub struct Http {
    pub port: u16,
    answers: Arc<Mutex<VecDeque<Answer>>>,
    heard: Receiver<Heard>,
}

impl Http {
    /// Answers as told, and then that all is fine.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(answers.into_iter().collect::<VecDeque<_>>()));
        let (say, heard) = channel();
        let next = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (say, next) = (say.clone(), Arc::clone(&next));
                std::thread::spawn(move || attend(stream.unwrap(), &say, &next));
            }
        });
        Self { port, answers, heard }
    }

    pub fn then(&self, answers: impl IntoIterator<Item = Answer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    pub fn next(&self) -> Heard {
        self.heard.recv_timeout(LIMIT).unwrap()
    }

    /// Whatever was heard and not asked for yet.
    pub fn rest(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}

fn attend(mut stream: TcpStream, say: &Sender<Heard>, answers: &Mutex<VecDeque<Answer>>) {
    while let Some((line, headers, body)) = request(&mut stream) {
        let answer = answers.lock().unwrap().pop_front().unwrap_or(Answer::Fine);
        say.send(Heard { line, headers, body, answer: answer.clone() }).ok();
        match answer {
            Answer::Fine => stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap(),
            Answer::Status(code) => write!(stream, "HTTP/1.1 {code} No\r\ncontent-length: 2\r\n\r\nno").unwrap(),
            Answer::Redirect(to) => write!(stream, "HTTP/1.1 307 There\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").unwrap(),
            Answer::Nothing => return,
            Answer::Half => return stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal").unwrap(),
            Answer::Hang => {
                stream.read_exact(&mut [0]).ok();
                return;
            }
            Answer::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                while stream.write_all(&[b'x'; 4096]).is_ok() {}
                return;
            }
        }
    }
}

fn request(stream: &mut TcpStream) -> Option<(String, BTreeMap<String, String>, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: BTreeMap<_, _> =
        lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).ok()?;
    Some((line, headers, body))
}
