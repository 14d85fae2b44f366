//! Presses in Slack: whose count, and for what.

use std::time::SystemTime;

use pgsluice::host::desk::{State, Verdict};
use serde_json::{Value, json};

use crate::places::{Heard, Server};
use crate::stage::{Stage, form, now, pressed, sign, slack};

fn stage() -> (Server, Stage) {
    let chat = Server::start([]);
    let stage = Stage::new(&slack(chat.port));
    (chat, stage)
}

fn is_waiting(stage: &Stage, hold: &str) -> bool {
    stage.view(hold).state == State::Waiting
}

/// What whoever pressed is told, and nobody else.
fn told_alone(heard: &Heard, member: &str) -> String {
    assert_eq!(
        (heard.call.as_str(), &heard.json()["user"], &heard.json()["channel"]),
        ("chat.postEphemeral", &json!(member), &json!("C7"))
    );
    heard.json()["text"].as_str().unwrap().to_owned()
}

#[test]
fn an_approval_is_of_whoever_pressed_and_is_on_the_record() {
    let (chat, stage) = stage();
    let hold = stage.hold("DROP TABLE orders");
    let message = chat.next();
    let approve = pressed("U1", &message.buttons()["pgsluice-approve"]);
    assert_eq!(stage.press(&approve, 0), (200, String::new()));
    let view = stage.view(&hold);
    assert_eq!((view.state, &*view.decided.unwrap().by), (State::Approved, "rita"));
    let update = chat.next();
    assert_eq!(update.call, "chat.update");
    assert!(update.contains("Approved by rita") && !update.buttons().contains_key("pgsluice-approve"));
    let record = stage.record();
    let decided = record.iter().rfind(|event| event["through"] == "slack" && event["by"] == "rita").unwrap();
    assert!(record.iter().any(|event| event["kind"] == "hold_read" && event["through"] == "slack" && event["by"] == "rita"));
    assert_eq!(decided["decision"], "approved", "{decided}");
    // Sam was slower.
    let late = pressed("U2", &message.buttons()["pgsluice-approve"]);
    assert_eq!(stage.press(&late, 0).0, 200);
    assert!(told_alone(&chat.next(), "U2").contains("approved already") || !is_waiting(&stage, &hold));
    assert_eq!(&*stage.view(&hold).decided.unwrap().by, "rita");
}

#[test]
fn a_denial_asks_for_its_reason_first() {
    let (chat, stage) = stage();
    let hold = stage.hold("DROP TABLE orders");
    let message = chat.next();
    assert_eq!(stage.press(&pressed("U1", &message.buttons()["pgsluice-deny"]), 0).0, 200);
    let window = chat.next();
    assert_eq!((window.call.as_str(), &window.json()["trigger_id"]), ("views.open", &json!("12.34.abc")));
    assert!(is_waiting(&stage, &hold));
    let view = window.json()["view"].clone();
    let submitted = |member: &str, reason: Value| {
        json!({
            "type": "view_submission",
            "user": {"id": member, "team_id": "T1"},
            "view": {
                "callback_id": view["callback_id"],
                "private_metadata": view["private_metadata"],
                "state": {"values": {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}},
            },
        })
    };
    let (status, said) = stage.press(&submitted("U1", Value::Null), 0);
    assert_eq!(status, 200);
    assert!(said.contains("\"errors\"") && said.contains("needs a reason"), "{said}");
    // Neither nobody nor the owner can send a window that somebody else opened.
    for member in ["U9", "U3"] {
        let (_, said) = stage.press(&submitted(member, json!("mine")), 0);
        assert!(said.contains("\"errors\"") && is_waiting(&stage, &hold), "{said}");
    }
    assert_eq!(stage.press(&submitted("U1", json!("not before the backup")), 0), (200, String::new()));
    let ruled = stage.view(&hold).decided.unwrap();
    assert_eq!((ruled.verdict, &*ruled.by, ruled.reason.as_deref()), (Verdict::Deny, "rita", Some("not before the backup")));
    assert!(chat.next().contains("Denied by rita"));
}

