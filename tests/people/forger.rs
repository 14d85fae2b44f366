//! A provider that says whatever a test has it say: tokens that are not what they should be.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::house::{House, Manner};
use crate::http::{Answer, Browser};
use crate::provider::{SECRET, settings};

/// What is answered where: a status with its headers, and a body.
type Answers = Arc<Mutex<Vec<(String, (String, String))>>>;

struct Forger {
    address: SocketAddr,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    answers: Answers,
}

fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let bytes = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes.as_ref(), &random).unwrap()
}

fn attend(mut stream: TcpStream, answers: &Answers) {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    let whole = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        (body.len() >= length).then(|| head.split(' ').nth(1).unwrap_or_default().to_owned())
    };
    let path = loop {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(read) => bytes.extend_from_slice(&part[..read]),
        }
        if let Some(path) = whole(&bytes) {
            break path;
        }
    };
    let found = answers.lock().unwrap().iter().find(|(known, _)| *known == path).map(|(_, answer)| answer.clone());
    let (head, body) = found.unwrap_or_else(|| ("404 Not Found".to_owned(), String::new()));
    let length = body.len();
    let said = format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(said.as_bytes()).ok();
}

impl Forger {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Answers::default();
        let (key, other) = (new_key(), new_key());
        let forger = Self { address, key, other, answers: Arc::clone(&answers) };
        forger.introduce(&json!({}));
        let [x, y] = [1..33, 33..65].map(|range| URL_SAFE_NO_PAD.encode(&forger.key.public_key().as_ref()[range]));
        let key = json!({ "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256", "x": x, "y": y });
        forger.answer("/jwks", "200 OK", &json!({ "keys": [key] }));
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| attend(stream, &answers)));
        forger
    }

    fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    fn answer(&self, path: &str, head: &str, body: &Value) {
        let mut answers = self.answers.lock().unwrap();
        answers.retain(|(known, _)| known != path);
        answers.push((path.to_owned(), (head.to_owned(), body.to_string())));
    }

    /// Its discovery document, with something else in it.
    fn introduce(&self, otherwise: &Value) {
        let issuer = self.issuer();
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/door"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        });
        document.as_object_mut().unwrap().extend(otherwise.as_object().unwrap().clone());
        self.answer("/.well-known/openid-configuration", "200 OK", &document);
    }

    fn gives(&self, token: Option<&str>) {
        self.answer("/token", "200 OK", &json!({ "access_token": "a", "token_type": "Bearer", "refresh_token": "r", "id_token": token }));
    }

    fn signed(&self, key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
        let text = unsigned(header, claims);
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn by_secret(secret: &[u8], header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, text.as_bytes())))
}

fn seconds() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

struct Flow<'f> {
    forger: &'f Forger,
    house: House,
}

impl<'f> Flow<'f> {
    fn new(forger: &'f Forger) -> Self {
        Self { forger, house: House::with(Manner { oidc: Some(settings(&forger.issuer())), ..Manner::default() }) }
    }

    /// Signs in with what the provider makes of the nonce it is sent.
    fn come(&self, browser: &mut Browser, token: impl FnOnce(&str) -> Option<String>) -> Answer {
        let door = browser.get("/sign-in/provider");
        assert_eq!(door.status, 303, "{door:?}");
        let part = |name: &str| {
            let found = door.header("location").split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap().to_owned()
        };
        self.forger.gives(token(&part("nonce")).as_deref());
        browser.get(&format!("/sign-in/provider/back?code=any&state={}", part("state")))
    }

    fn claims(&self, nonce: &str, otherwise: &Value) -> Value {
        let mut claims = json!({
            "iss": self.forger.issuer(),
            "aud": "pgsluice",
            "sub": "1",
            "exp": seconds() + 600,
            "iat": seconds(),
            "nonce": nonce,
            "preferred_username": "nina",
            "groups": ["db-admins"],
        });
        for (name, value) in otherwise.as_object().unwrap() {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value.clone();
            }
        }
        claims
    }

    fn good(&self) -> Browser {
        let mut browser = self.house.browser();
        let came = self.come(&mut browser, |nonce| Some(self.forger.signed(&self.forger.key, &head(), &self.claims(nonce, &json!({})))));
        assert_eq!((came.status, came.header("location")), (303, "/"), "{came:?}");
        browser
    }
}

fn head() -> Value {
    json!({ "alg": "ES256", "kid": "one", "typ": "JWT" })
}

fn refused(answer: &Answer, words: &str, what: &Value) {
    assert_eq!(answer.status, 403, "{what}: {answer:?}");
    assert!(answer.body.contains(words), "{what}: {}", answer.body);
    assert!(!answer.headers.iter().any(|(name, value)| name == "set-cookie" && value.starts_with("pgsluice=")), "{what}: {answer:?}");
}

