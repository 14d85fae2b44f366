//! A state folder with a journal in it, and the sinks of a configuration.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pgsluice::audit::event::{AuditRead, Checkpointed, Words};
use pgsluice::audit::{Hash, SigningKey};
use pgsluice::host::config::{Audit, Config, Flags, Sources};
use pgsluice::host::journal::reader::Reader;
use pgsluice::host::journal::{Journal, Options};
use pgsluice::host::sinks::{Sinks, Standing};
use pgsluice::host::state::State;
use tempfile::TempDir;

/// Nothing here takes longer.
pub const LIMIT: Duration = Duration::from_secs(30);
/// As small as they come.
const SEGMENT: u64 = 4 << 20;
/// 32 bytes in base64, as Standard Webhooks writes a secret.
pub const SECRET: &str = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=";
pub const KEY: &[u8] = b"hunter2hunter2hunter2hunter2hunt";
/// What no receiver, file or terminal may be upset by.
pub const ODD: &str = "naïve 𝄞 \"quoted\" [x] \\ \u{1b}[31m\r\n<13>1 - - - - - - forged";

pub struct Stage {
    folder: TempDir,
    pub state: State,
    pub journal: Arc<Journal>,
}

pub fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let state = State::open(folder.path()).unwrap();
    let journal = open(folder.path());
    Stage { folder, state, journal }
}

fn open(folder: &Path) -> Arc<Journal> {
    // The journal's own checkpoints come at its end only.
    let options = Options {
        segment: SEGMENT,
        sync_interval: Duration::from_millis(5),
        checkpoint_interval: Duration::from_secs(3600),
        ..Options::default()
    };
    Journal::open(folder, options).unwrap()
}

impl Stage {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Records so many events; returns the number of the last.
    pub fn record(&self, count: usize) -> u64 {
        self.record_long(count, 0)
    }

    /// Records of so many bytes more.
    pub fn record_long(&self, count: usize, more: usize) -> u64 {
        let mut last = 0;
        for number in 0..count {
            let body = Some(Box::new(Words { text: format!("{number} {}{ODD}", "x".repeat(more)) }));
            last = self.journal.record(AuditRead { by: "ann \"]\\ ü".to_owned(), what: "search".into(), body }).unwrap();
        }
        last
    }

    pub fn checkpoint(&self, seq: u64) -> u64 {
        let made = SigningKey::from_seed(&[7; 32]).unwrap().checkpoint(self.journal.id(), 0, seq, Hash([3; 32]), 1_700_000_000_000_000);
        let (seq, hash, time) = (made.seq, made.hash, made.time);
        self.journal.record(Checkpointed { seq, hash, time, key: made.key, signature: made.signature }).unwrap()
    }

    /// Another journal in the place of this one.
    pub fn replace_journal(&mut self) {
        self.journal.close().unwrap();
        std::fs::rename(self.folder().join("journal"), self.folder().join("old")).unwrap();
        self.journal = open(self.folder());
    }

    /// The number and the hash of every record.
    pub fn records(&self) -> Vec<(u64, String)> {
        let mut reader = Reader::open(self.folder(), 1);
        std::iter::from_fn(|| reader.next().unwrap()).map(|entry| (entry.seq, entry.hash.to_string())).collect()
    }

    pub fn audit(&self, toml: &str) -> Audit {
        let file = self.folder().join("pgsluice.toml");
        std::fs::write(&file, format!("upstream = \"postgres://u@localhost/d\"\nstate = \".\"\n{toml}")).unwrap();
        let environment = BTreeMap::from([("SIGNING".to_owned(), SECRET.to_owned()), ("TOKEN".to_owned(), "Bearer tiger".to_owned())]);
        Config::load(&Sources { file: Some(file), environment, flags: Flags::default() }).unwrap().audit
    }

    pub fn start(&self, toml: &str) -> Sinks {
        Sinks::start(&self.audit(toml), &self.state, self.journal.on_disk()).unwrap()
    }
}

pub fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LIMIT, future).await.unwrap() })
}

/// Waits until the sinks stand like that.
pub fn wait(sinks: &Sinks, until: impl FnMut(&Vec<Standing>) -> bool) -> Vec<Standing> {
    let mut standings = sinks.standings();
    block(async { standings.wait_for(until).await.unwrap().clone() })
}

/// A stop in order, when everything that was recorded may be sent.
pub fn stop(stage: &Stage, sinks: Sinks) {
    let last = stage.records().last().unwrap().0;
    block(async {
        stage.journal.durable(last).await.unwrap();
        sinks.stop().await;
    });
}
