//! `pgsluice reviewer …`: the accounts of people who decide. They are made with the state folder, by whoever administers; deciding needs the
//! account's own password at the running server, and no command decides by the folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, Place, agent, prompt};
use crate::host::ledger::Ledger;
use crate::host::people::{self, AccountStore, Acting, Capability, ListedAccount, NewAccount, PeopleError, PeopleStore, password};
use crate::host::secret::Secret;
use crate::host::state::State;

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  pgsluice reviewer add ann --group dba\n  pgsluice reviewer list")]
pub(super) enum Reviewer {
    /// Give somebody an account to decide with; who is not on the list of people comes there as a reviewer
    #[command(after_help = "Example:\n  pgsluice reviewer add ann --group dba\n\n\
                      The password is asked for twice. With --generate one is made and shown once; with --password-stdin it is the first line \
                      of standard input. Whoever can write to the state folder can make accounts: let no agent run as the user that owns it.")]
    Add(Add),
    /// Give an account another password; whoever is signed in with the old one is signed out
    #[command(after_help = "Example:\n  pgsluice reviewer passwd ann")]
    Passwd(Passwd),
    /// List the accounts
    #[command(after_help = "Example:\n  pgsluice reviewer list --json")]
    List(List),
    /// Remove a person with their account; the name stays on the record
    #[command(after_help = "Example:\n  pgsluice reviewer remove ann")]
    Remove(Remove),
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Given {
    /// The password is the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// Make a password and print it, once, as the last line
    #[arg(long)]
    generate: bool,
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// What the person signs in as, and the record knows them by
    name: String,
    /// A group that rules name; can be given several times
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Passwd {
    /// Whose, as `pgsluice reviewer list` names them
    name: String,
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Remove {
    /// Who, as `pgsluice reviewer list` names them
    name: String,
    #[command(flatten)]
    place: Place,
}

/// Whoever administers, with what they act on.
struct Office {
    state: State,
    acting: Acting,
    accounts: AccountStore,
}

impl Office {
    fn open(place: Place, environment: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let state = State::open(&place.local(environment)?.state)?;
        let acting = people::acting(&state, environment)?;
        acting.require(Capability::Administer)?;
        let accounts = AccountStore::open(&state)?;
        Ok(Self { state, acting, accounts })
    }

    fn settle(&self) -> Result<(), Failure> {
        Ok(Ledger::open(&self.state)?.settle()?)
    }
}

pub(super) fn run(command: Reviewer, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        Reviewer::Add(Add { name, group, given, place }) => {
            let mut office = Office::open(place, environment)?;
            let password = given.password(&name)?;
            let verifier = password::verifier(&name, &password)?;
            let account = NewAccount { name: name.clone(), groups: group, verifier };
            office.accounts.add(&account, &office.acting.by(), SystemTime::now())?;
            eprintln!("pgsluice: {name} can sign in and decide");
            let printed = given.tell(&password);
            office.settle().and(printed)
        }
        Reviewer::Passwd(Passwd { name, given, place }) => {
            let mut office = Office::open(place, environment)?;
            let password = given.password(&name)?;
            let verifier = password::verifier(&name, &password)?;
            office.accounts.change_password(&name, &verifier, &office.acting.by(), SystemTime::now())?;
            eprintln!("pgsluice: {name} has another password; whoever was signed in with the old one is signed out");
            let printed = given.tell(&password);
            office.settle().and(printed)
        }
        Reviewer::Remove(Remove { name, place }) => {
            let office = Office::open(place, environment)?;
            if office.accounts.account(&name)?.is_none() {
                return Err(PeopleError::NoAccount(name).into());
            }
            PeopleStore::open(&office.state)?.remove(&name, &office.acting.by(), SystemTime::now())?;
            let printed = writeln!(std::io::stdout(), "removed {name}: nobody can sign in by that name");
            office.settle().and(printed.map_err(Failure::from))
        }
        Reviewer::List(command) => list(command, environment),
    }
}

impl Given {
    fn password(&self, name: &str) -> Result<Secret, Failure> {
        if self.generate {
            Ok(password::generated()?)
        } else if self.password_stdin {
            prompt::password_from_input()
        } else {
            prompt::new_password(name)
        }
    }

    fn tell(&self, password: &Secret) -> Result<(), Failure> {
        if !self.generate {
            return Ok(());
        }
        eprintln!("pgsluice: the password is shown once:");
        Ok(writeln!(std::io::stdout(), "{}", password.expose())?)
    }
}

fn list(command: List, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let accounts = AccountStore::open(&State::open(&command.place.local(environment)?.state)?)?.list()?;
    let mut out = std::io::stdout();
    if command.json {
        let json = serde_json::to_string(&accounts).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{json}")?);
    }
    if accounts.is_empty() {
        eprintln!("pgsluice: nobody can decide yet: `pgsluice reviewer add NAME`");
        return Ok(());
    }
    let mut rows = vec![["NAME", "ROLE", "GROUPS", "CHANGED", "SIGNS IN BY"].map(str::to_owned)];
    rows.extend(accounts.into_iter().map(|ListedAccount { name, role, groups, changed, provider }| {
        let by = provider.unwrap_or_else(|| "password".to_owned());
        [name, role, if groups.is_empty() { "-".to_owned() } else { groups.join(",") }, changed, by]
    }));
    Ok(out.write_all(agent::aligned(&rows).as_bytes())?)
}
