//! What is shown, and what is decided.

use crate::house::{ANN, House, Manner, SAM};

#[test]
fn a_page_shows_everything_and_lets_nothing_act() {
    let house = House::new();
    let sql = "DROP TABLE o; --<script>alert(1)</script>\nSELECT '</code></pre><img src=x onerror=y>', 'a\u{202e}b', us\u{435}rs \u{0}";
    let hold = house.hold(sql);
    let page = house.rita().get(&format!("/holds/{hold}"));
    assert_eq!(page.status, 200);
    let text = &page.body;
    assert!(page.has_no_foreign_script() && !text.contains("<img") && !text.contains("<b>T-1"), "{text}");
    assert!(!text.contains(['\u{202e}', '\u{435}', '\u{0}']), "{text}");
    for shown in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        ">U+202E</span>",
        ">U+0435</span>",
        ">U+0000</span>",
        "Characters in it cannot be seen",
        "billing-bot",
        "Ann",
        "production",
        "hold-ddl",
        "changes the schema",
        "the trigger &lt;audit&gt; runs",
        "public.orders",
        "1,234,567",
        "30 GiB",
        "about 12 rows back, 34 at the widest",
        "Its own claims",
        "&lt;b&gt;T-1&lt;/b&gt;",
        "It stands alone.",
        "waits for a decision until",
    ] {
        assert!(text.contains(shown), "{shown} is not in {text}");
    }
}

#[test]
fn parameters_are_shown_without_loss() {
    let house = House::new();
    let hold = house.hold_with("DELETE FROM t WHERE a = $1 AND b = $2 AND c = $3", &[Some(b"<i>one</i>"), None, Some(&[0xff, 0xfe])]);
    let page = house.rita().get(&format!("/holds/{hold}"));
    for shown in ["&lt;i&gt;one&lt;/i&gt;", "OID 25", "<em>NULL</em>", "\\x<code>fffe</code>"] {
        assert!(page.body.contains(shown), "{shown} is not in {}", page.body);
    }
    let list = house.rita().get("/");
    assert!(!list.body.contains("one") || !list.body.contains("&lt;i&gt;"), "a list shows no value: {}", list.body);
}

#[test]
fn what_is_sensitive_is_masked_until_somebody_has_it_shown_on_the_record() {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----";
    let house = House::new();
    let sql =
        format!("DELETE FROM t WHERE email = 'bob@example.com' AND password = $1; DROP TABLE \u{202e}o /* {KEY} */; SELECT two -- </end>");
    let hold = house.hold_with(&sql, &[Some(b"hunter2")]);
    let path = format!("/holds/{hold}");
    let reveal = format!("{path}/reveal");
    let mut rita = house.rita();
    let page = rita.get(&path);
    for hidden in ["bob@", "hunter2"] {
        assert!(!page.body.contains(hidden), "{hidden}: {}", page.body);
    }
    for shown in ["[EMAIL]", "[PASSWORD]", "Show as sent", ">U+202E</span>", "It runs as it was sent."] {
        assert!(page.body.contains(shown), "{shown} is not in {}", page.body);
    }
    assert!(page.text().contains("SELECT two"), "{}", page.body);
    assert!(!house.kinds().contains(&"revealed".to_owned()));
    // Not by a link, and not by a form of somebody else's.
    assert!(!rita.get(&reveal).body.contains("hunter2"));
    assert_eq!(rita.post(&reveal, &[("token", "x")]).status, 403);
    let decides = page.field(&path, "token");
    assert_eq!(rita.post(&reveal, &[("token", &decides)]).status, 403);
    assert!(!house.kinds().contains(&"revealed".to_owned()));
    let token = page.field(&reveal, "token");
    let revealed = rita.post(&reveal, &[("token", &token)]);
    assert_eq!(revealed.status, 200);
    for shown in ["bob@example.com", "hunter2", ">U+202E</span>", "&lt;/end&gt;"] {
        assert!(revealed.body.contains(shown), "{shown} is not in {}", revealed.body);
    }
    assert!(!revealed.body.contains(['\u{202e}']) && !revealed.body.contains("Show as sent"), "{}", revealed.body);
    let record = house.record();
    let event = record.iter().find(|event| event["kind"] == "revealed").unwrap();
    assert_eq!((&event["hold"], &event["by"]), (&hold.as_str().into(), &"rita".into()), "{event}");
    // Once is not for ever; and what was decided is the same, however it was shown.
    assert!(!rita.get(&path).body.contains("hunter2"));
    assert_eq!(rita.decide_from(&revealed, &hold, "approve", "").status, 303);
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "revealed").count(), 1);
}

