//! Several people about one hold, and one word about several holds: who counts, what is asked and answered, and what a restart makes of it.

use super::*;

fn person(name: &str, groups: &[&str]) -> Decider {
    Decider { name: name.into(), groups: groups.iter().map(|group| (*group).into()).collect(), ..rita() }
}

/// A statement whose rule wants these groups, and so many of them.
fn wanting(sql: &str, groups: &[&str], approvals: u32) -> Petition {
    let mut petition = petition(sql);
    let grounds = Arc::get_mut(&mut petition.grounds).unwrap();
    (grounds.groups, grounds.approvals) = (groups.iter().map(|group| (*group).into()).collect(), approvals);
    petition
}

fn answering(petition: &Petition, text: &str) -> Petition {
    let answer = Some(crate::session::asking::Said { text: text.into(), kept: Some("masked".into()) });
    Petition { answer, ..petition.clone() }
}

impl Place {
    async fn sent(&self, petition: &Petition) -> Reply {
        self.desk.petition(&subject(1), petition.clone(), None).await
    }

    async fn says(&self, hold: HoldId, who: &Decider, verdict: Verdict) -> Result<View, NotDecided> {
        self.desk.decide(hold, who, ruling(verdict, Some("so")), self.seen(hold)).await
    }

    fn seen(&self, hold: HoldId) -> Seen {
        Seen { turns: self.desk.view(hold).unwrap().talk.turns(), ..FIRST }
    }

    async fn asks(&self, hold: HoldId, question: &str) -> Result<View, NotDecided> {
        self.desk.ask(hold, &rita(), question, self.seen(hold), "web").await
    }
}

#[tokio::test]
async fn as_many_different_people_approve_as_the_rule_wants_and_a_restart_forgets_none() {
    let place = Place::new(options());
    let two = wanting("DROP TABLE t", &["dba", "legal"], 2);
    let hold = waiting(place.sent(&two).await);
    let (rita, sam) = (person("rita", &["dba", "legal"]), person("sam", &["LEGAL"]));
    let outsider = place.says(hold, &person("kim", &["ops"]), Verdict::Approve).await;
    assert!(matches!(outsider, Err(NotDecided::Group)));
    let owner = place.says(hold, &person("ann", &["dba"]), Verdict::Approve).await;
    assert!(matches!(owner, Err(NotDecided::OwnAgent)));
    let view = place.says(hold, &rita, Verdict::Approve).await.unwrap();
    assert_eq!((view.state, view.missing(), view.decided), (State::Waiting, 1, None));
    // In two groups, and after a restart, and with the database as it was before: one person.
    let place = place.again();
    assert!(matches!(place.says(hold, &rita, Verdict::Approve).await, Err(NotDecided::Again)));
    assert_eq!(waiting(place.sent(&two).await), hold);
    let view = place.says(hold, &sam, Verdict::Approve).await.unwrap();
    assert_eq!((view.state, view.decided.unwrap().by), (State::Approved, "sam".into()));
    let names: Vec<_> = view.talk.assents.iter().map(|one| &*one.by).collect();
    assert_eq!(names, ["rita", "sam"]);
    // Another number of people is another thing to approve.
    assert_ne!(waiting(place.sent(&wanting("DROP TABLE t", &["dba", "legal"], 3)).await), hold);
    assert_eq!(granted(place.sent(&two).await), hold);
    assert_eq!(place.record(), ["held", "decided", "decided", "held", "spent"]);
}

#[tokio::test]
async fn one_of_several_denies_and_two_at_the_same_instant_both_count() {
    let place = Place::new(options());
    let hold = waiting(place.sent(&wanting("DROP TABLE t", &[], 2)).await);
    let (rita, sam) = (person("rita", &[]), person("sam", &[]));
    let (one, two) = tokio::join!(place.says(hold, &rita, Verdict::Approve), place.says(hold, &sam, Verdict::Approve));
    assert_eq!((one.unwrap().state, two.unwrap().state), (State::Waiting, State::Approved));
    let late = place.says(hold, &person("kim", &[]), Verdict::Approve).await;
    let Err(error @ NotDecided::Already(_)) = late else { panic!("{late:?}") };
    assert_eq!(error.to_string(), "already decided by sam: it is approved");
    let hold = waiting(place.sent(&wanting("DROP TABLE u", &[], 3)).await);
    place.says(hold, &rita, Verdict::Approve).await.unwrap();
    assert_eq!(place.says(hold, &rita, Verdict::Deny).await.unwrap().state, State::Denied);
    assert!(matches!(place.says(hold, &sam, Verdict::Approve).await, Err(NotDecided::Already(_))));
}

