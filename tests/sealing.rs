//! Sealed originals as people meet them: a key pair is made, a journal keeps what was sealed to it, and only its private key shows
//! that again.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use pgsluice::audit::event::{Begun, Sent, SignedOut, Statement, Verdict, Way};
use pgsluice::audit::seal::{Original, Parameter, PublicKey, Sealer, SegmentKey};
use pgsluice::audit::{Digest, Event};
use pgsluice::host::journal::reader::Reader;
use pgsluice::host::journal::{Journal, Options};
use pgsluice::host::state::State;
use tempfile::TempDir;

fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pgsluice"));
    command.args(arguments).env_clear().env("HOME", folder).env("USER", "ann").current_dir(folder).stdin(Stdio::null());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

fn keygen(folder: &Path, file: &str) -> PublicKey {
    let (done, out, err) = run(folder, &["audit", "keygen", "--out", file]);
    assert!(done && err.contains(file), "{err}");
    assert_eq!(std::fs::metadata(folder.join(file)).unwrap().permissions().mode() & 0o777, 0o600);
    let private = std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(!out.contains(private.trim()) && !err.contains(private.trim()));
    let line = out.lines().find_map(|line| line.strip_prefix("sealing_key = \"")).unwrap();
    line.trim_end_matches('"').parse().unwrap()
}

fn begun(number: u64, sealed: Option<Vec<u8>>) -> Begun {
    let statement = Statement {
        session: 1,
        number,
        way: Way::Query,
        shape: Digest::default(),
        digest: Digest::default(),
        length: 0,
        parameters: 0,
        in_transaction: false,
        verdict: Verdict::Allowed,
        effects: None,
        rule: None,
        policy: None,
        hold: None,
    };
    Begun { statement, body: Some(Box::new(Sent { sealed: sealed.map(Into::into), ..Sent::default() })) }
}

fn sealed(key: &SegmentKey, number: u64, text: &str) -> Begun {
    let parameters = [
        Parameter { oid: 25, binary: false, value: Some("O'Hara\u{1b}[31m".as_bytes()), cut: 0 },
        Parameter { oid: 23, binary: true, value: Some(&[0, 0, 1, 0]), cut: 0 },
        Parameter { oid: 0, binary: true, value: Some(&[0xde, 0xad]), cut: 0 },
        Parameter { oid: 0, binary: false, value: None, cut: 0 },
    ];
    begun(number, Some(key.seal(1, number, &Original::new(text.as_bytes(), parameters)).unwrap()))
}

#[test]
fn an_original_is_shown_to_the_holder_of_the_private_key() {
    let folder = TempDir::new().unwrap();
    let (public, _other) = (keygen(folder.path(), "a.key"), keygen(folder.path(), "b.key"));
    let state = folder.path().join("state");
    State::open(&state).unwrap();
    let journal = Journal::open(&state, Options::default()).unwrap();
    let sealer = Sealer::new(public, journal.id());
    // A process that takes a segment over brings its own key; each statement is opened with the one before it.
    let (one, first) = sealer.begin_segment(&[1; 64].into()).unwrap();
    let (two, second) = sealer.begin_segment(&[2; 64].into()).unwrap();
    journal.record(one).unwrap();
    let early = journal.record(sealed(&first, 1, "SELECT $1\n-- \u{1b}[2J")).unwrap();
    journal.record(two).unwrap();
    let late = journal.record(sealed(&second, 2, "DELETE FROM late")).unwrap();
    let moved = journal.record(sealed(&first, 3, "SELECT 3")).unwrap();
    let bare = journal.record(begun(4, None)).unwrap();
    let other = journal.record(SignedOut { session: 1, executions: 4, code: None }).unwrap();
    drop(journal);

    let unseal = |seq: u64, key: &str| run(folder.path(), &["audit", "unseal", &seq.to_string(), "--key", key, "--state", "state"]);
    let (done, out, err) = unseal(early, "a.key");
    assert!(done, "{err}");
    assert_eq!(
        out,
        "-- session 1, statement 1: 17 bytes of text, 4 parameters\nSELECT $1\n-- \\u{1b}[2J\n-- $1 = 'O''Hara\\u{1b}[31m'\n-- $2 = '256'\n-- $3 = \\xdead\n-- $4 = NULL\n"
    );
    assert!(unseal(late, "a.key").1.contains("DELETE FROM late"));
    for (seq, key, expected) in [
        (early, "b.key", "is sealed to another key: pgsluice-seal-1-"),
        (moved, "a.key", "does not open"),
        (bare, "a.key", "holds no original"),
        (other, "a.key", "is no statement but signed-out"),
        (9_999, "a.key", "there is no record 9999"),
        (early, "none.key", "the key file none.key: No such file"),
        (early, "state/state.db", "the key file state/state.db: "),
    ] {
        let (done, out, err) = unseal(seq, key);
        assert!(!done && out.is_empty() && err.contains(expected) && !err.contains("SELECT"), "{seq} {key}: {out}{err}");
    }

    let mut reader = Reader::open(&state, 1);
    let mut reads = Vec::new();
    while let Some(entry) = reader.next().unwrap() {
        if let Some(Event::AuditRead(read)) = entry.event().unwrap() {
            reads.push((read.what, read.body.unwrap().text));
        }
    }
    assert_eq!(reads[0], ("unseal".into(), format!("audit unseal {early} --key a.key --state state")));
    assert_eq!(reads.len(), 7);
}

#[test]
fn a_key_is_never_written_over() {
    let folder = TempDir::new().unwrap();
    keygen(folder.path(), "a.key");
    let before = std::fs::read(folder.path().join("a.key")).unwrap();
    let (done, out, err) = run(folder.path(), &["audit", "keygen", "--out", "a.key"]);
    assert!(!done && out.is_empty() && err.contains("the key file a.key: File exists"), "{err}");
    assert_eq!(std::fs::read(folder.path().join("a.key")).unwrap(), before);
}
