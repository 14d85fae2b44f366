//! `[audit]`: what is kept of a statement, how the journal is written, and where the record goes besides. It checks what was
//! written and reaches for none of the places it names.

use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;

use super::error::Origin;
use super::reader::Reader;
use super::value::{Setting, Size, Word};
use super::webhook::{Name, Webhook, address, bare, host, is_near, missing, only_once, required, roots, webhook};
use crate::audit::seal::PublicKey;
use crate::host::journal::Options;
use crate::host::upstream::{ClientCertificate, Roots};

/// A segment must hold the longest record there is and the shape's text before it, a few times over.
const SMALLEST_SEGMENT: usize = 4 << 20;
/// A segment is mapped whole, and is what retention removes at once.
const LARGEST_SEGMENT: usize = 1 << 30;
/// What the last moments before a power failure may cost.
const LONGEST_SYNC: Duration = Duration::from_secs(10);
const SHORTEST_CHECKPOINT: Duration = Duration::from_secs(1);
/// Without a checkpoint in a day there is no anchor worth the name.
const LONGEST_CHECKPOINT: Duration = Duration::from_secs(24 * 60 * 60);
/// IANA's port of syslog over TLS.
const SYSLOG_TLS: u16 = 6514;

#[derive(Debug, Clone, PartialEq)]
pub struct Audit {
    pub keep_sql: KeepSql,
    /// At most this long is what was recorded not on disk.
    pub sync_interval: Duration,
    /// A checkpoint is signed this often while records are written.
    pub checkpoint_interval: Duration,
    /// Bytes of one segment of the journal.
    pub segment_size: u64,
    /// A statement that takes longer counts as slow.
    pub slow: Duration,
    pub checkpoints: Vec<CheckpointSink>,
    pub forwards: Vec<Forward>,
}

impl Audit {
    /// How the journal is to be kept.
    pub fn journal(&self) -> Options {
        Options {
            segment: self.segment_size,
            sync_interval: self.sync_interval,
            checkpoint_interval: self.checkpoint_interval,
            seal_to: match self.keep_sql {
                KeepSql::Shape | KeepSql::Masked => None,
                KeepSql::Sealed { key } => Some(key),
            },
        }
    }
}

/// What is kept of a statement's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepSql {
    /// The text with its literals taken out.
    Shape,
    /// That, and the text and its parameters with what is sensitive in them masked.
    Masked,
    /// That, and the original encrypted to the operator's X25519 key.
    Sealed { key: PublicKey },
}

/// From how long on a statement counts as slow.
pub(super) fn slow(reader: &mut Reader<'_>) -> Duration {
    reader.get("audit.slow", Duration::from_secs(1))
}

/// Where signed checkpoints go.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckpointSink {
    pub name: String,
    pub to: Anchor,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Anchor {
    Stdout,
    File(PathBuf),
    Webhook(Webhook),
}

/// Where every record goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    pub name: String,
    pub to: Collector,
    /// Whether what agents and people wrote goes along.
    pub bodies: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Collector {
    Syslog(Syslog),
    Webhook(Webhook),
}

/// RFC 5424 over TCP, or over TLS (RFC 5425) where there are roots to check the receiver against.
#[derive(Debug, Clone, PartialEq)]
pub struct Syslog {
    pub host: String,
    pub port: u16,
    pub tls: Option<Roots>,
    pub certificate: Option<ClientCertificate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Shape,
    Sealed,
    Masked,
}

impl Word for Keep {
    const WORDS: &'static [(&'static str, Self)] = &[("shape", Self::Shape), ("sealed", Self::Sealed), ("masked", Self::Masked)];
}

impl Setting for PublicKey {
    fn wanted() -> String {
        "the public key that `pgsluice audit keygen` printed, pgsluice-seal-1-…".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AnchorWord {
    Stdout,
    File,
    Webhook,
}

impl Word for AnchorWord {
    const WORDS: &'static [(&'static str, Self)] = &[("stdout", Self::Stdout), ("file", Self::File), ("webhook", Self::Webhook)];
}

impl Audit {
    /// `None` after a problem was noted with the reader.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let keep_sql = keep_sql(reader);
        let sync_interval = reader.get("audit.sync_interval", Duration::from_millis(100));
        if sync_interval > LONGEST_SYNC {
            reader.fail_at("audit.sync_interval", "at most 10s: what was recorded since the last time is lost with the power");
        }
        let checkpoint_interval = reader.get("audit.checkpoint_interval", Duration::from_secs(60));
        if !(SHORTEST_CHECKPOINT..=LONGEST_CHECKPOINT).contains(&checkpoint_interval) {
            reader.fail_at("audit.checkpoint_interval", "from 1s to 1d");
        }
        let segment_size = reader.get("audit.segment_size", Size(16 << 20)).0;
        if !(SMALLEST_SEGMENT..=LARGEST_SEGMENT).contains(&segment_size) {
            reader.fail_at("audit.segment_size", "from 4MiB to 1GiB");
        }
        let slow = slow(reader);
        let checkpoints: Vec<_> = reader.list("audit.checkpoints").iter().map(|place| CheckpointSink::read(reader, place)).collect();
        let forwards: Vec<_> = reader.list("audit.forward").iter().map(|place| Forward::read(reader, place)).collect();
        let checkpoints: Vec<_> = checkpoints.into_iter().collect::<Option<_>>()?;
        let forwards: Vec<_> = forwards.into_iter().collect::<Option<_>>()?;
        only_once(reader, "audit.checkpoints", checkpoints.iter().map(|sink: &CheckpointSink| &sink.name));
        only_once(reader, "audit.forward", forwards.iter().map(|sink: &Forward| &sink.name));
        let segment_size = u64::try_from(segment_size).ok()?;
        Some(Self { keep_sql: keep_sql?, sync_interval, checkpoint_interval, segment_size, slow, checkpoints, forwards })
    }

    /// Which settings are the same, among those that are read once.
    pub(super) fn fixed(&self, new: &Self) -> [(&'static str, bool); 6] {
        [
            ("audit.keep_sql, audit.sealing_key", self.keep_sql == new.keep_sql),
            ("audit.sync_interval", self.sync_interval == new.sync_interval),
            ("audit.checkpoint_interval", self.checkpoint_interval == new.checkpoint_interval),
            ("audit.segment_size", self.segment_size == new.segment_size),
            ("audit.checkpoints", self.checkpoints == new.checkpoints),
            ("audit.forward", self.forwards == new.forwards),
        ]
    }
}

