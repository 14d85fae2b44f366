//! Checkpoints in files and at notaries, and cursors when journals change beneath them.

use std::os::unix::fs::PermissionsExt as _;

use pgsluice::audit::Checkpoint;
use pgsluice::host::sinks::delivered;
use serde_json::Value;

use crate::http::Http;
use crate::stage::{self, Stage, stage};

fn checkpoint(value: &Value) -> Checkpoint {
    let text = |name: &str| value[name].as_str().unwrap();
    let number = |name: &str| value[name].as_u64().unwrap();
    Checkpoint {
        journal: text("journal").parse().unwrap(),
        epoch: number("epoch").try_into().unwrap(),
        seq: number("seq"),
        hash: text("hash").parse().unwrap(),
        time: number("time"),
        key: text("key").parse().unwrap(),
        signature: text("signature").parse().unwrap(),
    }
}

#[test]
fn checkpoints_are_in_a_file_and_at_a_notary_and_can_be_checked_there() {
    let stage = stage();
    let notary = Http::start([]);
    let toml = format!(
        "[[audit.checkpoints]]\nto = \"file\"\npath = \"anchor.jsonl\"\n[[audit.checkpoints]]\nto = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\nsecret_env = \"SIGNING\"\n",
        notary.port
    );
    let mut made = Vec::new();
    for round in 0..3 {
        let sinks = stage.start(&toml);
        let last = stage.record(400 + round);
        made.push(last);
        let at = stage.checkpoint(last);
        stage.record(5);
        // Without a stop, as a crash does.
        stage::wait(&sinks, |standings| standings.iter().all(|standing| standing.delivered >= at));
    }
    let path = stage.folder().join("anchor.jsonl");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let in_file: Vec<Checkpoint> = text.lines().map(|line| checkpoint(&serde_json::from_str(line).unwrap())).collect();
    let posted: Vec<Checkpoint> = notary.rest().iter().map(|heard| checkpoint(&serde_json::from_slice(&heard.body).unwrap())).collect();
    assert_eq!(in_file.iter().map(|checkpoint| checkpoint.seq).collect::<Vec<_>>(), made);
    assert_eq!(in_file, posted);
    assert!(in_file.iter().all(Checkpoint::is_signed));
    let forged = Checkpoint { seq: 1, ..in_file[0] };
    assert!(!forged.is_signed());
}

fn lake(http: &Http) -> String {
    format!("[[audit.forward]]\nname = \"lake\"\nto = \"http://127.0.0.1:{}/\"\nsecret_env = \"SIGNING\"\n", http.port)
}

fn seqs(http: &Http) -> Vec<u64> {
    http.rest().iter().flat_map(super::http::Heard::values).map(|value| value["seq"].as_u64().unwrap()).collect()
}

fn first_of_segments(stage: &Stage) -> Vec<u64> {
    let names = std::fs::read_dir(stage.folder().join("journal")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<u64> = names.filter_map(|name| name.strip_suffix(".seg")?.parse().ok()).collect();
    found.sort_unstable();
    found
}

#[test]
fn where_records_were_pruned_too_early_it_goes_on_with_the_first_that_is_left() {
    let stage = stage();
    let http = Http::start([]);
    let before = stage.record(10);
    stage::stop(&stage, stage.start(&lake(&http)));
    assert_eq!(seqs(&http), (1..=before).collect::<Vec<_>>());
    stage.record_long(200, 64 << 10);
    let last = stage.records().last().unwrap().0;
    let segments = first_of_segments(&stage);
    let (gone, left) = segments.split_at(segments.len() / 2);
    for first in gone {
        std::fs::remove_file(stage.folder().join(format!("journal/{first:020}.seg"))).unwrap();
    }
    assert!(!gone.is_empty() && left[0] > before + 1);
    stage::stop(&stage, stage.start(&lake(&http)));
    assert_eq!(seqs(&http), (left[0]..=last).collect::<Vec<_>>());
    assert_eq!(delivered(&stage.state).unwrap(), Some(last));
}

#[test]
fn another_journal_is_sent_as_a_whole() {
    for count in [5, 10, 40] {
        let mut stage = stage();
        let http = Http::start([]);
        let before = stage.record(10);
        stage::stop(&stage, stage.start(&lake(&http)));
        assert_eq!(seqs(&http), (1..=before).collect::<Vec<_>>());
        stage.replace_journal();
        let last = stage.record(count);
        stage::stop(&stage, stage.start(&lake(&http)));
        assert_eq!(seqs(&http), (1..=last).collect::<Vec<_>>());
    }
}

#[test]
fn what_may_be_pruned_is_what_has_arrived_everywhere() {
    let stage = stage();
    assert_eq!(delivered(&stage.state).unwrap(), None);
    let (one, two) = (Http::start([]), Http::start(std::iter::repeat_n(super::http::Answer::Status(500), 1000)));
    let last = stage.record(30);
    let second =
        format!("{}[[audit.forward]]\nname = \"two\"\nto = \"http://127.0.0.1:{}/\"\nsecret_env = \"SIGNING\"\n", lake(&one), two.port);
    let sinks = stage.start(&second);
    stage::wait(&sinks, |standings| standings[0].delivered == last && standings[1].trouble.is_some());
    assert_eq!(delivered(&stage.state).unwrap(), Some(0));
    drop(sinks);
    stage::stop(&stage, stage.start(&lake(&one)));
    assert_eq!(delivered(&stage.state).unwrap(), Some(last));
    stage::stop(&stage, stage.start(""));
    assert_eq!(delivered(&stage.state).unwrap(), None);
}
