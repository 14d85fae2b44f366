//! Reports of journals made here, record by record, at times of our choosing.
#![allow(clippy::indexing_slicing, clippy::wildcard_enum_match_arm, reason = "a test says so by failing")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::period::DAY;
use super::{At, Period, Report};
use crate::audit::digest::Signature;
use crate::audit::event::*;
use crate::audit::record::{self, Place};
use crate::audit::segment::{HEADER, Header};
use crate::audit::verify::{Trust, Verifier};
use crate::audit::{Digest, Event, Hash, SigningKey};
use crate::host::journal::files;
use crate::host::when;

/// 2026-01-01.
const START: u64 = 1_767_225_600_000_000;
const HOUR: u64 = 3_600_000_000;
const LATER: At = At(START + 1_000 * DAY);

/// What will be a journal.
#[derive(Default)]
struct Book {
    events: Vec<(u64, Event)>,
}

impl Book {
    /// Adds a record and gives its number.
    fn add(&mut self, time: u64, event: impl Into<Event>) -> u64 {
        self.events.push((time, event.into()));
        u64::try_from(self.events.len()).unwrap()
    }

    /// Writes the journal, so many records to a segment.
    fn write(&self, state: &Path, each: usize, key: Option<&SigningKey>) {
        std::fs::create_dir_all(state.join("journal")).unwrap();
        let (mut previous, mut seq) = (Hash::default(), 1);
        let last = self.events.chunks(each).count().saturating_sub(1);
        for (index, records) in self.events.chunks(each).enumerate() {
            let header = Header { journal: Digest([1; 16]), epoch: 0, first_seq: seq, time: START, previous };
            let mut bytes = header.write().to_vec();
            previous = header.hash();
            let first = seq;
            let end = records.last().unwrap().0;
            let sign = |seq: u64, hash| {
                let signed = key.unwrap().checkpoint(Digest([1; 16]), 0, seq - 1, hash, end);
                let (seq, hash, time, key, signature) = (signed.seq, signed.hash, signed.time, signed.key, signed.signature);
                Event::from(Checkpointed { seq, hash, time, key, signature })
            };
            for place in 0..records.len() + usize::from(key.is_some() && index < last) {
                let signed;
                let (time, event) = match records.get(place) {
                    Some((time, event)) => (time, event),
                    None => {
                        signed = sign(seq, previous);
                        (&end, &signed)
                    }
                };
                let mut encoded = Encoded::default();
                event.encode(&mut encoded);
                let body = (!encoded.body.is_empty()).then_some((&[3; record::SALT], encoded.body.as_slice()));
                let place = Place { seq, time: *time, previous };
                previous = record::write(&mut bytes, event.kind().0, place, &encoded.facts, body).unwrap();
                seq += 1;
            }
            std::fs::write(state.join(format!("journal/{first:020}.seg")), bytes).unwrap();
        }
    }

    fn report(&self, from: u64, to: u64) -> Report {
        let folder = TempDir::new().unwrap();
        self.write(folder.path(), 150, None);
        report(folder.path(), Period { from: At(from), to: At(to) })
    }

    fn json(&self, from: u64, to: u64) -> Value {
        serde_json::from_str(&self.report(from, to).json().unwrap()).unwrap()
    }

    /// Of everything.
    fn all(&self) -> Value {
        self.json(0, LATER.0)
    }
}

fn report(state: &Path, period: Period) -> Report {
    let mut verifier = Verifier::new(Trust::default());
    let folder = state.join("journal");
    let names = files::segments(&folder).unwrap();
    for name in &names {
        let bytes = std::fs::read(folder.join(files::segment_name(*name))).unwrap();
        verifier.segment(*name, &mut bytes.as_slice(), Some(name) == names.last()).unwrap();
    }
    Report::compute(state, verifier.finish(), period, LATER)
}

fn words(text: &str) -> Option<Box<Words>> {
    Some(Box::new(Words { text: text.to_owned() }))
}

fn signed_in(agent: &str, owner: &str) -> SignedIn {
    SignedIn {
        agent_id: agent.bytes().map(i64::from).sum(),
        agent: agent.to_owned(),
        owner: owner.to_owned(),
        environment: None,
        database: "shop".to_owned(),
        role: "reader".to_owned(),
        address: Some("10.0.0.7".to_owned()),
        tls: true,
        process_id: 7,
        policy: None,
        body: None,
    }
}

fn statement(session: u64, number: u64) -> Statement {
    Statement {
        session,
        number,
        way: Way::Query,
        shape: Digest([2; 16]),
        digest: Digest([3; 16]),
        length: 9,
        parameters: 0,
        in_transaction: false,
        verdict: Verdict::Allowed,
        effects: None,
        rule: None,
        policy: None,
        hold: None,
    }
}

