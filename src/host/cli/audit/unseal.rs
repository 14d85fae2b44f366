//! `pgsluice audit unseal`: the original of one statement, for whoever holds the operator's private key.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use super::{Desk, Place};
use crate::audit::event::{Begun, Prepared, Refused, SealingKey, Sent, Statement};
use crate::audit::seal::{Contents, NotAKey, Original, Parameter, PrivateKey, SealError};
use crate::audit::{Digest, Event};
use crate::host::cli::{Failure, terminal};
use crate::host::journal::reader::{Entry, Reader};
use crate::wire::value::{Scratch, Types};

/// A file that is longer holds no key.
const LONGEST_KEY_FILE: u64 = 4096;

#[derive(Debug, Args)]
pub(in crate::host::cli) struct Unseal {
    /// The number of the statement's record
    seq: u64,
    /// The file that holds the private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, thiserror::Error)]
pub(in crate::host::cli) enum SealedFailure {
    #[error("the system gave no random bytes for a key")]
    NoRandom,
    #[error("the key file {file}: {reason}", file = .file.display())]
    KeyFile { file: PathBuf, reason: io::Error },
    #[error("the key file {file}: {reason}", file = .file.display())]
    Key { file: PathBuf, reason: NotAKey },
    #[error("there is no record {0}")]
    NoSuch(u64),
    #[error("record {seq} is no statement but {kind}; the record of a statement's beginning holds its original")]
    NoStatement { seq: u64, kind: String },
    #[error("the body of record {0} was erased, and the original with it")]
    Erased(u64),
    #[error("record {0} holds no original: keep_sql was not \"sealed\" when it was written")]
    NotKept(u64),
    #[error("no key stands before record {0} in its segment; `pgsluice audit verify` says what is wrong")]
    NoSegmentKey(u64),
    #[error("the original of record {seq}: {reason}")]
    Sealed { seq: u64, reason: SealError },
}

/// A statement, and what opens its original.
struct Found {
    journal: Digest,
    statement: Statement,
    sealed: Vec<u8>,
    key: SealingKey,
}

pub(super) fn run(command: &Unseal, environment: BTreeMap<String, String>) -> Result<(), Failure> {
    let key = read_key(&command.key)?;
    let desk = Desk::open(&command.place, environment)?;
    desk.reads("unseal")?;
    let seq = command.seq;
    let found = find(&desk.folder, seq)?;
    let original = open(&found, &key).map_err(|reason| SealedFailure::Sealed { seq, reason })?;
    let contents = original.contents().map_err(|reason| SealedFailure::Sealed { seq, reason })?;
    let text = shown(&found.statement, &contents);
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn read_key(file: &Path) -> Result<PrivateKey, SealedFailure> {
    let failed = |reason| SealedFailure::KeyFile { file: file.to_owned(), reason };
    if std::fs::metadata(file).map_err(failed)?.len() > LONGEST_KEY_FILE {
        return Err(SealedFailure::Key { file: file.to_owned(), reason: NotAKey::Unknown });
    }
    let text = Zeroizing::new(std::fs::read_to_string(file).map_err(failed)?);
    PrivateKey::read(&text).map_err(|reason| SealedFailure::Key { file: file.to_owned(), reason })
}

fn find(folder: &Path, seq: u64) -> Result<Found, Failure> {
    let mut reader = Reader::open(folder, seq);
    let entry = reader.next()?.filter(|entry| entry.seq == seq).ok_or(SealedFailure::NoSuch(seq))?;
    let header = reader.header().ok_or(SealedFailure::NoSuch(seq))?;
    let (statement, sent) = statement(&entry)?;
    let sealed = sent.and_then(|sent| sent.sealed).ok_or(SealedFailure::NotKept(seq))?.to_vec();
    // The last one before the statement: a process that takes a segment over from another brings a key of its own.
    let mut before = Reader::open(folder, header.first_seq);
    let mut key = None;
    while let Some(entry) = before.next()?.filter(|entry| entry.seq < seq) {
        if let Some(Event::SealingKey(event)) = entry.event()? {
            key = Some(event);
        }
    }
    Ok(Found { journal: header.journal, statement, sealed, key: key.ok_or(SealedFailure::NoSegmentKey(seq))? })
}

fn statement(entry: &Entry) -> Result<(Statement, Option<Sent>), Failure> {
    let (statement, body) = match entry.event()? {
        Some(Event::Begun(Begun { statement, body })) => (statement, body),
        Some(Event::Prepared(Prepared { statement, body })) => (statement, body),
        Some(Event::Refused(Refused { statement, body, .. })) => (statement, body),
        _ => return Err(SealedFailure::NoStatement { seq: entry.seq, kind: entry.kind.to_string() }.into()),
    };
    if entry.erased { Err(SealedFailure::Erased(entry.seq).into()) } else { Ok((statement, body.map(|body| *body))) }
}

fn open(found: &Found, key: &PrivateKey) -> Result<Original, SealError> {
    let segment = key.open_segment(found.journal, &found.key)?;
    segment.open(found.statement.session, found.statement.number, &found.sealed)
}

/// For a terminal, which what is in there must not steer.
fn shown(statement: &Statement, contents: &Contents<'_>) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::new());
    // Said first, so that a text cannot go on as if it were what follows it. Writing to a string does not fail.
    let (bytes, parameters) = (contents.text.len(), contents.parameters.len());
    writeln!(out, "-- session {}, statement {}: {bytes} bytes of text, {parameters} parameters", statement.session, statement.number).ok();
    match std::str::from_utf8(contents.text) {
        Ok(text) => out.push_str(&terminal::lines(text)),
        Err(_) => hexadecimal(contents.text, &mut out),
    }
    out.push('\n');
    cut(contents.text_cut, "bytes of the text", &mut out);
    let types = Types::new();
    for (number, parameter) in (1_u32..).zip(&contents.parameters) {
        write!(out, "-- ${number} = ").ok();
        value(parameter, &types, &mut out);
        out.push('\n');
        cut(parameter.cut, "bytes of the value", &mut out);
    }
    cut(contents.parameters_cut, "parameters", &mut out);
    out
}

/// As text where it is text or of a type that is known, else as it was sent.
fn value(parameter: &Parameter<'_>, types: &Types, out: &mut String) {
    let Some(value) = parameter.value else { return out.push_str("NULL") };
    let mut text = Zeroizing::new(Vec::new());
    let whole = parameter.cut == 0;
    let readable = match types.get(parameter.oid) {
        _ if !parameter.binary => {
            text.extend_from_slice(value);
            true
        }
        Some(known) if whole => known.text_from_binary(value, &mut Scratch::new(), &mut text).is_ok(),
        Some(_) | None => false,
    };
    match std::str::from_utf8(&text) {
        Ok(text) if readable => {
            let quoted = Zeroizing::new(text.replace('\'', "''"));
            write!(out, "'{}'", terminal::line(&quoted)).ok();
        }
        Ok(_) | Err(_) => hexadecimal(value, out),
    }
}

fn hexadecimal(bytes: &[u8], out: &mut String) {
    out.push_str("\\x");
    for byte in bytes {
        write!(out, "{byte:02x}").ok();
    }
}

fn cut(count: u64, what: &str, out: &mut String) {
    if count > 0 {
        writeln!(out, "-- {count} more {what} were not kept").ok();
    }
}
