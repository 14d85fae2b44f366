#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says so by failing")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a model names what it knows")]
#![allow(clippy::disallowed_methods, reason = "a test is the host of its session")]

mod desk;
mod held;
mod idle;
mod limits;
mod made_in_sql;
mod refusal;
mod server;
mod transparency;
mod unmask;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::audit::{Digester, Event, Note, event};
use crate::gate::{Judge, Policy};
use crate::wire::backend::{Backend, tag as backend};
use crate::wire::frame;
use crate::wire::frontend::tag;
use crate::wire::limits::{ClientLimits, ServerLimits};
use crate::wire::report::Report;
use crate::wire::write::message;

use super::output::{Demand, Output};
use super::recording::{Keep, Recorder};
use super::{LinkReport, Session, Terms, Timeouts};
use crate::gate::hold::{State, Verdict};
use desk::Desk;
use server::Server;

/// A client's bytes, written message by message.
#[derive(Default, Clone)]
pub struct Script(pub Vec<u8>);

impl std::fmt::Debug for Script {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

impl Script {
    pub fn query(mut self, sql: &str) -> Self {
        message(&mut self.0, tag::QUERY, |body| {
            body.string(sql.as_bytes());
        });
        self
    }

    pub fn parse(mut self, name: &str, sql: &str) -> Self {
        message(&mut self.0, tag::PARSE, |body| {
            body.string(name.as_bytes()).string(sql.as_bytes()).int16(0);
        });
        self
    }

    pub fn bind(mut self, portal: &str, statement: &str) -> Self {
        message(&mut self.0, tag::BIND, |body| {
            body.string(portal.as_bytes()).string(statement.as_bytes()).int16(0).int16(0).int16(0);
        });
        self
    }

    /// Parse with a type for each parameter, and Bind with values in text, both unnamed.
    pub fn given(mut self, sql: &str, values: &[&str]) -> Self {
        let count = i16::try_from(values.len()).unwrap();
        message(&mut self.0, tag::PARSE, |body| {
            body.string(b"").string(sql.as_bytes()).int16(count);
            for _ in values {
                body.int32(25);
            }
        });
        message(&mut self.0, tag::BIND, |body| {
            body.string(b"").string(b"").int16(0).int16(count);
            for value in values {
                body.int32(i32::try_from(value.len()).unwrap()).bytes(value.as_bytes());
            }
            body.int16(0);
        });
        self
    }

    pub fn describe(self, kind: u8, name: &str) -> Self {
        self.target(tag::DESCRIBE, kind, name)
    }

    pub fn close(self, kind: u8, name: &str) -> Self {
        self.target(tag::CLOSE, kind, name)
    }

    fn target(mut self, tag: u8, kind: u8, name: &str) -> Self {
        message(&mut self.0, tag, |body| {
            body.byte(kind).string(name.as_bytes());
        });
        self
    }

    pub fn execute(mut self, portal: &str, rows: i32) -> Self {
        message(&mut self.0, tag::EXECUTE, |body| {
            body.string(portal.as_bytes()).int32(rows);
        });
        self
    }

    /// Parse, Bind and Execute of the unnamed ones.
    pub fn run(self, sql: &str) -> Self {
        self.parse("", sql).bind("", "").execute("", 0)
    }

    pub fn sync(self) -> Self {
        self.plain(tag::SYNC)
    }

    pub fn flush(self) -> Self {
        self.plain(tag::FLUSH)
    }

    pub fn copy_done(self) -> Self {
        self.plain(tag::COPY_DONE)
    }

    fn plain(mut self, tag: u8) -> Self {
        message(&mut self.0, tag, |_| ());
        self
    }

    pub fn copy_data(mut self, data: &str) -> Self {
        message(&mut self.0, tag::COPY_DATA, |body| {
            body.bytes(data.as_bytes());
        });
        self
    }