fn ended(session: u64, number: u64, outcome: Outcome) -> Ended {
    Ended {
        session,
        number,
        outcome,
        duration: Some(100),
        rows: 3,
        bytes: 50,
        received: 0,
        affected: None,
        command: Some("SELECT".into()),
        commands: None,
        code: None,
        masked: None,
    }
}

fn held(hold: u64, session: u64, why: &str) -> Held {
    let statement =
        Statement { verdict: Verdict::Held, rule: Some("no-ddl".to_owned()), effects: Some(0b1000), ..statement(session, hold) };
    Held { hold, statement, bound: Digest::default(), until: START + 900 * DAY, body: words(why) }
}

fn decided(hold: u64, decision: Decision, by: Option<&str>) -> Decided {
    Decided {
        hold,
        decision,
        by: by.map(str::to_owned),
        groups: vec!["dba".to_owned()],
        through: Some("web".into()),
        single_person: None,
        until: None,
        more: None,
        to: None,
        seen: None,
        body: words("looks right"),
    }
}

fn spent(hold: u64) -> Spent {
    Spent { hold, session: 1, number: hold, grant: None }
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap()]
    }
}

const PEOPLE: [&str; 4] = ["ann", "bob", "rita", "tom"];

/// One event of a kind, about a session that is open.
fn event(kind: Kind, session: u64, number: u64, dice: &mut Dice) -> Event {
    let who = dice.one_of(&PEOPLE).to_owned();
    let (digest, hash) = (Digest([9; 16]), Hash([9; 32]));
    let any = Statement {
        way: dice.one_of(&[Way::Query, Way::Execute, Way::Fetch]),
        verdict: dice.one_of(&[Verdict::Allowed, Verdict::Observed, Verdict::Approved]),
        effects: dice.one_of(&[None, Some(0), Some(1), Some(0b10), Some(0b11), Some(1 << 11), Some(1 << 20)]),
        rule: dice.one_of(&[None, Some("reads"), Some("writes")]).map(str::to_owned),
        ..statement(session, number)
    };
    match kind {
        Kind::Started => Started { version: "1".to_owned(), config: None, policy: None }.into(),
        Kind::Stopped => Stopped { executions: 1 }.into(),
        Kind::Recovered => Recovered { cut: dice.below(90), cut_hash: None, orphans: dice.below(3), sessions: dice.below(3) }.into(),
        Kind::Resumed => Resumed { since: START, refused: dice.below(9), trouble: "ENOSPC".into() }.into(),
        Kind::Checkpointed => unreachable!("written where the hash is known"),
        Kind::KeyChanged => KeyChanged { key: hash, previous: Some(hash), endorsement: Some(Signature([0; 64])), by: Some(who) }.into(),
        Kind::EpochBegan => {
            EpochBegan { epoch: 1, restored_seq: 1, restored_hash: hash, backup_time: START, by: who, branch: digest }.into()
        }
        Kind::Pruned => Pruned { seq: 1, hash, before: START, by: who }.into(),
        Kind::Erased => Erased { seq: 1, by: who, body: words("a right") }.into(),
        Kind::SignedIn => signed_in(dice.one_of(&["billing-bot", "support-bot", "etl"]), dice.one_of(&["ann", "zoe"])).into(),
        Kind::Continued => unreachable!("made of what signed in"),
        Kind::SignedOut => SignedOut { session, executions: 1, code: None }.into(),
        Kind::Denied => {
            Denied { address: Some("10.0.0.9".to_owned()), code: "28P01".into(), agent: Some("etl".to_owned()), body: words("etl") }.into()
        }
        Kind::ShapeMet => {
            ShapeMet { shape: digest, body: Some(Box::new(ShapeText { text: "select ?".to_owned(), relations: vec!["t".to_owned()] })) }
                .into()
        }
        Kind::Begun => Begun { statement: any, body: None }.into(),
        Kind::Ended => {
            let outcome = dice.one_of(&[Outcome::Completed, Outcome::Suspended, Outcome::Failed, Outcome::Cancelled, Outcome::Unknown]);
            let (rows, bytes, masked) = (dice.below(100), dice.below(9_000), dice.below(4));
            let masked = (masked > 0).then(|| vec![Masked { kind: "email".to_owned(), count: masked }]);
            let code = (outcome == Outcome::Failed).then(|| "42P01".into());
            Ended { rows, bytes, masked, code, affected: Some(rows), received: 1, ..ended(session, number, outcome) }.into()
        }
        Kind::Prepared => Prepared { statement: any, body: None }.into(),
        Kind::Refused => Refused { statement: any, code: "42501".into(), body: None }.into(),
        Kind::ConfigChanged => {
            ConfigChanged { config: digest, changed: vec!["log".to_owned()], refused: dice.below(2) == 1, by: None }.into()
        }
        Kind::PolicyChanged => PolicyChanged { policy: digest, previous: None, by: Some(who) }.into(),
        Kind::AgentChanged => {
            AgentChanged { change: Change::Added, agent_id: 4711, agent: "new-bot".to_owned(), owner: "zoe".to_owned(), by: who }.into()
        }
        Kind::PersonChanged => {
            PersonChanged { change: Change::Added, person: who, role: "reviewer".to_owned(), by: "root".to_owned(), os_user: None }.into()
        }
        Kind::AuditRead => AuditRead { by: who, what: "search".into(), body: words("drop") }.into(),
        Kind::SignedOff => SignedOff { by: who, from: START, to: START + DAY, seq: 1, hash, body: None }.into(),
        Kind::Held => held(1_000_000 + number, session, "ddl").into(),
        Kind::Decided => decided(1_000_000 + dice.below(number.max(1)), Decision::Approved, Some(&who)).into(),
        Kind::Spent => spent(1_000_000 + dice.below(number.max(1))).into(),
        Kind::Revealed => Revealed { hold: 1, by: who, body: words("needed") }.into(),
        Kind::Granted => Granted {
            grant: 1,
            agent_id: 1,
            shape: digest,
            by: who,
            until: START,
            times: 3,
            hold: None,
            through: None,
            single_person: None,
            body: None,
        }
        .into(),
        Kind::GrantEnded => GrantEnded { grant: 1, by: Some(who), body: None }.into(),
        Kind::Returned => Returned { hold: 1_000_000 + dice.below(number.max(1)) }.into(),
        Kind::HoldRead => HoldRead { hold: 1, by: who, through: "web".into() }.into(),
        Kind::PersonSignedIn => {
            PersonSignedIn { person: who, role: "reviewer".to_owned(), address: None, through: "web".into(), tls: true }.into()
        }
        Kind::PersonDenied => PersonDenied { address: None, through: "web".into(), person: None, body: words("mallory") }.into(),
        Kind::PersonSignedOut => PersonSignedOut { person: who, through: "web".into(), by: None }.into(),
        Kind::SealingKey => SealingKey { to: hash, sealed: vec![1].into() }.into(),
        Kind::Answered => Answered { hold: 1, session, number, body: words("it is old") }.into(),
        Kind::DecidedTogether => {
            let one = |hold| DecidedOne { hold, until: Some(START), more: None };
            DecidedTogether {
                holds: vec![one(1_000_000 + dice.below(number.max(1))), one(1_000_000 + dice.below(number.max(1)))],
                decision: Decision::Approved,
                by: who,
                groups: Vec::new(),
                through: "web".into(),
                single_person: None,
                seen: digest,
                body: None,
            }
            .into()
        }
        other => panic!("a new kind: {other}"),
    }
}

