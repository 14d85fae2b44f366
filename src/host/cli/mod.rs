//! The command line: what people type, and what they read when it cannot be done. Every failure ends in one line that
//! starts with `pgsluice:` and says what to do; the work itself is done elsewhere.

mod agent;
mod asking;
mod audit;
mod grants;
mod holds;
mod mask;
mod notices;
mod people;
mod policy;
mod prompt;
mod remote;
mod reviewer;
mod state;
mod terminal;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::agents::AgentError;
use super::backup::BackupError;
use super::config::{Config, ConfigError, Flags, Local, Sources};
use super::demo::{self, DemoError};
use super::index::IndexError;
use super::journal::reader::ReadError;
use super::journal::{JournalError, Unwritable};
use super::ledger::LedgerError;
use super::people::PeopleError;
use super::reading::NotRead;
use super::secret::Secret;
use super::serve::{self, Ready, ServeError};
use super::state::{State, StateError};
use super::verdicts::store::SayError;
use super::when::NoTime;
use crate::audit::event::Unreadable;

const DEFAULT_FILE: &str = "pgsluice.toml";

/// A PostgreSQL proxy that stands between AI agents and the database.
#[derive(Debug, Parser)]
#[command(
    name = "pgsluice",
    version,
    arg_required_else_help = true,
    after_help = "Example:\n  pgsluice serve --upstream postgres://app@localhost/shop\n  pgsluice agent add billing-bot"
)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy
    #[command(after_help = "Example:\n  pgsluice serve --upstream postgres://app@db.internal/shop --listen 127.0.0.1:6432\n\n\
                      Give the server's password in PGSLUICE_UPSTREAM_PASSWORD, upstream.password_file or upstream_file: a flag can be read by others.")]
    Serve(Serve),
    /// Add, list, rotate and revoke agents
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Add, list and remove the people who read the audit, decide and administer
    #[command(subcommand)]
    People(people::People),
    /// Add, list and remove the accounts by which people sign in to decide
    #[command(subcommand)]
    Reviewer(reviewer::Reviewer),
    /// List what is held, at the running server
    #[command(after_help = "Example:\n  pgsluice holds --as ann\n\n\
                      The password is asked for, or taken from PGSLUICE_REVIEWER_PASSWORD or the file named by PGSLUICE_REVIEWER_PASSWORD_FILE.")]
    Holds(holds::List),
    /// Show one hold whole
    #[command(after_help = "Example:\n  pgsluice show 5kx2m9qd --as ann")]
    Show(holds::One),
    /// Show a hold and approve it: the agent can run the statement once
    #[command(
        after_help = "Example:\n  pgsluice approve 5kx2m9qd --as ann --reason 'as planned'\n  pgsluice approve 5kx2m9qd --as ann --for 1h --times 20 --bound 1=1..500"
    )]
    Approve(holds::Approve),
    /// Deny a hold; the agent is told the reason
    #[command(after_help = "Example:\n  pgsluice deny 5kx2m9qd --as ann --reason 'not before the backup'")]
    Deny(holds::Deny),
    /// Show messages about holds that did not arrive where they were to go
    #[command(after_help = "Example:\n  pgsluice notices --json")]
    Notices(notices::Notices),
    /// Ask the agent about a hold; its answer is shown with the hold
    #[command(after_help = "Example:\n  pgsluice ask 5kx2m9qd --as ann --question 'Which orders are these?'")]
    Ask(asking::Ask),
    /// Pass a hold on: from then on another group decides it
    #[command(after_help = "Example:\n  pgsluice pass 5kx2m9qd --as ann --to legal --reason 'it is about contracts'")]
    Pass(asking::Pass),
    /// List standing grants, and end them
    #[command(after_help = "Examples:\n  pgsluice grants --as ann\n  pgsluice grants revoke 5kx2m9qd --as ann")]
    Grants(grants::Grants),
    /// Back up and restore the state folder
    #[command(subcommand)]
    State(state::StateCommand),
    /// Read the record, check it, and look after it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Check a policy, try it on a statement, run its cases
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Find what is sensitive in what is read from standard input
    #[command(after_help = "Example:\n  pgsluice mask --cells < cells.jsonl")]
    Mask(mask::Mask),
    /// Check the configuration and print what counts, without secrets
    #[command(after_help = "Example:\n  pgsluice check-config --config /etc/pgsluice/pgsluice.toml")]
    CheckConfig(File),
    /// Show everything in one command: a throwaway PostgreSQL, the proxy, an agent
    #[command(after_help = "Example:\n  pgsluice demo")]
    Demo(Demo),
}

