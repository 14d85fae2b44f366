//! Made-up traffic of any length, the same for the same seed: agents, sessions, and executions of shapes that are frequent and
//! rare by Zipf's law.

use pgsluice::audit::event::{Begun, Claims, Ended, Masked, Outcome, Sent, SignedIn, SignedOut, Statement, Verdict, Way};
use pgsluice::audit::{Digest, Event};

/// Statements that run at the same time.
const IN_FLIGHT: usize = 24;
/// Executions of one session, on average.
const SESSION: u64 = 1000;

/// Splitmix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }

    pub fn one_in(&mut self, limit: u64) -> bool {
        self.next().is_multiple_of(limit)
    }
}

/// Numbers below a limit, the first most often, by 1/(rank + 1): Vose's alias method.
pub struct Zipf(Vec<(u64, usize)>);

impl Zipf {
    pub fn new(count: usize) -> Self {
        let sum: f64 = (1..=count).map(|rank| 1.0 / rank as f64).sum();
        let mut share: Vec<f64> = (1..=count).map(|rank| count as f64 / rank as f64 / sum).collect();
        let (mut small, mut large): (Vec<_>, Vec<_>) = (0..count).partition(|rank| share[*rank] < 1.0);
        let mut table = vec![(u64::MAX, 0); count];
        while let (Some(less), Some(more)) = (small.pop(), large.last().copied()) {
            table[less] = ((share[less] * u64::MAX as f64) as u64, more);
            share[more] -= 1.0 - share[less];
            if share[more] < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        Self(table)
    }

    pub fn pick(&self, random: &mut Random) -> usize {
        let at = random.below(self.0.len());
        if random.next() <= self.0[at].0 { at } else { self.0[at].1 }
    }
}

pub struct Shape {
    pub digest: Digest,
    pub text: String,
    pub tables: Vec<String>,
    effects: u32,
}

pub struct World {
    pub shapes: Vec<Shape>,
    pub agents: usize,
    pub tables: usize,
    by_shape: Zipf,
    by_agent: Zipf,
}

pub fn table(number: usize) -> String {
    format!(
        "{}.{}_{number}",
        ["public", "sales", "billing", "ops"][number % 4],
        ["orders", "customers", "events", "items", "logs"][number % 5]
    )
}

pub fn agent(number: usize) -> String {
    format!("agent-{number:03}")
}

impl World {
    pub fn new(shapes: usize, tables: usize, agents: usize) -> Self {
        let mut random = Random(1);
        let (by_table, by_word) = (Zipf::new(tables), Zipf::new(20_000));
        let shape = |number: usize| {
            let mut named: Vec<String> = (0..=random.below(3)).map(|_| table(by_table.pick(&mut random))).collect();
            named.sort_unstable();
            named.dedup();
            let columns: Vec<_> = (0..2 + random.below(8)).map(|_| format!("c{}", by_word.pick(&mut random))).collect();
            let wanted = format!("{} = $1 AND {} > $2 AND unique_{number} IS NOT NULL", columns[0], columns[1]);
            let (text, effects) = match number % 10 {
                0 => (format!("UPDATE {} SET {} = $3 WHERE {wanted}", named[0], columns[0]), 0b10),
                1 => (format!("INSERT INTO {} ({}) VALUES ($1)", named[0], columns.join(", ")), 0b10),
                _ => (format!("SELECT {} FROM {} WHERE {wanted} ORDER BY {}", columns.join(", "), named.join(" JOIN "), columns[1]), 0b1),
            };
            let mut digest = Digest::default();
            digest.0[..8].copy_from_slice(&Random(number as u64).next().to_le_bytes());
            digest.0[8..].copy_from_slice(&(number as u64).to_le_bytes());
            Shape { digest, text, tables: named, effects }
        };
        Self { shapes: (0..shapes).map(shape).collect(), agents, tables, by_shape: Zipf::new(shapes), by_agent: Zipf::new(agents) }
    }
}

/// What happens next. The numbers of records are the receiver's business: it tells them when a session begins.
pub struct Traffic<'a> {
    world: &'a World,
    random: Random,
    /// The session of each agent.
    sessions: Vec<Option<u64>>,
    running: Vec<(u64, u64)>,
    number: u64,
}