/// Ten days with every kind of event in them.
fn ten_days(seed: u64) -> Book {
    let mut dice = Dice(seed);
    let mut book = Book::default();
    let mut open: Vec<(u64, SignedIn)> = Vec::new();
    let mut kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::Checkpointed && *kind != Kind::Continued).collect();
    kinds.extend([Kind::Begun, Kind::Ended, Kind::SignedIn].repeat(8));
    let mut time = START;
    for number in 0..3_000 {
        time += dice.below(2 * 10 * DAY / 3_000);
        let kind = if open.is_empty() { Kind::SignedIn } else { dice.one_of(&kinds) };
        let session = open.get(usize::try_from(dice.below(open.len().max(1) as u64)).unwrap()).map_or(0, |open| open.0);
        let event = event(kind, session, number, &mut dice);
        match &event {
            Event::Started(_) => open.clear(),
            Event::SignedOut(out) => open.retain(|(session, _)| *session != out.session),
            _ => {}
        }
        let seq = book.add(time, event.clone());
        if let Event::SignedIn(who) = event {
            book.add(time, Continued { session: seq, who: who.clone(), body: None });
            open.push((seq, who));
        }
    }
    book
}

/// The same, counted without any thought of memory.
#[test]
fn the_figures_are_those_that_counting_gives() {
    for seed in 1..=4 {
        let book = ten_days(seed);
        let (from, to) = (START + 3 * DAY, START + 7 * DAY);
        let json = book.json(from, to);
        let mut agents = BTreeMap::new();
        for (number, (_, event)) in book.events.iter().enumerate() {
            if let Event::SignedIn(who) = event {
                agents.insert(number as u64 + 1, who.agent.clone());
            }
        }
        let within: Vec<_> = book.events.iter().filter(|(time, _)| (from..to).contains(time)).collect();
        let count = |test: &dyn Fn(&Event) -> bool| json!(within.iter().filter(|(_, event)| test(event)).count());
        let sum = |value: &dyn Fn(&Ended) -> u64| {
            let values = within.iter().filter_map(|(_, event)| if let Event::Ended(ended) = event { Some(value(ended)) } else { None });
            json!(values.sum::<u64>())
        };
        let total = &json["volumes"]["total"];
        assert_eq!(json["records"], json!(within.len()));
        for (key, kind) in
            [("executions", Kind::Begun), ("sign_ins", Kind::SignedIn), ("prepared", Kind::Prepared), ("refused", Kind::Refused)]
        {
            assert_eq!(total[key], count(&|event| event.kind() == kind), "{key}");
        }
        for (key, outcome) in [
            ("completed", Outcome::Completed),
            ("failed", Outcome::Failed),
            ("unknown", Outcome::Unknown),
            ("suspended", Outcome::Suspended),
        ] {
            assert_eq!(total[key], count(&|event| matches!(event, Event::Ended(ended) if ended.outcome == outcome)), "{key}");
        }
        assert_eq!(total["rows"], sum(&|ended| ended.rows));
        assert_eq!(total["bytes"], sum(&|ended| ended.bytes));
        assert_eq!(total["affected"], sum(&|ended| ended.affected.unwrap()));
        assert_eq!(total["masked"], sum(&|ended| ended.masked.iter().flatten().map(|masked| masked.count).sum()));
        assert_eq!(json["volumes"]["masked_by_kind"]["named"]["email"], total["masked"]);
        for agent in ["billing-bot", "support-bot", "etl"] {
            let of = |session: u64| agents.get(&session).is_some_and(|name| name == agent);
            let by = &json["volumes"]["by_agent"]["named"][agent];
            assert_eq!(by["executions"], count(&|event| matches!(event, Event::Begun(begun) if of(begun.statement.session))), "{agent}");
            assert_eq!(by["rows"], sum(&|ended| if of(ended.session) { ended.rows } else { 0 }), "{agent}");
        }
        for day in 3..7 {
            let (begins, name) = (START + day * DAY, when::day(START + day * DAY));
            let naive = within.iter().filter(|(time, event)| event.kind() == Kind::Begun && (begins..begins + DAY).contains(time)).count();
            assert_eq!(json["volumes"]["by_day"]["named"][&name]["executions"], json!(naive), "{name}");
        }
        assert_eq!(json["volumes"]["by_day"]["named"].as_object().unwrap().len(), 4);
        for (word, verdict) in [("allowed", Verdict::Allowed), ("observed", Verdict::Observed), ("approved", Verdict::Approved)] {
            let of = |event: &Event| match event {
                Event::Begun(Begun { statement, .. })
                | Event::Prepared(Prepared { statement, .. })
                | Event::Refused(Refused { statement, .. }) => statement.verdict == verdict,
                _ => false,
            };
            assert_eq!(json["volumes"]["by_verdict"]["named"][word], count(&of), "{word}");
        }
        for (word, test) in [
            ("read", (|effects| effects.is_some_and(|bits| bits & 1 == 1)) as fn(Option<u32>) -> bool),
            ("opaque", |effects| effects.is_some_and(|bits| bits >> 11 & 1 == 1)),
            ("bit 20", |effects| effects.is_some_and(|bits| bits >> 20 & 1 == 1)),
            ("(none)", |effects| effects == Some(0)),
            ("(not read)", |effects| effects.is_none()),
        ] {
            let naive = count(&|event| matches!(event, Event::Begun(begun) if test(begun.statement.effects)));
            assert_eq!(json["volumes"]["by_effect"]["named"][word], naive, "{word}");
        }
        assert_eq!(json["volumes"]["denied_total"], count(&|event| event.kind() == Kind::Denied));
        assert_eq!(json["holds"]["held"], count(&|event| event.kind() == Kind::Held));
        assert_eq!(json["holds"]["spent"], count(&|event| event.kind() == Kind::Spent));
        assert_eq!(json["holds"]["reveals"], count(&|event| event.kind() == Kind::Revealed));
        let decided: usize = within
            .iter()
            .map(|(_, event)| match event {
                Event::Decided(_) => 1,
                Event::DecidedTogether(event) => event.holds.len(),
                _ => 0,
            })
            .sum();
        assert_eq!(json["holds"]["decisions"]["named"]["approved"], json!(decided));
        let rows = |list: &Value| list["entries"].as_array().unwrap().len();
        for (list, kinds) in [
            (&json["configuration"], &[Kind::ConfigChanged, Kind::PolicyChanged][..]),
            (&json["agents"], &[Kind::AgentChanged]),
            (&json["people"], &[Kind::PersonChanged]),
            (&json["removals"], &[Kind::Erased, Kind::Pruned, Kind::EpochBegan]),
            (&json["audit_reads"]["rows"], &[Kind::AuditRead]),
            (&json["holds"]["grants"], &[Kind::Granted]),
        ] {
            assert_eq!(json!(rows(list)), count(&|event| kinds.contains(&event.kind())), "{kinds:?}");
        }
        assert_eq!(json["gaps"]["recoveries"], count(&|event| event.kind() == Kind::Recovered));
        assert_eq!(json["gaps"]["standstills"], count(&|event| event.kind() == Kind::Resumed));
        assert_eq!(json["gaps"]["starts"], count(&|event| event.kind() == Kind::Started));
        assert_eq!(json["chain"]["records"], json!(book.events.len()));
    }
}

