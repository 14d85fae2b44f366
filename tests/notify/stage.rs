//! A desk with its record, its pages and the notifier of a configuration; and people who have accounts.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pgsluice::audit::event::{Statement, Tag, Verdict as Noted, Way};
use pgsluice::audit::{Digest, Digester, Shape};
use pgsluice::gate::catalog::{Estimate, Relation, Resolved};
use pgsluice::gate::policy::BuiltIn;
use pgsluice::gate::{Grounds, Policy, Subject};
use pgsluice::host::config::{Config, Flags, Notify, Sources, Web as Settings, WebListen};
use pgsluice::host::desk::{Decider, Desk, HoldId, Options, Ruling, Seen, Verdict, View};
use pgsluice::host::health::{JournalVitals, Vitals};
use pgsluice::host::in_force::InForce;
use pgsluice::host::journal::reader::Reader;
use pgsluice::host::journal::{self, Journal};
use pgsluice::host::notify::{self, Notifier, Standing, Store};
use pgsluice::host::people::{AccountStore, NewAccount, SlackPeople};
use pgsluice::host::secret::Secret;
use pgsluice::host::state::State;
use pgsluice::host::web::{Office, Parts, Place, Web};
use pgsluice::mask::profile::Profiles;
use pgsluice::session::asking::{Message, Parameters, Petition, Purpose, Reply};
use pgsluice::sql::effect::Effect;
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use zeroize::Zeroizing;

/// Nothing here takes longer.
pub const LIMIT: Duration = Duration::from_secs(180);
/// 32 bytes in base64, as Standard Webhooks writes a secret.
pub const SECRET: &str = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=";
pub const KEY: &[u8] = b"hunter2hunter2hunter2hunter2hunt";
/// Slack's.
const SIGNING: &str = "8f742231b10e8888abcd99yyyzzz85a5";

pub struct Stage {
    pub desk: Arc<Desk>,
    pub journal: Arc<Journal>,
    pub state: State,
    notifier: Option<Notifier>,
    web: Option<Web>,
    address: Option<SocketAddr>,
    folder: TempDir,
}

/// One place of each kind at these ports.
pub fn slack(port: u16) -> String {
    format!(
        "[slack]\nbot_token = \"xoxb-token\"\nsigning_secret = \"{SIGNING}\"\nchannel = \"C1\"\napi_url = \"http://127.0.0.1:{port}/api\"\n"
    )
}

pub fn teams(port: u16) -> String {
    format!("[teams]\nurl = \"http://127.0.0.1:{port}/workflows/x?sig=hidden\"\n")
}

pub fn webhook(port: u16) -> String {
    format!("[[webhook]]\nname = \"pager\"\nurl = \"http://127.0.0.1:{port}/in?key=hidden\"\nsecret = \"{SECRET}\"\n")
}

