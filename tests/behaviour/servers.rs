//! Servers that go away, are not there, or do not let the proxy in: the client is told in words, at once, and is told nothing
//! about the login that the proxy has there.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::client::{Client, Login, SYNC, await_that, query};
use crate::stage::{Failure, Stage, cluster, failure, farewell, leave, linked, refused, role, run, story};
use crate::support::{self, Cluster, Proxy};

/// A cable to the server that can be cut.
struct Cable {
    address: SocketAddr,
    plugged: Arc<AtomicBool>,
    listener: Option<thread::JoinHandle<()>>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cable {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut cable = Self { address, plugged: Arc::default(), listener: None, ends: Arc::default() };
        cable.plug(listener);
        cable
    }

    fn plug(&mut self, listener: TcpListener) {
        let (plugged, ends) = (Arc::clone(&self.plugged), Arc::clone(&self.ends));
        plugged.store(true, Ordering::SeqCst);
        self.listener = Some(thread::spawn(move || {
            loop {
                let (near, _) = listener.accept().unwrap();
                if !plugged.load(Ordering::SeqCst) {
                    return;
                }
                let far = TcpStream::connect(("127.0.0.1", cluster().port())).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || carry(from, to));
                }
                ends.lock().unwrap().extend([near, far]);
            }
        }));
    }

    /// Whatever runs through it ends; what comes anew goes through again.
    fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            // The other end may have closed it already.
            end.shutdown(Shutdown::Both).ok();
        }
    }

    /// Nobody listens any more.
    fn unplug(&mut self) {
        self.plugged.store(false, Ordering::SeqCst);
        // It hears of that by one more connection.
        drop(TcpStream::connect(self.address).unwrap());
        self.listener.take().unwrap().join().unwrap();
        self.cut();
    }

    fn plug_again(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.plug(listener);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        if self.listener.is_some() && !thread::panicking() {
            self.unplug();
        }
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream) -> Option<()> {
    let mut bytes = [0; 1 << 16];
    loop {
        let count = from.read(&mut bytes).ok().filter(|count| *count > 0);
        match count {
            Some(count) => to.write_all(&bytes[..count]).ok()?,
            None => return to.shutdown(Shutdown::Write).ok(),
        }
    }
}

/// A stage whose server is at the other end of a cable.
fn cabled() -> (Stage, Cable) {
    let database = cluster().database("cable");
    let cable = Cable::new();
    let url = database.url().replace(&format!(":{}/", cluster().port()), &format!(":{}/", cable.address.port()));
    (Stage::before(database, &url, ""), cable)
}

#[test]
fn a_terminated_backend_speaks_for_itself() {
    let stage = Stage::new();
    let mut beside = stage.beside();
    let words = "terminating connection due to administrator command";

    let mut idle = stage.linked();
    let process = idle.ask("select pg_backend_pid()").remove(0);
    beside.ask(&format!("select pg_terminate_backend({process})"));
    farewell(idle, "57P01", words);

    let mut busy = stage.linked();
    let process = busy.ask("select pg_backend_pid()").remove(0);
    busy.send(&query("select pg_sleep(600)")).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    beside.ask(&format!("select pg_terminate_backend({process})"));
    farewell(busy, "57P01", words);

    let mut open = stage.linked();
    let process = open.ask("begin; select pg_backend_pid()").remove(0);
    beside.ask(&format!("select pg_terminate_backend({process})"));
    farewell(open, "57P01", words);
    leave(stage.linked());
}

#[test]
fn a_lost_server_is_told_in_words() {
    let (stage, cable) = cabled();
    let words = "closed the connection unexpectedly";

    let idle = stage.linked();
    cable.cut();
    farewell(idle, "08006", words);

    let mut busy = stage.linked();
    busy.send(&[run("select 1"), run("select pg_sleep(600)"), SYNC.to_vec()].concat()).unwrap();
    stage.await_backends("it sleeps", "wait_event = 'PgSleep'", 1);
    cable.cut();
    let told = farewell(busy, "08006", words);
    assert!(told.words().contains("Whether the last statement took effect is not known"), "{told:?}");

    let mut taking = stage.linked();
    taking.ask("create temp table t(x text)");
    taking.send(&query("copy t from stdin")).unwrap();
    taking.until(b'G');
    cable.cut();
    farewell(taking, "08006", words);

    // Rows that are on their way: the last one may be cut, and then there is no place for words. It must end all the same.
    let mut reading = stage.linked();
    reading.send(&query("select repeat('x', 100000) from generate_series(1, 1000000)")).unwrap();
    reading.until(b'D');
    cable.cut();
    reading.rest();
    leave(stage.linked());
}

