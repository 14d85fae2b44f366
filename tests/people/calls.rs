//! The calls that commands make.

use serde_json::{Value, json};

use crate::house::{ANN, House, RITA, SAM};
use crate::http::{Answer, Server};

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn sign_in(server: &Server, name: &str, password: &str) -> Answer {
    server.ask("POST", "/api/sign-in", &[JSON], &json!({ "name": name, "password": password }).to_string())
}

struct Caller<'a> {
    server: &'a Server,
    token: String,
}

impl<'a> Caller<'a> {
    fn new(server: &'a Server, name: &str, password: &str) -> Self {
        let answer = sign_in(server, name, password);
        assert_eq!(answer.status, 200, "{answer:?}");
        Self { server, token: answer.json()["token"].as_str().unwrap().to_owned() }
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.server.ask(method, path, &[JSON, ("Authorization", &format!("Bearer {}", self.token))], &body.to_string())
    }

    fn hold(&self, hold: &str) -> Value {
        self.ask("GET", &format!("/api/holds/{hold}"), &Value::Null).json()
    }
}

#[test]
fn a_call_decides_what_it_was_shown() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let rita = Caller::new(&house.server, "rita", RITA);
    let listed = rita.ask("GET", "/api/holds", &Value::Null).json();
    assert_eq!((&listed["holds"][0]["id"], &listed["more"]), (&json!(hold), &json!(0)));
    let shown = rita.hold(&hold);
    assert_eq!(shown["about"]["statement"]["sql"]["text"], "DROP TABLE orders");
    let path = format!("/api/holds/{hold}/approve");
    let changed = rita.ask("POST", &path, &json!({ "digest": "0".repeat(64) }));
    assert_eq!((changed.status, &changed.json()["error"]), (409, &json!("changed")));
    assert_eq!(rita.ask("POST", &path, &json!({})).status, 422, "a decision without a digest is none");
    assert_eq!(house.stands(&hold), "waiting");
    let done = rita.ask("POST", &path, &json!({ "digest": shown["digest"], "reason": "ok" }));
    assert_eq!((done.status, &done.json()["state"], &done.json()["decided"]["by"]), (200, &json!("approved"), &json!("rita")));
    let sam = Caller::new(&house.server, "sam", SAM);
    let late = sam.ask("POST", &format!("/api/holds/{hold}/deny"), &json!({ "digest": shown["digest"], "reason": "no" }));
    assert_eq!((late.status, &late.json()["error"], &late.json()["hold"]["decided"]["by"]), (409, &json!("decided"), &json!("rita")));
    assert_eq!(house.kinds(), ["held", "person_signed_in", "hold_read", "decided", "person_signed_in"]);
}

#[test]
fn a_call_lets_values_be_seen_where_they_were_asked_for() {
    const ASKS: &str = "/* pgsluice:unmask */ SELECT email FROM orders";
    let house = House::new();
    let rita = Caller::new(&house.server, "rita", RITA);
    let approve = |hold: &str| {
        let digest = rita.hold(hold)["digest"].clone();
        rita.ask("POST", &format!("/api/holds/{hold}/approve"), &json!({ "digest": digest, "unmasked": true }))
    };
    let refused = approve(&house.hold("DROP TABLE orders"));
    assert_eq!((refused.status, &refused.json()["error"]), (422, &json!("not-asked")));
    let hold = house.hold(ASKS);
    assert_eq!(rita.hold(&hold)["about"]["asks_unmasked"], true);
    let done = approve(&hold);
    assert_eq!((done.status, &done.json()["decided"]["unmasked"]), (200, &json!(true)));
    assert_eq!(house.runs_unmasked(ASKS), Some(true));
}

