//! `pgsluice audit …`: reads the record and looks after it, with the server running or not. What a record says is shown by
//! `render`; what makes it sound is known to `crate::audit` alone.

mod erase;
mod export;
mod keygen;
mod prune;
mod reindex;
mod render;
mod report;
mod rotate;
mod search;
mod show;
mod signoff;
mod stats;
mod tail;
mod top;
mod unseal;
mod verify;

pub(super) use unseal::SealedFailure;

use std::collections::BTreeMap;
use std::fs::File as Segment;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, Subcommand};

use super::{Failure, File, StateFolder, sources};
use crate::audit::Event;
use crate::audit::event::{AuditRead, Words};
use crate::audit::segment::{HEADER, Header};
use crate::host::config::{Flags, Local};
use crate::host::journal::{JournalError, files};
use crate::host::ledger::Ledger;
use crate::host::people::{self, Acting, Capability};
use crate::host::state::State;
use crate::host::when;

/// More of what was asked for is not kept.
const MOST_WORDS: usize = 4096;

/// How times are written, behind the examples of every command that takes one.
fn timed(examples: &str) -> String {
    format!("{examples}\n\nWHEN is 2026-01-01T12:00:00Z, 2026-01-01 (its beginning, UTC), how long ago (90s, 15m, 2h, 7d, 4w), or now.")
}

#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  pgsluice audit search users --since 2h\n  pgsluice audit verify\n\n\
                  All of them work with the server running or not. Who searches, shows or exports the record is on the record.")]
pub(super) enum Audit {
    /// Search the record by words, agent, table, effect, decision, time
    #[command(
        after_help = timed("Examples:\n  pgsluice audit search users --agent billing-bot --since 2h\n  pgsluice audit search --table orders --errors --csv")
    )]
    Search(Box<search::Search>),
    /// Show the shapes with most executions, time, rows or masked values
    #[command(after_help = timed("Example:\n  pgsluice audit top --by time --since 7d"))]
    Top(top::Top),
    /// Show how much there is of everything, by day and agent
    #[command(after_help = "Example:\n  pgsluice audit stats --json")]
    Stats(stats::Stats),
    /// Build the index again from the journal
    #[command(
        after_help = "Example:\n  pgsluice audit reindex\n\nNothing needs it in order: what is damaged or missing is built by itself."
    )]
    Reindex(reindex::Reindex),
    /// Show the last records, and with -f those that come
    #[command(after_help = "Examples:\n  pgsluice audit tail -n 100\n  pgsluice audit tail -f")]
    Tail(tail::Tail),
    /// Show one record whole, with what belongs to it
    #[command(after_help = "Example:\n  pgsluice audit show 4711")]
    Show(show::Show),
    /// Write out the records, or those of a time
    #[command(after_help = timed("Example:\n  pgsluice audit export --format csv --since 2026-01-01 --until 2026-02-01 --out january.csv"))]
    Export(export::Export),
    /// Check that the record is what was written, whole and in order
    #[command(
        after_help = "Example:\n  pgsluice audit verify --accept-key 9f2c51d06e3ab874 --checkpoint /mnt/elsewhere/checkpoints.jsonl\n\n\
                      Ends with 1 when something is wrong, and names the first bad record. Works on a copy: --state DIR."
    )]
    Verify(verify::Verify),
    /// Say that you looked a period through
    #[command(after_help = timed("Example:\n  pgsluice audit signoff --from 2026-01-01 --to 2026-02-01 --note 'two questions, both answered'"))]
    Signoff(signoff::SignOff),
    /// Take what somebody wrote out of a record; the rest of it stays, and who erased it and why
    #[command(after_help = "Example:\n  pgsluice audit erase 4711 --reason 'request of the person, ticket 12'")]
    Erase(erase::Erase),
    /// Take whole segments off the record's beginning
    #[command(after_help = timed("Examples:\n  pgsluice audit prune --before 365d\n  pgsluice audit prune --before 365d --yes"))]
    Prune(prune::Prune),
    /// Sign checkpoints with a new key, which the old one endorses
    #[command(after_help = "Example:\n  pgsluice audit rotate-key\n\n\
                      Prints the names of both keys and the new public key. Whoever copied the old key before could still endorse another \
                      one with it, in a record that they rewrote: only checkpoints that are kept elsewhere show that.")]
    RotateKey(rotate::Rotate),
    /// Make the key pair that originals are sealed to and read with
    #[command(after_help = "Example:\n  pgsluice audit keygen --out /media/key/pgsluice-unseal.key\n\n\
                      For another key, put the new public key into the configuration and restart. What was sealed before opens with the old \
                      private key only: keep it as long as those records. A lost one cannot be replaced; the record stays whole and verifiable.")]
    Keygen(keygen::Keygen),
    /// Show the original of a statement that was kept sealed
    #[command(after_help = "Example:\n  pgsluice audit unseal 4711 --key /media/key/pgsluice-unseal.key")]
    Unseal(unseal::Unseal),
    /// Write the evidence of a period for auditors
    #[command(after_help = timed("Example:\n  pgsluice audit report --from 2026-01-01 --to 2026-04-01 --out evidence.html --json evidence.json"))]
    Report(report::Report),
}