#[test]
fn the_journals_made_here_have_every_kind() {
    let kinds: BTreeSet<Kind> = ten_days(1).events.iter().map(|(_, event)| event.kind()).collect();
    let missing: Vec<_> = Kind::ALL.iter().filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(missing, [&Kind::Checkpointed], "checkpoints have a test of their own");
}

#[test]
fn the_first_moment_counts_and_the_last_does_not() {
    let mut book = Book::default();
    let session = book.add(START, signed_in("etl", "ann"));
    for time in [START + 9, START + 10, START + 19, START + 20] {
        book.add(time, Begun { statement: statement(session, time), body: None });
    }
    let json = book.json(START + 10, START + 20);
    assert_eq!((&json["volumes"]["total"]["executions"], &json["records"]), (&json!(2), &json!(2)));
    assert_eq!(json["volumes"]["by_agent"]["named"]["etl"]["executions"], json!(2), "who it is was said before the period");
    assert_eq!(json["period"], json!({ "from": "2026-01-01T00:00:00.000010Z", "to": "2026-01-01T00:00:00.000020Z" }));
    assert_eq!(json["gaps"]["without_an_end"], json!(3), "what was begun before the end and has none");
}

#[test]
fn nothing_after_the_moment_of_the_report_is_read() {
    let mut book = Book::default();
    let session = book.add(START, signed_in("etl", "ann"));
    book.add(LATER.0, Begun { statement: statement(session, 1), body: None });
    book.add(LATER.0 + 1, Begun { statement: statement(session, 2), body: None });
    let json = book.json(0, LATER.0 + 10);
    assert_eq!(json["volumes"]["total"]["executions"], json!(1));
    assert_eq!(json["read_up_to"], json!(LATER));
}

