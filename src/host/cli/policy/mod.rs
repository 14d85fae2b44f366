//! `pgsluice policy …`: whether a policy is sound, what it says about a statement, and whether its cases hold. It reads files and decides
//! nothing.

mod check;
mod explain;
mod test;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use super::{Failure, File, sources};
use crate::host::config::{Flags, PolicySource};

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  pgsluice policy check policy.toml\n  pgsluice policy explain 'DELETE FROM orders'\n  pgsluice policy test policy.toml"
)]
pub(super) enum Policy {
    /// Check a policy, and tell everything that is wrong with it
    #[command(after_help = "Example:\n  pgsluice policy check /etc/pgsluice/policy.toml")]
    Check(Named),
    /// Tell what a policy says about a statement, and why
    #[command(after_help = "Example:\n  pgsluice policy explain 'DELETE FROM orders' --agent billing-bot --policy strict\n\n\
                      The statement goes by its text alone: names without a schema are taken to be in public, views and functions are not looked \
                      into. A running server asks the database's catalog as well, and may hold what passes here.")]
    Explain(Box<explain::Explain>),
    /// Run the cases kept beside a policy
    #[command(after_help = "Example:\n  pgsluice policy test policy.toml\n\n\
                      Cases stand in the policy as [[test]] tables, or beside it: policy.tests.toml beside policy.toml. A case has sql and expect \
                      (allow, hold or deny), and may have rule, mask, agent, database, environment, address, transaction, rows and at.")]
    Test(Named),
}

/// The policy that is meant.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// A file, or one of default, read-only, strict, observe [default: the one that `serve` would use]
    #[arg(value_name = "POLICY")]
    policy: Option<String>,
    #[command(flatten)]
    file: File,
}

impl Named {
    fn source(self, environment: BTreeMap<String, String>) -> Result<PolicySource, Failure> {
        chosen(self.policy, self.file, environment)
    }
}

fn chosen(policy: Option<String>, file: File, environment: BTreeMap<String, String>) -> Result<PolicySource, Failure> {
    match policy {
        Some(policy) => Ok(PolicySource::of(&policy)),
        None => Ok(PolicySource::configured(&sources(file, Flags::default(), environment))?),
    }
}

pub(super) fn run(command: Policy, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        Policy::Check(named) => check::run(&named.source(environment)?),
        Policy::Explain(explain) => explain::run(*explain, environment),
        Policy::Test(named) => test::run(&named.source(environment)?),
    }
}

/// A policy's hash as records have it.
fn hash(policy: &crate::gate::Policy) -> crate::audit::Digest {
    crate::audit::Digest::cut(&policy.hash())
}
