//! Many holds at once, holds that nobody decides, and who is told of which.

use pgsluice::host::desk::Verdict;
use serde_json::Value;

use crate::places::Server;
use crate::stage::{Stage, slack, teams, webhook};

#[test]
fn many_holds_of_one_agent_are_one_message() {
    let (chat, cards, pager) = (Server::start([]), Server::start([]), Server::start([]));
    let flood = "[notify]\ndigest_after = 3\ndigest_window = \"20s\"\n";
    let stage = Stage::new(&format!("{flood}{}{}{}", slack(chat.port), teams(cards.port), webhook(pager.port)));
    let holds: Vec<_> = (0..40).map(|number| stage.hold(&format!("DROP TABLE t{number}"))).collect();
    for place in [&chat, &cards, &pager] {
        for hold in &holds[..3] {
            assert!(String::from_utf8(place.next().body).unwrap().contains(hold.as_str()));
        }
    }
    // Two of the rest are decided before anybody is told of them.
    stage.decide(&holds[10], Verdict::Approve, "");
    stage.decide(&holds[11], Verdict::Deny, "no");
    let digest = chat.next();
    assert!(digest.contains("*35 more statements wait*") && digest.contains("`billing-bot`"), "{:?}", digest.texts());
    assert_eq!(digest.buttons()["pgsluice-open"]["url"], "https://gate.example/");
    assert!(cards.next().contains("35 more held statements wait"));
    let event = pager.next();
    assert!(event.is_signed() && event.id().starts_with("digest-"));
    assert_eq!((&event.json()["type"], &event.json()["data"]["count"]), (&Value::from("holds.digest"), &Value::from(35)));
    let named = event.json()["data"]["holds"].as_array().unwrap().len();
    assert_eq!(named, 35);
    stage.settled();
    // The one that was told alone is followed; the others were told as many.
    stage.decide(&holds[20], Verdict::Approve, "");
    stage.decide(&holds[0], Verdict::Approve, "");
    assert!(chat.next().contains(&holds[0]));
    stage.settled();
    assert!(chat.rest().is_empty());
    // Another agent is not held up by this one.
    let other = stage.hold_as("report-bot", "DROP TABLE x");
    assert!(chat.next().contains(&other));
}

#[test]
fn the_second_ones_are_told_of_what_nobody_decides() {
    let (chat, pager) = (Server::start([]), Server::start([]));
    let toml = format!("[notify]\nescalate_after = \"1s\"\n{}escalate_channel = \"C2\"\n{}", slack(chat.port), webhook(pager.port));
    let mut stage = Stage::new(&toml);
    stage.stop();
    let quick = stage.hold("DROP TABLE quick");
    stage.decide(&quick, Verdict::Approve, "");
    stage.start(&toml);
    let slow = stage.hold("DROP TABLE slow");
    assert_eq!(chat.next().json()["channel"], "C1");
    let second = chat.next();
    assert_eq!(second.json()["channel"], "C2");
    assert!(second.contains("still waits") && second.contains(&slow) && second.buttons().contains_key("pgsluice-approve"));
    stage.decide(&slow, Verdict::Approve, "");
    let updates = [chat.next(), chat.next()];
    assert!(updates.iter().all(|update| update.call == "chat.update" && update.contains("Approved by rita")));
    stage.settled();
    assert!(chat.rest().is_empty());
}

#[test]
fn no_time_is_nobody_later() {
    let chat = Server::start([]);
    let stage = Stage::new(&format!("[notify]\nescalate_after = 0\n{}escalate_channel = \"C2\"\n", slack(chat.port)));
    assert_eq!(stage.wait(|_| true).iter().map(|standing| standing.place.as_str()).collect::<Vec<_>>(), ["slack"]);
}
