//! The part of the demo in which a statement is held: the agent sends it, a reviewer sees and approves it from the command line, and it runs.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use super::{DemoError, psql};
use crate::host::demo::Cluster;
use crate::host::people::{AccountStore, NewAccount, password};
use crate::host::secret::Secret;
use crate::host::state::State;

pub const REVIEWER: &str = "rita";
const STATEMENT: &str = "/* task='make room' */ DROP TABLE payments";
/// Looks whether the statement is held by now, and the time between them.
const LOOKS: u32 = 100;
const LOOK: Duration = Duration::from_millis(100);

/// Somebody who is not the agent's owner.
pub fn reviewer(state: &State) -> Result<Secret, DemoError> {
    let password = password::generated()?;
    let verifier = password::verifier(REVIEWER, &password)?;
    let account = NewAccount { name: REVIEWER.to_owned(), groups: Vec::new(), verifier };
    AccountStore::open(state)?.add(&account, "demo", SystemTime::now())?;
    Ok(password)
}

/// A statement is held, approved and run; tells each step.
pub fn show(cluster: &Cluster, url: &str, state: &Path, password: &Secret, out: &mut impl Write) -> Result<(), DemoError> {
    let review = |arguments: &[&str]| review(state, password, arguments);
    writeln!(out, "A statement that is no everyday one, as the agent sends it:\n\n    {STATEMENT}\n")?;
    let mut agent = psql(cluster)?
        .args(["-X", "-d", url, "-c", STATEMENT])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| DemoError::Query(error.to_string()))?;
    let shown = decide(&mut agent, &review);
    if shown.is_err() {
        // It is ours, and nobody answers it any more.
        agent.kill().ok();
    }
    let ended = agent.wait_with_output().map_err(|error| DemoError::Query(error.to_string()))?;
    let [list, approval] = shown?;
    let said = [ended.stderr, ended.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if !ended.status.success() {
        return Err(DemoError::Query(said));
    }
    writeln!(out, "It is held for a person ($ pgsluice holds --as {REVIEWER}):\n\n{list}")?;
    writeln!(out, "{REVIEWER} looks at it and approves ($ pgsluice approve ID --as {REVIEWER}):\n\n{approval}")?;
    Ok(writeln!(out, "What the agent was told, until it ran:\n\n{said}")?)
}

/// The list in which the hold is, and what was said as it was approved.
fn decide(agent: &mut Child, review: &impl Fn(&[&str]) -> Result<String, DemoError>) -> Result<[String; 2], DemoError> {
    for _ in 0..LOOKS {
        let list = review(&["holds"])?;
        let hold = list.lines().nth(1).and_then(|line| line.split_whitespace().next().map(str::to_owned));
        if let Some(hold) = hold {
            let approval = review(&["approve", &hold, "--yes", "--reason", "it is a demo"])?;
            return Ok([list, approval]);
        }
        if agent.try_wait().is_ok_and(|ended| ended.is_some()) {
            break;
        }
        thread::sleep(LOOK);
    }
    Err(DemoError::Query("the statement was not held".to_owned()))
}

/// Runs a command of the reviewer; what it printed.
fn review(state: &Path, password: &Secret, arguments: &[&str]) -> Result<String, DemoError> {
    let failed = |what: &dyn std::fmt::Display| DemoError::Review(format!("{}: {what}", arguments.join(" ")));
    let program = std::env::current_exe().map_err(|error| failed(&error))?;
    let mut command = Command::new(program);
    for name in ["PGSLUICE_SERVER", "PGSLUICE_CA", "PGSLUICE_REVIEWER_PASSWORD_FILE"] {
        command.env_remove(name);
    }
    command.args(arguments).args(["--as", REVIEWER, "--state"]).arg(state).env("PGSLUICE_REVIEWER_PASSWORD", password.expose());
    let done = command.stdin(Stdio::null()).output().map_err(|error| failed(&error))?;
    if !done.status.success() {
        return Err(failed(&String::from_utf8_lossy(&done.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}