pub enum Next {
    /// To be told to [`Traffic::signed_in`] with its number.
    SignIn(usize, SignedIn),
    SignOut(SignedOut),
    /// With its shape's number.
    Begin(usize, Begun),
    End(Ended),
}

impl Next {
    pub fn event(self) -> Event {
        match self {
            Self::SignIn(_, event) => event.into(),
            Self::SignOut(event) => event.into(),
            Self::Begin(_, event) => event.into(),
            Self::End(event) => event.into(),
        }
    }
}

impl<'a> Traffic<'a> {
    pub fn new(world: &'a World, seed: u64) -> Self {
        Self { world, random: Random(seed), sessions: vec![None; world.agents], running: Vec::new(), number: 0 }
    }

    pub fn signed_in(&mut self, agent: usize, session: u64) {
        self.sessions[agent] = Some(session);
    }

    pub fn next(&mut self) -> Next {
        if self.running.len() >= IN_FLIGHT {
            return Next::End(self.end());
        }
        let agent = self.world.by_agent.pick(&mut self.random);
        let Some(session) = self.sessions[agent] else { return Next::SignIn(agent, self.sign_in(agent)) };
        if self.random.one_in(SESSION) && self.running.iter().all(|(running, _)| *running != session) {
            self.sessions[agent] = None;
            return Next::SignOut(SignedOut { session, executions: SESSION, code: None });
        }
        let (shape, begun) = self.begin(session);
        Next::Begin(shape, begun)
    }

    /// What still runs ends; `None` when nothing does.
    pub fn rest(&mut self) -> Option<Ended> {
        (!self.running.is_empty()).then(|| self.end())
    }

    fn sign_in(&mut self, number: usize) -> SignedIn {
        SignedIn {
            agent_id: number as i64,
            agent: agent(number),
            owner: format!("owner-{}", number % 40),
            environment: None,
            database: "shop".to_owned(),
            role: "reader".to_owned(),
            address: Some(format!("10.0.{}.{}", number % 256, self.random.below(256))),
            tls: true,
            process_id: 1,
            policy: None,
            body: Some(Box::new(Claims { application: Some("driver".to_owned()) })),
        }
    }

    fn begin(&mut self, session: u64) -> (usize, Begun) {
        let at = self.world.by_shape.pick(&mut self.random);
        let shape = &self.world.shapes[at];
        self.number += 1;
        self.running.push((session, self.number));
        let mut digest = Digest::default();
        digest.0[..8].copy_from_slice(&self.random.next().to_le_bytes());
        let held = self.random.one_in(2000);
        let statement = Statement {
            session,
            number: self.number,
            way: if at.is_multiple_of(3) { Way::Query } else { Way::Execute },
            shape: shape.digest,
            digest,
            length: shape.text.len() as u32 + self.random.below(40) as u32,
            parameters: (at % 5) as u16,
            in_transaction: self.random.one_in(4),
            verdict: if held { Verdict::Approved } else { Verdict::Allowed },
            effects: Some(shape.effects),
            rule: Some(format!("rule {}", at % 7)),
            policy: None,
            hold: held.then_some(self.number),
        };
        (at, Begun { statement, body: Some(Box::new(Sent { relations: shape.tables.clone(), ..Sent::default() })) })
    }

    fn end(&mut self) -> Ended {
        let (session, number) = self.running.swap_remove(self.random.below(self.running.len()));
        let failed = self.random.one_in(200);
        let slow = self.random.one_in(500);
        let rows = if failed { 0 } else { 1 << self.random.below(10) };
        Ended {
            session,
            number,
            outcome: if failed { Outcome::Failed } else { Outcome::Completed },
            duration: Some(if slow { 500_000 + self.random.next() % 20_000_000 } else { 200 + self.random.next() % 30_000 }),
            rows,
            bytes: rows * (20 + self.random.next() % 200),
            received: 0,
            affected: None,
            command: Some("SELECT".into()),
            commands: None,
            code: failed.then(|| ["42P01", "57014", "23505"][self.random.below(3)].into()),
            masked: self
                .random
                .one_in(50)
                .then(|| vec![Masked { kind: ["email", "iban", "phone", "card"][self.random.below(4)].to_owned(), count: rows }]),
        }
    }
}
