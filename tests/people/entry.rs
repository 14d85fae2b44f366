//! Who gets in.

use std::time::{Duration, Instant};

use pgsluice::host::secret::Secret;

use crate::house::{House, Manner, RITA, SAM};

#[test]
fn a_reviewer_signs_in_sees_the_holds_and_signs_out() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let mut browser = house.browser();
    let asked = browser.get(&format!("/holds/{hold}"));
    assert_eq!((asked.status, asked.header("location")), (303, &*format!("/sign-in?next=/holds/{hold}")));
    let entered = browser.try_sign_in(&format!("/holds/{hold}"), "rita", RITA);
    assert_eq!((entered.status, entered.header("location")), (303, &*format!("/holds/{hold}")));
    assert!(browser.get(&format!("/holds/{hold}")).text().contains("DROP TABLE orders"));
    let list = browser.get("/");
    assert!(list.body.contains("1 waiting") && list.body.contains(&format!("/holds/{hold}")), "{list:?}");
    let token = list.field("/sign-out", "token");
    let kept = browser.cookies.clone();
    assert_eq!(browser.post("/sign-out", &[("token", &token)]).header("location"), "/sign-in");
    assert!(browser.cookies.is_empty());
    browser.cookies = kept;
    assert_eq!(browser.get("/").status, 303, "the token is worth nothing any more");
    assert_eq!(house.kinds(), ["held", "person_signed_in", "hold_read", "person_signed_out"]);
}

#[test]
fn wrong_passwords_unknown_names_and_agents_get_one_answer_and_are_on_the_record() {
    let house = House::new();
    let mut browser = house.browser();
    let wrong = browser.try_sign_in("/", "rita", "not her password");
    assert_eq!(wrong.status, 401);
    assert!(wrong.body.contains("Name or password is wrong") && wrong.header("set-cookie").is_empty(), "{wrong:?}");
    for (name, password) in
        [("rita", SAM), ("nobody", RITA), ("olaf", RITA), ("billing-bot", "its own"), ("", ""), ("hunter2-is-mine!", "x")]
    {
        let answer = house.browser().try_sign_in("/", name, password);
        let blank = |text: &str, name: &str| text.split("<form").next().unwrap().replace(name, "");
        assert_eq!((answer.status, blank(&answer.body, name)), (401, blank(&wrong.body, "rita")), "{name}");
    }
    let denied: Vec<_> = house.record().into_iter().map(|event| (event["person"].clone(), event["body"]["text"].clone())).collect();
    let tried: Vec<_> = denied.iter().map(|(_, text)| text.as_str().unwrap_or("-")).collect();
    assert_eq!(tried[..5], ["rita", "rita", "nobody", "olaf", "billing-bot"]);
    assert!(!tried.contains(&"hunter2-is-mine!"), "it may be a password: {tried:?}");
    assert!(house.kinds().iter().all(|kind| kind == "person_denied"));
}

#[test]
fn guessing_gets_slower() {
    let house = House::new();
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(house.browser().try_sign_in("/", "sam", "a guess of many").status, 401);
    }
    // The fourth waits a quarter of a second, the fifth half of one: a bound from below, which no slow machine breaks.
    assert!(began.elapsed() >= Duration::from_millis(750));
    // At once is no way around: each counts before it is known to be wrong.
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| house.browser().try_sign_in("/", "sam", "a guess of many"));
        }
    });
    assert!(began.elapsed() >= Duration::from_secs(4));
}

#[test]
fn cookies_and_headers_are_as_strict_as_browsers_allow() {
    for tls in [false, true] {
        let house = House::with(Manner { tls, ..Manner::default() });
        let mut browser = house.browser();
        let page = browser.get("/sign-in");
        let form = page.header("set-cookie").to_owned();
        let entered = browser.try_sign_in("/", "rita", RITA);
        let visit = entered.header("set-cookie").to_owned();
        let (prefix, secure) = if tls { ("__Host-", "; Secure") } else { ("", "") };
        assert!(
            visit.starts_with(&format!("{prefix}pgsluice=")) && visit.ends_with(&format!("; Path=/; HttpOnly; SameSite=Lax{secure}")),
            "{visit}"
        );
        assert!(form.starts_with(&format!("{prefix}pgsluice-form=")) && form.ends_with(&format!("SameSite=Strict{secure}")), "{form}");
        assert_eq!(visit.split(['=', ';']).nth(1).unwrap().len(), 43, "256 bits");
        for answer in [page, entered, browser.get("/"), browser.get("/nothing"), browser.get("/style.css"), browser.get("/api/holds")] {
            let policy = answer.header("content-security-policy");
            assert!(
                policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'")
                    && policy.contains("frame-ancestors 'none'"),
                "{answer:?}"
            );
            assert!(!policy.contains("unsafe"));
            for (name, value) in [
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "no-referrer"),
                ("cache-control", "no-store"),
                ("strict-transport-security", if tls { "max-age=31536000" } else { "" }),
            ] {
                assert_eq!(answer.header(name), value, "{name}");
            }
            assert!(answer.has_no_foreign_script() && !answer.body.contains(" style="), "{}", answer.body);
        }
    }
}

