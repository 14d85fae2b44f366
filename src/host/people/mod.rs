//! People: who may read the audit, decide, sign off and administer, and who acts at the command line.
//!
//! At the command line a role keeps apart the duties of people who keep to it: whoever can write to the state folder can change
//! everything in it, and `SUDO_USER` is what the environment says. There the roles prevent mistakes and put a name on the record;
//! where they are to hold against people, the folder belongs to a user that those people cannot become.

mod accounts;
mod identities;
pub mod invitations;
pub mod password;
mod slack;
mod store;
mod visits;

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::str::FromStr;

use super::agents::is_name;
use super::state::{State, StateError};

pub use accounts::{Account, AccountStore, Lifetime, ListedAccount, NewAccount, Visitor};
pub use identities::{Admitted, Due, Identity, Tokens};
pub use invitations::Invitation;
pub use slack::SlackPeople;
pub use store::{Listed, NewPerson, PeopleStore};
pub use visits::Visit;

/// What marks whoever owns the state folder and is nobody on the list. No person's name ends with it.
pub const OPERATOR: &str = " (operator)";

#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("{0:?} is no name for somebody who acts: names are 1 to 63 bytes of visible text without space at their ends")]
    Name(String),
    #[error(
        "{user:?} is not on the list of people here; somebody who administers can add you: `pgsluice people add {user} --role {}`",
        Role::Auditor
    )]
    Stranger { user: String },
    #[error("{name} is {role} here and may not {what}; `pgsluice people list` shows who may")]
    Refused { name: String, role: Role, what: Capability },
    #[error("somebody named {0:?} is on the list; to change a role, remove and add")]
    Exists(String),
    #[error("the operating system's user {user:?} stands for {person:?} already")]
    UserTaken { user: String, person: String },
    #[error("there is nobody named {0:?}; `pgsluice people list` shows those there are")]
    Unknown(String),
    #[error("the time of this machine is before 1970 or beyond reason")]
    Time,
    #[error("{0:?} is an agent; people who decide need a name of their own")]
    IsAgent(String),
    #[error("{name} is {role} here, who decides nothing: remove and add with another role first")]
    NoReviewer { name: String, role: Role },
    #[error("{0} has an account; `pgsluice reviewer passwd {0}` gives it another password")]
    HasAccount(String),
    #[error("{0} signs in at the provider, and needs no password here")]
    Vouched(String),
    #[error("{0} was removed here; `pgsluice reviewer readmit {0}` lets them in again")]
    Removed(String),
    #[error("{0:?} has no account; `pgsluice reviewer list` shows who has one")]
    NoAccount(String),
    #[error("{0:?} is no member of Slack: the id is meant, such as U0123456789 (in Slack: the profile, \"Copy member ID\")")]
    NoMember(String),
    #[error("{0} is somebody else here already")]
    MemberTaken(String),
    #[error("this link is over, or was used already")]
    NoInvitation,
    #[error("too many links are open: they are over a day after they were made")]
    Invitations,
    #[error("nobody is in more than 32 groups")]
    Groups,
    #[error("the password {0}")]
    Password(&'static str),
}

/// From less to more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads everything, decides nothing.
    Auditor,
    Reviewer,
    Administrator,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    ReadAudit,
    /// Holds: approve, deny, ask, pass on.
    Decide,
    /// Say that a period of the audit was looked through.
    SignOff,
    /// Change agents and people, erase bodies, prune segments, back up, restore.
    Administer,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Auditor, Self::Reviewer, Self::Administrator];

    pub fn may(self, what: Capability) -> bool {
        match what {
            Capability::ReadAudit => true,
            Capability::Decide | Capability::SignOff => matches!(self, Self::Reviewer | Self::Administrator),
            Capability::Administer => self == Self::Administrator,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Reviewer => "reviewer",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected auditor, reviewer or administrator")]
pub struct NotARole;

impl FromStr for Role {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        Self::ALL.into_iter().find(|role| role.word() == text).ok_or(NotARole)
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::ReadAudit => "read the audit",
            Self::Decide => "decide",
            Self::SignOff => "sign off",
            Self::Administer => "do what administrators do",
        })
    }
}

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acting {
    /// The person, or the operating system's user who is no person here.
    pub name: String,
    pub role: Role,
    /// On no list of people that has somebody on it: administers by owning the state folder, or as root.
    pub operator: bool,
}

impl Acting {
    /// How the record names who acts.
    pub fn by(&self) -> String {
        format!("{}{}", self.name, if self.operator { OPERATOR } else { "" })
    }

    pub fn require(&self, what: Capability) -> Result<(), PeopleError> {
        if self.role.may(what) { Ok(()) } else { Err(PeopleError::Refused { name: self.name.clone(), role: self.role, what }) }
    }
}

/// Who acts at the command line. As long as nobody is on the list of people, everybody who can use the folder administers.
pub fn acting(state: &State, environment: &BTreeMap<String, String>) -> Result<Acting, PeopleError> {
    let own = rustix::process::geteuid().as_raw();
    let user = current_user(environment).unwrap_or_else(|| format!("user {own}"));
    let owns = own == 0 || std::fs::metadata(state.folder()).is_ok_and(|folder| folder.uid() == own);
    PeopleStore::open(state)?.acting(user, owns)
}

fn check(name: &str) -> Result<(), PeopleError> {
    if is_name(name) && !name.ends_with(OPERATOR) { Ok(()) } else { Err(PeopleError::Name(name.to_owned())) }
}

/// Whether rules can name a group so.
pub fn is_group(name: &str) -> bool {
    check(name).is_ok()
}

/// The human behind `sudo`, else who the system says runs this, else who the environment says.
pub fn current_user(environment: &BTreeMap<String, String>) -> Option<String> {
    let named = |name| environment.get(name).filter(|user: &&String| !user.is_empty()).cloned();
    named("SUDO_USER").or_else(system_user).or_else(|| named("USER")).or_else(|| named("LOGNAME"))
}

/// Who owns this process, by the system's list of users.
fn system_user() -> Option<String> {
    let own = rustix::process::geteuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, number) = (fields.next()?, fields.next()?, fields.next()?);
        (number == own).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests;
