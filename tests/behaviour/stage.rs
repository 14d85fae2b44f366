//! One test's ground: a database of its own, a proxy with its configuration, an agent, and a look at the server from beside.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pgsluice::wire::write::{message, untagged};

use crate::client::{Client, LIMIT, Login, TERMINATE, await_that, query};
use crate::support::{Cluster, Database, Proxy};

/// Long enough that what should not come would have come.
const SILENCE: Duration = Duration::from_millis(250);

/// One server for all tests here; it ends with this process.
pub fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::get(15))
}

/// A name that nothing else in the cluster has.
pub fn unique(hint: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{hint}_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

pub struct Stage {
    pub proxy: Proxy,
    pub database: Database<'static>,
    pub login: Login,
    folder: tempfile::TempDir,
}

impl Stage {
    pub fn new() -> Self {
        Self::with("")
    }

    /// With a configuration file of this text.
    pub fn with(config: &str) -> Self {
        let database = cluster().database("behaviour");
        let url = database.url();
        Self::before(database, &url, config)
    }

    /// In front of whatever a URL names.
    pub fn before(database: Database<'static>, upstream: &str, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgsluice.toml");
        std::fs::write(&path, whole(config)).unwrap();
        let options = ["--config", path.to_str().unwrap()];
        let proxy = Proxy::start_with(upstream, &options, &["agent", "--owner", "tester"]);
        let login = Login::new(&proxy, &database.name);
        Self { proxy, database, login, folder }
    }

    /// A file beside the configuration.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Changes the configuration, has it read, and waits for the answer in the log.
    pub fn reload(&self, config: &str, answer: &str) {
        std::fs::write(self.file("pgsluice.toml"), whole(config)).unwrap();
        self.proxy.signal("HUP");
        await_that(answer, || self.proxy.log().contains(answer));
    }

    /// Another agent; `arguments` follow `agent add`.
    pub fn agent(&self, arguments: &[&str]) -> Login {
        let url = self.proxy.add_agent(&[arguments, &["--owner", "tester"]].concat());
        Login { database: self.database.name.clone(), ..Login::of(&url) }
    }

    /// A session that has its link.
    pub fn linked(&self) -> Client {
        linked(&self.login)
    }

    /// The superuser, past the proxy.
    pub fn beside(&self) -> Client {
        Login::of(&self.database.url()).with("application_name", "beside").enter()
    }

    /// Every manner of greeting that `login` needs is known, and no link is left of it.
    pub fn teach(&self, login: &Login) {
        leave(linked(login));
        self.await_backends("the first link is gone", "true", 0);
    }

    /// Waits until so many of the server's processes that work for agents are as `condition` says.
    pub fn await_backends(&self, what: &str, condition: &str, count: usize) {
        let mut beside = self.beside();
        await_that(what, || backends(&mut beside, condition) == count);
        leave(beside);
    }
}

/// Links end with their sessions but in tests that are about their being used again.
fn whole(config: &str) -> String {
    let reuse = if config.contains("max_idle_connections") { "" } else { "max_idle_connections = 0\n" };
    format!("{reuse}{config}")
}

pub fn linked(login: &Login) -> Client {
    let mut client = login.enter();
    assert_eq!(client.ask("select 1"), ["1"]);
    client
}

/// The server's processes that work for agents in this database.
pub fn backends(beside: &mut Client, condition: &str) -> usize {
    let sql = format!(
        "select count(*) from pg_stat_activity
         where application_name = 'raw' and datname = current_database() and ({condition})"
    );
    beside.ask(&sql)[0].parse().unwrap()
}

pub fn leave(mut client: Client) {
    client.send(TERMINATE).unwrap();
    assert_eq!(client.rest(), b"");
}

/// Nothing is said to this client for a while.
pub fn assert_silent(client: &mut Client) {
    client.stream.set_read_timeout(Some(SILENCE)).unwrap();
    match client.receive() {
        Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
        Ok((tag, body)) => panic!("{} {}", char::from(tag), String::from_utf8_lossy(&body)),
    }
    client.stream.set_read_timeout(Some(LIMIT)).unwrap();
}

/// The fields of an ErrorResponse.
#[derive(Debug)]
pub struct Failure(BTreeMap<char, String>);

impl Failure {
    pub fn read(body: &[u8]) -> Self {
        let fields = body.split(|byte| *byte == 0).filter(|field| !field.is_empty());
        Self(fields.map(|field| (char::from(field[0]), String::from_utf8_lossy(&field[1..]).into_owned())).collect())
    }

    pub fn code(&self) -> &str {
        &self.0[&'C']
    }

    /// Everything that people read of it.
    pub fn words(&self) -> String {
        ['S', 'M', 'D', 'H'].iter().filter_map(|field| self.0.get(field)).fold(String::new(), |all, text| all + text + "\n")
    }
}

pub fn failure(client: &mut Client) -> Failure {
    Failure::read(&client.until(b'E').pop().unwrap().1)
}

/// The connection ends with this error and nothing behind it.
pub fn farewell(mut client: Client, code: &str, words: &str) -> Failure {
    let failure = failure(&mut client);
    assert_eq!(failure.code(), code, "{failure:?}");
    assert!(failure.words().contains(words), "{failure:?} does not say {words}");
    assert_eq!(client.rest(), b"");
    failure
}

/// A simple query fails with this error, and the session goes on.
pub fn refused(client: &mut Client, sql: &str, code: &str) -> Failure {
    client.send(&query(sql)).unwrap();
    let failure = failure(client);
    assert_eq!(failure.code(), code, "{failure:?}");
    assert_eq!(client.receive().unwrap().0, b'Z');
    failure
}

pub fn say(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    message(&mut out, tag, |made| {
        made.bytes(body);
    });
    out
}

/// Parse, Bind and Execute, by unnamed statement and portal.
pub fn run(sql: &str) -> Vec<u8> {
    [say(b'P', &[b"\0", sql.as_bytes(), b"\0\0\0"].concat()), say(b'B', b"\0\0\0\0\0\0\0\0"), say(b'E', b"\0\0\0\0\0")].concat()
}

/// The types of the answers up to ReadyForQuery, an error's with its code, ReadyForQuery's with its status.
pub fn story(client: &mut Client) -> String {
    let told = client.until(b'Z').into_iter().filter(|(tag, _)| *tag != b'S').map(|(tag, body)| match tag {
        b'E' => format!("E={}", Failure::read(&body).code()),
        b'Z' => format!("Z={}", char::from(body[0])),
        tag => char::from(tag).to_string(),
    });
    told.collect::<Vec<_>>().join(" ")
}

/// A CancelRequest with this process id and secret, as `key()` has them; it is answered by the end of the connection.
pub fn cancel(address: &str, key: &[u8]) {
    let mut canceller = Client::over(TcpStream::connect(address).unwrap());
    canceller.send(&cancel_request(key)).unwrap();
    assert_eq!(canceller.rest(), b"");
}

pub fn cancel_request(key: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    untagged(&mut out, |body| {
        body.bytes(&80_877_102_u32.to_be_bytes()).bytes(key);
    });
    out
}

/// A new login at the server, with no rights but to connect.
pub fn role(password: &str) -> String {
    let name = unique("role");
    crate::support::sql(&cluster().url("postgres"), &format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"));
    name
}
