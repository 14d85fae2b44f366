//! `pgsluice people …`: who reads the audit, decides and administers.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, Place};
use crate::host::ledger::Ledger;
use crate::host::people::{self, Capability, Listed, NewPerson, PeopleStore, Role};
use crate::host::state::State;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  pgsluice people add ann --role reviewer\n  pgsluice people list")]
pub(super) enum People {
    /// Add somebody
    #[command(after_help = "Example:\n  pgsluice people add ann --role reviewer\n\n\
                      While the list is empty, whoever can use the state folder administers. From the first person on, only those on the list \
                      may do anything, and who owns the state folder. An auditor reads the audit. A reviewer also decides holds and signs off periods. An administrator also changes agents and \
                      people, erases, prunes, backs up and restores. At the command line this keeps apart the duties of people who keep to it: \
                      whoever can write to the state folder can change everything in it.")]
    Add(Add),
    /// List the people
    #[command(after_help = "Example:\n  pgsluice people list --all --json")]
    List(List),
    /// Remove somebody; the name stays on the record
    #[command(after_help = "Example:\n  pgsluice people remove ann")]
    Remove(Named),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// The name that the record knows this person by
    name: String,
    /// auditor, reviewer or administrator
    #[arg(long, value_name = "ROLE")]
    role: Role,
    /// Who the operating system says acts, when this person acts [default: NAME]
    #[arg(long, value_name = "USER")]
    os_user: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// The removed ones too
    #[arg(long)]
    all: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// Who, as `pgsluice people list` names them
    name: String,
    #[command(flatten)]
    place: Place,
}

pub(super) fn run(command: People, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        People::Add(Add { name, role, os_user, place }) => {
            let os_user = os_user.unwrap_or_else(|| name.clone());
            let said = format!("added {name}, {role}, who acts as the operating system's user {os_user}");
            let person = NewPerson { name, role, os_user };
            change(place, environment, &said, |store, by| Ok(store.add(&person, by, SystemTime::now())?))
        }
        People::Remove(Named { name, place }) => {
            let said = format!("removed {name}");
            change(place, environment, &said, |store, by| Ok(store.remove(&name, by, SystemTime::now())?))
        }
        People::List(command) => list(command, environment),
    }
}

fn change(
    place: Place,
    environment: &BTreeMap<String, String>,
    said: &str,
    work: impl FnOnce(&mut PeopleStore, &str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let state = State::open(&place.local(environment)?.state)?;
    let acting = people::acting(&state, environment)?;
    acting.require(Capability::Administer)?;
    work(&mut PeopleStore::open(&state)?, &acting.by())?;
    Ledger::open(&state)?.settle()?;
    Ok(writeln!(std::io::stdout(), "{said}")?)
}

fn list(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let state = State::open(&command.place.local(environment)?.state)?;
    let people = PeopleStore::open(&state)?.list(command.all)?;
    let mut out = std::io::stdout();
    if command.json {
        let json = serde_json::to_string(&people).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{json}")?);
    }
    if people.is_empty() {
        eprintln!(
            "pgsluice: nobody is on the list yet, so whoever can use the state folder administers: `pgsluice people add NAME --role ROLE`"
        );
        return Ok(());
    }
    Ok(out.write_all(table(people).as_bytes())?)
}

fn table(people: Vec<Listed>) -> String {
    let mut rows = vec![["NAME", "ROLE", "ACTS AS", "CREATED", "REMOVED"].map(str::to_owned)];
    let dash = || "-".to_owned();
    rows.extend(people.into_iter().map(|one| [one.name, one.role, one.os_user, one.created, one.removed.unwrap_or_else(dash)]));
    super::agent::aligned(&rows)
}
