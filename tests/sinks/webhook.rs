//! Webhooks that fail in every way.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde_json::Value;

use crate::http::{Answer, Heard, Http};
use crate::stage::{self, KEY, ODD, stage};

fn forward(http: &Http, more: &str) -> String {
    format!("[[audit.forward]]\nname = \"lake\"\nto = \"http://127.0.0.1:{}/in?key=hidden\"\nsecret_env = \"SIGNING\"\n{more}", http.port)
}

/// The records of what was answered with a 2xx, each batch once.
fn accepted(heard: &[Heard]) -> Vec<(u64, String)> {
    let mut batches: BTreeMap<&str, &Heard> = BTreeMap::new();
    let mut order = Vec::new();
    for one in heard {
        if let Some(before) = batches.insert(one.id(), one) {
            assert_eq!(before.body, one.body, "one id, two bodies");
        }
        if one.answer == Answer::Fine || one.answer == Answer::Endless {
            order.extend(one.values().iter().map(|value| (value["seq"].as_u64().unwrap(), value["hash"].as_str().unwrap().to_owned())));
        }
    }
    order
}

fn is_signed(heard: &Heard) -> bool {
    let signed = [heard.id().as_bytes(), b".", heard.headers["webhook-timestamp"].as_bytes(), b".", &heard.body].concat();
    let signature = STANDARD.decode(heard.headers["webhook-signature"].strip_prefix("v1,").unwrap()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, KEY), &signed, &signature).is_ok()
}

#[test]
fn records_arrive_in_order_whatever_the_receiver_does() {
    use Answer::{Endless, Fine, Half, Nothing, Redirect, Status};
    let stage = stage();
    let elsewhere = Http::start([]);
    let there = format!("http://127.0.0.1:{}/", elsewhere.port);
    let http = Http::start([Status(500), Redirect(there), Nothing, Half, Fine, Status(404), Endless, Status(429), Fine, Half, Fine]);
    let last = stage.record(3000);
    let sinks = stage.start(&forward(&http, ""));
    stage::wait(&sinks, |standings| standings[0].delivered == last);
    let last = last + 10;
    assert_eq!(stage.record(10), last);
    stage::stop(&stage, sinks);
    let heard = http.rest();
    assert!(heard.iter().all(is_signed));
    assert_eq!(accepted(&heard), stage.records());
    // What was not acknowledged is the same batch again.
    assert!(heard.windows(2).filter(|pair| pair[0].answer != Fine && pair[0].answer != Endless).all(|pair| pair[0].id() == pair[1].id()));
    assert_eq!(elsewhere.rest().len(), 0, "a redirect was followed");
    assert_eq!(pgsluice::host::sinks::delivered(&stage.state).unwrap(), Some(last));
    let first = &heard[0];
    assert_eq!((first.line.as_str(), first.headers["content-type"].as_str()), ("POST /in?key=hidden HTTP/1.1", "application/x-ndjson"));
    // The first is the journal's own.
    let value = &first.values()[1];
    assert_eq!(
        (&value["kind"], &value["epoch"], &value["event"]["what"]),
        (&Value::from("audit-read"), &Value::from(0), &Value::from("search"))
    );
    assert_eq!(value["event"]["body"]["text"], format!("0 {ODD}"));
    assert_eq!(value["journal"], stage.journal.id().to_string());
}

#[test]
fn a_sender_that_is_gone_in_the_midst_goes_on_where_it_was() {
    let stage = stage();
    let http = Http::start([]);
    let mut heard = Vec::new();
    for round in 0..4 {
        http.then([Answer::Fine, Answer::Hang]);
        stage.record(1200);
        let sinks = stage.start(&forward(&http, ""));
        // It is dropped while it waits for an answer that never comes.
        loop {
            heard.push(http.next());
            if heard.last().unwrap().answer == Answer::Hang {
                break;
            }
        }
        assert_eq!(stage::wait(&sinks, |_| true)[0].trouble, None, "round {round}");
    }
    let sinks = stage.start(&forward(&http, ""));
    stage::stop(&stage, sinks);
    heard.extend(http.rest());
    assert_eq!(accepted(&heard), stage.records());
    // All is there: the next start sends nothing.
    stage::stop(&stage, stage.start(&forward(&http, "")));
    assert_eq!(http.rest().len(), 0);
}

#[test]
fn what_people_wrote_stays_here_if_told_so() {
    let stage = stage();
    let http = Http::start([]);
    stage.record(1);
    stage::stop(&stage, stage.start(&forward(&http, "bodies = false\nauthorization_env = \"TOKEN\"\n")));
    let heard = http.next();
    assert_eq!(heard.headers["authorization"], "Bearer tiger");
    assert!(heard.values()[1]["event"].get("body").is_none());
    assert!(!String::from_utf8(heard.body).unwrap().contains("naïve"));
}

#[test]
fn a_receiver_that_fails_at_the_end_does_not_hold_up_the_end() {
    let stage = stage();
    let http = Http::start(std::iter::repeat_n(Answer::Status(503), 1000));
    stage.record(1);
    let sinks = stage.start(&forward(&http, ""));
    let trouble = stage::wait(&sinks, |standings| standings[0].trouble.is_some())[0].trouble.clone().unwrap();
    assert_eq!(trouble, "it answered 503");
    stage::stop(&stage, sinks);
    assert_eq!(pgsluice::host::sinks::delivered(&stage.state).unwrap(), Some(0));
}

#[test]
fn no_record_goes_to_a_link_local_address() {
    let stage = stage();
    stage.record(1);
    for (to, expected) in [
        ("https://169.254.169.254/latest", "link-local"),
        ("https://[::ffff:169.254.1.1]/", "link-local"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://0.0.0.0:1/", "names no one machine"),
        ("syslog+tcp://[fe80::1]:601", "link-local"),
    ] {
        let sinks = stage.start(&format!("[[audit.forward]]\nname = \"cloud\"\nto = \"{to}\"\n"));
        let trouble = stage::wait(&sinks, |standings| standings[0].trouble.is_some())[0].trouble.clone().unwrap();
        assert!(trouble.contains(expected), "{to}: {trouble}");
    }
}
