//! `[audit]`: what is kept of a statement, how the journal is written, and where the record goes besides. It checks what was
//! written and reaches for none of the places it names.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use zeroize::Zeroizing;

use super::error::Origin;
use super::reader::Reader;
use super::value::{Setting, Size, Word};
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
/// Names stand in the state database, in the log and on the health page.
const LONGEST_NAME: usize = 64;
/// Standard Webhooks: from 24 bytes to 64.
const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
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

#[derive(Clone, PartialEq)]
pub struct Webhook {
    pub url: Uri,
    pub roots: Roots,
    pub secret: Option<SigningSecret>,
    /// The whole value of the header `authorization`.
    pub authorization: Option<crate::host::secret::Secret>,
}

/// The path and the query of a webhook are as good as a password.
impl fmt::Debug for Webhook {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Webhook").field("url", &bare(&self.url)).field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// What a webhook is signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(pub Zeroizing<Vec<u8>>);

impl fmt::Debug for SigningSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SigningSecret(…)")
    }
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

struct Name(String);

impl Setting for Name {
    fn wanted() -> String {
        format!("a name of up to {LONGEST_NAME} letters, digits, - and _")
    }

    fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST_NAME).contains(&text.len());
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        (fits && plain).then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
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

/// A cursor is found again by its sink's name.
fn only_once<'n>(reader: &mut Reader<'_>, list: &str, names: impl Iterator<Item = &'n String>) {
    let mut seen = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !seen.insert(name) {
            let place = format!("{list}.{}.name", index.saturating_add(1));
            reader.fail_at(&place, &format!("another one is called {name} already: give each a name of its own"));
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

fn required<T: Setting>(reader: &mut Reader<'_>, place: &str, key: &str) -> Option<T> {
    let name = format!("{place}.{key}");
    if reader.given(&name).is_none() { missing(reader, place, key) } else { reader.optional(&name) }
}

fn missing<T>(reader: &mut Reader<'_>, place: &str, key: &str) -> Option<T> {
    reader.fail_at(&format!("{place}.{key}"), "is missing");
    None
}

/// A URL that names a host, and nobody's password. It is never repeated.
fn address(reader: &mut Reader<'_>, setting: &str, origin: &Origin, text: &str) -> Option<Uri> {
    let url = text.parse::<Uri>().ok().filter(|url| url.scheme().is_some() && url.host().is_some_and(|host| !host.is_empty()));
    let Some(url) = url else {
        reader.fail(Some(origin), format!("{setting}: expected a URL such as https://siem.example/in or syslog+tls://siem.example"));
        return None;
    };
    if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        reader.fail(Some(origin), format!("{setting}: a URL with a password in it: use authorization_file"));
        return None;
    }
    if text.contains('#') {
        reader.fail(Some(origin), format!("{setting}: what follows # in a URL is never sent: leave it out"));
        return None;
    }
    Some(url)
}

fn webhook(reader: &mut Reader<'_>, place: &str, setting: &str, origin: &Origin, url: Uri) -> Option<Webhook> {
    match url.scheme_str() {
        Some("https") => {}
        // A name that resolves elsewhere after all is refused when it is connected to.
        Some("http") if is_near(&url) => {}
        Some("http") => {
            reader.fail(Some(origin), format!("{setting}: off loopback a webhook is https"));
            return None;
        }
        _ => {
            reader.fail(Some(origin), format!("{setting}: expected one of syslog+tls, syslog+tcp, https, http before ://"));
            return None;
        }
    }
    reader.show(setting, bare(&url), Some(origin.clone()));
    let secret = one_secret(reader, &format!("{place}.secret"));
    let authorization = one_secret(reader, &format!("{place}.authorization"));
    if secret.is_none() && authorization.is_none() {
        reader.warnings.push(format!("{setting}: without secret or authorization its receiver cannot know that it is we who send"));
    }
    let secret = match secret {
        None => None,
        Some(text) => {
            let bytes = text.expose().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
            let Some(bytes) = bytes.filter(|bytes| SECRET_LENGTHS.contains(&bytes.len())) else {
                reader.fail(Some(origin), format!("{place}.secret: expected whsec_ and 24 to 64 bytes in base64"));
                return None;
            };
            Some(SigningSecret(bytes))
        }
    };
    if authorization.as_ref().is_some_and(|value| hyper::header::HeaderValue::from_str(value.expose()).is_err()) {
        reader.fail(Some(origin), format!("{place}.authorization: expected the value of a header such as Bearer TOKEN"));
        return None;
    }
    Some(Webhook { url, roots: roots(reader, place), secret, authorization })
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

/// Nothing but these roots is trusted where a file is named.
pub(super) fn roots(reader: &mut Reader<'_>, place: &str) -> Roots {
    let setting = format!("{place}.ca_file");
    let Some(path) = reader.optional_path(&setting) else { return Roots::Platform };
    if let Err(error) = std::fs::File::open(&path) {
        reader.fail_at(&setting, &format!("cannot read {}: {error}", path.display()));
    }
    Roots::File(path)
}

pub(super) fn one_secret(reader: &mut Reader<'_>, name: &str) -> Option<crate::host::secret::Secret> {
    let ways = ["", "_file", "_env"].map(|way| format!("{name}{way}"));
    let ways = ways.into_iter().map(|name| (name.clone(), reader.given(&name))).collect();
    let (name, given) = reader.one_of(ways)?;
    let origin = given.origin.clone();
    let secret = reader.secret(&name, given)?;
    reader.show(name, "(given)".to_owned(), Some(origin));
    Some(secret)
}

/// The host without the brackets of an IPv6 address.
pub fn host(url: &Uri) -> &str {
    let host = url.host().unwrap_or_default();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

pub(super) fn is_near(url: &Uri) -> bool {
    let host = host(url);
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A URL without its path and query, which often are a password.
pub fn bare(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let rest = if matches!(url.path(), "" | "/") && url.query().is_none() { "" } else { "/…" };
    format!("{}://{authority}{rest}", url.scheme_str().unwrap_or_default())
}
