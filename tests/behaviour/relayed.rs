//! One session in this process in front of a real server, with a policy and people of the test's own.
#![allow(clippy::disallowed_methods, reason = "the host of the session is here, and has its clock")]

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use pgsluice::audit::Digester;
use pgsluice::audit::event::SignedIn;
use pgsluice::gate::hold::HoldId;
use pgsluice::gate::{Judge, Policy};
use pgsluice::host::config::{Flags, Sources, url};
use pgsluice::host::journal::{Journal, Options};
use pgsluice::host::link::{Canceller, Connector, Minor, Request};
use pgsluice::host::relay::{Cancelled, Counsel, Relay, Server, Taken};
use pgsluice::host::secret::Secret;
use pgsluice::host::stream::{Keepalive, Stream};
use pgsluice::session::asking::{Message, Petition, Reply};
use pgsluice::session::recording::{Keep, Recorder};
use pgsluice::session::{BELT, LinkReport, Manner, Session, Terms, Timeouts};
use pgsluice::wire::report::Report;

use crate::client::Client;
use crate::stage::cluster;
use crate::support::Database;

/// Links to the real server, and whom to ask.
struct Links<C> {
    connector: Connector,
    database: String,
    settings: Vec<(String, String)>,
    counsel: C,
}

/// Nobody approves anything.
pub struct Nobody;

impl Counsel for Nobody {}

impl<C: Counsel> Counsel for Links<C> {
    fn petition(&self, petition: Petition) -> impl Future<Output = Reply> + 'static {
        self.counsel.petition(petition)
    }

    fn stored(&self, hold: HoldId) -> impl Future<Output = Result<Message, Report>> + 'static {
        self.counsel.stored(hold)
    }

    fn decided(&self, hold: HoldId) -> impl Future<Output = ()> + 'static {
        self.counsel.decided(hold)
    }

    fn settle(&self, holds: &[HoldId], used: bool) {
        self.counsel.settle(holds, used);
    }
}

impl<C: Counsel> Server for Links<C> {
    type Stream = Stream;
    type Canceller = Option<Canceller>;

    fn connect(&self) -> impl Future<Output = Result<Taken<Stream, Self::Canceller>, Report>> + 'static {
        let (connector, database, settings) = (self.connector.clone(), self.database.clone(), self.settings.clone());
        let credential = url::parse(&cluster().url(&database)).map(|url| (url.user, url.password)).unwrap();
        async move {
            let credential = pgsluice::host::upstream::Credential { user: credential.0, password: credential.1 };
            let request = Request { credential: &credential, database: &database, parameters: &settings };
            let link = connector.connect(request).await.map_err(|error| error.for_agent())?;
            let process_id = link.canceller.as_ref().map_or(0, |canceller| canceller.process_id);
            let report = LinkReport { process_id, parameters: link.parameters.into() };
            Ok(Taken { stream: link.stream, received: link.buffered.to_vec(), report, canceller: link.canceller })
        }
    }

    fn cancel(&self, canceller: &Self::Canceller, _done: Option<Cancelled>) {
        let canceller = canceller.clone().unwrap();
        tokio::task::spawn_local(async move { canceller.cancel().await.unwrap() });
    }
}

/// The client of a session that lives as long as its connection.
pub fn client<C: Counsel + Send + 'static>(database: &Database<'static>, policy: Policy, counsel: C, read_only: bool) -> Client {
    let flags = Flags { upstream: Some(Secret::new(database.url())), state: Some(std::env::temp_dir()), ..Flags::default() };
    let config = pgsluice::host::config::Config::load(&Sources { flags, ..Sources::default() }).unwrap();
    let connector = Connector::load(Arc::new(config.server.upstream), Keepalive::default(), Minor::Zero).unwrap();
    let settings = if read_only { vec![(BELT.to_owned(), "on".to_owned())] } else { Vec::new() };
    let links = Links { connector, database: database.name.clone(), settings, counsel };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = Client::over(std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap());
    let (stream, _) = listener.accept().unwrap();
    thread::spawn(move || serve(stream, links, policy, read_only));
    client
}

fn serve<C: Counsel>(stream: std::net::TcpStream, links: Links<C>, policy: Policy, read_only: bool) {
    stream.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::open(folder.path(), Options::default()).unwrap();
    let who = SignedIn {
        agent_id: 1,
        agent: "agent".to_owned(),
        owner: "owner".to_owned(),
        environment: None,
        database: links.database.clone(),
        role: "tester".to_owned(),
        address: None,
        tls: false,
        process_id: 1,
        policy: None,
        body: None,
    };
    let scribe = journal.session(who).unwrap();
    let terms = Terms {
        masking: pgsluice::mask::Masking::built_in(),
        judge: Judge::textual(Arc::new(policy)),
        frontend: pgsluice::wire::limits::ClientLimits::default(),
        backend: pgsluice::wire::limits::ServerLimits::default(),
        timeouts: Timeouts::default(),
        process_id: 1,
        reserved: Rc::from(&b"reserved for refusals"[..]),
        recorder: Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Nothing)),
        session: scribe.session(),
        unrecordable: None,
        purse: Arc::default(),
        manner: Manner { read_only, ..Manner::default() },
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    runtime.block_on(local.run_until(async {
        let stream = tokio::net::TcpStream::from_std(stream).unwrap();
        let (_control, heard) = tokio::sync::mpsc::unbounded_channel();
        let session = Session::new(terms, Arc::from([]), Instant::now());
        Relay::new(session, scribe, stream, &[], &[], links, heard).run().await;
    }));
}
