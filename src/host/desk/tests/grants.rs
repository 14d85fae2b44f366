//! Standing grants: for which statements, how often, how long, and what a restart and a crash make of them.

use super::super::grants;
use super::*;
use crate::gate::hold::Room;
use crate::session::asking::Purpose;

const DELETE: &str = "DELETE FROM t WHERE id = 5 AND kind = 'old'";

/// With the facts that its text has.
fn reading(sql: &str) -> Petition {
    let mut petition = petition(sql);
    let facts = crate::sql::read(sql.as_bytes());
    let grounds = Arc::get_mut(&mut petition.grounds).unwrap();
    grounds.effects = facts.effects;
    grounds.resolved = Resolved { objects: vec![5], ..Resolved::of_text(&facts) };
    petition.facts = Arc::new(facts);
    petition
}

fn terms(times: u32, rooms: &[(u32, i64, i64)]) -> Terms {
    let rooms = rooms.iter().map(|(number, from, to)| Room { number: *number, from: *from, to: *to }).collect();
    Terms { lasts: 3_600_000_000, times, rooms }
}

impl Place {
    async fn send(&self, sql: &str) -> Reply {
        self.desk.petition(&subject(1), reading(sql), None).await
    }

    async fn makes(&self, hold: HoldId, terms: Terms) -> Result<StandingGrant, NotDecided> {
        let made = self.desk.grant(hold, &rita(), ruling(Verdict::Approve, Some("clean-up")), terms, FIRST).await;
        made.map(|(view, grant)| {
            assert_eq!(view.state, State::Approved);
            grant
        })
    }

    async fn made(&self, sql: &str, terms: Terms) -> StandingGrant {
        let hold = waiting(self.send(sql).await);
        let grant = self.makes(hold, terms).await.unwrap();
        // The approval itself is used first.
        assert_eq!(granted(self.send(sql).await), hold);
        grant
    }
}

#[tokio::test]
async fn it_is_for_statements_that_are_the_same_but_for_numbers_within_their_bounds() {
    let place = Place::new(options());
    let grant = place.made(DELETE, terms(3, &[(1, 1, 9)])).await;
    let mut runs = std::collections::HashSet::new();
    for sql in ["DELETE FROM t WHERE id = 1 AND kind = 'old'", "/* run='2' */ DELETE FROM t WHERE id = 9 AND kind = 'old' -- so"] {
        assert!(runs.insert(granted(place.send(sql).await)), "each run has a number of its own");
    }
    for other in [
        "DELETE FROM t WHERE id = 10 AND kind = 'old'",
        "DELETE FROM t WHERE id = 0 AND kind = 'old'",
        "DELETE FROM t WHERE id = 5 AND kind = 'new'",
        "DELETE FROM t WHERE id = -5 AND kind = 'old'",
        "DELETE FROM t WHERE id = 05 AND kind = 'old'",
        "DELETE FROM t WHERE id = 00 AND kind = 'old'",
        "DELETE FROM t WHERE id = 5 AND kind = 'old' OR true",
        "DELETE FROM t WHERE id >= 5 AND kind = 'old'",
        "DELETE FROM u WHERE id = 5 AND kind = 'old'",
    ] {
        waiting(place.send(other).await);
    }
    let changed = async |change: fn(&mut Petition)| {
        let mut petition = reading(DELETE);
        change(&mut petition);
        waiting(place.desk.petition(&subject(1), petition, None).await)
    };
    changed(|petition| Arc::get_mut(&mut petition.grounds).unwrap().resolved.objects.push(6)).await;
    changed(|petition| Arc::get_mut(&mut petition.grounds).unwrap().groups = Arc::from(["dba".into()])).await;
    changed(|petition| Arc::get_mut(&mut petition.grounds).unwrap().rule = "another".into()).await;
    changed(|petition| Arc::get_mut(&mut petition.grounds).unwrap().effects |= Effect::Code.into()).await;
    changed(|petition| Arc::get_mut(&mut petition.grounds).unwrap().unmask = true).await;
    changed(|petition| petition.settings.push(("DateStyle".into(), "ISO".into()))).await;
    waiting(place.desk.petition(&subject(2), reading(DELETE), None).await);
    let mut elsewhere = (*subject(1)).clone();
    elsewhere.database = "other".into();
    waiting(place.desk.petition(&Arc::new(elsewhere), reading(DELETE), None).await);
    assert_eq!(place.desk.grants()[0].lasting.used, 2);
    granted(place.send(DELETE).await);
    // Used up.
    waiting(place.send(DELETE).await);
    assert!(place.desk.grants().is_empty());
    assert!(matches!(place.desk.revoke(grant.id, &rita(), None).await, Err(NotDecided::UnknownGrant)));
    let record = place.record();
    assert_eq!(record[..3], ["held", "granted", "decided"]);
    assert_eq!(record.iter().filter(|word| **word == "spent").count(), 4);
}

