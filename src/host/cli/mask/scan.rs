//! `pgsluice mask scan`: looks at a whole database, and proposes what a policy could say of its columns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::super::{Failure, File, sources, terminal};
use crate::host::config::{Config, Flags};
use crate::host::link::{Connector, Minor};
use crate::host::secret::Secret;
use crate::host::stream::Keepalive;
use crate::host::verdicts::{Known, Means, scan};
use crate::mask::verdict::{Basis, Verdict};
use crate::mask::{Holding, Kind, KindSet};

#[derive(Debug, Args)]
pub(super) struct Scan {
    /// The database, as a connection URL
    #[arg(value_name = "DATABASE_URL", value_parser = |url: &str| Ok::<_, std::convert::Infallible>(Secret::new(url)), required_unless_present = "upstream")]
    url: Option<Secret>,
    /// The server that `serve` would use
    #[arg(long, conflicts_with = "url")]
    upstream: bool,
    /// Another database there
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    #[command(flatten)]
    file: File,
}

pub(super) fn run(command: Scan, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let flags = Flags { upstream: command.url, ..Flags::default() };
    let config = Config::load(&sources(command.file, flags, environment))?;
    let upstream = Arc::new(config.server.upstream.clone());
    let database = command.database.unwrap_or_else(|| upstream.database.clone());
    let connector =
        Connector::load(Arc::clone(&upstream), Keepalive::default(), Minor::Zero).map_err(|error| Failure::Scan(error.to_string()))?;
    let means = Means { policy: Arc::clone(&config.policy), detectors: Arc::clone(&config.profiles.detectors) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bar = bar();
    let mut progress = |done: usize, all: usize| {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        bar.set_length(count(all));
        bar.set_position(count(done));
    };
    let found = runtime.block_on(scan(&connector, &upstream.credential, &database, &means, &mut progress));
    bar.finish_and_clear();
    let found = found.map_err(|error| Failure::Scan(error.to_string()))?;
    Ok(std::io::stdout().write_all(proposal(&database, &found).as_bytes())?)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} tables, {eta} left");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What a policy could say: kinds of columns, each line with what speaks for it. What is only harmless by a sample is left to be searched.
fn proposal(database: &str, found: &[Known]) -> String {
    let mut text = String::new();
    let mut say = |line: std::fmt::Arguments<'_>| text.write_fmt(line).unwrap_or_default();
    let columns: usize = found.iter().map(|known| known.columns.len()).sum();
    say(format_args!("# {} tables and views with {columns} columns of {}.\n", found.len(), terminal::line(database)));
    say(format_args!("# For a policy: pgsluice serve --policy FILE. Whatever is not named here is found by what values look like.\n\n"));
    say(format_args!("[mask.columns]\n"));
    let mut blind = Vec::new();
    for known in found {
        if known.looks.iter().all(|look| look.rows.is_none()) {
            blind.push(known);
        }
        for column in &known.columns {
            let Verdict { holding, basis } = column.verdict();
            let kinds = match holding {
                Holding::Whole(kind) => format!("\"{}\"", kind.name()),
                Holding::Mixed(kinds) if !kinds.is_empty() && kinds != KindSet::ALL => {
                    let kinds: Vec<String> = kinds
                        .iter()
                        .filter(|kind| kind.custom_place().is_none() && *kind != Kind::CHANCE)
                        .map(|kind| format!("\"{}\"", kind.name()))
                        .collect();
                    if kinds.is_empty() {
                        continue;
                    }
                    format!("[{}]", kinds.join(", "))
                }
                Holding::Mixed(_) | Holding::Harmless => continue,
            };
            let why = match basis {
                Basis::Sampled(cells) => format!("{cells} values"),
                Basis::Unknown | Basis::Name | Basis::Learned(_) | Basis::Marked | Basis::Policy | Basis::Overruled => {
                    "its name".to_owned()
                }
            };
            let name = [&known.schema, &known.name, &column.name].map(|name| pattern(name)).join(".");
            // A TOML string is written as JSON's are.
            say(format_args!("{} = {kinds} # {why}\n", serde_json::Value::String(name)));
        }
    }
    if !blind.is_empty() {
        say(format_args!("\n# Not looked into, for this role may not, or what they are made of runs code that is not trusted:\n"));
        for known in blind {
            say(format_args!("# {}.{}\n", terminal::line(&known.schema), terminal::line(&known.name)));
        }
    }
    text
}

/// A name as a pattern that is only this name.
fn pattern(name: &str) -> String {
    let one = name.replace(['*', '"'], "?").replace(char::is_control, "?");
    if one.contains('.') { format!("\"{one}\"") } else { one }
}
