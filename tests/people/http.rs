//! HTTP as bytes: what is asked and answered is seen as it is on the wire. A browser here keeps cookies and nothing else.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// What a page says, without its tags.
    pub fn text(&self) -> String {
        let inside = self.body.split('<').enumerate().map(|(place, part)| match part.split_once('>') {
            Some((_, text)) if place > 0 => text,
            _ => part,
        });
        inside.collect()
    }

    /// No script but our own, which is a file.
    pub fn has_no_foreign_script(&self) -> bool {
        let own = "<script src=\"/live.js\" defer></script>";
        self.body.matches("<script").count() == self.body.matches(own).count()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a hidden field of the form that is sent to `action`.
    pub fn field(&self, action: &str, name: &str) -> String {
        let form = self
            .body
            .split("<form")
            .find(|form| form.contains(&format!("action=\"{action}\"")))
            .unwrap_or_else(|| panic!("no form for {action}: {}", self.body));
        let field = form.split("<input").find(|field| field.contains(&format!("name=\"{name}\""))).expect("the field");
        field.split_once("value=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    }
}

/// Where to ask: an address, and over TLS a name and whom to trust.
#[derive(Debug, Clone)]
pub struct Server {
    pub address: SocketAddr,
    pub host: String,
    pub tls: Option<Arc<ClientConfig>>,
}

impl Server {
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, host: address.to_string(), tls: None }
    }

    pub fn over_tls(address: SocketAddr, root: &std::path::Path) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(root).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Self { address, host: format!("localhost:{}", address.port()), tls: Some(Arc::new(config)) }
    }

    pub fn raw(&self, request: &[u8]) -> Answer {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        match &self.tls {
            None => converse(stream, request),
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                converse(StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), stream), request)
            }
        }
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "Host") {
            request += &format!("Host: {}\r\n", self.host);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        self.raw(format!("{request}\r\n{body}").as_bytes())
    }
}

fn converse(mut stream: impl Read + Write, request: &[u8]) -> Answer {
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    // Some ends of TLS are sudden; the length says whether something is missing.
    stream.read_to_end(&mut bytes).ok();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<_> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse::<usize>().unwrap());
    assert!(length.is_none_or(|length| length == body.len()), "{length:?} {text}");
    Answer { status, headers, body: body.to_owned() }
}

/// Somebody's browser.
#[derive(Debug, Clone)]
pub struct Browser {
    pub server: Server,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        Self { server: server.clone(), cookies: BTreeMap::new() }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, "", &[])
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let escape = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        self.send("POST", path, &body.join("&"), &[("Content-Type", "application/x-www-form-urlencoded")])
    }

    pub fn send(&mut self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let mut all = headers.to_vec();
        if !cookies.is_empty() {
            all.push(("Cookie", &cookies));
        }
        let answer = self.server.ask(method, path, &all, body);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub fn try_sign_in(&mut self, next: &str, name: &str, password: &str) -> Answer {
        let page = self.get(&format!("/sign-in?next={next}"));
        assert_eq!(page.status, 200, "{page:?}");
        let (token, next) = (page.field("/sign-in", "token"), page.field("/sign-in", "next"));
        self.post("/sign-in", &[("name", name), ("password", password), ("next", &next), ("token", &token)])
    }

    pub fn sign_in(&mut self, name: &str, password: &str) {
        let answer = self.try_sign_in("/", name, password);
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
    }

    /// Opens the hold's page and sends its form.
    pub fn decide(&mut self, hold: &str, verdict: &str, reason: &str) -> Answer {
        let path = format!("/holds/{hold}");
        let page = self.get(&path);
        self.decide_from(&page, hold, verdict, reason)
    }

    pub fn decide_from(&mut self, page: &Answer, hold: &str, verdict: &str, reason: &str) -> Answer {
        let path = format!("/holds/{hold}");
        let (token, digest) = (page.field(&path, "token"), page.field(&path, "digest"));
        self.post(&path, &[("token", &token), ("digest", &digest), ("reason", reason), ("verdict", verdict)])
    }
}