#[derive(Debug, Args)]
struct Demo {
    /// Stop after the first query was answered
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct Serve {
    /// The PostgreSQL server, as a connection URL [env: PGSLUICE_UPSTREAM]
    #[arg(long, value_name = "URL", value_parser = |url: &str| Ok::<_, std::convert::Infallible>(Secret::new(url)))]
    upstream: Option<Secret>,
    /// Where agents connect [default: 127.0.0.1:6432]
    #[arg(long, value_name = "ADDR:PORT", value_parser = listen)]
    listen: Option<(String, u16)>,
    /// What may pass: a file, or one of default, read-only, strict, observe [default: default] [env: PGSLUICE_POLICY_FILE]
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
    /// How long a connection waits for people before it is given a ticket; 0s for a ticket at once [default: 30s]
    #[arg(long, value_name = "TIME")]
    hold_wait: Option<String>,
    #[command(flatten)]
    state: StateFolder,
    #[command(flatten)]
    file: File,
}

#[derive(Debug, Clone, Args)]
struct StateFolder {
    /// The one folder that pgsluice writes to [default: $XDG_STATE_HOME/pgsluice] [env: PGSLUICE_STATE]
    #[arg(long, value_name = "DIR")]
    state: Option<String>,
}

/// Where a command works that needs no server.
#[derive(Debug, Args)]
struct Place {
    #[command(flatten)]
    state: StateFolder,
    #[command(flatten)]
    file: File,
}

impl Place {
    fn local(self, environment: &BTreeMap<String, String>) -> Result<Local, ConfigError> {
        let flags = Flags { state: self.state.state.map(PathBuf::from), ..Flags::default() };
        Local::load(&sources(self.file, flags, environment.clone()))
    }
}

#[derive(Debug, Clone, Args)]
struct File {
    /// The configuration file [default: ./pgsluice.toml if there is one] [env: PGSLUICE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    People(#[from] PeopleError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Sealed(#[from] audit::SealedFailure),
    #[error("{0}; nothing was done")]
    Unwritable(#[from] Unwritable),
    #[error("a record cannot be read: {0}; `pgsluice audit verify` says more")]
    Unreadable(#[from] Unreadable),
    #[error("there is no record in {folder}: give the state folder with --state DIR", folder = .0.display())]
    NoRecord(PathBuf),
    #[error("the checkpoints in {file}: {reason}", file = file.display())]
    Checkpoints { file: PathBuf, reason: String },
    #[error(transparent)]
    Record(#[from] NotRead),
    #[error("record {0} has no body, and no text of a statement goes with it: there is nothing to erase")]
    NothingToErase(u64),
    #[error("what was forwarded goes up to record {delivered}, and record {last} would go: wait, or give --force")]
    Undelivered { delivered: u64, last: u64 },
    #[error("where people's pages are is not known before the server ran once: start it, then invite")]
    NoPages,
    #[error("a period begins before it ends, and ends before now")]
    NoPeriod,
    #[error("cannot write {file}: {reason}", file = file.display())]
    File { file: PathBuf, reason: std::io::Error },
    #[error(transparent)]
    When(#[from] NoTime),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] std::io::Error),
    #[error("the record is not sound: {0}")]
    Unsound(String),
    #[error("{0}")]
    Cases(String),
    #[error(transparent)]
    Say(#[from] SayError),
    #[error("the database cannot be looked at: {0}")]
    Scan(String),
    #[error(transparent)]
    NotRead(#[from] mask::NotRead),
    #[error("line {0} is no cell: {1}")]
    Cells(usize, String),
    #[error("who you are is not known to the system: give --owner HUMAN")]
    NoOwner,
    #[error(transparent)]
    Remote(#[from] remote::RemoteError),
    #[error("there is no terminal to ask for a password: give it by PGSLUICE_REVIEWER_PASSWORD_FILE, --password-stdin or --generate")]
    NoTerminal,
    #[error("there is no terminal to ask: give --yes if you know what you approve")]
    NobodyToAsk,
    #[error("nothing was done")]
    GivenUp,
    #[error("what was typed is no text")]
    NotText,
    #[error("the two passwords differ: nothing was done")]
    Different,
    #[error("who you are is not known to the system: give --as NAME")]
    NoName,
    #[error("{0:?} is no bound: write NUMBER=FROM..TO, such as 1=5..100")]
    Bound(String),
    #[error("{0:?} is no time: write 30min or 1h")]
    Lasts(String),
    #[error("hold {0} is {1}: there is nothing to decide")]
    NotWaiting(String, String),
}

/// The whole program.
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return usage(&error),
    };
    let environment = environment();
    let outcome = match line.command {
        Command::Serve(command) => serve(command, environment),
        Command::Agent(command) => agent::run(command, environment),
        Command::People(command) => people::run(command, &environment),
        Command::Reviewer(command) => reviewer::run(command, &environment),
        Command::Holds(command) => holds::list(command, &environment),
        Command::Show(command) => holds::show(command, &environment),
        Command::Approve(command) => holds::approve(command, &environment),
        Command::Deny(command) => holds::deny(command, &environment),
        Command::Notices(command) => notices::run(command, &environment),
        Command::Ask(command) => asking::ask(command, &environment),
        Command::Pass(command) => asking::pass(command, &environment),
        Command::Grants(command) => grants::run(command, &environment),
        Command::State(command) => state::run(command, &environment),
        Command::Audit(command) => audit::run(command, environment),
        Command::Policy(command) => policy::run(command, environment),
        Command::Mask(command) => mask::run(command, environment),
        Command::CheckConfig(command) => check_config(&command, environment),
        Command::Demo(command) => demo::run(command.once).map_err(Failure::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads our output went away (`| head`): nothing is wrong.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            for text in failure.to_string().lines() {
                eprintln!("pgsluice: {text}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Clap repeats what was typed, and a URL typed in the wrong place has its password in it.
fn usage(error: &clap::Error) -> ExitCode {
    let asked = !error.use_stderr();
    let text = without_urls(&error.to_string());
    let written = if asked { std::io::stdout().write_all(text.as_bytes()) } else { std::io::stderr().write_all(text.as_bytes()) };
    if asked && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

fn without_urls(text: &str) -> String {
    // Our own help has URLs without passwords in it, and they stay.
    let hide = |word: &str| {
        let rest = word.split_once("://").map_or(word, |(_, rest)| rest);
        rest.contains('@') && rest.contains(':')
    };
    text.split_inclusive(char::is_whitespace).map(|word| if hide(word) { "(a URL) " } else { word }).collect()
}

fn serve(command: Serve, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let flags = Flags {
        upstream: command.upstream,
        listen: command.listen,
        state: command.state.state.map(PathBuf::from),
        policy: command.policy,
        hold_wait: command.hold_wait,
    };
    let sources = sources(command.file, flags, environment);
    let config = Config::load(&sources)?;
    let log = super::log::init(&config.log);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let state = State::open(&config.state)?;
    Ok(serve::run(config, sources, state, log, say_listening)?)
}

/// A line for people, and for programs that wait for it.
fn say_listening(ready: Ready<'_>) {
    let mut out = std::io::stdout().lock();
    let said = match ready {
        Ready::People(url) => writeln!(out, "people decide at {url}"),
        Ready::FirstPerson(url) => writeln!(out, "nobody can decide yet: within an hour, set the first password at {url}"),
        Ready::Agents(address) => writeln!(out, "listening on {address}"),
    };
    // A closed standard output is no reason not to serve.
    if said.and_then(|()| out.flush()).is_err() {
        tracing::debug!("nobody reads standard output");
    }
}

fn check_config(file: &File, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let file = File { config: file.config.clone() };
    let config = Config::load(&sources(file, Flags::default(), environment))?;
    for warning in &config.warnings {
        eprintln!("pgsluice: warning: {warning}");
    }
    Ok(std::io::stdout().write_all(config.to_string().as_bytes())?)
}

/// A named file must be there; the one in the working folder may be.
fn sources(file: File, flags: Flags, environment: BTreeMap<String, String>) -> Sources {
    let named = file.config.or_else(|| environment.get("PGSLUICE_CONFIG").filter(|text| !text.is_empty()).map(PathBuf::from));
    let file = named.or_else(|| Path::new(DEFAULT_FILE).exists().then(|| PathBuf::from(DEFAULT_FILE)));
    Sources { file, environment, flags }
}

/// Settings are text; what is no text is none of ours.
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

fn listen(text: &str) -> Result<(String, u16), &'static str> {
    const WANTED: &str = "expected ADDR:PORT, such as 127.0.0.1:6432, [::1]:6432 or *:6432";
    let (address, port) = text.rsplit_once(':').ok_or(WANTED)?;
    let address = match address.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').ok_or(WANTED)?,
        None if address.contains(':') => return Err(WANTED),
        None => address,
    };
    let port = port.parse().map_err(|_| WANTED)?;
    if address.is_empty() { Err(WANTED) } else { Ok((address.to_owned(), port)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Line as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_and_every_argument_a_word() {
        fn check(command: &clap::Command) {
            let name = command.get_name();
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Example") && help.contains("\n  pgsluice "), "{name}: {help}");
            command.get_arguments().for_each(|argument| assert!(argument.get_help().is_some(), "{name}: {argument}"));
            command.get_subcommands().for_each(check);
        }
        check(&<Line as clap::CommandFactory>::command());
    }

    #[test]
    fn addresses_to_listen_on() {
        for (text, address, port) in
            [("127.0.0.1:1", "127.0.0.1", 1), ("[::1]:6432", "::1", 6432), ("*:0", "*", 0), ("localhost:5", "localhost", 5)]
        {
            assert_eq!(listen(text), Ok((address.to_owned(), port)), "{text}");
        }
        for text in ["", "127.0.0.1", ":5", "::1:5", "[::1:5", "h:99999", "h:"] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn typed_urls_are_not_repeated() {
        let text = without_urls("error: unexpected argument 'postgres://u:hunter2@h/d' found");
        assert_eq!(text, "error: unexpected argument (a URL) found");
        assert_eq!(without_urls("argument 'u:hunter2@h/d'"), "argument (a URL) ");
        assert_eq!(without_urls("see postgres://app@localhost/shop\n"), "see postgres://app@localhost/shop\n");
    }
}
