//! What a statement names and does is found again by it, for every way of executing.

use crate::client::SYNC;
use crate::stage::{Stage, leave, run};

fn found(stage: &Stage, asked: &[&str]) -> Vec<(String, Vec<String>)> {
    let lines = stage.proxy.command(&["audit", "search", "--json"], asked);
    let read = |line: &str| {
        let found: serde_json::Value = serde_json::from_str(line).unwrap();
        let relations = found["relations"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
        (found["text"].as_str().unwrap().to_owned(), relations.collect())
    };
    lines.lines().map(read).collect()
}

#[test]
fn statements_are_found_by_table_effect_and_rule() {
    // No value that was typed is on the disk at this level.
    let stage = Stage::with("[audit]\nkeep_sql = \"shape\"\n");
    stage.database.sql("create schema sales; create table sales.orders(id int); create table items(id int)");
    let mut client = stage.linked();
    client.ask("select * from sales.orders o join items i using (id) where o.id = 7");
    client.send(&[run("delete from Items where id = 3"), SYNC.to_vec()].concat()).unwrap();
    client.until(b'Z');
    // What may be a value in the wrong quotes is told nowhere.
    client.send(&crate::client::query("select * from \"hunter2 is my password!\"")).unwrap();
    client.until(b'Z');
    leave(client);

    let both = vec!["items".to_owned(), "sales.orders".to_owned()];
    let joined = ("select * from sales.orders o join items i using (id) where o.id = ?".to_owned(), both);
    let deleted = ("delete from items where id = ?".to_owned(), vec!["items".to_owned()]);
    assert_eq!(found(&stage, &["--table", "orders"]), std::slice::from_ref(&joined));
    assert_eq!(found(&stage, &["--table", "sales.orders"]), std::slice::from_ref(&joined));
    assert_eq!(found(&stage, &["--table", "items"]), [deleted.clone(), joined]);
    assert_eq!(found(&stage, &["--effect", "write"]), [deleted]);
    assert!(found(&stage, &["--rule", "none of this name"]).is_empty());
    let all = stage.proxy.command(&["audit", "search", "--json"], &["--errors"]);
    let failed: serde_json::Value = serde_json::from_str(all.lines().next().unwrap()).unwrap();
    let rule = failed["rule"].as_str().unwrap();
    assert_eq!(found(&stage, &["--rule", rule]).len(), 4, "it decided all of them");
    assert_eq!((failed["relations"].as_array().unwrap().len(), failed["code"].as_str()), (0, Some("42P01")));
    let top = stage.proxy.command(&["audit", "top", "--json"], &[]);
    assert!(top.lines().any(|line| line.contains(r#""relations":["items","sales.orders"]"#)), "{top}");
    let journal = std::fs::read_dir(stage.proxy.state().join("journal")).unwrap();
    for file in journal.flatten().filter(|file| file.path().is_file()) {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"), "{:?}", file.path());
    }
}
