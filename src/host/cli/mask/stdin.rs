//! `pgsluice mask`: what is on the standard input comes out masked, and a summary of it on the standard error. Text is looked at in pieces of whole
//! lines, a table by its columns, JSON by its keys; no more of it is held at once than a bound, whatever its size.

use std::cell::Cell;
use std::io::{BufRead, Read, Write};
use std::rc::Rc;

use clap::ValueEnum;
use csv::{ByteRecord, ReaderBuilder, WriterBuilder};
use memchr::memmem;
use serde::de::IgnoredAny;

use super::Failure;
use crate::mask::evidence::Evidence;
use crate::mask::leaf::Masker;
use crate::mask::{Holding, KindSet, Masking, Workspace};
use crate::wire::value::{Format, Outcome};

/// The longest line, and the longest row of a table.
const LONGEST: usize = 4 << 20;
/// Text is looked at in pieces of about this size.
const PIECE: usize = 256 << 10;
/// Bytes by which it is guessed what comes in.
const GUESS: usize = 64 << 10;
/// Rows of a table by which its columns are judged, and bytes of them.
const ROWS: usize = 1000;
const ROW_BYTES: usize = 8 << 20;
/// PostgreSQL's `text` and `json`.
const TEXT: u32 = 25;
const JSON: u32 = 114;

/// What comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    Text,
    Csv,
    Jsonl,
}

/// Why it went no further.
#[derive(Debug, thiserror::Error)]
pub enum NotRead {
    #[error("line {0}: longer than 4 MiB")]
    Long(u64),
    #[error("line {line}: not JSON: {why}")]
    Json { line: u64, why: String },
    #[error("line {line}: {found} fields where the header has {wanted}")]
    Fields { line: u64, found: u64, wanted: u64 },
    #[error("line {line}: {why}")]
    Table { line: u64, why: String },
}

pub(super) fn run(masking: &Masking, kind: Option<Kind>, input: impl Read, output: impl Write, summary: impl Write) -> Result<(), Failure> {
    let mut input = std::io::BufReader::with_capacity(GUESS, input);
    let mut output = std::io::BufWriter::with_capacity(PIECE, output);
    let beginning = input.fill_buf()?;
    let kind = kind.unwrap_or_else(|| guessed(beginning));
    let delimiter = delimiter(beginning);
    let mut workspace = Workspace::default();
    let (unit, count) = match kind {
        Kind::Text => ("lines", text(masking, &mut workspace, input, &mut output)?),
        Kind::Csv => ("rows", table(masking, &mut workspace, delimiter, input, &mut output)?),
        Kind::Jsonl => ("lines", json(masking, &mut workspace, input, &mut output)?),
    };
    output.flush()?;
    told(masking, &workspace, kind, unit, count, summary)
}

/// How many values of each kind were masked.
fn told(masking: &Masking, workspace: &Workspace, kind: Kind, unit: &str, count: u64, mut to: impl Write) -> Result<(), Failure> {
    let mut kinds: Vec<_> = workspace.counts.iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), kind.index()));
    let all: u64 = kinds.iter().map(|(_, count)| u64::from(*count)).sum();
    let what = kind.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default();
    writeln!(to, "{count} {unit} of {what}, {all} values masked")?;
    for (kind, count) in kinds {
        writeln!(to, "{count:>8}  {}", masking.profile.name_of(kind))?;
    }
    Ok(())
}

/// JSON where the first line is an object or a list of its own, a table where the first two lines have as many fields.
fn guessed(beginning: &[u8]) -> Kind {
    let mut lines = beginning.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let first = lines.next().unwrap_or_default();
    if matches!(first.trim_ascii().first(), Some(b'{' | b'[')) && serde_json::from_slice::<IgnoredAny>(first).is_ok() {
        return Kind::Jsonl;
    }
    let by = delimiter(beginning);
    let mut reader = ReaderBuilder::new().delimiter(by).has_headers(false).flexible(true).from_reader(beginning);
    let mut widths = reader.byte_records().map_while(Result::ok).take(3).map(|record| record.len());
    match (widths.next(), widths.next()) {
        (Some(header), Some(row)) if header > 1 && header == row && is_header(first) => Kind::Csv,
        _ => Kind::Text,
    }
}

/// A header has names and no sentence.
fn is_header(line: &[u8]) -> bool {
    line.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80 || b" _-.,;|\t\"\r/()#".contains(byte))
        && line.split(|byte| b",;|\t".contains(byte)).all(|name| name.len() <= 64 && name.iter().any(u8::is_ascii_alphabetic))
}

