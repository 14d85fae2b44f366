//! A reviewer of a running program, by the calls that commands make.
#![allow(clippy::unwrap_used, reason = "a harness fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Proxy;

const PASSWORD: &str = "four words are enough";
const LIMIT: Duration = Duration::from_secs(20);

/// Makes the account.
pub fn add(proxy: &Proxy) {
    let mut added = Command::new(env!("CARGO_BIN_EXE_pgsluice"))
        .args(["reviewer", "add", "rita", "--password-stdin", "--state"])
        .arg(proxy.state())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(added.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(added.wait().unwrap().success());
}

/// A token, unless the program went away.
pub fn sign_in(url: &str) -> Option<String> {
    let credential = json!({ "name": "rita", "password": PASSWORD });
    let (status, given) = ask(url, "", "POST", "/api/sign-in", &credential)?;
    (status == 200).then(|| given["token"].as_str().unwrap().to_owned())
}

/// `None` where the program went away.
pub fn ask(url: &str, token: &str, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
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
