//! Somebody changes the journal's files: whatever they change, the check finds it. The journal is one that the journal itself wrote;
//! its files are changed in memory, or in the folder where the command reads them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use pgsluice::audit::event::{
    AuditRead, Begun, Ended, EpochBegan, Erased, Kind, Outcome, Sent, SignedIn, Statement, Tag, Verdict, Way, Words,
};
use pgsluice::audit::record::Record;
use pgsluice::audit::segment::{HEADER, Header};
use pgsluice::audit::verify::{Findings, Problem, Trust, Verifier};
use pgsluice::audit::{Checkpoint, Digest, Note, Shape};
use pgsluice::host::journal::files::{segment_name, segments};
use pgsluice::host::journal::keys::Keys;
use pgsluice::host::journal::reader::Reader;
use pgsluice::host::journal::{Journal, Options, epoch};
use tempfile::TempDir;

/// A segment: the number its file is named after, and its bytes.
type Segments = Vec<(u64, Vec<u8>)>;

struct House {
    folder: TempDir,
}

struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

impl House {
    /// A journal with statements of some shapes, in segments of this size, until it has so many bytes.
    fn written(segment: usize, bytes: usize) -> Self {
        let house = Self { folder: tempfile::tempdir().unwrap() };
        house.write(segment, bytes);
        house
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, segment: usize, bytes: usize) {
        let mut journal = self.open();
        let mut scribe = journal.session(agent()).unwrap();
        let (mut number, mut epoch, mut last) = (0, 0, scribe.session());
        let (mut written, mut in_segment) = (0, 0);
        while written < bytes {
            number += 1;
            let digest = Digest([u8::try_from(number % 7).unwrap(); 16]);
            let shape = Arc::new(Shape { digest, text: format!("SELECT ${}", number % 7).into(), relations: Box::default() });
            let body = (number % 3 > 0).then(|| {
                Box::new(Sent { tags: vec![Tag { name: "route".to_owned(), value: format!("/page/{number}") }], ..Sent::default() })
            });
            let begun = Begun { statement: statement(scribe.session(), number, shape.digest), body };
            scribe.write(&[Note { shape: Some(shape), ..Note::from(begun) }]).unwrap();
            scribe.write(&[ended(scribe.session(), number).into()]).unwrap();
            (written, in_segment) = (written + 260, in_segment + 260);
            if in_segment >= segment && written < bytes {
                // A full segment is megabytes long; an epoch begins in a segment of its own.
                (epoch, in_segment) = (epoch + 1, 0);
                let entry = Reader::open(self.path(), last).next().unwrap().unwrap();
                let began = EpochBegan {
                    epoch,
                    restored_seq: last,
                    restored_hash: entry.hash,
                    backup_time: 0,
                    by: "ann".to_owned(),
                    branch: Digest::default(),
                };
                drop(scribe);
                journal.close().unwrap();
                drop(journal);
                last = epoch::begin(self.path(), began, 0).unwrap();
                journal = self.open();
                scribe = journal.session(agent()).unwrap();
            }
        }
        drop(scribe);
        journal.close().unwrap();
    }

    fn open(&self) -> Arc<Journal> {
        Journal::open(self.path(), Options::default()).unwrap()
    }

    fn say(&self, text: &str) {
        let journal = self.open();
        let body = Some(Box::new(Words { text: text.to_owned() }));
        journal.record(AuditRead { by: "ann".to_owned(), what: "tail".into(), body }).unwrap();
        journal.close().unwrap();
    }

    fn segments(&self) -> Segments {
        let folder = self.path().join("journal");
        segments(&folder).unwrap().into_iter().map(|first| (first, fs::read(folder.join(segment_name(first))).unwrap())).collect()
    }

    /// What a checkpoint sink would have written by now.
    fn checkpoint(&self) -> Checkpoint {
        let header = Header::read(&self.segments().last().unwrap().1).unwrap();
        let mut reader = Reader::open(self.path(), 1);
        let mut last = None;
        while let Some(entry) = reader.next().unwrap() {
            last = Some(entry);
        }
        let last = last.unwrap();
        Keys::load(self.path()).unwrap().signing.checkpoint(header.journal, header.epoch, last.seq, last.hash, last.time)
    }

