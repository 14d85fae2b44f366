//! Made-up traffic: agents, sessions, statements of some shapes, what else happens, erasures and prunings.

use std::collections::HashMap;
use std::sync::Arc;

use crate::audit::event::*;
use crate::audit::{Digest, Event, Hash, Note, Shape};
use crate::host::index::filter::{self, Filter};
use crate::host::index::indexer::Item;
use crate::host::journal::{Journal, Scribe};

/// Splitmix64: the same numbers for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == 0
    }

    pub fn some<T>(&mut self, one_in: u64, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.one_in(one_in).then(|| make(self))
    }
}

pub fn digest(number: u64) -> Digest {
    let mut digest = Digest([7; 16]);
    digest.0[..8].copy_from_slice(&number.to_be_bytes());
    digest
}

pub fn tables(shape: u64) -> Vec<String> {
    let all = ["public.users", "public.orders", "sales.orders", "users", "Audit_Log", "items"];
    (0..shape % 3).map(|at| all[((shape / 3 + at * 2) % 6) as usize].to_owned()).collect()
}

/// Those that the shape itself is recorded with.
pub fn shape_tables(shape: u64) -> Vec<String> {
    if shape.is_multiple_of(2) { tables(shape) } else { Vec::new() }
}

pub fn text(shape: u64) -> String {
    format!("SELECT column_{}, Name FROM {} WHERE shape{shape} = $1", shape % 7, tables(shape).join(", "))
}

pub fn agent(number: u64) -> SignedIn {
    SignedIn {
        agent_id: number as i64,
        // The last two have the same name: one was removed and added again.
        agent: format!("agent-{}", number.min(6)),
        owner: "ann".to_owned(),
        environment: None,
        database: "shop".to_owned(),
        role: "reader".to_owned(),
        address: Some("127.0.0.1".to_owned()),
        tls: true,
        process_id: 1,
        policy: None,
        body: Some(Box::new(Claims { application: Some(format!("Tool {number}")) })),
    }
}

/// What there is at the moment.
#[derive(Default)]
pub struct World {
    pub sessions: Vec<u64>,
    open: Vec<(u64, u64, bool)>,
    number: u64,
    seq: u64,
    time: u64,
    /// For erasures.
    past: Vec<(u64, Event)>,
}

const SHAPES: u64 = 60;

impl World {
    fn shape(random: &mut Random) -> u64 {
        // Few are frequent, most are rare.
        let most = 1 + random.below(SHAPES);
        random.below(most)
    }

    /// The next event, and the shape whose text it needs.
    pub fn event(&mut self, random: &mut Random) -> Event {
        if self.sessions.is_empty() || random.one_in(100) {
            return agent(random.below(8)).into();
        }
        let session = self.sessions[random.below(self.sessions.len() as u64) as usize];
        match random.below(100) {
            0 => {
                self.sessions.retain(|open| *open != session);
                self.open.retain(|open| open.0 != session);
                SignedOut { session, executions: 1, code: None }.into()
            }
            1 => Denied {
                address: None,
                code: "28P01".into(),
                agent: None,
                body: Some(Box::new(Words { text: "Mallory_the_agent".to_owned() })),
            }
            .into(),
            2 => {
                let body = Some(Box::new(Words { text: "shape1 looks risky".to_owned() }));
                Held { hold: random.below(50), statement: self.statement(session, random), bound: digest(1), until: 5, body }.into()
            }
            3 => Decided {
                hold: random.below(50),
                decision: Decision::Approved,
                by: Some("eve".to_owned()),
                groups: Vec::new(),
                through: None,
                single_person: None,
                until: None,
                more: None,
                to: None,
                seen: None,
                body: None,
            }
            .into(),
            4 => ShapeMet { shape: digest(random.below(SHAPES)), body: None }.into(),
            5..45 if !self.open.is_empty() => {
                let at = random.below(self.open.len() as u64) as usize;
                let (session, number, _) = self.open.remove(at);
                self.open.retain(|(other, before, prepared)| !(*other == session && *prepared && *before < number));
                let masked = random.some(5, |random| {
                    let kinds = 1 + random.below(3);
                    (0..kinds).map(|kind| Masked { kind: format!("kind-{kind}"), count: 1 + random.below(9) }).collect()
                });
                let outcomes = [
                    Outcome::Completed,
                    Outcome::Completed,
                    Outcome::Completed,
                    Outcome::Suspended,
                    Outcome::Failed,
                    Outcome::Skipped,
                    Outcome::Unknown,
                ];
                let outcome = outcomes[random.below(7) as usize];
                let code = (outcome == Outcome::Failed).then(|| "42P01".into());
                let longest = 1 << random.below(30);
                let (duration, rows, affected) = (random.below(longest), random.below(1000), random.some(3, |random| random.below(9)));
                let (session, number) = (session, number);
                Ended {
                    session,
                    number,
                    outcome,
                    duration: Some(duration),
                    rows,
                    bytes: rows * 30,
                    received: 0,
                    affected,
                    command: Some("SELECT".into()),
                    commands: None,
                    code,
                    masked,
                }
                .into()
            }
            _ => self.sent(session, random),
        }
    }