#[test]
fn forms_of_others_are_refused() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders");
    let (mut rita, path) = (house.rita(), format!("/holds/{hold}"));
    let page = rita.get(&path);
    let (token, digest) = (page.field(&path, "token"), page.field(&path, "digest"));
    let fields = |token: &'static str| vec![("token", token), ("digest", "x"), ("reason", ""), ("verdict", "approve")];
    assert_eq!(rita.post(&path, &fields("")).status, 403);
    assert_eq!(rita.post(&path, &fields("AAAA")).status, 403);
    // A token of another form, and of another visit.
    let out = page.field("/sign-out", "token");
    assert_eq!(rita.post(&path, &[("token", &out), ("digest", &digest), ("verdict", "approve")]).status, 403);
    let mut again = house.rita();
    assert_eq!(again.post(&path, &[("token", &token), ("digest", &digest), ("verdict", "approve")]).status, 403);
    // From another site, whatever the form holds.
    let body = format!("token={token}&digest={digest}&verdict=approve&reason=");
    let kind = ("Content-Type", "application/x-www-form-urlencoded");
    for site in ["cross-site", "same-site"] {
        assert_eq!(rita.send("POST", &path, &body, &[kind, ("Sec-Fetch-Site", site)]).status, 403, "{site}");
    }
    // The sign-in form too: nobody is signed in under somebody else's name.
    let mut fresh = house.browser();
    fresh.get("/sign-in");
    assert_eq!(fresh.post("/sign-in", &[("name", "rita"), ("password", RITA), ("token", "AAAA")]).status, 403);
    assert_eq!(house.browser().post("/sign-in", &[("name", "rita"), ("password", RITA), ("token", &token)]).status, 403);
    assert_eq!(house.stands(&hold), "waiting");
    assert_eq!(rita.send("POST", &path, &body, &[kind, ("Sec-Fetch-Site", "same-origin")]).status, 303);
}

#[test]
fn a_name_of_somebody_else_that_leads_here_is_not_answered() {
    let house = House::new();
    for (host, status) in [("evil.example", 421), ("localhost.evil.example:80", 421), ("", 421)] {
        assert_eq!(house.server.ask("GET", "/sign-in", &[("Host", host)], "").status, status, "{host}");
    }
    let port = house.server.address.port();
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("LOCALHOST:{port}")] {
        assert_eq!(house.server.ask("GET", "/sign-in", &[("Host", &host)], "").status, 200, "{host}");
    }
    let public = House::with(Manner { public_url: Some("https://sluice.example"), ..Manner::default() });
    assert_eq!(public.server.ask("GET", "/sign-in", &[("Host", "sluice.example")], "").status, 200);
    assert_eq!(public.server.ask("GET", "/sign-in", &[("Host", "other.example")], "").status, 421);
}

#[test]
fn who_was_removed_or_has_another_password_is_out_at_once() {
    let house = House::new();
    let (mut rita, mut again) = (house.rita(), house.rita());
    assert_eq!(rita.get("/").status, 200);
    let mut accounts = house.accounts();
    let verifier = pgsluice::host::people::password::verifier("rita", &Secret::new("another one for her")).unwrap();
    accounts.change_password("rita", &verifier, "test", std::time::SystemTime::now()).unwrap();
    assert_eq!((rita.get("/").status, again.get("/").status), (303, 303));
    rita.sign_in("rita", "another one for her");
    let state = pgsluice::host::state::State::open(&house.state()).unwrap();
    pgsluice::host::people::PeopleStore::open(&state).unwrap().remove("rita", "test", std::time::SystemTime::now()).unwrap();
    assert_eq!(rita.get("/").status, 303);
    assert_eq!(house.browser().try_sign_in("/", "rita", "another one for her").status, 401);
}

#[test]
fn what_is_too_long_or_no_http_ends_without_harm() {
    let house = House::new();
    let long = "x".repeat(100 << 10);
    assert_eq!(house.server.ask("POST", "/api/sign-in", &[("Content-Type", "application/json")], &long).status, 413);
    assert!(matches!(house.server.ask("GET", "/", &[("X-Long", &long)], "").status, 400 | 431));
    assert_eq!(house.server.raw(b"rubbish\r\n\r\n").status, 400);
    for path in ["/holds/%00", "/holds/..%2f..", "/holds/zzzzzzzzzzzz", "/%ff"] {
        assert!(matches!(house.rita().get(path).status, 400 | 404), "{path}");
    }
    assert_eq!(house.server.ask("GET", "/sign-in", &[], "").status, 200);
}