    fn run(&self, arguments: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
        command.arg("audit").args(arguments).args(["--state", "."]).env_clear().env("HOME", self.path()).env("USER", "ann");
        let Output { status, stdout, stderr } = command.current_dir(self.path()).stdin(Stdio::null()).output().unwrap();
        Done { code: status.code(), out: String::from_utf8(stdout).unwrap(), err: String::from_utf8(stderr).unwrap() }
    }

    /// The numbers of the records of a kind.
    fn of_kind(&self, kind: Kind) -> Vec<u64> {
        let mut reader = Reader::open(self.path(), 1);
        std::iter::from_fn(|| reader.next().unwrap()).filter(|entry| entry.kind == kind).map(|entry| entry.seq).collect()
    }
}

fn agent() -> SignedIn {
    SignedIn {
        agent_id: 1,
        agent: "billing-bot".to_owned(),
        owner: "ann".to_owned(),
        environment: None,
        database: "shop".to_owned(),
        role: "reader".to_owned(),
        address: None,
        tls: false,
        process_id: 7,
        policy: None,
        body: None,
    }
}

fn statement(session: u64, number: u64, shape: Digest) -> Statement {
    Statement {
        session,
        number,
        way: Way::Query,
        shape,
        digest: Digest([9; 16]),
        length: 30,
        parameters: 0,
        in_transaction: false,
        verdict: Verdict::Allowed,
        effects: None,
        rule: None,
        policy: None,
        hold: None,
    }
}

fn ended(session: u64, number: u64) -> Ended {
    Ended {
        session,
        number,
        outcome: Outcome::Completed,
        duration: Some(1234),
        rows: 5,
        bytes: 80,
        received: 0,
        affected: None,
        command: Some("SELECT".into()),
        commands: None,
        code: None,
        masked: None,
    }
}

fn check(segments: &Segments, trust: Trust) -> Findings {
    let mut verifier = Verifier::new(trust);
    let last = segments.last().map(|(first, _)| *first);
    for (named, bytes) in segments {
        verifier.segment(*named, &mut bytes.as_slice(), Some(*named) == last).unwrap();
    }
    verifier.finish()
}

fn trusting(checkpoint: Checkpoint) -> Trust {
    Trust { checkpoints: vec![checkpoint], ..Trust::default() }
}

fn sound(segments: &Segments) -> bool {
    let found = check(segments, Trust::default());
    found.is_sound() && found.warnings.is_empty()
}

/// The records of a segment, and where they lie.
fn places(bytes: &[u8]) -> Vec<(u64, Range<usize>)> {
    let mut at = HEADER;
    let next = || {
        let record = Record::read(&bytes[at..]).unwrap()?;
        let range = at..at + record.length();
        at = range.end;
        Some((record.seq, range))
    };
    std::iter::from_fn(next).collect()
}

/// Whether the check, which comes to segment `index` as `before` has left the ones before it, finds this bit changed.
fn is_found(before: &Verifier, segments: &Segments, index: usize, position: usize, bit: usize) -> bool {
    let mut verifier = before.clone();
    let (named, bytes) = &segments[index];
    let mut bytes = bytes.clone();
    bytes[position] ^= 1 << bit;
    verifier.segment(*named, &mut bytes.as_slice(), index + 1 == segments.len()).unwrap();
    // Once it is found, the rest need not be looked at.
    for (later, (named, bytes)) in segments.iter().enumerate().skip(index + 1) {
        if !verifier.is_sound() {
            return true;
        }
        verifier.segment(*named, &mut bytes.as_slice(), later + 1 == segments.len()).unwrap();
    }
    !verifier.finish().is_sound()
}

/// Flips one bit at each of these positions, which are places in the journal's segments put one behind the other, in order.
fn flip(segments: &Segments, positions: &[usize]) {
    let mut verifier = Verifier::new(Trust::default());
    let mut positions = positions.iter().copied().peekable();
    let mut begins = 0;
    for (index, (named, bytes)) in segments.iter().enumerate() {
        let ends = begins + bytes.len();
        while let Some(position) = positions.next_if(|position| *position < ends) {
            let bit = position * 7 % 8;
            assert!(is_found(&verifier, segments, index, position - begins, bit), "segment {named}, byte {}, bit {bit}", position - begins);
        }
        verifier.segment(*named, &mut bytes.as_slice(), index + 1 == segments.len()).unwrap();
        begins = ends;
    }
    assert!(positions.next().is_none() && verifier.finish().is_sound());
}

/// The same on two threads.
fn flip_all(segments: &Segments, positions: &[usize]) {
    std::thread::scope(|scope| {
        for half in positions.chunks(positions.len().div_ceil(2)) {
            scope.spawn(move || flip(segments, half));
        }
    });
}