#[test]
fn a_token_that_is_not_all_it_should_be_lets_nobody_in() {
    let forger = Forger::new();
    let flow = Flow::new(&forger);
    assert_eq!(flow.good().get("/").status, 200);
    let (over, late, early) = (seconds() - 90, seconds() - 3600, seconds() + 3600);
    for (otherwise, words) in [
        (json!({ "iss": "https://evil.example" }), "another issuer"),
        (json!({ "iss": format!("{}/", forger.issuer()) }), "another issuer"),
        (json!({ "aud": "another" }), "another application"),
        (json!({ "aud": ["pgsluice", "another"] }), "another application"),
        (json!({ "aud": [] }), "another application"),
        (json!({ "azp": "another" }), "another application"),
        (json!({ "exp": over }), "time is over"),
        (json!({ "iat": late }), "time is over"),
        (json!({ "iat": early }), "time is over"),
        (json!({ "nonce": null }), "another question"),
        (json!({ "nonce": "of another sign-in" }), "another question"),
        (json!({ "sub": null }), "cannot be read"),
        (json!({ "sub": "" }), "says not who"),
        (json!({ "sub": "x".repeat(256) }), "says not who"),
        (json!({ "exp": null }), "cannot be read"),
    ] {
        let signed = |nonce: &str| Some(forger.signed(&forger.key, &head(), &flow.claims(nonce, &otherwise)));
        refused(&flow.come(&mut flow.house.browser(), signed), words, &otherwise);
        // It forgives: the next one does not wait.
        flow.good();
    }
    // Clocks differ.
    let near = json!({ "exp": seconds() - 20, "iat": seconds() + 20 });
    let came = flow.come(&mut flow.house.browser(), |nonce| Some(forger.signed(&forger.key, &head(), &flow.claims(nonce, &near))));
    assert_eq!(came.status, 303, "{came:?}");
}

#[test]
fn a_token_that_others_could_have_made_lets_nobody_in() {
    let forger = Forger::new();
    let flow = Flow::new(&forger);
    let public = forger.key.public_key().as_ref().to_vec();
    type Made<'f> = Box<dyn Fn(&Value) -> String + 'f>;
    let with = |alg: &'static str| json!({ "alg": alg, "kid": "one" });
    let cases: [(&str, Made<'_>, &str); 9] = [
        ("none", Box::new(|claims| format!("{}.", unsigned(&with("none"), claims))), "signature"),
        ("none, and signed", Box::new(|claims| forger.signed(&forger.key, &with("none"), claims)), "signature"),
        ("the client's secret", Box::new(|claims| by_secret(SECRET.as_bytes(), &with("HS256"), claims)), "signature"),
        ("the public key as a secret", Box::new(|claims| by_secret(&public, &with("HS256"), claims)), "signature"),
        ("another key", Box::new(|claims| forger.signed(&forger.other, &head(), claims)), "signature"),
        (
            "a key that nobody knows",
            Box::new(|claims| forger.signed(&forger.other, &json!({ "alg": "ES256", "kid": "two" }), claims)),
            "signature",
        ),
        ("another algorithm", Box::new(|claims| forger.signed(&forger.key, &with("RS256"), claims)), "signature"),
        (
            "a key that comes with it",
            Box::new(|claims| {
                let [x, y] = [1..33, 33..65].map(|range| URL_SAFE_NO_PAD.encode(&forger.other.public_key().as_ref()[range]));
                let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y });
                forger.signed(&forger.other, &json!({ "alg": "ES256", "kid": "one", "jwk": jwk }), claims)
            }),
            "signature",
        ),
        (
            "another kind",
            Box::new(|claims| forger.signed(&forger.key, &json!({ "alg": "ES256", "kid": "one", "typ": "at+jwt" }), claims)),
            "another kind",
        ),
    ];
    for (what, made, words) in cases {
        let came = flow.come(&mut flow.house.browser(), |nonce| Some(made(&flow.claims(nonce, &json!({})))));
        refused(&came, words, &json!(what));
        flow.good();
    }
    let changed = flow.come(&mut flow.house.browser(), |nonce| {
        let signed = forger.signed(&forger.key, &head(), &flow.claims(nonce, &json!({})));
        let richer = unsigned(&head(), &flow.claims(nonce, &json!({ "groups": ["heads"] })));
        Some(format!("{richer}.{}", signed.rsplit('.').next().unwrap()))
    });
    refused(&changed, "signature", &json!("claims put in afterwards"));
    refused(&flow.come(&mut flow.house.browser(), |_| None), "no ID token", &json!("none"));
}

