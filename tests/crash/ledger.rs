//! What was seen from outside, held against what is on the record.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use pgsluice::audit::event::{Event, Outcome};
use pgsluice::audit::{Digest, Digester};
use pgsluice::host::journal::keys::Keys;
use pgsluice::host::journal::reader::Reader;
use pgsluice::sql::shape;

use crate::recorded;
use crate::witness::Seen;

/// Which statement of which session.
type Number = (u64, u64);

/// A statement as it can be found again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Found {
    /// By its text, where it has no parameters.
    Text(Digest),
    /// By its shape, where the digest covers parameters too.
    Shape(Digest),
}

pub struct Ledger {
    digester: Digester,
    reader: Reader,
    state: PathBuf,
    began: HashMap<Found, u64>,
    server_saw: HashMap<Found, (u64, String)>,
    /// Statements that there is only one of.
    numbers: HashMap<Digest, Vec<Number>>,
    outcomes_seen: HashSet<String>,
    open: HashSet<Number>,
    sessions: HashSet<u64>,
    ended: HashMap<Number, Outcome>,
    numbered: HashSet<Number>,
    statements: u64,
    unknown: u64,
    recoveries: u64,
    orphans: u64,
    seen: u64,
    segments: u64,
}

impl Ledger {
    pub fn new(state: &Path) -> Self {
        Self {
            digester: Keys::load(state).unwrap().digester,
            reader: Reader::open(state, 1),
            state: state.to_owned(),
            began: HashMap::new(),
            server_saw: HashMap::new(),
            numbers: HashMap::new(),
            outcomes_seen: HashSet::new(),
            open: HashSet::new(),
            sessions: HashSet::new(),
            ended: HashMap::new(),
            numbered: HashSet::new(),
            statements: 0,
            unknown: 0,
            recoveries: 0,
            orphans: 0,
            seen: 0,
            segments: 0,
        }
    }

    fn shape(&self, text: &str) -> Digest {
        let mut written = String::new();
        shape::write(text.as_bytes(), &mut written);
        self.digester.digest(written.as_bytes())
    }

    fn find(&self, text: &str) -> Found {
        if text.contains('$') { Found::Shape(self.shape(text)) } else { Found::Text(self.digester.digest(text.as_bytes())) }
    }

    pub fn saw_outcomes(&mut self, texts: Vec<String>) {
        self.outcomes_seen.extend(texts);
    }

    pub fn server_saw(&mut self, statements: Vec<Seen>) {
        for Seen { text } in statements {
            let found = self.find(&text);
            self.server_saw.entry(found).or_insert((0, text)).0 += 1;
            self.seen += 1;
        }
    }

    /// Reads what was recorded since the last time.
    pub fn read_on(&mut self) {
        while let Some(entry) = self.reader.next().unwrap() {
            let event = entry.event().unwrap().unwrap();
            if let Some(statement) = recorded::statement(&event) {
                let number = (statement.session, statement.number);
                assert!(self.numbered.insert(number), "{number:?} is there twice");
                assert!(self.sessions.contains(&statement.session), "{number:?} is of no open session");
            }
            match event {
                Event::SignedIn(_) => assert!(self.sessions.insert(entry.seq)),
                Event::SignedOut(out) => assert!(self.sessions.remove(&out.session), "{out:?} of no open session"),
                Event::Begun(begun) => {
                    let statement = begun.statement;
                    self.statements += 1;
                    self.open.insert((statement.session, statement.number));
                    let found = if statement.parameters == 0 { Found::Text(statement.digest) } else { Found::Shape(statement.shape) };
                    *self.began.entry(found).or_default() += 1;
                    for digest in HashSet::from([statement.digest, statement.shape]) {
                        // pgbench's shapes are few and their numbers many; what is looked for is met once.
                        let numbers = self.numbers.entry(digest).or_default();
                        if numbers.len() < 2 {
                            numbers.push((statement.session, statement.number));
                        }
                    }
                }
                Event::Ended(ended) => {
                    let number = (ended.session, ended.number);
                    assert!(self.numbered.contains(&number), "{ended:?} was not begun");
                    assert!(self.ended.insert(number, ended.outcome).is_none(), "{ended:?} is there twice");
                    self.open.remove(&number);
                    self.unknown += u64::from(ended.outcome == Outcome::Unknown);
                }
                Event::Recovered(recovered) => {
                    self.recoveries += 1;
                    self.orphans += recovered.orphans;
                }
                _ => {}
            }
        }
    }

    /// Between a start and the first session.
    pub fn check(&mut self, when: &str) {
        for (found, (times, text)) in &self.server_saw {
            let began = self.began.get(found).copied().unwrap_or(0);
            assert!(began >= *times, "{when}: the server saw {text:?} {times} times, the record has it {began} times");
        }
        for text in std::mem::take(&mut self.outcomes_seen) {
            let digest = if text.contains('$') { self.shape(&text) } else { self.digester.digest(text.as_bytes()) };
            let numbers = self.numbers.get(&digest).map_or(&[][..], Vec::as_slice);
            let [number] = numbers else { panic!("{when}: a client saw the outcome of {text:?}, and the record has it as {numbers:?}") };
            let expected = if text.contains('/') { Outcome::Failed } else { Outcome::Completed };
            assert_eq!(self.ended.get(number), Some(&expected), "{when}: {text:?}");
        }
        assert!(self.open.is_empty(), "{when}: {:?} have no end", self.open);
        assert!(self.sessions.is_empty(), "{when}: {:?} have no end", self.sessions);
        assert_eq!(self.unknown, self.orphans, "{when}: what recovery closed is what has an unknown end");
        self.segments = pgsluice::host::journal::files::segments(&self.state.join("journal")).unwrap().len() as u64;
    }

    /// Whether there was anything to lose.
    pub fn is_worth_it(&self, kills: u64) -> bool {
        self.recoveries == kills && self.orphans > kills / 4 && self.seen > 50 * kills && self.segments > kills / 20
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { statements, seen, recoveries, orphans, segments, .. } = self;
        write!(
            out,
            "{statements} executions begun, {seen} seen by the server, {recoveries} recoveries, {orphans} orphans closed, {segments} segments"
        )
    }
}