#[test]
fn holds_say_who_decided_why_and_how_fast() {
    let mut book = Book::default();
    let session = book.add(START, signed_in("etl", "ann"));
    for (hold, hours) in [(1, 1), (2, 3), (3, 10)] {
        book.add(START, held(hold, session, "drops a table"));
        book.add(START + hours * HOUR, decided(hold, if hold == 2 { Decision::Denied } else { Decision::Approved }, Some("rita")));
    }
    book.add(START + 11 * HOUR, spent(1));
    book.add(START + 11 * HOUR, held(4, session, "waits"));
    book.add(START + 11 * HOUR, held(5, session, "too long"));
    book.add(START + 12 * HOUR, decided(5, Decision::Asked, Some("tom")));
    book.add(START + 13 * HOUR, decided(5, Decision::Expired, None));
    let holds = &book.all()["holds"];
    let states: Vec<_> = holds["rows"]["entries"].as_array().unwrap().iter().map(|row| (&row["hold"], &row["state"])).collect();
    let expected =
        [(1, "spent"), (2, "denied"), (3, "approved"), (4, "waiting"), (5, "expired")].map(|(hold, state)| (json!(hold), json!(state)));
    assert_eq!(states, expected.iter().map(|(hold, state)| (hold, state)).collect::<Vec<_>>());
    assert_eq!(holds["undecided"], json!(1));
    let hour = HOUR / 1000;
    assert_eq!(holds["median_milliseconds_to_decision"], json!(3 * hour));
    assert_eq!(holds["p90_milliseconds_to_decision"], json!(10 * hour));
    assert_eq!(holds["decisions"]["named"], json!({ "approved": 2, "denied": 1, "asked": 1, "expired": 1 }));
    assert_eq!(holds["decisions_by_person"]["named"], json!({ "rita": 3, "tom": 1 }));
    let first = &holds["rows"]["entries"][0];
    assert_eq!(
        (&first["agent"], &first["owner"], &first["why"], &first["rule"]),
        (&json!("etl"), &json!("ann"), &json!("drops a table"), &json!("no-ddl"))
    );
    assert_eq!((&first["decisions"][0]["by"], &first["decisions"][0]["reason"]), (&json!("rita"), &json!("looks right")));
    assert_eq!(first["effects"], json!(["ddl"]));
}