    fn statement(&mut self, session: u64, random: &mut Random) -> Statement {
        self.number += 1;
        let verdicts = [Verdict::Allowed, Verdict::Allowed, Verdict::Allowed, Verdict::Denied, Verdict::Held, Verdict::Approved];
        Statement {
            session,
            number: self.number,
            way: Way::Query,
            shape: digest(Self::shape(random)),
            digest: digest(random.next()),
            length: random.below(10_000) as u32,
            parameters: random.below(5) as u16,
            in_transaction: random.one_in(3),
            verdict: verdicts[random.below(6) as usize],
            effects: random.some(2, |random| random.below(1 << 12) as u32),
            rule: random.some(4, |random| format!("rule {}", random.below(5))),
            policy: None,
            hold: random.some(20, |random| random.below(50)),
        }
    }

    fn sent(&mut self, session: u64, random: &mut Random) -> Event {
        let statement = self.statement(session, random);
        let shape = u64::from_be_bytes(statement.shape.0[..8].try_into().unwrap());
        // Most are named by the shape alone.
        let mut relations = if shape_tables(shape).is_empty() { tables(shape) } else { Vec::new() };
        if random.one_in(30) {
            relations.push("items".to_owned());
            relations.dedup();
        }
        let body = (!random.one_in(50)).then(|| Box::new(Sent { relations, ..Sent::default() }));
        let number = statement.number;
        match random.below(10) {
            0 => Refused { statement, code: "42501".into(), body }.into(),
            1 => {
                self.open.push((session, number, true));
                Prepared { statement, body }.into()
            }
            _ => {
                self.open.push((session, number, false));
                Begun { statement, body }.into()
            }
        }
    }

    fn item(&mut self, random: &mut Random, event: Event, erases: Option<Event>) -> Item {
        self.seq += 1;
        // The clock is set back now and then.
        self.time = if random.one_in(500) { self.time.saturating_sub(2_000_000) } else { self.time + random.below(40_000_000) };
        if matches!(event, Event::SignedIn(_)) {
            self.sessions.push(self.seq);
        }
        if event.kind() != Kind::Ended {
            self.past.push((self.seq, event.clone()));
        }
        Item {
            seq: self.seq,
            time: 1_700_000_000_000_000 + self.time,
            hash: Hash::default(),
            kind: event.kind(),
            event: Some(event),
            erases,
        }
    }

    /// So many records, as an indexer gets them.
    pub fn items(&mut self, random: &mut Random, count: usize) -> Vec<Item> {
        let mut items = Vec::new();
        let prunes = random.one_in(2);
        for shape in 0..SHAPES {
            if !shape.is_multiple_of(10) {
                let met = ShapeMet {
                    shape: digest(shape),
                    body: Some(Box::new(ShapeText { text: text(shape), relations: shape_tables(shape) })),
                };
                items.push(self.item(random, met.into(), None));
            }
        }
        while items.len() < count {
            if random.one_in(300) {
                let at = random.below(self.past.len() as u64) as usize;
                let (seq, target) = self.past[at].clone();
                let erased = Erased { seq, by: "eve".to_owned(), body: None };
                items.push(self.item(random, erased.into(), Some(target)));
            } else if prunes && random.one_in(4000) {
                let seq = self.seq - random.below(self.seq / 2 + 1);
                self.past.retain(|(past, _)| *past > seq);
                // A segment never begins in the middle of a statement's reach here.
                let pruned = Pruned { seq, hash: Hash::default(), before: 0, by: "eve".to_owned() };
                items.push(self.item(random, pruned.into(), None));
            } else {
                let event = self.event(random);
                items.push(self.item(random, event, None));
            }
        }
        items
    }

