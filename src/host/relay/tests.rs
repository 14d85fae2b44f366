#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says so by failing")]

use std::rc::Rc;
use std::sync::Arc;

use tokio::io::{DuplexStream, duplex};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::audit::Digester;
use crate::audit::event::SignedIn;
use crate::gate::{Judge, Policy};
use crate::host::journal::{Journal, Options};
use crate::session::recording::{Keep, Recorder};
use crate::session::{Terms, Timeouts};
use crate::wire::frame;
use crate::wire::frontend::tag;
use crate::wire::write::message;

/// Gives out one link and never another.
struct OneLink(std::cell::RefCell<Option<DuplexStream>>);

impl Server for OneLink {
    type Stream = DuplexStream;
    type Canceller = ();

    fn connect(&self) -> impl Future<Output = Result<Taken<DuplexStream, ()>, Report>> + 'static {
        let stream = self.0.take().unwrap();
        async move { Ok(Taken { stream, received: Vec::new(), report: report(), canceller: () }) }
    }

    fn cancel(&self, (): &(), _: Option<super::Cancelled>) {}
}

impl Counsel for OneLink {}

fn report() -> LinkReport {
    LinkReport { process_id: 1, parameters: Arc::from([]) }
}

/// A scribe whose journal is gone with the test.
fn scribe() -> Scribe {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let who = SignedIn {
        agent_id: 1,
        agent: "agent".to_owned(),
        owner: "owner".to_owned(),
        environment: None,
        database: "shop".to_owned(),
        role: "reader".to_owned(),
        address: None,
        tls: false,
        process_id: 7,
        policy: None,
        body: None,
    };
    journal.session(who).unwrap()
}

/// A relay whose streams hold few bytes, and the far ends of both.
fn relay() -> (Relay<DuplexStream, OneLink>, DuplexStream, DuplexStream) {
    const NARROW: usize = 100;
    let terms = Terms {
        masking: crate::mask::Masking::built_in(),
        judge: Judge::textual(std::sync::Arc::new(Policy::allow_all())),
        frontend: crate::wire::limits::ClientLimits::default(),
        backend: crate::wire::limits::ServerLimits::default(),
        timeouts: Timeouts::default(),
        process_id: 7,
        reserved: Rc::from(&b"reserved"[..]),
        recorder: Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Nothing)),
        session: 1,
        unrecordable: None,
        purse: std::sync::Arc::default(),
        manner: Default::default(),
    };
    let (client, ours) = duplex(NARROW);
    let (server, link) = duplex(NARROW);
    let (control, heard) = unbounded_channel();
    let session = Session::new(terms, Arc::from([]), Instant::now());
    // A session lives on when nobody is left to tell it something.
    drop(control);
    (Relay::new(session, scribe(), ours, &[], &[], OneLink(Some(link).into()), heard), client, server)
}

fn script(tag: u8, body: &[u8], times: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..times {
        message(&mut bytes, tag, |made| {
            made.bytes(body);
        });
    }
    bytes
}

/// Each far end is a task of its own: they wake each other, so that a relay which forgets to be woken stands still.
async fn run<A: Send + 'static>(
    relay: Relay<DuplexStream, OneLink>,
    write: impl Future<Output = ()> + Send + 'static,
    read: impl Future<Output = A> + Send + 'static,
) -> A {
    let local = tokio::task::LocalSet::new();
    local.spawn_local(relay.run());
    let ends = async { tokio::try_join!(tokio::spawn(write), tokio::spawn(read)).unwrap().1 };
    let running = tokio::time::timeout(Duration::from_secs(60), local.run_until(ends));
    running.await.unwrap_or_else(|_| panic!("the session stands still"))
}

#[tokio::test(start_paused = true)]
async fn answers_that_wait_for_a_slow_reader_do_not_stop_the_session() {
    const SYNCS: usize = 100_000;
    let (relay, client, _server) = relay();
    let (mut answers, mut requests) = tokio::io::split(client);
    let write = async move {
        requests.write_all(&script(tag::SYNC, b"", SYNCS)).await.unwrap();
        requests.write_all(&script(tag::TERMINATE, b"", 1)).await.unwrap();
    };
    let read = async move {
        let mut all = Vec::new();
        answers.read_to_end(&mut all).await.unwrap();
        all
    };
    let answers = run(relay, write, read).await;
    assert!(answers == b"Z\0\0\0\x05I".repeat(SYNCS), "{} bytes", answers.len());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_reads_slowly_gets_everything() {
    let (relay, mut client, mut server) = relay();
    let bytes = [script(tag::FLUSH, b"", 1), script(tag::QUERY, b"select 1\0", 10_000), script(tag::TERMINATE, b"", 1)].concat();
    // A Flush needs no server: it is the one message that does not arrive.
    let expected = bytes[frame::HEAD..].to_vec();
    let mut all = vec![0; expected.len()];
    let read = async move {
        server.read_exact(&mut all).await.unwrap();
        drop(server);
        all
    };
    let write = async move {
        client.write_all(&bytes).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let got = run(relay, write, read).await;
    assert!(got == expected, "{} bytes of {}", got.len(), expected.len());
}
