//! A desk with its journal and its pages, and people who have accounts there.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use pgsluice::audit::event::{Statement, Tag, Verdict as Noted, Way};
use pgsluice::audit::{Digest, Digester, Shape};
use pgsluice::gate::catalog::{Estimate, Relation, Resolved};
use pgsluice::gate::policy::BuiltIn;
use pgsluice::gate::{Grounds, Policy, Subject};
use pgsluice::host::config::{Oidc, PublicUrl, ServerCertificate, Web as Settings, WebListen};
use pgsluice::host::desk::{Desk, HoldId, Options, View};
use pgsluice::host::health::{JournalVitals, NoticeVitals, SinkVitals, Vitals};
use pgsluice::host::in_force::InForce;
use pgsluice::host::index;
use pgsluice::host::journal::reader::Reader;
use pgsluice::host::journal::{self, Journal};
use pgsluice::host::ledger::{Keeper, Ledger};
use pgsluice::host::people::{AccountStore, NewAccount, NewPerson, PeopleStore, Role, password};
use pgsluice::host::secret::Secret;
use pgsluice::host::state::{ListenerRecord, State};
use pgsluice::host::web::{Office, Parts, Place, Web};
use pgsluice::mask::profile::Profiles;
use pgsluice::session::asking::{Message, Parameters, Petition, Purpose, Reply};
use pgsluice::sql::effect::Effect;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::http::{Browser, Server};

pub const RITA: &str = "correct horse battery";
pub const SAM: &str = "staple of four words";
pub const ANN: &str = "owner of the agent one";

pub struct House {
    pub desk: Arc<Desk>,
    pub server: Server,
    pub public_url: String,
    web: Option<Web>,
    keeper: Option<Keeper>,
    index: Option<index::keep::Follower>,
    journal: Arc<Journal>,
    folder: TempDir,
}

#[derive(Default)]
pub struct Manner {
    pub tls: bool,
    pub single_person: bool,
    pub public_url: Option<&'static str>,
    pub idle: Option<Duration>,
    pub oidc: Option<Oidc>,
}

impl House {
    pub fn new() -> Self {
        Self::with(Manner::default())
    }

    pub fn with(manner: Manner) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state")).unwrap();
        people(&state);
        let fast = journal::Options { sync_interval: Duration::from_millis(1), ..journal::Options::default() };
        let journal = Journal::open(state.folder(), fast).unwrap();
        let settings = Settings {
            listen: Some(WebListen { address: "127.0.0.1:0".parse().unwrap(), by_default: false }),
            tls: manner.tls.then(|| certificate(folder.path())),
            public_url: manner.public_url.map(|url| PublicUrl::new(url).unwrap()),
            idle: manner.idle.unwrap_or(Duration::from_secs(600)),
            longest: Duration::from_secs(3600),
            oidc: manner.oidc,
        };
        let place = Place::take(&settings).unwrap().unwrap();
        let (address, public_url) = (place.address, place.public_url.clone());
        let options = Options { public_url: public_url.clone(), single_person: manner.single_person, ..Options::default() };
        let desk = Arc::new(Desk::open(&state, Arc::clone(&journal), Digester::new(&[7; 32]), options, Arc::default()).unwrap());
        let web = Some(public_url.clone());
        let listener = ListenerRecord { address: address.ip(), port: 1, tls_required: false, database: None, web };
        state.record_listener(&listener).unwrap();
        let keeper = Some(Keeper::start(Ledger::open(&state).unwrap(), Arc::clone(&journal)).unwrap());
        let index = index::keep::follow(state.folder(), journal.on_disk()).unwrap();
        let policy = Policy::built_in(BuiltIn::Default);
        let profiles = Arc::new(Profiles::new(policy.masks()).unwrap());
        let last = index.passed();
        let parts = Parts {
            desk: Arc::clone(&desk),
            journal: Arc::clone(&journal),
            state,
            single_person: manner.single_person,
            policy: Arc::new(InForce::new(policy, profiles)),
            vitals: Arc::new(move || Vitals {
                journal: JournalVitals { trouble: None, last: 7, synced: 7 },
                index_lag: Some(*last.borrow()),
                sinks: vec![SinkVitals { name: "siem <1>".to_owned(), lag: 12_345, failing: true }],
                notices: vec![NoticeVitals { name: "slack".to_owned(), waiting: 6, dead: 1, failing: false }],
                upstream: None,
            }),
        };
        let office = Office::open(&place, &settings, parts).unwrap();
        let web = Some(Web::start(place, office).unwrap());
        let server = if manner.tls { Server::over_tls(address, &folder.path().join("root.pem")) } else { Server::plain(address) };
        Self { desk, server, public_url, web, keeper, index: Some(index), journal, folder }
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Returns when all that is on the record now can be searched.
    pub fn indexed(&self) {
        let last = self.journal.health().last_seq;
        let mut passed = self.index.as_ref().unwrap().passed();
        block_on(passed.wait_for(|seq| *seq >= last)).unwrap();
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root.pem")
    }

    pub fn browser(&self) -> Browser {
        Browser::new(&self.server)
    }

    pub fn rita(&self) -> Browser {
        let mut browser = self.browser();
        browser.sign_in("rita", RITA);
        browser
    }

    pub fn hold(&self, sql: &str) -> String {
        self.hold_message(Message::Query(Zeroizing::new(sql.as_bytes().to_vec())))
    }

    pub fn hold_with(&self, sql: &str, values: &[Option<&[u8]>]) -> String {
        let values = values.iter().map(|value| value.map(|value| Zeroizing::new(value.to_vec()))).collect();
        let bind = Parameters { formats: [].into(), values };
        self.hold_message(Message::Extended { sql: Zeroizing::new(sql.as_bytes().to_vec()), types: [25].into(), bind })
    }