    pub fn copy_fail(mut self) -> Self {
        message(&mut self.0, tag::COPY_FAIL, |body| {
            body.string(b"changed my mind");
        });
        self
    }
}

/// What the two ends saw.
#[derive(Debug, Default)]
pub struct Outcome {
    pub to_client: Vec<u8>,
    pub to_server: Vec<u8>,
    pub committed: Vec<String>,
    pub ran: Vec<String>,
    pub over: bool,
}

/// What the policy says of masking, and nothing known of any column.
fn masking(policy: &Policy) -> crate::mask::Masking {
    let profiles = crate::mask::profile::Profiles::new(policy.masks()).unwrap();
    crate::mask::Masking {
        detectors: std::sync::Arc::clone(&profiles.detectors),
        profile: std::sync::Arc::clone(profiles.of(&crate::gate::Subject::default())),
        ..crate::mask::Masking::built_in()
    }
}

pub fn terms(policy: Policy) -> Terms {
    Terms {
        masking: masking(&policy),
        judge: Judge::textual(std::sync::Arc::new(policy)),
        frontend: ClientLimits::default(),
        backend: ServerLimits::default(),
        timeouts: Timeouts::default(),
        process_id: server::PROCESS_ID,
        reserved: Rc::from(&b"pgsluice-0123456789abcdef"[..]),
        recorder: Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Nothing)),
        session: 1,
        unrecordable: None,
        manner: Default::default(),
        purse: std::sync::Arc::default(),
    }
}

/// What the server answers when the client talks to it without pgsluice.
pub fn direct(script: &Script) -> Outcome {
    let mut server = Server::default();
    server.receive(&script.0);
    server.work();
    Outcome {
        to_client: server.take_output(usize::MAX),
        to_server: script.0.clone(),
        over: server.closed,
        ran: server.ran,
        committed: server.committed,
    }
}

/// A session between a script and the small server, both cut as `cuts` says: each number picks whose turn it is and how many
/// bytes go.
pub struct Bench {
    pub session: Session,
    pub server: Server,
    out: Output,
    from_client: Vec<u8>,
    from_server: Vec<u8>,
    unsent: Vec<u8>,
    /// A cancel of the session's own is on its way to the server.
    stopping: bool,
    now: Instant,
    pub outcome: Outcome,
    ledger: Ledger,
    pub desk: Desk,
}

/// What the notes of a session must add up to, whatever it does.
#[derive(Debug, Default)]
struct Ledger {
    begun: BTreeMap<u64, Vec<event::Outcome>>,
    prepared: BTreeSet<u64>,
    signed_out: usize,
    /// Messages sent up that make the server run something, or look at it.
    sent: usize,
}

impl Ledger {
    fn note(&mut self, notes: &[Note]) {
        for note in notes {
            assert_eq!(self.signed_out, 0, "nothing is noted behind the end: {note:?}");
            match &note.event {
                Event::Begun(begun) => assert!(self.begun.insert(begun.statement.number, Vec::new()).is_none()),
                Event::Prepared(prepared) => assert!(self.prepared.insert(prepared.statement.number)),
                Event::Ended(ended) => match self.begun.get_mut(&ended.number) {
                    Some(outcomes) => outcomes.push(ended.outcome),
                    None => assert!(self.prepared.remove(&ended.number), "an end without a beginning: {ended:?}"),
                },
                Event::SignedOut(_) => self.signed_out += 1,
                Event::Refused(_) => {}
                event => panic!("a session does not note {event:?}"),
            }
        }
    }

    /// Every execution that was sent was noted, and each has an end; only a text of several statements has more than one.
    fn check(&self, over: bool) {
        assert_eq!(self.begun.len(), self.sent, "{self:?}");
        for (number, outcomes) in &self.begun {
            assert!(!over || !outcomes.is_empty(), "execution {number} has no end");
            let (_, before) = outcomes.split_last().unwrap_or((&event::Outcome::Completed, &[]));
            assert!(
                before.iter().all(|outcome| matches!(outcome, event::Outcome::Completed | event::Outcome::Stopped)),
                "execution {number}: {outcomes:?}"
            );
        }
        assert_eq!(self.signed_out, usize::from(over));
    }
}