impl Stage {
    pub fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        people(&state);
        let fast = journal::Options { sync_interval: Duration::from_millis(1), ..journal::Options::default() };
        let journal = Journal::open(state.folder(), fast).unwrap();
        let options = Options { public_url: "https://gate.example".to_owned(), ..Options::default() };
        let desk = Arc::new(Desk::open(&state, Arc::clone(&journal), Digester::new(&[7; 32]), options, Arc::default()).unwrap());
        let mut stage = Self { desk, journal, state, notifier: None, web: None, address: None, folder };
        stage.start(toml);
        stage
    }

    pub fn config(&self, toml: &str) -> Notify {
        let file = self.folder.path().join("pgsluice.toml");
        std::fs::write(&file, format!("upstream = \"postgres://u@localhost/d\"\nstate = \".\"\n{toml}")).unwrap();
        Config::load(&Sources { file: Some(file), environment: BTreeMap::new(), flags: Flags::default() }).unwrap().notify
    }

    /// Begins anew, with this configuration; what went before ends at once, wherever it is.
    pub fn start(&mut self, toml: &str) {
        self.stop();
        let parts = notify::Parts { desk: Arc::clone(&self.desk), journal: Arc::clone(&self.journal), state: self.state.clone() };
        let (notifier, door) = Notifier::start(&self.config(toml), parts).unwrap();
        let settings = Settings {
            listen: Some(WebListen { address: "127.0.0.1:0".parse().unwrap(), by_default: false }),
            tls: None,
            public_url: None,
            idle: Duration::from_secs(600),
            longest: Duration::from_secs(3600),
            oidc: None,
        };
        let place = Place::take(&settings).unwrap().unwrap();
        self.address = Some(place.address);
        let policy = Policy::built_in(BuiltIn::Default);
        let profiles = Arc::new(Profiles::new(policy.masks()).unwrap());
        let parts = Parts {
            desk: Arc::clone(&self.desk),
            journal: Arc::clone(&self.journal),
            state: self.state.clone(),
            single_person: false,
            policy: Arc::new(InForce::new(policy, profiles)),
            vitals: Arc::new(|| Vitals {
                journal: JournalVitals { trouble: None, last: 0, synced: 0 },
                index_lag: None,
                sinks: Vec::new(),
                notices: Vec::new(),
                upstream: None,
            }),
        };
        let office = Office::open(&place, &settings, parts).unwrap().with_slack(door);
        self.web = Some(Web::start(place, office).unwrap());
        self.notifier = Some(notifier);
    }

    pub fn stop(&mut self) {
        drop((self.notifier.take(), self.web.take()));
    }

    pub fn hold(&self, sql: &str) -> String {
        self.hold_as("billing-bot", sql)
    }

    pub fn hold_as(&self, agent: &str, sql: &str) -> String {
        self.hold_message(agent, Message::Query(Zeroizing::new(sql.as_bytes().to_vec())), None, &[])
    }

    pub fn hold_with(&self, sql: &str, values: &[&str], task: &str) -> String {
        let values = values.iter().map(|value| Some(Zeroizing::new(value.as_bytes().to_vec()))).collect();
        let bind = Parameters { formats: [].into(), values };
        let message = Message::Extended { sql: Zeroizing::new(sql.as_bytes().to_vec()), types: [25].into(), bind };
        self.hold_message("billing-bot", message, Some(task), &[("note", task)])
    }

    fn hold_message(&self, agent: &str, message: Message, task: Option<&str>, tags: &[(&str, &str)]) -> String {
        match block_on(self.desk.petition(&subject(agent), petition(message, task, tags), None)) {
            Reply::Waiting(waiting) => waiting.hold.to_string(),
            other @ (Reply::Granted(_) | Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
        }
    }

    pub fn view(&self, hold: &str) -> View {
        self.desk.view(hold.parse::<HoldId>().unwrap()).unwrap()
    }

    pub fn decide(&self, hold: &str, verdict: Verdict, reason: &str) {
        let rita = Decider { name: "rita".into(), reviews: true, ..Decider::default() };
        let ruling = Ruling { verdict, reason: Some(reason.to_owned()), through: "web" };
        block_on(self.desk.decide(hold.parse().unwrap(), &rita, ruling, Seen { turns: 0, digest: Digest::default() })).unwrap();
    }

    /// Waits until the places stand like that.
    pub fn wait(&self, until: impl FnMut(&Vec<Standing>) -> bool) -> Vec<Standing> {
        let mut standings = self.notifier.as_ref().unwrap().standings();
        block_on(async { standings.wait_for(until).await.unwrap().clone() })
    }

    /// All is told that was to be told until now.
    pub fn settled(&self) {
        let store = self.store();
        let places: Vec<_> = self.wait(|_| true).into_iter().map(|standing| standing.place).collect();
        until(|| places.iter().all(|place| store.backlog(place).unwrap().waiting == 0));
    }

    pub fn store(&self) -> Store {
        Store::open(&self.state).unwrap()
    }

    pub fn slack_people(&self) -> SlackPeople {
        SlackPeople::open(&self.state).unwrap()
    }

    /// The records about people and holds, in order.
    pub fn record(&self) -> Vec<Value> {
        let mut reader = Reader::open(self.folder.path(), 1);
        let mut found = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            if (50..60).contains(&entry.kind.0) || (70..80).contains(&entry.kind.0) {
                found.push(serde_json::to_value(entry.event().unwrap()).unwrap());
            }
        }
        found
    }

    /// What Slack sends us, signed as of `ago` seconds before now.
    pub fn press(&self, payload: &Value, ago: i64) -> (u16, String) {
        let body = form(payload);
        let time = now() - ago;
        self.send(&body, &time.to_string(), &sign(SIGNING, &time.to_string(), &body))
    }

    pub fn send(&self, body: &str, time: &str, signature: &str) -> (u16, String) {
        let address = self.address.unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let head = format!(
            "POST /slack/actions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             x-slack-request-timestamp: {time}\r\nx-slack-signature: {signature}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
        self.desk.close();
        if let Err(error) = self.journal.close() {
            eprintln!("{error}");
        }
    }
}

