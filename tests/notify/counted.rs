//! What Prometheus is told.

use pgsluice::host::desk::Verdict;
use pgsluice::host::metrics;

use crate::places::{Answer, Server};
use crate::stage::{SECRET, Stage, until};

/// Other tests of this process count as well, but for no place of this name.
#[test]
fn holds_decisions_and_messages_are_counted_and_no_word_of_an_agent_is_told() {
    let render = metrics::install().unwrap();
    let pager = Server::start([Answer::Status(500)]);
    let url = format!("http://127.0.0.1:{}/", pager.port);
    let stage = Stage::new(&format!("[[webhook]]\nname = \"metered\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n"));
    let hold = stage.hold_as("odd-bot\"} 1\n", "DROP TABLE odd");
    assert_eq!(pager.next().id(), pager.next().id());
    stage.decide(&hold, Verdict::Deny, "odd");
    pager.next();
    let read =
        |text: &str, line: &str| text.lines().find_map(|found| found.strip_prefix(line)).map(|value| value.trim().parse::<f64>().unwrap());
    let waiting = "pgsluice_notices_waiting{place=\"webhook.metered\"}";
    let arrived = "pgsluice_notices_total{place=\"webhook.metered\",outcome=\"arrived\"}";
    until(|| {
        let text = render();
        read(&text, arrived) == Some(2.0) && read(&text, waiting) == Some(0.0)
    });
    let text = render();
    let value = |line: &str| read(&text, line);
    assert_eq!(value("pgsluice_notices_total{place=\"webhook.metered\",outcome=\"failed\"}"), Some(1.0), "{text}");
    assert_eq!(value("pgsluice_notices_total{place=\"webhook.metered\",outcome=\"arrived\"}"), Some(2.0));
    assert_eq!(value("pgsluice_notices_waiting{place=\"webhook.metered\"}"), Some(0.0));
    assert_eq!(value("pgsluice_notices_dead{place=\"webhook.metered\"}"), Some(0.0));
    assert!(value("pgsluice_holds_opened_total").unwrap() >= 1.0);
    assert!(value("pgsluice_holds_ended_total{outcome=\"denied\"}").unwrap() >= 1.0);
    assert!(value("pgsluice_hold_decision_seconds_bucket{outcome=\"denied\",le=\"60\"}").unwrap() >= 1.0, "{text}");
    assert!(text.contains("pgsluice_holds_open{state=\"waiting\"}") && text.contains("# TYPE pgsluice_hold_decision_seconds histogram"));
    assert!(!text.contains("odd") && !text.contains(&hold));
}