#[tokio::test]
async fn parameters_have_room_as_numbers_in_the_text_do() {
    let place = Place::new(options());
    let bound = |id: i32, text: &str| {
        let values = vec![Some(Zeroizing::new(id.to_be_bytes().to_vec())), Some(Zeroizing::new(text.as_bytes().to_vec()))];
        let bind = Parameters { formats: [1, 0].into(), values };
        let sql = "UPDATE t SET a = $2 WHERE id = $1 AND n < 7";
        let message = Message::Extended { sql: Zeroizing::new(sql.as_bytes().to_vec()), types: [23, 25].into(), bind };
        Petition { message, ..reading(sql) }
    };
    let send = async |id, text| place.desk.petition(&subject(1), bound(id, text), None).await;
    let hold = waiting(send(-3, "x").await);
    let numbers: Vec<_> = place.desk.view(hold).unwrap().matter.unwrap().numbers.into_iter().map(|one| one.value).collect();
    assert_eq!(numbers, [Some(7), Some(-3)]);
    place.makes(hold, terms(9, &[(2, -5, 5)])).await.unwrap();
    assert_eq!(granted(send(-3, "x").await), hold);
    for id in [-5, 0, 5] {
        granted(send(id, "x").await);
    }
    for (id, text) in [(6, "x"), (-6, "x"), (0, "y")] {
        waiting(send(id, text).await);
    }
}

#[tokio::test]
async fn there_is_none_where_values_matter_or_nobody_may_or_there_are_enough() {
    let place = Place::new(options());
    for sql in ["DELETE FROM t", "DO $$ BEGIN NULL; END $$", "GRANT SELECT ON t TO joe", "COPY t TO PROGRAM 'x'", "SELECT nextval('s')"] {
        let hold = waiting(place.send(sql).await);
        assert!(matches!(place.makes(hold, terms(1, &[])).await, Err(NotDecided::NoGrant(_))), "{sql}");
        assert_eq!(place.desk.view(hold).unwrap().state, State::Waiting, "{sql}");
    }
    let hold = waiting(place.send(DELETE).await);
    for wrong in [terms(0, &[]), terms(1, &[(2, 1, 9)]), terms(1, &[(1, 6, 9)])] {
        assert!(matches!(place.makes(hold, wrong).await, Err(NotDecided::NoGrant(_))));
    }
    let ann = Decider { name: "ann".into(), ..rita() };
    let owner = place.desk.grant(hold, &ann, ruling(Verdict::Approve, None), terms(1, &[]), FIRST).await;
    assert!(matches!(owner, Err(NotDecided::OwnAgent)));
    let late = place.desk.grant(hold, &rita(), ruling(Verdict::Approve, None), terms(1, &[]), Seen { turns: 1, ..FIRST }).await;
    assert!(matches!(late, Err(NotDecided::Changed)));
    let mut several = reading("DELETE FROM t WHERE id = 1");
    Arc::get_mut(&mut several.grounds).unwrap().approvals = 2;
    let two = waiting(place.desk.petition(&subject(1), several, None).await);
    assert!(matches!(place.makes(two, terms(1, &[])).await, Err(NotDecided::NoGrant(_))));
    assert!(place.desk.grants().is_empty() && !place.record().contains(&"granted"));
    let place = Place::new(options());
    for number in 0..=grants::MOST_OF_AGENT {
        let hold = waiting(place.send(&format!("DELETE FROM t WHERE id = {number}")).await);
        assert_eq!(place.makes(hold, terms(1, &[])).await.is_ok(), number < grants::MOST_OF_AGENT);
    }
}

