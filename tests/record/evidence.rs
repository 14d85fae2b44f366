//! `audit report` beside a running proxy: its figures are those of the record, and reading it is on the record.

use std::os::unix::fs::PermissionsExt as _;

use pgsluice::audit::Event;
use serde_json::{Value, json};

use crate::client::await_that;
use crate::recorded;
use crate::stage::{Stage, leave, refused};

#[test]
fn a_report_of_what_just_happened() {
    let stage = Stage::new();
    let mut client = stage.linked();
    client.ask("select generate_series(1, 10)");
    refused(&mut client, "selec", "42601");
    leave(client);
    await_that("the session's end is on the record", || {
        recorded::all(&stage.proxy.state()).iter().any(|(_, event)| matches!(event, Event::SignedOut(_)))
    });
    let page = stage.file("evidence.html");
    let period = ["--from", "1d", "--to", "now"];
    let printed = stage.proxy.command(&["audit", "report"], &[&period[..], &["--json", "-", "--out", page.to_str().unwrap()]].concat());
    let report: Value = serde_json::from_str(&printed).unwrap();
    let work = &report["volumes"]["by_agent"]["named"]["agent"];
    assert_eq!((&work["executions"], &work["completed"], &work["failed"], &work["rows"]), (&json!(3), &json!(2), &json!(1), &json!(11)));
    assert_eq!(report["chain"]["sound"], json!(true), "{}", report["chain"]);
    assert_eq!(report["agents"]["entries"][0]["subject"], json!("agent"));
    assert_eq!(report["sign_offs"]["uncovered"].as_array().unwrap().len(), 1);
    assert_eq!(std::fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&page).unwrap().contains("The chain is whole"));
    let read = |event: &Event| matches!(event, Event::AuditRead(read) if read.what == "report");
    assert!(recorded::all(&stage.proxy.state()).iter().any(|(_, event)| read(event)));
}