#[test]
fn a_call_has_what_is_masked_revealed() {
    let house = House::new();
    let sql = "DELETE FROM t WHERE ssn = $1 AND note = 'for bob@example.com'";
    let hold = house.hold_with(sql, &[Some(b"078-05-1120")]);
    let rita = Caller::new(&house.server, "rita", RITA);
    let path = format!("/api/holds/{hold}/reveal");
    let shown = rita.hold(&hold);
    let statement = &shown["about"]["statement"];
    assert_eq!(statement["sql"]["text"], "DELETE FROM t WHERE ssn = $1 AND note = 'for [EMAIL]'");
    assert!(!shown.to_string().contains("078-05") && statement["masked"] == 2, "{shown}");
    assert_eq!(rita.ask("GET", &path, &Value::Null).status, 405, "whoever only looks reveals nothing");
    let ann = Caller::new(&house.server, "ann", ANN);
    let refused = ann.ask("POST", &path, &Value::Null);
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("own-agent")));
    assert!(!house.kinds().contains(&"revealed".to_owned()));
    let revealed = rita.ask("POST", &path, &Value::Null).json();
    let statement = &revealed["about"]["statement"];
    assert_eq!((&statement["sql"]["text"], &statement["masked"]), (&json!(sql), &json!(0)));
    assert_eq!(statement["parameters"][0]["value"]["text"], "078-05-1120");
    assert_eq!(revealed["digest"], shown["digest"]);
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "revealed").count(), 1);
    assert_eq!(rita.ask("POST", "/api/holds/00000000/reveal", &Value::Null).status, 404);
}

#[test]
fn what_is_decided_is_what_was_sent_not_its_mask() {
    let house = House::new();
    let [one, other] = ["bob", "eve"].map(|name| format!("DELETE FROM t WHERE email = '{name}@example.com'"));
    let (hold, unlike) = (house.hold(&one), house.hold(&other));
    let rita = Caller::new(&house.server, "rita", RITA);
    let (shown, masked) = (rita.hold(&hold), rita.hold(&unlike));
    assert_eq!(shown["about"]["statement"]["sql"], masked["about"]["statement"]["sql"]);
    assert_ne!(shown["digest"], masked["digest"]);
    let approved = rita.ask("POST", &format!("/api/holds/{hold}/approve"), &json!({ "digest": shown["digest"] }));
    assert_eq!(approved.status, 200);
    assert!(house.runs(&one) && !house.runs(&other));
}

#[test]
fn only_a_token_of_its_own_kind_calls() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut browser = house.rita();
    // A page's cookie makes no calls, as cookie or as token: else any page could call in her name.
    assert_eq!(browser.get("/api/holds").status, 401);
    let cookie = browser.cookies["pgsluice"].clone();
    for authorization in [format!("Bearer {cookie}"), "Bearer ".to_owned(), "Bearer x".to_owned(), format!("Basic {cookie}"), cookie] {
        let answer = house.server.ask("GET", &format!("/api/holds/{hold}"), &[("Authorization", &authorization)], "");
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("signed-out")), "{authorization}");
    }
    // And a call's token opens no page.
    let rita = Caller::new(&house.server, "rita", RITA);
    browser.cookies.insert("pgsluice".to_owned(), rita.token.clone());
    assert_eq!(browser.get("/").status, 303);
    assert_eq!(rita.ask("POST", "/api/sign-out", &Value::Null).status, 204);
    assert_eq!(rita.ask("GET", "/api/holds", &Value::Null).status, 401);
    assert_eq!(sign_in(&house.server, "rita", SAM).status, 401);
    assert_eq!(sign_in(&house.server, "billing-bot", "anything").status, 401);
}

#[test]
fn owners_are_refused_by_name() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let ann = Caller::new(&house.server, "ann", ANN);
    let digest = ann.hold(&hold)["digest"].clone();
    let refused = ann.ask("POST", &format!("/api/holds/{hold}/approve"), &json!({ "digest": digest }));
    assert_eq!((refused.status, &refused.json()["error"]), (403, &json!("own-agent")));
    let unknown = ann.ask("POST", "/api/holds/00000000/approve", &json!({ "digest": "" }));
    assert_eq!((unknown.status, &unknown.json()["error"]), (404, &json!("unknown")));
    assert_eq!(ann.ask("GET", "/api/nothing", &Value::Null).json()["error"], "unknown-call");
    assert_eq!(house.stands(&hold), "waiting");
}
