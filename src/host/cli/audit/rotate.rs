//! `pgsluice audit rotate-key`: checkpoints are signed with a new key from here on, which the old one endorses.

use std::collections::BTreeMap;
use std::io::Write as _;

use clap::Args;

use super::{Desk, Place};
use crate::audit::checkpoint::key_name;
use crate::host::cli::Failure;
use crate::host::ledger::Ledger;
use crate::host::people::Capability;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Rotate {
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: &Rotate, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let desk = Desk::open(&command.place, environment)?;
    let by = desk.by(Capability::Administer)?;
    let rotated = Ledger::open(&desk.state)?.rotate_signing_key(&by)?;
    let (old, new) = (key_name(rotated.old), key_name(rotated.new));
    let mut out = std::io::stdout();
    writeln!(out, "old key      {old}\nnew key      {new}\npublic key   {}", rotated.new)?;
    Ok(writeln!(
        out,
        "Write the new key down where the old one is. The old key endorsed it on the record, so who trusts the old one goes on with\n\
         `pgsluice audit verify --accept-key {old}`; once the old key's records are pruned, it is `--accept-key {new}`."
    )?)
}