    pub fn filter(&self, random: &mut Random) -> Filter {
        let words = [
            "select",
            "column_3",
            "column",
            "Users",
            "na*",
            "sales orders",
            "shape1*",
            "shape17",
            "mallory",
            "nothing",
            "risky",
            "held",
            "-",
            "audit_log",
        ];
        let tables = ["users", "public.users", "orders", "audit_log", "items", "none"];
        let verdicts = [Verdict::Allowed, Verdict::Denied, Verdict::Held];
        let time = |random: &mut Random| 1_700_000_000_000_000 + random.below(self.time);
        Filter {
            words: random.some(3, |random| words[random.below(14) as usize].to_owned()),
            agent: random.some(4, |random| format!("agent-{}", random.below(8))),
            table: random.some(4, |random| tables[random.below(6) as usize].to_owned()),
            effect: random.some(6, |random| random.below(12) as u32),
            rule: random.some(12, |random| format!("rule {}", random.below(6))),
            verdict: random.some(6, |random| verdicts[random.below(3) as usize]),
            hold: random.some(12, |random| random.below(50)),
            since: random.some(4, time),
            until: random.some(4, time),
            errors: random.one_in(8),
            slow: random.some(8, |random| 1 << random.below(28)),
            masked: random.some(8, |random| {
                if random.one_in(3) { filter::Masked::Any } else { filter::Masked::Kind(format!("kind-{}", random.below(4))) }
            }),
            session: random.some(12, |random| self.sessions[random.below(self.sessions.len() as u64) as usize]),
            shape: random.some(12, |random| digest(random.below(SHAPES))),
            without_reads: random.one_in(2),
            before: random.some(4, |random| random.below(self.seq + 10)),
            limit: 1 + random.below(200) as usize,
        }
    }
}

/// Traffic that goes through a journal.
pub struct Live {
    pub world: World,
    pub random: Random,
    scribes: HashMap<u64, Scribe>,
    journal: Arc<Journal>,
}

impl Live {
    pub fn new(journal: Arc<Journal>, seed: u64) -> Self {
        Self { world: World::default(), random: Random(seed), scribes: HashMap::new(), journal }
    }

    pub fn write(&mut self, count: usize) {
        for _ in 0..count {
            match self.world.event(&mut self.random) {
                Event::SignedIn(who) => {
                    let scribe = self.journal.session(who).unwrap();
                    self.world.sessions.push(scribe.session());
                    self.scribes.insert(scribe.session(), scribe);
                }
                Event::SignedOut(out) => {
                    let session = out.session;
                    self.say(session, None, out.into());
                    self.scribes.remove(&session);
                }
                Event::Ended(ended) => self.say(ended.session, None, ended.into()),
                Event::Begun(event) => self.say(event.statement.session, Some(event.statement.shape), event.into()),
                Event::Prepared(event) => self.say(event.statement.session, Some(event.statement.shape), event.into()),
                Event::Refused(event) => self.say(event.statement.session, Some(event.statement.shape), event.into()),
                Event::Held(event) => self.say(event.statement.session, Some(event.statement.shape), event.into()),
                Event::ShapeMet(_) => {}
                other => drop(self.journal.record(other).unwrap()),
            }
        }
    }

    fn say(&mut self, session: u64, shape: Option<Digest>, event: Event) {
        let shape = shape.map(|digest| {
            let number = u64::from_be_bytes(digest.0[..8].try_into().unwrap());
            let relations = shape_tables(number).into_iter().map(Into::into).collect();
            Arc::new(Shape { digest, text: text(number).into(), relations })
        });
        self.scribes.get_mut(&session).unwrap().write(&[Note { event, shape, original: None }]).unwrap();
    }
}