#[test]
fn a_token_of_another_sign_in_is_no_answer_to_this_one() {
    let forger = Forger::new();
    let flow = Flow::new(&forger);
    let mut seen = String::new();
    let mut nina = flow.house.browser();
    assert_eq!(
        flow.come(&mut nina, |nonce| {
            seen = forger.signed(&forger.key, &head(), &flow.claims(nonce, &json!({})));
            Some(seen.clone())
        })
        .status,
        303
    );
    refused(&flow.come(&mut flow.house.browser(), |_| Some(seen.clone())), "another question", &json!("another browser"));
    // Nor in the browser that it was made for.
    refused(&flow.come(&mut nina, |_| Some(seen.clone())), "another question", &json!("the same browser"));
}

#[test]
fn a_refresh_that_speaks_of_somebody_else_ends_the_visit() {
    let forger = Forger::new();
    let flow = |forger| {
        let mut oidc = settings(&Forger::issuer(forger));
        oidc.refresh = std::time::Duration::ZERO;
        Flow { forger, house: House::with(Manner { oidc: Some(oidc), ..Manner::default() }) }
    };
    for (otherwise, status) in [
        (json!({ "nonce": null }), 200),
        (json!({ "sub": "2" }), 303),
        (json!({ "aud": "another" }), 303),
        (json!({ "iss": "https://evil.example" }), 303),
        (json!({ "exp": seconds() - 90 }), 303),
        (json!({ "groups": [] }), 303),
        (json!({ "groups": null, "_claim_names": { "groups": "src1" } }), 303),
    ] {
        let flow = flow(&forger);
        let mut nina = flow.good();
        forger.gives(Some(&forger.signed(&forger.key, &head(), &flow.claims("", &otherwise))));
        assert_eq!(nina.get("/").status, status, "{otherwise}");
    }
    let flow = flow(&forger);
    let mut nina = flow.good();
    forger.answer("/token", "400 Bad Request", &json!({ "error": "invalid_client" }));
    assert_eq!(nina.get("/").status, 200, "it says nothing about her");
    forger.answer("/token", "400 Bad Request", &json!({ "error": "invalid_grant" }));
    assert_eq!(nina.get("/").status, 303);
}

#[test]
fn the_provider_leads_nowhere_that_the_configuration_does_not_name() {
    let elsewhere = Forger::new();
    for (otherwise, words) in [
        (json!({ "token_endpoint": format!("{}/token", elsewhere.issuer()) }), "token endpoint is not on"),
        (json!({ "authorization_endpoint": "https://evil.example/door" }), "authorization endpoint is not on"),
        (json!({ "authorization_endpoint": "javascript:alert(1)" }), "cannot be asked"),
        (json!({ "jwks_uri": "http://169.254.169.254/keys" }), "not the issuer&#39;s host"),
        (json!({ "jwks_uri": format!("{}/jwks", elsewhere.issuer()) }), "name it in oidc.hosts"),
        (json!({ "issuer": elsewhere.issuer() }), "another issuer"),
        (json!({ "token_endpoint": null }), "token endpoint"),
    ] {
        let forger = Forger::new();
        forger.introduce(&otherwise);
        let answer = Flow::new(&forger).house.browser().get("/sign-in/provider");
        assert_eq!(answer.status, 403, "{otherwise}: {answer:?}");
        let said = answer.body.replace("&#39;", "'");
        assert!(said.contains(&words.replace("&#39;", "'")), "{otherwise}: {said}");
    }
    // A host that it names.
    let forger = Forger::new();
    forger.introduce(&json!({ "token_endpoint": format!("{}/token", elsewhere.issuer()) }));
    let mut oidc = settings(&forger.issuer());
    oidc.hosts = vec![elsewhere.address.to_string()];
    let house = House::with(Manner { oidc: Some(oidc), ..Manner::default() });
    assert_eq!(house.browser().get("/sign-in/provider").status, 303);
    // No redirect is followed.
    let forger = Forger::new();
    let flow = Flow::new(&forger);
    flow.good();
    let mut nina = flow.house.browser();
    let door = nina.get("/sign-in/provider").header("location").to_owned();
    let state = door.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    forger.answer("/token", &format!("307 Temporary Redirect\r\nLocation: {}/token", elsewhere.issuer()), &json!({}));
    elsewhere.gives(Some("x"));
    let came = nina.get(&format!("/sign-in/provider/back?code=any&state={state}"));
    refused(&came, "cannot be read", &json!("a redirect"));
}