#[test]
fn a_hold_from_before_counts_where_it_is_decided() {
    let mut book = Book::default();
    let session = book.add(START, signed_in("etl", "ann"));
    for hold in 1..=3 {
        book.add(START, held(hold, session, "old"));
    }
    book.add(START + HOUR, decided(1, Decision::Denied, Some("rita")));
    book.add(START + DAY, decided(2, Decision::Denied, Some("rita")));
    book.add(START + 2 * DAY, decided(3, Decision::Denied, Some("rita")));
    let holds = &book.json(START + DAY, START + 2 * DAY)["holds"];
    assert_eq!((&holds["held"], &holds["timed"], &holds["undecided"]), (&json!(0), &json!(1), &json!(1)));
    let rows: Vec<_> = holds["rows"]["entries"].as_array().unwrap().iter().map(|row| (&row["hold"], &row["state"])).collect();
    assert_eq!(rows, [(&json!(2), &json!("denied")), (&json!(3), &json!("waiting"))]);
}

/// What is found in one hold of `etl`, whose owner is ann, with these decisions.
fn check_duties(before: &[Event], found: &[(&str, &str)]) {
    let mut book = Book::default();
    let session = book.add(START, signed_in("etl", "ann"));
    book.add(START, held(1, session, "why"));
    for event in before {
        book.add(START + HOUR, event.clone());
    }
    let separation = &book.all()["separation"];
    let findings = separation["findings"]["entries"].as_array().unwrap();
    let got: Vec<_> = findings.iter().map(|finding| (finding["what"].as_str().unwrap(), finding["weight"].as_str().unwrap())).collect();
    assert_eq!(got, found, "{before:?}");
    let violations = found.iter().filter(|(_, weight)| *weight == "violation").count();
    assert_eq!((&separation["violations"], &separation["overlaps"]), (&json!(violations), &json!(found.len() - violations)));
}

#[test]
fn separation_of_duties() {
    let approve = |by| Event::from(decided(1, Decision::Approved, by));
    let role = |person: &str, role: &str| -> Event {
        PersonChanged { change: Change::Added, person: person.to_owned(), role: role.to_owned(), by: "root".to_owned(), os_user: None }
            .into()
    };
    let sign_off = |by: &str| -> Event {
        SignedOff { by: by.to_owned(), from: START, to: START + HOUR, seq: 1, hash: Hash::default(), body: None }.into()
    };
    let grant = |by: &str| -> Event {
        let agent_id = signed_in("etl", "ann").agent_id;
        Granted {
            grant: 1,
            agent_id,
            shape: Digest::default(),
            by: by.to_owned(),
            until: START,
            times: 1,
            hold: None,
            through: None,
            single_person: None,
            body: None,
        }
        .into()
    };
    check_duties(&[approve(Some("rita")), spent(1).into()], &[]);
    check_duties(&[decided(1, Decision::Withdrawn, Some("etl")).into()], &[]);
    check_duties(&[decided(1, Decision::Expired, None).into()], &[]);
    check_duties(&[approve(Some("Ann"))], &[("decided_by_owner", "violation")]);
    check_duties(&[approve(Some("etl"))], &[("decided_by_agent", "violation")]);
    check_duties(&[approve(None)], &[("decided_by_nobody", "violation")]);
    check_duties(&[approve(Some("rita")), approve(Some("rita"))], &[("approved_twice_by_one", "violation")]);
    check_duties(&[approve(Some("rita")), approve(Some("tom"))], &[]);
    check_duties(&[role("rita", "auditor"), approve(Some("rita"))], &[("decided_by_auditor", "violation")]);
    check_duties(&[role("rita", "auditor"), role("rita", "reviewer"), approve(Some("rita"))], &[]);
    check_duties(&[spent(1).into()], &[("spent_without_approval", "violation")]);
    check_duties(&[approve(Some("rita")), spent(1).into(), spent(1).into()], &[("spent_without_approval", "violation")]);
    check_duties(&[decided(1, Decision::Denied, Some("rita")).into(), spent(1).into()], &[("spent_without_approval", "violation")]);
    check_duties(&[Spent { grant: Some(3), ..spent(9) }.into()], &[]);
    check_duties(&[decided(7, Decision::Denied, Some("rita")).into()], &[("decided_without_hold", "overlap")]);
    let several = Decided { groups: vec!["dba".to_owned(), "legal".to_owned()], ..decided(1, Decision::Approved, Some("rita")) };
    check_duties(&[several.into()], &[("decided_in_several_groups", "overlap")]);
    check_duties(&[grant("ann")], &[("granted_by_owner", "violation")]);
    check_duties(&[grant("etl")], &[("granted_by_agent", "violation")]);
    check_duties(&[grant("rita")], &[]);
    check_duties(&[approve(Some("rita")), sign_off("rita")], &[("decides_and_signs_off", "overlap")]);
    check_duties(&[sign_off("etl")], &[("signed_off_by_agent", "violation")]);
    check_duties(
        &[Pruned { seq: 1, hash: Hash::default(), before: 1, by: "tom".to_owned() }.into(), sign_off("tom")],
        &[("administers_and_signs_off", "overlap")],
    );
    let policy = PolicyChanged { policy: Digest::default(), previous: None, by: Some("rita".to_owned()) };
    check_duties(&[policy.into(), approve(Some("rita"))], &[("administers_and_decides", "overlap")]);
    let own =
        PersonChanged { change: Change::Changed, person: "tom".to_owned(), role: "admin".to_owned(), by: "tom".to_owned(), os_user: None };
    check_duties(&[own.into()], &[("changed_own_role", "overlap")]);
}

