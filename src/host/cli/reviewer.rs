//! `pgsluice reviewer …`: the accounts of people who decide. They are made with the state folder, by whoever administers; deciding needs the
//! account's own password at the running server, and no command decides by the folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, Place, agent, prompt};
use crate::host::ledger::Ledger;
use crate::host::people::{
    self, AccountStore, Acting, Capability, ListedAccount, NewAccount, PeopleError, PeopleStore, SlackPeople, Visit, invitations, password,
};
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
    /// Give somebody a link by which they set their own password, once, within a day
    #[command(after_help = "Example:\n  pgsluice reviewer invite ann --group dba\n\n\
                      The link is printed once, and whoever opens it first decides as this person: give it to nobody else, and to no agent.")]
    Invite(Invite),
    /// List who is signed in
    #[command(after_help = "Example:\n  pgsluice reviewer sessions ann --json")]
    Sessions(Sessions),
    /// Sign somebody out everywhere, or out of one session
    #[command(after_help = "Example:\n  pgsluice reviewer revoke ann --session 1f0c22a9b3d4")]
    Revoke(Revoke),
    /// Let somebody in again whom a provider vouches for and who was removed here
    #[command(after_help = "Example:\n  pgsluice reviewer readmit ann@example.com")]
    Readmit(Remove),
    /// List the accounts
    #[command(after_help = "Example:\n  pgsluice reviewer list --json")]
    List(List),
    /// Say which member of Slack somebody is, so that the buttons they press there count
    #[command(after_help = "Example:\n  pgsluice reviewer slack ann U0123456789\n\n\
                      In Slack the id is in the member's profile, under \"Copy member ID\". --remove takes it back.")]
    Slack(Slack),
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
pub(super) struct Invite {
    /// What the person signs in as, and the record knows them by
    name: String,
    /// A group that rules name; can be given several times
    #[arg(long, value_name = "GROUP")]
    group: Vec<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Sessions {
    /// Whose; everybody's if nobody is named
    name: Option<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Whose
    name: String,
    /// Which, as `pgsluice reviewer sessions` names them; all if none is named
    #[arg(long, value_name = "ID")]
    session: Option<String>,
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

#[derive(Debug, Args)]
pub(super) struct Slack {
    /// Who, as `pgsluice reviewer list` names them
    name: String,
    /// The member's id
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    member: Option<String>,
    /// They are no member of Slack any more
    #[arg(long)]
    remove: bool,
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
            eprintln!("pgsluice: {name} can sign in");
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
        Reviewer::Slack(Slack { name, member, remove: _, place }) => {
            let office = Office::open(place, environment)?;
            let mut slack = SlackPeople::open(&office.state)?;
            slack.set(&name, member.as_deref(), &office.acting.by(), SystemTime::now())?;
            match member {
                Some(member) => eprintln!("pgsluice: what {member} presses in Slack counts as pressed by {name}"),
                None => eprintln!("pgsluice: nobody in Slack is {name}"),
            }
            office.settle()
        }
        Reviewer::Remove(Remove { name, place }) => {
            let office = Office::open(place, environment)?;
            if !office.accounts.list()?.iter().any(|account| account.name == name) {
                return Err(PeopleError::NoAccount(name).into());
            }
            PeopleStore::open(&office.state)?.remove(&name, &office.acting.by(), SystemTime::now())?;
            let printed = writeln!(std::io::stdout(), "removed {name}: nobody can sign in by that name");
            office.settle().and(printed.map_err(Failure::from))
        }
        Reviewer::Invite(Invite { name, group, place }) => {
            let mut office = Office::open(place, environment)?;
            let web = office.state.listener()?.and_then(|listener| listener.web).ok_or(Failure::NoPages)?;
            let link = office.accounts.invite(&name, &group, &office.acting.by(), SystemTime::now())?;
            eprintln!("pgsluice: whoever opens this first, within a day, decides as {name}; it is shown once:");
            let printed = writeln!(std::io::stdout(), "{web}{}", invitations::path(&link));
            office.settle().and(printed.map_err(Failure::from))
        }
        Reviewer::Revoke(Revoke { name, session, place }) => {
            let mut office = Office::open(place, environment)?;
            let ended = office.accounts.revoke(&name, session.as_deref(), &office.acting.by(), SystemTime::now())?;
            let printed = writeln!(std::io::stdout(), "signed {name} out of {ended} {}", if ended == 1 { "session" } else { "sessions" });
            office.settle().and(printed.map_err(Failure::from))
        }
        Reviewer::Readmit(Remove { name, place }) => {
            let mut office = Office::open(place, environment)?;
            office.accounts.readmit(&name, &office.acting.by(), SystemTime::now())?;
            let printed = writeln!(std::io::stdout(), "{name} can sign in at the provider again, as a new person");
            office.settle().and(printed.map_err(Failure::from))
        }
        Reviewer::Sessions(command) => sessions(command, environment),
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

fn sessions(command: Sessions, environment: &BTreeMap<String, String>) -> Result<(), Failure> {
    let visits = Office::open(command.place, environment)?.accounts.visits(command.name.as_deref())?;
    let mut out = std::io::stdout();
    if command.json {
        let json = serde_json::to_string(&visits).map_err(std::io::Error::from)?;
        return Ok(writeln!(out, "{json}")?);
    }
    if visits.is_empty() {
        eprintln!("pgsluice: nobody is signed in");
        return Ok(());
    }
    let mut rows = vec![["SESSION", "PERSON", "THROUGH", "BEGAN", "LAST SEEN"].map(str::to_owned)];
    rows.extend(visits.into_iter().map(|Visit { id, person, through, began, seen, by_provider }| {
        [id, person, if by_provider { format!("{through}, provider") } else { through }, began, seen]
    }));
    Ok(out.write_all(agent::aligned(&rows).as_bytes())?)
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