pub(super) fn run(command: Audit, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    match command {
        Audit::Search(command) => search::run(&command, environment),
        Audit::Top(command) => top::run(&command, environment),
        Audit::Stats(command) => stats::run(&command, environment),
        Audit::Reindex(command) => reindex::run(&command, environment),
        Audit::Tail(command) => tail::run(&command, environment),
        Audit::Show(command) => show::run(&command, environment),
        Audit::Export(command) => export::run(&command, environment),
        Audit::Signoff(command) => signoff::run(command, environment),
        Audit::Erase(command) => erase::run(&command, environment),
        Audit::Prune(command) => prune::run(&command, environment),
        Audit::Verify(command) => verify::run(command, environment),
        Audit::RotateKey(command) => rotate::run(&command, environment),
        Audit::Keygen(command) => keygen::run(&command),
        Audit::Unseal(command) => unseal::run(&command, environment),
        Audit::Report(command) => report::run(&command, environment),
    }
}

/// Where the record lies.
#[derive(Debug, Clone, Args)]
struct Place {
    #[command(flatten)]
    state: StateFolder,
    #[command(flatten)]
    file: File,
}

impl Place {
    fn local(&self, environment: BTreeMap<String, String>) -> Result<Local, Failure> {
        let flags = Flags { state: self.state.state.clone().map(PathBuf::from), ..Flags::default() };
        Ok(Local::load(&sources(self.file.clone(), flags, environment))?)
    }

    /// The state folder, which nothing is made in.
    fn folder(&self, environment: BTreeMap<String, String>) -> Result<PathBuf, Failure> {
        let state = self.local(environment)?.state;
        if state.join("journal").is_dir() { Ok(state) } else { Err(Failure::NoRecord(state)) }
    }
}

/// A time that is asked for.
#[derive(Debug, Clone, Args)]
struct Span {
    /// Only from this time on
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

impl Span {
    /// Microseconds since 1970.
    fn read(&self) -> Result<(u64, u64), Failure> {
        let now = when::now();
        let since = self.since.as_deref().map_or(Ok(0), |text| when::parse(text, now))?;
        let until = self.until.as_deref().map_or(Ok(u64::MAX), |text| when::parse(text, now))?;
        Ok((since, until))
    }
}

/// Somebody at work on the record.
struct Desk {
    folder: PathBuf,
    state: State,
    acting: Acting,
}

impl Desk {
    fn open(place: &Place, environment: BTreeMap<String, String>) -> Result<Self, Failure> {
        let folder = place.folder(environment.clone())?;
        let state = State::open(&folder)?;
        let acting = people::acting(&state, &environment)?;
        Ok(Self { state, folder, acting })
    }

    /// Who acts, as the record names them, if they may.
    fn by(&self, what: Capability) -> Result<String, Failure> {
        self.acting.require(what)?;
        Ok(self.acting.by())
    }

    /// The folder of the segments.
    fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    fn failed(&self, reason: std::io::Error) -> Failure {
        JournalError::Io { folder: self.journal(), reason }.into()
    }

    /// What the segments say of themselves, in their order.
    fn headers(&self) -> Result<Vec<Header>, Failure> {
        let folder = self.journal();
        let header = |first: u64| {
            let mut bytes = [0; HEADER];
            Segment::open(folder.join(files::segment_name(first)))
                .and_then(|mut file| file.read_exact(&mut bytes))
                .map_err(|reason| self.failed(reason))?;
            Header::read(&bytes).map_err(|error| self.failed(std::io::Error::other(format!("segment {first}: {error}"))))
        };
        files::segments(&folder).map_err(|reason| self.failed(reason))?.into_iter().map(header).collect()
    }

    /// The first record of the last segment that began before `time`: what came later stands behind it.
    fn first_at(&self, time: u64) -> Result<u64, Failure> {
        let headers = self.headers()?;
        let before = headers.iter().rev().find(|header| header.time <= time).or(headers.first());
        Ok(before.map_or(1, |header| header.first_seq))
    }

    /// To be called before anything is shown: reading the record is itself on the record.
    fn reads(&self, what: &'static str) -> Result<(), Failure> {
        let asked: String = std::env::args().skip(1).collect::<Vec<_>>().join(" ").chars().take(MOST_WORDS).collect();
        let by = self.by(Capability::ReadAudit)?;
        record(&self.state, AuditRead { by, what: what.into(), body: Some(Box::new(Words { text: asked })) })
    }
}

/// Puts an event into the record; when it returns the event is on disk.
fn record(state: &State, event: impl Into<Event>) -> Result<(), Failure> {
    Ok(Ledger::open(state)?.record(SystemTime::now(), event)?)
}