#[test]
fn gaps_are_named() {
    let mut book = Book::default();
    let start = || Started { version: "1".to_owned(), config: None, policy: None };
    book.add(START, start());
    let session = book.add(START + 1, signed_in("etl", "ann"));
    book.add(START + 2, Begun { statement: statement(session, 1), body: None });
    book.add(START + 3, Recovered { cut: 40, cut_hash: None, orphans: 1, sessions: 1 });
    book.add(START + 4, ended(session, 1, Outcome::Unknown));
    book.add(START + 5, start());
    book.add(START + 5, Resumed { since: START, refused: 17, trouble: "ENOSPC".into() });
    book.add(START + 6, Stopped { executions: 0 });
    book.add(START + 7, start());
    let gaps = &book.all()["gaps"];
    for (key, value) in [
        ("starts", 3),
        ("starts_after_a_crash", 1),
        ("stops", 1),
        ("recoveries", 1),
        ("bytes_cut", 40),
        ("orphans", 1),
        ("sessions_closed", 1),
        ("standstills", 1),
        ("refused_in_standstills", 17),
        ("outcome_unknown", 1),
        ("without_an_end", 0),
    ] {
        assert_eq!(gaps[key], json!(value), "{key}");
    }
    assert_eq!(gaps["rows"]["entries"].as_array().unwrap().len(), 3);
}

/// What happens in a small place on a quiet day.
fn quiet() -> (Book, SigningKey) {
    let key = SigningKey::from_seed(&[5; 32]).unwrap();
    let mut book = Book::default();
    book.add(START, KeyChanged { key: key.public(), previous: None, endorsement: None, by: None });
    book.add(START, Started { version: "1".to_owned(), config: None, policy: None });
    let session = book.add(START, signed_in("etl", "ann"));
    for number in 1..20 {
        book.add(START + number, Begun { statement: statement(session, number), body: None });
        book.add(START + number, ended(session, number, Outcome::Completed));
    }
    (book, key)
}

#[test]
fn checkpoints_and_their_keys_are_named() {
    let (mut book, key) = quiet();
    let found = book.report(0, LATER.0).chain.found;
    let made = key.checkpoint(Digest([1; 16]), 0, found.last_seq, found.last_hash, START);
    let checkpoint = Checkpointed { seq: made.seq, hash: made.hash, time: START, key: made.key, signature: made.signature };
    book.add(START + 20, checkpoint.clone());
    book.add(START + 20, Stopped { executions: 1 });
    let chain = book.report(0, START + 1).chain;
    assert_eq!((chain.problem(), chain.sound, chain.found.checkpoints, chain.found.keys.len()), (None, true, 1, 1));
    assert_eq!(
        (chain.last_checkpoint.map(|last| (last.seq, last.key)), chain.behind_checkpoint),
        (Some((found.last_seq, key.public())), 2)
    );
    book.events.truncate(book.events.len() - 2);
    book.add(START + 20, Checkpointed { time: START + 1, ..checkpoint });
    assert!(!book.report(0, START + 1).chain.sound, "its signature is of something else");
}

