//! `pgsluice state …`: backing up and restoring the state folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, Place};
use crate::audit::event::{AuditRead, Words};
use crate::host::backup;
use crate::host::ledger::Ledger;
use crate::host::people::{self, Capability};
use crate::host::state::State;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  pgsluice state backup /backups/pgsluice-monday.tar\n  pgsluice state restore /backups/pgsluice-monday.tar --state /var/lib/pgsluice-restored"
)]
pub(super) enum StateCommand {
    /// Copy the state into one file, with the server running or not
    #[command(after_help = "Example:\n  pgsluice state backup /backups/pgsluice-monday.tar\n\n\
                      In the file are the state database, the journal up to its last record, and its keys: keep it as you keep the state \
                      folder. Not in it is the index of the audit, which is built from the journal. Without the keys a restored \
                      journal goes on with new ones, and digests of what agents sent before cannot be compared with later ones.")]
    Backup(Backup),
    /// Restore a backup into an empty folder, where a new epoch begins
    #[command(after_help = "Example:\n  pgsluice state restore /backups/pgsluice-monday.tar --state /var/lib/pgsluice-restored\n\n\
                      Every hold, ticket and grant from before is void, for what was used up after the backup was made is not known. The \
                      first record of the new epoch says so. The old folder is not touched: do not go on serving from both.")]
    Restore(Restore),
}

#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to make; one that is there stays as it is
    file: PathBuf,
    /// Leave out the keys that sign checkpoints and make digests; the agents' password verifiers are in it all the same
    #[arg(long)]
    without_keys: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A file that `pgsluice state backup` made
    file: PathBuf,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: StateCommand, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        StateCommand::Backup(command) => backup(command, environment),
        StateCommand::Restore(command) => restore(command, environment),
    }
}

fn backup(command: Backup, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let state = State::open(&command.place.local(environment)?.state)?;
    let acting = people::acting(&state, environment)?;
    acting.require(Capability::Administer)?;
    let now = SystemTime::now();
    let words = Words { text: command.file.display().to_string() };
    let read = AuditRead { by: acting.by(), what: "state backup".into(), body: Some(Box::new(words)) };
    Ledger::open(&state)?.record(now, read)?;
    let taken = backup::backup(&state, &command.file, !command.without_keys, now)?;
    let file = command.file.display();
    let keys = if command.without_keys { "without its keys" } else { "with its keys: keep it secret" };
    Ok(writeln!(std::io::stdout(), "backed up to {file}: the journal up to record {} ({}), {keys}", taken.seq, taken.hash)?)
}

fn restore(command: Restore, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let folder = command.place.local(environment)?.state;
    let restored = backup::restore(&command.file, &folder, environment, SystemTime::now())?;
    if !restored.keys {
        eprintln!("pgsluice: the backup has no keys: checkpoints are signed with a new key from here on");
    }
    Ok(writeln!(
        std::io::stdout(),
        "restored to {}: the journal up to record {}; record {} begins epoch {}, and every hold, ticket and grant from before is void",
        folder.display(),
        restored.seq,
        restored.began,
        restored.epoch
    )?)
}