/// The one of the usual delimiters that is met most in the first line.
fn delimiter(beginning: &[u8]) -> u8 {
    let first = beginning.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |by: &u8| first.iter().filter(|byte| *byte == by).count();
    // The first of equals wins: `max_by_key` takes the last.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// Reads a line with its end into `line`. False at the end of everything.
fn line(input: &mut impl BufRead, number: u64, line: &mut Vec<u8>) -> Result<bool, Failure> {
    let from = line.len();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    let read = input.take(most).read_until(b'\n', line)?;
    if line.len() - from > LONGEST {
        return Err(NotRead::Long(number).into());
    }
    Ok(read > 0)
}

fn text(masking: &Masking, workspace: &mut Workspace, mut input: impl BufRead, output: &mut impl Write) -> Result<u64, Failure> {
    let (mut piece, mut masked, mut lines) = (Vec::new(), Vec::new(), 0);
    loop {
        let more = line(&mut input, lines + 1, &mut piece)?;
        lines += u64::from(more);
        // A key goes over many lines, and only with all of them it is one.
        if more && (piece.len() < PIECE || piece.len() < LONGEST && is_in_frame(&piece)) {
            continue;
        }
        masked.clear();
        let (mut masker, _) = Masker::new(masking, Holding::Mixed(KindSet::NONE), masking.profile.lists(None), workspace);
        let found = masker.text(&piece, &mut masked);
        output.write_all(if found { &masked } else { &piece })?;
        piece.clear();
        if !more {
            return Ok(lines);
        }
    }
}

/// Whether the last frame of a key that was opened is still open.
fn is_in_frame(piece: &[u8]) -> bool {
    let last = |what: &[u8]| memmem::rfind(piece, what);
    last(b"-----BEGIN ").is_some_and(|begun| last(b"-----END ").is_none_or(|ended| ended < begun))
}

fn json(masking: &Masking, workspace: &mut Workspace, mut input: impl BufRead, output: &mut impl Write) -> Result<u64, Failure> {
    let (mut document, mut masked, mut lines) = (Vec::new(), Vec::new(), 0);
    loop {
        document.clear();
        if !line(&mut input, lines + 1, &mut document)? {
            return Ok(lines);
        }
        lines += 1;
        if document.trim_ascii().is_empty() {
            output.write_all(&document)?;
            continue;
        }
        let failed = |why: String| NotRead::Json { line: lines, why };
        serde_json::from_slice::<IgnoredAny>(&document).map_err(|error| failed(format!("{error}")))?;
        let value = document.trim_ascii_end();
        masked.clear();
        let of = masking.types.get(JSON).ok_or_else(|| failed("no type for it".to_owned()))?;
        let (mut masker, scratch) = Masker::new(masking, Holding::Mixed(KindSet::NONE), masking.profile.lists(None), workspace);
        let outcome = of.rewrite(Format::Text, value, &mut masker, scratch, &mut masked).map_err(|error| failed(error.to_string()))?;
        match outcome {
            Outcome::Kept => output.write_all(value)?,
            Outcome::Changed => output.write_all(&masked)?,
            Outcome::Null => output.write_all(b"null")?,
        }
        output.write_all(document.get(value.len()..).unwrap_or_default())?;
    }
}

/// Counts what is read: a row that is never closed would be read to the end.
struct Metered<R> {
    inner: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let most = into.len().min(self.left.get());
        let read = match into.get_mut(..most) {
            Some(into) if most > 0 => self.inner.read(into)?,
            Some(_) | None => return Err(std::io::Error::other("a row longer than 4 MiB: is a quote left open?")),
        };
        self.left.set(self.left.get() - read);
        Ok(read)
    }
}

fn table(masking: &Masking, workspace: &mut Workspace, by: u8, input: impl Read, output: &mut impl Write) -> Result<u64, Failure> {
    let left = Rc::new(Cell::new(LONGEST));
    let metered = Metered { inner: input, left: Rc::clone(&left) };
    let mut reader = ReaderBuilder::new().delimiter(by).buffer_capacity(GUESS).from_reader(metered);
    let mut writer = WriterBuilder::new().delimiter(by).from_writer(output);
    let header = reader.byte_headers().map_err(broken)?.clone();
    writer.write_byte_record(&header).map_err(broken)?;
    let mut columns: Vec<Evidence> = header.iter().map(|name| Evidence::new(b"", name, TEXT)).collect();
    let (mut first, mut bytes, mut rows) = (Vec::new(), 0, 0);
    let mut record = ByteRecord::new();
    let mut more = true;
    while more && first.len() < ROWS && bytes < ROW_BYTES {
        left.set(LONGEST);
        more = reader.read_byte_record(&mut record).map_err(broken)?;
        if more {
            for (evidence, value) in columns.iter_mut().zip(&record).filter(|(_, value)| !value.is_empty()) {
                evidence.look(&masking.detectors, value, &mut workspace.detect, &mut workspace.findings);
            }
            bytes += record.as_slice().len();
            first.push(record.clone());
        }
    }
    let holdings: Vec<Holding> = columns.iter().map(|evidence| evidence.verdict().holding).collect();
    let mut write = |record: &ByteRecord, workspace: &mut Workspace| -> Result<(), Failure> {
        rows += 1;
        let mut masked = ByteRecord::with_capacity(record.as_slice().len(), record.len());
        let mut cell = Vec::new();
        for (value, holding) in record.iter().zip(&holdings) {
            cell.clear();
            let (mut masker, _) = Masker::new(masking, *holding, masking.profile.lists(None), workspace);
            let found = !value.is_empty() && masker.text(value, &mut cell);
            masked.push_field(if found { &cell } else { value });
        }
        Ok(writer.write_byte_record(&masked).map_err(broken)?)
    };
    for record in first {
        write(&record, workspace)?;
    }
    while more {
        left.set(LONGEST);
        more = reader.read_byte_record(&mut record).map_err(broken)?;
        if more {
            write(&record, workspace)?;
        }
    }
    writer.flush()?;
    Ok(rows)
}