#[test]
fn a_changed_record_is_told_and_the_rest_reported() {
    let folder = TempDir::new().unwrap();
    let (book, key) = quiet();
    book.write(folder.path(), 15, Some(&key));
    let all = Period { from: At(0), to: LATER };
    let whole = report(folder.path(), all);
    assert!(whole.is_sound(), "{}", whole.trouble());
    assert!(whole.html().contains("The chain is whole"));
    let path = folder.path().join(format!("journal/{:020}.seg", 17));
    let bytes = std::fs::read(&path).unwrap();
    for (at, what) in [(200, "a byte of a record"), (bytes.len() - 1, "the last hash"), (20, "the header")] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let report = report(folder.path(), all);
        assert!(!report.is_sound() && !report.trouble().is_empty(), "{what}");
        assert!(report.html().contains("The record is not sound"), "{what}");
        let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert!(json["chain"]["sound"] == json!(false) && !json["chain"]["findings"].as_array().unwrap().is_empty(), "{what}");
    }
    // A length that cannot be: the pass ends there, and says so.
    let mut changed = bytes;
    changed[HEADER] = 1;
    std::fs::write(&path, changed).unwrap();
    let report = report(folder.path(), all);
    assert_eq!(report.cut_short.as_ref().map(|cut| cut.after_seq), Some(16));
    assert_eq!(report.volumes.total.executions, 6, "those before it are counted");
}

#[test]
fn what_the_record_says_is_text_on_the_page() {
    const EVIL: &str = "<script>alert(1)</script>\"'&<b>";
    let mut book = Book::default();
    let session = book.add(START, signed_in(EVIL, EVIL));
    book.add(START, Begun { statement: Statement { rule: Some(EVIL.to_owned()), ..statement(session, 1) }, body: None });
    book.add(START, Ended { code: Some(EVIL.into()), command: Some(EVIL.into()), ..ended(session, 1, Outcome::Failed) });
    book.add(START, Denied { address: Some(EVIL.to_owned()), code: EVIL.into(), agent: Some(EVIL.to_owned()), body: words(EVIL) });
    book.add(START, held(1, session, EVIL));
    book.add(
        START,
        Decided {
            groups: vec![EVIL.to_owned()],
            through: Some(EVIL.into()),
            body: words(EVIL),
            ..decided(1, Decision::Approved, Some(EVIL))
        },
    );
    book.add(
        START,
        Granted {
            grant: 1,
            agent_id: 1,
            shape: Digest::default(),
            by: EVIL.to_owned(),
            until: 1,
            times: 1,
            hold: None,
            through: None,
            single_person: None,
            body: words(EVIL),
        },
    );
    book.add(
        START,
        AgentChanged { change: Change::Added, agent_id: 1, agent: EVIL.to_owned(), owner: EVIL.to_owned(), by: EVIL.to_owned() },
    );
    book.add(
        START,
        PersonChanged { change: Change::Added, person: EVIL.to_owned(), role: EVIL.to_owned(), by: EVIL.to_owned(), os_user: None },
    );
    book.add(START, ConfigChanged { config: Digest::default(), changed: vec![EVIL.to_owned()], refused: false, by: None });
    book.add(START, Erased { seq: 1, by: EVIL.to_owned(), body: words(EVIL) });
    book.add(START, AuditRead { by: EVIL.to_owned(), what: EVIL.into(), body: words(EVIL) });
    book.add(START, SignedOff { by: EVIL.to_owned(), from: 0, to: START, seq: 1, hash: Hash::default(), body: words(EVIL) });
    book.add(START, Resumed { since: 1, refused: 1, trouble: EVIL.into() });
    let report = book.report(0, LATER.0);
    let page = report.html();
    assert!(!page.contains("<script") && !page.contains("<b>\"") && !page.contains("\"'&<"), "{page}");
    assert!(page.matches("&lt;script&gt;").count() >= 20);
    for loaded in ["src=", "href=\"http", "url(", "@import"] {
        assert!(!page.contains(loaded), "the page loads nothing: {loaded}");
    }
    let json: Value = serde_json::from_str(&report.json().unwrap()).unwrap();
    assert_eq!(json["holds"]["rows"]["entries"][0]["why"], json!(EVIL));
}

#[test]
fn the_keys_of_the_json_are_these() {
    let json = Book::default().all();
    let keys: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut known = vec![
        "schema",
        "schema_version",
        "program",
        "note",
        "made",
        "period",
        "records",
        "read_up_to",
        "cut_short",
        "chain",
        "volumes",
        "holds",
        "separation",
        "configuration",
        "agents",
        "people",
        "keys",
        "removals",
        "gaps",
        "audit_reads",
        "sign_offs",
        "controls",
    ];
    known.sort_unstable();
    let mut keys = keys;
    keys.sort_unstable();
    assert_eq!(keys, known);
    assert_eq!((&json["schema"], &json["schema_version"]), (&json!("pgsluice-report"), &json!(1)));
    assert_eq!(json["chain"]["sound"], json!(false), "no journal is no sound one");
    assert_eq!(json["controls"][0]["framework"], json!("SOC 2"));
}