#[tokio::test]
async fn a_question_ends_the_wait_and_its_answer_reopens_the_hold() {
    let place = Place::new(options());
    let drop = petition("DROP TABLE t");
    let hold = waiting(place.sent(&drop).await);
    let waits = place.desk.decided(hold);
    let (asked, ()) = tokio::join!(place.asks(hold, "Which table is this?"), waits);
    assert_eq!(asked.unwrap().state, State::Asked);
    assert!(matches!(place.asks(hold, "And this?").await, Err(NotDecided::AskedAlready)));
    // Whoever waited is told, also where the text has what was said before anybody asked.
    let waited = place.desk.petition(&subject(1), Petition { awaited: Some(hold), ..answering(&drop, "old") }, Some(hold)).await;
    let report = refused(waited);
    assert_eq!((&*report.code, &*report.message), ("PS005", format!("a reviewer asks about hold {hold}: Which table is this?").as_str()));
    assert!(report.hint.unwrap().contains("/* pgsluice:answer='…' */"));
    let place = place.again();
    assert_eq!(refused(place.sent(&drop).await).code, "PS005");
    let Reply::Waiting(answered) = place.sent(&answering(&drop, "the old one, of bob@example.com")).await else { panic!() };
    assert!(answered.hold == hold && answered.answered);
    // What is on disk is saved before the second of these.
    place.done().await;
    place.done().await;
    let place = place.again();
    let view = place.desk.view(hold).unwrap();
    assert_eq!((view.state, view.talk.exchanges.len()), (State::Waiting, 1));
    assert_eq!(&*view.talk.exchanges[0].answer.as_ref().unwrap().text, "the old one, of bob@example.com");
    let (masked, places) = view.masked_talk(&place.desk.masking());
    assert_eq!((&*masked.exchanges[0].answer.as_ref().unwrap().text, places), ("the old one, of [EMAIL]", 1));
    // What was shown before the answer is not what is decided.
    let before = place.desk.decide(hold, &rita(), ruling(Verdict::Approve, None), Seen { turns: 1, ..FIRST }).await;
    assert!(matches!(before, Err(NotDecided::Changed)));
    place.asks(hold, "Are you sure?").await.unwrap();
    let stale = refused(place.sent(&answering(&drop, "the old one, of bob@example.com")).await);
    assert!(stale.detail.unwrap().contains("answered an earlier question"));
    // People need not await the answer.
    let view = place.says(hold, &rita(), Verdict::Approve).await.unwrap();
    assert_eq!(view.state, State::Approved);
    assert_eq!(granted(place.sent(&drop).await), hold);
    place.done().await;
    let erased = place.desk.view(hold).unwrap().talk;
    assert_eq!(erased.exchanges[0].answer.as_ref().map(|answer| answer.text.is_empty()), Some(true));
    assert_eq!(place.record(), ["held", "decided", "answered", "decided", "decided", "spent"]);
}

#[tokio::test]
async fn whom_it_is_passed_on_to_decides_also_after_a_crash() {
    let place = Place::new(options());
    let hold = waiting(place.sent(&wanting("DROP TABLE t", &["dba"], 1)).await);
    let (rita, lea) = (person("rita", &["dba"]), person("lea", &["legal"]));
    assert!(matches!(place.desk.pass(hold, &lea, ("dba", "mine"), FIRST, "web").await, Err(NotDecided::Group)));
    let copy = tempfile::tempdir().unwrap();
    let saved = copy.path().join("state.db");
    let saved_to = saved.clone();
    let place = place.again_with(move |folder| {
        let from = rusqlite::Connection::open(folder.join("state.db")).unwrap();
        from.execute("VACUUM INTO ?1", [saved_to.to_str().unwrap()]).unwrap();
    });
    place.desk.pass(hold, &rita, ("legal", "contracts"), FIRST, "web").await.unwrap();
    place.desk.ask(hold, &lea, "Whose?", place.seen(hold), "web").await.unwrap();
    // The database as it was before: the journal knows.
    let place = place.again_with(|folder| {
        for name in ["state.db-wal", "state.db-shm"] {
            std::fs::remove_file(folder.join(name)).ok();
        }
        std::fs::copy(&saved, folder.join("state.db")).unwrap();
    });
    let view = place.desk.view(hold).unwrap();
    assert_eq!((view.state, view.groups()), (State::Asked, &["legal".into()][..]));
    assert_eq!((&*view.talk.passes[0].reason, &*view.talk.exchanges[0].question), ("contracts", "Whose?"));
    assert!(matches!(place.says(hold, &rita, Verdict::Approve).await, Err(NotDecided::Group)));
    assert_eq!(place.says(hold, &lea, Verdict::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn several_are_decided_by_one_word_or_none_is() {
    let place = Place::new(options());
    let mut holds = Vec::new();
    for sql in ["DROP TABLE a", "DROP TABLE b", "DROP TABLE c"] {
        holds.push(place.hold(sql).await);
    }
    let named = |holds: &[HoldId]| holds.iter().map(|hold| (*hold, 0)).collect::<Vec<_>>();
    let all = named(&holds);
    let decide =
        async |holds, who: &Decider, verdict| place.desk.decide_together(holds, who, ruling(verdict, Some("so")), FIRST.digest).await;
    assert!(matches!(decide(all.clone(), &person("ann", &[]), Verdict::Approve).await, Err(NotDecided::OwnAgent)));
    assert!(matches!(decide(all.clone(), &rita(), Verdict::ApproveUnmasked).await, Err(NotDecided::NotTogether)));
    assert!(matches!(decide(Vec::new(), &rita(), Verdict::Approve).await, Err(NotDecided::NotTogether)));
    let one_changed = vec![(holds[0], 0), (holds[1], 7)];
    assert!(matches!(decide(one_changed, &rita(), Verdict::Approve).await, Err(NotDecided::Changed)));
    assert_eq!(place.states(), [State::Waiting; 3]);
    let [first, ..] = holds[..] else { panic!() };
    let views = decide(named(&[first, holds[1], first]), &rita(), Verdict::Approve).await.unwrap();
    assert_eq!(views.iter().map(|view| view.state).collect::<Vec<_>>(), [State::Approved; 2]);
    // One of them is decided: the other stays as it is.
    assert!(matches!(decide(all, &rita(), Verdict::Deny).await, Err(NotDecided::Already(_))));
    assert_eq!(place.desk.view(holds[2]).unwrap().state, State::Waiting);
    let place = place.again();
    assert_eq!(granted(place.ask("DROP TABLE a").await), first);
    assert_eq!(place.record(), ["held", "held", "held", "decided-together", "spent"]);
}