impl Bench {
    pub fn new(policy: Policy) -> Self {
        let now = Instant::now();
        Self {
            session: Session::new(terms(policy), std::sync::Arc::from([]), now),
            server: Server::default(),
            out: Output::default(),
            from_client: Vec::new(),
            from_server: Vec::new(),
            unsent: Vec::new(),
            stopping: false,
            now,
            outcome: Outcome::default(),
            ledger: Ledger::default(),
            desk: Desk::default(),
        }
    }

    /// The same with a desk, and clients that wait this long.
    pub fn with_desk(policy: Policy, patience: Option<Duration>) -> Self {
        Self { desk: Desk { patience, ..Desk::default() }, ..Self::new(policy) }
    }

    /// The host answers what it was asked, but for people's decisions.
    pub fn host_turn(&mut self) -> bool {
        // As the relay does: whoever gave up is not told.
        if !self.session.awaits_host() {
            self.desk.asked.clear();
        }
        let asked: Vec<_> = self.desk.asked.drain(..).collect();
        let mut moved = self.stopping;
        if std::mem::take(&mut self.stopping) {
            self.server.cancel();
            self.session.stopped(self.now, &mut self.out);
            self.carry(&[], &[]);
        }
        for demand in asked {
            match demand {
                Demand::Petition(petition) => {
                    let reply = self.desk.petition(*petition);
                    self.session.answered(reply, self.now, &mut self.out);
                }
                Demand::Fetch(hold) => {
                    let found = self.desk.stored(hold);
                    self.session.fetched(found, self.now, &mut self.out);
                }
                Demand::Survey(_) => self.session.surveyed(self.now, &mut self.out),
                Demand::Learn(..) => self.session.learned(Default::default(), self.now, &mut self.out),
                Demand::Await(hold) if self.desk.holds[&hold].standing.state != State::Waiting => {
                    self.session.decided(self.now, &mut self.out);
                }
                waiting => {
                    self.desk.asked.push(waiting);
                    continue;
                }
            }
            moved = true;
            self.carry(&[], &[]);
        }
        moved
    }

    /// People decide all that waits.
    pub fn decide(&mut self, verdict: Verdict) {
        self.desk.decide(verdict);
        self.settle(&Script::default());
    }

    /// Time goes by until the session wants to be called.
    pub fn time_out(&mut self) {
        self.now = self.session.deadline().unwrap();
        self.session.elapsed(self.now, &mut self.out);
        self.settle(&Script::default());
    }

    /// No more rows come for now: those that wait for others have waited long enough.
    fn gathering_turn(&mut self) -> bool {
        if !self.session.gathers_rows() {
            return false;
        }
        self.now = self.session.deadline().unwrap();
        self.session.elapsed(self.now, &mut self.out);
        self.carry(&[], &[]);
        true
    }

    pub fn cancel(&mut self) {
        self.session.cancel(&mut self.out);
        self.carry(&[], &[]);
        self.settle(&Script::default());
    }

    pub fn drain(&mut self) {
        self.session.drain(self.now, &mut self.out);
        self.carry(&[], &[]);
        self.settle(&Script::default());
    }

    /// What the client was told since it was last asked.
    pub fn told(&mut self) -> String {
        tell(&std::mem::take(&mut self.outcome.to_client))
    }

    /// What is left to happen when nothing else does: people decide by what the text says, or nobody comes.
    fn people_turn(&mut self) -> bool {
        let Some(Demand::Await(hold)) = self.desk.asked.first() else { return false };
        let hold = *hold;
        let sql = String::from_utf8_lossy(self.desk.holds[&hold].petition.message.sql()).into_owned();
        if sql.contains("late") {
            self.now = self.session.deadline().unwrap();
            self.session.elapsed(self.now, &mut self.out);
        } else {
            self.desk.decide_one(hold, if sql.contains("denied") { Verdict::Deny } else { Verdict::Approve });
            self.host_turn();
        }
        self.carry(&[], &[]);
        true
    }