#[test]
fn what_slack_did_not_sign_now_and_once_does_nothing() {
    let (chat, stage) = stage();
    let hold = stage.hold("DROP TABLE orders");
    let button = chat.next().buttons()["pgsluice-approve"].clone();
    let body = form(&pressed("U1", &button));
    let time = now().to_string();
    let signature = sign("8f742231b10e8888abcd99yyyzzz85a5", &time, &body);
    let other = form(&pressed("U2", &button));
    for (body, time, signature) in [
        (&body, time.as_str(), sign("another secret", &time, &body)),
        (&body, time.as_str(), String::new()),
        (&body, time.as_str(), signature.replace("v0=", "v1=")),
        (&body, time.as_str(), signature[..signature.len() - 2].to_owned()),
        // Of another person's press, and of another time.
        (&other, time.as_str(), signature.clone()),
        (&body, (now() + 7).to_string().as_str(), signature.clone()),
        (&body, "", signature.clone()),
        (&body, "-1", signature.clone()),
    ] {
        assert_eq!(stage.send(body, time, &signature).0, 401);
    }
    for ago in [400, -400, 100_000] {
        assert_eq!(stage.press(&pressed("U1", &button), ago).0, 401, "{ago}");
    }
    assert!(is_waiting(&stage, &hold));
    assert_eq!(stage.send(&body, &time, &signature).0, 200);
    assert_eq!(stage.view(&hold).state, State::Approved);
    assert_eq!(stage.send(&body, &time, &signature).0, 401, "the same again");
    // What is signed and makes no sense is no press.
    for nonsense in ["payload=", "payload=%7B%7D", "x=y", &format!("{body}&{body}")] {
        let time = now().to_string();
        assert_eq!(stage.send(nonsense, &time, &sign("8f742231b10e8888abcd99yyyzzz85a5", &time, nonsense)).0, 400, "{nonsense}");
    }
}

#[test]
fn only_people_who_may_decide_do() {
    let (chat, stage) = stage();
    let hold = stage.hold("DROP TABLE orders");
    let approve = chat.next().buttons()["pgsluice-approve"].clone();
    for (member, said) in [("U9", "pgsluice reviewer slack NAME U9"), ("U3", "nobody decides for an agent of their own")] {
        assert_eq!(stage.press(&pressed(member, &approve), 0).0, 200);
        assert!(told_alone(&chat.next(), member).contains(said));
        assert!(is_waiting(&stage, &hold), "{member}");
    }
    let denied = stage.record().into_iter().find(|event| event["through"] == "slack" && event["kind"] == "person_denied");
    assert!(denied.is_some(), "a member whom nobody knows is on the record");
    // Who was removed, or is not that member any more, is nobody.
    stage.slack_people().set("rita", None, "test", SystemTime::now()).unwrap();
    assert_eq!(stage.press(&pressed("U1", &approve), 0).0, 200);
    assert!(told_alone(&chat.next(), "U1").contains("it is not known here who you are"));
    let mut people = pgsluice::host::people::PeopleStore::open(&stage.state).unwrap();
    people.remove("sam", "test", SystemTime::now()).unwrap();
    assert_eq!(stage.press(&pressed("U2", &approve), 0).0, 200);
    assert!(told_alone(&chat.next(), "U2").contains("it is not known here who you are"));
    assert!(is_waiting(&stage, &hold));
}

#[test]
fn a_button_decides_what_it_was_shown_with_and_nothing_else() {
    let (chat, stage) = stage();
    let one = stage.hold("DROP TABLE orders");
    let first = chat.next().buttons()["pgsluice-approve"].clone();
    let two = stage.hold("DROP TABLE customers");
    chat.next();
    let digest = first["value"].as_str().unwrap().split_once(' ').unwrap().1.to_owned();
    for value in [format!("{two} {digest}"), format!("{one} {}", "0".repeat(64)), one.clone(), format!("{one} "), String::new()] {
        let mut button = first.clone();
        button["value"] = json!(value);
        assert_eq!(stage.press(&pressed("U1", &button), 0).0, 200);
        told_alone(&chat.next(), "U1");
        assert!(is_waiting(&stage, &one) && is_waiting(&stage, &two), "{value}");
    }
}

#[test]
fn guests_of_another_team_press_in_vain() {
    let chat = Server::start([]);
    let stage = Stage::new(&format!("{}team = \"T2\"\n", slack(chat.port)));
    let hold = stage.hold("DROP TABLE orders");
    let approve = chat.next().buttons()["pgsluice-approve"].clone();
    assert_eq!(stage.press(&pressed("U1", &approve), 0).0, 200);
    assert!(told_alone(&chat.next(), "U1").contains("another team"));
    let mut press = pressed("U1", &approve);
    press["user"]["team_id"] = json!("T2");
    assert_eq!(stage.press(&press, 0).0, 200);
    assert_eq!(stage.view(&hold).state, State::Approved);
}

#[test]
fn without_a_signing_secret_nobody_can_press() {
    let chat = Server::start([]);
    let toml = format!("[slack]\nbot_token = \"x\"\nchannel = \"C1\"\napi_url = \"http://127.0.0.1:{}/api\"\n", chat.port);
    let stage = Stage::new(&toml);
    stage.hold("DROP TABLE orders");
    let message = chat.next();
    assert_eq!(message.buttons().into_keys().collect::<Vec<_>>(), ["pgsluice-open"]);
    assert_eq!(stage.press(&json!({}), 0).0, 404);
}