#[tokio::test]
async fn a_denial_is_stronger_and_a_hold_that_waits_is_decided_by_it() {
    let place = Place::new(options());
    let (one, two) = ("DELETE FROM t WHERE id = 1 AND kind = 'old'", "DELETE FROM t WHERE id = 2 AND kind = 'old'");
    let (denied, waits) = (waiting(place.send(one).await), waiting(place.send(two).await));
    place.desk.decide(denied, &rita(), ruling(Verdict::Deny, Some("no")), FIRST).await.unwrap();
    place.made(DELETE, terms(5, &[(1, 1, 9)])).await;
    assert_eq!(refused(place.send(one).await).code, "PS002");
    granted(place.send(two).await);
    assert_eq!(place.desk.view(waits).unwrap().state, State::Withdrawn);
    // What only waits for a higher limit is none of its statements.
    let redeem = Petition { purpose: Purpose::Redeem, ..reading(DELETE) };
    assert!(matches!(place.desk.petition(&subject(1), redeem, None).await, Reply::Nothing));
}

#[tokio::test]
async fn it_ends_by_people_by_time_and_with_its_agent() {
    let place = Place::new(options());
    let grant = place.made(DELETE, terms(5, &[])).await;
    let auditor = Decider { reviews: false, ..rita() };
    assert!(matches!(place.desk.revoke(grant.id, &auditor, None).await, Err(NotDecided::Role)));
    place.desk.revoke(grant.id, &rita(), Some("done")).await.unwrap();
    waiting(place.send(DELETE).await);
    place.made("DELETE FROM t WHERE id = 6", Terms { lasts: 1, ..terms(5, &[]) }).await;
    waiting(place.send("DELETE FROM t WHERE id = 6").await);
    place.made("DELETE FROM t WHERE id = 7", terms(5, &[])).await;
    place.desk.withdraw(1);
    place.done().await;
    assert!(place.desk.grants().is_empty());
    waiting(place.send("DELETE FROM t WHERE id = 7").await);
    assert_eq!(place.record().iter().filter(|word| **word == "grant-ended").count(), 2);
}

#[tokio::test]
async fn a_restart_and_an_older_database_give_no_run_back() {
    let place = Place::new(options());
    let kept = place.made(DELETE, terms(3, &[])).await;
    let revoked = place.made("DELETE FROM t WHERE id = 6", terms(3, &[])).await;
    granted(place.send(DELETE).await);
    let copy = tempfile::tempdir().unwrap();
    let saved = copy.path().join("state.db");
    let saved_to = saved.clone();
    let place = place.again_with(move |folder| {
        let from = rusqlite::Connection::open(folder.join("state.db")).unwrap();
        from.execute("VACUUM INTO ?1", [saved_to.to_str().unwrap()]).unwrap();
    });
    assert_eq!(place.desk.grants().iter().find(|one| one.id == kept.id).map(|one| one.lasting.used), Some(1));
    granted(place.send(DELETE).await);
    place.desk.revoke(revoked.id, &rita(), None).await.unwrap();
    place.made("DELETE FROM t WHERE id = 7", terms(3, &[])).await;
    let place = place.again_with(|folder| {
        for name in ["state.db-wal", "state.db-shm"] {
            std::fs::remove_file(folder.join(name)).ok();
        }
        std::fs::copy(&saved, folder.join("state.db")).unwrap();
    });
    let left: Vec<_> = place.desk.grants().iter().map(|one| (one.id, one.lasting.used)).collect();
    assert_eq!(left, [(kept.id, 2)]);
    granted(place.send(DELETE).await);
    waiting(place.send(DELETE).await);
    for sql in ["DELETE FROM t WHERE id = 6", "DELETE FROM t WHERE id = 7"] {
        waiting(place.send(sql).await);
    }
    // In another epoch nothing of it is left.
    let place = Place::new(options());
    place.made(DELETE, terms(3, &[])).await;
    let place = place.again_with(|folder| {
        rusqlite::Connection::open(folder.join("state.db")).unwrap().execute("UPDATE epoch SET number = number + 1", ()).unwrap();
    });
    assert!(place.desk.grants().is_empty());
    waiting(place.send(DELETE).await);
}