    /// Runs the script to the end of both sides.
    pub fn run(self, script: &Script, cuts: &[u16]) -> Outcome {
        self.run_with_desk(script, cuts).0
    }

    pub fn run_with_desk(mut self, script: &Script, cuts: &[u16]) -> (Outcome, Desk) {
        self.unsent.extend_from_slice(&script.0);
        let mut cuts = cuts.iter().copied().cycle();
        let mut idle = 0;
        while idle < 8 {
            let cut = cuts.next().unwrap_or(0xffff);
            let moved = match cut % 4 {
                0 => self.client_turn(usize::from(cut / 4) + 1),
                1 => self.server_turn(usize::from(cut / 4) + 1),
                2 => self.server_work(),
                _ => self.host_turn(),
            };
            // Without luck in the cuts everyone gets a turn.
            let moved = moved || (idle > 2 && (self.client_turn(1) | self.server_work() | self.server_turn(1) | self.host_turn()));
            let moved = moved || (idle > 4 && (self.gathering_turn() || self.people_turn()));
            idle = if moved { 0 } else { idle + 1 };
        }
        self.finish_with_desk()
    }

    /// Sends more from the client and lets everything settle.
    pub fn settle(&mut self, script: &Script) {
        self.unsent.extend_from_slice(&script.0);
        loop {
            while self.client_turn(usize::MAX) | self.server_work() | self.server_turn(usize::MAX) | self.host_turn() {}
            if !self.gathering_turn() {
                return;
            }
        }
    }

    pub fn finish(self) -> Outcome {
        self.finish_with_desk().0
    }

    pub fn finish_with_desk(mut self) -> (Outcome, Desk) {
        self.outcome.over = self.session.is_over() || self.server.closed;
        self.ledger.sent = executions(&self.outcome.to_server);
        self.ledger.check(self.session.is_over());
        // However far it came: when the client goes, everything has an end.
        self.session.client_gone(&mut self.out);
        self.carry(&[], &[]);
        assert!(self.desk.states().iter().all(|state| *state != State::Reserved), "no approval is left open");
        self.ledger.check(self.session.is_over());
        self.outcome.committed = self.server.committed;
        self.outcome.ran = self.server.ran;
        (self.outcome, self.desk)
    }

    fn client_turn(&mut self, count: usize) -> bool {
        let count = count.min(self.unsent.len());
        self.from_client.extend(self.unsent.drain(..count));
        let taken = self.session.client(&self.from_client, self.now, &mut self.out);
        let received = self.from_client.clone();
        self.from_client.drain(..taken);
        self.carry(&received, &[]) || taken > 0 || count > 0
    }

    fn server_turn(&mut self, count: usize) -> bool {
        let more = self.server.take_output(count);
        self.from_server.extend_from_slice(&more);
        let taken = self.session.upstream(&self.from_server, self.now, &mut self.out);
        let received = self.from_server.clone();
        self.from_server.drain(..taken);
        self.carry(&[], &received) || taken > 0 || !more.is_empty()
    }

    fn server_work(&mut self) -> bool {
        let had = self.server.has_output();
        self.server.work();
        !had && self.server.has_output()
    }

