//! The desk with a journal and a state folder as they are: what is kept, what a restart and a crash make of it, who gets an approval.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test says so by failing")]

mod crashes;
mod grants;
mod people;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;
use crate::audit::event::{Statement, Tag, Verdict as Noted, Way};
use crate::audit::{Digest, Shape};
use crate::gate::Grounds;
use crate::gate::catalog::{Estimate, Relation, Resolved};
use crate::host::journal;
use crate::host::journal::reader::Reader;
use crate::session::asking::{Parameters, Purpose};
use crate::sql::effect::Effect;

/// A state folder with a desk at work on it.
struct Place {
    folder: TempDir,
    state: state::State,
    journal: Arc<Journal>,
    desk: Arc<Desk>,
}

fn options() -> Options {
    Options { public_url: "https://gate.example/".to_owned(), ..Options::default() }
}

fn open(folder: &Path, options: Options) -> (state::State, Arc<Journal>, Arc<Desk>) {
    let state = state::State::open(folder).unwrap();
    let fast = journal::Options { sync_interval: Duration::from_millis(1), ..journal::Options::default() };
    let journal = Journal::open(folder, fast).unwrap();
    let desk = Desk::open(&state, Arc::clone(&journal), Digester::new(&[7; 32]), options, Arc::default()).unwrap();
    (state, journal, Arc::new(desk))
}

impl Place {
    fn new(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (state, journal, desk) = open(folder.path(), options);
        Self { folder, state, journal, desk }
    }

    /// Ends as by a crash: what the desk's thread did is in the files, and nothing is closed in order.
    fn again(self) -> Self {
        self.again_with(|_| {})
    }

    /// The same, and something happens to the folder while nobody is there.
    fn again_with(self, between: impl FnOnce(&Path)) -> Self {
        let Self { folder, state, journal, desk } = self;
        drop((state, desk, journal));
        between(folder.path());
        let (state, journal, desk) = open(folder.path(), options());
        Self { folder, state, journal, desk }
    }

    async fn ask(&self, sql: &str) -> Reply {
        self.desk.petition(&subject(1), petition(sql), None).await
    }

    async fn hold(&self, sql: &str) -> HoldId {
        waiting(self.ask(sql).await)
    }

    async fn approve(&self, hold: HoldId) -> View {
        self.desk.decide(hold, &rita(), ruling(Verdict::Approve, Some("fine")), FIRST).await.unwrap()
    }

    fn states(&self) -> Vec<State> {
        self.desk.list(Which::All).into_iter().map(|view| view.state).collect()
    }

    /// Waits until the clerk did all that was asked for before.
    async fn done(&self) {
        self.desk.thread.ask(|_| ()).await.unwrap();
    }

    /// The words of the records about holds, in order.
    fn record(&self) -> Vec<&'static str> {
        let mut reader = Reader::open(self.folder.path(), 1);
        let mut words = Vec::new();
        while let Some(entry) = reader.next().unwrap() {
            words.extend(entry.kind.word().filter(|_| (50..60).contains(&entry.kind.0)));
        }
        words
    }
}

fn subject(agent_id: i64) -> Arc<Subject> {
    Arc::new(Subject {
        agent_id,
        agent: format!("agent-{agent_id}").into(),
        owner: "ann".into(),
        database: "shop".into(),
        role: "writer".into(),
        ..Subject::default()
    })
}

fn rita() -> Decider {
    Decider { name: "rita".into(), reviews: true, ..Decider::default() }
}

/// What people are shown of a hold about which nothing was said yet.
const FIRST: Seen = Seen { turns: 0, digest: Digest([0; 16]) };

fn ruling(verdict: Verdict, reason: Option<&str>) -> Ruling {
    Ruling { verdict, reason: reason.map(str::to_owned), through: "web" }
}

fn petition(sql: &str) -> Petition {
    asking(Message::Query(Zeroizing::new(sql.as_bytes().to_vec())))
}

