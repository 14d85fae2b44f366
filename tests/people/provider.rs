//! A real provider beside the house, and the browser of somebody who signs in there.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use pgsluice::host::config::{Membership, Oidc};
use pgsluice::host::people::Role;
use pgsluice::host::secret::Secret;
use pgsluice::host::upstream::Roots;
use serde_json::{Value, json};

use crate::house::{House, Manner};
use crate::http::{Answer, Browser, Server};
use crate::support::tests_folder;

pub const SECRET: &str = "a secret of the client, for tests";

/// Ends with the test.
pub struct Provider {
    child: Child,
    pub address: SocketAddr,
}

impl Provider {
    pub fn start(thin: bool) -> Self {
        let mut node = Command::new("node");
        node.arg(tests_folder().join("provider/server.mjs")).env("THIN", if thin { "1" } else { "0" });
        let mut child = node.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("node starts");
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        // What else it says must find somebody who listens.
        std::thread::spawn(move || said.lines().for_each(drop));
        let port: u16 = line.trim().parse().expect("tests/setup installs oidc-provider");
        Self { child, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    pub fn server(&self) -> Server {
        Server::plain(self.address)
    }

    pub fn control(&self, said: &Value) {
        let answer = self.server().ask("POST", "/control", &[("Content-Type", "application/json")], &said.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    pub fn person(&self, id: &str, groups: &[&str]) {
        self.control(&json!({ "people": { id: { "groups": groups } } }));
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait()).expect("it is ours");
    }
}

/// What the configuration says of a provider at this address.
pub fn settings(issuer: &str) -> Oidc {
    let member = |role, group: &str| Membership { role, group: group.to_owned() };
    Oidc {
        issuer: issuer.to_owned(),
        client_id: "pgsluice".to_owned(),
        client_secret: Some(Secret::new(SECRET)),
        scopes: ["openid", "profile", "offline_access"].map(str::to_owned).to_vec(),
        groups_claim: "groups".to_owned(),
        name_claim: "preferred_username".to_owned(),
        groups: BTreeMap::from([
            ("db-admins".to_owned(), member(Role::Reviewer, "dba")),
            ("controllers".to_owned(), member(Role::Auditor, "controllers")),
            ("heads".to_owned(), member(Role::Administrator, "heads")),
        ]),
        parameters: BTreeMap::new(),
        hosts: Vec::new(),
        roots: Roots::Platform,
        refresh: Duration::from_secs(300),
        grace: Duration::from_secs(600),
    }
}

/// A house whose people sign in at a provider.
pub struct Town {
    pub house: House,
    pub provider: Provider,
}

impl Town {
    pub fn new() -> Self {
        Self::with(false, |_| {})
    }

    /// Every request of a visitor has the provider asked again.
    pub fn that_asks_always() -> Self {
        Self::with(false, |oidc| oidc.refresh = Duration::ZERO)
    }

    pub fn with(thin: bool, change: impl FnOnce(&mut Oidc)) -> Self {
        let provider = Provider::start(thin);
        let mut oidc = settings(&format!("http://{}", provider.address));
        change(&mut oidc);
        let house = House::with(Manner { oidc: Some(oidc), ..Manner::default() });
        let (back, after) = (format!("{}/sign-in/provider/back", house.public_url), format!("{}/sign-in", house.public_url));
        provider.control(&json!({ "clients": { "pgsluice": {
            "client_id": "pgsluice",
            "client_secret": SECRET,
            "redirect_uris": [back],
            "post_logout_redirect_uris": [after],
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token"],
        } } }));
        provider.person("nina", &["staff", "db-admins"]);
        Self { house, provider }
    }

    /// Goes through the provider's pages as this person; the path by which the browser comes back.
    pub fn through_provider(&self, door: &str, person: &str) -> String {
        self.provider.control(&json!({ "mood": { "login": person } }));
        let mut there = Browser::new(&self.provider.server());
        let issuer = format!("http://{}", self.provider.address);
        let mut next = door.to_owned();
        for _ in 0..8 {
            if let Some(back) = next.strip_prefix(&self.house.public_url) {
                return back.to_owned();
            }
            let path = next.strip_prefix(&issuer).unwrap_or(&next).to_owned();
            let answer = there.get(&path);
            assert!(matches!(answer.status, 302 | 303), "{path}: {answer:?}");
            answer.header("location").clone_into(&mut next);
        }
        panic!("the provider sends in circles: {next}");
    }

    /// Begins to sign in: where the browser is sent.
    pub fn begin(&self, browser: &mut Browser, next: &str) -> String {
        let answer = browser.get(&format!("/sign-in/provider?next={next}"));
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.header("location").to_owned()
    }

    pub fn try_sign_in(&self, browser: &mut Browser, person: &str, next: &str) -> Answer {
        let door = self.begin(browser, next);
        let back = self.through_provider(&door, person);
        browser.get(&back)
    }

    pub fn sign_in(&self, person: &str) -> Browser {
        let mut browser = self.house.browser();
        let answer = self.try_sign_in(&mut browser, person, "/");
        assert_eq!((answer.status, answer.header("location")), (303, "/"), "{answer:?}");
        browser
    }
}
