//! Links by which people set a password of their own, and sign-ins that whoever administers sees and ends.

use std::process::{Command, Stdio};
use std::time::SystemTime;

use crate::house::{House, RITA};
use crate::support::{Cluster, Proxy};

const OWN: &str = "a phrase of my own";

/// A command on the house's state folder.
fn command(house: &House, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
    let output = command.args(arguments).arg("--state").arg(house.state()).stdin(Stdio::null()).output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&said).trim().to_owned())
}

#[test]
fn whoever_is_invited_sets_a_password_once_and_signs_in_with_it() {
    let house = House::new();
    let (made, link) = command(&house, &["reviewer", "invite", "nina", "--group", "dba"]);
    assert!(made, "{link}");
    let path = link.strip_prefix(&house.public_url).unwrap().to_owned();
    let mut nina = house.browser();
    // A program that looks ahead uses nothing up.
    for _ in 0..2 {
        assert!(nina.get(&path).body.contains("<strong>nina</strong>"));
    }
    let token = nina.get(&path).field(&path, "token");
    let fill = |password: &str, again: &str| vec![("token", token.clone()), ("password", password.to_owned()), ("again", again.to_owned())];
    let mut send = |fields: &[(&str, String)]| {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        nina.post(&path, &fields)
    };
    for (fields, words) in [(fill(OWN, "another one of mine"), "not the same"), (fill("short", "short"), "too short")] {
        let answer = send(&fields);
        assert!(answer.status == 422 && answer.body.contains(words) && !answer.body.contains(OWN), "{answer:?}");
    }
    // A form of somebody else's page, or of no page.
    assert_eq!(house.browser().post(&path, &[("token", &token), ("password", OWN), ("again", OWN)]).status, 403);
    assert_eq!(send(&[("token", "AAAA".to_owned()), ("password", OWN.to_owned()), ("again", OWN.to_owned())]).status, 403);
    let done = send(&fill(OWN, OWN));
    assert_eq!((done.status, done.header("location")), (303, "/sign-in"), "{done:?}");
    nina.sign_in("nina", OWN);
    let mallory = house.browser().get(&path);
    assert!(mallory.status == 404 && mallory.body.contains("This link is over"), "{mallory:?}");
    let again = nina.post(&path, &[("token", &token), ("password", "mine from now on"), ("again", "mine from now on")]);
    assert!(matches!(again.status, 403 | 404), "{again:?}");
    assert_eq!(house.browser().get("/set-up/AAAA").status, 404);
    // What is in the link is not in the state folder.
    let secret = path.strip_prefix("/set-up/").unwrap();
    for file in std::fs::read_dir(house.state()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{}", file.display());
    }
    let (made, said) = command(&house, &["reviewer", "invite", "rita"]);
    assert!(!made && said.contains("has an account"), "{said}");
}

#[test]
fn the_first_start_prints_a_link_and_the_next_ones_do_not() {
    let cluster = Cluster::get(15);
    let database = cluster.database("first");
    let mut proxy = Proxy::start_with(&database.url(), &["--policy", "default"], &["billing-bot", "--owner", "ann"]);
    let link = proxy.first_person.clone().expect("there is nobody yet");
    let path = link.strip_prefix(&proxy.people).unwrap().to_owned();
    let server = crate::http::Server::plain(proxy.people.strip_prefix("http://").unwrap().parse().unwrap());
    let mut ann = crate::http::Browser::new(&server);
    let token = ann.get(&path).field(&path, "token");
    let agent = ann.post(&path, &[("token", &token), ("name", "billing-bot"), ("password", OWN), ("again", OWN)]);
    assert!(agent.status == 422 && agent.body.contains("is an agent"), "{agent:?}");
    assert_eq!(ann.post(&path, &[("token", &token), ("name", "ann"), ("password", OWN), ("again", OWN)]).status, 303);
    ann.sign_in("ann", OWN);
    proxy.kill();
    proxy.start_again(&database.url(), &["--policy", "default"]);
    assert_eq!(proxy.first_person, None);
}

#[test]
fn whoever_administers_sees_who_is_signed_in_and_ends_it() {
    let house = House::new();
    let (mut one, mut two, mut sam) = (house.rita(), house.rita(), house.browser());
    sam.sign_in("sam", crate::house::SAM);
    let (_, listed) = command(&house, &["reviewer", "sessions", "rita", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let all = listed.as_array().unwrap();
    assert!(all.len() == 2 && all.iter().all(|visit| visit["person"] == "rita" && visit["through"] == "web"), "{listed}");
    assert!(!listed.to_string().contains(&one.cookies["pgsluice"]));
    let id = all[0]["id"].as_str().unwrap();
    assert_eq!(command(&house, &["reviewer", "revoke", "rita", "--session", id]).1, "signed rita out of 1 session");
    assert_eq!([one.get("/").status, two.get("/").status].iter().filter(|status| **status == 303).count(), 1);
    assert_eq!(command(&house, &["reviewer", "revoke", "rita"]).1, "signed rita out of 1 session");
    assert_eq!((one.get("/").status, two.get("/").status, sam.get("/").status), (303, 303, 200));
    assert!(!command(&house, &["reviewer", "revoke", "nobody"]).0);
    one.sign_in("rita", RITA);
    house.accounts().revoke("rita", None, "eve", SystemTime::now()).unwrap();
    assert_eq!(one.get("/").status, 303);
}