/// Asks again and again: what is asked wakes nobody when it changes.
pub fn until(mut holds: impl FnMut() -> bool) {
    let limit = std::time::Instant::now() + LIMIT;
    while !holds() {
        assert!(std::time::Instant::now() < limit, "it does not come to be");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

pub fn form(payload: &Value) -> String {
    format!("payload={}", percent_encoding::utf8_percent_encode(&payload.to_string(), percent_encoding::NON_ALPHANUMERIC))
}

pub fn sign(secret: &str, time: &str, body: &str) -> String {
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), format!("v0:{time}:{body}").as_bytes());
    format!("v0={}", signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// A press of a button that was shown, by a member.
pub fn pressed(member: &str, button: &Value) -> Value {
    json!({
        "type": "block_actions",
        "user": {"id": member, "team_id": "T1"},
        "trigger_id": "12.34.abc",
        "channel": {"id": "C7"},
        "actions": [{"action_id": button["action_id"], "value": button["value"]}],
    })
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, future).await.unwrap() })
}

/// rita and sam review, and are U1 and U2 in Slack; ann, U3, reviews and owns the agents.
fn people(state: &State) {
    let mut accounts = AccountStore::open(state).unwrap();
    let mut slack = SlackPeople::open(state).unwrap();
    for (name, member) in [("rita", "U1"), ("sam", "U2"), ("ann", "U3")] {
        let account = NewAccount { name: name.to_owned(), groups: Vec::new(), verifier: Secret::new("$argon2id$x") };
        accounts.add(&account, "test", SystemTime::now()).unwrap();
        slack.set(name, Some(member), "test", SystemTime::now()).unwrap();
    }
}

fn subject(agent: &str) -> Arc<Subject> {
    Arc::new(Subject {
        agent_id: 1,
        agent: agent.into(),
        owner: "ann".into(),
        database: "shop".into(),
        role: "writer".into(),
        environment: Some("production".into()),
        ..Subject::default()
    })
}

fn petition(message: Message, task: Option<&str>, tags: &[(&str, &str)]) -> Petition {
    let relation =
        Relation { oid: 5, schema: "public".into(), name: "orders".into(), kind: "table", rows: Some(1_234_567), bytes: 30 << 30 };
    let resolved = Resolved {
        effects: Effect::Ddl.alone(),
        findings: vec!["the trigger audit runs".into()],
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
        tags: tags.iter().map(|(name, value)| Tag { name: (*name).into(), value: (*value).into() }).collect(),
        task: task.map(Into::into),
        settings: Vec::new(),
        open_work: false,
        awaited: None,
        over: None,
        purpose: Purpose::default(),
        statement,
        sent: Digest::default(),
        answer: None,
    }
}