    fn carry(&mut self, from_client: &[u8], from_server: &[u8]) -> bool {
        let mut moved = false;
        self.ledger.note(&self.out.notes);
        for bytes in self.out.to_upstream.bytes(from_client) {
            self.outcome.to_server.extend_from_slice(bytes);
            self.server.receive(bytes);
            moved = true;
        }
        for bytes in self.out.to_client.bytes(from_server) {
            self.outcome.to_client.extend_from_slice(bytes);
            moved = true;
        }
        let mut link = false;
        for demand in self.out.demands.drain(..) {
            match demand {
                Demand::Link => link = true,
                Demand::Cancel => {}
                Demand::Stop => self.stopping = true,
                Demand::Settle(holds, used) => self.desk.settle(&holds, used),
                Demand::Learned(_) | Demand::Mark(_) => {}
                // One thing at a time is asked.
                asked => self.desk.asked = vec![asked],
            }
            moved = true;
        }
        self.out.clear();
        if link {
            let report = LinkReport { process_id: server::PROCESS_ID, parameters: std::sync::Arc::from([]) };
            self.session.linked(report, self.now, &mut self.out);
            moved = true;
        }
        moved
    }
}

/// Messages among these that make a server run something.
fn executions(mut bytes: &[u8]) -> usize {
    let mut count = 0;
    while let Ok(Some(head)) = frame::head(bytes, &ClientLimits::default()) {
        let own = bytes.get(frame::HEAD..head.total()).is_some_and(|body| body.starts_with(b"pgsluice-0123456789abcdef-own"));
        count += usize::from(head.tag == tag::QUERY || head.tag == tag::EXECUTE && !own);
        bytes = bytes.get(head.total()..).unwrap_or_default();
    }
    count
}

fn error_code(body: &[u8]) -> Option<&[u8]> {
    match Backend::read(backend::ERROR_RESPONSE, body).unwrap() {
        Backend::ErrorResponse(fields) => fields.get(b'C'),
        _ => None,
    }
}

/// The tags of messages in order, errors with their SQLSTATE and ReadyForQuery with its status: `C Z=I E=22012`.
pub fn tell(mut bytes: &[u8]) -> String {
    let mut words = Vec::new();
    while let Ok(Some(head)) = frame::head(bytes, &ServerLimits::default()) {
        let (whole, rest) = bytes.split_at_checked(head.total()).unwrap();
        let body = &whole[frame::HEAD..];
        let tag = char::from(head.tag);
        words.push(match head.tag {
            backend::READY_FOR_QUERY => format!("{tag}={}", char::from(body[0])),
            backend::ERROR_RESPONSE => match error_code(body) {
                Some(code) => format!("{tag}={}", String::from_utf8_lossy(code)),
                None => format!("{tag}=?"),
            },
            _ => tag.to_string(),
        });
        bytes = rest;
    }
    assert!(bytes.is_empty(), "half a message at the end: {bytes:?}");
    words.join(" ")
}

/// Short messages that each bring a long original along are taken a few at a time.
#[test]
fn originals_in_one_step_are_bounded() {
    const RUNS: usize = 500;
    let mut terms = terms(Policy::allow_all());
    terms.recorder = Rc::new(Recorder::new(Digester::new(&[1; 32]), Keep::Originals));
    let now = Instant::now();
    let mut out = Output::default();
    let mut session = Session::new(terms, std::sync::Arc::from([]), now);
    session.preset_link(LinkReport { process_id: 1, parameters: std::sync::Arc::from([]) }, now, &mut out);
    let text = format!("select {} 1", "1 + ".repeat(50_000));
    let mut script = Script::default().parse("s", &text).bind("", "s");
    for _ in 0..RUNS {
        script = script.execute("", 1);
    }
    let (mut begun, mut steps, mut rest) = (0, 0, script.0.as_slice());
    while !rest.is_empty() && steps < RUNS {
        let taken = session.client(rest, now, &mut out);
        rest = &rest[taken..];
        let held: usize = out.notes.iter().filter_map(|note| note.original.as_ref()).map(crate::audit::seal::Original::length).sum();
        assert!(held < 9 * 1024 * 1024, "{held}");
        begun += out.notes.iter().filter(|note| matches!(note.event, Event::Begun(_))).count();
        steps += 1;
        out.clear();
    }
    assert_eq!(begun, RUNS);
    assert!(steps > 5);
}