/// What is wrong with a table, and where.
fn broken(error: csv::Error) -> NotRead {
    let line = error.position().map_or(0, csv::Position::line);
    if let csv::ErrorKind::UnequalLengths { pos, expected_len, len } = error.kind() {
        return NotRead::Fields { line: pos.as_ref().map_or(line, csv::Position::line), found: *len, wanted: *expected_len };
    }
    NotRead::Table { line, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::string_slice, reason = "a test says so by failing")]

    use super::*;

    fn masked(kind: Option<Kind>, input: &str) -> Result<(String, String), String> {
        let (mut out, mut summary) = (Vec::new(), Vec::new());
        let done = run(&Masking::built_in(), kind, input.as_bytes(), &mut out, &mut summary);
        let shown = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        done.map(|()| (shown(out), shown(summary))).map_err(|failure| failure.to_string())
    }

    #[test]
    fn what_comes_in_is_guessed_and_masked() {
        let (out, summary) = masked(None, "call bob@example.com\nor not\n").unwrap();
        assert_eq!((out.as_str(), summary.as_str()), ("call [EMAIL]\nor not\n", "2 lines of text, 1 values masked\n       1  EMAIL\n"));
        let (out, summary) = masked(None, "{\"id\": 7, \"password\": \"x y\", \"mails\": [\"bob@example.com\"]}\n{\"a\":1}\n").unwrap();
        assert!(!out.contains("bob@") && !out.contains("x y") && out.ends_with("\n{\"a\":1}\n"), "{out}");
        assert!(summary.starts_with("2 lines of jsonl, 2 values masked"), "{summary}");
        let (out, summary) = masked(None, "id,email,note\n1,bob@example.com,\"fine, so far\"\n2,eve@example.com,\n").unwrap();
        assert!(out.starts_with("id,email,note\n1,") && !out.contains("bob") && out.contains("\"fine, so far\""), "{out}");
        assert!(summary.starts_with("2 rows of csv, 2 values masked"), "{summary}");
    }

    #[test]
    fn a_key_over_the_border_of_pieces_is_one() {
        let filler = "a line of no interest\n".repeat(PIECE / 22 + 1);
        let cut = filler.len() - 40;
        let body = "MIIabcdefghijklmnopqrstuvwxyz0123456789\n".repeat(40);
        let text = format!(
            "{}-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\nbehind\n",
            &filler[..filler[..cut].rfind('\n').unwrap() + 1]
        );
        let (out, _) = masked(Some(Kind::Text), &text).unwrap();
        assert!(!out.contains("MIIabc") && out.ends_with("\nbehind\n"), "{}", &out[out.len() - 200..]);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        assert!(masked(Some(Kind::Jsonl), "{\"a\":1}\n{\"a\":\n").unwrap_err().starts_with("line 2: not JSON: "));
        assert_eq!(masked(Some(Kind::Csv), "a,b\n1,2\n1,2,3\n").unwrap_err(), "line 3: 3 fields where the header has 2");
        assert!(masked(Some(Kind::Csv), &format!("a,b\n1,\"{}", "x".repeat(LONGEST * 3))).unwrap_err().contains("is a quote left open?"));
        assert_eq!(masked(Some(Kind::Text), &format!("short\n{}", "x".repeat(LONGEST + 1))).unwrap_err(), "line 2: longer than 4 MiB");
    }

    #[test]
    fn what_holds_nothing_comes_out_as_it_was() {
        for text in ["", "\n", "a,b\n", "one line without an end", "{\"a\": [1, 2.50, null, \"x\"]}\n"] {
            assert_eq!(masked(None, text).unwrap().0, text);
        }
    }
}