fn asking(message: Message) -> Petition {
    let relation = Relation { oid: 5, schema: "public".into(), name: "orders".into(), kind: "table", rows: Some(9), bytes: 8192 };
    let resolved = Resolved {
        effects: Effect::Ddl.alone(),
        findings: vec!["a trigger runs".into()],
        relations: vec![relation],
        objects: vec![5, 6],
        ..Resolved::default()
    };
    let grounds = Grounds {
        effects: Effect::Ddl.alone(),
        rule: "hold-ddl".into(),
        reason: "changes the schema".into(),
        policy: [0; 32],
        resolved,
        estimate: Some(Estimate { rows: 1.5, widest: 2.0, cost: 3.0, made: 4.0, read: 5.0 }),
        observed: false,
        unmask: crate::sql::tags::asks_unmasked(message.sql()),
        groups: Arc::default(),
        approvals: 1,
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
        tags: vec![Tag { name: "run".into(), value: "7".into() }],
        task: Some("clean up".into()),
        settings: Vec::new(),
        open_work: false,
        awaited: None,
        over: None,
        purpose: Purpose::Run,
        answer: None,
        statement,
        sent: Digest::default(),
    }
}

fn waiting(reply: Reply) -> HoldId {
    match reply {
        Reply::Waiting(waiting) => waiting.hold,
        other @ (Reply::Granted(_) | Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
    }
}

fn granted(reply: Reply) -> HoldId {
    match reply {
        Reply::Granted(grant) => grant.hold(),
        other @ (Reply::Waiting(_) | Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
    }
}

fn refused(reply: Reply) -> Report {
    match reply {
        Reply::Refused(report) => report,
        other @ (Reply::Waiting(_) | Reply::Granted(_) | Reply::Nothing) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_statement_waits_is_approved_and_runs_once() {
    let place = Place::new(options());
    let Reply::Waiting(told) = place.ask("DROP TABLE t").await else { panic!() };
    let hold = told.hold;
    assert_eq!(told.ticket.code, "PS001");
    assert!(told.ticket.detail.unwrap().contains(&format!("https://gate.example/holds/{hold}")));
    // Joined, whatever its comments.
    assert_eq!(place.hold("/* run='8' */ DROP TABLE t -- again").await, hold);
    let view = place.desk.view(hold).unwrap();
    let sight = view.matter.unwrap();
    assert_eq!((view.state, sight.sql), (State::Waiting, Written::Text("DROP TABLE t".into())));
    assert_eq!((&*view.about.agent, &*view.about.owner, sight.relations.len()), ("agent-1", "ann", 1));
    let waits = place.desk.decided(hold);
    let (decided, ()) = tokio::join!(place.approve(hold), waits);
    assert_eq!((decided.state, decided.decided.unwrap().by), (State::Approved, "rita".into()));
    assert_eq!(granted(place.ask("DROP TABLE t").await), hold);
    let other = place.hold("DROP TABLE t").await;
    assert_ne!(other, hold);
    let view = place.desk.view(hold).unwrap();
    assert_eq!(view.state, State::Spent);
    assert!(view.matter.is_none());
    assert_eq!(place.record(), ["held", "decided", "spent", "held"]);
}

/// The comment that asks is none of the tokens that an approval is bound to; what is approved is told apart all the same.
#[tokio::test]
async fn values_are_seen_unmasked_by_an_approval_that_says_so() {
    const ASKS: &str = "/* pgsluice:unmask */ SELECT 1";
    let unmasked = |reply: Reply| match reply {
        Reply::Granted(grant) => grant.is_unmasked(),
        other @ (Reply::Waiting(_) | Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
    };
    let place = Place::new(options());
    let (plain, asks) = (place.hold("SELECT 1").await, place.hold(ASKS).await);
    assert_ne!(plain, asks);
    assert!(place.desk.view(asks).unwrap().about.asks_unmasked);
    let unasked = place.desk.decide(plain, &rita(), ruling(Verdict::ApproveUnmasked, None), FIRST).await;
    assert!(matches!(unasked, Err(NotDecided::NotAsked)));
    place.approve(plain).await;
    // The approval of the one serves the other in neither direction.
    assert_eq!(place.hold(ASKS).await, asks);
    place.desk.decide(asks, &rita(), ruling(Verdict::ApproveUnmasked, None), FIRST).await.unwrap();
    assert!(!unmasked(place.ask("SELECT 1").await));
    // It is known after a crash, and used once.
    let place = place.again();
    assert_eq!(place.desk.view(asks).unwrap().decided.unwrap().verdict, Verdict::ApproveUnmasked);
    assert!(unmasked(place.ask(ASKS).await));
    let again = place.hold(ASKS).await;
    place.approve(again).await;
    assert!(!unmasked(place.ask(ASKS).await));
}

#[tokio::test]
async fn the_record_says_that_an_approval_was_for_unmasked_values() {
    const ASKS: &str = "/* pgsluice:unmask */ SELECT 1";
    let place = Place::new(options());
    let hold = place.hold(ASKS).await;
    place.desk.decide(hold, &rita(), ruling(Verdict::ApproveUnmasked, None), FIRST).await.unwrap();
    let mut reader = Reader::open(place.folder.path(), 1);
    let mut decisions = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        if let Some(crate::audit::Event::Decided(decided)) = entry.event().unwrap() {
            decisions.push(decided.decision);
        }
    }
    assert_eq!(decisions, [crate::audit::event::Decision::ApprovedUnmasked]);
}

#[tokio::test]
async fn an_approval_is_for_what_it_was_given_for() {
    let place = Place::new(options());
    let bound = |types: &[u32], formats: &[i16], values: &[Option<&[u8]>]| {
        let values = values.iter().map(|value| value.map(|value| Zeroizing::new(value.to_vec()))).collect();
        let bind = Parameters { formats: formats.into(), values };
        let sql = Zeroizing::new(b"DELETE FROM t WHERE a = $1".to_vec());
        asking(Message::Extended { sql, types: types.into(), bind })
    };
    let changed = |change: fn(&mut Petition)| {
        let mut petition = bound(&[25], &[0], &[Some(b"1")]);
        change(&mut petition);
        petition
    };
    let objects = |objects: &[u32]| {
        let mut petition = changed(|_| {});
        Arc::get_mut(&mut petition.grounds).unwrap().resolved.objects = objects.to_vec();
        petition
    };
    let decided_by = |groups: &[&str]| {
        let mut petition = changed(|_| {});
        Arc::get_mut(&mut petition.grounds).unwrap().groups = groups.iter().map(|group| (*group).into()).collect();
        petition
    };
    let over = crate::gate::hold::Over { quantity: crate::gate::hold::Quantity::Rows, limit: 10, raised: 100 };
    let mut raised = changed(|_| {});
    raised.over = Some(over);
    let mut raised_more = changed(|_| {});
    raised_more.over = Some(crate::gate::hold::Over { raised: 1000, ..over });
    let all = [
        changed(|_| {}),
        petition("DELETE FROM t WHERE a = $1"),
        bound(&[23], &[0], &[Some(b"1")]),
        bound(&[25], &[1], &[Some(b"1")]),
        bound(&[25], &[], &[Some(b"1")]),
        bound(&[25], &[0], &[Some(b"")]),
        bound(&[25], &[0], &[None]),
        bound(&[25], &[0], &[Some(b"1"), None]),
        bound(&[25], &[0], &[Some(b"12")]),
        changed(|petition| petition.settings.push(("DateStyle".into(), "ISO".into()))),
        changed(|petition| petition.settings.push(("DateStyleI".into(), "SO".into()))),
        objects(&[5]),
        objects(&[5, 7]),
        decided_by(&["dba"]),
        decided_by(&["dba", "legal"]),
        raised,
        raised_more,
    ];
    let mut holds = Vec::new();
    for petition in &all {
        holds.push(waiting(place.desk.petition(&subject(1), petition.clone(), None).await));
    }
    let mut other = (*subject(1)).clone();
    other.database = "other".into();
    holds.push(waiting(place.desk.petition(&Arc::new(other.clone()), all[0].clone(), None).await));
    other.database = "shop".into();
    other.role = "owner".into();
    holds.push(waiting(place.desk.petition(&Arc::new(other), all[0].clone(), None).await));
    holds.push(waiting(place.desk.petition(&subject(2), all[0].clone(), None).await));
    let distinct: std::collections::HashSet<_> = holds.iter().collect();
    assert_eq!(distinct.len(), holds.len());
    // And the same again joins its own.
    for (petition, hold) in all.iter().zip(&holds) {
        assert_eq!(waiting(place.desk.petition(&subject(1), petition.clone(), None).await), *hold);
    }
    assert_eq!(waiting(place.desk.petition(&subject(1), objects(&[6, 5, 5]), None).await), holds[0]);
}

#[tokio::test]
async fn what_people_see_is_masked_after_a_restart_too() {
    let place = Place::new(options());
    let bind = Parameters {
        formats: [0].into(),
        values: [&b"hunter2"[..], b"\xffbob@example.com"].map(|value| Some(Zeroizing::new(value.to_vec()))).into(),
    };
    let sql = "UPDATE t SET password = $1, note = $2 WHERE email = 'bob@example.com'";
    let message = Message::Extended { sql: Zeroizing::new(sql.as_bytes().to_vec()), types: [25, 25].into(), bind };
    let claims = Petition {
        tags: vec![Tag { name: "for".into(), value: "bob@example.com".into() }],
        task: Some("card 4111111111111111".into()),
        ..asking(message)
    };
    let hold = waiting(place.desk.petition(&subject(1), claims, None).await);
    let seen = |place: &Place| place.desk.view(hold).unwrap().matter.unwrap();
    let before = seen(&place).masked(&place.desk.masking());
    let place = place.again();
    let (sight, places) = seen(&place).masked(&place.desk.masking());
    assert_eq!((&sight.sql, places), (&before.0.sql, before.1));
    assert_eq!(places, 5);
    let text = |written: &Written| match written {
        Written::Text(text) => text.to_string(),
        Written::Bytes(_) | Written::Null => panic!("no text"),
    };
    assert_eq!(text(&sight.sql), "UPDATE t SET password = $1, note = $2 WHERE email = '[EMAIL]'");
    let values: Vec<_> = sight.parameters.iter().map(|one| text(&one.value)).collect();
    assert_eq!(values, ["[PASSWORD]", "[DERIVED] (16 bytes)"]);
    assert_eq!((&*sight.tags[0].value, sight.task.as_deref()), ("[EMAIL]", Some("card [CREDIT_CARD]")));
    // What it stands for is still there.
    assert_eq!(text(&seen(&place).sql), sql);
}

#[tokio::test]
async fn nobody_decides_who_may_not_and_nothing_is_decided_twice() {
    let place = Place::new(options());
    let hold = place.hold("DROP TABLE t").await;
    let decide = async |decider: &Decider, verdict| place.desk.decide(hold, decider, ruling(verdict, None), FIRST).await;
    let ann = Decider { name: "Ann ".into(), ..rita() };
    assert!(matches!(decide(&ann, Verdict::Approve).await, Err(NotDecided::OwnAgent)));
    let auditor = Decider { reviews: false, ..rita() };
    assert!(matches!(decide(&auditor, Verdict::Deny).await, Err(NotDecided::Role)));
    let nowhere = place.desk.decide(HoldId::of(1), &rita(), ruling(Verdict::Approve, None), FIRST).await;
    assert!(matches!(nowhere, Err(NotDecided::Unknown)));
    let long = "x".repeat(LONGEST_REASON + 1);
    assert!(matches!(place.desk.decide(hold, &rita(), ruling(Verdict::Deny, Some(&long)), FIRST).await, Err(NotDecided::TooLong)));
    assert_eq!(place.record(), ["held"]);
    let bob = Decider { name: "bob".into(), ..rita() };
    let rita = rita();
    let (one, two) = tokio::join!(decide(&rita, Verdict::Deny), decide(&bob, Verdict::Approve));
    assert_eq!(one.unwrap().state, State::Denied);
    let Err(NotDecided::Already(view)) = two else { panic!() };
    assert_eq!((view.state, view.decided.unwrap().by), (State::Denied, "rita".into()));
    assert_eq!(place.record(), ["held", "decided"]);
    let place = Place::new(Options { single_person: true, ..options() });
    let hold = place.hold("DROP TABLE u").await;
    let decided = place.desk.decide(hold, &ann, ruling(Verdict::Approve, None), FIRST).await.unwrap().decided.unwrap();
    assert!(decided.single_person);
}

#[tokio::test]
async fn a_denial_stands_as_long_as_the_hold_would_have() {
    let place = Place::new(Options { expires: Duration::from_millis(400), ..options() });
    let hold = place.hold("DROP TABLE t").await;
    let until = place.desk.view(hold).unwrap().until;
    place.desk.decide(hold, &rita(), ruling(Verdict::Deny, Some(" use a view ")), FIRST).await.unwrap();
    let report = refused(place.ask("DROP TABLE t").await);
    assert_eq!((&*report.code, &*report.message), ("PS002", "denied by a reviewer: use a view"));
    assert!(place.desk.view(hold).unwrap().matter.is_none());
    while crate::host::when::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_ne!(place.hold("DROP TABLE t").await, hold);
}

#[tokio::test]
async fn what_expires_wakes_who_waits_and_is_told_once() {
    let place = Place::new(Options { expires: Duration::from_millis(1), approval_expires: Duration::ZERO, ..options() });
    let hold = place.hold("DROP TABLE t").await;
    place.desk.decided(hold).await;
    let late = place.desk.decide(hold, &rita(), ruling(Verdict::Approve, None), FIRST).await;
    assert!(matches!(late, Err(NotDecided::Expired)), "{late:?}");
    let report = refused(place.desk.petition(&subject(1), petition("DROP TABLE t"), Some(hold)).await);
    assert_eq!(report.code, "PS003");
    assert!(place.desk.view(hold).unwrap().matter.is_none());
    place.desk.keep(Options { approval_expires: Duration::ZERO, ..options() });
    let hold = place.hold("DROP TABLE t").await;
    place.approve(hold).await;
    // Approved, and too late to be used.
    let other = place.hold("DROP TABLE t").await;
    assert_ne!(other, hold);
    assert_eq!(place.record(), ["held", "decided", "held", "decided", "decided", "held"]);
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_gives_its_approvals_back() {
    let place = Place::new(options());
    let ask = async || {
        let petition = Petition { open_work: true, ..petition("DROP TABLE t") };
        place.desk.petition(&subject(1), petition, None).await
    };
    let hold = waiting(ask().await);
    place.approve(hold).await;
    for _ in 0..3 {
        assert_eq!(granted(ask().await), hold);
        assert_eq!(place.desk.view(hold).unwrap().state, State::Reserved);
        place.desk.settle(&[hold], false);
    }
    assert_eq!(granted(ask().await), hold);
    place.desk.settle(&[hold], true);
    place.desk.settle(&[hold], false);
    assert_ne!(waiting(ask().await), hold);
    assert_eq!(place.desk.view(hold).unwrap().state, State::Spent);
    assert_eq!(place.record()[2..8], ["spent", "returned", "spent", "returned", "spent", "returned"]);
}

#[tokio::test]
async fn an_approval_for_somebody_who_is_gone_is_given_back() {
    let place = Place::new(options());
    let hold = place.hold("DROP TABLE t").await;
    place.approve(hold).await;
    for answered in [false, true] {
        // The clerk is at something else while the session asks.
        let (go_on, told) = std::sync::mpsc::channel::<()>();
        place.desk.thread.tell(move |_| {
            told.recv().ok();
            Ok(())
        });
        let mut asked = Box::pin(place.ask("DROP TABLE t"));
        assert!(futures_util::poll!(&mut asked).is_pending());
        if answered {
            // Gone between the answer and the disk.
            go_on.send(()).unwrap();
            place.done().await;
            assert_eq!(place.desk.view(hold).unwrap().state, State::Reserved);
            drop(asked);
        } else {
            drop(asked);
            go_on.send(()).unwrap();
        }
        place.done().await;
        place.done().await;
        assert_eq!(place.desk.view(hold).unwrap().state, State::Approved);
    }
    assert_eq!(granted(place.ask("DROP TABLE t").await), hold);
}

#[tokio::test]
async fn of_many_who_redeem_an_approval_one_gets_it() {
    let place = Place::new(options());
    for round in 0..20 {
        let sql = format!("DROP TABLE t{round}");
        let hold = place.hold(&sql).await;
        place.approve(hold).await;
        let all: Vec<_> = (0..8)
            .map(|_| {
                let (desk, petition) = (Arc::clone(&place.desk), petition(&sql));
                // Each on a thread and an event loop of its own, as workers are.
                let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
                let ask = move || runtime().block_on(async { desk.petition(&subject(1), petition, None).await });
                tokio::task::spawn_blocking(ask)
            })
            .collect();
        let (mut grants, mut joined) = (Vec::new(), std::collections::HashSet::new());
        for one in all {
            match one.await.unwrap() {
                Reply::Granted(grant) => grants.push(grant.hold()),
                Reply::Waiting(waiting) => drop(joined.insert(waiting.hold)),
                other @ (Reply::Refused(_) | Reply::Nothing) => panic!("{other:?}"),
            }
        }
        assert_eq!(grants, [hold]);
        assert_eq!(joined.len(), 1);
    }
}

#[tokio::test]
async fn open_holds_of_an_agent_are_bounded() {
    let place = Place::new(Options { max_open_per_agent: 2, ..options() });
    let first = place.hold("DROP TABLE a").await;
    place.hold("DROP TABLE b").await;
    assert_eq!(refused(place.ask("DROP TABLE c").await).code, "PS004");
    assert_eq!(place.hold("DROP TABLE a").await, first);
    waiting(place.desk.petition(&subject(2), petition("DROP TABLE c"), None).await);
    place.desk.decide(first, &rita(), ruling(Verdict::Deny, None), FIRST).await.unwrap();
    place.hold("DROP TABLE c").await;
    let long = format!("SELECT '{}'", "x".repeat(book::MOST_HELD));
    assert_eq!(refused(place.desk.petition(&subject(3), petition(&long), None).await).code, "PS004");
}

#[tokio::test]
async fn a_stored_message_is_for_its_agent_alone() {
    let place = Place::new(options());
    let hold = place.hold("/* a */ DROP TABLE t").await;
    assert_eq!(place.desk.stored(&subject(1), hold).await.unwrap().sql(), b"/* a */ DROP TABLE t");
    let foreign = place.desk.stored(&subject(2), hold).await.unwrap_err();
    let unknown = place.desk.stored(&subject(1), HoldId::of(hold.number() ^ 1)).await.unwrap_err();
    let without_id =
        |report: &Report| report.message.replace(&hold.to_string(), "").replace(&HoldId::of(hold.number() ^ 1).to_string(), "");
    assert_eq!(without_id(&foreign), without_id(&unknown));
    assert_eq!((foreign.code, foreign.detail, foreign.hint), (unknown.code, unknown.detail, unknown.hint));
    place.approve(hold).await;
    granted(place.ask("DROP TABLE t").await);
    place.done().await;
    assert_eq!(place.desk.stored(&subject(1), hold).await.unwrap_err().code, "PS003");
}

#[tokio::test]
async fn a_revoked_agents_holds_are_withdrawn() {
    let place = Place::new(options());
    let (one, two) = (place.hold("DROP TABLE t").await, place.hold("DROP TABLE u").await);
    let other = waiting(place.desk.petition(&subject(2), petition("DROP TABLE t"), None).await);
    place.approve(two).await;
    let waits = place.desk.decided(one);
    place.desk.withdraw(1);
    waits.await;
    place.done().await;
    let state = |hold| place.desk.view(hold).unwrap().state;
    assert_eq!([one, two, other].map(state), [State::Withdrawn, State::Withdrawn, State::Waiting]);
    assert_eq!(place.desk.agents().len(), 1);
    let late = place.desk.decide(one, &rita(), ruling(Verdict::Approve, None), FIRST).await;
    assert!(matches!(late, Err(NotDecided::Already(_))));
}

#[tokio::test]
async fn holds_outlive_a_restart_and_nothing_that_was_used_does() {
    let place = Place::new(options());
    let waits = place.hold("DROP TABLE waits").await;
    let approved = place.hold("DROP TABLE approved").await;
    let denied = place.hold("DROP TABLE denied").await;
    let spent = place.hold("DROP TABLE spent").await;
    let reserved = place.hold("DROP TABLE reserved").await;
    for hold in [approved, spent, reserved] {
        place.approve(hold).await;
    }
    place.desk.decide(denied, &rita(), ruling(Verdict::Deny, Some("no")), FIRST).await.unwrap();
    granted(place.ask("DROP TABLE spent").await);
    let in_transaction = Petition { open_work: true, ..petition("DROP TABLE reserved") };
    granted(place.desk.petition(&subject(1), in_transaction, None).await);
    let before = place.desk.view(waits).unwrap();
    let place = place.again();
    let view = place.desk.view(waits).unwrap();
    assert_eq!(view.about, before.about);
    let (now, then) = (view.matter.unwrap(), before.matter.unwrap());
    assert_eq!((now.sql, now.tags, now.task, now.findings), (then.sql, then.tags, then.task, then.findings));
    assert_eq!((now.relations, now.estimate), (then.relations, then.estimate));
    assert_eq!(refused(place.ask("DROP TABLE denied").await).message, "denied by a reviewer: no");
    assert_eq!(place.hold("DROP TABLE waits").await, waits);
    assert_eq!(granted(place.ask("DROP TABLE approved").await), approved);
    for sql in ["DROP TABLE spent", "DROP TABLE reserved", "DROP TABLE approved"] {
        assert!(![spent, reserved, approved].contains(&place.hold(sql).await), "{sql}");
    }
}

/// The database as it was before is put back: what the journal has since is not forgotten.
#[tokio::test]
async fn an_older_database_unspends_nothing() {
    let place = Place::new(options());
    let spent = place.hold("DROP TABLE spent").await;
    let denied = place.hold("DROP TABLE denied").await;
    let waits = place.hold("DROP TABLE waits").await;
    place.approve(spent).await;
    let copy = tempfile::tempdir().unwrap();
    let saved = copy.path().join("state.db");
    let saved_to = saved.clone();
    let place = place.again_with(move |folder| {
        let from = rusqlite::Connection::open(folder.join("state.db")).unwrap();
        from.execute("VACUUM INTO ?1", [saved_to.to_str().unwrap()]).unwrap();
    });
    assert_eq!(granted(place.ask("DROP TABLE spent").await), spent);
    place.desk.decide(denied, &rita(), ruling(Verdict::Deny, None), FIRST).await.unwrap();
    let newer = place.hold("DROP TABLE newer").await;
    let place = place.again_with(|folder| {
        for name in ["state.db-wal", "state.db-shm"] {
            std::fs::remove_file(folder.join(name)).ok();
        }
        std::fs::copy(&saved, folder.join("state.db")).unwrap();
    });
    assert_eq!(place.desk.view(spent).unwrap().state, State::Spent);
    assert_eq!(place.desk.view(denied).unwrap().state, State::Denied);
    assert_eq!(place.hold("DROP TABLE waits").await, waits);
    // On the record, and nobody knows what it was about: withdrawn there too.
    assert!(place.desk.view(newer).is_none());
    assert_ne!(place.hold("DROP TABLE newer").await, newer);
    assert_eq!(place.record()[4..], ["spent", "decided", "held", "decided", "held"]);
}

#[tokio::test]
async fn in_another_epoch_or_without_its_key_or_journal_nothing_is_left() {
    let new_epoch = |folder: &Path| {
        rusqlite::Connection::open(folder.join("state.db")).unwrap().execute("UPDATE epoch SET number = number + 1", ()).unwrap();
    };
    let no_key = |folder: &Path| std::fs::remove_file(folder.join("hold.key")).unwrap();
    let ahead = |folder: &Path| {
        rusqlite::Connection::open(folder.join("state.db")).unwrap().execute("UPDATE desk SET seq = 1000000", ()).unwrap();
    };
    let no_journal = |folder: &Path| std::fs::remove_dir_all(folder.join("journal")).unwrap();
    for (name, between) in [("epoch", new_epoch as fn(&Path)), ("key", no_key), ("ahead", ahead), ("journal", no_journal)] {
        let place = Place::new(options());
        let hold = place.hold("DROP TABLE t").await;
        place.hold("DROP TABLE u").await;
        place.approve(hold).await;
        let place = place.again_with(between);
        assert!(place.desk.list(Which::Open).is_empty(), "{name}: {:?}", place.states());
        assert_eq!(place.record().iter().rev().take(2).copied().collect::<Vec<_>>(), ["decided", "decided"], "{name}");
        assert_ne!(place.hold("DROP TABLE t").await, hold, "{name}");
    }
}

#[tokio::test]
async fn nothing_that_was_held_is_readable_and_what_has_closed_is_erased() {
    let place = Place::new(options());
    let secret = "sesame-5501";
    let hold = place.hold(&format!("DROP TABLE \"{secret}\"")).await;
    let rows = |place: &Place| -> (i64, i64) {
        let sql = "SELECT count(*), count(matter) FROM hold";
        rusqlite::Connection::open(place.folder.path().join("state.db"))
            .unwrap()
            .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
    };
    assert_eq!(rows(&place), (1, 1));
    for file in walk(place.folder.path()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{file:?}");
    }
    place.desk.decide(hold, &rita(), ruling(Verdict::Deny, None), FIRST).await.unwrap();
    place.desk.close();
    assert_eq!(rows(&place), (1, 0));
    let hidden = std::fs::metadata(place.folder.path().join("hold.key")).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&hidden.permissions()) & 0o777, 0o600);
    drop(place.state);
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// A journal that writes no more: nothing is held, decided or spent.
#[tokio::test]
async fn without_a_record_nothing_happens() {
    let place = Place::new(options());
    let hold = place.hold("DROP TABLE t").await;
    let approved = place.hold("DROP TABLE u").await;
    place.approve(approved).await;
    place.journal.close().unwrap();
    assert_eq!(refused(place.ask("DROP TABLE new").await).code, "58030");
    assert_eq!(refused(place.ask("DROP TABLE u").await).code, "58030");
    let decided = place.desk.decide(hold, &rita(), ruling(Verdict::Approve, None), FIRST).await;
    assert!(matches!(decided, Err(NotDecided::Unrecordable(_))));
    assert_eq!(place.desk.view(hold).unwrap().state, State::Waiting);
    let place = place.again();
    assert_eq!(place.desk.view(hold).unwrap().state, State::Waiting);
    assert_eq!(granted(place.ask("DROP TABLE u").await), approved);
}

#[tokio::test]
async fn whoever_follows_hears_of_every_step_in_order() {
    let place = Place::new(options());
    let mut steps = place.desk.follow();
    let hold = place.hold("DROP TABLE t").await;
    place.approve(hold).await;
    granted(place.ask("DROP TABLE t").await);
    for state in [State::Waiting, State::Approved, State::Reserved, State::Spent] {
        assert_eq!(steps.recv().await.unwrap(), Step { hold, state });
    }
    assert_eq!(
        place.desk.standings().iter().map(|(standing, _)| (standing.id, standing.state)).collect::<Vec<_>>(),
        [(hold, State::Spent)]
    );
}
