//! What messages say, and what they never say.

use pgsluice::host::desk::Verdict;
use serde_json::Value;

use crate::places::{Heard, Server};
use crate::stage::{Stage, slack, teams, webhook};

#[test]
fn each_place_is_told_when_it_begins_and_how_it_ends() {
    let (chat, cards, pager) = (Server::start([]), Server::start([]), Server::start([]));
    let stage = Stage::new(&format!("{}{}{}", slack(chat.port), teams(cards.port), webhook(pager.port)));
    let hold = stage.hold("DROP TABLE orders");
    let begun = chat.next();
    assert_eq!((begun.call.as_str(), &begun.json()["channel"]), ("chat.postMessage", &Value::from("C1")));
    assert_eq!(begun.headers["authorization"], "Bearer xoxb-token");
    assert!(begun.contains("DROP TABLE orders") && begun.contains("`billing-bot`") && begun.contains("`hold-ddl: changes the schema`"));
    assert!(begun.contains("table public.orders (5): about 1,234,567 rows, 30 GiB"));
    let names: Vec<_> = begun.buttons().into_keys().collect();
    assert_eq!(names, ["pgsluice-approve", "pgsluice-deny", "pgsluice-open"]);
    assert_eq!(begun.buttons()["pgsluice-open"]["url"], format!("https://gate.example/holds/{hold}"));
    let card = cards.next();
    assert!(card.contains("DROP TABLE orders"));
    let content = &card.json()["attachments"][0]["content"];
    assert_eq!(content["actions"][0]["url"], format!("https://gate.example/holds/{hold}"));
    let event = pager.next();
    assert!(event.is_signed());
    assert_eq!((event.id(), &event.json()["type"]), (format!("{hold}-opened").as_str(), &Value::from("hold.opened")));
    assert_eq!(event.json()["data"]["hold"]["about"]["statement"]["sql"]["text"], "DROP TABLE orders");
    // Whoever decides, wherever: all are told.
    stage.decide(&hold, Verdict::Deny, "not before the backup of 078-05-1120");
    let ended = chat.next();
    assert_eq!(
        (ended.call.as_str(), &ended.json()["channel"], &ended.json()["ts"]),
        ("chat.update", &Value::from("C7"), &Value::from("17.1"))
    );
    assert!(ended.contains("Denied by rita") && !ended.contains("DROP TABLE"));
    assert_eq!(ended.buttons().into_keys().collect::<Vec<_>>(), ["pgsluice-open"]);
    let card = cards.next();
    assert!(card.contains("Denied by rita") && !card.contains("DROP TABLE"));
    let event = pager.next();
    assert_eq!((event.id(), &event.json()["type"]), (format!("{hold}-denied").as_str(), &Value::from("hold.denied")));
    assert_eq!(event.json()["data"]["hold"]["decided"]["by"], "rita");
    for said in [ended, card, event] {
        assert!(!String::from_utf8(said.body).unwrap().contains("backup"), "a reason is for the agent");
    }
    stage.settled();
    assert!(chat.rest().is_empty() && cards.rest().is_empty() && pager.rest().is_empty());
}

#[test]
fn an_incoming_webhook_gets_a_link_and_no_buttons() {
    let chat = Server::start([]);
    let stage = Stage::new(&format!("[slack]\nwebhook_url = \"http://127.0.0.1:{}/services/T/B/hidden\"\n", chat.port));
    let hold = stage.hold("DROP TABLE orders");
    let begun = chat.next();
    assert!(begun.contains("DROP TABLE orders"));
    assert_eq!(begun.buttons().into_keys().collect::<Vec<_>>(), ["pgsluice-open"]);
    stage.decide(&hold, Verdict::Approve, "");
    assert!(chat.next().contains("Approved by rita"));
}

/// Everything that is code in Slack's markup, and everything that is not.
fn in_and_out_of_code(text: &str) -> (String, String) {
    let (mut within, mut without) = (String::new(), String::new());
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 { within.push_str(part) } else { without.push_str(part) }
    }
    let outside = std::mem::take(&mut without);
    for (number, part) in outside.split('`').enumerate() {
        if number % 2 == 1 { within.push_str(part) } else { without.push_str(part) }
    }
    (within, without)
}

fn check_escaped(heard: &Heard) {
    for text in heard.texts() {
        let (_, without) = in_and_out_of_code(&text);
        assert_eq!(text.matches('`').count() % 2, 0, "{text}");
        assert!(!text.contains('<') && !text.contains('>'), "markup: {text}");
        for evil in ["@channel", "!channel", "http://evil", "evil", "~", "Approved"] {
            assert!(!without.contains(evil), "{evil} is outside of code: {text}");
        }
    }
}

