//! What people read beside holds: the record, shapes, agents, the policy, health.

use std::time::SystemTime;

use pgsluice::host::people::{NewAccount, password};
use pgsluice::host::secret::Secret;

use crate::house::House;

const OLAF: &str = "somebody who only reads";

const PAGES: [&str; 6] = ["/audit", "/audit/1", "/audit/shapes", "/agents", "/policy", "/health"];

#[test]
fn nothing_is_read_by_who_is_not_signed_in() {
    let house = House::new();
    for path in PAGES {
        let answer = house.browser().get(path);
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.header("location").starts_with("/sign-in"), "{path}");
    }
    assert!(!house.kinds().contains(&"audit_read".to_owned()));
}

#[test]
fn the_record_is_searched_and_that_is_on_the_record() {
    let house = House::new();
    let hold = house.hold("DROP TABLE orders /* <i>because</i> */");
    house.indexed();
    let mut rita = house.rita();
    let found = rita.get(&format!("/audit?hold={hold}"));
    assert_eq!(found.status, 200);
    assert!(found.body.contains("held"), "{}", found.body);
    assert!(!found.body.contains("<i>"), "{}", found.body);
    let record = house.record();
    let read = record.iter().rfind(|event| event["kind"] == "audit_read").unwrap();
    assert_eq!((&read["by"], &read["what"]), (&"rita".into(), &"search".into()), "{read}");
    assert!(read["body"]["text"].as_str().unwrap().contains("hold="), "{read}");
    let seq = house.first("held");
    assert!(found.body.contains(&format!("href=\"/audit/{seq}\"")), "{seq}: {}", found.body);
    let one = rita.get(&format!("/audit/{seq}"));
    assert_eq!(one.status, 200);
    for shown in ["held", &hold] {
        assert!(one.body.contains(shown), "{shown} is not in {}", one.body);
    }
    // What is not there.
    let nothing = rita.get("/audit?words=nosuchword");
    assert!(nothing.body.contains("Nothing on the record is like that."), "{}", nothing.body);
    assert_eq!(rita.get("/audit/99999999").status, 404);
    assert_eq!(rita.get("/audit/x").status, 404);
    // What was written is text, whoever wrote it.
    for wrong in ["effect=%3Cb%3E", "since=soon", "hold=x", "slow=never", "shape=zz", "session=-1"] {
        let answer = rita.get(&format!("/audit?{wrong}"));
        assert_eq!(answer.status, 422, "{wrong}");
        assert!(!answer.body.contains("<b>"), "{}", answer.body);
    }
}

#[test]
fn a_long_record_is_read_page_by_page() {
    let house = House::new();
    let mut rita = house.rita();
    for _ in 0..60 {
        assert_eq!(rita.get("/audit").status, 200);
    }
    house.indexed();
    let first = rita.get("/audit?reads=on");
    let older = first.body.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let second = rita.get(&older);
    let seqs =
        |body: &str| -> Vec<u64> { body.split("href=\"/audit/").skip(1).filter_map(|part| part.split('"').next()?.parse().ok()).collect() };
    let (one, two) = (seqs(&first.body), seqs(&second.body));
    assert_eq!(one.len(), 50);
    assert!(!two.is_empty() && two.iter().all(|seq| seq < one.iter().min().unwrap()), "{one:?} {two:?}");
}

#[test]
fn the_policy_is_shown_and_explains_a_statement() {
    let house = House::new();
    let mut rita = house.rita();
    let page = rita.get("/policy");
    assert!(page.body.contains("The first rule that fits decides."), "{}", page.body);
    let token = page.field("/policy", "token");
    let sql = "DROP TABLE orders; -- <script>";
    let told = rita.post("/policy", &[("token", &token), ("sql", sql), ("agent", "billing-bot"), ("database", "shop")]);
    assert_eq!(told.status, 200);
    for shown in ["hold", "ddl", "public.orders (dropped)", "in force, hash"] {
        assert!(told.body.contains(shown), "{shown} is not in {}", told.body);
    }
    assert!(told.has_no_foreign_script(), "{}", told.body);
    assert_eq!(rita.post("/policy", &[("token", "x"), ("sql", sql)]).status, 403);
    assert!(!house.kinds().contains(&"begun".to_owned()), "it was sent");
}

#[test]
fn agents_shapes_and_health_are_shown() {
    let house = House::new();
    let mut rita = house.rita();
    assert!(rita.get("/agents").body.contains("There is no agent yet"));
    house.indexed();
    let health = rita.get("/health").body;
    for shown in ["Agents can work.", "siem &lt;1&gt;", "12,345", "failing"] {
        assert!(health.contains(shown), "{shown} is not in {health}");
    }
    assert!(rita.get("/audit/shapes?by=time&since=1h").body.contains("Nothing was run in that time."));
    // Who only reads reads all of it, and decides nothing.
    let verifier = password::verifier("olaf", &Secret::new(OLAF)).unwrap();
    house.accounts().add(&NewAccount { name: "olaf".to_owned(), groups: Vec::new(), verifier }, "test", SystemTime::now()).unwrap();
    let hold = house.hold("DROP TABLE orders");
    let mut olaf = house.browser();
    olaf.sign_in("olaf", OLAF);
    for path in PAGES {
        assert_eq!(olaf.get(path).status, 200, "an auditor reads {path}");
    }
    let page = olaf.get(&format!("/holds/{hold}"));
    assert!(page.status == 200 && page.body.contains("Your role reads") && !page.body.contains("name=\"verdict\""), "{}", page.body);
}