#[test]
fn who_may_not_decide_has_nothing_revealed() {
    let house = House::new();
    let hold = house.hold("DELETE FROM t WHERE email = 'bob@example.com'");
    let (path, reveal) = (format!("/holds/{hold}"), format!("/holds/{hold}/reveal"));
    let mut ann = house.browser();
    ann.sign_in("ann", ANN);
    let page = ann.get(&path);
    assert!(page.body.contains("[EMAIL]") && !page.body.contains("Show as sent"), "{}", page.body);
    let token = form_token(&Secret::new(ann.cookies["pgsluice"].clone()), &format!("reveal {hold}"));
    let refused = ann.post(&reveal, &[("token", &token)]);
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("It stays masked") && !refused.body.contains("bob@"), "{}", refused.body);
    assert!(!house.kinds().contains(&"revealed".to_owned()));
}

#[test]
fn what_the_record_does_not_take_is_not_revealed() {
    let house = House::new();
    let hold = house.hold("DELETE FROM t WHERE email = 'bob@example.com'");
    let mut rita = house.rita();
    let token = rita.get(&format!("/holds/{hold}")).field(&format!("/holds/{hold}/reveal"), "token");
    house.close_the_record();
    let answer = rita.post(&format!("/holds/{hold}/reveal"), &[("token", &token)]);
    assert_eq!(answer.status, 503);
    assert!(!answer.body.contains("bob@"), "{}", answer.body);
}

#[test]
fn a_list_shows_shapes_and_no_values() {
    let house = House::new();
    house.hold("DELETE FROM people WHERE ssn = '078-05-1120'");
    let mut rita = house.rita();
    let list = rita.get("/");
    assert!(list.body.contains("delete from people") && !list.body.contains("078-05"), "{}", list.body);
    assert!(!house.kinds().contains(&"hold_read".to_owned()));
}

#[test]
fn an_approval_lets_it_run_once_and_is_on_the_record() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut rita = house.rita();
    let decided = rita.decide(&hold, "approve", "as planned");
    assert_eq!((decided.status, decided.header("location")), (303, &*format!("/holds/{hold}")));
    assert!(house.runs("DROP TABLE orders"));
    assert!(!house.runs("DROP TABLE orders"));
    let page = rita.get(&format!("/holds/{hold}"));
    assert!(page.body.contains("It was run; the approval is used up.") && !page.body.contains("Approve, once"), "{}", page.body);
    assert!(page.body.contains("The statement was erased"));
    let record = house.record();
    let decided = record.iter().find(|event| event["kind"] == "decided").unwrap();
    assert_eq!(
        (&decided["by"], &decided["through"], &decided["body"]["text"]),
        (&"rita".into(), &"web".into(), &"as planned".into()),
        "{decided}"
    );
}

#[test]
fn values_are_shown_unmasked_where_a_reviewer_says_so() {
    const ASKS: &str = "/* pgsluice:unmask */ SELECT email FROM orders";
    let house = House::new();
    let mut rita = house.rita();
    let plain = house.hold("DROP TABLE orders");
    let page = rita.get(&format!("/holds/{plain}"));
    assert!(page.body.contains("Approve, once") && !page.body.contains("unmasked"), "{}", page.body);
    assert_eq!(rita.decide(&plain, "unmasked", "").status, 422);
    assert_eq!(house.stands(&plain), "waiting");
    for (button, unmasked, word) in [("approve", false, "approved"), ("unmasked", true, "approved_unmasked")] {
        let hold = house.hold(ASKS);
        let page = rita.get(&format!("/holds/{hold}"));
        for text in ["It asks to see values as they are.", "Approve, once, values masked", "Approve, once, values unmasked"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        assert_eq!(rita.decide(&hold, button, "").status, 303);
        assert_eq!(house.runs_unmasked(ASKS), Some(unmasked));
        assert_eq!(house.runs_unmasked("SELECT email FROM orders"), None);
        let record = house.record();
        let decided = record.iter().rev().find(|event| event["kind"] == "decided").unwrap();
        assert_eq!(decided["decision"], word, "{decided}");
    }
}

#[test]
fn a_denial_needs_a_reason_and_is_final() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut rita = house.rita();
    let refused = rita.decide(&hold, "deny", "  ");
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("a denial needs a reason"), "{}", refused.body);
    assert_eq!(house.stands(&hold), "waiting");
    assert_eq!(rita.decide(&hold, "deny", "not before\r\nthe <backup>").status, 303);
    assert_eq!(house.stands(&hold), "denied");
    let page = rita.get(&format!("/holds/{hold}"));
    assert!(page.body.contains("not before\nthe &lt;backup&gt;"), "{}", page.body);
}