#[test]
fn nothing_gets_out_of_its_block() {
    let chat = Server::start([]);
    let stage = Stage::new(&format!("[notify]\ndigest_after = 100\n{}", slack(chat.port)));
    for evil in [
        "DROP TABLE t -- ```\n*Approved* by evil <!channel> <@U1> <http://evil|ok>",
        "DROP TABLE t /* ` *evil* ` <!here> @channel &lt;!channel&gt; */",
        "DROP TABLE t -- `````` evil ``` ~evil~",
        "DROP TABLE \"evil``\" -- &amp; <http://evil>",
        "DROP TABLE t -- \u{202e}evil\u{200b} <!channel>",
    ] {
        let hold = stage.hold_with(evil, &[evil], evil);
        let heard = chat.next();
        check_escaped(&heard);
        // Something in it is not what it looks like, or cannot be shown as it is: it is looked at on its page.
        assert_eq!(heard.buttons().into_keys().collect::<Vec<_>>(), ["pgsluice-open"], "{evil}");
        assert!(heard.contains(&hold));
    }
    let evil = "UPDATE t SET a = '<!channel> & <http://evil|ok> @channel' WHERE b < 2 AND c > 1";
    let hold = stage.hold(evil);
    let heard = chat.next();
    check_escaped(&heard);
    assert!(heard.buttons().contains_key("pgsluice-approve") && heard.contains(&hold));
    let expected = evil.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert!(heard.contains(&format!("```\n{expected}\n```")), "{:?}", heard.texts());
    let agent = stage.hold_as("evil` <!channel>\n*x*", "DROP TABLE u");
    let heard = chat.next();
    check_escaped(&heard);
    assert!(heard.contains(&agent) && !heard.buttons().contains_key("pgsluice-approve"));
}

#[test]
fn what_is_not_seen_whole_has_a_link_instead_of_buttons() {
    let (chat, cards, pager) = (Server::start([]), Server::start([]), Server::start([]));
    let stage = Stage::new(&format!("[notify]\ndigest_after = 100\n{}{}{}", slack(chat.port), teams(cards.port), webhook(pager.port)));
    for sql in [
        format!("SELECT 1{}; DROP TABLE orders", "\n".repeat(5_000)),
        format!("SELECT 2{}; DROP TABLE orders", "\n".repeat(10)),
        format!("SELECT 3{}; DROP TABLE orders", " ".repeat(500)),
        format!("SELECT '{}'; DROP TABLE orders", "x ".repeat(2_000)),
        format!("SELECT {}; DROP TABLE orders", "1,\n".repeat(200)),
        format!("DROP TABLE {}", "é".repeat(20_000)),
    ] {
        let hold = stage.hold(&sql);
        let heard = chat.next();
        assert_eq!(heard.buttons().into_keys().collect::<Vec<_>>(), ["pgsluice-open"]);
        assert!(heard.contains(&hold) && !heard.contains("DROP TABLE"), "not a part of it");
        assert!(heard.contains("It cannot be shown whole here"));
        assert!(heard.texts().iter().all(|text| text.encode_utf16().count() <= 3_000));
        let card = cards.next();
        assert!(card.body.len() <= 28 << 10, "{}", card.body.len());
        assert!(card.contains(&hold));
        assert!(pager.next().body.len() <= 300 << 10);
    }
    // Many parameters, each of them short.
    let values: Vec<_> = (0..300).map(|number| format!("value {number}")).collect();
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    stage.hold_with("INSERT INTO t VALUES ($1)", &values, "task");
    assert!(!chat.next().buttons().contains_key("pgsluice-approve"));
}

#[test]
fn no_sensitive_value_is_in_any_byte_that_leaves() {
    let (chat, cards, pager) = (Server::start([]), Server::start([]), Server::start([]));
    let stage = Stage::new(&format!("{}{}{}", slack(chat.port), teams(cards.port), webhook(pager.port)));
    let secret = ["maria.gonzalez@example.org", "4111 1111 1111 1111", "078-05-1120"];
    let sql = format!("UPDATE customers SET email = '{}' WHERE card = '{}' AND ssn = $1 /* for {} */", secret[0], secret[1], secret[0]);
    let hold = stage.hold_with(&sql, &[secret[2]], &format!("mail {}", secret[0]));
    let mut said = vec![chat.next(), cards.next(), pager.next()];
    assert!(said.iter().all(|heard| heard.contains("UPDATE customers SET email =")));
    assert!(said[0].contains("masked in") && said[0].buttons().contains_key("pgsluice-approve"));
    stage.decide(&hold, Verdict::Approve, &format!("{} agreed", secret[0]));
    said.extend([chat.next(), cards.next(), pager.next()]);
    for heard in &said {
        let bytes = String::from_utf8(heard.body.clone()).unwrap();
        assert!(secret.iter().all(|secret| !bytes.contains(secret)), "{bytes}");
    }
    // Nor is it where messages wait to be sent.
    for file in std::fs::read_dir(stage.state.folder()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        let has = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        assert!(secret.iter().all(|secret| !has(secret)) && !has("UPDATE customers"));
    }
}