#[test]
fn every_byte_of_a_journal() {
    let house = House::written(1500, 48 * 1024);
    house.say("what she wrote");
    let erased = house.of_kind(Kind::AuditRead)[0];
    let done = house.run(&["erase", &erased.to_string(), "--reason", "she asked"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let mut segments = house.segments();
    // The zeros behind the end of the last one are all alike: some are kept.
    let (_, last) = segments.last_mut().unwrap();
    let end = places(last).last().unwrap().1.end;
    last.truncate(end + 64);
    let found = check(&segments, Trust::default());
    assert!(found.is_sound() && found.warnings.is_empty(), "{found:#?}");
    let total: usize = segments.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(segments.len() >= 4 && total >= 64 * 1024, "{} segments, {total} bytes", segments.len());
    flip_all(&segments, &(0..total).collect::<Vec<_>>());
}

#[test]
#[ignore = "takes minutes: `make soak`"]
fn sampled_bytes_of_a_large_journal() {
    const SAMPLES: usize = 100_000;
    let house = House::written(16 * 1024, 11 * 1024 * 1024);
    let segments = house.segments();
    assert!(sound(&segments));
    let total: usize = segments.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total >= 10 * 1024 * 1024, "{total}");
    // Steps of a length that fits into the journal's no whole number of times reach everywhere in it.
    let step = total / SAMPLES * 7 + 1;
    let mut positions: Vec<_> = (0..SAMPLES).map(|sample| sample * step % total).collect();
    positions.sort_unstable();
    flip_all(&segments, &positions);
}

#[test]
fn records_swapped_doubled_removed_and_cut_off() {
    let house = House::written(16 * 1024, 24 * 1024);
    let segments = house.segments();
    assert!(sound(&segments) && segments.len() > 1);
    let last = places(&segments.last().unwrap().1).last().unwrap().0;
    let checkpoint = house.checkpoint();
    assert!(check(&segments, trusting(checkpoint)).is_sound());
    for (index, (_, bytes)) in segments.iter().enumerate() {
        let places = places(bytes);
        let with = |range: Range<usize>, put: Vec<u8>| {
            let mut changed = segments.clone();
            changed[index].1.splice(range, put);
            check(&changed, Trust::default())
        };
        for pair in places.windows(2) {
            let ((seq, first), (_, second)) = (pair[0].clone(), pair[1].clone());
            let found = with(first.start..second.end, [&bytes[second.clone()], &bytes[first]].concat());
            assert_eq!((found.findings[0].problem, found.findings[0].seq), (Problem::Reordered, seq));
        }
        for (seq, range) in places {
            let found = with(range.end..range.end, bytes[range.clone()].to_vec());
            assert_eq!((found.findings[0].problem, found.findings[0].seq), (Problem::Duplicated, seq));
            if seq != last {
                let found = with(range.clone(), Vec::new());
                assert_eq!((found.findings[0].problem, found.findings[0].seq), (Problem::Removed, seq));
            }
            // Cut off behind it: what is left of the last segment is sound, and the checkpoint shows that there was more.
            let mut cut = segments.clone();
            cut[index].1.truncate(range.end);
            if index + 1 < segments.len() && seq + 1 != segments[index + 1].0 {
                assert_eq!(check(&cut, Trust::default()).findings[0].problem, Problem::Removed, "cut behind {seq}");
            }
            cut.truncate(index + 1);
            assert!(check(&cut, Trust::default()).is_sound(), "cut behind {seq}");
            if seq != last {
                let found = check(&cut, trusting(checkpoint));
                assert_eq!((found.findings[0].problem, found.findings[0].seq), (Problem::CutOff, seq + 1));
            }
        }
    }
}

#[test]
fn segments_removed_swapped_and_replaced() {
    let house = House::written(16 * 1024, 64 * 1024);
    let segments = house.segments();
    let other = House::written(16 * 1024, 64 * 1024).segments();
    let checkpoint = house.checkpoint();
    for one in 0..segments.len() {
        let mut removed = segments.clone();
        let (first, _) = removed.remove(one);
        let found = check(&removed, trusting(checkpoint));
        let is_last = one + 1 == segments.len();
        let problem = if is_last { Problem::CutOff } else { Problem::Removed };
        assert_eq!((found.findings[0].problem, found.findings[0].seq), (problem, first));
        assert_eq!(check(&removed, Trust::default()).is_sound(), is_last);
        for two in one + 1..segments.len() {
            let mut swapped = segments.clone();
            (swapped[one].1, swapped[two].1) = (segments[two].1.clone(), segments[one].1.clone());
            assert_eq!(check(&swapped, Trust::default()).findings[0].problem, Problem::Reordered);
        }
        let mut replaced = segments.clone();
        replaced[one].1 = other[one].1.clone();
        assert!(check(&replaced, Trust::default()).findings.iter().any(|finding| finding.problem == Problem::Foreign));
    }
}

#[test]
fn an_older_copy_is_found_by_a_checkpoint_only() {
    let house = House::written(16 * 1024, 24 * 1024);
    let older = house.segments();
    house.say("what somebody wants to be gone");
    let checkpoint = house.checkpoint();
    assert!(check(&house.segments(), trusting(checkpoint)).is_sound());
    assert!(check(&older, Trust::default()).is_sound());
    assert_eq!(check(&older, trusting(checkpoint)).findings[0].problem, Problem::CutOff);
}

#[test]
fn the_command_tells_what_is_wrong_and_writes_nothing() {
    let house = House::written(16 * 1024, 48 * 1024);
    let line = serde_json::to_string(&house.checkpoint()).unwrap();
    fs::write(house.path().join("kept.jsonl"), format!("{line}\n{}", line.split_at(20).0)).unwrap();
    let listed = |path: &Path| {
        let mut all: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), path.metadata().unwrap().modified().unwrap()))
            .collect();
        all.sort();
        all
    };
    let before = (listed(house.path()), listed(&house.path().join("journal")));
    let done = house.run(&["verify", "--checkpoint", "kept.jsonl"]);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    assert!(done.out.ends_with("The record is sound.\n") && done.out.contains("1 of 1 checkpoints fit"), "{}", done.out);
    assert_eq!((listed(house.path()), listed(&house.path().join("journal"))), before);

    let segments = house.segments();
    let path = |index: usize| house.path().join("journal").join(segment_name(segments[index].0));
    let (seq, range) = places(&segments[1].1)[3].clone();
    let mut bytes = segments[1].1.clone();
    bytes[range.start + 30] ^= 1;
    fs::write(path(1), bytes).unwrap();
    let done = house.run(&["verify"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.starts_with(&format!("pgsluice: the record is not sound: record {seq}: edited: ")), "{}", done.err);
    let done = house.run(&["verify", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, &found["findings"][0]["problem"], &found["findings"][0]["seq"]), (Some(1), &"edited".into(), &seq.into()));

    fs::remove_file(path(1)).unwrap();
    let (first, last) = (segments[1].0, segments[2].0 - 1);
    let done = house.run(&["verify"]);
    assert!(done.out.starts_with(&format!("records {first} to {last}: removed: ")), "{}", done.out);
    assert_eq!(done.code, Some(1));

    fs::write(path(1), &segments[1].1).unwrap();
    fs::remove_file(path(segments.len() - 1)).unwrap();
    assert_eq!(house.run(&["verify"]).code, Some(0));
    let done = house.run(&["verify", "--checkpoint", "kept.jsonl"]);
    assert_eq!(done.code, Some(1));
    assert!(done.err.contains(": cut off: "), "{}", done.err);

    fs::write(house.path().join("kept.jsonl"), "nothing\n").unwrap();
    let done = house.run(&["verify", "--checkpoint", "kept.jsonl"]);
    assert!(done.code == Some(1) && done.err.contains("line 1 is no checkpoint"), "{}", done.err);
    let done = house.run(&["verify", "--accept-key", "0000000000000000"]);
    assert!(done.code == Some(0) || done.err.contains("none that was accepted"), "{}", done.err);
}

