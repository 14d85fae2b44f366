//! `pgsluice mask …`: people try the detectors, and see and change what is thought of columns.

mod cells;
mod column;
mod keys;
mod scan;
mod stdin;
mod verdict;
mod verdicts;

use std::collections::BTreeMap;

use clap::{Args, Subcommand};

use super::Failure;
pub(super) use stdin::NotRead;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Mask {
    /// Read JSON lines, one for each cell of a table, and write what would be masked of each
    #[arg(long)]
    cells: bool,
    /// What comes in; guessed where it is not said
    #[arg(long, value_name = "FORMAT", conflicts_with = "cells")]
    format: Option<stdin::Kind>,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what is thought of the columns of databases, and why
    #[command(after_help = "Examples:\n  pgsluice mask verdicts\n  pgsluice mask verdicts --table users --json\n\n\
                      harmless: values pass as they are. mixed: each value is searched; kinds that only context tells count where they are named. \
                      whole: each value is of the kind.")]
    Verdicts(verdicts::List),
    /// Say what a column holds, whatever is thought of it
    #[command(subcommand)]
    Verdict(verdict::Verdict),
    /// List the keys that tokens are made by, or make a new one
    #[command(after_help = "Example:\n  pgsluice mask keys --rotate\n\n\
                      Tokens that were made by an older key go on standing for their values; equal values have other tokens under a new one.")]
    Keys(keys::Keys),
    /// Look at a whole database, and propose what a policy could say of its columns
    #[command(
        after_help = "Examples:\n  pgsluice mask scan postgres://app@db.internal/shop\n  pgsluice mask scan --upstream > columns.toml\n\n\
                      Some rows of each table and view are read as the URL's role, within a quarter of a second each, and nothing is written. \
                      Views over functions that are neither PostgreSQL's own nor trusted by the policy are not run."
    )]
    Scan(scan::Scan),
}

pub(super) fn run(command: Mask, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    match command.what {
        Some(What::Verdicts(list)) => verdicts::run(list, &environment),
        Some(What::Verdict(verdict)) => verdict::run(verdict, &environment),
        Some(What::Keys(keys)) => keys::run(keys, &environment),
        Some(What::Scan(scan)) => scan::run(scan, environment),
        None => find(command.cells, command.format),
    }
}

fn find(cells: bool, format: Option<stdin::Kind>) -> Result<(), Failure> {
    let masking = crate::mask::Masking::built_in();
    if cells {
        return cells::run(&masking, std::io::stdin().lock(), std::io::stdout().lock());
    }
    stdin::run(&masking, format, std::io::stdin().lock(), std::io::stdout().lock(), std::io::stderr().lock())
}