#[test]
fn a_server_that_is_down_is_told_in_words() {
    let (stage, mut cable) = cabled();
    stage.teach(&stage.login);
    cable.unplug();
    // Greeted from memory, or not greeted at all.
    let mut greeted = stage.login.enter();
    greeted.send(&query("select 1")).unwrap();
    farewell(greeted, "08006", "the proxy could not reach the server");
    farewell(stage.login.with("application_name", "another").proven(), "08006", "the proxy could not reach the server");
    cable.plug_again();
    leave(stage.linked());
}

#[test]
fn a_session_without_a_link_does_not_mind() {
    let (stage, mut cable) = cabled();
    stage.teach(&stage.login);
    let mut client = stage.login.enter();
    cable.unplug();
    client.send(SYNC).unwrap();
    assert_eq!(story(&mut client), "Z=I");
    cable.plug_again();
    assert_eq!(client.ask("select 1"), ["1"]);
    leave(client);
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let stage = Stage::new();
    let login = Login { database: "no_such_database".to_owned(), ..stage.login.clone() };
    farewell(login.proven(), "3D000", "database \"no_such_database\" does not exist");
}

/// What the proxy logs in with is nothing that an agent may learn about.
fn assert_tells_nothing(client: Client, role: &str) {
    let told = farewell(client, "28000", "the proxy could not sign in to the server");
    assert!(!format!("{told:?}").contains(role), "{told:?}");
}

#[test]
fn a_wrong_login_at_the_server_stays_in_the_log() {
    let role = role("right");
    let database = cluster().database("behaviour");
    let upstream = cluster().url_as(&role, "wrong", &database.name);
    let stage = Stage::before(database, &upstream, "");
    assert_tells_nothing(stage.login.proven(), &role);
    assert!(stage.proxy.log().contains(&role), "{}", stage.proxy.log());
    assert!(!stage.proxy.log().contains("wrong"), "the log holds the password");
}

#[test]
fn a_rotated_password_is_read_again() {
    let role = role("first");
    let database = cluster().database("behaviour");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let upstream = format!("postgres://{role}@127.0.0.1:{}/{}", cluster().port(), database.name);
    let stage = Stage::before(database, &upstream, &format!("[upstream]\npassword_file = '{}'", file.display()));
    let mut client = stage.linked();

    support::sql(&cluster().url("postgres"), &format!("ALTER ROLE {role} PASSWORD 'second'"));
    assert_tells_nothing(stage.login.with("application_name", "too early").proven(), &role);
    std::fs::write(&file, "second\n").unwrap();
    let mut next = linked(&stage.login);
    assert_eq!(next.ask("select current_user"), [role.as_str()]);
    assert_eq!(client.ask("select 1"), ["1"], "links that are there stay");
    leave(next);
    leave(client);
}

#[test]
fn a_crash_of_the_server_is_survived() {
    let cluster = Cluster::start(15);
    let proxy = Proxy::start(&cluster.url("postgres"));
    let login = Login::new(&proxy, "postgres");
    let (mut killed, mut other) = (linked(&login), linked(&login));
    let process = killed.ask("select pg_backend_pid()").remove(0);
    other.send(&query("select pg_sleep(600)")).unwrap();
    let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'";
    await_that("it sleeps", || support::sql(&cluster.url("postgres"), sleeping) == "1");
    assert!(Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    farewell(killed, "08006", "closed the connection unexpectedly");
    // The server ends it in its own words, as far as it still can.
    let told = other.until(b'E');
    assert!(told.iter().any(|(tag, body)| *tag == b'N' && Failure::read(body).code() == "57P02"), "{told:?}");
    assert_eq!(Failure::read(&told.last().unwrap().1).code(), "08006");
    assert_eq!(other.rest(), b"");
    await_that("the server is there again", || {
        let mut client = login.enter();
        client.send(&query("select 1")).unwrap();
        let (tag, body) = client.receive().unwrap();
        assert!(tag == b'T' || ["57P03", "08006"].contains(&Failure::read(&body).code()), "{}", String::from_utf8_lossy(&body));
        tag == b'T'
    });
}

#[test]
fn errors_of_the_server_leave_the_session() {
    let stage = Stage::new();
    let mut client = stage.linked();
    refused(&mut client, "select * from nowhere", "42P01");
    client.send(&[run("select 1/0"), run("select 2"), SYNC.to_vec()].concat()).unwrap();
    assert_eq!(failure(&mut client).code(), "22012");
    assert_eq!(story(&mut client), "Z=I");
    assert_eq!(client.ask("select 1"), ["1"]);
    leave(client);
}