#[test]
fn of_two_who_decide_at_once_one_wins_and_the_other_is_told() {
    let house = House::new();
    for round in 0..5 {
        let hold = house.hold(&format!("DROP TABLE orders_{round}"));
        let mut rita = house.rita();
        let mut sam = house.browser();
        sam.sign_in("sam", SAM);
        let pages = [rita.get(&format!("/holds/{hold}")), sam.get(&format!("/holds/{hold}"))];
        let statuses = std::thread::scope(|scope| {
            let one = scope.spawn(|| rita.decide_from(&pages[0], &hold, "approve", ""));
            let two = scope.spawn(|| sam.decide_from(&pages[1], &hold, "deny", "no"));
            [one.join().unwrap(), two.join().unwrap()]
        });
        let mut codes = statuses.each_ref().map(|answer| answer.status);
        codes.sort_unstable();
        assert_eq!(codes, [303, 409], "{statuses:?}");
        let late = statuses.iter().find(|answer| answer.status == 409).unwrap();
        assert!(late.body.contains("Nothing was decided now"), "{}", late.body);
    }
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "decided").count(), 5);
}

#[test]
fn pressing_twice_is_as_good_as_once() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut rita = house.rita();
    let page = rita.get(&format!("/holds/{hold}"));
    assert_eq!(rita.decide_from(&page, &hold, "approve", "").status, 303);
    assert_eq!(rita.decide_from(&page, &hold, "approve", "").status, 303);
    assert_eq!(rita.decide_from(&page, &hold, "deny", "changed my mind").status, 409);
    assert_eq!(house.kinds().iter().filter(|kind| *kind == "decided").count(), 1);
    assert_eq!(house.stands(&hold), "approved");
}

#[test]
fn what_was_not_shown_is_not_decided() {
    let house = House::new();
    let (one, other) = (house.hold("DROP TABLE one"), house.hold("DROP TABLE other"));
    let mut rita = house.rita();
    let digest = rita.get(&format!("/holds/{one}")).field(&format!("/holds/{one}"), "digest");
    let path = format!("/holds/{other}");
    let token = rita.get(&path).field(&path, "token");
    let answer = rita.post(&path, &[("token", &token), ("digest", &digest), ("verdict", "approve")]);
    assert_eq!(answer.status, 409);
    assert!(answer.body.contains("not what was shown"), "{}", answer.body);
    assert_eq!(house.stands(&other), "waiting");
}

#[test]
fn the_owner_of_an_agent_does_not_decide_for_it() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut ann = house.browser();
    ann.sign_in("ann", ANN);
    let page = ann.get(&format!("/holds/{hold}"));
    assert!(page.body.contains("You own this agent") && !page.body.contains("Approve, once"), "{}", page.body);
    // A form made from somebody else's page: the token is hers, the digest is right.
    let path = format!("/holds/{hold}");
    let digest = house.rita().get(&path).field(&path, "digest");
    let secret = Secret::new(ann.cookies["pgsluice"].clone());
    let token = form_token(&secret, &format!("decide {hold}"));
    let answer = ann.post(&path, &[("token", &token), ("digest", &digest), ("verdict", "approve")]);
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(house.stands(&hold), "waiting");
}

/// As the page makes it: whoever has the cookie can.
fn form_token(secret: &Secret, purpose: &str) -> String {
    use base64::Engine as _;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.expose().as_bytes());
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, purpose.as_bytes()))
}

use pgsluice::host::secret::Secret;

#[test]
fn in_the_single_person_mode_the_owner_decides_and_it_shows() {
    let house = House::with(Manner { single_person: true, ..Manner::default() });
    let hold = house.hold("DROP TABLE orders");
    let mut ann = house.browser();
    ann.sign_in("ann", ANN);
    assert!(ann.get(&format!("/holds/{hold}")).body.contains("the record says so"));
    assert_eq!(ann.decide(&hold, "approve", "").status, 303);
    assert!(house.view(&hold).decided.unwrap().single_person);
    assert!(ann.get(&format!("/holds/{hold}")).body.contains("It is their own agent"));
}

#[test]
fn holds_that_are_not_there_have_a_page() {
    let house = House::new();
    let mut rita = house.rita();
    for path in ["/holds/00000000", "/holds/not-an-id", "/holds/00000000/approve", "/nothing"] {
        let answer = rita.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains("<h1>"), "{path}");
    }
}