fn keep_sql(reader: &mut Reader<'_>) -> Option<KeepSql> {
    let keep = reader.get("audit.keep_sql", Keep::Masked);
    let key = reader.optional::<PublicKey>("audit.sealing_key");
    match (keep, key) {
        (Keep::Shape, None) => Some(KeepSql::Shape),
        (Keep::Masked, None) => Some(KeepSql::Masked),
        (Keep::Sealed, Some(key)) => Some(KeepSql::Sealed { key }),
        (Keep::Shape | Keep::Masked, Some(_)) => {
            reader.fail_at("audit.sealing_key", "a key is used with keep_sql = \"sealed\" only: say so, or leave the key out");
            None
        }
        (Keep::Sealed, None) => {
            // Whatever was given as one was no key, and that has been said.
            if reader.given("audit.sealing_key").is_none() {
                reader.fail_at("audit.keep_sql", "\"sealed\" needs audit.sealing_key, the public key of whoever may read the originals");
            }
            None
        }
    }
}

impl CheckpointSink {
    fn read(reader: &mut Reader<'_>, place: &str) -> Option<Self> {
        let name = reader.optional::<Name>(&format!("{place}.name"));
        let to = required::<AnchorWord>(reader, place, "to")?;
        let anchor = match to {
            AnchorWord::Stdout => Anchor::Stdout,
            AnchorWord::File => match reader.optional_path(&format!("{place}.path")) {
                Some(path) => Anchor::File(path),
                None => return missing(reader, place, "path"),
            },
            AnchorWord::Webhook => {
                let setting = format!("{place}.url");
                let Some(given) = reader.given(&setting) else { return missing(reader, place, "url") };
                let url = address(reader, &setting, &given.origin, given.text.expose())?;
                Anchor::Webhook(webhook(reader, place, &setting, &given.origin, url)?)
            }
        };
        Some(Self { name: name.map_or_else(|| to.show(), |name| name.0), to: anchor })
    }
}

impl Forward {
    fn read(reader: &mut Reader<'_>, place: &str) -> Option<Self> {
        let name = required::<Name>(reader, place, "name");
        let bodies = reader.get(&format!("{place}.bodies"), true);
        let setting = format!("{place}.to");
        let Some(given) = reader.given(&setting) else { return missing(reader, place, "to") };
        let url = address(reader, &setting, &given.origin, given.text.expose())?;
        let to = match url.scheme_str() {
            Some("syslog+tcp" | "syslog+tls") => Collector::Syslog(syslog(reader, place, &setting, &given.origin, &url)?),
            _ => Collector::Webhook(webhook(reader, place, &setting, &given.origin, url)?),
        };
        Some(Self { name: name?.0, to, bodies })
    }
}

fn syslog(reader: &mut Reader<'_>, place: &str, setting: &str, origin: &Origin, url: &Uri) -> Option<Syslog> {
    let encrypted = url.scheme_str() == Some("syslog+tls");
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        reader.fail(Some(origin), format!("{setting}: a host and a port is all that syslog needs"));
        return None;
    }
    let Some(port) = url.port_u16().or(encrypted.then_some(SYSLOG_TLS)) else {
        reader.fail(Some(origin), format!("{setting}: which port? Syslog over TCP has several in use: syslog+tcp://HOST:601"));
        return None;
    };
    reader.show(setting, bare(url), Some(origin.clone()));
    if !encrypted && !is_near(url) {
        reader.warnings.push(format!("{setting}: syslog+tcp off loopback: the record crosses the network in clear text"));
    }
    let (tls, certificate) = if encrypted { (Some(roots(reader, place)), certificate(reader, place)?) } else { (None, None) };
    Some(Syslog { host: host(url).to_owned(), port, tls, certificate })
}

/// `None` after a problem.
#[allow(clippy::option_option, reason = "a problem and no certificate are two things")]
fn certificate(reader: &mut Reader<'_>, place: &str) -> Option<Option<ClientCertificate>> {
    let certificate = reader.optional_path(&format!("{place}.certificate_file"));
    let key = reader.optional_path(&format!("{place}.key_file"));
    match (certificate, key) {
        (None, None) => Some(None),
        (Some(certificate), Some(key)) => Some(Some(ClientCertificate { certificate, key })),
        (Some(_), None) | (None, Some(_)) => {
            reader.fail_at(&format!("{place}.certificate_file"), "certificate_file and key_file belong together: give both or neither");
            None
        }
    }
}