    fn hold_message(&self, message: Message) -> String {
        match block_on(self.desk.petition(&subject(), petition(message), None)) {
            Reply::Waiting(waiting) => waiting.hold.to_string(),
            other @ (Reply::Granted(_) | Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
        }
    }

    /// Sends the statement again: whether it may run now.
    pub fn runs(&self, sql: &str) -> bool {
        let message = Message::Query(Zeroizing::new(sql.as_bytes().to_vec()));
        matches!(block_on(self.desk.petition(&subject(), petition(message), None)), Reply::Granted(_))
    }

    /// The same; whether it may see values as they are.
    pub fn runs_unmasked(&self, sql: &str) -> Option<bool> {
        let message = Message::Query(Zeroizing::new(sql.as_bytes().to_vec()));
        match block_on(self.desk.petition(&subject(), petition(message), None)) {
            Reply::Granted(grant) => Some(grant.is_unmasked()),
            Reply::Waiting(_) | Reply::Refused(_) | Reply::Nothing => None,
        }
    }

    pub fn view(&self, hold: &str) -> View {
        self.desk.view(hold.parse::<HoldId>().unwrap()).unwrap()
    }

    pub fn stands(&self, hold: &str) -> &'static str {
        self.view(hold).state.word()
    }

    /// The records about people, what they read, and holds, in order, as JSON without what goes with each record.
    pub fn record(&self) -> Vec<serde_json::Value> {
        let mut reader = Reader::open(&self.state(), 1);
        let mut found = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            if (40..60).contains(&entry.kind.0) || (70..80).contains(&entry.kind.0) {
                found.push(serde_json::to_value(entry.event().unwrap()).unwrap());
            }
        }
        found
    }

    /// The number of the first record of this kind.
    pub fn first(&self, kind: &str) -> u64 {
        let mut reader = Reader::open(&self.state(), 1);
        loop {
            let entry = reader.next().unwrap().unwrap();
            if entry.kind.to_string() == kind {
                return entry.seq;
            }
        }
    }

    /// From here on nothing can be recorded.
    pub fn close_the_record(&self) {
        self.journal.close().unwrap();
    }

    pub fn kinds(&self) -> Vec<String> {
        self.record().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    pub fn accounts(&self) -> AccountStore {
        AccountStore::open(&State::open(&self.state()).unwrap()).unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop((self.web.take(), self.keeper.take(), self.index.take()));
        self.desk.close();
        if let Err(error) = self.journal.close() {
            eprintln!("{error}");
        }
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// rita and sam review, olaf only reads, ann reviews and owns the agent.
fn people(state: &State) {
    let mut accounts = AccountStore::open(state).unwrap();
    for (name, text, groups) in [("rita", RITA, vec![]), ("sam", SAM, vec!["dba".to_owned()]), ("ann", ANN, vec![])] {
        let verifier = password::verifier(name, &Secret::new(text)).unwrap();
        accounts.add(&NewAccount { name: name.to_owned(), groups, verifier }, "test", SystemTime::now()).unwrap();
    }
    let olaf = NewPerson { name: "olaf".to_owned(), role: Role::Auditor, os_user: "olaf".to_owned() };
    PeopleStore::open(state).unwrap().add(&olaf, "test", SystemTime::now()).unwrap();
}

fn certificate(folder: &Path) -> ServerCertificate {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let signed = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
    std::fs::write(folder.join("root.pem"), authority.pem()).unwrap();
    let files = ServerCertificate { certificate: folder.join("web.pem"), key: folder.join("web.key") };
    std::fs::write(&files.certificate, signed.pem()).unwrap();
    std::fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

fn subject() -> Arc<Subject> {
    Arc::new(Subject {
        agent_id: 1,
        agent: "billing-bot".into(),
        owner: "Ann".into(),
        database: "shop".into(),
        role: "writer".into(),
        environment: Some("production".into()),
        ..Subject::default()
    })
}

fn petition(message: Message) -> Petition {
    let relation =
        Relation { oid: 5, schema: "public".into(), name: "orders".into(), kind: "table", rows: Some(1_234_567), bytes: 30 << 30 };
    let resolved = Resolved {
        effects: Effect::Ddl.alone(),
        findings: vec!["the trigger <audit> runs".into()],
        relations: vec![relation],
        objects: vec![5],
        ..Resolved::default()
    };
    let grounds = Grounds {
        effects: Effect::Ddl.alone(),
        rule: "hold-ddl".into(),
        groups: Arc::default(),
        approvals: 1,
        reason: "changes the schema".into(),
        policy: [0; 32],
        resolved,
        estimate: Some(Estimate { rows: 12.0, widest: 34.0, cost: 56.0, ..Estimate::default() }),
        observed: false,
        unmask: pgsluice::sql::tags::asks_unmasked(message.sql()),
    };
    let statement = Statement {
        session: 3,
        number: 4,
        way: Way::Query,
        shape: Digest::default(),
        digest: Digest::default(),
        length: 1,
        parameters: 0,
        in_transaction: false,
        verdict: Noted::Held,
        effects: None,
        rule: None,
        policy: None,
        hold: None,
    };
    Petition {
        message,
        facts: Arc::default(),
        grounds: Arc::new(grounds),
        shape: Arc::new(Shape { digest: Digest::default(), text: "".into(), relations: Box::default() }),
        tags: vec![Tag { name: "ticket".into(), value: "<b>T-1</b>".into() }],
        task: Some("clean up\u{202e} orders".into()),
        settings: Vec::new(),
        open_work: false,
        awaited: None,
        over: None,
        purpose: Purpose::default(),
        answer: None,
        statement,
        sent: Digest::default(),
    }
}
