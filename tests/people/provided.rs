//! People who sign in at a provider.

use std::time::{Duration, SystemTime};

use pgsluice::host::people::{PeopleStore, Role};
use pgsluice::host::state::State;
use serde_json::json;

use crate::http::{Answer, Browser};
use crate::provider::Town;

fn query(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    found.unwrap_or_else(|| panic!("{name} in {url}")).to_owned()
}

fn refused(answer: &Answer, words: &str) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(answer.body.contains(words), "{words}: {}", answer.body);
    assert!(!answer.headers.iter().any(|(name, value)| name == "set-cookie" && value.starts_with("pgsluice=")), "{answer:?}");
}

impl Town {
    fn listed(&self, name: &str) -> Option<(String, String, String)> {
        let people = PeopleStore::open(&State::open(&self.house.state()).unwrap()).unwrap().list(false).unwrap();
        people.into_iter().find(|one| one.name == name).map(|one| (one.role, one.os_user, one.created))
    }

    fn denials(&self) -> Vec<String> {
        let denied = self.house.record().into_iter().filter(|event| event["kind"] == "person_denied");
        denied.map(|event| event["body"]["text"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn whoever_the_provider_vouches_for_decides_as_their_groups_let_them() {
    let town = Town::new();
    let hold = town.house.hold("DROP TABLE orders");
    let mut nina = town.house.browser();
    assert!(nina.get("/sign-in").body.contains("href=\"/sign-in/provider\""));
    let asked = nina.get(&format!("/sign-in?next=/holds/{hold}"));
    assert!(asked.body.contains(&format!("href=\"/sign-in/provider?next=/holds/{hold}\"")), "{}", asked.body);
    let entered = town.try_sign_in(&mut nina, "nina", &format!("/holds/{hold}"));
    assert_eq!((entered.status, entered.header("location")), (303, &*format!("/holds/{hold}")));
    assert!(nina.get(&format!("/holds/{hold}")).text().contains("DROP TABLE orders"));
    assert_eq!(nina.decide(&hold, "approve", "as planned").status, 303);
    assert!(town.house.runs("DROP TABLE orders"));
    assert_eq!(town.house.kinds(), ["held", "person_signed_in", "hold_read", "hold_read", "decided", "spent"]);
    assert_eq!(town.listed("nina").map(|(role, os_user, _)| (role, os_user)), Some(("reviewer".to_owned(), "oidc:nina".to_owned())));
    let listed = town.house.accounts().list().unwrap().into_iter().find(|one| one.name == "nina").unwrap();
    assert_eq!((listed.groups, listed.provider.is_some()), (vec!["dba".to_owned()], true));
    // The next time she is the same person.
    town.sign_in("nina");
    assert_eq!(town.house.accounts().list().unwrap().iter().filter(|one| one.provider.is_some()).count(), 1);
}

#[test]
fn the_way_to_the_provider_asks_for_what_protects_it() {
    let town = Town::new();
    let mut nina = town.house.browser();
    let (door, other) = (town.begin(&mut nina, "/"), town.begin(&mut nina, "/"));
    for (name, value) in [("response_type", "code"), ("code_challenge_method", "S256"), ("client_id", "pgsluice")] {
        assert_eq!(query(&door, name), value);
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert!(query(&door, name).len() >= 43, "{name}");
        assert_ne!(query(&door, name), query(&other, name), "{name}");
    }
    assert!(query(&door, "scope").contains("openid") && query(&door, "scope").contains("offline_access"));
    let back = percent_encoding::percent_decode_str(&query(&door, "redirect_uri")).decode_utf8().unwrap().into_owned();
    assert_eq!(back, format!("{}/sign-in/provider/back", town.house.public_url));
}

#[test]
fn groups_make_roles_and_who_is_in_none_of_them_is_nobody() {
    let town = Town::new();
    let hold = town.house.hold("DROP TABLE orders");
    town.provider.person("carl", &["controllers"]);
    let mut carl = town.sign_in("carl");
    assert!(carl.get("/").body.contains(&hold));
    let page = carl.get(&format!("/holds/{hold}"));
    assert!(!page.body.contains("name=\"verdict\"") || carl.decide(&hold, "approve", "").status != 303, "an auditor decides nothing");
    assert_eq!(town.house.stands(&hold), "waiting");
    town.provider.person("hanna", &["heads", "db-admins", "controllers"]);
    town.sign_in("hanna");
    assert_eq!(town.listed("hanna").unwrap().0, Role::Administrator.word());
    for groups in [&["staff", "DB-ADMINS"][..], &[]] {
        town.provider.person("olga", groups);
        let mut olga = town.house.browser();
        refused(&town.try_sign_in(&mut olga, "olga", "/"), "none of the groups");
        assert_eq!(olga.get("/").status, 303);
    }
    assert!(town.listed("olga").is_none() && town.denials().len() == 2);
    town.provider.control(&json!({ "people": { "maria": { "groups": [], "extra": { "_claim_names": { "groups": "src1" } } } } }));
    refused(&town.try_sign_in(&mut town.house.browser(), "maria", "/"), "too many");
}

#[test]
fn groups_that_are_not_in_the_token_are_asked_for() {
    let town = Town::with(true, |oidc| oidc.refresh = Duration::ZERO);
    let mut nina = town.sign_in("nina");
    assert_eq!(nina.get("/").status, 200);
    town.provider.person("nina", &["staff"]);
    assert_eq!(nina.get("/").status, 303);
    refused(&town.try_sign_in(&mut nina, "nina", "/"), "none of the groups");
}

#[test]
fn a_way_back_leads_in_once_and_only_the_browser_that_went() {
    let town = Town::new();
    let (mut nina, mut victim) = (town.house.browser(), town.house.browser());
    let door = town.begin(&mut nina, "/");
    town.begin(&mut victim, "/");
    let back = town.through_provider(&door, "nina");
    // Somebody is led to sign in as somebody else: to a browser that began nothing, or something of its own.
    refused(&town.house.browser().get(&back), "did not begin in this browser");
    refused(&victim.get(&back), "did not begin in this browser");
    // Her code with a state of the victim's own: the provider finds that it was asked for by another proof.
    let state = query(&town.begin(&mut victim, "/"), "state");
    refused(&victim.get(&back.replace(&query(&back, "state"), &state)), "the provider says invalid_grant");
    // It was spent on that.
    let back = town.through_provider(&town.begin(&mut nina, "/"), "nina");
    let state = query(&back, "state");
    for forged in ["", "x", &state.replace(&state[state.len() - 3..], "AAA"), &state[1..]] {
        refused(&nina.get(&back.replace(&state, forged)), "did not begin in this browser");
    }
    refused(&nina.get(&back.replace("iss=http", "iss=https")), "not by this provider");
    let back = town.through_provider(&town.begin(&mut nina, "/"), "nina");
    let kept = nina.cookies.clone();
    assert_eq!(nina.get(&back).status, 303);
    assert_eq!(nina.get("/").status, 200);
    assert!(!nina.cookies.contains_key("pgsluice-errand"));
    // Again, also by a browser that forgot nothing.
    refused(&nina.get(&back), "did not begin in this browser");
    let mut again = town.house.browser();
    again.cookies = kept;
    refused(&again.get(&back), "did not begin in this browser");
    assert_eq!(town.house.kinds().iter().filter(|kind| *kind == "person_signed_in").count(), 1);
}

#[test]
fn whoever_says_no_at_the_provider_is_told_so() {
    let town = Town::new();
    let mut nina = town.house.browser();
    let door = town.begin(&mut nina, "/");
    let back = town.through_provider(&door, "");
    assert_eq!(query(&back, "error"), "access_denied");
    refused(&nina.get(&back), "the provider says access_denied");
    let state = query(&town.begin(&mut nina, "/"), "state");
    let evil = format!("/sign-in/provider/back?state={state}&error=%3Cscript%3E&error_description=Call%20555");
    let answer = nina.get(&evil);
    assert!(answer.status == 403 && !answer.body.contains("script") && !answer.body.contains("555"), "{answer:?}");
}

#[test]
fn after_the_provider_comes_a_page_of_ours() {
    let town = Town::new();
    for next in ["//evil.example", "https://evil.example", "/holds//evil.example", "/%5Cevil.example", "/holds/00000001%0d%0aX:y"] {
        let mut nina = town.house.browser();
        let entered = town.try_sign_in(&mut nina, "nina", next);
        let to = entered.header("location").to_owned();
        assert!(entered.status == 303 && (to == "/" || to == "/holds/00000001"), "{next} {to}");
    }
    // Nor is a name of somebody else in the way back.
    let host = [("Host", "evil.example")];
    assert_eq!(town.house.server.ask("GET", "/sign-in/provider", &host, "").status, 421);
    let back = town.house.server.ask("GET", "/sign-in/provider?next=//evil.example", &[("X-Forwarded-Host", "evil.example")], "");
    assert!(back.status == 303 && !back.header("location").contains("evil"), "{back:?}");
}

#[test]
fn who_was_removed_at_the_provider_loses_every_session_at_its_next_refresh() {
    let town = Town::that_asks_always();
    let (mut nina, mut phone) = (town.sign_in("nina"), town.sign_in("nina"));
    // The tokens are new ones each time.
    for _ in 0..4 {
        assert_eq!((nina.get("/").status, phone.get("/").status), (200, 200));
    }
    let hold = town.house.hold("DROP TABLE orders");
    let page = nina.get(&format!("/holds/{hold}"));
    town.provider.control(&json!({ "removed": ["nina"] }));
    let decided = nina.decide_from(&page, &hold, "approve", "");
    assert!(decided.status == 303 && decided.header("location").starts_with("/sign-in"), "{decided:?}");
    assert_eq!((nina.get("/").status, phone.get("/").status), (303, 303));
    assert_eq!(town.house.stands(&hold), "waiting");
    let out: Vec<_> = town.house.record().into_iter().filter(|event| event["kind"] == "person_signed_out").collect();
    assert!(out.len() == 2 && out.iter().all(|event| event["person"] == "nina" && event["through"] == "provider"), "{out:?}");
    assert!(nina.get("/").header("location").starts_with("/sign-in"));
}

#[test]
fn groups_that_were_taken_away_count_no_more_after_the_next_refresh() {
    let town = Town::that_asks_always();
    let mut nina = town.sign_in("nina");
    assert_eq!(nina.get("/").status, 200);
    let hold = town.house.hold("DROP TABLE orders");
    town.provider.person("nina", &["controllers"]);
    let page = nina.get(&format!("/holds/{hold}"));
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("value=\"approve\""), "{}", page.body);
    assert_eq!(town.listed("nina").unwrap().0, "auditor");
    assert_eq!(town.house.stands(&hold), "waiting");
    town.provider.person("nina", &["staff"]);
    assert_eq!(nina.get("/").status, 303);
}

#[test]
fn between_two_refreshes_the_provider_is_left_alone() {
    let town = Town::new();
    let mut nina = town.sign_in("nina");
    town.provider.control(&json!({ "removed": ["nina"], "mood": { "silent": true } }));
    assert_eq!(nina.get("/").status, 200);
}

#[test]
fn a_silent_provider_is_believed_in_for_a_while_and_no_longer() {
    let patient = Town::that_asks_always();
    let mut nina = patient.sign_in("nina");
    patient.provider.control(&json!({ "mood": { "silent": true } }));
    assert_eq!(nina.get("/").status, 200);
    let begun = patient.house.browser().get("/sign-in/provider");
    assert_eq!(begun.status, 303, "what it said of itself is known");
    patient.provider.control(&json!({ "mood": { "silent": false }, "removed": ["nina"] }));
    assert_eq!(nina.get("/").status, 303, "it speaks again, and says no");

    let strict = Town::with(false, |oidc| (oidc.refresh, oidc.grace) = (Duration::ZERO, Duration::from_millis(1)));
    let mut nina = strict.sign_in("nina");
    strict.provider.control(&json!({ "mood": { "silent": true } }));
    assert_eq!(nina.get("/").status, 303);

    let gone = Town::new();
    gone.provider.control(&json!({ "mood": { "silent": true } }));
    refused(&gone.house.browser().get("/sign-in/provider"), "cannot be asked");
}

#[test]
fn nobody_becomes_somebody_who_is_here_already() {
    let town = Town::new();
    let state = State::open(&town.house.state()).unwrap();
    let agent = pgsluice::host::agents::NewAgent { name: "bot".to_owned(), owner: "ann".to_owned(), ..Default::default() };
    pgsluice::host::agents::AgentStore::open(&state).unwrap().add(&agent, "test", SystemTime::now()).unwrap();
    // rita has an account here, olaf is on the list, bot is an agent.
    for name in ["rita", "RITA", "olaf", "Bot", "eve (operator)", "x\u{202e}y", ""] {
        town.provider.control(&json!({ "people": { "zoe": { "name": name, "email": "rita@example.com", "groups": ["heads"] } } }));
        let answer = town.try_sign_in(&mut town.house.browser(), "zoe", "/");
        assert_eq!(answer.status, 403, "{name}: {answer:?}");
    }
    assert_eq!(town.denials().len(), 7);
    // Once a person, she stays it under every name that the provider then has for her.
    town.provider.control(&json!({ "people": { "zoe": { "name": "zoe", "groups": ["db-admins"] } } }));
    town.sign_in("zoe");
    town.provider.control(&json!({ "people": { "zoe": { "name": "rita", "groups": ["db-admins"] } } }));
    assert!(town.sign_in("zoe").get("/").body.contains(">zoe<"));
    // And nobody else with her name is her.
    town.provider.control(&json!({ "people": { "eve": { "name": "zoe", "groups": ["db-admins"] } } }));
    refused(&town.try_sign_in(&mut town.house.browser(), "eve", "/"), "is on the list");
    // No password is given to somebody whom the provider vouches for.
    let verifier = pgsluice::host::people::password::verifier("zoe", &pgsluice::host::secret::Secret::new("four words will do")).unwrap();
    let account = pgsluice::host::people::NewAccount { name: "zoe".to_owned(), groups: vec![], verifier };
    assert!(town.house.accounts().add(&account, "test", SystemTime::now()).is_err());
}

#[test]
fn nobody_decides_for_an_agent_of_theirs_by_any_name_the_provider_has() {
    let town = Town::new();
    let hold = town.house.hold("DROP TABLE orders");
    // The agent is Ann's.
    town.provider.control(&json!({ "people": { "u1": { "name": "a.smith", "email": "ann@example.com", "groups": ["db-admins"] } } }));
    let mut ann = town.sign_in("u1");
    let page = ann.get(&format!("/holds/{hold}"));
    assert!(page.status == 200 && !page.body.contains("value=\"approve\""), "{}", page.body);
    assert_eq!(town.house.stands(&hold), "waiting");
}

#[test]
fn who_was_removed_here_stays_out_until_they_are_let_in_again() {
    let town = Town::new();
    let mut nina = town.sign_in("nina");
    let state = State::open(&town.house.state()).unwrap();
    PeopleStore::open(&state).unwrap().remove("nina", "test", SystemTime::now()).unwrap();
    assert_eq!(nina.get("/").status, 303);
    refused(&town.try_sign_in(&mut nina, "nina", "/"), "was removed here");
    town.house.accounts().readmit("nina", "test", SystemTime::now()).unwrap();
    town.sign_in("nina");
}

#[test]
fn signing_out_ends_the_visit_and_offers_to_sign_out_at_the_provider() {
    let town = Town::new();
    let mut nina = town.sign_in("nina");
    let token = nina.get("/").field("/sign-out", "token");
    let kept: Browser = nina.clone();
    let out = nina.post("/sign-out", &[("token", &token)]);
    assert!(out.status == 200 && out.body.contains("/session/end?client_id=pgsluice"), "{out:?}");
    assert!(out.body.contains("id_token_hint=") && out.body.contains("post_logout_redirect_uri="), "{}", out.body);
    assert!(!nina.cookies.contains_key("pgsluice"));
    assert_eq!(kept.clone().get("/").status, 303);
}

#[test]
fn the_state_folder_alone_opens_nothing_at_the_provider() {
    let town = Town::new();
    let nina = town.sign_in("nina");
    let token = nina.cookies["pgsluice"].clone();
    let tokens = town.house.accounts().tokens(&token).unwrap().unwrap();
    let (refresh, id) = (tokens.refresh.unwrap(), tokens.id.unwrap());
    for file in std::fs::read_dir(town.house.state()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        for secret in [refresh.expose(), id.expose(), &*token] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", file.display());
        }
    }
    assert!(town.house.accounts().tokens("another token").unwrap().is_none());
}
