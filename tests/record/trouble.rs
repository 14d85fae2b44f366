//! The journal cannot be written: nothing runs, everybody is told, and it goes on by itself when the trouble is over.

use std::path::{Path, PathBuf};
use std::process::Command;

use pgsluice::audit::Event;

use crate::client::{Client, await_that, query};
use crate::recorded;
use crate::stage::{Failure, Stage, leave};

const CONFIG: &str = "[audit]\nsegment_size = \"4MB\"\n";
/// Names that make a shape of some 55 KB.
const COLUMNS: usize = 700;
/// Two segments hold 150 of those.
const MOST_STATEMENTS: usize = 400;

/// The SQLSTATE of a query that fails; the session goes on in any case.
fn outcome(client: &mut Client, sql: &str) -> Option<String> {
    client.send(&query(sql)).unwrap();
    let answers = client.until(b'Z');
    assert_eq!(answers.last().unwrap().1, b"I");
    answers.iter().find(|(tag, _)| *tag == b'E').map(|(_, body)| Failure::read(body).code().to_owned())
}

/// Statements whose shapes fill the segments that there are, until one is refused.
fn fill(client: &mut Client) -> String {
    for number in 0..MOST_STATEMENTS {
        let long = ", 1 as a_column_of_some_length_to_fill_it, 1 as another_one_of_some_length_too".repeat(COLUMNS);
        if let Some(code) = outcome(client, &format!("select 1 as m_{number}{long}")) {
            return code;
        }
    }
    panic!("the journal took everything");
}

/// Fills the journal until the trouble shows, sees that nothing runs, ends the trouble, and sees that all is well again.
fn check(stage: &Stage, code: &str, end: impl FnOnce()) {
    stage.database.sql("create table t(x int)");
    let mut client = stage.linked();
    assert_eq!(fill(&mut client), code);
    for _ in 0..5 {
        assert_eq!(outcome(&mut client, "insert into t values (1)").as_deref(), Some(code));
    }
    assert_eq!(stage.database.sql("select count(*) from t"), "0", "what could not be recorded did not run");
    // A sign-in may have room that a statement had not. It is on the record then, and helps nobody.
    let mut late = stage.login.proven();
    let mut greeting = std::iter::from_fn(|| late.receive().ok());
    let (tag, body) = greeting.find(|(tag, _)| [b'E', b'Z'].contains(tag)).unwrap();
    let let_in = tag == b'Z';
    if let_in {
        assert_eq!(outcome(&mut late, "insert into t values (1)").as_deref(), Some(code));
    } else {
        assert_eq!(Failure::read(&body).code(), code);
    }
    end();
    await_that("it goes on by itself", || outcome(&mut client, "insert into t values (2)").is_none());
    assert_eq!(stage.database.sql("select string_agg(x::text, ' ') from t"), "2");
    leave(client);
    drop(late);
    let sessions = 1 + usize::from(let_in);
    await_that("the sessions' ends are on the record", || {
        recorded::all(&stage.proxy.state()).iter().filter(|(_, event)| matches!(event, Event::SignedOut(_))).count() == sessions
    });
    let record = recorded::all(&stage.proxy.state());
    let resumed: Vec<_> =
        record.iter().filter_map(|(_, event)| if let Event::Resumed(resumed) = event { Some(resumed) } else { None }).collect();
    assert!(!resumed.is_empty() && resumed.iter().map(|resumed| resumed.refused).sum::<u64>() >= 6, "{resumed:?}");
    assert!(resumed.iter().all(|resumed| !resumed.trouble.is_empty()), "{resumed:?}");
    assert_eq!(record.iter().filter(|(_, event)| matches!(event, Event::SignedIn(_))).count(), sessions);
    let begun = record.iter().filter(|(_, event)| matches!(event, Event::Begun(_))).count();
    let ended = record.iter().filter(|(_, event)| matches!(event, Event::Ended(_))).count();
    assert_eq!(begun, ended);
    let found = recorded::verify(&stage.proxy.state());
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[test]
fn a_folder_that_is_not_there() {
    let stage = Stage::with(CONFIG);
    let (journal, away) = (stage.proxy.state().join("journal"), stage.proxy.state().join("away"));
    // Only once the next segment was made: it is the one after that which cannot be.
    await_that("the next segment", || std::fs::read_dir(&journal).unwrap().count() >= 2);
    std::fs::rename(&journal, &away).unwrap();
    check(&stage, "58030", || std::fs::rename(&away, &journal).unwrap());
}

/// A file system of our own, for as long as this lives.
struct Mounted(PathBuf);

impl Mounted {
    /// `None` where we may not mount.
    fn new(path: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|done| done.status.success()).then(|| Self(path.to_owned()))
    }

    fn grow(&self, size: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_disk() {
    let mut stage = Stage::with(CONFIG);
    let journal = stage.proxy.state().join("journal");
    stage.proxy.kill();
    std::fs::remove_dir_all(&journal).unwrap();
    std::fs::create_dir(&journal).unwrap();
    let Some(disk) = Mounted::new(&journal, "9m") else {
        eprintln!("not tested: nothing can be mounted here; faults of every operation are tested beside the journal");
        return;
    };
    let config = stage.file("pgsluice.toml");
    stage.proxy.start_again(&stage.database.url(), &["--config", config.to_str().unwrap()]);
    stage.login.address = stage.proxy.address.clone();
    check(&stage, "53100", || disk.grow("200m"));
    drop(stage);
}
