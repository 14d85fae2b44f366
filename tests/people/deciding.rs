//! The rules of deciding, with the program, a server and agents as they are: questions and answers, several people, one word for several holds,
//! standing grants, and two people at the same instant.

use std::process::Stdio;

use crate::flow::{Stage, ended};
use crate::support::Cluster;

/// Agents are given a ticket and do not wait.
const AT_ONCE: [&str; 2] = ["--hold-wait", "10ms"];
const PAIR: &str = r#"
[[rule]]
name = "pair"
action = "hold"
effects = ["ddl"]
groups = ["dba", "legal"]
approvals = 2
reason = "two people look at what changes tables"

[[rule]]
name = "rest"
action = "allow"
"#;

/// The hold that an agent was given a ticket for.
fn ticket(said: &str) -> String {
    let (_, behind) = said.split_once("held for approval as ").unwrap_or_else(|| panic!("{said}"));
    behind[..8].to_owned()
}

#[test]
fn a_question_reaches_the_agent_that_waits_and_its_answers_come_back() {
    let cluster = Cluster::get(15);
    let stage = Stage::new(&cluster);
    let mut agent = stage.agent("DROP TABLE held_orders");
    let hold = stage.waiting(|| agent.try_wait().unwrap().is_none());
    stage.reviewer(&["ask", &hold, "--question", "Which orders are these?"]);
    let (ran, said) = ended(agent);
    assert!(!ran && said.contains("PS005") && said.contains("Which orders are these?"), "{said}");
    assert!(said.contains("/* pgsluice:answer='…' */") && said.contains("SET pgsluice.answer = '…'"), "{said}");

    let mut agent = stage.agent("/* pgsluice:answer='those of bob@example.com, it's all of May' */ DROP TABLE held_orders");
    assert_eq!(stage.waiting(|| agent.try_wait().unwrap().is_none()), hold);
    let shown = stage.reviewer(&["show", &hold]);
    assert!(shown.contains("Which orders are these?") && shown.contains("it's all of May (its own claim)"), "{shown}");
    assert!(!shown.contains("bob@example.com"), "{shown}");
    stage.reviewer(&["ask", &hold, "--question", "And who wants that?"]);
    let (ran, said) = ended(agent);
    assert!(!ran && said.contains("And who wants that?"), "the answer to the first question is none to the second: {said}");

    // By a setting that no server has, which is for the next statement that was asked about.
    let mut agent = stage.agent_of(&[
        "SET pgsluice.answer = 'Ann, for the audit'",
        "SELECT coalesce(current_setting('pgsluice.answer', true), 'the server was told nothing')",
        "DROP TABLE held_orders",
    ]);
    assert_eq!(stage.waiting(|| agent.try_wait().unwrap().is_none()), hold);
    assert!(stage.reviewer(&["show", &hold]).contains("Ann, for the audit"));
    stage.reviewer(&["approve", &hold, "--yes"]);
    let (ran, said) = ended(agent);
    assert!(ran && said.contains("the server was told nothing"), "{said}");
    assert!(!stage.there("held_orders"));
    let found = stage.proxy.command(&["audit", "search"], &["--hold", &hold, "--json"]);
    let kinds = |kind: &str| found.lines().filter(|line| line.contains(&format!("\"kind\":\"{kind}\""))).count();
    assert_eq!((kinds("answered"), kinds("decided")), (2, 3), "{found}");
}