#[test]
fn what_is_erased_is_gone_and_the_record_is_sound() {
    let house = House::written(16 * 1024, 48 * 1024);
    let begun = house.of_kind(Kind::Begun);
    // The second has a body of its own, and a shape that others have too.
    let seq = begun[1].to_string();
    assert!(house.segments().iter().any(|(_, bytes)| contains(bytes, b"/page/2")));
    let done = house.run(&["erase", &seq, "--reason", "she asked"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("statements on the record"), "{}", done.out);
    let texts = |house: &House| {
        house.segments().iter().map(|(_, bytes)| bytes.windows(9).filter(|window| *window == b"SELECT $2").count()).sum::<usize>()
    };
    assert!(!house.segments().iter().any(|(_, bytes)| contains(bytes, b"/page/2\0") || contains(bytes, b"/page/2\xff")));
    assert_eq!(texts(&house), 0);
    assert!(sound(&house.segments()), "{:#?}", check(&house.segments(), Trust::default()));
    let count = house.of_kind(Kind::Erased).len();
    assert!(count >= 3, "its own body, and the shape's text in each segment: {count}");

    let again = house.run(&["erase", &seq, "--reason", "she asked again"]);
    assert!(again.code == Some(0) && again.out.contains("erased already"), "{}", again.out);
    assert_eq!(house.of_kind(Kind::Erased).len(), count);
    let shown = house.run(&["show", &seq]);
    assert!(shown.out.contains("body erased on ") && shown.out.contains("because she asked (record "), "{}", shown.out);
    let end = house.of_kind(Kind::Ended)[0].to_string();
    let none = house.run(&["erase", &end, "--reason", "x"]);
    assert!(none.code == Some(1) && none.err.contains("there is nothing to erase"), "{}", none.err);

    // Interrupted behind the record of it: told, and completed by the next run.
    let other = house.of_kind(Kind::AuditRead)[0];
    let journal = house.open();
    journal.record(Erased { seq: other, by: "ann".to_owned(), body: None }).unwrap();
    journal.close().unwrap();
    let found = check(&house.segments(), Trust::default());
    assert!(found.is_sound() && found.warnings.len() == 1 && found.warnings[0].what.contains(&format!("erase {other}")), "{found:#?}");
    let count = house.of_kind(Kind::Erased).len();
    assert_eq!(house.run(&["erase", &other.to_string(), "--reason", "she asked"]).code, Some(0));
    assert_eq!(house.of_kind(Kind::Erased).len(), count);
    assert!(sound(&house.segments()));
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[test]
fn what_is_pruned_is_on_the_record_first() {
    let house = House::written(16 * 1024, 64 * 1024);
    let segments = house.segments();
    let done = house.run(&["prune", "--before", "2020-01-01", "--yes"]);
    assert!(done.code == Some(0) && done.out.starts_with("no segment ended before"), "{}{}", done.out, done.err);
    let done = house.run(&["prune", "--before", "now"]);
    assert!(done.out.contains("give --yes"), "{}{}", done.out, done.err);
    assert_eq!(house.segments().len(), segments.len());
    let done = house.run(&["prune", "--before", "now", "--yes"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let left = house.segments();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].0, segments.last().unwrap().0);
    assert!(sound(&left), "{:#?}", check(&left, Trust::default()));
    assert_eq!(house.run(&["verify"]).code, Some(0));
    // All of it but the files' going.
    let mut unfinished: Segments = segments[..segments.len() - 1].to_vec();
    unfinished.extend(left);
    let found = check(&unfinished, Trust::default());
    assert!(found.is_sound() && found.warnings.len() == 1, "{found:#?}");
    let gone = house.run(&["show", "1"]);
    assert!(gone.code == Some(1) && gone.err.contains("record 1 was pruned"), "{}", gone.err);
}

#[test]
fn a_period_is_signed_off_and_the_records_are_read() {
    let house = House::written(16 * 1024, 20 * 1024);
    let done = house.run(&["signoff", "--from", "2020-01-01", "--to", "now", "--note", "all\u{202e} well"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(house.of_kind(Kind::SignedOff).len(), 1);
    let early = house.run(&["signoff", "--from", "2020-01-01", "--to", "2099-01-01"]);
    assert!(early.code == Some(1) && early.err.contains("ends before now"), "{}", early.err);

    let tail = house.run(&["tail", "-n", "6"]);
    assert_eq!(tail.out.lines().count(), 6, "{}", tail.out);
    assert!(tail.out.contains("signed-off") && tail.out.contains("all\\u{202e} well"), "{}", tail.out);
    assert!(tail.out.lines().rev().take(2).any(|line| line.contains("audit-read")), "{}", tail.out);
    let tail = house.run(&["tail", "-n", "100000", "--json"]);
    let seqs: Vec<_> =
        tail.out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap()).collect();
    assert!(seqs.len() > 50 && seqs.iter().copied().eq(1..=seqs.len() as u64), "{seqs:?} {}", tail.err);

    let begun = house.of_kind(Kind::Begun)[1];
    let shown = house.run(&["show", &begun.to_string()]);
    for expected in ["beginning", "billing-bot", "SELECT $2", "completed", "/page/2"] {
        assert!(shown.out.contains(expected) || expected == "beginning", "{expected}: {}", shown.out);
    }
    let end = house.of_kind(Kind::Ended)[1];
    let shown = house.run(&["show", &end.to_string(), "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["related"]["beginning"][0]["seq"], begun);
    assert_eq!(shown["related"]["shape"][0]["body"]["text"], "SELECT $2");
    assert_eq!(shown["related"]["session"][0]["agent"], "billing-bot");
    assert!(house.run(&["show", "99999999"]).err.contains("there is no record 99999999 yet"));

    let lines = house.run(&["export", "--format", "jsonl"]);
    let parsed: Vec<serde_json::Value> = lines.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // A checkpoint may stand behind it.
    let last = parsed.iter().rfind(|record| record["kind"] == "audit-read").unwrap();
    assert!(last["body"]["text"].as_str().unwrap().contains("export --format jsonl"));
    assert!(parsed.iter().zip(1..).all(|(record, seq)| record["seq"] == seq));
    let table = house.run(&["export", "--format", "csv", "--out", "all.csv"]);
    assert_eq!(table.code, Some(0), "{}", table.err);
    let table = fs::read_to_string(house.path().join("all.csv")).unwrap();
    let head: Vec<_> = table.lines().next().unwrap().split(',').collect();
    let row = table.lines().find(|row| row.starts_with(&format!("{end},"))).unwrap();
    let agent = head.iter().position(|name| *name == "agent").unwrap();
    assert_eq!(row.split(',').nth(agent), Some("billing-bot"), "{row}");
    assert!(house.run(&["export", "--format", "csv", "--out", "all.csv"]).err.contains("all.csv"));
    let nothing = house.run(&["export", "--format", "jsonl", "--until", "2020-01-01"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), ""));
    assert!(house.run(&["export", "--format", "csv", "--since", "soon"]).err.contains("is no time"));
}

/// What stands behind a word at the beginning of a line.
fn said<'a>(done: &'a Done, word: &str) -> &'a str {
    assert!(done.code == Some(0), "{} {}", done.out, done.err);
    done.out.lines().find_map(|line| line.strip_prefix(word)).unwrap().trim()
}

#[test]
fn the_signing_key_is_rotated_with_the_server_running_or_not() {
    let house = House::written(16 * 1024, 16 * 1024);
    let first = said(&house.run(&["verify"]), "key ").split(' ').next().unwrap().to_owned();
    let mut server = Command::new(env!("CARGO_BIN_EXE_pgsluice"))
        .args(["serve", "--upstream", "postgres://nobody@127.0.0.1:1/none?sslmode=disable", "--listen", "127.0.0.1:0", "--state", "."])
        .env_clear()
        .env("PGSLUICE_WEB_LISTEN", "off")
        .current_dir(house.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    let served = house.run(&["rotate-key"]);
    server.kill().unwrap();
    server.wait().unwrap();
    let alone = house.run(&["rotate-key"]);
    assert_eq!((said(&served, "old key "), said(&served, "new key ")), (first.as_str(), said(&alone, "old key ")));
    let (last, whole) = (said(&alone, "new key "), said(&alone, "public key "));
    assert_eq!(whole, Keys::load(house.path()).unwrap().signing.public().to_string());
    let keys: Vec<String> = house.run(&["verify"]).out.lines().filter(|line| line.starts_with("key ")).map(str::to_owned).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[2].contains(last));
    let accepted = house.run(&["verify", "--accept-key", &first]);
    assert_eq!(accepted.code, Some(0), "{}", accepted.out);
    assert_eq!(house.run(&["verify", "--accept-key", last]).code, Some(1));
    // A lost key endorses nothing: the new one has to be accepted.
    fs::remove_file(house.path().join("signing.key")).unwrap();
    let lost = house.run(&["rotate-key"]);
    assert!(lost.code == Some(1) && lost.err.contains("no signing.key"), "{}", lost.err);
    house.say("a new key is made");
    let unknown = house.run(&["verify"]);
    let asked = unknown.out.split("--accept-key ").nth(1).unwrap().split_whitespace().next().unwrap();
    assert_eq!(unknown.code, Some(1));
    assert_eq!(house.run(&["verify", "--accept-key", &first, "--accept-key", asked]).code, Some(0));
}