#[test]
fn two_different_people_approve_and_the_second_lets_it_run() {
    let cluster = Cluster::get(15);
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(policy.path(), PAIR).unwrap();
    let options = ["--policy", policy.path().to_str().unwrap()];
    let stage = Stage::with(&cluster, &options, &[("rita", &["dba", "legal"]), ("sam", &["legal"]), ("kim", &["ops"])]);
    let mut agent = stage.agent("DROP TABLE held_orders");
    let hold = stage.waiting(|| agent.try_wait().unwrap().is_none());
    let outsider = stage.reviewer_as("kim", &["approve", &hold, "--yes"]).unwrap_err();
    assert!(outsider.contains("another group"), "{outsider}");
    for _ in 0..2 {
        // In two groups, and twice: one person.
        let said = stage.reviewer(&["approve", &hold, "--yes"]);
        assert!(said.contains("it takes one more person"), "{said}");
    }
    assert!(stage.there("held_orders") && agent.try_wait().unwrap().is_none());
    assert!(stage.reviewer(&["show", &hold]).contains("it takes 2 people, 1 more"));
    // And by somebody of another group, to whom it was passed on.
    stage.reviewer(&["pass", &hold, "--to", "OPS", "--reason", "they run it"]);
    assert!(stage.reviewer_as("sam", &["approve", &hold, "--yes"]).unwrap_err().contains("another group"));
    assert!(stage.reviewer_as("kim", &["pass", &hold, "--to", "nobody", "--reason", "x"]).unwrap_err().contains("no group of this name"));
    stage.reviewer_as("kim", &["pass", &hold, "--to", "legal", "--reason", "two of you"]).unwrap();
    stage.reviewer(&["approve", &hold, "--yes"]);
    stage.reviewer_as("sam", &["approve", &hold, "--yes"]).unwrap();
    let (ran, said) = ended(agent);
    assert!(ran && !stage.there("held_orders"), "{said}");
}

#[test]
fn of_two_people_at_the_same_instant_one_decides() {
    let cluster = Cluster::get(15);
    let people: [(&str, &[&str]); 2] = [("rita", &[]), ("sam", &[])];
    let stage = Stage::with(&cluster, &["--policy", "default", AT_ONCE[0], AT_ONCE[1]], &people);
    let (_, said) = ended(stage.agent("DROP TABLE held_orders"));
    let hold = ticket(&said);
    let start = |name, arguments: &[&str]| stage.command_of(name, arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let both = [start("rita", &["approve", &hold, "--yes"]), start("sam", &["deny", &hold, "--reason", "no"])];
    let outcomes = both.map(|child| child.wait_with_output().unwrap());
    let (done, late): (Vec<_>, Vec<_>) = outcomes.iter().partition(|output| output.status.success());
    assert_eq!((done.len(), late.len()), (1, 1));
    let said = String::from_utf8_lossy(&late[0].stderr);
    assert!(said.contains("already decided by") || said.contains("there is nothing to decide"), "{said}");
    let found = stage.proxy.command(&["audit", "search"], &["--hold", &hold, "--json"]);
    assert_eq!(found.lines().filter(|line| line.contains("\"kind\":\"decided\"")).count(), 1, "{found}");
    // By the page too, and later: who was first is told.
    let shown = stage.reviewer(&["show", &hold]);
    assert!(shown.contains("by rita") || shown.contains("by sam"), "{shown}");
}

#[test]
fn what_one_session_waits_for_is_decided_by_one_word() {
    let cluster = Cluster::get(15);
    let stage = Stage::with(&cluster, &["--policy", "default", AT_ONCE[0], AT_ONCE[1]], &[("rita", &[])]);
    let both = ["DROP TABLE held_orders", "DROP TABLE held_people"];
    let (_, said) = ended(stage.agent_of(&both));
    let hold = ticket(&said);
    let approved = stage.reviewer(&["approve", &hold, "--together", "--yes", "--reason", "both"]);
    assert_eq!(approved.matches("the agent can run it once").count(), 2, "{approved}");
    let (ran, said) = ended(stage.agent_of(&both));
    assert!(ran && !stage.there("held_orders") && !stage.there("held_people"), "{said}");
}

#[test]
fn a_standing_grant_is_used_within_its_bounds_and_outlives_a_kill() {
    let cluster = Cluster::get(15);
    let options = ["--policy", "strict", AT_ONCE[0], AT_ONCE[1]];
    let mut stage = Stage::with(&cluster, &options, &[("rita", &[])]);
    stage.database.sql("INSERT INTO held_orders SELECT generate_series(1, 20)");
    let delete = |stage: &Stage<'_>, id: u32| ended(stage.agent(&format!("DELETE FROM held_orders WHERE id = {id}")));
    let (_, said) = delete(&stage, 5);
    let hold = ticket(&said);
    let shown = stage.reviewer(&["show", &hold]);
    assert!(shown.contains("numbers      1: 5"), "{shown}");
    let wrong = stage.reviewer_as("rita", &["approve", &hold, "--yes", "--for", "1h", "--times", "3", "--bound", "1=6..9"]).unwrap_err();
    assert!(wrong.contains("contains the number that was approved"), "{wrong}");
    let said = stage.reviewer(&["approve", &hold, "--yes", "--for", "1h", "--times", "3", "--bound", "1=1..9"]);
    assert!(said.contains("number 1 from 1 to 9"), "{said}");
    for id in [5, 6] {
        let (ran, said) = delete(&stage, id);
        assert!(ran, "{said}");
    }
    assert!(!delete(&stage, 10).0, "out of its bounds");
    stage.proxy.kill();
    let url = stage.database.url();
    stage.proxy.start_again(&url, &options);
    assert!(delete(&stage, 7).0);
    let listed = stage.reviewer(&["grants"]);
    assert!(listed.contains("2/3") && listed.contains("delete from held_orders where id = ?"), "{listed}");
    // Another table of the name is another table.
    stage.database.sql("ALTER TABLE held_orders RENAME TO real_orders; CREATE TABLE held_orders AS TABLE real_orders");
    // What somebody else did at the server is known here when the catalog is loaded anew.
    stage.proxy.kill();
    stage.proxy.start_again(&url, &options);
    assert!(!delete(&stage, 8).0);
    stage.database.sql("DROP TABLE held_orders; ALTER TABLE real_orders RENAME TO held_orders");
    let grant = listed.lines().nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let revoked = stage.reviewer(&["grants", "revoke", &grant, "--reason", "done"]);
    assert!(revoked.contains("2 of 3"), "{revoked}");
    assert!(!delete(&stage, 9).0);
    assert_eq!(stage.database.sql("SELECT count(*) FROM held_orders"), "17");
    // Never for what acts on all rows.
    let (_, said) = ended(stage.agent("DELETE FROM held_orders"));
    let refused = stage.reviewer_as("rita", &["approve", &ticket(&said), "--yes", "--for", "1h", "--times", "3"]).unwrap_err();
    assert!(refused.contains("there is no standing grant for this"), "{refused}");
    let verified = stage.proxy.command(&["audit", "search"], &["granted", "--json"]);
    assert!(verified.contains("rita"), "{verified}");
}

#[test]
fn an_approval_that_comes_too_late_or_is_used_too_late_is_none() {
    let cluster = Cluster::get(15);
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[hold]\nwait_for = \"10ms\"\nexpires = \"1s\"\napproval_expires = \"1s\"\n").unwrap();
    let options = ["--config", config.path().to_str().unwrap(), "--policy", "default"];
    let stage = Stage::with(&cluster, &options, &[("rita", &[])]);
    let state = |hold: &str| {
        let shown: serde_json::Value = serde_json::from_str(&stage.reviewer(&["show", hold, "--json"])).unwrap();
        shown["state"].as_str().unwrap().to_owned()
    };
    let (_, said) = ended(stage.agent("DROP TABLE held_orders"));
    let hold = ticket(&said);
    while state(&hold) != "expired" {}
    let late = stage.reviewer_as("rita", &["approve", &hold, "--yes"]).unwrap_err();
    assert!(late.contains("expired"), "{late}");
    let (_, said) = ended(stage.agent("DROP TABLE held_orders"));
    let hold = ticket(&said);
    // Signing in takes a while, and so the machine may be too slow for the second.
    if stage.reviewer_as("rita", &["approve", &hold, "--yes"]).is_ok() {
        while state(&hold) != "expired" {}
        let (ran, said) = ended(stage.agent("DROP TABLE held_orders"));
        assert!(!ran && ticket(&said) != hold, "{said}");
    }
    assert!(stage.there("held_orders"));
}
